"""Training images and spectrograms that differ a little each time they are seen."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from skmm.layers._register import register

__all__ = ["AugmentImage", "AugmentSpectrogram"]


@register
class AugmentImage(keras.layers.Layer):
    """Shift, mirror and partly erase each image of a batch in its own way.

    ``y[i, j] = x[clip(i + a), clip(j + b)]``, or ``x[..., clip(w - 1 - j - b)]`` where
    it is mirrored, with whole numbers a, b drawn for each row: what is shifted in
    repeats the edge. A rectangle then becomes the mean of x. In training alone; bytes
    stay bytes and NaN stays NaN.

    Parameters
    ----------
    shift : float, default=0.1
        Largest shift, as a share of height and of width, 0 to 1.
    flip : bool, default=False
        Whether to mirror left and right in half of the cases.
    erase : float, default=0.0
        Probability of a rectangle of 2 to 33 % of the area, 0 to 1.
    **kwargs : dict
        Keyword arguments of `keras.layers.Layer`.

    References
    ----------
    Zhong, Zheng, Kang, Li and Yang (2020). Random Erasing Data Augmentation. AAAI,
    arXiv:1708.04896, algorithm 1 (with the mean for random values).
    """

    def __init__(
        self, shift: float = 0.1, flip: bool = False, erase: float = 0.0, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.shift = shift
        self.flip = flip
        self.erase = erase
        self.seed_generator = keras.random.SeedGenerator()

    def call(self, x: Any, training: bool = False) -> Any:
        """Return `x` of shape (batch, height, width, channels), changed in training."""
        if not training:
            return x
        if self.shift or self.flip:
            x = self._move(x)
        return self._erase(x) if self.erase else x

    def _uniform(self, x: Any, *shape: int) -> Any:
        """Draw numbers from 0 to 1 for each row."""
        return keras.random.uniform((ops.shape(x)[0], *shape), seed=self.seed_generator)

    def _move(self, x: Any) -> Any:
        _, height, width, channels = x.shape
        rows, columns = self._places(x, height), self._places(x, width)
        if self.flip:
            mirrored = self._uniform(x, 1) < 0.5
            columns = ops.where(mirrored, width - 1 - columns, columns)
        # One look-up of whole pixels, because bytes and NaN bear no arithmetic.
        places = rows[:, :, None] * width + columns[:, None, :]
        pixels = ops.reshape(x, (-1, height * width, channels))
        places = ops.reshape(places, (-1, height * width))
        moved = tf.gather(pixels, places, axis=1, batch_dims=1)
        return ops.reshape(moved, (-1, height, width, channels))

    def _places(self, x: Any, size: int) -> Any:
        """Return which places of an axis come to stand on it, (batch, size)."""
        most = round(self.shift * size)
        draws = ops.floor(self._uniform(x, 1) * (2 * most + 1))
        shifted = np.arange(size, dtype="int32") + ops.cast(draws, "int32") - most
        return ops.clip(shifted, 0, size - 1)

    def _erase(self, x: Any) -> Any:
        area = 0.02 + 0.31 * self._uniform(x, 1)
        ratio = ops.exp(np.log(3.3) * (2 * self._uniform(x, 1) - 1))
        height = ops.minimum(ops.sqrt(area * ratio), 1.0) * x.shape[1]
        width = ops.minimum(ops.sqrt(area / ratio), 1.0) * x.shape[2]
        rows = _span(height, self._uniform(x, 1), x.shape[1])
        columns = _span(width, self._uniform(x, 1), x.shape[2])
        hit = self._uniform(x, 1, 1, 1) < self.erase
        hidden = hit & rows[:, :, None, None] & columns[:, None, :, None]
        return _fill(x, hidden, _mean(x))

    def compute_output_spec(self, x: Any, training: bool = False) -> keras.KerasTensor:
        """Describe the same shape and dtype."""
        return keras.KerasTensor(x.shape, dtype=x.dtype)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        own = {"shift": self.shift, "flip": self.flip, "erase": self.erase}
        return {**super().get_config(), **own}


@register
class AugmentSpectrogram(keras.layers.Layer):
    """Hide some steps and some bands of each spectrogram of a batch (SpecAugment).

    ``y[t, f] = 0`` where ``t0 <= t < t0 + w`` or ``f0 <= f < f0 + v`` for any of the
    masks, with ``w ~ U(0, time * T)``, ``v ~ U(0, frequency * F)`` and starts drawn
    for each row. 0 is the mean of a standardised spectrogram. In training alone; NaN
    stays NaN.

    Parameters
    ----------
    time : float, default=0.1
        Widest mask of steps, as a share of all T, 0 to 1.
    frequency : float, default=0.15
        Widest mask of bands, as a share of all F, 0 to 1.
    n_masks : int, default=2
        Number of masks along each of the two axes.
    **kwargs : dict
        Keyword arguments of `keras.layers.Layer`.

    References
    ----------
    Park et al. (2019). SpecAugment: A Simple Data Augmentation Method for Automatic
    Speech Recognition. Interspeech, arXiv:1904.08779, section 2 (without warping).
    """

    def __init__(
        self,
        time: float = 0.1,
        frequency: float = 0.15,
        n_masks: int = 2,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.time = time
        self.frequency = frequency
        self.n_masks = n_masks
        self.seed_generator = keras.random.SeedGenerator()

    def call(self, x: Any, training: bool = False) -> Any:
        """Return `x` of shape (batch, T, F, channels), partly hidden in training."""
        if not training:
            return x
        steps = self._masks(x, x.shape[1], self.time)
        bands = self._masks(x, x.shape[2], self.frequency)
        return _fill(x, steps[:, :, None, None] | bands[:, None, :, None], 0.0)

    def _masks(self, x: Any, size: int, share: float) -> Any:
        """Draw which places of an axis are hidden, (batch, size)."""
        shape = (2, ops.shape(x)[0], self.n_masks, 1)
        draws = keras.random.uniform(shape, seed=self.seed_generator)
        return ops.any(_span(share * size * draws[0], draws[1], size), axis=1)

    def compute_output_spec(self, x: Any, training: bool = False) -> keras.KerasTensor:
        """Describe the same shape and dtype."""
        return keras.KerasTensor(x.shape, dtype=x.dtype)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        own = {
            "time": self.time,
            "frequency": self.frequency,
            "n_masks": self.n_masks,
        }
        return {**super().get_config(), **own}


def _span(width: Any, start: Any, size: int) -> Any:
    """Mark about `width` of `size` places; `start` from 0 to 1 says where."""
    width = ops.floor(width + 0.5)
    start = ops.floor(start * (size - width + 1))
    places = np.arange(size, dtype="float32")
    return (places >= start) & (places < start + width)


def _mean(x: Any) -> Any:
    """Average each channel of a row over what is observed, (batch, 1, 1, channels)."""
    x = ops.cast(x, "float32")
    observed = ~ops.isnan(x)
    total = ops.sum(ops.where(observed, x, 0.0), axis=(1, 2), keepdims=True)
    count = ops.sum(ops.cast(observed, "float32"), axis=(1, 2), keepdims=True)
    return total / ops.maximum(count, 1.0)


def _fill(x: Any, hidden: Any, value: Any) -> Any:
    """Put `value` where it is hidden, in the dtype of `x`; NaN stays."""
    if "float" in keras.backend.standardize_dtype(x.dtype):
        hidden = hidden & ~ops.isnan(x)
    return ops.where(hidden, ops.cast(value, x.dtype), x)
