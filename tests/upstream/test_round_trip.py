"""`yolopatch apply` and then `yolopatch export` give every patch byte for byte, on real upstream code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.upstream.test_mirrors import CATALOG, PINS


def exported(yolopatch, workspace: Path, made: dict, to: Path) -> None:
    """Export into an empty folder and compare with the files that apply read."""
    document = json.loads(yolopatch("export", workspace, "--to", to, "--json").stdout)
    names = [file["name"] for file in made["lock"]["inputs"]["patches"]]
    assert [f"{document['yolo']}/{patch['name']}.patch" for patch in document["patches"]] == names
    assert {patch["state"] for patch in document["patches"]} == {"unchanged"}
    assert document["notes"] == []
    assert {path.relative_to(to).as_posix() for path in to.rglob("*") if path.is_file()} == set(names)
    for name in names:
        assert (to / name).read_bytes() == (CATALOG.patches / name).read_bytes(), name


@pytest.mark.parametrize("yolo", CATALOG.supported)
def test_default_pins_from_the_registry(yolo, registry, apply, yolopatch, tmp_path):
    names = ("--yolo", yolo, "--variant", "revcol-a", "--origin", "pypi", "--verify", "none")
    workspace, made = apply(*names)
    exported(yolopatch, workspace, made, tmp_path / "patches")


@pytest.mark.parametrize(("yolo", "pin"), PINS)
def test_every_pin_from_git(yolo, pin, mirror, apply, yolopatch, tmp_path):
    remote = mirror(yolo).as_uri()
    names = ("--yolo", yolo, "--pin", pin, "--origin", "git", "--remote", remote, "--verify", "none")
    for variant in ("revcol-a", "stock"):
        workspace, made = apply(*names, "--variant", variant)
        exported(yolopatch, workspace, made, tmp_path / variant)
