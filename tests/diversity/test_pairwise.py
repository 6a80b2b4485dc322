"""Every pairwise measure equals what is computed by hand, or by a library."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import cohen_kappa_score

from skmm.diversity import pairwise_similarity
from skmm.diversity._pairwise import METRICS

# Right and wrong of two models: 4 rows both right, 2 and 1 one of them, 1 neither.
Y = np.array([0, 1, 0, 1, 0, 1, 0, 1])
A = np.array([0, 1, 0, 1, 0, 1, 1, 0])
B = np.array([0, 1, 0, 1, 1, 0, 0, 0])
BY_HAND = {
    "disagreement": 3 / 8,
    "error_consistency": (5 / 8 - (6 * 5 + 2 * 3) / 64) / (1 - (6 * 5 + 2 * 3) / 64),
    "capa": (5 / 8 - (6 * 5 + 2 * 3) / 64) / (1 - (6 * 5 + 2 * 3) / 64),
    "q_statistic": (4 * 1 - 1 * 2) / (4 * 1 + 1 * 2),
    "error_correlation": np.corrcoef(A != Y, B != Y)[0, 1],
    "double_fault": 1 / 8,
    "kappa": cohen_kappa_score(A, B),
}


def several(seed=0, n=200, n_classes=3):
    """Labels of four models, of which the last two are often wrong together."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, n_classes, n)
    hard = rng.random(n) < 0.2
    wrong = [
        rng.random(n) < 0.3,
        rng.random(n) < 0.4,
        hard,
        hard ^ (rng.random(n) < 0.1),
    ]
    return y, np.array([np.where(w, (y + 1) % n_classes, y) for w in wrong])


@pytest.mark.parametrize("metric", METRICS)
def test_it_is_what_is_computed_by_hand(metric):
    found = pairwise_similarity([A, B], Y, metric=metric)
    assert found.shape == (2, 2)
    assert found[0, 1] == pytest.approx(BY_HAND[metric])
    assert_array_equal(found, found.T)


def test_kappa_is_that_of_scikit_learn():
    y, models = several()
    weight = np.random.default_rng(1).random(len(y))
    for given in (None, weight):
        found = pairwise_similarity(models, metric="kappa", sample_weight=given)
        for j, a in enumerate(models):
            for k, b in enumerate(models):
                expected = cohen_kappa_score(a, b, sample_weight=given)
                assert found[j, k] == pytest.approx(expected)


def test_error_consistency_is_kappa_of_the_errors():
    y, models = several()
    found = pairwise_similarity(models, y, metric="error_consistency")
    for j, a in enumerate(models):
        for k, b in enumerate(models):
            assert found[j, k] == pytest.approx(cohen_kappa_score(a == y, b == y))


def test_capa_reads_probabilities():
    p = np.array([[0.8, 0.1, 0.1], [0.2, 0.5, 0.3]])
    q = np.array([[0.5, 0.4, 0.1], [0.3, 0.3, 0.4]])
    observed = (
        0.8 * 0.5 + 0.1 * 0.4 + 0.1 * 0.1 + 0.2 * 0.3 + 0.5 * 0.3 + 0.3 * 0.4
    ) / 2
    a, b = (0.8 + 0.5) / 2, (0.5 + 0.3) / 2
    by_chance = a * b + (1 - a) * (1 - b) / 2
    found = pairwise_similarity([p, q], [0, 1], classes=[0, 1, 2])
    assert found[0, 1] == pytest.approx((observed - by_chance) / (1 - by_chance))


@pytest.mark.parametrize("metric", METRICS)
def test_a_weight_of_two_is_a_row_given_twice(metric):
    y, models = several()
    weight = np.random.default_rng(2).integers(0, 3, len(y))
    rows = np.repeat(np.arange(len(y)), weight)
    expected = pairwise_similarity(models[:, rows], y[rows], metric=metric)
    found = pairwise_similarity(models, y, metric=metric, sample_weight=weight)
    assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize(
    "metric", ["error_consistency", "q_statistic", "error_correlation"]
)
def test_independent_errors_are_near_0_and_equal_ones_are_1(metric):
    y, models = several(n=50_000)
    found = pairwise_similarity(models, y, metric=metric)
    assert abs(found[0, 1]) < 0.03
    assert found[2, 3] > 0.5
    assert_allclose(np.diag(found), 1)


@pytest.mark.parametrize(
    ("metric", "n_pairs"),
    [("error_consistency", 1), ("q_statistic", 2), ("error_correlation", 2)],
)
def test_a_model_without_errors_has_no_measure_of_them(metric, n_pairs):
    with pytest.warns(UndefinedMetricWarning, match=f"not defined for {n_pairs} pairs"):
        found = pairwise_similarity([Y, A], Y, metric=metric)
    assert np.isnan(found[0, 0]) and found[1, 1] == pytest.approx(1)
    if metric == "error_consistency":  # as much as chance would have it
        assert found[0, 1] == found[1, 0] == 0


@pytest.mark.parametrize("metric", ["disagreement", "double_fault", "kappa"])
def test_other_measures_are_defined_for_it(metric):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isfinite(pairwise_similarity([Y, A], Y, metric=metric)).all()


def test_one_row_and_one_model_are_enough_where_it_means_something():
    assert_array_equal(pairwise_similarity([[1]], [1], metric="disagreement"), [[0]])
    with pytest.warns(UndefinedMetricWarning):
        assert np.isnan(
            pairwise_similarity([["a"], ["a"]], ["a"], metric="kappa")
        ).all()


def test_an_unknown_metric_is_refused():
    with pytest.raises(ValueError, match=r"metric must be one of .* got 'cappa'"):
        pairwise_similarity([A, B], Y, metric="cappa")


def test_errors_need_the_truth():
    with pytest.raises(ValueError, match="compares errors: give y"):
        pairwise_similarity([A, B])
    assert pairwise_similarity([A, B], metric="disagreement")[0, 1] == 3 / 8
