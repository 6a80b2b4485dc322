"""More rows than memory holds: read from files, learned from a window at a time."""

import pickle
import tempfile

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skmm import (
    BaseNNClassifier,
    ModalityTransformer,
    MultimodalClassifier,
    MultimodalRegressor,
    _streams,
)
from skmm.exceptions import CellError
from skmm.training import _loop, _stage, _stored

N = 700
RNG = np.random.default_rng(0)
LABEL = RNG.integers(0, 3, N)
WORDS = np.array(["alpha", "beta", "gamma"])
HEARD = np.where(RNG.random(N) < 0.7, LABEL, RNG.integers(0, 3, N))
TABLE = pd.DataFrame(
    {
        "size": RNG.normal(size=N) + LABEL,
        "kind": RNG.choice(["x", "y", "z"], N),
        "note": [f"{w} on day {i % 97}" for i, w in enumerate(WORDS[HEARD])],
        "label": np.array(["one", "two", "three"], object)[LABEL],
    }
)
TABLE.loc[::9, "note"] = None
X, Y = TABLE.drop(columns="label"), TABLE["label"]
NUMBERS = X.assign(number=3.0 * LABEL + 100)
WEIGHED = TABLE.assign(weight=RNG.integers(0, 3, N).astype(float))
TRIPLES = [("facts", "tabular", ["size", "kind"]), ("note", "text", "note")]
ONE = {"epochs": 3, "random_state": 0, "ensemble_size": 1, "early_stopping": True}


@pytest.fixture(autouse=True)
def _little_memory(monkeypatch):
    """Hold a sample of 200 rows, and windows of 64."""
    monkeypatch.setattr(_streams, "SAMPLE_ROWS", 200)
    monkeypatch.setattr(_stored, "WINDOW_BYTES", 64 * 100)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("rows") / "rows.parquet"
    TABLE.to_parquet(path, row_group_size=150)
    return path


