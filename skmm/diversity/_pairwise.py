"""How alike two models' predictions are."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import UndefinedMetricWarning

from skmm.diversity._predictions import Predictions, check_predictions

__all__ = ["METRICS", "pairwise_similarity"]


def pairwise_similarity(
    predictions: Any,
    y: ArrayLike | None = None,
    *,
    metric: str = "capa",
    classes: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> NDArray:
    r"""Compare the predictions of every two models.

    With :math:`e_j` the errors of model j (0 or 1), :math:`a_j` its accuracy,
    :math:`p_{jc}` its probability of class c, C classes, and means over rows:

    =====================  =============================================  =======
    metric                 of the models j and k                          alike
    =====================  =============================================  =======
    ``disagreement``       share of rows with different labels            0
    ``kappa``              :math:`(o - c) / (1 - c)`, o the share of
                           rows with the same label, c what their
                           frequencies make likely (Cohen 1960)           1
    ``error_consistency``  the same of right and wrong, :math:`c = a_j
                           a_k + (1 - a_j)(1 - a_k)` (Geirhos, Meding
                           and Wichmann 2020)                             1
    ``capa``               the same with :math:`o` the mean of
                           :math:`\sum_c p_{jc} p_{kc}` and :math:`c =
                           \bar a_j \bar a_k + (1 - \bar a_j)
                           (1 - \bar a_k) / (C - 1)`, :math:`\bar a`
                           the mean probability of the true class (Goel
                           et al. 2025)                                   1 if sure
    ``q_statistic``        :math:`(N_{11} N_{00} - N_{01} N_{10}) /
                           (N_{11} N_{00} + N_{01} N_{10})` of counts
                           of right (1) and wrong (0) (Yule 1900)         1
    ``error_correlation``  Pearson's correlation of :math:`e_j, e_k`      1
    ``double_fault``       share of rows where both are wrong
                           (Giacinto and Roli 2001)                       largest
    =====================  =============================================  =======

    Parameters
    ----------
    predictions : sequence or mapping of array-like
        For each model labels of shape (n_samples,), or probabilities of shape
        (n_samples, n_classes), of the same rows.
    y : array-like of shape (n_samples,) or None, default=None
        True labels; ``disagreement`` and ``kappa`` need none.
    metric : str, default="capa"
        One of the table.
    classes : array-like of shape (n_classes,) or None, default=None
        Label of each column of probabilities; None takes the sorted labels of `y`.
    sample_weight : array-like of shape (n_samples,) or None, default=None
        Weights of the rows.

    Returns
    -------
    similarity : ndarray of shape (n_models, n_models)
        Symmetric; NaN where it is not defined.

    Raises
    ------
    ValueError
        If the metric is unknown or needs `y`, or the predictions do not fit together.

    Warns
    -----
    UndefinedMetricWarning
        If a value is not defined, as that of errors that are all 0.

    See Also
    --------
    homogenization_ratio : How often all models are wrong together.
    representation_similarity : Compares embeddings.

    References
    ----------
    Goel et al. (2025), "Great Models Think Alike and this Undermines AI Oversight",
    arXiv:2502.04313. Kuncheva and Whitaker (2003), "Measures of Diversity in
    Classifier Ensembles", Machine Learning 51.

    Examples
    --------
    >>> from skmm.diversity import pairwise_similarity
    >>> y = [0, 0, 1, 1]
    >>> pairwise_similarity([[0, 0, 1, 0], [0, 0, 0, 1]], y, metric="disagreement")
    array([[0. , 0.5],
           [0.5, 0. ]])
    """
    if metric not in METRICS:
        raise ValueError(f"metric must be one of {sorted(METRICS)}, got {metric!r}.")
    if y is None and metric not in ("disagreement", "kappa"):
        raise ValueError(f"metric={metric!r} compares errors: give y, the true labels.")
    checked = check_predictions(
        predictions, y, classes=classes, sample_weight=sample_weight
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        found = METRICS[metric](checked)
    if np.isnan(found).any():
        warnings.warn(
            f"{metric} is not defined for {int(np.isnan(np.tril(found)).sum())} pairs "
            "of models, where it divides by zero; it is NaN there.",
            UndefinedMetricWarning,
            stacklevel=2,
        )
    return found


def _joint(x: NDArray, z: NDArray, weight: NDArray) -> NDArray:
    """Weighted mean of the product of every two rows of two matrices."""
    return (x * weight) @ z.T


def _agreement(p: Predictions) -> NDArray:
    """Share of rows on which two models say the same."""
    one_hot = np.eye(p.probabilities.shape[2])[p.codes]
    return np.einsum("jnc,knc,n->jk", one_hot, one_hot, p.weight, optimize=True)


def _disagreement(p: Predictions) -> NDArray:
    return np.maximum(1 - _agreement(p), 0.0)


def _beyond(observed: NDArray, expected: NDArray) -> NDArray:
    """Agreement beyond chance, NaN where chance alone agrees always."""
    room = 1 - expected
    room = np.where(room > 1e-12, room, np.nan)
    return (observed - expected) / room


def _kappa(p: Predictions) -> NDArray:
    one_hot = np.eye(p.probabilities.shape[2])[p.codes]
    shares = np.einsum("jnc,n->jc", one_hot, p.weight)
    return _beyond(_agreement(p), shares @ shares.T)


def _error_consistency(p: Predictions) -> NDArray:
    right = 1 - p.errors
    observed = _joint(right, right, p.weight) + _joint(p.errors, p.errors, p.weight)
    accuracy = p.mean(right)
    by_chance = np.outer(accuracy, accuracy) + np.outer(1 - accuracy, 1 - accuracy)
    return _beyond(observed, by_chance)


def _capa(p: Predictions) -> NDArray:
    q, n_classes = p.probabilities, p.probabilities.shape[2]
    observed = np.einsum("jnc,knc,n->jk", q, q, p.weight, optimize=True)
    truth = np.asarray(p.truth)[None, :, None]
    true = np.take_along_axis(q, truth, axis=2)[..., 0]
    mean = p.mean(true)
    wrong = np.outer(1 - mean, 1 - mean) / max(n_classes - 1, 1)
    return _beyond(observed, np.outer(mean, mean) + wrong)


def _q_statistic(p: Predictions) -> NDArray:
    right, wrong = 1 - p.errors, p.errors
    same = _joint(right, right, p.weight) * _joint(wrong, wrong, p.weight)
    other = _joint(right, wrong, p.weight) * _joint(wrong, right, p.weight)
    total = same + other
    return (same - other) / np.where(total > 0, total, np.nan)


def _error_correlation(p: Predictions) -> NDArray:
    apart = p.errors - p.mean(p.errors)[:, None]
    covariance = _joint(apart, apart, p.weight)
    spread = np.sqrt(np.diag(covariance))
    spread = np.where(spread > 1e-12, spread, np.nan)
    return np.clip(covariance / np.outer(spread, spread), -1, 1)


def _double_fault(p: Predictions) -> NDArray:
    return _joint(p.errors, p.errors, p.weight)


METRICS: dict[str, Callable[[Predictions], NDArray]] = {
    "disagreement": _disagreement,
    "kappa": _kappa,
    "error_consistency": _error_consistency,
    "capa": _capa,
    "q_statistic": _q_statistic,
    "error_correlation": _error_correlation,
    "double_fault": _double_fault,
}
