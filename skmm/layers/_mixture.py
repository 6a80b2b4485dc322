"""Weighted means: of modalities' vectors, and of opinions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from skmm.layers._register import Shape, register

__all__ = ["Mixture", "OpinionPool"]


@register
class Mixture(keras.layers.Layer):
    """Mix the modalities that are present, by weights that sum to one.

    ``z = sum_m w_m * v_m`` with ``w = softmax_m(s_m, or -inf where absent)``; the
    M vectors v_m have shape (batch, h), s has shape (batch, M * k), k being h or 1.
    Where no modality is present, all count as present.
    """

    def call(self, values: list[Any], scores: Any, present: Any = None) -> Any:
        """Return z of shape (batch, h); `present` (batch, M), or None if all are."""
        stacked = ops.stack(values, axis=1)
        scores = ops.reshape(scores, (-1, len(values), scores.shape[-1] // len(values)))
        if present is not None:
            here = ops.expand_dims(present > 0, -1)
            here = here | ~ops.any(here, axis=1, keepdims=True)
            scores = ops.where(here, scores, -1e9)
        # Written out because ops.softmax warns where there is one modality.
        powers = ops.exp(scores - ops.max(scores, axis=1, keepdims=True))
        weights = powers / ops.sum(powers, axis=1, keepdims=True)
        return ops.sum(weights * stacked, axis=1)

    def compute_output_shape(
        self,
        values_shape: list[Shape],
        scores_shape: Shape,
        present_shape: Shape | None = None,
    ) -> Shape:
        """Return (batch, h)."""
        return values_shape[0]


@register
class OpinionPool(keras.layers.Layer):
    """Average the probabilities of several networks, and give their logits.

    ``z = logit(sum_k w_k sigmoid(z_k / T))``, or ``log sum_k w_k softmax(z_k / T)``,
    or for numbers ``sum_k w_k z_k``, with z_k of shape (batch, n_logits) and weights
    w_k that sum to 1: the linear opinion pool. Each network has one opinion on the
    whole, one on each modality and perhaps one more; where a row lacks a modality, the
    first stands in for its own.

    Parameters
    ----------
    shares : sequence of float
        Weight of a network's opinion on the whole, then on each modality, then of one
        that is always there, if any; their sum is 1.
    kind : str
        Kind of the target: numbers are ``"squared"``; ``"binary"`` and
        ``"multilabel"`` have one logit for each output.
    sizes : sequence of int
        Number of logits of each output.
    temperature : float, default=1.0
        T above.
    **kwargs : dict
        Keyword arguments of `keras.layers.Layer`.
    """

    def __init__(
        self,
        shares: Sequence[float],
        kind: str,
        sizes: Sequence[int],
        temperature: float = 1.0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.shares = tuple(shares)
        self.kind = kind
        self.sizes = tuple(sizes)
        self.temperature = temperature

    def call(self, opinions: list[Any], present: Any) -> Any:
        """Return z; `opinions` of all networks, `present` of shape (batch, M)."""
        heard, n = [], len(self.shares)
        for i in range(0, len(opinions), n):
            whole, *own = opinions[i : i + n]
            n_own = min(n - 1, present.shape[1])
            here = [present[:, m : m + 1] > 0 for m in range(n_own)]
            pairs = zip(here, own[:n_own], strict=True)
            heard += [whole, *(ops.where(seen, z, whole) for seen, z in pairs)]
            heard += own[n_own:]
        weights = [share * n / len(opinions) for share in self.shares] * (
            len(opinions) // n
        )
        parts = [self._of_one(z / self.temperature) for z in heard]
        return self._back(sum(w * p for w, p in zip(weights, parts, strict=True)))

    def _of_one(self, z: Any) -> Any:
        """Turn logits into what is averaged."""
        if self.kind == "squared":
            return z
        if self.kind in ("binary", "multilabel"):
            return ops.sigmoid(z)
        places = np.cumsum(self.sizes)[:-1].tolist()
        blocks = ops.split(z, places, axis=-1) if places else [z]
        return ops.concatenate([ops.softmax(block) for block in blocks], axis=-1)

    def _back(self, mean: Any) -> Any:
        if self.kind == "squared":
            return mean
        log = ops.log(ops.maximum(mean, 1e-37))
        if self.kind in ("binary", "multilabel"):
            return log - ops.log(ops.maximum(1 - mean, 1e-37))
        return log

    def compute_output_shape(
        self, opinions_shape: list[Shape], present_shape: Shape
    ) -> Shape:
        """Return (batch, n_logits)."""
        return opinions_shape[0]

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {
            **super().get_config(),
            "shares": self.shares,
            "kind": self.kind,
            "sizes": self.sizes,
            "temperature": self.temperature,
        }
