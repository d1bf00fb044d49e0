"""The help of each command ends with examples, and they are right."""

from __future__ import annotations

import re

import click
import pytest
from click.testing import CliRunner

from tests.docs.shell import commands, parse
from yolopatch.cli.main import cli
from yolopatch.cli.manual import Manual, walk

MANUALS = list(walk(cli))
BELOW = MANUALS[1:]
# They need no network, no workspace and no time.
CHEAP = ("list", "render", "completion", "cache")


def _name(manual: Manual) -> str:
    return manual.name.removeprefix("yolopatch ")


@pytest.fixture
def runner(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return CliRunner(env={"YOLOPATCH_CACHE": str(tmp_path / "cache"), "COLUMNS": "80"})


@pytest.mark.parametrize("manual", BELOW, ids=_name)
def test_a_command_has_two_examples_of_itself(manual):
    named = [line for line in manual.examples if manual.name in line]
    assert len(named) >= 2, f"{manual.name} --help has {len(named)} examples"


@pytest.mark.parametrize("manual", BELOW, ids=_name)
def test_the_command_line_takes_every_example(manual):
    for line in manual.examples:
        found = list(commands(line)) or list(commands(re.sub(r'.*"\$\((.*)\)"', r"\1", line)))
        assert found, f"{line!r} calls no yolopatch"
        for words in found:
            parse(words)


@pytest.mark.parametrize("manual", [one for one in BELOW if _name(one).split()[0] in CHEAP], ids=_name)
def test_an_example_that_is_cheap_does_what_it_says(manual, runner):
    for line in manual.examples:
        for words in commands(line):
            done = runner.invoke(cli, words)
            assert done.exit_code == 0, f"{line}\n{done.output}"


@pytest.mark.parametrize("manual", MANUALS, ids=_name)
def test_the_help_page_is_printed_and_says_what_each_option_is(manual, runner):
    done = runner.invoke(cli, [*manual.name.split()[1:], "--help"])
    assert done.exit_code == 0
    assert manual.paragraphs[0].split()[0] in done.output


def test_the_first_help_page_is_a_manual_whose_commands_are_right(runner):
    (order,) = [text for text in MANUALS[0].paragraphs if "The usual order:" in text]
    lines = [line.strip() for line in order.splitlines() if line.startswith("  ")]
    assert len(lines) >= 8
    for line in lines:
        command, meaning = re.split(r" {2,}", line)
        assert meaning
        (words,) = commands(command)
        parse(words)
    # On a screen of 80 columns no line of it is broken.
    shown = runner.invoke(cli, ["--help"], prog_name="yolopatch").output
    assert all(line in shown for line in lines)
    assert "docs/" in shown


def test_the_first_help_page_has_each_command_in_a_group(runner):
    shown = runner.invoke(cli, ["--help"], prog_name="yolopatch").output
    assert "─ Commands" not in shown
    for manual in BELOW:
        if len(manual.name.split()) == 2:
            assert re.search(rf"│ {manual.name.split()[1]} ", shown), manual.name


@pytest.mark.parametrize(
    "words",
    [["apply", "--varian", "x"], ["list", "more"], ["nothing"], ["apply", "--yolo", "v8", "--variant", "stock-n"]],
)
def test_a_wrong_example_would_be_found(words):
    with pytest.raises(click.UsageError):
        parse(words)
