import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from skmm.exceptions import CellError, MissingModalityWarning, ModalityError
from skmm.modalities.tabular import TabularModality


def encode(column, **parameters):
    """One column's features by name, of rows that also have something else."""
    X = pd.DataFrame({"x": column, "other": 0.0})
    columns = features(X, **parameters)
    del columns["other"]
    return columns


def features(X, **parameters):
    table = TabularModality(**parameters).fit(X)
    return named(table, X)


def named(table, X):
    array = table.transform(X).array
    names = table.spec("t").feature_names
    assert array.shape == (len(X), len(names))
    assert array.dtype == np.float32
    return dict(zip(names, array.T, strict=True))


def mixed(n=60):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "age": rng.normal(50, 9, n),
            "count": pd.array(rng.integers(0, 9, n), dtype="Int64"),
            "smoker": pd.array(rng.random(n) < 0.3),
            "sex": rng.choice(["F", "M"], n),
            "city": rng.choice([f"city {i}" for i in range(12)], n),
            "visit": pd.date_range("2024-01-01 06:00", periods=n, freq="31h"),
        }
    )
    X.loc[::7, ["age", "count", "sex", "city", "visit"]] = None
    return X


def test_numbers_follow_the_equation_of_realmlp():
    x = np.array([1.0, 2.0, 4.0, 8.0, 100.0])
    q1, median, q3 = np.percentile(x, [25, 50, 75])
    z = (x - median) / (q3 - q1)
    expected = z / np.sqrt(1 + (z / 3) ** 2)
    np.testing.assert_allclose(encode(x)["x"], expected, rtol=1e-6)


def test_half_the_range_scales_where_the_quartiles_are_equal():
    x = np.array([0.0] * 9 + [10.0])
    z = 10.0 / 5.0
    assert encode(x)["x"][-1] == pytest.approx(z / np.sqrt(1 + (z / 3) ** 2))


def test_a_constant_column_becomes_zero_whatever_comes_later():
    table = TabularModality().fit(pd.DataFrame({"x": [7.0] * 5}))
    later = table.transform(pd.DataFrame({"x": [7.0, 8.0, -1e300, None]}))
    np.testing.assert_array_equal(later.array, np.zeros((4, 1)))
    assert later.present.tolist() == [True, True, True, False]


@pytest.mark.parametrize(
    "x",
    [
        [1e300, -1e300, 0.0, 1.0],
        [1.7e308, -1.7e308, 1.7e308, -1.7e308],
        [5e-324, 0.0, 1e-300, 1.0],
        [10**300, 2**70, -(2**70), 0],
        [1e-300, 2e-300, 3e-300, 1e300],
    ],
)
@pytest.mark.parametrize("n_bins", [0, 1, 3])
def test_numbers_of_any_size_stay_finite_and_within_the_clip(x, n_bins):
    X = pd.DataFrame({"x": pd.Series(x, dtype=object)})
    table = TabularModality(n_bins=n_bins).fit(X)
    later = pd.DataFrame({"x": [-1.7e308, -1.0, 0.0, 5e-324, 1.7e308]})
    for rows in (X, later):
        values = table.transform(rows).array
        assert np.isfinite(values).all()
        assert np.abs(values).max() <= 3


def test_float64_differences_survive_a_large_offset():
    x = 1.7e9 + np.arange(9.0)
    np.testing.assert_allclose(encode(x)["x"], encode(np.arange(9.0))["x"])


def test_gaps_become_the_median_beside_an_indicator():
    columns = encode([1.0, None, 3.0, 5.0])
    assert list(columns) == ["x", "missingindicator_x"]
    assert columns["x"][[1, 2]].tolist() == [0, 0]
    assert columns["missingindicator_x"].tolist() == [0, 1, 0, 0]


def test_a_gap_that_training_did_not_have_is_the_median():
    table = TabularModality().fit(pd.DataFrame({"x": [1.0, 3.0, 5.0], "y": [1, 2, 3]}))
    later = named(table, pd.DataFrame({"x": [np.nan], "y": [2]}))
    assert later == {"x": [0], "y": [0]}


def test_no_indicator_where_only_absent_rows_have_gaps():
    X = pd.DataFrame({"x": [1.0, None, 3.0], "y": [4.0, None, 5.0]})
    assert list(features(X)) == ["x", "y"]


@pytest.mark.parametrize("dtype", ["bool", "boolean", object])
def test_booleans_are_one_number(dtype):
    column = pd.Series([True, False, True, False], dtype=dtype)
    assert encode(column)["x"].tolist() == encode([1, 0, 1, 0])["x"].tolist()


