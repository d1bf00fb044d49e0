"""How much of the input, and of the label, is in a feature.

Two measures, both linear, so that no trained decoder stands between the feature and the number:

- `linear_cka`: linear centered kernel alignment (Kornblith et al. 2019, "Similarity of Neural Network Representations
  Revisited", section 3) with the unbiased estimator of HSIC (Song et al. 2012; for CKA Nguyen et al. 2021): the biased
  one rises towards 1 where a feature has more channels than there are examples. RevCol's authors (arXiv 2212.11696)
  compare features with image and label by CKA, too.
- `rebuild`: the input rebuilt by ridge regression, on pictures that the regression has not seen.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

FOLDS = 4
PENALTIES = tuple(10.0**power for power in range(-8, 3))
"""Of the ridge regression, relative to the mean variance of a feature's channels."""
_LOWEST_ERROR = 1e-10  # so that a perfect rebuilding has a PSNR: 100 dB
_FEWEST = 4  # examples, below which the unbiased estimator does not exist


@dataclass(frozen=True)
class Rebuilt:
    """How well the held-out input was rebuilt.

    `r2` is the explained share of the variance about the mean colour of the pictures that were fitted on: 1 is
    perfect, 0 as good as that colour. `psnr` is in dB, of values from 0 to 1; 100 at most.
    """

    r2: float
    psnr: float


def linear_cka(x: Array, y: Array) -> float | None:
    """Linear CKA of two features of the same examples, (n, p) and (n, q).

    With K = X Xt and L = Y Yt, diagonals set to zero, and

        HSIC(K, L) = (tr(K L) + sum(K) sum(L) / ((n-1)(n-2)) - 2/(n-2) sum(K L)) / (n (n-3)),

    it is HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L)): 1 for equal features up to rotation and scale, about 0 (it may be
    a little below) for independent ones. None where one of them is constant, or n < 4.
    """
    if len(x) != len(y):
        raise ValueError(f"{len(x)} examples against {len(y)}")
    if len(x) < _FEWEST:
        return None
    one, other = _gram(x), _gram(y)
    both = _hsic(one, one) * _hsic(other, other)
    return float(_hsic(one, other) / math.sqrt(both)) if both > 0 else None


def _gram(x: Array) -> Array:
    centred = x.astype(np.float64) - x.mean(0, dtype=np.float64)
    largest = np.abs(centred).max(initial=0.0)
    gram: Array = centred / largest if largest > 0 else centred  # CKA has no scale; squares of squares may overflow
    gram = gram @ gram.T
    np.fill_diagonal(gram, 0.0)
    return gram


def _hsic(one: Array, other: Array) -> float:
    n = len(one)
    rows, others = one.sum(0), other.sum(0)
    together = float((one * other).sum()) + float(rows.sum() * others.sum()) / ((n - 1) * (n - 2))
    return (together - 2.0 / (n - 2) * float(rows @ others)) / (n * (n - 3))


def rebuild(features: Sequence[Array], target: Array, pictures: Array, held_out: Array) -> Rebuilt:
    """Rebuild the input from features by linear maps of 1x1 cells.

    One ridge regression maps the C channels of a cell to the pixels that the cell covers. The penalty is chosen by
    4-fold cross-validation over pictures, "use nothing" among the choices. Of several features each is fitted to
    what those before it leave over, so that further ones add to them. All
    get the same pixels to fit and to answer for.

    Args:
        features: each (B, k, k, C): B blocks of k x k cells.
        target: (B, t, t, 3), the input's pixels in those blocks, 0 to 1; t is a multiple of every k.
        pictures: (B,), the picture of each block, so that no picture is in two folds.
        held_out: (B,) of bool, the blocks to answer for; the others are fitted.
    """
    colour = target[~held_out].mean((0, 1, 2), dtype=np.float64)
    left = target.astype(np.float64) - colour
    whole = float((left[held_out] ** 2).sum())
    for feature in features:
        left = left - _explained(feature, left, pictures, ~held_out)
    missed = left[held_out]
    error = float((missed**2).mean())
    r2 = 1.0 - float((missed**2).sum()) / whole if whole > 0 else 0.0
    return Rebuilt(r2, 10.0 * math.log10(1.0 / max(error, _LOWEST_ERROR)))


