"""What feeds a level: the level below it in the same column, and the level above it in the previous one."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from .blocks import EPS, LayerNorm2d
from .settings import Settings
from .sizes import crop_like, pad_to_multiple
from .weigh import Attention, Weighted, weigh_for


class Down(nn.Sequential):
    """A convolution whose stride is its kernel's size, and a norm over channels; the patch stem is one too.

    Shape: (N, C, H, W) to (N, C', ceil(H / size), ceil(W / size)), any floating dtype.
    """

    def __init__(self, in_channels: int, out_channels: int, size: int) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out_channels, size, stride=size),
            LayerNorm2d(out_channels),
        )
        self.multiple = size

    def forward(self, input: Tensor) -> Tensor:
        output: Tensor = self[1](self[0](pad_to_multiple(input, self.multiple)))
        return output


class Up(nn.Module):
    """Linear and LayerNorm at the coarse size, then nearest upsampling: five times cheaper than after it.

    Shape: (N, C, h, w) to (N, C', h * scale, w * scale), any floating dtype.
    """

    def __init__(self, in_channels: int, out_channels: int, scale: int) -> None:
        super().__init__()
        self.channel_reschedule = nn.Sequential(
            nn.Linear(in_channels, out_channels),
            nn.LayerNorm(out_channels, eps=EPS),
        )
        self.scale = float(scale)

    def forward(self, x: Tensor) -> Tensor:
        return self.enlarge(self.coarse(x))

    def coarse(self, x: Tensor) -> Tensor:
        """(N, C, h, w) to (N, C', h, w)."""
        output: Tensor = self.channel_reschedule(x.permute(0, 2, 3, 1))
        return output.permute(0, 3, 1, 2)

    def enlarge(self, x: Tensor) -> Tensor:
        """(N, C', h, w) to (N, C', h * scale, w * scale)."""
        return functional.interpolate(x, scale_factor=self.scale, mode="nearest")


class Fusion(nn.Module):
    """The sum of what comes up from the same column and down from the previous one (paper section 2.2.2).

    Where there are both, `settings.fusion` may weigh them; RevCol-H's third input has no weight.

    Args:
        level: 0 to 3.
        settings: of the whole model.
        first: whether it stands in the first column, which has no previous one.
    """

    up: Up | None
    up2: Up | None
    weigh: Weighted | Attention | None

    def __init__(self, level: int, settings: Settings, first: bool) -> None:
        super().__init__()
        channels = settings.channels
        own = channels[level]
        self.down = nn.Identity() if level == 0 else Down(channels[level - 1], own, 2)
        self.up = Up(channels[level + 1], own, 2) if not first and level < 3 else None
        self.up2 = Up(channels[3], own, 8) if not first and level == 0 and settings.deep_up else None
        self.weigh = weigh_for(settings.fusion, own) if self.up is not None else None

    def forward(self, below: Tensor, above: Tensor | None = None, top: Tensor | None = None) -> Tensor:
        """Join the inputs of a level.

        Args:
            below: the finer level of the same column (the stem's output for level 0), (N, C[l-1], 2h, 2w).
            above: the coarser level of the previous column, (N, C[l+1], ceil(h/2), ceil(w/2)).
            top: level 3 of the previous column; only RevCol-H's level 0 looks at it.

        Returns:
            (N, C[l], h, w)
        """
        x: Tensor = self.down(below)
        if self.up is not None and above is not None:
            coarse = self.up.coarse(above)
            if self.weigh is not None:
                x, coarse = self.weigh(x, coarse)
            x = x + crop_like(self.up.enlarge(coarse), x)
        if self.up2 is not None and top is not None:
            x = x + crop_like(self.up2(top), x)
        return x