def test_few_categories_are_one_hot_in_order_of_name():
    columns = encode(["b", "a", None, "b"])
    assert list(columns) == ["x_a", "x_b", "missingindicator_x"]
    rows = np.array(list(columns.values())).T
    assert rows.tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 1, 0]]


def test_an_unseen_category_is_all_zero_and_present():
    table = TabularModality().fit(pd.DataFrame({"x": ["a", "b"]}))
    encoded = table.transform(pd.DataFrame({"x": ["c", "a"]}))
    assert encoded.array.tolist() == [[0, 0], [1, 0]]
    assert encoded.present.all()


def test_many_categories_are_codes_in_the_last_columns():
    towns = [f"town {i:02}" for i in range(12) for _ in range(2)]
    X = pd.DataFrame({"town": towns, "x": np.arange(24.0), "rank": towns[::-1]})
    table = TabularModality().fit(X)
    spec = table.spec("t")
    assert spec.feature_names == ("x", "town", "rank")
    assert spec.cardinalities == (13, 13)
    codes = table.transform(X).array[:, 1:]
    assert codes[:, 0].tolist() == [i + 1 for i in range(12) for _ in range(2)]
    later = X.assign(town="town 99", rank=None)
    assert (table.transform(later).array[:, 1:] == 0).all()


def test_max_one_hot_is_the_boundary():
    letters = pd.DataFrame({"x": list("abc") * 2})
    assert TabularModality(max_one_hot=3).fit(letters).spec("t").cardinalities == ()
    assert TabularModality(max_one_hot=2).fit(letters).spec("t").cardinalities == (4,)
    assert TabularModality(max_one_hot=0).fit(letters).spec("t").shape == (1,)


def test_rare_categories_of_a_coded_column_share_code_zero():
    towns = [f"town {i:02}" for i in range(10) for _ in range(3)] + ["once", "only"]
    table = TabularModality().fit(pd.DataFrame({"x": towns}))
    assert table.spec("t").cardinalities == (11,)
    assert table.transform(pd.DataFrame({"x": ["once", "town 09"]})).array.tolist() == [
        [0],
        [10],
    ]
    kept = TabularModality(min_frequency=1).fit(pd.DataFrame({"x": towns}))
    assert kept.spec("t").cardinalities == (13,)


def test_rare_categories_of_a_one_hot_column_are_kept():
    assert list(encode(["a", "a", "a", "once"])) == ["x_a", "x_once"]


def test_names_that_are_all_different_carry_nothing():
    X = pd.DataFrame({"id": [f"person {i}" for i in range(20)], "x": np.arange(20.0)})
    assert list(features(X)) == ["x"]


def test_a_zip_code_of_numbers_is_forced_to_a_category_and_survives_its_dtype():
    X = pd.DataFrame({"zip": [85255, 85255, 2139], "x": [1.0, 2.0, 3.0]})
    table = TabularModality(categorical="zip").fit(X)
    assert table.spec("t").feature_names == ("x", "zip_2139", "zip_85255")
    for dtype in (float, object, "str", "Int64"):
        later = table.transform(X.astype({"zip": dtype})).array
        assert later[:, 1:].tolist() == [[0, 1], [0, 1], [1, 0]]


def test_a_zip_code_of_strings_is_a_category_by_itself():
    zips = ["85255"] * 3 + ["02139"] * 3
    assert list(encode(zips)) == ["x_02139", "x_85255"]


def test_dates_are_days_and_the_cycles_that_vary():
    daily = pd.date_range("2024-01-01", periods=60, freq="D")
    columns = encode(daily)
    names = ["x", "x_month_sin", "x_month_cos", "x_weekday_sin", "x_weekday_cos"]
    assert list(columns) == names
    np.testing.assert_allclose(columns["x"], encode(np.arange(60.0))["x"], atol=1e-6)
    week = columns["x_weekday_sin"] + 1j * columns["x_weekday_cos"]
    np.testing.assert_allclose(week[:53], week[7:], atol=1e-6)
    np.testing.assert_allclose(np.abs(week[:7] - week[1:8]), 0.8678, atol=1e-4)
    january, february = columns["x_month_sin"][[0, 31]]
    assert (january, february) == pytest.approx((0.0, 0.5), abs=1e-6)


