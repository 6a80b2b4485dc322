"""The gated multimodal unit (GMU)."""

from __future__ import annotations

from typing import Any, ClassVar

import keras

from skmm.fusion._base import Fusion
from skmm.fusion._parts import dropped, joined, projected
from skmm.layers import Mixture

__all__ = ["GatedFusion"]


class GatedFusion(Fusion):
    """Let every feature choose, row by row, which modality to listen to.

    ``z = sum_m g_m * tanh(P_m h_m + b_m)`` with
    ``g = softmax_m(U [h_1; ...; h_M] + c, or -inf where absent)``; h_m has shape
    (batch, d_m), g_m and z have shape (batch, units).

    Parameters
    ----------
    units : int, default=64
        Number of units of z, 1 or more.
    dropout : float, default=0.1
        Share of z's units that are dropped in training, 0 to 1.

    See Also
    --------
    skmm.fusion.late.LateFusion : One gate for each modality's decision.
    skmm.fusion.mean.MeanFusion : Equal weights.

    Notes
    -----
    The paper gates each modality by a sigmoid of its own. Here the gates of one
    feature sum to 1 over the modalities that are present, as in the paper's form for
    two modalities (equation 3: z and 1 - z), so that an absent one leaves the scale
    of z as it is. Where all are absent, their learned vectors are mixed. It has
    ``(d_m + 1) * units`` weights for each modality, and
    ``(sum of d_m + 1) * units * M`` of the gate.

    References
    ----------
    Arevalo, Solorio, Montes-y-Gómez and González (2017). Gated Multimodal Units for
    Information Fusion. arXiv:1702.01992, section 3.1.

    Examples
    --------
    >>> import keras
    >>> from skmm.fusion.gated import GatedFusion
    >>> embeddings = [keras.Input((64,)), keras.Input((32,))]
    >>> GatedFusion(units=16).fuse(embeddings, keras.Input((2,)), []).shape
    (None, 16)
    """

    family: ClassVar[str] = "parallel"

    def __init__(self, units: int = 64, dropout: float = 0.1):
        self.units = units
        self.dropout = dropout

    def fuse(self, embeddings: list[Any], present: Any, logits: list[Any]) -> Any:
        """Add the layers; returns (batch, units)."""
        values = projected(embeddings, self.units, "fusion_value", "tanh")
        gate = keras.layers.Dense(self.units * len(embeddings), name="fusion_gate")
        scores = gate(joined(embeddings))
        mixed = Mixture(name="fusion_mixture")(values, scores, present)
        return dropped(mixed, self.dropout)
