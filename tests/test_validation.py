"""Tables of every kind become the same pandas frame; columns are found by name."""

import datetime as dt
import decimal
import subprocess
import sys
from typing import NamedTuple

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.compose import make_column_selector

from skmm import ModalityFrame, ModalitySpec
from skmm._validation import name_columns, near_miss, select_columns, to_pandas
from skmm.exceptions import ModalityError

WHEN = dt.datetime(2024, 1, 2, 3, 4)


class Point(NamedTuple):
    x: int
    y: str


def polars_frame():
    return pl.DataFrame(
        {
            "integer": [1, None],
            "float": [1.5, None],
            "boolean": [True, False],
            "gap": [True, None],
            "text": ["a", None],
            "bytes": [b"x", None],
            "date": [WHEN.date(), None],
            "time": [WHEN, None],
            "zoned": pl.Series([WHEN, None]).dt.replace_time_zone("Asia/Tokyo"),
            "duration": [dt.timedelta(days=1), None],
            "category": pl.Series(["u", None], dtype=pl.Categorical),
            "enum": pl.Series(["u", None], dtype=pl.Enum(["v", "u"])),
            "decimal": [decimal.Decimal("1.5"), None],
            "list": [[1.0, 2.0], None],
            "nested": [[[1.0], [2.0]], None],
            "fixed": pl.Series([[1.0, 2.0], None], dtype=pl.Array(pl.Float64, 2)),
            "words": [["a", "b"], None],
            "struct": [{"bytes": b"q", "path": None}, None],
        }
    )


@pytest.fixture
def mixed():
    return pd.DataFrame(
        {
            "age": [61.0, 47.0],
            "sex": pd.Categorical(["F", "M"]),
            "note": ["no fever", "coughs"],
            "smokes": [True, False],
        }
    )


def test_a_pandas_frame_is_kept_as_it_is(mixed):
    assert to_pandas(mixed) is mixed


@pytest.mark.parametrize(
    ("column", "dtype"),
    [
        ("integer", "float64"),
        ("float", "float64"),
        ("boolean", "bool"),
        ("gap", "object"),
        ("bytes", "object"),
        ("time", "datetime64[us]"),
        ("zoned", "datetime64[us, Asia/Tokyo]"),
        ("duration", "timedelta64[us]"),
        ("category", "category"),
        ("enum", "category"),
        ("decimal", "float64"),
        ("list", "object"),
        ("struct", "object"),
    ],
)
def test_polars_columns_get_the_dtype_that_pandas_has_for_them(column, dtype):
    series = to_pandas(polars_frame())[column]
    assert str(series.dtype) == dtype
    assert series.isna().tolist() == (
        [False] * 2 if column == "boolean" else [False, True]
    )


def test_polars_cells_keep_their_values():
    row = to_pandas(polars_frame()).iloc[0]
    assert (row["integer"], row["text"], row["bytes"]) == (1, "a", b"x")
    assert (row["category"], row["enum"], row["decimal"]) == ("u", "u", 1.5)
    assert row["time"] == pd.Timestamp(WHEN)
    assert row["date"] == pd.Timestamp(WHEN.date())
    assert row["zoned"] == pd.Timestamp(WHEN, tz="Asia/Tokyo")
    assert row["words"] == ["a", "b"]
    assert row["struct"] == {"bytes": b"q", "path": None}
    assert isinstance(row["list"], np.ndarray)
    np.testing.assert_array_equal(row["list"], [1, 2])
    np.testing.assert_array_equal(row["fixed"], [1, 2])
    np.testing.assert_array_equal(np.stack(row["nested"]), [[1], [2]])


def test_polars_needs_no_pyarrow():
    script = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "import polars as pl\n"
        "from skmm._validation import to_pandas\n"
        "X = pl.DataFrame({'n': [1.5], 's': ['a'], 'l': [[1.0]], 'b': [b'x']})\n"
        "print(to_pandas(X).to_dict('list'))"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == (
        "{'n': [1.5], 's': ['a'], 'l': [array([1.])], 'b': [b'x']}"
    )


def test_pyarrow_is_read_as_pandas_reads_it(mixed):
    pd.testing.assert_frame_equal(to_pandas(pa.Table.from_pandas(mixed)), mixed)


def test_records_with_names_keep_them(mixed):
    records = mixed.to_dict("records")
    assert to_pandas(records).columns.tolist() == list(mixed.columns)
    assert to_pandas(records)["age"].tolist() == [61, 47]
    assert to_pandas([Point(1, "a"), Point(2, "b")]).columns.tolist() == ["x", "y"]


