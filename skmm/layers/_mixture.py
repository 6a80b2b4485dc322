"""A weighted sum of modalities."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from skmm.layers._register import Shape, register

__all__ = ["Mixture"]


@register
class Mixture(keras.layers.Layer):
    """Mix the modalities that are present, by weights that sum to one.

    ``z = sum_m w_m * v_m`` with ``w = softmax_m(s_m, or -inf where absent)``; the
    M vectors v_m have shape (batch, h), s has shape (batch, M * k), k being h or 1.
    Where no modality is present, all count as present.
    """

    def call(self, values: list[Any], scores: Any, present: Any) -> Any:
        """Return z of shape (batch, h); `present` has shape (batch, M)."""
        stacked = ops.stack(values, axis=1)
        scores = ops.reshape(scores, (-1, len(values), scores.shape[-1] // len(values)))
        here = ops.expand_dims(present > 0, -1)
        here = here | ~ops.any(here, axis=1, keepdims=True)
        scores = ops.where(here, scores, -1e9)
        # Written out because ops.softmax warns where there is one modality.
        powers = ops.exp(scores - ops.max(scores, axis=1, keepdims=True))
        weights = powers / ops.sum(powers, axis=1, keepdims=True)
        return ops.sum(weights * stacked, axis=1)

    def compute_output_shape(
        self, values_shape: list[Shape], scores_shape: Shape, present_shape: Shape
    ) -> Shape:
        """Return (batch, h)."""
        return values_shape[0]
