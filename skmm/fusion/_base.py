"""Fusion: embeddings of several modalities become one. Must not import pandas."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import keras

from skmm._components import Component

__all__ = ["Fusion", "TokenFusion"]


class Fusion(Component):
    """A recipe for the layers that join embeddings.

    Subclasses hold plain values and write `fuse`. An absent modality arrives as a
    learned vector in place of its embedding (and of its logits), so that its data
    cannot reach the output; `present` says which rows those are.
    """

    # "parallel": side by side, then joined; "serial": one after another; "hybrid": both
    family: ClassVar[str]
    produces_logits: ClassVar[bool] = False  # True: `fuse` returns logits, no head

    @property
    def shares_encoders(self) -> bool:
        """Whether modalities of equal kind and shape are to have one encoder."""
        return False

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


class TokenFusion(Fusion):
    """A fusion that looks at the places of each modality, not only at its embedding.

    Subclasses write `fuse_tokens`. A modality without places is one token.
    """

    @abstractmethod
    def fuse_tokens(self, tokens: list[Any], observed: list[Any], present: Any) -> Any:
        """Add this fusion's layers.

        Parameters
        ----------
        tokens : list of KerasTensor, the m-th of shape (batch, t_m, d_m)
            The embedding of each modality, then its places: words, steps, patches.
            All of them are the learned vector where the modality is absent.
        observed : list of KerasTensor of bool, the m-th of shape (batch, t_m)
            Which tokens hold anything. The first always does.
        present : KerasTensor of shape (batch, n_modalities), float
            1 where a row has the modality, 0 where it is absent.

        Returns
        -------
        fused : KerasTensor of shape (batch, h)
            The joint embedding.
        """

    def fuse(self, embeddings: list[Any], present: Any, logits: list[Any]) -> Any:
        """Add the layers, taking each embedding for one token."""
        tokens = [
            keras.layers.Reshape((1, h.shape[-1]), name=f"fusion_single_{m}")(h)
            for m, h in enumerate(embeddings)
        ]
        observed = [keras.ops.ones_like(h[..., 0], dtype="bool") for h in tokens]
        return self.fuse_tokens(tokens, observed, present)
