"""How alike two models' embeddings are."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import svdvals
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.utils.validation import check_array, check_consistent_length

__all__ = ["representation_similarity"]

LEAST = 1e-12
FEWEST_ROWS = {"cka": 4, "procrustes": 2}


def representation_similarity(
    A: ArrayLike, B: ArrayLike, *, metric: str = "cka", debiased: bool = True
) -> float:
    r"""Compare two embeddings of the same rows, whatever their axes and scales.

    ``"cka"`` is linear centred kernel alignment, :math:`\mathrm{HSIC}(K, L) /
    \sqrt{\mathrm{HSIC}(K, K) \mathrm{HSIC}(L, L)}` with :math:`K = A A^\top` and
    :math:`L = B B^\top` (Kornblith et al. 2019), by the unbiased HSIC of Song et al.
    (2012), equation 5. ``"procrustes"`` is :math:`\|A^\top B\|_*` of matrices that are
    centred and scaled to the Frobenius norm 1: 1 less half of the Procrustes distance
    of Ding, Denain and Steinhardt (2021).

    Parameters
    ----------
    A : array-like of shape (n_samples, n_features_a)
        Embeddings, as `transform` of an estimator gives them; 4 rows or more for
        ``"cka"``, 2 for ``"procrustes"``.
    B : array-like of shape (n_samples, n_features_b)
        Others of the same rows.
    metric : {"cka", "procrustes"}, default="cka"
        How to compare.
    debiased : bool, default=True
        Whether ``"cka"`` is that of the unbiased HSIC. The plain one is far above 0
        for unrelated embeddings of fewer than ten rows for each feature; so is
        ``"procrustes"``.

    Returns
    -------
    similarity : float
        1 for embeddings that differ by a rotation and a scale, 0 for unrelated ones,
        which debiased may fall below 0 by chance; NaN where one is constant or,
        debiased, all rows are as far from one another.

    Raises
    ------
    ValueError
        If the metric is unknown, there are too few rows, or their numbers differ.

    Warns
    -----
    UndefinedMetricWarning
        If the similarity is NaN.

    See Also
    --------
    stitching_penalty : Whether one model can use the other's embedding.
    pairwise_similarity : Compares predictions.

    Examples
    --------
    >>> import numpy as np
    >>> from skmm.diversity import representation_similarity
    >>> rng = np.random.default_rng(0)
    >>> A = rng.normal(size=(100, 3))
    >>> rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    >>> round(representation_similarity(A, 5 * A @ rotation + 1), 6)
    1.0
    """
    if metric not in FEWEST_ROWS:
        raise ValueError(f"metric must be 'cka' or 'procrustes', got {metric!r}.")
    fewest = FEWEST_ROWS[metric]
    a, b = (
        check_array(x, dtype=np.float64, ensure_min_samples=fewest, input_name=name)
        for x, name in ((A, "A"), (B, "B"))
    )
    check_consistent_length(a, b)
    a, b = _standing(a), _standing(b)
    if a is None or b is None:
        return _undefined(metric, "an embedding is the same for every row")
    if metric == "procrustes":
        return float(svdvals(a.T @ b).sum())
    hsic = _unbiased_hsic if debiased else _plain_hsic
    own = np.array([hsic(a, a), hsic(b, b)])  # of norms of 1
    if not own.min() > LEAST:
        return _undefined(metric, "rows are all as far from one another")
    return float(hsic(a, b) / np.sqrt(own.prod()))


def _standing(x: NDArray) -> NDArray | None:
    """Centre a matrix and scale it to the norm 1; None if nothing is left."""
    largest = np.abs(x).max()
    x = x - x.mean(axis=0)
    norm = np.linalg.norm(x)
    return x / norm if norm > 1e-12 * max(largest, 1e-300) * x.size**0.5 else None


def _undefined(metric: str, why: str) -> float:
    warnings.warn(
        f"{metric} is not defined: {why}; it is NaN.",
        UndefinedMetricWarning,
        stacklevel=3,
    )
    return np.nan


def _plain_hsic(a: NDArray, b: NDArray) -> float:
    return float(np.square(a.T @ b).sum())


def _unbiased_hsic(a: NDArray, b: NDArray) -> float:
    """Compute it, times n (n - 3), from kernels whose diagonal is taken for 0.

    Neither kernel is ever written down: K = a a' and L = b b' have n * n numbers.
    """
    n = len(a)
    k, m = np.square(a).sum(axis=1), np.square(b).sum(axis=1)  # the diagonals
    k_sums, m_sums = a @ a.sum(axis=0) - k, b @ b.sum(axis=0) - m
    trace = np.square(a.T @ b).sum() - k @ m
    whole = k_sums.sum() * m_sums.sum() / ((n - 1) * (n - 2))
    return float(trace + whole - 2 * (k_sums @ m_sums) / (n - 2))
