"""Learned vectors: of tokens, of categories, of places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from skmm.layers._register import Shape, register

__all__ = ["CategoryEmbedding", "PositionEmbedding", "TokenEmbedding"]


def _look_up(table: keras.Variable, rows: Any) -> Any:
    """Read rows of a table; `ops.take` reads, and often copies, all of it."""
    return tf.gather(table.value, rows)


@register
class TokenEmbedding(keras.layers.Embedding):
    """Put a learned vector in the place of each token: ``E[x]``, E of shape (v, d).

    Keras' own layer, but that it reads no more of E than it needs, which makes a
    training step on a large vocabulary several times faster; and that skmm's Adam has
    one second moment for all of E, so that rare tokens are not learned by heart.
    """

    def build(self, x_shape: Shape | None = None) -> None:
        """Make E of shape (v, d)."""
        super().build(x_shape)
        self.embeddings.common_moment = True

    def call(self, x: Any) -> Any:
        """Return (batch, t, d) for ids `x` of shape (batch, t)."""
        rows = _look_up(self.embeddings, ops.cast(x, "int32"))
        return ops.cast(rows, self.compute_dtype)


@register
class CategoryEmbedding(keras.layers.Layer):
    """Put a learned vector in the place of each category code.

    ``[x_1, ..., x_p, E_1[c_1], ..., E_k[c_k]]``: the last k columns hold codes, the
    j-th from 0 to ``cardinalities[j] - 1``; all E_j are rows of one table.

    Parameters
    ----------
    cardinalities : sequence of int
        Number of codes of each of the last k columns.
    embedding_dim : int, default=8
        Number of numbers in a vector.
    embeddings_initializer : str or keras.Initializer, default="uniform"
        Start of the table: small, so that a category that training never sees
        says next to nothing.
    **kwargs : dict
        Keyword arguments of `keras.layers.Layer`.
    """

    def __init__(
        self,
        cardinalities: Sequence[int],
        embedding_dim: int = 8,
        embeddings_initializer: Any = "uniform",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.cardinalities = tuple(cardinalities)
        self.embedding_dim = embedding_dim
        self.embeddings_initializer = keras.initializers.get(embeddings_initializer)

    def build(self, x_shape: Shape) -> None:
        """Make one table of shape (sum(cardinalities), embedding_dim)."""
        self.embeddings = self.add_weight(
            name="embeddings",
            shape=(sum(self.cardinalities), self.embedding_dim),
            initializer=self.embeddings_initializer,
        )

    def call(self, x: Any) -> Any:
        """Return (batch, p + k * embedding_dim) for `x` of shape (batch, p + k)."""
        sizes = np.array(self.cardinalities, dtype="int32")
        first = np.cumsum(sizes, dtype="int32") - sizes
        numbers, codes = ops.split(x, [x.shape[-1] - len(sizes)], axis=-1)
        rows = ops.clip(ops.cast(codes, "int32"), 0, sizes - 1) + first
        vectors = _look_up(self.embeddings, rows)
        flat = ops.reshape(vectors, (-1, len(sizes) * self.embedding_dim))
        return ops.concatenate([numbers, flat], axis=-1)

    def compute_output_shape(self, x_shape: Shape) -> Shape:
        """Return (batch, p + k * embedding_dim)."""
        n_codes = len(self.cardinalities)
        width = (x_shape[-1] or 0) + n_codes * (self.embedding_dim - 1)
        return (x_shape[0], width)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {
            **super().get_config(),
            "cardinalities": self.cardinalities,
            "embedding_dim": self.embedding_dim,
            "embeddings_initializer": keras.initializers.serialize(
                self.embeddings_initializer
            ),
        }


@register
class PositionEmbedding(keras.layers.Layer):
    """Add a learned vector to every place: ``x + p``, p of shape (t, d).

    Parameters
    ----------
    positions_initializer : str or keras.Initializer, default="uniform"
        Start of p.
    **kwargs : dict
        Keyword arguments of `keras.layers.Layer`.
    """

    def __init__(self, positions_initializer: Any = "uniform", **kwargs: Any):
        super().__init__(**kwargs)
        self.positions_initializer = keras.initializers.get(positions_initializer)

    def build(self, x_shape: Shape) -> None:
        """Make p of shape (t, d)."""
        self.positions = self.add_weight(
            name="positions",
            shape=x_shape[1:],
            initializer=self.positions_initializer,
        )

    def call(self, x: Any) -> Any:
        """Return `x` of shape (batch, t, d) with its places told apart."""
        return x + self.positions

    def compute_output_shape(self, x_shape: Shape) -> Shape:
        """Return the shape of `x`."""
        return x_shape

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        initializer = keras.initializers.serialize(self.positions_initializer)
        return {**super().get_config(), "positions_initializer": initializer}
