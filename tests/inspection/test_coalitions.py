"""Shapley's axioms, and values computed by hand."""

from itertools import permutations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skmm.inspection._coalitions import (
    members,
    shapley_interactions,
    shapley_values,
    without_one,
)

M = 4
RNG = np.random.default_rng(0)
WORTH = {s: RNG.normal(size=3) for s in range(2**M)}


def test_bits_are_members():
    assert_array_equal(members(0b101, 3), [True, False, True])
    assert without_one(3) == [0b110, 0b101, 0b011]


def test_two_players_by_hand():
    # Alone 1 and 3, together 10, nobody 2: a gets (1 - 2 + 10 - 3) / 2 = 3.
    worth = {0: 2.0, 1: 1.0, 2: 3.0, 3: 10.0}
    assert_allclose(shapley_values(worth, 2), [3, 5])
    assert_allclose(shapley_interactions(worth, 2)[0, 1], 10 - 1 - 3 + 2)


def test_values_are_means_over_the_orders_of_arrival():
    expected = np.zeros((M, 3))
    for order in permutations(range(M)):
        here = 0
        for m in order:
            expected[m] += WORTH[here | 1 << m] - WORTH[here]
            here |= 1 << m
    assert_allclose(shapley_values(WORTH, M), expected / 24)


def test_efficiency_nothing_is_left_over():
    total = shapley_values(WORTH, M).sum(axis=0)
    assert_allclose(total, WORTH[2**M - 1] - WORTH[0])


def test_who_adds_nothing_gets_nothing_and_interacts_with_nobody():
    worth = {s: WORTH[s & 0b1011] for s in range(2**M)}
    assert_allclose(shapley_values(worth, M)[2], 0, atol=1e-12)
    others = np.delete(shapley_interactions(worth, M)[2], 2, axis=0)
    assert_allclose(others, 0, atol=1e-12)


def test_who_adds_the_same_gets_the_same():
    worth = {s: float(members(s, M)[:2].sum() ** 2 + (s >> 3)) for s in range(2**M)}
    phi = shapley_values(worth, M)
    assert phi[0] == pytest.approx(phi[1]) and phi[0] > 0


def test_values_add_up_over_games():
    double = {s: 2 * v + 1 for s, v in WORTH.items()}
    assert_allclose(shapley_values(double, M), 2 * shapley_values(WORTH, M))


def test_sums_have_no_interaction_and_products_have_one():
    added = {s: float(members(s, M) @ [1, 2, 3, 4]) for s in range(2**M)}
    off = ~np.eye(M, dtype=bool)
    assert_allclose(shapley_interactions(added, M)[off], 0, atol=1e-12)
    product = {s: float((s & 0b11) == 0b11) for s in range(2**M)}
    found = shapley_interactions(product, M)
    assert found[0, 1] == found[1, 0] == pytest.approx(1)
    assert_allclose(found[0, 2:], 0, atol=1e-12)
    assert np.isnan(np.diag(found)).all()


def test_one_player_gets_all():
    assert_allclose(shapley_values({0: 1.0, 1: 4.0}, 1), [3])
    assert np.isnan(shapley_interactions({0: 1.0, 1: 4.0}, 1)).all()
