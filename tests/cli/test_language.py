"""The command line tells its errors in the user's language, as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

CHINESE = {"LANG": "zh_CN.UTF-8"}


def run(*words, **environ):
    clean = {
        key: value for key, value in os.environ.items() if key not in ("LC_ALL", "LC_MESSAGES", "LANG", "LANGUAGE")
    }
    return subprocess.run(
        [sys.executable, "-m", "yolopatch", *words],
        env={**clean, "PYTHONIOENCODING": "utf-8", **environ},
        capture_output=True,
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("apply", "--yolo", "v6", "--variant", "revcol-n"), "错误：没有名为 'v6' 的 YOLO；是不是想写 v9？"),
        (("status", "/nonexistent"), "错误：/nonexistent：没有这个目录；请用 yolopatch apply 生成工作区"),
        (("train", "w"), "错误：缺少 --data；请指定数据集的 YAML（yolopatch data demo 可以生成一个）"),
        (("apply", "--yolo", "v8"), "错误：缺少选项 '--variant'（见 yolopatch apply --help）"),
        (("cache", "prune", "--what"), "错误：没有选项 '--what'（见 yolopatch cache prune --help）"),
    ],
)
def test_an_error_is_told_in_chinese(words, line):
    done = run(*words, **CHINESE)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"{line}\n")


@pytest.mark.parametrize(
    "environ",
    [
        {"LANG": "C"},
        {"LANG": "de_DE.UTF-8"},
        {"LC_ALL": "C", "LANGUAGE": "zh"},
        {**CHINESE, "PYTHONIOENCODING": "ascii"},
    ],
)
def test_an_error_is_told_in_english(environ):
    done = run("apply", "--yolo", "v6", "--variant", "revcol-n", **environ)
    assert (done.returncode, done.stderr) == (2, "error: no YOLO 'v6'; did you mean v9?\n")


def test_programs_read_english():
    done = run("apply", "--yolo", "v6", "--variant", "revcol-n", "--json", **CHINESE)
    assert json.loads(done.stdout)["error"]["message"] == "no YOLO 'v6'; did you mean v9?"


def test_a_help_page_is_english():
    done = run("apply", "--help", **CHINESE)
    assert "Usage: yolopatch apply" in done.stdout


def test_an_english_error_reads_no_catalog():
    code = (
        "import sys; from yolopatch.messages import told; told('x', None, 'utf-8'); assert 'polib' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "LC_ALL": "C.UTF-8"})
