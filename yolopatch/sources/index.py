"""Find and download one file from the package indexes that pip is set to."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

import requests
from packaging.version import InvalidVersion, Version
from pypi_simple import ACCEPT_ANY, DistributionPackage, ProjectPage
from pypi_simple.errors import UnsupportedContentTypeError, UnsupportedRepoVersionError
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

from yolopatch import __version__
from yolopatch.console import Reporter
from yolopatch.errors import EnvironmentFailed
from yolopatch.git import redact
from yolopatch.sources.failures import NoIndex, WrongHash
from yolopatch.sources.pip_settings import PipSettings, read_pip_settings

MAX_DOWNLOAD = 256 << 20
FIRST_WAIT = 0.5
"""Seconds before the second try; each further pause is twice as long."""
_ATTEMPTS = 4
_CONNECT_SECONDS = 10.0
_ARCHIVES = ("wheel", "sdist")
_TRANSIENT_STATUS = (408, 425, 429, 500, 502, 503, 504)

_T = TypeVar("_T")
Advance = Callable[[int, "int | None"], None]
"""Called with the bytes received so far, and how many there are."""


@dataclass(frozen=True)
class Candidate:
    """A file that an index or a folder offers: its URL or path, and the index's name for messages."""

    url: str
    index: str
    sha256: str | None


class IndexClient:
    """One session over the indexes of `settings`."""

    def __init__(self, settings: PipSettings) -> None:
        self.settings = settings
        self._session = requests.Session()
        self._session.headers["User-Agent"] = f"yolopatch/{__version__}"
        self._session.cert = settings.client_cert

    def candidates(self, project: str, file: str, failures: list[str]) -> Iterator[Candidate]:
        """Where the file can be had, folders first. What an index says instead goes to `failures`."""
        for place in self.settings.find_links:
            yield from self._in_find_links(place, project, file, failures)
        for index in self.settings.indexes:
            yield from self._in_index(index, project, file, failures)

    def packages(self, index: str, project: str, failures: list[str]) -> Sequence[DistributionPackage]:
        """All files that an index has of a project; none where it does not answer, and why goes to `failures`."""
        page = self._project_page(index, project, failures)
        return page.packages if page else ()

    def download(self, candidate: Candidate, target: Path, advance: Advance) -> str:
        """Write the file to `target` and give its sha256.

        Raises `requests.RequestException` when the network fails, `OSError` when the disk does.
        """
        local = _local_path(candidate.url)
        if local is not None:
            return _copy(local, target)
        return self._retrying(lambda: self._stream(candidate.url, target, advance))

    def _in_index(self, index: str, project: str, file: str, failures: list[str]) -> Iterator[Candidate]:
        local = _local_path(f"{index}/{project}/")
        if local is not None and not (local / "index.html").is_file() and (local / file).is_file():
            yield Candidate(str(local / file), index, None)
            return
        page = self._project_page(index, project, failures)
        if page is not None:
            yield from _pick(page, file, index, failures)

    def _project_page(self, index: str, project: str, failures: list[str]) -> ProjectPage | None:
        """What an index says of a project; None where it says nothing, and why goes to `failures`."""
        url = f"{index}/{project}/"
        local = _local_path(url)
        if local is None:
            return self._page(url, project, index, failures)
        page = local / "index.html"
        if page.is_file():
            return ProjectPage.from_html(project, page.read_bytes(), page.as_uri())
        failures.append(f"{_name(index)} has no project '{project}'")
        return None

    def _in_find_links(self, place: str, project: str, file: str, failures: list[str]) -> Iterator[Candidate]:
        local = _local_path(place)
        if local is None:
            page = self._page(place, project, place, failures)
            if page is not None:
                yield from _pick(page, file, place, failures)
        elif (local / file).is_file():
            yield Candidate(str(local / file), place, None)
        elif local.is_file() and local.suffix in (".html", ".htm"):
            yield from _pick(ProjectPage.from_html(project, local.read_bytes(), local.as_uri()), file, place, failures)

    def _page(self, url: str, project: str, index: str, failures: list[str]) -> ProjectPage | None:
        try:
            response = self._retrying(lambda: self._get(url, stream=False))
            return ProjectPage.from_response(response, project)
        except requests.RequestException as error:
            failures.append(f"{_name(index)}: {explain(error)}")
        except (ValueError, UnsupportedContentTypeError, UnsupportedRepoVersionError) as error:
            failures.append(f"{_name(index)}: its page cannot be read ({str(error).splitlines()[0][:100]})")
        return None

    def _get(self, url: str, *, stream: bool) -> requests.Response:
        settings = self.settings
        response = self._session.get(
            url,
            headers={"Accept": "*/*" if stream else ACCEPT_ANY, "Accept-Encoding": "identity" if stream else "gzip"},
            timeout=(min(_CONNECT_SECONDS, settings.timeout), settings.timeout),
            proxies={"http": settings.proxy, "https": settings.proxy} if settings.proxy else None,
            verify=False if urlsplit(url).hostname in settings.trusted_hosts else settings.cert,
            stream=stream,
        )
        response.raise_for_status()
        return response

    def _stream(self, url: str, target: Path, advance: Advance) -> str:
        digest = hashlib.sha256()
        done = 0
        with self._get(url, stream=True) as response, target.open("wb") as out:
            stated = response.headers.get("Content-Length", "")
            total = int(stated) if stated.isdigit() and "Content-Encoding" not in response.headers else None
            for chunk in response.iter_content(1 << 16):
                done += len(chunk)
                if done > MAX_DOWNLOAD:
                    raise EnvironmentFailed(f"'{redact(url)}' is larger than {MAX_DOWNLOAD >> 20} MiB; it is refused")
                digest.update(chunk)
                out.write(chunk)
                advance(done, total)
        if total is not None and done != total:
            raise requests.ConnectionError(f"the download ended after {done} of {total} bytes")
        return digest.hexdigest()

    def _retrying(self, action: Callable[[], _T]) -> _T:
        for attempt in Retrying(
            retry=retry_if_exception(_is_transient),
            stop=stop_after_attempt(_ATTEMPTS),
            wait=wait_exponential(multiplier=FIRST_WAIT, max=8),
            reraise=True,
        ):
            with attempt:
                return action()
        raise AssertionError("unreachable: Retrying ends with a result or raises")


