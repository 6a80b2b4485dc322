"""The largest value of what is present."""

from __future__ import annotations

from typing import Any, ClassVar

from skmm.fusion._base import Fusion
from skmm.fusion._parts import dropped, projected, stacked
from skmm.layers import MaskedPooling

__all__ = ["MaxFusion"]


class MaxFusion(Fusion):
    """Project every embedding and take the largest value over the modalities present.

    ``z = max_{m: a_m = 1} (P_m h_m + b_m)``, unit by unit, with h_m of shape (batch,
    d_m), a_m of shape (batch,) and z of shape (batch, units). It knows missing
    modalities by itself; z is 0 where all are absent.

    Parameters
    ----------
    units : int, default=64
        Number of units of z, 1 or more.
    dropout : float, default=0.1
        Share of z's units that are dropped in training, 0 to 1.

    See Also
    --------
    skmm.fusion.mean.MeanFusion : Lets every modality speak.

    Notes
    -----
    It has ``(d_m + 1) * units`` weights for each modality.

    Examples
    --------
    >>> import keras
    >>> from skmm.fusion.max import MaxFusion
    >>> embeddings = [keras.Input((64,)), keras.Input((32,))]
    >>> MaxFusion(units=16).fuse(embeddings, keras.Input((2,)), []).shape
    (None, 16)
    """

    family: ClassVar[str] = "parallel"

    def __init__(
        self,
        units: int = 64,
        dropout: float = 0.1,
    ):
        self.units = units
        self.dropout = dropout

    def fuse(self, embeddings: list[Any], present: Any, logits: list[Any]) -> Any:
        """Add the layers; returns (batch, units)."""
        nodes = stacked(projected(embeddings, self.units, "fusion_project"))
        top = MaskedPooling("max", name="fusion_max")(nodes, present)
        return dropped(top, self.dropout)
