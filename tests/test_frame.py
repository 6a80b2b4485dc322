"""A ModalityFrame splits, indexes and pickles as one table."""

import pickle
import sys

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    ShuffleSplit,
    StratifiedKFold,
    TimeSeriesSplit,
    cross_validate,
    train_test_split,
)
from sklearn.utils import resample, shuffle

from skmm import ModalityFrame, ModalitySpec

N = 12


def make_frame(n=N):
    """Rows that can be told apart in every modality."""
    rows = np.arange(n)
    arrays = {
        "table": np.stack([rows, rows * 10.0], axis=1).astype("float32"),
        "scan": np.broadcast_to(rows[:, None, None], (n, 2, 3)).astype("uint8"),
        "note": np.stack([rows % 3 + 1, np.zeros(n)], axis=1).astype("int32"),
    }
    specs = {
        "table": ModalitySpec(
            "table", "tabular", (2,), "float32", "mlp", feature_names=("age", "dose")
        ),
        "scan": ModalitySpec("scan", "image", (2, 3), "uint8", "cnn"),
        "note": ModalitySpec("note", "text", (2,), "int32", "bag", vocabulary_size=4),
    }
    present = np.ones((n, 3), dtype=bool)
    present[::4, 1] = False
    return ModalityFrame(arrays, specs, present)


def assert_rows(frame, rows):
    """The frame holds these rows of `make_frame`, and all parts agree."""
    whole = make_frame()
    assert frame.shape == (len(rows), 3)
    assert frame.specs == whole.specs
    for name in whole.names:
        np.testing.assert_array_equal(frame[name], whole[name][rows])
    np.testing.assert_array_equal(frame.present, whole.present[rows])


def test_shape_is_rows_by_modalities():
    frame = make_frame()
    assert frame.shape == (N, 3)
    assert len(frame) == N
    assert frame.names == ["table", "scan", "note"]


@pytest.mark.parametrize(
    ("key", "rows"),
    [
        (slice(2, 9, 3), [2, 5, 8]),
        ([4, 1, 1], [4, 1, 1]),
        (np.array([0, 11]), [0, 11]),
        (np.arange(N) % 5 == 0, [0, 5, 10]),
        (7, [7]),
        (np.int64(-1), [N - 1]),
        ((np.array([3, 2]), ...), [3, 2]),
        ((slice(0, 2), ...), [0, 1]),
        ((6, ...), [6]),
    ],
)
def test_rows_are_taken_by_every_key_of_scikit_learn(key, rows):
    assert_rows(make_frame()[key], rows)


@pytest.mark.parametrize("key", [[], slice(0, 0), np.zeros(N, dtype=bool)])
def test_no_rows_make_an_empty_frame(key):
    empty = make_frame()[key]
    assert empty.shape == (0, 3)
    assert np.asarray(empty).shape == (0, 11)


@pytest.mark.parametrize("key", [(0, 1), (slice(None), 0), (0, ..., 0)])
def test_columns_are_not_indexed(key):
    with pytest.raises(IndexError, match="indexed by rows alone"):
        make_frame()[key]


def test_unknown_modality_is_a_key_error_that_lists_the_known():
    with pytest.raises(KeyError, match=r"no modality 'nota'.*'table', 'scan', 'note'"):
        make_frame()["nota"]


def test_iteration_is_refused_in_words():
    with pytest.raises(TypeError, match="not iterated"):
        list(make_frame())


def test_select_keeps_order_and_presence():
    chosen = make_frame().select(["note", "scan"])
    assert chosen.names == ["note", "scan"]
    np.testing.assert_array_equal(chosen.present, make_frame().present[:, [2, 1]])
    np.testing.assert_array_equal(chosen["note"], make_frame()["note"])


def test_present_is_everything_unless_told():
    frame = make_frame()
    assert ModalityFrame(frame.arrays, frame.specs).present.all()


def test_flat_array_holds_every_modality_and_nan_where_absent():
    frame = make_frame()
    flat = np.asarray(frame)
    assert flat.shape == (N, 2 + 6 + 3)
    assert flat.dtype == np.float32
    np.testing.assert_array_equal(flat[:, :2], frame["table"])
    np.testing.assert_array_equal(
        np.isnan(flat[:, 2:8]).all(axis=1), ~frame.present[:, 1]
    )
    np.testing.assert_array_equal(flat[5, 2:8], 5)


def test_flat_array_counts_tokens_and_not_padding():
    bag = np.asarray(make_frame())[:, 8:]
    np.testing.assert_array_equal(bag[:4], np.eye(3)[[0, 1, 2, 0]])


def test_flat_bag_of_a_large_vocabulary_is_folded():
    spec = ModalitySpec("note", "text", (2,), "int32", "bag", vocabulary_size=1000)
    frame = ModalityFrame({"note": np.array([[1, 257]], "int32")}, {"note": spec})
    flat = np.asarray(frame)
    assert flat.shape == (1, 256)
    assert flat[0, 0] == 2  # ids 1 and 257 share the first column
    assert flat.sum() == 2


