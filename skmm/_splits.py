"""Rows set apart from those that are trained on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

__all__ = ["set_apart"]


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
