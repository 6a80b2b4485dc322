"""Products of modalities, two by two (MFB)."""

from __future__ import annotations

from typing import Any, ClassVar

import keras

from skmm.fusion._base import Fusion
from skmm.fusion._parts import dropped, projected, stacked
from skmm.layers import BilinearPooling, MaskedPooling

__all__ = ["BilinearFusion"]


class BilinearFusion(Fusion):
    """Multiply projections of every two modalities, and add what each says alone.

    ``z = sum_m a_m P_m h_m + sum_{a < b} l2(sqrt(sumpool(U_a h_a * U_b h_b)))``, the
    root signed, the pairs those of which both are present; h_m has shape (batch, d_m),
    U_m h_m has shape (batch, units * n_factors), and z has shape (batch, units).

    Parameters
    ----------
    units : int, default=64
        Number of units of z, 1 or more.
    n_factors : int, default=5
        How many products are summed into one unit, 1 or more.
    dropout : float, default=0.1
        Share of z's units that are dropped in training, 0 to 1.

    See Also
    --------
    skmm.fusion.low_rank.LowRankFusion : Products of all modalities at once.
    skmm.fusion.tensor.TensorFusion : Every product, without low rank.

    Notes
    -----
    The linear part, which the paper has not, is what a row with one modality is judged
    by. It has ``(d_m + 1) * units * (1 + n_factors)`` weights for each modality.

    References
    ----------
    Yu, Yu, Fan and Tao (2017). Multi-modal Factorized Bilinear Pooling with
    Co-attention Learning for Visual Question Answering. ICCV, arXiv:1708.01471,
    section 3 (the two normalisations among it).

    Examples
    --------
    >>> import keras
    >>> from skmm.fusion.bilinear import BilinearFusion
    >>> embeddings = [keras.Input((64,)), keras.Input((32,))]
    >>> BilinearFusion(units=16).fuse(embeddings, keras.Input((2,)), []).shape
    (None, 16)
    """

    family: ClassVar[str] = "parallel"

    def __init__(
        self,
        units: int = 64,
        n_factors: int = 5,
        dropout: float = 0.1,
    ):
        self.units = units
        self.n_factors = n_factors
        self.dropout = dropout

    def fuse(self, embeddings: list[Any], present: Any, logits: list[Any]) -> Any:
        """Add the layers; returns (batch, units)."""
        values = projected(embeddings, self.units, "fusion_value")
        own = MaskedPooling("sum", name="fusion_own")(stacked(values), present)
        if len(embeddings) == 1:
            return dropped(own, self.dropout)
        width = self.units * self.n_factors
        factors = projected(embeddings, width, "fusion_factor")
        pool = BilinearPooling(self.n_factors, name="fusion_pairs")
        z = keras.layers.Add(name="fusion_add")([own, pool(factors, present)])
        return dropped(z, self.dropout)
