"""How much each modality contributes to what a model says of single rows."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.utils import Bunch, check_scalar

from skmm.diversity._bootstrap import generator
from skmm.inspection._answers import Answers
from skmm.inspection._coalitions import shapley_values
from skmm.inspection._games import make_game
from skmm.inspection._importance import check_coalitions

__all__ = ["modality_contributions"]


def modality_contributions(
    estimator: Any,
    X: Any,
    *,
    target: Any = None,
    n_repeats: int = 10,
    modalities: Any = None,
    random_state: Any = None,
) -> Bunch:
    r"""Share what a model says of each row out among its modalities.

    Shapley values :math:`\phi_{im}` of row i and modality m: with :math:`p_i(S)` the
    probability of the target class, or the number that is predicted, from the
    modalities in S alone, :math:`\sum_m \phi_{im} = p_i(A) - p_i(\emptyset)`.

    Parameters
    ----------
    estimator : estimator
        Fitted: of skmm, or any that predicts numbers or probabilities from `X`.
    X : dataframe, array or ModalityFrame of n_samples rows
        Rows to explain.
    target : label, array-like of shape (n_samples,) or None, default=None
        Class to explain, one for all rows or one for each; None is the class that is
        predicted. Not used for numbers.
    n_repeats : int, default=10
        Number of other rows that stand in for a modality, where it cannot be absent;
        1 or more.
    modalities : mapping of str to list, list of triples or None, default=None
        As `modality_importance` takes it.
    random_state : int, RandomState or None, default=None
        Seed of the draw of other rows.

    Returns
    -------
    result : Bunch
        ``names``: the M modalities. ``contributions`` (n_samples, M), in units of
        probability, or of y. ``base`` (n_samples,): what is said of a row of nothing.
        ``prediction`` (n_samples,): ``base`` and contributions together.
        ``target`` (n_samples,): the class, or None for numbers. ``removal``:
        ``"absent"`` or ``"shuffled"``.

    Raises
    ------
    ValueError
        If there is no such class, the model has several outputs or no
        probabilities, or there are too many modalities.

    See Also
    --------
    modality_importance : What they contribute to a score.
    explain : What columns, words, pixels and steps contribute.

    References
    ----------
    Shapley (1953), "A Value for n-Person Games".

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from skmm.inspection import modality_contributions
    >>> X = np.array([[0.0, 1.0], [2.0, 1.0], [4.0, 1.0]])
    >>> model = LinearRegression().fit(X, 3 * X[:, 0])
    >>> groups = {"a": [0], "b": [1]}
    >>> result = modality_contributions(
    ...     model, X, modalities=groups, n_repeats=100, random_state=0
    ... )
    >>> result.contributions[:, 1].round(6).tolist()
    [0.0, 0.0, 0.0]
    """
    check_scalar(n_repeats, "n_repeats", Integral, min_val=1)
    game = make_game(estimator, X, absent=None, modalities=modalities)
    n_samples = X.shape[0]
    check_coalitions(game, n_samples)
    rng = generator(random_state)
    n_repeats = n_repeats if game.varies else 1
    shuffles = [rng.permutation(n_samples) for _ in range(n_repeats)]
    n = len(game.names)
    whole = game.answers(2**n - 1, shuffles[0])
    column, labels = None, None
    if is_classifier(estimator):
        column, labels = _columns(whole, target, n_samples)
    worth = {
        c: np.mean([_said(game.answers(c, s), column) for s in shuffles], axis=0)
        for c in range(2**n - 1)
    }
    worth[2**n - 1] = _said(whole, column)
    return Bunch(
        names=game.names,
        contributions=shapley_values(worth, n).T,
        base=worth[0],
        prediction=worth[2**n - 1],
        target=labels,
        removal="shuffled" if game.varies else "absent",
    )


def _columns(answers: Answers, target: Any, n_samples: int) -> tuple[NDArray, NDArray]:
    """Find the column of probabilities that is explained of each row, and its class."""
    if not hasattr(answers, "predict_proba"):
        raise ValueError(
            "the classifier has no predict_proba, whose probabilities are shared out."
        )
    classes = answers.classes_
    said = answers.everything("predict_proba")
    if isinstance(said, list) or np.shape(said)[1] != len(classes):
        raise ValueError("the classifier has several outputs; one is explained.")
    if target is None:
        labels = np.asarray(answers.everything("predict"))
    else:
        labels = np.broadcast_to(np.asarray(target), (n_samples,))
    unknown = ~np.isin(labels, classes)
    if unknown.any():
        raise ValueError(
            f"target must be among the classes {np.asarray(classes).tolist()}, got "
            f"{labels[unknown].tolist()[0]!r}."
        )
    return np.searchsorted(classes, labels), labels


def _said(answers: Answers, column: NDArray | None) -> NDArray:
    if column is None:
        said = np.asarray(answers.everything("predict"))
        if said.ndim > 1:
            raise ValueError("the regressor has several outputs; one is explained.")
        return said
    said = np.asarray(answers.everything("predict_proba"))
    return said[np.arange(len(said)), column].astype(float)