@pytest.fixture(scope="module")
def fitted(path):
    """A classifier of rows that it never had in memory together."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_streams, "SAMPLE_ROWS", 200)
        patch.setattr(_stored, "WINDOW_BYTES", 64 * 100)
        return MultimodalClassifier(TRIPLES, **ONE).fit(path, "label")


UNCALIBRATED = MultimodalClassifier(calibrate="temperature", early_stopping=False)


class Often:
    """Frames of so many rows, as often as they are asked for."""

    def __init__(self, n_rows, table=TABLE):
        self.n_rows, self.table = n_rows, table

    def __iter__(self):
        for start in range(0, len(self.table), self.n_rows):
            yield self.table.iloc[start : start + self.n_rows]


def same_bits(one, other):
    pairs = zip(one._weights[0], other._weights[0], strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def test_it_learns_what_is_in_the_rows(fitted):
    assert fitted.score(X, Y) > 0.75
    assert fitted.history_["val_loss"][-1] < fitted.history_["val_loss"][0]
    assert fitted.classes_.tolist() == ["one", "three", "two"]


def test_it_has_the_attributes_of_any_fit(fitted):
    assert fitted.n_epochs_ == 3 and fitted.n_features_in_ == 3
    assert set(fitted.unimodal_scores_) == {"facts", "note"}
    assert sum(fitted.decision_weights_.values()) < 1
    assert fitted.transformer_.columns_of("note") == ["note"]


def test_few_rows_are_learned_from_as_if_they_were_in_memory(path, monkeypatch):
    monkeypatch.setattr(_streams, "SAMPLE_ROWS", N)
    model = MultimodalClassifier(TRIPLES, epochs=2, ensemble_size=2, random_state=0)
    from_file = model.fit(path, "label").predict_proba(X)
    in_memory = model.fit(X, Y)
    assert_array_equal(from_file, in_memory.predict_proba(X))


def test_the_bits_do_not_depend_on_how_rows_come(fitted):
    again = MultimodalClassifier(TRIPLES, **ONE).fit(Often(90), "label")
    assert same_bits(fitted, again)


def test_dask_gives_the_same_bits(fitted):
    dd = pytest.importorskip("dask.dataframe")
    rows = dd.from_pandas(TABLE, npartitions=3)
    assert same_bits(fitted, MultimodalClassifier(TRIPLES, **ONE).fit(rows, "label"))


def test_an_iterator_is_read_once():
    frames = iter(Often(90))
    model = MultimodalClassifier(TRIPLES, **ONE).fit(frames, "label")
    assert next(frames, None) is None
    assert model.score(X, Y) > 0.7


def test_rows_in_order_of_their_labels_are_mixed():
    ordered = TABLE.sort_values("label")
    model = MultimodalClassifier(TRIPLES, **ONE).fit(Often(90, ordered), "label")
    assert model.score(X, Y) > 0.75


@pytest.mark.parametrize(
    "method", ["predict", "predict_proba", "decision_function", "transform"]
)
def test_answers_to_a_file_are_those_to_its_rows(fitted, path, method):
    found = getattr(fitted, method)(path)
    assert_array_equal(found, getattr(fitted, method)(X))
    assert_array_equal(getattr(fitted, method)(iter(Often(90))), found)


def test_modalities_may_be_left_out_of_answers(fitted, path):
    found = fitted.predict_proba(path, modalities=["facts"])
    assert_array_equal(found, fitted.predict_proba(X, modalities=["facts"]))


def test_dask_is_answered_when_it_is_asked(fitted):
    dd = pytest.importorskip("dask.dataframe")
    rows = dd.from_pandas(TABLE, npartitions=3)
    lazy = fitted.predict_proba(rows[rows["size"] > -9])
    assert lazy.dtype == "float32" and lazy.shape[1] == 3
    assert_array_equal(lazy.compute(scheduler="synchronous"), fitted.predict_proba(X))
    labels = fitted.predict(rows).compute(scheduler="synchronous")
    assert_array_equal(labels, fitted.predict(X))


def test_a_partition_without_rows_has_no_answers(fitted):
    dd = pytest.importorskip("dask.dataframe")
    rows = dd.from_pandas(TABLE, npartitions=3)
    none = fitted.predict(rows[rows["size"] > 99]).compute(scheduler="synchronous")
    assert none.shape == (0,)


def test_the_score_of_a_file_is_that_of_its_rows(fitted, path):
    assert_allclose(fitted.score(path, "label"), fitted.score(X, Y))
    weighed = fitted.score(Often(90, WEIGHED), "label", "weight")
    assert_allclose(weighed, fitted.score(X, Y, WEIGHED["weight"]))


def test_nothing_of_the_files_is_left(path, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    model = MultimodalClassifier(TRIPLES, **{**ONE, "epochs": 1}).fit(path, "label")
    assert list(tmp_path.iterdir()) == []
    copy = pickle.loads(pickle.dumps(model))
    assert_array_equal(copy.predict_proba(path), model.predict_proba(path))


def prepared(model, rows, y, weight):
    """Give what is learned before training, and targets with their weights."""
    fitted, [(data, _)] = model._prepare(*given(rows, y, weight))
    return fitted, data.targets()


def given(*rows):
    return rows, (None, None, None), None, False, False, 0


@pytest.mark.parametrize("class_weight", [None, "balanced", {"one": 5}])
def test_weights_and_class_weights_count_as_in_memory(class_weight):
    model = MultimodalClassifier(TRIPLES, class_weight=class_weight, ensemble_size=1)
    model.set_params(early_stopping=False, random_state=0)
    found, (y, weight) = prepared(model, Often(90, WEIGHED), "label", "weight")
    same, (codes, each) = prepared(model, X, Y, WEIGHED["weight"])
    for code, of_class in zip(y[:, 0], weight, strict=True):
        assert_allclose(of_class, each[codes[:, 0] == code].sum(), rtol=1e-5)
    shares = [f["_sums"][:-1] / f["_sums"][-1] for f in (found, same)]
    assert_allclose(*shares, rtol=1e-5)


def test_every_row_has_the_weight_that_it_has_in_memory():
    model = MultimodalClassifier(TRIPLES, **{**ONE, "early_stopping": False})
    rows = given(Often(90, WEIGHED), "label", "weight")
    data = model._prepare(*rows)[1][0][0]
    heavy = WEIGHED["weight"][WEIGHED["weight"] > 0].to_numpy()
    assert data.n_rows == len(heavy)
    rows = data.read(np.arange(len(heavy)))
    assert_allclose(rows.weight, heavy / heavy.mean(), rtol=1e-6)


def test_numbers_are_standardised_by_all_rows():
    rows, y = Often(90, NUMBERS), NUMBERS["number"]
    model = MultimodalRegressor(TRIPLES, **ONE).fit(rows, "number")
    assert_allclose(model._target.mean, y.mean())
    assert_allclose(model._target.scale, y.std(ddof=0))
    assert model.score(rows, "number") > 0.5
    assert_allclose(model.score(rows, "number"), model.score(X, y))


def test_rows_to_validate_on_are_not_trained_on(path):
    model = MultimodalClassifier(TRIPLES, **ONE, validation_fraction=0.2)
    data, held_out = model._prepare(*given(path, "label", None))[1][0]
    assert held_out.n_rows == 140 and data.n_rows == N - 140
    order = data.draw(np.random.default_rng(0))
    seen = np.concatenate([w.numbers[rows] for w, rows in data.windows(order)])
    assert len(np.intersect1d(seen, data.left_out)) == 0 and len(set(seen)) == N - 140


@pytest.mark.parametrize("kind", ["frame", "file"])
def test_validation_rows_may_be_given(path, kind):
    model = MultimodalClassifier(TRIPLES, **{**ONE, "epochs": 1})
    X_val, y_val = (path, "label") if kind == "file" else (X[:50], Y[:50])
    model.fit(path, "label", X_val=X_val, y_val=y_val)
    assert len(model.history_["val_loss"]) == 1


def test_several_networks_learn_from_all_rows(path):
    settings = {**ONE, "ensemble_size": 2, "epochs": 1}
    model = MultimodalClassifier(TRIPLES, **settings).fit(path, "label")
    assert len(model._weights) == 2 and not np.array_equal(
        *map(np.sum, [w[0] for w in model._weights])
    )


def test_a_temperature_is_found(path):
    model = MultimodalClassifier(TRIPLES, **ONE, calibrate="temperature")
    assert model.fit(path, "label").temperature_ != 1


def test_a_fit_goes_on_from_the_weights_of_the_last(path):
    model = MultimodalClassifier(TRIPLES, **ONE, warm_start=True).fit(path, "label")
    before = model.history_["val_loss"][-1]
    assert model.fit(path, "label").n_epochs_ == 6
    assert model.history_["val_loss"][3] < before + 0.1


def test_a_killed_fit_ends_with_the_bits_of_one_that_was_not(
    fitted, path, tmp_path, monkeypatch
):
    monkeypatch.setattr(_stage, "SECONDS", 0.0)
    monkeypatch.setattr(_stage, "SHARE", np.inf)
    run, left = _loop._Epochs.run, [2]

    def killed(self):
        left[0] -= 1
        if left[0] < 0:
            raise InterruptedError
        return run(self)

    model = MultimodalClassifier(TRIPLES, **ONE)
    with monkeypatch.context() as patch, pytest.raises(InterruptedError):
        patch.setattr(_loop._Epochs, "run", killed)
        model.fit(path, "label", checkpoint=tmp_path)
    model.fit(path, "label", checkpoint=tmp_path)
    assert model.fit_report_["epochs_resumed"] == 2 and same_bits(fitted, model)
    other = Often(90, TABLE.iloc[1:])
    assert not model.fit(other, "label", checkpoint=tmp_path).fit_report_[
        "epochs_resumed"
    ]


def test_an_unreadable_cell_is_told_by_its_row_in_the_whole_table():
    table = TABLE.assign(photo=[np.zeros((4, 4, 3), "u1")] * N)
    table.at[650, "photo"] = b"no picture"
    model = MultimodalClassifier([("photo", "image", "photo")], **ONE)
    with pytest.raises(CellError, match="column 'photo', row 650"):
        model.fit(Often(90, table), "label")
    assert vars(model).keys() == model.get_params(deep=False).keys()


@pytest.mark.parametrize(
    ("model", "given", "error", "message"),
    [
        (MultimodalClassifier(), ("same", None), ValueError, "one class only"),
        (MultimodalClassifier(), (Y, None), TypeError, "y must be the name"),
        (MultimodalClassifier(), ("labels", None), ValueError, "no column 'labels'"),
        (MultimodalClassifier(), ("label", "w"), ValueError, "no column 'w'"),
        (MultimodalRegressor(), ("note", None), ValueError, "Unknown label type"),
        (UNCALIBRATED, ("label", None), ValueError, "rows to validate on"),
    ],
)
def test_a_wrong_argument_leaves_the_estimator_as_it_was(model, given, error, message):
    table = TABLE.assign(same="same")
    with pytest.raises(error, match=message):
        model.fit(Often(90, table), *given)
    assert vars(model).keys() == model.get_params(deep=False).keys()


def test_partial_fit_takes_a_table(path):
    with pytest.raises(TypeError, match="one piece at a time"):
        MultimodalClassifier().partial_fit(path, "label")


@pytest.mark.parametrize("estimator", [ModalityTransformer(), BaseNNClassifier()])
def test_others_say_who_reads_files(estimator, path):
    with pytest.raises(TypeError, match="MultimodalRegressor read Parquet"):
        estimator.fit(path, Y)


def test_an_unfitted_estimator_says_so(path):
    with pytest.raises(ValueError, match="not fitted"):
        MultimodalClassifier().predict(path)