def test_hours_turn_once_a_day():
    columns = encode(pd.date_range("2024-01-01", periods=24, freq="6h"))
    angle = np.arctan2(columns["x_hour_sin"], columns["x_hour_cos"])
    np.testing.assert_allclose(np.cos(angle[:4]), [1, 0, -1, 0], atol=1e-6)
    np.testing.assert_allclose(columns["x_hour_sin"][4:8], [0, 1, 0, -1], atol=1e-6)


def test_a_missing_date_is_zero_in_every_cycle():
    dates = pd.Series(pd.date_range("2024-01-01", periods=50, freq="7h"))
    dates[3] = None
    columns = encode(dates)
    assert columns.pop("missingindicator_x")[3] == 1
    assert [values[3] for values in columns.values()] == [0] * 5


@pytest.mark.parametrize("cast", [str, lambda d: d.date(), lambda d: d, np.datetime64])
def test_dates_are_read_whatever_holds_them(cast):
    dates = pd.date_range("2024-01-01", periods=40)
    held = pd.Series([cast(date) for date in dates], dtype=object)
    for name, values in encode(dates).items():
        np.testing.assert_array_equal(encode(held)[name], values)


def test_an_object_array_gives_what_the_frame_gives():
    X = mixed()
    objects = pd.DataFrame(X.to_numpy(dtype=object))
    table, other = TabularModality().fit(X), TabularModality().fit(objects)
    np.testing.assert_allclose(
        table.transform(X).array, other.transform(objects).array, atol=1e-6
    )
    assert other.spec("t").feature_names[:3] == ("0", "1", "2")


def test_feature_names_are_never_alike():
    X = pd.DataFrame({"x": ["a", "b"], "x_a": [1.0, 2.0], 0: [1.0, 2.0]})
    X["0"] = [3.0, 4.0]
    assert list(features(X)) == ["x_a", "0", "0_", "x_a_", "x_b"]


def test_columns_of_one_label_are_told_apart_by_position():
    X = pd.DataFrame([[1.0, "a"], [2.0, "b"]], columns=["x", "x"])
    assert list(features(X)) == ["x", "x_a", "x_b"]


def test_rows_without_anything_are_absent_and_hold_zeros():
    X = mixed()
    X.loc[[2, 9]] = None
    encoded = TabularModality().fit(X).transform(X)
    assert np.flatnonzero(~encoded.present).tolist() == [2, 9]
    assert (encoded.array[[2, 9]] == 0).all()
    assert np.isfinite(encoded.array).all()


@pytest.mark.parametrize(
    "X",
    [
        pd.DataFrame(index=range(3)),
        pd.DataFrame({"x": [None] * 3}),
        pd.DataFrame({"x": [np.nan] * 3, "y": ["", None, pd.NA]}),
        pd.DataFrame({"x": pd.Series([None] * 3, dtype="datetime64[ns]")}),
    ],
)
def test_a_table_of_nothing_is_a_table_without_features(X):
    table = TabularModality().fit(X)
    encoded = table.transform(X)
    assert encoded.array.shape == (3, 0)
    assert not encoded.present.any()
    assert table.spec("t").feature_names == ()


def test_what_training_never_saw_does_not_make_a_row_present():
    table = TabularModality().fit(pd.DataFrame({"x": [None, None], "y": [1.0, 2.0]}))
    later = table.transform(pd.DataFrame({"x": ["a", "b"], "y": [None, 1.0]}))
    assert later.present.tolist() == [False, True]


def test_forcing_an_empty_column_leaves_it_empty():
    X = pd.DataFrame({"x": [None, None], "y": [1.0, 2.0]})
    assert list(features(X, categorical=("x",))) == ["y"]


def test_no_rows_and_one_row_keep_the_shape():
    X = mixed()
    table = TabularModality().fit(X)
    whole = table.transform(X)
    none, one = table.transform(X[:0]), table.transform(X[3:4])
    assert none.array.shape == (0, whole.array.shape[1])
    assert none.present.shape == (0,)
    np.testing.assert_array_equal(one.array, whole.array[3:4])


def test_one_training_row_is_enough():
    X = mixed()[1:2]
    assert np.isfinite(TabularModality().fit(X).transform(X).array).all()


def test_numbers_that_arrive_as_strings_are_numbers():
    table = TabularModality().fit(pd.DataFrame({"x": [1.0, 2.0, 4.0]}))
    expected = table.transform(pd.DataFrame({"x": [1.5, 3.0]})).array
    later = table.transform(pd.DataFrame({"x": ["1.5", " 3 "]})).array
    np.testing.assert_array_equal(later, expected)


