"""What users get back for every kind of target."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.metrics import log_loss

from skmm import BaseNNClassifier, BaseNNRegressor

X, Y = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])


def fitted(y, **params):
    params = {"epochs": 15, "learning_rate": 0.01, "random_state": 0, **params}
    return BaseNNClassifier(**params).fit(X, y)


def test_string_labels_come_back():
    model = fitted(NAMES[Y])
    assert_array_equal(model.classes_, NAMES)
    assert model.score(X, NAMES[Y]) > 0.9
    assert_array_equal(model.predict(X), NAMES[model.predict_proba(X).argmax(axis=1)])


def test_two_classes_have_one_logit():
    model = fitted(Y == 0)
    z = model.decision_function(X)
    assert z.shape == (150,)
    assert_array_equal(model.predict(X), z > 0)
    assert_allclose(model.predict_proba(X)[:, 1], 1 / (1 + np.exp(-z)), rtol=1e-5)
    assert model.classes_.dtype == bool


def test_log_probabilities_are_the_logarithms():
    model = fitted(Y)
    assert_allclose(
        np.exp(model.predict_log_proba(X)), model.predict_proba(X), rtol=1e-5
    )
    assert log_loss(Y, model.predict_proba(X)) < 0.5


def test_yes_no_labels_of_several_columns():
    labels = np.stack([Y == 0, X[:, 0] > 5.8, Y == 2], axis=1).astype(int)
    model = fitted(labels)
    assert model.predict(X).shape == model.predict_proba(X).shape == (150, 3)
    assert (model.predict(X) == labels).mean() > 0.85
    assert model.n_outputs_ == 3


def test_several_outputs_of_several_classes():
    y = np.stack([NAMES[Y], np.where(X[:, 0] > 5.8, "long", "short")], axis=1)
    model = fitted(y)
    assert [list(c) for c in model.classes_] == [list(NAMES), ["long", "short"]]
    assert [p.shape for p in model.predict_proba(X)] == [(150, 3), (150, 2)]
    assert (model.predict(X) == y).mean() > 0.85


def test_one_row_is_predicted_as_a_row():
    model = fitted(Y)
    assert model.predict(X[:1]).shape == (1,)
    assert model.predict_proba(X[:1]).shape == (1, 3)
    regressor = BaseNNRegressor(epochs=1, random_state=0).fit(X, X[:, 0])
    assert regressor.predict(X[:1]).shape == (1,)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.zeros(150), "one class only"),
        (np.linspace(0, 1, 150), "continuous"),
        (np.where(np.arange(150) == 3, np.nan, 1.0), "NaN"),
        (np.arange(149) % 2, "inconsistent numbers"),
        (None, "requires y"),
    ],
    ids=["one class", "continuous", "nan", "short", "none"],
)
def test_bad_labels_are_errors(y, message):
    with pytest.raises(ValueError, match=message):
        BaseNNClassifier(epochs=1).fit(X, y)


def test_embeddings_have_names():
    model = fitted(Y)
    assert model.transform(X).shape == (150, len(model.get_feature_names_out()))
    frame = model.set_output(transform="pandas").transform(X)
    assert list(frame.columns) == list(model.get_feature_names_out())


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel", "multioutput"])
def test_calibration_lowers_the_loss_and_moves_no_label(kind):
    targets = {
        "binary": Y == 0,
        "multiclass": Y,
        "multilabel": np.stack([Y == 0, Y > 1], axis=1).astype(int),
        "multioutput": np.stack([Y, (Y + 1) % 3], axis=1),
    }
    y = targets[kind]
    rows = {"X_val": X[::3], "y_val": y[::3]}
    model = BaseNNClassifier(epochs=4, early_stopping=False, random_state=0)
    plain = model.fit(X[1::3], y[1::3], **rows)
    mended = clone(model).set_params(calibrate="temperature")
    mended.fit(X[1::3], y[1::3], **rows)
    assert plain.temperature_ == 1
    assert abs(mended.temperature_ - 1) > 0.05
    assert_array_equal(plain.predict(X), mended.predict(X))
    losses = []
    for fitted_model in (plain, mended):
        log_p = fitted_model.predict_log_proba(X[::3])
        parts = log_p if isinstance(log_p, list) else [log_p]
        codes = y[::3].astype(int)
        if kind == "multilabel":
            p = fitted_model.predict_proba(X[::3])
            losses.append(-np.where(codes, np.log(p), np.log1p(-p)).mean())
            continue
        columns = codes[:, None] if codes.ndim == 1 else codes
        hits = [p[np.arange(50), c] for p, c in zip(parts, columns.T, strict=True)]
        losses.append(-np.sum(hits, axis=0).mean())
    assert losses[1] < losses[0]
    before, after = mended.fit_report_["calibration_error"]
    assert 0 <= after < 1
    assert before != after


def test_calibration_needs_rows_to_validate_on():
    model = BaseNNClassifier(epochs=1, calibrate="temperature", random_state=0)
    with pytest.raises(ValueError, match="set early_stopping=True, or give fit X_val"):
        model.fit(X, Y)
    assert not hasattr(model, "classes_")
    with pytest.raises(ValueError, match="needs rows to validate on"):
        model.partial_fit(X, Y)
    model.set_params(early_stopping=True).fit(X, Y)
    assert "calibration_error" in model.fit_report_
