"""A small batch that a detector can learn by heart: bright shapes on noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

# One colour a class, so that classes can be told apart after few steps.
_COLOURS = ((1.0, 0.1, 0.1), (0.1, 1.0, 0.1), (0.2, 0.3, 1.0))


@dataclass(frozen=True)
class Batch:
    """Images (N, 3, H, W) of 0 to 1 and targets (M, 6): image, class, then x, y, w, h relative to the image."""

    images: Tensor
    targets: Tensor

    def as_dict(self) -> dict[str, Any]:
        """The batch as v8's data loader gives it."""
        return {
            "img": self.images,
            "batch_idx": self.targets[:, 0],
            "cls": self.targets[:, 1:2],
            "bboxes": self.targets[:, 2:6],
        }


def synthetic(count: int, size: int, nc: int, device: torch.device, seed: int = 0) -> Batch:
    """`count` square images with three shapes each, a quarter to a half of the image wide."""
    generator = torch.Generator().manual_seed(seed)
    images = 0.2 + 0.2 * torch.rand(count, 3, size, size, generator=generator)
    rows = []
    for image in range(count):
        for shape in range(3):
            label = (image + shape) % min(nc, len(_COLOURS))
            side = torch.randint(size // 4, size // 2, (2,), generator=generator)
            # One shape a corner region: they may touch, but none hides another.
            corner = torch.tensor([shape % 2, shape // 2]) * (size // 2)
            free = size // 2 - side
            start = corner + (torch.rand(2, generator=generator) * free).long()
            (x, y), (w, h) = start.tolist(), side.tolist()
            colour = torch.tensor(_COLOURS[label]).view(3, 1, 1)
            images[image, :, y : y + h, x : x + w] = colour
            rows.append([image, label, (x + w / 2) / size, (y + h / 2) / size, w / size, h / size])
    return Batch(images.to(device), torch.tensor(rows, dtype=torch.float32, device=device))
