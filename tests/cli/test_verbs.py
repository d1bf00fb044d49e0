"""The other verbs, as their user sees them."""

from __future__ import annotations

import json
import subprocess

import pytest

APPLY = ("apply", "--yolo", "tiny", "--variant", "revcol-x", "--verify", "none")
NAME = "yolotiny-revcol-x"


@pytest.fixture
def workspace(run, work):
    assert run(*APPLY).returncode == 0
    return work / NAME


def test_status_is_clean_after_apply(run, workspace):
    data = json.loads(run("status", NAME, "--json").stdout)
    assert data["clean"] is True
    assert "clean" in run("status", NAME).stdout.splitlines()[0]


def test_status_names_edits_new_files_and_commits_of_the_user(run, workspace):
    (workspace / "models/tiny.yaml").write_text("nc: 1\n")
    (workspace / "mine.py").write_text("x\n")
    data = json.loads(run("status", NAME, "--json").stdout)
    assert (data["clean"], data["edited"], data["new"]) == (False, ["models/tiny.yaml"], ["mine.py"])
    identity = ["-c", "user.name=u", "-c", "user.email=u@localhost"]
    subprocess.run(["git", *identity, "commit", "-qam", "my change"], cwd=workspace, check=True)
    data = json.loads(run("status", NAME, "--json").stdout)
    assert data["edited"] == []
    assert data["commits"][0].endswith("my change")


def test_status_of_a_folder_that_is_no_workspace(run, work):
    (work / "x").mkdir()
    done = run("status", "x")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "not a workspace" in done.stderr


def test_a_damaged_lock_is_named(run, workspace):
    (workspace / "yolopatch.lock").write_text("{")
    done = run("status", NAME)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "damaged" in done.stderr


def test_revert_gives_the_pristine_tree_and_apply_gives_the_same_again(run, workspace, tiny):
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=workspace, capture_output=True, text=True).stdout
    assert run("revert", NAME).returncode == 0
    assert not (workspace / "models/revcol").exists()
    assert not (workspace / "yolopatch.lock").exists()
    for name in ("models/yolo.py", "models/tiny.yaml", "LICENSE", "run.sh"):
        assert (workspace / name).read_bytes() == (tiny.repository / name).read_bytes()
    assert sorted(p.name for p in workspace.iterdir()) == [".git", "LICENSE", "models", "run.sh"]
    assert run(*APPLY).returncode == 0
    again = subprocess.run(["git", "rev-parse", "HEAD"], cwd=workspace, capture_output=True, text=True).stdout
    assert again == head


def test_revert_refuses_edits_and_keeps_untracked_files(run, workspace):
    (workspace / "models/tiny.yaml").write_text("nc: 1\n")
    (workspace / "runs").mkdir()
    (workspace / "runs" / "best.pt").write_text("weights")
    done = run("revert", NAME)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "--force throws that away" in done.stderr
    assert run("revert", NAME, "--force").returncode == 0
    assert (workspace / "runs" / "best.pt").read_text() == "weights"
    refused = run(*APPLY)
    assert refused.returncode == 2
    assert "files of yours (runs/" in refused.stderr
    assert run(*APPLY, "--force").returncode == 0
    assert (workspace / "runs" / "best.pt").read_text() == "weights"
    assert (workspace / "models/revcol").is_dir()


def test_a_revert_that_was_killed_can_be_run_again(run, workspace):
    (workspace / ".git" / "yolopatch-reverting").touch()
    (workspace / "models/yolo.py").write_text("half reverted")
    assert run("revert", NAME).returncode == 0


def test_a_reverted_workspace_is_named_as_such(run, workspace):
    run("revert", NAME)
    for verb in ("status", "verify", "revert"):
        done = run(verb, NAME)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert "was reverted to upstream's tree" in done.stderr


def test_status_prints_upstreams_own_commands(run, workspace):
    done = run("status", NAME, "--next")
    assert f"train.py --cfg models/{NAME}.yaml --data data.yaml" in done.stdout
    (steps,) = json.loads(run("status", NAME, "--next", "--json").stdout)
    assert set(steps) == {"form", "yolopatch", "train", "val", "detect", "export"}


