"""Each modality's places attend to those of every other (MulT)."""

from __future__ import annotations

from typing import Any, ClassVar

import keras

from skmm.fusion._base import TokenFusion
from skmm.fusion._parts import as_tokens, dropped, joined
from skmm.layers import attention_block

__all__ = ["AttentionFusion"]


class AttentionFusion(TokenFusion):
    """Let the places of each modality look at the places of every other one.

    ``X_ab <- X_ab + softmax(Q K^T / sqrt(k)) V`` with Q of X_ab, K and V of X_b, then
    a small network, for every ordered pair of modalities, from ``X_ab = X_a``; behind
    it the X_ab of one a, side by side, attend to themselves, and ``z = relu(W [x_1;
    ...; x_M] + c)`` with the first token x_a of each. X_a has shape (batch, t_a, units)
    and z has shape (batch, units).

    Parameters
    ----------
    units : int, default=64
        Number of units of z, 1 or more.
    num_layers : int, default=1
        Number of times that a pair's places look, 1 or more.
    num_heads : int, default=4
        Number of heads of each attention.
    dropout : float, default=0.1
        Share of z's units that are dropped in training, 0 to 1.

    See Also
    --------
    skmm.fusion.bottleneck.BottleneckFusion : Far cheaper where there are many places.
    skmm.fusion.graph.GraphFusion : Attention between embeddings alone.

    Notes
    -----
    Encoders that have places (`cnn`, `resnet`, `patch_mixer`, `crnn`, `rnn`,
    `text_cnn`, `transformer`, `series`) show at most 64 of them; the others show one
    token, and then attention has nothing to choose from. Unlike the paper's, positions
    are learned, and the first token of each modality is read, not the last. It has
    about ``8 * units^2 * M * (M - 1)`` weights for each layer, and ``8 * ((M - 1) *
    units)^2 * M`` behind them.

    References
    ----------
    Tsai, Bai, Liang, Kolter, Morency and Salakhutdinov (2019). Multimodal Transformer
    for Unaligned Multimodal Language Sequences. ACL, arXiv:1906.00295, section 3.

    Examples
    --------
    >>> import keras
    >>> from skmm.fusion.attention import AttentionFusion
    >>> embeddings = [keras.Input((64,)), keras.Input((32,))]
    >>> AttentionFusion(units=16).fuse(embeddings, keras.Input((2,)), []).shape
    (None, 16)
    """

    family: ClassVar[str] = "hybrid"

    def __init__(
        self,
        units: int = 64,
        num_layers: int = 1,
        num_heads: int = 4,
        dropout: float = 0.1,
    ):
        self.units = units
        self.num_layers = num_layers
        self.num_heads = num_heads
        self.dropout = dropout

    def fuse_tokens(self, tokens: list[Any], observed: list[Any], present: Any) -> Any:
        """Add the layers; returns (batch, units)."""
        tokens = as_tokens(tokens, self.units)
        read = []
        for a, x in enumerate(tokens):
            told = [
                self._told(x, tokens[b], observed[b], f"fusion_{a}_{b}")
                for b in range(len(tokens))
                if b != a
            ]
            x = joined(told or [x], f"fusion_{a}_told")
            x = attention_block(
                x,
                observed[a],
                num_heads=self.num_heads,
                dropout=self.dropout,
                name=f"fusion_{a}_self",
            )
            read.append(x[:, 0])
        hidden = keras.layers.Dense(self.units, activation="relu", name="fusion_hidden")
        return dropped(hidden(joined(read)), self.dropout)

    def _told(self, x: Any, source: Any, observed: Any, name: str) -> Any:
        """Let tokens `x` look at the tokens of another modality."""
        for i in range(self.num_layers):
            x = attention_block(
                x,
                observed,
                num_heads=self.num_heads,
                dropout=self.dropout,
                name=f"{name}_{i}",
                source=source,
            )
        return x
