"""Tabular: numbers, categories, booleans and dates in one array."""

from __future__ import annotations

import math
from numbers import Integral
from typing import Any, Self, TypedDict

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import check_scalar
from sklearn.utils.validation import check_is_fitted

from skmm.exceptions import ModalityError
from skmm.frame import ModalitySpec
from skmm.modalities._base import Encoded, Modality
from skmm.modalities._columns import (
    Kind,
    as_dates,
    as_labels,
    as_numbers,
    kind_of,
    missing,
)

__all__ = ["TabularModality"]

CLIP = 3.0  # RealMLP's bound on a scaled number
_CYCLES = ("month", "weekday", "hour")


class _Column(TypedDict):
    """What is learned of one column, in plain values: the state is pickled often."""

    kind: Kind
    has_gaps: bool
    center: float
    scale: float
    edges: list[float]  # of its bins; empty where numbers are not binned
    cycles: list[str]
    categories: list[str]
    is_coded: bool


class TabularModality(Modality):
    r"""Numbers, categories, booleans and dates of a table as one array.

    A number :math:`x` becomes :math:`z / \sqrt{1 + (z/3)^2}` with
    :math:`z = (x - \mathrm{median}) / \mathrm{IQR}`: outliers, however far out,
    stay within -3 and 3. Where the interquartile range is 0, half the range stands
    in; a constant column becomes 0. What is missing becomes 0, the median, beside
    a column that says so if the training rows had gaps. Dates are numbers of days,
    with sine and cosine of the month, weekday and hour that vary.

    With `n_bins`, a number becomes codes instead, one for each bin between
    neighbouring quantiles :math:`b_0 < \dots < b_T` of the training rows:
    :math:`(x - b_{t-1}) / (b_t - b_{t-1})`, cut off at 0 and 1, so that a linear layer
    behind them is a curve of T straight pieces. Only the first code goes below 0, to
    -3, and only the last above 1, to 3, for what lies outside the training rows.

    Categories are one-hot where they are few; otherwise codes, in the last columns
    of the array, for an encoder to embed.

    Parameters
    ----------
    categorical : str or sequence of str, default=()
        Columns that hold categories whatever their cells look like: zip codes and
        other numbers that only name.
    max_one_hot : int, default=9
        Largest number of categories that are written one-hot, 0 or more.
    min_frequency : int, default=2
        Training rows a category of a column with more than `max_one_hot` of them
        must have, 1 or more. Rarer ones share code 0 with those unseen in
        training, so that the network has met code 0 before it must predict.
    n_bins : int, default=0
        Bins of as many training rows each that a number, boolean or date is coded by,
        0 or more; 0 scales numbers instead. Equal edges are merged: a column of two
        values has one bin, from 0 to 1. `MLPEncoder` lays no waves beside codes.

    Attributes
    ----------
    columns_ : list of dict
        What was learned of each column: its kind, whether it had gaps, center, scale
        and edges of the bins of its numbers, cycles of its dates, its categories.
    column_names_ : list
        Labels of the columns.

    See Also
    --------
    skmm.modalities.vector.VectorModality : Numbers alone, standardised.

    References
    ----------
    Holzmüller, Grinsztajn and Steinwart (2024). Better by Default: Strong
    Pre-Tuned MLPs and Boosted Trees on Tabular Data. arXiv:2407.04491, section 3.
    Gorishniy, Rubachev and Babenko (2022). On Embeddings for Numerical Features in
    Tabular Deep Learning. arXiv:2203.05556, section 3.2, equation 1 (bins).

    Examples
    --------
    >>> import pandas as pd
    >>> from skmm.modalities.tabular import TabularModality
    >>> X = pd.DataFrame({"age": [31.0, None, 54.0], "sex": ["F", "M", None]})
    >>> table = TabularModality().fit(X)
    >>> table.spec("clinical").feature_names
    ('age', 'sex_F', 'sex_M', 'missingindicator_age', 'missingindicator_sex')
    >>> table.transform(X).array.round(2)
    array([[-0.95,  1.  ,  0.  ,  0.  ,  0.  ],
           [ 0.  ,  0.  ,  1.  ,  1.  ,  0.  ],
           [ 0.95,  0.  ,  0.  ,  0.  ,  1.  ]], dtype=float32)
    >>> X = pd.DataFrame({"x": [0, 1, 3, 4, 9]})
    >>> binned = TabularModality(n_bins=2).fit(X)
    >>> binned.spec("t").feature_names, binned.columns_[0]["edges"]
    (('x_bin_0', 'x_bin_1'), [0.0, 3.0, 9.0])
    >>> binned.transform(X).array.round(2)
    array([[0.  , 0.  ],
           [0.33, 0.  ],
           [1.  , 0.  ],
           [1.  , 0.17],
           [1.  , 1.  ]], dtype=float32)
    """

    kind = "tabular"

    def __init__(
        self,
        categorical: str | tuple[str, ...] = (),
        max_one_hot: int = 9,
        min_frequency: int = 2,
        n_bins: int = 0,
    ):
        self.categorical = categorical
        self.max_one_hot = max_one_hot
        self.min_frequency = min_frequency
        self.n_bins = n_bins

    def fit(
        self,
        X: pd.DataFrame,
        y: Any = None,
        *,
        on_error: str = "raise",
        n_jobs: int | None = None,
    ) -> Self:
        """Learn the kinds, scales and categories of the columns."""
        forced = self._check_parameters(X)
        columns = [X.iloc[:, j] for j in range(X.shape[1])]
        gaps = np.column_stack([np.zeros((len(X), 0), bool), *map(missing, columns)])
        present = ~gaps.all(axis=1)
        quiet = "raise" if on_error == "raise" else "silent"
        self.columns_ = [
            self._learn(column, column.name in forced, bool(gap.any()), quiet)
            for column, gap in zip(columns, gaps[present].T, strict=True)
        ]
        self.column_names_ = list(X.columns)
        return self

    def transform(
        self, X: pd.DataFrame, *, on_error: str = "raise", n_jobs: int | None = None
    ) -> Encoded:
        """Write every column as numbers from -3 to 3, or codes."""
        check_is_fitted(self)
        if X.shape[1] != len(self.columns_):
            raise ModalityError(
                f"this table was fitted on {len(self.columns_)} columns "
                f"{self.column_names_}, got {X.shape[1]}: {list(X.columns)}."
            )
        gaps = np.ones(X.shape, dtype=bool)
        blocks, codes = [], []
        if numeric := self._places("number", "boolean"):
            numbers = _numbers(X.iloc[:, numeric], on_error)
            gaps[:, numeric] = np.isnan(numbers)
            blocks.append(_features(numbers, [self.columns_[j] for j in numeric]))
        for j in self._places("date"):
            dates = as_dates(X.iloc[:, j], on_error)
            gaps[:, j] = np.isnat(dates)
            blocks.append(_date_features(dates, self.columns_[j]))
        for j in self._places("category"):
            code, gaps[:, j] = _codes(X.iloc[:, j], self.columns_[j], on_error)
            n_categories = len(self.columns_[j]["categories"])
            if self.columns_[j]["is_coded"]:
                codes.append(code)
            else:
                blocks.append(code == np.arange(1, n_categories + 1))
        indicated = [j for j, column in enumerate(self.columns_) if column["has_gaps"]]
        parts = [*blocks, gaps[:, indicated], *codes]
        array = np.concatenate(parts, axis=1, dtype=np.float32)
        present = np.any(~gaps, axis=1)
        array[~present] = 0
        return Encoded(array, present)

    def spec(self, name: str) -> ModalitySpec:
        """Describe the array that `transform` returns."""
        check_is_fitted(self)
        features = self._feature_names()
        coded = [c["categories"] for c in self.columns_ if c["is_coded"]]
        return ModalitySpec(
            name,
            self.kind,
            shape=(len(features),),
            dtype="float32",
            encoder="mlp",
            feature_names=tuple(features),
            cardinalities=tuple(len(categories) + 1 for categories in coded),
            n_numbers=self._n_numbers(),
        )

    def _check_parameters(self, X: pd.DataFrame) -> set:
        check_scalar(self.max_one_hot, "max_one_hot", int, min_val=0)
        check_scalar(self.min_frequency, "min_frequency", int, min_val=1)
        check_scalar(self.n_bins, "n_bins", Integral, min_val=0)
        names = self.categorical
        forced = {names} if isinstance(names, str) else set(names)
        unknown = forced - set(X.columns)
        if unknown:
            raise ModalityError(
                f"categorical names {sorted(map(str, unknown))}, but the columns of "
                f"this table are {list(X.columns)}."
            )
        return forced

    def _learn(
        self, column: pd.Series, is_forced: bool, has_gaps: bool, on_error: str
    ) -> _Column:
        kind = _forced_kind(column) if is_forced else kind_of(column)
        learned = _Column(
            kind=kind,
            has_gaps=has_gaps and kind != "empty",
            center=0.0,
            scale=math.inf,
            edges=[],
            cycles=[],
            categories=[],
            is_coded=False,
        )
        if kind == "category":
            learned["categories"] = self._categories(*as_labels(column, on_error))
            learned["is_coded"] = len(learned["categories"]) > self.max_one_hot
        elif kind != "empty":
            dates = as_dates(column, on_error) if kind == "date" else None
            numbers = as_numbers(column, on_error) if dates is None else _days(dates)
            learned["center"], learned["scale"] = _center_and_scale(numbers)
            learned["edges"] = _edges(numbers, self.n_bins)
            if dates is not None:
                learned["cycles"] = [c for c in _CYCLES if _varies(_phase(dates, c))]
        return learned

    def _categories(self, codes: NDArray, labels: list[str]) -> list[str]:
        if len(labels) <= self.max_one_hot:
            return sorted(labels)
        counts = np.bincount(codes[codes >= 0], minlength=len(labels))
        return sorted(np.array(labels, object)[counts >= self.min_frequency])

    def _places(self, *kinds: Kind) -> list[int]:
        return [j for j, column in enumerate(self.columns_) if column["kind"] in kinds]

    def _n_numbers(self) -> int:
        """Count the columns of the array that come of numbers, booleans and dates.

        0 where these are coded by bins: codes bend at the edges, no need of waves.
        """
        if any(column["edges"] for column in self.columns_):
            return 0
        dates = [self.columns_[j]["cycles"] for j in self._places("date")]
        width = sum(1 + 2 * len(cycles) for cycles in dates)
        return len(self._places("number", "boolean")) + width

    def feature_columns(self) -> list:
        """Tell which column each feature of the array is of.

        Returns
        -------
        columns : list of length n_features
            Labels of columns, as in `column_names_`.
        """
        check_is_fitted(self)
        return [label for label, _ in self._features()]

    def _feature_names(self) -> list[str]:
        """Name the columns of the array; no two alike."""
        return _distinct([name for _, name in self._features()])

    def _features(self) -> list[tuple[Any, str]]:
        """List column and name of each feature, in the order of `transform`."""
        columns = list(zip(self.column_names_, self.columns_, strict=True))
        found: list[tuple[Any, str]] = []
        for label, column in (columns[j] for j in self._places("number", "boolean")):
            found += [(label, name) for name in _number_names(label, column)]
        for label, column in (columns[j] for j in self._places("date")):
            found += [(label, name) for name in _number_names(label, column)]
            for cycle in column["cycles"]:
                found += [(label, f"{label}_{cycle}_{wave}") for wave in ("sin", "cos")]
        for label, column in columns:
            if not column["is_coded"]:
                found += [(label, f"{label}_{c}") for c in column["categories"]]
        found += [(n, f"missingindicator_{n}") for n, c in columns if c["has_gaps"]]
        found += [(label, str(label)) for label, c in columns if c["is_coded"]]
        return found


