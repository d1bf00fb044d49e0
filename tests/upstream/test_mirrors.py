"""Every pin from real git histories, in both heads and every form (needs YOLOPATCH_TEST_MIRRORS)."""

from __future__ import annotations

import json
import subprocess

import pytest

from yolopatch.catalog import HEADS, Catalog

CATALOG = Catalog()
PINS = [
    (yolo, pin.name)
    for yolo in CATALOG.yolos
    for pin in CATALOG.upstream(yolo).pins
    if pin.origins.git
]  # fmt: skip


@pytest.mark.parametrize(("yolo", "pin"), PINS)
@pytest.mark.parametrize("head", HEADS)
def test_every_pin_applies_builds_and_runs_in_every_form(yolo, pin, head, apply, verify, mirror):
    remote = mirror(yolo).as_uri()
    names = ("--yolo", yolo, "--pin", pin, "--variant", "revcol-t", "--head", head)
    folder, made = apply(*names, "--origin", "git", "--remote", remote, "--verify", "none")
    assert made["lock"]["inputs"]["source"]["commit"] == CATALOG.pin(CATALOG.upstream(yolo), pin).commit
    for form in CATALOG.upstream(yolo).forms:
        assert verify(str(folder), "--form", form.name)["ok"]


@pytest.mark.parametrize(("yolo", "pin"), PINS)
def test_every_stock_pin_builds_and_runs(yolo, pin, apply, mirror):
    remote = mirror(yolo).as_uri()
    apply("--yolo", yolo, "--pin", pin, "--variant", "stock", "--origin", "git", "--remote", remote)


@pytest.mark.parametrize(("yolo", "pin"), PINS)
def test_every_pin_trains_by_its_recipe_and_validates_on_the_test_split(yolo, pin, apply, yolopatch, mirror, tmp_path):
    remote = mirror(yolo).as_uri()
    names = ("--yolo", yolo, "--pin", pin, "--variant", "revcol-a", "--nc", "4")
    folder, _ = apply(*names, "--origin", "git", "--remote", remote, "--verify", "none")
    yolopatch("data", "demo", tmp_path / "d", "--images", "16", "--size", "64")
    small = ("--imgsz", "64", "--batch", "8", "--device", "cpu", "--workers", "0")
    data = ("--data", tmp_path / "d" / "data.yaml")
    done = yolopatch("train", folder, *data, "--epochs", "1", *small, "--json")
    assert json.loads(done.stdout)["status"] == "finished"
    scores = json.loads(yolopatch("val", folder, *data, "--split", "test", *small, "--json").stdout)
    assert scores["by_size"] is None or scores["by_size"]["images"] == 4


@pytest.mark.parametrize("yolo", CATALOG.yolos)
def test_files_are_blob_for_blob_those_of_the_commit(yolo, apply, mirror):
    remote = mirror(yolo)
    folder, made = apply(
        "--yolo", yolo, "--variant", "stock", "--origin", "git", "--remote", remote.as_uri(), "--verify", "none"
    )
    base, commit = made["lock"]["base"], made["lock"]["inputs"]["source"]["commit"]
    ours = set(_files(folder, base))
    assert len(ours) > 30
    assert ours <= set(_files(remote, commit))


@pytest.mark.parametrize("yolo", CATALOG.yolos)
def test_no_more_than_five_megabytes_come_over_the_wire(yolo, apply, mirror, environment):
    remote = mirror(yolo).as_uri()
    names = ("--yolo", yolo, "--variant", "stock", "--origin", "git", "--remote", remote, "--verify", "none")
    apply(*names)
    from pathlib import Path

    commit = CATALOG.pin(CATALOG.upstream(yolo), None).commit
    (manifest,) = Path(environment["YOLOPATCH_CACHE"]).glob(f"trees/git-{commit}-*/manifest.json")
    assert json.loads(manifest.read_text())["provenance"]["received"] < 5_000_000


def _files(repository, commit):
    out = subprocess.run(["git", "ls-tree", "-r", commit], cwd=repository, capture_output=True, text=True, check=True)
    return [line for line in out.stdout.splitlines() if line]
