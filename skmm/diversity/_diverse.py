"""Ensembles of networks that differ on purpose."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import ArrayLike, NDArray
from sklearn.base import MetaEstimatorMixin, clone, is_classifier
from sklearn.model_selection import ParameterGrid, check_cv
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state, indexable
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from skmm._compat import HasMethods, check_sample_weight, fit_context, take_rows
from skmm._many_modalities import ManyModalities
from skmm.diversity._selection import OfClasses, OfNumbers, Selection
from skmm.frame import ModalityFrame
from skmm.multimodal import MultimodalClassifier, MultimodalRegressor
from skmm.transformer import ModalityTransformer

__all__ = ["DiverseEnsembleClassifier", "DiverseEnsembleRegressor"]

N_SEEDS = 5


class _DiverseEnsemble(MetaEstimatorMixin, Selection):
    """What the ensembles of both kinds have in common."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **Selection._parameter_constraints,
        "base": [None, HasMethods("fit")],
        "vary": [dict, None],
    }
    _default: ClassVar[type]

    def __init__(
        self,
        base: Any = None,
        vary: dict[str, Any] | None = None,
        *,
        cv: Any = 5,
        max_members: int = 50,
        n_bags: int = 20,
        n_jobs: int | None = None,
        random_state: Any = None,
    ):
        self.base = base
        self.vary = vary
        self.cv = cv
        self.max_members = max_members
        self.n_bags = n_bags
        self.n_jobs = n_jobs
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Any:
        """Fit every member on all folds but one, in turn, and choose among them.

        Parameters
        ----------
        X : array-like, dataframe or ModalityFrame of n_samples rows
            What `base` takes.
        y : array-like of shape (n_samples,)
            Target.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Weights of the rows, for the members' `fit` and for the choice.

        Returns
        -------
        self : estimator

        Raises
        ------
        ValueError
            If `vary` names a parameter that `base` has not or no value for one, or
            asks for modalities of what is no `ModalityFrame`.
        """
        front, last = self._parts(X)
        self._check_member("base", last, sample_weight is not None)
        truth = self._checked_target(y)
        weight = check_sample_weight(sample_weight, truth, ensure_non_negative=True)
        variants = self._variants(last)
        models = [_varied(last, variant) for variant in variants]
        splits = self._splits(truth)
        front = None if front is None else clone(front)
        seen = X if front is None else front.fit_transform(X, truth)
        seen, _ = indexable(seen, truth)
        parts = [_part(seen, variant) for variant in variants]
        given = None if sample_weight is None else weight
        trained = Parallel(n_jobs=self.n_jobs)(
            delayed(_on_folds)(model, part, truth, given, splits, self._method)
            for model, part in zip(models, parts, strict=True)
        )
        unseen = np.stack([predicted for _, predicted in trained])
        chosen = self._choose([_named(v) for v in variants], unseen, truth, weight)
        for name, value in chosen.items():
            setattr(self, name, value)
        self.members_ = variants
        self.transformer_ = front
        self.estimators_ = [
            fitted
            for (fitted, _), w in zip(trained, self.weights_, strict=True)
            if w > 0
        ]
        source = self.estimators_[0][0] if front is None else front
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self, name):
                delattr(self, name)
            if isinstance(X, ModalityFrame):
                self.n_features_in_ = X.shape[1]
            elif hasattr(source, name):
                setattr(self, name, getattr(source, name))
        return self

    def _parts(self, X: Any) -> tuple[Any, Any]:
        """Say what reads the data, once for all members, and what they vary."""
        base = self._default() if self.base is None else self.base
        if isinstance(base, Pipeline):
            return (base[:-1] if len(base) > 1 else None), base[-1]
        if isinstance(base, ManyModalities) and not isinstance(X, ModalityFrame):
            reader = base.modalities
            if not isinstance(reader, ModalityTransformer):
                reader = ModalityTransformer(reader)
            return reader, base
        return None, base

    def _variants(self, last: Any) -> list[dict[str, Any]]:
        """List what is set in each member."""
        random = hasattr(last, "random_state")
        if self.vary is None and not random:
            raise ValueError(
                f"vary must say what differs: a {type(last).__name__} has no "
                "random_state to vary."
            )
        vary: dict[str, Any] = {"seed": N_SEEDS} if self.vary is None else {**self.vary}
        rng = check_random_state(self.random_state)
        given = {"seed", "random_state"} & set(vary)
        if len(given) > 1:
            raise ValueError("vary has both seed and random_state, which are the same.")
        if isinstance(vary.get("seed"), Integral):
            vary["seed"] = rng.randint(2**31, size=vary["seed"]).tolist()
        elif not given and random and last.random_state is None:
            vary["seed"] = [int(rng.randint(2**31))]
        for name, values in vary.items():
            if isinstance(values, str) or not isinstance(values, Iterable):
                raise ValueError(f"vary[{name!r}] must be a list, got {values!r}.")
            if not list(values):
                raise ValueError(f"vary has no value for {name!r}.")
        return list(ParameterGrid(vary))

    def _splits(self, truth: NDArray) -> list[tuple[NDArray, NDArray]]:
        cv = check_cv(self.cv, truth, classifier=is_classifier(self))
        splits = list(cv.split(np.zeros(len(truth)), truth))
        apart = np.concatenate([test for _, test in splits])
        if not np.array_equal(np.sort(apart), np.arange(len(truth))):
            raise ValueError("cv must set each row apart once: its test sets do not.")
        return splits

    def _mean(self, X: Any) -> NDArray:
        check_is_fitted(self)
        seen = X if self.transformer_ is None else self.transformer_.transform(X)
        chosen = np.flatnonzero(self.weights_)
        classes = getattr(self, "classes_", None)
        means = []
        for k, models in zip(chosen, self.estimators_, strict=True):
            part = _part(seen, self.members_[k])
            said = [_said(model, part, self._method, classes) for model in models]
            means.append(np.mean(said, axis=0))
        return np.tensordot(self.weights_[chosen], means, axes=1)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        base = self._default() if self.base is None else self.base
        tags.input_tags = base.__sklearn_tags__().input_tags
        return tags


