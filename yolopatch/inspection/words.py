"""The words of the figures, and a font that can write them."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from yolopatch.datasets.extras import need
from yolopatch.errors import EnvironmentFailed

LANGUAGES = ("en", "zh")
CHINESE = (
    *("Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN", "WenQuanYi Micro Hei"),
    *("WenQuanYi Zen Hei", "Droid Sans Fallback", "Microsoft YaHei", "SimHei", "SimSun", "PingFang SC", "Heiti SC"),
    *("Hiragino Sans GB", "Arial Unicode MS", "Noto Sans CJK JP", "Noto Serif CJK SC", "Noto Serif CJK JP"),
)
"""Fonts with Chinese letters, the first that is there is taken; they are those of Linux, Windows and macOS."""


class Words:
    """What the figures say in one language, `en` or `zh`."""

    def __init__(self, language: str = "en") -> None:
        self.language = language
        self._words: dict[str, str] = _all()[language]

    def __call__(self, key: str, **values: Any) -> str:
        """The words called `key`, filled in."""
        return self._words[key].format(**values)


@cache
def _all() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = yaml.safe_load(Path(__file__).with_name("strings.yaml").read_text("utf-8"))
    return found


def font_of(language: str, fonts: Sequence[str] = CHINESE) -> str:
    """The name of a font for `language`; every matplotlib brings one for English.

    Raises:
        EnvironmentFailed: matplotlib is missing, or no font with Chinese letters is installed.
    """
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # it tells when it lists the fonts
    manager = need("matplotlib.font_manager", "matplotlib")
    if language == "en":
        return "DejaVu Sans"
    _add_new(manager)
    known = {entry.name for entry in manager.fontManager.ttflist}
    for name in fonts:
        if name in known:
            return name
    raise EnvironmentFailed(
        "no font with Chinese letters is installed; install one (Debian, Ubuntu: apt install fonts-noto-cjk), "
        "or leave --lang zh out"
    )


def _add_new(manager: Any) -> None:
    """Tell matplotlib of fonts that were installed after it wrote its list of them."""
    known = {entry.fname for entry in manager.fontManager.ttflist}
    for file in manager.findSystemFonts():
        if file not in known:
            with contextlib.suppress(Exception):  # a file that is no font it can read
                manager.fontManager.addfont(file)


def figure(width: float, height: float) -> Any:
    """An empty figure of that size in inches. It needs no display."""
    return need("matplotlib.figure", "matplotlib").Figure(figsize=(width, height), layout="constrained")


def settings(language: str) -> Callable[[], Any]:
    """A context in which figures are drawn and written: the font, text in SVG as outlines, and no date in files."""
    font = font_of(language)
    matplotlib = need("matplotlib", "matplotlib")
    chosen = {"font.family": [font], "svg.fonttype": "path", "svg.hashsalt": "yolopatch", "axes.unicode_minus": False}
    return lambda: matplotlib.rc_context({**chosen, "font.size": 9})
