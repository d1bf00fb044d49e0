"""The errors that reach a user: one line that says what to do next, and an exit code."""

from __future__ import annotations


class YolopatchError(Exception):
    """A failure that a user can act on.

    `str(error)` is one clear line. `detail` may hold more lines (a hunk, a shortened
    traceback) that are printed below it.
    """

    exit_code = 1
    kind = "error"

    def __init__(self, message: str, *, detail: str | None = None) -> None:
        super().__init__(message)
        self.detail = detail


class CheckFailed(YolopatchError):
    """What was asked for was carried out, and the answer is no (exit code 1)."""

    exit_code = 1
    kind = "check-failed"


class RequestError(YolopatchError):
    """The request was wrong: a typo, a bad file, a destination that is taken (exit code 2)."""

    exit_code = 2
    kind = "request"


class EnvironmentFailed(YolopatchError):
    """The environment failed: no network, no disk, a missing program or package (exit code 3)."""

    exit_code = 3
    kind = "environment"
