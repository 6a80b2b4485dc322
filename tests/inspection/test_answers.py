"""Scorers ask what was said, and it is said once."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import is_classifier, is_regressor
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import check_scoring
from sklearn.svm import LinearSVC

from skmm._targets import ClassTarget, NumberTarget
from skmm.inspection._answers import answers_of_logits, answers_of_model

X, Y = load_iris(return_X_y=True)
ROWS = np.arange(30, 120)


@pytest.mark.parametrize(
    "scoring", [None, "accuracy", "neg_log_loss", "roc_auc_ovr", "f1_macro"]
)
def test_scores_are_those_of_the_model(scoring):
    model = LogisticRegression(max_iter=1000).fit(X[::2], Y[::2])
    answers = answers_of_model(model, X, classifies=True)
    expected = check_scoring(model, scoring)(model, X[ROWS], Y[ROWS])
    assert check_scoring(answers, scoring)(answers, ROWS, Y[ROWS]) == expected


def test_a_model_is_asked_once():
    model = Ridge().fit(X, Y)
    asked = []
    predict = model.predict
    model.predict = lambda X: asked.append(len(X)) or predict(X)
    answers = answers_of_model(model, X, classifies=False)
    assert_array_equal(answers.predict([3, 5]), predict(X)[[3, 5]])
    answers.score(ROWS, Y[ROWS])
    assert asked == [150] and is_regressor(answers)


def test_what_a_model_cannot_say_the_answers_cannot():
    model = LinearSVC().fit(X, Y)
    answers = answers_of_model(model, X, classifies=True)
    assert not hasattr(answers, "predict_proba")
    assert_allclose(answers.decision_function([0]), model.decision_function(X[:1]))


def test_logits_are_read_by_the_target():
    target = ClassTarget("binary", [np.array(["no", "yes"])])
    logits = np.array([[-1.0], [2.0], [0.5]])
    answers = answers_of_logits(target, logits, target.classes[0])
    assert answers.predict([1, 0]).tolist() == ["yes", "no"]
    assert_array_equal(answers.decision_function([2]), [0.5])
    assert answers.score(np.arange(3), ["no", "no", "yes"]) == pytest.approx(2 / 3)
    assert is_classifier(answers) and answers.fit([]) is answers


def test_several_outputs_are_lists():
    target = ClassTarget("multioutput", [np.arange(2), np.arange(3)])
    answers = answers_of_logits(target, np.zeros((4, 5)))
    assert [p.shape for p in answers.predict_proba([0, 2])] == [(2, 2), (2, 3)]


def test_numbers_have_no_probabilities():
    target = NumberTarget.fit(np.array([1.0, 3.0]), np.ones(2))
    answers = answers_of_logits(target, np.array([[0.0], [1.0]]))
    assert answers.predict([0, 1]).tolist() == [2.0, 3.0]
    assert not hasattr(answers, "predict_proba")
