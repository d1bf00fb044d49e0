"""Find upstream's classes and functions by name, wherever the pin keeps them."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from typing import Any

from .channel import CheckError


def find(candidates: Sequence[str]) -> Any:
    """The first of `package.module:name` that exists.

    Raises:
        CheckError: none does.
        Exception: whatever importing a module raises that exists.
    """
    for dotted in candidates:
        module, _, name = dotted.partition(":")
        if not _exists(module):
            continue
        found = getattr(importlib.import_module(module), name, None)
        if found is not None:
            return found
    raise CheckError(f"this tree has none of {', '.join(candidates)}")


def _exists(module: str) -> bool:
    """Whether the tree has the module; a missing package on the way is no, a failing import is an error."""
    parts = module.split(".")
    return all(importlib.util.find_spec(".".join(parts[:end])) for end in range(1, len(parts) + 1))
