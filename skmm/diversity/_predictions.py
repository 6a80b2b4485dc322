"""Predictions of several models, checked, as arrays that can be compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import assert_all_finite, check_array, column_or_1d

from skmm._compat import check_sample_weight

__all__ = ["Predictions", "check_predictions"]

ROUNDING = 1e-3  # by which probabilities may miss the sum of 1


@dataclass(frozen=True)
class Predictions:
    """What several models say of the same rows.

    Parameters
    ----------
    probabilities : ndarray of shape (n_models, n_samples, n_classes)
        Of each class; 0 and 1 where labels were given.
    codes : ndarray of int, shape (n_models, n_samples)
        Number of the class that is predicted.
    truth : ndarray of int, shape (n_samples,), or None
        Number of the true class.
    weight : ndarray of shape (n_samples,)
        Weights of the rows, with the sum 1.
    """

    probabilities: NDArray
    codes: NDArray
    truth: NDArray | None
    weight: NDArray

    @property
    def errors(self) -> NDArray:
        """Whether a model is wrong on a row, (n_models, n_samples) float64."""
        return (self.codes != self.truth).astype(float)

    def mean(self, values: NDArray) -> NDArray:
        """Weighted mean over the rows, which are the last axis."""
        return values @ self.weight


def check_predictions(
    predictions: Any,
    y: ArrayLike | None = None,
    *,
    classes: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> Predictions:
    """Check what models predict, and bring it into one form.

    Parameters
    ----------
    predictions : sequence or mapping of array-like
        For each model labels of shape (n_samples,), or probabilities of shape
        (n_samples, n_classes); of a mapping, the values.
    y : array-like of shape (n_samples,) or None, default=None
        True labels.
    classes : array-like of shape (n_classes,) or None, default=None
        Label of each column of probabilities, or labels that there are beside those
        seen; None takes the sorted labels of `y`.
    sample_weight : array-like of shape (n_samples,) or None, default=None
        Weights of the rows.

    Returns
    -------
    predictions : Predictions

    Raises
    ------
    ValueError
        If there are no models or rows, numbers of rows or classes differ, labels and
        probabilities are mixed, or probabilities are none.
    """
    given = predictions.values() if isinstance(predictions, Mapping) else predictions
    models = [np.asarray(p) for p in given]
    if not models:
        raise ValueError("predictions must be those of at least one model, got none.")
    shapes = {p.shape for p in models}
    ranks = {p.ndim for p in models}
    if len(shapes) > 1 or not ranks <= {1, 2}:
        raise ValueError(
            "predictions must be labels of shape (n_samples,), or probabilities of "
            f"shape (n_samples, n_classes), alike for all models; got shapes "
            f"{[p.shape for p in models]}."
        )
    n = len(models[0])
    truth = None if y is None else column_or_1d(y)
    if n == 0 or (truth is not None and len(truth) != n):
        n_true = "" if truth is None else f", y has {len(truth)}"
        raise ValueError(
            f"predictions have {n} rows{n_true}: give the same, 1 or more."
        )
    weight = check_sample_weight(sample_weight, models[0], ensure_non_negative=True)
    if ranks == {1}:
        probabilities, codes, true = _of_labels(models, truth, classes)
    else:
        probabilities, codes, true = _of_probabilities(models, truth, classes)
    return Predictions(probabilities, codes, true, weight / weight.sum())


def _of_labels(
    models: Sequence[NDArray], truth: NDArray | None, classes: ArrayLike | None
) -> tuple[NDArray, NDArray, NDArray | None]:
    every = [*models, *([] if truth is None else [truth])]
    for labels in every:
        assert_all_finite(labels, input_name="labels")
    if len({np.issubdtype(labels.dtype, np.number) for labels in every}) > 1:
        raise ValueError(
            "labels must be of one kind, got numbers beside others: dtypes "
            f"{[str(labels.dtype) for labels in every]}."
        )
    known = [] if classes is None else [np.asarray(classes)]
    labels, codes = np.unique(np.concatenate([*every, *known]), return_inverse=True)
    codes = codes[: every[0].size * len(every)].reshape(len(every), -1)
    predicted = codes[: len(models)]
    probabilities = np.eye(len(labels))[predicted]
    return probabilities, predicted, None if truth is None else codes[-1]


def _of_probabilities(
    models: Sequence[NDArray], truth: NDArray | None, classes: ArrayLike | None
) -> tuple[NDArray, NDArray, NDArray | None]:
    stacked = check_array(np.stack(models), allow_nd=True, dtype=np.float64)
    sums = stacked.sum(axis=2)
    if stacked.min() < 0 or np.abs(sums - 1).max() > ROUNDING:
        raise ValueError(
            "probabilities must be from 0 to 1 with the sum 1 in each row, got "
            f"values from {stacked.min():.3g} and sums from {sums.min():.3g} to "
            f"{sums.max():.3g}; give labels in one dimension."
        )
    predicted = stacked.argmax(axis=2)
    if truth is None:
        return stacked, predicted, None
    labels = np.unique(truth if classes is None else np.asarray(classes))
    order = np.arange(len(labels))
    if classes is not None:
        order = np.argsort(np.asarray(classes), kind="stable")
    n_classes = stacked.shape[2]
    if len(labels) != n_classes:
        raise ValueError(
            f"probabilities have {n_classes} columns, but there are {len(labels)} "
            f"classes: {labels.tolist()}; give classes=, a label for each column."
        )
    unknown = ~np.isin(truth, labels)
    if unknown.any():
        raise ValueError(
            f"y has the label {truth[unknown].tolist()[0]!r}, which is not among the "
            f"classes {labels.tolist()}."
        )
    return stacked, predicted, order[np.searchsorted(labels, truth)]
