"""How often all models fail together, beside how often chance would have it."""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.utils import Bunch, check_scalar
from sklearn.utils.validation import column_or_1d

from skmm.diversity._bootstrap import generator, interval
from skmm.diversity._predictions import Predictions, check_predictions

__all__ = ["homogenization_ratio"]

KINDS = ("individual", "average", "uniform", "worst")
AT_ONCE = 2**22  # numbers that are resampled in one go


def homogenization_ratio(
    predictions: Any,
    y: ArrayLike,
    *,
    kind: str = "individual",
    groups: ArrayLike | None = None,
    classes: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    n_bootstrap: int = 1000,
    confidence_level: float = 0.95,
    random_state: Any = None,
) -> Bunch:
    r"""Compare how often all models fail with what independent models would do.

    .. math:: H = \frac{\frac1n \sum_i \prod_k e_k(i)}{\prod_k \bar e_k}

    with :math:`e_k(i)` 1 where model k is wrong on row i, and its mean :math:`\bar
    e_k`. 1 is what independent errors give; above it, the same people are failed again
    and again. No more than :math:`\min_k \bar e_k / \prod_k \bar e_k` is possible.

    Parameters
    ----------
    predictions : sequence or mapping of array-like
        For each of 2 models or more labels of shape (n_samples,), or probabilities of
        shape (n_samples, n_classes), of the same rows.
    y : array-like of shape (n_samples,)
        True labels. Wrong ones raise the ratio: all models fail on them.
    kind : {"individual", "average", "uniform", "worst"}, default="individual"
        Whose failure is counted: a row's; or, with `e_k(g)` the share of group g's rows
        on which model k is wrong, a group's: :math:`\sum_g f_g^K \prod_k e_k(g) /
        (\prod_k \bar e_k \sum_g f_g^K)` with its share f_g of the rows, the mean
        over groups of :math:`\prod_k e_k(g) / \prod_k \bar e_k`, or its maximum.
    groups : array-like of shape (n_samples,) or None, default=None
        Group of each row, for every kind but ``"individual"``.
    classes : array-like of shape (n_classes,) or None, default=None
        Label of each column of probabilities; None takes the sorted labels of `y`.
    sample_weight : array-like of shape (n_samples,) or None, default=None
        Weights of the rows.
    n_bootstrap : int, default=1000
        Number of times that rows are drawn with replacement for the interval; 0 for
        none.
    confidence_level : float, default=0.95
        Share of the draws in the interval, between 0 and 1.
    random_state : int, RandomState or None, default=None
        Seed of the draws.

    Returns
    -------
    result : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with these attributes.

        ratio : float
            H; NaN where a model makes no error.
        ci_low, ci_high : float
            Percentiles of the draws in which H is defined; NaN where that is less
            than half of them.
        observed, expected : float
            Numerator and denominator.
        largest : float
            The most that H could be with these error rates; NaN for groups.
        error_rates : ndarray of shape (n_models,)
            Of each model.

    Raises
    ------
    ValueError
        If there are fewer than 2 models, `kind` is unknown, `groups` are missing or
        given in vain, or the predictions do not fit together.

    Warns
    -----
    UndefinedMetricWarning
        If a model makes no error.

    See Also
    --------
    pairwise_similarity : Compares two models at a time.

    References
    ----------
    Bommasani, Creel, Kumar, Jurafsky and Liang (2022), "Picking on the Same Person:
    Does Algorithmic Monoculture lead to Outcome Homogenization?", NeurIPS,
    arXiv:2211.13972.

    Examples
    --------
    >>> from skmm.diversity import homogenization_ratio
    >>> y = [0, 0, 0, 0, 1, 1, 1, 1]
    >>> a, b = [1, 1, 0, 0, 1, 1, 1, 1], [1, 0, 1, 0, 1, 1, 1, 1]
    >>> homogenization_ratio([a, b], y, n_bootstrap=0).ratio
    2.0
    """
    checked = check_predictions(
        predictions, y, classes=classes, sample_weight=sample_weight
    )
    n_models, n_samples = checked.codes.shape
    if n_models < 2:
        raise ValueError("predictions must be those of two models or more, got one.")
    check_scalar(n_bootstrap, "n_bootstrap", Integral, min_val=0)
    check_scalar(
        confidence_level,
        "confidence_level",
        Real,
        min_val=0,
        max_val=1,
        include_boundaries="neither",
    )
    members = _members(kind, groups, n_samples)
    tallies = _tallies(checked, members)
    ratio, observed, expected, rates = _ratio(kind, tallies, tallies.n_rows[None])
    low, high = np.nan, np.nan
    if np.isnan(ratio[0]):
        warnings.warn(
            "the homogenization ratio is not defined where a model makes no error: "
            f"error rates are {rates[0].round(4).tolist()}; it is NaN.",
            UndefinedMetricWarning,
            stacklevel=2,
        )
    elif n_bootstrap:
        draws = _draws(kind, tallies, n_bootstrap, random_state)
        low, high = map(float, interval(draws, confidence_level))
    largest = np.nan
    if kind == "individual" and rates[0].all():
        largest = rates[0].min() / np.prod(rates[0])
    return Bunch(
        ratio=float(ratio[0]),
        ci_low=low,
        ci_high=high,
        observed=float(observed[0]),
        expected=float(expected[0]),
        largest=float(largest),
        error_rates=rates[0],
    )


