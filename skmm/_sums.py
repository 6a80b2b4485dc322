"""What is known of a target, and of answers, when they have come piece by piece."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score

__all__ = ["AccuracySums", "LabelSums", "NumberSums", "R2Sums"]

Finish = Callable[[NDArray, NDArray], tuple[NDArray, NDArray]]


class LabelSums:
    """The labels of a target, numbered as they appear, and the weight of each."""

    def __init__(self):
        self._codes: dict[Any, int] = {}
        self._weights = np.empty(0)
        self._dtype: Any = None

    def note(self, y: NDArray, weight: NDArray) -> NDArray:
        """Take note of a piece.

        Parameters
        ----------
        y : ndarray of shape (n_rows,)
            Checked labels.
        weight : ndarray of shape (n_rows,)
            Their weights.

        Returns
        -------
        codes : ndarray of shape (n_rows,), float64
            Numbers of the labels.
        """
        self._dtype = y.dtype if self._dtype is None else self._dtype
        labels, inverse = np.unique(y, return_inverse=True)
        codes = [
            self._codes.setdefault(label, len(self._codes)) for label in labels.tolist()
        ]
        self._weights.resize(len(self._codes), refcheck=False)
        np.add.at(self._weights, codes, np.bincount(inverse, weight, len(labels)))
        return np.array(codes, float)[inverse]

    def rows(self) -> tuple[NDArray, NDArray]:
        """Give a few rows that stand for all: each label once, with its weight."""
        labels = list(self._codes)
        known = np.asarray(labels, object if self._dtype.kind == "O" else None)
        return known, self._weights.copy()

    def finish(self, target: Any, factors: NDArray) -> Finish:
        """Say how codes and weights become what training takes.

        Parameters
        ----------
        target : ClassTarget
            Fitted on `rows`.
        factors : ndarray of shape (n_labels,)
            What the weights of each label are multiplied by.

        Returns
        -------
        finish : callable
        """
        encoded = target.encode(self.rows()[0])

        def finish(codes: NDArray, weight: NDArray) -> tuple[NDArray, NDArray]:
            which = codes.astype(np.intp)
            return encoded[which], (weight * factors[which]).astype(np.float32)

        return finish


class NumberSums:
    """Weight, mean and variance of a target of numbers.

    Of pieces they are added up as in Chan, Golub and LeVeque (1983), "Algorithms for
    computing the sample variance", equation 2.1.

    Attributes
    ----------
    squares : float
        Sum of the squares of what is left without the mean.
    """

    def __init__(self):
        self._weight = self._mean = self.squares = 0.0

    def note(self, y: NDArray, weight: NDArray) -> NDArray:
        """Take note of a piece.

        Parameters
        ----------
        y : ndarray of shape (n_rows,)
            Checked numbers.
        weight : ndarray of shape (n_rows,)
            Their weights.

        Returns
        -------
        y : ndarray of shape (n_rows,)
            The same.
        """
        here = float(weight.sum())
        if not here:
            return y
        mean = float(np.average(y, weights=weight))
        apart, both = mean - self._mean, self._weight + here
        self.squares += float(weight @ (y - mean) ** 2)
        self.squares += apart**2 * self._weight * here / both
        self._mean += apart * here / both
        self._weight = both
        return y

    def rows(self) -> tuple[NDArray, NDArray]:
        """Give a few rows that stand for all: two, of the same mean and variance."""
        deviation = np.sqrt(self.squares / self._weight)
        return self._mean + deviation * np.array([-1, 1]), np.full(2, self._weight / 2)

    def finish(self, target: Any, factors: NDArray) -> Finish:
        """Say how numbers and weights become what training takes.

        Parameters
        ----------
        target : NumberTarget
            Fitted on `rows`.
        factors : ndarray of shape (2,)
            What all weights are multiplied by, twice the same.

        Returns
        -------
        finish : callable
        """

        def finish(y: NDArray, weight: NDArray) -> tuple[NDArray, NDArray]:
            return target.encode(y), (weight * factors[0]).astype(np.float32)

        return finish


class AccuracySums:
    """Share of right answers."""

    def __init__(self):
        self._right = self._weight = 0.0

    def note(self, y: NDArray, answer: NDArray, weight: NDArray | None) -> None:
        """Take note of a piece.

        Parameters
        ----------
        y, answer : ndarray of shape (n_rows,)
            True and predicted labels.
        weight : ndarray of shape (n_rows,) or None
            Weights of the rows.
        """
        right = accuracy_score(y, answer, normalize=False, sample_weight=weight)
        self._right += float(right)
        self._weight += len(y) if weight is None else float(weight.sum())

    @property
    def value(self) -> float:
        """The score."""
        return self._right / self._weight


class R2Sums:
    """Share of the variance that is explained."""

    def __init__(self):
        self._errors, self._numbers = 0.0, NumberSums()

    def note(self, y: NDArray, answer: NDArray, weight: NDArray | None) -> None:
        """Take note of a piece.

        Parameters
        ----------
        y, answer : ndarray of shape (n_rows,)
            True and predicted numbers.
        weight : ndarray of shape (n_rows,) or None
            Weights of the rows.
        """
        weight = np.ones(len(y)) if weight is None else weight
        self._errors += float(weight @ (y - answer) ** 2)
        self._numbers.note(y, weight)

    @property
    def value(self) -> float:
        """The score; of numbers that are all the same 1 or 0, as `r2_score` has it."""
        squares = self._numbers.squares
        if squares == 0:
            return float(self._errors == 0)
        return 1 - self._errors / squares
