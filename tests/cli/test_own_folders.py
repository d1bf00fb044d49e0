"""A folder of a lab's patches that is wrong or hostile: `apply --patches` refuses it before it writes anything."""

from __future__ import annotations

import shutil

import pytest

from tests.cli.commits import MAKE


def test_a_folder_without_patches_for_the_yolo(run, work):
    (work / "lab" / "other").mkdir(parents=True)
    done = run(*MAKE, "made", "--patches", "lab")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "--patches lab has no patches for tiny (no tiny/series.yaml)" in done.stderr
    assert "no such folder" in run(*MAKE, "made", "--patches", "nowhere").stderr
    (work / "file").write_text("x")
    assert "not a folder" in run(*MAKE, "made", "--patches", "file").stderr
    assert not (work / "made").exists()


def _outside(lab):
    (lab / "tiny/series.yaml").write_text("series: [{name: mine, applies_to: v1, patches: [../../secret]}]\n")


def _absolute(lab):
    (lab / "tiny/series.yaml").write_text("series: [{name: mine, applies_to: v1, patches: [/etc/passwd]}]\n")


def _linked_patch(lab):
    shutil.move(lab / "tiny/mine/weigh-small-objects-more.patch", lab / "moved.patch")
    (lab / "tiny/mine/weigh-small-objects-more.patch").symlink_to(lab / "moved.patch")


def _linked_folder(lab):
    shutil.move(lab / "tiny", lab.parent / "tiny")
    (lab / "tiny").symlink_to(lab.parent / "tiny")


def _linked_list(lab):
    shutil.move(lab / "tiny/series.yaml", lab.parent / "series.yaml")
    (lab / "tiny/series.yaml").symlink_to(lab.parent / "series.yaml")


def _our_name(lab):
    text = (lab / "tiny/series.yaml").read_text()
    (lab / "tiny/series.yaml").write_text(text.replace("name: mine", "name: revcol"))


def _twice(lab):
    text = (lab / "tiny/series.yaml").read_text()
    (lab / "tiny/series.yaml").write_text(text + "  - mine/weigh-small-objects-more\n")


def _missing(lab):
    (lab / "tiny/mine/weigh-small-objects-more.patch").unlink()


def _bad_path(lab):
    file = lab / "tiny/mine/weigh-small-objects-more.patch"
    file.write_text(file.read_text().replace("models/loss.py", "../loss.py"))


def _no_trailer(lab):
    file = lab / "tiny/mine/weigh-small-objects-more.patch"
    file.write_text(file.read_text().replace("License: MIT\n", ""))


def _unknown_key(lab):
    text = (lab / "tiny/series.yaml").read_text()
    (lab / "tiny/series.yaml").write_text(text + "  command: rm\n")


def _tag(lab):
    (lab / "tiny/series.yaml").write_text("series: !!python/object/apply:os.system [true]\n")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_outside, "series.yaml:1: series.0.patches.0: refused path"),
        (_absolute, "it is absolute"),
        (_linked_patch, "leads out of lab/tiny by a symbolic link"),
        (_linked_folder, "leads out of lab by a symbolic link"),
        (_linked_list, "leads out of lab by a symbolic link"),
        (_our_name, "a series of yolopatch for tiny is called 'revcol'"),
        (_twice, "the patch 'mine/weigh-small-objects-more' stands twice"),
        (_missing, "names this patch; it is missing"),
        (_bad_path, "refused path"),
        (_no_trailer, "the header lacks 'License:'"),
        (_unknown_key, "series.0.command"),
        (_tag, "the tag"),
    ],
)
def test_a_hostile_or_wrong_folder_is_refused_before_anything_is_written(lab, run, work, change, reason):
    change(lab)
    done = run(*MAKE, "made", "--patches", "lab")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert reason in done.stderr
    assert not (work / "made").exists()


def test_a_patch_that_does_not_apply_names_folder_and_patch(lab, run, work):
    file = lab / "tiny/mine/weigh-small-objects-more.patch"
    file.write_text(file.read_text().replace("-nc: 80", "-nc: 81"))
    done = run(*MAKE, "made", "--patches", "lab")
    assert done.returncode == 1
    assert "--patches lab: the patch 'Weigh small objects more' (weigh-small-objects-more.patch)" in done.stderr
    assert not (work / "made").exists()
