"""A small transformer for series, tokens and patches of images."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import keras

from skmm.encoders._base import TokenEncoder
from skmm.encoders._parts import (
    embed_tokens,
    finite_numbers,
    may_have_gaps,
    places_of,
)
from skmm.frame import ModalitySpec
from skmm.layers import (
    FoldAxis,
    MaskedPooling,
    Observed,
    PositionEmbedding,
    UnfoldAxis,
    attention_block,
)

__all__ = ["TransformerEncoder"]

TOKENS = 64  # that a series or an image is cut into at most


class TransformerEncoder(TokenEncoder):
    """Let tokens attend to one another, then take their mean.

    Tokens x of shape (batch, t, units) are looked-up ids, or patches of a series or
    an image through one linear map; p is a learned vector of each place. Blocks of
    ``x <- x + Attention(LayerNorm(x))``, ``x <- x + MLP(LayerNorm(x))`` follow, and
    ``h = LayerNorm(mean_t x_t)`` over the tokens that hold anything, of shape
    (batch, units). Several images (batch, k, height, width, channels) share one
    network and enter h by their mean.

    Parameters
    ----------
    units : int, default=64
        Number of units of tokens and embedding, a multiple of `num_heads`.
    num_layers : int, default=2
        Number of blocks, 1 or more.
    num_heads : int, default=4
        Number of attention heads, 1 or more.
    dropout : float, default=0.1
        Share of each block's output that is dropped in training, 0 to 1.

    See Also
    --------
    skmm.encoders.cnn.CNNEncoder : Usually better on few images.

    Notes
    -----
    Series and images are cut into at most about 64 patches of equal size, which
    bounds the cost. Tokens of text are taken one by one.

    References
    ----------
    Vaswani et al. (2017). Attention Is All You Need. arXiv:1706.03762, equation 1.
    Xiong et al. (2020). On Layer Normalization in the Transformer Architecture.
    arXiv:2002.04745 (normalisation before each part).
    Dosovitskiy et al. (2021). An Image is Worth 16x16 Words. arXiv:2010.11929,
    equations 1 to 4 (patches; here the mean replaces the class token).

    Examples
    --------
    >>> import keras
    >>> from skmm import ModalitySpec
    >>> from skmm.encoders.transformer import TransformerEncoder
    >>> spec = ModalitySpec("pulse", "timeseries", (20, 3), "float32", "cnn")
    >>> TransformerEncoder().encode(keras.Input((20, 3)), spec).shape
    (None, 64)
    """

    ranks: ClassVar[tuple[int, ...]] = (1, 2, 3, 4)

    def __init__(
        self,
        units: int = 64,
        num_layers: int = 2,
        num_heads: int = 4,
        dropout: float = 0.1,
    ):
        self.units = units
        self.num_layers = num_layers
        self.num_heads = num_heads
        self.dropout = dropout

    def encode_tokens(self, x: Any, spec: ModalitySpec) -> tuple[Any, Any, Any]:
        """Add the layers; returns (batch, units), and the tokens that were pooled."""
        name, is_set = spec.name, len(spec.shape) == 4
        seen = None
        if is_set:
            if may_have_gaps(spec):
                seen = Observed(3, name=f"{name}_seen")(x)
            x = FoldAxis(name=f"{name}_fold")(x)
        if len(spec.shape) == 1:
            x, observed = embed_tokens(x, spec, self.units)
        else:
            x, observed = self._patches(x, spec)
        x = PositionEmbedding(name=f"{name}_positions")(x)
        for i in range(self.num_layers):
            x = attention_block(
                x,
                observed,
                num_heads=self.num_heads,
                dropout=self.dropout,
                name=f"{name}_{i}",
            )
        places = places_of(x, observed, spec, seen)
        x = MaskedPooling(name=f"{name}_pool")(x, observed)
        if is_set:
            x = UnfoldAxis(spec.shape[0], name=f"{name}_unfold")(x)
            x = MaskedPooling(name=f"{name}_pool_set")(x, seen)
        norm = keras.layers.LayerNormalization(name=f"{name}_embedding")
        return norm(x), *places

    def _patches(self, x: Any, spec: ModalitySpec) -> tuple[Any, Any]:
        """Cut into tokens (batch, t, units); tell which hold anything, or None."""
        name, places = spec.name, spec.shape[-3 if len(spec.shape) > 2 else -2 : -1]
        side = TOKENS if len(places) == 1 else math.isqrt(TOKENS)
        window = tuple(-(-n // side) for n in places)
        observed = None
        if may_have_gaps(spec):
            observed = Observed(window=window, name=f"{name}_observed")(x)
            observed = keras.layers.Flatten(name=f"{name}_observed_flat")(observed)
        convolution = getattr(keras.layers, f"Conv{len(places)}D")
        cut = convolution(
            self.units, window, window, padding="same", name=f"{name}_patches"
        )
        tokens = cut(
            finite_numbers(x, spec, None if len(spec.shape) == 4 else "observed")
        )
        flat = keras.layers.Reshape((-1, self.units), name=f"{name}_patches_flat")
        return flat(tokens), observed
