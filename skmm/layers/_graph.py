"""Messages between the modalities of a row, as nodes of a graph."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from skmm.layers._register import Shape, register

__all__ = ["GraphAttention", "GraphConvolution"]


@register
class GraphConvolution(keras.layers.Layer):
    """Pass messages along fixed edges between the modalities that are present.

    ``X' = D^(-1/2) (A + I) D^(-1/2) X W`` with X of shape (batch, M, d), W of shape (d,
    units), A the edges and D the number of them at each node, itself included. Absent
    nodes have no edges.

    Parameters
    ----------
    units : int
        Number of units of each node of X'.
    chain : bool, default=False
        Whether each modality has edges to the one before and the one behind it among
        those present; if not, all of them have edges to one another.
    kernel_initializer : str or keras.Initializer, default="glorot_uniform"
        Start of W.
    **kwargs : dict
        Keyword arguments of `keras.layers.Layer`.
    """

    def __init__(
        self,
        units: int,
        chain: bool = False,
        kernel_initializer: Any = "glorot_uniform",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.units = units
        self.chain = chain
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, nodes_shape: Shape, present_shape: Shape) -> None:
        """Make W of shape (d, units)."""
        self.kernel = self.add_weight(
            name="kernel",
            shape=(nodes_shape[-1], self.units),
            initializer=self.kernel_initializer,
        )

    def call(self, nodes: Any, present: Any) -> Any:
        """Return X' (batch, M, units); `present` has shape (batch, M)."""
        edges = present[:, :, None] * present[:, None, :]
        if self.chain:
            place = ops.cumsum(present, axis=1)
            apart = ops.abs(place[:, :, None] - place[:, None, :])
            edges = edges * ops.cast(apart < 1.5, edges.dtype)
        degree = ops.sqrt(ops.maximum(ops.sum(edges, axis=-1, keepdims=True), 1.0))
        edges = edges / (degree * ops.transpose(degree, (0, 2, 1)))
        return ops.matmul(edges, ops.matmul(nodes, self.kernel))

    def compute_output_shape(self, nodes_shape: Shape, present_shape: Shape) -> Shape:
        """Return (batch, M, units)."""
        return (*nodes_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        initializer = keras.initializers.serialize(self.kernel_initializer)
        return {
            **super().get_config(),
            "units": self.units,
            "chain": self.chain,
            "kernel_initializer": initializer,
        }


@register
class GraphAttention(keras.layers.Layer):
    """Pass messages between the modalities present, weighted by what they hold (GAT).

    ``x'_i = sum_j w_ij V x_j`` with ``w_ij = softmax_j(leaky_relu(p . V x_i + q . V
    x_j))`` over the nodes j that are present, x_i of shape (batch, d), and V of shape
    (d, units). Each of several heads has p, q and its part of V.

    Parameters
    ----------
    units : int
        Number of units of each node, a multiple of `num_heads`.
    num_heads : int
        Number of heads, laid side by side.
    kernel_initializer : str or keras.Initializer, default="glorot_uniform"
        Start of V.
    scores_initializer : str or keras.Initializer, default="glorot_uniform"
        Start of p and q.
    **kwargs : dict
        Keyword arguments of `keras.layers.Layer`.
    """

    def __init__(
        self,
        units: int,
        num_heads: int,
        kernel_initializer: Any = "glorot_uniform",
        scores_initializer: Any = "glorot_uniform",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.units = units
        self.num_heads = num_heads
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.scores_initializer = keras.initializers.get(scores_initializer)

    def build(self, nodes_shape: Shape, present_shape: Shape) -> None:
        """Make V of shape (d, units), and p and q as one of (2, units)."""
        self.kernel = self.add_weight(
            name="kernel",
            shape=(nodes_shape[-1], self.units),
            initializer=self.kernel_initializer,
        )
        self.scores = self.add_weight(
            name="scores", shape=(2, self.units), initializer=self.scores_initializer
        )

    def call(self, nodes: Any, present: Any) -> Any:
        """Return X' (batch, M, units); `present` has shape (batch, M)."""
        n_modalities, width = nodes.shape[1], self.units // self.num_heads
        heads = (-1, n_modalities, self.num_heads, width)
        values = ops.matmul(nodes, self.kernel)
        parts = ops.reshape(values, heads)
        of_each = [
            ops.sum(ops.reshape(values * scores, heads), axis=-1)
            for scores in (self.scores[0], self.scores[1])
        ]
        scores = of_each[0][:, :, None] + of_each[1][:, None, :]  # (batch, i, j, head)
        scores = ops.leaky_relu(scores, 0.2)
        scores = ops.where(present[:, None, :, None] > 0, scores, -1e9)
        # Written out because ops.softmax warns where there is one modality.
        powers = ops.exp(scores - ops.max(scores, axis=2, keepdims=True))
        weights = powers / ops.sum(powers, axis=2, keepdims=True)
        mixed = ops.einsum("bijh,bjhw->bihw", weights, parts)
        return ops.reshape(mixed, (-1, n_modalities, self.units))

    def compute_output_shape(self, nodes_shape: Shape, present_shape: Shape) -> Shape:
        """Return (batch, M, units)."""
        return (*nodes_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        serialize = keras.initializers.serialize
        return {
            **super().get_config(),
            "units": self.units,
            "num_heads": self.num_heads,
            "kernel_initializer": serialize(self.kernel_initializer),
            "scores_initializer": serialize(self.scores_initializer),
        }