def _forced_kind(column: pd.Series) -> Kind:
    return "empty" if missing(column).all() else "category"


def _number_names(label: Any, column: _Column) -> list[str]:
    n_codes = len(column["edges"]) - 1
    return [f"{label}_bin_{t}" for t in range(n_codes)] if n_codes > 1 else [str(label)]


def _distinct(names: list[str]) -> list[str]:
    unique: dict[str, None] = {}
    for name in names:
        while name in unique:
            name += "_"
        unique[name] = None
    return list(unique)


def _center_and_scale(numbers: NDArray) -> tuple[float, float]:
    """Median and interquartile range, half the range where that is 0, or infinity.

    Of halves, because two float64 can differ by more than a float64 holds.
    """
    halves = numbers[~np.isnan(numbers)] / 2
    if not len(halves):
        return 0.0, np.inf
    low, center, high = np.percentile(halves, [25, 50, 75])
    scale = high - low or (halves.max() / 2 - halves.min() / 2) or np.inf
    return 2 * float(center), 2 * float(scale)


def _edges(numbers: NDArray, n_bins: int) -> list[float]:
    """Quantiles that differ, each the number of a row; the last is infinite if alone.

    Of halves, as for the scale. More bins than rows would only repeat edges.
    """
    halves = numbers[~np.isnan(numbers)] / 2
    if not n_bins:
        return []
    if not len(halves):
        return [0.0, math.inf]
    shares = np.linspace(0, 1, 1 + min(n_bins, len(halves) - 1))
    edges = 2 * np.unique(np.quantile(halves, shares, method="nearest"))
    return edges.tolist() if len(edges) > 1 else [float(edges[0]), math.inf]


