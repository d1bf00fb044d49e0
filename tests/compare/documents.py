"""Measurements as a file of `--save` has them, made up."""

from __future__ import annotations

from typing import Any

from yolopatch.compare.model import Document

HOSTILE = "<b>|`x`</script>&_%{"


def machine(**changes: Any) -> dict[str, Any]:
    """Where it was measured."""
    facts = {
        "host": "aaaaaaaaaaaa",
        "system": "Linux x86_64",
        "cpu": "Some CPU",
        "cores": 2,
        "threads": 2,
        "device": "cpu",
        "gpu": None,
        "torch": "2.9.0",
        "python": "3.12.1",
    }
    return {**facts, **changes}


def run(name: str = "train", seed: int = 0, **changes: Any) -> dict[str, Any]:
    """A finished training of two epochs."""
    metrics = {"mAP50": 0.5 + seed / 10, "mAP50-95": 0.3, "AP-small": 0.1}
    facts = {
        "name": name,
        "seed": seed,
        "epochs": 2,
        "imgsz": 64,
        "batch": 4,
        "device": "cpu",
        "data": "digits/data.yaml 01234567",
        "classes": ["zero", "one"],
        "metrics": metrics,
        "curve": [{"epoch": 1.0, "mAP50": 0.2}, {"epoch": 2.0, "mAP50": 0.5 + seed / 10}],
    }
    return {**facts, **changes}


def entry(variant: str = "stock", *, factor: float = 1.0, **changes: Any) -> dict[str, Any]:
    """A model whose times are `factor` times those of another."""
    reversible = not variant.startswith("stock")
    modes = ("exact", "plain") if reversible else ("plain",)
    rounds = [[0.1 * factor, 0.12 * factor], [0.2 * factor, 0.22 * factor]]
    facts = {
        "name": f"tiny {variant} p3-p5",
        "yolo": "tiny",
        "title": "YOLOtiny",
        "pin": "v1",
        "variant": variant,
        "head": "p3-p5",
        "form": "detect",
        "classes": 2,
        "commit": "c" * 40,
        "edited": False,
        "static": {
            "parameters": {"backbone": int(1e6 * factor), "neck": 500_000, "head": 250_000},
            "counted": {"64": {"convolution": 1.5 * factor, "addmm": 0.5}},
            "counted_parts": {"64": {"backbone": 1.5 * factor, "neck": 0.25, "head": 0.25}},
            "rows": [
                {"inputs": [-1], "kind": "Stem", "part": "backbone", "parameters": 1_000_000},
                {"inputs": [0], "kind": "Conv", "part": "neck", "parameters": 500_000},
                {"inputs": [1, 0], "kind": "Detect", "part": "head", "parameters": 250_000},
            ],
            "reversible": reversible,
            "file_bytes": int(3e6 * factor),
        },
        "latency": [{"imgsz": 64, "batch": 1, "rounds": rounds}],
        "training": [{"mode": mode, "rounds": rounds} for mode in modes],
        "memory": [{"mode": mode, "bytes": int(5e7 * factor), "meter": "rss"} for mode in modes],
        "onnx": {"imgsz": 64, "bytes": int(6e6 * factor), "export_seconds": 2.0, "rounds": rounds},
    }
    return {**facts, **changes}


def document(*entries: dict[str, Any], **changes: Any) -> Document:
    """One measuring."""
    facts = {
        "yolopatch": "0.1.0",
        "made": "2026-01-02T03:04+00:00",
        "seconds": 12.0,
        "machine": machine(),
        "load": [0.5, 1.0],
        "how": {"imgsz": [64], "train_imgsz": 64, "rounds": 2},
        "entries": entries or (entry(), entry("revcol-x", factor=1.5)),
    }
    return Document.model_validate({**facts, **changes})
