"""Fusion: embeddings of several modalities become one. Must not import pandas."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

from skmm._components import Component

__all__ = ["Fusion"]


class Fusion(Component):
    """A recipe for the layers that join embeddings.

    Subclasses hold plain values and write `fuse`. An absent modality arrives as a
    learned vector in place of its embedding (and of its logits), so that its data
    cannot reach the output; `present` says which rows those are.
    """

    produces_logits: ClassVar[bool] = False  # True: `fuse` returns logits, no head

    @abstractmethod
    def fuse(self, embeddings: list[Any], present: Any, logits: list[Any]) -> Any:
        """Add this fusion's layers.

        Parameters
        ----------
        embeddings : list of KerasTensor, the m-th of shape (batch, d_m)
            One embedding for each modality.
        present : KerasTensor of shape (batch, n_modalities), float
            1 where a row has the modality, 0 where it is absent. All zeros is
            possible: the result must be finite.
        logits : list of KerasTensor, each of shape (batch, n_outputs)
            Each modality's own decision, from a linear head on its embedding.

        Returns
        -------
        fused : KerasTensor of shape (batch, h), or (batch, n_outputs)
            The joint embedding; the joint logits where `produces_logits`.
        """
