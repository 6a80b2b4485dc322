"""Predictions from some modalities, and for rows that have none."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from skmm import ModalityTransformer, MultimodalClassifier, MultimodalRegressor
from skmm.exceptions import MissingModalityWarning

RNG = np.random.default_rng(0)
N = 60
X = pd.DataFrame({"a": RNG.normal(size=N), "words": RNG.choice(["is so", "is not"], N)})
Y = np.where((X["a"] > 0.4) & (X["words"] == "is so"), "c", "b").astype(object)
Y[:20] = "a"
WEIGHT = RNG.uniform(0.5, 2, N)
MODALITIES = [("table", "vector", ["a"]), ("note", "text", "words")]
EMPTY = pd.DataFrame({"a": [np.nan, np.nan], "words": [None, None]})
SETTINGS = {"epochs": 2, "ensemble_size": 1, "random_state": 0}


@pytest.fixture(scope="module")
def model():
    return MultimodalClassifier(MODALITIES, **SETTINGS).fit(X, Y, WEIGHT)


@pytest.fixture(scope="module")
def shares():
    """Share of each class among the weights of the training rows."""
    return np.array([WEIGHT[c == Y].sum() for c in "abc"]) / WEIGHT.sum()


def quietly(function, *args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MissingModalityWarning)
        return function(*args, **kwargs)


METHODS = ("predict", "predict_proba", "predict_log_proba", "decision_function")


@pytest.mark.parametrize("method", METHODS)
def test_the_others_count_as_absent(model, method):
    predict = getattr(model, method)
    without = X.assign(words=None)
    assert_array_equal(predict(X, modalities=["table"]), predict(without))
    assert_array_equal(predict(X, modalities=["note", "table"]), predict(X))
    assert_array_equal(predict(X, modalities=None), predict(X))


@pytest.mark.parametrize("wrong", [["image"], "note", ["note", "a"]])
def test_a_modality_that_is_not_there_is_refused(model, wrong):
    with pytest.raises(ValueError, match=r"any of \['table', 'note'\], got"):
        model.predict_proba(X, modalities=wrong)


def test_a_row_of_nothing_gets_the_classes_of_the_training_rows(model, shares):
    with pytest.warns(MissingModalityWarning, match=r"2 of 4 rows.*'table', 'note'"):
        p = model.predict_proba(pd.concat([EMPTY, X[:2]]))
    assert_allclose(p[:2], [shares, shares], rtol=1e-6)
    assert_array_equal(p[2:], model.predict_proba(X[:2]))
    assert quietly(model.predict, EMPTY).tolist() == ["abc"[shares.argmax()]] * 2


def test_warnings_point_at_the_call(model):
    y = X["a"].to_numpy()
    regressor = MultimodalRegressor(MODALITIES, **SETTINGS).fit(X, y)
    calls = [getattr(model, method) for method in METHODS]
    for call in [*calls, regressor.predict]:
        with pytest.warns(MissingModalityWarning) as caught:
            call(EMPTY)
        assert [w.filename for w in caught] == [__file__]


def test_rows_set_apart_do_not_count():
    """As a regressor's mean, and all else that is learned, they count for nothing."""
    settings = {**SETTINGS, "early_stopping": True, "epochs": 1}
    model = MultimodalClassifier(MODALITIES, **settings)
    ((inside, _),) = model._splits(Y, given=False, one_epoch=False, resume=False)
    p = model.fit(X, Y).predict_proba(X[:1], modalities=[])
    assert_allclose(p[0], [(c == Y[inside]).mean() for c in "abc"], rtol=1e-5)
    y = X["a"].to_numpy() + 5
    model = MultimodalRegressor(MODALITIES, **settings).fit(X, y)
    assert_allclose(model.predict(X[:1], modalities=[]), model._target.mean, rtol=1e-5)


def test_rows_dealt_out_to_several_networks_count_all(shares):
    model = MultimodalClassifier(MODALITIES, epochs=1, ensemble_size=2, random_state=0)
    p = model.fit(X, Y, WEIGHT).predict_proba(X[:1], modalities=[])
    assert_allclose(p[0], shares, rtol=1e-6)


