"""What the benchmarks compare: one backbone by different means, built and measured in a process of its own.

The names of the contenders that train:

    official        the official code's stem and columns in its reversible mode (save_memory=True)
    official-plain  the same without it: ordinary autograd
    plain           ours by ordinary autograd on ordinary operations
    plain-fused     ours by ordinary autograd, with blocks that keep nothing but their input
    checkpoint      torch.utils.checkpoint around every column of `plain`
    exact           ours as it is by default
    exact-hidden    the same with `saves: hidden`: more memory, less to compute again

All have the same channels, blocks, columns and input, and no stochastic depth.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import time
import types
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from yolopatch.catalog import Catalog
from yolopatch.payload.revcol import RevCol

OURS: dict[str, dict[str, str]] = {
    "plain": {"mode": "plain", "saves": "all"},
    "plain-fused": {"mode": "plain"},
    "checkpoint": {"mode": "plain", "saves": "all"},
    "exact": {},
    "exact-hidden": {"saves": "hidden"},
}
OFFICIAL = {"official": True, "official-plain": False}  # save_memory
NAMES = (*OFFICIAL, *OURS)
VARIANTS = ("t", "s", "b", "l", "xl")
CHILD = "--child"
_THRESHOLD = {"MALLOC_MMAP_THRESHOLD_": "262144"}


class Failed(Exception):
    """A measurement's process ended early; the message says how."""


@dataclass(frozen=True)
class Job:
    """One measurement."""

    contender: str
    variant: str = "s"
    columns: int = 8
    size: int = 640
    batch: int = 2
    steps: int = 3
    device: str = "cpu"
    dtype: str = "float32"
    official: str | None = None
    random_weights: bool = False
    keep_gradients: bool = False
    amp: bool = False

    def input(self) -> Tensor:
        """The images: (batch, 3, size, size), the same for everyone."""
        generator = torch.Generator().manual_seed(1)
        return torch.randn(self.batch, 3, self.size, self.size, generator=generator).to(**self.target)

    @property
    def target(self) -> dict[str, Any]:
        """Device and dtype, as `Tensor.to` and `Module.to` take them."""
        return {"device": self.device, "dtype": getattr(torch, self.dtype)}


class Official(nn.Module):
    """The part of an official FullNet that is the backbone, called as FullNet.forward calls it."""

    def __init__(self, net: Any) -> None:
        super().__init__()
        self.stem = net.stem
        self.columns = net.num_subnet
        for index in range(self.columns):
            self.add_module(f"subnet{index}", getattr(net, f"subnet{index}"))

    def forward(self, x: Tensor) -> list[Tensor]:
        """(N, 3, H, W) to the last column's levels."""
        stem, levels = self.stem(x), (0, 0, 0, 0)
        for index in range(self.columns):
            levels = getattr(self, f"subnet{index}")(stem, *levels)
        return list(levels)  # type: ignore[arg-type]


class Checkpointed(nn.Module):
    """A RevCol in plain mode whose columns are computed a second time in the backward."""

    def __init__(self, model: RevCol) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> list[Tensor]:
        """As RevCol's."""
        stem, levels = self.model.stem(x), None
        for index in range(self.model.settings.columns):
            levels = checkpoint(getattr(self.model, f"subnet{index}"), stem, levels, use_reentrant=False)
        return levels  # type: ignore[return-value]


def build(job: Job, like: dict[str, Tensor] | None = None) -> nn.Module:
    """The contender of a job, on its device and in its dtype; `like` are weights to load, all of them."""
    variant = Catalog().variants[f"revcol-{job.variant}"]
    return _build(job, variant.channels, variant.blocks, like)


def _build(job: Job, channels: Sequence[int], blocks: Sequence[int], like: dict[str, Tensor] | None) -> nn.Module:
    torch.manual_seed(0)
    model: nn.Module
    if job.contender in OFFICIAL:
        assert job.official is not None
        full_net = official_module(job.official).FullNet
        options = {"drop_path": 0.0, "inter_supv": False, "save_memory": OFFICIAL[job.contender]}
        model = Official(full_net(list(channels), list(blocks), job.columns, **options))
    else:
        model = RevCol(channels, blocks, job.columns, **OURS[job.contender])  # type: ignore[arg-type]
    model.to(**job.target)
    if job.random_weights:
        randomize(model)
    if like is not None:
        model.load_state_dict(like)
    if job.contender == "checkpoint":
        model = Checkpointed(model)  # type: ignore[arg-type]
    return model


