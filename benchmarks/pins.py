"""Every pin, both heads, every form: does it apply, build and run forward, and how large is the model?

Prints a Markdown table. Parameters and GFLOPs (twice the multiply-adds, at 640x640) come from the
`forward` level of `yolopatch verify`, one counter for all YOLOs.

    python benchmarks/pins.py --mirrors FOLDER [--yolo v7 v9] [--variant revcol-t]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from yolopatch.catalog import HEADS, Catalog, Pin


def main() -> int:
    """Run the matrix; exit 1 if a cell fails."""
    options = _options()
    catalog = Catalog()
    print("| YOLO | pin | origin | head | form | parameters | GFLOPs | strides |\n|---|---|---|---|---|---|---|---|")
    failed = 0
    for yolo in options.yolo or catalog.supported:
        for pin in catalog.upstream(yolo).pins:
            for head in HEADS:
                failed += _workspace(yolo, pin, head, options)
    print(f"\n{failed} failed", file=sys.stderr)
    return 1 if failed else 0


def _workspace(yolo: str, pin: Pin, head: str, options: argparse.Namespace) -> int:
    origin = ["--origin", "pypi"]
    if pin.origins.git:
        origin = ["--origin", "git"]
        if options.mirrors:
            origin += ["--remote", (options.mirrors / f"{yolo}.git").resolve().as_uri()]
    with tempfile.TemporaryDirectory(prefix="yolopatch-pins-") as folder:
        dest = str(Path(folder) / "w")
        names = ["--yolo", yolo, "--pin", pin.name, "--variant", options.variant, "--head", head]
        made = _run("apply", *names, *origin, "--verify", "none", "--dest", dest)
        if "error" in made:
            print(f"| {yolo} | {pin.name} | {origin[1]} | {head} | | {made['error']['message']} | | |", flush=True)
            return 1
        forms = made["lock"]["configs"]
        return sum(_form(f"| {yolo} | {pin.name} | {origin[1]} | {head}", dest, form) for form in forms)


def _form(start: str, dest: str, form: str) -> int:
    report = _run("verify", dest, "--form", form)
    facts = {key: value for level in report.get("levels", []) for key, value in level["facts"].items()}
    if not report.get("ok"):
        print(f"{start} | {form} | failed | | |", flush=True)
        return 1
    size = f"{facts['parameters'] / 1e6:.2f}M | {facts['gflops']:.1f}"
    print(f"{start} | {form} | {size} | {', '.join(f'{stride:g}' for stride in facts['strides'])} |", flush=True)
    return 0


def _run(*args: str) -> dict[str, Any]:
    done = subprocess.run([sys.executable, "-m", "yolopatch", *args, "--json", "-q"], capture_output=True, text=True)
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mirrors", type=Path, help="folder with v5.git, v7.git, v8.git, v9.git")
    parser.add_argument("--yolo", nargs="*", help="which upstreams; default: all")
    parser.add_argument("--variant", default="revcol-t", help="default: revcol-t")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
