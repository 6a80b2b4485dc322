"""What is missing: rows, numbers, places of a row, and pooling over the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from skmm.layers._register import Shape, register

__all__ = [
    "AbsentEmbedding",
    "FewerTokens",
    "MaskMissing",
    "MaskPadding",
    "MaskedPooling",
    "Observed",
    "RankedPooling",
]


@register
class AbsentEmbedding(keras.layers.Layer):
    """Put a learned vector in the place of what absent rows would have.

    ``h~ = where(a > 0, h, e)`` with h of shape (batch, ..., d), a of shape (batch,)
    and e of shape (d,). Nothing of an absent row's h reaches the output, be it NaN.

    Parameters
    ----------
    index : int, default=0
        Which column of ``present`` tells about this modality.
    absent_initializer : str or keras.Initializer, default="zeros"
        Start of e. Zeros is the mean of a normalised embedding.
    **kwargs : dict
        Keyword arguments of `keras.layers.Layer`.
    """

    def __init__(
        self, index: int = 0, absent_initializer: Any = "zeros", **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.index = index
        self.absent_initializer = keras.initializers.get(absent_initializer)

    def build(self, embedding_shape: Shape, present_shape: Shape) -> None:
        """Make the vector of shape (d,)."""
        self.absent = self.add_weight(
            name="absent",
            shape=(embedding_shape[-1],),
            initializer=self.absent_initializer,
        )

    def call(self, embedding: Any, present: Any) -> Any:
        """Replace rows of `embedding` (batch, ..., d) by `present` (batch, n)."""
        here = present[:, self.index : self.index + 1] > 0
        if len(embedding.shape) > 2:
            here = ops.reshape(here, (-1,) + (1,) * (len(embedding.shape) - 1))
        return ops.where(here, embedding, self.absent)

    def compute_output_shape(
        self, embedding_shape: Shape, present_shape: Shape
    ) -> Shape:
        """Return the shape of the embedding."""
        return embedding_shape

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        initializer = keras.initializers.serialize(self.absent_initializer)
        return {
            **super().get_config(),
            "index": self.index,
            "absent_initializer": initializer,
        }


@register
class MaskMissing(keras.layers.Layer):
    """Turn NaN into 0 and tell the network where it was.

    ``[where(o, x, 0); i]`` along the last axis, where o is 1 for what is observed
    and i is o or 1 - o.

    Parameters
    ----------
    indicator : {"observed", "missing", None}, default="observed"
        What to append: o, under which zero padding looks as missing as NaN does;
        1 - o, which leaves complete data alone; or nothing.
    **kwargs : dict
        Keyword arguments of `keras.layers.Layer`.
    """

    def __init__(self, indicator: str | None = "observed", **kwargs: Any):
        super().__init__(**kwargs)
        self.indicator = indicator

    def call(self, x: Any) -> Any:
        """Return (batch, ..., d or 2 d) for `x` of shape (batch, ..., d)."""
        missing = ops.isnan(x)
        filled = ops.where(missing, 0.0, x)
        if self.indicator is None:
            return filled
        appended = missing if self.indicator == "missing" else ~missing
        return ops.concatenate([filled, ops.cast(appended, x.dtype)], axis=-1)

    def compute_output_shape(self, x_shape: Shape) -> Shape:
        """Return the shape with its last axis doubled where an indicator is."""
        width = x_shape[-1] or 0
        return (*x_shape[:-1], width if self.indicator is None else 2 * width)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "indicator": self.indicator}


@register
class MaskPadding(keras.layers.Layer):
    """Turn what stands at padding into zeros: ``where(o, x, 0)``.

    x has shape (batch, t, d), o has shape (batch, t).
    """

    def call(self, x: Any, observed: Any) -> Any:
        """Return `x`, zero where not `observed`."""
        return ops.where(ops.expand_dims(ops.cast(observed, "bool"), -1), x, 0.0)

    def compute_output_shape(self, x_shape: Shape, observed_shape: Shape) -> Shape:
        """Return the shape of `x`."""
        return x_shape


@register
class Observed(keras.layers.Layer):
    """Tell which steps, tokens, windows or images hold anything.

    Parameters
    ----------
    n_axes : int, default=1
        Number of trailing axes that make one item. An item is observed if any of
        its numbers is no NaN; with 0, each token id is one, and 0 is padding.
    window : tuple of int, default=()
        Where n_axes is 1: number of neighbours, along each axis between the first
        and the last, that count as one item.
    **kwargs : dict
        Keyword arguments of `keras.layers.Layer`.
    """

    def __init__(self, n_axes: int = 1, window: Sequence[int] = (), **kwargs: Any):
        super().__init__(**kwargs)
        self.n_axes = n_axes
        self.window = tuple(window)

    def call(self, x: Any) -> Any:
        """Return bool of shape (batch, items), or (batch, *items)."""
        if not self.n_axes:
            return ops.not_equal(x, 0)
        observed = ops.any(~ops.isnan(x), axis=tuple(range(-self.n_axes, 0)))
        if not self.window:
            return observed
        places = ops.cast(ops.expand_dims(observed, -1), "float32")
        pooled = ops.max_pool(places, self.window, self.window, padding="same")
        return ops.squeeze(pooled, -1) > 0

    def compute_output_spec(self, x: Any) -> keras.KerasTensor:
        """Describe the mask."""
        shape = x.shape[: len(x.shape) - self.n_axes]
        if self.window:
            pairs = zip(shape[1:], self.window, strict=True)
            shape = (shape[0], *(-(-n // size) for n, size in pairs))
        return keras.KerasTensor(shape, dtype="bool")

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "n_axes": self.n_axes, "window": self.window}


@register
class MaskedPooling(keras.layers.Layer):
    """Pool over what is observed; 0 where nothing is.

    ``sum_t o_t x_t / max(1, sum_t o_t)`` with x of shape (batch, ..., d) and o of
    shape (batch, ...): t runs over all axes between.

    Parameters
    ----------
    mode : {"mean", "sqrt", "sum", "max"}, default="mean"
        The mean as above; the sum divided by the square root of the count, under
        which longer rows are larger; the sum; the largest value.
    **kwargs : dict
        Keyword arguments of `keras.layers.Layer`.
    """

    def __init__(self, mode: str = "mean", **kwargs: Any):
        super().__init__(**kwargs)
        self.mode = mode
        self.supports_masking = True  # an input's Keras mask may end here

    def compute_mask(self, *args: Any, **kwargs: Any) -> None:
        """Return None: the pooled vector has no places that could be masked."""

    def call(self, x: Any, observed: Any = None) -> Any:
        """Return (batch, d); everything is observed where `observed` is None."""
        axes = tuple(range(1, len(x.shape) - 1))
        if observed is None:
            observed = ops.ones_like(x[..., 0])
        weight = ops.expand_dims(ops.cast(observed, x.dtype), -1)
        count = ops.sum(weight, axis=axes)
        if self.mode == "max":
            top = ops.max(x * weight - 1e9 * (1 - weight), axis=axes)
            return ops.where(count > 0, top, 0.0)
        total = ops.sum(x * weight, axis=axes)
        if self.mode == "sum":
            return total
        count = ops.maximum(count, 1)
        return total / (ops.sqrt(count) if self.mode == "sqrt" else count)

    def compute_output_shape(
        self, x_shape: Shape, observed_shape: Shape | None = None
    ) -> Shape:
        """Return (batch, d)."""
        return (x_shape[0], x_shape[-1])

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "mode": self.mode}


@register
class FewerTokens(keras.layers.Layer):
    """Average neighbouring tokens, those that are observed, along one axis or two.

    Parameters
    ----------
    window : sequence of int
        How many neighbours along each axis, between the first and the last, become one.
    **kwargs : dict
        Keyword arguments of `keras.layers.Layer`.
    """

    def __init__(self, window: Sequence[int], **kwargs: Any):
        super().__init__(**kwargs)
        self.window = tuple(window)
        self.supports_masking = True  # an input's Keras mask may end here

    def compute_mask(self, *args: Any, **kwargs: Any) -> tuple[None, None]:
        """Return None for each: `observed` says what holds anything."""
        return None, None

    def call(self, x: Any, observed: Any) -> Any:
        """Return fewer tokens (batch, ..., d), and which of them hold anything."""
        weight = ops.cast(observed, x.dtype)[..., None]
        total, count = self._sums(x * weight), self._sums(weight)
        return total / ops.maximum(count, 1.0), count[..., 0] > 0

    def _sums(self, x: Any) -> Any:
        for axis, size in enumerate(self.window, 1):
            spare = [(0, 0)] * len(x.shape)
            spare[axis] = (0, -x.shape[axis] % size)
            x = ops.pad(x, spare)
            shape = (-1, *x.shape[1:axis], x.shape[axis] // size, size)
            x = ops.sum(ops.reshape(x, (*shape, *x.shape[axis + 1 :])), axis=axis + 1)
        return x

    def compute_output_spec(self, x: Any, observed: Any) -> Any:
        """Describe tokens and mask."""
        batch, *places, width = x.shape
        pairs = zip(places, self.window, strict=True)
        places = [-(-n // size) for n, size in pairs]
        return (
            keras.KerasTensor((batch, *places, width), dtype=x.dtype),
            keras.KerasTensor((batch, *places), dtype="bool"),
        )

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "window": self.window}


@register
class RankedPooling(keras.layers.Layer):
    """Pool vectors of tokens, of which rare ones weigh more.

    ``sum_t w_t x_t / sqrt(sum_t w_t^2)``, ``w_t = 1 + log i_t``, with x of shape
    (batch, t, d) and token ids i of shape (batch, t), the most frequent token's being
    1; w is 0 at padding, where i is 0. By Zipf's law frequency falls as the inverse of
    the rank, so that w is the inverse document frequency up to a factor.
    """

    def call(self, x: Any, ids: Any) -> Any:
        """Return (batch, d); 0 where nothing but padding is."""
        ranks = ops.cast(ids, x.dtype)
        weight = ops.where(ranks > 0, 1 + ops.log(ops.maximum(ranks, 1)), 0.0)
        total = ops.sum(x * ops.expand_dims(weight, -1), axis=1)
        size = ops.sqrt(ops.sum(weight * weight, axis=1, keepdims=True))
        return total / ops.maximum(size, 1.0)

    def compute_output_shape(self, x_shape: Shape, ids_shape: Shape) -> Shape:
        """Return (batch, d)."""
        return (x_shape[0], x_shape[-1])
