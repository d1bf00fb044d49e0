"""What the header of a picture tells: its size as OpenCV shows it to the YOLOs, and whether all four take it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yolopatch.datasets.extras import need
from yolopatch.errors import RequestError

_ORIENTATION = 274  # the EXIF tag
_LYING = (5, 6, 7, 8)  # orientations that swap width and height
_ROTATED_FORMATS = ("JPEG", "MPO")
_FORMATS = ("BMP", "DNG", "JPEG", "MPO", "PNG", "TIFF", "WEBP")
_SMALLEST = 10  # pixels; upstream refuses smaller pictures
_JPEG_END = b"\xff\xd9"


@dataclass(frozen=True)
class Header:
    """Width and height in pixels, and what is odd about a picture that the YOLOs read all the same."""

    width: int
    height: int
    odd: str | None = None


def picture_size(path: Path) -> tuple[int, int]:
    """Width and height in pixels, turned as the EXIF orientation says. Reads the header only.

    Raises:
        RequestError: the file is missing or no picture.
        EnvironmentFailed: Pillow is not installed.
    """
    image_module = need("PIL.Image", "Pillow")
    try:
        with image_module.open(path) as image:
            return _turned(image)
    except Exception as error:  # Pillow raises what the format's decoder happens to raise
        raise RequestError(f"{path}: no picture that can be read ({_why(error)}); replace or remove it") from error


def examine(path: Path) -> Header | str:
    """The header of a picture that all four YOLOs take, or why one of them does not take it."""
    image_module = need("PIL.Image", "Pillow")
    try:
        with image_module.open(path) as image:
            width, height = _turned(image)
            image.verify()
    except FileNotFoundError:
        return "the file is missing"
    except Exception as error:
        return f"no picture that can be read ({_why(error)})"
    if image.format not in _FORMATS:
        return f"a picture of the format {image.format}, which not all YOLOs read"
    if min(width, height) < _SMALLEST:
        return f"{width}x{height} pixels; the YOLOs refuse pictures of less than {_SMALLEST} a side"
    if image.format == "JPEG" and not _ends_well(path):
        return _without_end(
            image_module, path, Header(width, height, "bytes after the JPEG's end; most YOLOs rewrite it")
        )
    return Header(width, height)


def _ends_well(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-len(_JPEG_END), os.SEEK_END)
        return file.read() == _JPEG_END


def _without_end(image_module: Any, path: Path, header: Header) -> Header | str:
    try:
        with image_module.open(path) as image:
            image.load()
    except Exception as error:
        return f"a JPEG that is cut off ({_why(error)})"
    return header


def _turned(image: Any) -> tuple[int, int]:
    width, height = image.size
    if image.format in _ROTATED_FORMATS and image.getexif().get(_ORIENTATION) in _LYING:
        return height, width
    return width, height


def _why(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return "not a picture" if "cannot identify" in text else " ".join(text.split())
