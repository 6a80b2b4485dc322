"""Targets: labels and numbers to what a loss takes, logits back to predictions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse
from scipy.special import expit, log_softmax, logsumexp, softmax
from sklearn.utils import assert_all_finite
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_array, column_or_1d

__all__ = ["ClassTarget", "NumberTarget"]

MOST_SHOWN = 10  # labels in a message


@dataclass
class ClassTarget:
    """Class labels of one output, of several, or of several yes-no labels.

    Parameters
    ----------
    kind : {"binary", "multiclass", "multilabel", "multioutput"}
        Kind of target.
    classes : list of ndarray
        Sorted labels of each output.
    """

    kind: str
    classes: list[NDArray] = field(default_factory=list)

    @classmethod
    def fit(cls, y: NDArray, classes: ArrayLike | None = None) -> ClassTarget:
        """Learn the labels.

        Parameters
        ----------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Checked labels.
        classes : array-like, default=None
            All labels there will be, where `y` need not have all of them.

        Returns
        -------
        target : ClassTarget

        Raises
        ------
        ValueError
            If there is only one class.
        """
        if y.ndim == 1:
            labels = np.unique(y if classes is None else np.asarray(classes))
            if len(labels) < 2:
                raise ValueError(
                    f"y has one class only, {labels.tolist()[0]!r}: a classifier needs "
                    "at least two. In cross-validation, use fewer or stratified splits."
                )
            return cls("binary" if len(labels) == 2 else "multiclass", [labels])
        if type_of_target(y) == "multilabel-indicator":
            return cls("multilabel", [np.array([0, 1])] * y.shape[1])
        return cls("multioutput", [np.unique(column) for column in y.T])

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of logits of each output."""
        if self.kind in ("binary", "multilabel"):
            return (1,) * len(self.classes)
        return tuple(len(labels) for labels in self.classes)

    def encode(self, y: NDArray) -> NDArray:
        """Turn labels into indices, (n_samples, n_outputs) float32."""
        columns = y[:, None] if y.ndim == 1 else y
        if columns.shape[1] != len(self.classes):
            raise ValueError(
                f"y has {columns.shape[1]} outputs, this estimator was fitted with "
                f"{len(self.classes)}."
            )
        codes = np.empty(columns.shape, dtype=np.float32)
        for j, labels in enumerate(self.classes):
            unknown = ~np.isin(columns[:, j], labels)
            if unknown.any():
                raise ValueError(
                    f"y has the label {columns[unknown, j].tolist()[0]!r}, which is "
                    f"not among the classes {_shortened(labels)}."
                )
            codes[:, j] = np.searchsorted(labels, columns[:, j])
        return codes

    def truth(self, codes: NDArray) -> NDArray:
        """Turn encoded labels back."""
        columns = [c[i.astype(int)] for c, i in zip(self.classes, codes.T, strict=True)]
        flat = len(columns) == 1 and self.kind != "multilabel"
        return columns[0] if flat else np.stack(columns, axis=1)

    def sums(self, codes: NDArray, weight: NDArray) -> NDArray:
        """Weigh the rows of each class, (n_logits,); those of the second of two."""
        if self.kind in ("binary", "multilabel"):
            return weight @ codes
        counts = [
            np.bincount(code.astype(int), weight, len(labels))
            for code, labels in zip(codes.T, self.classes, strict=True)
        ]
        return np.concatenate(counts)

    def prior(self, shares: NDArray) -> NDArray:
        """Give the logits of these shares of the classes, as `sums` orders them."""
        shares = np.clip(shares.astype(np.float64), 1e-9, 1 - 1e-9)
        odds = 1 - shares if self.kind in ("binary", "multilabel") else 1.0
        return np.log(shares / odds)

    def blocks(self, logits: NDArray) -> list[NDArray]:
        """Split logits by output; a binary output's two logits become one."""
        if self.kind == "binary" and logits.shape[1] == 2:
            logits = logits[:, 1:] - logits[:, :1]
        if len(self.sizes) == 1:
            return [logits]
        return np.split(logits, np.cumsum(self.sizes)[:-1], axis=1)

    def decision(self, logits: NDArray) -> Any:
        """Logits as scikit-learn's `decision_function` gives them."""
        blocks = self.blocks(logits)
        if self.kind == "binary":
            return blocks[0][:, 0]
        if self.kind == "multilabel":
            return np.concatenate(blocks, axis=1)
        return blocks[0] if self.kind == "multiclass" else blocks

    def probabilities(self, logits: NDArray) -> Any:
        """Class probabilities as scikit-learn's `predict_proba` gives them."""
        blocks = self.blocks(logits)
        if self.kind == "binary":
            p = expit(blocks[0])
            return np.concatenate([1 - p, p], axis=1)
        if self.kind == "multilabel":
            return expit(np.concatenate(blocks, axis=1))
        p = [softmax(block, axis=1) for block in blocks]
        return p[0] if self.kind == "multiclass" else p

    def log_probabilities(self, logits: NDArray) -> Any:
        """Logarithms of the class probabilities, without rounding to zero first."""
        blocks = self.blocks(logits)
        if self.kind == "multilabel":
            return -np.logaddexp(0, -np.concatenate(blocks, axis=1))
        if self.kind == "binary":
            z = blocks[0]
            return -np.logaddexp(0, np.concatenate([z, -z], axis=1))
        p = [log_softmax(block, axis=1) for block in blocks]
        return p[0] if self.kind == "multiclass" else p

    def losses(self, logits: NDArray, codes: NDArray) -> NDArray:
        """Cross-entropy of each row, as `skmm.training.Loss` has it."""
        blocks = self.blocks(logits)
        if self.kind in ("binary", "multilabel"):
            z = np.concatenate(blocks, axis=1)
            return (np.logaddexp(0, z) - codes * z).mean(axis=1)
        rows, classes = np.arange(len(codes)), codes.astype(int)
        pairs = zip(blocks, classes.T, strict=True)
        return -sum(log_softmax(block, axis=1)[rows, code] for block, code in pairs)

    def pool(self, logits: NDArray, shares: NDArray) -> NDArray:
        """Logits of the mean of several probabilities, weighted by `shares`.

        Of shapes (n_opinions, n_samples, n_logits) and (n_opinions,); the shares sum
        to 1.
        """
        if len(logits) == 1:
            return logits[0]
        weights = np.log(shares)[:, None, None]
        if self.kind in ("binary", "multilabel"):
            z = np.stack([np.concatenate(self.blocks(part), axis=1) for part in logits])
            yes, no = weights - np.logaddexp(0, -z), weights - np.logaddexp(0, z)
            return logsumexp(yes, axis=0) - logsumexp(no, axis=0)
        opinions = [self.blocks(part) for part in logits]
        pooled = [
            logsumexp(weights + log_softmax(np.stack(blocks), axis=2), axis=0)
            for blocks in zip(*opinions, strict=True)
        ]
        return np.concatenate(pooled, axis=1)

    def most_probable(self, logits: NDArray) -> tuple[NDArray, NDArray]:
        """Codes and probabilities of the most probable label of each output."""
        blocks = self.blocks(logits)
        if self.kind in ("binary", "multilabel"):
            z = np.concatenate(blocks, axis=1)
            return z > 0, expit(np.abs(z))
        p = [softmax(block, axis=1) for block in blocks]
        labels = np.stack([block.argmax(axis=1) for block in p], axis=1)
        return labels, np.stack([block.max(axis=1) for block in p], axis=1)

    def decode(self, logits: NDArray) -> NDArray:
        """Turn logits into labels."""
        codes = [
            block[:, 0] > 0 if block.shape[1] == 1 else block.argmax(axis=1)
            for block in self.blocks(logits)
        ]
        return self.truth(np.stack(codes, axis=1))


