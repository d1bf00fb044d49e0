"""Fetching one commit with real git."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.sources.conftest import Listener, Upstream, plain_git
from yolopatch.errors import RequestError
from yolopatch.sources import Cache, CommitAbsent, NoGitHost, obtain
from yolopatch.sources.urls import safe_url


def _chosen(upstream: Upstream) -> set[str]:
    return {*upstream.files, ".gitattributes"}


def test_the_chosen_files_come_byte_for_byte(
    upstream: Upstream, cache: Cache, reporter: Listener, tmp_path: Path
) -> None:
    tree = obtain("git", upstream.source(), None, cache=cache, reporter=reporter)
    assert {entry.path for entry in tree.entries} == _chosen(upstream)
    dest = tmp_path / "dest"
    tree.copy_to(dest)
    for path, data in upstream.files.items():
        assert (dest / path).read_bytes() == data
    assert (dest / "run.sh").stat().st_mode & 0o111
    assert not (dest / "train.py").stat().st_mode & 0o111
    assert {entry.blob for entry in tree.entries if entry.path == "train.py"} == {
        plain_git(upstream.bare, "rev-parse", f"{upstream.first}:train.py")
    }


def test_only_the_chosen_blobs_travel(upstream: Upstream, cache: Cache, reporter: Listener) -> None:
    tree = obtain("git", upstream.source(), None, cache=cache, reporter=reporter)
    assert 0 < tree.provenance.received < 10_000  # docs/huge.bin has 300,000 bytes that do not compress
    assert not list((cache.root / "tmp").glob("work-*"))


def test_a_second_time_nothing_is_fetched_whatever_the_url(
    upstream: Upstream, cache: Cache, reporter: Listener
) -> None:
    obtain("git", upstream.source(), None, cache=cache, reporter=reporter)
    again = obtain("git", upstream.source("https://nowhere.invalid/x"), None, cache=cache, reporter=reporter)
    assert again.cached
    assert obtain("auto", upstream.source(), None, cache=cache, reporter=reporter, offline=True).cached


def test_mirrors_are_tried_in_order(upstream: Upstream, cache: Cache, reporter: Listener, tmp_path: Path) -> None:
    source = upstream.source((tmp_path / "absent").as_uri(), upstream.url)
    assert obtain("git", source, None, cache=cache, reporter=reporter).provenance.url == upstream.url


def test_when_no_url_answers_the_hosts_and_reasons_are_named(
    upstream: Upstream, cache: Cache, reporter: Listener, tmp_path: Path
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        source = upstream.source(f"http://127.0.0.1:{port}/a/b", (tmp_path / "absent").as_uri())
        with pytest.raises(NoGitHost, match=r"no git host answered \(127\.0\.0\.1: .*; file://.*absent: "):
            obtain("git", source, None, cache=cache, reporter=reporter)


def test_a_host_that_is_silent_is_left_after_the_time_limit(
    upstream: Upstream, cache: Cache, reporter: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YOLOPATCH_CONNECT_TIMEOUT", "0.4")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()
        source = upstream.source(f"git://127.0.0.1:{silent.getsockname()[1]}/a")
        with pytest.raises(NoGitHost, match=r"127\.0\.0\.1: no answer within 0\.4 s"):
            obtain("git", source, None, cache=cache, reporter=reporter)
        assert time.monotonic() - started < 5


def test_a_mirror_without_the_commit_is_named(upstream: Upstream, cache: Cache, reporter: Listener) -> None:
    with pytest.raises(CommitAbsent, match=r"does not have commit 0{12}"):
        obtain("git", upstream.source(commit="0" * 39 + "1"), None, cache=cache, reporter=reporter)
    assert not list((cache.root / "trees").glob("*"))


def test_a_mirror_that_lacks_large_blobs_serves_the_others(
    upstream: Upstream, cache: Cache, reporter: Listener
) -> None:
    _remove_blob(upstream, "docs/huge.bin")
    assert obtain("git", upstream.source(), None, cache=cache, reporter=reporter).entries
    with pytest.raises(CommitAbsent, match="lacks files"):
        obtain("git", upstream.source(sparse=("docs/",)), None, cache=cache, reporter=reporter)


def _remove_blob(upstream: Upstream, path: str) -> None:
    blob = plain_git(upstream.bare, "rev-parse", f"{upstream.first}:{path}")
    for pack in (upstream.bare / "objects" / "pack").glob("*.pack"):
        moved = pack.rename(upstream.bare / pack.name)
        for side in (upstream.bare / "objects" / "pack").glob(f"{pack.stem}.*"):
            side.unlink()
        plain_git(upstream.bare, "unpack-objects", "-q", input=moved.read_bytes())
    (upstream.bare / "objects" / blob[:2] / blob[2:]).unlink()


@contextlib.contextmanager
def _daemon(upstream: Upstream) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull}
    where = [f"--port={port}", f"--base-path={upstream.bare.parent}"]
    command = ["git", "daemon", "--listen=127.0.0.1", "--export-all", *where]
    process = subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.05)
        yield f"git://127.0.0.1:{port}/{upstream.bare.name}"
    finally:
        os.killpg(process.pid, 15)
        process.wait()


def test_a_server_without_filters_serves_too(upstream: Upstream, cache: Cache, reporter: Listener) -> None:
    with _daemon(upstream) as url:
        tree = obtain("git", upstream.source(url), None, cache=cache, reporter=reporter)
    assert {entry.path for entry in tree.entries} == _chosen(upstream)
    assert tree.provenance.received > 300_000


@pytest.mark.parametrize("tagged", [True, False])
def test_a_server_that_refuses_a_commit_by_its_id_serves_too(
    upstream: Upstream, cache: Cache, reporter: Listener, home: Path, tagged: bool
) -> None:
    (home / ".gitconfig").write_text("[protocol]\n version = 0\n")  # where ids must be advertised
    if not tagged:
        plain_git(upstream.bare, "tag", "-d", "v1")
    with _daemon(upstream) as url:
        tree = obtain("git", upstream.source(url), None, cache=cache, reporter=reporter)
    assert {entry.path for entry in tree.entries} == _chosen(upstream)


def test_a_folder_behind_a_plain_web_server_serves_too(upstream: Upstream, cache: Cache, reporter: Listener) -> None:
    plain_git(upstream.bare, "update-server-info")
    handler = partial(SimpleHTTPRequestHandler, directory=str(upstream.bare.parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/{upstream.bare.name}"
        tree = obtain("git", upstream.source(url), None, cache=cache, reporter=reporter)
        server.shutdown()
    assert {entry.path for entry in tree.entries} == _chosen(upstream)


def test_instead_of_is_respected(upstream: Upstream, cache: Cache, reporter: Listener, home: Path) -> None:
    (home / ".gitconfig").write_text(f'[url "{upstream.url}"]\n insteadOf = https://github.com/a/b\n')
    tree = obtain("git", upstream.source("https://github.com/a/b"), None, cache=cache, reporter=reporter)
    assert tree.provenance.received < 10_000


def test_filters_and_hooks_of_the_user_do_not_run(
    upstream: Upstream, cache: Cache, reporter: Listener, home: Path, tmp_path: Path
) -> None:
    marker = tmp_path / "ran"
    hook = tmp_path / "hooks" / "reference-transaction"
    hook.parent.mkdir()
    hook.write_text(f"#!/bin/sh\ntouch '{marker}'\n")
    hook.chmod(0o755)
    (home / ".gitconfig").write_text(
        f"[core]\n hooksPath = {hook.parent}\n attributesFile = {home}/attributes\n autocrlf = true\n"
        f'[filter "x"]\n smudge = touch {marker}\n clean = touch {marker}\n'
    )
    (home / "attributes").write_text("* filter=x\n")
    tree = obtain("git", upstream.source(), None, cache=cache, reporter=reporter)
    assert tree.read("train.py") == upstream.files["train.py"]
    assert not marker.exists()


def test_stray_variables_do_not_lead_astray(
    upstream: Upstream, cache: Cache, reporter: Listener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_WORK_TREE", "GIT_NAMESPACE"):
        monkeypatch.setenv(name, str(tmp_path / "stray"))
    assert obtain("git", upstream.source(), None, cache=cache, reporter=reporter).entries
    assert not (tmp_path / "stray").exists()


def test_a_link_among_the_chosen_files_is_refused(upstream: Upstream, cache: Cache, reporter: Listener) -> None:
    work = upstream.bare.parent / "work"
    (work / "models" / "link.py").symlink_to("/etc/passwd")
    plain_git(work, "add", "-A")
    plain_git(work, "commit", "-q", "-m", "link")
    source = upstream.source(work.as_uri(), commit=plain_git(work, "rev-parse", "HEAD"))
    with pytest.raises(RequestError, match=r"'models/link\.py' is a symbolic link"):
        obtain("git", source, None, cache=cache, reporter=reporter)


@pytest.mark.parametrize(
    "url",
    [
        "ext::sh -c touch% x",
        "fd::17",
        "--upload-pack=touch x",
        "-oProxyCommand=x",
        "https://host/a b",
        "https://host/a\n",
        "file:///a/../b",
        "file:///a/%2e%2e/b",
        "file://host/a",
        "ftp://host/a",
        "/srv/mirror",
        "../mirror",
        "C:/mirror",
        "https://",
        "ssh://-oProxyCommand=x/a",
        "git@host:-x",
        "",
    ],
)
def test_dangerous_urls_are_refused_before_anything_runs(
    upstream: Upstream, cache: Cache, reporter: Listener, url: str
) -> None:
    with pytest.raises(RequestError, match="refused URL"):
        obtain("git", upstream.source(upstream.url, url), None, cache=cache, reporter=reporter)
    assert not cache.root.exists()


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/a/b",
        "git@github.com:a/b.git",
        "ssh://git@h:22/a",
        "file:///srv/a",
        "http://u:p@h/a",
        "git://h/a",
    ],
)
def test_ordinary_urls_pass(url: str) -> None:
    assert safe_url(url) == url


def test_a_time_limit_that_is_no_number_is_an_error(
    upstream: Upstream, cache: Cache, reporter: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YOLOPATCH_CONNECT_TIMEOUT", "soon")
    with pytest.raises(RequestError, match="expected seconds"):
        obtain("git", upstream.source("http://127.0.0.1:9/x"), None, cache=cache, reporter=reporter)


def test_threads_may_fetch_at_once(upstream: Upstream, cache: Cache) -> None:
    listeners = [Listener() for _ in range(4)]
    trees: list[bool] = []

    def fetch(reporter: Listener) -> None:
        trees.append(obtain("git", upstream.source(), None, cache=cache, reporter=reporter).cached)

    threads = [threading.Thread(target=fetch, args=(listener,)) for listener in listeners]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(trees) == [False, True, True, True]
