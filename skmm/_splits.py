"""Rows set apart from those that are trained on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

__all__ = ["MANY_ROWS", "deal", "set_apart"]

MANY_ROWS = 2000  # on: a tenth of them, and less patience, tell when to stop


def set_apart(
    n_samples: int, strata: NDArray | None, fraction: float, seed: int
) -> tuple[NDArray, NDArray]:
    """Choose validation rows, in the classes' proportions where possible.

    Parameters
    ----------
    n_samples : int
        Number of rows.
    strata : ndarray of shape (n_samples,) or None
        What to keep the proportions of.
    fraction : float
        Share of rows to set apart, between 0 and 1.
    seed : int
        Seed of the choice.

    Returns
    -------
    train, held_out : ndarray of int32
        Numbers of the rows, each in one of the two.

    Raises
    ------
    ValueError
        If there are fewer than 4 rows.
    """
    if n_samples < 4:
        raise ValueError(
            f"early_stopping=True needs at least 4 rows to set some apart, got "
            f"{n_samples}; pass X_val and y_val, or early_stopping=False."
        )
    rows = np.arange(n_samples, dtype=np.int32)
    settings = {"test_size": fraction, "random_state": np.random.RandomState(seed)}
    try:
        return train_test_split(rows, stratify=strata, **settings)
    except ValueError:  # a class has too few rows for that
        return train_test_split(rows, **settings)


def deal(
    n_samples: int, strata: NDArray | None, n_folds: int, seed: int
) -> list[tuple[NDArray, NDArray]]:
    """Deal the rows out to folds, each class as evenly as it goes.

    Parameters
    ----------
    n_samples : int
        Number of rows.
    strata : ndarray of shape (n_samples,) or None
        What every fold should have its share of.
    n_folds : int
        Number of folds, 2 or more.
    seed : int
        Seed of the order in which rows are dealt.

    Returns
    -------
    splits : list of (ndarray, ndarray) of int32
        For each fold the rows outside, to train on, and the rows inside. A row whose
        class has no other is in every training part and in no fold.

    Raises
    ------
    ValueError
        If there are fewer rows than folds.
    """
    if n_samples < n_folds:
        raise ValueError(
            f"early_stopping=True needs at least {n_folds} rows for so many folds, got "
            f"{n_samples}; pass X_val and y_val, early_stopping=False, or a smaller "
            "ensemble_size."
        )
    order = np.random.RandomState(seed).permutation(n_samples).astype(np.int32)
    fold = np.empty(n_samples, dtype=np.int64)
    alone = np.zeros(n_samples, dtype=bool)
    if strata is not None:
        _, codes, counts = np.unique(strata, return_inverse=True, return_counts=True)
        order = order[np.argsort(codes[order], kind="stable")]
        alone = counts[codes] == 1
    fold[order] = np.arange(n_samples) % n_folds
    fold[alone] = n_folds
    rows = np.arange(n_samples, dtype=np.int32)
    return [(rows[fold != k], rows[fold == k]) for k in range(n_folds)]
