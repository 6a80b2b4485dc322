"""Tensor fusion: every product of every number (TFN)."""

from __future__ import annotations

from typing import Any, ClassVar

import keras

from skmm.exceptions import ModalityError
from skmm.fusion._base import Fusion
from skmm.fusion._parts import dropped, projected
from skmm.layers import OuterProduct

__all__ = ["TensorFusion"]


class TensorFusion(Fusion):
    """Weigh every product of one number, or none, from each modality.

    ``z = relu(W vec([1; u_1] x ... x [1; u_M]) + b)``, ``u_m = P_m h_m``, with h_m of
    shape (batch, d_m), u_m of shape (batch, factor_units) and z of shape (batch,
    units).

    Parameters
    ----------
    units : int, default=64
        Number of units of z, 1 or more.
    factor_units : int, default=16
        Number of units of u_m, 1 or more.
    max_weights : int, default=2_000_000
        Largest number of weights of W; more are refused.
    dropout : float, default=0.1
        Share of z's units that are dropped in training, 0 to 1.

    Raises
    ------
    ModalityError
        If W would have more than `max_weights` weights, when the network is built.

    See Also
    --------
    skmm.fusion.low_rank.LowRankFusion : Few weights for any number of modalities.

    Notes
    -----
    It has ``(factor_units + 1)^M * units`` weights behind the product, which is why the
    embeddings are made small first, and why it refuses many modalities. An absent
    modality is a factor of [1; 0]: products without it stay.

    References
    ----------
    Zadeh, Chen, Poria, Cambria and Morency (2017). Tensor Fusion Network for Multimodal
    Sentiment Analysis. EMNLP, arXiv:1707.07250, section 4.2.

    Examples
    --------
    >>> import keras
    >>> from skmm.fusion.tensor import TensorFusion
    >>> embeddings = [keras.Input((64,)), keras.Input((32,))]
    >>> TensorFusion(units=16).fuse(embeddings, keras.Input((2,)), []).shape
    (None, 16)
    """

    family: ClassVar[str] = "parallel"

    def __init__(
        self,
        units: int = 64,
        factor_units: int = 16,
        max_weights: int = 2_000_000,
        dropout: float = 0.1,
    ):
        self.units = units
        self.factor_units = factor_units
        self.max_weights = max_weights
        self.dropout = dropout

    def fuse(self, embeddings: list[Any], present: Any, logits: list[Any]) -> Any:
        """Add the layers; returns (batch, units)."""
        size = (self.factor_units + 1) ** len(embeddings)
        if size * self.units > self.max_weights:
            raise ModalityError(
                f"TensorFusion of {len(embeddings)} modalities would have "
                f"{size * self.units:,} weights, ({self.factor_units} + 1) ** "
                f"{len(embeddings)} * {self.units}; at most {self.max_weights:,} are "
                'allowed. Take a smaller factor_units, or fusion="low_rank".'
            )
        factors = projected(embeddings, self.factor_units, "fusion_factor")
        product = OuterProduct(name="fusion_product")(factors, present)
        hidden = keras.layers.Dense(self.units, activation="relu", name="fusion_hidden")
        return dropped(hidden(product), self.dropout)
