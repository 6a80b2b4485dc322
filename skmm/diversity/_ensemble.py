"""Ensembles of any estimators, chosen by what they say of rows set apart."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import ArrayLike, NDArray
from sklearn.base import MetaEstimatorMixin, clone, is_classifier
from sklearn.model_selection import check_cv, cross_val_predict
from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted

from skmm._compat import check_sample_weight, fit_context
from skmm._components import NestedParams
from skmm.diversity._selection import OfClasses, OfNumbers, Selection, named

__all__ = ["GreedyEnsembleClassifier", "GreedyEnsembleRegressor"]


class _GreedyEnsemble(NestedParams, MetaEstimatorMixin, Selection):
    """What the ensembles of both kinds have in common."""

    _named_params: ClassVar[dict[str, str]] = {"estimators": "estimator"}
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **Selection._parameter_constraints,
        "estimators": [list, tuple],
    }

    def __init__(
        self,
        estimators: list[tuple[str, Any]],
        *,
        cv: Any = 5,
        max_members: int = 50,
        n_bags: int = 20,
        n_jobs: int | None = None,
        random_state: Any = None,
    ):
        self.estimators = estimators
        self.cv = cv
        self.max_members = max_members
        self.n_bags = n_bags
        self.n_jobs = n_jobs
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Any:
        """Choose the members on rows set apart, and fit them on all rows.

        Parameters
        ----------
        X : array-like or dataframe of n_samples rows
            What the estimators take.
        y : array-like of shape (n_samples,)
            Target.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Weights of the rows, for the estimators' `fit` and for the choice.

        Returns
        -------
        self : estimator

        Raises
        ------
        ValueError
            If there are no estimators, two have one name, or one lacks the method that
            the ensemble averages, or has no use for weights that are given.
        """
        models = self._checked_models(sample_weight is not None)
        truth = self._checked_target(y)
        weight = check_sample_weight(sample_weight, truth, ensure_non_negative=True)
        params = {} if sample_weight is None else {"sample_weight": weight}
        cv = check_cv(self.cv, truth, classifier=is_classifier(self))
        splits = list(cv.split(X, truth))
        unseen = Parallel(n_jobs=self.n_jobs)(
            delayed(cross_val_predict)(
                clone(m), X, truth, cv=splits, method=self._method, params=params
            )
            for m in models.values()
        )
        chosen = self._choose(list(models), np.stack(unseen), truth, weight)
        members = np.flatnonzero(chosen["weights_"])
        names = [list(models)[i] for i in members]
        fitted = Parallel(n_jobs=self.n_jobs)(
            delayed(_fitted)(clone(models[name]), X, truth, params) for name in names
        )
        for name, value in chosen.items():
            setattr(self, name, value)
        self.estimators_ = fitted
        self.named_estimators_ = Bunch(**dict(zip(names, fitted, strict=True)))
        return self

    def _checked_models(self, weighted: bool) -> dict[str, Any]:
        models = named(self.estimators)
        if not models or len(models) < len(self.estimators):
            raise ValueError(
                "estimators must be one or more, each with a name of its own; got the "
                f"names {[name for name, _ in self.estimators]}."
            )
        clash = sorted(set(models) & set(self.get_params(deep=False)))
        if clash or any("__" in name for name in models):
            raise ValueError(
                "names of estimators must not be parameters of the ensemble, nor have "
                f"a double underscore; got {list(models)}."
            )
        for name, model in models.items():
            self._check_member(name, model, weighted)
        return models

    @property
    def n_features_in_(self) -> int:
        """Number of features that the members saw."""
        return self._first_member("n_features_in_")

    @property
    def feature_names_in_(self) -> NDArray:
        """Names of the features that the members saw."""
        return self._first_member("feature_names_in_")

    def _first_member(self, attribute: str) -> Any:
        if not hasattr(self, "estimators_"):
            raise AttributeError(
                f"{type(self).__name__} has no {attribute} before it is fitted."
            )
        return getattr(self.estimators_[0], attribute)

    def _mean(self, X: Any) -> NDArray:
        check_is_fitted(self)
        weights = self.weights_[self.weights_ > 0]
        said = (getattr(m, self._method)(X) for m in self.estimators_)
        return sum(w * p for w, p in zip(weights, said, strict=True))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        every = [m.__sklearn_tags__().input_tags for _, m in self.estimators]
        tags.input_tags.allow_nan = all(t.allow_nan for t in every)
        tags.input_tags.sparse = all(t.sparse for t in every)
        return tags


class GreedyEnsembleClassifier(OfClasses, _GreedyEnsemble):
    r"""A weighted mean of classifiers' probabilities, chosen greedily.

    :math:`p(x) = \sum_k w_k p_k(x)`. Every classifier predicts each row while it is
    fitted on other rows. Then, starting from the best, one after another is added, with
    replacement, whose probabilities leave the log loss of the mean lowest; several
    times on rows drawn with replacement, so as not to fit the chance of few rows. Those
    with a weight are fitted on all rows.

    Parameters
    ----------
    estimators : list of (str, estimator)
        Classifiers with `predict_proba`, each with a name of its own.
    cv : int, cross-validation splitter or iterable, default=5
        How rows are set apart; stratified for a number of folds. Each row must be
        set apart once.
    max_members : int, default=50
        Number of times that a classifier is added in a bag.
    n_bags : int, default=20
        Number of times that rows are drawn with replacement for the choice, whose
        weights are averaged; 1 takes all rows as they are.
    n_jobs : int or None, default=None
        Number of processes that fit classifiers; None is one.
    random_state : int, RandomState or None, default=None
        Seed of the bags.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    weights_ : ndarray of shape (n_estimators,)
        Weight of each classifier; their sum is 1.
    estimators_ : list of estimator
        Those with a weight, fitted on all rows.
    named_estimators_ : Bunch
        The same by name.
    losses_ : dict of str to float
        Log loss of each classifier on rows that it was not fitted on.
    loss_ : float
        The ensemble's on the same rows, from which its weights were chosen.
    diversity_ : float
        Mean of `losses_` by the weights, less `loss_`: what is gained by their
        difference; 0 for equal members.
    homogenization_ : Bunch or None
        As `homogenization_ratio` returns it for the members; None if there is one.
    n_features_in_ : int
        Number of features that the members saw.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X has names.

    See Also
    --------
    HomogenizationReport : Compares the classifiers.
    sklearn.ensemble.StackingClassifier : Learns a model on top of the predictions.

    References
    ----------
    Caruana, Niculescu-Mizil, Crew and Ksikes (2004), "Ensemble Selection from Libraries
    of Models", ICML.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skmm.diversity import GreedyEnsembleClassifier
    >>> X, y = load_wine(return_X_y=True)
    >>> models = [("bayes", GaussianNB()), ("tree", DecisionTreeClassifier())]
    >>> model = GreedyEnsembleClassifier(models, random_state=0).fit(X, y)
    >>> round(float(model.weights_.sum()), 6)
    1.0
    """


class GreedyEnsembleRegressor(OfNumbers, _GreedyEnsemble):
    r"""A weighted mean of regressors' predictions, chosen greedily.

    :math:`f(x) = \sum_k w_k f_k(x)`. Every regressor predicts each row while it is
    fitted on other rows. Then, starting from the best, one after another is added, with
    replacement, whose predictions leave the squared error of the mean lowest; several
    times on rows drawn with replacement, so as not to fit the chance of few rows. Those
    with a weight are fitted on all rows.

    Parameters
    ----------
    estimators : list of (str, estimator)
        Regressors, each with a name of its own.
    cv : int, cross-validation splitter or iterable, default=5
        How rows are set apart. Each row must be set apart once.
    max_members : int, default=50
        Number of times that a regressor is added in a bag.
    n_bags : int, default=20
        Number of times that rows are drawn with replacement for the choice, whose
        weights are averaged; 1 takes all rows as they are.
    n_jobs : int or None, default=None
        Number of processes that fit regressors; None is one.
    random_state : int, RandomState or None, default=None
        Seed of the bags.

    Attributes
    ----------
    weights_ : ndarray of shape (n_estimators,)
        Weight of each regressor; their sum is 1.
    estimators_ : list of estimator
        Those with a weight, fitted on all rows.
    named_estimators_ : Bunch
        The same by name.
    losses_ : dict of str to float
        Mean squared error of each regressor on rows that it was not fitted on.
    loss_ : float
        The ensemble's on the same rows, from which its weights were chosen.
    diversity_ : float
        Mean of `losses_` by the weights, less `loss_`: the members' weighted variance
        (Krogh and Vedelsby 1995); 0 for equal members.
    n_features_in_ : int
        Number of features that the members saw.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X has names.

    See Also
    --------
    GreedyEnsembleClassifier : The same for classes.
    sklearn.ensemble.StackingRegressor : Learns a model on top of the predictions.

    References
    ----------
    Caruana, Niculescu-Mizil, Crew and Ksikes (2004), "Ensemble Selection from Libraries
    of Models", ICML.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.neighbors import KNeighborsRegressor
    >>> from skmm.diversity import GreedyEnsembleRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> models = [("ridge", Ridge()), ("neighbours", KNeighborsRegressor())]
    >>> model = GreedyEnsembleRegressor(models, random_state=0).fit(X, y)
    >>> model.loss_ < min(model.losses_.values())
    True
    """


def _fitted(model: Any, X: Any, y: NDArray, params: dict[str, Any]) -> Any:
    return model.fit(X, y, **params)