def test_flat_columns_are_named():
    names = make_frame().feature_names()
    assert names[:4] == ["table__age", "table__dose", "scan__0", "scan__1"]
    assert names[-1] == "note__2"
    assert len(names) == np.asarray(make_frame()).shape[1]


def test_flat_array_is_a_copy_of_the_asked_type():
    frame = make_frame()
    flat = np.asarray(frame, dtype="float64")
    assert flat.dtype == np.float64
    flat[:] = -1
    assert frame["table"].min() == 0
    with pytest.raises(ValueError, match="always a copy"):
        np.array(frame, copy=False)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"arrays": {"scan": np.zeros((N, 2, 3))}},
            "same modalities in the same order",
        ),
        ({"present": np.ones((N, 2))}, r"present must have shape \(12, 3\)"),
        ({"wrong": np.zeros((N, 5))}, r"'table'.*\(12, 2\), got \(12, 5\)"),
        ({"wrong": np.zeros((N - 1, 2))}, r"'scan'.*\(11, 2, 3\), got \(12, 2, 3\)"),
    ],
)
def test_parts_that_do_not_fit_are_refused(change, message):
    frame = make_frame()
    arrays = change.get("arrays", frame.arrays)
    if "wrong" in change:
        arrays = arrays | {"table": change["wrong"]}
    with pytest.raises(ValueError, match=message):
        ModalityFrame(arrays, frame.specs, change.get("present"))


def test_pickling_keeps_everything():
    assert_rows(pickle.loads(pickle.dumps(make_frame())), np.arange(N))


def test_its_size_in_memory_is_that_of_its_arrays():
    frame = make_frame()
    n_bytes = sum(array.nbytes for array in frame.arrays.values())
    assert 0 <= sys.getsizeof(frame) - n_bytes - frame.present.nbytes < 500


def test_printing_tells_what_is_absent():
    text = repr(make_frame())
    assert "ModalityFrame of 12 rows" in text
    assert "scan: image (2, 3) uint8, absent in 3 rows" in text
    assert "table: tabular (2,) float32\n" in text


def test_train_test_split_gives_frames():
    train, test, y_train, y_test = train_test_split(
        make_frame(), np.arange(N), random_state=0
    )
    assert_rows(train, y_train)
    assert_rows(test, y_test)


def test_shuffling_and_resampling_give_frames():
    frame, rows = shuffle(make_frame(), np.arange(N), random_state=1)
    assert_rows(frame, rows)
    frame, rows = resample(make_frame(), np.arange(N), random_state=1)
    assert_rows(frame, rows)


@pytest.mark.parametrize(
    "splitter",
    [
        KFold(3),
        StratifiedKFold(2),
        GroupKFold(2),
        ShuffleSplit(2, random_state=0),
        TimeSeriesSplit(2),
    ],
    ids=lambda splitter: type(splitter).__name__,
)
def test_every_splitter_takes_a_frame(splitter):
    frame, y = make_frame(), np.arange(N) % 2
    groups = np.arange(N) % 4 if isinstance(splitter, GroupKFold) else None
    folds = list(splitter.split(frame, y, groups=groups))
    assert folds
    for train, test in folds:
        assert_rows(frame[train], train)
        assert_rows(frame[test], test)


class RowReader(ClassifierMixin, BaseEstimator):
    """Predicts parity from the table's first column; keeps what it was given."""

    def fit(self, X, y):
        assert isinstance(X, ModalityFrame)
        self.rows_ = X["table"][:, 0].astype(int)
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return X["table"][:, 0].astype(int) % 2


def test_cross_validation_hands_out_frames():
    result = cross_validate(
        RowReader(),
        make_frame(),
        np.arange(N) % 2,
        cv=3,
        return_estimator=True,
        return_indices=True,
    )
    np.testing.assert_array_equal(result["test_score"], 1)
    for model, rows in zip(
        result["estimator"], result["indices"]["train"], strict=True
    ):
        np.testing.assert_array_equal(model.rows_, rows)


def test_splitters_work_under_array_api_dispatch():
    with config_context(array_api_dispatch=True):
        train, test, rows, _ = train_test_split(
            make_frame(), np.arange(N), random_state=0
        )
        cross_validate(RowReader(), make_frame(), np.arange(N) % 2, cv=3)
    assert_rows(train, rows)
    assert len(train) + len(test) == N


def test_numpy_takes_rows():
    assert_rows(np.take(make_frame(), [3, 0], axis=0), [3, 0])
    assert make_frame().take([]).shape == (0, 3)


@pytest.mark.parametrize(
    "wrong", [{"axis": 1}, {"mode": "clip"}, {"indices": [N]}, {"out": np.zeros(1)}]
)
def test_anything_but_rows_is_not_taken(wrong):
    with pytest.raises(IndexError):
        make_frame().take(**{"indices": [0], **wrong})
