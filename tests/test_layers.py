"""The rooms of the project know only the rooms below them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from yolopatch.catalog import Catalog

PACKAGE = Path(__file__).parent.parent / "yolopatch"
ROOMS = (
    *("cli", "workflows", "catalog", "validation", "sweep", "drift", "sources", "series", "render", "workspace"),
    *("verify", "runs", "evaluation", "inspection", "datasets", "compare", "messages", "payload"),
)
FILES = sorted(PACKAGE.rglob("*.py"))


def imports(file: Path) -> set[str]:
    """Absolute names of the modules that `file` imports."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parts = ("yolopatch", *file.relative_to(PACKAGE).parts[:-1])
            base = parts[: len(parts) - node.level + 1] if node.level else ()
            found.add(".".join([*base, *([node.module] if node.module else [])]))
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(PACKAGE).as_posix())
def test_imports_point_down(file):
    room = file.relative_to(PACKAGE).parts[0]
    if room not in ROOMS:
        room = None
    for name in imports(file):
        parts = name.split(".")
        if parts[0] != "yolopatch" or len(parts) < 2 or parts[1] not in ROOMS:
            continue
        assert room is not None or file.name == "__main__.py", f"{file.name} is below all rooms and imports {name}"
        if room is not None:
            assert ROOMS.index(parts[1]) >= ROOMS.index(room), f"{room} imports {name}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(PACKAGE).as_posix())
def test_only_git_py_runs_git(file):
    if file.name != "git.py" or file.parent != PACKAGE:
        assert not {"git", "git.cmd"} & imports(file)


def test_the_payload_imports_torch_and_nothing_of_ours():
    for file in (PACKAGE / "payload" / "revcol").glob("*.py"):
        for name in imports(file):
            assert not name.startswith("yolopatch") or name.startswith("yolopatch.payload.revcol"), (file, name)


def test_no_code_knows_a_yolo_by_name():
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Compare):
                values = [ast.literal_eval(c) for c in node.comparators if isinstance(c, ast.Constant)]
                assert not {*Catalog().yolos} & {value for value in values if isinstance(value, str)}, file


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(PACKAGE).as_posix())
def test_no_file_is_longer_than_400_lines(file):
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 400
