"""A multilayer perceptron for tables and vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import keras

from skmm.encoders._base import Encoder
from skmm.encoders._parts import finite_numbers, project
from skmm.frame import ModalitySpec
from skmm.layers import CategoryEmbedding, PeriodicEmbedding

__all__ = ["MLPEncoder"]


class MLPEncoder(Encoder):
    """Go through hidden layers, with the numbers of a table also as waves.

    ``h = LayerNorm(W relu(... relu(W_1 x + b_1) ...) + b)`` with x of shape
    (batch, p) and h of shape (batch, units). Category codes become learned vectors
    first, and waves of numbers stand beside them; NaN becomes 0 with an indicator
    beside it; arrays of higher rank are flattened.

    Parameters
    ----------
    units : int, default=64
        Number of units of the embedding, 1 or more.
    hidden_units : sequence of int, default=(128, 128)
        Number of units of each hidden layer; empty for a linear encoder.
    activation : str, default="relu"
        Keras name of the hidden layers' activation.
    dropout : float, default=0.3
        Share of each hidden layer's units that are dropped in training, 0 to 1.
    embedding_dim : int, default=8
        Number of numbers in a category's vector; columns with fewer categories in
        all than this get as many as there are.
    n_frequencies : int, default=16
        Number of waves by which each number of a table is embedded, as
        `skmm.layers.PeriodicEmbedding` says; 0 leaves numbers as they are.

    See Also
    --------
    skmm.encoders.cnn.CNNEncoder : For arrays whose neighbours belong together.

    Examples
    --------
    >>> import keras
    >>> from skmm import ModalitySpec
    >>> from skmm.encoders.mlp import MLPEncoder
    >>> spec = ModalitySpec("lab", "vector", (10,), "float32", "mlp")
    >>> MLPEncoder().encode(keras.Input((10,)), spec).shape
    (None, 64)
    """

    ranks: ClassVar[tuple[int, ...]] = (1, 2, 3, 4)

    def __init__(
        self,
        units: int = 64,
        hidden_units: Sequence[int] = (128, 128),
        activation: str = "relu",
        dropout: float = 0.3,
        embedding_dim: int = 8,
        n_frequencies: int = 16,
    ):
        self.units = units
        self.hidden_units = hidden_units
        self.activation = activation
        self.dropout = dropout
        self.embedding_dim = embedding_dim
        self.n_frequencies = n_frequencies

    def encode(self, x: Any, spec: ModalitySpec) -> Any:
        """Add the layers; returns (batch, units)."""
        x = self._features(x, spec)
        for i, units in enumerate(self.hidden_units):
            hidden = keras.layers.Dense(
                units,
                activation=self.activation,
                kernel_initializer="he_normal",
                name=f"{spec.name}_hidden_{i}",
            )
            x = hidden(x)
            x = keras.layers.Dropout(self.dropout, name=f"{spec.name}_dropout_{i}")(x)
        return project(x, self.units, spec.name)

    def _features(self, x: Any, spec: ModalitySpec) -> Any:
        """Turn the raw array into finite features of shape (batch, p)."""
        if len(spec.shape) > 1:
            x = keras.layers.Flatten(name=f"{spec.name}_flatten")(x)
        x = finite_numbers(x, spec, "missing")
        if spec.cardinalities:
            dim = min(self.embedding_dim, sum(spec.cardinalities))
            x = CategoryEmbedding(
                spec.cardinalities, dim, name=f"{spec.name}_categories"
            )(x)
        if spec.n_numbers and self.n_frequencies:
            x = PeriodicEmbedding(
                spec.n_numbers, self.n_frequencies, name=f"{spec.name}_periodic"
            )(x)
        return x