class _Tallies(NamedTuple):
    """Rows that are alike in all that counts: errors, group and weight."""

    errors: NDArray  # (n_kinds, n_models)
    weight: NDArray  # of one such row, (n_kinds,)
    n_rows: NDArray  # (n_kinds,)
    membership: csr_array  # which group they are of, (n_groups, n_kinds)


def _members(kind: str, groups: ArrayLike | None, n_samples: int) -> NDArray:
    """Give each row the number of its group; all one group if rows count alone."""
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {list(KINDS)}, got {kind!r}.")
    if (groups is None) != (kind == "individual"):
        asked = "groups: give groups" if groups is None else "rows: leave groups out"
        raise ValueError(f"kind={kind!r} counts the failures of {asked}.")
    if groups is None:
        return np.zeros(n_samples, dtype=int)
    members = column_or_1d(groups)
    if len(members) != n_samples:
        raise ValueError(f"groups has {len(members)} rows, y has {n_samples}.")
    return pd.factorize(members, use_na_sentinel=False)[0]


def _tallies(checked: Predictions, members: NDArray) -> _Tallies:
    rows = np.column_stack([checked.errors.T, members, checked.weight])
    rows = rows[checked.weight > 0]
    kinds, count = np.unique(rows, axis=0, return_counts=True)
    group, n_kinds = kinds[:, -2].astype(int), len(kinds)
    ones = np.ones(n_kinds), (group, np.arange(n_kinds))
    shape = (members.max() + 1, n_kinds)
    membership = csr_array(ones, shape=shape)
    return _Tallies(kinds[:, :-2], kinds[:, -1], count, membership)


def _ratio(kind: str, tallies: _Tallies, count: NDArray) -> tuple[NDArray, ...]:
    """Compute ratio, numerator, denominator and error rates for counts of each kind.

    Of shape (n_draws, n_kinds); the rates (n_draws, n_models), the others (n_draws,).
    """
    errors, weight = tallies.errors, count * tallies.weight
    weight = weight / weight.sum(axis=1, keepdims=True)
    rates = weight @ errors
    if kind == "individual":
        observed = weight @ errors.prod(axis=1)
    else:
        observed = _of_groups(kind, tallies, weight)
    expected = rates.prod(axis=1)
    ratio = observed / np.where(expected > 0, expected, np.nan)
    return ratio, observed, expected, rates


def _of_groups(kind: str, tallies: _Tallies, weight: NDArray) -> NDArray:
    share = tallies.membership @ weight.T  # (n_groups, n_draws)
    there = share > 0
    failed = np.ones_like(share)
    for wrong in tallies.errors.T:
        failed *= tallies.membership @ (weight * wrong).T / np.where(there, share, 1)
    if kind == "worst":
        return np.where(there, failed, -np.inf).max(axis=0)
    if kind == "uniform":
        return (failed * there).sum(axis=0) / there.sum(axis=0)
    f = share ** tallies.errors.shape[1]
    return (f * failed).sum(axis=0) / f.sum(axis=0)


def _draws(kind: str, tallies: _Tallies, n_draws: int, random_state: Any) -> NDArray:
    """Draw all rows with replacement, some times; the ratio of each draw."""
    rng = generator(random_state)
    n_samples = tallies.n_rows.sum()
    share = tallies.n_rows / n_samples
    at_once = max(1, AT_ONCE // len(share))
    found = []
    for start in range(0, n_draws, at_once):
        size = min(at_once, n_draws - start)
        count = rng.multinomial(n_samples, share, size=size)
        found.append(_ratio(kind, tallies, count)[0])
    return np.concatenate(found)