class DiverseEnsembleClassifier(OfClasses, _DiverseEnsemble):
    r"""A weighted mean of classifiers that differ on purpose.

    Members are made of `base` by setting in turn what `vary` lists. Each is fitted on
    all folds but one, in turn, and, where it is of skmm, stops early on the fold that
    is left; its probabilities are the mean over folds, :math:`p(x) = \sum_k w_k \frac1F
    \sum_f p_{kf}(x)`. The weights are chosen as in `GreedyEnsembleClassifier`. Data are
    read once for all members, and networks of one architecture are traced once.

    Parameters
    ----------
    base : classifier, Pipeline or None, default=None
        What is varied: an estimator, or the last step of a pipeline whose other steps
        are fitted once on all rows, as the reader of the modalities is. Of skmm, its
        ``ensemble_size="auto"`` is 1 here. None takes a `MultimodalClassifier`.
    vary : dict or None, default=None
        Names of parameters of the estimator, each with a list of values; members are
        all combinations. ``"modalities"`` lists lists of names of the modalities that
        are read, ``"seed"`` seeds or how many. None takes five seeds.
    cv : int, cross-validation splitter or iterable, default=5
        How rows are set apart; stratified for a number of folds. Each row must be
        set apart once.
    max_members : int, default=50
        Number of times that a member is added in a bag.
    n_bags : int, default=20
        Number of times that rows are drawn with replacement for the choice, whose
        weights are averaged; 1 takes all rows as they are.
    n_jobs : int or None, default=None
        Number of processes that fit members; None is one.
    random_state : int, RandomState or None, default=None
        Seed of the seeds and the bags.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    members_ : list of dict
        What was set in each member.
    weights_ : ndarray of shape (n_members,)
        Weight of each member; their sum is 1.
    estimators_ : list of list of estimator
        Of each member with a weight those of the folds.
    transformer_ : transformer or None
        What reads the data for all members.
    losses_ : dict of str to float
        Log loss of each member on rows that it was not fitted on; those of skmm stop
        early on the same rows, so it flatters them a little.
    loss_ : float
        The ensemble's on the same rows, from which its weights were chosen.
    diversity_ : float
        Mean of `losses_` by the weights, less `loss_`: what is gained by their
        difference; 0 for equal members.
    homogenization_ : Bunch or None
        As `homogenization_ratio` returns it for the members; None if there is one.
    n_features_in_ : int
        Number of features of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X has names.

    See Also
    --------
    GreedyEnsembleClassifier : Selects from any list of classifiers.

    References
    ----------
    Caruana, Niculescu-Mizil, Crew and Ksikes (2004), "Ensemble Selection from Libraries
    of Models", ICML.

    Examples
    --------
    >>> from skmm import MultimodalClassifier
    >>> from skmm.datasets import make_multimodal_classification
    >>> from skmm.diversity import DiverseEnsembleClassifier
    >>> X, y = make_multimodal_classification(
    ...     60, modalities=("tabular", "text"), random_state=0, return_X_y=True)
    >>> vary = {"fusion": ["concat", "late"]}
    >>> base = MultimodalClassifier(epochs=2)
    >>> model = DiverseEnsembleClassifier(base, vary, cv=2, random_state=0).fit(X, y)
    >>> len(model.members_), model.predict(X[:3]).shape
    (2, (3,))
    """

    _default: ClassVar[type] = MultimodalClassifier


