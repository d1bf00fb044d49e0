"""The learning curves as a picture."""

from __future__ import annotations

import statistics
from pathlib import Path

import matplotlib.pyplot as plt

from small_objects.design import Design
from small_objects.records import Record

_METRIC = "mAP50"


def draw(design: Design, records: list[Record], path: Path) -> None:
    """One panel a YOLO, one line an arm: the mean over seeds of val mAP50, and the lowest and highest as a band."""
    plt.rcParams.update({"svg.hashsalt": "small-objects", "svg.fonttype": "none", "font.size": 9})
    figure, panels = plt.subplots(1, len(design.yolos), figsize=(4 * len(design.yolos), 3.4), sharey=True)
    colours = _colours(design)
    for panel, yolo in zip(panels, design.yolos, strict=True):
        for arm in design.arms:
            curves = [r["curves"][_METRIC] for r in records if r["yolo"] == yolo and r["arm"] == arm.name]
            if not curves:
                continue
            epochs = range(1, len(curves[0]) + 1)
            columns = list(zip(*curves, strict=True))
            dashes = "--" if arm.model == "stock" else "-"
            panel.plot(epochs, [statistics.mean(c) for c in columns], dashes, color=colours[arm.name], label=arm.name)
            panel.fill_between(
                epochs, list(map(min, columns)), list(map(max, columns)), color=colours[arm.name], alpha=0.1
            )
        panel.set(title=yolo, xlabel="epoch")
        panel.grid(alpha=0.3)
    panels[0].set_ylabel(f"{_METRIC} on val")
    handles = {label: line for panel in panels for line, label in zip(*panel.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="lower center", ncols=len(handles), frameon=False)
    figure.tight_layout(rect=(0, 0.08, 1, 1))
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _colours(design: Design) -> dict[str, str]:
    """For each arm: greys for stock models, matplotlib's ten, but its grey, in turn for the others."""
    stock = [arm.name for arm in design.arms if arm.model == "stock"]
    others = [arm.name for arm in design.arms if arm.model != "stock"]
    greys = {name: f"{0.5 * place / max(len(stock) - 1, 1):.2f}" for place, name in enumerate(stock)}
    palette = [f"C{number}" for number in range(10) if number != 7]
    return greys | {name: palette[place % len(palette)] for place, name in enumerate(others)}
