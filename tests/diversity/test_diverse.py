"""Members differ in what is varied, and read the data once."""

import pickle
from unittest.mock import patch

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    ShuffleSplit,
    cross_val_score,
)
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skmm import ModalityTransformer, MultimodalClassifier, MultimodalRegressor
from skmm.datasets import make_multimodal_classification, make_multimodal_regression
from skmm.diversity import DiverseEnsembleClassifier, DiverseEnsembleRegressor

MADE = make_multimodal_classification(
    160, modalities=("tabular", "text"), informative=0.7, random_state=0
)
X, Y = MADE.data[:120], MADE.target[:120].map({0: "no", 1: "yes"})
X_TEST = MADE.data[120:]
VARY = {"fusion": ["gated", "concat"], "modalities": [["tabular", "text"], ["text"]]}
BASE = MultimodalClassifier(epochs=6, learning_rate=0.005)


@pytest.fixture(scope="module")
def fitted():
    """Four members on two folds."""
    return DiverseEnsembleClassifier(BASE, VARY, cv=2, random_state=0).fit(X, Y)


def test_members_are_all_combinations(fitted):
    settings = [(m["fusion"], tuple(m["modalities"])) for m in fitted.members_]
    assert settings == [
        ("gated", ("tabular", "text")),
        ("gated", ("text",)),
        ("concat", ("tabular", "text")),
        ("concat", ("text",)),
    ]
    assert len(fitted.losses_) == 4
    assert any("fusion=gated, modalities=tabular+text" in n for n in fitted.losses_)
    assert fitted.weights_.sum() == pytest.approx(1)
    for k, models in zip(
        np.flatnonzero(fitted.weights_), fitted.estimators_, strict=True
    ):
        assert len(models) == 2
        for model in models:
            assert model.fusion == fitted.members_[k]["fusion"]
            assert list(model.encoders_) == fitted.members_[k]["modalities"]


def test_predictions_are_weighted_means_over_members_and_folds(fitted):
    frame = fitted.transformer_.transform(X_TEST)
    expected = 0
    for k, models in zip(
        np.flatnonzero(fitted.weights_), fitted.estimators_, strict=True
    ):
        part = frame.select(fitted.members_[k]["modalities"])
        own = np.mean([m.predict_proba(part) for m in models], axis=0)
        expected = expected + fitted.weights_[k] * own
    assert_allclose(fitted.predict_proba(X_TEST), expected)
    assert set(fitted.predict(X_TEST)) <= {"no", "yes"}
    assert fitted.score(X, Y) > 0.8


def test_each_fold_stops_early_on_the_one_left(fitted):
    for models in fitted.estimators_:
        for model in models:
            assert len(model._weights) == 1
            assert "val_loss" in model.history_


def test_data_are_read_once():
    base = clone(BASE).set_params(epochs=1)
    model = DiverseEnsembleClassifier(base, VARY, cv=2)
    with patch.object(
        ModalityTransformer, "fit", autospec=True, side_effect=ModalityTransformer.fit
    ) as fit:
        model.fit(X, Y)
    assert fit.call_count == 1


def test_the_seed_makes_the_ensemble(fitted):
    again = clone(fitted).fit(X, Y)
    assert_array_equal(again.predict_proba(X_TEST), fitted.predict_proba(X_TEST))


def test_processes_change_nothing(fitted):
    again = clone(fitted).set_params(n_jobs=2).fit(X, Y)
    assert_array_equal(again.predict_proba(X_TEST), fitted.predict_proba(X_TEST))


def test_seeds_are_given_or_drawn():
    base = DecisionTreeClassifier(max_features=1)
    x, y = load_wine(return_X_y=True)
    drawn = DiverseEnsembleClassifier(base, {"seed": 3}, random_state=0).fit(x, y)
    assert len({m["seed"] for m in drawn.members_}) == 3
    given = DiverseEnsembleClassifier(base, {"seed": [4, 5]}).fit(x, y)
    assert [m["seed"] for m in given.members_] == [4, 5]
    states = {m.random_state for models in given.estimators_ for m in models}
    assert states <= {4, 5}
    default = DiverseEnsembleClassifier(base, random_state=0).fit(x, y)
    assert len(default.members_) == 5


def test_random_states_are_varied_by_their_name():
    x, y = load_wine(return_X_y=True)
    base = DecisionTreeClassifier(max_features=1)
    model = DiverseEnsembleClassifier(base, {"random_state": [0, 1]}, random_state=0)
    model.fit(x, y)
    assert {m.random_state for models in model.estimators_ for m in models} <= {0, 1}
    assert model.diversity_ > 0


def test_weights_that_the_base_cannot_take_are_refused():
    x, y = load_wine(return_X_y=True)
    model = DiverseEnsembleClassifier(KNeighborsClassifier(), {"n_neighbors": [1]})
    with pytest.raises(ValueError, match="'base', a KNeighborsClassifier, takes none"):
        model.fit(x, y, np.ones(len(y)))


def test_names_of_a_frame_are_forgotten_by_the_next_fit():
    x, y = load_wine(return_X_y=True, as_frame=True)
    vary = {"n_neighbors": [1, 3]}
    model = DiverseEnsembleClassifier(KNeighborsClassifier(), vary).fit(x, y)
    assert len(model.feature_names_in_) == model.n_features_in_ == 13
    model.fit(x.to_numpy(), y)
    assert not hasattr(model, "feature_names_in_")


