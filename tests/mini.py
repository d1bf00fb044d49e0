"""A miniature upstream: a real git repository, real patches, templates and a catalog, made in a moment."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

YOLO_PY = """\
class Model:
    names = {}


def parse_model(rows):
    for row in rows:
        module = Model.names[row[2]]
        module(row)
"""

UPSTREAM = """\
yolo: tiny
title: YOLOtiny
name: yolotiny
repository: {url}
licence: MIT
default_pin: v1
payload: models/revcol
config: models
sparse: [models/, run.sh, LICENSE]
forms:
  - name: detect
    detector: Detect
    template: tiny/detect.yaml.j2
    default: true
    commands:
      {{train: "python train.py --cfg {{config}} --data {{data}} --device {{device}}", val: v, detect: d, export: e}}
    stock: {{p3-p5: models/tiny.yaml}}
series:
  - {{name: compat, kind: compat, applies_to: v1, patches: [compat/say-hello]}}
  - {{name: revcol, kind: revcol, applies_to: v1, patches: [revcol/register]}}
pins:
  - {{name: v1, commit: {commit}, date: 2024-01-01, series: [compat, revcol]}}
  - {{name: v2, commit: {later}, date: 2024-02-01, series: [compat, revcol]}}
"""

TEMPLATE = """\
# {{ title }} {{ variant }}
nc: {{ nc }}
backbone:
{{ row('revcol', -1, 1, 'RevCol', [channels, blocks, columns]) }}
{{ row('c3', 'revcol', 1, 'PickLevel', [1], 3) }}
head:
{{ row('', ['c3'], 1, 'Detect', ['nc']) }}
"""

VARIANTS = """\
variants:
  - name: revcol-x
    about: for tests
    channels: [8, 16, 32, 64]
    blocks: [1, 1, 2, 1]
    columns: 4
    drop_path: 0.0
    neck: [8, 16, 32, 64]
    neck_depth: 1
"""

TRAILERS = "\n\nIt has to.\n\nKind: ours\nApplies-to: v1..v2\nLicense: MIT\n"


@dataclass(frozen=True)
class Mini:
    """Where the parts are."""

    root: Path
    repository: Path
    url: str
    commit: str

    @property
    def data(self) -> Path:
        """The folder for YOLOPATCH_DATA."""
        return self.root / "data"

    @property
    def upstream_yaml(self) -> Path:
        """The catalog file."""
        return self.data / "patches" / "tiny" / "upstream.yaml"


def git(folder: Path, *args: str) -> str:
    """Run git as a developer would."""
    identity = ["-c", "user.name=dev", "-c", "user.email=dev@localhost", "-c", "commit.gpgSign=false"]
    done = subprocess.run(["git", *identity, *args], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout


def make(root: Path) -> Mini:
    """Make the repository with two commits, the patches on the first, and the catalog."""
    repository = root / "upstream"
    (repository / "models").mkdir(parents=True)
    git(repository, "init", "-q", "-b", "main")
    _write(repository, "models/yolo.py", YOLO_PY)
    _write(repository, "models/tiny.yaml", "nc: 80\n")
    _write(repository, "LICENSE", "MIT\n")
    _write(repository, "run.sh", "#!/bin/sh\n")
    (repository / "run.sh").chmod(0o755)
    _write(repository, "paper.pdf", "large\n" * 1000)
    commit = _commit(repository, "first")
    _write(repository, "models/new.py", "x = 1\n")
    later = _commit(repository, "second")
    url = repository.as_uri()
    patches = root / "data" / "patches" / "tiny"
    _make_patches(repository, patches, commit)
    _write(root, "data/patches/tiny/upstream.yaml", UPSTREAM.format(url=url, commit=commit, later=later))
    _write(root, "data/templates/tiny/detect.yaml.j2", TEMPLATE)
    _write(root, "data/templates/shared/none.j2", "")
    _write(root, "data/templates/variants.yaml", VARIANTS)
    return Mini(root, repository, url, commit)


def _make_patches(repository: Path, patches: Path, commit: str) -> None:
    git(repository, "checkout", "-q", "-b", "patches", commit)
    _write(repository, "models/yolo.py", YOLO_PY.replace("class Model:", "print('hello')\n\n\nclass Model:"))
    _commit(repository, "Say hello" + TRAILERS)
    _write(
        repository,
        "models/yolo.py",
        (repository / "models/yolo.py").read_text().replace("        module(row)", "        module(row)  # RevCol"),
    )
    _commit(repository, "Register RevCol" + TRAILERS)
    for number, name in ((1, "compat/say-hello"), (0, "revcol/register")):
        text = git(
            repository, "format-patch", "-1", f"HEAD~{number}", "--zero-commit", "--no-signature", "--full-index",
            "--no-stat", "--stdout",
        )  # fmt: skip
        _write(patches, f"{name}.patch", text)
    git(repository, "checkout", "-q", "main")


def _commit(repository: Path, message: str) -> str:
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", message)
    return git(repository, "rev-parse", "HEAD").strip()


def _write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)
