"""Small real repositories, archives and a loopback package index."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import threading
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from yolopatch.console import Reporter
from yolopatch.sources import Cache, GitSource


class Listener(Reporter):
    """A reporter that remembers what it was told."""

    def __init__(self) -> None:
        super().__init__(quiet=True)
        self.notes: list[str] = []
        self.warnings: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def warn(self, text: str) -> None:
        self.warnings.append(text)


@pytest.fixture
def reporter() -> Listener:
    return Listener()


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, so that no test sees the settings of whoever runs it."""
    home = tmp_path / "home"
    home.mkdir()
    for name in list(os.environ):
        if name.startswith(("PIP_", "GIT_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(home / "xdg"))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    return home


def plain_git(folder: Path, *args: str, input: bytes | None = None) -> str:
    """Run git as a user would, with an identity and a date."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    env |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    for who in ("AUTHOR", "COMMITTER"):
        env |= {f"GIT_{who}_NAME": "a", f"GIT_{who}_EMAIL": "a@b", f"GIT_{who}_DATE": "2026-01-01T00:00:00+0000"}
    done = subprocess.run(["git", *args], cwd=folder, input=input, env=env, check=True, capture_output=True)
    return done.stdout.decode().strip()


@dataclass
class Upstream:
    """A bare repository with two commits and a tag on the first; both have the same chosen files."""

    bare: Path
    first: str
    second: str
    files: dict[str, bytes] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return self.bare.as_uri()

    def source(self, *urls: str, commit: str | None = None, sparse: tuple[str, ...] = ("*", "models/")) -> GitSource:
        return GitSource(urls or (self.url,), commit or self.first, sparse)


FILES = {
    "train.py": b"print('train')\n",
    "run.sh": b"#!/bin/sh\n",
    "crlf.txt": b"a\r\nb\r\n",
    "models/yolo.py": b"x = 1\n",
    "models/hub/big.yaml": b"a: 1\n",
    "models/umlaut-\u00e4.txt": b"",
}


def write_tree(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


@pytest.fixture(scope="session")
def _first_upstream(tmp_path_factory: pytest.TempPathFactory) -> Upstream:
    top = tmp_path_factory.mktemp("upstream")
    work = top / "work"
    work.mkdir()
    plain_git(work, "init", "-q", "-b", "main")
    write_tree(work, FILES | {"docs/huge.bin": os.urandom(300_000), ".gitattributes": b"*.py text eol=crlf\n"})
    (work / "run.sh").chmod(0o755)
    plain_git(work, "-c", "core.autocrlf=false", "add", "-A")
    plain_git(work, "commit", "-q", "-m", "first")
    plain_git(work, "tag", "-a", "v1", "-m", "v1")
    first = plain_git(work, "rev-parse", "HEAD")
    write_tree(work, {"later.txt": b"later\n"})
    plain_git(work, "add", "-A")
    plain_git(work, "commit", "-q", "-m", "second")
    second = plain_git(work, "rev-parse", "HEAD")
    plain_git(top, "clone", "-q", "--bare", str(work), str(top / "bare.git"))
    return Upstream(top / "bare.git", first, second, FILES)


@pytest.fixture
def upstream(_first_upstream: Upstream, tmp_path: Path) -> Upstream:
    """A copy for one test, which may spoil it."""
    shutil.copytree(_first_upstream.bare.parent, tmp_path, symlinks=True, dirs_exist_ok=True)
    return replace(_first_upstream, bare=tmp_path / "bare.git")


@dataclass
class Index:
    """A package index on the loopback; `answers` are (status, headers, body) by path, used up in order."""

    url: str
    answers: dict[str, list[tuple[int, dict[str, str], bytes]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def offer(self, project: str, file: Path, *, sha256: str | None = None) -> None:
        data = file.read_bytes()
        digest = sha256 or hashlib.sha256(data).hexdigest()
        page = f'<html><body><a href="../../files/{file.name}#sha256={digest}">{file.name}</a></body></html>'
        self.answers[f"/simple/{project}/"] = [(200, {"Content-Type": "text/html"}, page.encode())]
        self.answers[f"/files/{file.name}"] = [(200, {"Content-Type": "application/zip"}, data)]


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, index: Index, *args: object) -> None:
        self.index = index
        super().__init__(*args)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        self.index.asked.append(self.path)
        answers = self.index.answers.get(self.path, [(404, {}, b"")])
        status, headers, body = answers.pop(0) if len(answers) > 1 else answers[0]
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    found = Index("")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, found))  # type: ignore[arg-type]
    found.url = f"http://127.0.0.1:{server.server_port}/simple"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", found.url)
    yield found
    server.shutdown()
    server.server_close()


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    file = tmp_path / "yolox-1.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("yolox/models/yolo.py", "from yolox.utils import a\n")
        archive.writestr("yolox/train.py", "print('train')\n")
        archive.writestr("yolox-1.0.dist-info/METADATA", "Name: yolox\n")
    return file
