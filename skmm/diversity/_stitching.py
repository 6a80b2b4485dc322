"""Whether one network can go on from where another one stands."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import is_regressor
from sklearn.linear_model import Ridge
from sklearn.metrics import accuracy_score, r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

__all__ = ["stitching_penalty"]


def stitching_penalty(
    giver: Any, taker: Any, X_fit: Any, X: Any, y: ArrayLike, *, alpha: float = 1.0
) -> float:
    """Tell how much worse a network decides from another one's embedding.

    ``score(taker) - score(taker's head on S(giver's embedding))``, where S is the
    affine map, by ridge regression, from the giver's embedding of `X_fit` to the
    taker's: model stitching before the head.

    Parameters
    ----------
    giver : estimator
        Fitted, with `transform`; of skmm or not.
    taker : estimator of skmm
        Fitted, one network with a linear head that decides alone: of
        `MultimodalClassifier` and the like with ``ensemble_size=1, guard=False``.
    X_fit : array-like or dataframe
        Rows that the map is learned from; those both were trained on will do.
    X : array-like or dataframe
        Other rows, to score on.
    y : array-like of shape (n_samples,)
        Their target.
    alpha : float, default=1.0
        Strength of the ridge penalty, 0 or above, on standardised embeddings.

    Returns
    -------
    penalty : float
        Accuracy (R2 for numbers) that is lost. About 0 where both see the same; with
        some luck below it.

    Raises
    ------
    ValueError
        If the taker has no such head.

    See Also
    --------
    representation_similarity : Compares embeddings without any decision.

    References
    ----------
    Bansal, Nakkiran and Barak (2021), "Revisiting Model Stitching to Compare Neural
    Representations", NeurIPS, arXiv:2106.07682.
    """
    check_is_fitted(giver)
    kernel, bias = _head(taker)
    bridge = make_pipeline(StandardScaler(), Ridge(alpha=alpha))
    bridge.fit(giver.transform(X_fit), taker.transform(X_fit))
    logits = bridge.predict(giver.transform(X)) @ kernel + bias
    predicted = taker._target.decode(logits)
    metric = r2_score if is_regressor(taker) else accuracy_score
    return float(metric(y, taker.predict(X)) - metric(y, predicted))


def _head(taker: Any) -> tuple[np.ndarray, np.ndarray]:
    """Take the head's weights out of a network that decides alone."""
    check_is_fitted(taker)
    name = type(taker).__name__
    n_networks = len(getattr(taker, "_weights", []))
    if n_networks != 1 or taker._shares[0] < 1:
        raise ValueError(
            f"taker must be an estimator of skmm with one network that decides alone, "
            f"got {name} with {n_networks} networks: set ensemble_size=1, guard=False."
        )
    network = taker.network_
    weights = [
        layer.get_weights() for layer in network.layers if layer.name == "logits"
    ]
    width = network.output["embedding"].shape[-1]
    if not weights or weights[0][0].shape[0] != width:
        raise ValueError(
            f"taker, a {name}, has no linear head behind its embedding: fusions that "
            "decide by themselves and networks of one's own have none."
        )
    return weights[0][0], weights[0][1]
