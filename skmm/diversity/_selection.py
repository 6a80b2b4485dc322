"""What is averaged in an ensemble, and how its weights are chosen."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    RegressorMixin,
    is_classifier,
    is_regressor,
)
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.utils import assert_all_finite
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d, has_fit_parameter

from skmm._compat import Interval
from skmm.diversity._bootstrap import generator
from skmm.diversity._greedy import greedy_weights
from skmm.diversity._homogenization import homogenization_ratio

__all__ = ["OfClasses", "OfNumbers", "Selection", "named"]


class Selection(BaseEstimator):
    """An ensemble whose weights are chosen on rows set apart."""

    max_members: int
    n_bags: int
    random_state: Any
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "cv": ["cv_object"],
        "max_members": [Interval(Integral, 1, None, closed="left")],
        "n_bags": [Interval(Integral, 1, None, closed="left")],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }
    _method: ClassVar[str]

    @abstractmethod
    def _checked_target(self, y: Any) -> NDArray:
        """Check the target."""

    @abstractmethod
    def _values(self, predictions: NDArray, y: NDArray) -> NDArray:
        """Turn predictions into what tells the loss, and is averaged as they are."""

    @abstractmethod
    def _losses(self, values: NDArray) -> NDArray:
        """Compute the loss of each row."""

    @abstractmethod
    def _mean(self, X: Any) -> NDArray:
        """Average what the members say of X."""

    def _check_member(self, name: str, model: Any, weighted: bool) -> None:
        """Refuse what cannot be averaged, or takes no weights that are given."""
        kind = "classifier" if is_classifier(self) else "regressor"
        right = is_classifier(model) if is_classifier(self) else is_regressor(model)
        if not right or not hasattr(model, self._method):
            raise ValueError(
                f"{name!r} must be a {kind} with {self._method}, which is what is "
                f"averaged; got {type(model).__name__}."
            )
        if weighted and not has_fit_parameter(model, "sample_weight"):
            raise ValueError(
                f"sample_weight is given, but {name!r}, a {type(model).__name__}, "
                "takes none in fit: leave one of them out."
            )

    def _choose(
        self, names: list[str], unseen: NDArray, truth: NDArray, weight: NDArray
    ) -> dict[str, Any]:
        """Learn weights, and what they bring, from predictions of rows set apart."""
        assert_all_finite(unseen, input_name="what members predict")
        values = self._values(unseen, truth)
        share = weight / weight.sum()
        weights = greedy_weights(
            values,
            self._losses,
            share,
            max_members=self.max_members,
            n_bags=self.n_bags,
            rng=generator(self.random_state),
        )
        alone = self._losses(values) @ share
        together = float(self._losses(weights @ values) @ share)
        return {
            "weights_": weights,
            "losses_": dict(zip(names, alone.tolist(), strict=True)),
            "loss_": together,
            "diversity_": float(weights @ alone) - together,
        }


def named(estimators: Any) -> dict[str, Any]:
    """Make a dict of pairs of name and estimator.

    Parameters
    ----------
    estimators : list of (str, estimator)
        What users give.

    Returns
    -------
    models : dict of str to estimator

    Raises
    ------
    ValueError
        If they are no pairs.
    """
    for pair in estimators:
        if not (
            isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str)
        ):
            raise ValueError(
                f"estimators must be pairs of a name and an estimator, got {pair!r}."
            )
    return dict(estimators)


class OfClasses(ClassifierMixin, Selection):
    """What ensembles of classifiers have in common."""

    _method: ClassVar[str] = "predict_proba"

    def _checked_target(self, y: Any) -> NDArray:
        y = column_or_1d(y, warn=True)
        assert_all_finite(y, input_name="y")
        check_classification_targets(y)
        return y

    def _values(self, predictions: NDArray, y: NDArray) -> NDArray:
        codes = np.unique(y, return_inverse=True)[1]
        return predictions[:, np.arange(len(y)), codes]

    def _losses(self, values: NDArray) -> NDArray:
        return -np.log(np.maximum(values, np.finfo(float).tiny))

    def _choose(
        self, names: list[str], unseen: NDArray, truth: NDArray, weight: NDArray
    ) -> dict[str, Any]:
        found = super()._choose(names, unseen, truth, weight)
        members = unseen[found["weights_"] > 0]
        together = None
        if len(members) > 1:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UndefinedMetricWarning)
                together = homogenization_ratio(
                    members,
                    truth,
                    sample_weight=weight,
                    random_state=self.random_state,
                )
        return {
            **found,
            "homogenization_": together,
            "classes_": np.unique(truth),
        }

    def predict_proba(self, X: Any) -> NDArray:
        """Average the members' class probabilities.

        Parameters
        ----------
        X : array-like or dataframe of n_samples rows
            What `fit` takes.

        Returns
        -------
        p : ndarray of shape (n_samples, n_classes)
        """
        p = self._mean(X)
        return p / p.sum(axis=1, keepdims=True)  # members that say float32 sum to less

    def predict(self, X: Any) -> NDArray:
        """Predict class labels.

        Parameters
        ----------
        X : array-like or dataframe of n_samples rows
            What `fit` takes.

        Returns
        -------
        y : ndarray of shape (n_samples,)
        """
        p = self.predict_proba(X)
        return self.classes_[p.argmax(axis=1)]


class OfNumbers(RegressorMixin, Selection):
    """What ensembles of regressors have in common."""

    _method: ClassVar[str] = "predict"

    def _checked_target(self, y: Any) -> NDArray:
        return column_or_1d(y, warn=True, dtype=np.float64)

    def _values(self, predictions: NDArray, y: NDArray) -> NDArray:
        return predictions - y

    def _losses(self, values: NDArray) -> NDArray:
        return np.square(values)

    def predict(self, X: Any) -> NDArray:
        """Average the members' predictions.

        Parameters
        ----------
        X : array-like or dataframe of n_samples rows
            What `fit` takes.

        Returns
        -------
        y : ndarray of shape (n_samples,)
        """
        return self._mean(X)
