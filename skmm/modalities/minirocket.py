"""MiniRocket: time series as how often fixed filters exceed thresholds. No Keras."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from functools import reduce
from itertools import combinations, islice
from numbers import Integral
from typing import Any, Self

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.utils import check_random_state, check_scalar
from sklearn.utils.validation import check_is_fitted

from skmm.exceptions import MissingModalityWarning
from skmm.frame import ModalitySpec
from skmm.modalities._base import Encoded, Modality
from skmm.modalities._cells import moments, sample_rows
from skmm.modalities.timeseries import LIMIT, TimeSeriesModality

__all__ = ["MiniRocketModality"]

LENGTH = 9  # weights of a kernel
KERNELS = list(combinations(range(LENGTH), 3))  # where its three weights of 2 stand
MAX_DILATIONS = 32
MAX_CHANNELS = 9  # of one kernel
SAMPLE_ROWS = 4096  # rows that fit looks at
BLOCK = 2**16  # numbers that a thread holds of one channel: they stay in its cache
# No sum has more than 2 ** 9 * 2 ** 15 of these units, so float32 holds it exactly:
# a constant series gives 0, and the order of addition does not matter.
UNIT = 2.0**-15


class MiniRocketModality(Modality):
    r"""Time series as shares of steps at which a filter exceeds a threshold.

    Each of 84 kernels has nine weights, three of them 2 and the others -1. With the
    weights :math:`w`, the dilation :math:`d` and the sum :math:`x` of some channels,

    .. math::
        c_t = \sum_{j=0}^{8} w_j x_{t + (j - 4) d}, \qquad
        \mathrm{PPV} = \frac{1}{|V|} \sum_{t \in V} [c_t > b].

    The series is 0 outside :math:`0, \dots, l - 1`, and :math:`l` is its own length:
    it ends with its last step that is no gap. For every other pair of kernel and
    dilation V holds all :math:`l` steps, for the rest only those steps whose nine
    values all lie inside, :math:`4d \le t < l - 4d`; a series too short to have any
    counts all :math:`l`. Steps behind the end are in no V. A gap inside is 0, the mean
    of its channel, and counts. Output is :math:`z / \sqrt{1 + (z / 3)^2}` of the
    standardised PPV z, in the order of dilations, kernels, thresholds.

    Parameters
    ----------
    n_features : int, default=2016
        Length of the output, 84 or more, rounded down to a multiple of 84. The paper
        has 9996 for a linear model; a fifth leaves the first layer of an MLP small
        enough for few rows, and 24 thresholds for each kernel.
    max_steps : int, default=512
        Longest series that is read step by step; longer ones are averaged down to
        this length (see `TimeSeriesModality`).
    max_values : int, default=20_000_000
        Series of more numbers, steps times channels, are refused.
    random_state : int, RandomState instance or None, default=0
        Draws the series that each threshold is taken from, and the channels.

    Attributes
    ----------
    series_ : TimeSeriesModality
        Reads and standardises the series.
    dilations_, counts_ : ndarray of int, shape (n_dilations,)
        Each dilation, and how many thresholds each kernel has at it. Exponents of 2
        are spaced evenly from 0 to :math:`\log_2((l_{max} - 1) / 8)`, at most 32.
    channels_ : list of list of tuple of int
        The channels that each kernel sums at each dilation: up to nine, their number
        drawn on a log scale.
    biases_ : ndarray of float32, shape (n_features,)
        Thresholds b: quantiles of c over V of one training series for each kernel and
        dilation. The i-th feature takes quantile :math:`i \varphi \bmod 1`,
        :math:`\varphi` being the golden ratio.
    mean_, scale_ : ndarray of float32, shape (n_features,)
        Mean and standard deviation of PPV; scale is infinite where PPV is constant,
        so that such features are 0.

    See Also
    --------
    skmm.modalities.timeseries.TimeSeriesModality : The steps themselves.

    Notes
    -----
    `fit` takes thresholds and statistics from at most 4096 rows, evenly spaced.
    Values are rounded to 2 ** -15 standard deviations, which makes all sums exact.

    References
    ----------
    A. Dempster, D. F. Schmidt and G. I. Webb, "MiniRocket: A Very Fast (Almost)
    Deterministic Transform for Time Series Classification", KDD 2021,
    arXiv:2012.08791, sections 3.1 and 3.2.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from skmm.modalities.minirocket import MiniRocketModality
    >>> X = pd.DataFrame({"pulse": [np.sin(np.arange(50)), np.arange(30), None]})
    >>> rocket = MiniRocketModality(168).fit(X)
    >>> array, present = rocket.transform(X)
    >>> array.shape, present.tolist(), rocket.dilations_.tolist()
    ((3, 168), [True, True, False], [1, 6])
    """

    kind = "vector"

    def __init__(
        self,
        n_features: int = 2016,
        *,
        max_steps: int = 512,
        max_values: int = 20_000_000,
        random_state: Any = 0,
    ):
        self.n_features = n_features
        self.max_steps = max_steps
        self.max_values = max_values
        self.random_state = random_state

    def fit(
        self,
        X: pd.DataFrame,
        y: Any = None,
        *,
        on_error: str = "raise",
        n_jobs: int | None = None,
    ) -> Self:
        """Draw thresholds from training series; learn how PPV spreads over them."""
        check_scalar(self.n_features, "n_features", Integral, min_val=len(KERNELS))
        rng = check_random_state(self.random_state)
        series = TimeSeriesModality(
            max_steps=self.max_steps, max_values=self.max_values
        )
        series.fit(X, on_error=on_error, n_jobs=n_jobs)
        sample = X.iloc[sample_rows(X, SAMPLE_ROWS * X.shape[1])]
        with warnings.catch_warnings():  # `transform` reads all rows, and reports
            warnings.simplefilter("ignore", MissingModalityWarning)
            array, present = series.transform(sample, on_error="missing", n_jobs=n_jobs)
        array = array[present]
        if not len(array):
            array = np.zeros((1, *series.spec("series").shape), np.float32)
        self.series_ = series
        self.dilations_, self.counts_ = _dilations(
            array.shape[1], int(self.n_features) // len(KERNELS)
        )
        self.channels_ = _draw_channels(rng, len(self.dilations_), array.shape[2])
        self.biases_ = self._thresholds(array, rng)
        mean, scale = moments(self._shares(array, n_jobs))
        scale[scale > 0.5] = np.inf  # `moments` has 1 for constants; else it is <= 0.5
        self.mean_, self.scale_ = mean.astype(np.float32), scale.astype(np.float32)
        return self

    def transform(
        self, X: pd.DataFrame, *, on_error: str = "raise", n_jobs: int | None = None
    ) -> Encoded:
        """Filter every series and count; absent rows hold zeros."""
        check_is_fitted(self)
        array, present = self.series_.transform(X, on_error=on_error, n_jobs=n_jobs)
        shares = self._shares(array, n_jobs)
        shares -= self.mean_
        shares /= self.scale_
        shares /= np.hypot(np.float32(1), shares / np.float32(LIMIT))
        shares[~present] = 0
        return Encoded(shares, present)

    def spec(self, name: str) -> ModalitySpec:
        """Describe the array that `transform` returns."""
        check_is_fitted(self)
        shape = (len(self.biases_),)
        return ModalitySpec(name, self.kind, shape, "float32", encoder="mlp")

    def _thresholds(self, array: NDArray, rng: np.random.RandomState) -> NDArray:
        """Take quantiles of what each kernel gives on a series drawn at random."""
        golden = (1 + np.sqrt(5)) / 2
        quantiles = np.arange(1, len(KERNELS) * self.counts_.sum() + 1) * golden % 1
        biases = np.empty(len(quantiles), np.float32)
        first = 0
        for d, count in enumerate(self.counts_):
            for k, row in enumerate(rng.randint(len(array), size=len(KERNELS))):
                one = _prepared(array[row : row + 1])
                output, _ = next(self._filtered(*one, d, [k]))
                features = slice(first, first + count)
                inside = output[np.isfinite(output)]
                biases[features] = np.quantile(inside, quantiles[features])
                first += count
        return biases

    def _shares(self, array: NDArray, n_jobs: int | None) -> NDArray:
        """Compute PPV of standardised series, (n_samples, n_features), in blocks."""
        shares = np.empty((len(array), len(self.biases_)), np.float32)
        step = max(1, BLOCK // array.shape[1])

        def fill(rows: slice) -> None:
            biases, block = iter(enumerate(self.biases_)), _prepared(array[rows])
            for d, count in enumerate(self.counts_):
                for output, size in self._filtered(*block, d):
                    for f, bias in islice(biases, int(count)):
                        above = (output > bias).sum(axis=1, dtype=np.uint32)
                        shares[rows, f] = above / size

        starts = range(0, len(array), step)
        tasks = (delayed(fill)(slice(start, start + step)) for start in starts)
        Parallel(n_jobs=n_jobs, require="sharedmem")(tasks)
        return shares

    def _filtered(
        self,
        x: NDArray,
        lengths: NDArray,
        d: int,
        kernels: Iterable[int] = range(len(KERNELS)),
    ) -> Iterator[tuple[NDArray, NDArray]]:
        """Yield c of each kernel, minus infinity outside V, and the size of V."""
        dilation, n_steps = int(self.dilations_[d]), x.shape[2]
        reach = LENGTH // 2 * dilation
        valid = _valid(lengths, n_steps, reach)
        sizes = [steps.sum(axis=1) for steps in valid]
        wide = np.pad(x, ((0, 0), (0, 0), (reach, reach)))
        at = [slice(j * dilation, j * dilation + n_steps) for j in range(LENGTH)]
        nine = reduce(np.add, (wide[..., steps] for steps in at))
        minus = [np.where(steps, nine, np.inf) for steps in valid]
        wide *= 3  # -1 everywhere and 3 more at three places
        for k in kernels:
            channels, inner = self.channels_[d][k], (d + k) % 2
            plus, rest = _sum(wide, channels), _sum(minus[inner], channels)
            i, j, m = (plus[:, at[place]] for place in KERNELS[k])
            yield i + j + m - rest, sizes[inner]


def _dilations(n_steps: int, n_thresholds: int) -> tuple[NDArray, NDArray]:
    """Spread the thresholds of a kernel over dilations; tell how many each has."""
    largest = np.log2(max((n_steps - 1) / (LENGTH - 1), 1))
    exponents = np.linspace(0, largest, min(n_thresholds, MAX_DILATIONS))
    # 2 ** log2(3) may fall short of 3.
    dilations = np.floor(2**exponents + 1e-9).astype(int)
    return np.unique(np.resize(dilations, n_thresholds), return_counts=True)


def _draw_channels(
    rng: np.random.RandomState, n_dilations: int, n_channels: int
) -> list[list[tuple[int, ...]]]:
    """Draw the channels that each kernel sums, their number on a log scale."""
    largest = np.log2(min(n_channels, MAX_CHANNELS) + 1)
    sizes = np.floor(2 ** rng.uniform(0, largest, (n_dilations, len(KERNELS))))
    return [
        [tuple(rng.permutation(n_channels)[: int(size)].tolist()) for size in row]
        for row in sizes
    ]


def _prepared(array: NDArray) -> tuple[NDArray, NDArray]:
    """Fill gaps and round, (n_channels, n_samples, n_steps); find where series end."""
    seen = ~np.isnan(array).all(axis=2)
    lengths = array.shape[1] - seen[:, ::-1].argmax(axis=1)
    x = np.rint(np.nan_to_num(array) / UNIT) * UNIT
    return np.ascontiguousarray(np.moveaxis(x, 2, 0)), lengths


def _valid(lengths: NDArray, n_steps: int, reach: int) -> tuple[NDArray, NDArray]:
    """Tell the steps of V: all of a series, and those as far as `reach` inside it."""
    t, ends = np.arange(n_steps), lengths[:, None]
    whole = t < ends
    inner = (t >= reach) & (t < ends - reach)
    return whole, np.where(ends > 2 * reach, inner, whole)


def _sum(x: NDArray, channels: tuple[int, ...]) -> NDArray:
    """Sum some channels of (n_channels, ...)."""
    return reduce(np.add, (x[c] for c in channels))
