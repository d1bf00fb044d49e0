"""What `yolopatch export` refuses: one line, exit code 2, nothing written."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.commits import (
    HELLO,
    MODELS,
    NAME,
    PAYLOAD,
    REGISTER,
    TRAILERS,
    amend,
    base,
    commit,
    content,
    git,
    hello,
    rebase,
)


@pytest.mark.parametrize("word", ["squash", "amend"])
def test_other_commits_that_wait_to_be_squashed_are_refused(workspace, refused, word):
    commit(workspace, f"{word}! Say hello", {"models/yolo.py": "x\n"})
    assert "rebase -i --autosquash" in refused()


def test_a_new_patch_does_not_overwrite_one_of_another_pin(workspace, patches, refused, tiny):
    text = tiny.upstream_yaml.read_text()
    other = "series:\n  - {name: other, kind: compat, applies_to: v2, patches: [compat/add-x]}\n"
    tiny.upstream_yaml.write_text(text.replace("series:\n", other, 1))
    (patches / "tiny/compat/add-x.patch").write_bytes((patches / "tiny/compat/say-hello.patch").read_bytes())
    before = content(patches)
    commit(workspace, "Add x" + TRAILERS, {"models/x.py": "x = 1\n"})
    rebase(workspace, HELLO, 4, REGISTER, PAYLOAD, MODELS)
    assert "compat/add-x is a patch of other pins already; reword the subject" in refused()
    assert content(patches) == before


def test_a_missing_trailer_of_ours_is_an_error(workspace, refused, patches):
    before = content(patches)
    amend(workspace, HELLO, message="Say hello\n\nKind: ours\nLicense: MIT")
    assert "'Say hello': its patch: the header lacks 'Applies-to:'" in refused()
    amend(workspace, HELLO, message="Say hello\n\nKind: whim\nApplies-to: v1\nLicense: MIT")
    assert "Kind is 'whim', expected one of" in refused()
    assert content(patches) == before


@pytest.mark.parametrize(
    ("where", "file"), [("fixup", "models/revcol/__init__.py"), ("fixup", f"models/{NAME}.yaml"), ("own", None)]
)
def test_payload_and_model_yaml_are_not_edited_in_place(workspace, refused, patches, where, file):
    before = content(patches)
    if where == "fixup":
        target = PAYLOAD if "revcol" in file.split("/") else MODELS
        amend(workspace, target, files={file: (workspace / file).read_text() + "# mine\n"})
    else:
        file = "models/revcol/__init__.py"
        commit(workspace, "Mine" + TRAILERS, {file: (workspace / file).read_text() + "# mine\n"})
        rebase(workspace, HELLO, REGISTER, PAYLOAD, 4, MODELS)
    line = refused()
    assert "belongs to yolopatch; make your change a commit of your own on top" in line
    assert before == content(patches)


def test_a_dropped_payload_is_refused(workspace, refused):
    rebase(workspace, HELLO, REGISTER, MODELS)
    assert "no commit is called 'Add the RevCol payload of yolopatch" in refused()


def test_commits_on_top_are_refused_without_a_series(workspace, refused, patches):
    before = content(patches)
    commit(workspace, "Mine", {"models/mine.py": "x = 1\n"})
    line = refused()
    assert "1 commit of yours on top (" in line
    assert "--series NAME --to FOLDER makes a series of your own of them" in line
    assert f"git rebase -i {base(workspace)[:12]}" in line
    assert content(patches) == before


def test_two_commits_with_one_subject_are_refused_where_nothing_tells_them_apart(workspace, refused, patches):
    before = content(patches)
    text = git(workspace, "show", "HEAD:models/yolo.py") + "\n# again\n"
    commit(workspace, "Register RevCol" + TRAILERS, {"models/yolo.py": text})
    rebase(workspace, HELLO, REGISTER, 4, PAYLOAD, MODELS)
    assert "have the same subject 'Register RevCol' and cannot be told apart" in refused()
    assert content(patches) == before


def test_two_new_commits_with_one_subject_are_refused(workspace, refused):
    commit(workspace, "Same" + TRAILERS, {"models/a.py": "x = 1\n"})
    commit(workspace, "Same" + TRAILERS, {"models/b.py": "x = 1\n"})
    rebase(workspace, HELLO, REGISTER, 4, 5, PAYLOAD, MODELS)
    assert "have the same subject 'Same' and cannot be told apart" in refused()


def test_edited_files_are_named(workspace, refused, patches):
    before = content(patches)
    (workspace / "models/yolo.py").write_text("x\n")
    assert refused() == f"error: {NAME}: not committed: models/yolo.py; git commit or git stash that first\n"
    (workspace / "models/added.py").write_text("x\n")
    git(workspace, "add", "models/added.py")
    assert "not committed: models/added.py, models/yolo.py;" in refused()
    assert content(patches) == before


def test_no_workspace_and_a_reverted_one(run, work, workspace, refused):
    (work / "empty").mkdir()
    assert "not a workspace" in refused(folder="empty")
    assert "no such folder" in refused(folder="nowhere")
    run("revert", NAME)
    assert "was reverted to upstream's tree" in refused()


@pytest.mark.parametrize("what", ["rebase", "am", "merge", "cherry-pick", "revert"])
def test_a_git_command_that_is_not_finished(workspace, refused, patches, what):
    before = content(patches)
    shutil.copyfile(patches / "tiny/revcol/register.patch", workspace.parent / "register.patch")
    git(workspace, "checkout", "-qb", "side", "HEAD~2")
    commit(workspace, "on the side", {"models/yolo.py": "side\n"})
    git(workspace, "checkout", "-q", "main")
    commit(workspace, "on main", {"models/yolo.py": "main\n"})
    commit(workspace, "later", {"models/yolo.py": "later\n"})
    steps = {
        "rebase": ("rebase", "side"), "am": ("am", "../register.patch"), "merge": ("merge", "side"),
        "cherry-pick": ("cherry-pick", "side"), "revert": ("revert", "HEAD~1"),
    }  # fmt: skip
    git(workspace, *steps[what], check=False)
    assert f"a git {what} is under way; end it first (git {what} --continue or git {what} --abort)" in refused()
    assert content(patches) == before


def test_a_merge_commit(workspace, refused):
    git(workspace, "checkout", "-qb", "side", "HEAD~1")
    commit(workspace, "side", {"models/side.py": "x = 1\n"})
    git(workspace, "checkout", "-q", "main")
    git(workspace, "merge", "-q", "--no-ff", "-m", "merged", "side")
    assert "'merged' is a merge, of which no patch can be made" in refused()


def test_history_rewritten_below_upstreams_tree(workspace, refused):
    git(workspace, "checkout", "-q", "--orphan", "fresh")
    git(workspace, "commit", "-q", "-m", "all new")
    assert "the history was rewritten below the commit of upstream's tree" in refused()


def test_commits_that_git_has_dropped(workspace, refused):
    amend(workspace, HELLO, files=hello(workspace))
    git(workspace, "reflog", "expire", "--expire=now", "--all")
    git(workspace, "gc", "-q", "--prune=now")
    assert "git has dropped the commits that apply made" in refused()


def test_to_that_is_a_file(workspace, refused, work):
    (work / "file").write_text("x")
    assert "--to file is a file; name a folder" in refused("--to", "file")
    assert "is no folder; name another one with --to" in refused("--to", "file/below")
    (work / "taken" / "tiny" / "compat" / "say-hello.patch").mkdir(parents=True)
    assert "is a folder; a file has to go there" in refused("--to", "taken")
    assert [path for path in (work / "taken").rglob("*") if path.is_file()] == []


def test_a_link_that_leads_out_of_the_folder(workspace, refused, work):
    (work / "elsewhere").mkdir()
    (work / "to").mkdir()
    (work / "to" / "tiny").symlink_to(work / "elsewhere")
    assert "leads out of to by a symbolic link" in refused("--to", "to")
    assert list((work / "elsewhere").iterdir()) == []


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (("--format", "onnx", "--to", "x"), "--to belongs to the export of patches; leave --format out"),
        (("--format", "onnx", "--series", "x"), "--series belongs to the export of patches; leave --format out"),
        (("--imgsz", "64"), "--imgsz belongs to the export of weights; add --format"),
        (("--run", "train"), "--run belongs to the export of weights; add --format"),
        (("--device", "cpu", "--to", "x"), "--device belongs to the export of weights; add --format"),
        (("--", "--half"), "what stands after -- belongs to the export of weights; add --format"),
        (("--series", "mine"), "--series needs --to FOLDER"),
    ],
)
def test_options_of_the_two_exports_do_not_mix(workspace, refused, work, args, line):
    assert line in refused(*args)
    assert not (work / "x").exists()


def test_an_installed_yolopatch_wants_a_folder(workspace, run, tiny, tmp_path, environment):
    # As a wheel lays it out: the data inside the package.
    site = tmp_path / "site"
    root = Path(__file__).parents[2] / "yolopatch"
    shutil.copytree(root, site / "yolopatch", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(tiny.data, site / "yolopatch" / "_data")
    env = {**environment, "PYTHONPATH": str(site)}
    del env["YOLOPATCH_DATA"]
    command = [sys.executable, "-m", "yolopatch", "export", NAME]
    done = subprocess.run(command, cwd=workspace.parent, env=env, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.endswith("_data/patches belongs to the installed yolopatch; name a folder with --to\n")
    done = subprocess.run([*command, "--to", "out"], cwd=workspace.parent, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(content(workspace.parent / "out")) == 2
