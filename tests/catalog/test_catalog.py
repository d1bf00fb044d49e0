"""Every file of the real catalog is valid and complete."""

from __future__ import annotations

import pytest

from yolopatch.catalog import HEADS, Catalog, Upstream
from yolopatch.series.patchfile import read_patch
from yolopatch.workflows.listing import listing
from yolopatch.workflows.plan import make_plan
from yolopatch.workflows.render import render_form

CATALOG = Catalog()
PINS = {
    "v5": {"v7.0": "915bbf29", "v6.2": "d3ea0df8", "v6.1": "3752807c", "master": "5081342f"},
    "v7": {"main": "a207844b", "v0.1": "9a00c173"},
    "v8": {
        "8.3.39": "e6099221", "8.3.20": "f4d8f776", "8.3.0": "6e43d1e1", "8.2.103": "25307552", "8.2.50": "26a664f6",
        "8.1.34": "5be2ffbd", "8.1.0": "808984c6", "8.0.196": "e7f06587", "8.0.100": "dce4efce", "8.0.20": "15b3b036",
    },
    "v9": {"main": "5b1ea9a8", "v0.1": "5b10b509"},
    "v10": {"main": "453c6e38"},
}  # fmt: skip


def test_there_are_four_yolos_and_one_that_is_experimental():
    assert CATALOG.supported == ("v5", "v7", "v8", "v9")
    assert CATALOG.yolos == (*CATALOG.supported, "v10")


@pytest.mark.parametrize(
    ("status", "checked"),
    [("experimental", None), ("experimental", " "), ("supported", "it runs"), ("odd", "it runs")],
)
def test_an_experimental_yolo_and_no_other_says_what_was_checked(status, checked):
    data = CATALOG.upstream("v9").model_dump()
    with pytest.raises(ValueError, match=r"checked: says what|Input should be 'supported' or 'experimental'"):
        Upstream.model_validate({**data, "status": status, "checked": checked})
    good = Upstream.model_validate({**data, "status": "experimental", "checked": "it runs"})
    assert good.experimental
    assert not CATALOG.upstream("v9").experimental


@pytest.mark.parametrize("yolo", CATALOG.yolos)
def test_every_pin_is_there(yolo):
    found = {pin.name: pin.commit for pin in CATALOG.upstream(yolo).pins if pin.commit}
    for name, commit in PINS[yolo].items():
        assert found[name].startswith(commit)


def test_the_newest_release_of_v8_comes_from_the_registry_alone():
    releases = [pin for pin in CATALOG.upstream("v8").pins if not pin.origins.git]
    assert [pin.origins.pypi.project for pin in releases] == ["ultralytics"]


@pytest.mark.parametrize("yolo", CATALOG.yolos)
def test_every_pin_has_its_patches_and_each_has_a_proper_header(yolo):
    upstream = CATALOG.upstream(yolo)
    for pin in upstream.pins:
        for origin in ("git", "pypi"):
            series = CATALOG.series(upstream, pin, origin, ("compat", "revcol"))
            assert [one.kind for one in series].count("revcol") == 1
            assert series[-1].kind == "revcol"
            assert all(read_patch(file) for file in CATALOG.patch_files(upstream, series))


@pytest.mark.parametrize("yolo", CATALOG.yolos)
def test_no_patch_lies_about_unused(yolo):
    upstream = CATALOG.upstream(yolo)
    used = {name for series in upstream.series for name in series.patches}
    folder = CATALOG.patches / yolo
    there = {path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.patch")}
    assert there == used


@pytest.mark.parametrize("yolo", CATALOG.yolos)
def test_every_default_pin_can_be_had_from_git_and_from_the_registry(yolo):
    upstream = CATALOG.upstream(yolo)
    origins = CATALOG.pin(upstream, None).origins
    assert origins.git
    assert origins.pypi is not None


@pytest.mark.parametrize("yolo", CATALOG.yolos)
def test_every_form_can_be_verified(yolo):
    spec = CATALOG.probe(yolo)
    assert [spec.for_form(form.name) for form in CATALOG.upstream(yolo).forms]


def test_the_paper_variants_are_the_papers():
    rows = {name: (v.channels, v.blocks, v.columns) for name, v in CATALOG.variants.items()}
    assert rows["revcol-t"] == ((64, 128, 256, 512), (2, 2, 4, 2), 4)
    assert rows["revcol-s"] == ((64, 128, 256, 512), (2, 2, 4, 2), 8)
    assert rows["revcol-b"] == ((72, 144, 288, 576), (1, 1, 3, 2), 16)
    assert rows["revcol-l"] == ((128, 256, 512, 1024), (1, 2, 6, 2), 8)
    assert rows["revcol-xl"] == ((224, 448, 896, 1792), (1, 2, 6, 2), 8)
    assert rows["revcol-h"] == ((360, 720, 1440, 2880), (1, 2, 6, 2), 8)
    assert {"revcol-a", "revcol-f", "revcol-p", "revcol-n"} <= set(rows)


@pytest.mark.parametrize("yolo", CATALOG.yolos)
@pytest.mark.parametrize("head", HEADS)
def test_every_form_renders_for_every_variant(yolo, head):
    for variant in CATALOG.variants:
        plan = make_plan(CATALOG, yolo, variant, head=head)
        assert all(render_form(CATALOG, plan, form).text for form in plan.forms)


def test_the_listing_shows_all_of_it():
    data = listing().to_json()
    status = {one["yolo"]: one["status"] for one in data["upstreams"]}
    assert list(status) == list(CATALOG.yolos)
    assert [yolo for yolo in status if status[yolo] == "experimental"] == ["v10"]
    assert data["upstreams"][-1]["checked"] == CATALOG.upstream("v10").checked
    assert data["variants"][0]["name"] == "stock"
