"""Modality: columns of a dataframe become one array with a flag for each row.

Must not import Keras.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, NamedTuple, Self

import pandas as pd
from numpy.typing import NDArray

from skmm._components import Component
from skmm.frame import ModalitySpec

__all__ = ["Encoded", "Modality"]


class Encoded(NamedTuple):
    """What `Modality.transform` returns.

    Attributes
    ----------
    array : ndarray of shape (n_samples, *shape)
        The data; rows that are absent hold zeros.
    present : ndarray of bool, shape (n_samples,)
        Which rows have this modality.
    """

    array: NDArray
    present: NDArray


class Modality(Component):
    """A kind of data. Subclasses write `fit`, `transform` and `spec`."""

    kind: ClassVar[str]

    @abstractmethod
    def fit(
        self,
        X: pd.DataFrame,
        y: Any = None,
        *,
        on_error: str = "raise",
        n_jobs: int | None = None,
    ) -> Self:
        """Learn from the training rows what `transform` and `spec` need.

        Parameters
        ----------
        X : pandas.DataFrame of shape (n_samples, n_columns)
            This modality's columns alone.
        y : array-like of shape (n_samples,), default=None
            Target; most modalities do not look at it.
        on_error : {"raise", "missing"}, default="raise"
            What an unreadable cell does: raise `CellError`, or count as missing.
        n_jobs : int or None, default=None
            Number of threads that decode cells, or of processes that find words.

        Returns
        -------
        self : Modality
        """

    @abstractmethod
    def transform(
        self, X: pd.DataFrame, *, on_error: str = "raise", n_jobs: int | None = None
    ) -> Encoded:
        """Turn columns into one array.

        Parameters
        ----------
        X : pandas.DataFrame of shape (n_samples, n_columns)
            The columns that `fit` saw.
        on_error : {"raise", "missing"}, default="raise"
            What an unreadable cell does: raise `CellError`, or count as missing.
        n_jobs : int or None, default=None
            Number of threads that decode cells, or of processes that find words.

        Returns
        -------
        encoded : Encoded
            ``array`` of shape (n_samples, *spec.shape) and ``present``.
        """

    @abstractmethod
    def spec(self, name: str) -> ModalitySpec:
        """Describe the array that `transform` returns.

        Parameters
        ----------
        name : str
            Name of the modality in its frame.

        Returns
        -------
        spec : ModalitySpec
        """