def test_fitting_on_counts_again_what_is_seen_again(shares):
    model = MultimodalClassifier(MODALITIES, warm_start=True, **SETTINGS)
    p = model.fit(X, Y, WEIGHT).fit(X, Y, WEIGHT).predict_proba(X[:1], modalities=[])
    assert_allclose(p[0], shares, rtol=1e-6)


def test_a_pipeline_passes_the_modalities_on():
    pipeline = make_pipeline(
        ModalityTransformer(MODALITIES), MultimodalClassifier(**SETTINGS)
    ).fit(X, Y)
    some = pipeline.predict_proba(X, modalities=["table"])
    assert_array_equal(some, pipeline.predict_proba(X.assign(words=None)))


def test_a_row_without_what_is_asked_for_has_nothing(model, shares):
    without = X[:3].assign(words=["is so", None, "is so"])
    with pytest.warns(MissingModalityWarning, match=r"1 of 3 rows.*\['note'\]"):
        p = model.predict_proba(without, modalities=["note"])
    assert_allclose(p[1], shares, rtol=1e-6)


def test_no_modality_at_all_may_be_asked_for(model, shares):
    assert_allclose(model.predict_proba(X, modalities=[]), [shares] * N, rtol=1e-6)


def test_a_pickle_knows_the_classes_of_the_training_rows(model, shares):
    copy = pickle.loads(pickle.dumps(model))
    assert_allclose(copy.predict_proba(X[:1], modalities=[]), [shares], rtol=1e-6)


def test_balanced_classes_are_balanced_in_rows_of_nothing():
    model = clone(MultimodalClassifier(MODALITIES, class_weight="balanced", **SETTINGS))
    p = model.fit(X, Y).predict_proba(X[:1], modalities=[])
    assert_allclose(p, [[1 / 3] * 3], rtol=1e-6)


def test_several_batches_add_up():
    model = MultimodalClassifier(MODALITIES, **SETTINGS)
    for rows in (slice(0, 30), slice(30, N)):
        model.partial_fit(X[rows], Y[rows], classes=["a", "b", "c"])
    shares = [[(c == Y).mean() for c in "abc"]]
    assert_allclose(model.predict_proba(X[:1], modalities=[]), shares, rtol=1e-5)


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_two_classes_and_several_outputs_have_shares_too(n_outputs):
    y = np.stack([(X["a"] > 0.3), (X["a"] > 1)], axis=1).astype(int)
    y = y[:, 0] if n_outputs == 1 else y
    model = MultimodalClassifier(MODALITIES, **SETTINGS).fit(X, y)
    p = model.predict_proba(X[:1], modalities=[])
    expected = [1 - y.mean(), y.mean()] if n_outputs == 1 else y.mean(axis=0)
    assert_allclose(p[0], expected, rtol=1e-6)


def test_each_of_several_outputs_has_its_own_shares():
    y = np.stack([Y, np.where(X["a"] > 0, "high", "low").astype(object)], axis=1)
    model = MultimodalClassifier(MODALITIES, **SETTINGS).fit(X, y)
    first, second = model.predict_proba(X[:1], modalities=[])
    assert_allclose(first[0], [(c == Y).mean() for c in "abc"], rtol=1e-6)
    assert_allclose(second[0], [(X["a"] > 0).mean(), (X["a"] <= 0).mean()], rtol=1e-6)
    numbers = np.stack([X["a"], 3 - X["a"]], axis=1)
    regressor = MultimodalRegressor(MODALITIES, **SETTINGS).fit(X, numbers)
    means = regressor.predict(X[:1], modalities=[])
    assert_allclose(means[0], numbers.mean(axis=0), rtol=1e-5)


def test_a_number_is_the_mean_of_the_training_rows():
    y = 3 * X["a"].to_numpy() + 10
    model = MultimodalRegressor(MODALITIES, **SETTINGS).fit(X, y, WEIGHT)
    expected = np.average(y, weights=WEIGHT)
    assert_allclose(model.predict(X[:2], modalities=[]), [expected] * 2, rtol=1e-5)
    with pytest.warns(MissingModalityWarning, match="2 of 2 rows"):
        assert_allclose(model.predict(EMPTY), [expected] * 2, rtol=1e-5)
    without = X.assign(words=None)
    assert_array_equal(model.predict(X, modalities=["table"]), model.predict(without))
