"""Every row is on one side, and the sides resemble each other."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skmm._splits import set_apart


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
