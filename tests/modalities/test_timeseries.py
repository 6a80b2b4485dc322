"""Ragged series with gaps keep their values, their place in time and their gaps."""

import io
import pickle
import warnings
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from skmm.exceptions import CellError, MissingModalityWarning, ModalityError
from skmm.modalities.timeseries import TimeSeriesModality

RNG = np.random.default_rng(0)
SERIES = RNG.normal(3.0, 2.0, size=(5, 3))


def frame(*cells, **columns):
    columns = columns or {"vitals": cells}
    return pd.DataFrame({k: pd.Series(v, dtype=object) for k, v in columns.items()})


def objects(series):
    """A series as Parquet gives it: an object array of arrays."""
    nested = np.empty(len(series), dtype=object)
    for i, step in enumerate(series):
        nested[i] = np.asarray(step, dtype=np.float32)
    return nested


def squashed(z):
    return z / np.sqrt(1 + (z / 3) ** 2)


def plain(n_steps="auto", **parameters):
    """A modality that only squashes: mean 0, deviation 1, series of 4 steps."""
    X = frame(np.array([1.0, -1.0, 1.0, -1.0]))
    return TimeSeriesModality(n_steps, **parameters).fit(X)


def arrays(*cells):
    X = frame(*cells)
    return TimeSeriesModality().fit(X).transform(X).array


@pytest.mark.parametrize(
    "cell",
    [
        SERIES,
        SERIES.tolist(),
        tuple(map(tuple, SERIES)),
        objects(SERIES),
        list(SERIES),
        pd.DataFrame(SERIES, index=pd.date_range("2020", periods=5)),
    ],
)
def test_every_holder_of_a_series_gives_the_same_steps(cell):
    modality = TimeSeriesModality().fit(frame(SERIES))
    array, present = modality.transform(frame(cell))
    assert present.all()
    z = (SERIES - SERIES.mean(axis=0)) / SERIES.std(axis=0)
    assert array.dtype == np.float32
    assert_allclose(array[0], squashed(z), atol=1e-5)


@pytest.mark.parametrize("cell", [[1, 2, 3], pd.Series([1, 2, 3]), [True, False, True]])
def test_one_axis_is_one_channel(cell):
    assert arrays(cell).shape == (1, 3, 1)


def test_ragged_series_start_together_and_end_in_nan():
    array = plain().transform(frame([1, 0, -1, 0], [1, -1], [2])).array[..., 0]
    expected = [[1, 0, -1, 0], [1, -1, np.nan, np.nan], [2] + [np.nan] * 3]
    assert_allclose(array, squashed(np.array(expected)), rtol=1e-6)


@pytest.mark.parametrize(
    "cell",
    [
        [[1, None], None, [pd.NA, 2]],
        [[1, np.nan], [None, None], [np.nan, 2]],
        pd.DataFrame({"a": [1, None, None], "b": [None, None, 2]}, dtype="Float64"),
    ],
)
def test_gaps_stay_gaps(cell):
    array = arrays(cell, [[1, 2], [3, 4], [5, 6]])
    assert_array_equal(np.isnan(array[0]), [[False, True], [True, True], [True, False]])
    assert not np.isnan(array[1]).any()


def test_moments_are_of_the_values_that_are_there():
    X = frame([[1, 5], [None, 5]], [[3, 5]], None)
    modality = TimeSeriesModality().fit(X)
    assert_array_equal(modality.mean_, [2, 5])
    assert_array_equal(modality.scale_, [1, 1])  # the constant channel too


def test_outliers_are_squashed_and_keep_their_order():
    array = plain().transform(frame([3.0, 1e3, 1e6, -1e300 * 1e-265])).array[0, :, 0]
    assert 2 < array[0] < array[1] <= array[2] <= 3
    assert array[3] == -3


def test_the_largest_values_over_the_smallest_deviation_are_finite():
    modality = TimeSeriesModality().fit(frame([1e-150, -1e-150]))
    array = modality.transform(frame([1e38, -1e38])).array
    assert_array_equal(array[0, :, 0], [3, -3])


def test_large_offsets_lose_no_precision():
    times = 1.7e9 + np.arange(100.0)
    array = arrays(times)[0, :, 0]
    z = (np.arange(100) - 49.5) / np.arange(100).std()
    assert_allclose(array, squashed(z), atol=1e-6)