def test_a_record_may_lack_a_key():
    assert to_pandas([{"a": 1, "b": 2}, {"a": 3}])["b"].isna().tolist() == [False, True]


def test_structured_arrays_keep_names_and_nested_fields():
    dtype = [("age", "f8"), ("scan", "u1", (2, 2))]
    array = np.array([(1.5, [[1, 2], [3, 4]])], dtype=dtype)
    for X in (array, array.view(np.recarray)):
        frame = to_pandas(X)
        assert frame["age"].tolist() == [1.5]
        np.testing.assert_array_equal(frame["scan"][0], [[1, 2], [3, 4]])


@pytest.mark.parametrize(
    "X",
    [
        np.array([[1, 2], [3, 4]]),
        np.array([[1, 2], [3, 4]], dtype=object),
        [[1, 2], [3, 4]],
        ((1, 2), (3, 4)),
        [np.array([1, 2]), np.array([3, 4])],
    ],
    ids=["numbers", "objects", "lists", "tuples", "arrays"],
)
def test_tables_without_names_are_numbered(X):
    frame = to_pandas(X)
    assert frame.to_numpy().tolist() == [[1, 2], [3, 4]]
    assert frame.columns.tolist() == [0, 1]
    assert set(map(str, frame.dtypes)) == {"int64"}


def test_object_arrays_get_their_types_back(mixed):
    frame = to_pandas(mixed.to_numpy(dtype=object))
    assert frame.dtypes.map(lambda dtype: dtype.kind).tolist() == ["f", "O", "O", "b"]


def test_rows_may_hold_arrays():
    frame = to_pandas([[1, np.zeros(3)], [2, np.ones(3)]])
    assert frame.shape == (2, 2)
    np.testing.assert_array_equal(frame[1][1], 1)


def test_numeric_arrays_are_not_copied():
    X = np.zeros((3, 2))
    assert np.shares_memory(to_pandas(X).to_numpy(), X)


def test_feature_names_name_what_has_no_names(mixed):
    named = to_pandas(mixed.to_numpy(dtype=object), feature_names=list(mixed.columns))
    assert named.columns.tolist() == list(mixed.columns)
    assert to_pandas(mixed, feature_names=["a", "b", "c", "d"]) is mixed


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a"], "holds 1 names, but X has 2 columns"),
        (["a", "a"], "feature_names must be unique"),
        (["a", 1], r"feature_names must be strings, got \['a', 1\]"),
    ],
)
def test_feature_names_that_do_not_fit_are_refused(names, message):
    with pytest.raises(ModalityError, match=message):
        to_pandas(np.zeros((3, 2)), feature_names=names)


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (
            sparse.eye_array(3).tocsr(),
            TypeError,
            "Sparse data was passed.* dense data is",
        ),
        (pl.DataFrame({"a": [1]}).lazy(), TypeError, r"lazy LazyFrame.*\.collect\(\)"),
        ({"a": [1]}, TypeError, r"got a dict; pass pandas.DataFrame\(X\)"),
        (np.zeros(3), ValueError, "Reshape your data"),
        ([1, 2, 3], ValueError, "Reshape your data"),
        (pd.Series([1, 2]), ValueError, "Reshape your data"),
        (pl.Series([1, 2]), ValueError, "Reshape your data"),
        ("abc", TypeError, "must be a table, got the path 'abc'"),
        (np.zeros((2, 4, 4)), ValueError, "dim 3.* one cell of a column.*BaseNNClass"),
        (np.zeros((2, 4, 4, 3)), ValueError, "dim 4, while dim <= 2"),
        ([np.zeros((2, 2)), np.zeros((2, 2))], ValueError, "dim 3, while dim <= 2"),
        (np.zeros((2, 2), dtype=complex), ValueError, "Complex data not supported"),
        (
            pd.DataFrame({"a": [1j]}),
            ValueError,
            "Complex data not supported\ncolumn 'a'",
        ),
        (
            np.zeros((0, 3)),
            ValueError,
            r"Found array with 0 sample\(s\) \(shape=\(0, 3\)",
        ),
        (
            np.zeros((3, 0)),
            ValueError,
            r"0 feature\(s\) \(shape=\(3, 0\)\) while a minimum",
        ),
        (pd.DataFrame({"a": []}), ValueError, r"0 sample\(s\) \(shape=\(0, 1\)\)"),
        (pd.DataFrame(index=[0, 1]), ValueError, r"0 feature\(s\) \(shape=\(2, 0\)\)"),
        ([[1, 2], [3]], ValueError, "row 0 has 2, row 1 has 1"),
        ([{"a": 1}, [2]], ValueError, "row 0 is a dict, row 1 a list"),
        ([[1], {"a": 1}], ValueError, "row 0 is a list, row 1 a dict"),
        (
            pd.DataFrame([[1, 2]], columns=["a", "a"]),
            ModalityError,
            r"unique; \['a'\] name",
        ),
        (pd.DataFrame([[1, 2]], columns=["a", 1]), TypeError, "only supported if all"),
    ],
)
def test_what_is_no_table_is_refused(X, error, message):
    with pytest.raises(error, match=message):
        to_pandas(X)


