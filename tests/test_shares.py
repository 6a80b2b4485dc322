"""Opinions that help are heard, and others are not."""

import numpy as np
import pytest

from skmm._shares import best_alone, choose_shares
from skmm._targets import ClassTarget, NumberTarget

N = 3000


def numbers():
    """A target, its codes and noisy opinions with these standard errors."""
    rng = np.random.default_rng(0)
    target = NumberTarget("squared", np.zeros(1), np.ones(1), flat=True)
    codes = rng.normal(size=(N, 1))
    errors = np.array([1.0, 0.5, 10.0])[:, None, None]
    return target, codes + errors * rng.normal(size=(3, N, 1)), codes


def test_numbers_are_weighed_by_their_precision():
    target, opinions, codes = numbers()
    shares = choose_shares(target, opinions, codes, np.ones(N))
    assert shares.sum() == pytest.approx(1)
    np.testing.assert_allclose(shares, [0.2, 0.8, 0.0], atol=0.05)


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel", "multioutput"])
def test_an_opinion_that_knows_nothing_is_not_heard(kind):
    rng = np.random.default_rng(0)
    sizes = {"multiclass": (3,), "multioutput": (2, 3)}.get(
        kind, (1, 1)[: 1 + (kind == "multilabel")]
    )
    target = ClassTarget(kind, [np.arange(max(size, 2)) for size in sizes])
    codes = np.stack([rng.integers(0, max(s, 2), N) for s in sizes], axis=1)
    true = [
        np.eye(size)[codes[:, j]] if size > 1 else codes[:, j : j + 1] - 0.5
        for j, size in enumerate(sizes)
    ]
    good = 3 * np.concatenate(true, axis=1) + rng.normal(size=(N, sum(sizes)))
    noise = rng.normal(size=(2, N, sum(sizes)))
    opinions = np.stack([noise[0], good, noise[1]])
    shares = choose_shares(target, opinions, codes.astype(float), np.ones(N))
    assert shares[1] > 0.85
    assert shares[2] < 0.05


def test_two_that_see_different_things_are_both_heard():
    rng = np.random.default_rng(0)
    target = ClassTarget("binary", [np.array([0, 1])])
    codes = rng.integers(0, 2, (N, 1)).astype(float)
    sees = rng.random((N, 1)) < 0.5
    z = 4 * (2 * codes - 1)
    opinions = np.stack([np.where(sees, z, 0), np.where(sees, 0, z)])
    shares = choose_shares(target, opinions, codes, np.ones(N))
    np.testing.assert_allclose(shares, 0.5, atol=0.05)


def test_the_first_opinion_decides_where_all_are_alike():
    target, opinions, codes = numbers()
    shares = choose_shares(target, opinions[[0, 0]], codes, np.ones(N))
    np.testing.assert_array_equal(shares, [1, 0])


def test_rows_count_by_their_weight():
    target, opinions, codes = numbers()
    opinions[0, : N // 2] = codes[: N // 2]
    opinions[1, N // 2 :] = codes[N // 2 :]
    first_half = (np.arange(N) < N // 2).astype(float)
    np.testing.assert_array_equal(
        choose_shares(target, opinions, codes, first_half), [1, 0, 0]
    )


def test_the_best_of_the_others_is_told_with_what_it_gains():
    target, opinions, codes = numbers()
    best, gain = best_alone(target, opinions, codes, np.ones(N))
    assert best == 0
    assert gain == pytest.approx(1.0 - 0.25, abs=0.1)
    swapped = opinions[[0, 2, 1]]
    assert best_alone(target, swapped, codes, np.ones(N))[0] == 1


def test_no_gain_is_told_that_chance_could_make():
    rng = np.random.default_rng(0)
    target = NumberTarget("squared", np.zeros(1), np.ones(1), flat=True)
    codes = rng.normal(size=(50, 1))
    opinions = codes + rng.normal(size=(2, 50, 1))
    for pair in (opinions, opinions[::-1]):
        assert best_alone(target, pair, codes, np.ones(50)) == (0, 0.0)


def test_rows_count_by_their_weight_in_a_gain():
    target, opinions, codes = numbers()
    opinions[1, : N // 2] = 100  # wrong where the weight is 0
    weight = np.repeat([0.0, 1.0], N // 2)
    assert best_alone(target, opinions, codes, weight)[1] > 0.6
    assert best_alone(target, opinions, codes, 1 - weight)[1] == 0
