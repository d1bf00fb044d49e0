"""How far the patches reach: one line a YOLO, by `yolopatch drift`, over its whole history since the oldest pin.

    python benchmarks/reach.py                                  # from upstream's own repositories
    python benchmarks/reach.py --mirrors FOLDER --to v8=8.3.39  # from FOLDER/v5.git, v7.git, v8.git, v9.git
    python benchmarks/reach.py --build --jobs 2                 # build every model too: hours, in as many parts
    python benchmarks/reach.py --releases 8.0.20.. --every 10   # v8's releases in the package registry instead

What is known is kept in the cache, so that a second run takes seconds.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

HEADER = (
    "YOLO",
    "from",
    "to",
    "commits",
    "all patches fit",
    "RevCol's fit",
    "own model runs",
    "of these RevCol's runs",
)


def main() -> None:
    """Print the table, and what is left out."""
    options = _options()
    ends = dict(word.split("=", 1) for word in options.to)
    yolos = options.yolo or (["v8"] if options.releases else ["v5", "v7", "v8", "v9"])
    found = [_drift(yolo, options, ends.get(yolo)) for yolo in yolos]
    print(f"| {' | '.join(HEADER)} |\n|{'---|' * len(HEADER)}")
    for one in found:
        print(f"| {' | '.join(_row(one))} |")
    for one in found:
        _print_left_out(one)


def _drift(yolo: str, options: argparse.Namespace, last: str | None) -> dict[str, Any]:
    words = ["drift", "--yolo", yolo, "--json"]
    words += ["--remote", (options.mirrors / f"{yolo}.git").absolute().as_uri()] if options.mirrors else []
    words += ["--to", last] if last else []
    words += ["--releases", options.releases, "--every", str(options.every)] if options.releases else []
    words += ["--build", "--jobs", str(options.jobs)] if options.build else []
    done = subprocess.run([sys.executable, "-m", "yolopatch", *words], stdout=subprocess.PIPE, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def _row(found: dict[str, Any]) -> tuple[str, ...]:
    count, states = found["commits"], [build["state"] for build in found["builds"]]
    sound = len(states) - states.count("stock-fails")
    built = (_share(sound, len(states)), _share(states.count("runs"), sound)) if states else ("-", "-")
    ends = (found["from"]["date"], found["to"]["date"])
    return (found["yolo"], *ends, str(count), _share(found["covered"], count), _share(found["served"], count), *built)


def _share(part: int, whole: int) -> str:
    return f"{part} ({100 * part / whole:.1f}%)" if whole else "-"


def _print_left_out(found: dict[str, Any]) -> None:
    reasons: dict[tuple[str, str], list[str]] = {}
    for build in found["builds"]:
        if build["state"] != "runs":
            reasons.setdefault((build["state"], build["why"]), []).append(build["commit"][:12])
    for (state, why), commits in sorted(reasons.items()):
        print(f"\n{found['yolo']}, {state}, {len(commits)} commits ({commits[0]} to {commits[-1]}): {why}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--yolo", nargs="+", help="only these; default: v5, v7, v8, v9")
    parser.add_argument("--mirrors", type=Path, help="folder of bare repositories called v5.git, ...")
    parser.add_argument("--to", action="append", default=[], metavar="YOLO=REV", help="last commit; default: HEAD")
    parser.add_argument("--releases", metavar="SPAN", help="releases in place of commits, and the newest of each minor")
    parser.add_argument("--every", type=int, default=1, help="of the releases one in so many; default: all")
    parser.add_argument("--build", action="store_true", help="build the models too")
    parser.add_argument("--jobs", type=int, default=2, help="builds at a time; default: 2")
    return parser.parse_args()


if __name__ == "__main__":
    main()
