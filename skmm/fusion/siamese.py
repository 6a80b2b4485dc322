"""One projector for all modalities, and how alike they are."""

from __future__ import annotations

from typing import Any, ClassVar

import keras

from skmm.exceptions import ModalityError
from skmm.fusion._base import Fusion
from skmm.fusion._parts import dropped, joined, projected, stacked
from skmm.layers import MaskedPooling, MaskPadding, PairLikeness

__all__ = ["SiameseFusion"]


class SiameseFusion(Fusion):
    """Send every modality through the same network, and compare them.

    ``z = relu(W [s_1; ...; s_M; mean |s_a - s_b|; mean s_a * s_b; mean cos(s_a, s_b)] +
    c)``, ``s_m = a_m relu(S (P_m h_m + b_m) + b)``; the means run over the pairs that
    are present. h_m has shape (batch, d_m), s_m and z have shape (batch, units).

    Parameters
    ----------
    units : int, default=64
        Number of units of z, 1 or more.
    symmetric : bool, default=False
        Whether encoders are shared by modalities of one kind and shape, P by all, and
        the mean of the s_m stands in their place.
    dropout : float, default=0.1
        Share of z's units that are dropped in training, 0 to 1.

    Raises
    ------
    ModalityError
        If it is symmetric and the embeddings have unlike widths, when the network is
        built.

    See Also
    --------
    skmm.fusion.bilinear.BilinearFusion : Products of two modalities, without likeness.

    Notes
    -----
    To verify pairs (are these two photographs of one person?), give the two columns as
    two modalities, and ``symmetric=True``: images, sounds, series and vectors of equal
    shape then share one encoder, and swapping them does not change what the fused
    network says, which decides alone where ``guard=False``. Words and categories mean
    something in their own modality alone, and sounds, series and vectors are scaled by
    what their own column held. It has ``(d_m + 1) * units``
    weights for each modality, ``(units + 1) * units`` of s, and ``((M + 2) * units + 2)
    * units`` behind it; where symmetric, those of one modality for all, and M is 1.

    References
    ----------
    Bromley, Guyon, LeCun, Säckinger and Shah (1993). Signature Verification using a
    "Siamese" Time Delay Neural Network. NeurIPS, section 3.
    Mou et al. (2016). Natural Language Inference by Tree-Based Convolution and
    Heuristic Matching. ACL, arXiv:1512.08422 (difference and product).

    Examples
    --------
    >>> import keras
    >>> from skmm.fusion.siamese import SiameseFusion
    >>> embeddings = [keras.Input((64,)), keras.Input((32,))]
    >>> SiameseFusion(units=16).fuse(embeddings, keras.Input((2,)), []).shape
    (None, 16)
    """

    family: ClassVar[str] = "serial"

    def __init__(
        self,
        units: int = 64,
        symmetric: bool = False,
        dropout: float = 0.1,
    ):
        self.units = units
        self.symmetric = symmetric
        self.dropout = dropout

    @property
    def shares_encoders(self) -> bool:
        """Whether modalities of equal kind and shape are to have one encoder."""
        return self.symmetric

    def fuse(self, embeddings: list[Any], present: Any, logits: list[Any]) -> Any:
        """Add the layers; returns (batch, units)."""
        shared = keras.layers.Dense(
            self.units, activation="relu", name="fusion_projector"
        )
        nodes = shared(stacked(self._common(embeddings)))
        nodes = MaskPadding(name="fusion_present")(nodes, present)
        if self.symmetric:
            own = MaskedPooling(name="fusion_mean")(nodes, present)
        else:
            own = keras.layers.Flatten(name="fusion_own")(nodes)
        alike = PairLikeness(name="fusion_likeness")(nodes, present)
        hidden = keras.layers.Dense(self.units, activation="relu", name="fusion_hidden")
        z = hidden(joined([own, alike], "fusion_features"))
        return dropped(z, self.dropout)

    def _common(self, embeddings: list[Any]) -> list[Any]:
        """Bring all embeddings to as many units, by one map where it is symmetric."""
        if not self.symmetric:
            return projected(embeddings, self.units, "fusion_value")
        widths = [h.shape[-1] for h in embeddings]
        if len(set(widths)) > 1:
            raise ModalityError(
                f"a symmetric SiameseFusion compares embeddings of one width, got "
                f"{widths}: give the encoders the same units."
            )
        value = keras.layers.Dense(self.units, name="fusion_value")
        return [value(h) for h in embeddings]
