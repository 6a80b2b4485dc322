"""Opinions of networks, and how much each counts in a decision."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from skmm._targets import ClassTarget, NumberTarget

__all__ = ["best_alone", "choose_shares", "opinions_of"]

N_VOTES = 25
TOLERANCE = 1e-6  # of the loss: rounding is no reason


def opinions_of(
    logits: NDArray, own: NDArray, others: Sequence[NDArray], present: NDArray
) -> NDArray:
    """Lay a network's opinions behind one another.

    Parameters
    ----------
    logits : ndarray of shape (n_samples, n_logits)
        What the fused network says; it stands in for a modality that a row lacks.
    own : ndarray of shape (n_modalities, n_samples, n_logits)
        What the heads of the modalities say.
    others : sequence of ndarray of shape (n_samples, n_logits)
        What else there is.
    present : ndarray of bool, shape (n_samples, n_modalities)
        Which modalities the rows have.

    Returns
    -------
    opinions : ndarray of shape (n_opinions, n_samples, n_logits)
    """
    own = np.where(present.T[..., np.newaxis], own, logits)
    return np.stack([logits, *own, *others])


def choose_shares(
    target: ClassTarget | NumberTarget,
    opinions: NDArray,
    codes: NDArray,
    weight: NDArray,
) -> NDArray:
    """Choose the shares of several opinions in a weighted mean of them.

    Votes are given one by one, each to the opinion that leaves the pooled loss lowest,
    the first to the first opinion; the shares are those of the best count on the way.
    This is forward selection with replacement (Caruana, Niculescu-Mizil, Crew and
    Ksikes 2004, Ensemble Selection from Libraries of Models, ICML, sections 2.1 and
    2.2). Few votes keep it from fitting the noise of few rows.

    Parameters
    ----------
    target : ClassTarget or NumberTarget
        What the opinions are about, and how they are pooled.
    opinions : ndarray of shape (n_opinions, n_samples, n_logits)
        On rows that no opinion was learned from.
    codes : ndarray of shape (n_samples, n_outputs)
        Their encoded target.
    weight : ndarray of shape (n_samples,)
        Their weights.

    Returns
    -------
    shares : ndarray of shape (n_opinions,)
        Not negative, with the sum 1.
    """
    votes = np.zeros(len(opinions))
    votes[0] = 1
    best, lowest = votes, _loss(target, opinions, codes, weight, votes)
    for _ in range(N_VOTES - 1):
        tried = votes + np.eye(len(opinions))
        losses = [_loss(target, opinions, codes, weight, v) for v in tried]
        votes = tried[np.argmin(losses)]
        if min(losses) < lowest * (1 - TOLERANCE):
            best, lowest = votes, min(losses)
    return best / best.sum()


def best_alone(
    target: ClassTarget | NumberTarget,
    opinions: NDArray,
    codes: NDArray,
    weight: NDArray,
) -> tuple[int, float]:
    """Tell which opinion does better than the first one, and by how much.

    Parameters
    ----------
    target : ClassTarget or NumberTarget
        What the opinions are about.
    opinions : ndarray of shape (n_opinions, n_samples, n_logits)
        On rows that no opinion was learned from; 2 or more.
    codes : ndarray of shape (n_samples, n_outputs)
        Their encoded target.
    weight : ndarray of shape (n_samples,)
        Their weights.

    Returns
    -------
    best : int
        Which of the others has the lowest loss, counted from 0.
    gain : float
        By how much its mean loss is lower than the first one's; 0 unless that is more
        than two standard errors.
    """
    losses = np.stack([target.losses(logits, codes) for logits in opinions])
    best = int(np.argmin(losses[1:] @ weight))
    gains, share = losses[0] - losses[1 + best], weight / weight.sum()
    gain = float(gains @ share)
    error = float(np.sqrt(np.sum(np.square(share * (gains - gain)))))
    return best, gain if gain > 2 * error else 0.0


def _loss(
    target: ClassTarget | NumberTarget,
    opinions: NDArray,
    codes: NDArray,
    weight: NDArray,
    votes: NDArray,
) -> float:
    heard = np.flatnonzero(votes)
    pooled = target.pool(opinions[heard], votes[heard] / votes.sum())
    return float(weight @ target.losses(pooled, codes))
