"""Results of builds outlive a kill, and serve all trees that are the same in what a build read."""

from __future__ import annotations

from yolopatch.drift.builds import Results, Tree
from yolopatch.verify import Reads

FILES = {"a.py": "1", "m.yaml": "2", "README.md": "3", "unused.py": "4"}


def _tree(level="forward", **changes):
    return Tree({path: blob for path, blob in {**FILES, **changes}.items() if blob}, (level,))


def test_results_are_found_again_and_a_line_that_was_cut_off_is_not(tmp_path):
    file = tmp_path / "builds.jsonl"
    trees = [_tree(**{"a.py": name}) for name in "abc"]
    results = Results(file)
    assert results.get(trees[0]) is None
    results.put(trees[0], "", None)
    results.put(trees[1], "build: no module", None)
    file.write_text(file.read_text() + f'{{"key": "{trees[2].key}", "wh')
    again = Results(file)
    assert [again.get(tree) for tree in trees] == ["", "build: no module", None]
    again.put(trees[2], "forward: nan", None)
    assert [Results(file).get(tree) for tree in trees] == ["", "build: no module", "forward: nan"]


def test_a_tree_is_what_code_and_yaml_are():
    assert _tree().key == _tree(**{"README.md": "5"}).key
    assert _tree().key != _tree(**{"a.py": "5"}).key
    assert _tree().key != _tree(**{"m.yaml": "5"}).key
    assert _tree().key != _tree("build").key


def test_a_result_holds_for_every_tree_in_which_what_was_read_is_the_same(tmp_path):
    Results(tmp_path / "builds").put(_tree(), "nan", Reads(("a.py", "hyp.yaml", "m.yaml"), ("torch.py",)))
    results = Results(tmp_path / "builds")
    assert results.get(_tree(**{"unused.py": "5"})) == "nan"
    assert results.get(_tree(**{"unused.py": ""})) == "nan"
    assert results.get(_tree(**{"a.py": "5"})) is None
    assert results.get(_tree(**{"hyp.yaml": "5"})) is None, "it was looked for, and was not there"
    assert results.get(_tree(**{"torch.py": "5"})) is None, "it would hide a module from elsewhere"
    assert results.get(_tree("build", **{"unused.py": "5"})) is None


def test_what_the_machine_lacked_is_not_kept(tmp_path):
    results = Results(tmp_path / "builds")
    results.put_for_now(_tree(), "no module 'IPython'")
    assert results.get(_tree()) == "no module 'IPython'"
    assert Results(tmp_path / "builds").get(_tree()) is None
