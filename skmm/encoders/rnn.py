"""A recurrent network for series and for tokens in their order."""

from __future__ import annotations

from typing import Any, ClassVar

import keras

from skmm.encoders._base import TokenEncoder
from skmm.encoders._parts import embed_tokens, finite_numbers, places_of, project
from skmm.frame import ModalitySpec
from skmm.layers import MaskedPooling, Observed

__all__ = ["RNNEncoder"]


class RNNEncoder(TokenEncoder):
    """Read steps or tokens one after another, forwards and backwards, by a GRU.

    ``h = LayerNorm(W mean_t [GRU(x)_t; GRU'(x)_t] + b)`` over the steps t that hold
    anything, with x of shape (batch, t, channels), or ids of shape (batch, t) that
    are looked up first, and h of shape (batch, units). Steps that hold nothing leave
    the state alone; NaN beside numbers becomes 0 with an indicator.

    Parameters
    ----------
    units : int, default=64
        Number of units of the embedding, 1 or more; each direction's state has half
        of them.
    bidirectional : bool, default=True
        Whether to read backwards too; if not, the one state has `units` units.
    dropout : float, default=0.1
        Share of the inputs of the GRU that are dropped in training, 0 to 1.
    embedding_dim : int, default=64
        Number of numbers in a token's vector, 1 or more.

    See Also
    --------
    skmm.encoders.cnn.CNNEncoder : Much faster on long series.

    Notes
    -----
    Steps follow one another: on a CPU, 100 steps cost about as much as a hundred
    small layers.

    References
    ----------
    Cho et al. (2014). Learning Phrase Representations using RNN Encoder-Decoder for
    Statistical Machine Translation. EMNLP, equations 5 to 8.

    Examples
    --------
    >>> import keras
    >>> from skmm import ModalitySpec
    >>> from skmm.encoders.rnn import RNNEncoder
    >>> spec = ModalitySpec("pulse", "timeseries", (20, 3), "float32", "rnn")
    >>> RNNEncoder().encode(keras.Input((20, 3)), spec).shape
    (None, 64)
    """

    ranks: ClassVar[tuple[int, ...]] = (1, 2)

    def __init__(
        self,
        units: int = 64,
        bidirectional: bool = True,
        dropout: float = 0.1,
        embedding_dim: int = 64,
    ):
        self.units = units
        self.bidirectional = bidirectional
        self.dropout = dropout
        self.embedding_dim = embedding_dim

    def encode_tokens(self, x: Any, spec: ModalitySpec) -> tuple[Any, Any, Any]:
        """Add the layers; returns (batch, units), and the steps that were pooled."""
        name = spec.name
        if len(spec.shape) == 1:
            x, observed = embed_tokens(x, spec, self.embedding_dim)
        else:
            observed = Observed(name=f"{name}_observed")(x)
            x = finite_numbers(x, spec, "observed")
        x = keras.layers.Dropout(self.dropout, name=f"{name}_dropout")(x)
        states = self._reader(name)(x, mask=observed)
        pooled = MaskedPooling(name=f"{name}_pool")(states, observed)
        embedding = project(pooled, self.units, name)
        return embedding, *places_of(states, observed, spec)

    def _reader(self, name: str) -> Any:
        if not self.bidirectional:
            return keras.layers.GRU(
                self.units, return_sequences=True, name=f"{name}_gru"
            )
        half = max(1, self.units // 2)
        reader = keras.layers.GRU(half, return_sequences=True, name=f"{name}_gru")
        return keras.layers.Bidirectional(reader, name=f"{name}_both")
