"""Modalities exchange what fits through a few tokens (MBT)."""

from __future__ import annotations

from typing import Any, ClassVar

import keras

from skmm.exceptions import ModalityError
from skmm.fusion._base import TokenFusion
from skmm.fusion._parts import as_tokens, dropped, stacked
from skmm.layers import LearnedTokens, MaskedPooling, attention_block

__all__ = ["BottleneckFusion"]


class BottleneckFusion(TokenFusion):
    """Let modalities talk through a few common tokens.

    ``[X_m; B_m] = Transformer([X_m; B])`` for each modality, then ``B = mean_m B_m``
    over those present, a few times; ``z = relu(W x + c)``, where x is the mean over the
    modalities present of the first token of each, normalised, 0 where there is none.
    X_m has shape (batch, t_m, units), B has shape (batch, n_bottlenecks, units), and z
    has shape (batch, units).

    Parameters
    ----------
    units : int, default=64
        Number of units of z, 1 or more.
    n_bottlenecks : int, default=4
        Number of common tokens, 1 or more.
    num_layers : int, default=2
        Number of times that they are exchanged, 2 or more: what is gathered in one
        layer is read in the next.
    num_heads : int, default=4
        Number of heads of each attention.
    dropout : float, default=0.1
        Share of z's units that are dropped in training, 0 to 1.

    Raises
    ------
    ModalityError
        If `num_layers` is less than 2, when the network is built.

    See Also
    --------
    skmm.fusion.attention.AttentionFusion : Places look at one another directly.

    Notes
    -----
    Encoders show at most 64 places, as `AttentionFusion` says. An absent modality has
    no part in the mean. It has about ``8 * units^2`` weights for each modality and
    layer. The paper averages what each first token decides; the hidden layer in its
    place learns what two modalities tell only together.

    References
    ----------
    Nagrani, Yang, Arnab, Jansen, Schmid and Sun (2021). Attention Bottlenecks for
    Multimodal Fusion. NeurIPS, arXiv:2107.00135, equations 8 and 9.

    Examples
    --------
    >>> import keras
    >>> from skmm.fusion.bottleneck import BottleneckFusion
    >>> embeddings = [keras.Input((64,)), keras.Input((32,))]
    >>> BottleneckFusion(units=16).fuse(embeddings, keras.Input((2,)), []).shape
    (None, 16)
    """

    family: ClassVar[str] = "hybrid"

    def __init__(
        self,
        units: int = 64,
        n_bottlenecks: int = 4,
        num_layers: int = 2,
        num_heads: int = 4,
        dropout: float = 0.1,
    ):
        self.units = units
        self.n_bottlenecks = n_bottlenecks
        self.num_layers = num_layers
        self.num_heads = num_heads
        self.dropout = dropout

    def fuse_tokens(self, tokens: list[Any], observed: list[Any], present: Any) -> Any:
        """Add the layers; returns (batch, units)."""
        if self.num_layers < 2:
            raise ModalityError(f"num_layers must be 2 or more, got {self.num_layers}.")
        tokens = as_tokens(tokens, self.units)
        common = LearnedTokens(self.n_bottlenecks, name="fusion_bottleneck")(tokens[0])
        for i in range(self.num_layers):
            parts = []
            for m, (x, seen) in enumerate(zip(tokens, observed, strict=True)):
                tokens[m], part = self._exchange(x, seen, common, f"fusion_{m}_{i}")
                parts.append(part)
            if i < self.num_layers - 1:
                common = self._mean(parts, present, f"fusion_exchange_{i}")
        first = stacked([x[:, 0] for x in tokens])
        norm = keras.layers.LayerNormalization(name="fusion_norm")
        mean = MaskedPooling(name="fusion_mean")(norm(first), present)
        hidden = keras.layers.Dense(self.units, activation="relu", name="fusion_hidden")
        return dropped(hidden(mean), self.dropout)

    def _exchange(self, x: Any, observed: Any, common: Any, name: str) -> Any:
        """Let a modality's tokens and the common ones attend to one another."""
        n, ops = x.shape[1], keras.ops
        both = keras.layers.Concatenate(axis=1, name=f"{name}_with")([x, common])
        always = ops.ones_like(common[..., 0], dtype="bool")
        both = attention_block(
            both,
            ops.concatenate([observed, always], axis=1),
            num_heads=self.num_heads,
            dropout=self.dropout,
            name=name,
        )
        return both[:, :n], both[:, n:]

    def _mean(self, parts: list[Any], present: Any, name: str) -> Any:
        """Average the common tokens over the modalities present."""
        flat = [
            keras.ops.reshape(p, (-1, self.n_bottlenecks * self.units)) for p in parts
        ]
        mean = MaskedPooling(name=name)(stacked(flat, f"{name}_stack"), present)
        return keras.ops.reshape(mean, (-1, self.n_bottlenecks, self.units))
