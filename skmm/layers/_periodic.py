"""Numbers as learned waves."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from skmm.layers._register import Shape, register

__all__ = ["PeriodicEmbedding"]


@register
class PeriodicEmbedding(keras.layers.Layer):
    """Let a network read the first columns of a table as waves of many frequencies.

    Behind x of shape (batch, p) come, for each of the first n columns x_j,
    ``W_j cos(2 pi f_j x_j + b_j) + c_j`` with f_j and b_j of shape (k,) and W_j of
    shape (d, k): steps and bumps of a number, which a network that reads x_j itself
    finds late, are near to linear in them.

    Parameters
    ----------
    n_numbers : int
        n, the number of columns that are embedded.
    n_frequencies : int, default=16
        k, the number of waves of each.
    embedding_dim : int, default=3
        d, the number of numbers that come behind x for each.
    frequencies_initializer : str or keras.Initializer, default=None
        Start of the frequencies; None is normal with standard deviation 0.1.
    **kwargs : dict
        Keyword arguments of `keras.layers.Layer`.

    References
    ----------
    Gorishniy, Rubachev and Babenko (2022). On Embeddings for Numerical Features in
    Tabular Deep Learning. arXiv:2203.05556, equation 1.
    Holzmüller, Grinsztajn and Steinwart (2024). Better by Default. arXiv:2407.04491,
    section 3 (the phase b, x itself beside the waves, and the deviation of 0.1).
    """

    def __init__(
        self,
        n_numbers: int,
        n_frequencies: int = 16,
        embedding_dim: int = 3,
        frequencies_initializer: Any = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.n_numbers = n_numbers
        self.n_frequencies = n_frequencies
        self.embedding_dim = embedding_dim
        if frequencies_initializer is None:
            frequencies_initializer = keras.initializers.RandomNormal(stddev=0.1)
        self.frequencies_initializer = keras.initializers.get(frequencies_initializer)
        self.phases_initializer = keras.initializers.RandomUniform(-math.pi, math.pi)
        bound = 1 / math.sqrt(n_frequencies)
        self.kernel_initializer = keras.initializers.RandomUniform(-bound, bound)
        self.bias_initializer = keras.initializers.RandomUniform(-bound, bound)

    def build(self, x_shape: Shape) -> None:
        """Make frequencies and phases (n, k), kernels (n, k, d) and biases (n, d)."""
        n, k, d = self.n_numbers, self.n_frequencies, self.embedding_dim
        shapes = {"frequencies": (n, k), "phases": (n, k), "kernel": (n, k, d)}
        for name, shape in {**shapes, "bias": (n, d)}.items():
            initializer = getattr(self, f"{name}_initializer")
            weight = self.add_weight(name=name, shape=shape, initializer=initializer)
            setattr(self, name, weight)

    def call(self, x: Any) -> Any:
        """Return (batch, p + n * embedding_dim) for `x` of shape (batch, p)."""
        numbers = ops.expand_dims(x[:, : self.n_numbers], -1)
        waves = ops.cos(2 * math.pi * numbers * self.frequencies + self.phases)
        found = ops.einsum("bnk,nkd->bnd", waves, self.kernel) + self.bias
        flat = ops.reshape(found, (-1, self.n_numbers * self.embedding_dim))
        return ops.concatenate([x, flat], axis=-1)

    def compute_output_shape(self, x_shape: Shape) -> Shape:
        """Return (batch, p + n * embedding_dim)."""
        return (x_shape[0], (x_shape[-1] or 0) + self.n_numbers * self.embedding_dim)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {
            **super().get_config(),
            "n_numbers": self.n_numbers,
            "n_frequencies": self.n_frequencies,
            "embedding_dim": self.embedding_dim,
            "frequencies_initializer": keras.initializers.serialize(
                self.frequencies_initializer
            ),
        }