def test_equal_members_bring_no_diversity():
    x, y = load_wine(return_X_y=True)
    vary = {"n_neighbors": [5, 5]}
    model = DiverseEnsembleClassifier(KNeighborsClassifier(), vary).fit(x, y)
    assert model.diversity_ == pytest.approx(0, abs=1e-12)


def test_any_pipeline_is_varied_and_its_front_fitted_once():
    x, y = load_wine(return_X_y=True, as_frame=True)
    base = make_pipeline(StandardScaler(), LogisticRegression())
    model = DiverseEnsembleClassifier(base, {"C": [0.01, 1.0]}, random_state=0)
    model.fit(x, y)
    assert_allclose(model.transformer_[0].mean_, x.mean())
    assert model.feature_names_in_.tolist() == list(x.columns)
    assert cross_val_score(model, x, y, cv=3).mean() > 0.95


def test_a_pipeline_of_modalities_and_frames_are_taken(fitted):
    base = make_pipeline(ModalityTransformer(), clone(BASE))
    piped = DiverseEnsembleClassifier(base, VARY, cv=2, random_state=0).fit(X, Y)
    expected = fitted.predict_proba(X_TEST)
    assert_array_equal(piped.predict_proba(X_TEST), expected)
    frame = ModalityTransformer().fit(X, Y)
    direct = clone(fitted).fit(frame.transform(X), Y)
    assert_array_equal(direct.predict_proba(frame.transform(X_TEST)), expected)
    assert direct.n_features_in_ == 2


def test_numbers_are_averaged():
    made = make_multimodal_regression(
        100, modalities=("tabular", "text"), random_state=0
    )
    base = MultimodalRegressor(epochs=3)
    model = DiverseEnsembleRegressor(base, {"seed": 2}, cv=2, random_state=0)
    model.fit(made.data, made.target)
    assert np.isfinite(model.predict(made.data)).all()
    x, y = load_diabetes(return_X_y=True)
    vary = {"n_neighbors": [3, 10, 30]}
    tuned = DiverseEnsembleRegressor(KNeighborsRegressor(), vary, random_state=0)
    assert tuned.fit(x, y).score(x, y) > 0.4


def test_it_is_searched_pickled_and_cloned(fitted):
    x, y = load_wine(return_X_y=True)
    model = DiverseEnsembleClassifier(KNeighborsClassifier(), {"weights": ["uniform"]})
    search = GridSearchCV(model, {"base__n_neighbors": [1, 9], "cv": [3]}, cv=2)
    assert search.fit(x, y).best_params_["base__n_neighbors"] in (1, 9)
    copy = pickle.loads(pickle.dumps(fitted))
    assert_array_equal(copy.predict(X_TEST), fitted.predict(X_TEST))


def test_weights_reach_members_and_validation():
    weight = np.where(Y == "yes", 1.0, 1e-6)
    base = clone(BASE).set_params(epochs=2)
    model = DiverseEnsembleClassifier(base, {"seed": 1}, cv=2, random_state=0)
    assert set(model.fit(X, Y, weight).predict(X_TEST)) == {"yes"}


def test_a_class_that_a_fold_lacks_has_its_column():
    x, y = load_wine(return_X_y=True)
    folds = [(np.flatnonzero(y != k), np.flatnonzero(y == k)) for k in range(3)]
    base = DecisionTreeClassifier(max_depth=2)
    model = DiverseEnsembleClassifier(base, {"seed": 1}, cv=folds, random_state=0)
    assert model.fit(x, y).predict_proba(x).shape == (len(x), 3)


def test_a_class_of_one_row_validates_nothing():
    labels = np.where(np.arange(len(X)) == 7, "rare", Y)
    folds = [
        (np.arange(0, 60), np.arange(60, 120)),
        (np.arange(60, 120), np.arange(60)),
    ]
    base = clone(BASE).set_params(epochs=1)
    model = DiverseEnsembleClassifier(base, {"seed": 1}, cv=folds, random_state=0)
    assert model.fit(X, labels).predict_proba(X).shape == (len(X), 3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"vary": {"fusion": []}}, "no value for 'fusion'"),
        ({"vary": {"epochs": 5}}, r"vary\['epochs'\] must be a list, got 5"),
        ({"vary": {"seed": 2, "random_state": [1]}}, "both seed and random_state"),
        ({"base": KNeighborsClassifier(), "vary": None}, "has no random_state to vary"),
        ({"base": KNeighborsRegressor()}, "'base' must be a classifier"),
        ({"vary": {"fussion": ["gated"]}}, "Invalid parameter 'fussion'"),
        ({"vary": {"modalities": [["image"]]}}, r"any of \['tabular', 'text'\]"),
        ({"vary": {"modalities": ["text"]}}, "got 'text'"),
        ({"vary": {"modalities": [[]]}}, r"got \[\]"),
        ({"cv": ShuffleSplit(2)}, "set each row apart once"),
        ({"n_bags": 0}, "n_bags"),
        ({"base": "gated"}, "base"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_fitted(settings, message):
    model = DiverseEnsembleClassifier(BASE, {"seed": 1}).set_params(**settings)
    with (
        patch.object(MultimodalClassifier, "fit", side_effect=AssertionError),
        pytest.raises(ValueError, match=message),
    ):
        model.fit(X, Y)
    assert not hasattr(model, "weights_")


def test_modalities_are_those_of_a_frame():
    x, y = load_wine(return_X_y=True)
    vary = {"modalities": [["tabular"]]}
    model = DiverseEnsembleClassifier(KNeighborsClassifier(), vary)
    with pytest.raises(ValueError, match="no ModalityFrame: it is a ndarray"):
        model.fit(x, y)
