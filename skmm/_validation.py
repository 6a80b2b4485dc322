"""Frames of every kind become pandas; columns are selected as scikit-learn does.

Must not import Keras.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.sparse import issparse
from sklearn.utils import check_array

from skmm._compat import column_positions, string_column_names
from skmm.exceptions import ModalityError

__all__ = ["name_columns", "near_miss", "refuse_paths", "select_columns", "to_pandas"]


def to_pandas(
    X: Any, *, feature_names: ArrayLike | None = None, estimator: Any = None
) -> pd.DataFrame:
    """Turn any table into a pandas frame of the same rows and columns.

    Parameters
    ----------
    X : table of shape (n_samples, n_columns)
        A pandas frame (returned as it is), a polars, pyarrow or other eager frame
        that narwhals knows, a 2-D array, a structured array, a list of rows or a
        list of dicts.
    feature_names : array-like of str, default=None
        Names of the columns where `X` has none.
    estimator : estimator, default=None
        Named in scikit-learn's messages.

    Returns
    -------
    frame : pandas.DataFrame of shape (n_samples, n_columns)
        Its columns are integers where `X` has no names and none are given.

    Raises
    ------
    TypeError
        If `X` is sparse, lazy, a mapping or no table at all, or if only some of its
        columns have names.
    ValueError
        If `X` is not 2-D, has no rows or no columns, or holds complex numbers.
    ModalityError
        If two columns have the same name, or `feature_names` does not fit.
    """
    frame = _converted(X, estimator)
    if 0 in frame.shape:  # scikit-learn words it: minimum of 1 sample, 1 feature
        check_array(np.empty(frame.shape), estimator=estimator)
    for name, dtype in frame.dtypes.items():
        if getattr(dtype, "kind", "") == "c":
            raise ValueError(f"Complex data not supported\ncolumn {name!r}: {dtype}")
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()].unique().tolist()
        raise ModalityError(
            f"column names must be unique; {twice} name more than one column. "
            "Rename or drop them."
        )
    if string_column_names(frame) is None and feature_names is not None:
        frame = frame.set_axis(_fitting_names(feature_names, frame.shape[1]), axis=1)
    return frame


def refuse_paths(X: Any) -> None:
    """Say who reads a table from a file.

    Parameters
    ----------
    X : object
        What an estimator was given.

    Raises
    ------
    TypeError
        If it is a path.
    """
    if isinstance(X, (str, os.PathLike)):
        raise TypeError(
            f"X must be a table, got the path {os.fspath(X)!r}. Read it before, with "
            "pandas.read_parquet for example; MultimodalClassifier and "
            "MultimodalRegressor read Parquet themselves, piece by piece."
        )


def name_columns(frame: pd.DataFrame) -> pd.DataFrame:
    """Call columns x0, x1, ... unless all of them have names, as scikit-learn does."""
    if string_column_names(frame) is not None:
        return frame
    return frame.set_axis([f"x{j}" for j in range(frame.shape[1])], axis=1)


def select_columns(frame: pd.DataFrame, columns: Any, name: str) -> list[str]:
    """Find the columns of one modality, selected as in `ColumnTransformer`.

    Parameters
    ----------
    frame : pandas.DataFrame
        Frame whose columns are named by strings.
    columns : str, int, list, slice, mask of bool or callable
        Names, positions, a slice of either, a mask, or a callable that is given
        `frame` and returns one of these.
    name : str
        Name of the modality, for messages.

    Returns
    -------
    selected : list of str
        Names of columns, without repeats.

    Raises
    ------
    ModalityError
        If a column does not exist, is selected twice, or none is selected.
    """
    if callable(columns):
        columns = columns(frame)
    unknown = [c for c in _names_in(columns) if c not in frame.columns]
    if unknown:
        raise ModalityError(
            f"modality {name!r}: there is no column {unknown[0]!r}"
            f"{near_miss(unknown[0], frame.columns)} "
            f"The columns are {_shortened(list(frame.columns))}."
        )
    try:
        positions = column_positions(frame, columns)
    except (TypeError, ValueError, NotImplementedError) as error:
        raise ModalityError(
            f"modality {name!r}: cannot select columns by {columns!r}: {error}"
        ) from error
    if not positions:
        raise ModalityError(f"modality {name!r}: {columns!r} selects no column.")
    selected = [frame.columns[position] for position in positions]
    twice = sorted({c for c in selected if selected.count(c) > 1})
    if twice:
        raise ModalityError(
            f"modality {name!r}: column {twice[0]!r} is selected twice."
        )
    return selected


def near_miss(name: str, known: Iterable[Any]) -> str:
    """Say which known name was probably meant; end the sentence in any case."""
    folded = {str(k).casefold(): k for k in known}
    near = difflib.get_close_matches(str(name).casefold(), folded, n=1)
    return f"; did you mean {folded[near[0]]!r}?" if near else "."


def _converted(X: Any, estimator: Any) -> pd.DataFrame:
    if isinstance(X, pd.DataFrame):
        return X
    refuse_paths(X)
    if issparse(X):
        check_array(X, estimator=estimator)  # scikit-learn words the refusal
    frame = nw.from_native(X, pass_through=True)
    if isinstance(frame, nw.LazyFrame):
        raise TypeError(
            f"a lazy {type(X).__name__} holds no rows yet; call .collect() (Dask: "
            ".compute()) on it first. If its rows do not fit into memory, give "
            "MultimodalClassifier a Dask dataframe or the path of a Parquet file."
        )
    if isinstance(frame, nw.DataFrame):
        return _from_narwhals(frame)
    if isinstance(X, Mapping):
        raise TypeError("X must be a table, got a dict; pass pandas.DataFrame(X).")
    if hasattr(X, "specs"):  # a ModalityFrame; its flat array would pass for a table
        raise TypeError(
            "X is encoded already, and cannot be encoded again; pass the table that "
            "it was made from."
        )
    if isinstance(X, (list, tuple)) and X and isinstance(X[0], _ROWS):
        return _from_rows(X)
    return _from_array(np.asarray(X), estimator)


_ROWS = (list, tuple, Mapping)


def _from_narwhals(frame: nw.DataFrame) -> pd.DataFrame:
    # Only polars is converted here: its own to_pandas needs pyarrow.
    if not frame.implementation.is_polars():
        return frame.to_pandas()
    return pd.DataFrame({c.name: _from_series(c) for c in frame.iter_columns()})


def _from_series(column: Any) -> Any:
    """One column of a polars frame as pandas stores the same values."""
    dtype = column.dtype
    if isinstance(dtype, nw.Decimal):
        return column.cast(nw.Float64()).to_numpy()
    if isinstance(dtype, (nw.Categorical, nw.Enum)):
        return pd.Categorical(column.to_list())
    if isinstance(dtype, nw.Datetime) and dtype.time_zone:
        return pd.Series(column.to_list())
    if isinstance(dtype, (nw.List, nw.Array)) and _innermost(dtype).is_numeric():
        cells = [None if c is None else c.to_numpy() for c in column]
        return pd.Series(cells, dtype=object)
    if isinstance(dtype, nw.String):
        return pd.Series(column.to_list())
    if dtype.is_numeric() or dtype.is_temporal() or isinstance(dtype, nw.Boolean):
        return column.to_numpy()
    return pd.Series(column.to_list(), dtype=object)


def _innermost(dtype: Any) -> Any:
    while isinstance(dtype, (nw.List, nw.Array)):
        dtype = dtype.inner
    return dtype


def _from_rows(rows: list | tuple) -> pd.DataFrame:
    kind = Mapping if isinstance(rows[0], Mapping) else (list, tuple)
    for i, row in enumerate(rows):
        if not isinstance(row, kind):
            raise ValueError(
                f"rows must be alike: row 0 is a {type(rows[0]).__name__}, "
                f"row {i} a {type(row).__name__}."
            )
        if kind is not Mapping and len(row) != len(rows[0]):
            raise ValueError(
                f"rows must have the same number of cells: row 0 has {len(rows[0])}, "
                f"row {i} has {len(row)}."
            )
    return pd.DataFrame(list(rows))


def _from_array(array: np.ndarray, estimator: Any) -> pd.DataFrame:
    if array.dtype.names and array.ndim == 1:
        fields = {name: array[name] for name in array.dtype.names}
        return pd.DataFrame(
            {k: v if v.ndim == 1 else list(v) for k, v in fields.items()}
        )
    if array.ndim > 2:
        raise ValueError(
            f"Found array with dim {array.ndim}, while dim <= 2 is required: X is a "
            "table. Put each row's array into one cell of a column (such as "
            'pandas.DataFrame({"image": list(X)})), or give the array to '
            "BaseNNClassifier or BaseNNRegressor, which take it as it is."
        )
    array = check_array(array, dtype=None, ensure_all_finite=False, estimator=estimator)
    return pd.DataFrame(array, copy=False).infer_objects()


def _fitting_names(feature_names: ArrayLike, n_columns: int) -> list[str]:
    names = np.asarray(feature_names, dtype=object).ravel().tolist()
    if not all(isinstance(name, str) for name in names):
        raise ModalityError(f"feature_names must be strings, got {_shortened(names)}.")
    if len(set(names)) < len(names):
        raise ModalityError(f"feature_names must be unique, got {_shortened(names)}.")
    if len(names) != n_columns:
        raise ModalityError(
            f"feature_names holds {len(names)} names, but X has {n_columns} columns."
        )
    return names


def _names_in(columns: Any) -> list[str]:
    """List the column names that a selection spells out."""
    if isinstance(columns, str):
        return [columns]
    if isinstance(columns, slice):
        columns = [columns.start, columns.stop]
    if not isinstance(columns, Iterable):
        return []
    return [c for c in columns if isinstance(c, str)]


def _shortened(names: list[Hashable], limit: int = 10) -> str:
    shown = ", ".join(repr(name) for name in names[:limit])
    return f"[{shown}{', ...' if len(names) > limit else ''}]"