def _numbers(X: pd.DataFrame, on_error: str) -> NDArray:
    """Read columns of numbers; all at once where they are plain and finite."""
    if all(isinstance(t, np.dtype) and t.kind in "biuf" for t in X.dtypes):
        numbers = X.to_numpy(dtype=np.float64)
        if not np.isinf(numbers).any():
            return numbers
    columns = [as_numbers(X.iloc[:, j], on_error) for j in range(X.shape[1])]
    return np.column_stack(columns)


def _features(numbers: NDArray, columns: list[_Column]) -> NDArray:
    """Code each number by its column's bins where it has some; scale it otherwise."""
    if not columns[0]["edges"]:
        return _scaled(numbers, columns)
    return np.column_stack([*map(_binned, numbers.T, columns)])


def _binned(numbers: NDArray, column: _Column) -> NDArray:
    """Code numbers by bins, as (n_samples, n_bins); what is missing as the median."""
    halves = np.where(np.isnan(numbers), column["center"], numbers)[:, np.newaxis] / 2
    edges = np.array(column["edges"]) / 2
    low, high = np.zeros(len(edges) - 1), np.ones(len(edges) - 1)
    low[0], high[-1] = -CLIP, CLIP
    with np.errstate(over="ignore"):
        codes = (halves - edges[:-1]) / np.diff(edges)
    return np.clip(codes, low, high).astype(np.float32)


