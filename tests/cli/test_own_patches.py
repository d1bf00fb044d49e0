"""A lab's own series: `export --series NAME --to FOLDER` and `apply --patches FOLDER`."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys

import pytest
import yaml

from tests.cli.commits import (
    APPLY,
    HELLO,
    KILLED,
    MAKE,
    MINE,
    NAME,
    TRAILERS,
    amend,
    base,
    commit,
    content,
    git,
    rebase,
    states,
    subjects,
)


def listed(lab):
    return yaml.safe_load((lab / "tiny/series.yaml").read_text())["series"]


def test_commits_on_top_become_a_series(workspace, lab, export, patches):
    before = content(lab)
    first, second = listed(lab)[0]["patches"]
    assert listed(lab) == [{"name": "mine", "applies_to": "v1", "patches": [first, second]}]
    assert first == "mine/weigh-small-objects-more"
    assert set(before) == {"tiny/series.yaml", f"tiny/{first}.patch", f"tiny/{second}.patch"}
    assert second.isascii()
    assert "\n\nKind: ours\nApplies-to: v1\nLicense: MIT\n\ndiff --git" in before[f"tiny/{first}.patch"].decode()
    assert (
        "\n\n原因\n\nKind: upstreamable\nApplies-to: v1\nLicense: MIT\n\ndiff"
        in before[f"tiny/{second}.patch"].decode()
    )
    assert b"\nFrom: Ann <ann@localhost>\n" in before[f"tiny/{first}.patch"]
    # Trailers are in the files; the commits stay as they are.
    assert git(workspace, "log", "-1", "--skip=1", "--format=%B") == "Weigh small objects more"
    document = export(*MINE)
    assert set(states(document).values()) == {"unchanged"}
    assert content(lab) == before


def test_apply_commits_them_last_and_a_second_apply_does_nothing(lab, run, work, workspace):
    done = run(*MAKE, "made", "--patches", "lab")
    assert done.returncode == 0, done.stderr
    assert ", 2 patches and 2 of your own, MIT\n" in done.stdout
    assert subjects(work / "made") == subjects(workspace)
    assert git(work / "made", "rev-parse", "HEAD^{tree}") == git(workspace, "rev-parse", "HEAD^{tree}")
    assert json.loads(run("status", "made", "--json").stdout)["clean"] is True
    lock = json.loads((work / "made" / "yolopatch.lock").read_text())
    assert lock["commit"] == git(work / "made", "rev-parse", "HEAD")
    names = [file["name"] for file in lock["inputs"]["own_patches"]]
    assert names == [f"tiny/{name}.patch" for name in listed(lab)[0]["patches"]]
    assert all(len(file["sha256"]) == 64 for file in lock["inputs"]["own_patches"])
    assert "is up to date" in run(*MAKE, "made", "--patches", "lab").stdout
    document = json.loads(run(*MAKE, "made", "--patches", "lab", "--json").stdout)
    assert (document["made"], document["patches"], document["own_patches"]) == (False, 2, 2)
    assert run(*MAKE, "other", "--patches", "lab").returncode == 0
    assert git(work / "other", "rev-parse", "HEAD") == lock["commit"]


def test_a_changed_folder_makes_another_workspace(lab, run):
    assert run(*MAKE, "made", "--patches", "lab").returncode == 0
    refused = run(*MAKE, "made")
    assert refused.returncode == 2
    assert "is another workspace (own_patches changed)" in refused.stderr
    file = lab / "tiny/mine/weigh-small-objects-more.patch"
    file.write_text(file.read_text().replace("weight = 2", "weight = 3"))
    assert "is another workspace (own_patches changed)" in run(*MAKE, "made", "--patches", "lab").stderr
    assert run(*MAKE, "made", "--patches", "lab", "--force").returncode == 0
    assert run("revert", "made").returncode == 0


def test_a_lock_of_before_can_still_be_read(run, workspace):
    file = workspace / "yolopatch.lock"
    lock = json.loads(file.read_text())
    del lock["inputs"]["own_patches"]
    file.write_text(json.dumps(lock))
    assert run("status", NAME).returncode == 0
    assert "is up to date" in run(*APPLY).stdout


def test_the_round_trip_is_equal_byte_for_byte(lab, run, work, export):
    before = content(lab)
    times = {path: path.stat().st_mtime_ns for path in lab.rglob("*")}
    assert run(*MAKE, "made", "--patches", "lab").returncode == 0
    assert set(states(export(*MINE, folder="made")).values()) == {"unchanged"}
    assert content(lab) == before
    assert times == {path: path.stat().st_mtime_ns for path in lab.rglob("*")}
    # Into another folder, too, and our own patches without a series.
    export("--series", "mine", "--to", "copy", folder="made")
    assert content(work / "copy") == before
    assert states(export(folder="made")) == {"compat/say-hello": "unchanged", "revcol/register": "unchanged"}


def test_an_added_commit_joins_at_the_end_and_an_edited_one_keeps_its_name(lab, run, work, export):
    before = content(lab)
    names = listed(lab)[0]["patches"]
    assert run(*MAKE, "made", "--patches", "lab").returncode == 0
    commit(work / "made", "A third", {"models/third.py": "x = 1\n"})
    amend(work / "made", 4, message="Weigh them much more", files={"models/loss.py": "weight = 9\n"})
    assert states(export(*MINE, folder="made")) == {names[0]: "changed", names[1]: "unchanged", "mine/a-third": "new"}
    assert listed(lab)[0]["patches"] == [*names, "mine/a-third"]
    after = content(lab)
    assert after[f"tiny/{names[1]}.patch"] == before[f"tiny/{names[1]}.patch"]
    assert b"+weight = 9\n" in after[f"tiny/{names[0]}.patch"]
    assert set(states(export(*MINE, folder="made")).values()) == {"unchanged"}
    assert content(lab) == after
    assert run(*MAKE, "again", "--patches", "lab").returncode == 0
    assert git(work / "again", "rev-parse", "HEAD^{tree}") == git(work / "made", "rev-parse", "HEAD^{tree}")


def test_order_stands_in_the_list_and_a_dropped_commit_leaves_it(lab, run, work, export):
    first, second = listed(lab)[0]["patches"]
    before = content(lab)
    assert run(*MAKE, "made", "--patches", "lab").returncode == 0
    rebase(work / "made", 0, 1, 2, 3, 5, 4)
    assert set(states(export(*MINE, folder="made")).values()) == {"unchanged"}
    assert listed(lab)[0]["patches"] == [second, first]
    assert {**content(lab), "tiny/series.yaml": b""} == {**before, "tiny/series.yaml": b""}
    rebase(work / "made", 0, 1, 2, 3, 5)
    assert states(export(*MINE, folder="made")) == {first: "unchanged", second: "gone"}
    assert listed(lab)[0]["patches"] == [first]
    assert (lab / f"tiny/{second}.patch").is_file()


def test_edits_of_applied_commits_are_not_lost_without_a_word(lab, run, work):
    assert run(*MAKE, "made", "--patches", "lab").returncode == 0
    amend(work / "made", 4, files={"models/loss.py": "weight = 9\n"})
    done = run("export", "made")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "1 commit of yours on top" in done.stderr
    amend(work / "made", HELLO, message="Say hello" + TRAILERS)
    document = json.loads(run("export", "made", *MINE, "--json").stdout)
    (note,) = document["notes"]
    assert note == "not in series mine: what was changed in yolopatch's own patches (compat/say-hello)"


def test_a_second_series_and_a_second_folder(lab, run, work, export):
    before = content(lab)
    assert run(*MAKE, "made", "--patches", "lab").returncode == 0
    commit(work / "made", "Other work", {"models/other.py": "x = 1\n"})
    document = export("--series", "other", "--to", "lab", folder="made")
    assert states(document) == {"other/other-work": "new"}
    assert [series["name"] for series in listed(lab)] == ["mine", "other"]
    assert {name: data for name, data in content(lab).items() if "/mine/" in name} == {
        name: data for name, data in before.items() if "/mine/" in name
    }
    (note,) = document["notes"]
    assert note.startswith("left to their own series: mine/weigh-small-objects-more, ")
    commit(work / "made", "More", {"models/more.py": "x = 1\n"})
    git(work / "made", "rebase", "-q", "--onto", "HEAD~2", "HEAD~1")
    export("--series", "second", "--to", "lab2", folder="made")
    # Both series of the first folder, then the second folder.
    assert run(*MAKE, "both", "--patches", "lab", "--patches", "lab2").returncode == 0
    assert subjects(work / "both")[-2:] == ["Other work", "More"]
    twice = run(*MAKE, "twice", "--patches", "lab", "--patches", "lab")
    assert (twice.returncode, twice.stderr) == (
        2, "error: series 'mine' stands in lab and in lab; rename it in one of them\n",
    )  # fmt: skip
    assert set(states(export("--series", "second", "--to", "lab2", folder="both")).values()) == {"unchanged"}


def test_a_series_that_holds_other_patches_is_not_emptied(lab, run, work):
    before = content(lab)
    assert run(*MAKE, "fresh").returncode == 0
    commit(work / "fresh", "Unrelated", {"models/unrelated.py": "x = 1\n"})
    done = run("export", "fresh", *MINE)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "series mine holds patches that are not in this workspace; apply with --patches lab first" in done.stderr
    assert content(lab) == before


def test_a_stock_workspace_has_own_patches_too(run, work, export):
    stock = ("apply", "--yolo", "tiny", "--variant", "stock", "--verify", "none", "--dest")
    assert run(*stock, "stock").returncode == 0
    commit(work / "stock", "Mine", {"models/mine.py": "x = 1\n"})
    assert states(export(*MINE, folder="stock")) == {"mine/mine": "new"}
    assert run(*stock, "again", "--patches", "lab").returncode == 0
    assert subjects(work / "again") == ["Say hello", "Mine"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("compat", "is called 'compat'; choose another name"),
        ("../mine", "is no plain name"),
        ("a/b", "is no plain name"),
        ("", "is no plain name"),
        (".git", "is no plain name"),
        ("mine.", "is no plain name"),
        ("series.yaml", "choose another name"),
    ],
)
def test_a_series_name_is_plain_and_not_ours(workspace, refused, work, name, reason):
    commit(workspace, "Mine", {"models/mine.py": "x = 1\n"})
    assert reason in refused("--series", name, "--to", "lab")
    assert not (work / "lab").exists()


def test_yolopatchs_own_folder_is_no_place_for_them(workspace, refused, patches):
    before = content(patches)
    commit(workspace, "Mine", {"models/mine.py": "x = 1\n"})
    assert "holds yolopatch's own patches" in refused("--series", "mine", "--to", str(patches))
    assert content(patches) == before


def test_no_commits_on_top(workspace, refused, work):
    assert "no commits of yours for series mine" in refused(*MINE)
    assert not (work / "lab").exists()


def _binary(folder):
    (folder / "models/weights.bin").write_bytes(b"\0\1\2" * 99)


def _symlink(folder):
    (folder / "models/link.py").symlink_to("/etc/passwd")


def _rename(folder):
    git(folder, "mv", "models/yolo.py", "models/renamed.py")


def _empty(folder):
    (folder / "models/empty.py").touch()


def _colon(folder):
    (folder / "models/a:b.py").write_text("x = 1\n")


def _backslash(folder):
    (folder / "models/a\\b.py").write_text("x = 1\n")


def _mode(folder):
    (folder / "models/yolo.py").chmod(0o755)


def _submodule(folder):
    git(folder, "update-index", "--add", "--cacheinfo", f"160000,{git(folder, 'rev-parse', 'HEAD')},models/sub")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_binary, "changes a binary file"),
        (_symlink, "a symbolic link"),
        (_rename, "renames"),
        (_empty, "changes no line"),
        (_colon, "refused path"),
        (_backslash, "needs quoting"),
        (_mode, "changes no line"),
        (_submodule, "a submodule"),
    ],
)
def test_what_no_patch_may_hold_is_refused(workspace, refused, work, change, reason):
    commit(workspace, "Fine", {"models/fine.py": "x = 1\n"})
    change(workspace)
    if change is not _submodule:
        git(workspace, "add", "-A")
    git(workspace, "commit", "-qm", "Hostile")
    if change is _submodule:
        git(workspace, "config", "diff.ignoreSubmodules", "all")
    line = refused(*MINE)
    assert "'Hostile': its patch: " in line
    assert reason in line
    assert not (work / "lab").exists()


@pytest.mark.parametrize(
    "message",
    [
        "[v2] Tag at the front",
        "Rule\n\nabove\n---\nbelow",
        "Diff\n\ndiff --git a/x b/x\n",
        "Sender\n\nFrom: A <a@b>\n\nx",
    ],
)
def test_a_message_that_git_am_would_change_is_refused(workspace, refused, work, message):
    commit(workspace, message, {"models/fine.py": "x = 1\n"})
    assert message.split("\n")[0] in refused(*MINE)
    assert not (work / "lab").exists()


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
@pytest.mark.parametrize("done_before", [0, 1, 2])
def test_a_kill_between_two_files_leaves_the_series_as_it_was(lab, run, work, export, environment, done_before):
    assert run(*MAKE, "made", "--patches", "lab").returncode == 0
    commit(work / "made", "A third", {"models/third.py": "x = 1\n"})
    amend(work / "made", 4, files={"models/loss.py": "weight = 9\n"})
    shutil.copytree(lab, work / "whole")
    export("--series", "mine", "--to", "whole", folder="made")
    before = content(lab)
    command = [sys.executable, "-c", KILLED, str(done_before), "export", "made", *MINE]
    assert subprocess.run(command, cwd=work, env=environment, capture_output=True).returncode == -signal.SIGKILL
    assert content(lab)["tiny/series.yaml"] == before["tiny/series.yaml"]
    assert run(*MAKE, "between", "--patches", "lab").returncode == 0
    export(*MINE, folder="made")
    assert content(lab) == content(work / "whole")


def test_a_missing_base_is_the_same_refusal(workspace, refused):
    commit(workspace, "fixup! Say hello", {"models/x.py": "x = 1\n"})
    assert f"rebase -i --autosquash {base(workspace)[:12]}" in refused(*MINE)
