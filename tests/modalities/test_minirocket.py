"""MiniRocketModality: series as shares of steps above thresholds."""

import pickle
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import RidgeClassifierCV

from skmm import ModalityTransformer
from skmm.exceptions import CellError, MissingModalityWarning, ModalityError
from skmm.modalities import minirocket
from skmm.modalities.minirocket import MiniRocketModality

rng = np.random.default_rng(0)


def series(*cells):
    return pd.DataFrame({"s": pd.Series(list(cells), dtype=object)})


def walks(n, n_steps=40, n_channels=1, seed=0):
    steps = np.random.default_rng(seed).normal(size=(n, n_steps, n_channels))
    return series(*steps.cumsum(axis=1))


def expected_shares(rocket, x, length):
    """PPV of one series (n_steps, n_channels) by np.convolve, feature by feature."""
    found, biases = [], iter(rocket.biases_)
    for d, (dilation, count) in enumerate(
        zip(rocket.dilations_, rocket.counts_, strict=True)
    ):
        for k, twos in enumerate(combinations(range(9), 3)):
            kernel = np.zeros(8 * dilation + 1)
            kernel[::dilation] = -1
            kernel[[dilation * two for two in twos]] = 2
            total = np.nan_to_num(x[:length, rocket.channels_[d][k]]).sum(axis=1)
            output = np.convolve(total, kernel[::-1])[4 * dilation :][:length]
            if (d + k) % 2 and length > 8 * dilation:
                output = output[4 * dilation : length - 4 * dilation]
            found += [np.mean(output > next(biases)) for _ in range(count)]
    assert next(biases, None) is None
    return np.array(found)


def rounded(array):
    return np.round(array.astype(float) * 2**15) / 2**15


def test_the_kernels_are_all_84_with_weights_that_sum_to_zero():
    assert len(set(minirocket.KERNELS)) == 84
    ones = np.ones((1, 60, 1), np.float32)
    rocket = MiniRocketModality(84 * 3).fit(walks(3, 60))
    for d in range(len(rocket.dilations_)):
        for k, (output, _) in enumerate(
            rocket._filtered(*minirocket._prepared(ones), d)
        ):
            if (d + k) % 2:  # no zeros from outside the series
                assert set(output[np.isfinite(output)]) == {0}


@pytest.mark.parametrize("n_channels", [1, 3, 12])
def test_shares_are_those_of_a_plain_convolution(n_channels):
    X = walks(6, 40, n_channels)
    rocket = MiniRocketModality(84 * 5).fit(X)
    steps = rocket.series_.transform(X).array
    shares = rocket._shares(steps, None)
    for x, row in zip(rounded(steps), shares, strict=True):
        assert_allclose(row, expected_shares(rocket, x, 40), atol=1e-6)


def test_output_is_the_standardised_and_bounded_share():
    X = walks(30)
    rocket = MiniRocketModality(168).fit(X)
    shares = rocket._shares(rocket.series_.transform(X).array, None).astype(float)
    varies = shares.std(axis=0) > 1e-6
    z = (shares - shares.mean(axis=0))[:, varies] / shares.std(axis=0)[varies]
    array = rocket.transform(X).array
    assert_allclose(array[:, varies], z / np.sqrt(1 + z**2 / 9), atol=1e-4)
    assert not array[:, ~varies].any()
    assert 0.6 < np.mean(array**2) < 1.1


def test_features_that_are_constant_in_training_stay_zero():
    rocket = MiniRocketModality(84).fit(series([1, 5, 2], [1, 5, 2]))
    assert not rocket.transform(series([1, 5, 2], [9, -9, 4])).array.any()


def test_thresholds_are_low_discrepancy_quantiles_of_one_series():
    X = walks(1, 50)
    rocket = MiniRocketModality(84 * 4).fit(X)
    steps = rocket.series_.transform(X).array
    first = 0
    for d, count in enumerate(rocket.counts_):
        for output, _ in rocket._filtered(*minirocket._prepared(steps), d):
            i = np.arange(first, first + count) + 1
            q = np.quantile(output[np.isfinite(output)], i * 1.618033988749895 % 1)
            assert_allclose(rocket.biases_[first : first + count], q, atol=1e-5)
            first += count


