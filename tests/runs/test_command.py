"""Command lines of upstream's programs."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from yolopatch.errors import RequestError
from yolopatch.runs.command import Launch, command_line, controlled, overridden
from yolopatch.runs.spec import Program

FLAGS = Program(
    script=("train.py", "tools/train.py"),
    options={"epochs": ("--epochs", "{value}"), "place": ("--project", "{parent}", "--name", "{name}", "--exist-ok")},
    always=("--quiet",),
)
PAIRS = Program(
    entry=("new.cfg:main", "old.cfg:main"),
    words=("detect", "train"),
    options={"epochs": ("epochs={value}",), "place": ("project={parent}", "name={name}")},
)


def test_flags_come_in_order_and_the_users_own_last(tmp_path):
    (tmp_path / "train.py").touch()
    line = command_line(FLAGS, tmp_path, "py", {"epochs": "3", "place": "/r/upstream"}, further=("--adam",))
    assert line == [
        *("py", "train.py", "--quiet", "--epochs", "3", "--project", "/r", "--name", "upstream", "--exist-ok"),
        "--adam",
    ]


def test_the_first_place_that_the_tree_has_is_taken(tmp_path):
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools/train.py").touch()
    assert command_line(FLAGS, tmp_path, "py", {})[1] == "tools/train.py"
    (tmp_path / "old/cfg").mkdir(parents=True)
    (tmp_path / "old/cfg/__init__.py").touch()
    line = command_line(PAIRS, tmp_path, "py", {"epochs": "3"})
    assert line == ["py", "-c", "from old.cfg import main; main()", "detect", "train", "epochs=3"]


def test_a_tree_without_the_program_is_a_request_error(tmp_path):
    for program in (FLAGS, PAIRS):
        with pytest.raises(RequestError, match="apply again"):
            command_line(program, tmp_path, "py", {})


def test_a_form_names_its_own_script(tmp_path):
    (tmp_path / "train_aux.py").touch()
    assert command_line(FLAGS, tmp_path, "py", {}, script=("train_aux.py",))[1] == "train_aux.py"


def test_torchrun_starts_a_script_and_a_line_of_python(tmp_path):
    (tmp_path / "train.py").touch()
    line = command_line(FLAGS, tmp_path, "py", {}, launch=Launch(2))
    assert line[:6] == ["py", "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    assert line[6] == "train.py"
    (tmp_path / "new").mkdir()
    (tmp_path / "new/cfg.py").touch()
    line = command_line(PAIRS, tmp_path, "py", {}, launch=Launch(2, 3, 1, "10.0.0.1:29500"))
    where = ["--nnodes", "3", "--node-rank", "1", "--master-addr", "10.0.0.1", "--master-port", "29500"]
    assert line[3:11] == where
    assert line[13:16] == ["--no-python", "py", "-c"]


def test_what_an_option_sets_is_known_by_upstreams_name():
    assert controlled(FLAGS, "place") == ("--project", "--name", "--exist-ok")
    assert controlled(PAIRS, "place") == ("project=", "name=")
    assert controlled(PAIRS, "seed") == ()


def test_later_arguments_replace_earlier_ones_with_their_values():
    assert overridden(["--hyp", "a.yaml", "--cos-lr"], ["--hyp=b.yaml"]) == ["--cos-lr", "--hyp=b.yaml"]
    assert overridden(["lr0=1", "momentum=2"], ["lr0=3"]) == ["momentum=2", "lr0=3"]
    assert overridden(["--freeze", "1", "2", "--adam"], ["--freeze", "3"]) == ["--adam", "--freeze", "3"]


def test_a_program_is_a_script_or_an_entry():
    for places in ({}, {"script": ["a.py"], "entry": ["a:b"]}):
        with pytest.raises(ValidationError, match="exactly one"):
            Program.model_validate({"options": {}, **places})
    with pytest.raises(ValidationError):
        Program.model_validate({"script": ["../a.py"], "options": {}})
