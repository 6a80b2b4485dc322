"""The numbers of a report are those of the functions it stands on."""

from html import unescape

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import confusion_matrix
from sklearn.svm import LinearSVC

from skmm import MultimodalClassifier
from skmm.datasets import make_multimodal_classification
from skmm.inspection import calibration_report, modality_importance
from skmm.inspection._report_case import read_case
from skmm.inspection._report_page import number
from skmm.inspection._report_sections import (
    calibration,
    data,
    errors,
    importances,
    measured,
    scores,
    the_model,
)

RNG = np.random.default_rng(0)
NUMBERS = RNG.normal(size=(80, 2))
YES = NUMBERS[:, 0] + RNG.normal(size=80) > 0


def _cells(section):
    """Tables of a section, as lists of lists of texts."""
    tables, rows, cells = [], [], []
    for part in section.html.replace("<", "\n<").split("\n"):
        if part.startswith("<table"):
            rows = []
            tables.append(rows)
        elif part.startswith("<tr"):
            cells = []
            rows.append(cells)
        elif part.startswith(("<th ", "<th>", "<td")):
            cells.append(unescape(part.partition(">")[2]))
        elif part.startswith("<small") and cells:
            cells[-1] += " " + unescape(part.partition(">")[2])
    return tables


@pytest.fixture(scope="module")
def ours():
    X, y = make_multimodal_classification(
        150,
        modalities=("tabular", "text", "vector"),
        n_classes=3,
        missing={"text": 0.3},
        random_state=0,
        return_X_y=True,
    )
    y = np.array(["<b>a</b>", "b", "c"])[y]
    model = MultimodalClassifier(ensemble_size=1, epochs=8, random_state=0).fit(X, y)
    return model, X, y, read_case(model, X, y, None)


@pytest.fixture(scope="module")
def worth(ours):
    *_, case = ours
    return measured(case, None, 5, 0)


@pytest.fixture(scope="module")
def linear():
    X = pd.DataFrame(NUMBERS, columns=["a", "<i>"])
    return read_case(LogisticRegression().fit(X, YES), X, YES, None)


def test_the_data_are_described(ours):
    _, X, _, case = ours
    modalities, patterns = _cells(data(case))
    share = f"{X['text'].isna().mean():.1%}"
    assert [line[0] for line in modalities[1:]] == ["tabular", "text", "vector"]
    assert [line[4] for line in modalities[1:]] == ["0.0%", share, "0.0%"]
    assert modalities[3][3] == "24"
    n = X["text"].notna().sum()
    assert patterns[1] == [str(n), f"{n / 150:.1%}", "✓ has", "✓ has", "✓ has"]
    assert patterns[2][2:] == ["✓ has", "lacks", "✓ has"]


def test_data_without_gaps_and_without_modalities_say_so(linear):
    made = data(linear)
    assert "No row lacks a modality." in made.html
    assert _cells(made)[0][1] == ["tabular", "tabular", "a, <i>", "not known", "0.0%"]
    texts = [[{"a": 1}]] * 80
    bare = read_case(_Constant().fit(None, None), texts, YES, None)
    assert "is not known" in data(bare).html


class _Constant(LogisticRegression):
    """Takes anything."""

    def fit(self, X, y):
        self.classes_ = np.array([False, True])
        return self

    def predict(self, X):
        return np.ones(len(X), dtype=bool)

    def predict_proba(self, X):
        return np.tile([0.25, 0.75], (len(X), 1))


def test_scores_are_those_of_the_model(ours, worth):
    model, X, y, case = ours
    lines, together = _cells(scores(case, worth))
    assert lines[1][:2] == ["all, 150 rows", number(model.score(X, y))]
    rows = X["text"].notna().to_numpy()
    alone = np.mean(model.predict(X[rows], modalities=["text"]) == y[rows])
    assert lines[3][:2] == [
        f"text alone, {rows.sum()} rows",
        number(alone),
    ]
    nothing = np.mean(model.predict(X, modalities=[]) == y)
    assert lines[5][:2] == ["nothing at all", number(nothing)]
    fused = model.score(X[rows], y[rows])
    assert together[2] == ["text", str(rows.sum()), number(alone), number(fused)]


def test_a_model_of_one_modality_has_one_score(linear):
    made = scores(linear, None)
    (lines,) = _cells(made)
    assert len(lines) == 2 and "it has one" in made.html


def test_the_confusion_matrix_counts_rows(ours):
    model, X, y, case = ours
    (lines,) = _cells(errors(case))
    counts = confusion_matrix(y, model.predict(X))
    assert lines[0] == ["true \\ predicted", "<b>a</b>", "b", "c", "rows"]
    for line, row, label in zip(lines[1:], counts, model.classes_, strict=True):
        written = [f"{n} {n / row.sum():.0%}" if n else "0" for n in row]
        assert line == [label, *written, str(row.sum())]