def test_missing_empty_and_all_nan_series_are_absent_and_zero():
    cells = [None, np.nan, pd.NA, pd.NaT, [], np.array([]), [None, None], [np.nan], [1]]
    array, present = plain().transform(frame(*cells))
    assert_array_equal(present, [False] * 8 + [True])
    assert not array[:8].any()


def test_a_series_of_gaps_alone_needs_no_channels():
    modality = TimeSeriesModality().fit(frame(SERIES))
    present = modality.transform(frame([None, None], [[None] * 3], SERIES)).present
    assert_array_equal(present, [False, False, True])


def test_columns_are_channels_side_by_side():
    X = frame(a=[[1, 2], [1], None, None], b=[SERIES, None, SERIES, None])
    modality = TimeSeriesModality().fit(X)
    array, present = modality.transform(X)
    assert modality.n_channels_ == [1, 3]
    assert modality.spec("vitals").shape == array.shape[1:] == (5, 4)
    assert_array_equal(present, [True, True, True, False])
    alone = TimeSeriesModality().fit(X[["b"]]).transform(X[["b"]]).array
    assert_array_equal(array[[0, 2], :, 1:], alone[[0, 2]])
    assert np.isnan(array[1, :, 1:]).all()
    assert np.isnan(array[2, :, 0]).all()
    assert not array[3].any()


def test_columns_of_numbers_are_the_steps_of_one_series():
    X = pd.DataFrame({"t0": [1.0, 2, None], "t1": [3, None, None], "t2": [5, 6, None]})
    for cells in (X, X.astype(object), X.astype("Float64")):
        modality = TimeSeriesModality().fit(cells)
        array, present = modality.transform(cells)
        assert modality.is_wide_
        assert modality.spec("ecg").shape == array.shape[1:] == (3, 1)
        assert_array_equal(present, [True, True, False])
        values = X.to_numpy()[:2]
        z = (values - np.nanmean(values)) / np.nanstd(values)
        assert_allclose(array[:2, :, 0], squashed(z), atol=1e-6)
        assert not array[2].any()


def test_steps_in_columns_name_the_cell_that_is_no_number():
    X = frame(a=[1.0, 2.0, 3.0], b=[1.0, "low", np.inf])
    modality = TimeSeriesModality()
    with pytest.raises(CellError, match=r"column 'b', row 1: .* it is no number"):
        modality.fit(X)
    with pytest.raises(CellError, match=r"column 'b', row 2: .* infinite"):
        modality.fit(X.drop(index=1).reindex([0, 0, 2]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        modality.fit(X, on_error="missing")
    with pytest.warns(MissingModalityWarning, match="2 of 6"):
        array, present = modality.transform(X, on_error="missing")
    assert present.all()
    assert_array_equal(np.isnan(array[..., 0]), [[0, 0], [0, 1], [0, 1]])


def test_automatic_steps_are_those_of_the_longest_series():
    modality = TimeSeriesModality().fit(frame([1, 2], [1, 2, 3, 4], None))
    assert (modality.n_steps_, modality.length_) == (4, 4)
    assert TimeSeriesModality(max_steps=3).fit(frame([1, 2, 3, 4])).n_steps_ == 3


def test_more_steps_than_needed_are_padding():
    array = plain(n_steps=6).transform(frame([1, 0, -1, 0])).array[0, :, 0]
    assert_array_equal(np.isnan(array), [False] * 4 + [True] * 2)


def test_long_series_are_averaged_over_their_gaps():
    modality = plain(n_steps=2)
    cells = frame([1, 0, None, -1], [1, 1], [None, None, 2, 2])
    array = modality.transform(cells).array[..., 0]
    s = squashed(1.0)
    expected = [[s / 2, -s], [s, np.nan], [np.nan, squashed(2.0)]]
    assert_allclose(array, expected, rtol=1e-6)


def test_shorter_series_share_the_scale_of_time():
    modality = TimeSeriesModality(max_steps=10).fit(frame(np.arange(100.0)))
    array = modality.transform(frame(np.arange(100.0), np.arange(50.0))).array[..., 0]
    assert_array_equal(array[0, :5], array[1, :5])
    assert np.isnan(array[1, 5:]).all()


def test_series_longer_than_at_fit_are_averaged_whole():
    array = plain().transform(frame(np.repeat([0.0, 1.0, 2.0, 3.0], 25))).array
    assert_allclose(array[0, :, 0], squashed(np.arange(4.0)), rtol=1e-6)


def test_one_giant_does_not_squeeze_all_others():
    cells = [[1.0, -1.0, 1.0]] * 50 + [np.ones(100_000)]
    modality = TimeSeriesModality().fit(frame(*cells))
    array = modality.transform(frame(*cells)).array
    assert array.shape[1] == 256
    assert_array_equal(np.isnan(array[0, :, 0]).argmax(), 3)
    assert not np.isnan(array[-1]).any()


def test_wide_series_are_averaged_too():
    X = pd.DataFrame(RNG.normal(size=(4, 9)))
    wide = TimeSeriesModality(n_steps=3).fit(X).transform(X).array
    nested = frame(*X.to_numpy())
    assert_allclose(
        wide, TimeSeriesModality(n_steps=3).fit(nested).transform(nested).array
    )


def test_another_number_of_channels_names_the_row():
    X = frame(SERIES, SERIES[:, :2], SERIES)
    modality = TimeSeriesModality().fit(X)
    with pytest.raises(CellError, match=r"row 1: .* has 2 channel.* had 3") as caught:
        modality.transform(X)
    assert caught.value.row == 1


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ([1.0, np.inf], "infinite values"),
        ([1.0, -np.inf], "infinite values"),
        ([1e300], "beyond 1e38"),
        (np.array([np.longdouble("1e400")]), "beyond 1e38"),
        ([10**400, 1], "do not make an array"),
        (3.5, "a series has shape"),
        (np.zeros((2, 2, 2)), "a series has shape"),
        ([[1, 2], [3]], "do not make an array"),
        (["a", "b"], "real numbers"),
        ("series.csv", "real numbers"),
        (b"RIFF", "real numbers"),
        ([1j, 2j], "real numbers"),
        ({"array": [1, 2]}, "do not make an array"),
        (pd.date_range("2020", periods=3), "real numbers"),
    ],
)
def test_what_is_no_series_is_refused_with_the_reason(cell, said):
    with pytest.raises(CellError, match=rf"column 'vitals', row 1: .*{said}"):
        TimeSeriesModality().fit(frame([1.0, 2.0], cell))


