"""Finished messages become Chinese ones, with what stands in them."""

from __future__ import annotations

import time

import pytest

from yolopatch.messages import told
from yolopatch.messages.translate import Translator, translator


@pytest.fixture(scope="module")
def translate():
    return translator("zh_CN").translate


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("no YOLO 'v6'; did you mean v9?", "没有名为 'v6' 的 YOLO；是不是想写 v9？"),
        ("no variant 'variant'; did you mean revcol-t?", "没有名为 'variant' 的变体；是不是想写 revcol-t？"),
        (
            "no form of YOLOv9 'x'; there are: ddetect, detect",
            "没有名为 'x' 的 YOLOv9 的 form；可选的有：ddetect, detect",
        ),
        ("a.yaml: cannot be read: No such file or directory", "a.yaml：无法读取：没有这个文件或目录"),
        (
            "No such option '--yolov'. Did you mean '--yolo'? (see yolopatch apply --help)",
            "没有选项 '--yolov'。是不是想写 '--yolo'？（见 yolopatch apply --help）",
        ),
        (
            "Got unexpected extra argument (b) (see yolopatch status --help)",
            "多出一个参数（b）（见 yolopatch status --help）",
        ),
        (
            "--set: RevCol: fusion must be one of sum, weighted, not False",
            "--set：RevCol：fusion 必须是以下之一：sum, weighted，而不是 False",
        ),
        (
            "w: 1 commit of yours; 2 files edited: a, b; --force throws that away",
            "w：你的 1 个提交；2 个文件有改动：a, b；--force 会丢弃这些改动",
        ),
        ("v.yaml:3: pins.0.commit: Field required (and 2 more)", "v.yaml:3：pins.0.commit：缺少这个字段（另有 2 处）"),
        (
            "refused URL 'ftp://x/y': the scheme 'ftp' is not one of https, http",
            "拒绝 URL 'ftp://x/y'：协议 'ftp' 不是 https, http 之一",
        ),
        (
            "verification failed at level gradients: with stem frozen, 3 of 9 parameters got no gradient",
            "在 gradients 级验证失败：冻结 stem 时，3（共 9 个参数）没有得到梯度",
        ),
    ],
)
def test_a_message_of_messages(translate, english, chinese):
    assert translate(english) == chinese


@pytest.mark.parametrize(
    "text",
    ["", "nothing knows this", "fatal: could not read from remote", "{0}", "a {1} b", "x" * 100_000],
)
def test_what_is_no_message_stays_as_it_is(translate, text):
    assert translate(text) == text


def test_the_template_with_most_text_of_its_own_wins():
    entries = [(None, "{0} is {1}", "{0}是{1}"), (None, "{0} is a file; {1}", "{0}是文件；{1}")]
    assert Translator(entries).translate("x is a file; go") == "x 是文件；go"


def test_a_word_is_translated_in_its_message_only():
    translate = Translator([(None, "no {0} '{1}'", "没有{0} '{1}'"), ("no {0} '{1}'", "head", "检测层")]).translate
    assert translate("no head 'head'") == "没有检测层 'head'"
    assert translate("head") == "head"


@pytest.mark.parametrize("text", ["a: " * 1300, "; ".join(["a is b: (c"] * 300), "' is '" * 600, " (and 1 more)" * 300])
def test_no_text_takes_long(translate, text):
    start = time.process_time()
    translate(text)
    assert time.process_time() - start < 1


def test_a_catalog_is_read_and_used_quickly():
    start = time.process_time()
    translator("zh_CN").translate("/x: no such folder; make a workspace with yolopatch apply")
    assert time.process_time() - start < 1


def test_english_is_told_where_chinese_cannot_be_written(monkeypatch):
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    assert told("Field required", None, "utf-8") == "错误：缺少这个字段"
    assert told("Field required", None, "gbk") == "错误：缺少这个字段"
    for encoding in ("ascii", "latin-1", "no such encoding", None):
        assert told("Field required", "Is a directory", encoding) == "error: Field required\nIs a directory"


def test_each_line_of_a_detail_is_translated(monkeypatch):
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    assert told("Field required", "diff\nIs a directory", "utf-8") == "错误：缺少这个字段\ndiff\n是目录"


def test_a_lost_catalog_loses_no_error(monkeypatch, tmp_path):
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    monkeypatch.setattr("yolopatch.messages.translate.catalog_file", lambda name: tmp_path / "gone.po")
    assert told("Field required", None, "utf-8") == "error: Field required"
