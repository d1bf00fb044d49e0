"""May apply write to a destination, and does what stands there match already?"""

from __future__ import annotations

from pathlib import Path

from yolopatch.errors import RequestError
from yolopatch.series import repository
from yolopatch.sources import Cache
from yolopatch.workflows.status import inspect
from yolopatch.workspace.lock import Inputs, Lock, read_lock
from yolopatch.workspace.marks import reverted_base
from yolopatch.workspace.state import differences, is_free


class Taken(RequestError):
    """A workspace stands where another is to be made. `have`: in what it differs.

    The message names options of `apply`; other verbs say what they have in place of them.
    """

    def __init__(self, message: str, have: str) -> None:
        super().__init__(message)
        self.have = have


def refuse_inside_cache(destination: Path, cache: Cache) -> None:
    """Raise `RequestError` where the destination is in the cache, or the cache in it."""
    if cache.contains(destination) or cache.root.resolve().is_relative_to(destination.resolve()):
        raise RequestError(f"{destination} and the cache {cache.root} overlap; choose another --dest")


def check(destination: Path, *, force: bool) -> Lock | None:
    """The lock of the workspace that stands at `destination`; None where the place is free.

    Raises:
        RequestError: something that is not ours stands there.
        Taken: the user edited the workspace, and `force` is off.
    """
    if _is_reverted(destination, force) or is_free(destination):
        return None
    if force:
        return read_lock(destination)
    status = inspect(destination)
    if not status.clean:
        what = status.describe(new=False)
        raise Taken(
            f"{destination} was edited since apply ({what}); --force overwrites the edits, --dest makes another", what
        )
    return status.lock


def up_to_date(destination: Path, present: Lock, wanted: Inputs) -> bool:
    """Whether the workspace was made from exactly these inputs and is as it was made."""
    return not differences(present, wanted) and inspect(destination).clean


def other(destination: Path, present: Lock, wanted: Inputs, origin: str) -> Taken:
    """The error for a workspace of ours that was made from other inputs."""
    have = ", ".join(differences(present, wanted)) or f"origin {present.inputs.source.origin}, asked for {origin}"
    return Taken(
        f"{destination} is another workspace ({have}); --force replaces it (runs and other untracked files stay), "
        "--dest makes another",
        have,
    )


def untracked(destination: Path) -> tuple[str, ...]:
    """The user's own files at a destination that is about to be replaced; runs and weights among them."""
    if not (destination / ".git").is_dir():
        return ()
    return (*repository.changes(destination).new, *repository.ignored(destination))


def _is_reverted(destination: Path, force: bool) -> bool:
    """Whether a workspace was reverted here and nothing else has been put in since."""
    base = reverted_base(destination)
    if base is None:
        return False
    changes = repository.changes(destination)
    mine = (*changes.edited, *changes.new, *repository.ignored(destination))
    if force or (repository.head(destination) == base and not mine):
        return True
    raise RequestError(
        f"{destination} was reverted and holds files of yours ({', '.join(mine[:3]) or 'commits'}); "
        "--force applies around them, --dest makes another"
    )
