"""What `yolopatch apply` costs: wall time cold and warm, bytes fetched, disk used.

Beside it, in the same run and on the same remotes, what a person would do by hand: `git clone`,
`git checkout`, `git apply` of the same patches. Runs are interleaved (ours, theirs, ours, ...).

    python benchmarks/apply.py                        # upstream's own hosts
    python benchmarks/apply.py --mirrors FOLDER       # FOLDER/v5.git, v7.git, v8.git, v9.git
    python benchmarks/apply.py --mirrors FOLDER --json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from yolopatch.catalog import Catalog

VARIANT = "revcol-s"


@dataclass(frozen=True)
class Row:
    """One upstream; seconds are medians, bytes and disk in megabytes (1e6)."""

    yolo: str
    contender: str
    cold_s: float | None
    warm_s: float | None
    fetched_mb: float | None
    disk_mb: float | None
    remark: str = ""


def main() -> None:
    """Measure every upstream that was asked for and print a table or JSON."""
    options = _options()
    rows: list[Row] = []
    for yolo in options.yolo:
        print(f"measuring {yolo} ...", file=sys.stderr)
        with tempfile.TemporaryDirectory(prefix="yolopatch-bench-") as folder:
            rows += _measure(yolo, options.mirrors, options.repeat, Path(folder))
    if options.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
        return
    _print(rows, options.repeat)


def _measure(yolo: str, mirrors: Path | None, repeat: int, work: Path) -> list[Row]:
    catalog = Catalog()
    upstream = catalog.upstream(yolo)
    pin = catalog.pin(upstream, None)
    assert pin.commit is not None
    url = (mirrors / f"{yolo}.git").resolve().as_uri() if mirrors else upstream.repository
    series = catalog.series(upstream, pin, "git", ("compat", "revcol"))
    patches = [str(file) for file in catalog.patch_files(upstream, series)]
    ours, cache = work / "ours", work / "cache"
    cold = [_timed(lambda: _apply(yolo, url, ours, cache), ours, cache) for _ in range(repeat)]
    by_hand, remark, clone_mb, clone_disk = _clone(url, pin.commit, work / "clone", patches, repeat)
    pristine = _pristine(cache, work / "pristine")
    warm: list[float] = []
    plain: list[float] = []
    for _ in range(repeat):
        warm.append(_timed(lambda: _apply(yolo, url, ours, cache), ours))
        plain.append(_timed(lambda: _git_apply(pristine, work / "plain", patches), work / "plain"))
    fetched = _received(cache)
    return [
        Row(yolo, "yolopatch apply", _median(cold), _median(warm), fetched, _size(ours) + _size(cache)),
        Row(yolo, "git clone + git apply", by_hand, None, clone_mb, clone_disk, remark),
        Row(yolo, "copy + git apply", None, _median(plain), None, _size(work / "plain"), "no commit, payload or YAML"),
    ]


def _apply(yolo: str, url: str, dest: Path, cache: Path) -> None:
    command = [sys.executable, "-m", "yolopatch", "apply", "--yolo", yolo, "--variant", VARIANT, "--origin", "git"]
    environment = {**os.environ, "YOLOPATCH_CACHE": str(cache)}
    subprocess.run([*command, "--remote", url, "--verify", "none", "--dest", str(dest), "-q"], env=environment,
                   check=True, stdout=subprocess.DEVNULL)  # fmt: skip


def _clone(
    url: str, commit: str, dest: Path, patches: list[str], repeat: int
) -> tuple[float | None, str, float | None, float | None]:
    def by_hand() -> None:
        _git(["clone", "--quiet", url, str(dest)])
        _git(["checkout", "--quiet", commit], dest)
        _git(["apply", *patches], dest)

    try:
        seconds = [_timed(by_hand, dest) for _ in range(repeat)]
    except subprocess.CalledProcessError as error:
        lines = error.stderr.decode(errors="replace").strip().splitlines()
        return None, f"failed: {lines[-1] if lines else error.returncode}", None, None
    packs = sum(pack.stat().st_size for pack in (dest / ".git/objects/pack").glob("*.pack")) / 1e6
    return _median(seconds), "", packs, _size(dest)


def _pristine(cache: Path, dest: Path) -> Path:
    (tree,) = (cache / "trees").iterdir()
    shutil.copytree(tree / "files", dest)
    return dest


def _git_apply(pristine: Path, dest: Path, patches: list[str]) -> None:
    shutil.copytree(pristine, dest)
    _git(["init", "--quiet", "."], dest)
    _git(["apply", *patches], dest)


def _git(args: list[str], cwd: Path | None = None) -> None:
    subprocess.run(["git", *args], cwd=cwd, check=True, capture_output=True)


def _timed(action: Callable[[], None], *made: Path) -> float:
    """Seconds that `action` takes; what an earlier run made is deleted first."""
    for folder in made:
        shutil.rmtree(folder, ignore_errors=True)
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def _received(cache: Path) -> float:
    (manifest,) = (cache / "trees").glob("*/manifest.json")
    return float(json.loads(manifest.read_text())["provenance"]["received"]) / 1e6


def _size(folder: Path) -> float:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def _median(values: list[float]) -> float:
    return statistics.median(values)


def _print(rows: list[Row], repeat: int) -> None:
    git = subprocess.run(["git", "version"], capture_output=True, text=True, check=True).stdout.split()[2]
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, git {git}; "
          f"medians of {repeat}; {VARIANT}, --verify none")  # fmt: skip
    print(f"{'':<4} {'':<22} {'cold s':>7} {'warm s':>7} {'fetched MB':>11} {'disk MB':>8}")
    for row in rows:
        cells = [_cell(value) for value in (row.cold_s, row.warm_s, row.fetched_mb, row.disk_mb)]
        numbers = f"{cells[0]:>7} {cells[1]:>7} {cells[2]:>11} {cells[3]:>8}"
        print(f"{row.yolo:<4} {row.contender:<22} {numbers}  {row.remark}")


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mirrors", type=Path, help="folder with v5.git, v7.git, v8.git, v9.git")
    parser.add_argument(
        "--yolo",
        nargs="*",
        default=list(Catalog().supported),
        help="which upstreams; default: all that are not experimental",
    )
    parser.add_argument("--repeat", type=int, default=3, help="runs of each; default: 3")
    parser.add_argument("--json", action="store_true", help="print a list of rows")
    return parser.parse_args()


if __name__ == "__main__":
    main()
