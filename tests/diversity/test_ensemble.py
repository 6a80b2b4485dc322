"""Greedy ensembles are scikit-learn estimators, and better than their members."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss, mean_squared_error
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    StratifiedKFold,
    cross_val_predict,
    cross_val_score,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from skmm import MultimodalClassifier
from skmm.datasets import make_multimodal_classification
from skmm.diversity import GreedyEnsembleClassifier, GreedyEnsembleRegressor

X, Y = load_digits(return_X_y=True)
X, Y, X_TEST, Y_TEST = X[:600], Y[:600], X[600:], Y[600:]
NAMES = np.array(list("abcdefghij"))[Y]
MODELS = [
    ("tree", DecisionTreeClassifier(max_depth=8, random_state=0)),
    ("bayes", GaussianNB()),
    ("neighbours", KNeighborsClassifier(9)),
    ("linear", LogisticRegression(C=1e-3, max_iter=3000)),
]


def greedy(**settings):
    return GreedyEnsembleClassifier(MODELS, random_state=0, **settings)


@pytest.fixture(scope="module")
def fitted():
    """An ensemble of four classifiers of digits."""
    return greedy().fit(X, NAMES)


class Coarse(GaussianNB):
    """Says what it thinks in float32, as networks do."""

    def predict_proba(self, X):
        return super().predict_proba(X).astype(np.float32)


def test_probabilities_sum_to_one_whatever_members_say():
    models = [("sharp", Coarse()), ("smooth", Coarse(var_smoothing=0.1))]
    p = GreedyEnsembleClassifier(models).fit(X, Y).predict_proba(X_TEST)
    assert_allclose(p.sum(axis=1), 1, rtol=1e-12)


def test_it_is_better_than_its_best_member(fitted):
    truth = np.array(list("abcdefghij"))[Y_TEST]
    own = log_loss(truth, fitted.predict_proba(X_TEST))
    alone = [
        log_loss(truth, clone(m).fit(X, NAMES).predict_proba(X_TEST)) for _, m in MODELS
    ]
    assert own < min(alone)
    assert fitted.score(X_TEST, truth) > 0.9


def test_losses_are_those_of_rows_set_apart(fitted):
    unseen = [
        cross_val_predict(m, X, NAMES, cv=StratifiedKFold(5), method="predict_proba")
        for _, m in MODELS
    ]
    for (name, _), p in zip(MODELS, unseen, strict=True):
        tiny = np.finfo(float).tiny
        true = p[np.arange(len(Y)), Y]
        assert fitted.losses_[name] == pytest.approx(
            -np.log(np.maximum(true, tiny)).mean()
        )
    pooled = np.tensordot(fitted.weights_, unseen, axes=1)
    assert fitted.loss_ == pytest.approx(log_loss(NAMES, pooled))
    gain = fitted.weights_ @ list(fitted.losses_.values()) - fitted.loss_
    assert fitted.diversity_ == pytest.approx(gain)
    assert fitted.diversity_ > 0
    assert fitted.homogenization_.ratio > 1


def test_predictions_are_the_weighted_mean_of_members_on_all_rows(fitted):
    heard = [name for (name, _), w in zip(MODELS, fitted.weights_, strict=True) if w]
    assert list(fitted.named_estimators_) == heard
    own = [clone(dict(MODELS)[n]).fit(X, NAMES).predict_proba(X_TEST) for n in heard]
    weights = fitted.weights_[fitted.weights_ > 0]
    expected = np.tensordot(weights, own, axes=1)
    assert_allclose(fitted.predict_proba(X_TEST), expected)
    labels = fitted.classes_[expected.argmax(axis=1)]
    assert_array_equal(fitted.predict(X_TEST), labels)


def test_copies_bring_no_diversity():
    twins = [(n, GaussianNB()) for n in ("one", "two")]
    model = GreedyEnsembleClassifier(twins, cv=3, random_state=0).fit(X, Y)
    assert model.diversity_ == pytest.approx(0, abs=1e-12)


def test_one_member_is_itself():
    model = GreedyEnsembleClassifier([("only", GaussianNB())], cv=3).fit(X, Y)
    assert model.weights_.tolist() == [1.0]
    assert model.homogenization_ is None
    assert_array_equal(model.predict(X_TEST), GaussianNB().fit(X, Y).predict(X_TEST))


def test_the_seed_draws_the_bags_and_processes_change_nothing(fitted):
    again = greedy(n_jobs=2).fit(X, NAMES)
    assert_array_equal(again.weights_, fitted.weights_)
    assert_array_equal(again.predict_proba(X_TEST), fitted.predict_proba(X_TEST))
    other = greedy().set_params(random_state=1).fit(X, NAMES)
    assert not np.array_equal(other.weights_, fitted.weights_)


def test_it_is_pickled_and_cloned(fitted):
    copy = pickle.loads(pickle.dumps(fitted))
    assert_array_equal(copy.predict_proba(X_TEST), fitted.predict_proba(X_TEST))
    assert not hasattr(clone(fitted), "weights_")


def test_parameters_of_members_are_searched():
    grid = {"tree__max_depth": [1, 8], "n_bags": [2]}
    search = GridSearchCV(greedy(cv=2), grid, cv=2).fit(X[:200], Y[:200])
    assert search.best_estimator_.get_params()["tree__max_depth"] in (1, 8)
    replaced = greedy().set_params(tree=GaussianNB(), bayes__var_smoothing=1e-3)
    assert isinstance(dict(replaced.estimators)["tree"], GaussianNB)
    assert dict(replaced.estimators)["bayes"].var_smoothing == 1e-3


def test_weights_reach_the_members_and_the_choice():
    weight = np.where(Y < 5, 1.0, 0.0)
    models = [m for m in MODELS if m[0] in ("tree", "linear")]
    model = GreedyEnsembleClassifier(models, random_state=0).fit(X, Y, weight)
    assert (model.predict(X_TEST) < 5).all()


def test_frames_keep_their_names():
    frame = pd.DataFrame(X, columns=[f"pixel{i}" for i in range(64)])
    model = GreedyEnsembleClassifier(MODELS[:1], cv=2).fit(frame, Y)
    assert model.feature_names_in_.tolist() == list(frame.columns)
    assert model.n_features_in_ == 64


def test_networks_on_mixed_frames_are_members():
    made = make_multimodal_classification(
        60, modalities=("tabular", "text"), missing={"text": 0.2}, random_state=0
    )
    base = MultimodalClassifier(ensemble_size=1, epochs=3, random_state=0)
    models = [(f, clone(base).set_params(fusion=f)) for f in ("gated", "concat")]
    model = GreedyEnsembleClassifier(models, cv=2, random_state=0)
    scores = cross_val_score(model, made.data, made.target, cv=2)
    assert np.isfinite(scores).all()


@pytest.fixture(scope="module")
def numbers():
    """Regressors, and the data they are fitted on."""
    models = [
        ("ridge", Ridge()),
        ("neighbours", KNeighborsRegressor()),
        ("forest", RandomForestRegressor(20, random_state=0)),
    ]
    return models, *load_diabetes(return_X_y=True)


def test_numbers_are_averaged(numbers):
    models, x, y = numbers
    cv = KFold(4, shuffle=True, random_state=0)
    model = GreedyEnsembleRegressor(models, cv=cv, random_state=0).fit(x, y)
    unseen = np.stack([cross_val_predict(m, x, y, cv=cv) for _, m in models])
    for (name, _), f in zip(models, unseen, strict=True):
        assert model.losses_[name] == pytest.approx(mean_squared_error(y, f))
    mean = model.weights_ @ unseen
    assert model.loss_ == pytest.approx(mean_squared_error(y, mean))
    assert model.loss_ < min(model.losses_.values())
    variance = (model.weights_ @ np.square(unseen - mean)).mean()
    assert model.diversity_ == pytest.approx(variance)
    assert model.score(x, y) > 0.4


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"estimators": []}, "one or more"),
        ({"estimators": [MODELS[0], MODELS[0]]}, "a name of its own"),
        ({"estimators": [("cv", GaussianNB())]}, "must not be parameters"),
        ({"estimators": [("a__b", GaussianNB())]}, "double underscore"),
        (
            {"estimators": [("svc", LinearSVC())]},
            "'svc' must be a classifier with pre",
        ),
        ({"estimators": [("ridge", Ridge())]}, "'ridge' must be a classifier"),
        ({"estimators": [GaussianNB()]}, "pairs of a name and an estimator"),
        ({"n_bags": 0}, "n_bags"),
        ({"max_members": 0}, "max_members"),
    ],
)
def test_wrong_arguments_are_refused(settings, message):
    model = greedy().set_params(**settings)
    with pytest.raises(ValueError, match=message):
        model.fit(X, Y)
    assert not hasattr(model, "weights_")


def test_weights_that_a_member_cannot_take_are_refused():
    with pytest.raises(ValueError, match="'neighbours', a KNeighborsClassifier, takes"):
        greedy().fit(X, Y, sample_weight=np.ones(len(Y)))
