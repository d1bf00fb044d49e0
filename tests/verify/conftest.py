from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from yolopatch.catalog.yaml_file import load_model
from yolopatch.console import Reporter
from yolopatch.verify import ProbeRequest, ProbeSpec, VerifyReport, run_probe

TREE = Path(__file__).parent / "tree"


class Workspace:
    """A copy of the small tree, verified with one line."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def config(self, **settings: object) -> str:
        """A model YAML in the tree; gives its name."""
        (self.path / "model.yaml").write_text(yaml.safe_dump({"width": 16, **settings}))
        return "model.yaml"

    def verify(
        self,
        level: str = "build",
        *,
        form: str = "detect",
        strides=(32,),
        timeout=120.0,
        shown=None,
        trace=False,
        **how,
    ) -> VerifyReport:
        """Run the probes; `how` is run_probe's."""
        spec = load_model(self.path / "probe.yaml", ProbeSpec).for_form(form)
        facts = {"level": level, "timeout": timeout, "shown": shown, "trace": trace}
        request = ProbeRequest(spec, "model.yaml", form, strides, nc=3, **facts)
        return run_probe(self.path, request, reporter=Reporter(quiet=True), **how)

    def files(self) -> dict[str, bytes]:
        """Everything in the tree, by path."""
        return {str(file): file.read_bytes() for file in sorted(self.path.rglob("*")) if file.is_file()}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    path = tmp_path / "work tree"
    shutil.copytree(TREE, path, ignore=shutil.ignore_patterns("__pycache__"))
    made = Workspace(path)
    made.config()
    return made
