"""Probabilities that hold what they say: how far off they are, and a temperature."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from skmm._targets import ClassTarget

__all__ = ["calibration_error", "fit_temperature"]

HOTTEST = 20.0  # temperatures lie between its inverse and itself
SPREAD = 0.35  # of their logarithms: half to twice is expected of 19 in 20
N_BINS = 15


def fit_temperature(
    target: ClassTarget, logits: NDArray, codes: NDArray, weight: NDArray
) -> float:
    r"""Find the number that logits are best divided by.

    The temperature T with the least :math:`\sum_i w_i \ell(z_i / T) + (\log T)^2 /
    2 s^2`: temperature scaling (Guo, Pleiss, Sun and Weinberger 2017, On Calibration of
    Modern Neural Networks, ICML, section 4.2) with a normal prior on log T. Few rows
    that happen to be all right would otherwise ask for no temperature at all.

    Parameters
    ----------
    target : ClassTarget
        What the logits are.
    logits : ndarray of shape (n_samples, n_logits)
        Of rows that the network was not trained on.
    codes : ndarray of shape (n_samples, n_outputs)
        Their encoded labels.
    weight : ndarray of shape (n_samples,)
        Their weights; a row of weight 2 counts as two.

    Returns
    -------
    temperature : float
        From 0.05 to 20; above 1 the network was too sure.
    """
    logits = logits.astype(np.float64)

    def loss(log_t: float) -> float:
        losses = target.losses(logits / math.exp(log_t), codes)
        return float(weight @ losses + 0.5 * (log_t / SPREAD) ** 2)

    edge = math.log(HOTTEST)
    found = minimize_scalar(loss, bounds=(-edge, edge), method="bounded")
    return math.exp(found.x)


def calibration_error(
    target: ClassTarget, logits: NDArray, codes: NDArray, weight: NDArray
) -> float:
    """Compute the expected calibration error of the most probable labels.

    The mean distance between how sure the network is and how often it is right, in
    15 bins of equal width, each weighted by its rows (Guo et al. 2017, equation 3).
    Several outputs are pooled.

    Parameters
    ----------
    target : ClassTarget
        What the logits are.
    logits : ndarray of shape (n_samples, n_logits)
        Of rows that the network was not trained on.
    codes : ndarray of shape (n_samples, n_outputs)
        Their encoded labels.
    weight : ndarray of shape (n_samples,)
        Their weights.

    Returns
    -------
    error : float
        From 0 to 1.
    """
    labels, sure = target.most_probable(logits.astype(np.float64))
    hit = (labels == codes).ravel()
    each = np.repeat(weight, codes.shape[1])
    bins = np.minimum((sure.ravel() * N_BINS).astype(int), N_BINS - 1)
    gaps = np.bincount(bins, each * (hit - sure.ravel()), N_BINS)
    return float(np.abs(gaps).sum() / each.sum())
