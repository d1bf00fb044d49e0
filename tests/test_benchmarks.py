"""The scripts that print the numbers we quote still start, and the one that only counts still counts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "benchmarks"
SCRIPTS = sorted(path.name for path in FOLDER.glob("*.py") if path.name != "contenders.py")


def run(script: str, *arguments: str) -> str:
    done = subprocess.run([sys.executable, str(FOLDER / script), *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_benchmark_starts(script: str) -> None:
    assert "--" in run(script, "--help")


def test_what_the_fusions_cost_is_counted_for_each() -> None:
    rows = json.loads(run("fusion.py", "--variant", "revcol-a", "--size", "64", "--json"))
    assert [row["fusion"] for row in rows] == ["sum", "weighted", "attention"]
    assert rows[0]["parameters"] < rows[1]["parameters"] < rows[2]["parameters"]
    assert 0 < rows[0]["gmacs"] == rows[1]["gmacs"] < rows[2]["gmacs"]


def test_the_records_of_the_small_objects_are_reported_as_tables_and_curves(tmp_path: Path) -> None:
    records = [json.loads(line) for line in (FOLDER / "small_objects/records.jsonl").read_text().splitlines()]
    printed = run("small_objects.py", "--report", "--figure", str(tmp_path / "curves.svg"))
    assert f"{len(records)} of 75 runs" in printed
    for yolo, stock in {(record["yolo"], record["arm"].startswith("stock")) for record in records}:
        assert f"| {yolo} | {'stock' if stock else 'revcol'}" in printed
    models, _, effects = printed.partition("\n\n| part |")
    assert "| head p2-p5 for p3-p5 | +" in effects
    for page in ("results.md", "results.zh-CN.md"):
        assert models in (FOLDER.parent / "docs" / page).read_text(encoding="utf-8"), "print the tables anew"
    assert "mAP50 on val" in (tmp_path / "curves.svg").read_text()


def test_no_record_of_the_small_objects_stands_twice() -> None:
    lines = (FOLDER / "small_objects/records.jsonl").read_text().splitlines()
    runs = [(record["yolo"], record["arm"], record["seed"]) for record in map(json.loads, lines)]
    assert len(set(runs)) == len(runs)
