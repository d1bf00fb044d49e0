"""Imports what the `upstream` extra installs, only where it is used, and says how to get it where it is missing."""

from __future__ import annotations

import importlib
from typing import Any

from yolopatch.errors import EnvironmentFailed
from yolopatch.install_hint import install_command


def need(module: str, package: str) -> Any:
    """The module called `module`, of the distribution `package`.

    Raises:
        EnvironmentFailed: it cannot be imported; the line says what installs it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise EnvironmentFailed(
            f"{package} is needed and cannot be imported; install it: {install_command()}"
        ) from error
