import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from skmm.exceptions import (
    CellError,
    CellTypeError,
    MissingModalityWarning,
    ModalityError,
)
from skmm.modalities._columns import (
    as_dates,
    as_labels,
    as_numbers,
    isna,
    kind_of,
    missing,
    show,
)

DAY = dt.date(2024, 1, 31)
HOUR = dt.timedelta(hours=1)


def series(*values, dtype=object):
    return pd.Series(list(values), dtype=dtype, name="c")


KINDS = {
    "number": [
        series(1, 2, dtype="int64"),
        series(1, None, dtype="Int64"),
        series(1.5, None, dtype="Float32"),
        series(1, 2, dtype="uint8"),
        series(HOUR, None, dtype="timedelta64[ns]"),
        series(HOUR, None),
        series(1, None, 2.5, Decimal("3.25"), np.float32(4), True),
        series("1.5", "1.5", "1.5", dtype="str"),
        series("1", "2", "3", None, dtype="str"),
        series("-1e3", " 7 ", ""),
        series(1, 2, dtype="int64[pyarrow]"),
        series(10**30, 1),
    ],
    "boolean": [
        series(True, False, dtype="bool"),
        series(True, None, dtype="boolean"),
        series(True, None, np.False_),
        series(True, None, dtype="bool[pyarrow]"),
    ],
    "date": [
        series(DAY, None, dtype="datetime64[ns]"),
        series(pd.Timestamp(DAY, tz="Asia/Tokyo"), dtype="datetime64[us, Asia/Tokyo]"),
        series(pd.Period("2024-01", "M"), dtype="period[M]"),
        series(DAY, None, pd.Timestamp(DAY), np.datetime64("2024-01-31")),
        series("2024-01-31", "2024/02/01", None, dtype="str"),
        series("2024-01-31T10:00", "2024-01-31 10:00:00.5Z"),
        series(DAY, dtype="date32[pyarrow]"),
    ],
    "category": [
        series("a", "b", None, dtype="str"),
        series(1, 2, 1, dtype="category"),
        series(True, False, dtype="category"),
        series("02139", "02139", "02139", "10001", dtype="str"),
        series(1, "a", None),
        series(1, "2", 3),
        series("2024-02-30", "2024-01-01"),
        series("31/01/2024", "01/02/2024"),
        series("inf", "nan"),
        series(pd.Interval(0, 1), dtype="interval"),
        series("a", None, dtype="string[pyarrow]"),
    ],
    "empty": [
        series(None, np.nan, pd.NA, pd.NaT, "", "  "),
        series(None, None, dtype="float64"),
        series(None, None, dtype="datetime64[ns]"),
        series(None, " ", dtype="category"),
        series(),
    ],
}


@pytest.mark.parametrize(
    ("kind", "column"), [(kind, c) for kind, found in KINDS.items() for c in found]
)
def test_kind_of_a_column_is_what_a_person_would_say(kind, column):
    assert kind_of(column) == kind


@pytest.mark.parametrize("cell", [np.zeros(2), [1], {"a": 1}, b"x", {1}])
def test_cells_that_no_table_holds_are_named_with_their_row(cell):
    message = r"column 'c', row 1: .*argument must be a string, a number.*'vector'"
    with pytest.raises(CellTypeError, match=message) as caught:
        kind_of(series(None, cell, 2))
    assert type(cell).__name__ in str(caught.value)


@pytest.mark.parametrize("dtype", [object, "complex128"])
def test_complex_numbers_are_refused_in_scikit_learn_words(dtype):
    with pytest.raises(ModalityError, match="Complex data not supported"):
        kind_of(series(1j, 2.0, dtype=dtype))


def test_missing_is_one_thing_in_every_dtype():
    gaps = [None, np.nan, pd.NA, pd.NaT, "", "\t ", "a", 0, False]
    assert missing(series(*gaps)).tolist() == [True] * 6 + [False] * 3
    for dtype in ("str", "category", "string[pyarrow]"):
        assert missing(series(None, " ", "a", dtype=dtype)).tolist() == [1, 1, 0]
    assert missing(series(None, 0, dtype="Int64")).tolist() == [True, False]


def test_numbers_of_every_dtype_become_float64():
    column = series(1, None, 2.5, Decimal("3.25"), "4", "", True, HOUR)
    expected = [1, np.nan, 2.5, 3.25, 4, np.nan, 1, 1 / 24]
    np.testing.assert_array_equal(as_numbers(column), expected)
    hours = series(HOUR, None, dtype="timedelta64[ns]")
    np.testing.assert_allclose(as_numbers(hours), [1 / 24, np.nan])
    assert as_numbers(series(2**62, 10**30)).dtype == np.float64


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("abc", "'abc'"),
        (10**400, "1000"),
        (pd.Timestamp(DAY), "Timestamp"),
        ([1], r"\[1\]"),
        (1j, "1j"),
        (np.inf, "a finite number, got inf"),
        ("-inf", "a finite number, got '-inf'"),
        ("x" * 10_000, "xxx...xxx"),
    ],
)
def test_what_is_no_number_is_named_with_column_row_and_value(cell, shown):
    with pytest.raises(CellError, match=f"column 'c', row 2: .*{shown}") as caught:
        as_numbers(series(1, None, cell, cell))
    assert len(str(caught.value)) < 200