def test_max_values_is_the_bound_on_steps_times_channels():
    X = frame(np.zeros((6, 2)), [1.0] * 12)
    for rows in (X[:1], X[1:]):
        modality = TimeSeriesModality(max_values=12).fit(rows)
        assert modality.transform(rows).present.all()
        with pytest.raises(CellError, match=r"12 numbers .* the 11 .* max_values"):
            modality.set_params(max_values=11).transform(rows)
        with pytest.raises(CellError, match="12 numbers"):
            modality.fit(rows)


@pytest.mark.parametrize("cell", [10**400, Decimal("sNaN"), Decimal("1e999")])
def test_numbers_that_no_float_holds_name_their_cell(cell):
    modality = TimeSeriesModality().fit(frame(a=[1.0, 2.0], b=[3.0, 4.0]))
    X = pd.DataFrame({"a": [1.0, 2.0], "b": pd.Series([3.0, cell], dtype=object)})
    with pytest.raises(CellError, match="column 'b', row 1"):
        modality.transform(X)


def test_unreadable_series_can_count_as_missing():
    X = frame([1.0, 2.0], "junk that is longer than any series", [np.inf], None)
    modality = TimeSeriesModality()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        modality.fit(X, on_error="missing")
    assert modality.n_steps_ == 2
    with pytest.warns(MissingModalityWarning, match=r"2 of 4 .* row 1") as caught:
        array, present = modality.transform(X, on_error="missing")
    assert len(caught) == 1
    assert_array_equal(present, [True, False, False, False])
    assert not array[1:].any()


def test_threads_give_the_same_bits():
    cells = [RNG.normal(size=(n, 2)) for n in (3, 40, 300)]
    X = frame(*[*cells, None] * 60)
    one = TimeSeriesModality().fit(X, n_jobs=1)
    two = TimeSeriesModality().fit(X, n_jobs=2)
    assert pickle.dumps(one) == pickle.dumps(two)
    a, b = one.transform(X, n_jobs=1), two.transform(X, n_jobs=2)
    assert_array_equal(a.array, b.array)
    assert_array_equal(a.present, b.present)


def test_fit_looks_at_the_values_of_a_bounded_sample():
    X = frame(*[[1.0, 2.0]] * 10_000)
    X.iat[1, 0] = "junk that only transform meets"
    modality = TimeSeriesModality().fit(X)
    with pytest.raises(CellError, match="row 1"):
        modality.transform(X)


