"""Does a git host or a package index answer from here? Nothing is fetched."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence

from yolopatch import git
from yolopatch.errors import YolopatchError
from yolopatch.sources.git import connect_timeout
from yolopatch.sources.index import IndexClient
from yolopatch.sources.pip_settings import read_pip_settings
from yolopatch.sources.urls import host_of, safe_url


def git_host_problem(urls: Sequence[str]) -> str | None:
    """Why none of the hosts answers; None where one does."""
    reasons = []
    for url in urls:
        try:
            command = ["ls-remote", "--quiet", safe_url(url), "HEAD"]
            # From a neutral folder, so that a repository around the user's place has no say.
            git.run(command, cwd=tempfile.gettempdir(), user_config=True, timeout=connect_timeout())
        except YolopatchError as error:
            reasons.append(f"{host_of(url)}: {error}")
        else:
            return None
    return "; ".join(reasons)


def registry_problem(project: str, file: str) -> str | None:
    """Why no package index offers `file` of `project`; None where one does."""
    failures: list[str] = []
    client = IndexClient(read_pip_settings())
    if next(client.candidates(project, file, failures), None) is not None:
        return None
    return "; ".join(failures) or f"no package index is set that has '{file}'"
