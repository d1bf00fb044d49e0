"""Where `patches/` and `templates/` are: beside the package in a checkout, inside it in a wheel."""

from __future__ import annotations

import os
from pathlib import Path

from yolopatch.errors import EnvironmentFailed, RequestError

PACKAGE = Path(__file__).resolve().parent.parent


def data_root() -> Path:
    """The folder that holds `patches/` and `templates/`; `YOLOPATCH_DATA` names another one.

    Raises:
        RequestError: `YOLOPATCH_DATA` names a folder without them.
        EnvironmentFailed: the installation lacks its data.
    """
    chosen = os.environ.get("YOLOPATCH_DATA")
    if chosen:
        root = Path(chosen).expanduser()
        if not (root / "patches").is_dir() or not (root / "templates").is_dir():
            raise RequestError(f"YOLOPATCH_DATA is {chosen}, which has no patches/ and templates/; unset or correct it")
        return root
    for root in (PACKAGE / "_data", PACKAGE.parent):
        if (root / "patches").is_dir() and (root / "templates").is_dir():
            return root
    raise EnvironmentFailed("this installation of yolopatch lacks its patches; install it again")


def is_installed(root: Path) -> bool:
    """Whether a data root is the one inside an installed wheel, which an update replaces."""
    return root.resolve() == PACKAGE / "_data"


def payload_root() -> Path:
    """The folder of the RevCol payload that `apply` copies."""
    return PACKAGE / "payload" / "revcol"
