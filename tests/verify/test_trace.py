"""What a verification read of a tree."""

from __future__ import annotations


def test_the_files_that_were_read_and_the_modules_that_were_not_there(workspace):
    (workspace.path / "unused.py").write_text("raise RuntimeError")
    reads = workspace.verify(trace=True).reads
    assert {"model.yaml", "hyp.yaml", "mini/__init__.py", "mini/model.py"} <= set(reads.files)
    assert not {"unused.py", "export.py", "mini/training.py"} & set(reads.files)
    assert {"torch.py", "torch/__init__.py", "mini/not_there.py"} <= set(reads.absent)
    assert not [path for path in reads.absent if path.startswith("torch/nn")]


def test_a_failed_level_says_it_too(workspace):
    workspace.config(behaviour="exception")
    assert "mini/model.py" in workspace.verify(trace=True).reads.files


def test_it_is_no_part_of_the_report_and_unknown_where_the_process_died(workspace):
    assert "reads" not in workspace.verify(trace=True).to_json()
    assert workspace.verify().reads is None
    workspace.config(behaviour="exit")
    assert workspace.verify(trace=True).reads is None
