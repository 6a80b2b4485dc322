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

    It cannot learn a pure interaction of two modalities. Scores are sums over
    modalities, so ``w_1 / w_2 = a(x_1) / b(x_2)`` with positive a and b, and l, of one
    logit, has the sign of ``a(x_1) l_1(x_1) + b(x_2) l_2(x_2)``: a sum f(x_1) + g(x_2).
    If the class is the exclusive or of a sign in x_1 and a sign in x_2, f + g would
    have to be positive at two corners of a square and negative at the other two, but
    the sums over both diagonals are the same. Of the four corners it decides at most
    three rightly, whatever encoders, gate and heads compute.

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
