"""How much each modality contributes to what a model gets right."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import is_classifier
from sklearn.metrics import check_scoring
from sklearn.utils import Bunch, check_scalar
from sklearn.utils.validation import check_consistent_length, column_or_1d

from skmm._compat import check_sample_weight, take_rows
from skmm.diversity._bootstrap import generator
from skmm.inspection._answers import Answers
from skmm.inspection._coalitions import (
    shapley_interactions,
    shapley_values,
    without_one,
)
from skmm.inspection._games import Absence, ShuffledRows, ShuffledTable, make_game
from skmm.inspection._models import scoring_of

__all__ = ["check_coalitions", "modality_importance"]

METHODS = ("permutation", "ablation", "shapley")
MOST = 12  # modalities that Shapley values are computed of: 4096 coalitions
WIDTH = 1.96  # standard deviations to either side of an interval of 95 %


def modality_importance(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    *,
    method: str = "permutation",
    scoring: Any = None,
    n_repeats: int = 10,
    sample_weight: ArrayLike | None = None,
    modalities: Any = None,
    random_state: Any = None,
) -> Bunch:
    r"""Tell how much of a score each modality is worth.

    With v(S) the score where only the modalities in S tell the truth, and all of them
    in A, ``"permutation"`` and ``"ablation"`` give :math:`v(A) - v(A \setminus m)`:
    what is lost without m. Modalities that say the same are worth nothing by that,
    and those that tell something together alone are each worth all of it. Shapley
    values share the whole out,

    .. math::
        \phi_m = \sum_{S \not\ni m} \frac{|S|! (M - |S| - 1)!}{M!}
        \left(v(S \cup m) - v(S)\right), \quad
        \sum_m \phi_m = v(A) - v(\emptyset).

    Parameters
    ----------
    estimator : estimator
        Fitted: of skmm, or any that predicts from `X`, in a pipeline or a search or
        alone.
    X : dataframe, array or ModalityFrame of n_samples rows
        Rows that it was not trained on.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Their target.
    method : {"permutation", "ablation", "shapley"}, default="permutation"
        ``"permutation"``: a modality is that of another row, all its columns together.
        ``"ablation"``: it is absent, which a `MultimodalClassifier` or
        `MultimodalRegressor` has learned to do without. ``"shapley"``: those outside
        S are absent for these two, and those of one other row for any other model.
    scoring : str, callable or None, default=None
        A scorer of scikit-learn, or its name. It asks an estimator with `predict`,
        `predict_proba` and `decision_function` alone, and is given row numbers as X.
        None is that of a search, else accuracy or R2.
    n_repeats : int, default=10
        Number of times that rows are drawn anew, with replacement, and shuffled
        anew; 2 or more.
    sample_weight : array-like of shape (n_samples,) or None, default=None
        Weights of the rows, for the scorer.
    modalities : mapping of str to list, list of triples or None, default=None
        Columns of each modality, or triples as `ModalityTransformer` takes them; any
        groups of columns will do, and are shuffled then. None takes those of the
        estimator, or of the `ModalityTransformer` in it, or what `infer_modalities`
        says.
    random_state : int, RandomState or None, default=None
        Seed of the draws.

    Returns
    -------
    result : Bunch
        ``names``: the M modalities. ``importances_mean`` (M,): on all rows, mean over
        the shuffles. ``importances`` (M, n_repeats): on drawn rows;
        ``importances_std`` (M,) their standard deviation and ``interval`` (M, 2) the
        mean and 1.96 of it to either side: how much other test rows would change, not
        another fit. ``score``: v(A). ``removal``: ``"absent"`` or ``"shuffled"``. Of
        ``"shapley"`` also ``base_score``, the v of nothing, and
        ``interactions_mean``, ``interactions_std`` (M, M): what two are worth beyond
        what each is worth without the other, averaged over the others as Shapley
        values are; NaN on the diagonal.

    Raises
    ------
    ValueError
        If the method does not suit the estimator, a parameter is wrong, or there are
        too many modalities: Shapley values take 2**M scores.

    See Also
    --------
    modality_contributions : The same for single rows.
    emap_score : How much of a score comes from modalities together.

    References
    ----------
    Shapley (1953), "A Value for n-Person Games". Grabisch and Roubens (1999), "An
    Axiomatic Approach to the Concept of Interaction among Players in Cooperative
    Games", equation 4 (interactions). Gat, Schwartz and Schwing (2021), "Perceptual
    Score", arXiv:2110.14375 (modalities permuted).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skmm.inspection import modality_importance
    >>> X = np.random.default_rng(0).normal(size=(200, 3))
    >>> y = X[:, 0] > 0
    >>> model = LogisticRegression().fit(X, y)
    >>> groups = {"first": [0], "others": [1, 2]}
    >>> result = modality_importance(model, X, y, modalities=groups, random_state=0)
    >>> result.names, (result.importances_mean > 0.1).tolist()
    (['first', 'others'], [True, False])
    """
    _check_arguments(method, n_repeats, X, y)
    absent = {"permutation": False, "ablation": True}.get(method)
    weight = None
    if sample_weight is not None:
        weight = check_sample_weight(sample_weight, np.asarray(y))
    game = make_game(estimator, X, absent=absent, modalities=modalities)
    n, n_samples = len(game.names), np.shape(y)[0]
    check_coalitions(game, n_samples, every=method == "shapley")
    scorer = _Scorer(estimator, scoring, y, weight)
    rng = generator(random_state)
    draws = [_draw(rng, y, is_classifier(estimator)) for _ in range(n_repeats)]
    shuffles = [rng.permutation(n_samples) for _ in range(n_repeats)]
    everybody = 2**n - 1
    coalitions = range(2**n) if method == "shapley" else [everybody, *without_one(n)]
    worth = {
        c: _worth(game, c, c == everybody, scorer, draws, shuffles) for c in coalitions
    }
    if method == "shapley":
        importances = shapley_values(worth, n)
    else:
        importances = worth[everybody] - np.stack([worth[c] for c in without_one(n)])
    mean, std = importances[:, 0], importances[:, 1:].std(axis=1, ddof=1)
    result = Bunch(
        names=game.names,
        importances_mean=mean,
        importances_std=std,
        importances=importances[:, 1:],
        interval=np.stack([mean - WIDTH * std, mean + WIDTH * std], axis=1),
        score=float(worth[everybody][0]),
        method=method,
        removal="shuffled" if game.varies else "absent",
    )
    if method == "shapley":
        pairs = shapley_interactions(worth, n)
        result.base_score = float(worth[0][0])
        result.interactions_mean = pairs[:, :, 0]
        result.interactions_std = pairs[:, :, 1:].std(axis=2, ddof=1)
    return result


def _check_arguments(method: Any, n_repeats: Any, X: Any, y: Any) -> None:
    if method not in METHODS:
        raise ValueError(f"method must be one of {list(METHODS)}, got {method!r}.")
    check_scalar(n_repeats, "n_repeats", Integral, min_val=2)
    check_consistent_length(X, y)
    if len(y) == 0:
        raise ValueError("X has no rows: there is nothing to score.")


def check_coalitions(
    game: Absence | ShuffledRows | ShuffledTable, n_samples: int, every: bool = True
) -> None:
    """Refuse too many coalitions, or too few rows.

    Parameters
    ----------
    game : Absence, ShuffledRows or ShuffledTable
        How a model is asked without modalities.
    n_samples : int
        Number of rows.
    every : bool, default=True
        Whether every coalition is asked for.

    Raises
    ------
    ValueError
        If there are.
    """
    n = len(game.names)
    if every and n > MOST:
        raise ValueError(
            f"Shapley values of {n} modalities take {2**n} answers: group columns to "
            f"{MOST} modalities or fewer by modalities=."
        )
    if game.varies and n_samples < 2:
        raise ValueError(
            f"X has {n_samples} row(s): modalities are shuffled, which takes two or "
            "more."
        )


class _Scorer:
    """Scores answers on some of the rows."""

    def __init__(self, estimator: Any, scoring: Any, y: Any, weight: NDArray | None):
        self.scoring, self.y, self.weight = scoring_of(estimator, scoring), y, weight

    def __call__(self, answers: Answers, rows: NDArray) -> float:
        scorer = check_scoring(answers, self.scoring)
        weighted = {}
        if self.weight is not None:
            weighted["sample_weight"] = self.weight[rows]
        return float(scorer(answers, rows, take_rows(self.y, rows), **weighted))


def _draw(rng: np.random.Generator, y: ArrayLike, classifies: bool) -> NDArray:
    """Draw rows with replacement, of each class as many as there are.

    A score is then defined where that of all rows is.
    """
    values = np.asarray(y)
    if not classifies or values.ndim > 1:
        return rng.integers(len(values), size=len(values))
    codes = np.unique(column_or_1d(values), return_inverse=True)[1]
    groups = [np.flatnonzero(codes == c) for c in range(codes.max() + 1)]
    return np.concatenate([rng.choice(rows, size=len(rows)) for rows in groups])


def _worth(
    game: Absence | ShuffledRows | ShuffledTable,
    coalition: int,
    everybody: bool,
    scorer: Callable[[Answers, NDArray], float],
    draws: Iterable[NDArray],
    shuffles: list[NDArray],
) -> NDArray:
    """Score a coalition on all rows, and on drawn rows; (1 + n_repeats,)."""
    every = np.arange(len(shuffles[0]))
    same = everybody or not game.varies
    if same:
        answers = game.answers(coalition, every)
        drawn = [scorer(answers, rows) for rows in draws]
        return np.array([scorer(answers, every), *drawn])
    whole, drawn = [], []
    for rows, shuffle in zip(draws, shuffles, strict=True):
        answers = game.answers(coalition, shuffle)
        whole.append(scorer(answers, every))
        drawn.append(scorer(answers, rows))
    return np.array([np.mean(whole), *drawn])
