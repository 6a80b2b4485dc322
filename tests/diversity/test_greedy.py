"""Weights are chosen as Caruana et al. chose them."""

import numpy as np
import pytest

from skmm.diversity._greedy import greedy_weights

N = 2000
RNG = np.random.default_rng(0)
ALIKE = np.full(N, 1 / N)


def choose(errors, weight=ALIKE, **settings):
    settings = {"max_members": 50, "n_bags": 1, **settings}
    rng = np.random.default_rng(1)
    return greedy_weights(errors, np.square, weight, rng=rng, **settings)


def mse(*errors):
    return np.square(np.mean(errors, axis=0)).mean()


@pytest.mark.parametrize("n_bags", [1, 5])
def test_weights_are_those_of_the_smallest_error(n_bags):
    errors = np.array([1.0, 2.0, 10.0])[:, None] * RNG.normal(size=(3, N))
    weights = choose(errors, n_bags=n_bags)
    np.testing.assert_allclose(weights, [0.8, 0.2, 0.0], atol=0.06)
    assert weights.sum() == pytest.approx(1)


def test_every_vote_is_the_best_next_one():
    errors = np.array([[1.1], [1.0], [1.2]]) * RNG.normal(size=(3, N))
    first = min(range(3), key=lambda k: mse(errors[k]))
    second = min(range(3), key=lambda k: mse(errors[first], errors[k]))
    expected = np.bincount([first, second], minlength=3) / 2
    np.testing.assert_array_equal(choose(errors, max_members=2), expected)


def test_adding_stops_where_it_does_no_good():
    errors = np.stack([np.zeros(N), np.ones(N), np.full(N, -2.0)])
    np.testing.assert_array_equal(choose(errors), [1, 0, 0])


def test_rows_count_by_their_weight():
    halves = np.arange(N) < N // 2
    errors = np.stack([np.where(halves, 0.0, 9.0), np.where(halves, 9.0, 0.0)])
    np.testing.assert_array_equal(choose(errors, halves / N), [1, 0])
    np.testing.assert_array_equal(choose(errors, ~halves / N, n_bags=3), [0, 1])
    one = np.arange(N) == 0
    np.testing.assert_array_equal(choose(errors[::-1], one * 1.0, n_bags=9), [0, 1])


def test_bags_leave_open_what_few_rows_cannot_tell():
    errors = RNG.normal(size=(2, 30))
    errors[0] = errors[1] + 0.3 * RNG.normal(size=30)  # hardly better or worse
    few = np.full(30, 1 / 30)
    one = choose(errors, few, max_members=1)
    assert sorted(one) == [0, 1]
    many = choose(errors, few, max_members=1, n_bags=200)
    assert 0.02 < many.min() < 0.5