def test_text_in_a_column_of_numbers_is_named():
    table = TabularModality().fit(pd.DataFrame({"age": [1.0, 2.0, 4.0]}))
    later = pd.DataFrame({"age": [1.0, "unknown"]})
    with pytest.raises(CellError, match=r"'age', row 1: .*number, got 'unknown'"):
        table.transform(later)
    with pytest.warns(MissingModalityWarning, match="1 of 2 cells"):
        encoded = table.transform(later, on_error="missing")
    assert encoded.present.tolist() == [True, False]


@pytest.mark.parametrize("dtype", [float, object])
def test_infinity_is_refused_in_fit_and_in_transform(dtype):
    bad = pd.DataFrame({"y": [1, 2, 3], "x": pd.Series([0, 1, np.inf], dtype=dtype)})
    table = TabularModality().fit(bad[:2])
    for method in (TabularModality().fit, table.transform):
        with pytest.raises(ModalityError, match=r"column 'x', row 2: .*inf"):
            method(bad)


def test_a_failed_fit_leaves_nothing_behind():
    table = TabularModality()
    with pytest.raises(ModalityError):
        table.fit(pd.DataFrame({"x": [1.0], "y": [np.inf]}))
    with pytest.raises(NotFittedError):
        table.transform(pd.DataFrame({"x": [1.0], "y": [1.0]}))
    with pytest.raises(NotFittedError):
        table.spec("t")


def test_fit_counts_unreadable_cells_as_missing_and_leaves_the_warning_to_transform():
    X = pd.DataFrame({"x": [1.0, np.inf, 3.0, 5.0]})
    table = TabularModality().fit(X, on_error="missing")
    assert table.columns_[0]["center"] == 3.0
    nothing = pd.DataFrame({"x": [np.inf, np.inf], "y": [1.0, 2.0]})
    table = TabularModality().fit(nothing, on_error="missing")
    assert table.transform(nothing.assign(x=5.0)).array[:, 0].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"categorical": ("zipp",)}, ModalityError, r"\['zipp'\].*\['zip', 'x'\]"),
        ({"max_one_hot": -1}, ValueError, "max_one_hot"),
        ({"min_frequency": 0}, ValueError, "min_frequency"),
        ({"min_frequency": 0.5}, TypeError, "min_frequency"),
        ({"n_bins": -1}, ValueError, "n_bins == -1, must be >= 0"),
        ({"n_bins": 8.0}, TypeError, "n_bins must be an instance of .*, not float"),
        ({"n_bins": None}, TypeError, "n_bins must be an instance of .*, not NoneType"),
    ],
)
def test_parameters_that_make_no_sense_are_named(parameters, error, message):
    X = pd.DataFrame({"zip": [1, 2], "x": [1, 2]})
    table = TabularModality(**parameters)
    with pytest.raises(error, match=message):
        table.fit(X)
    assert not hasattr(table, "columns_")


def test_other_columns_than_in_training_are_refused():
    table = TabularModality().fit(pd.DataFrame({"x": [1.0, 2.0]}))
    with pytest.raises(ModalityError, match=r"1 columns \['x'\], got 2: \['x', 'y'\]"):
        table.transform(pd.DataFrame({"x": [1.0], "y": [1.0]}))


def test_transform_depends_on_the_training_rows_alone():
    X = mixed()
    table = TabularModality().fit(X[:40])
    whole, part = table.transform(X).array[40:], table.transform(X[40:]).array
    np.testing.assert_array_equal(whole, part)


def test_the_frame_is_left_as_it_was():
    X = mixed()
    before = X.copy(deep=True)
    TabularModality().fit(X).transform(X)
    pd.testing.assert_frame_equal(X, before)


def test_a_clone_keeps_parameters_and_forgets_what_was_learned():
    table = TabularModality(("count",), max_one_hot=4, min_frequency=3, n_bins=5)
    other = clone(table.fit(mixed()))
    assert other.get_params() == table.get_params()
    assert not hasattr(other, "columns_")


def test_a_pickle_is_small_and_gives_the_same():
    X = mixed()
    table = TabularModality().fit(X)
    state = pickle.dumps(table)
    assert len(state) < 2000
    copy = pickle.loads(state)
    np.testing.assert_array_equal(copy.transform(X).array, table.transform(X).array)
    assert copy.spec("t") == table.spec("t")


