import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import StandardScaler

from skmm.exceptions import CellError, MissingModalityWarning, ModalityError
from skmm.modalities.vector import VectorModality


def cells(*values):
    column = pd.Series([None] * len(values), dtype=object)
    column[:] = values
    return pd.DataFrame({"v": column})


def blob(*shape):
    return np.random.default_rng(0).normal(5, 3, shape)


def test_features_have_mean_zero_and_deviation_one():
    X = blob(50, 4)
    encoded = VectorModality().fit(X).transform(X)
    assert encoded.array.dtype == np.float32
    assert encoded.present.all()
    expected = StandardScaler().fit_transform(X)
    np.testing.assert_allclose(encoded.array, expected, atol=1e-5)


@pytest.mark.parametrize("shape", [(3,), (5, 3), (4, 5, 3), (2, 4, 5, 3)])
def test_the_last_axis_holds_the_features_at_every_rank(shape):
    X = blob(20, *shape)
    vector = VectorModality().fit(X)
    array = vector.transform(X).array
    assert array.shape == X.shape
    assert vector.mean_.shape == vector.scale_.shape == (3,)
    others = tuple(range(X.ndim - 1))
    np.testing.assert_allclose(array.mean(axis=others), 0, atol=1e-5)
    np.testing.assert_allclose(array.std(axis=others), 1, atol=1e-5)
    spec = vector.spec("v")
    assert spec.shape == shape
    assert spec.encoder == ("mlp" if len(shape) == 1 else "cnn")


def test_cells_and_columns_and_arrays_give_the_same():
    X = blob(9, 3)
    columns = pd.DataFrame(X, columns=["a", "b", "c"])
    frames = [cells(*X), cells(*X.tolist()), cells(*map(tuple, X)), columns]
    frames += [columns.astype(object), columns.astype("Float64")]
    expected = VectorModality().fit(X).transform(X).array
    for frame in frames:
        array = VectorModality().fit(frame).transform(frame).array
        np.testing.assert_array_equal(array, expected)


def test_numeric_columns_keep_their_names():
    columns = pd.DataFrame({"a": [1.0, 2.0], 7: [3.0, 4.0]})
    assert VectorModality().fit(columns).spec("v").feature_names == ("a", "7")
    assert VectorModality().fit(columns[["a"]]).spec("v").feature_names == ("a",)
    assert VectorModality().fit(cells([1.0], [2.0])).spec("v").feature_names is None
    assert VectorModality().fit(blob(3, 2)).spec("v").feature_names is None


def test_arrays_of_arrays_as_parquet_gives_them_are_read():
    nested = np.empty(2, dtype=object)
    nested[:] = [np.array([1.0, 2.0]), np.array([3.0, 4.0])]
    vector = VectorModality(standardize=False).fit(cells(nested, nested))
    assert vector.transform(cells(nested)).array.tolist() == [[[1, 2], [3, 4]]]


def test_without_standardising_values_stay_as_they_are():
    X = np.arange(12, dtype=np.uint8).reshape(3, 4)
    array = VectorModality(standardize=False).fit(X).transform(X).array
    assert array.dtype == np.float32
    np.testing.assert_array_equal(array, X)


def test_constant_features_become_zero():
    X = np.column_stack([np.full(5, 0.1), np.arange(5.0)])
    array = VectorModality().fit(X).transform(X).array
    np.testing.assert_allclose(array[:, 0], 0, atol=1e-6)


def test_float64_differences_survive_a_large_offset():
    X = 1.7e9 + np.arange(10.0)[:, np.newaxis]
    expected = StandardScaler().fit_transform(np.arange(10.0)[:, np.newaxis])
    array = VectorModality().fit(X).transform(X).array
    np.testing.assert_allclose(array, expected, rtol=1e-5)


def test_missing_cells_are_absent_and_do_not_count():
    X = cells([1.0, 4.0], None, [3.0, 4.0], np.nan)
    vector = VectorModality().fit(X)
    encoded = vector.transform(X)
    assert encoded.present.tolist() == [True, False, True, False]
    assert encoded.array.tolist() == [[-1, 0], [0, 0], [1, 0], [0, 0]]
    assert vector.mean_.tolist() == [2, 4]


def test_nan_inside_stays_nan_and_does_not_count():
    X = cells([1.0, np.nan], [3.0, 5.0], [None, 7.0], [np.nan, np.nan])
    encoded = VectorModality().fit(X).transform(X)
    expected = [[-1, np.nan], [1, -1], [np.nan, 1], [0, 0]]
    np.testing.assert_array_equal(encoded.array, expected)
    assert encoded.present.tolist() == [True, True, True, False]


def test_a_row_of_missing_columns_is_absent():
    X = pd.DataFrame({"a": [1.0, None, 3.0], "b": [None, None, 1.0]})
    encoded = VectorModality().fit(X).transform(X)
    assert encoded.present.tolist() == [True, False, True]
    assert np.isnan(encoded.array[0, 1])


def test_a_feature_that_training_never_had_stays_as_it_is():
    vector = VectorModality().fit(np.array([[1.0, np.nan], [3.0, np.nan]]))
    assert vector.transform(np.array([[2.0, 5.0]])).array.tolist() == [[0, 5]]


@pytest.mark.parametrize("dtype", [object, "float64"])
def test_a_column_without_any_vector_works(dtype):
    X = pd.DataFrame({"v": pd.Series([None, None], dtype=dtype)})
    vector = VectorModality().fit(X)
    assert vector.spec("v").shape == (0,)
    for later in (X, cells([1.0, 2.0], None)):
        encoded = vector.transform(later)
        assert encoded.array.shape == (2, 0)
        assert not encoded.present.any()


