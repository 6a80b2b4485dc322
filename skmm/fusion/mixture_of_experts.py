"""Several joint networks, and a gate that chooses between them."""

from __future__ import annotations

from typing import Any, ClassVar

import keras

from skmm.fusion._base import Fusion
from skmm.fusion._parts import dropped, joined, projected
from skmm.layers import Mixture

__all__ = ["MixtureOfExpertsFusion"]


class MixtureOfExpertsFusion(Fusion):
    """Ask several joint networks, and choose row by row whom to believe.

    ``z = sum_e g_e relu(W_e h + b_e)``, ``g = softmax(U [h; a] + c)``, with ``h = [h_1;
    ...; h_M]``, h_m of shape (batch, d_m), a of shape (batch, M), g of shape (batch,
    n_experts) and z of shape (batch, units).

    Parameters
    ----------
    units : int, default=64
        Number of units of z, 1 or more.
    n_experts : int, default=4
        Number of joint networks, 2 or more.
    dropout : float, default=0.1
        Share of z's units that are dropped in training, 0 to 1.

    See Also
    --------
    skmm.fusion.gated.GatedFusion : One expert for each modality, a gate for each unit.

    Notes
    -----
    The gate sees which modalities are there, so that an expert may be for rows that
    lack one. It has ``(sum of d_m + 1) * units * n_experts`` weights, and ``(sum of d_m
    + M + 1) * n_experts`` of the gate.

    References
    ----------
    Jacobs, Jordan, Nowlan and Hinton (1991). Adaptive Mixtures of Local Experts. Neural
    Computation 3, equation 1 and figure 1.

    Examples
    --------
    >>> import keras
    >>> from skmm.fusion.mixture_of_experts import MixtureOfExpertsFusion
    >>> embeddings = [keras.Input((64,)), keras.Input((32,))]
    >>> MixtureOfExpertsFusion(units=16).fuse(embeddings, keras.Input((2,)), []).shape
    (None, 16)
    """

    family: ClassVar[str] = "parallel"

    def __init__(
        self,
        units: int = 64,
        n_experts: int = 4,
        dropout: float = 0.1,
    ):
        self.units = units
        self.n_experts = n_experts
        self.dropout = dropout

    def fuse(self, embeddings: list[Any], present: Any, logits: list[Any]) -> Any:
        """Add the layers; returns (batch, units)."""
        joint = joined(embeddings)
        copies = [joint] * self.n_experts
        experts = projected(copies, self.units, "fusion_expert", "relu")
        seen = joined([joint, present], "fusion_seen")
        scores = keras.layers.Dense(self.n_experts, name="fusion_gate")(seen)
        mixed = Mixture(name="fusion_mixture")(experts, scores)
        return dropped(mixed, self.dropout)
