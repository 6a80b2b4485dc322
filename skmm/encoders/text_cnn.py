"""Convolutions over tokens in their order, each remembered where it is strongest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import keras

from skmm.encoders._base import TokenEncoder
from skmm.encoders._parts import embed_tokens, places_of, project
from skmm.frame import ModalitySpec
from skmm.layers import MaskedPooling, MaskPadding

__all__ = ["TextCNNEncoder"]


class TextCNNEncoder(TokenEncoder):
    """Slide filters of several widths over the tokens; keep each one's largest value.

    ``h = LayerNorm(W [c_1; ...; c_k] + b)``, ``c_j = max_t relu(F_j * E[x])_t`` with
    token ids x of shape (batch, t), E of shape (vocabulary, embedding_dim), F_j of
    shape (kernel_sizes[j], embedding_dim, filters), places t that hold a token, and h
    of shape (batch, units). Padding is a zero vector, as what lies beyond the ends is.

    Parameters
    ----------
    units : int, default=64
        Number of units of the embedding, 1 or more.
    filters : int, default=64
        Number of filters of each width, 1 or more.
    kernel_sizes : sequence of int, default=(3, 4, 5)
        Widths of the filters, in tokens, 1 or more each.
    dropout : float, default=0.5
        Share of the c_j that are dropped in training, 0 to 1.
    embedding_dim : int, default=64
        Number of numbers in a token's vector, 1 or more.

    See Also
    --------
    skmm.encoders.embedding_bag.EmbeddingBagEncoder : Faster, and no worse where few
        words decide.
    skmm.encoders.rnn.RNNEncoder : Reads all tokens before it decides.

    Notes
    -----
    Tokens should be in reading order: give it ``TextModality(ngram_range=(1, 1))``.
    Behind pairs of words a filter sees what does not stand side by side.

    References
    ----------
    Kim (2014). Convolutional Neural Networks for Sentence Classification. EMNLP,
    equations 2 to 4 (dropout in the place of the bound on norms).

    Examples
    --------
    >>> import keras
    >>> from skmm import ModalitySpec
    >>> from skmm.encoders.text_cnn import TextCNNEncoder
    >>> spec = ModalitySpec(
    ...     "note", "text", (30,), "int32", "text_cnn", vocabulary_size=500
    ... )
    >>> TextCNNEncoder().encode(keras.Input((30,), dtype="int32"), spec).shape
    (None, 64)
    """

    ranks: ClassVar[tuple[int, ...]] = (1,)

    def __init__(
        self,
        units: int = 64,
        filters: int = 64,
        kernel_sizes: Sequence[int] = (3, 4, 5),
        dropout: float = 0.5,
        embedding_dim: int = 64,
    ):
        self.units = units
        self.filters = filters
        self.kernel_sizes = kernel_sizes
        self.dropout = dropout
        self.embedding_dim = embedding_dim

    def encode_tokens(self, x: Any, spec: ModalitySpec) -> tuple[Any, Any, Any]:
        """Add the layers; returns (batch, units), and what was found at each word."""
        name = spec.name
        tokens, observed = embed_tokens(x, spec, self.embedding_dim)
        tokens = MaskPadding(name=f"{name}_words")(tokens, observed)
        found, everywhere = [], []
        for i, width in enumerate(self.kernel_sizes):
            convolution = keras.layers.Conv1D(
                self.filters,
                width,
                padding="same",
                activation="relu",
                kernel_initializer="he_normal",
                name=f"{name}_conv_{i}",
            )
            pool = MaskedPooling("max", name=f"{name}_pool_{i}")
            everywhere.append(convolution(tokens))
            found.append(pool(everywhere[-1], observed))
        features, words = found[0], everywhere[0]
        if len(found) > 1:
            features = keras.layers.Concatenate(name=f"{name}_found")(found)
            words = keras.layers.Concatenate(name=f"{name}_everywhere")(everywhere)
        features = keras.layers.Dropout(self.dropout, name=f"{name}_dropout")(features)
        embedding = project(features, self.units, name)
        return embedding, *places_of(words, observed, spec)
