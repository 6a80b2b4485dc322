"""What no weight is needed for: moments and gradients of images and spectrograms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from skmm.layers._register import Shape, register

__all__ = ["LocalMoments", "OrientedGradients", "StatisticsPooling"]

SMALLEST_DEVIATION = 0.05  # so that a constant has a logarithm
SMALLEST_GRADIENT = 0.02
ROUNDING = 1e-6  # of the mean square, that a variance may be off by
TINY = 1e-5  # variance, so that the root has a gradient


@register
class StatisticsPooling(keras.layers.Layer):
    """Pool mean and standard deviation over what is observed; 0 where nothing is.

    ``[m; sqrt(sum_t o_t (x_t - m)^2 / n)]`` with ``m = sum_t o_t x_t / n`` and
    ``n = sum_t o_t``; x of shape (batch, ..., d), o of shape (batch, ...): t runs over
    all axes between.

    References
    ----------
    Snyder, Garcia-Romero, Sell, Povey and Khudanpur (2018). X-Vectors: Robust DNN
    Embeddings for Speaker Recognition. ICASSP, section 2.1.
    """

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.supports_masking = True  # an input's Keras mask may end here

    def compute_mask(self, *args: Any, **kwargs: Any) -> None:
        """Return None: the pooled vector has no places that could be masked."""

    def call(self, x: Any, observed: Any = None) -> Any:
        """Return (batch, 2 d); everything is observed where `observed` is None."""
        axes = tuple(range(1, len(x.shape) - 1))
        if observed is None:
            observed = ops.ones_like(x[..., 0])
        weight = ops.expand_dims(ops.cast(observed, x.dtype), -1)
        count = ops.sum(weight, axis=axes, keepdims=True)
        share = weight / ops.maximum(count, 1.0)
        mean = ops.sum(x * share, axis=axes, keepdims=True)
        variance = ops.sum(share * ops.square(x - mean), axis=axes)
        deviation = ops.sqrt(ops.maximum(variance, TINY))
        seen = ops.reshape(count, (-1, 1)) > 0
        mean = ops.reshape(mean, (-1, x.shape[-1]))
        pooled = ops.concatenate([mean, deviation], axis=-1)
        return ops.where(seen, pooled, 0.0)

    def compute_output_shape(
        self, x_shape: Shape, observed_shape: Shape | None = None
    ) -> Shape:
        """Return (batch, 2 d)."""
        return (x_shape[0], 2 * (x_shape[-1] or 0))


class _Cells(keras.layers.Layer):
    """Pool over a grid of at most `cells` cells of equal size."""

    def __init__(self, cells: Sequence[int] = (4, 4), gaps: bool = True, **kwargs: Any):
        super().__init__(**kwargs)
        self.cells = tuple(cells)
        self.gaps = gaps

    def _over_cells(self, x: Any, reduce: Any, filler: float) -> Any:
        """Reduce each cell of `x` (batch, height, width, channels) to one place.

        Two sums along axes are several times as fast as TensorFlow's pooling.
        """
        (n_down, down), (n_right, right) = _grid(x.shape, self.cells)
        spare = [
            n * size - old
            for n, size, old in zip(
                (n_down, n_right), (down, right), x.shape[1:3], strict=True
            )
        ]
        if any(spare):
            around = [(0, 0), *((s // 2, s - s // 2) for s in spare), (0, 0)]
            x = ops.pad(x, around, constant_values=filler)
        channels = x.shape[3]
        rows = reduce(ops.reshape(x, (-1, n_down, down, n_right * right * channels)), 2)
        return reduce(ops.reshape(rows, (-1, n_down, n_right, right, channels)), 3)

    def _n_places(self, x: Any, observed: Any) -> Any:
        """Count the places of each cell that are observed, at least 1; all if None."""
        if observed is None:
            observed = ops.ones((1, *x.shape[1:3], 1), x.dtype)
        return ops.maximum(self._over_cells(observed, ops.sum, 0.0), 1.0)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "cells": self.cells, "gaps": self.gaps}


@register
class LocalMoments(_Cells):
    """Describe each cell of a grid by mean, logarithmic deviation and largest value.

    ``[m, log(s + 0.05) + 1.5, max]`` of each cell and channel, over what is no NaN;
    a cell that holds nothing counts as constant 0. x has shape (batch, height, width,
    channels). The logarithm brings deviations of any size to the scale of the means.

    Parameters
    ----------
    cells : sequence of int, default=(4, 4)
        Largest number of cells along the height (of a spectrogram: the time) and the
        width (the bands).
    gaps : bool, default=True
        Whether x may hold NaN; where it cannot, twice as fast.
    **kwargs : dict
        Keyword arguments of `keras.layers.Layer`.
    """

    def call(self, x: Any) -> Any:
        """Return (batch, cells * channels * 3)."""
        lowest, observed = x, None
        if self.gaps:
            missing = ops.isnan(x)
            observed = ops.cast(~missing, x.dtype)
            x, lowest = ops.where(missing, 0.0, x), ops.where(missing, -1e9, x)
        n_places = self._n_places(x, observed)
        mean = self._over_cells(x, ops.sum, 0.0) / n_places
        square = self._over_cells(x * x, ops.sum, 0.0) / n_places
        # What rounding leaves of a constant would have a root a thousand times larger.
        variance = square - ops.square(mean) - ROUNDING * square
        deviation = ops.sqrt(ops.maximum(variance, 0.0))
        spread = ops.log(deviation + SMALLEST_DEVIATION) + 1.5
        top = self._over_cells(lowest, ops.max, -1e9)
        top = ops.where(top > -1e8, top, 0.0)
        found = ops.concatenate([mean, spread, top], axis=-1)
        return ops.reshape(found, (-1, math.prod(found.shape[1:])))

    def compute_output_shape(self, x_shape: Shape) -> Shape:
        """Return (batch, cells * channels * 3)."""
        return (x_shape[0], _n_cells(x_shape, self.cells) * 3 * (x_shape[-1] or 0))


@register
class OrientedGradients(_Cells):
    """Describe each cell of a grid by how steep it is in each of 8 directions.

    ``log(mean_ij [g_ij cos+(a_ij - b)^3] + 0.02) + 1.5`` over the cell's places ij,
    where the gradient (central differences of the mean of the channels) has size g
    and direction a, ``cos+ = max(0, cos)``, and b is a multiple of 45 degrees. NaN,
    and what borders on it, stays out. x has shape (batch, height, width, channels).

    Parameters
    ----------
    cells : sequence of int, default=(8, 8)
        Largest number of cells along the height (of a spectrogram: the time) and the
        width (the bands).
    gaps : bool, default=True
        Whether x may hold NaN; where it cannot, twice as fast.
    **kwargs : dict
        Keyword arguments of `keras.layers.Layer`.

    Notes
    -----
    The logarithm stands in for the contrast normalisation of Dalal and Triggs.

    References
    ----------
    Dalal and Triggs (2005). Histograms of Oriented Gradients for Human Detection.
    CVPR, section 6.
    Rakotomamonjy and Gasso (2015). Histogram of Gradients of Time-Frequency
    Representations for Audio Scene Classification. IEEE/ACM TASLP 23(1).
    """

    N_DIRECTIONS = 8

    def __init__(self, cells: Sequence[int] = (8, 8), gaps: bool = True, **kwargs: Any):
        super().__init__(cells, gaps, **kwargs)

    def call(self, x: Any) -> Any:
        """Return (batch, cells * 8)."""
        x = ops.mean(x, axis=-1, keepdims=True)
        down, right = _differences(x, 1), _differences(x, 2)
        observed = None
        if self.gaps:
            missing = ops.isnan(down) | ops.isnan(right)
            observed = ops.cast(~missing, x.dtype)
            down, right = (ops.where(missing, 0.0, d) for d in (down, right))
        share = 1 / (ops.square(down) + ops.square(right) + 1e-12)
        n_places = self._n_places(x, observed)
        there, back = [], []  # every 45 degrees, and the opposite ways
        half = 0.5**0.5
        for along in (right, half * (right + down), down, half * (down - right)):
            sharp = along * along * along * share
            both = self._over_cells(ops.abs(sharp), ops.sum, 0.0)
            rest = self._over_cells(sharp, ops.sum, 0.0)
            there.append((both + rest) / 2)
            back.append((both - rest) / 2)
        steep = ops.concatenate(there + back, axis=-1) / n_places
        found = ops.log(ops.maximum(steep, 0.0) + SMALLEST_GRADIENT) + 1.5
        return ops.reshape(found, (-1, math.prod(found.shape[1:])))

    def compute_output_shape(self, x_shape: Shape) -> Shape:
        """Return (batch, cells * 8)."""
        return (x_shape[0], _n_cells(x_shape, self.cells) * self.N_DIRECTIONS)


def _differences(x: Any, axis: int) -> Any:
    """Subtract the neighbour before from the one behind; edges repeat."""
    first, rest = ops.split(x, [1], axis=axis)
    start, last = ops.split(x, [x.shape[axis] - 1], axis=axis)
    behind = ops.concatenate([rest, last], axis=axis)
    return behind - ops.concatenate([first, start], axis=axis)


def _grid(shape: Shape, cells: Sequence[int]) -> list[tuple[int, int]]:
    """Tell how many cells there are along height and width, and of how many places."""
    sizes = [size or 1 for size in shape[1:3]]
    windows = [-(-size // n) for size, n in zip(sizes, cells, strict=True)]
    return [(-(-s // w), w) for s, w in zip(sizes, windows, strict=True)]


def _n_cells(x_shape: Shape, cells: Sequence[int]) -> int:
    """Count the cells that an image of this shape is cut into."""
    return math.prod(n for n, _ in _grid(x_shape, cells))
