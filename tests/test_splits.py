"""Every row is on one side, and the sides resemble each other."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skmm._splits import deal, set_apart


def test_each_row_is_on_one_side():
    train, held_out = set_apart(100, None, 0.1, seed=0)
    assert (len(train), len(held_out)) == (90, 10)
    assert_array_equal(np.sort(np.r_[train, held_out]), np.arange(100))
    assert train.dtype == held_out.dtype == np.int32


def test_the_choice_is_the_seeds():
    first, again, other = (set_apart(100, None, 0.1, s)[1] for s in (0, 0, 1))
    assert_array_equal(first, again)
    assert set(first) != set(other)


def test_classes_keep_their_proportions():
    classes = np.repeat([0, 1, 2], [60, 30, 10])
    _, held_out = set_apart(100, classes, 0.2, seed=0)
    assert_array_equal(np.bincount(classes[held_out]), [12, 6, 2])


def test_a_class_of_one_row_goes_where_chance_puts_it():
    train, held_out = set_apart(30, np.arange(30) == 0, 0.2, seed=0)
    assert (len(train), len(held_out)) == (24, 6)


@pytest.mark.parametrize("n_samples", [0, 3])
def test_too_few_rows_are_refused(n_samples):
    with pytest.raises(ValueError, match=f"at least 4 rows.*got {n_samples}"):
        set_apart(n_samples, None, 0.1, seed=0)


def test_each_row_is_held_out_once():
    splits = deal(103, None, 5, seed=0)
    for train, held_out in splits:
        assert_array_equal(np.sort(np.r_[train, held_out]), np.arange(103))
        assert len(held_out) in (20, 21)
        assert train.dtype == held_out.dtype == np.int32
    assert_array_equal(np.sort(np.concatenate([h for _, h in splits])), np.arange(103))


def test_every_fold_has_its_share_of_each_class():
    classes = np.random.default_rng(0).permutation(np.repeat(["a", "b"], [80, 23]))
    for _, held_out in deal(103, classes, 5, seed=0):
        assert (classes[held_out] == "a").sum() == 16
        assert (classes[held_out] == "b").sum() in (4, 5)


def test_the_only_row_of_a_class_is_always_trained_on():
    classes = np.arange(30) == 7
    for train, held_out in deal(30, classes, 5, seed=0):
        assert 7 in train
        assert 7 not in held_out


def test_the_deal_is_the_seeds():
    first, again, other = (deal(100, None, 4, s)[0][1] for s in (0, 0, 1))
    assert_array_equal(first, again)
    assert set(first) != set(other)


def test_fewer_rows_than_folds_are_refused():
    with pytest.raises(ValueError, match="at least 5 rows for so many folds, got 4"):
        deal(4, None, 5, seed=0)
