"""Encoder: one modality's array becomes an embedding. Must not import pandas."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

from skmm._components import Component
from skmm.frame import ModalitySpec

__all__ = ["Encoder"]


class Encoder(Component):
    """A recipe for the layers between one modality's input and its embedding.

    Subclasses hold plain values and write `encode`; they make Keras layers when
    asked and keep none.
    """

    ranks: ClassVar[tuple[int, ...]]  # ranks of one row's array that `encode` takes

    @abstractmethod
    def encode(self, x: Any, spec: ModalitySpec) -> Any:
        """Add this encoder's layers behind `x`.

        Parameters
        ----------
        x : KerasTensor of shape (batch, *spec.shape), dtype spec.dtype
            The modality's input, raw: bytes as uint8, token ids as int32, floats
            with NaN for what is missing.
        spec : ModalitySpec
            What the array holds. ``spec.name`` is a valid prefix of layer names.

        Returns
        -------
        embedding : KerasTensor of shape (batch, d), float
            Finite wherever the row is present; never NaN.
        """
