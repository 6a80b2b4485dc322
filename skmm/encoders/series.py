"""Summaries of each channel of a series, beside a convolutional network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import keras

from skmm.encoders._base import TokenEncoder
from skmm.encoders._parts import project
from skmm.encoders.cnn import CNNEncoder
from skmm.frame import ModalitySpec
from skmm.layers import SeriesSummary

__all__ = ["SeriesEncoder"]


class SeriesEncoder(TokenEncoder):
    """Put together what a series is like on the whole, and the shapes in it.

    ``h = LayerNorm(W [MLP(s(x)); CNN(x)] + b)`` with x of shape (batch, steps,
    channels), s(x) the numbers that `skmm.layers.SeriesSummary` describes each channel
    by, and h of shape (batch, units). Level, spread, trend, gaps and the time since
    the last value are in the summaries, and need not be learned; the convolutions add
    what only the order of values tells.

    Parameters
    ----------
    units : int, default=64
        Number of units of the embedding, 1 or more.
    n_parts : int, default=3
        Number of stretches of equal length that are summarised by themselves too, 0 or
        more.
    hidden_units : sequence of int, default=(128, 128)
        Number of units of each hidden layer behind the summaries.
    dropout : float, default=0.3
        Share of each hidden layer's units that are dropped in training, 0 to 1; of
        the summaries, and of what was convolved, a third of that.
    filters : int, default=16
        Number of filters of the first convolution, as in `CNNEncoder`; 0 leaves the
        convolutions out.
    kernel_size : int, default=7
        Width of the filters in steps, 1 or more.

    See Also
    --------
    skmm.encoders.cnn.CNNEncoder : The convolutions alone.
    skmm.encoders.rnn.RNNEncoder : Reads a series step by step.

    Examples
    --------
    >>> import keras
    >>> from skmm import ModalitySpec
    >>> from skmm.encoders.series import SeriesEncoder
    >>> spec = ModalitySpec("pulse", "timeseries", (20, 3), "float32", "series")
    >>> SeriesEncoder().encode(keras.Input((20, 3)), spec).shape
    (None, 64)
    """

    ranks: ClassVar[tuple[int, ...]] = (2,)

    def __init__(
        self,
        units: int = 64,
        n_parts: int = 3,
        hidden_units: Sequence[int] = (128, 128),
        dropout: float = 0.3,
        filters: int = 16,
        kernel_size: int = 7,
    ):
        self.units = units
        self.n_parts = n_parts
        self.hidden_units = hidden_units
        self.dropout = dropout
        self.filters = filters
        self.kernel_size = kernel_size

    def encode_tokens(self, x: Any, spec: ModalitySpec) -> tuple[Any, Any, Any]:
        """Add the layers; returns (batch, units), and what was convolved."""
        name, layers = f"{spec.name}_summary", keras.layers
        found = SeriesSummary(self.n_parts, name=name)(x)
        found = layers.Dropout(self.dropout / 3, name=f"{name}_dropout")(found)
        for i, units in enumerate(self.hidden_units):
            hidden = layers.Dense(
                units,
                activation="relu",
                kernel_initializer="he_normal",
                name=f"{name}_hidden_{i}",
            )
            found = hidden(found)
            found = layers.Dropout(self.dropout, name=f"{name}_dropout_{i}")(found)
        places = observed = None
        if self.filters:
            sizes = (self.units, self.filters, self.kernel_size)
            shapes = CNNEncoder(*sizes, dropout=self.dropout / 3)
            shape, places, observed = shapes.encode_tokens(x, spec)
            found = layers.Concatenate(name=f"{spec.name}_joined")([found, shape])
        embedding = project(found, self.units, f"{spec.name}_series")
        return embedding, places, observed
