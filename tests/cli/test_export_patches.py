"""`yolopatch export` without --format: a workspace's commits become yolopatch's patch files again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from tests.cli.commits import (
    APPLY,
    HELLO,
    KILLED,
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
    states,
    subjects,
)
from yolopatch.series.export import context_of
from yolopatch.series.patchfile import read_patch


def test_nothing_changes_where_nothing_was_edited(workspace, patches, export, run, tmp_path):
    before = content(patches)
    times = {path: path.stat().st_mtime_ns for path in patches.rglob("*.patch")}
    assert states(export()) == {"compat/say-hello": "unchanged", "revcol/register": "unchanged"}
    assert content(patches) == before
    assert times == {path: path.stat().st_mtime_ns for path in patches.rglob("*.patch")}
    export("--to", str(tmp_path / "a" / "copy"))
    copy = content(tmp_path / "a" / "copy")
    assert copy == {name: data for name, data in before.items() if name.endswith(".patch")}
    assert len(copy) == 2


def test_a_patch_with_offset_and_less_context_for_another_pin_is_unchanged(run, work, tiny, patches, export):
    # On the pin v2 the patches stand in other blobs, and one of them further down.
    git(tiny.repository, "checkout", "-q", "main")
    text = (tiny.repository / "models/yolo.py").read_text()
    commit(tiny.repository, "third", {"models/yolo.py": text.replace("def parse", "MORE = 1\n\n\ndef parse")})
    upstream = tiny.upstream_yaml.read_text().splitlines(keepends=True)
    later = git(tiny.repository, "rev-parse", "HEAD")
    upstream[-1] = f"  - {{name: v2, commit: {later}, date: 2024-02-01, series: [compat, revcol]}}\n"
    tiny.upstream_yaml.write_text("".join(upstream))
    git(tiny.repository, "checkout", "-q", "patches")
    args = ("--zero-commit", "--no-signature", "--full-index", "--no-stat", "--stdout", "-U1")
    register = patches / "tiny/revcol/register.patch"
    register.write_text(git(tiny.repository, "format-patch", "-1", *args) + "\n")
    start = read_patch(register).changes[0].hunks[0].start
    before = content(patches)
    assert run(*APPLY, "--pin", "v2", "--dest", "later").returncode == 0
    assert set(states(export(folder="later")).values()) == {"unchanged"}
    assert content(patches) == before
    export("--to", "copy", folder="later")
    assert content(work / "copy") == {name: data for name, data in before.items() if name.endswith(".patch")}
    # What is edited keeps the width of its context.
    amend(work / "later", REGISTER, message="Register RevCol" + TRAILERS)
    document = export(folder="later")
    assert states(document) == {"compat/say-hello": "unchanged", "revcol/register": "changed"}
    assert document["patches"][1]["used_by"] == ["v1"]
    assert context_of(read_patch(register)) == 1
    assert read_patch(register).changes[0].hunks[0].start == start + 3


def test_an_amended_commit_changes_its_patch_and_no_other(workspace, patches, export, run, work):
    before = content(patches)
    amend(workspace, HELLO, files=hello(workspace))
    document = export()
    assert states(document) == {"compat/say-hello": "changed", "revcol/register": "unchanged"}
    after = content(patches)
    assert [name for name in after if after[name] != before[name]] == ["tiny/compat/say-hello.patch"]
    patch = after["tiny/compat/say-hello.patch"].decode()
    assert patch.startswith("From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001\nFrom: dev <")
    assert "+print('hello, edited')\n" in patch
    assert "hello, edited" not in before["tiny/compat/say-hello.patch"].decode()
    # Exported again, nothing happens; applied again, it is what was edited.
    assert set(states(export()).values()) == {"unchanged"}
    assert content(patches) == after
    assert run(*APPLY, "--dest", "again").returncode == 0
    assert git(work / "again", "rev-parse", "HEAD^{tree}") == git(workspace, "rev-parse", "HEAD^{tree}")


def test_a_changed_patch_names_the_other_pins_that_use_it(workspace, export, run):
    amend(workspace, HELLO, files=hello(workspace))
    done = run("export", NAME)
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["changed", "compat/say-hello"]
    assert lines[1].strip() == "also used by pins v2; yolopatch validate --yolo tiny --pins all checks them"
    assert lines[2].split() == ["unchanged", "revcol/register"]
    assert lines[3].endswith("data/patches: 1 unchanged, 1 changed")
    assert "\x1b" not in done.stdout + done.stderr


def test_an_amended_message_or_author_is_a_change(workspace, patches, export):
    amend(workspace, HELLO, message="Say hello" + TRAILERS)
    assert states(export())["compat/say-hello"] == "changed"
    assert "\nBecause.\n" in (patches / "tiny/compat/say-hello.patch").read_text()
    git(workspace, "reset", "-q", "--hard", git(workspace, "rev-list", "--reverse", "HEAD").splitlines()[2])
    assert subjects(workspace)[-1] == "Register RevCol"


def test_fixup_and_autosquash(workspace, patches, export, refused):
    text = (workspace / "models/yolo.py").read_text()
    (workspace / "models/yolo.py").write_text(text.replace("# RevCol", "# RevCol, fixed"))
    git(workspace, "commit", "-qa", "--fixup", git(workspace, "rev-parse", "HEAD~2"))
    line = refused()
    command = f"git -C {NAME} rebase -i --autosquash {base(workspace)[:12]}"
    assert line.endswith(f"'fixup! Register RevCol' is to be squashed; run {command}\n")
    git(workspace.parent, *command.split()[1:], GIT_SEQUENCE_EDITOR="true")
    assert states(export()) == {"compat/say-hello": "unchanged", "revcol/register": "changed"}
    assert "+        module(row)  # RevCol, fixed\n" in (patches / "tiny/revcol/register.patch").read_text()


def test_a_reworded_commit_is_found_by_its_place_and_keeps_its_name(workspace, patches, export):
    amend(workspace, REGISTER, message="Let models use RevCol" + TRAILERS)
    assert states(export()) == {"compat/say-hello": "unchanged", "revcol/register": "changed"}
    assert "Subject: [PATCH] Let models use RevCol\n" in (patches / "tiny/revcol/register.patch").read_text()
    assert set(states(export()).values()) == {"unchanged"}
    assert len(list(patches.rglob("*.patch"))) == 2


def test_reordered_commits_keep_their_names_and_the_order_is_said(workspace, patches, export):
    before = content(patches)
    rebase(workspace, REGISTER, HELLO, PAYLOAD, MODELS)
    document = export()
    assert states(document) == {"revcol/register": "unchanged", "compat/say-hello": "unchanged"}
    assert content(patches) == before
    (note,) = document["notes"]
    assert note.endswith("it has to be: revcol/register, compat/say-hello")


def test_a_dropped_commit_is_gone_and_its_file_stays(workspace, patches, export):
    before = content(patches)
    rebase(workspace, REGISTER, PAYLOAD, MODELS)
    document = export()
    assert states(document) == {"revcol/register": "unchanged", "compat/say-hello": "gone"}
    (advice,) = document["patches"][1]["advice"]
    assert advice == "the file is left; series compat of tiny/upstream.yaml must drop '- compat/say-hello'"
    assert content(patches) == before
    assert document["counts"] == {"unchanged": 1, "changed": 0, "new": 0, "gone": 1}


def test_a_new_commit_below_the_payload_is_a_new_patch(workspace, patches, export, tiny, run, work):
    before = content(patches)
    commit(workspace, "Don't greet twice!" + TRAILERS, {"models/greet.py": "x = 1\n"})
    rebase(workspace, HELLO, 4, REGISTER, PAYLOAD, MODELS)
    document = export()
    assert list(states(document).items()) == [
        ("compat/say-hello", "unchanged"), ("compat/dont-greet-twice", "new"), ("revcol/register", "unchanged"),
    ]  # fmt: skip
    (advice,) = document["patches"][1]["advice"]
    assert (
        advice == "add '- compat/dont-greet-twice' to series compat of tiny/upstream.yaml, below '- compat/say-hello'"
    )
    after = content(patches)
    assert {*after} - {*before} == {"tiny/compat/dont-greet-twice.patch"}
    assert all(after[name] == before[name] for name in before)
    assert states(export())["compat/dont-greet-twice"] == "new"
    assert content(patches) == after
    # Named in upstream.yaml it is one of ours, in this workspace and in a new one.
    listed = tiny.upstream_yaml.read_text().replace("[compat/say-hello]", "[compat/say-hello, compat/dont-greet-twice]")
    tiny.upstream_yaml.write_text(listed)
    assert set(states(export()).values()) == {"unchanged"}
    assert run(*APPLY, "--dest", "again").returncode == 0
    assert set(states(export(folder="again")).values()) == {"unchanged"}
    assert content(patches) == {**after, "tiny/upstream.yaml": listed.encode()}


def test_a_new_patch_next_to_a_dropped_one_does_not_take_its_name(workspace, patches, export):
    commit(workspace, "Something else" + TRAILERS, {"models/other.py": "x = 1\n"})
    rebase(workspace, HELLO, 4, PAYLOAD, MODELS)
    assert states(export()) == {
        "compat/say-hello": "unchanged", "compat/something-else": "new", "revcol/register": "gone",
    }  # fmt: skip


def test_a_file_that_was_changed_since_apply_is_said_before_it_is_undone(workspace, patches, export):
    file = patches / "tiny/compat/say-hello.patch"
    before = file.read_bytes()
    file.write_bytes(before.replace(b"It has to.", b"A colleague's words."))
    document = export()
    assert states(document)["compat/say-hello"] == "changed"
    assert "what was changed in the file since is undone" in document["patches"][0]["advice"][0]
    assert b"It has to." in file.read_bytes()


def test_a_stock_workspace(run, export, work):
    assert run("apply", "--yolo", "tiny", "--variant", "stock", "--verify", "none").returncode == 0
    folder = work / "yolotiny-stock"
    assert states(export(folder="yolotiny-stock")) == {"compat/say-hello": "unchanged"}
    amend(folder, HELLO, files=hello(folder))
    assert states(export(folder="yolotiny-stock")) == {"compat/say-hello": "changed"}
    commit(folder, "Mine", {"models/mine.py": "x = 1\n"})
    assert "of yours on top" in run("export", "yolotiny-stock").stderr


def test_new_files_are_mentioned(workspace, export):
    (workspace / "notes.txt").write_text("x\n")
    assert export()["notes"] == ["in no commit, and so in no patch: notes.txt"]


def test_quiet_prints_the_folder_alone(workspace, run, patches):
    done = run("export", NAME, "-q")
    assert (done.stdout, done.stderr) == (f"{patches}\n", "")


def test_nothing_is_left_in_the_workspaces_repository(workspace, export):
    commit(workspace, "Mine", {"models/mine.py": "x = 1\n"})
    before = content(workspace / ".git")
    export("--series", "mine", "--to", "lab")
    after = content(workspace / ".git")
    assert {name for name in after if name.startswith("objects/")} == {
        name for name in before if name.startswith("objects/")
    }
    assert after["HEAD"] == before["HEAD"]


def test_the_repositorys_configuration_does_not_change_a_patch(workspace, export, work):
    amend(workspace, REGISTER, message="Register RevCol" + TRAILERS)
    export("--to", "plain")
    for key, value in {
        "diff.noprefix": "true", "diff.mnemonicPrefix": "true", "diff.algorithm": "histogram", "diff.context": "9",
        "diff.renames": "false", "format.signature": "me", "format.subjectPrefix": "RFC", "format.from": "true",
        "format.numbered": "true", "format.attach": "true", "format.useAutoBase": "true", "format.headers": "X-A: b",
        "format.notes": "true", "core.abbrev": "7", "apply.whitespace": "fix", "mailinfo.scissors": "true",
    }.items():  # fmt: skip
        git(workspace, "config", key, value)
    export("--to", "configured")
    assert content(work / "configured") == content(work / "plain")


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
@pytest.mark.parametrize("done_before", [0, 1])
def test_a_kill_between_two_files_leaves_whole_files_and_the_next_run_completes(
    workspace, patches, export, environment, work, done_before
):
    amend(workspace, HELLO, files=hello(workspace))
    amend(workspace, REGISTER, message="Register RevCol" + TRAILERS)
    before = content(patches)
    export("--to", "whole")
    whole = content(work / "whole")
    assert sum(before[name] != whole[name] for name in whole) == 2
    command = [sys.executable, "-c", KILLED, str(done_before), "export", NAME]
    killed = subprocess.run(command, cwd=work, env=environment, capture_output=True)
    assert killed.returncode == -signal.SIGKILL
    between = {name: data for name, data in content(patches).items() if "/." not in name}
    assert {*between} == {*before}
    assert sum(between[name] != before[name] for name in whole) == done_before
    assert all(between[name] in (before[name], whole[name]) for name in whole)
    export()
    assert {name: data for name, data in content(patches).items() if name.endswith(".patch")} == whole
