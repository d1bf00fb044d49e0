"""The language is chosen as GNU gettext chooses it."""

from __future__ import annotations

import sys

import pytest

from yolopatch.messages.language import language


@pytest.mark.parametrize(
    "environ",
    [
        {"LANG": "zh_CN.UTF-8"},
        {"LANG": "zh_CN"},
        {"LANG": "zh"},
        {"LANG": "zh_Hans"},
        {"LANG": "zh_SG.utf8"},
        {"LANG": "zh_TW.UTF-8@big"},
        {"LANG": "en_US.UTF-8", "LC_MESSAGES": "zh_CN.UTF-8"},
        {"LANG": "en_US.UTF-8", "LC_MESSAGES": "de_DE.UTF-8", "LC_ALL": "zh_CN.UTF-8"},
        {"LANG": "en_US.UTF-8", "LANGUAGE": "zh_CN:en"},
        {"LANG": "en_US.UTF-8", "LANGUAGE": "de:zh"},
        {"LANG": "zh_CN.UTF-8", "LANGUAGE": ""},
        {"LANG": "zh_CN.UTF-8", "LC_ALL": ""},
        {"LANG": "Chinese (Simplified)_China"},
    ],
)
def test_chinese_is_chosen_by(environ):
    assert language(environ) == "zh_CN"


@pytest.mark.parametrize(
    "environ",
    [
        {"LANG": "C"},
        {"LANG": "C.UTF-8"},
        {"LANG": "en_US.UTF-8"},
        {"LANG": "de_DE.UTF-8"},
        {"LANG": "zh_CN.UTF-8", "LC_ALL": "C"},
        {"LANG": "zh_CN.UTF-8", "LC_MESSAGES": "en_US.UTF-8"},
        {"LC_ALL": "C", "LANGUAGE": "zh"},
        {"LC_ALL": "POSIX", "LANGUAGE": "zh"},
        {"LANG": "zh_CN.UTF-8", "LANGUAGE": "en_US:zh"},
        {"LANG": "zhx"},
    ],
)
def test_english_is_chosen_by(environ):
    assert language(environ) is None


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="these have a setting of their own")
@pytest.mark.parametrize("environ", [{}, {"LANGUAGE": "zh"}])
def test_nothing_set_means_english(environ):
    assert language(environ) is None
