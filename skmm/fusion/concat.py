"""Concatenation, the plain intermediate fusion."""

from __future__ import annotations

from typing import Any, ClassVar

import keras

from skmm.fusion._base import Fusion
from skmm.fusion._parts import dropped, joined

__all__ = ["ConcatFusion"]


class ConcatFusion(Fusion):
    """Lay the embeddings side by side and mix them in one hidden layer.

    ``z = relu(W [h_1; ...; h_M] + b)`` with h_m of shape (batch, d_m) and z of shape
    (batch, units). An absent modality is in its place as its learned vector.

    Parameters
    ----------
    units : int, default=64
        Number of units of z, 1 or more.
    dropout : float, default=0.1
        Share of z's units that are dropped in training, 0 to 1.

    See Also
    --------
    skmm.fusion.gated.GatedFusion : Chooses between modalities, row by row.

    Notes
    -----
    It has ``(sum of d_m + 1) * units`` weights.

    Examples
    --------
    >>> import keras
    >>> from skmm.fusion.concat import ConcatFusion
    >>> embeddings = [keras.Input((64,)), keras.Input((32,))]
    >>> ConcatFusion(units=16).fuse(embeddings, keras.Input((2,)), []).shape
    (None, 16)
    """

    family: ClassVar[str] = "parallel"

    def __init__(self, units: int = 64, dropout: float = 0.1):
        self.units = units
        self.dropout = dropout

    def fuse(self, embeddings: list[Any], present: Any, logits: list[Any]) -> Any:
        """Add the layers; returns (batch, units)."""
        hidden = keras.layers.Dense(self.units, activation="relu", name="fusion_hidden")
        return dropped(hidden(joined(embeddings)), self.dropout)