def test_messages_name_the_estimator():
    with pytest.raises(ValueError, match="minimum of 1 is required by BaseEstimator"):
        to_pandas(pd.DataFrame({"a": []}), estimator=BaseEstimator())


def test_an_encoded_frame_is_not_taken_for_a_table():
    spec = ModalitySpec("a", "vector", (1,), "float32", "mlp")
    frame = ModalityFrame({"a": np.zeros((2, 1), "float32")}, {"a": spec})
    with pytest.raises(TypeError, match="encoded already"):
        to_pandas(frame)


def test_columns_are_called_as_scikit_learn_calls_them(mixed):
    assert name_columns(mixed) is mixed
    unnamed = pd.DataFrame(np.zeros((1, 3)), columns=[7, 8, 9])
    assert name_columns(unnamed).columns.tolist() == ["x0", "x1", "x2"]
    assert unnamed.columns.tolist() == [7, 8, 9]


@pytest.mark.parametrize(
    ("columns", "selected"),
    [
        ("note", ["note"]),
        (["note", "age"], ["note", "age"]),
        (("note", "age"), ["note", "age"]),
        (np.array(["sex", "note"]), ["sex", "note"]),
        (pd.Index(["sex"]), ["sex"]),
        (2, ["note"]),
        (-1, ["smokes"]),
        ([0, 3], ["age", "smokes"]),
        (slice(1, 3), ["sex", "note"]),
        (slice("sex", "note"), ["sex", "note"]),
        (slice("note", None), ["note", "smokes"]),
        (slice(None), ["age", "sex", "note", "smokes"]),
        ([True, False, False, True], ["age", "smokes"]),
        (np.array([False, True, False, False]), ["sex"]),
        (make_column_selector(dtype_include="number"), ["age"]),
        (make_column_selector(pattern="^s"), ["sex", "smokes"]),
        (lambda frame: [c for c in frame if "o" in c], ["note", "smokes"]),
    ],
)
def test_columns_are_selected_as_in_column_transformer(mixed, columns, selected):
    assert select_columns(mixed, columns, "part") == selected


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            "Note",
            "'part': there is no column 'Note'; did you mean 'note'.*'age', 'sex'",
        ),
        (["age", "zzzzz"], r"no column 'zzzzz'\. The columns are"),
        (slice("age", "nota"), "no column 'nota'; did you mean 'note'"),
        (9, r"'part': cannot select columns by 9: all features must be in \[0, 3\]"),
        ([True, False], "cannot select columns by"),
        (["age", 1], "No valid specification of the columns"),
        (1.5, "No valid specification of the columns"),
        (slice("age", "note", 2), "step must be 1"),
        (None, "cannot select columns by None"),
        ([], r"\[\] selects no column"),
        (slice(2, 2), "selects no column"),
        ([False] * 4, "selects no column"),
        (["age", "age"], "column 'age' is selected twice"),
    ],
)
def test_selections_that_select_wrongly_are_refused(mixed, columns, message):
    with pytest.raises(ModalityError, match=message):
        select_columns(mixed, columns, "part")


def test_long_lists_of_columns_are_cut():
    wide = pd.DataFrame(np.zeros((1, 40)), columns=[f"c{j:02}" for j in range(40)])
    with pytest.raises(ModalityError, match=r"'c09', \.\.\.\]") as caught:
        select_columns(wide, "qqqqq", "part")
    assert "'c10'" not in str(caught.value)


def test_near_misses_ignore_case():
    assert near_miss("AGE", ["age", "sex"]) == "; did you mean 'age'?"
    assert near_miss("q", ["age", "sex"]) == "."
