"""Probabilities are compared with what came true, pattern by pattern."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose
from pandas.testing import assert_frame_equal
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.ensemble import VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import accuracy_score, brier_score_loss, log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from skmm import ModalityTransformer, MultimodalClassifier
from skmm._calibration import calibration_error
from skmm._targets import ClassTarget
from skmm.datasets import make_multimodal_classification
from skmm.diversity import DiverseEnsembleClassifier, GreedyEnsembleClassifier
from skmm.exceptions import MissingModalityWarning
from skmm.inspection._calibration_report import calibration_report

MADE = make_multimodal_classification(
    120, modalities=("tabular", "text"), informative=0.8, random_state=0
)
X, Y = MADE.data.copy(), MADE.target.map({0: "no", 1: "yes"})
NUMBERS = [c for c in X if c != "text"]
X.loc[60:89, "text"] = None
X.loc[90:94, NUMBERS] = None
PATTERNS = {
    "all rows": slice(0, 120),
    "tabular + text": np.r_[0:60, 95:120],
    "tabular": slice(60, 90),
    "text": slice(90, 95),
}
COLUMNS = ["n_samples", "accuracy", "confidence", "calibration_error", "log_loss"]
COLUMNS += ["brier"]
IRIS, KINDS = load_iris(return_X_y=True)


class Says(ClassifierMixin, BaseEstimator):
    """A classifier that says its first feature of the second class."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.column_stack([1 - X[:, 0], X[:, 0]])


@pytest.fixture(scope="module")
def model():
    """A network of two modalities."""
    model = MultimodalClassifier(epochs=5, ensemble_size=1, random_state=0)
    return model.fit(X[:60], Y[:60])


@pytest.fixture(scope="module")
def flat():
    """Models of scikit-learn behind a transformer of modalities."""
    reader = ModalityTransformer().set_output(transform="pandas")
    tree = DecisionTreeClassifier(max_depth=2, random_state=0)
    return make_pipeline(reader, tree).fit(X[:60], Y[:60])


def _says(p, y, **params):
    return calibration_report(Says().fit(None, [0, 1]), np.c_[p], y, **params)


def _expected(p, y, classes, weight=None):
    """The same numbers by scikit-learn."""
    p = p.astype(np.float64) / p.sum(axis=1, keepdims=True, dtype=np.float64)
    labels = {"labels": classes, "sample_weight": weight}
    predicted = np.asarray(classes)[p.argmax(axis=1)]
    return {
        "accuracy": accuracy_score(y, predicted, sample_weight=weight),
        "confidence": np.average(p.max(axis=1), weights=weight),
        "log_loss": log_loss(y, p, **labels),
        "brier": brier_score_loss(y, p, **labels),
    }


def test_a_report_is_right_by_hand():
    # Of two rows at 0.8 both are right, of two at 0.6 one is: 0.5 * 0.2 + 0.5 * 0.1.
    report = _says([0.8, 0.2, 0.6, 0.6], [1, 0, 1, 0])
    assert report.index.tolist() == ["all rows"]
    line = report.loc["all rows"]
    assert list(line.index) == COLUMNS
    expected = [4, 0.75, 0.7, 0.15, 0.468351, 0.15]
    assert_allclose(line, expected, rtol=1e-4)


def test_perfect_probabilities_have_no_errors():
    line = _says([1, 0, 1, 0.0], [1, 0, 1, 0]).loc["all rows"]
    assert_allclose(line, [4, 1, 1, 0, 0, 0], atol=1e-12)


def test_a_row_of_weight_two_counts_as_two():
    p, y = np.array([0.9, 0.3, 0.7, 0.6]), np.array([1, 1, 0, 1])
    twice = np.r_[0, 0, 1, 2, 3, 3]
    weighted = _says(p, y, sample_weight=[2, 1, 1, 2]).drop(columns="n_samples")
    repeated = _says(p[twice], y[twice]).drop(columns="n_samples")
    assert_frame_equal(weighted, repeated)


