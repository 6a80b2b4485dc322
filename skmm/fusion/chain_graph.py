"""A graph network over the chain of modalities."""

from __future__ import annotations

from typing import Any, ClassVar

import keras

from skmm.fusion._base import Fusion
from skmm.fusion._parts import dropped, projected, stacked
from skmm.layers import GraphConvolution, MaskedPooling

__all__ = ["ChainGraphFusion"]


class ChainGraphFusion(Fusion):
    """Pass messages from each modality to its neighbours in a chain, a few times.

    ``X <- X + relu(D^(-1/2) (A + I) D^(-1/2) X W_t)`` from ``X_m = P_m h_m + b_m``; z
    is the mean over the modalities present, 0 where there is none. A has edges between
    each modality and the next that is present, D its degrees; h_m has shape (batch,
    d_m), X has shape (batch, M, units), and z has shape (batch, units).

    Parameters
    ----------
    units : int, default=64
        Number of units of z, 1 or more.
    num_rounds : int, default=2
        Number of rounds of messages, 1 or more.
    dropout : float, default=0.1
        Share of z's units that are dropped in training, 0 to 1.

    See Also
    --------
    skmm.fusion.graph.GraphFusion : Edges between all modalities.
    skmm.fusion.film.FiLMFusion : Each modality changes how the first is read.

    Notes
    -----
    Order matters: modalities far from one another in the chain meet after as many
    rounds. Neighbours of an absent modality are neighbours of one another. The nodes
    keep what they were (X is added), which the paper's do not. It has ``(d_m + 1) *
    units`` weights for each modality, and ``units^2`` for each round.

    References
    ----------
    Kipf and Welling (2017). Semi-Supervised Classification with Graph Convolutional
    Networks. ICLR, arXiv:1609.02907, equation 2.

    Examples
    --------
    >>> import keras
    >>> from skmm.fusion.chain_graph import ChainGraphFusion
    >>> embeddings = [keras.Input((64,)), keras.Input((32,))]
    >>> ChainGraphFusion(units=16).fuse(embeddings, keras.Input((2,)), []).shape
    (None, 16)
    """

    family: ClassVar[str] = "serial"

    def __init__(
        self,
        units: int = 64,
        num_rounds: int = 2,
        dropout: float = 0.1,
    ):
        self.units = units
        self.num_rounds = num_rounds
        self.dropout = dropout

    def fuse(self, embeddings: list[Any], present: Any, logits: list[Any]) -> Any:
        """Add the layers; returns (batch, units)."""
        nodes = stacked(projected(embeddings, self.units, "fusion_node"))
        for t in range(self.num_rounds):
            layer = GraphConvolution(self.units, chain=True, name=f"fusion_graph_{t}")
            told = keras.layers.ReLU(name=f"fusion_relu_{t}")(layer(nodes, present))
            nodes = keras.layers.Add(name=f"fusion_add_{t}")([nodes, told])
        mean = MaskedPooling(name="fusion_mean")(nodes, present)
        return dropped(mean, self.dropout)
