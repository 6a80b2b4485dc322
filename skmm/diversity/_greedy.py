"""Weights of models that are chosen greedily."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["greedy_weights"]


def greedy_weights(
    values: NDArray,
    losses: Callable[[NDArray], NDArray],
    weight: NDArray,
    *,
    max_members: int,
    n_bags: int,
    rng: np.random.Generator,
) -> NDArray:
    """Choose the weights of models in a mean of what they say.

    Forward selection with replacement from the best model on (Caruana,
    Niculescu-Mizil, Crew and Ksikes 2004, Ensemble Selection from Libraries of Models,
    ICML, sections 2.1 and 2.2), in bags of rows that are drawn with replacement; the
    weights are the mean of the bags'.

    Parameters
    ----------
    values : ndarray of shape (n_models, n_samples)
        What each model says of each row, where means are taken.
    losses : callable
        Takes means of shape (n_candidates, n_samples), returns the losses of the rows.
    weight : ndarray of shape (n_samples,)
        Weights of the rows.
    max_members : int
        Number of times that a model is added in a bag; the best count on the way is
        kept.
    n_bags : int
        Number of bags; one has all rows.
    rng : numpy.random.Generator
        Draws the bags.

    Returns
    -------
    weights : ndarray of shape (n_models,)
        Not negative, with the sum 1.
    """
    counted = np.flatnonzero(weight)
    values, weight = values[:, counted], weight[counted]
    if n_bags == 1:
        return _forward(values, losses, weight, max_members)
    n, weights = len(weight), np.zeros(len(values))
    for _ in range(n_bags):
        bag = weight * rng.multinomial(n, np.full(n, 1 / n))
        weights += _forward(values, losses, bag, max_members)
    return weights / n_bags


def _forward(
    values: NDArray,
    losses: Callable[[NDArray], NDArray],
    weight: NDArray,
    max_members: int,
) -> NDArray:
    rows = np.flatnonzero(weight)
    values, weight = values[:, rows], weight[rows]
    votes = np.zeros(len(values))
    total = np.zeros(len(rows))
    best, lowest = votes, np.inf
    for n in range(1, max_members + 1):
        found = losses((total + values) / n) @ weight
        chosen = int(np.argmin(found))
        total = total + values[chosen]
        votes = votes + np.eye(len(values))[chosen]
        if found[chosen] < lowest:
            best, lowest = votes, found[chosen]
    return best / best.sum()