def test_infinity_in_a_float_column_is_shown_without_numpys_wrapping():
    with pytest.raises(CellError, match=r"got -inf; correct it"):
        as_numbers(series(0.0, -np.inf, dtype="float64"))


def test_unreadable_numbers_count_as_missing_when_asked_with_one_warning():
    column = series(1, "abc", 2, "def")
    with pytest.warns(MissingModalityWarning, match=r"2 of 4 cells.*'c', row 1"):
        numbers = as_numbers(column, "missing")
    np.testing.assert_array_equal(numbers, [1, np.nan, 2, np.nan])
    np.testing.assert_array_equal(as_numbers(column, "silent"), numbers)


def test_dates_of_every_spelling_become_one_type():
    column = series(DAY, None, "2024-01-31T00:00", "2024-01-31 02:00+02:00", "")
    dates = as_dates(column)
    assert dates.dtype == "datetime64[us]"
    assert np.isnat(dates).tolist() == [False, True, False, False, True]
    assert set(dates[~np.isnat(dates)]) == {np.datetime64("2024-01-31", "us")}
    monthly = series(pd.Period("2024-01", "M"), dtype="period[M]")
    assert as_dates(monthly)[0] == np.datetime64("2024-01-01")


def test_dates_with_a_time_zone_keep_the_clock_on_the_wall():
    column = series(pd.Timestamp("2024-01-31 09:00", tz="Asia/Tokyo"))
    column = column.astype("datetime64[us, Asia/Tokyo]")
    assert as_dates(column)[0] == np.datetime64("2024-01-31T09:00")


def test_dates_far_from_now_do_not_overflow():
    column = series(dt.date(1, 1, 1), dt.date(9999, 12, 31))
    assert as_dates(column).astype("datetime64[Y]").astype(str).tolist() == [
        "0001",
        "9999",
    ]


@pytest.mark.parametrize("cell", [3, 2.5, "31/01/2024", "soon", [DAY]])
def test_what_is_no_date_is_named_with_column_row_and_value(cell):
    with pytest.raises(CellError, match=r"column 'c', row 1: expected a date"):
        as_dates(series(DAY, cell))
    assert np.isnat(as_dates(series(DAY, cell), "silent")).tolist() == [False, True]


def test_labels_that_read_alike_are_one():
    codes, labels = as_labels(series(85255, 85255.0, "85255", " 85255", None, "", "b"))
    assert labels == ["85255", "b"]
    assert codes.tolist() == [0, 0, 0, 0, -1, -1, 1]


@pytest.mark.parametrize(
    "cell", [1, 1.0, True, np.True_, np.float32(1), Decimal("1.00")]
)
def test_a_label_does_not_depend_on_the_rows_around_it(cell):
    assert as_labels(series(cell))[1] == as_labels(series(1, cell, "a"))[1][:1] == ["1"]


@pytest.mark.parametrize("dtype", ["str", "category", object])
def test_labels_are_the_same_for_every_dtype(dtype):
    codes, labels = as_labels(series("b", None, "a", "b", dtype=dtype))
    assert [labels[c] if c >= 0 else None for c in codes] == ["b", None, "a", "b"]


@pytest.mark.parametrize(
    "cell", [["b"], {"b"}, np.zeros(2), np.array(1), {"b": 1}, (np.zeros(2),)]
)
def test_a_container_among_categories_counts_as_missing_when_asked(cell):
    with pytest.warns(
        MissingModalityWarning, match=r"1 of 3 .* expected a single value"
    ):
        codes, labels = as_labels(series("a", None, cell), "missing")
    assert (codes.tolist(), labels) == ([0, -1, -1], ["a"])


def test_numbers_of_more_digits_than_python_writes_are_labels_and_shown():
    huge = 10**5000
    assert as_labels(series(huge, huge + 1))[0].tolist() == [0, 1]
    assert show(huge) == "<int>"
    with pytest.raises(CellError, match="expected a number, got <int>"):
        as_numbers(series(1, huge))


def test_a_nan_that_forbids_comparison_is_missing():
    column = series(1.5, Decimal("sNaN"), None)
    assert isna(column).tolist() == missing(column).tolist() == [False, True, True]
    np.testing.assert_array_equal(as_numbers(column), [1.5, np.nan, np.nan])
    assert as_labels(column)[0].tolist() == [0, -1, -1]


@pytest.mark.parametrize(
    "cell", [np.array(1j), np.complex64(1), dt.timedelta.max, np.longdouble("1e400")]
)
def test_odd_numbers_are_refused_without_a_warning(cell):
    with pytest.raises(CellError, match=r"column 'c', row 1: expected a"):
        as_numbers(series(1, cell))


def test_a_list_among_categories_is_named():
    column = series("a", None, ["b"])
    with pytest.raises(CellError, match=r"row 2: expected a single value, got \['b'\]"):
        as_labels(column)
    codes, labels = as_labels(column, "silent")
    assert (codes.tolist(), labels) == ([0, -1, -1], ["a"])
    assert column[2] == ["b"], "the frame was changed"
