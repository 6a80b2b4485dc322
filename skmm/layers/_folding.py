"""Several items of a row as rows of their own, and back."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from skmm.layers._register import register

__all__ = ["FoldAxis", "UnfoldAxis"]


@register
class FoldAxis(keras.layers.Layer):
    """Lay the second axis into the first: (batch, k, ...) becomes (batch * k, ...)."""

    def call(self, x: Any) -> Any:
        """Return `x`, the k items of a row one after another."""
        return ops.reshape(x, (-1, *x.shape[2:]))

    def compute_output_spec(self, x: Any) -> keras.KerasTensor:
        """Describe (batch * k, ...); bytes stay bytes."""
        return keras.KerasTensor((None, *x.shape[2:]), dtype=x.dtype)


@register
class UnfoldAxis(keras.layers.Layer):
    """Undo `FoldAxis`: (batch * k, ...) becomes (batch, k, ...).

    Parameters
    ----------
    size : int
        k, the number of items of a row.
    **kwargs : dict
        Keyword arguments of `keras.layers.Layer`.
    """

    def __init__(self, size: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.size = size

    def call(self, x: Any) -> Any:
        """Return `x`, the items of a row on an axis of their own."""
        return ops.reshape(x, (-1, self.size, *x.shape[1:]))

    def compute_output_spec(self, x: Any) -> keras.KerasTensor:
        """Describe (batch, k, ...)."""
        return keras.KerasTensor((None, self.size, *x.shape[1:]), dtype=x.dtype)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "size": self.size}