def test_list_as_table_and_json(run):
    done = run("list")
    assert "v1 *" in done.stdout
    assert "revcol-x" in done.stdout
    data = json.loads(run("list", "--yolo", "tiny", "--json").stdout)
    assert [pin["name"] for pin in data["upstreams"][0]["pins"]] == ["v1", "v2"]
    assert data["heads"] == ["p3-p5", "p2-p5"]


def test_an_experimental_yolo_says_what_was_checked_and_is_validated_where_it_is_named(run, tiny):
    yaml = tiny.upstream_yaml.read_text()
    said = "status: experimental\nchecked: it builds\nname: yolotiny\n"
    tiny.upstream_yaml.write_text(yaml.replace("name: yolotiny\n", said, 1))
    assert "  experimental; checked: it builds\n" in run("list").stdout
    (upstream,) = json.loads(run("list", "--json").stdout)["upstreams"]
    assert (upstream["status"], upstream["checked"]) == ("experimental", "it builds")
    done = run("apply", "--yolo", "tiny", "--variant", "revcol-x", "--verify", "none")
    assert done.stderr.count("YOLOtiny is experimental; checked: it builds\n") == 1
    again = run("apply", "--yolo", "tiny", "--variant", "revcol-x", "--verify", "none", "--json")
    assert json.loads(again.stdout)["made"] is False
    validate = ("validate", "--variants", "revcol-x", "--heads", "p3-p5", "--level", "build")
    refused = run(*validate)
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "every YOLO is experimental; name those to validate with --yolo" in refused.stderr
    assert "\n\n1 cell in " in run(*validate, "--yolo", "tiny").stdout


def test_render_prints_the_yaml_alone(run):
    done = run("render", "--yolo", "tiny", "--variant", "revcol-x", "--nc", "7")
    assert done.returncode == 0
    assert "nc: 7" in done.stdout
    assert done.stderr == ""
    refused = run("render", "--yolo", "tiny", "--variant", "stock")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)


def test_cache_verbs(run, workspace, tmp_path):
    assert run("cache", "path").stdout.strip() == str(tmp_path / "cache")
    (entry,) = json.loads(run("cache", "ls", "--json").stdout)
    assert entry["kind"] == "git"
    assert run("cache", "verify").returncode == 0
    (tmp_path / "cache" / "trees" / entry["key"] / "files" / "LICENSE").write_text("damaged")
    done = run("cache", "verify")
    assert done.returncode == 1
    assert "'LICENSE' has changed" in done.stdout
    run(*APPLY, "--dest", "other")
    assert run("cache", "prune", "--all").stdout.startswith("freed")
    assert json.loads(run("cache", "ls", "--json").stdout) == []


def test_a_damaged_cache_entry_is_fetched_again_and_said_so(run, workspace, tmp_path):
    (entry,) = json.loads(run("cache", "ls", "--json").stdout)
    (tmp_path / "cache" / "trees" / entry["key"] / "files" / "LICENSE").write_text("damaged")
    done = run(*APPLY, "--dest", "other")
    assert done.returncode == 0
    assert "damaged ('LICENSE' has changed); it is thrown away and fetched again" in done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(run, shell):
    assert "_YOLOPATCH_COMPLETE" in run("completion", shell).stdout


def test_completion_knows_variants(run):
    env = {"_YOLOPATCH_COMPLETE": "bash_complete", "COMP_WORDS": "yolopatch apply --variant rev", "COMP_CWORD": "3"}
    assert "revcol-x" in run(env=env).stdout


@pytest.mark.parametrize("args", [(), ("--help",), ("apply", "--help"), ("verify", "-h"), ("cache", "prune", "--help")])
def test_help_pages(run, args):
    done = run(*args)
    assert "Usage" in done.stdout
    assert "\x1b" not in done.stdout


def test_an_unknown_verb_or_option_is_one_line(run):
    assert run("aply").stderr == "error: no command 'aply'; did you mean apply?\n"
    done = run("apply", "--variannt", "x")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert run("apply").returncode == 2


def test_doctor_reports_and_never_fails_to_run(run):
    done = run("doctor", "--json", env={"YOLOPATCH_CONNECT_TIMEOUT": "3"})
    assert done.returncode in (0, 3)
    names = {finding["name"] for finding in json.loads(done.stdout)["findings"]}
    assert {"git", "cache", "git host", "python", "torch"} <= names
