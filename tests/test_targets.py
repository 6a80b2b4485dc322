"""Targets go to codes and logits come back as predictions."""

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal

from skmm._targets import ClassTarget, NumberTarget, check_labels, check_numbers

LOGITS = np.array([[2.0, -1.0, 0.5], [-3.0, 0.0, 1.0]], np.float32)


def test_binary_labels_of_any_kind():
    y = check_labels(["no", "yes", "no"])
    target = ClassTarget.fit(y)
    assert target.kind == "binary"
    assert target.sizes == (1,)
    assert_array_equal(target.encode(y), [[0], [1], [0]])
    z = LOGITS[:, :1]
    assert_array_equal(target.decode(z), ["yes", "no"])
    assert_array_equal(target.decision(z), z[:, 0])
    p = target.probabilities(z)
    assert_allclose(p.sum(axis=1), 1)
    assert_allclose(np.log(p), target.log_probabilities(z), rtol=1e-5)


def test_a_binary_network_may_end_in_two_logits():
    target = ClassTarget.fit(np.array([0, 1]))
    assert_allclose(target.decision(LOGITS[:, :2]), LOGITS[:, 1] - LOGITS[:, 0])


def test_log_probabilities_do_not_round_to_minus_infinity():
    target = ClassTarget.fit(np.array([0, 1]))
    far = np.array([[200.0]], np.float32)
    assert_allclose(target.log_probabilities(far), [[-200, 0]])


def test_multiclass():
    y = np.array([7, 3, 5])
    target = ClassTarget.fit(y)
    assert target.kind == "multiclass"
    assert_array_equal(target.encode(y), [[2], [0], [1]])
    assert_array_equal(target.decode(LOGITS), [3, 7])
    assert_allclose(target.probabilities(LOGITS).sum(axis=1), 1, rtol=1e-6)
    assert_allclose(
        np.exp(target.log_probabilities(LOGITS)),
        target.probabilities(LOGITS),
        rtol=1e-5,
    )


def test_multilabel_keeps_its_columns():
    y = np.array([[1, 0, 1], [0, 0, 1]])
    target = ClassTarget.fit(check_labels(y))
    assert target.kind == "multilabel"
    assert_array_equal(target.encode(y), y)
    assert_array_equal(target.decode(LOGITS), [[1, 0, 1], [0, 0, 1]])
    assert target.probabilities(LOGITS).shape == (2, 3)
    assert_allclose(
        np.exp(target.log_probabilities(LOGITS)),
        target.probabilities(LOGITS),
        rtol=1e-5,
    )


def test_sparse_yes_no_labels_are_taken():
    y = scipy.sparse.csr_array(np.array([[1, 0, 1], [0, 0, 1]]))
    assert_array_equal(check_labels(y), y.toarray())


def test_several_outputs_of_several_classes():
    y = np.array([["a", "x"], ["b", "y"], ["c", "x"]])
    target = ClassTarget.fit(check_labels(y))
    assert target.kind == "multioutput"
    assert target.sizes == (3, 2)
    logits = np.eye(3, 5) + np.eye(3, 5, 3)
    assert_array_equal(target.decode(logits), [["a", "x"], ["b", "y"], ["c", "x"]])
    assert [p.shape for p in target.probabilities(logits)] == [(3, 3), (3, 2)]
    assert_array_equal(target.truth(target.encode(y)), y)


def test_one_class_is_an_error_that_says_so():
    with pytest.raises(ValueError, match=r"one class only.*'a'"):
        ClassTarget.fit(np.array(["a", "a"]))


def test_classes_may_be_announced_before_they_are_seen():
    target = ClassTarget.fit(np.array([0, 0]), classes=[0, 1, 2])
    assert target.sizes == (3,)


def test_a_label_that_was_not_announced_is_an_error():
    target = ClassTarget.fit(np.array([0, 1]))
    with pytest.raises(ValueError, match=r"label 2.*not among the classes"):
        target.encode(np.array([0, 2]))


def test_of_many_classes_an_error_lists_a_few():
    target = ClassTarget.fit(np.arange(10_000))
    with pytest.raises(ValueError, match=r"label -1.* 8, 9, \.\.\.\]\.$"):
        target.encode(np.array([-1]))


@pytest.mark.parametrize("y", [[0.0, np.nan, 1.0], ["a", None, "b"]])
def test_missing_labels_are_an_error(y):
    with pytest.raises(ValueError, match="NaN"):
        check_labels(np.array(y, dtype=object if None in y else float))


def test_continuous_labels_are_an_error():
    with pytest.raises(ValueError, match="continuous"):
        check_labels([0.5, 1.7, 0.2])


def test_numbers_are_standardised_with_weights_and_come_back():
    y = check_numbers([10, 20, 30])
    target = NumberTarget.fit(y, np.array([1.0, 1.0, 0.0]))
    assert_allclose(target.mean, [15])
    assert_allclose(target.encode(y)[:, 0], [-1, 1, 3])
    assert_allclose(target.decode(target.encode(y)), y)


def test_a_constant_number_does_not_divide_by_zero():
    y = np.full(3, 1e9)
    target = NumberTarget.fit(y, np.ones(3))
    assert_array_equal(target.encode(y), np.zeros((3, 1)))
    assert_array_equal(target.decode(np.zeros((3, 1))), y)


@pytest.mark.parametrize("value", [1e300, -1e300, 1e-300])
def test_a_constant_at_the_edge_of_what_floats_hold_stays_one(value):
    y = np.full(7, value)
    target = NumberTarget.fit(y, np.linspace(0.1, 1, 7))
    assert abs(target.encode(y)).max() < 1e-3
    assert_allclose(target.decode(target.encode(y)), y)


@pytest.mark.parametrize("unit", [2.0**-990, 2.0**-40, 2.0**40, 2.0**990])
def test_numbers_are_standardised_alike_in_any_unit(unit):
    y = np.random.default_rng(0).normal(3.0, size=50)
    weight = np.linspace(1, 2, 50)
    one, other = NumberTarget.fit(y, weight), NumberTarget.fit(y * unit, weight)
    assert_array_equal(one.encode(y), other.encode(y * unit))
    assert_array_equal(one.scale * unit, other.scale)


def test_several_numbers_stay_columns():
    y = np.arange(6.0).reshape(3, 2)
    target = NumberTarget.fit(check_numbers(y), np.ones(3))
    assert_allclose(target.decode(target.encode(y)), y, atol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_none_are_an_error(bad):
    with pytest.raises(ValueError, match="Input y contains"):
        check_numbers([1.0, bad])


def test_another_number_of_outputs_is_an_error():
    for target in (
        NumberTarget.fit(np.ones((3, 2)), np.ones(3)),
        ClassTarget.fit(np.array([[0, 1], [1, 0]])),
    ):
        with pytest.raises(ValueError, match=r"3 outputs.*2"):
            target.encode(np.ones((4, 3)))
