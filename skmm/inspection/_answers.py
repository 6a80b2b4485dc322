"""What a model has said of rows, kept for scorers to ask again and again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.metaestimators import available_if

from skmm._targets import ClassTarget, NumberTarget

__all__ = ["Answers", "answers_of_logits", "answers_of_model"]

# Method of an estimator -> what a target makes of logits for it.
METHODS = {
    "predict": "decode",
    "predict_proba": "probabilities",
    "predict_log_proba": "log_probabilities",
    "decision_function": "decision",
}


def _says(method: str) -> Callable[[Any], bool]:
    return lambda answers: method in answers.methods


class Answers(BaseEstimator):
    """An estimator for scorers: what they give it as X is the numbers of rows.

    Parameters
    ----------
    say : callable
        From the name of a method to what it gives for all rows; asked once for each.
    methods : collection of str
        Methods there are.
    classes : ndarray or None
        Labels of a classifier.
    target : ClassTarget, NumberTarget or None
        What the logits mean, where there are some.
    logits : ndarray of shape (n_samples, n_logits) or None
        Of all rows.
    """

    def __init__(
        self,
        say: Any,
        methods: Any,
        classes: Any = None,
        target: Any = None,
        logits: Any = None,
    ):
        self.say = say
        self.methods = methods
        self.classes = classes
        self.target = target
        self.logits = logits
        self._said: dict[str, Any] = {}

    @property
    def classes_(self) -> NDArray:
        """Class labels."""
        return self.classes

    def fit(self, rows: NDArray, y: Any = None) -> Self:
        """Change nothing; that there is this method makes it an estimator."""
        return self

    def everything(self, method: str) -> Any:
        """Give what a method says of all rows."""
        if method not in self._said:
            self._said[method] = self.say(method)
        return self._said[method]

    def _of(self, method: str, rows: NDArray) -> Any:
        said = self.everything(method)
        if isinstance(said, list):  # of several outputs
            return [part[rows] for part in said]
        return np.asarray(said)[rows]

    def predict(self, rows: NDArray) -> NDArray:
        """Give what is predicted for these rows."""
        return self._of("predict", rows)

    @available_if(_says("predict_proba"))
    def predict_proba(self, rows: NDArray) -> Any:
        """Give the probabilities of these rows."""
        return self._of("predict_proba", rows)

    @available_if(_says("predict_log_proba"))
    def predict_log_proba(self, rows: NDArray) -> Any:
        """Give the logarithms of the probabilities of these rows."""
        return self._of("predict_log_proba", rows)

    @available_if(_says("decision_function"))
    def decision_function(self, rows: NDArray) -> Any:
        """Give the logits of these rows."""
        return self._of("decision_function", rows)


class _ClassifierAnswers(ClassifierMixin, Answers):
    """Those of a classifier."""


class _RegressorAnswers(RegressorMixin, Answers):
    """Those of a regressor."""


def answers_of_logits(
    target: ClassTarget | NumberTarget, logits: NDArray, classes: Any = None
) -> Answers:
    """Answer from logits.

    Parameters
    ----------
    target : ClassTarget or NumberTarget
        What the logits mean.
    logits : ndarray of shape (n_samples, n_logits)
        Of all rows.
    classes : ndarray or None, default=None
        Labels of a classifier.

    Returns
    -------
    answers : Answers
    """
    kind = _ClassifierAnswers if isinstance(target, ClassTarget) else _RegressorAnswers
    methods = [m for m, name in METHODS.items() if hasattr(target, name)]
    return kind(
        lambda m: getattr(target, METHODS[m])(logits), methods, classes, target, logits
    )


def answers_of_model(estimator: Any, X: Any, classifies: bool) -> Answers:
    """Answer by asking a model, when it is asked.

    Parameters
    ----------
    estimator : estimator
        Fitted.
    X : table of n_samples rows
        All rows.
    classifies : bool
        Whether it is a classifier.

    Returns
    -------
    answers : Answers
    """
    kind = _ClassifierAnswers if classifies else _RegressorAnswers
    methods = [m for m in METHODS if hasattr(estimator, m)]
    classes = getattr(estimator, "classes_", None)
    return kind(lambda m: getattr(estimator, m)(X), methods, classes)
