"""The cache: checked on every use, atomic, and clear when it cannot be used."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sources.conftest import Listener, Upstream
from yolopatch.errors import EnvironmentFailed
from yolopatch.sources import Cache, ls, obtain, prune, verify
from yolopatch.sources.fetch import git_key


def _spoil_content(entry: Path) -> None:
    (entry / "files" / "train.py").write_text("evil\n")


def _spoil_missing(entry: Path) -> None:
    (entry / "files" / "models" / "yolo.py").unlink()


def _spoil_extra(entry: Path) -> None:
    (entry / "files" / "models" / "extra.py").write_text("")


def _spoil_mode(entry: Path) -> None:
    (entry / "files" / "train.py").chmod(0o755)


def _spoil_link(entry: Path) -> None:
    file = entry / "files" / "train.py"
    copy = entry.parent / "copy"
    file.rename(copy)
    file.symlink_to(copy)


def _spoil_folder(entry: Path) -> None:
    (entry / "files" / "train.py").unlink()
    (entry / "files" / "train.py").mkdir()


def _spoil_all_files(entry: Path) -> None:
    (entry / "files").rename(entry.parent.parent / "elsewhere")


def _spoil_manifest(entry: Path) -> None:
    manifest = entry / "manifest.json"
    manifest.write_text(manifest.read_text().replace("train.py", "trail.py"))


def _spoil_manifest_text(entry: Path) -> None:
    (entry / "manifest.json").write_bytes(b"\xff{")


def _spoil_manifest_shape(entry: Path) -> None:
    (entry / "manifest.json").write_text("[1, 2]")


def _spoil_no_manifest(entry: Path) -> None:
    (entry / "manifest.json").unlink()


SPOILERS = [value for name, value in sorted(globals().items()) if name.startswith("_spoil_")]


@pytest.mark.parametrize("spoil", SPOILERS, ids=lambda spoil: spoil.__name__.removeprefix("_spoil_"))
def test_a_damaged_entry_is_thrown_away_said_and_fetched_again(
    upstream: Upstream, cache: Cache, reporter: Listener, spoil: Callable[[Path], None]
) -> None:
    obtain("git", upstream.source(), None, cache=cache, reporter=reporter)
    spoil(cache.tree_folder(git_key(upstream.source())))
    again = obtain("git", upstream.source(), None, cache=cache, reporter=reporter)
    assert not again.cached
    assert again.read("train.py") == upstream.files["train.py"]
    assert len(reporter.warnings) == 1
    assert "is damaged" in reporter.warnings[0]
    assert obtain("git", upstream.source(), None, cache=cache, reporter=reporter).cached
    assert len(reporter.warnings) == 1


def test_offline_a_damaged_entry_is_an_error(upstream: Upstream, cache: Cache, reporter: Listener) -> None:
    obtain("git", upstream.source(), None, cache=cache, reporter=reporter)
    _spoil_content(cache.tree_folder(git_key(upstream.source())))
    with pytest.raises(EnvironmentFailed, match="offline"):
        obtain("git", upstream.source(), None, cache=cache, reporter=reporter, offline=True)
    assert "it is thrown away" in reporter.warnings[0]


def test_the_cache_says_whose_it_is(upstream: Upstream, cache: Cache, reporter: Listener) -> None:
    obtain("git", upstream.source(), None, cache=cache, reporter=reporter)
    assert "yolopatch" in (cache.root / "README").read_text()
    assert (cache.root / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55")


def test_offline_an_empty_cache_is_not_even_made(upstream: Upstream, cache: Cache, reporter: Listener) -> None:
    with pytest.raises(EnvironmentFailed, match="run this once without --offline"):
        obtain("git", upstream.source(), None, cache=cache, reporter=reporter, offline=True)
    assert not cache.root.exists()


def test_a_file_in_the_place_of_the_cache_is_one_clear_line(
    upstream: Upstream, tmp_path: Path, reporter: Listener
) -> None:
    (tmp_path / "file").write_text("")
    for root in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(EnvironmentFailed, match=r"is not a folder.*YOLOPATCH_CACHE"):
            obtain("git", upstream.source(), None, cache=Cache(root), reporter=reporter)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_cache_is_one_clear_line_and_still_serves_what_it_has(
    upstream: Upstream, cache: Cache, reporter: Listener
) -> None:
    obtain("git", upstream.source(), None, cache=cache, reporter=reporter)
    folders = [cache.root, *(path for path in cache.root.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    try:
        assert obtain("git", upstream.source(), None, cache=cache, reporter=reporter).cached
        with pytest.raises(EnvironmentFailed, match="cannot be written"):
            obtain("git", upstream.source(commit=upstream.second), None, cache=cache, reporter=reporter)
    finally:
        for folder in folders:
            folder.chmod(0o755)


@pytest.mark.parametrize(
    ("code", "line"),
    [
        (errno.ENOSPC, "is full"),
        (errno.EROFS, "cannot be written"),
        (errno.EACCES, "cannot be written"),
        (errno.EIO, "cannot be used"),
    ],
)
def test_a_failing_disk_is_one_clear_line_and_leaves_nothing(
    upstream: Upstream, cache: Cache, reporter: Listener, monkeypatch: pytest.MonkeyPatch, code: int, line: str
) -> None:
    def fail(*args: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("yolopatch.sources.cache.write_files", fail)
    with pytest.raises(EnvironmentFailed, match=f"{line}.*YOLOPATCH_CACHE"):
        obtain("git", upstream.source(), None, cache=cache, reporter=reporter)
    assert not list((cache.root / "tmp").iterdir())
    assert not (cache.root / "trees").exists()
    monkeypatch.undo()
    assert obtain("git", upstream.source(), None, cache=cache, reporter=reporter).entries


def test_temporary_folders_of_dead_processes_are_swept_and_those_in_use_are_not(
    upstream: Upstream, cache: Cache, reporter: Listener
) -> None:
    with cache.scratch() as alive:
        dead = cache.root / "tmp" / "work-dead"
        dead.mkdir()
        (dead / "x").write_text("")
        (cache.root / "tmp" / "work-dead.lock").write_text("")
        newborn = cache.root / "tmp" / "work-newborn"
        newborn.mkdir()
        old = time.time() - 1000
        for path in [*(cache.root / "tmp").glob("work-dead*"), alive, Path(f"{alive}.lock")]:
            os.utime(path, (old, old))
        cache.sweep()
        assert alive.exists()
        assert not dead.exists()
        assert newborn.exists()
    assert not alive.exists()


def test_ls_verify_and_prune(upstream: Upstream, cache: Cache, reporter: Listener) -> None:
    assert (ls(cache), verify(cache, reporter), prune(cache)) == ([], [], 0)
    for commit in (upstream.first, upstream.second):
        obtain("git", upstream.source(commit=commit), None, cache=cache, reporter=reporter)
    entries = ls(cache)
    assert [entry.kind for entry in entries] == ["git", "git"]
    assert {entry.files for entry in entries} == {7, 8}
    assert all(entry.size > 0 and upstream.bare.name.removesuffix(".git") in entry.title for entry in entries)
    old = time.time() - 10 * 86400
    first = cache.tree_folder(git_key(upstream.source()))
    os.utime(first / "manifest.json", (old, old))
    _spoil_content(cache.tree_folder(git_key(upstream.source(commit=upstream.second))))
    problems = {check.key: check.problem for check in verify(cache, reporter)}
    assert problems[first.name] is None
    assert "'train.py' has changed" in problems.values()
    assert [entry.last_used for entry in ls(cache)] == [pytest.approx(old)]
    assert prune(cache, older_than=11 * 86400) == 0
    assert prune(cache, older_than=9 * 86400) > 0
    assert ls(cache) == []


def test_where_the_cache_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YOLOPATCH_CACHE", str(tmp_path / "here"))
    cache = Cache.default()
    assert cache.root == tmp_path / "here"
    assert cache.contains(tmp_path / "here" / "x" / ".." / "y")
    assert not cache.contains(tmp_path)
    monkeypatch.delenv("YOLOPATCH_CACHE")
    assert "yolopatch" in Cache.default().root.parts
