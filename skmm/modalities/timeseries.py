"""Time series: nested lists and arrays of any length become one array. No Keras."""

from __future__ import annotations

from collections import Counter
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import check_scalar
from sklearn.utils.validation import check_is_fitted

from skmm.exceptions import ModalityError
from skmm.frame import ModalitySpec
from skmm.modalities._base import Encoded, Modality
from skmm.modalities._cells import (
    as_array,
    check_columns,
    decode_cells,
    is_missing,
    moments,
    sample_rows,
)

__all__ = ["TimeSeriesModality"]

SAMPLE_CELLS = 4096  # cells whose values fit looks at
SAMPLE_STEPS = 2**18  # and steps of them, in all
LARGEST = 1e38  # about what float32 holds
LIMIT = 3.0  # standard deviations; RealMLP's bound on a scaled number
_TOO_LARGE = "infinite values, and beyond 1e38, are refused; None or NaN means a gap"


class TimeSeriesModality(Modality):
    r"""Series of one length, standardised: ``(n_samples, n_steps, n_channels)``.

    A value :math:`x` of a channel with mean :math:`\mu` and standard deviation
    :math:`\sigma` in the sample becomes, as numbers do in a table [1]_,

    .. math::
        \frac{z}{\sqrt{1 + (z / 3)^2}}, \quad z = \frac{x - \mu}{\sigma}.

    Cells may be arrays, tensors, (nested) lists, pandas Series or DataFrames of
    shape (n_steps,) or (n_steps, n_channels), time first, each of its own length;
    NaN, None and ``pd.NA`` inside are gaps, and so is a whole step of None; infinite
    values, and values beyond 1e38, make a series unreadable. Several columns under
    one name are channels side by side. Columns that hold one number a cell are the
    steps of one series instead, in their order.

    Series start at the first step; NaN stands behind their end, as it does in gaps. A
    series longer than `n_steps` (see there) is averaged down, over its gaps; it is
    not cut. An empty series, and one of gaps alone, is missing.

    Parameters
    ----------
    n_steps : "auto" or int, default="auto"
        Number of steps of the output. ``"auto"`` is the length of the longest series
        at fit, at most `max_steps`. Step :math:`i` of a series of length :math:`t`
        goes to step :math:`\lfloor i \, n / \max(n, t, t_{fit}) \rfloor` of :math:`n`,
        :math:`t_{fit}` being `length_`: all series but the longest share one scale
        of time.
    max_steps : int, default=256
        Upper bound of the automatic `n_steps`.
    max_values : int, default=20_000_000
        Series of more numbers, steps times channels, are refused.

    Attributes
    ----------
    n_steps_ : int
        Number of steps of the output.
    length_ : int
        Length in steps of the longest series at fit; if that is more than
        `n_steps_`, the 95th percentile of lengths, at least `n_steps_`.
    n_channels_ : list of int
        Number of channels of each column.
    is_wide_ : bool
        Whether the columns are the steps of one series.
    mean_, scale_ : ndarray of float64, shape (sum(n_channels_),)
        Mean and standard deviation of each channel in the sample.
    n_columns_ : int
        Number of columns at fit.

    See Also
    --------
    skmm.modalities.audio.AudioModality : Sounds, as spectrograms.
    skmm.modalities.vector.VectorModality : Vectors whose entries have no order.

    Notes
    -----
    `fit` takes the length of every series, and looks at the values of no more than
    4096 cells, evenly spaced over the rows.

    References
    ----------
    .. [1] D. Holzmüller, L. Grinsztajn and I. Steinwart, "Better by Default: Strong
       Pre-Tuned MLPs and Boosted Trees on Tabular Data", 2024, arXiv:2407.04491,
       section 3.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmm.modalities.timeseries import TimeSeriesModality
    >>> X = pd.DataFrame({"pulse": [[60, 62, 61], [75, None], None]})
    >>> modality = TimeSeriesModality().fit(X)
    >>> array, present = modality.transform(X)
    >>> array.shape, present.tolist()
    ((3, 3, 1), [True, True, False])
    >>> array[1, :, 0].round(2)
    array([1.49,  nan,  nan], dtype=float32)
    """

    kind: ClassVar[str] = "timeseries"

    def __init__(
        self,
        n_steps: Any = "auto",
        *,
        max_steps: int = 256,
        max_values: int = 20_000_000,
    ):
        self.n_steps = n_steps
        self.max_steps = max_steps
        self.max_values = max_values

    def fit(
        self,
        X: pd.DataFrame,
        y: Any = None,
        *,
        on_error: str = "raise",
        n_jobs: int | None = None,
    ) -> Self:
        """Learn lengths, channels and the statistics of each channel."""
        limit = self._limit()
        rows = sample_rows(X, SAMPLE_CELLS)
        is_wide = _is_wide(X.iloc[rows])
        if is_wide:
            values = _numbers(X, on_error, n_jobs, rows)
            lengths, n_channels = np.array([X.shape[1]]), [1]
            mean, scale = moments(values[rows].reshape(-1, 1))
        else:
            lengths = _lengths(X)
            sample = self._sample(X, rows, on_error, n_jobs)
            n_channels = _count_channels(sample)
            mean, scale = _statistics(sample, n_channels)
        self.n_columns_, self.n_channels_ = X.shape[1], n_channels
        self.is_wide_, self.mean_, self.scale_ = is_wide, mean, scale
        self.length_ = _usual_length(lengths, limit)
        longest = max(1, min(int(lengths.max(initial=0)), limit))
        self.n_steps_ = longest if self.n_steps == "auto" else limit
        return self

    def _limit(self) -> int:
        """Validate the parameters; return the largest number of steps."""
        check_scalar(self.max_steps, "max_steps", Integral, min_val=1)
        check_scalar(self.max_values, "max_values", Integral, min_val=1)
        if isinstance(self.n_steps, str) and self.n_steps == "auto":
            return int(self.max_steps)
        check_scalar(self.n_steps, "n_steps", Integral, min_val=1)
        return int(self.n_steps)

    def transform(
        self, X: pd.DataFrame, *, on_error: str = "raise", n_jobs: int | None = None
    ) -> Encoded:
        """Standardise every series and bring it to the fitted number of steps."""
        check_is_fitted(self)
        check_columns(X, self.n_columns_)
        array = np.full((len(X), *self.spec("series").shape), np.nan, np.float32)
        if self.is_wide_:
            values = _numbers(X, on_error, n_jobs)
            present = ~np.isnan(values).all(axis=1)
            steps = self._steps(values[:, :, None], 0)
            array[:, : steps.shape[1]] = steps
        else:
            present = self._read(X, array, on_error, n_jobs).any(axis=1)
        array[~present] = 0
        return Encoded(array, present)

    def _as_series(self, cell: Any) -> NDArray:
        """Read one cell as float64 of shape (n_steps, n_channels), NaN for gaps."""
        array = as_array(cell)
        if array.ndim not in (1, 2):
            raise ModalityError(
                "a series has shape (n_steps,) or (n_steps, n_channels), and this has "
                f"shape {array.shape}"
            )
        if array.size > self.max_values:
            raise ModalityError(
                f"its {array.size:_} numbers are more than the {self.max_values:_} "
                "that are accepted (parameter max_values)"
            )
        with np.errstate(over="ignore"):  # what is infinite is refused
            array = array.astype(np.float64)
        series = array.reshape(len(array), -1 if array.size else 1)
        if (np.abs(series) > LARGEST).any():
            raise ModalityError(_TOO_LARGE)
        return series

    def _sample(
        self, X: pd.DataFrame, rows: NDArray, on_error: str, n_jobs: int | None
    ) -> list[list[NDArray]]:
        """Read the series of some rows, column by column, in the order of the rows."""
        found: dict[tuple[int, int], NDArray] = {}
        n_steps = max(1, SAMPLE_STEPS // max(1, len(rows)))

        def read(cell: Any, i: int, j: int) -> bool:
            series = self._as_series(cell)
            if not np.isnan(series).all():
                found[i, j] = series[:: max(1, len(series) // n_steps)].copy()
            return True

        decode_cells(X, read, on_error=on_error, n_jobs=n_jobs, rows=rows)
        places = sorted(found)
        return [[found[k] for k in places if k[1] == j] for j in range(X.shape[1])]

    def _read(
        self, X: pd.DataFrame, array: NDArray, on_error: str, n_jobs: int | None
    ) -> NDArray:
        """Write every cell to its place in `array`; tell which cells are present."""
        ends = np.cumsum(self.n_channels_)

        def read(cell: Any, i: int, j: int) -> bool:
            series = self._as_series(cell)
            if np.isnan(series).all():  # also if it is empty
                return False
            n_channels = self.n_channels_[j]
            if series.shape[1] != n_channels:
                raise ModalityError(
                    f"it has {series.shape[1]} channel(s), and this column "
                    f"had {n_channels} at fit; its shape is (n_steps, n_channels)"
                )
            first = int(ends[j]) - n_channels
            steps = self._steps(series, first)
            array[i, : len(steps), first : ends[j]] = steps
            return True

        return decode_cells(X, read, on_error=on_error, n_jobs=n_jobs)

    def _steps(self, values: NDArray, first: int) -> NDArray:
        """Standardise values of shape (..., length, n_channels), then average down.

        `first` is the place of their first channel among all.
        """
        channels = slice(first, first + values.shape[-1])
        z = (values - self.mean_[channels]) / self.scale_[channels]
        z = z / np.hypot(1.0, z / LIMIT)  # hypot: the square of z may overflow
        length, n_steps = z.shape[-2], self.n_steps_
        span = max(n_steps, length, self.length_)
        if span == n_steps:
            return z
        step = np.arange(length) * n_steps // span
        starts = np.flatnonzero(np.diff(step, prepend=-1))
        seen = ~np.isnan(z)
        count = np.add.reduceat(seen, starts, axis=-2, dtype=np.float64)
        total = np.add.reduceat(np.where(seen, z, 0.0), starts, axis=-2)
        return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)

    def spec(self, name: str) -> ModalitySpec:
        """Describe the array that `transform` returns, under the name `name`."""
        check_is_fitted(self)
        shape = (self.n_steps_, len(self.mean_))
        return ModalitySpec(name, self.kind, shape, "float32", "series")


def _is_wide(X: pd.DataFrame) -> bool:
    """Tell whether most cells are single numbers: steps, not series."""
    cells = [cell for cell in X.to_numpy(dtype=object).flat if not is_missing(cell)]
    n_numbers = sum(isinstance(cell, Real) for cell in cells)
    return X.shape[1] > 1 and 2 * n_numbers > len(cells)


def _numbers(
    X: pd.DataFrame, on_error: str, n_jobs: int | None, rows: NDArray | None = None
) -> NDArray:
    """Read columns of single numbers as float64 of shape (n_samples, n_columns)."""
    try:
        values = X.to_numpy(dtype=np.float64, na_value=np.nan)
        if not (np.abs(values) > LARGEST).any():
            return values
    except (TypeError, ValueError, ArithmeticError):
        pass
    values = np.full(X.shape, np.nan)

    def read(cell: Any, i: int, j: int) -> bool:
        if not isinstance(cell, Real):
            raise ModalityError("it is no number, and the cells at fit were")
        if abs(float(cell)) > LARGEST:
            raise ModalityError(_TOO_LARGE)
        values[i, j] = cell
        return True

    decode_cells(X, read, on_error=on_error, n_jobs=n_jobs, rows=rows)
    return values


def _lengths(X: pd.DataFrame) -> NDArray:
    """Lengths of all series, in steps; what has none is left out."""
    found = []
    for j in range(X.shape[1]):
        for cell in X.iloc[:, j].to_numpy(dtype=object):
            sized = hasattr(cell, "__len__") and getattr(cell, "shape", None) != ()
            if sized and not isinstance(cell, (str, bytes, dict)):
                found.append(len(cell))
    return np.array(found, dtype=int)


def _usual_length(lengths: NDArray, limit: int) -> int:
    """Longest length; beyond `limit` its 95th percentile, against a single giant."""
    longest = int(lengths.max(initial=0))
    if longest <= limit:
        return longest
    return max(limit, int(np.percentile(lengths, 95)))


def _count_channels(sample: list[list[NDArray]]) -> list[int]:
    """Count the channels of each column: the number most series of it have."""
    counts = (Counter(series.shape[1] for series in column) for column in sample)
    return [max(c, key=lambda n: c[n], default=1) for c in counts]


def _statistics(
    sample: list[list[NDArray]], n_channels: list[int]
) -> tuple[NDArray, NDArray]:
    """Mean and standard deviation of each channel of each column."""
    found = []
    for column, n in zip(sample, n_channels, strict=True):
        same = [series for series in column if series.shape[1] == n]
        found.append(moments(np.concatenate([np.empty((0, n)), *same])))
    means, scales = zip(*found, strict=True)
    return np.concatenate(means), np.concatenate(scales)
