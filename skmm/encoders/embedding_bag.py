"""A bag of embedded tokens, the text encoder of fastText."""

from __future__ import annotations

from typing import Any, ClassVar

import keras

from skmm.encoders._base import Encoder
from skmm.encoders._parts import embed_tokens, project
from skmm.frame import ModalitySpec
from skmm.layers import RankedPooling

__all__ = ["EmbeddingBagEncoder"]

# Vectors of tokens start small. Were a row brought to full size from the start, a few
# hundred texts would be learned by heart.
EPSILON = 1.0


class EmbeddingBagEncoder(Encoder):
    """Look every token up in a table and pool what is found.

    ``h = LayerNorm(W sum_t w_t E[x_t] / sqrt(sum_t w_t^2) + b)``, ``w_t = 1 + log x_t``
    with token ids x of shape (batch, t), the most frequent token's being 1, E of shape
    (vocabulary, embedding_dim) and h of shape (batch, units); padding weighs 0. The
    normalisation adds 1 to the variance. The order of tokens is lost but for what
    n-grams keep.

    Parameters
    ----------
    units : int, default=64
        Number of units of the embedding, 1 or more.
    embedding_dim : int, default=64
        Number of numbers in a token's vector, 1 or more.
    dropout : float, default=0.5
        Share of the tokens that are dropped in training, 0 to 1.

    See Also
    --------
    skmm.encoders.rnn.RNNEncoder : Reads tokens in their order.

    References
    ----------
    Joulin, Grave, Bojanowski and Mikolov (2017). Bag of Tricks for Efficient Text
    Classification. EACL, section 2.
    Spärck Jones (1972). A Statistical Interpretation of Term Specificity and Its
    Application in Retrieval. Journal of Documentation 28 (rare terms weigh more).

    Examples
    --------
    >>> import keras
    >>> from skmm import ModalitySpec
    >>> from skmm.encoders.embedding_bag import EmbeddingBagEncoder
    >>> spec = ModalitySpec(
    ...     "note", "text", (30,), "int32", "embedding_bag", vocabulary_size=500
    ... )
    >>> EmbeddingBagEncoder().encode(keras.Input((30,), dtype="int32"), spec).shape
    (None, 64)
    """

    ranks: ClassVar[tuple[int, ...]] = (1,)

    def __init__(self, units: int = 64, embedding_dim: int = 64, dropout: float = 0.5):
        self.units = units
        self.embedding_dim = embedding_dim
        self.dropout = dropout

    def encode(self, x: Any, spec: ModalitySpec) -> Any:
        """Add the layers; returns (batch, units)."""
        tokens, _ = embed_tokens(x, spec, self.embedding_dim)
        # One draw for a whole token: its vector stays or goes.
        dropout = keras.layers.Dropout(
            self.dropout, noise_shape=(None, None, 1), name=f"{spec.name}_dropout"
        )
        bag = RankedPooling(name=f"{spec.name}_pool")(dropout(tokens), x)
        return project(bag, self.units, spec.name, EPSILON)