def test_dilations_grow_exponentially_to_an_eighth_of_the_longest_series():
    rocket = MiniRocketModality(84 * 6).fit(walks(2, 257))
    assert rocket.dilations_.tolist() == [1, 2, 4, 8, 16, 32]
    assert rocket.counts_.tolist() == [1] * 6
    many = MiniRocketModality(84 * 70).fit(walks(2, 257))
    assert many.counts_.sum() == 70
    assert len(many.dilations_) <= 32
    assert many.dilations_[[0, -1]].tolist() == [1, 32]


def test_length_of_the_output_is_a_multiple_of_84():
    assert MiniRocketModality(200).fit(walks(2)).spec("s").shape == (168,)
    assert MiniRocketModality().fit(walks(2)).spec("s").shape == (2016,)


def test_random_state_decides_alone():
    X = walks(9, 40, 4)
    array = MiniRocketModality(84, random_state=3).fit(X).transform(X).array
    again = MiniRocketModality(84, random_state=3).fit(X).transform(X).array
    other = MiniRocketModality(84, random_state=4).fit(X).transform(X).array
    assert_array_equal(array, again)
    assert (array != other).any()


def test_kernels_sum_up_to_nine_channels():
    rocket = MiniRocketModality(84 * 8).fit(walks(3, 80, 14))
    drawn = [c for row in rocket.channels_ for c in row]
    assert all(len(set(c)) == len(c) for c in drawn)
    assert {len(c) for c in drawn} == set(range(1, 10))
    assert {i for c in drawn for i in c} == set(range(14))


def test_a_row_has_the_same_bits_alone_in_blocks_and_in_threads(monkeypatch):
    X = walks(12, 30, 3)
    rocket = MiniRocketModality(84 * 3).fit(X)
    array = rocket.transform(X).array
    alone = np.concatenate(
        [rocket.transform(X.iloc[i : i + 1]).array for i in range(12)]
    )
    assert_array_equal(array, alone)
    monkeypatch.setattr(minirocket, "BLOCK", 5 * 30)
    assert_array_equal(array, rocket.transform(X, n_jobs=2).array)
    assert_array_equal(array, pickle.loads(pickle.dumps(rocket)).transform(X).array)


def test_steps_behind_the_end_of_a_shorter_series_do_not_count():
    X = series(*(np.cumsum(rng.normal(size=n)) for n in (60, 33, 12, 5, 1)))
    rocket = MiniRocketModality(84 * 4).fit(X)
    steps = rocket.series_.transform(X).array
    shares = rocket._shares(steps, None)
    for x, row, n in zip(rounded(steps), shares, (60, 33, 12, 5, 1), strict=True):
        assert_allclose(row, expected_shares(rocket, x, n), atol=1e-6)


def test_gaps_at_the_end_are_as_if_the_series_ended_there():
    walk = np.cumsum(rng.normal(size=40))
    gaps = np.r_[walk[:25], np.full(15, np.nan)]
    rocket = MiniRocketModality(84 * 3).fit(series(walk))
    array = rocket.transform(series(walk[:25], gaps, [*walk[:25], None])).array
    assert_array_equal(array[0], array[1])
    assert_array_equal(array[0], array[2])


def test_gaps_inside_are_the_mean_of_their_channel():
    X = walks(20, 30, 2)
    rocket = MiniRocketModality(84 * 3).fit(X)
    gaps, filled = X["s"][0].copy(), X["s"][0].copy()
    gaps[[3, 4, 17], [0, 1, 1]] = np.nan
    filled[[3, 4, 17], [0, 1, 1]] = rocket.series_.mean_[[0, 1, 1]]
    array = rocket.transform(series(gaps, filled)).array
    assert_array_equal(array[0], array[1])


def test_series_shorter_than_a_kernel_are_filtered():
    X = series([1, 2, 4], [3, 1], [2], [5, 5, 1, 2])
    rocket = MiniRocketModality(168).fit(X)
    array, present = rocket.transform(X)
    assert rocket.dilations_.tolist() == [1]
    assert present.all()
    assert len(np.unique(array, axis=0)) == 4


