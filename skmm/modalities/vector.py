"""Vector: arrays of one shape, or several numeric columns, standardised."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from skmm._memory import aligned
from skmm.exceptions import ModalityError
from skmm.frame import ModalitySpec
from skmm.modalities._base import Encoded, Modality
from skmm.modalities._cells import BLOCK, as_array, moments
from skmm.modalities._columns import as_numbers, cells, missing, refuse

__all__ = ["VectorModality"]

Shape = tuple[int, ...]

_UNKNOWN: Shape = (0,)  # of one row, where no training row had any
_LARGEST = float(np.finfo(np.float32).max)
_SMALLEST = float(np.finfo(np.float32).tiny)
_NUMBERS = "finite numbers within the range of a float32"


class VectorModality(Modality):
    r"""Arrays of one shape, such as embeddings or numeric columns, standardised.

    Feature :math:`j` of the last axis becomes :math:`(x_j - \mu_j) / \sigma_j` with
    mean and standard deviation of the training rows. NaN inside a row stays NaN;
    a row whose cell is missing, or that holds nothing but NaN, is absent.

    Parameters
    ----------
    standardize : bool, default=True
        Whether to standardise; False keeps the values as they are.

    Attributes
    ----------
    shape_ : tuple of int
        Shape of one row; ``(0,)`` where no training row had one.
    mean_ : ndarray of float64, shape (shape_[-1],)
        Mean of each feature, 0 without `standardize`.
    scale_ : ndarray of float64, shape (shape_[-1],)
        Standard deviation of each feature; 1 where it is constant and without
        `standardize`.
    feature_names_ : tuple of str or None
        Names of the numeric columns, None where cells hold arrays.

    See Also
    --------
    skmm.modalities.tabular.TabularModality : Mixed columns, gaps and outliers.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from skmm.modalities.vector import VectorModality
    >>> X = pd.DataFrame({"embedding": [np.array([1, 5]), [3, 5], None]})
    >>> VectorModality().fit(X).transform(X).array
    array([[-1.,  0.],
           [ 1.,  0.],
           [ 0.,  0.]], dtype=float32)
    """

    kind = "vector"

    def __init__(self, standardize: bool = True):
        self.standardize = standardize

    def fit(
        self,
        X: pd.DataFrame | NDArray,
        y: Any = None,
        *,
        on_error: str = "raise",
        n_jobs: int | None = None,
    ) -> Self:
        """Learn the shape, means and standard deviations."""
        values = _read(X, None, "raise" if on_error == "raise" else "silent")
        n_features = values.shape[-1]
        mean, scale = np.zeros(n_features), np.ones(n_features)
        if self.standardize and values.size:
            mean, scale = moments(values.reshape(-1, n_features))
            scale[scale < _SMALLEST] = 1.0
        self.shape_ = values.shape[1:]
        self.mean_, self.scale_ = mean, scale
        self.feature_names_ = _names(X, self.shape_)
        return self

    def transform(
        self,
        X: pd.DataFrame | NDArray,
        *,
        on_error: str = "raise",
        n_jobs: int | None = None,
    ) -> Encoded:
        """Stack and standardise."""
        check_is_fitted(self)
        if self.shape_ == _UNKNOWN:
            return Encoded(np.zeros((len(X), 0), np.float32), np.zeros(len(X), bool))
        values = _read(X, self.shape_, on_error)
        present = ~_all_missing(values)
        array = aligned(values.shape, np.float32)
        step = max(1, BLOCK // max(math.prod(self.shape_), 1))
        for start in range(0, len(values), step):
            rows = slice(start, start + step)
            array[rows] = self._scaled(values[rows])
        array[~present] = 0
        return Encoded(array, present)

    def _scaled(self, values: NDArray) -> NDArray:
        if not self.standardize:
            return values
        with np.errstate(over="ignore"):
            scaled = values - self.mean_.astype(values.dtype)
            scaled /= self.scale_.astype(values.dtype)
        return np.clip(scaled, -_LARGEST, _LARGEST, out=scaled)

    def spec(self, name: str) -> ModalitySpec:
        """Describe the array that `transform` returns."""
        check_is_fitted(self)
        return ModalitySpec(
            name,
            self.kind,
            shape=self.shape_,
            dtype="float32",
            encoder="mlp" if len(self.shape_) == 1 else "cnn",
            feature_names=self.feature_names_,
        )


def _read(X: pd.DataFrame | NDArray, shape: Shape | None, on_error: str) -> NDArray:
    """Give rows as floats of shape (n_samples, *shape), NaN where missing."""
    if isinstance(X, np.ndarray):
        return _rows(X, shape)
    if X.shape[1] == 1 and _may_hold_arrays(X.iloc[:, 0]):
        return _stacked(X.iloc[:, 0], shape, on_error)
    return _numeric_columns(X, shape, on_error)


def _rows(X: NDArray, shape: Shape | None) -> NDArray:
    if X.ndim < 2:
        raise ModalityError(
            f"expected an array of shape (n_samples, ...), got {X.shape}; a single "
            "feature is X.reshape(-1, 1), a single row X[np.newaxis]."
        )
    if shape is not None and X.shape[1:] != shape:
        raise ModalityError(f"expected rows of shape {shape}, got {X.shape[1:]}.")
    values = _as_float(as_array(X))
    if not _all_fit(values):
        row = int(np.argmax(_in_rows(np.any, _is_too_large(values))))
        value = values[row][_is_too_large(values[row])][0]
        raise ModalityError(f"row {row}: expected {_NUMBERS}, got {value}.")
    return values


def _stacked(column: pd.Series, shape: Shape | None, on_error: str) -> NDArray:
    """Stack the arrays of one column; the commonest shape is the expected one."""
    cell_values, gaps = cells(column)
    pairs = zip(cell_values, gaps, strict=True)
    arrays = [None if gap else _array(cell) for cell, gap in pairs]
    bad = np.array([array is None for array in arrays], dtype=bool) & ~gaps
    refuse(column, bad, "an array of real numbers", on_error)
    if shape is None:
        shapes = Counter(array.shape for array in arrays if array is not None)
        shape = shapes.most_common(1)[0][0] if shapes else _UNKNOWN
    others = [a.shape if a is not None and a.shape != shape else None for a in arrays]
    bad = np.array([other is not None for other in others], dtype=bool)
    got = f"shape {next(filter(None, others), None)}"
    refuse(column, bad, f"an array of shape {shape}", on_error, got)
    absent = np.full(shape, np.nan, dtype=np.float32)
    fitting = [a if a is not None and a.shape == shape else absent for a in arrays]
    values = _as_float(np.array(fitting).reshape(len(column), *shape))
    return _bounded(column, values, on_error)


def _numeric_columns(X: pd.DataFrame, shape: Shape | None, on_error: str) -> NDArray:
    for j in range(X.shape[1] if X.shape[1] > 1 else 0):
        column = X.iloc[:, j]
        if _may_hold_arrays(column) and not missing(column).all():
            raise ModalityError(
                f"column {column.name!r} holds arrays; a vector is one column of "
                "arrays, or numeric columns alone: give each its own modality."
            )
    if shape is not None and shape != (X.shape[1],):
        raise ModalityError(
            f"expected rows of shape {shape}, got {X.shape[1]} numeric columns: "
            f"{list(X.columns)}."
        )
    values = [np.zeros((len(X), 0))]
    for j in range(X.shape[1]):
        numbers = as_numbers(X.iloc[:, j], on_error)[:, None]
        values.append(_bounded(X.iloc[:, j], numbers, on_error))
    return np.concatenate(values, axis=1)


def _may_hold_arrays(column: pd.Series) -> bool:
    """Tell whether some cell is an array, or all are missing."""
    if missing(column).all():
        return True
    if column.dtype != object and not isinstance(column.dtype, pd.ArrowDtype):
        return False
    return any(
        hasattr(c, "__len__") and not isinstance(c, (str, bytes)) for c in column
    )


def _array(cell: Any) -> NDArray | None:
    try:
        return np.atleast_1d(as_array(cell))
    except ModalityError:
        return None


def _as_float(values: NDArray) -> NDArray:
    """Float32 where that holds the values exactly, otherwise float64."""
    return values.astype(np.result_type(values.dtype, np.float32), copy=False)


def _bounded(column: pd.Series, values: NDArray, on_error: str) -> NDArray:
    if _all_fit(values):
        return values
    bad = _in_rows(np.any, _is_too_large(values))
    refuse(column, bad, _NUMBERS, on_error)
    values = values.copy()
    values[bad] = np.nan
    return values


def _all_fit(values: NDArray) -> bool:
    """Tell whether no number is too large, without an array of flags."""
    top = np.fmax.reduce(values, axis=None, initial=0)
    low = np.fmin.reduce(values, axis=None, initial=0)
    return bool(max(top, -low) <= _LARGEST)


def _all_missing(values: NDArray) -> NDArray:
    """Flag rows that hold nothing; most are seen by their first number."""
    flat = values.reshape(len(values), math.prod(values.shape[1:]))
    gaps = np.isnan(flat[:, 0]) if flat.shape[1] else np.ones(len(flat), dtype=bool)
    gaps[gaps] = np.isnan(flat[gaps]).all(axis=1)
    return gaps


def _is_too_large(values: NDArray) -> NDArray:
    return np.abs(values) > _LARGEST


def _in_rows(test: Callable[..., NDArray], flags: NDArray) -> NDArray:
    """Reduce flags of shape (n_samples, *shape) to shape (n_samples,)."""
    return test(flags, axis=tuple(range(1, flags.ndim)))


def _names(X: pd.DataFrame | NDArray, shape: Shape) -> tuple[str, ...] | None:
    if isinstance(X, np.ndarray) or shape != (X.shape[1],):
        return None
    if X.shape[1] == 1 and _may_hold_arrays(X.iloc[:, 0]):
        return None
    return tuple(map(str, X.columns))
