"""A detector of one level, small enough to learn a batch in seconds; `behaviour` makes it misbehave."""

import os
import signal
import sys
import time
from pathlib import Path

import torch
import yaml
from torch import nn

STRIDE = 32


class Stem(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, channels, 4, 4), nn.BatchNorm2d(channels), nn.SiLU())

    def forward(self, x):
        return self.stem(x)


def down(c1, c2):
    return nn.Sequential(nn.Conv2d(c1, c2, 3, 2, 1), nn.BatchNorm2d(c2), nn.SiLU())


class Detect(nn.Module):
    export = False

    def __init__(self, nc, c1):
        super().__init__()
        self.nc = nc
        self.conv = nn.Conv2d(c1, 5 + nc, 1)

    def forward(self, x):
        x = self.conv(x)
        if self.training:
            return x
        height, width = x.shape[2:]
        y, x_ = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        grid = torch.stack((x_, y)).to(x.device)
        xy = (x[:, :2].sigmoid() + grid) * STRIDE
        wh = x[:, 2:4].sigmoid() * 4 * STRIDE
        decoded = torch.cat((xy, wh, x[:, 4:].sigmoid()), 1).flatten(2).transpose(1, 2)
        return decoded if self.export else (decoded, x)


class Picks(Detect):
    """Needs no NMS: a dictionary in eval mode, the best by their class scores in an export."""

    def forward(self, x):
        found = super().forward(x)
        if self.training:
            return found
        if not self.export:
            return {"other": found[1], "best": found}
        scores, place = found[..., 5:].flatten(1).topk(20)
        boxes = found[..., :4].gather(1, (place // self.nc)[..., None].expand(-1, -1, 4))
        corners = torch.cat((boxes[..., :2] - boxes[..., 2:] / 2, boxes[..., :2] + boxes[..., 2:] / 2), -1)
        return torch.cat((corners, scores[..., None], (place % self.nc)[..., None].float()), -1).flip(1)


class Model(nn.Module):
    def __init__(self, cfg, ch=3, nc=None):
        super().__init__()
        settings = yaml.safe_load(Path(cfg).read_text())
        misbehave(settings.get("behaviour"), settings)
        width = settings["width"]
        self.model = nn.Sequential(Stem(width), down(width, width), down(width, width), down(width, width))
        head = Picks if str(settings.get("behaviour")).startswith("picks") else Detect
        self.model.append(head(nc, width))
        self.stride = torch.tensor([float(STRIDE)])
        self.behaviour = settings.get("behaviour")
        if self.behaviour == "unused parameter":
            self.extra = nn.Linear(1, 1, bias=False)

    def forward(self, x):
        if self.behaviour == "not finite":
            x = x * float("nan")
        return self.model(x)


def misbehave(behaviour, settings):
    if behaviour == "segmentation fault":
        print("upstream says something before it dies", flush=True)
        os.kill(os.getpid(), signal.SIGSEGV)
    if behaviour == "hang":
        Path(settings["pid_file"]).write_text(str(os.getpid()))
        time.sleep(600)
    if behaviour == "missing package":
        import a_package_that_nobody_has  # noqa: F401
    if behaviour == "gone package":
        import imp  # noqa: F401
    if behaviour == "moved module":
        import yaml.was_here_once  # noqa: F401
    if behaviour == "exception":
        outer()
    if behaviour == "exit":
        sys.exit(7)


def outer():
    inner()


def inner():
    seen = {"yolopatch": "yolopatch" in sys.modules, "stdin": sys.stdin.read(), "cwd": sys.path[0] == str(Path.cwd())}
    raise ValueError(f"upstream is broken {seen}")
