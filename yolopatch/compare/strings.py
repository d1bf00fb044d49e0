"""The words of a comparison, English and Chinese."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import Any

import yaml

from yolopatch.compare.columns import Column
from yolopatch.compare.comparison import Note

LANGUAGES = ("en", "zh")


@cache
def strings() -> dict[str, dict[str, str]]:
    """All words by language and key."""
    text = resources.files("yolopatch.compare").joinpath("strings.yaml").read_text(encoding="utf-8")
    found: dict[str, dict[str, str]] = yaml.safe_load(text)
    return found


def say(language: str, key: str, **values: Any) -> str:
    """One sentence."""
    return strings()[language][key].format(**values)


def label(column: Column, language: str = "en", *, unit: bool = True) -> str:
    """What a column is called."""
    name = say(language, column.label, **dict(column.values))
    return f"{name} ({column.unit})" if unit else name


def how(column: Column, language: str = "en") -> str:
    """How a column was measured."""
    return say(language, column.how, **dict(column.values))


def explained(columns: Iterable[Column], language: str = "en") -> list[tuple[list[Column], str]]:
    """How columns were measured, each sentence once, with the columns that it is about."""
    found: dict[str, list[Column]] = {}
    for column in columns:
        found.setdefault(how(column, language), []).append(column)
    return [(about, sentence) for sentence, about in found.items()]


def note(one: Note, language: str = "en") -> str:
    """A note as a sentence."""
    return say(language, one.key, **one.values)