def test_the_sample_of_long_series_is_thinned_and_fair():
    cells = [np.sin(np.arange(5000) * 0.1) for _ in range(100)]
    modality = TimeSeriesModality().fit(frame(*cells))
    assert_allclose(modality.mean_, 0, atol=0.02)
    assert_allclose(modality.scale_, np.sqrt(0.5), atol=0.02)


def test_fit_on_missing_series_alone_has_a_shape():
    modality = TimeSeriesModality().fit(frame(a=[None, []], b=[None, np.nan]))
    assert modality.spec("vitals").shape == (1, 2)
    array, present = modality.transform(frame(a=[None, [0.5]], b=[None, None]))
    assert_array_equal(present, [False, True])
    assert_allclose(array[1, 0], [squashed(0.5), np.nan])


def test_a_channel_never_seen_at_fit_is_taken_as_it_is():
    modality = TimeSeriesModality().fit(frame([[1.0, None], [3.0, None]]))
    array = modality.transform(frame([[2.0, 0.5]])).array
    assert_allclose(array[0, 0], [0, squashed(0.5)], rtol=1e-6)


def test_zero_rows_and_one_row_are_transformed():
    modality = plain()
    array, present = modality.transform(frame([1]).iloc[:0])
    assert (array.shape, present.shape) == ((0, 4, 1), (0,))
    assert modality.transform(frame([1])).array.shape == (1, 4, 1)
    wide = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    modality = TimeSeriesModality().fit(wide)
    assert modality.transform(wide.iloc[:0]).array.shape == (0, 2, 1)


def test_series_survive_parquet():
    X = frame(SERIES.tolist(), [[1.0, None, 2.0]], None)
    buffer = io.BytesIO()
    X.to_parquet(buffer)
    again = pd.read_parquet(buffer)
    modality = TimeSeriesModality().fit(X)
    a, b = modality.transform(X), modality.transform(again)
    assert_array_equal(a.array, b.array)
    assert_array_equal(a.present, b.present)


def test_the_series_that_were_given_are_not_changed():
    series = SERIES.copy()
    plain_again = TimeSeriesModality(n_steps=2).fit(frame(series))
    plain_again.transform(frame(series))
    assert_array_equal(series, SERIES)


def test_refitting_forgets():
    modality = TimeSeriesModality().fit(frame(a=[1.0, 2.0], b=[3.0, 4.0]))
    modality.fit(frame(SERIES))
    fresh = TimeSeriesModality().fit(frame(SERIES))
    assert pickle.dumps(modality) == pickle.dumps(fresh)


def test_a_failed_fit_leaves_the_former_one():
    modality = plain()
    before = pickle.dumps(modality)
    with pytest.raises(CellError):
        modality.fit(frame(SERIES, "junk"))
    assert pickle.dumps(modality) == before


def test_pickle_is_small_and_gives_the_same_bits():
    X = frame(SERIES)
    modality = TimeSeriesModality().fit(X)
    content = pickle.dumps(modality)
    assert len(content) < 1500
    again = pickle.loads(content)
    assert_array_equal(again.transform(X).array, modality.transform(X).array)


def test_clone_keeps_parameters_and_drops_what_was_learned():
    modality = plain(n_steps=3, max_steps=7)
    copy = clone(modality)
    assert copy.get_params() == modality.get_params()
    with pytest.raises(NotFittedError):
        copy.transform(frame([1]))
    with pytest.raises(NotFittedError):
        copy.spec("vitals")


def test_spec_describes_the_array():
    modality = TimeSeriesModality().fit(frame(SERIES))
    array, spec = modality.transform(frame(SERIES)).array, modality.spec("vitals")
    assert (spec.name, spec.kind, spec.encoder) == ("vitals", "timeseries", "series")
    assert (spec.shape, spec.dtype) == (array.shape[1:], array.dtype.name)


@pytest.mark.parametrize(
    "parameters",
    [
        {"n_steps": 0},
        {"n_steps": "all"},
        {"n_steps": 2.5},
        {"max_steps": 0},
        {"max_values": 0},
    ],
)
def test_bad_parameters_are_refused(parameters):
    with pytest.raises((ValueError, TypeError), match=next(iter(parameters))):
        TimeSeriesModality(**parameters).fit(frame([1, 2]))


def test_other_columns_than_at_fit_are_refused():
    with pytest.raises(ModalityError, match=r"fitted on 1 .* gets 2"):
        plain().transform(frame(a=[[1]], b=[[1]]))
