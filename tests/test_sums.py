"""What is added up piece by piece is what all rows together would give."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import accuracy_score, r2_score

from skmm._sums import AccuracySums, LabelSums, NumberSums, R2Sums
from skmm._targets import ClassTarget, NumberTarget

RNG = np.random.default_rng(0)
N = 90
LABELS = np.array(["b", "c", "a"], object)[RNG.integers(0, 3, N)]
NUMBERS = 1e3 + RNG.normal(size=N)
WEIGHT = RNG.uniform(0.5, 2, N)
PIECES = [slice(0, 1), slice(1, 40), slice(40, 90)]


def noted(sums, y):
    return sums, np.concatenate([sums.note(y[p], WEIGHT[p]) for p in PIECES])


def test_labels_are_known_with_their_weights():
    sums, _ = noted(LabelSums(), LABELS)
    labels, weight = sums.rows()
    assert labels.dtype == object and labels[0] == LABELS[0]
    for label, total in zip(labels, weight, strict=True):
        assert_allclose(total, WEIGHT[LABELS == label].sum())


def test_codes_become_what_the_target_makes_of_the_labels():
    sums, codes = noted(LabelSums(), LABELS)
    labels, _ = sums.rows()
    target = ClassTarget.fit(labels)
    factors = np.array([1.0, 2.0, 0.0])
    y, weight = sums.finish(target, factors)(codes, WEIGHT)
    assert_array_equal(y, target.encode(LABELS))
    assert y.dtype == weight.dtype == np.float32
    of = dict(zip(labels, factors, strict=True))
    assert_allclose(weight, WEIGHT * [of[label] for label in LABELS], rtol=1e-6)


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([np.array([3, 1]), np.array([2.0, 1.0])], [1, 3, 2]),
        ([np.array(["a"]), np.array(["long"])], ["a", "long"]),
    ],
)
def test_labels_of_other_types_and_lengths_are_the_same_labels(pieces, expected):
    sums = LabelSums()
    for piece in pieces:
        sums.note(piece, np.ones(len(piece)))
    assert sums.rows()[0].tolist() == expected


def test_two_numbers_stand_for_all():
    sums, same = noted(NumberSums(), NUMBERS)
    assert_array_equal(same, NUMBERS)
    found = NumberTarget.fit(*sums.rows())
    whole = NumberTarget.fit(NUMBERS, WEIGHT)
    assert_allclose([found.mean, found.scale], [whole.mean, whole.scale], rtol=1e-10)


def test_a_piece_without_weight_changes_nothing():
    sums, _ = noted(NumberSums(), NUMBERS)
    before = sums.rows()
    sums.note(NUMBERS[:3], np.zeros(3))
    assert_array_equal(sums.rows(), before)


def test_numbers_become_what_the_target_makes_of_them():
    sums, same = noted(NumberSums(), NUMBERS)
    target = NumberTarget.fit(*sums.rows())
    y, weight = sums.finish(target, np.full(2, 0.5))(same, WEIGHT)
    assert_array_equal(y, target.encode(NUMBERS))
    assert_allclose(weight, WEIGHT / 2, rtol=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("sums", "y", "answer", "score"),
    [
        (AccuracySums, LABELS, np.roll(LABELS, 1), accuracy_score),
        (R2Sums, NUMBERS, NUMBERS + 0.1 * WEIGHT, r2_score),
        (R2Sums, np.ones(N), np.ones(N), r2_score),
        (R2Sums, np.ones(N), np.zeros(N), r2_score),
    ],
)
def test_scores_are_scikit_learns(sums, y, answer, score, weighted):
    found, weight = sums(), WEIGHT if weighted else None
    for p in PIECES:
        found.note(y[p], answer[p], weight[p] if weighted else None)
    assert_allclose(found.value, score(y, answer, sample_weight=weight), rtol=1e-9)
