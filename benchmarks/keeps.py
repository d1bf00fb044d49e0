"""What each YOLO's backbone keeps of a picture, stock and RevCol: the figures and the table of docs/inspect.md.

Looks into the models that benchmarks/small_objects.py trained (its folder `--work`): one run of the stock model and one
of plain RevCol a YOLO, trained and with random weights, by `yolopatch inspect`, whose inspect.json has every number.

    python benchmarks/small_objects.py --work FOLDER --jobs 2 --arm stock revcol
    python benchmarks/keeps.py --work FOLDER --figures docs
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

YOLOS = ("v5", "v7", "v8", "v9")
IMAGES, SIZE = 250, 96
Model = dict[str, Any]

HEAD = (
    "YOLO", "model", "mAP50 on val", "first feature", "stride 8, 16, 32", "what the neck takes", "columns 1 to 4",
    "CKA with the input, last", "CKA with the label, highest",
)  # fmt: skip


def main() -> None:
    """Inspect every pair and print the table."""
    options = _options()
    print(f"| {' | '.join(HEAD)} |\n|{'---|' * len(HEAD)}", flush=True)
    for yolo in options.yolo:
        for random in (False, True):
            with tempfile.TemporaryDirectory() as scratch:
                out = Path(scratch) / "inspect"
                models = _inspect(options.work, yolo, options.run, out, random)
                for model in models:
                    print(f"| {yolo} | {' | '.join(_cells(model, options.work, yolo, options.run))} |", flush=True)
                if options.figures and not random:
                    shutil.copy(out / "depth.svg", options.figures / f"inspect-depth-{yolo}.svg")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="folder of benchmarks/small_objects.py")
    parser.add_argument("--run", type=int, default=0, help="which seed's runs")
    parser.add_argument("--yolo", nargs="+", default=YOLOS, help="only these; default: all")
    parser.add_argument("--figures", type=Path, help="folder for inspect-depth-YOLO.svg")
    return parser.parse_args()


def _inspect(work: Path, yolo: str, seed: int, out: Path, random: bool) -> list[Model]:
    revcol, stock = work / f"{yolo}-revcol", work / f"{yolo}-stock"
    weights = ("--random",)
    if not random:
        weights = (
            "--weights",
            str(_best(revcol, f"revcol-{seed}")),
            "--against-weights",
            str(_best(stock, f"stock-{seed}")),
        )
    command = [sys.executable, "-m", "yolopatch", "inspect", str(revcol), "--against", str(stock), *weights]
    shape = ("--data", str(work / "data/data.yaml"), "--images", str(IMAGES), "--imgsz", str(SIZE))
    done = subprocess.run([*command, *shape, "--out", str(out), "--json", "-q"], stdout=subprocess.PIPE, check=True)
    models: list[Model] = json.loads(done.stdout)["models"]
    return models


def _best(workspace: Path, run: str) -> Path:
    found = sorted((workspace / "runs" / run).rglob("best.pt"))
    if len(found) != 1:
        sys.exit(f"{workspace}/runs/{run}: no trained weights; run benchmarks/small_objects.py first")
    return found[0]


def _cells(model: Model, work: Path, yolo: str, seed: int) -> list[str]:
    scores = {one["name"]: one["score"] for one in model["features"]}
    kind = "revcol" if model["revcol"] else "stock"
    run = json.loads((work / f"{yolo}-{kind}/runs/{kind}-{seed}/run.json").read_text())
    variant, *_ = (word for word in model["name"].split() if not word.startswith("YOLO"))
    first, last = model["features"][0]["name"], model["features"][-1]["name"]
    label = max((score["cka_label"] or 0.0, name) for name, score in scores.items())
    return [
        variant + (", random" if model["random_weights"] else ""),
        "" if model["random_weights"] else f"{run['best']['mAP50']:.3f}",
        _r2(scores[first]["rebuilt"]),
        ", ".join(_r2(scores[name]["rebuilt"]) for name in model["neck"]["features"]),
        _r2(model["neck"]),
        ", ".join(_r2(column) for column in model["columns"]),
        f"{scores[last]['cka_input']:.3f}",
        f"{label[0]:.3f} ({label[1]})",
    ]


def _r2(rebuilt: dict[str, Any]) -> str:
    return f"{rebuilt['r2']:.3f}"


if __name__ == "__main__":
    main()
