"""A heat map of how alike models are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skmm._plot import pyplot, write_values
from skmm.diversity._pairwise import pairwise_similarity

__all__ = ["SimilarityDisplay"]

SPELT = {"capa": "CAPA", "kappa": "Cohen's kappa", "q_statistic": "Q statistic"}
LEGIBLE = 12  # models whose values are written into their cells


class SimilarityDisplay:
    """Heat map of the similarity of every two models.

    Made by `from_predictions`, or from the attributes of a `HomogenizationReport`.

    Parameters
    ----------
    similarity : ndarray of shape (n_models, n_models)
        Values; NaN where they are not defined.
    names : sequence of str
        Names of the models.
    label : str, default="similarity"
        What the values are.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        The figure around it.
    im_ : matplotlib AxesImage
        The cells.

    See Also
    --------
    pairwise_similarity : Computes the values.

    Examples
    --------
    >>> from skmm.diversity import SimilarityDisplay
    >>> y = [0, 0, 1, 1]
    >>> models = {"a": [0, 0, 1, 0], "b": [0, 0, 0, 1]}
    >>> display = SimilarityDisplay.from_predictions(models, y, metric="double_fault")
    >>> display.figure_ is display.ax_.figure
    True
    """

    def __init__(
        self, similarity: NDArray, names: Sequence[str], *, label: str = "similarity"
    ):
        self.similarity = similarity
        self.names = names
        self.label = label

    @classmethod
    def from_predictions(
        cls,
        predictions: Any,
        y: ArrayLike | None = None,
        *,
        metric: str = "capa",
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        ax: Any = None,
    ) -> SimilarityDisplay:
        """Compare predictions, and draw the result.

        Parameters
        ----------
        predictions : sequence or mapping of array-like
            As `pairwise_similarity` takes them; the keys of a mapping are the names.
        y : array-like of shape (n_samples,) or None, default=None
            True labels.
        metric : str, default="capa"
            As `pairwise_similarity` takes it.
        classes : array-like of shape (n_classes,) or None, default=None
            Label of each column of probabilities.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Weights of the rows.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : SimilarityDisplay
        """
        named = isinstance(predictions, Mapping)
        names = predictions if named else range(1, len(predictions) + 1)
        similarity = pairwise_similarity(
            predictions, y, metric=metric, classes=classes, sample_weight=sample_weight
        )
        shown = [str(name) for name in names]
        return cls(similarity, shown, label=spelt(metric)).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> SimilarityDisplay:
        """Draw the heat map.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : SimilarityDisplay
            This one.
        """
        plt, n = pyplot(), len(self.names)
        if ax is None:
            size = 0.6 * n + 0.08 * max(map(len, self.names)) + 1
            _, ax = plt.subplots(figsize=(size + 0.8, size), layout="tight")
        shown = np.ma.masked_invalid(self.similarity)
        self.im_ = ax.imshow(shown, cmap="cividis")
        ax.set_facecolor("0.85")  # shines through where there is no value
        ax.figure.colorbar(self.im_, ax=ax, label=self.label)
        ax.set_xticks(range(n), self.names, rotation=45, ha="right")
        ax.set_yticks(range(n), self.names)
        if n <= LEGIBLE:
            write_values(self.im_, np.asarray(self.similarity))
        self.ax_, self.figure_ = ax, ax.figure
        return self


def spelt(metric: str) -> str:
    """Write the name of a metric as people do."""
    return SPELT.get(metric, metric.replace("_", " "))
