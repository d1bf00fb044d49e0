"""The command that installs what upstream's code needs, for the way yolopatch is installed here."""

from __future__ import annotations

import shlex
from pathlib import Path

_PROJECT = Path(__file__).resolve().parent.parent


def install_command(python: str | None = None) -> str:
    """`pip install` of the `upstream` extra: from the checkout where this is one, by name elsewhere."""
    pip = f"{shlex.quote(python)} -m pip" if python else "pip"
    if (_PROJECT / "pyproject.toml").is_file():
        return f"{pip} install -c {_quoted('constraints.txt')} -e {shlex.quote(f'{_PROJECT}[upstream]')}"
    return f"{pip} install 'yolopatch[upstream]'"


def _quoted(name: str) -> str:
    return shlex.quote(str(_PROJECT / name))
