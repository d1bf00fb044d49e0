"""The words of the figures and the fonts that can write them."""

from __future__ import annotations

import string

import pytest

from yolopatch.errors import EnvironmentFailed
from yolopatch.inspection.words import LANGUAGES, Words, _all, font_of


def test_every_language_has_the_same_words_with_the_same_places():
    places = {
        language: {
            key: {name for _, name, _, _ in string.Formatter().parse(said) if name} for key, said in words.items()
        }
        for language, words in _all().items()
    }
    assert set(places) == set(LANGUAGES)
    assert places["en"] == places["zh"]
    assert Words("zh")("stride", stride="8") == "步长 8"


def test_without_a_chinese_font_one_line_says_what_to_do():
    with pytest.raises(EnvironmentFailed, match=r"fonts-noto-cjk\), or leave --lang zh out") as failed:
        font_of("zh", ["No Such Font"])
    assert "\n" not in str(failed.value)
    assert font_of("zh", ["No Such Font", "DejaVu Sans"]) == "DejaVu Sans"
    assert font_of("en", ["No Such Font"]) == "DejaVu Sans"
