"""The command that installs what upstream's code or an engine needs, for the way yolopatch is installed here."""

from __future__ import annotations

import shlex
from pathlib import Path

_PROJECT = Path(__file__).resolve().parent.parent


def install_command(python: str | None = None, extra: str = "upstream") -> str:
    """`pip install` of an extra: from the checkout where this is one, by name elsewhere."""
    pip = f"{shlex.quote(python)} -m pip" if python else "pip"
    if (_PROJECT / "pyproject.toml").is_file():
        return f"{pip} install -c {_quoted('constraints.txt')} -e {shlex.quote(f'{_PROJECT}[{extra}]')}"
    return f"{pip} install 'yolopatch[{extra}]'"


def _quoted(name: str) -> str:
    return shlex.quote(str(_PROJECT / name))
