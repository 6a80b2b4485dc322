"""How alike the models of a list are, in one report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.model_selection import check_cv, cross_val_predict
from sklearn.utils import Bunch
from sklearn.utils.validation import (
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
)

from skmm._compat import Interval, fit_context
from skmm.diversity._bootstrap import generator, interval
from skmm.diversity._display import SimilarityDisplay, spelt
from skmm.diversity._homogenization import KINDS, homogenization_ratio
from skmm.diversity._pairwise import METRICS, pairwise_similarity
from skmm.diversity._predictions import check_predictions
from skmm.diversity._selection import named

__all__ = ["HomogenizationReport"]


class HomogenizationReport(BaseEstimator):
    """Compare classifiers with one another, and count how often all of them fail.

    Predictions are made of rows that a model was not fitted on: by cross-validation,
    or, with ``cv="prefit"``, by models that were fitted on other rows.

    Parameters
    ----------
    estimators : list of (str, estimator)
        Two or more classifiers, of skmm or not, each with a name of its own. Where all
        have `predict_proba`, probabilities are compared, else labels.
    metrics : sequence of str, default=("capa", "error_consistency", "disagreement")
        What `pairwise_similarity` computes.
    cv : int, cross-validation splitter, iterable or "prefit", default=5
        How rows are set apart; stratified for a number of folds.
    n_bootstrap : int, default=500
        Number of times that rows are drawn with replacement for each interval; 0 for
        none.
    confidence_level : float, default=0.95
        Share of the draws in an interval, between 0 and 1.
    n_jobs : int or None, default=None
        Number of processes that fit folds; None is one.
    random_state : int, RandomState or None, default=None
        Seed of the draws.

    Attributes
    ----------
    names_ : list of str
        Names of the models.
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    predictions_ : dict of str to ndarray
        Of each model the probabilities of shape (n_samples, n_classes), or the labels
        of shape (n_samples,).
    error_rates_ : dict of str to float
        Share of the rows, weighted, on which a model is wrong.
    similarities_ : dict of str to Bunch
        Of each metric ``similarity``, ``ci_low`` and ``ci_high``, of shape (n_models,
        n_models); intervals of the draws in which a value is defined, NaN where that
        is less than half of them.
    homogenization_ : Bunch
        As `homogenization_ratio` returns it.
    group_homogenization_ : dict of str to Bunch
        The same of each kind that counts groups, where `fit` was given them.

    See Also
    --------
    homogenization_ratio : Takes predictions.
    SimilarityDisplay : Draws a similarity.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skmm.diversity import HomogenizationReport
    >>> X, y = load_wine(return_X_y=True)
    >>> models = [
    ...     ("tree", DecisionTreeClassifier(random_state=0)),
    ...     ("neighbours", KNeighborsClassifier()),
    ... ]
    >>> report = HomogenizationReport(models, n_bootstrap=0).fit(X, y)
    >>> sorted(report.similarities_)
    ['capa', 'disagreement', 'error_consistency']
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "estimators": [list, tuple],
        "metrics": [list, tuple],
        "cv": ["cv_object", str],
        "n_bootstrap": [Interval(Integral, 0, None, closed="left")],
        "confidence_level": [Interval(Real, 0, 1, closed="neither")],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimators: list[tuple[str, Any]],
        *,
        metrics: Sequence[str] = ("capa", "error_consistency", "disagreement"),
        cv: Any = 5,
        n_bootstrap: int = 500,
        confidence_level: float = 0.95,
        n_jobs: int | None = None,
        random_state: Any = None,
    ):
        self.estimators = estimators
        self.metrics = metrics
        self.cv = cv
        self.n_bootstrap = n_bootstrap
        self.confidence_level = confidence_level
        self.n_jobs = n_jobs
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    def fit(
        self,
        X: Any,
        y: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> HomogenizationReport:
        """Predict the rows by each model, and compare.

        Parameters
        ----------
        X : array-like or dataframe of n_samples rows
            What the models take.
        y : array-like of shape (n_samples,)
            True labels.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Weights of the rows in all measures; no model is fitted with them.
        groups : array-like of shape (n_samples,) or None, default=None
            Group of each row, whose failures are counted too. Splits that keep groups
            apart are given as `cv`, made beforehand.

        Returns
        -------
        self : HomogenizationReport

        Raises
        ------
        ValueError
            If there are fewer than two models, two have one name, one is no
            classifier, or a metric is unknown.
        """
        models = self._checked()
        truth = column_or_1d(y)
        check_consistent_length(truth, sample_weight, groups)
        predictions, classes = self._predictions(models, X, truth)
        about: dict[str, Any] = {"classes": classes, "sample_weight": sample_weight}
        draw: dict[str, Any] = {
            "n_bootstrap": self.n_bootstrap,
            "confidence_level": self.confidence_level,
            "random_state": self.random_state,
        }
        kinds = [k for k in KINDS if k != "individual"] if groups is not None else []
        found = homogenization_ratio(predictions, truth, **about, **draw)
        of_groups = {
            kind: homogenization_ratio(
                predictions, truth, kind=kind, groups=groups, **about, **draw
            )
            for kind in kinds
        }
        similarities = {
            m: self._compared(m, predictions, truth, about) for m in self.metrics
        }
        self.names_ = list(models)
        self.classes_ = classes
        self.predictions_ = predictions
        rates = found.error_rates.tolist()
        self.error_rates_ = dict(zip(models, rates, strict=True))
        self.similarities_ = similarities
        self.homogenization_ = found
        self.group_homogenization_ = of_groups
        return self

    def _checked(self) -> dict[str, Any]:
        models = named(self.estimators)
        if not self.metrics:
            raise ValueError(f"metrics must be some of {sorted(METRICS)}, got none.")
        if len(models) < 2 or len(models) < len(self.estimators):
            raise ValueError(
                "estimators must be two or more, each with a name of its own; got the "
                f"names {[name for name, _ in self.estimators]}."
            )
        for name, model in models.items():
            if not is_classifier(model):
                raise ValueError(
                    f"{name!r} is no classifier: {type(model).__name__}. Errors are "
                    "counted of labels alone."
                )
        unknown = set(self.metrics) - set(METRICS)
        if unknown:
            raise ValueError(
                f"metrics must be among {sorted(METRICS)}, got {sorted(unknown)[0]!r}."
            )
        return models

    def _predictions(
        self, models: dict[str, Any], X: Any, y: NDArray
    ) -> tuple[dict[str, NDArray], NDArray]:
        """Predict every row by every model, in columns of one order."""
        sure = all(hasattr(model, "predict_proba") for model in models.values())
        method = "predict_proba" if sure else "predict"
        if isinstance(self.cv, str):
            if self.cv != "prefit":
                raise ValueError(f"cv must be a splitter or 'prefit', got {self.cv!r}.")
            return _of_fitted(models, X, method)
        splits = list(check_cv(self.cv, y, classifier=True).split(X, y))
        found = {
            name: cross_val_predict(
                clone(model), X, y, cv=splits, method=method, n_jobs=self.n_jobs
            )
            for name, model in models.items()
        }
        return found, np.unique(y)

    def _compared(self, metric: str, predictions: Any, y: Any, about: Any) -> Bunch:
        similarity = pairwise_similarity(predictions, y, metric=metric, **about)
        low = high = np.full_like(similarity, np.nan)
        if self.n_bootstrap:
            checked = check_predictions(predictions, y, **about)
            rng, n, drawn = generator(self.random_state), len(y), []
            for _ in range(self.n_bootstrap):
                weight = checked.weight * rng.multinomial(n, np.full(n, 1 / n))
                with np.errstate(divide="ignore", invalid="ignore"):
                    part = replace(checked, weight=weight / weight.sum())
                    drawn.append(METRICS[metric](part))
            low, high = interval(np.stack(drawn), self.confidence_level)
        return Bunch(similarity=similarity, ci_low=low, ci_high=high)

    def to_text(self) -> str:
        """Write what was found as lines of text.

        Returns
        -------
        text : str
            Error rates, the homogenization ratio, and a table for each metric.
        """
        check_is_fitted(self)
        lines = ["error rate"]
        width = max(map(len, [*self.names_, *KINDS]))
        lines += [f"  {n:<{width}}  {e:.3f}" for n, e in self.error_rates_.items()]
        lines.append("homogenization ratio")
        every = {"individual": self.homogenization_, **self.group_homogenization_}
        lines += [f"  {kind:<{width}}  {_written(b)}" for kind, b in every.items()]
        for metric, found in self.similarities_.items():
            table = pd.DataFrame(found.similarity, self.names_, self.names_)
            lines.append(spelt(metric))
            shown = table.to_string(float_format="{:.3f}".format, na_rep="n/a")
            lines += [f"  {line}" for line in shown.splitlines()]
        return "\n".join(lines)

    def plot(self, *, metric: str | None = None, ax: Any = None) -> SimilarityDisplay:
        """Draw a similarity as a heat map.

        Parameters
        ----------
        metric : str or None, default=None
            Which of `metrics`; None takes the first.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : SimilarityDisplay

        Raises
        ------
        ValueError
            If the metric was not computed.
        """
        check_is_fitted(self)
        metric = metric or next(iter(self.similarities_))
        if metric not in self.similarities_:
            raise ValueError(
                f"metric must be among {list(self.similarities_)}, got {metric!r}."
            )
        similarity = self.similarities_[metric].similarity
        display = SimilarityDisplay(similarity, self.names_, label=spelt(metric))
        return display.plot(ax=ax)


def _of_fitted(
    models: dict[str, Any], X: Any, method: str
) -> tuple[dict[str, NDArray], NDArray]:
    for model in models.values():
        check_is_fitted(model)
    classes = [model.classes_ for model in models.values()]
    if not all(np.array_equal(c, classes[0]) for c in classes):
        raise ValueError(
            "the models must know the same classes, got "
            f"{[c.tolist() for c in classes]}."
        )
    found = {name: getattr(model, method)(X) for name, model in models.items()}
    return found, classes[0]


def _written(b: Bunch) -> str:
    if np.isnan(b.ratio):
        return "n/a"
    text = f"{b.ratio:.2f}"
    if not np.isnan(b.ci_low):
        text += f" (from {b.ci_low:.2f} to {b.ci_high:.2f})"
    return text if np.isnan(b.largest) else f"{text}, at most {b.largest:.2f}"
