"""One pipeline on a mixed frame runs unchanged in scikit-learn's meta-estimators."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    ShuffleSplit,
    StratifiedKFold,
    TunedThresholdClassifierCV,
    check_cv,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
)
from sklearn.pipeline import make_pipeline

from skmm import (
    ModalityTransformer,
    MultimodalClassifier,
    MultimodalRegressor,
    available,
)
from skmm.datasets import make_multimodal_classification


@pytest.fixture(scope="module")
def mixed():
    """72 rows of numbers, categories, text and 16 x 16 images, two classes."""
    bunch = make_multimodal_classification(
        72, modalities=("tabular", "text", "image"), informative=0.7, random_state=0
    )
    return bunch.frame[bunch.feature_names], np.where(bunch.target, "yes", "no")


@pytest.fixture(scope="module")
def model(mixed):
    """The pipeline that every test uses, its columns given by position."""
    columns = list(mixed[0].columns)
    tabular = [i for i, c in enumerate(columns) if c not in ("text", "image")]
    transformer = ModalityTransformer(
        [
            ("facts", "tabular", tabular),
            ("note", "text", columns.index("text")),
            ("photo", "image", columns.index("image")),
        ]
    )
    settings = {"epochs": 3, "ensemble_size": 1, "fusion": "mean", "random_state": 0}
    return make_pipeline(transformer, MultimodalClassifier(**settings))


def test_it_is_a_classifier_and_splits_are_stratified(model, mixed):
    assert is_classifier(model)
    assert is_regressor(MultimodalRegressor())
    assert isinstance(
        check_cv(3, mixed[1], classifier=is_classifier(model)), StratifiedKFold
    )


def test_cross_validate(model, mixed):
    scores = cross_validate(
        model, *mixed, cv=3, scoring=["accuracy", "roc_auc"], return_train_score=True
    )
    assert scores["test_roc_auc"].shape == (3,)
    assert np.isfinite(scores["train_accuracy"]).all()


def test_cross_validation_on_other_frames_gives_the_same_scores(model, mixed):
    polars = pytest.importorskip("polars")
    X, y = mixed
    facts = X.drop(columns="image")
    two = ModalityTransformer(
        [("facts", "tabular", slice(0, -1)), ("note", "text", ["text"])]
    )
    pipeline = clone(model).set_params(modalitytransformer=two)
    expected = cross_val_score(pipeline, facts, y, cv=2)
    converted = polars.DataFrame({c: facts[c].to_list() for c in facts})
    np.testing.assert_array_equal(
        cross_val_score(pipeline, converted, y, cv=2), expected
    )
    np.testing.assert_array_equal(
        cross_val_score(pipeline, converted.to_arrow(), y, cv=2), expected
    )


def score_and_embed(model, X, y):
    assert model.transform(X[:3]).shape[0] == 3
    return model.score(X, y)


@pytest.mark.slow
def test_each_fusion_of_one_grid_beats_one_modality_even_given_twice():
    pair = make_multimodal_classification(
        900, modalities=("tabular", "text"), informative=0.6, random_state=1
    )
    X, y = pair.data.assign(again=pair.data["text"]), pair.target
    classifier = MultimodalClassifier(
        ensemble_size=1, epochs=30, learning_rate=0.005, guard=False, random_state=0
    )
    transformer = ModalityTransformer([*pair.modalities, ("again", "text", "again")])
    search = GridSearchCV(
        make_pipeline(transformer, classifier),
        {"multimodalclassifier__fusion": available("fusion")},
        cv=[(np.arange(300), np.arange(300, 900))],
        scoring=score_and_embed,
        refit=False,
        error_score="raise",
    )
    found = search.fit(X, y).cv_results_
    names = found["param_multimodalclassifier__fusion"]
    scores = dict(zip(names, found["mean_test_score"], strict=True))
    assert len(scores) == len(available("fusion")) >= 17
    best = pair.bayes_score["text",]
    assert not {name: score for name, score in scores.items() if not score > best}


def test_one_grid_holds_fusions_and_their_own_parameters():
    X, y = make_multimodal_classification(
        30, modalities=("tabular", "text"), random_state=0, return_X_y=True
    )
    classifier = MultimodalClassifier(ensemble_size=1, epochs=1, random_state=0)
    model = make_pipeline(ModalityTransformer(), classifier)
    nested = [
        {
            "multimodalclassifier__fusion": ["low_rank"],
            "multimodalclassifier__fusion__rank": [1, 3],
        },
        {
            "multimodalclassifier__fusion": ["graph"],
            "multimodalclassifier__fusion__layer": ["gcn", "gat"],
        },
    ]
    once = ShuffleSplit(1, random_state=0)
    search = GridSearchCV(model, nested, cv=once, refit=False, error_score="raise")
    assert np.isfinite(search.fit(X, y).cv_results_["mean_test_score"]).all()


def test_grid_search_over_fusion_and_a_modalitys_own_parameter(model, mixed):
    grid = {
        "multimodalclassifier__fusion": ["mean", "late"],
        "modalitytransformer__note__max_features": [50, 100],
    }
    search = GridSearchCV(model, grid, cv=2).fit(*mixed)
    assert search.best_params_.keys() == grid.keys()
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.predict(mixed[0][:1]).shape == (1,)


def test_randomized_search(model, mixed):
    space = {"multimodalclassifier__learning_rate": [1e-3, 3e-3, 1e-2]}
    search = RandomizedSearchCV(model, space, n_iter=2, cv=2, random_state=0)
    assert np.isfinite(search.fit(*mixed).best_score_)


def test_halving_search_over_epochs(model, mixed):
    search = HalvingGridSearchCV(
        model,
        {"multimodalclassifier__fusion": ["mean", "concat"]},
        resource="multimodalclassifier__epochs",
        max_resources=4,
        min_resources=2,
        factor=2,
        cv=2,
    ).fit(*mixed)
    assert search.n_iterations_ == 2


def test_two_processes_give_the_bits_of_one(model, mixed):
    model = clone(model).set_params(multimodalclassifier__ensemble_size="auto")
    alone = cross_val_predict(model, *mixed, cv=2, method="predict_proba")
    together = cross_val_predict(model, *mixed, cv=2, method="predict_proba", n_jobs=2)
    np.testing.assert_array_equal(alone, together)


def test_stacking(model, mixed):
    other = clone(model).set_params(multimodalclassifier__fusion="late")
    stack = StackingClassifier(
        [("mean", model), ("late", other)], LogisticRegression(), cv=2
    ).fit(*mixed)
    assert set(stack.predict(mixed[0])) <= {"yes", "no"}


def test_voting(model, mixed):
    other = clone(model).set_params(multimodalclassifier__random_state=1)
    vote = VotingClassifier([("a", model), ("b", other)], voting="soft").fit(*mixed)
    expected = np.mean([e.predict_proba(mixed[0]) for e in vote.estimators_], axis=0)
    np.testing.assert_allclose(vote.predict_proba(mixed[0]), expected)


@pytest.mark.parametrize("method", ["sigmoid", "temperature"])
def test_calibration(model, mixed, method):
    calibrated = CalibratedClassifierCV(model, method=method, cv=2).fit(*mixed)
    p = calibrated.predict_proba(mixed[0])
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-5)


def test_tuned_threshold(model, mixed):
    tuned = TunedThresholdClassifierCV(
        model, scoring="balanced_accuracy", cv=2, thresholds=10
    ).fit(*mixed)
    assert 0 <= tuned.best_threshold_ <= 1


def test_bagging_hands_back_an_array_without_names(model, mixed):
    bagged = BaggingClassifier(model, n_estimators=2, random_state=0).fit(*mixed)
    assert bagged.predict(mixed[0]).shape == (72,)


def test_permutation_importance_has_a_number_for_each_column(model, mixed):
    X, y = mixed
    fitted = clone(model).fit(X, y)
    result = permutation_importance(fitted, X, y, n_repeats=2, random_state=0)
    assert result.importances_mean.shape == (X.shape[1],)


def test_learning_curve(model, mixed):
    sizes, train, test = learning_curve(
        model, *mixed, cv=2, train_sizes=[0.5, 1.0], shuffle=True, random_state=0
    )
    assert list(sizes) == [18, 36]
    assert train.shape == test.shape == (2, 2)


def test_validation_frames_go_through_the_pipelines_transformer(model, mixed):
    import sklearn

    X, y = mixed
    with sklearn.config_context(enable_metadata_routing=True):
        pipeline = clone(model).set_params(transform_input=["X_val"])
        pipeline[-1].set_fit_request(X_val=True, y_val=True)
        pipeline.fit(X[:48], y[:48], X_val=X[48:], y_val=y[48:])
    assert len(pipeline[-1].history_["val_loss"]) == 3
    assert set(pipeline[-1].unimodal_scores_) == {"facts", "note", "photo"}


def test_scikit_learns_callbacks_see_every_epoch_of_a_grid_search(model, mixed):
    from sklearn.callback import ScoringMonitor

    monitor = ScoringMonitor(scoring="accuracy")
    networks = 2
    estimator = clone(model)
    estimator[-1].set_params(ensemble_size=networks).set_callbacks(monitor)
    GridSearchCV(
        estimator, {"multimodalclassifier__fusion": ["mean"]}, cv=2, refit=False
    ).fit(*mixed)
    (log,) = [run.data_as_pandas for run in monitor.get_logs(select="all")]
    assert (log["task_name"] == "epoch").sum() == 2 * 3 * networks


def test_the_html_shows_every_modality(model):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        html = model._repr_html_()
    assert all(name in html for name in ("facts", "note", "photo"))


def test_fitting_does_not_change_the_frame(model, mixed):
    X, y = mixed
    before = X.copy(deep=True)
    clone(model).fit(X, y)
    pd.testing.assert_frame_equal(X, before)
