"""How modalities multiply: products, conditions and likeness of vectors."""

from __future__ import annotations

import math
from itertools import combinations
from typing import Any

import keras
from keras import ops

from skmm.layers._register import Shape, register

__all__ = [
    "BilinearPooling",
    "FactorProduct",
    "Modulation",
    "OuterProduct",
    "PairLikeness",
    "ProductOfExperts",
]


@register
class OuterProduct(keras.layers.Layer):
    """Multiply every number of one vector with every number of the others.

    ``vec([1; u_1] x ... x [1; u_M])`` with u_m of shape (batch, d_m), zero where the
    modality is absent: what is left are the products of those present.
    """

    def call(self, vectors: list[Any], present: Any) -> Any:
        """Return (batch, prod of d_m + 1); `present` has shape (batch, M)."""
        product = ops.ones_like(present[:, :1])
        for m, u in enumerate(vectors):
            u = ops.where(present[:, m : m + 1] > 0, u, 0.0)
            u = ops.concatenate([ops.ones_like(u[:, :1]), u], axis=1)
            size = product.shape[1] * u.shape[1]
            product = ops.reshape(product[:, :, None] * u[:, None, :], (-1, size))
        return product

    def compute_output_spec(self, vectors: list[Any], present: Any) -> Any:
        """Describe the product."""
        size = math.prod(u.shape[-1] + 1 for u in vectors)
        return keras.KerasTensor((present.shape[0], size), dtype=present.dtype)


@register
class FactorProduct(keras.layers.Layer):
    """Multiply the factors of the modalities that are present, and average over ranks.

    ``z = mean_k prod_m f_mk``, ``f_m = 1`` where absent, with f_m of shape (batch,
    rank * units), which is (batch, rank, units), and z of shape (batch, units).

    Parameters
    ----------
    rank : int
        Number of products.
    **kwargs : dict
        Keyword arguments of `keras.layers.Layer`.
    """

    def __init__(self, rank: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.rank = rank

    def call(self, factors: list[Any], present: Any) -> Any:
        """Return z; `present` has shape (batch, M)."""
        product = 1.0
        for m, f in enumerate(factors):
            product = product * ops.where(present[:, m : m + 1] > 0, f, 1.0)
        units = factors[0].shape[-1] // self.rank
        return ops.mean(ops.reshape(product, (-1, self.rank, units)), axis=1)

    def compute_output_shape(
        self, factors_shape: list[Shape], present_shape: Shape
    ) -> Shape:
        """Return (batch, units)."""
        batch, width = factors_shape[0]
        return batch, (width or 0) // self.rank

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "rank": self.rank}


@register
class BilinearPooling(keras.layers.Layer):
    """Multiply vectors two by two, sum neighbours, and bring the sums to length 1.

    ``z = sum_{a < b} l2(sqrt(|s|) sign(s))``, ``s = sum_k u_ak * u_bk``, over the pairs
    of which both are present, with u_m of shape (batch, units * n_factors), which is
    (batch, units, n_factors), and z of shape (batch, units).

    Parameters
    ----------
    n_factors : int
        How many neighbouring products are summed.
    **kwargs : dict
        Keyword arguments of `keras.layers.Layer`.
    """

    def __init__(self, n_factors: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.n_factors = n_factors

    def call(self, vectors: list[Any], present: Any) -> Any:
        """Return z; `present` has shape (batch, M)."""
        units = vectors[0].shape[-1] // self.n_factors
        total = ops.zeros_like(vectors[0][:, :units])
        for a, b in combinations(range(len(vectors)), 2):
            product = vectors[a] * vectors[b]
            s = ops.sum(ops.reshape(product, (-1, units, self.n_factors)), axis=-1)
            # The gradient of a root has no bound at 0: a little is added below it.
            s = s / ops.sqrt(ops.abs(s) + 1e-4)
            s = s / ops.sqrt(ops.sum(s * s, axis=1, keepdims=True) + 1e-4)
            both = present[:, a : a + 1] * present[:, b : b + 1] > 0
            total = total + ops.where(both, s, 0.0)
        return total

    def compute_output_shape(
        self, vectors_shape: list[Shape], present_shape: Shape
    ) -> Shape:
        """Return (batch, units)."""
        batch, width = vectors_shape[0]
        return batch, (width or 0) // self.n_factors

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "n_factors": self.n_factors}


