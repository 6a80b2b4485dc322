"""Predictions of several models are brought into one form, or refused."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skmm.diversity._predictions import check_predictions

Y = ["no", "yes", "yes"]
LABELS = [["no", "yes", "no"], ["no", "no", "no"]]
PROBABILITIES = np.array([[[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]])


def test_labels_are_probabilities_of_0_and_1():
    found = check_predictions(LABELS, Y)
    assert_array_equal(found.codes, [[0, 1, 0], [0, 0, 0]])
    assert_array_equal(found.truth, [0, 1, 1])
    assert_array_equal(found.probabilities[0], [[1, 0], [0, 1], [1, 0]])
    assert_array_equal(found.errors, [[0, 0, 1], [0, 1, 1]])
    assert_allclose(found.weight, 1 / 3)


def test_probabilities_predict_the_likeliest_class():
    found = check_predictions(PROBABILITIES, Y)
    assert_array_equal(found.codes, [[0, 1, 0]])
    assert_array_equal(found.errors, [[0, 0, 1]])


def test_columns_have_the_order_of_the_classes():
    found = check_predictions(PROBABILITIES[:, :, ::-1], Y, classes=["yes", "no"])
    assert_array_equal(found.errors, [[0, 0, 1]])
    more = np.concatenate([PROBABILITIES, np.zeros((1, 3, 1))], axis=2)
    found = check_predictions(more, Y, classes=["no", "yes", "perhaps"])
    assert_array_equal(found.errors, [[0, 0, 1]])


def test_labels_that_nobody_predicts_are_classes_too():
    found = check_predictions(LABELS, Y, classes=["no", "perhaps so", "yes"])
    assert found.probabilities.shape == (2, 3, 3)
    assert_array_equal(found.errors, check_predictions(LABELS, Y).errors)


def test_a_mapping_and_series_are_taken():
    named = {"a": pd.Series(LABELS[0], index=[7, 8, 9]), "b": np.array(LABELS[1])}
    found = check_predictions(named, pd.Series(Y))
    assert_array_equal(found.errors, check_predictions(LABELS, Y).errors)


def test_weights_sum_to_one():
    found = check_predictions(LABELS, Y, sample_weight=[0, 1, 3])
    assert_allclose(found.weight, [0, 0.25, 0.75])


@pytest.mark.parametrize(
    ("given", "y", "settings", "message"),
    [
        ([], Y, {}, "at least one model"),
        ([LABELS[0], ["no"]], Y, {}, "alike for all models"),
        ([LABELS[0], PROBABILITIES[0]], Y, {}, "alike for all models"),
        (np.zeros((1, 3, 2, 2)), Y, {}, r"labels of shape \(n_samples,\)"),
        ([[], []], [], {}, "0 rows, y has 0"),
        (LABELS, Y[:2], {}, "3 rows, y has 2"),
        (PROBABILITIES + 1, Y, {}, "sums from 3 to 3"),
        (PROBABILITIES - 1, Y, {}, "from 0 to 1"),
        (PROBABILITIES * np.nan, Y, {}, "NaN"),
        (PROBABILITIES, ["no"] * 3, {}, r"2 columns, but there are 1 classes"),
        (PROBABILITIES, Y, {"classes": ["no", "maybe"]}, "label 'yes', which is not"),
        (LABELS, [0, 1, 1], {}, "labels must be of one kind"),
        ([[0.0, np.nan]], [0.0, 1.0], {}, "NaN"),
        (LABELS, Y, {"sample_weight": [0, 0, 0]}, "non-zero"),
        (LABELS, Y, {"sample_weight": [1, 1, -1]}, "[Nn]egative"),
    ],
)
def test_what_does_not_fit_together_is_refused(given, y, settings, message):
    with pytest.raises(ValueError, match=message):
        check_predictions(given, y, **settings)
