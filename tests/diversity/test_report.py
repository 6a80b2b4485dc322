"""A report compares any classifiers on rows that they were not fitted on."""

from unittest.mock import patch

import matplotlib.pyplot as plt
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from skmm import MultimodalClassifier
from skmm.datasets import make_multimodal_classification
from skmm.diversity import (
    HomogenizationReport,
    homogenization_ratio,
    pairwise_similarity,
)

X, Y = load_wine(return_X_y=True)
NAMES = np.array(["barolo", "grignolino", "barbera"])[Y]
MODELS = [
    ("tree", DecisionTreeClassifier(max_depth=2, random_state=0)),
    ("twin", DecisionTreeClassifier(max_depth=2, random_state=0)),
    ("neighbours", KNeighborsClassifier()),
]


@pytest.fixture(scope="module")
def report():
    """Three models, two of them the same, on wine."""
    return HomogenizationReport(MODELS, n_bootstrap=50, random_state=0).fit(X, NAMES)


def test_predictions_are_of_rows_that_were_set_apart(report):
    cv = StratifiedKFold(5)
    for name, model in MODELS:
        expected = cross_val_predict(model, X, NAMES, cv=cv, method="predict_proba")
        assert_array_equal(report.predictions_[name], expected)
        wrong = report.classes_[expected.argmax(axis=1)] != NAMES
        assert report.error_rates_[name] == pytest.approx(wrong.mean())


def test_values_are_those_of_the_functions(report):
    for metric, found in report.similarities_.items():
        expected = pairwise_similarity(report.predictions_, NAMES, metric=metric)
        assert_array_equal(found.similarity, expected)
    expected = homogenization_ratio(
        report.predictions_, NAMES, n_bootstrap=50, random_state=0
    )
    for key in ("ratio", "ci_low", "ci_high", "largest"):
        assert report.homogenization_[key] == expected[key]


def test_twins_are_alike_and_intervals_hold_the_values(report):
    consistency = report.similarities_["error_consistency"]
    alike = [consistency[k][0, 1] for k in ("similarity", "ci_low", "ci_high")]
    assert_allclose(alike, 1)
    assert consistency.ci_low[0, 2] < consistency.similarity[0, 2]
    assert consistency.similarity[0, 2] < consistency.ci_high[0, 2]


def test_the_text_says_all_of_it(report):
    text = report.to_text()
    for words in ("error rate", "homogenization ratio", "CAPA", "error consistency"):
        assert words in text
    assert f"neighbours  {report.error_rates_['neighbours']:.3f}" in text
    assert f"{report.homogenization_.ratio:.2f} (from " in text


def test_it_draws_the_metric_that_is_asked_for(report):
    display = report.plot(metric="disagreement")
    assert_array_equal(
        display.similarity, report.similarities_["disagreement"].similarity
    )
    assert report.plot().label == "CAPA"
    plt.close("all")
    with pytest.raises(ValueError, match="metric must be among"):
        report.plot(metric="q_statistic")


def test_groups_are_counted_too():
    groups = np.arange(len(Y)) % 4
    report = HomogenizationReport(MODELS, n_bootstrap=0).fit(X, Y, groups=groups)
    assert list(report.group_homogenization_) == ["average", "uniform", "worst"]
    expected = homogenization_ratio(
        report.predictions_, Y, kind="worst", groups=groups, n_bootstrap=0
    )
    assert report.group_homogenization_["worst"].ratio == expected.ratio
    assert "worst" in report.to_text()


def test_weights_count_in_every_measure():
    weight = np.arange(len(Y)) % 3
    report = HomogenizationReport(MODELS, n_bootstrap=20, random_state=0)
    report.fit(X, Y, sample_weight=weight)
    expected = pairwise_similarity(report.predictions_, Y, sample_weight=weight)
    assert_allclose(report.similarities_["capa"].similarity, expected)


def test_fitted_models_are_asked_as_they_are():
    fitted = [(name, clone(model).fit(X[::2], Y[::2])) for name, model in MODELS]
    report = HomogenizationReport(fitted, cv="prefit", n_bootstrap=0)
    report.fit(X[1::2], Y[1::2])
    expected = fitted[0][1].predict_proba(X[1::2])
    assert_array_equal(report.predictions_["tree"], expected)


def test_fitted_models_must_know_the_same_classes():
    fitted = [
        ("all", DecisionTreeClassifier().fit(X, Y)),
        ("two", DecisionTreeClassifier().fit(X[Y < 2], Y[Y < 2])),
    ]
    with pytest.raises(ValueError, match="know the same classes"):
        HomogenizationReport(fitted, cv="prefit").fit(X, Y)


def test_labels_are_compared_where_one_has_no_probabilities():
    models = [*MODELS, ("svc", LinearSVC(random_state=0)), ("c", NearestCentroid())]
    report = HomogenizationReport(models, n_bootstrap=0).fit(X, NAMES)
    assert report.predictions_["svc"].shape == NAMES.shape


def test_networks_on_mixed_frames_are_compared():
    made = make_multimodal_classification(
        60, modalities=("tabular", "text"), random_state=0
    )
    settings = {"ensemble_size": 1, "epochs": 3}
    models = [
        (str(seed), MultimodalClassifier(random_state=seed, **settings))
        for seed in (0, 1)
    ]
    report = HomogenizationReport(models, cv=2, n_bootstrap=0)
    report.fit(made.data, made.target)
    assert 0 < report.similarities_["capa"].similarity[0, 1] <= 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"estimators": MODELS[:1]}, "two or more"),
        ({"estimators": [MODELS[0], MODELS[0]]}, "a name of its own"),
        ({"estimators": [*MODELS, ("ridge", Ridge())]}, "'ridge' is no classifier"),
        ({"metrics": ["cappa"]}, "metrics must be among"),
        ({"metrics": []}, r"metrics must be some of .* got none"),
        ({"estimators": [m for _, m in MODELS]}, "pairs of a name"),
        ({"cv": "fitted"}, "or 'prefit', got 'fitted'"),
        ({"confidence_level": 2.0}, "confidence_level"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_fitted(settings, message):
    report = HomogenizationReport(MODELS).set_params(**settings)
    with pytest.raises(ValueError, match=message):
        report.fit(X, Y)
    assert not hasattr(report, "names_")


def test_what_has_other_rows_is_refused_before_anything_is_fitted():
    report = HomogenizationReport(MODELS)
    for given in ({"groups": [1, 2]}, {"sample_weight": [1.0, 2.0]}):
        with (
            patch.object(DecisionTreeClassifier, "fit", side_effect=AssertionError),
            pytest.raises(ValueError, match="inconsistent numbers of samples"),
        ):
            report.fit(X, Y, **given)


def test_an_interval_leaves_out_draws_that_are_not_defined():
    good = np.where(np.arange(len(Y)) < 4, (Y + 1) % 3, Y)  # wrong four times
    report = HomogenizationReport(MODELS, metrics=["error_correlation"])
    predictions = {"good": good, "poor": np.roll(Y, 40)}
    found = report._compared("error_correlation", predictions, Y, {})
    assert np.isfinite([found.ci_low, found.ci_high]).all()


def test_it_is_cloned_with_its_settings():
    report = HomogenizationReport(
        [("a", LogisticRegression()), ("b", LogisticRegression())], cv=3
    )
    assert clone(report).get_params()["cv"] == 3
