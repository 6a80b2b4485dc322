"""Columns: what one dataframe column holds, and its cells as numbers, dates, labels.

Missing is None, NaN, NaT, ``pandas.NA`` and a blank string, everywhere.
"""

from __future__ import annotations

import re
import reprlib
import warnings
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from decimal import Decimal
from numbers import Complex, Real
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import (
    is_bool_dtype,
    is_datetime64_any_dtype,
    is_numeric_dtype,
    is_timedelta64_dtype,
)

from skmm.exceptions import (
    CellError,
    CellTypeError,
    MissingModalityWarning,
    ModalityError,
)

__all__ = ["Kind", "cells", "isna", "kind_of", "missing", "refuse", "show"]
__all__ += ["as_dates", "as_labels", "as_numbers"]

Kind = Literal["number", "boolean", "date", "category", "empty"]

BOOLEANS = (bool, np.bool_)
DATES = (date, np.datetime64)  # datetime and pandas.Timestamp are dates too
DURATIONS = (timedelta, np.timedelta64)
NUMBERS = (Real, Decimal)

_DAY = pd.Timedelta(days=1)
_ISO_DATE = re.compile(
    r"\s*\d{4}[-/]\d\d[-/]\d\d([T ]\d\d:\d\d(:\d\d([.,]\d+)?)?\S*)?\s*"
)


def show(value: object) -> str:
    """Write a cell briefly, for a message."""
    try:
        return reprlib.repr(value.item() if isinstance(value, np.generic) else value)
    except Exception:  # such as an int of more digits than Python writes
        return f"<{type(value).__name__}>"


def cells(column: pd.Series) -> tuple[NDArray, NDArray]:
    """Give a column's cells as Python objects, and which of them are missing.

    Parameters
    ----------
    column : pandas.Series of shape (n_samples,)

    Returns
    -------
    values : ndarray of object, shape (n_samples,)
    missing : ndarray of bool, shape (n_samples,)
    """
    values = column.to_numpy(dtype=object, copy=True)
    blank = (isinstance(value, str) and not value.strip() for value in values)
    return values, isna(values) | np.fromiter(blank, bool, len(values))


def isna(values: pd.Series | NDArray) -> NDArray:
    """Tell which cells are None, NaN, NaT or ``pandas.NA``.

    Parameters
    ----------
    values : pandas.Series or ndarray of shape (n_samples,)

    Returns
    -------
    missing : ndarray of bool, shape (n_samples,)
    """
    try:
        return np.asarray(pd.isna(values), dtype=bool)
    except ArithmeticError:  # a NaN of Decimal that cannot be compared
        found = np.array(values, dtype=object)
        signals = [isinstance(v, Decimal) and v.is_snan() for v in found]
        found[signals] = None
        return pd.isna(found)


def missing(column: pd.Series) -> NDArray:
    """Tell which cells of a column are missing.

    Parameters
    ----------
    column : pandas.Series of shape (n_samples,)

    Returns
    -------
    missing : ndarray of bool, shape (n_samples,)
    """
    if _is_plain(column, is_numeric_dtype) or _is_plain(
        column, is_datetime64_any_dtype
    ):
        return isna(column)
    if isinstance(column.dtype, (pd.StringDtype, pd.CategoricalDtype)):
        return as_labels(column)[0] < 0  # looks at each distinct string once
    return cells(column)[1]


def kind_of(column: pd.Series) -> Kind:
    """Decide what a column of a table holds.

    Parameters
    ----------
    column : pandas.Series of shape (n_samples,)

    Returns
    -------
    kind : {"number", "boolean", "date", "category", "empty"}
        Strings are numbers where all of them parse and most are distinct or have
        a fractional part; dates where all are written as in ISO 8601; otherwise
        categories, as numbers and strings mixed are. A duration is a number.

    Raises
    ------
    CellTypeError
        If a cell is none of these: an array, a list, bytes.
    ModalityError
        If a cell is a complex number.
    """
    if missing(column).all():
        return "empty"
    if isinstance(column.dtype, (pd.CategoricalDtype, pd.IntervalDtype)):
        return "category"
    if isinstance(column.dtype, pd.PeriodDtype):
        return "date"
    if _is_plain(column, is_bool_dtype):
        return "boolean"
    if _is_plain(column, is_numeric_dtype) and column.dtype.kind != "c":
        return "number"
    if _is_plain(column, is_datetime64_any_dtype):
        return "date"
    if isinstance(column.dtype, pd.StringDtype):
        codes, labels = as_labels(column)
        return _kind_of_strings(np.array(labels, object), (codes >= 0).sum())
    return _kind_of_cells(column)


