"""Are the numbers the official code's? The same weights and input in both: outputs and gradients compared.

    python benchmarks/parity.py --official ../RevCol
    python benchmarks/parity.py --official ../RevCol --variants t,s --dtype float64 --json

The weights are random (alpha from .1 to .9, norms and biases too), once with a layer scale of 1e-6 and
once with one from .5 to 1, at which the blocks count as much as what passes them by. No stochastic
depth. The loss is the sum of all outputs' squares.

The metric: max|a - b| / max|b| over all elements of one tensor, a being ours in the exact mode, b the
official code's; 0 where both are zero. It is taken of each level's output and of each parameter's
gradient, whose largest is shown with the parameter's name. Exit code 1 if one is above the limit of 1e-5.

b comes from the official code's ordinary mode (save_memory=False). Its reversible mode gives the same
outputs, but its gradients belong to slightly other features: those of the column before, which it takes
back by an inverse that rounds and then magnifies what was rounded by 1 / alpha. How far off they are,
the last columns show in the same metric, its own ordinary mode being b.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from dataclasses import asdict, dataclass, replace

from contenders import (
    VARIANTS,
    Job,
    build,
    checkout,
    chosen,
    difference,
    image_size,
    machine,
    randomize,
    table,
    train_step,
)
from torch import Tensor, nn

from yolopatch.catalog import Catalog

LIMIT = 1e-5
SCALES = {"1e-6": (1e-6, 1e-6), ".5 to 1": (0.5, 1.0)}


@dataclass(frozen=True)
class Row:
    """One variant with one layer scale: relative differences."""

    variant: str
    columns: int
    layer_scale: str
    levels: list[float]
    gradient: float
    parameter: str
    parameters: int
    official_reversible_gradient: float
    official_reversible_parameter: str
    ok: bool


def main() -> int:
    """Compare every variant; 1 if something differs by more than the limit."""
    options = _options()
    warnings.simplefilter("ignore")  # the official code calls names that torch has renamed
    rows = []
    for variant in options.variants:
        for scale in SCALES:
            if not options.quiet:
                print(f"revcol-{variant}, layer scale {scale} ...", file=sys.stderr, flush=True)
            rows.append(_compare(variant, scale, options))
    if options.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
    else:
        _print(rows, options)
    return 0 if all(row.ok for row in rows) else 1


def _compare(variant: str, scale: str, options: argparse.Namespace) -> Row:
    columns = Catalog().variants[f"revcol-{variant}"].columns
    job = Job("official-plain", variant, columns, options.size, options.batch, device=options.device,
              dtype=options.dtype, official=options.official)  # fmt: skip
    official = build(job)
    randomize(official, SCALES[scale])
    weights = official.state_dict()
    outputs, gradients = _run(official, job)
    del official
    ours, our_gradients = _run(build(replace(job, contender="exact"), weights), job)
    levels = [difference(a, b) for a, b in zip(ours, outputs, strict=True)]
    gradient, parameter = _worst(our_gradients, gradients)
    del ours, our_gradients
    _, reversible = _run(build(replace(job, contender="official"), weights), job)
    ok = max(*levels, gradient) <= LIMIT
    return Row(variant, columns, scale, levels, gradient, parameter, len(gradients), *_worst(reversible, gradients), ok)


def _run(model: nn.Module, job: Job) -> tuple[list[Tensor], dict[str, Tensor]]:
    """The outputs, and the gradient of every parameter by its name."""
    seen: list[Tensor] = []
    hook = model.register_forward_hook(lambda _model, _inputs, outputs: seen.extend(o.detach() for o in outputs))
    train_step(model, job.input())
    hook.remove()
    return seen, {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


def _worst(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> tuple[float, str]:
    """The largest difference and where it is; a gradient that only one of the two has is infinitely off."""
    lonely = sorted(ours.keys() ^ theirs.keys())
    if lonely:
        return float("inf"), lonely[0]
    return max((difference(ours[name], value), name) for name, value in theirs.items())


def _print(rows: list[Row], options: argparse.Namespace) -> None:
    facts = machine(options.device)
    print(f"{facts['device']}, {facts['threads']} threads, torch {facts['torch']}; {options.size}x{options.size}, "
          f"batch {options.batch}, {options.dtype}; max|ours - official| / max|official| of each tensor, limit "
          f"{LIMIT:g}\n")  # fmt: skip
    heads = ["variant", "columns", "layer scale", "c0", "c1", "c2", "c3", "worst gradient", "of parameter", "of",
             "", "official reversible: worst gradient", "of parameter"]  # fmt: skip
    lines = [[row.variant, str(row.columns), row.layer_scale, *(f"{level:.1e}" for level in row.levels),
              f"{row.gradient:.1e}", row.parameter, str(row.parameters), "ok" if row.ok else "TOO FAR",
              f"{row.official_reversible_gradient:.1e}", row.official_reversible_parameter]
             for row in rows]  # fmt: skip
    print(table(heads, lines))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--official", type=checkout, metavar="PATH", required=True,
                        help="checkout of the official repository")  # fmt: skip
    parser.add_argument("--variants", type=chosen(VARIANTS), default=["t", "s", "b", "l"], help="default: t,s,b,l")
    parser.add_argument("--size", type=image_size, default=224, help="height and width of the images; default: 224")
    parser.add_argument("--batch", type=int, default=2, help="images; default: 2")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="default: cpu")
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32", help="default: float32")
    parser.add_argument("--json", action="store_true", help="print a list of rows in place of the table")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress on stderr")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
