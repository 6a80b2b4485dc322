"""Rows are chosen by how sure the model is, and explained as `explain` does."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.svm import LinearSVC

from skmm import MultimodalClassifier, MultimodalRegressor
from skmm.inspection import modality_contributions
from skmm.inspection._explain import explain
from skmm.inspection._report_case import read_case
from skmm.inspection._report_examples import chosen_rows, examples
from skmm.inspection._report_page import number

RNG = np.random.default_rng(0)
NUMBERS = RNG.normal(size=(80, 2))
YES = NUMBERS[:, 0] + RNG.normal(size=80) > 0
WORDS = np.array(["bad <b>", "fine & well", "so so"])


@pytest.fixture(scope="module")
def ours():
    texts = [" ".join(RNG.choice(WORDS, 3)) for _ in YES]
    X = pd.DataFrame({"a": NUMBERS[:, 0], "b": NUMBERS[:, 1], "note": texts})
    X.index = [f"<{i}>" for i in range(80)]
    X.loc["<0>", "note"] = None
    X["series"] = [RNG.normal(size=(12, 1)) for _ in YES]
    triples = [("table", "tabular", ["a", "b"]), ("note", "text", "note")]
    triples.append(("series", "timeseries", "series"))
    model = MultimodalClassifier(triples, ensemble_size=1, epochs=5, random_state=0)
    y = np.where(YES, "yes", "no")
    return model.fit(X, y), X, y


def test_the_surest_right_and_wrong_rows_are_chosen():
    model = LogisticRegression().fit(NUMBERS, YES)
    case = read_case(model, NUMBERS, YES, None)
    right, wrong = chosen_rows(case, 4)
    hit, sure = model.predict(NUMBERS) == YES, model.predict_proba(NUMBERS).max(axis=1)
    assert hit[right].all() and not hit[wrong].any()
    assert_array_equal(sure[right], np.sort(sure[hit])[::-1][:4])
    assert_array_equal(sure[wrong], np.sort(sure[~hit])[::-1][:4])


def test_the_first_rows_are_chosen_where_no_row_is_surer():
    model = LinearSVC().fit(NUMBERS, YES)
    right, wrong = chosen_rows(read_case(model, NUMBERS, YES, None), 3)
    hit = model.predict(NUMBERS) == YES
    assert_array_equal(right, np.flatnonzero(hit)[:3])
    assert_array_equal(wrong, np.flatnonzero(~hit)[:3])


def test_of_numbers_the_smallest_and_largest_errors_are_chosen():
    y = NUMBERS[:, 0] * 1.0
    model = LinearRegression().fit(NUMBERS[:, 1:], y)
    case = read_case(model, NUMBERS[:, 1:], y, None)
    order = np.argsort(np.abs(case.predicted - y))
    best, worst = chosen_rows(case, 3)
    assert_array_equal(best, order[:3])
    assert_array_equal(worst, order[:-4:-1])


def test_no_row_is_shown_twice():
    X, y = NUMBERS[:3, :1], np.array([0.0, 1.0, 3.0])
    case = read_case(LinearRegression().fit(X, y), X, y, None)
    best, worst = chosen_rows(case, 2)
    assert sorted([*best, *worst]) == [0, 1, 2]


def test_none_are_shown_if_none_are_asked_for():
    model = LogisticRegression().fit(NUMBERS, YES)
    assert examples(read_case(model, NUMBERS, YES, None), 0, 0) is None


def test_cards_tell_what_explain_and_modality_contributions_tell(ours):
    model, X, y = ours
    case = read_case(model, X, y, None)
    (row,), (other,) = chosen_rows(case, 1)
    html = examples(case, 1, 0).html
    assert "Modalities share out the probability" in html
    assert "speaks for the predicted class" in html
    assert "those of the logit, found by integrated gradients" in html
    right, wrong = html.split("<article")[1:]
    assert right.startswith(' class="right"') and wrong.startswith(' class="wrong"')
    p = model.predict_proba(X)[row].max()
    said = f"Row {row} (&lt;{row}&gt;): predicted {y[row]} ({p:.1%}), true {y[row]}<"
    assert said in right
    shares = modality_contributions(model, X.iloc[[row, other]])
    for m in range(3):
        assert f">{number(shares.contributions[0, m], '+')}<" in right
        assert f">{number(shares.contributions[1, m], '+')}<" in wrong
    found = explain(model, X.iloc[[row, other]])
    for name in ("table", "note", "series"):
        total = number(found.totals[name].iloc[0], "+")
        assert f"<b>{name}</b> {total} of the logit" in right
    for column, value in found.by_column("table").iloc[0].items():
        assert f'>{column}</th><td class="n">{number(value, "+")}</td>' in right
    word, value = found.by_word("note", 0)[0]
    assert f'<mark title="{number(value, "+")}"' in right and f">{word}</mark>" in right
    assert right.count("<img") == 1


def test_what_a_row_lacks_is_not_drawn(ours):
    model, X, _ = ours
    one = X.iloc[[0]]
    case = read_case(model, one, model.predict(one), None)
    html = examples(case, 2, 0).html
    assert "The row lacks note." in html and "<b>note</b>" not in html
    assert html.count("There are no such rows.") == 1


def test_words_of_arrays_are_not_known(ours):
    model, X, y = ours
    frame = model.transformer_.transform(X)
    case = read_case(model, frame, y, None)
    html = examples(case, 1, 0).html
    assert "words are not known" in html and "<b>note</b>" in html


def test_what_is_no_network_is_not_explained():
    model = LogisticRegression().fit(NUMBERS, YES)
    html = examples(read_case(model, NUMBERS, YES, None), 2, 0).html
    assert "Only networks of skmm are explained" in html
    assert html.count("<article") == 4 and "<table" not in html


def test_predictions_of_numbers_are_shared_out():
    X = pd.DataFrame({"a": NUMBERS[:, 0], "note": np.where(YES, "one two", "three")})
    triples = [("table", "tabular", ["a"]), ("note", "text", "note")]
    model = MultimodalRegressor(triples, ensemble_size=1, epochs=3, random_state=0)
    y = NUMBERS[:, 0]
    case = read_case(model.fit(X, y), X, y, None)
    html = examples(case, 1, 0).html
    (best,), _ = chosen_rows(case, 1)
    gap = number(case.predicted[best] - y[best])
    assert f"true {number(y[best])}, error {gap}<" in html
    assert "raises the prediction" in html
    assert "of the prediction" in html and "Largest errors" in html