def as_numbers(column: pd.Series, on_error: str = "raise") -> NDArray:
    """Read a column of numbers; NaN is missing, durations are days.

    Parameters
    ----------
    column : pandas.Series of shape (n_samples,)
    on_error : {"raise", "missing", "silent"}, default="raise"
        What a cell that is no finite number does.

    Returns
    -------
    numbers : ndarray of float64, shape (n_samples,)

    Raises
    ------
    CellError
        If a cell is no number, or infinite.
    """
    if _is_plain(column, is_numeric_dtype) and column.dtype.kind != "c":
        numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
    elif _is_plain(column, is_timedelta64_dtype):
        numbers = (column / _DAY).to_numpy()
    else:
        numbers = _numbers_of_cells(column, on_error)
    infinite = np.isinf(numbers)
    refuse(column, infinite, "a finite number", on_error)
    return np.where(infinite, np.nan, numbers) if infinite.any() else numbers


def as_dates(column: pd.Series, on_error: str = "raise") -> NDArray:
    """Read a column of dates; times of several zones become UTC.

    Parameters
    ----------
    column : pandas.Series of shape (n_samples,)
    on_error : {"raise", "missing", "silent"}, default="raise"
        What a cell that is no date does.

    Returns
    -------
    dates : ndarray of datetime64[us], shape (n_samples,)
        NaT is missing.

    Raises
    ------
    CellError
        If a cell is no date.
    """
    if isinstance(column.dtype, pd.PeriodDtype):
        dates = column.dt.to_timestamp()
    elif _is_plain(column, is_datetime64_any_dtype):
        dates = column.dt.tz_localize(None)  # the clock on the wall, in its own zone
    else:
        dates = _dates_of_cells(column, on_error)
    return dates.to_numpy(dtype="datetime64[us]")


def as_labels(column: pd.Series, on_error: str = "raise") -> tuple[NDArray, list[str]]:
    """Read a column of categories: numbers and strings that read alike are one.

    Parameters
    ----------
    column : pandas.Series of shape (n_samples,)
    on_error : {"raise", "missing", "silent"}, default="raise"
        What a cell that is no single value does.

    Returns
    -------
    codes : ndarray of int, shape (n_samples,)
        Position in `labels`; -1 is missing.
    labels : list of str
        Distinct texts of the cells, in order of appearance.

    Raises
    ------
    CellError
        If a cell is a list, an array or another container.
    """
    try:
        codes, uniques = pd.factorize(column)
    except TypeError:  # a list or an array has no hash
        values, gaps = cells(column)
        bad = ~gaps & ~np.array([_is_single(value) for value in values])
        refuse(column, bad, "a single value", on_error)
        values[bad | gaps] = None
        codes, uniques = pd.factorize(pd.Series(values, dtype=object))
    texts = [_label(value) for value in uniques]
    places = {text: i for i, text in enumerate(dict.fromkeys(filter(None, texts)))}
    lookup = np.array([*(places.get(text, -1) for text in texts), -1])
    return lookup[codes], list(places)


def _is_single(value: Any) -> bool:
    """Tell whether a value can be a category; a container cannot."""
    try:
        hash(value)
    except TypeError:
        return False
    return isinstance(value, str) or not np.iterable(value)


def _is_plain(column: pd.Series, test: Callable[[Any], bool]) -> bool:
    """Ask a dtype, except where pandas answers for categories or for Arrow's types."""
    dtype = column.dtype
    return not isinstance(dtype, (pd.CategoricalDtype, pd.ArrowDtype)) and test(dtype)


def refuse(
    column: pd.Series,
    bad: NDArray,
    expected: str,
    on_error: str,
    got: str | None = None,
) -> None:
    """Raise for the first bad cell, or warn once that they count as missing.

    Parameters
    ----------
    column : pandas.Series of shape (n_samples,)
    bad : ndarray of bool, shape (n_samples,)
        Which cells are unreadable.
    expected : str
        What a cell should have been.
    on_error : {"raise", "missing", "silent"}
        ``"silent"`` is ``"missing"`` without the warning, for `fit`: `transform`
        reads the same cells again.
    got : str or None, default=None
        What the first bad cell is instead; None means to show it.

    Raises
    ------
    CellError
        If a cell is bad and `on_error` is ``"raise"``.
    """
    if on_error == "silent" or not bad.any():
        return
    row = int(np.argmax(bad))
    problem = f"expected {expected}, got {got or show(column.iloc[row])}"
    if on_error == "raise":
        advice = 'correct it, make it None or NaN, or set on_error="missing".'
        raise CellError(f"{problem}; {advice}", column=column.name, row=row)
    warnings.warn(
        f"{bad.sum()} of {len(bad)} cells could not be read and count as missing; "
        f"the first is column {column.name!r}, row {row}: {problem}.",
        MissingModalityWarning,
        stacklevel=2,
    )


