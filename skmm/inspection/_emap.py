"""How much of a score comes from modalities together, and not from each by itself."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import is_classifier
from sklearn.metrics import check_scoring
from sklearn.utils import Bunch, check_scalar
from sklearn.utils.validation import check_consistent_length

from skmm._compat import check_sample_weight, take_rows
from skmm._targets import ClassTarget, NumberTarget
from skmm.diversity._bootstrap import generator
from skmm.inspection._answers import Answers, answers_of_logits
from skmm.inspection._games import ShuffledRows, ShuffledTable, make_game
from skmm.inspection._models import scoring_of

__all__ = ["emap_score"]

AT_ONCE = 50_000  # rows put together at once: bounds memory
LEAST = 1e-6  # of a probability whose logarithm is taken


def emap_score(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    *,
    scoring: Any = None,
    max_samples: int = 500,
    sample_weight: ArrayLike | None = None,
    modalities: Any = None,
    random_state: Any = None,
) -> Bunch:
    r"""Score a model without all that modalities tell together alone.

    The empirical multimodally-additive projection (EMAP) of logits
    :math:`f(a_i, b_i)` of shape (n_classes,) is what is left of them as a sum of
    functions of one modality,

    .. math::
        \hat f_i = \frac{1}{n} \sum_j f(a_i, b_j) + \frac{1}{n} \sum_j f(a_j, b_i)
        - \frac{1}{n^2} \sum_{jk} f(a_j, b_k).

    What the model's score is above that of :math:`\hat f` comes from interactions; it
    is often next to nothing. With M modalities each has a term, in which the others
    are those of rows drawn for each of them apart, and the last is taken M - 1 times.

    Parameters
    ----------
    estimator : estimator
        Fitted: of skmm, or any that predicts from `X`.
    X : dataframe, array or ModalityFrame of n_samples rows
        Rows that it was not trained on.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Their target.
    scoring : str, callable or None, default=None
        As `modality_importance` takes it.
    max_samples : int, default=500
        Number of rows to draw where there are more, 2 or more: ``M * max_samples**2``
        rows are put together. Models that are not of skmm predict each of them whole.
    sample_weight : array-like of shape (n_samples,) or None, default=None
        Weights of the rows, for the scorer.
    modalities : mapping of str to list, list of triples or None, default=None
        As `modality_importance` takes it.
    random_state : int, RandomState or None, default=None
        Seed of the draws.

    Returns
    -------
    result : Bunch
        ``score`` of the model and ``emap_score`` of its projection on the same
        ``n_samples`` rows; ``interaction_gain``, their difference.

    Raises
    ------
    ValueError
        If there are less than two rows or modalities, or the model has several
        outputs and is not of skmm.

    See Also
    --------
    modality_importance : With ``method="shapley"``: which two interact.

    Notes
    -----
    Logits are those of `decision_function` for estimators of skmm; for others
    logarithms of probabilities of a millionth or more, or `decision_function` where
    there are none.

    References
    ----------
    Hessel and Lee (2020), "Does my multimodal model learn cross-modal interactions?
    It's harder to tell than you might think!", EMNLP, arXiv:2010.06572, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skmm.inspection import emap_score
    >>> X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]] * 5)
    >>> y = X[:, 0] ^ X[:, 1]
    >>> model = DecisionTreeClassifier(random_state=0).fit(X, y)
    >>> result = emap_score(model, X, y, modalities={"a": [0], "b": [1]})
    >>> result.score, result.emap_score
    (1.0, 0.5)
    """
    check_scalar(max_samples, "max_samples", Integral, min_val=2)
    check_consistent_length(X, y)
    rng = generator(random_state)
    n_samples = np.shape(y)[0]
    rows = np.arange(n_samples)
    if n_samples > max_samples:
        rows = np.sort(rng.choice(n_samples, max_samples, replace=False))
    if len(rows) < 2:
        raise ValueError(f"X has {len(rows)} row(s): it takes two or more.")
    game: Any = make_game(
        estimator, take_rows(X, rows), absent=False, modalities=modalities
    )
    if len(game.names) < 2:
        raise ValueError(
            f"interactions take two modalities or more, X has {game.names}; give "
            "groups of columns by modalities=."
        )
    logits, target, classes = _projection(
        game, is_classifier(estimator), rng, len(rows)
    )
    projected = answers_of_logits(target, logits, classes)
    every = np.arange(len(rows))
    whole = game.answers(2 ** len(game.names) - 1, every)
    scorer = check_scoring(whole, scoring_of(estimator, scoring))
    weighted = {}
    if sample_weight is not None:
        weight = check_sample_weight(sample_weight, np.asarray(y))
        weighted["sample_weight"] = weight[rows]
    truth = take_rows(y, rows)
    score, left = (
        float(scorer(answers, every, truth, **weighted))
        for answers in (whole, projected)
    )
    return Bunch(
        score=score,
        emap_score=left,
        interaction_gain=score - left,
        n_samples=len(rows),
    )


def _projection(
    game: ShuffledRows | ShuffledTable,
    classifies: bool,
    rng: np.random.Generator,
    n_samples: int,
) -> tuple[NDArray, ClassTarget | NumberTarget, Any]:
    """Project logits onto sums of functions of one modality."""
    n = len(game.names)
    others = np.stack([rng.permutation(n_samples) for _ in range(n)], axis=1)
    step = max(1, AT_ONCE // n_samples)
    terms = []
    for m in range(n):
        parts = []
        for start in range(0, n_samples, step):
            own = np.arange(start, min(start + step, n_samples))
            rows = np.tile(others, (len(own), 1))
            rows[:, m] = np.repeat(own, n_samples)
            logits, target, classes = _logits(game.mixed(rows), classifies)
            shape = (len(own), n_samples, logits.shape[1])
            parts.append(logits.reshape(shape).mean(axis=1))
        terms.append(np.concatenate(parts))
    overall = np.mean([term.mean(axis=0) for term in terms], axis=0)
    return np.sum(terms, axis=0) - (n - 1) * overall, target, classes


def _logits(
    answers: Answers, classifies: bool
) -> tuple[NDArray, ClassTarget | NumberTarget, Any]:
    """Give what is projected, and how it is read as predictions."""
    if answers.logits is not None:
        return answers.logits, answers.target, answers.classes_
    if not classifies:
        numbers = np.asarray(answers.everything("predict"), dtype=float)
        number = NumberTarget.fit(numbers, np.ones(len(numbers)), standardize=False)
        return numbers.reshape(len(numbers), -1), number, None
    classes = answers.classes_
    method = (
        "predict_proba" if hasattr(answers, "predict_proba") else "decision_function"
    )
    said = answers.everything(method)
    if isinstance(said, list) or isinstance(classes, list):
        raise ValueError("the classifier has several outputs, and is not of skmm.")
    target = ClassTarget.fit(np.asarray(classes))
    logits = np.asarray(said, dtype=float).reshape(len(said), -1)
    if method == "predict_proba":
        logits = np.log(np.maximum(logits, LEAST))
    if target.kind == "binary" and logits.shape[1] == 2:
        logits = logits[:, 1:] - logits[:, :1]
    return logits, target, classes
