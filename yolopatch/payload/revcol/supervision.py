"""Intermediate supervision (paper section 2.2.3): losses on the last level of earlier columns, in training only.

Every supervised column has a classifier on its last level, and all but the last column a decoder
that draws the input image. An image of a detector has no label; its target is the set of classes
that are present in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from .blocks import Block, LayerNorm2d
from .init import initialize
from .settings import LEVELS, Settings, SupervisionSettings
from .sizes import crop_like


class Terms(NamedTuple):
    """What one forward leaves for the loss: `image`, (D,) binary cross-entropies of the decoders, in single
    precision, and `logits`, (K, N, classes) of the classifiers."""

    image: Tensor
    logits: Tensor


class Pending:
    """The terms of the last forward. They have a graph, so no copy and no pickle of a model takes them along."""

    def __init__(self) -> None:
        self.terms: Terms | None = None

    def take(self) -> Terms | None:
        """The terms, once."""
        terms, self.terms = self.terms, None
        return terms

    def __reduce__(self) -> tuple[Any, ...]:
        return Pending, ()


class Decoder(nn.Module):
    """Draws the image from a column's last level, as the official code's decoder does.

    Shape: (N, channels[3], h, w) to logits (N, in_channels, 32 h, 32 w), any floating dtype.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        widths = settings.channels[::-1]
        self.stages = nn.Sequential(*(_stage(settings, widths[i], widths[i + 1]) for i in range(LEVELS - 1)))
        self.project = nn.Conv2d(widths[-1], settings.in_channels * 16, 1)

    def forward(self, x: Tensor) -> Tensor:
        return functional.pixel_shuffle(self.project(self.stages(x)), 4)


class Classifier(nn.Module):
    """Says which classes an image holds: (N, C, h, w) to logits (N, classes)."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels, eps=1e-6)
        self.linear = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.linear(self.norm(x.mean((2, 3))))
        return output


class Supervision(nn.Module):
    """The decoders and classifiers of a RevCol, their losses, and the means that are logged.

    Args:
        settings: of the whole model; its `supervision` is not None.

    Attributes:
        columns: the supervised columns, counted from 1, the last one included.
        active: False where the schedule has switched it off.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        assert settings.supervision is not None
        self.options: SupervisionSettings = settings.supervision
        self.columns = supervised_columns(settings.columns)
        places = [column / settings.columns for column in self.columns]
        # As in the reference, whose places are 1/4, 2/4, 3/4: reconstruction by 1, 2/3, 1/3 and classes by the
        # place; the term of the last column, there the loss itself, by 1.
        self.image_weights = [self.options.reconstruction * (1 - place) * 4 / 3 for place in places if place < 1]
        self.class_weights = [self.options.classification * place if place < 1 else 1.0 for place in places]
        self.decoders = nn.ModuleList(Decoder(settings) for _ in self.image_weights)
        width = settings.channels[-1]
        self.classifiers = nn.ModuleList(Classifier(width, self.options.classes) for _ in self.columns)
        initialize(self, settings.init)
        self.active = True
        self.pending = Pending()
        self.means = Means()

    def forward(self, image: Tensor, features: Sequence[Tensor]) -> None:
        """Leave the terms of a batch for `supervise`.

        Args:
            image: (N, in_channels, H, W), what the model was fed, of values 0 to 1.
            features: the last level, (N, channels[3], ceil(H/32), ceil(W/32)), of each supervised column.
        """
        # A decoder's features are larger than all that the exact mode keeps: compute them once more instead.
        drawn = [
            checkpoint(_image_loss, decoder, feature, image, use_reentrant=False, preserve_rng_state=False)
            for decoder, feature in zip(self.decoders, features, strict=False)
        ]
        logits = [classify(feature) for classify, feature in zip(self.classifiers, features, strict=True)]
        self.pending.terms = Terms(torch.stack(drawn) if drawn else image.new_zeros(0), torch.stack(logits))

    def is_needed(self) -> bool:
        """Whether a forward has to leave terms: with several processes also where they weigh nothing, since all
        parameters have to take part in every step."""
        return self.active or is_distributed()

    def loss(self, images: Tensor, classes: Tensor) -> Tensor:
        """The weighted sum of the terms of the last forward, for the whole batch, as YOLO's losses are.

        Args:
            images, classes: (M,) for each box the index of its image in the batch and its class.

        Raises:
            RuntimeError: there was no forward in training since the last call.
        """
        terms = self.pending.take()
        if terms is None:
            raise RuntimeError(
                "RevCol: supervision found no forward in training before the loss; with several GPUs train by "
                "DistributedDataParallel (torchrun), not by DataParallel"
            )
        count = terms.logits.shape[1]
        target = torch.zeros_like(terms.logits[0], dtype=torch.float32)
        target[images.long(), classes.long()] = 1.0
        logits = terms.logits.float()
        present = torch.stack([functional.binary_cross_entropy_with_logits(row, target) for row in logits])
        self.means.add(terms.image, present)
        total = _weigh(terms.image, self.image_weights) + _weigh(present, self.class_weights)
        return total * (self.options.scale * count if self.active else 0.0)

    def summary(self) -> str:
        """The means since the last call: the two terms as they entered the loss of an image, then each column's own.

        They are means of this process's batches.
        """
        image, present = self.means.take(len(self.image_weights), len(self.columns))
        scale = self.options.scale if self.active else 0.0
        rec, img = (
            scale * sum(w * v for w, v in zip(weights, values, strict=True))
            for weights, values in ((self.image_weights, image), (self.class_weights, present))
        )
        parts = f"rec {_numbers(image)}, img {_numbers(present)}"
        return f"rec_loss {rec:.4g} img_loss {img:.4g} (columns {' '.join(map(str, self.columns))}: {parts})"


class Means:
    """Running means on the device, so that no step waits for it."""

    def __init__(self) -> None:
        self.total: Tensor | None = None
        self.count = 0

    def add(self, *values: Tensor) -> None:
        """Add one batch's values."""
        found = torch.cat([value.detach().float() for value in values])
        self.total = found if self.total is None else self.total + found
        self.count += 1

    def take(self, *lengths: int) -> list[list[float]]:
        """The means since the last call, in lists of these lengths; zeros where nothing was added."""
        numbers = [0.0] * sum(lengths) if self.total is None else (self.total / self.count).tolist()
        self.total, self.count = None, 0
        return [[numbers.pop(0) for _ in range(length)] for length in lengths]


def supervised_columns(columns: int) -> tuple[int, ...]:
    """The columns, counted from 1, nearest below 1/4, 2/4, 3/4 and 4/4 of them, each once."""
    return tuple(sorted({max(1, quarter * columns // 4) for quarter in (1, 2, 3, 4)}))


def is_distributed() -> bool:
    """Whether this process trains together with others."""
    return torch.distributed.is_available() and torch.distributed.is_initialized()


def _stage(settings: Settings, wide: int, narrow: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(wide, narrow, 1),
        LayerNorm2d(narrow),
        nn.GELU(),
        nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True),
        Block(narrow, settings.kernel_size, settings.layer_scale, 0.0, "input", expansion=1),
    )


def _image_loss(decoder: nn.Module, feature: Tensor, image: Tensor) -> Tensor:
    drawn = crop_like(decoder(feature), image).float()
    return functional.binary_cross_entropy_with_logits(drawn, image.float().clamp(0.01, 0.99))


def _weigh(values: Tensor, weights: Sequence[float]) -> Tensor:
    return (values * values.new_tensor(weights)).sum()


def _numbers(values: Sequence[float]) -> str:
    return " ".join(f"{value:.4g}" for value in values)
