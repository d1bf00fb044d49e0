"""Finds what a user meant: the nearest known name for a typo."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from yolopatch.errors import RequestError


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like `name`, or None where none is near."""
    names = list(known)
    folded = {candidate.lower(): candidate for candidate in names}
    close = difflib.get_close_matches(name.lower(), folded, n=1, cutoff=0.5)
    if close:
        return folded[close[0]]
    starts = [candidate for candidate in names if candidate.lower().startswith(name.lower()[:3]) and name]
    return starts[0] if starts else None


def unknown(what: str, name: str, known: Iterable[str]) -> RequestError:
    """The error for a name that is not known: says the nearest, else all that are."""
    names = list(known)
    guess = nearest(name, names)
    if guess:
        return RequestError(f"no {what} '{name}'; did you mean {guess}?")
    return RequestError(f"no {what} '{name}'; there are: {', '.join(names)}")
