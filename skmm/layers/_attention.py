"""Tokens that attend to one another, or to those of another modality."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from skmm.layers._register import Shape, register

__all__ = ["LearnedTokens", "attention_block"]


def attention_block(
    x: Any,
    observed: Any,
    *,
    num_heads: int,
    dropout: float,
    name: str,
    source: Any = None,
) -> Any:
    """Add one block of attention and of a small network, each behind a normalisation.

    ``x <- x + Attention(LayerNorm(x), LayerNorm(s))``, ``x <- x + MLP(LayerNorm(x))``.
    Where one token alone answers, there is nothing to choose from, and the attention is
    a linear map of it.

    Parameters
    ----------
    x : KerasTensor of shape (batch, t, units)
        Tokens that ask.
    observed : KerasTensor of bool, shape (batch, t_s), or None
        Which of the tokens that answer hold anything; None where all do.
    num_heads : int
        Number of attention heads.
    dropout : float
        Share of the attention's weights, and of the network's output, that are dropped
        in training.
    name : str
        Prefix of the layers' names.
    source : KerasTensor of shape (batch, t_s, units), default=None
        Tokens s that answer; None for `x` itself.

    Returns
    -------
    x : KerasTensor of shape (batch, t, units)
    """
    layers, units = keras.layers, x.shape[-1]
    y = s = layers.LayerNormalization(name=f"{name}_norm_attention")(x)
    if source is not None:
        s = layers.LayerNormalization(name=f"{name}_norm_source")(source)
    if s.shape[1] == 1:
        y = layers.Dense(units, use_bias=False, name=f"{name}_attention")(s)
    else:
        attend = layers.MultiHeadAttention(
            num_heads,
            max(1, units // num_heads),
            dropout=dropout,
            use_bias=False,
            name=f"{name}_attention",
        )
        y = attend(y, s, key_mask=observed)
    x = layers.Add(name=f"{name}_add_attention")([x, y])
    y = layers.LayerNormalization(name=f"{name}_norm_mlp")(x)
    y = layers.Dense(2 * units, activation="gelu", name=f"{name}_mlp")(y)
    y = layers.Dense(units, name=f"{name}_mlp_out")(y)
    y = layers.Dropout(dropout, name=f"{name}_dropout")(y)
    return layers.Add(name=f"{name}_add_mlp")([x, y])


@register
class LearnedTokens(keras.layers.Layer):
    """Give every row the same tokens, which are learned.

    Parameters
    ----------
    n_tokens : int
        Number of tokens.
    tokens_initializer : str or keras.Initializer, default="normal"
        Start of the tokens, of shape (n_tokens, units).
    **kwargs : dict
        Keyword arguments of `keras.layers.Layer`.
    """

    def __init__(
        self, n_tokens: int, tokens_initializer: Any = "normal", **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.n_tokens = n_tokens
        self.tokens_initializer = keras.initializers.get(tokens_initializer)

    def build(self, x_shape: Shape) -> None:
        """Make the tokens."""
        self.tokens = self.add_weight(
            name="tokens",
            shape=(self.n_tokens, x_shape[-1]),
            initializer=self.tokens_initializer,
        )

    def call(self, x: Any) -> Any:
        """Return (batch, n_tokens, units) for the rows of `x` (batch, t, units)."""
        return ops.zeros_like(x[:, :1]) + self.tokens

    def compute_output_shape(self, x_shape: Shape) -> Shape:
        """Return (batch, n_tokens, units)."""
        return (x_shape[0], self.n_tokens, x_shape[-1])

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        initializer = keras.initializers.serialize(self.tokens_initializer)
        return {
            **super().get_config(),
            "n_tokens": self.n_tokens,
            "tokens_initializer": initializer,
        }
