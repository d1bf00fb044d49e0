"""The report in a real browser, with no network."""

from __future__ import annotations

import os
import shutil

import pytest

from tests.compare.documents import document, entry, machine, run
from yolopatch.compare.comparison import Comparison

pytest.importorskip("vl_convert", reason="needs vl-convert-python of the extra 'report'")
sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright of the extra 'dev'")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (Debian: apt-get install chromium)")


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    from yolopatch.compare.page import to_html

    columns = [
        {"mode": mode, "bytes": int(count * step * 1e6), "meter": "rss", "columns": count}
        for mode, step in (("exact", 10), ("plain", 40))
        for count in (2, 4, 8)
    ]
    stock = entry(runs=[run("s0"), run("s1", 1)])
    revcol = entry("revcol-x", factor=1.5, runs=[run("s0", 1)])
    revcol["memory"] += columns
    other = document(entry("revcol-y", factor=9.0, latency=[]), machine=machine(host="b" * 12))
    file = tmp_path_factory.mktemp("report") / "report.html"
    file.write_text(to_html(Comparison([document(stock, revcol), other])), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def crowded(tmp_path_factory):
    """Eight models, most of them near each other."""
    from yolopatch.compare.page import to_html

    models = {"v5 stock": (7.2, 558), "v5 revcol-a": (2.1, 359), "v7 stock": (37.6, 2548), "v7 revcol-a": (2.6, 306),
              "v8 stock": (3.2, 269), "v8 revcol-a": (3.1, 340), "v9 stock": (25.5, 2642), "v9 revcol-a": (3.9, 549)}  # fmt: skip # noqa: E501
    entries = []
    for name, (millions, ms) in models.items():
        yolo, variant = name.split()
        rounds = [[ms / 1e3]]
        one = entry(variant, name=name, title=yolo, latency=[{"imgsz": 64, "batch": 1, "rounds": rounds}])
        one["static"]["parameters"] = {"backbone": int(millions * 1e6), "neck": 0, "head": 0}
        entries.append(one)
    file = tmp_path_factory.mktemp("crowded") / "report.html"
    file.write_text(to_html(Comparison([document(*entries)])), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        # Chromium has no sandbox for root.
        arguments = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield started
        started.close()


@pytest.fixture
def page(browser, request):
    """The report, drawn; whatever the console says or the page asks of a network fails the test."""
    options = {"viewport": {"width": 1200, "height": 900}, **getattr(request, "param", {})}
    file = request.getfixturevalue(options.pop("file", "report"))
    context = browser.new_context(offline=True, **options)
    page = context.new_page()
    trouble: list[str] = []
    page.on("console", lambda message: trouble.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("request", lambda asked: asked.url.startswith("file:") or trouble.append(asked.url))
    page.goto(file.as_uri())
    page.wait_for_selector("html[data-drawn]")
    yield page
    context.close()
    assert trouble == []


def names(page):
    return page.locator("#numbers tbody th").all_inner_texts()


def column(page, text):
    return page.get_by_role("button", name=text).first


def test_a_column_sorts_up_and_down_and_says_so(page):
    button = column(page, "parameters")
    head = page.locator("#numbers th", has=button).first
    button.click()
    assert [name.split()[1] for name in names(page)] == ["stock", "revcol-x", "revcol-y"]
    assert head.get_attribute("aria-sort") == "ascending"
    button.click()
    assert [name.split()[1] for name in names(page)] == ["revcol-y", "revcol-x", "stock"]
    assert head.get_attribute("aria-sort") == "descending"
    assert page.locator("#numbers th[aria-sort]").count() == 1
    assert "descending" in page.get_by_role("status").inner_text()


def test_what_is_missing_stands_last_however_it_is_sorted(page):
    for _ in range(2):
        column(page, "latency").click()
        assert names(page)[-1].startswith("tiny revcol-y")


def test_the_table_is_sorted_by_the_keyboard_alone(page):
    column(page, "checkpoint").focus()
    page.keyboard.press("Enter")
    assert page.locator("#numbers th[aria-sort=ascending]").inner_text().startswith("checkpoint")
    assert column(page, "checkpoint").evaluate("one => getComputedStyle(one).outlineStyle") == "solid"


def test_groups_of_columns_can_be_hidden(page):
    assert column(page, "latency").is_visible()
    page.get_by_role("checkbox", name="Speed").uncheck()
    assert not column(page, "latency").is_visible()
    page.get_by_role("checkbox", name="Speed").check()
    assert column(page, "latency").is_visible()


def test_everything_changes_its_language(page):
    assert page.get_by_role("heading", level=1).inner_text() == "Comparison of models"
    page.get_by_role("button", name="中文").click()
    page.wait_for_selector("html[data-drawn=zh]")
    assert page.locator("html").get_attribute("lang") == "zh-CN"
    assert page.get_by_role("heading", level=1).inner_text() == "模型比较"
    assert page.title() == "模型比较"
    assert "延迟" in page.locator("#scatter svg").text_content()
    assert "不同的机器" in page.locator("main").inner_text()
    assert "Numbers" not in page.locator("main").inner_text()
    page.get_by_role("button", name="English").click()
    page.wait_for_selector("html[data-drawn=en]")
    assert "latency" in page.locator("#scatter svg").text_content()


@pytest.mark.parametrize("page", [{"locale": "zh-CN"}], indirect=True)
def test_a_chinese_browser_gets_chinese_first(page):
    assert page.get_by_role("heading", level=1).inner_text() == "模型比较"


def points(page):
    return page.locator("#scatter path[tabindex='0']")


def test_pointing_at_a_model_shows_its_numbers(page):
    points(page).nth(1).hover()
    tooltip = page.locator("#vg-tooltip-element.visible")
    tooltip.wait_for()
    assert "tiny revcol-x p3-p5" in tooltip.inner_text()
    assert "latency" in tooltip.inner_text()


def test_models_are_reached_by_the_tab_key(page):
    page.locator("#up").focus()
    page.keyboard.press("Tab")
    assert "tiny stock p3-p5" in page.locator("#scatter-detail").inner_text()


def test_axes_can_be_chosen(page):
    before = points(page).count()
    page.select_option("#across", "parameters_m")
    page.wait_for_function("document.querySelector('#scatter svg').textContent.includes('parameters (M)')")
    page.wait_for_function(f"document.querySelectorAll('#scatter path[tabindex]').length == {before}")
    assert "mAP50-95" in page.locator("#scatter svg").text_content()


def overlaps(boxes):
    """Pairs of boxes that touch each other."""
    return [
        (one, other)
        for number, one in enumerate(boxes)
        for other in boxes[:number]
        if one["left"] < other["right"] and other["left"] < one["right"]
        and one["top"] < other["bottom"] and other["top"] < one["bottom"]
    ]  # fmt: skip


@pytest.mark.parametrize(
    "page",
    [
        {"file": "crowded", "locale": "en-US", "color_scheme": "light"},
        {"file": "crowded", "locale": "zh-CN", "color_scheme": "dark"},
        {"file": "crowded", "locale": "zh-CN", "viewport": {"width": 480, "height": 900}},
    ],
    indirect=True,
)
def test_names_of_models_that_are_near_stand_apart_and_the_front_has_all_of_its(page):
    assert points(page).count() == 8
    boxes = page.evaluate(
        """[...document.querySelectorAll('#scatter .mark-text text')].filter(one => /^v[5789] /.test(one.textContent))
          .map(one => ({ name: one.textContent, ...one.getBoundingClientRect().toJSON() }))"""
    )
    assert overlaps(boxes) == []
    named = {box["name"] for box in boxes}
    assert named >= {"v8 stock", "v7 revcol-a", "v5 revcol-a", "v7 stock", "v9 stock"}
    page.set_viewport_size({"width": 900, "height": 900})
    page.wait_for_timeout(500)
    again = page.evaluate(
        """[...document.querySelectorAll('#scatter .mark-text text')].filter(one => /^v[5789] /.test(one.textContent))
          .map(one => ({ name: one.textContent, ...one.getBoundingClientRect().toJSON() }))"""
    )
    assert overlaps(again) == []
    assert {box["name"] for box in again} >= {"v8 stock", "v7 revcol-a", "v5 revcol-a"}


@pytest.mark.parametrize(
    "page", [{"file": "crowded"}, {"file": "crowded", "viewport": {"width": 480, "height": 900}}], indirect=True
)
def test_no_axis_shows_a_number_below_zero(page):
    labels = page.locator("#scatter .role-axis-label text").all_text_contents()
    assert "0" in labels
    assert [one for one in labels if one.startswith(("-", "\N{MINUS SIGN}"))] == []


def test_learning_curves_and_memory_over_columns_are_drawn(page):
    assert page.locator("#curves path[aria-roledescription='line mark']").count() == 3
    page.select_option("#curve", "mAP50")
    assert page.locator("#memory path[aria-roledescription='line mark']").count() == 2


def test_a_graph_of_a_model_is_a_table_with_lines(page):
    page.locator("summary").first.click()
    graph = page.locator("details[open]")
    assert graph.locator("tbody tr").count() == 3
    assert graph.locator("svg path").count() == 1


@pytest.mark.parametrize("page", [{"color_scheme": scheme} for scheme in ("light", "dark")], indirect=True)
def test_ink_stands_out_from_the_paper(page, request):
    style = page.evaluate(
        "['color', 'backgroundColor'].map(name => getComputedStyle(document.body)[name].match(/[0-9]+/g).map(Number))"
    )
    ink, paper = (sum(colour[:3]) for colour in style)
    assert abs(ink - paper) > 500
    axis = page.locator("#scatter .role-axis-title text").first
    assert axis.evaluate("one => getComputedStyle(one).fill") == page.evaluate("getComputedStyle(document.body).color")


def test_on_paper_it_is_light_and_without_controls(page):
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.locator("#language").is_visible()
    assert page.pdf().startswith(b"%PDF")


def test_every_heading_control_and_table_has_a_name(page):
    unnamed = page.evaluate(
        """[...document.querySelectorAll('button, select, input, [role=region]')].filter(one =>
          !(one.innerText || one.labels?.length || one.getAttribute('aria-labelledby'))).length"""
    )
    assert unnamed == 0
    dangling = page.evaluate(
        """[...document.querySelectorAll('[aria-describedby], [aria-labelledby]')].filter(one =>
          ['aria-describedby', 'aria-labelledby'].some(name =>
            one.getAttribute(name) && !document.getElementById(one.getAttribute(name)))).length"""
    )
    assert dangling == 0