@functools.cache
def official_module(checkout: str) -> Any:
    """The module `models.revcol` of a checkout of the official repository.

    It asks timm for two names and Python for the module `imp`, which it does not use and which Python
    3.12 no longer has. Where they are missing, stand-ins take their place: trunc_normal_ is torch's,
    which timm's was once copied into, and DropPath, which a rate of 0 never makes, is nn.Identity.
    """
    names: dict[str, Any] = {"trunc_normal_": nn.init.trunc_normal_, "DropPath": nn.Identity}
    if importlib.util.find_spec("timm") is None:
        for name in ("timm", "timm.models", "timm.models.layers"):
            sys.modules[name] = types.ModuleType(name)
        vars(sys.modules["timm.models.layers"]).update(names)
    if importlib.util.find_spec("imp") is None:
        sys.modules["imp"] = types.ModuleType("imp")
    if checkout not in sys.path:
        sys.path.insert(0, checkout)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("models.revcol")


@torch.no_grad()
def randomize(model: nn.Module, gamma: tuple[float, float] = (0.5, 1.0)) -> None:
    """Weights as a long training might leave them, so that no part is too small to be seen in the output.

    alpha is drawn from .1 to .9, the layer scale from the range given, norms from .8 to 1.2, biases from
    a normal of .02, the weights of convolutions and Linears from one of 1 / sqrt(inputs).
    """
    generator = torch.Generator().manual_seed(2)
    for name, parameter in model.named_parameters():
        value = torch.empty(parameter.shape, dtype=parameter.dtype)  # drawn on the CPU, wherever the model is
        kind = name.rpartition(".")[2]
        if kind.startswith("alpha"):
            value.uniform_(0.1, 0.9, generator=generator)
        elif kind == "gamma":
            value.uniform_(*gamma, generator=generator)
        elif kind == "bias":
            value.normal_(0.0, 0.02, generator=generator)
        elif value.ndim == 1:
            value.uniform_(0.8, 1.2, generator=generator)
        else:
            value.normal_(0.0, value[0].numel() ** -0.5, generator=generator)
        parameter.copy_(value)


def train_step(model: nn.Module, x: Tensor, amp: bool = False) -> None:
    """Forward, the sum of the squares of all outputs as the loss, backward; `amp` is mixed precision, float16."""
    with torch.autocast(x.device.type, dtype=torch.float16, enabled=amp):
        outputs: list[Tensor] = [output.float() if amp else output for output in model(x)]
    loss: Any = torch.stack([output.square().sum() for output in outputs]).sum()
    loss.backward()


def difference(ours: Tensor, theirs: Tensor) -> float:
    """max|ours - theirs| / max|theirs|; NaN counts as infinity."""
    distance, largest = (ours - theirs).abs().max().item(), theirs.abs().max().item()
    if distance == 0.0:
        return 0.0
    ratio = distance / largest if largest else float("inf")
    return ratio if ratio == ratio else float("inf")


def warm_up(job: Job) -> None:
    """A step of a tiny model of the same kind, so that what the libraries allocate once is there."""
    tiny = replace(job, columns=2, size=64, batch=1)
    model = _build(tiny, (16, 32, 64, 128), (1, 1, 1, 1), None)
    train_step(model, tiny.input(), job.amp)


def timed(action: Callable[[], object], job: Job, warmups: int = 1) -> list[float]:
    """Seconds of each of job.steps calls, after some that are not counted."""
    for _ in range(warmups):
        action()
    return [_seconds(action, job.device) for _ in range(job.steps)]


def _seconds(action: Callable[[], object], device: str) -> float:
    if device == "cpu":
        started = time.perf_counter()
        action()
        return time.perf_counter() - started
    event: Any = torch.cuda.Event
    begin, end = event(enable_timing=True), event(enable_timing=True)
    torch.cuda.synchronize()
    begin.record()
    action()
    end.record()
    end.synchronize()
    return float(begin.elapsed_time(end)) / 1e3


def train_seconds(job: Job) -> dict[str, Any]:
    """What a training step takes, gradients set to None after each, as training scripts do."""
    model, x = build(job), job.input()

    def step() -> None:
        train_step(model, x, job.amp)
        model.zero_grad(set_to_none=True)

    return {"step_s": statistics.median(timed(step, job)), **machine(job.device)}


def machine(device: str) -> dict[str, Any]:
    """What a figure depends on."""
    name = torch.cuda.get_device_name() if device != "cpu" else cpu_name()
    return {"device": name, "threads": torch.get_num_threads(), "torch": torch.__version__}


