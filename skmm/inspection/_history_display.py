"""How the loss fell while an estimator was trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from skmm._plot import BLUE, GREY, ORANGE, pyplot
from skmm.inspection._models import unwrap

__all__ = ["TrainingHistoryDisplay"]

COUNTABLE = 30  # epochs that are marked one by one
CURVES = (("loss", "training", BLUE, "-"), ("val_loss", "validation", ORANGE, "--"))
DIM = "0.35"  # grey that letters are legible in


class TrainingHistoryDisplay:
    """Curves of the loss over the epochs of a fit.

    Made by `from_estimator`, or from any history with a ``"loss"``. The lowest
    validation loss is marked, and the learning rate drawn on an axis of its own where
    it changes. Of several networks the curves are means over those that were still in
    training, each of which keeps the weights of its own best epoch.

    Parameters
    ----------
    history : mapping of str to sequence of float
        ``"loss"`` of each epoch, and ``"val_loss"`` and ``"learning_rate"`` where there
        are such.
    title : str, default="Training history"
        Title of the plot.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where the losses were drawn.
    figure_ : matplotlib Figure
        The figure around it.
    lines_ : dict of str to matplotlib Line2D
        The curves, by their names in `history`.
    best_epoch_ : int or None
        Epoch of the lowest validation loss, from 1; None without one.

    Raises
    ------
    ValueError
        If there is no loss, or the lengths differ.

    See Also
    --------
    sklearn.model_selection.LearningCurveDisplay : Scores over numbers of rows.

    Examples
    --------
    >>> from skmm.inspection import TrainingHistoryDisplay
    >>> history = {"loss": [0.9, 0.5, 0.3], "val_loss": [0.8, 0.6, 0.7]}
    >>> TrainingHistoryDisplay(history).plot().best_epoch_
    2
    """

    def __init__(
        self, history: Mapping[str, Sequence[float]], *, title: str = "Training history"
    ):
        self.history = history
        self.title = title

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, ax: Any = None
    ) -> TrainingHistoryDisplay:
        """Draw the history of a fitted estimator.

        Parameters
        ----------
        estimator : estimator of skmm
            Fitted; may be in a pipeline or a search.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : TrainingHistoryDisplay

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        ValueError
            If it has no ``history_``.
        """
        _, model = unwrap(estimator)
        if not hasattr(model, "history_"):
            raise ValueError(
                "estimator must be one of skmm, which has a history_ of its training; "
                f"got {type(model).__name__}."
            )
        n_networks = len(getattr(model, "_weights", ()))
        several = f", mean of {n_networks} networks" if n_networks > 1 else ""
        title = f"Training history of {type(model).__name__}{several}"
        return cls(model.history_, title=title).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> TrainingHistoryDisplay:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : TrainingHistoryDisplay
            This one.
        """
        history = self._checked()
        plt = pyplot()
        if ax is None:
            _, ax = plt.subplots(figsize=(6.4, 4), layout="tight")
        epochs = np.arange(1, len(history["loss"]) + 1)
        marker = "." if len(epochs) <= COUNTABLE else None
        self.lines_: dict[str, Any] = {}
        for key, label, color, style in CURVES:
            if key in history:
                (self.lines_[key],) = ax.plot(
                    epochs, history[key], style, color=color, marker=marker, label=label
                )
        self.best_epoch_ = self._mark_best(ax, history.get("val_loss", ()))
        ax.set(xlabel="epoch", ylabel="loss per row", title=self.title)
        ax.set_xlim(0.5, len(epochs) + 0.5)
        ax.xaxis.set_major_locator(plt.MaxNLocator(integer=True, min_n_ticks=1))
        ax.legend()
        rate = history.get("learning_rate", ())
        if len(set(rate)) > 1:
            self.lines_["learning_rate"] = _draw_rate(ax, epochs, rate)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _checked(self) -> dict[str, list[float]]:
        """Take what is drawn, as long as there is a loss."""
        known = ("loss", "val_loss", "learning_rate")
        history = {k: list(self.history[k]) for k in known if k in self.history}
        lengths = {k: len(values) for k, values in history.items()}
        if not history.get("loss") or len(set(lengths.values())) > 1:
            raise ValueError(
                "history must have the 'loss' of one epoch or more, and as many values "
                f"of everything else that is drawn; got the lengths {lengths}."
            )
        return history

    def _mark_best(self, ax: Any, losses: Sequence[float]) -> int | None:
        """Mark the lowest validation loss, and tell its epoch."""
        if not np.isfinite(losses).any():
            return None
        best = int(np.nanargmin(losses))
        label = f"lowest: {losses[best]:.3g} in epoch {best + 1}"
        ax.plot(
            best + 1, losses[best], "o", color=ORANGE, ms=9, mfc="none", label=label
        )
        return best + 1


def _draw_rate(ax: Any, epochs: Any, rate: Sequence[float]) -> Any:
    """Draw the learning rate behind the losses, on an axis to the right."""
    right = ax.twinx()
    (line,) = right.plot(epochs, rate, ":", color=GREY)
    right.set_ylabel("learning rate (dotted)", color=DIM)
    right.tick_params(axis="y", colors=DIM)
    right.set_ylim(bottom=0)
    ax.set_zorder(right.get_zorder() + 1)
    ax.patch.set_visible(False)  # would hide what is behind it
    return line
