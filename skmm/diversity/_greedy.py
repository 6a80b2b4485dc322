"""Ensembles that are chosen greedily from a library of models."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["greedy_weights"]


def greedy_weights(
    values: NDArray,
    loss: Callable[[NDArray], NDArray],
    *,
    max_members: int,
    n_bags: int,
    share: float,
    rng: np.random.Generator,
) -> NDArray:
    """Choose the weights of models in a mean of what they say.

    Forward selection with replacement from the best model on, in several bags that
    each know a share of the models only; the weights are the mean of the bags'
    (Caruana, Niculescu-Mizil, Crew and Ksikes 2004, Ensemble Selection from Libraries
    of Models, ICML, sections 2.1 to 2.3).

    Parameters
    ----------
    values : ndarray of shape (n_models, n_samples)
        What each model says of each row, where means are taken.
    loss : callable
        Takes means of shape (n_candidates, n_samples), returns their losses.
    max_members : int
        Number of times that a model is added in a bag; the best count on the way is
        kept.
    n_bags : int
        Number of bags.
    share : float
        Share of the models that a bag knows, above 0; at least one.
    rng : numpy.random.Generator
        Draws the bags.

    Returns
    -------
    weights : ndarray of shape (n_models,)
        Not negative, with the sum 1.
    """
    n_models = len(values)
    n_known = max(1, round(share * n_models))
    weights = np.zeros(n_models)
    for _ in range(n_bags):
        known = rng.permutation(n_models)[:n_known]
        weights[known] += _forward(values[known], loss, max_members)
    return weights / n_bags


def _forward(
    values: NDArray, loss: Callable[[NDArray], NDArray], max_members: int
) -> NDArray:
    votes = np.zeros(len(values))
    total = np.zeros(values.shape[1])
    best, lowest = votes, np.inf
    for n in range(1, max_members + 1):
        losses = loss((total + values) / n)
        chosen = int(np.argmin(losses))
        total = total + values[chosen]
        votes = votes + np.eye(len(values))[chosen]
        if losses[chosen] < lowest:
            best, lowest = votes, losses[chosen]
    return best / best.sum()