def cpu_name() -> str:
    """What the processor calls itself, as well as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def run_child(script: str, kind: str, job: Any, *, threshold: bool, environment: dict[str, str] | None = None) -> Any:
    """Measure in a process of its own; returns what `serve` printed there.

    Args:
        script: the benchmark, which calls `serve`.
        kind: which of its measurements.
        job: what is measured, a dataclass.
        threshold: let glibc give freed memory back at once. Without it a peak tells more of the
            allocator than of the program; it costs time, so that no time is measured with it.
        environment: further variables.

    Raises:
        Failed: the process ended early.
    """
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    env = {**clean, **(_THRESHOLD if threshold else {}), **(environment or {})}
    command = [sys.executable, script, CHILD, kind, json.dumps(asdict(job))]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    if done.returncode == 0:
        return json.loads(done.stdout.splitlines()[-1])
    if done.returncode == -9:
        raise Failed("it was killed, most likely since the memory was used up")
    lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
    raise Failed(lines[-1])


def serve(kinds: dict[str, Callable[[Any], dict[str, Any]]], job: type = Job) -> bool:
    """In a measurement's process: measure, print one line of JSON, and return True. `job` is the dataclass."""
    if sys.argv[1:2] != [CHILD]:
        return False
    warnings.simplefilter("ignore")  # the official code calls names that torch has renamed
    print(json.dumps(kinds[sys.argv[2]](job(**json.loads(sys.argv[3])))))
    return True


def options(about: str | None, columns: str) -> argparse.ArgumentParser:
    """The options that the benchmarks share."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--official", type=checkout, metavar="PATH", help="checkout of the official repository")
    parser.add_argument("--columns", type=numbers, default=numbers(columns), help=f"default: {columns}")
    parser.add_argument("--variant", choices=VARIANTS, default="s", help="channels and blocks; default: s")
    parser.add_argument("--size", type=image_size, default=640, help="height and width of the images; default: 640")
    parser.add_argument("--batch", type=int, default=2, help="images a step; default: 2")
    parser.add_argument("--repeat", type=int, default=3, help="processes of each; medians are shown; default: 3")
    parser.add_argument("--steps", type=int, default=3, help="timed steps of a process; default: 3")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="default: cpu")
    parser.add_argument("--dtype", choices=("float32", "float64", "bfloat16", "float16"), default="float32",
                        help="of weights and images; default: float32")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print a list of rows in place of the table")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress on stderr")
    return parser


def job_of(options: argparse.Namespace, contender: str, columns: int, **more: Any) -> Job:
    """A job as the shared options describe it."""
    names = ("variant", "size", "batch", "steps", "device", "dtype", "official")
    return Job(contender, columns=columns, **{name: getattr(options, name) for name in names}, **more)


def checkout(text: str) -> str:
    """The absolute path of a checkout of the official code: the measurements' processes import from it."""
    path = Path(text).expanduser().resolve()
    if not (path / "models/revcol.py").is_file():
        raise argparse.ArgumentTypeError(f"there is no models/revcol.py in {path}, so it is no checkout of RevCol")
    return str(path)


def image_size(text: str) -> int:
    """A height and width that the official code takes too."""
    size = int(text)
    if size < 32 or size % 32:
        raise argparse.ArgumentTypeError(f"it must be a multiple of 32, since the official code fails at {size}")
    return size


def numbers(text: str) -> list[int]:
    """4,8 as a list."""
    return [int(part) for part in text.split(",")]


def chosen(known: Sequence[str]) -> Callable[[str], list[str]]:
    """A reader of names, separated by commas, of what is known."""

    def read(text: str) -> list[str]:
        names = text.split(",")
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(known)}")
        return names

    return read


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table, padded so that it reads well as text too; numbers stand on the right."""
    lines = [list(heads), *map(list, rows)]
    columns = [_column(list(cells)) for cells in zip(*lines, strict=True)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in zip(*columns, strict=True)).replace(" :|", ":|")


def _column(cells: list[str]) -> list[str]:
    width = max(map(len, cells))
    if all(cell[:1] in "-+.0123456789" for cell in cells[1:]):
        cells, rule = [cell.rjust(width) for cell in cells], "-" * (width - 1) + ":"
    else:
        cells, rule = [cell.ljust(width) for cell in cells], "-" * width
    return [cells[0], rule, *cells[1:]]
