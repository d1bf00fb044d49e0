"""Hostile archives are refused with the member and the reason."""

from __future__ import annotations

import contextlib
import io
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from yolopatch.errors import RequestError
from yolopatch.sources.archive import read_archive


def _zip(tmp_path: Path, *members: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    file = tmp_path / "x.whl"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return file


def _tar(tmp_path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    file = tmp_path / "x.tar.gz"
    with tarfile.open(file, "w:gz") as archive:
        for info, data in members:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return file


def _special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = target
    return info


def test_files_are_read_with_their_executable_bit(tmp_path: Path) -> None:
    run = zipfile.ZipInfo("p/run.sh")
    run.external_attr = (stat.S_IFREG | 0o755) << 16
    file = _zip(tmp_path, ("p/", b""), (run, b"#!"), ("p/a.py", b"a"))
    assert read_archive(file) == [("p/run.sh", True, b"#!"), ("p/a.py", False, b"a")]
    assert read_archive(file, lambda path: path.endswith(".py")) == [("p/a.py", False, b"a")]
    script = tarfile.TarInfo("p-1/run.sh")
    script.mode = 0o755
    sdist = _tar(
        tmp_path, (_special("p-1", tarfile.DIRTYPE), b""), (script, b"#!"), (tarfile.TarInfo("p-1/a.py"), b"a")
    )
    assert read_archive(sdist) == [("p-1/run.sh", True, b"#!"), ("p-1/a.py", False, b"a")]


@pytest.mark.parametrize(
    "name", ["../x", "/etc/x", "a/../../x", "C:/x", "a\\..\\x", ".git/config", "a/.GiT/x", "git~1/x"]
)
def test_names_that_leave_the_tree_are_refused_even_when_not_wanted(tmp_path: Path, name: str) -> None:
    for file in (_zip(tmp_path, (name, b"")), _tar(tmp_path, (tarfile.TarInfo(name), b""))):
        with pytest.raises(RequestError, match=r"archive 'x\..*' is refused: refused path"):
            read_archive(file, lambda path: False)


def test_a_name_with_nul_is_refused(tmp_path: Path) -> None:
    file = _zip(tmp_path, ("aXb", b""))
    file.write_bytes(file.read_bytes().replace(b"aXb", b"a\0b"))
    with pytest.raises(RequestError, match="control character"):
        read_archive(file)


def test_names_that_are_one_file_on_some_systems_are_refused(tmp_path: Path) -> None:
    for members in (("a.py", "A.py"), ("caf\u00e9", "cafe\u0301"), ("a", "a/b")):
        with pytest.raises(RequestError):
            read_archive(_zip(tmp_path, *((name, b"") for name in members)))
        with pytest.raises(RequestError):
            read_archive(_tar(tmp_path, *((tarfile.TarInfo(name), b"") for name in members)))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused(tmp_path: Path, kind: bytes) -> None:
    with pytest.raises(RequestError, match="member 'x' is a link"):
        read_archive(_tar(tmp_path, (_special("x", kind, "/etc/passwd"), b"")))


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO])
def test_links_in_a_zip_are_refused(tmp_path: Path, kind: int) -> None:
    info = zipfile.ZipInfo("x")
    info.external_attr = (kind | 0o777) << 16
    with pytest.raises(RequestError, match="member 'x' is a link"):
        read_archive(_zip(tmp_path, (info, b"/etc/passwd")))


def test_encrypted_members_are_refused(tmp_path: Path) -> None:
    file = _zip(tmp_path, ("x", b"data"))
    data = bytearray(file.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    file.write_bytes(bytes(data))
    with pytest.raises(RequestError, match="encrypted"):
        read_archive(file)


def test_too_many_members_and_too_many_bytes_are_refused(tmp_path: Path) -> None:
    many = [(f"f{number}", b"x" * 1000) for number in range(12)]
    for file in (_zip(tmp_path, *many), _tar(tmp_path, *((tarfile.TarInfo(name), data) for name, data in many))):
        with pytest.raises(RequestError, match="more than 10 members"):
            read_archive(file, max_files=10)
        with pytest.raises(RequestError, match="unpacks to more than"):
            read_archive(file, max_bytes=10_000)


def test_a_member_whose_size_lies_is_refused(tmp_path: Path) -> None:
    file = _zip(tmp_path, ("x", b"a" * 5000))
    data = bytearray(file.read_bytes())
    for signature, offset in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        at = data.index(signature) + offset
        data[at : at + 4] = (10).to_bytes(4, "little")
    file.write_bytes(bytes(data))
    with pytest.raises(RequestError, match="is refused"):
        read_archive(file)


def test_broken_archives_are_refused(tmp_path: Path) -> None:
    for name in ("x.whl", "x.tar.gz", "x.rar"):
        (tmp_path / name).write_bytes(b"nonsense")
        with pytest.raises(RequestError, match=f"archive '{name}' is refused"):
            read_archive(tmp_path / name)
    whole = _tar(tmp_path, (tarfile.TarInfo("a"), b"x" * 100_000))
    whole.write_bytes(whole.read_bytes()[:100])
    with pytest.raises(RequestError, match="is refused"):
        read_archive(whole)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_no_damage_gives_a_traceback(tmp_path: Path, data: st.DataObject) -> None:
    make = data.draw(st.sampled_from(["zip", "tar"]))
    file = (
        _zip(tmp_path, ("a/b.py", b"abc"), ("c", b"d"))
        if make == "zip"
        else _tar(tmp_path, (tarfile.TarInfo("a/b.py"), b"abc"), (tarfile.TarInfo("c"), b"d"))
    )
    content = bytearray(file.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    file.write_bytes(bytes(content))
    with contextlib.suppress(RequestError):
        read_archive(file)
