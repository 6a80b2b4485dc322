"""How much a gated fusion lets through of each modality."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax
from sklearn.utils.validation import check_consistent_length, column_or_1d

from skmm import training
from skmm._many_modalities import ManyModalities
from skmm._plot import GREY, SERIES, pyplot, write_values
from skmm.fusion.gated import GatedFusion
from skmm.fusion.late import LateFusion
from skmm.inspection._models import unwrap

__all__ = ["FusionGateDisplay", "gate_weights"]

AT_ONCE = 256  # rows
FILL = SERIES[5]  # light enough for a black line inside it
MOST_GROUPS = 30  # that a heat map has room for


def gate_weights(estimator: Any, X: Any) -> pd.DataFrame:
    r"""Tell how much a gated fusion lets through of each modality.

    .. math:: w_m = \frac1K \sum_k \frac1h \sum_j \frac{a_m e^{s_{kmj}}}{\sum_l a_l
        e^{s_{klj}}}

    with the gate's scores :math:`s_k` of network k of K, of shape (M, h), and a of
    shape (M,) saying which of the M modalities the row has. h is the number of units of
    a ``"gated"`` fusion and 1 of a ``"late"`` one.

    Parameters
    ----------
    estimator : MultimodalClassifier or MultimodalRegressor
        Fitted, with the fusion ``"gated"``, as is usual for several modalities, or
        ``"late"``; may be in a pipeline or a search.
    X : array-like, dataframe or ModalityFrame of n_samples rows
        What the estimator predicts from.

    Returns
    -------
    weights : DataFrame of shape (n_samples, n_modalities)
        A column for each modality, by its name. In a row they sum to 1, and are 0 for
        an absent modality; NaN in rows that have none, which no gate is asked about.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.
    ValueError
        If it has no such fusion.

    See Also
    --------
    FusionGateDisplay : Draws them.

    Notes
    -----
    This is routing, not explanation. A wide gate says that a modality gets through, not
    that it decides: what gets through may be the same for all rows. The fused network,
    too, has only a part of the decision where ``decision_weights_`` has the rest. The
    gate of ``"mixture_of_experts"`` weighs experts that read all modalities, and says
    nothing of these.

    References
    ----------
    Arevalo, Solorio, Montes-y-Gómez and González (2017), "Gated Multimodal Units for
    Information Fusion", arXiv:1702.01992, section 4.4.

    Examples
    --------
    >>> from skmm import MultimodalClassifier
    >>> from skmm.datasets import make_multimodal_classification
    >>> from skmm.inspection import gate_weights
    >>> X, y = make_multimodal_classification(
    ...     60, modalities=("tabular", "text"), random_state=0, return_X_y=True)
    >>> model = MultimodalClassifier(epochs=1, ensemble_size=1, random_state=0)
    >>> weights = gate_weights(model.fit(X, y), X)
    >>> list(weights), weights.shape
    (['tabular', 'text'], (60, 2))
    """
    before, model = unwrap(estimator)
    if not isinstance(model, ManyModalities):
        raise ValueError(
            "estimator must be a MultimodalClassifier or a MultimodalRegressor, got "
            f"{type(model).__name__}."
        )
    if not isinstance(model.fusion_, GatedFusion | LateFusion):
        raise ValueError(
            "estimator must have a fusion whose gate weighs the modalities, 'gated' or "
            f"'late'; got a {type(model.fusion_).__name__}."
        )
    arrays = model._read(before(X))
    weights = np.mean(model._run(arrays, _gates), axis=0)
    weights[~(arrays[-1] > 0).any(axis=1)] = np.nan
    return pd.DataFrame(weights, columns=list(model.encoders_))


def _gates(program: training.Program, arrays: Sequence[NDArray]) -> NDArray:
    """Weigh the modalities by one network, (n_samples, n_modalities)."""
    network = program.network
    *_, scores, _ = network.get_layer("fusion_mixture").input
    gate = keras.Model(network.inputs, scores)
    parts = [
        np.asarray(gate([a[i : i + AT_ONCE] for a in arrays], training=False))
        for i in range(0, len(arrays[0]), AT_ONCE)
    ]
    here = arrays[-1][..., np.newaxis] > 0
    here = here | ~here.any(axis=1, keepdims=True)
    s = np.concatenate(parts).astype(np.float64).reshape(*here.shape[:2], -1)
    return softmax(np.where(here, s, -np.inf), axis=1).mean(axis=2)


class FusionGateDisplay:
    """What the gate of a fusion lets through of each modality.

    Without groups a box for each modality, of the rows that have it and another one:
    half of them lie in the box, nine in ten between the whiskers, and the line is the
    median. With groups, such as classes, a heat map of the mean weight of all rows in
    each, 0 where the modality is absent. This is routing, not explanation: see the
    notes of `gate_weights`.

    Parameters
    ----------
    weights : DataFrame of shape (n_samples, n_modalities)
        As `gate_weights` returns them.
    groups : array-like of shape (n_samples,) or None, default=None
        Group of each row.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        The figure around it.
    boxes_ : dict of str to list of artists
        The parts of the boxes, as `matplotlib.axes.Axes.boxplot` returns them; with
        groups there are none.
    im_ : matplotlib AxesImage
        The cells of the heat map; without groups there is none.

    See Also
    --------
    gate_weights : Computes the weights.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmm.inspection import FusionGateDisplay
    >>> weights = pd.DataFrame({"table": [0.2, 0.4, 0.0], "note": [0.8, 0.6, 1.0]})
    >>> display = FusionGateDisplay(weights).plot()
    >>> display.figure_ is display.ax_.figure
    True
    """

    def __init__(self, weights: pd.DataFrame, groups: ArrayLike | None = None):
        self.weights = weights
        self.groups = groups

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, y: ArrayLike | None = None, *, ax: Any = None
    ) -> FusionGateDisplay:
        """Compute what the gate lets through, and draw it.

        Parameters
        ----------
        estimator : MultimodalClassifier or MultimodalRegressor
            As `gate_weights` takes it.
        X : array-like, dataframe or ModalityFrame of n_samples rows
            What the estimator predicts from.
        y : array-like of shape (n_samples,) or None, default=None
            Class of each row, or another group, for a heat map; of 30 at most.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : FusionGateDisplay

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        ValueError
            If it has no gate, or `y` not as many rows as X or too many groups.
        """
        if y is not None:
            check_consistent_length(X, y)
            _check_groups(y)
        return cls(gate_weights(estimator, X), y).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> FusionGateDisplay:
        """Draw boxes, or a heat map.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : FusionGateDisplay
            This one.

        Raises
        ------
        ValueError
            If there are too many groups, or not one for each row.
        """
        plt = pyplot()
        if self.groups is None:
            ax = self._draw_boxes(plt, ax)
        else:
            check_consistent_length(self.weights, self.groups)
            ax = self._draw_cells(plt, ax, _check_groups(self.groups))
        ax.set_title("What the gate lets through")
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _draw_boxes(self, plt: Any, ax: Any) -> Any:
        names, n = list(self.weights), len(self.weights)
        if ax is None:
            _, ax = plt.subplots(figsize=(6.4, 1.2 + 0.6 * len(names)), layout="tight")
        # A modality that stands alone has the weight 1, whatever the gate says.
        chosen = self.weights[(self.weights > 0).sum(axis=1) > 1]
        heard = [column[column > 0] for _, column in chosen.items()]
        self.boxes_ = ax.boxplot(
            heard,
            orientation="horizontal",
            whis=(5, 95),  # codespell:ignore whis
            showfliers=False,
            widths=0.5,
            patch_artist=True,
            boxprops={"facecolor": FILL},
            medianprops={"color": "black", "linewidth": 1.5},
        )
        pairs = zip(names, heard, strict=True)
        labels = [f"{name}\n{len(w)} of {n} rows" for name, w in pairs]
        ax.set_yticks(range(1, len(names) + 1), labels)
        ax.invert_yaxis()  # the first modality on top
        ax.axvline(1 / len(names), color=GREY, ls=":", zorder=0)
        ax.set_xlim(-0.02, 1.02)
        ax.set_xlabel("weight beside other modalities (dotted: all alike)")
        return ax

    def _draw_cells(self, plt: Any, ax: Any, groups: NDArray) -> Any:
        names = list(self.weights)
        means = self.weights.groupby(groups).mean()
        if ax is None:
            size = (3 + 0.8 * len(names), 2 + 0.4 * len(means))
            _, ax = plt.subplots(figsize=size, layout="tight")
        self.im_ = ax.imshow(means, cmap="cividis", vmin=0, aspect="auto")
        ax.set_facecolor("0.85")  # shines through where there is no value
        ax.figure.colorbar(self.im_, ax=ax, label="mean weight")
        ax.set_xticks(range(len(names)), names, rotation=45, ha="right")
        ax.set_yticks(range(len(means)), [str(group) for group in means.index])
        ax.set_ylabel("class")
        write_values(self.im_, means.to_numpy())
        return ax


def _check_groups(y: ArrayLike) -> NDArray:
    """Refuse more groups than can be drawn."""
    groups = column_or_1d(y)
    n_groups = len(pd.unique(groups))
    if n_groups > MOST_GROUPS:
        raise ValueError(
            f"y has {n_groups} different values, which are drawn as groups: give "
            f"{MOST_GROUPS} at most, or none."
        )
    return groups
