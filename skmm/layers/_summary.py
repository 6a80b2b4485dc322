"""Summaries of series: what a statistician would compute of each channel."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import keras
from keras import ops

from skmm.layers._register import Shape, register

__all__ = ["SeriesSummary"]

WHOLE = 9  # numbers for a channel of the whole series
PART = 4  # and of each of its parts
FAR = 1e9  # beyond every standardised value


@register
class SeriesSummary(keras.layers.Layer):
    """Describe each channel of a series, over what is observed, by a few numbers.

    Of x with shape (batch, steps, channels), NaN where nothing is observed: mean,
    standard deviation, smallest, largest, first and last value, the slope of the least
    squares line, the share of steps that are observed, and the time since the last of
    them; then, for each of `n_parts` stretches of equal length, mean, smallest, largest
    and share. All are 0 where nothing is observed, and the time since is 1.

    The slope is shrunk, ``sum t x / (sum t^2 + 0.1)`` with t and x about their means,
    so that two neighbouring values make no steep line; the deviation is ``sqrt(var +
    1e-6) - 1e-3``, whose gradient is finite where a channel is constant.

    Times are in lengths of the whole series. A series ends with the last step at which
    any channel is observed; shares and times are counted up to there.

    Parameters
    ----------
    n_parts : int, default=3
        Number of stretches that are also described by themselves, 0 or more; no more
        than there are steps.
    **kwargs : dict
        Keyword arguments of `keras.layers.Layer`.
    """

    def __init__(self, n_parts: int = 3, **kwargs: Any):
        super().__init__(**kwargs)
        self.n_parts = n_parts

    def call(self, x: Any) -> Any:
        """Return (batch, channels * (9 + 4 * n_parts)) for `x`."""
        n_steps = x.shape[1]
        observed = ~ops.isnan(x)
        here = ops.cast(observed, x.dtype)
        # Steps up to the last at which anything is observed belong to the series.
        index = ops.reshape(ops.arange(n_steps, dtype=x.dtype), (1, -1, 1))
        last = ops.max(ops.where(ops.any(observed, -1, keepdims=True), index, -1), 1)
        inside = ops.cast(index[..., 0] <= last, x.dtype)[..., None]
        n_parts = self._n_parts(x.shape)
        cuts = [i * n_steps // n_parts for i in range(n_parts + 1)] if n_parts else []
        found = _whole(x, here, index, last)
        for start, stop in pairwise(cuts):
            part = slice(start, stop)
            found += _part(x[:, part], here[:, part], inside[:, part])
        return ops.concatenate(found, axis=-1)

    def compute_output_shape(self, x_shape: Shape) -> Shape:
        """Return (batch, channels * (9 + 4 * n_parts))."""
        width = WHOLE + PART * self._n_parts(x_shape)
        return (x_shape[0], (x_shape[-1] or 0) * width)

    def _n_parts(self, x_shape: Shape) -> int:
        return min(self.n_parts, x_shape[1] or 0)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "n_parts": self.n_parts}


def _part(x: Any, here: Any, inside: Any) -> list[Any]:
    """Mean, smallest, largest and share observed; each (batch, channels)."""
    count = ops.sum(here, axis=1)
    some = count > 0
    mean = ops.sum(_filled(x, here, 0.0), axis=1) / ops.maximum(count, 1)
    least = ops.min(_filled(x, here, FAR), axis=1)
    most = ops.max(_filled(x, here, -FAR), axis=1)
    share = count / ops.maximum(ops.sum(inside, axis=1), 1)
    return [mean, ops.where(some, least, 0.0), ops.where(some, most, 0.0), share]


def _whole(x: Any, here: Any, index: Any, end: Any) -> list[Any]:
    """Describe the whole of each channel; `end` is the last step of the series."""
    length = end + 1
    inside = ops.cast(index[..., 0] <= end, x.dtype)[..., None]
    mean, least, most, share = _part(x, here, inside)
    count = ops.maximum(ops.sum(here, axis=1), 1)
    deviation = here * (_filled(x, here, 0.0) - mean[:, None])
    # A root has no finite slope at zero, where a constant channel has its deviation.
    spread = ops.sqrt(ops.sum(ops.square(deviation), axis=1) / count + 1e-6) - 1e-3
    first = ops.min(_filled(index, here, FAR), axis=1)
    last = ops.max(_filled(index, here, -1.0), axis=1)
    at_first = ops.sum(
        _filled(x, here * ops.cast(index == first[:, None], x.dtype), 0.0), axis=1
    )
    at_last = ops.sum(
        _filled(x, here * ops.cast(index == last[:, None], x.dtype), 0.0), axis=1
    )
    time = index / ops.maximum(length, 1)[:, None]
    centre = ops.sum(here * time, axis=1) / count
    lag = here * (time - centre[:, None])
    slope = ops.sum(lag * deviation, axis=1) / (ops.sum(ops.square(lag), axis=1) + 1e-1)
    since = ops.where(last < 0, 1.0, (end - last) / ops.maximum(length, 1))
    return [mean, spread, least, most, at_first, at_last, slope, share, since]


def _filled(x: Any, here: Any, value: float) -> Any:
    """Put a value in the place of what is not observed."""
    return ops.where(here > 0, x, value)
