"""The model inside a pipeline or a search, and what is done to rows before it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sklearn.base import is_classifier
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skmm.transformer import ModalityTransformer

__all__ = ["reader_of", "score_name", "scoring_of", "taken_apart", "unwrap"]


def unwrap(estimator: Any) -> tuple[Callable[[Any], Any], Any]:
    """Take a fitted model out of searches, pipelines and frozen estimators around it.

    Parameters
    ----------
    estimator : estimator
        Fitted.

    Returns
    -------
    before : callable
        Does to X what comes before the model, such as the steps of a pipeline.
    model : estimator
        The model.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.
    """
    steps, model = taken_apart(estimator)

    def before(X: Any) -> Any:
        for step in steps:
            X = step.transform(X)
        return X

    return before, model


def taken_apart(estimator: Any) -> tuple[list[Any], Any]:
    """List the steps before a fitted model, and the model.

    Parameters
    ----------
    estimator : estimator
        Fitted.

    Returns
    -------
    steps : list of transformer
        In the order in which X goes through them.
    model : estimator
        The model.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.
    """
    check_is_fitted(estimator)
    steps: list[Any] = []
    while True:
        if hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif isinstance(estimator, FrozenEstimator):
            estimator = estimator.estimator
        elif isinstance(estimator, Pipeline):
            *before, estimator = [step for _, step in estimator.steps]
            steps += [step for step in before if step not in (None, "passthrough")]
        else:
            return steps, estimator


def reader_of(estimator: Any) -> ModalityTransformer | None:
    """Find the fitted transformer that splits the columns of X into modalities.

    Parameters
    ----------
    estimator : estimator
        Fitted.

    Returns
    -------
    transformer : ModalityTransformer or None
        None where something else reads X first.
    """
    steps, model = taken_apart(estimator)
    first = steps[0] if steps else getattr(model, "transformer_", None)
    if isinstance(first, Pipeline):  # of an ensemble that reads for its members
        first = first[0]
    return first if isinstance(first, ModalityTransformer) else None


def scoring_of(estimator: Any, scoring: Any) -> Any:
    """Give what a model is scored by: where nothing is asked, what a search had.

    Parameters
    ----------
    estimator : estimator
        Fitted.
    scoring : str, callable or None
        What is asked.

    Returns
    -------
    scoring : str, callable or None
        None is the estimator's own score.
    """
    own = getattr(estimator, "scorer_", None)
    return own if scoring is None and callable(own) else scoring


def score_name(estimator: Any, scoring: Any) -> str:
    """Name what `scoring_of` gives, as far as it has a name.

    Parameters
    ----------
    estimator : estimator
        Fitted.
    scoring : str, callable or None
        What is asked.

    Returns
    -------
    name : str
        As scikit-learn writes it; ``"score"`` of a function.
    """
    if scoring is None and callable(getattr(estimator, "scorer_", None)):
        scoring = getattr(estimator, "scoring", None) or "score"
    if scoring is None:
        return "accuracy" if is_classifier(estimator) else "R2"
    return scoring if isinstance(scoring, str) else "score"
