"""A safe reader for wheels, zips and sdists: nothing is executed, nothing is unpacked to disk."""

from __future__ import annotations

import gzip
import io
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from yolopatch.errors import RequestError
from yolopatch.paths import refuse_collisions, safe_tree_path
from yolopatch.sources.layout import Member

MAX_FILES = 20_000
MAX_BYTES = 512 << 20
_TAR_OVERHEAD = 64 << 20  # headers and padding, beside the members' bytes

_BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    ArithmeticError,
    EOFError,
    LookupError,
    OSError,
    ValueError,
)


def read_archive(
    file: Path,
    wanted: Callable[[str], bool] = lambda path: True,
    *,
    max_files: int = MAX_FILES,
    max_bytes: int = MAX_BYTES,
) -> list[Member]:
    """The wanted files of a `.whl`, `.zip`, `.tar.gz` or `.tgz`, in the archive's order.

    Every member is checked, wanted or not: names that leave the tree or are one file on some
    systems, links, devices, encryption, more than `max_files` members or `max_bytes` unpacked.
    Raises `RequestError` that names the archive, the member and the reason.
    """
    name = file.name.lower()
    content = io.BytesIO(file.read_bytes())  # errors of the disk are the caller's; those below are the archive's
    try:
        if name.endswith((".whl", ".zip")):
            members = list(_read_zip(content, wanted, max_files, max_bytes))
        elif name.endswith((".tar.gz", ".tgz")):
            members = list(_read_tar(content, wanted, max_files, max_bytes))
        else:
            raise RequestError("neither .whl, .zip, .tar.gz nor .tgz")
    except RequestError as error:
        raise RequestError(f"archive '{file.name}' is refused: {error}") from error
    except _BROKEN as error:
        raise RequestError(f"archive '{file.name}' is refused: it is broken ({error})") from error
    except (NotImplementedError, RuntimeError) as error:
        raise RequestError(f"archive '{file.name}' is refused: {error}") from error
    return members


def _read_zip(file: io.BytesIO, wanted: Callable[[str], bool], max_files: int, max_bytes: int) -> Iterator[Member]:
    with zipfile.ZipFile(file) as archive:
        infos = archive.infolist()
        _check_count(len(infos), max_files)
        files = [info for info in infos if _zip_file(info)]
        _check_total(sum(info.file_size for info in files), max_bytes)
        refuse_collisions(info.orig_filename for info in files)
        for info in files:
            if wanted(info.filename):
                yield info.filename, bool(info.external_attr >> 16 & 0o100), _zip_content(archive, info)


def _zip_file(info: zipfile.ZipInfo) -> bool:
    """Whether a member is a file (else a folder); refuses everything else."""
    name = info.orig_filename
    safe_tree_path(name.rstrip("/") if name.endswith("/") else name)
    if info.flag_bits & 0x1:
        raise RequestError(f"member '{name}' is encrypted")
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise RequestError(f"member '{name}' is a link or a device")
    return not name.endswith("/")


def _zip_content(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    data = archive.read(info)  # checks the CRC, and stops at the size that the header states
    if len(data) != info.file_size:
        raise RequestError(f"member '{info.filename}' is not of the size that its header states")
    return data


def _read_tar(file: io.BytesIO, wanted: Callable[[str], bool], max_files: int, max_bytes: int) -> Iterator[Member]:
    names: list[str] = []
    total = count = 0
    with gzip.GzipFile(fileobj=file) as unzipped:
        stream = io.BufferedReader(_Limited(unzipped, max_bytes + _TAR_OVERHEAD))
        with tarfile.open(fileobj=stream, mode="r|", encoding="utf-8", errors="surrogateescape") as archive:
            for info in archive:
                count += 1
                _check_count(count, max_files)
                if not _tar_file(info):
                    continue
                total += info.size
                _check_total(total, max_bytes)
                names.append(info.name)
                if wanted(info.name):
                    yield info.name, bool(info.mode & 0o100), _tar_content(archive, info)
    refuse_collisions(names)


def _tar_file(info: tarfile.TarInfo) -> bool:
    """Whether a member is a file (else a folder); refuses everything else."""
    safe_tree_path(info.name.rstrip("/") if info.isdir() else info.name)
    if info.isdir():
        return False
    if info.issparse() or not info.isreg():
        raise RequestError(f"member '{info.name}' is a link, a device or a sparse file")
    return True


def _tar_content(archive: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    stream = archive.extractfile(info)
    data = stream.read() if stream else b""
    if len(data) != info.size:
        raise RequestError(f"member '{info.name}' is not of the size that its header states")
    return data


def _check_count(count: int, limit: int) -> None:
    if count > limit:
        raise RequestError(f"it holds more than {limit:,} members")


def _check_total(total: int, limit: int) -> None:
    if total > limit:
        raise RequestError(f"it unpacks to more than {limit >> 20:,} MiB")


class _Limited(io.RawIOBase):
    """A stream that refuses to give more than a number of bytes, whatever the headers say."""

    def __init__(self, stream: gzip.GzipFile, limit: int) -> None:
        self._stream = stream
        self._left = limit
        self._limit = limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._stream.read(len(buffer))
        self._left -= len(data)
        if self._left < 0:
            raise RequestError(f"it unpacks to more than {self._limit >> 20:,} MiB")
        buffer[: len(data)] = data
        return len(data)
