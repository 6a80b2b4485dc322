"""Weights are chosen as Caruana et al. chose them."""

from itertools import product

import numpy as np
import pytest

from skmm.diversity._greedy import greedy_weights

N = 2000
RNG = np.random.default_rng(0)
Y = RNG.normal(size=N)


def mse(means):
    return np.square(means - Y).mean(axis=1)


def choose(values, **settings):
    settings = {"max_members": 50, "n_bags": 1, "share": 1.0, **settings}
    return greedy_weights(values, mse, rng=np.random.default_rng(1), **settings)


def test_weights_are_those_of_the_smallest_error():
    errors = np.array([1.0, 2.0, 10.0])
    weights = choose(Y + errors[:, None] * RNG.normal(size=(3, N)))
    np.testing.assert_allclose(weights, [0.8, 0.2, 0.0], atol=0.06)


def test_every_vote_is_the_best_next_one():
    values = Y + RNG.normal(size=(3, N))
    losses = {v: mse(np.mean([values[k] for k in v], 0)[None])[0]
              for v in product(range(3), repeat=1)}  # fmt: skip
    first = min(losses, key=losses.get)
    pairs = {(first[0], k): mse((values[first[0]] + values[k])[None] / 2)[0]
             for k in range(3)}  # fmt: skip
    best = min(pairs, key=pairs.get)
    expected = np.bincount(best, minlength=3) / 2
    np.testing.assert_array_equal(choose(values, max_members=2), expected)


def test_adding_stops_where_it_does_no_good():
    values = np.stack([Y, Y + 1, Y - 2])
    np.testing.assert_array_equal(choose(values), [1, 0, 0])


def test_bags_rely_on_none_alone():
    values = Y + np.array([1.0, 1.1, 1.2, 1.3])[:, None]
    np.testing.assert_array_equal(choose(values), [1, 0, 0, 0])
    bagged = choose(values, n_bags=200, share=0.5)
    assert bagged.sum() == pytest.approx(1)
    # The best of two that are drawn of four: 3, 2 and 1 of the 6 pairs.
    np.testing.assert_allclose(bagged, [1 / 2, 1 / 3, 1 / 6, 0], atol=0.08)


def test_a_bag_knows_one_model_at_least():
    assert choose(Y[None] + 1, share=0.1).tolist() == [1.0]