def _explained(feature: Array, left: Array, pictures: Array, fitted: Array) -> Array:
    """What a map from `feature` says of `left`, in its shape."""
    blocks, side, _, channels = feature.shape
    x = feature.reshape(-1, channels).astype(np.float64)
    y = _patches(left, side)
    fit = np.repeat(fitted, side * side)
    group = np.repeat(_folds(pictures), side * side)
    x -= x[fit].mean(0)  # the moments below lose fewer digits
    folds = [_Moments.of(x[chosen], y[chosen]) for chosen in (fit & (group == fold) for fold in range(FOLDS))]
    everything = functools.reduce(operator.add, folds)
    errors = np.zeros(len(PENALTIES) + 1)
    for fold, moments in enumerate(folds):
        if 0 < moments.count < everything.count:
            chosen = fit & (group == fold)
            errors += _Ridge(everything - moments).errors(x[chosen], y[chosen])
    best = int(errors.argmin())
    if best == len(PENALTIES):
        return np.zeros_like(left)
    return _whole(_Ridge(everything).predict(x, PENALTIES[best]), blocks, side, left.shape[1])


@dataclass(frozen=True)
class _Moments:
    """What ridge regression needs to know of examples; that of all but one fold is a difference."""

    count: int
    x: Array
    y: Array
    xx: Array
    xy: Array

    @classmethod
    def of(cls, x: Array, y: Array) -> _Moments:
        return cls(len(x), x.sum(0), y.sum(0), x.T @ x, x.T @ y)

    def __add__(self, other: _Moments) -> _Moments:
        return _Moments(
            self.count + other.count, self.x + other.x, self.y + other.y, self.xx + other.xx, self.xy + other.xy
        )

    def __sub__(self, other: _Moments) -> _Moments:
        return _Moments(
            self.count - other.count, self.x - other.x, self.y - other.y, self.xx - other.xx, self.xy - other.xy
        )


class _Ridge:
    """Ridge regression with a free offset, for many penalties at the price of one."""

    def __init__(self, moments: _Moments) -> None:
        self._x, self._y = moments.x / moments.count, moments.y / moments.count
        values, self._vectors = np.linalg.eigh(moments.xx - moments.count * np.outer(self._x, self._x))
        self._values = values.clip(0.0)
        self._projected = self._vectors.T @ (moments.xy - moments.count * np.outer(self._x, self._y))
        self._unit = float(self._values.mean()) or 1.0

    def predict(self, x: Array, penalty: float) -> Array:
        weights = self._vectors @ (self._projected / (self._values + penalty * self._unit)[:, None])
        found: Array = (x - self._x) @ weights + self._y
        return found

    def errors(self, x: Array, y: Array) -> Array:
        """The sum of squared errors of each penalty, then of predicting nothing at all."""
        found = [float(((self.predict(x, penalty) - y) ** 2).sum()) for penalty in PENALTIES]
        return np.array([*found, float((y**2).sum())])


def _folds(pictures: Array) -> Array:
    """A fold for each block; pictures come in an order that was drawn, so every fourth one will do."""
    _, number = np.unique(pictures, return_inverse=True)
    return number.reshape(-1) % FOLDS


def _patches(pixels: Array, side: int) -> Array:
    """(B, t, t, 3) to (B * side * side, (t / side)^2 * 3): the pixels of each cell."""
    blocks, height, _, colours = pixels.shape
    inner = height // side
    split = pixels.reshape(blocks, side, inner, side, inner, colours)
    found: Array = split.transpose(0, 1, 3, 2, 4, 5).reshape(blocks * side * side, inner * inner * colours)
    return found


def _whole(patches: Array, blocks: int, side: int, height: int) -> Array:
    """The inverse of `_patches`."""
    inner = height // side
    split = patches.reshape(blocks, side, side, inner, inner, -1)
    found: Array = split.transpose(0, 1, 3, 2, 4, 5).reshape(blocks, height, height, -1)
    return found