def test_of_many_classes_the_most_confused_are_listed():
    y = np.repeat(np.arange(21), 4)
    X = y[:, None].astype(float).copy()
    X[:3] = 5.0
    X[4] = 7.0
    model = _Nearest().fit(None, None)
    made = errors(read_case(model, X, y, None))
    (lines,) = _cells(made)
    assert lines[1:] == [["0", "5", "3", "75%"], ["1", "7", "1", "25%"]]
    right = errors(read_case(model, y[:, None] * 1.0, y, None))
    assert "No row is predicted wrong." in right.html


class _Nearest(_Constant):
    def fit(self, X, y):
        self.classes_ = np.arange(21)
        return self

    def predict(self, X):
        return X[:, 0].astype(int)

    def predict_proba(self, X):
        return np.eye(21)[self.predict(X)]


def test_errors_of_numbers_are_measured():
    y = NUMBERS[:, 0] * 2 + 1
    model = LinearRegression().fit(NUMBERS[:, 1:], y)
    case = read_case(model, NUMBERS[:, 1:], y, None)
    made = errors(case)
    gap = y - model.predict(NUMBERS[:, 1:])
    (lines,) = _cells(made)
    assert lines[1] == ["mean absolute error", number(np.abs(gap).mean())]
    assert lines[2] == ["root mean squared error", number(np.sqrt((gap**2).mean()))]
    assert "<img" in made.html and calibration(case) is None


def test_importances_are_those_of_modality_importance(ours, worth):
    model, X, y, case = ours
    known = modality_importance(
        model, X, y, method="shapley", n_repeats=5, random_state=0
    )
    lines, pairs, *_ = _cells(importances(case, worth))
    order = np.argsort(-known.importances_mean)
    assert [line[0] for line in lines[1:]] == [known.names[m] for m in order]
    for line, m in zip(lines[1:], order, strict=True):
        half = known.interval[m, 1] - known.importances_mean[m]
        assert line[1] == f"{number(known.importances_mean[m])} ± {number(half)}"
    assert pairs[1][2].startswith(number(known.interactions_mean[0, 1], "+"))
    assert pairs[1][1] == "" and pairs[2][1] == pairs[1][2]
    assert "The gate" in importances(case, worth).html


def test_columns_are_compared_where_there_is_one_modality(linear):
    found = measured(linear, None, 4, 0)
    assert found.names == ["a", "<i>"] and found.method == "permutation"
    made = importances(linear, found)
    assert _cells(made)[0][0][0] == "column" and "taken from another row" in made.html


def test_modalities_of_any_model_are_shuffled():
    texts = np.where(YES, "this is good enough", "that is not at all good")
    texts = [f"{text} {i}" for i, text in enumerate(texts)]
    table = pd.DataFrame({"a": NUMBERS[:, 0], "note": texts})
    for X in (table, table.to_numpy(dtype=object)):
        case = read_case(_ByText().fit(X, YES), X, YES, None)
        assert "cannot do without" in scores(case, None).html
        found = measured(case, None, 4, 0)
        assert found.method == "permutation" and found.removal == "shuffled"
        assert found.importances_mean[0] == 0 < found.importances_mean[1]


class _ByText(_Constant):
    def predict(self, X):
        return np.array([text.startswith("this") for text in np.asarray(X)[:, 1]])


def test_where_there_is_nothing_to_compare_it_is_said():
    case = read_case(
        LogisticRegression().fit(NUMBERS[:, :1], YES), NUMBERS[:, :1], YES, None
    )
    assert measured(case, None, 4, 0) is None
    assert "nothing to compare" in importances(case, None).html


def test_calibration_is_that_of_calibration_report(ours):
    model, X, y, case = ours
    known = calibration_report(model, X, y)
    (lines,) = _cells(calibration(case))
    assert [line[0] for line in lines[1:]] == list(known.index)
    for line, (_, values) in zip(lines[1:], known.iterrows(), strict=True):
        assert line[1] == str(int(values.iloc[0]))
        assert line[2:] == [number(v) for v in values.iloc[1:]]


def test_a_model_that_says_no_probabilities_is_not_calibrated():
    case = read_case(LinearSVC().fit(NUMBERS, YES), NUMBERS, YES, None)
    assert "no predict_proba" in calibration(case).html


def test_the_model_is_written_without_places_in_memory(ours, linear):
    *_, case = ours
    made = the_model(case)
    assert (
        "MultimodalClassifier(ensemble_size=1" in made.html and "Training" in made.html
    )
    assert "scikit-learn 1." in made.html
    bare = the_model(linear)
    assert "LogisticRegression()" in bare.html and "Training" not in bare.html
    linear.estimator.set_params(verbose=test_the_data_are_described)
    assert " at 0x" in repr(linear.estimator) and "0x" not in the_model(linear).html
