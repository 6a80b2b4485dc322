"""Bars of what modalities are worth, for a score or for one row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skmm._compat import take_rows
from skmm._plot import BLUE, GREY, ORANGE, pyplot
from skmm.inspection._contributions import modality_contributions
from skmm.inspection._importance import WIDTH, modality_importance
from skmm.inspection._models import score_name

__all__ = ["ModalityImportanceDisplay"]


class ModalityImportanceDisplay:
    """Bars of importances with error bars, or a waterfall of one row's contributions.

    Made by `from_estimator` or `from_row`, or from what `modality_importance` and
    `modality_contributions` return.

    Parameters
    ----------
    names : sequence of str
        Names of the modalities.
    values : ndarray of shape (n_modalities,)
        What each is worth.
    errors : ndarray of shape (n_modalities,) or None, default=None
        Half the width of the error bars.
    base : float or None, default=None
        Where a waterfall starts; None draws bars from 0, the largest first.
    label : str, default="importance"
        What the values are, with their unit.
    title : str, default=""
        Title of the plot.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        The figure around it.
    bars_ : matplotlib BarContainer
        The bars, from the top.

    See Also
    --------
    modality_importance : Computes the bars.
    modality_contributions : Computes the waterfall.

    Examples
    --------
    >>> from skmm.inspection import ModalityImportanceDisplay
    >>> display = ModalityImportanceDisplay(["note", "photo"], [0.2, 0.1]).plot()
    >>> display.figure_ is display.ax_.figure
    True
    """

    def __init__(
        self,
        names: Sequence[str],
        values: NDArray,
        *,
        errors: NDArray | None = None,
        base: float | None = None,
        label: str = "importance",
        title: str = "",
    ):
        self.names = names
        self.values = values
        self.errors = errors
        self.base = base
        self.label = label
        self.title = title

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: ArrayLike,
        *,
        method: str = "shapley",
        scoring: Any = None,
        n_repeats: int = 10,
        sample_weight: ArrayLike | None = None,
        modalities: Any = None,
        random_state: Any = None,
        ax: Any = None,
    ) -> ModalityImportanceDisplay:
        """Compute importances, and draw them with intervals of 95 %.

        Parameters
        ----------
        estimator : estimator
            Fitted.
        X : dataframe, array or ModalityFrame of n_samples rows
            Rows that it was not trained on.
        y : array-like of shape (n_samples,)
            Their target.
        method : {"permutation", "ablation", "shapley"}, default="shapley"
            As `modality_importance` takes it.
        scoring : str, callable or None, default=None
            As `modality_importance` takes it.
        n_repeats : int, default=10
            Number of draws of rows.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Weights of the rows.
        modalities : mapping, list of triples or None, default=None
            As `modality_importance` takes it.
        random_state : int, RandomState or None, default=None
            Seed of the draws.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : ModalityImportanceDisplay
        """
        result = modality_importance(
            estimator,
            X,
            y,
            method=method,
            scoring=scoring,
            n_repeats=n_repeats,
            sample_weight=sample_weight,
            modalities=modalities,
            random_state=random_state,
        )
        score = score_name(estimator, scoring)
        what = "share of" if method == "shapley" else "loss of"
        without = f"modalities {result.removal}"
        return cls(
            result.names,
            result.importances_mean,
            errors=WIDTH * result.importances_std,
            label=f"{what} {score} ({without})",
            title=f"{score} {result.score:.3f}: what modalities are worth",
        ).plot(ax=ax)

    @classmethod
    def from_row(
        cls,
        estimator: Any,
        X: Any,
        row: int = 0,
        *,
        target: Any = None,
        n_repeats: int = 10,
        modalities: Any = None,
        random_state: Any = None,
        ax: Any = None,
    ) -> ModalityImportanceDisplay:
        """Compute what each modality contributes to one row's answer, and draw it.

        Parameters
        ----------
        estimator : estimator
            Fitted.
        X : dataframe, array or ModalityFrame of n_samples rows
            The row, and others that modalities are shuffled with where they cannot be
            absent.
        row : int, default=0
            Number of the row.
        target : label or None, default=None
            Class to explain; None is the predicted one.
        n_repeats : int, default=10
            As `modality_contributions` takes it.
        modalities : mapping, list of triples or None, default=None
            As `modality_importance` takes it.
        random_state : int, RandomState or None, default=None
            Seed of the draws.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : ModalityImportanceDisplay
        """
        result = modality_contributions(
            estimator,
            X,
            target=target,
            n_repeats=n_repeats,
            modalities=modalities,
            random_state=random_state,
        )
        label = "prediction"
        if result.target is not None:
            label = f"probability of {take_rows(result.target, [row])[0]}"
        return cls(
            result.names,
            result.contributions[row],
            base=float(result.base[row]),
            label=label,
            title=f"row {row}: {label} {result.prediction[row]:.3g}",
        ).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> ModalityImportanceDisplay:
        """Draw it.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : ModalityImportanceDisplay
            This one.
        """
        if ax is None:
            size = (6.4, 1.4 + 0.45 * (len(self.names) + (self.base is not None)))
            _, ax = pyplot().subplots(figsize=size, layout="constrained")
        values = np.asarray(self.values, dtype=float)
        order = np.argsort(-np.abs(values), kind="stable")
        if self.base is None:
            order = np.argsort(-values, kind="stable")
            self._bars(ax, values, order)
        else:
            self._waterfall(ax, values, order)
        ax.invert_yaxis()
        ax.set_xlabel(self.label)
        ax.set_title(self.title, fontsize="medium")
        ax.spines[["top", "right"]].set_visible(False)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _bars(self, ax: Any, values: NDArray, order: NDArray) -> None:
        errors = None if self.errors is None else np.asarray(self.errors)[order]
        self.bars_ = ax.barh(
            range(len(values)),
            values[order],
            xerr=errors,
            color=BLUE,
            height=0.65,
            error_kw={"ecolor": "black", "capsize": 3},
        )
        ax.set_yticks(range(len(values)), [self.names[m] for m in order])
        ax.axvline(0, color="black", linewidth=0.8)

    def _waterfall(self, ax: Any, values: NDArray, order: NDArray) -> None:
        """Go from what is said of nothing to what is said of the row."""
        start = float(self.base)  # type: ignore[arg-type]
        ends = start + np.cumsum(values[order])
        starts = np.concatenate([[start], ends[:-1]])
        colors = [ORANGE if value >= 0 else BLUE for value in values[order]]
        self.bars_ = ax.barh(
            range(1, len(values) + 1),
            values[order],
            left=starts,
            color=colors,
            height=0.65,
        )
        ax.bar_label(
            self.bars_, [f"{v:+.3g}" for v in values[order]], padding=3, fontsize=9
        )
        for place, x in enumerate(starts):
            ax.plot([x, x], [place, place + 1], color=GREY, linewidth=0.8)
        last = len(values) + 1
        ax.plot([ends[-1]] * 2, [last - 1, last], color=GREY, linewidth=0.8)
        ax.scatter([start, ends[-1]], [0, last], marker="D", color="black", zorder=3)
        for x, place in ((start, 0), (ends[-1], last)):
            ax.annotate(
                f"{x:.3g}", (x, place), (7, 0), textcoords="offset points", va="center"
            )
        shown = ["nothing", *(self.names[m] for m in order), "all"]
        ax.set_yticks(range(len(shown)), shown)
        ax.use_sticky_edges = False
        ax.margins(x=0.2)
