"""The rows of a report are read once, and what does not fit is refused before."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.cluster import KMeans
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from skmm import (
    BaseNNClassifier,
    ModalityFrame,
    ModalityTransformer,
    MultimodalClassifier,
    MultimodalRegressor,
)
from skmm.datasets import make_multimodal_classification
from skmm.inspection._report_case import read_case

RNG = np.random.default_rng(0)
NUMBERS = RNG.normal(size=(60, 2))
YES = NUMBERS[:, 0] > 0
TRIPLES = [
    ("table", "tabular", ["number_0", "number_1", "number_2"]),
    ("note", "text", "text"),
]


@pytest.fixture(scope="module")
def ours():
    X, y = make_multimodal_classification(
        120,
        modalities=("tabular", "text"),
        n_classes=3,
        missing={"text": 0.3},
        random_state=0,
        return_X_y=True,
    )
    y = np.array(["a", "b", "c"])[y]
    model = make_pipeline(
        ModalityTransformer(TRIPLES),
        MultimodalClassifier(ensemble_size=1, epochs=3, random_state=0),
    )
    return model.fit(X, y), X, y


def test_a_pipeline_is_taken_apart(ours):
    model, X, y = ours
    case = read_case(model, X, y, None)
    assert case.many and case.asked is model[-1] and case.X is X
    assert isinstance(case.rows, ModalityFrame)
    assert case.names == ["table", "note"]
    table, note = case.parts
    assert (table.kind, table.columns, table.shape) == (
        "tabular",
        ["number_0", "number_1", "number_2"],
        case.rows["table"].shape[1:],
    )
    assert (note.kind, note.columns) == ("text", ["text"])
    assert_array_equal(case.present[:, 1], X["text"].notna())


def test_predictions_and_scores_are_the_models_own(ours):
    model, X, y = ours
    case = read_case(model, X, y, None)
    assert_array_equal(case.predicted, model.predict(X))
    assert_array_equal(case.sure, model.predict_proba(X).max(axis=1))
    assert case.score == model.score(X, y) and case.score_name == "accuracy"


def test_one_modality_alone_is_scored_by_the_model_without_the_others(ours):
    model, X, y = ours
    case = read_case(model, X, y, None)
    frame, rows = model[:-1].transform(X), np.flatnonzero(X["text"].notna())
    alone = model[-1].predict(frame[rows], modalities=["note"])
    assert case.score_of(rows, 1) == np.mean(alone == y[rows])
    assert case.score_of(rows) == model.score(X.iloc[rows], y[rows])


def test_a_score_that_is_not_defined_is_nan(ours):
    model, X, y = ours
    case = read_case(model, X, y, "roc_auc_ovr")
    assert np.isnan(case.score_of(np.flatnonzero(y == "a")))
    assert np.isnan(case.score_of(np.array([0])))
    assert case.score_name == "roc auc ovr"


def test_a_search_brings_its_own_score():
    search = GridSearchCV(LogisticRegression(), {"C": [1.0]}, scoring="f1")
    search.fit(NUMBERS, YES)
    case = read_case(search, NUMBERS, YES, None)
    assert case.score == f1_score(YES, search.predict(NUMBERS))
    assert case.score_name == "f1"


def test_a_dict_of_arrays_becomes_a_table():
    X = {"left": NUMBERS, "right": -NUMBERS}
    model = MultimodalClassifier(ensemble_size=1, epochs=1, random_state=0)
    case = read_case(model.fit(X, YES), X, YES, None)
    assert isinstance(case.X, pd.DataFrame) and case.names == ["left", "right"]


def test_a_network_of_one_modality_reads_arrays_of_any_rank():
    X = RNG.normal(size=(30, 8, 2))
    model = BaseNNClassifier(network="cnn", epochs=1, random_state=0)
    case = read_case(model.fit(X, YES[:30]), X, YES[:30], None)
    (part,) = case.parts
    assert (part.name, part.columns, part.shape) == ("x", [], (8, 2))
    assert case.asked is model and case.rows is X and not case.many


def test_any_model_of_a_table_is_described_by_its_columns():
    texts = [f"some words of text number {i}" for i in range(59)]
    X = pd.DataFrame({"n": [1.0, np.nan] * 30, "t": [*texts, None]})
    model = make_pipeline(
        ModalityTransformer(on_error="missing").set_output(transform="pandas"),
        HistGradientBoostingClassifier(max_iter=2),
    ).fit(X, YES)
    case = read_case(model, X, YES, None)
    assert [(p.name, p.kind) for p in case.parts] == [
        ("tabular", "tabular"),
        ("t", "text"),
    ]
    assert_array_equal(case.present.mean(axis=0), [0.5, 59 / 60])
    assert case.asked is model and case.rows is X


def test_an_array_is_one_table():
    model = make_pipeline(StandardScaler(), LinearRegression()).fit(NUMBERS, YES * 1.0)
    case = read_case(model, NUMBERS, YES * 1.0, None)
    (part,) = case.parts
    assert (part.kind, part.columns) == ("tabular", [0, 1])
    assert case.classes is None and case.sure is None and case.score_name == "R²"


def test_rows_that_are_no_table_are_left_as_they_are():
    texts = ["a b", "c d"] * 30
    model = make_pipeline(CountVectorizer(token_pattern=r"\w"), LogisticRegression())
    case = read_case(model.fit(texts, YES), texts, YES, None)
    assert case.parts == [] and case.present.shape == (60, 0)


def test_labels_of_any_letters_are_found():
    labels = np.array(["\ud800", "<b>"])[YES.astype(int)]
    model = LogisticRegression().fit(NUMBERS, labels)
    case = read_case(model, NUMBERS, labels.tolist(), None)
    assert_array_equal(case.codes(labels), np.where(YES, 0, 1))
    assert case.codes(["<b>", "<c>"]).tolist() == [0, -1]


def test_a_classifier_without_probabilities_does_not_say_how_sure_it_is():
    case = read_case(LinearSVC().fit(NUMBERS, YES), NUMBERS, YES, None)
    assert case.sure is None and case.score > 0.9


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (YES[:59], "inconsistent numbers of samples"),
        ([], "0 sample"),
        (["x"] * 60, "has the label 'x', which the estimator does not know"),
        (np.c_[YES, YES], r"one value for each row, got an array of shape \(60, 2\)"),
    ],
)
def test_a_target_that_does_not_fit_is_refused(y, message):
    model = LogisticRegression().fit(NUMBERS, YES)
    with pytest.raises(ValueError, match=message):
        read_case(model, NUMBERS, y, None)


def test_numbers_must_be_finite():
    model = LinearRegression().fit(NUMBERS, YES * 1.0)
    with pytest.raises(ValueError, match="Input y contains NaN"):
        read_case(model, NUMBERS, np.full(60, np.nan), None)


def test_models_that_no_report_is_made_of_are_refused():
    with pytest.raises(NotFittedError):
        read_case(LogisticRegression(), NUMBERS, YES, None)
    with pytest.raises(ValueError, match="a classifier or a regressor, got KMeans"):
        read_case(KMeans(2, n_init=1).fit(NUMBERS), NUMBERS, YES, None)


def test_several_outputs_are_refused():
    both = np.c_[YES, ~YES]
    forest = RandomForestClassifier(2).fit(NUMBERS, both)
    numbers = LinearRegression().fit(NUMBERS, both * 1.0)
    nets = MultimodalRegressor(ensemble_size=1, epochs=1).fit(NUMBERS, both * 1.0)
    for model in (forest, numbers, nets):
        with pytest.raises(ValueError, match=r"a report is of one output.* 2"):
            read_case(model, NUMBERS, YES, None)


def test_a_wrong_scoring_is_refused():
    model = LogisticRegression().fit(NUMBERS, YES)
    with pytest.raises(ValueError, match="scoring"):
        read_case(model, NUMBERS, YES, "no such score")
