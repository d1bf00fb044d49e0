"""A package index in a folder that has releases of the miniature upstream."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

from tests.mini import YOLO_PY, Mini

MOVED = YOLO_PY.replace("\n\n\ndef", "\n\n\nX = 1\n\n\ndef")
BROKEN = YOLO_PY.replace("module(row)", "module(*row)")
VERSIONS = {
    "1.0.0": YOLO_PY,
    "1.0.1": YOLO_PY,
    "1.0.2": MOVED,
    "1.1.0": MOVED,
    "1.1.1": MOVED,
    "2.0.0": BROKEN,
    "2.0.1": BROKEN,
    "2.1.0rc1": YOLO_PY,
}


def make_index(tiny: Mini, root: Path) -> dict[str, str]:
    """Make it, and tell the catalog of it; gives the environment of a user who takes packages from there."""
    folder = root / "index" / "tinyyolo"
    folder.mkdir(parents=True)
    links = []
    for version, text in VERSIONS.items():
        file = folder / f"tinyyolo-{version}-py3-none-any.whl"
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("models/yolo.py", text)
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        links.append(f'<a href="{file.as_uri()}#sha256={digest}">{file.name}</a>')
    (folder / "index.html").write_text(f"<html><body>{''.join(links)}</body></html>")
    yaml = tiny.upstream_yaml.read_text()
    own = "releases: {project: tinyyolo, layout: own}\nlayouts: {own: {moves: [{source: models, target: models}]}}\n"
    tiny.upstream_yaml.write_text(yaml.replace("series:\n", f"{own}series:\n", 1))
    return {"PIP_INDEX_URL": folder.parent.as_uri(), "PIP_CONFIG_FILE": "/dev/null"}
