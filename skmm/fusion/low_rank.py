"""Low-rank multimodal fusion (LMF)."""

from __future__ import annotations

from typing import Any, ClassVar

from skmm.fusion._base import Fusion
from skmm.fusion._parts import dropped, projected
from skmm.layers import FactorProduct

__all__ = ["LowRankFusion"]


class LowRankFusion(Fusion):
    """Multiply one linear map of each modality, and average a few such products.

    ``z = mean_k prod_m W_mk [h_m; 1]`` over the modalities present, with h_m of shape
    (batch, d_m), W_mk of shape (units, d_m + 1), k from 1 to rank, and z of shape
    (batch, units).

    Parameters
    ----------
    units : int, default=64
        Number of units of z, 1 or more.
    rank : int, default=4
        Number of products, 1 or more.
    dropout : float, default=0.1
        Share of z's units that are dropped in training, 0 to 1.

    See Also
    --------
    skmm.fusion.tensor.TensorFusion : The same product with every weight.
    skmm.fusion.bilinear.BilinearFusion : Products of two modalities at most.

    Notes
    -----
    It equals a weight tensor of that rank over the outer product of the ``[h_m; 1]``.
    Here the mean over ranks stands for the sum, and biases start at 1, not 0: products
    of every order are there from the start. An absent modality is a factor of 1. It has
    ``(d_m + 1) * rank * units`` weights for each modality.

    References
    ----------
    Liu, Shen, Lakshminarasimhan, Liang, Zadeh and Morency (2018). Efficient Low-rank
    Multimodal Fusion with Modality-Specific Factors. ACL, arXiv:1806.00064, section 3.

    Examples
    --------
    >>> import keras
    >>> from skmm.fusion.low_rank import LowRankFusion
    >>> embeddings = [keras.Input((64,)), keras.Input((32,))]
    >>> LowRankFusion(units=16).fuse(embeddings, keras.Input((2,)), []).shape
    (None, 16)
    """

    family: ClassVar[str] = "parallel"

    def __init__(
        self,
        units: int = 64,
        rank: int = 4,
        dropout: float = 0.1,
    ):
        self.units = units
        self.rank = rank
        self.dropout = dropout

    def fuse(self, embeddings: list[Any], present: Any, logits: list[Any]) -> Any:
        """Add the layers; returns (batch, units)."""
        factors = projected(
            embeddings, self.rank * self.units, "fusion_factor", bias_initializer="ones"
        )
        product = FactorProduct(self.rank, name="fusion_product")(factors, present)
        return dropped(product, self.dropout)