def _scaled(numbers: NDArray, columns: list[_Column]) -> NDArray:
    """Centre, scale and smoothly clip; what is missing becomes 0, the median."""
    center = np.array([column["center"] for column in columns])
    scale = np.array([column["scale"] for column in columns])
    with np.errstate(over="ignore"):
        z = (numbers / 2 - center / 2) / (scale / 2)
    z = np.clip(z, -1e9, 1e9)
    z[np.isnan(z)] = 0
    return z / np.sqrt(1 + (z / CLIP) ** 2)


def _date_features(dates: NDArray, column: _Column) -> NDArray:
    features = [_features(_days(dates)[:, np.newaxis], [column])]
    for cycle in column["cycles"]:
        angle = 2 * np.pi * _phase(dates, cycle)
        wave = np.column_stack([np.sin(angle), np.cos(angle)])
        wave[np.isnat(dates)] = 0
        features.append(wave)
    return np.column_stack(features)


def _codes(cells: pd.Series, column: _Column, on_error: str) -> tuple[NDArray, NDArray]:
    """Codes from 1 as one column, 0 for missing and unseen; and which are missing."""
    codes, labels = as_labels(cells, on_error)
    places = {text: i for i, text in enumerate(column["categories"], start=1)}
    # Position -1, the last, is where as_labels points for what is missing.
    lookup = np.array([*(places.get(text, 0) for text in labels), 0])
    return lookup[codes][:, np.newaxis], codes < 0


def _varies(phase: NDArray) -> bool:
    return len(np.unique(phase[~np.isnan(phase)])) > 1


def _days(dates: NDArray) -> NDArray:
    """Days since 1970-01-01, NaN where missing."""
    return (dates - np.datetime64(0, "us")) / np.timedelta64(1, "D")


def _phase(dates: NDArray, cycle: str) -> NDArray:
    """Place within a year, a week or a day, from 0 to 1; NaN where missing."""
    days = _days(dates)
    if cycle == "month":
        months = dates.astype("datetime64[M]").astype(np.int64) % 12
        return np.where(np.isnat(dates), np.nan, months / 12)
    if cycle == "weekday":
        return np.floor(days) % 7 / 7
    return days % 1
