"""Rows are known by their content, and what was computed of them is found again."""

import numpy as np
import pytest
from joblib import Memory
from numpy.testing import assert_array_equal

from skmm import _cache
from skmm._cache import digest_rows, recall_rows, version_of

X = np.arange(30, dtype="float32").reshape(10, 3)


@pytest.fixture
def memory(tmp_path):
    return Memory(tmp_path, verbose=0)


class Doubling:
    """Doubles rows of X, and counts those that it computes."""

    def __init__(self):
        self.n_computed = 0

    def __call__(self, memory, rows, key="double"):
        def compute(chosen):
            self.n_computed += len(chosen)
            return 2 * X[rows][chosen]

        return recall_rows(digest_rows(X[rows]), compute, key=key, memory=memory)


def test_each_row_is_computed_once(memory):
    double = Doubling()
    for rows in ([0, 1, 2], [1, 2, 3, 1], [3, 0]):
        assert_array_equal(double(memory, rows), 2 * X[rows])
    assert double.n_computed == 4


def test_another_process_finds_what_was_computed(memory, tmp_path):
    Doubling()(memory, [0, 1])
    second = Doubling()
    assert_array_equal(second(Memory(tmp_path, verbose=0), [1, 0]), 2 * X[[1, 0]])
    assert second.n_computed == 0


def test_another_key_computes_again(memory):
    double = Doubling()
    double(memory, [0])
    double(memory, [0], key="other weights")
    assert double.n_computed == 2


def test_many_rows_fill_several_segments(memory, monkeypatch):
    monkeypatch.setattr(_cache, "SEGMENT_ROWS", 4)
    double = Doubling()
    for _ in range(2):
        assert_array_equal(double(memory, range(10)), 2 * X)
    assert double.n_computed == 10


def test_what_a_full_memory_has_no_room_for_is_computed_each_time(memory, monkeypatch):
    monkeypatch.setattr(_cache, "SEGMENT_ROWS", 4)
    monkeypatch.setattr(_cache, "MAX_SEGMENTS", 2)
    double = Doubling()
    for n_computed in (10, 12):
        assert_array_equal(double(memory, range(10)), 2 * X)
        assert double.n_computed == n_computed


def test_rows_of_other_type_shape_or_content_differ():
    rows = [X[0], X[1], X[0].astype("float64"), X[0][None], X[0].view("int32")]
    assert len({digest_rows(row[None])[0] for row in rows}) == len(rows)
    assert digest_rows(X.T.copy().T) == digest_rows(X)


def test_padding_at_the_end_does_not_count():
    short, long = np.array([[3, 0, 5]]), np.array([[3, 0, 5, 0, 0]])
    assert digest_rows(short, padding=0) == digest_rows(long, padding=0)
    assert digest_rows(short) != digest_rows(long)
    assert digest_rows(long[:, :1], padding=0) != digest_rows(short, padding=0)
    blank = np.zeros((1, 3), int)
    assert digest_rows(blank, padding=0) == digest_rows(blank[:, :1], padding=0)


def test_versions_are_those_of_the_distributions():
    assert version_of("numpy") == np.__version__
    assert version_of("no-such-package-of-skmm") == "unknown"
