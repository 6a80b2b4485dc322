"""Intervals from rows that are drawn again and again."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

__all__ = ["generator", "interval"]


def generator(random_state: Any) -> np.random.Generator:
    """Make a generator of random numbers from what scikit-learn calls a random state.

    Parameters
    ----------
    random_state : int, RandomState or None
        An int gives the same numbers always.

    Returns
    -------
    rng : numpy.random.Generator
    """
    return np.random.default_rng(check_random_state(random_state).randint(2**31))


def interval(draws: NDArray, level: float) -> tuple[NDArray, NDArray]:
    """Compute percentiles of the draws in which a value is defined.

    Parameters
    ----------
    draws : ndarray of shape (n_draws, ...)
        Values, NaN where they are not defined.
    level : float
        Share of the draws in the interval, between 0 and 1.

    Returns
    -------
    low, high : ndarray of shape (...)
        NaN where less than half of the draws are defined.
    """
    few = np.isnan(draws).mean(axis=0) > 0.5
    filled = np.where(few, 0.0, draws)
    ends = np.nanquantile(filled, [(1 - level) / 2, (1 + level) / 2], axis=0)
    low, high = np.where(few, np.nan, ends)
    return low, high