def test_every_pattern_has_a_line_the_most_frequent_first(model):
    report = calibration_report(model, X, Y)
    assert report.index.tolist() == list(PATTERNS)
    assert report.index.name == "modalities"
    assert report["n_samples"].tolist() == [120, 85, 30, 5]
    assert report["n_samples"].dtype.kind == "i"
    p, codes = model.predict_proba(X), (Y == "yes").to_numpy(dtype=int)
    target = ClassTarget.fit(np.array(["no", "yes"]))
    for name, rows in PATTERNS.items():
        line = report.loc[name]
        expected = _expected(p[rows], Y.iloc[rows], ["no", "yes"])
        for column, value in expected.items():
            assert line[column] == pytest.approx(value, rel=1e-5), column
        logits = model.decision_function(X)[rows, None]
        weight = np.ones(len(logits))
        error = calibration_error(target, logits, codes[rows, None], weight)
        assert line["calibration_error"] == pytest.approx(error, abs=1e-5)


def test_weights_count_in_every_pattern(model):
    weight = np.random.default_rng(0).uniform(0.5, 2, 120)
    report = calibration_report(model, X, Y, sample_weight=weight)
    p = model.predict_proba(X)
    for name, rows in PATTERNS.items():
        expected = _expected(p[rows], Y.iloc[rows], ["no", "yes"], weight[rows])
        found = report.loc[name, list(expected)]
        assert_allclose(found, list(expected.values()), rtol=1e-5)


def test_a_pattern_without_weight_is_not_a_number(model):
    weight = np.ones(120)
    weight[90:95] = 0
    report = calibration_report(model, X, Y, sample_weight=weight)
    assert report.loc["text", "n_samples"] == 5
    assert report.loc["text"].drop("n_samples").isna().all()
    assert report.drop("text").notna().all(axis=None)


def test_rows_that_have_nothing_are_a_pattern(model):
    bare = X[:4].copy()
    bare.loc[1:3] = None
    with pytest.warns(MissingModalityWarning, match="3 of 4"):
        report = calibration_report(model, bare, Y[:4])
    assert report.index.tolist() == ["all rows", "nothing", "tabular + text"]


def test_the_data_are_read_once(model, monkeypatch):
    calls = []
    read = ModalityTransformer.transform

    def count(self, X):
        calls.append(len(X))
        return read(self, X)

    monkeypatch.setattr(ModalityTransformer, "transform", count)
    calibration_report(model, X[:9], Y[:9])
    assert calls == [9]


def test_models_of_scikit_learn_behind_a_transformer_have_patterns(flat):
    report = calibration_report(flat, X[:60], Y[:60])
    assert report.index.tolist() == ["all rows", "tabular + text"]
    report = calibration_report(flat, X, Y)
    assert report["n_samples"].to_dict() == {
        "all rows": 120,
        "tabular + text": 85,
        "tabular": 30,
        "text": 5,
    }
    p = flat.predict_proba(X)
    expected = _expected(p[60:90], Y[60:90], ["no", "yes"])
    assert_allclose(report.loc["tabular", list(expected)], list(expected.values()))


def test_reading_the_patterns_leaves_the_transformer_as_it_was(flat):
    calibration_report(flat, X[:5], Y[:5])
    assert isinstance(flat[0].transform(X[:5]), pd.DataFrame)


def test_a_search_has_the_patterns_of_its_pipeline(flat):
    search = GridSearchCV(flat, {"decisiontreeclassifier__max_depth": [1]}, cv=2)
    search.fit(X[:60], Y[:60])
    report = calibration_report(search, X, Y)
    assert report.index.tolist() == list(PATTERNS)


