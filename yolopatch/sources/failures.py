"""How a source can fail to give its tree."""

from __future__ import annotations

from collections.abc import Sequence

from yolopatch.errors import EnvironmentFailed


class NoGitHost(EnvironmentFailed):
    """No URL gave anything; `reasons` are `host: why`, joined."""

    def __init__(self, reasons: Sequence[str]) -> None:
        self.reasons = "; ".join(reasons)
        super().__init__(
            f"no git host answered ({self.reasons}); check the network or proxy, or name a mirror with --remote"
        )


class CommitAbsent(EnvironmentFailed):
    """A host answered, and it does not have the commit (or files of it)."""


class NoIndex(EnvironmentFailed):
    """No package index gave the file; `reasons` say what each answered, joined."""

    def __init__(self, file: str, reasons: Sequence[str]) -> None:
        self.reasons = "; ".join(dict.fromkeys(reasons)) or "no index is set"
        super().__init__(
            f"no package index gave '{file}' ({self.reasons}); check the network, the proxy or PIP_INDEX_URL"
        )


class WrongHash(EnvironmentFailed):
    """What an index gave is not the file that is pinned."""
