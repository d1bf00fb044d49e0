"""Files of measurements: read, checked, and written whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path

from pydantic import ValidationError

from yolopatch.compare.model import Document
from yolopatch.errors import EnvironmentFailed, RequestError

KIND = "yolopatch-compare"


def load(file: Path) -> Document:
    """The measurements in a file.

    Raises:
        RequestError: there is none, or it is not one of ours.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise RequestError(f"{file}: no such file; yolopatch compare --save FILE makes one") from None
    except (OSError, UnicodeDecodeError) as error:
        raise RequestError(f"{file}: cannot be read ({error}); name a file that --save has written") from error
    try:
        return Document.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"]) or "(top)"
        raise RequestError(
            f"{file}: no measurements of yolopatch compare ({key}: {first['msg']}); name a file that --save has written"
        ) from error


def text(document: Document) -> str:
    """What a file of measurements holds."""
    return document.model_dump_json(indent=1) + "\n"


def is_ours(file: Path) -> bool:
    """Whether a file holds measurements, also of another version."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and found.get("kind") == KIND


def write(file: Path, content: str) -> None:
    """Replace a file in one step.

    Raises:
        EnvironmentFailed: it cannot be written.
    """
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        draft.write_text(content, encoding="utf-8")
        draft.replace(file)
    except OSError as error:
        raise EnvironmentFailed(f"{file}: cannot be written ({error.strerror or error}); name another file") from error
    finally:
        draft.unlink(missing_ok=True)
