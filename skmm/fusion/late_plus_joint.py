"""Each modality's decision, and a joint one (I2M2)."""

from __future__ import annotations

from typing import Any, ClassVar

import keras

from skmm.fusion._base import Fusion
from skmm.fusion._parts import dropped, joined, stacked
from skmm.layers import MaskedPooling

__all__ = ["LatePlusJointFusion"]


class LatePlusJointFusion(Fusion):
    """Add up what each modality decides, and what a joint network decides.

    ``l = C relu(W [h_1; ...; h_M] + b) + c + sum_m a_m l_m``, which multiplies
    probabilities; l and l_m have shape (batch, n_outputs), h_m has shape (batch,
    d_m).

    Parameters
    ----------
    units : int, default=64
        Number of units of the joint network's hidden layer, 1 or more.
    dropout : float, default=0.1
        Share of them that are dropped in training, 0 to 1.

    See Also
    --------
    skmm.fusion.product_of_experts.ProductOfExpertsFusion : Without the joint network.
    skmm.fusion.late.LateFusion : Without it too; decisions are averaged.

    Notes
    -----
    What each modality says by itself is learned by its own head, and what only both
    together say by the joint network. It has ``(sum of d_m + 1) * units + (units + 1) *
    n_outputs`` weights. A network ends here: there is no head.

    References
    ----------
    Madaan, Makino, Chopra and Cho (2024). Jointly Modeling Inter- & Intra-Modality
    Dependencies for Multi-modal Learning. NeurIPS, arXiv:2405.17613, section 3.

    Examples
    --------
    >>> import keras
    >>> from skmm.fusion.late_plus_joint import LatePlusJointFusion
    >>> embeddings = [keras.Input((64,)), keras.Input((32,))]
    >>> logits = [keras.Input((3,)), keras.Input((3,))]
    >>> LatePlusJointFusion().fuse(embeddings, keras.Input((2,)), logits).shape
    (None, 3)
    """

    family: ClassVar[str] = "hybrid"
    produces_logits: ClassVar[bool] = True

    def __init__(
        self,
        units: int = 64,
        dropout: float = 0.1,
    ):
        self.units = units
        self.dropout = dropout

    def fuse(self, embeddings: list[Any], present: Any, logits: list[Any]) -> Any:
        """Add the layers; returns logits of shape (batch, n_outputs)."""
        hidden = keras.layers.Dense(self.units, activation="relu", name="fusion_hidden")
        z = dropped(hidden(joined(embeddings)), self.dropout)
        joint = keras.layers.Dense(logits[0].shape[-1], name="fusion_joint")(z)
        own = MaskedPooling("sum", name="fusion_own")(stacked(logits), present)
        return keras.layers.Add(name="fusion_add")([joint, own])
