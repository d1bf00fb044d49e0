"""Trains what is missing, each run by the commands that a user would type."""

from __future__ import annotations

import csv
import functools
import json
import os
import platform
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

from small_objects.design import Design, Run
from small_objects.records import Record, Records

_CURVES = ("mAP50", "mAP50-95")


class CommandFailed(Exception):
    """A command of ours ended with an error."""


def train_all(design: Design, runs: list[Run], records: Records, work: Path, jobs: int) -> int:
    """Train those of `runs` that have no record, `jobs` at a time; 1 if one of them failed."""
    work.mkdir(parents=True, exist_ok=True)
    missing = records.missing(runs)
    print(f"{len(runs) - len(missing)} of {len(runs)} runs are done", flush=True)
    if not (work / "data").exists():
        data = design.data
        size = ("--images", data.images, "--size", data.size, "--digits", data.digits, "--seed", data.seed)
        _yolopatch("data", "demo", work / "data", *size)
    for run in missing:  # before any training, since two runs may share a workspace
        _workspace(design, run, work)
    with ThreadPoolExecutor(jobs) as pool:
        failed = [line for line in pool.map(lambda run: _one(design, run, records, work), missing) if line]
    print("\n".join(failed), end="\n" if failed else "")
    return 1 if failed else 0


def _one(design: Design, run: Run, records: Records, work: Path) -> str | None:
    start = time.monotonic()
    try:
        found = _train(design, run, work)
    except CommandFailed as error:
        return f"{run.yolo} {run.name}: {error}"
    records.add(run, found)
    test = found["test"]
    seconds = time.monotonic() - start
    print(f"{run.yolo} {run.name}: test mAP50 {test['mAP50']:.3f}, {seconds:.0f} s", flush=True)
    return None


def _train(design: Design, run: Run, work: Path) -> Record:
    yolo = design.yolos[run.yolo]
    folder = _workspace(design, run, work)
    data = work / "data" / "data.yaml"
    shape = ("--imgsz", design.data.size, "--batch", design.batch, "--workers", 0, "--device", "cpu", "--no-check")
    place = folder / "runs" / run.name
    if (place / "run.json").is_file() and json.loads((place / "run.json").read_text())["status"] != "finished":
        place.rename(place.with_name(f"{place.name}-broken-{int(time.time())}"))  # a random state cannot be resumed
    if not place.exists():
        hyp = _hyp(design, run, folder)
        revcol = design.arm(run.arm).model == "revcol"
        own = yolo.revcol_arguments if revcol else ()
        epochs = yolo.epochs if revcol else yolo.stock_epochs or yolo.epochs
        further = (*yolo.arguments, *own, *(("--hyp", hyp) if hyp else ()))
        budget = ("--epochs", epochs, "--seed", run.seed, "--name", run.name)
        _yolopatch("train", folder, "--data", data, *shape, *budget, "--", *further)
    score = _yolopatch("val", folder, "--run", run.name, "--data", data, "--split", "test", "--json", *shape)
    return {**_of_run(place), "test": _scores(json.loads(score)), "facts": _facts(folder)}


def _workspace(design: Design, run: Run, work: Path) -> Path:
    folder = work / f"{run.yolo}-{run.arm}"
    if folder.exists():
        return folder
    arm = design.arm(run.arm)
    options = [word for name, value in arm.options.items() for word in ("--set", f"{name}={json.dumps(value)}")]
    model = ("--yolo", run.yolo, "--variant", design.variant(run.yolo, arm), "--head", arm.head)
    classes = len(design.data.digits)
    _yolopatch("apply", *model, *options, "--nc", classes, "--dest", folder, "--verify", "none")
    return folder


def _hyp(design: Design, run: Run, folder: Path) -> Path | None:
    hyp = design.yolos[run.yolo].hyp
    if hyp is None:
        return None
    stock = hyp.stock if design.arm(run.arm).model == "stock" else {}
    changed = {**yaml.safe_load((folder / hyp.base).read_text(encoding="utf-8")), **hyp.set, **stock}
    path = folder.with_name(f"{folder.name}-hyp.yaml")
    path.write_text(yaml.safe_dump(changed), encoding="utf-8")
    return path


def _of_run(place: Path) -> Record:
    record = json.loads((place / "run.json").read_text(encoding="utf-8"))
    with (place / "results.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {
        "epochs": len(rows),
        "curves": {name: [float(row[name]) for row in rows] for name in _CURVES},
        "val": {name: record["best"].get(name) for name in ("epoch", *_CURVES, "AP", "AP-small")},
        "seconds": record["seconds"],
        "peak_memory_bytes": max(int(row["peak_memory_bytes"] or 0) for row in rows),
        "versions": record["versions"],
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }


def _scores(found: dict[str, Any]) -> Record:
    """Upstream's numbers, and COCO's by size; no paths of this machine."""
    sizes = found["by_size"] or {}
    small = {"AP": sizes.get("AP") or 0.0, "AP-small": sizes.get("AP_small") or 0.0}
    return {**{name: found[name] for name in ("precision", "recall", "mAP50", "mAP50-95")}, **small}


@functools.cache
def _facts(folder: Path) -> Record:
    """Of a workspace, whatever the seed: parameters, and GFLOPs at 640x640 as the probe counts them."""
    done = json.loads(_yolopatch("verify", folder, "--level", "forward", "--json"))
    facts = {key: value for level in done["levels"] for key, value in level["facts"].items()}
    return {"parameters": facts["parameters"], "gflops": facts["gflops"]}


def _yolopatch(*words: object) -> str:
    """Run a command of ours on one core; its standard output."""
    one = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    command = [sys.executable, "-m", "yolopatch", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **one}, check=False)
    if done.returncode:
        raise CommandFailed(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"exit {done.returncode}")
    return done.stdout
