"""`apply` as its user sees it, on a miniature upstream with real git."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys

import pytest

APPLY = ("apply", "--yolo", "tiny", "--variant", "revcol-x", "--verify", "none")
NAME = "yolotiny-revcol-x"


def git(folder, *args):
    return subprocess.run(["git", *args], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def test_a_workspace_is_made(run, work):
    done = run(*APPLY)
    assert done.returncode == 0, done.stderr
    folder = work / NAME
    assert "hello" in (folder / "models/yolo.py").read_text()
    assert "# RevCol" in (folder / "models/yolo.py").read_text()
    assert (folder / "models/revcol/__init__.py").is_file()
    assert (folder / f"models/{NAME}.yaml").read_text().startswith("# YOLOtiny revcol-x\nnc: 80\n")
    assert (folder / "run.sh").stat().st_mode & 0o100
    assert not (folder / "paper.pdf").exists()
    # Pasted into the same shell it runs: the interpreter is named where no environment is active.
    assert re.search(rf"cd {NAME} && \S*python\S* train.py --cfg models/{NAME}.yaml", done.stdout)
    assert git(folder, "log", "--format=%s|%an|%ad", "--date=short").splitlines() == [
        "Add the model YAML of revcol-x, head p3-p5, 80 classes|yolopatch|2026-01-01",
        "Add the RevCol payload of yolopatch 0.1.0|yolopatch|2026-01-01",
        git(folder, "log", "-1", "--skip=2", "--format=%s|%an|%ad", "--date=short"),
        git(folder, "log", "-1", "--skip=3", "--format=%s|%an|%ad", "--date=short"),
        "YOLOtiny v1|yolopatch|2024-01-01",
    ]
    assert git(folder, "status", "--porcelain") == ""
    assert "\x1b" not in done.stdout + done.stderr


def test_json_is_one_document_and_everything_else_is_on_stderr(run):
    data = json.loads(run(*APPLY, "--json").stdout)
    assert data["made"] is True
    assert data["lock"]["inputs"]["variant"] == "revcol-x"
    assert data["lock"]["configs"] == {"detect": f"models/{NAME}.yaml"}
    assert data["verify"] is None


def test_the_same_inputs_give_the_same_commit_and_lock_anywhere(run, work, tmp_path):
    run(*APPLY, "--dest", "a")
    run(*APPLY, "--dest", str(tmp_path / "some" / "where" / "else"), env={"YOLOPATCH_CACHE": str(tmp_path / "c2")})
    first, second = work / "a", tmp_path / "some" / "where" / "else"
    assert (first / "yolopatch.lock").read_bytes() == (second / "yolopatch.lock").read_bytes()
    assert git(first, "rev-parse", "HEAD") == git(second, "rev-parse", "HEAD")


def test_a_second_apply_does_nothing_and_says_so(run, work):
    run(*APPLY)
    before = (work / NAME).stat().st_ino
    done = run(*APPLY)
    assert done.returncode == 0
    assert "is up to date" in done.stdout
    assert (work / NAME).stat().st_ino == before


def test_offline_works_from_the_cache_and_fails_with_one_line_without(run):
    failed = run(*APPLY, "--offline")
    assert failed.returncode == 3
    assert failed.stderr.count("\n") == 1
    assert "run this once without --offline" in failed.stderr
    run(*APPLY)
    assert run(*APPLY, "--offline", "--dest", "b").returncode == 0


def test_stock_gets_compat_alone(run, work):
    done = run("apply", "--yolo", "tiny", "--variant", "stock", "--verify", "none")
    assert done.returncode == 0, done.stderr
    folder = work / "yolotiny-stock"
    assert "hello" in (folder / "models/yolo.py").read_text()
    assert "# RevCol" not in (folder / "models/yolo.py").read_text()
    assert not (folder / "models/revcol").exists()
    assert "--cfg models/tiny.yaml" in done.stdout


def test_a_destination_that_is_not_ours_is_never_touched(run, work):
    (work / "mine").mkdir()
    (work / "mine" / "thesis.tex").write_text("x")
    for extra in ((), ("--force",)):
        done = run(*APPLY, "--dest", "mine", *extra)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert "is no workspace of yolopatch; choose another --dest" in done.stderr
    assert [path.name for path in (work / "mine").iterdir()] == ["thesis.tex"]


def test_an_edited_workspace_is_overwritten_by_force_alone(run, work):
    run(*APPLY)
    (work / NAME / "models/yolo.py").write_text("mine\n")
    done = run(*APPLY)
    assert done.returncode == 2
    assert "was edited since apply (1 file edited: models/yolo.py); --force overwrites the edits" in done.stderr
    assert (work / NAME / "models/yolo.py").read_text() == "mine\n"
    assert run(*APPLY, "--force").returncode == 0
    assert "RevCol" in (work / NAME / "models/yolo.py").read_text()


def test_another_workspace_at_the_destination_is_named(run, work):
    run(*APPLY)
    done = run(*APPLY, "--nc", "3", "--dest", NAME)
    assert done.returncode == 2
    assert "is another workspace (classes 80); --force replaces it" in done.stderr
    assert run(*APPLY, "--nc", "3", "--dest", NAME, "--force").returncode == 0
    assert "nc: 3" in (work / NAME / f"models/{NAME}.yaml").read_text()


def test_the_nearest_name_is_offered(run):
    done = run("apply", "--yolo", "tiny", "--variant", "revcol-y")
    assert (done.returncode, done.stderr) == (2, "error: no variant 'revcol-y'; did you mean revcol-x?\n")


def test_an_error_is_json_when_json_is_asked_for(run):
    done = run("apply", "--yolo", "tiny", "--variant", "revcol-y", "--json")
    assert done.returncode == 2
    error = json.loads(done.stdout)["error"]
    assert error == {
        "kind": "request", "message": "no variant 'revcol-y'; did you mean revcol-x?", "detail": None, "exit_code": 2,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("remote", "reason"),
    [
        ("ext::sh -c true", "ext"),
        ("--upload-pack=touch x", "-"),
        ("file:///tmp/../etc", r".."),
        ("/tmp/x", "file://"),
        ("ftp://host/x", "ftp"),
    ],
)
def test_a_remote_that_is_no_plain_url_is_refused(run, work, remote, reason):
    done = run(*APPLY, f"--remote={remote}")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert reason in done.stderr
    assert not any(work.iterdir())


def test_a_destination_inside_the_cache_is_refused(run, tmp_path):
    done = run(*APPLY, "--dest", str(tmp_path / "cache" / "x"))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "overlap" in done.stderr


def test_a_hostile_patch_is_refused_before_anything_is_written(run, work, tiny):
    patch = tiny.data / "patches/tiny/revcol/register.patch"
    patch.write_text(patch.read_text().replace("models/yolo.py", "../yolo.py"))
    done = run(*APPLY)
    assert done.returncode == 2
    assert done.stderr.startswith("error: register.patch: refused path")
    assert not any(work.iterdir())


def test_a_patch_that_does_not_apply_names_file_and_hunk_and_leaves_nothing(run, work, tiny):
    patch = tiny.data / "patches/tiny/revcol/register.patch"
    patch.write_text(patch.read_text().replace(" for row in rows", " for row in columns"))
    done = run(*APPLY)
    assert done.returncode == 1
    assert "models/yolo.py, hunk 1 of 1" in done.stderr
    assert "found instead:" in done.stderr
    assert not any(work.iterdir())


def test_a_template_that_reaches_for_attributes_is_refused(run, work, tiny):
    template = tiny.data / "templates/tiny/detect.yaml.j2"
    template.write_text(template.read_text() + "{{ title.__class__.__mro__ }}\n")
    done = run(*APPLY)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "tiny/detect.yaml.j2" in done.stderr
    assert not any(work.iterdir())


def test_a_wrong_catalog_names_file_line_and_key(run, tiny):
    tiny.upstream_yaml.write_text(tiny.upstream_yaml.read_text().replace("date: 2024-01-01", "date: soon"))
    done = run("list")
    assert done.returncode == 2
    assert "upstream.yaml:22: pins.0.date:" in done.stderr


def test_the_destinations_parent_is_a_file(run, work):
    (work / "file").write_text("x")
    done = run(*APPLY, "--dest", "file/ws")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        2, f"error: {work / 'file'} is a file, not a folder; choose another --dest",
    )  # fmt: skip


def test_parents_that_were_made_go_away_again_on_failure(run, work, tiny):
    patch = tiny.data / "patches/tiny/revcol/register.patch"
    patch.write_text(patch.read_text().replace(" for row in rows", " for row in columns"))
    assert run(*APPLY, "--dest", "a/b/c").returncode == 1
    assert not any(work.iterdir())


def test_force_keeps_the_users_runs(run, work):
    run(*APPLY)
    (work / NAME / "runs" / "train").mkdir(parents=True)
    (work / NAME / "runs" / "train" / "best.pt").write_text("weights")
    (work / NAME / "notes.txt").write_text("mine")
    (work / NAME / "models/yolo.py").write_text("edited")
    assert run(*APPLY, "--nc", "3", "--dest", NAME, "--force").returncode == 0
    assert (work / NAME / "runs" / "train" / "best.pt").read_text() == "weights"
    assert (work / NAME / "notes.txt").read_text() == "mine"
    assert "RevCol" in (work / NAME / "models/yolo.py").read_text()
    assert [path.name for path in work.iterdir()] == [NAME]


def test_a_polite_end_leaves_nothing(run, environment, work):
    command = [sys.executable, "-m", "yolopatch", *APPLY]
    process = subprocess.Popen(command, cwd=work, env=environment, stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if line.startswith("patching"):
            process.send_signal(signal.SIGTERM)
            break
    rest = process.stderr.read().lstrip()
    code = process.wait()
    # Whoever was faster: the signal, or the last rename.
    assert (code, rest) == (130, "error: interrupted; nothing half-done was left\n") or code == 0
    assert [path.name for path in work.iterdir()] in ([], [NAME])