def test_an_ensemble_that_reads_modalities_has_their_patterns(flat):
    model = DiverseEnsembleClassifier(flat, {"max_depth": [1, 2]}, cv=2, random_state=0)
    report = calibration_report(model.fit(X[:60], Y[:60]), X, Y)
    assert report.index.tolist() == list(PATTERNS)
    model.transformer_ = model.transformer_[0]  # alone, as it is for networks
    assert_frame_equal(calibration_report(model, X, Y), report)


def test_any_model_of_modality_frames_has_patterns(model):
    frame = model.transformer_.transform(X)
    inside = MultimodalClassifier(epochs=1, ensemble_size=1, random_state=0)
    ensemble = GreedyEnsembleClassifier([("one", inside)], cv=2, random_state=0)
    report = calibration_report(ensemble.fit(frame, Y), frame, Y)
    assert report.index.tolist() == list(PATTERNS)


@pytest.mark.parametrize(
    "classifier",
    [
        LogisticRegression(max_iter=1000),
        VotingClassifier([("bayes", GaussianNB())], voting="soft"),
        MultimodalClassifier(epochs=2, ensemble_size=1, random_state=0),
    ],
    ids=["linear", "voting", "multimodal"],
)
@pytest.mark.parametrize("labels", [[0, 1, 2], ["setosa", "versicolor", "virginica"]])
def test_three_classes_are_as_scikit_learn_has_them(classifier, labels):
    y = np.array(labels)[KINDS]
    report = calibration_report(classifier.fit(IRIS, y), IRIS, y)
    expected = _expected(classifier.predict_proba(IRIS), y, labels)
    found = report.loc["all rows", list(expected)]
    assert_allclose(found, list(expected.values()), rtol=1e-5)


def test_rows_of_one_class_are_measured_against_all():
    model = GaussianNB().fit(IRIS, KINDS)
    line = calibration_report(model, IRIS[100:], KINDS[100:]).loc["all rows"]
    p = model.predict_proba(IRIS[100:])
    assert line["log_loss"] == pytest.approx(-np.log(p[:, 2]).mean())
    assert line["n_samples"] == 50


def test_polars_and_one_row_will_do(model):
    report = calibration_report(model, pl.from_pandas(X), Y.to_list())
    assert_frame_equal(report, calibration_report(model, X, Y))
    one = calibration_report(model, X[:1], Y[:1])
    assert one["n_samples"].tolist() == [1, 1]


def test_what_has_no_probabilities_is_refused():
    for wrong in (LinearSVC(), LinearRegression()):
        with pytest.raises(ValueError, match="classifier with predict_proba, got Lin"):
            calibration_report(wrong.fit(IRIS, KINDS), IRIS, KINDS)


def test_what_is_not_fitted_is_refused():
    with pytest.raises(NotFittedError):
        calibration_report(GaussianNB(), IRIS, KINDS)


def test_several_outputs_are_refused():
    y = np.column_stack([KINDS, KINDS])
    several = KNeighborsClassifier().fit(IRIS, y)
    with pytest.raises(ValueError, match="1d array"):
        calibration_report(several, IRIS, y)
    with pytest.raises(ValueError, match="several outputs"):
        calibration_report(several, IRIS, KINDS)


@pytest.mark.parametrize(
    ("y", "weight", "message"),
    [
        (KINDS[:-1], None, "inconsistent"),
        (np.where(KINDS == 2, 7, KINDS), None, r"the label 7"),
        (KINDS, -np.ones(150), "Negative"),
        (KINDS, np.zeros(150), "zero"),
        (KINDS, np.ones(3), "sample_weight"),
    ],
    ids=["short", "unknown label", "negative", "no weight", "few weights"],
)
def test_truth_and_weights_that_do_not_fit_are_refused(y, weight, message):
    model = GaussianNB().fit(IRIS, KINDS)
    with pytest.raises(ValueError, match=message):
        calibration_report(model, IRIS, y, sample_weight=weight)


def test_no_rows_are_refused():
    with pytest.raises(ValueError, match="0 sample"):
        calibration_report(GaussianNB().fit(IRIS, KINDS), IRIS[:0], KINDS[:0])
