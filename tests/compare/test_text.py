"""CSV, LaTeX, JSON and files of measurements."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess

import pytest

from tests.compare.documents import HOSTILE, document, entry, run
from yolopatch.compare import store
from yolopatch.compare.comparison import Comparison
from yolopatch.compare.document import to_json
from yolopatch.compare.strings import LANGUAGES, strings
from yolopatch.compare.text import escape, number, tables, to_csv, to_latex
from yolopatch.errors import RequestError


@pytest.fixture
def comparison():
    return Comparison([document(entry(runs=[run(), run("b", 1)]), entry("revcol-x", factor=1.5))])


def test_csv_has_a_row_a_model_and_says_where_it_was_measured(comparison):
    rows = list(csv.DictReader(io.StringIO(to_csv(comparison))))
    assert [row["model"] for row in rows] == ["tiny stock p3-p5", "tiny revcol-x p3-p5"]
    assert rows[1]["parameters_m"] == "2.25"
    assert rows[1]["latency_64_b1_ms_ratio"] == "1.5000"
    assert rows[0]["mAP50_count"] == "2"
    assert rows[1]["mAP50"] == ""
    assert (rows[0]["cpu"], rows[0]["threads"], rows[0]["rounds"]) == ("Some CPU", "2", "2")


def test_operations_are_told_by_part_everywhere(comparison):
    columns = [f"gflops_{part}_64" for part in ("backbone", "neck", "head")]
    row = next(csv.DictReader(io.StringIO(to_csv(comparison))))
    assert sum(float(row[key]) for key in columns) == float(row["gflops_64"])
    values = to_json(comparison)["models"][1]["values"]
    assert [values[key]["number"] for key in columns] == [2.25, 0.25, 0.25]
    (header, rows) = next((header, rows) for title, header, rows, _ in tables(comparison) if title == "Operations")
    assert header[1:] == ("operations, 64x64 (GFLOPs)", "backbone, 64x64 (GFLOPs)", "neck, 64x64 (GFLOPs)",
                          "head, 64x64 (GFLOPs)")  # fmt: skip
    assert rows[1][1:] == ("2.8 x1.38", "2.2 x1.50", "0.2 x1.00", "0.2 x1.00")
    latex = to_latex(comparison)
    assert latex.count(r"@{}}backbone\\") == 2


def test_measurements_without_operations_by_part_have_no_columns_of_them():
    old = entry()
    del old["static"]["counted_parts"]
    assert "gflops_64_low" in to_csv(Comparison([document(old)]))
    assert "gflops_neck" not in to_csv(Comparison([document(old)]))


def test_json_carries_how_each_number_was_measured(comparison):
    found = json.loads(json.dumps(to_json(comparison)))
    assert {column["key"] for column in found["columns"]} >= {"parameters_m", "latency_64_b1_ms", "mAP50"}
    assert all(column["how"] for column in found["columns"])
    assert found["models"][1]["values"]["latency_64_b1_ms"]["ratio"] == pytest.approx(1.5)
    assert found["machines"][0]["cpu"] == "Some CPU"


def test_a_table_shows_number_spread_and_ratio(comparison):
    speed = next(rows for title, _, rows, _ in tables(comparison) if title == "Speed")
    assert speed[1][1] == "240.0 [172.5-307.5] x1.50"


def test_a_small_number_keeps_its_digits():
    assert (number(0.0, 1), number(12.34, 1), number(0.00123, 1)) == ("0.0", "12.3", "0.0012")


def test_latex_has_no_character_that_latex_would_take_for_its_own():
    assert escape("50% of a_b & {c} #1 $x ~ ^ \\") == (
        r"50\% of a\_b \& \{c\} \#1 \$x \textasciitilde{} \textasciicircum{} \textbackslash{}"
    )


@pytest.mark.skipif(
    not any(map(shutil.which, ("tectonic", "pdflatex"))), reason="needs tectonic or pdflatex, and none is installed"
)
def test_latex_compiles(comparison, tmp_path):
    hostile = Comparison([document(entry(name=HOSTILE, runs=[run()]), entry("revcol-x", failed={"onnx": HOSTILE}))])
    for name, one in (("a", comparison), ("b", hostile)):
        (tmp_path / f"{name}.tex").write_text(to_latex(one))
    (tmp_path / "paper.tex").write_text(
        r"\documentclass{article}\usepackage{booktabs,graphicx}\begin{document}\input{a}\input{b}\end{document}"
    )
    options = [] if shutil.which("tectonic") else ["-interaction=nonstopmode", "-halt-on-error"]
    command = [shutil.which("tectonic") or "pdflatex", *options, "paper.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert (tmp_path / "paper.pdf").stat().st_size > 1000


def test_both_languages_have_the_same_words_with_the_same_gaps():
    english, chinese = (strings()[language] for language in LANGUAGES)
    assert english.keys() == chinese.keys()
    for key, text in english.items():
        gaps = sorted(part.split("}")[0] for part in text.split("{")[1:])
        assert gaps == sorted(part.split("}")[0] for part in chinese[key].split("{")[1:]), key


def test_measurements_survive_a_file(comparison, tmp_path):
    file = tmp_path / "here.json"
    store.write(file, store.text(comparison.documents[0]))
    assert store.load(file) == comparison.documents[0]
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("content", ["", "{}", '{"kind": "other"}', "\xff"])
def test_a_file_of_something_else_is_refused_in_one_line(content, tmp_path):
    file = tmp_path / "other.json"
    file.write_bytes(content.encode("latin-1"))
    with pytest.raises(RequestError, match=r"name a file that --save has written$") as caught:
        store.load(file)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(RequestError, match=r"no such file; yolopatch compare --save FILE makes one"):
        store.load(tmp_path / "none.json")