@register
class Modulation(keras.layers.Layer):
    """Stretch and shift features by what another modality says (FiLM).

    ``z = relu((1 + g) * x + b)`` where that modality is present, ``z = x`` where it is
    absent; x has shape (batch, units), ``[g; b]`` has shape (batch, 2 * units).

    Parameters
    ----------
    index : int
        Which column of ``present`` tells about the modality that conditions.
    **kwargs : dict
        Keyword arguments of `keras.layers.Layer`.
    """

    def __init__(self, index: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.index = index

    def call(self, x: Any, condition: Any, present: Any) -> Any:
        """Return z; `present` has shape (batch, M)."""
        scale, shift = ops.split(condition, 2, axis=-1)
        here = present[:, self.index : self.index + 1] > 0
        return ops.where(here, ops.relu((1 + scale) * x + shift), x)

    def compute_output_shape(
        self, x_shape: Shape, condition_shape: Shape, present_shape: Shape
    ) -> Shape:
        """Return the shape of `x`."""
        return x_shape

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "index": self.index}


@register
class PairLikeness(keras.layers.Layer):
    """Tell how alike vectors are, two by two.

    ``[mean |s_a - s_b|; mean s_a * s_b; mean cos(s_a, s_b)]`` over the pairs a < b of
    which both are present, zeros where there is none; s has shape (batch, M, units),
    the result (batch, 2 * units + 1). The order of modalities does not matter.
    """

    def call(self, nodes: Any, present: Any) -> Any:
        """Return the features; `present` has shape (batch, M)."""
        length = ops.sqrt(ops.sum(nodes * nodes, axis=-1, keepdims=True) + 1e-12)
        total, count = 0.0, 0.0
        n_modalities, units = nodes.shape[1:]
        for a, b in combinations(range(n_modalities), 2):
            product = nodes[:, a] * nodes[:, b]
            cosine = ops.sum(product, axis=-1, keepdims=True)
            cosine = cosine / (length[:, a] * length[:, b])
            apart = ops.abs(nodes[:, a] - nodes[:, b])
            features = ops.concatenate([apart, product, cosine], axis=-1)
            both = present[:, a : a + 1] * present[:, b : b + 1]
            total, count = total + both * features, count + both
        if n_modalities == 1:
            return ops.zeros_like(ops.repeat(present, 2 * units + 1, axis=1))
        return total / ops.maximum(count, 1.0)

    def compute_output_shape(self, nodes_shape: Shape, present_shape: Shape) -> Shape:
        """Return (batch, 2 * units + 1)."""
        return nodes_shape[0], 2 * (nodes_shape[2] or 0) + 1


@register
class ProductOfExperts(keras.layers.Layer):
    """Multiply what the modalities believe, and count the prior belief once.

    ``l = sum_m a_m l_m - (sum_m a_m - 1) c`` with logits l_m of shape (batch,
    n_outputs) and the prior's logits c of shape (n_outputs,), which are learned.

    Parameters
    ----------
    prior_initializer : str or keras.Initializer, default="zeros"
        Start of c.
    **kwargs : dict
        Keyword arguments of `keras.layers.Layer`.
    """

    def __init__(self, prior_initializer: Any = "zeros", **kwargs: Any):
        super().__init__(**kwargs)
        self.prior_initializer = keras.initializers.get(prior_initializer)

    def build(self, logits_shape: list[Shape], present_shape: Shape) -> None:
        """Make c of shape (n_outputs,)."""
        self.prior = self.add_weight(
            name="prior",
            shape=(logits_shape[0][-1],),
            initializer=self.prior_initializer,
        )

    def call(self, logits: list[Any], present: Any) -> Any:
        """Return l of shape (batch, n_outputs); `present` has shape (batch, M)."""
        total = self.prior
        for m, own in enumerate(logits):
            here = present[:, m : m + 1] > 0
            total = total + ops.where(here, own - self.prior, 0.0)
        return total

    def compute_output_shape(
        self, logits_shape: list[Shape], present_shape: Shape
    ) -> Shape:
        """Return (batch, n_outputs)."""
        return logits_shape[0]

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        initializer = keras.initializers.serialize(self.prior_initializer)
        return {**super().get_config(), "prior_initializer": initializer}