@pytest.mark.parametrize("n_bins", [0, np.int64(4)])
def test_state_is_plain_values(n_bins):
    for column in TabularModality(n_bins=n_bins).fit(mixed()).columns_:
        assert type(column) is dict
        for name, value in column.items():
            assert type(value) in (bool, float, str, list)
            items = value if type(value) is list else []
            assert {type(item) for item in items} <= {float if name == "edges" else str}


def test_the_spec_counts_the_columns_of_numbers_which_come_first():
    days = pd.to_datetime(["2020-01-05", "2020-03-06", None, "2021-07-09"])
    X = pd.DataFrame({"sex": list("ABBA"), "x": [1.5, 2, None, 4], "day": days})
    spec = TabularModality().fit(X).spec("t")
    numbers = spec.feature_names[: spec.n_numbers]
    assert numbers[:2] == ("x", "day")
    assert all(name.startswith("day_") for name in numbers[2:])
    rest = spec.feature_names[spec.n_numbers :]
    assert all(name.startswith(("sex_", "missingindicator_")) for name in rest)


def binned(column, n_bins):
    """The fitted table of one column, and its codes."""
    X = pd.DataFrame({"x": column})
    table = TabularModality(n_bins=n_bins).fit(X)
    return table, table.transform(X).array


def equation_1(x, edges):
    """Gorishniy et al. (2022), equation 1, as it is written there."""
    n_bins = len(edges) - 1
    codes = np.empty((len(x), n_bins))
    for i, value in enumerate(x):
        for t in range(1, n_bins + 1):
            if value < edges[t - 1] and t > 1:
                codes[i, t - 1] = 0
            elif value >= edges[t] and t < n_bins:
                codes[i, t - 1] = 1
            else:
                codes[i, t - 1] = (value - edges[t - 1]) / (edges[t] - edges[t - 1])
    return codes


def test_bins_follow_the_equation_of_piecewise_linear_encoding():
    x = np.random.default_rng(0).lognormal(size=101)
    table, codes = binned(x, 10)
    np.testing.assert_array_equal(table.columns_[0]["edges"], np.sort(x)[::10])
    np.testing.assert_allclose(codes, equation_1(x, np.sort(x)[::10]), rtol=1e-6)
    later = np.linspace(x.min() - 0.01, x.max() + 1, 50)  # a little beyond both ends
    found = table.transform(pd.DataFrame({"x": later})).array
    expected = equation_1(later, np.sort(x)[::10])
    assert expected.min() < 0
    assert expected.max() > 1
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_codes_rise_with_the_number_and_those_of_outer_bins_go_on_to_the_clip():
    table, _ = binned(np.arange(9.0), 4)
    later = pd.DataFrame({"x": np.linspace(-90, 90, 500)})
    codes = table.transform(later).array
    assert (np.diff(codes, axis=0) >= 0).all()
    assert codes[0].tolist() == [-3, 0, 0, 0]
    assert codes[-1].tolist() == [1, 1, 1, 3]


def test_what_is_missing_has_the_codes_of_the_median_beside_an_indicator():
    X = pd.DataFrame({"x": [0.0, None, 4.0, 5.0, 9.0], "y": 1.0})
    columns = features(X, n_bins=2)
    assert list(columns) == ["x_bin_0", "x_bin_1", "y", "missingindicator_x"]
    edges = TabularModality(n_bins=2).fit(X).columns_[0]["edges"]
    median = equation_1([4.5], edges)[0]
    found = [columns["x_bin_0"][1], columns["x_bin_1"][1]]
    np.testing.assert_allclose(found, median, rtol=1e-6)
    assert columns["missingindicator_x"].tolist() == [0, 1, 0, 0, 0]


def test_equal_edges_are_merged():
    assert binned([0.0] * 7 + [1.0, 2.0, 3.0], 3)[0].columns_[0]["edges"] == [0.0, 3.0]
    table, codes = binned([0.0] * 3 + [1.0] * 3 + [5.0] * 3, 48)
    assert table.columns_[0]["edges"] == [0.0, 1.0, 5.0]
    assert codes[::3].tolist() == [[0, 0], [1, 0], [1, 1]]


@pytest.mark.parametrize("n_bins", [1, 2, 8, 1000])
@pytest.mark.parametrize("low", [1, 3, 4, 7])
def test_a_column_of_two_values_has_one_bin_and_its_own_name(low, n_bins):
    for column in ([4.0] * low + [6.0] * 4, [False] * low + [True] * 4):
        table, codes = binned(column, n_bins)
        assert table.spec("t").feature_names == ("x",)
        assert codes[:, 0].tolist() == [0] * low + [1] * 4


