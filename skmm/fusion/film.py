"""One modality after another changes how the first is read (FiLM)."""

from __future__ import annotations

from typing import Any, ClassVar

import keras

from skmm.fusion._base import Fusion
from skmm.fusion._parts import dropped
from skmm.layers import Modulation

__all__ = ["FiLMFusion"]


class FiLMFusion(Fusion):
    """Let each modality stretch and shift what those before it made of the row.

    ``z <- relu((1 + g_m) * z + b_m)``, ``[g_m; b_m] = W_m h_m + c_m`` for m = 2, ...,
    M where present, from ``z = P h_1 + b``; h_m has shape (batch, d_m), and g_m, b_m
    and z have shape (batch, units).

    Parameters
    ----------
    units : int, default=64
        Number of units of z, 1 or more.
    dropout : float, default=0.1
        Share of z's units that are dropped in training, 0 to 1.

    See Also
    --------
    skmm.fusion.chain_graph.ChainGraphFusion : Neighbours exchange messages.
    skmm.fusion.low_rank.LowRankFusion : Products in which order does not matter.

    Notes
    -----
    Order matters: the first modality is what is read, the others say how. Put the one
    that knows most first. Where the first is absent, its learned vector is modulated.
    It has ``(d_1 + 1) * units`` weights, and ``(d_m + 1) * 2 * units`` for each further
    modality.

    References
    ----------
    Perez, Strub, de Vries, Dumoulin and Courville (2018). FiLM: Visual Reasoning with a
    General Conditioning Layer. AAAI, arXiv:1709.07871, equations 1 and 2.

    Examples
    --------
    >>> import keras
    >>> from skmm.fusion.film import FiLMFusion
    >>> embeddings = [keras.Input((64,)), keras.Input((32,))]
    >>> FiLMFusion(units=16).fuse(embeddings, keras.Input((2,)), []).shape
    (None, 16)
    """

    family: ClassVar[str] = "serial"

    def __init__(
        self,
        units: int = 64,
        dropout: float = 0.1,
    ):
        self.units = units
        self.dropout = dropout

    def fuse(self, embeddings: list[Any], present: Any, logits: list[Any]) -> Any:
        """Add the layers; returns (batch, units)."""
        first, *others = embeddings
        z = keras.layers.Dense(self.units, name="fusion_first")(first)
        for m, h in enumerate(others, 1):
            dense = keras.layers.Dense(2 * self.units, name=f"fusion_condition_{m}")
            z = Modulation(m, name=f"fusion_modulation_{m}")(z, dense(h), present)
        return dropped(z, self.dropout)
