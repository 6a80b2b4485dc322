"""The model inside a pipeline or a search, and what is done to rows before it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

__all__ = ["unwrap"]


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
    check_is_fitted(estimator)
    steps: list[Callable[[Any], Any]] = []
    while True:
        if hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif isinstance(estimator, FrozenEstimator):
            estimator = estimator.estimator
        elif isinstance(estimator, Pipeline):
            if len(estimator) > 1:
                steps.append(estimator[:-1].transform)
            estimator = estimator[-1]
        else:
            break

    def before(X: Any) -> Any:
        for step in steps:
            X = step(X)
        return X

    return before, estimator
