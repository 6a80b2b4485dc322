"""Intervals leave out what is not defined, where enough is."""

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from skmm.diversity._bootstrap import generator, interval


def test_an_interval_is_of_percentiles():
    draws = np.random.default_rng(0).normal(size=(500, 2, 3))
    low, high = interval(draws, 0.9)
    assert_allclose([low, high], np.quantile(draws, [0.05, 0.95], axis=0))


def test_undefined_draws_are_left_out_until_they_are_most():
    draws = np.arange(8.0)[:, None].repeat(3, axis=1)
    draws[:4, 1] = np.nan
    draws[:5, 2] = np.nan
    low, high = interval(draws, 0.5)
    assert_allclose(low[:2], [1.75, 4.75])
    assert_allclose(high[:2], [5.25, 6.25])
    assert np.isnan([low[2], high[2]]).all()


def test_a_seed_makes_the_numbers():
    assert_array_equal(generator(3).random(4), generator(3).random(4))
    state = np.random.RandomState(0)
    assert not np.array_equal(generator(state).random(4), generator(state).random(4))
