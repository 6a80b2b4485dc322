"""Late fusion: each modality decides, a gate weighs the decisions."""

from __future__ import annotations

from typing import Any, ClassVar

import keras

from skmm.fusion._base import Fusion
from skmm.fusion._parts import joined
from skmm.layers import Mixture

__all__ = ["LateFusion"]


class LateFusion(Fusion):
    """Weigh the modalities' own logits by a learned gate.

    ``l = sum_m w_m l_m`` with
    ``w = softmax_m(U [h_1; ...; h_M] + c, or -inf where absent)``; l_m has shape
    (batch, n_outputs), h_m (batch, d_m), w (batch, M).

    See Also
    --------
    skmm.fusion.gated.GatedFusion : Gates features before there is a decision.

    Notes
    -----
    Where all modalities are absent, the decisions on their learned vectors are
    mixed. It has ``(sum of d_m + 1) * M`` weights. A network ends here: there is no
    head.

    Examples
    --------
    >>> import keras
    >>> from skmm.fusion.late import LateFusion
    >>> embeddings = [keras.Input((64,)), keras.Input((32,))]
    >>> logits = [keras.Input((3,)), keras.Input((3,))]
    >>> LateFusion().fuse(embeddings, keras.Input((2,)), logits).shape
    (None, 3)
    """

    family: ClassVar[str] = "parallel"
    produces_logits: ClassVar[bool] = True

    def fuse(self, embeddings: list[Any], present: Any, logits: list[Any]) -> Any:
        """Add the layers; returns logits of shape (batch, n_outputs)."""
        gate = keras.layers.Dense(len(embeddings), name="fusion_gate")
        scores = gate(joined(embeddings))
        return Mixture(name="fusion_mixture")(logits, scores, present)
