from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for render_cases

from render_cases import values

from yolopatch.render import render


@pytest.fixture
def rendered(tmp_path: Path) -> Callable[[str], str]:
    """Renders a template that is given as text."""

    def run(text: str) -> str:
        (tmp_path / "here").mkdir(exist_ok=True)
        (tmp_path / "here" / "model.j2").write_text(text, encoding="utf-8")
        return render(tmp_path, "here/model.j2", values())

    return run
