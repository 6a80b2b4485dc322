"""How sure a model is, and how much of its doubt its members do not share."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr
from sklearn.base import is_classifier, is_regressor
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.utils import Bunch
from sklearn.utils.validation import validate_data

from skmm._many_modalities import ManyModalities
from skmm.diversity import (
    DiverseEnsembleClassifier,
    DiverseEnsembleRegressor,
    GreedyEnsembleClassifier,
    GreedyEnsembleRegressor,
)
from skmm.inspection._models import unwrap

__all__ = ["check_probabilities", "predict_uncertainty"]

ROUNDING = 1e-3  # by which probabilities may miss the sum of 1

Member = tuple[Any, Any, float]  # a model, the rows that it reads, its weight


def predict_uncertainty(estimator: Any, X: Any) -> Bunch:
    r"""Tell for each row how unsure a model is, and how much its members disagree.

    For classifiers, with members that say :math:`p_k(x)` of shape (n_classes,), weights
    :math:`w_k` of the sum 1 and the entropy :math:`\mathbb H[p] = -\sum_c p_c \log
    p_c` in nats,

    .. math:: \underbrace{\mathbb H\Big[\sum_k w_k p_k\Big]}_{\text{total}} =
        \underbrace{\sum_k w_k \mathbb H[p_k]}_{\text{aleatoric}} +
        \underbrace{\sum_k w_k \mathrm{KL}\Big(p_k \,\Big\|\, \sum_j w_j
        p_j\Big)}_{\text{epistemic}}.

    Aleatoric is the doubt that the members share, as where classes overlap; epistemic,
    the mutual information of label and member, is where they disagree, as they do far
    from the training rows. For regressors epistemic is the members' variance
    :math:`\sum_k w_k (f_k - \sum_j w_j f_j)^2`; a regressor that predicts one number
    says nothing of noise, so that total and aleatoric are NaN.

    Parameters
    ----------
    estimator : classifier with predict_proba, or regressor
        Fitted; of one output. Members are the networks of a `MultimodalClassifier` or
        `MultimodalRegressor`; the models of `GreedyEnsembleClassifier` and
        `DiverseEnsembleClassifier` (those of every fold), of scikit-learn's voting and
        bagging and random forests and extra trees; and of the regressors of the same
        kinds. They are found in pipelines and searches, and are not taken apart
        further. Any other estimator is one model.
    X : array-like, dataframe or ModalityFrame of n_samples rows
        What the estimator predicts from.

    Returns
    -------
    uncertainty : Bunch
        Arrays of shape (n_samples,), float64.

        total : ndarray
            Entropy of what the estimator says, from 0 to log(n_classes) nats; NaN for
            regressors.
        aleatoric : ndarray
            Mean entropy of the members, in nats; NaN for regressors.
        epistemic : ndarray
            Their difference, not negative; for regressors a variance in squared units
            of y. NaN where there is one model, which nothing can disagree with.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.
    ValueError
        If it is neither a regressor nor a classifier with `predict_proba`, as members
        must be too, or has several outputs.

    Warns
    -----
    MissingModalityWarning
        If rows have none of the modalities: all networks give them the same answer, so
        that their epistemic uncertainty is 0 and says nothing.

    See Also
    --------
    calibration_report : Whether probabilities hold what they say.

    Notes
    -----
    Few members, or members that are much alike, know little of what they do not know:
    compare rows by these numbers, and do not read them as probabilities.

    References
    ----------
    Depeweg, Hernández-Lobato, Doshi-Velez and Udluft (2018), "Decomposition of
    Uncertainty in Bayesian Deep Learning for Efficient and Risk-sensitive Learning",
    ICML, section 3.

    Lakshminarayanan, Pritzel and Blundell (2017), "Simple and Scalable Predictive
    Uncertainty Estimation using Deep Ensembles", NeurIPS.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from skmm.inspection import predict_uncertainty
    >>> X, y = load_iris(return_X_y=True)
    >>> forest = RandomForestClassifier(20, random_state=0).fit(X, y)
    >>> found = predict_uncertainty(forest, X)
    >>> bool((found.aleatoric <= found.total).all())
    True
    """
    before, model = unwrap(estimator)
    _check_model(model)
    rows = before(X)
    if is_regressor(model):
        return _of_numbers(model, rows)
    said, weights = _said(model, rows, "predict_proba")
    p = np.stack([check_probabilities(member) for member in said])
    total = entr(np.tensordot(weights, p, axes=1)).sum(axis=1)
    aleatoric = total
    epistemic = np.full(len(total), np.nan)
    if len(p) > 1:
        # Rounding alone makes the mean of entropies exceed the entropy of the mean.
        aleatoric = np.minimum(weights @ entr(p).sum(axis=2), total)
        epistemic = total - aleatoric
    return Bunch(total=total, aleatoric=aleatoric, epistemic=epistemic)


def check_probabilities(p: Any) -> NDArray:
    """Check that these are probabilities of the classes of one output.

    Parameters
    ----------
    p : array-like of shape (n_samples, n_classes)
        As `predict_proba` gives them.

    Returns
    -------
    p : ndarray of shape (n_samples, n_classes), float64
        With sums of 1 without rounding.

    Raises
    ------
    ValueError
        If they are of several outputs.
    """
    if not isinstance(p, list):
        p = np.asarray(p, dtype=np.float64)
        sums = p.sum(axis=-1, keepdims=True)
        if p.ndim == 2 and np.all(np.abs(sums - 1) < ROUNDING):
            return p / sums
    raise ValueError(
        "probabilities must have the shape (n_samples, n_classes) with the sum 1 in "
        "each row; those of several outputs or labels are not supported: give a model "
        "of one of them."
    )


def _check_model(model: Any) -> None:
    """Refuse what says nothing that a doubt could be told from."""
    right = is_regressor(model) or (
        is_classifier(model) and hasattr(model, "predict_proba")
    )
    if not right:
        raise ValueError(
            "estimator must be a classifier with predict_proba or a regressor, and "
            f"so must its members; got {type(model).__name__}."
        )
    if getattr(model, "n_outputs_", 1) > 1:
        raise ValueError(
            f"{type(model).__name__} has {model.n_outputs_} outputs: the uncertainty "
            "of one is supported."
        )


def _of_numbers(model: Any, rows: Any) -> Bunch:
    said, weights = _said(model, rows, "predict")
    values = np.stack(said)
    if values.ndim > 2:
        raise ValueError(
            f"{type(model).__name__} predicts {values.shape[2]} numbers for a row: the "
            "uncertainty of one is supported."
        )
    unknown = np.full(values.shape[1], np.nan)
    epistemic = unknown
    if len(values) > 1:
        epistemic = weights @ np.square(values - weights @ values)
    return Bunch(total=unknown, aleatoric=unknown.copy(), epistemic=epistemic)


def _said(model: Any, rows: Any, method: str) -> tuple[list[Any], NDArray]:
    """Ask each member that counts; what they say, and their weights of the sum 1."""
    members = [member for member in _members(model, rows) if member[2] > 0]
    said = [_whole(model, one, getattr(one, method)(x)) for one, x, _ in members]
    weights = np.array([weight for _, _, weight in members], dtype=np.float64)
    return said, weights / weights.sum()


def _whole(model: Any, one: Any, said: Any) -> Any:
    """Give a column to the classes that a member of a bagging never saw."""
    if not isinstance(model, BaggingClassifier):
        return said
    whole = np.zeros((len(said), len(model.classes_)))
    whole[:, one.classes_.astype(int)] = said  # such a member's classes are numbers
    return whole


def _members(model: Any, rows: Any) -> Iterator[Member]:
    """Take an ensemble apart; what is none is its own only member."""
    for kinds, parts in ENSEMBLES.items():
        if isinstance(model, kinds):
            return parts(model, rows)
    return iter([(model, rows, 1.0)])


def _of_networks(model: Any, rows: Any) -> Iterator[Member]:
    frame = model._encode(model._check_table(rows, reset=False))
    for weights in model._weights:
        yield _with(model, _weights=[weights]), frame, 1.0


def _of_greedy(model: Any, rows: Any) -> Iterator[Member]:
    weights = model.weights_[model.weights_ > 0]
    for one, weight in zip(model.estimators_, weights, strict=True):
        yield one, rows, weight


def _of_diverse(model: Any, rows: Any) -> Iterator[Member]:
    if model.transformer_ is not None:
        rows = model.transformer_.transform(rows)
    chosen = np.flatnonzero(model.weights_)
    for k, folds in zip(chosen, model.estimators_, strict=True):
        alone = np.eye(len(model.weights_))[k]
        for fold in folds:
            one = _with(model, transformer_=None, weights_=alone, estimators_=[[fold]])
            yield one, rows, model.weights_[k] / len(folds)


def _of_voting(model: Any, rows: Any) -> Iterator[Member]:
    kept = [one != "drop" for _, one in model.estimators]
    weights = np.ones(len(kept)) if model.weights is None else model.weights
    for one, weight in zip(model.estimators_, np.compress(kept, weights), strict=True):
        yield one, rows, weight


def _of_bagging(model: Any, rows: Any) -> Iterator[Member]:
    rows = _checked(model, rows)
    parts = zip(model.estimators_, model.estimators_features_, strict=True)
    for one, columns in parts:
        _check_model(one)
        yield one, rows[:, columns], 1.0


def _of_forest(model: Any, rows: Any) -> Iterator[Member]:
    rows = _checked(model, rows)
    for tree in model.estimators_:
        yield tree, rows, 1.0


ENSEMBLES: dict[Any, Callable[[Any, Any], Iterator[Member]]] = {
    ManyModalities: _of_networks,
    (GreedyEnsembleClassifier, GreedyEnsembleRegressor): _of_greedy,
    (DiverseEnsembleClassifier, DiverseEnsembleRegressor): _of_diverse,
    (VotingClassifier, VotingRegressor): _of_voting,
    (BaggingClassifier, BaggingRegressor): _of_bagging,
    (RandomForestClassifier, RandomForestRegressor): _of_forest,
    (ExtraTreesClassifier, ExtraTreesRegressor): _of_forest,
}


def _with(model: Any, **attributes: Any) -> Any:
    """Copy a fitted model with other attributes, and nothing copied inside it."""
    one = copy.copy(model)
    vars(one).update(vars(model), **attributes)  # a copy leaves traced programs behind
    return one


def _checked(model: Any, rows: Any) -> Any:
    """Make the array that the members of scikit-learn's ensemble were fitted on."""
    return validate_data(
        model,
        rows,
        accept_sparse=["csr", "csc"],
        dtype=None,
        ensure_all_finite=False,
        reset=False,
    )
