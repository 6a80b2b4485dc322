"""A graph network over all modalities (GCN, GAT)."""

from __future__ import annotations

from typing import Any, ClassVar

import keras

from skmm.exceptions import ModalityError
from skmm.fusion._base import Fusion
from skmm.fusion._parts import dropped, projected, stacked
from skmm.layers import GraphAttention, GraphConvolution, MaskedPooling

__all__ = ["GraphFusion"]


class GraphFusion(Fusion):
    """Pass messages between all modalities, a few times.

    ``X <- X + relu(M_t(X))`` from ``X_m = P_m h_m + b_m``; z is the mean over the
    modalities present, 0 where there is none. M_t is `skmm.layers.GraphConvolution` or
    `skmm.layers.GraphAttention`; h_m has shape (batch, d_m), X has shape (batch, M,
    units), and z has shape (batch, units).

    Parameters
    ----------
    units : int, default=64
        Number of units of z, 1 or more.
    layer : {"gat", "gcn"}, default="gat"
        What M_t is: attention weighs the messages by what the nodes hold, convolution
        weighs all of them alike.
    num_rounds : int, default=2
        Number of rounds of messages, 1 or more.
    num_heads : int, default=4
        Number of heads of the attention; `units` is a multiple of it.
    dropout : float, default=0.1
        Share of z's units that are dropped in training, 0 to 1.

    Raises
    ------
    ModalityError
        If `layer` is anything else, or `units` no multiple of `num_heads`, when the
        network is built.

    See Also
    --------
    skmm.fusion.chain_graph.ChainGraphFusion : Edges between neighbours alone.
    skmm.fusion.attention.AttentionFusion : Messages between places, not modalities.

    Notes
    -----
    The nodes keep what they were (X is added): with edges between all nodes, "gcn"
    tells every node the same. It has ``(d_m + 1) * units`` weights for each modality,
    and for each round ``units^2`` ("gcn") or ``units^2 + 2 * units`` ("gat").

    References
    ----------
    Kipf and Welling (2017). Semi-Supervised Classification with Graph Convolutional
    Networks. ICLR, arXiv:1609.02907, equation 2.
    Veličković et al. (2018). Graph Attention Networks. ICLR, arXiv:1710.10903,
    equations 1 to 5.

    Examples
    --------
    >>> import keras
    >>> from skmm.fusion.graph import GraphFusion
    >>> embeddings = [keras.Input((64,)), keras.Input((32,))]
    >>> GraphFusion(units=16).fuse(embeddings, keras.Input((2,)), []).shape
    (None, 16)
    """

    family: ClassVar[str] = "hybrid"

    def __init__(
        self,
        units: int = 64,
        layer: str = "gat",
        num_rounds: int = 2,
        num_heads: int = 4,
        dropout: float = 0.1,
    ):
        self.units = units
        self.layer = layer
        self.num_rounds = num_rounds
        self.num_heads = num_heads
        self.dropout = dropout

    def fuse(self, embeddings: list[Any], present: Any, logits: list[Any]) -> Any:
        """Add the layers; returns (batch, units)."""
        nodes = stacked(projected(embeddings, self.units, "fusion_node"))
        for t in range(self.num_rounds):
            told = self._messages(f"fusion_graph_{t}")(nodes, present)
            told = keras.layers.ReLU(name=f"fusion_relu_{t}")(told)
            nodes = keras.layers.Add(name=f"fusion_add_{t}")([nodes, told])
        mean = MaskedPooling(name="fusion_mean")(nodes, present)
        return dropped(mean, self.dropout)

    def _messages(self, name: str) -> Any:
        """Make the layer of one round."""
        if self.layer == "gcn":
            return GraphConvolution(self.units, name=name)
        if self.layer != "gat":
            raise ModalityError(f'layer must be "gat" or "gcn", got {self.layer!r}.')
        if self.units % self.num_heads:
            raise ModalityError(
                f"units must be a multiple of num_heads, got {self.units} and "
                f"{self.num_heads}."
            )
        return GraphAttention(self.units, self.num_heads, name=name)
