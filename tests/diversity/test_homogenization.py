"""Failing together is counted right, and chance is told from more than chance."""

import numpy as np
import pytest
from sklearn.exceptions import UndefinedMetricWarning

from skmm.diversity import homogenization_ratio

Y = np.zeros(8, int)
A = np.array([1, 1, 0, 0, 0, 0, 0, 0])
B = np.array([1, 0, 1, 0, 0, 0, 0, 0])
GROUPS = np.array(["f", "f", "f", "m", "m", "m", "m", "m"])


def independent(n, seed, rates=(0.3, 0.4, 0.2)):
    """Labels of models that err by themselves."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n)
    return y, [np.where(rng.random(n) < rate, (y + 1) % 3, y) for rate in rates]


def test_it_is_what_is_computed_by_hand():
    found = homogenization_ratio([A, B], Y, n_bootstrap=0)
    assert found.observed == 1 / 8
    assert found.expected == (2 / 8) * (2 / 8)
    assert found.ratio == 2
    assert found.largest == 4
    assert found.error_rates.tolist() == [0.25, 0.25]
    assert np.isnan(found.ci_low) and np.isnan(found.ci_high)


def test_equal_models_reach_the_largest_ratio():
    found = homogenization_ratio([A, A, A], Y, n_bootstrap=0)
    assert found.ratio == found.largest == 0.25 / 0.25**3


def test_groups_are_counted_as_by_hand():
    f, m, whole = (2 / 3) * (2 / 3), 0.0, 0.25 * 0.25
    expected = {
        "average": (9 * f + 25 * m) / (9 + 25) / whole,
        "uniform": (f + m) / 2 / whole,
        "worst": f / whole,
    }
    for kind, ratio in expected.items():
        found = homogenization_ratio([A, B], Y, kind=kind, groups=GROUPS, n_bootstrap=0)
        assert found.ratio == pytest.approx(ratio)
        assert np.isnan(found.largest)


@pytest.mark.parametrize("kind", ["average", "uniform"])
def test_groups_of_one_row_are_individuals(kind):
    y, models = independent(500, 1)
    alone = homogenization_ratio(models, y, n_bootstrap=0)
    grouped = homogenization_ratio(
        models, y, kind=kind, groups=np.arange(500), n_bootstrap=0
    )
    assert grouped.ratio == pytest.approx(alone.ratio)


@pytest.mark.parametrize("kind", ["individual", "average", "uniform", "worst"])
def test_a_weight_of_two_is_a_row_given_twice(kind):
    y, models = independent(300, 2)
    rng = np.random.default_rng(3)
    weight, groups = rng.integers(1, 4, 300), rng.integers(0, 5, 300)
    rows = np.repeat(np.arange(300), weight)

    def ratio(which, **more):
        if kind != "individual":
            more["groups"] = groups[which]
        given = [p[which] for p in models]
        return homogenization_ratio(given, y[which], kind=kind, n_bootstrap=0, **more)

    expected = ratio(rows)
    found = ratio(np.arange(300), sample_weight=weight)
    assert found.ratio == pytest.approx(expected.ratio)


def test_independent_errors_give_1_within_its_interval():
    covered = 0
    for seed in range(40):
        y, models = independent(2000, seed)
        found = homogenization_ratio(models, y, n_bootstrap=300, random_state=0)
        covered += found.ci_low <= 1 <= found.ci_high
    assert covered >= 35  # of 38 expected; fewer are seen by chance once in 500


def test_shared_errors_give_more_than_1_beyond_its_interval():
    y, models = independent(2000, 0)
    hard = np.random.default_rng(9).random(2000) < 0.1
    models = [np.where(hard, (y + 1) % 3, p) for p in models]
    assert homogenization_ratio(models, y, random_state=0).ci_low > 1.1


def test_the_interval_is_that_of_drawing_rows():
    y, models = independent(400, 4)
    rng = np.random.default_rng(5)
    drawn = [rng.integers(0, 400, 400) for _ in range(2000)]
    ratios = [
        homogenization_ratio([p[d] for p in models], y[d], n_bootstrap=0).ratio
        for d in drawn
    ]
    found = homogenization_ratio(models, y, n_bootstrap=4000, random_state=0)
    expected = np.quantile(ratios, [0.025, 0.975])
    np.testing.assert_allclose([found.ci_low, found.ci_high], expected, rtol=0.05)


def test_a_seed_makes_the_interval_and_a_level_its_width():
    y, models = independent(400, 4)
    first, again, narrow = (
        homogenization_ratio(models, y, random_state=0, confidence_level=level)
        for level in (0.95, 0.95, 0.5)
    )
    assert (first.ci_low, first.ci_high) == (again.ci_low, again.ci_high)
    assert first.ci_low < narrow.ci_low < narrow.ratio < narrow.ci_high < first.ci_high


def test_a_model_without_errors_leaves_it_undefined():
    with pytest.warns(UndefinedMetricWarning, match="a model makes no error"):
        found = homogenization_ratio([A, Y], Y)
    assert np.isnan([found.ratio, found.ci_low, found.largest]).all()
    assert found.observed == found.expected == 0


def test_rows_of_no_weight_are_not_drawn():
    weight = np.array([1.0, 0, 0, 0, 0, 0, 0, 1.0])
    found = homogenization_ratio([A, B], Y, sample_weight=weight, random_state=0)
    assert found.ratio == 2
    assert found.ci_low >= 1


def test_probabilities_are_taken():
    p = [np.eye(2)[A] * 0.8 + 0.1, np.eye(2)[B] * 0.6 + 0.2]
    found = homogenization_ratio(p, Y, classes=[0, 1], n_bootstrap=0)
    assert found.ratio == 2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "all"}, "kind must be one of"),
        ({"kind": "worst"}, "give groups"),
        ({"groups": GROUPS}, "leave groups out"),
        ({"kind": "worst", "groups": GROUPS[:3]}, "groups has 3 rows, y has 8"),
        ({"n_bootstrap": -1}, "n_bootstrap"),
        ({"confidence_level": 1.0}, "confidence_level"),
    ],
)
def test_wrong_arguments_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        homogenization_ratio([A, B], Y, **settings)


def test_one_model_cannot_fail_together():
    with pytest.raises(ValueError, match="two models or more"):
        homogenization_ratio([A], Y)