def _kind_of_cells(column: pd.Series) -> Kind:
    values, gaps = cells(column)
    values = values[~gaps]
    types = set(map(type, values))
    if _all(types, str):
        return _kind_of_strings(pd.unique(values), len(values))
    if _all(types, BOOLEANS):
        return "boolean"
    if _all(types, (*NUMBERS, *BOOLEANS)) or _all(types, DURATIONS):
        return "number"
    if _all(types, DATES):
        return "date"
    if _all(types, (str, *NUMBERS, *BOOLEANS, *DATES, *DURATIONS)):
        return "category"
    raise _no_table(column, values, gaps)


def _all(types: Iterable[type], wanted: type | tuple[type, ...]) -> bool:
    return all(issubclass(kind, wanted) for kind in types)


def _no_table(column: pd.Series, values: NDArray, gaps: NDArray) -> ModalityError:
    known = (str, *NUMBERS, *BOOLEANS, *DATES, *DURATIONS)
    place = next(i for i, value in enumerate(values) if not isinstance(value, known))
    if isinstance(values[place], Complex):
        return ModalityError(f"Complex data not supported: column {column.name!r}.")
    return CellTypeError(
        "a table's argument must be a string, a number, a boolean or a date, got "
        f"{show(values[place])} of type {type(values[place]).__name__}; declare the "
        "column as another modality ('vector', 'timeseries', 'image', ...), or "
        "convert it with astype(str).",
        column=column.name,
        row=int(np.flatnonzero(~gaps)[place]),
    )


def _kind_of_strings(distinct: NDArray, n_present: int) -> Kind:
    if all(map(_ISO_DATE.fullmatch, distinct)) and not _parse(distinct).isna().any():
        return "date"
    try:
        numbers = distinct.astype(np.float64)
    except ValueError:
        return "category"
    measured = 2 * len(distinct) > n_present or (numbers % 1 != 0).any()
    return "number" if measured and np.isfinite(numbers).all() else "category"


def _numbers_of_cells(column: pd.Series, on_error: str) -> NDArray:
    values, gaps = cells(column)
    values = np.where(gaps, np.nan, values)
    try:
        with warnings.catch_warnings(), np.errstate(over="ignore"):
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            return values.astype(np.float64)
    except (TypeError, ValueError, OverflowError, np.exceptions.ComplexWarning):
        numbers = [_number(value) for value in values]
    bad = np.array([number is None for number in numbers])
    refuse(column, bad, "a number", on_error)
    return np.array(numbers, dtype=np.float64)


def _number(value: Any) -> float | None:
    if getattr(getattr(value, "dtype", None), "kind", "") == "c":
        return None
    try:
        if isinstance(value, DURATIONS):
            return pd.Timedelta(value) / _DAY
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _dates_of_cells(column: pd.Series, on_error: str) -> pd.Series:
    values, gaps = cells(column)
    known = (str, *DATES)
    bad = ~gaps & ~np.fromiter(
        (isinstance(v, known) for v in values), bool, len(values)
    )
    values[gaps | bad] = None
    dates = _parse(values)
    bad |= ~gaps & dates.isna().to_numpy()
    refuse(column, bad, "a date such as 2024-01-31", on_error)
    return dates


def _parse(values: NDArray) -> pd.Series:
    """Parse dates and ISO 8601 strings; NaT where that fails."""
    series = pd.Series(values, dtype=object)
    parsed = pd.to_datetime(series, format="ISO8601", utc=True, errors="coerce")
    return parsed.dt.tz_localize(None)


def _label(value: Any) -> str:
    """Text of a category, "" if blank; what compares equal reads alike.

    1, 1.0, True and Decimal("1.00") are one key for pandas, so one label too.
    """
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, BOOLEANS):
        value = int(value)
    elif isinstance(value, (float, np.floating)) and float(value).is_integer():
        value = int(value)
    try:
        return str(value).strip()
    except ValueError:  # an int of more digits than Python writes in decimals
        return hex(value)
