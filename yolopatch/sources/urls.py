"""Which URLs git is given."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from yolopatch.errors import RequestError
from yolopatch.git import redact

SCHEMES = ("https", "http", "ssh", "git", "file")
_SCP_LIKE = re.compile(r"[A-Za-z0-9._~-]+@[A-Za-z0-9.-]+:[^:]+")


def safe_url(url: str) -> str:
    """The URL itself, when git may be given it.

    Raises `RequestError` for remote helpers (`ext::`), options, whitespace, bare paths, unknown
    schemes and `file://` with `..`.
    """
    reason = _why_not(url)
    if reason is not None:
        raise RequestError(f"refused URL {redact(url)!r}: {reason}")
    return url


def host_of(url: str) -> str:
    """For messages: `github.com`, or the path of a `file://` URL."""
    if url.startswith("file://"):
        return url
    if _SCP_LIKE.fullmatch(url):
        return url.partition("@")[2].partition(":")[0]
    return urlsplit(url).hostname or redact(url)


def is_local(url: str) -> bool:
    """Whether git serves the URL on this machine (insteadOf may also give a bare path)."""
    return url.startswith("file://") or ("://" not in url and _SCP_LIKE.fullmatch(url) is None)


def _why_not(url: str) -> str | None:
    if not url:
        return "it is empty"
    if url.startswith("-"):
        return "it is an option, not a URL"
    if re.search(r"[\s\x00-\x1f\x7f]", url):
        return "it holds whitespace or a control character"
    if "::" in url.partition("/")[0]:
        return "remote helpers such as ext:: are not allowed"
    if "://" not in url:
        if _SCP_LIKE.fullmatch(url) and not url.partition(":")[2].startswith("-"):
            return None
        return "a folder is written file:///absolute/path, a host https://host/path"
    scheme, _, rest = url.partition("://")
    if scheme not in SCHEMES:
        return f"the scheme '{scheme}' is not one of {', '.join(SCHEMES)}"
    if scheme == "file":
        return _why_not_file(rest)
    return _why_not_host(url)


def _why_not_file(rest: str) -> str | None:
    if not rest.startswith("/"):
        return "a folder is written with three slashes, file:///absolute/path"
    if ".." in re.split(r"[/\\]", rest) or ".." in re.split(r"[/\\]", unquote(rest)):
        return "a file:// URL may not hold '..'"
    return None


def _why_not_host(url: str) -> str | None:
    try:
        host = urlsplit(url).hostname
    except ValueError as error:
        return str(error)
    if not host:
        return "it names no host"
    if host.startswith("-") or (urlsplit(url).username or "").startswith("-"):
        return "the host is an option"
    return None
