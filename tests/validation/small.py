"""A small upstream whose models are really built: some build, one does not, and at one pin the patches do not apply."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests import mini

HOSTILE = "<b>|`x`** 100%, \x1b[31m]]>\r\n::error::from upstream"
"""What the model that does not build says."""

NET = f"""\
import os
import time
from pathlib import Path

import torch
import yaml
from torch import nn


class Model(nn.Module):
    def __init__(self, cfg, ch=3, nc=None):
        super().__init__()
        behaviour = yaml.safe_load(Path(cfg).read_text()).get("behaviour", "")
        if behaviour == "revcol-bad":
            raise ValueError({HOSTILE!r})
        gate = Path(os.environ.get("TEST_GATE", "."))
        if behaviour == "revcol-slow":
            (gate / "pid").write_text(str(os.getpid()))
            while not (gate / "open").exists():
                time.sleep(0.05)
        self.model = nn.Sequential(nn.Linear(2, 3))
        self.stride = torch.tensor([8.0, 16.0, 32.0])
"""

PROBE = """\
model: {class: ["models.net:Model"]}
loss: [{method: loss, arguments: [batch]}]
decoded: {layout: rows, per_cell: 1, values: 5}
metrics: {nms: ["models.net:nms"], box_iou: ["models.net:iou"], ap_per_class: ["models.net:ap"], ap_result: 0}
export: [{script: export.py}]
forms: {detect: {}, aux: {}}
"""

FORMS = """\
  - name: aux
    detector: Detect
    template: tiny/detect.yaml.j2
    commands: {train: t, val: v, detect: d, export: e}
series:
"""


@dataclass(frozen=True)
class Place:
    """The upstream, and the command line in a folder of its own."""

    tiny: mini.Mini
    folder: Path
    variables: dict[str, str]

    def command(self, *args: str) -> list[str]:
        """`yolopatch validate` at level build, which is quick."""
        return [sys.executable, "-m", "yolopatch", "validate", "--level", "build", "--heads", "p3-p5", *args]

    def run(self, *args: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        return subprocess.run(
            self.command(*args), cwd=self.folder, env={**self.variables, **variables}, capture_output=True, text=True
        )

    def start(self, *args: str, **variables: str) -> subprocess.Popen[str]:
        """Start it."""
        return subprocess.Popen(
            self.command(*args),
            cwd=self.folder,
            env={**self.variables, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def commit(self, text: str, file: str = "models/other.py") -> str:
        """A commit on top of upstream's main; its id."""
        (self.tiny.repository / file).write_text(text)
        mini.git(self.tiny.repository, "add", "-A")
        mini.git(self.tiny.repository, "commit", "-q", "-m", f"</pre><script> {file}")
        return mini.git(self.tiny.repository, "rev-parse", "HEAD").strip()


def make(root: Path) -> Place:
    """Pins v1 and v2, where all patches apply, and v3, where the one that registers RevCol does not."""
    tiny = mini.make(root)
    folder, work, home = root / "data" / "patches" / "tiny", root / "work", root / "home"
    (folder / "probe.yaml").write_text(PROBE)
    template = root / "data" / "templates" / "tiny" / "detect.yaml.j2"
    template.write_text(template.read_text() + "behaviour: {{ variant }}\n")
    variants = root / "data" / "templates" / "variants.yaml"
    row = variants.read_text().partition("variants:\n")[2]
    variants.write_text("variants:\n" + "".join(row.replace("revcol-x", f"revcol-{name}") for name in ROWS))
    for made in (work, home):
        made.mkdir()
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "YOLOPATCH_", "GITHUB_"))}
    variables = {"HOME": str(home), "YOLOPATCH_DATA": str(tiny.data), "YOLOPATCH_CACHE": str(root / "cache")}
    place = Place(tiny, work, {**kept, **variables, "NO_COLOR": "1", "COLUMNS": "200"})
    yaml = tiny.upstream_yaml.read_text()
    olds = [line.split("commit: ")[1].split(",")[0] for line in yaml.splitlines() if "commit: " in line]
    for old, text in zip(olds, (NET, NET + "# later\n"), strict=True):
        yaml = yaml.replace(old, place.commit(text, "models/net.py"))
    broken = place.commit(mini.YOLO_PY.replace("module(row)", "module(*row)"), "models/yolo.py")
    yaml = yaml.replace("series:\n", FORMS, 1) + f"  - {{name: v3, commit: {broken}, date: 2024-03-01, {SERIES}}}\n"
    tiny.upstream_yaml.write_text(yaml)
    return place


ROWS = ("x", "bad", "slow")
SERIES = "series: [compat, revcol]"
