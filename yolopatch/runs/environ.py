"""The environment of upstream's programs: no services, no network for conveniences, output as it comes."""

from __future__ import annotations

import os
from pathlib import Path

# Upstream asks the network or logs to services unless told not to.
QUIET = {
    "MPLBACKEND": "Agg",
    "WANDB_MODE": "disabled",
    "WANDB_DISABLED": "true",
    "COMET_MODE": "disabled",
    "CLEARML_OFFLINE_MODE": "1",
    "NO_ALBUMENTATIONS_UPDATE": "1",
    "YOLO_OFFLINE": "true",
    "YOLO_AUTOINSTALL": "false",
    "PYTHONUNBUFFERED": "1",
    "PYTHONIOENCODING": "utf-8",
    "PYTHONFAULTHANDLER": "1",
}
# What the user sets stands; these are for those who set nothing.
_DEFAULTS = {
    **QUIET,
    "YOLOv5_AUTOINSTALL": "false",
    "YOLOv5_VERBOSE": "true",
    "YOLO_VERBOSE": "true",
    # Some pins install packages that they miss by themselves, pycocotools after every validation.
    "PIP_NO_INDEX": "1",
}
# With it Python would not look for upstream's modules in the current folder.
_UNWANTED = ("PYTHONSAFEPATH",)
_FOLDERS = ("YOLO_CONFIG_DIR", "YOLOV5_CONFIG_DIR", "MPLCONFIGDIR")


def environment(cache: Path, python: str, *, single: bool = True) -> dict[str, str]:
    """The variables of a program of upstream's that `python` runs; its settings and fonts go to `cache`.

    It finds the programs of that interpreter's environment, as where it is activated.

    `single`: one process has all the CPUs. torchrun sets the number of threads itself.
    """
    given = {name: value for name, value in os.environ.items() if name not in _UNWANTED}
    threads = {"OMP_NUM_THREADS": str(cpus())} if single else {}
    folders = {}
    for name in _FOLDERS:
        if not given.get(name):
            folder = cache / name.lower()
            folder.mkdir(parents=True, exist_ok=True)
            folders[name] = str(folder)
    return {**_DEFAULTS, **folders, **threads, **given, "PATH": _path(python, given.get("PATH", os.defpath))}


def _path(python: str, path: str) -> str:
    scripts = str(Path(python).absolute().parent)
    return path if scripts in path.split(os.pathsep) else f"{scripts}{os.pathsep}{path}"


def cpus() -> int:
    """The CPUs that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
