"""Packages from an index on the loopback, with pip's settings."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from tests.sources.conftest import Index, Listener, Upstream
from yolopatch.errors import EnvironmentFailed, RequestError
from yolopatch.sources import Cache, Entry, NoGitHost, NoIndex, PypiSource, WrongHash, obtain
from yolopatch.sources.models import blob_id
from yolopatch.sources.pip_settings import read_pip_settings


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("yolopatch.sources.index.FIRST_WAIT", 0.0)


def _source(wheel: Path, **changes: object) -> PypiSource:
    facts: dict[str, object] = {
        "project": "yolox",
        "version": "1.0",
        "file": wheel.name,
        "sha256": hashlib.sha256(wheel.read_bytes()).hexdigest(),
        "moves": (("yolox", ""),),
        "rewrites": (("**/*.py", r"\byolox\.", ""),),
        "reference": (
            Entry("train.py", "100644", blob_id(b"print('train')\n")),
            Entry("models/yolo.py", "100644", blob_id(b"from utils import b\n")),
        ),
    }
    return PypiSource(**(facts | changes))  # type: ignore[arg-type]


def test_a_wheel_becomes_a_tree_and_is_compared_with_the_pin(
    index: Index, wheel: Path, cache: Cache, reporter: Listener
) -> None:
    index.offer("yolox", wheel)
    tree = obtain("pypi", None, _source(wheel), cache=cache, reporter=reporter)
    assert tree.contents == {"models/yolo.py": b"from utils import a\n", "train.py": b"print('train')\n"}
    assert tree.comparison is not None
    assert tree.comparison.different == ("models/yolo.py",)
    assert tree.provenance.received == wheel.stat().st_size
    asked = len(index.asked)
    assert obtain("pypi", None, _source(wheel), cache=cache, reporter=reporter).cached
    assert len(index.asked) == asked


def test_new_layout_rules_need_no_second_download(index: Index, wheel: Path, cache: Cache, reporter: Listener) -> None:
    index.offer("yolox", wheel)
    obtain("pypi", None, _source(wheel), cache=cache, reporter=reporter)
    asked = len(index.asked)
    other = _source(wheel, moves=(("yolox", "src"),))
    tree = obtain("pypi", None, other, cache=cache, reporter=reporter, offline=True)
    assert tree.entries[0].path == "src/models/yolo.py"
    assert len(index.asked) == asked


@pytest.mark.parametrize("stated", [True, False])
def test_a_wrong_hash_names_file_expected_got_and_index(
    index: Index, wheel: Path, cache: Cache, reporter: Listener, stated: bool
) -> None:
    index.offer("yolox", wheel, sha256=None if stated else "f" * 64)
    got = hashlib.sha256(wheel.read_bytes()).hexdigest() if stated else "f" * 64
    expected = "e" * 64 if stated else hashlib.sha256(wheel.read_bytes()).hexdigest()
    with pytest.raises(WrongHash, match=f"{wheel.name}.*expected {expected}, {index.url} gave {got}"):
        obtain("pypi", None, _source(wheel, sha256=expected), cache=cache, reporter=reporter)


def test_an_index_that_lies_about_the_hash_is_found_out(
    index: Index, wheel: Path, cache: Cache, reporter: Listener
) -> None:
    source = _source(wheel)
    index.offer("yolox", wheel)
    index.answers[f"/files/{wheel.name}"] = [(200, {}, b"something else")]
    with pytest.raises(WrongHash):
        obtain("pypi", None, source, cache=cache, reporter=reporter)
    assert not list((cache.root / "downloads").rglob("*.whl"))


def test_a_busy_index_is_asked_again(index: Index, wheel: Path, cache: Cache, reporter: Listener) -> None:
    index.offer("yolox", wheel)
    for path in ("/simple/yolox/", f"/files/{wheel.name}"):
        index.answers[path].insert(0, (503, {}, b""))
    assert obtain("pypi", None, _source(wheel), cache=cache, reporter=reporter).entries
    assert index.asked.count("/simple/yolox/") == 2


def test_a_download_that_breaks_off_is_tried_again_and_leaves_nothing(
    index: Index, wheel: Path, cache: Cache, reporter: Listener
) -> None:
    index.offer("yolox", wheel)
    path = f"/files/{wheel.name}"
    whole = index.answers[path][0]
    broken = (200, {"Content-Length": str(len(whole[2]) + 100)}, whole[2])
    index.answers[path] = [broken]
    with pytest.raises(NoIndex, match="ended early"):
        obtain("pypi", None, _source(wheel), cache=cache, reporter=reporter)
    assert not list((cache.root / "tmp").glob("work-*"))
    assert not list((cache.root / "downloads").rglob("*.whl"))
    index.answers[path] = [broken, whole]
    assert obtain("pypi", None, _source(wheel), cache=cache, reporter=reporter).entries


def test_an_index_without_the_project_is_named(index: Index, wheel: Path, cache: Cache, reporter: Listener) -> None:
    with pytest.raises(NoIndex, match=r"127\.0\.0\.1: HTTP 404"):
        obtain("pypi", None, _source(wheel), cache=cache, reporter=reporter)
    assert index.asked == ["/simple/yolox/"]


def test_extra_indexes_and_the_user_configuration_of_pip_are_respected(
    index: Index, wheel: Path, cache: Cache, reporter: Listener, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.offer("yolox", wheel)
    monkeypatch.delenv("PIP_INDEX_URL")
    monkeypatch.delenv("PIP_CONFIG_FILE")
    conf = home / ".config" / "pip" / "pip.conf"
    conf.parent.mkdir(parents=True)
    conf.write_text(
        f"[global]\nindex-url = {index.url}/none\nextra_index_url =\n    {index.url}/none2\n    {index.url}\n"
    )
    assert obtain("pypi", None, _source(wheel), cache=cache, reporter=reporter).entries
    assert index.asked[0] == "/simple/none/yolox/"


def test_find_links_folders_need_no_network(
    wheel: Path, cache: Cache, reporter: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    assert obtain("pypi", None, _source(wheel), cache=cache, reporter=reporter).entries


def test_an_index_in_a_folder_is_read(
    wheel: Path, cache: Cache, reporter: Listener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "simple" / "yolox" / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text(f'<a href="../../{wheel.name}">{wheel.name}</a>')
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", (tmp_path / "simple").as_uri())
    assert obtain("pypi", None, _source(wheel), cache=cache, reporter=reporter).entries


def test_pip_settings_are_read_as_pip_reads_them(tmp_path: Path) -> None:
    conf = tmp_path / "pip.conf"
    conf.write_text("[global]\ntimeout = 60\nproxy = http://p:1\ncert = /c\n[install]\nindex-url = https://i/simple/\n")
    environ = {"PIP_CONFIG_FILE": str(conf), "HOME": str(tmp_path), "XDG_CONFIG_DIRS": str(tmp_path / "x")}
    settings = read_pip_settings(environ | {"PIP_CERT": "/d", "PIP_TRUSTED_HOST": "a b"})
    assert settings.indexes == ("https://i/simple",)
    assert (settings.timeout, settings.proxy, settings.cert) == (60.0, "http://p:1", "/d")
    assert settings.trusted_hosts == ("a", "b")
    assert read_pip_settings({"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "true"}).indexes == ()
    conf.write_text("nonsense")
    with pytest.raises(EnvironmentFailed, match=r"pip\.conf' cannot be read"):
        read_pip_settings(environ)


def test_without_a_git_host_auto_takes_the_package_and_says_so(
    index: Index, wheel: Path, cache: Cache, reporter: Listener, upstream: Upstream, tmp_path: Path
) -> None:
    index.offer("yolox", wheel)
    nowhere = upstream.source((tmp_path / "absent").as_uri())
    tree = obtain("auto", nowhere, _source(wheel), cache=cache, reporter=reporter)
    assert tree.provenance.kind == "pypi"
    assert len(reporter.warnings) == 1
    assert reporter.warnings[0].startswith("no git host answered (file://")
    assert reporter.warnings[0].endswith("using PyPI yolox 1.0 instead: 1 of 2 files are those of the pin")
    index.answers.clear()
    with pytest.raises(NoGitHost):
        obtain("git", nowhere, _source(wheel), cache=cache, reporter=reporter)
    with pytest.raises(EnvironmentFailed, match=r"no git host answered .* and no package index has"):
        obtain("auto", nowhere, _source(wheel), cache=Cache(tmp_path / "other"), reporter=reporter)


def test_git_is_preferred_and_offline_uses_the_cache_only(
    index: Index, wheel: Path, cache: Cache, reporter: Listener, upstream: Upstream
) -> None:
    both = (upstream.source(), _source(wheel))
    with pytest.raises(EnvironmentFailed, match=r"offline, and the cache .* does not hold .* nor yolox 1\.0"):
        obtain("auto", *both, cache=cache, reporter=reporter, offline=True)
    index.offer("yolox", wheel)
    obtain("pypi", *both, cache=cache, reporter=reporter)
    assert obtain("auto", *both, cache=cache, reporter=reporter, offline=True).provenance.kind == "pypi"
    assert obtain("auto", *both, cache=cache, reporter=reporter).provenance.kind == "git"
    assert obtain("auto", *both, cache=cache, reporter=reporter, offline=True).provenance.kind == "git"


def test_an_origin_that_the_pin_does_not_have_is_refused(cache: Cache, reporter: Listener, wheel: Path) -> None:
    with pytest.raises(RequestError, match="no git origin"):
        obtain("git", None, _source(wheel), cache=cache, reporter=reporter)
    with pytest.raises(RequestError, match="no origin at all"):
        obtain("auto", None, None, cache=cache, reporter=reporter)


def test_a_layout_that_takes_nothing_is_an_error(index: Index, wheel: Path, cache: Cache, reporter: Listener) -> None:
    index.offer("yolox", wheel)
    with pytest.raises(RequestError, match="takes no file"):
        obtain("pypi", None, _source(wheel, moves=(("other", ""),)), cache=cache, reporter=reporter)