@dataclass
class NumberTarget:
    """Numbers, standardised by the training rows so that one step size suits all.

    Parameters
    ----------
    kind : {"squared"}
        Kind of target.
    mean, scale : ndarray of shape (n_outputs,)
        Subtracted and divided by in training, undone in prediction.
    flat : bool
        Whether predictions are 1-D.
    """

    kind: str
    mean: NDArray
    scale: NDArray
    flat: bool

    @classmethod
    def fit(cls, y: NDArray, weight: NDArray, standardize: bool = True) -> NumberTarget:
        """Learn mean and scale.

        Parameters
        ----------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Checked numbers.
        weight : ndarray of shape (n_samples,)
            Weights of the rows.
        standardize : bool, default=True
            False leaves the numbers as they are.

        Returns
        -------
        target : NumberTarget
        """
        columns = y.reshape(len(y), -1).astype(np.float64)
        mean, scale = np.zeros(columns.shape[1]), np.ones(columns.shape[1])
        if standardize:
            # Squares of great and small numbers lie outside of what a float holds.
            unit = np.ldexp(1.0, np.frexp(np.abs(columns).max(axis=0))[1] - 1)
            units = columns / unit
            mean = np.average(units, axis=0, weights=weight)
            scale = np.sqrt(np.average((units - mean) ** 2, axis=0, weights=weight))
            constant = scale < 1e-12  # of the largest number: rounding alone
            least = np.maximum(1.0, 1e-12 * unit)
            mean, scale = mean * unit, np.where(constant, least, scale * unit)
        return cls("squared", mean, scale, y.ndim == 1)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of logits of each output."""
        return (1,) * len(self.mean)

    def encode(self, y: NDArray) -> NDArray:
        """Standardise, (n_samples, n_outputs) float32."""
        columns = y.reshape(len(y), -1)
        if columns.shape[1] != len(self.mean):
            raise ValueError(
                f"y has {columns.shape[1]} outputs, this estimator was fitted with "
                f"{len(self.mean)}."
            )
        return ((columns - self.mean) / self.scale).astype(np.float32)

    def sums(self, codes: NDArray, weight: NDArray) -> NDArray:
        """Sum the standardised numbers by weight, (n_outputs,)."""
        return weight @ codes

    def prior(self, means: NDArray) -> NDArray:
        """Give the outputs that predict these means."""
        return means

    def losses(self, outputs: NDArray, codes: NDArray) -> NDArray:
        """Squared error of each row, as `skmm.training.Loss` has it."""
        return np.square(outputs - codes).mean(axis=1)

    def pool(self, outputs: NDArray, shares: NDArray) -> NDArray:
        """Mean of several outputs, weighted by `shares`, which sum to 1.

        Of shapes (n_opinions, n_samples, n_outputs) and (n_opinions,).
        """
        return np.tensordot(shares, outputs, axes=1)

    def truth(self, codes: NDArray) -> NDArray:
        """Turn encoded numbers back."""
        return self.decode(codes)

    def decode(self, outputs: NDArray) -> NDArray:
        """Undo the standardisation."""
        y = outputs.astype(np.float64) * self.scale + self.mean
        return y[:, 0] if self.flat else y


def _shortened(labels: NDArray) -> str:
    shown = ", ".join(map(repr, labels[:MOST_SHOWN].tolist()))
    return f"[{shown}{', ...' * (len(labels) > MOST_SHOWN)}]"


def check_labels(y: ArrayLike) -> NDArray:
    """Check class labels.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Labels.

    Returns
    -------
    y : ndarray of the same shape

    Raises
    ------
    ValueError
        If a label is missing, or the numbers are continuous.
    """
    if not issparse(y):
        _check_known(np.asarray(y))
    kind = type_of_target(y, input_name="y", raise_unknown=True)
    check_classification_targets(y)
    if kind.startswith("multilabel") or kind == "multiclass-multioutput":
        labels = check_array(y, dtype=None, accept_sparse="csr", input_name="y")
        return labels.toarray() if issparse(labels) else labels
    return column_or_1d(y, warn=True)


def _check_known(y: NDArray) -> None:
    """Refuse missing labels, of whatever type."""
    if y.dtype.kind == "f":
        assert_all_finite(y, input_name="y")
    if not y.ndim:
        return
    missing = np.flatnonzero(pd.isna(y).reshape(len(y), -1).any(axis=1))
    if len(missing):
        raise ValueError(
            f"Input y contains NaN: the label of row {missing[0]} is missing "
            f"({len(missing)} in all). Drop those rows."
        )


def check_numbers(y: ArrayLike) -> NDArray:
    """Check regression targets.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Numbers.

    Returns
    -------
    y : ndarray of float64, of the same shape; a single column becomes 1-D

    Raises
    ------
    ValueError
        If a number is NaN, infinite, or no number.
    """
    if np.asarray(y).dtype.kind == "O":
        try:
            type_of_target(y, input_name="y", raise_unknown=True)
        except TypeError as error:  # strings beside numbers cannot be sorted
            raise ValueError(
                f"Unknown label type: y must hold numbers alone ({error})."
            ) from error
    numbers = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
    if numbers.ndim == 2 and numbers.shape[1] > 1:
        return numbers
    return column_or_1d(numbers, warn=True)