def obtain_file(project: str, file: str, sha256: str, target: Path, reporter: Reporter) -> str:
    """Download a file to `target` from the first place that gives the right bytes; gives its URL.

    Raises `WrongHash`, `NoIndex`, and `OSError` when the disk fails.
    """
    client = IndexClient(read_pip_settings())
    failures: list[str] = []
    wrong: list[str] = []
    for candidate in client.candidates(re.sub(r"[-_.]+", "-", project).lower(), file, failures):
        reporter.detail(f"trying {redact(candidate.url)}")
        got = candidate.sha256
        if got in (None, sha256):
            got = _download(client, candidate, target, reporter, failures)
        if got == sha256:
            return redact(candidate.url)
        if got is not None:
            wrong.append(f"{redact(candidate.index)} gave {got}")
    if wrong:
        raise WrongHash(
            f"'{file}' has the wrong sha256: expected {sha256}, {'; '.join(wrong)}; "
            "use another index (PIP_INDEX_URL) or --origin git"
        )
    raise NoIndex(file, failures)


@dataclass(frozen=True)
class Release:
    """One version of a project, and the archive to take of it."""

    version: str
    file: str
    sha256: str
    date: str
    """When it was uploaded, YYYY-MM-DD; empty where the index does not say."""


def list_releases(project: str) -> list[Release]:
    """The final versions of a project that have a wheel or an sdist with a sha256, oldest first.

    Raises `NoIndex` when no index answers with any.
    """
    client = IndexClient(read_pip_settings())
    failures: list[str] = []
    for index in client.settings.indexes:
        found = _releases(client.packages(index, project, failures))
        if found:
            return found
    raise NoIndex(project, failures)


def _releases(packages: Sequence[DistributionPackage]) -> list[Release]:
    by_version: dict[Version, Release] = {}
    # Of a version's files the wheel; sdists stand last.
    for package in sorted(packages, key=lambda package: package.package_type != "wheel"):
        digest = (package.digests or {}).get("sha256")
        if digest is None or package.is_yanked or package.version is None or package.package_type not in _ARCHIVES:
            continue
        with contextlib.suppress(InvalidVersion):
            version = Version(package.version)
            if not version.is_prerelease:
                date = package.upload_time.strftime("%Y-%m-%d") if package.upload_time else ""
                by_version.setdefault(version, Release(str(version), package.filename, digest, date))
    return [by_version[version] for version in sorted(by_version)]


def _download(
    client: IndexClient, candidate: Candidate, target: Path, reporter: Reporter, failures: list[str]
) -> str | None:
    """The sha256 of what the candidate gave; None when it gave nothing."""
    with reporter.task(f"downloading {target.name}") as task:
        try:
            return client.download(candidate, target, lambda done, total: task.update(done, total))
        except requests.RequestException as error:
            failures.append(f"{_name(candidate.index)}: {explain(error)}")
            return None


def explain(error: requests.RequestException) -> str:
    """Why the network failed, in a few words."""
    response = error.response
    if response is not None:
        return f"HTTP {response.status_code} {response.reason or ''}".strip()
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return "no answer in time"
    if isinstance(error, requests.exceptions.ReadTimeout):
        return "it stopped answering"
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy refused or did not answer"
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate is not accepted (set PIP_CERT to your authority's file)"
    text = str(error)
    if "resolve" in text or "Name or service not known" in text:
        return "its name cannot be resolved"
    if "refused" in text:
        return "connection refused"
    if "ended after" in text or "IncompleteRead" in text:
        return "the download ended early"
    return redact(text)[:160]


def _is_transient(error: BaseException) -> bool:
    if isinstance(error, requests.HTTPError):
        return error.response is not None and error.response.status_code in _TRANSIENT_STATUS
    if isinstance(error, requests.exceptions.SSLError | requests.exceptions.ProxyError):
        return False
    if isinstance(error, requests.ConnectionError) and "resolve" in str(error):
        return False  # no such host: a second question gets the same answer
    return isinstance(error, requests.ConnectionError | requests.Timeout | requests.exceptions.ChunkedEncodingError)


def _pick(page: ProjectPage, file: str, index: str, failures: list[str]) -> Iterator[Candidate]:
    found = [package for package in page.packages if package.filename == file]
    if not found:
        failures.append(f"{_name(index)} does not have '{file}'")
    for package in found:
        yield Candidate(package.url, index, (package.digests or {}).get("sha256"))


def _local_path(url: str) -> Path | None:
    """The folder or file that a `file://` URL or a bare path stands for; None for a host."""
    if url.startswith("file:"):
        return Path(url2pathname(unquote(urlsplit(url).path)))
    return None if "://" in url else Path(url).expanduser()


def _copy(source: Path, target: Path) -> str:
    digest = hashlib.sha256()
    with source.open("rb") as given, target.open("wb") as out:
        while chunk := given.read(1 << 20):
            digest.update(chunk)
            out.write(chunk)
    return digest.hexdigest()


def _name(index: str) -> str:
    """For messages: the host of an index, or its folder."""
    return index if _local_path(index) is not None else urlsplit(index).hostname or redact(index)