@pytest.mark.parametrize("column", [[7.0] * 5, [7.0, None], [7.0]])
def test_a_constant_column_is_zero_with_bins_too(column):
    table, codes = binned(column, 8)
    assert (codes[:, 0] == 0).all()
    later = table.transform(pd.DataFrame({"x": [7.0, 8.0, -1e300, None]}))
    assert (later.array[:, 0] == 0).all()


def test_a_column_in_which_no_cell_is_readable_is_zero_with_bins_too():
    X = pd.DataFrame({"x": [np.inf, np.inf], "y": [1.0, 2.0]})
    table = TabularModality(n_bins=4).fit(X, on_error="missing")
    assert table.transform(X.assign(x=5.0)).array[:, 0].tolist() == [0, 0]


def test_more_bins_than_rows_cost_no_memory():
    table, codes = binned([3.0, 1.0, 2.0], 10**15)
    assert table.columns_[0]["edges"] == [1.0, 2.0, 3.0]
    assert codes.tolist() == [[1, 1], [0, 0], [1, 0]]


def test_days_are_binned_and_cycles_are_not():
    dates = pd.Series(pd.date_range("2024-01-01", periods=50, freq="7h"))
    dates[3] = None
    plain, coded = encode(dates), encode(dates, n_bins=3)
    assert list(coded) == [f"x_bin_{t}" for t in range(3)] + list(plain)[1:]
    for name in list(plain)[1:]:
        np.testing.assert_array_equal(coded[name], plain[name])
    days = np.arange(50.0)[np.arange(50) != 3]
    codes = np.column_stack([coded[f"x_bin_{t}"] for t in range(3)])
    expected = equation_1(days, np.sort(days)[::16])
    np.testing.assert_allclose(np.delete(codes, 3, axis=0), expected, atol=1e-6)
    np.testing.assert_allclose(
        codes[3], equation_1([np.median(days)], np.sort(days)[::16])[0]
    )


def test_codes_are_no_numbers_for_which_waves_are_worth_it():
    spec = TabularModality(n_bins=4).fit(mixed()).spec("t")
    assert spec.n_numbers == 0
    assert spec.feature_names[:4] == tuple(f"age_bin_{t}" for t in range(4))
    assert len(spec.cardinalities) == 1


def test_absent_rows_hold_zeros_with_bins_too():
    X = mixed()
    X.loc[[2, 9]] = None
    encoded = TabularModality(n_bins=4).fit(X).transform(X)
    assert np.flatnonzero(~encoded.present).tolist() == [2, 9]
    assert (encoded.array[[2, 9]] == 0).all()
    assert encoded.array.dtype == np.float32


def test_infinity_is_refused_with_bins_too():
    with pytest.raises(ModalityError, match=r"column 'x', row 1: .*inf"):
        TabularModality(n_bins=4).fit(pd.DataFrame({"x": [1.0, np.inf]}))


def test_bins_are_those_of_the_fit_whatever_n_bins_became():
    X = mixed()
    table = TabularModality(n_bins=4).fit(X)
    before = table.transform(X).array
    np.testing.assert_array_equal(table.set_params(n_bins=0).transform(X).array, before)
    copy = pickle.loads(pickle.dumps(table))
    np.testing.assert_array_equal(copy.transform(X).array, before)
    assert copy.spec("t") == table.spec("t")
    assert copy.spec("t").n_numbers == 0


@pytest.mark.parametrize("n_bins", [0, 3])
def test_every_feature_is_of_the_column_that_changes_it(n_bins):
    days = pd.date_range("2024-01-30", periods=40, freq="17h")
    X = pd.DataFrame(
        {
            "many": [f"c{i % 12}" for i in range(40)],
            "few": ["a", "b"] * 20,
            "day": days.where(np.arange(40) > 2),
            "number": np.where(np.arange(40) % 5, np.arange(40.0), np.nan),
        }
    )
    table = TabularModality(n_bins=n_bins).fit(X)
    columns, before = np.array(table.feature_columns()), table.transform(X).array
    assert len(columns) == before.shape[1]
    for label in X:
        changed = X.assign(**{label: X[label].to_numpy()[::-1]})
        differs = (table.transform(changed).array != before).any(axis=0)
        assert differs.any() and set(columns[differs]) == {label}
        assert (differs == (columns == label)).all()