def test_rows_that_are_all_missing_keep_the_shape_of_training():
    vector = VectorModality().fit(cells([1.0, 2.0], [3.0, 4.0]))
    encoded = vector.transform(cells(None, None))
    assert encoded.array.shape == (2, 2)
    assert not encoded.present.any()


def test_no_rows_and_one_row_keep_the_shape():
    for X in (cells([1.0, 2.0], [3.0, 5.0]), pd.DataFrame({"a": [1.0, 2.0], "b": 0})):
        vector = VectorModality().fit(X)
        whole = vector.transform(X).array
        none = vector.transform(X[:0])
        assert none.array.shape == (0, 2)
        assert none.present.shape == (0,)
        np.testing.assert_array_equal(vector.transform(X[1:]).array, whole[1:])
    assert VectorModality().fit(blob(3, 4, 5)).transform(blob(0, 4, 5)).array.size == 0


def test_the_odd_shape_is_named_with_row_expected_and_got():
    X = cells([1.0, 2.0, 3.0], [1.0, 2.0], None, [3.0, 4.0])
    message = r"column 'v', row 0: expected an array of shape \(2,\), got shape \(3,\)"
    with pytest.raises(CellError, match=message):
        VectorModality().fit(X)
    vector = VectorModality().fit(X, on_error="missing")
    with pytest.warns(MissingModalityWarning, match="1 of 4 cells"):
        encoded = vector.transform(X, on_error="missing")
    assert encoded.present.tolist() == [False, True, False, True]


@pytest.mark.parametrize(
    "later",
    [
        cells([1.0, 2.0, 3.0]),
        cells([[1.0, 2.0]]),
        pd.DataFrame({"v": [1.0]}),
        blob(1, 3),
        pd.DataFrame({"a": [1.0], "b": [1.0], "c": [1.0]}),
    ],
)
def test_another_shape_than_in_training_is_refused(later):
    vector = VectorModality().fit(cells([1.0, 2.0], [3.0, 4.0]))
    with pytest.raises(ModalityError, match=r"expected .*shape \(2,\).*got"):
        vector.transform(later)


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e300])
def test_what_float32_cannot_hold_is_named_in_every_input(value):
    rows = [[1.0, 2.0], [3.0, value]]
    frames = [cells(*rows), pd.DataFrame(rows, columns=["u", "v"])]
    for X in frames:
        with pytest.raises(CellError, match=r"column 'v', row 1: expected .*finite"):
            VectorModality().fit(X)
        vector = VectorModality().fit(X, on_error="missing")
        assert np.isfinite(vector.mean_).all()
    with pytest.raises(ModalityError, match=r"row 1: expected finite.*(inf|1e\+300)"):
        VectorModality().fit(np.array(rows))


def test_a_float32_of_any_size_stays_finite():
    largest = np.finfo(np.float32).max
    X = np.array([[largest, 1e-45], [-largest, 0], [0, 1e-45]], dtype=np.float32)
    assert np.isfinite(VectorModality().fit(X).transform(X).array).all()
    vector = VectorModality().fit(np.array([[0.0], [1e-30]]))
    assert np.isfinite(vector.transform(np.array([[1e30]])).array).all()


@pytest.mark.parametrize(
    "cell", [["a", "b"], {"array": 1}, [[1.0], [1.0, 2.0]], b"\x89PNG", "x.png", [1j]]
)
def test_a_cell_that_is_no_array_is_named(cell):
    with pytest.raises(CellError, match=r"column 'v', row 1: expected a"):
        VectorModality().fit(cells([1.0, 2.0], cell))


def test_a_column_of_paths_is_no_column_of_numbers():
    with pytest.raises(CellError, match=r"row 0: expected a number, got 'x.png'"):
        VectorModality().fit(cells("x.png", "y.png"))


def test_two_columns_of_arrays_are_two_modalities():
    X = pd.DataFrame({"a": [[1.0], [2.0]], "b": [1.0, 2.0]})
    with pytest.raises(ModalityError, match=r"'a' holds arrays.*its own modality"):
        VectorModality().fit(X)


def test_a_flat_array_is_refused_with_the_remedy():
    with pytest.raises(ModalityError, match=r"got \(3,\).*reshape\(-1, 1\)"):
        VectorModality().fit(np.arange(3.0))


def test_an_unfitted_modality_says_so():
    for method, argument in (("transform", blob(2, 2)), ("spec", "v")):
        with pytest.raises(NotFittedError):
            getattr(VectorModality(), method)(argument)


def test_input_is_left_as_it_was():
    X = np.array([[1.0, np.nan], [np.nan, np.nan]], dtype=np.float32)
    before = X.copy()
    for standardize in (True, False):
        VectorModality(standardize).fit(X).transform(X)
    np.testing.assert_array_equal(X, before)


def test_clone_and_pickle_keep_what_they_should():
    X = blob(20, 6)
    vector = VectorModality().fit(X)
    assert clone(VectorModality(False)).get_params() == {"standardize": False}
    assert not hasattr(clone(vector), "shape_")
    state = pickle.dumps(vector)
    assert len(state) < 600
    copy = pickle.loads(state)
    np.testing.assert_array_equal(copy.transform(X).array, vector.transform(X).array)
    assert copy.spec("v") == vector.spec("v")
