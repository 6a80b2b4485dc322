"""Encoder: one modality's array becomes an embedding. Must not import pandas."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, Self

from numpy.typing import NDArray

from skmm._components import Component
from skmm.frame import ModalitySpec

__all__ = ["Encoder", "TokenEncoder"]


class Encoder(Component):
    """A recipe for the layers between one modality's input and its embedding.

    Subclasses hold plain values and write `encode`; they make Keras layers when
    asked and keep none. The other methods are for what happens before a network.
    """

    ranks: ClassVar[tuple[int, ...]]  # ranks of one row's array that `encode` takes
    # Whether BaseNNClassifier and BaseNNRegressor standardise arrays for it.
    standardized: ClassVar[bool] = True

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

    def encode_tokens(self, x: Any, spec: ModalitySpec) -> tuple[Any, Any, Any]:
        """Add this encoder's layers, and show what the embedding was pooled from.

        Parameters
        ----------
        x : KerasTensor of shape (batch, *spec.shape), dtype spec.dtype
            The modality's input.
        spec : ModalitySpec
            What the array holds.

        Returns
        -------
        embedding : KerasTensor of shape (batch, d), float
            As `encode` returns it.
        places : KerasTensor of shape (batch, t, d'), float, or None
            Words, steps or patches; None where the encoder has none.
        observed : KerasTensor of bool, shape (batch, t), or None
            Which places hold anything; None where all do.
        """
        return self.encode(x, spec), None, None

    def settled(self, spec: ModalitySpec) -> Self:
        """Look at what the modality is, before the network is built.

        Parameters
        ----------
        spec : ModalitySpec
            What the array holds.

        Returns
        -------
        encoder : Encoder
            This one, or one that has loaded what it names.
        """
        return self

    def prepare(
        self, array: NDArray, present: NDArray, spec: ModalitySpec
    ) -> tuple[NDArray, ModalitySpec]:
        """Compute once for each row what need not be computed in every step.

        Parameters
        ----------
        array : ndarray of shape (n_samples, *spec.shape)
            The modality's rows.
        present : ndarray of bool, shape (n_samples,)
            Which of them have the modality; the others hold zeros.
        spec : ModalitySpec
            What the array holds.

        Returns
        -------
        array : ndarray of shape (n_samples, *spec.shape)
            What the network is given in its place.
        spec : ModalitySpec
            What that is; `encode` is asked for it.
        """
        return array, spec

    def layer_params(self) -> dict[str, Any]:
        """Say which parameters the layers of `encode` depend on.

        Returns
        -------
        params : dict of str to object
            Networks are shared where these are equal and plain.
        """
        return self.get_params(deep=False)


class TokenEncoder(Encoder):
    """An encoder that pools places; subclasses write `encode_tokens`."""

    @abstractmethod
    def encode_tokens(self, x: Any, spec: ModalitySpec) -> tuple[Any, Any, Any]:
        """Add this encoder's layers, and show what the embedding was pooled from."""

    def encode(self, x: Any, spec: ModalitySpec) -> Any:
        """Add the layers; returns (batch, units)."""
        return self.encode_tokens(x, spec)[0]
