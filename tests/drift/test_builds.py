"""Results of builds outlive a kill."""

from __future__ import annotations

from yolopatch.drift.builds import Results, tree_key


def test_results_are_found_again_and_a_line_that_was_cut_off_is_not(tmp_path):
    file = tmp_path / "builds.jsonl"
    results = Results(file)
    assert results.get("a") is None
    results.put("a", "")
    results.put("b", "build: no module")
    file.write_text(file.read_text() + '{"key": "c", "wh')
    again = Results(file)
    assert (again.get("a"), again.get("b"), again.get("c")) == ("", "build: no module", None)
    again.put("c", "forward: nan")
    assert [Results(file).get(key) for key in "abc"] == ["", "build: no module", "forward: nan"]


def test_a_tree_is_what_code_and_yaml_are():
    files = {"a.py": "1", "m.yaml": "2", "README.md": "3"}
    assert tree_key(files, "forward") == tree_key({**files, "README.md": "4"}, "forward")
    assert tree_key(files, "forward") != tree_key({**files, "a.py": "4"}, "forward")
    assert tree_key(files, "forward") != tree_key({**files, "m.yaml": "4"}, "forward")
    assert tree_key(files, "forward") != tree_key(files, "build")
