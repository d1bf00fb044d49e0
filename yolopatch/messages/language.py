"""The language of the errors, by the rules of GNU gettext."""

from __future__ import annotations

import locale
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

LOCALES = Path(__file__).resolve().parent.parent / "locale"
DOMAIN = "yolopatch"

# The catalog of each language that has one, whatever the country.
_CATALOGS = {"zh": "zh_CN", "chinese": "zh_CN"}
_ENGLISH = ("c", "posix", "en", "english")


def language(environ: Mapping[str, str] = os.environ) -> str | None:
    """The name of the catalog in the user's language, None for English.

    `LC_ALL`, `LC_MESSAGES` and `LANG` name the locale, the first that is set; where it is not `C`, the list in
    `LANGUAGE` goes before it.
    """
    chosen = next((environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environ.get(name)), "")
    chosen = chosen or _of_system() or "C"
    if chosen in ("C", "POSIX"):
        return None
    for name in [*environ.get("LANGUAGE", "").split(":"), chosen]:
        words = re.split(r"[^a-z]+", name.lower())
        if words[0] in _ENGLISH:
            return None
        if words[0] in _CATALOGS:
            return _CATALOGS[words[0]]
    return None


def catalog_file(name: str) -> Path:
    """The PO file of the catalog called `name`."""
    return LOCALES / name / "LC_MESSAGES" / f"{DOMAIN}.po"


def catalog_names() -> list[str]:
    """The catalogs that there are."""
    return sorted(set(_CATALOGS.values()))


def _of_system() -> str | None:
    """What Windows and macOS are set to, where no variable says anything."""
    if sys.platform not in ("win32", "darwin"):
        return None
    try:
        return locale.getlocale()[0]
    except ValueError:
        return None
