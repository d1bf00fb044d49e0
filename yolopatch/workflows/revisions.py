"""From what a user calls a commit to the commit, in an upstream's history."""

from __future__ import annotations

from yolopatch.catalog import Upstream
from yolopatch.errors import RequestError
from yolopatch.sources.history import History


def commit_of(history: History, upstream: Upstream, revision: str, *, offline: bool) -> str:
    """The commit that `revision` names: a pin, a tag, a branch, an id of seven digits or more, `HEAD`.

    Raises:
        RequestError: there is none of that name.
    """
    for pin in upstream.pins:
        if pin.name == revision and pin.commit is not None and history.resolve(pin.commit) is not None:
            return pin.commit
    found = history.resolve(revision) or (None if offline else history.seek(revision))
    if found is None and offline:
        raise RequestError(f"the history in the cache has no revision '{revision}'; run this once without --offline")
    if found is None:
        raise RequestError(
            f"{upstream.title} has no revision '{revision}' there; give a pin, a tag, a branch or a commit id"
        )
    return found