class DiverseEnsembleRegressor(OfNumbers, _DiverseEnsemble):
    r"""A weighted mean of regressors that differ on purpose.

    Members are made of `base` by setting in turn what `vary` lists. Each is fitted on
    all folds but one, in turn, and, where it is of skmm, stops early on the fold that
    is left; its prediction is the mean over folds, :math:`f(x) = \sum_k w_k \frac1F
    \sum_f f_{kf}(x)`. The weights are chosen as in `GreedyEnsembleRegressor`. Data are
    read once for all members, and networks of one architecture are traced once.

    Parameters
    ----------
    base : regressor, Pipeline or None, default=None
        What is varied: an estimator, or the last step of a pipeline whose other steps
        are fitted once on all rows, as the reader of the modalities is. Of skmm, its
        ``ensemble_size="auto"`` is 1 here. None takes a `MultimodalRegressor`.
    vary : dict or None, default=None
        Names of parameters of the estimator, each with a list of values; members are
        all combinations. ``"modalities"`` lists lists of names of the modalities that
        are read, ``"seed"`` seeds or how many. None takes five seeds.
    cv : int, cross-validation splitter or iterable, default=5
        How rows are set apart. Each row must be set apart once.
    max_members : int, default=50
        Number of times that a member is added in a bag.
    n_bags : int, default=20
        Number of times that rows are drawn with replacement for the choice, whose
        weights are averaged; 1 takes all rows as they are.
    n_jobs : int or None, default=None
        Number of processes that fit members; None is one.
    random_state : int, RandomState or None, default=None
        Seed of the seeds and the bags.

    Attributes
    ----------
    members_ : list of dict
        What was set in each member.
    weights_ : ndarray of shape (n_members,)
        Weight of each member; their sum is 1.
    estimators_ : list of list of estimator
        Of each member with a weight those of the folds.
    transformer_ : transformer or None
        What reads the data for all members.
    losses_ : dict of str to float
        Mean squared error of each member on rows that it was not fitted on; those of
        skmm stop early on the same rows, so it flatters them a little.
    loss_ : float
        The ensemble's on the same rows, from which its weights were chosen.
    diversity_ : float
        Mean of `losses_` by the weights, less `loss_`: the members' weighted variance;
        0 for equal members.
    n_features_in_ : int
        Number of features of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X has names.

    See Also
    --------
    GreedyEnsembleRegressor : Selects from any list of regressors.

    References
    ----------
    Caruana, Niculescu-Mizil, Crew and Ksikes (2004), "Ensemble Selection from Libraries
    of Models", ICML.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.neighbors import KNeighborsRegressor
    >>> from skmm.diversity import DiverseEnsembleRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> vary = {"n_neighbors": [3, 10, 30]}
    >>> model = DiverseEnsembleRegressor(KNeighborsRegressor(), vary, random_state=0)
    >>> model.fit(X, y).loss_ <= min(model.losses_.values())
    True
    """

    _default: ClassVar[type] = MultimodalRegressor


def _varied(last: Any, variant: dict[str, Any]) -> Any:
    """Make a member: the estimator, with some of its parameters set."""
    model = clone(last)
    if getattr(model, "ensemble_size", None) == "auto":
        model.set_params(ensemble_size=1)
    settings = {k: v for k, v in variant.items() if k not in ("modalities", "seed")}
    if "seed" in variant:
        settings["random_state"] = variant["seed"]
    return model.set_params(**settings)


def _part(seen: Any, variant: dict[str, Any]) -> Any:
    """Take what a member reads."""
    names = variant.get("modalities")
    if names is None:
        return seen
    if not isinstance(seen, ModalityFrame):
        raise ValueError(
            "vary has modalities, but what the members read is no ModalityFrame: it is "
            f"a {type(seen).__name__}."
        )
    unknown = [n for n in names if n not in seen.names]
    if isinstance(names, str) or unknown or not names:
        raise ValueError(
            f"vary['modalities'] must hold lists of any of {seen.names}, got {names!r}."
        )
    return seen.select(list(names))


def _named(variant: dict[str, Any]) -> str:
    """Write what is set in a member."""
    parts = []
    for key, value in variant.items():
        joined = isinstance(value, Iterable) and key == "modalities"
        parts.append(f"{key}={'+'.join(value) if joined else value}")
    return ", ".join(parts)


def _on_folds(
    model: Any,
    seen: Any,
    y: NDArray,
    weight: NDArray | None,
    splits: Sequence[tuple[NDArray, NDArray]],
    method: str,
) -> tuple[list[Any], NDArray]:
    """Fit a member on all folds but one, in turn; what it says of the one left."""
    classes = np.unique(y) if method == "predict_proba" else None
    shape = (len(y),) if classes is None else (len(y), len(classes))
    fitted, unseen = [], np.zeros(shape)
    for train, test in splits:
        counted = test if weight is None else test[weight[test] > 0]
        known = counted if classes is None else counted[np.isin(y[counted], y[train])]
        params = {}
        if weight is not None:
            params["sample_weight"] = weight[train]
        if has_fit_parameter(model, "X_val") and len(known):
            params |= {"X_val": take_rows(seen, known), "y_val": y[known]}
            if weight is not None:
                params["sample_weight_val"] = weight[known]
        one = clone(model).fit(take_rows(seen, train), y[train], **params)
        unseen[test] = _said(one, take_rows(seen, test), method, classes)
        fitted.append(one)
    return fitted, unseen


def _said(model: Any, seen: Any, method: str, classes: Any) -> NDArray:
    """Predict, with a column for every class that there is."""
    said = getattr(model, method)(seen)
    if method != "predict_proba" or said.shape[1] == len(classes):
        return said
    whole = np.zeros((len(said), len(classes)))
    whole[:, np.searchsorted(classes, model.classes_)] = said
    return whole
