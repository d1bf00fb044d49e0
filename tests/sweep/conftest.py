"""The small upstreams, made once."""

from __future__ import annotations

import pytest

from tests.sweep import small


@pytest.fixture(scope="package")
def place(tmp_path_factory: pytest.TempPathFactory) -> small.Place:
    return small.make(tmp_path_factory.mktemp("sweep"))


@pytest.fixture
def done(place: small.Place) -> small.Place:
    """A finished sweep of two cells, that nothing disturbed."""
    place.write(grid=small.PAIR)
    if not place.dest.exists():
        run = place.run()
        assert run.returncode == 0, run.stdout + run.stderr
    return place
