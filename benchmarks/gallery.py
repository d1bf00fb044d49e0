"""The picture of a report of `yolopatch compare` that the README shows, in English and in Chinese.

Opens the report in Chromium, with no network, as a reader would, and takes its upper part. The other pictures of the
README are what commands write by themselves: `yolopatch drift --picture` and benchmarks/keeps.py (`yolopatch inspect`).

    python benchmarks/gallery.py compare.html --docs docs
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
NAMES = {"en-GB": "compare-report.png", "zh-CN": "compare-report-zh.png"}
COLOURS = 128


def main() -> None:
    """Take both pictures."""
    options = _options()
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        sys.exit("no Chromium is installed (Debian, Ubuntu: apt install chromium)")
    with sync_playwright() as playwright:
        # Chromium has no sandbox for root.
        arguments = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        for locale, name in NAMES.items():
            _take(browser, options.report.absolute(), locale, options.height, options.docs / name)
        browser.close()


def _take(browser: Browser, report: Path, locale: str, height: int, path: Path) -> None:
    view = {"width": 1200, "height": height}
    context = browser.new_context(offline=True, locale=locale, viewport=view, color_scheme="light")
    page = context.new_page()
    page.goto(report.as_uri())
    page.wait_for_selector("html[data-drawn]")
    taken = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    taken.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    context.close()
    print(f"{path}: {taken.width}x{taken.height}, {path.stat().st_size / 1000:.0f} kB")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path, help="the HTML file that compare wrote")
    parser.add_argument("--docs", type=Path, default=Path("docs"), help="where the pictures go; default: docs")
    parser.add_argument("--height", type=int, default=1100, metavar="N", help="pixels; default: 1100")
    return parser.parse_args()


if __name__ == "__main__":
    main()