def test_series_longer_than_any_in_training_are_averaged_down():
    rocket = MiniRocketModality(84).fit(walks(5, 20))
    array, present = rocket.transform(walks(3, 95))
    assert array.shape == (3, 84)
    assert present.all() and np.isfinite(array).all()
    assert MiniRocketModality(84, max_steps=16).fit(walks(5)).series_.n_steps_ == 16


@pytest.mark.parametrize("cell", [None, [], [np.nan, np.nan]])
def test_rows_without_a_series_are_absent_and_hold_zeros(cell):
    X = series([1, 2, 3], cell, [3, 2, 5])
    array, present = MiniRocketModality(84).fit(X).transform(X)
    assert present.tolist() == [True, False, True]
    assert not array[1].any()
    rest = series([1, 2, 3], [3, 2, 5])
    kept = MiniRocketModality(84).fit(rest).transform(rest).array
    assert_array_equal(array[[0, 2]], kept)


@pytest.mark.parametrize("cells", [(), (None, None)])
def test_training_without_any_series_gives_zeros(cells):
    rocket = MiniRocketModality(84).fit(series(*cells))
    array = rocket.transform(series([1.0, 2.0], None)).array
    assert array.shape == (2, 84)
    assert not array.any()
    assert rocket.transform(series()).array.shape == (0, 84)


def test_one_training_row_is_enough():
    X = walks(1)
    assert not MiniRocketModality(84).fit(X).transform(X).array.any()


def test_columns_of_numbers_are_the_steps_of_one_series():
    wide = pd.DataFrame(rng.normal(size=(6, 20)))
    rocket = MiniRocketModality(84).fit(wide)
    assert rocket.series_.is_wide_
    assert_array_equal(
        rocket.transform(wide).array,
        MiniRocketModality(84)
        .fit(series(*wide.to_numpy()))
        .transform(series(*wide.to_numpy()))
        .array,
    )


def test_frequencies_are_told_apart_by_a_linear_model():
    def waves(n, seed):
        draw = np.random.default_rng(seed)
        y = np.arange(n) % 2
        lengths = draw.integers(60, 121, n)
        return series(
            *(
                np.sin(np.arange(m) * f + draw.uniform(0, 7)) + draw.normal(size=m)
                for m, f in zip(lengths, np.where(y, 0.5, 0.7), strict=True)
            )
        ), y

    (X, y), (X_test, y_test) = waves(80, 0), waves(80, 1)
    rocket = MiniRocketModality().fit(X)
    model = RidgeClassifierCV(np.logspace(-1, 4, 6)).fit(rocket.transform(X).array, y)
    assert model.score(rocket.transform(X_test).array, y_test) > 0.9


def test_unreadable_cells_are_named_or_absent():
    X = series([1, 2, 3], "no series", [3, 2, 5])
    with pytest.raises(CellError) as caught:
        MiniRocketModality(84).fit(X)
    assert (caught.value.column, caught.value.row) == ("s", 1)
    rocket = MiniRocketModality(84).fit(X, on_error="missing")
    with pytest.warns(MissingModalityWarning):
        present = rocket.transform(X, on_error="missing").present
    assert present.tolist() == [True, False, True]


def test_another_number_of_columns_is_refused():
    rocket = MiniRocketModality(84).fit(walks(2))
    with pytest.raises(ModalityError, match="1 column"):
        rocket.transform(walks(2).assign(other=None))


def test_its_key_works_in_a_transformer():
    frame = ModalityTransformer([("s", "minirocket", "s")]).fit_transform(walks(3))
    assert frame.specs["s"].encoder == "mlp"


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"n_features": 83}, ValueError),
        ({"n_features": 100.0}, TypeError),
        ({"max_steps": 0}, ValueError),
        ({"max_values": 0}, ValueError),
        ({"random_state": "no"}, ValueError),
    ],
)
def test_parameters_that_make_no_sense_change_nothing(parameters, error):
    rocket = MiniRocketModality(84).fit(walks(3))
    before = pickle.dumps(vars(rocket.set_params(**parameters)))
    with pytest.raises(error, match=r"n_features|max_steps|max_values|seed"):
        rocket.fit(walks(5, 90))
    assert pickle.dumps(vars(rocket)) == before
