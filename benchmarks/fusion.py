"""What the ways of joining a level's inputs cost: parameters and multiply-adds of every RevCol variant's backbone.

Counted, not measured, on the meta device: no weights are made and nothing is computed. GMACs are half
of what torch's own counter calls flops, at 640x640, batch 1; it counts convolutions and matrix products
and leaves out what works element by element (norms, GELU, the products with the weights).

    python benchmarks/fusion.py [--json] [--variant revcol-s ...] [--size 640]
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from yolopatch.catalog import Catalog, Variant
from yolopatch.payload.revcol import RevCol
from yolopatch.payload.revcol.settings import FUSIONS


@dataclass(frozen=True)
class Row:
    """One variant with one fusion."""

    variant: str
    fusion: str
    parameters: int
    gmacs: float


def main() -> None:
    """Count every variant that was asked for and print a table or JSON."""
    options = _options()
    variants = Catalog().variants
    rows = [_count(variants[name], fusion, options.size) for name in options.variant for fusion in FUSIONS]
    if options.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
        return
    _print(rows)


def _count(variant: Variant, fusion: str, size: int) -> Row:
    with torch.device("meta"), torch.no_grad():
        model = RevCol(variant.channels, variant.blocks, variant.columns, {**variant.options, "fusion": fusion}).eval()
        with FlopCounterMode(display=False) as counter:
            model(torch.empty(1, 3, size, size))
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return Row(variant.name, fusion, parameters, counter.get_total_flops() / 2 / 1e9)


def _print(rows: list[Row]) -> None:
    heads = [f"{fusion}: {what}" for fusion in FUSIONS for what in ("parameters", "GMACs")]
    print(f"| variant | {' | '.join(heads)} |\n|{'---|' * (1 + len(heads))}")
    for variant in dict.fromkeys(row.variant for row in rows):
        cells = [f"{row.parameters / 1e6:.3f}M | {row.gmacs:.2f}" for row in rows if row.variant == variant]
        print(f"| {variant} | {' | '.join(cells)} |")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = list(Catalog().variants)
    parser.add_argument("--variant", nargs="+", choices=names, default=names, help="which variants; default: all")
    parser.add_argument("--size", type=int, default=640, help="height and width of the image; default: 640")
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    return parser.parse_args()


if __name__ == "__main__":
    main()
