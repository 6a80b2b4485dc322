"""Modalities as experts whose beliefs are multiplied."""

from __future__ import annotations

from typing import Any, ClassVar

from skmm.fusion._base import Fusion
from skmm.layers import ProductOfExperts

__all__ = ["ProductOfExpertsFusion"]


class ProductOfExpertsFusion(Fusion):
    """Multiply the modalities' probabilities, as independent evidence.

    ``p = prod_m p_m^a_m / c^(sum_m a_m - 1)``, normalised, which in logits is ``l =
    sum_m a_m l_m - (sum_m a_m - 1) log c``; l_m has shape (batch, n_outputs), and the
    prior's logits, log c, shape (n_outputs,).

    See Also
    --------
    skmm.fusion.late.LateFusion : Averages decisions, by weights that are learned.
    skmm.fusion.late_plus_joint.LatePlusJointFusion : With a joint network as well.

    Notes
    -----
    Where modalities say the same, their common evidence counts twice, and
    probabilities are too sure: `calibrate` mends that. For numbers it is an additive
    model: each modality adds to the prior. Where all are absent, the prior is left.
    It has n_outputs weights. A network ends here: there is no head.

    References
    ----------
    Hinton (2002). Training Products of Experts by Minimizing Contrastive Divergence.
    Neural Computation 14, equation 1.
    Wu and Goodman (2018). Multimodal Generative Models for Scalable Weakly-Supervised
    Learning. NeurIPS, arXiv:1802.05335, section 2 (the prior).

    Examples
    --------
    >>> import keras
    >>> from skmm.fusion.product_of_experts import ProductOfExpertsFusion
    >>> embeddings = [keras.Input((64,)), keras.Input((32,))]
    >>> logits = [keras.Input((3,)), keras.Input((3,))]
    >>> ProductOfExpertsFusion().fuse(embeddings, keras.Input((2,)), logits).shape
    (None, 3)
    """

    family: ClassVar[str] = "parallel"
    produces_logits: ClassVar[bool] = True

    def fuse(self, embeddings: list[Any], present: Any, logits: list[Any]) -> Any:
        """Add the layers; returns logits of shape (batch, n_outputs)."""
        return ProductOfExperts(name="fusion_product")(logits, present)
