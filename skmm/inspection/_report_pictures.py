"""Plots as pictures that are part of a page."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skmm._calibration import N_BINS
from skmm._plot import BLUE, GREY, ORANGE, pyplot
from skmm.inspection._attribution_display import AttributionDisplay
from skmm.inspection._attributions import Attributions
from skmm.inspection._gate_display import FusionGateDisplay
from skmm.inspection._history_display import TrainingHistoryDisplay
from skmm.inspection._html import Html, clean, picture, tag

__all__ = ["attributed", "drawn", "gates", "history", "reliability", "residuals"]

FINE, USUAL = 144, 96  # points of a picture, and of a page, to an inch
# Nobody's style, and text as it is written.
LOOKS = {"text.parse_math": False, "text.usetex": False, "font.size": 9.5}


def drawn(
    draw: Callable[[Any], Any], size: tuple[float, float], alt: str, caption: str = ""
) -> Html:
    """Draw a plot, off the screen.

    Parameters
    ----------
    draw : callable
        Draws on the axes that it is given.
    size : tuple of float
        Width and height in inches.
    alt : str
        What is to be seen.
    caption : str, default=""
        What stands below.

    Returns
    -------
    markup : Html
        A figure.
    """
    plt, file = pyplot(), io.BytesIO()
    with plt.style.context(["default", LOOKS]), warnings.catch_warnings():
        # A sign that the font does not have is drawn as a box.
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)
        figure = plt.Figure(figsize=size, layout="constrained")
        draw(figure.subplots())
        _mend(figure)
        # Without the version of matplotlib, the same picture is the same bytes.
        figure.savefig(file, format="png", dpi=FINE, metadata={"Software": None})
    image = picture(file.getvalue(), alt, round(size[0] * USUAL))
    below = [tag("figcaption", caption)] if caption else []
    return tag("figure", image, *below)


def _mend(figure: Any) -> None:
    """Clean what displays have written, which may hold what no font can draw."""
    for artist in figure.findobj(lambda a: hasattr(a, "set_text")):
        if hasattr(artist, "get_text") and isinstance(artist.get_text(), str):
            artist.set_text(clean(artist.get_text()))


def history(model: Any) -> Html:
    """Draw how the loss fell.

    Parameters
    ----------
    model : estimator of skmm
        Fitted.

    Returns
    -------
    markup : Html
    """
    return drawn(
        lambda ax: TrainingHistoryDisplay.from_estimator(model, ax=ax),
        (6.4, 3.2),
        "Curves of the loss over the epochs",
    )


def gates(weights: pd.DataFrame) -> Html:
    """Draw what a gate lets through.

    Parameters
    ----------
    weights : DataFrame of shape (n_samples, n_modalities)
        As `gate_weights` returns it.

    Returns
    -------
    markup : Html
    """
    named = weights.set_axis([clean(name) for name in weights], axis=1)
    return drawn(
        lambda ax: FusionGateDisplay(named).plot(ax=ax),
        (6.4, 1.4 + 0.55 * len(named.columns)),
        "Boxes of the weights that the gate gives each modality",
    )


def reliability(sure: NDArray, hit: NDArray) -> Html:
    """Draw how often a classifier is right, over how sure it is.

    Parameters
    ----------
    sure : ndarray of shape (n_samples,)
        Probabilities of what is predicted.
    hit : ndarray of bool, shape (n_samples,)
        Whether it is right.

    Returns
    -------
    markup : Html
    """
    bins = np.minimum((sure * N_BINS).astype(int), N_BINS - 1)
    counts = np.bincount(bins, minlength=N_BINS)
    used = counts > 0
    right = np.bincount(bins, hit, N_BINS)[used] / counts[used]
    mean = np.bincount(bins, sure, N_BINS)[used] / counts[used]

    def draw(ax: Any) -> None:
        ax.plot([0, 1], [0, 1], ":", color=GREY, label="as sure as right")
        ax.vlines(mean, mean, right, color=ORANGE, lw=1, label="gap")
        ax.plot(mean, right, color=BLUE, lw=1)
        sizes = 15 + 150 * np.sqrt(counts[used] / counts.max())
        ax.scatter(mean, right, s=sizes, color=BLUE, label="rows, by their number")
        ax.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.05))
        ax.set(xlabel="mean probability of the predicted class", ylabel="accuracy")
        legend = ax.legend()
        legend.legend_handles[-1].set_sizes([40])

    return drawn(
        draw,
        (5.2, 4),
        "Accuracy over the probability of what is predicted",
        f"Rows in {N_BINS} bins of equal width. Points below the line: the model is "
        "surer than it is right.",
    )


def residuals(truth: NDArray, predicted: NDArray) -> Html:
    """Draw what is predicted over what is true.

    Parameters
    ----------
    truth, predicted : ndarray of shape (n_samples,)
        Numbers.

    Returns
    -------
    markup : Html
    """
    ends = [min(truth.min(), predicted.min()), max(truth.max(), predicted.max())]

    def draw(ax: Any) -> None:
        ax.plot(ends, ends, ":", color=GREY, label="no error")
        ax.scatter(truth, predicted, s=16, color=BLUE, alpha=0.6, linewidths=0)
        ax.set(xlabel="true value", ylabel="predicted value")
        ax.legend()

    return drawn(draw, (5.2, 4), "Predicted values over true values")


def attributed(found: Attributions, name: str, row: int) -> Html:
    """Draw what an image, a sound or a series of a row adds to the decision.

    Parameters
    ----------
    found : Attributions
        As `explain` returns them.
    name : str
        Name of the modality.
    row : int
        Position of the row.

    Returns
    -------
    markup : Html
    """
    display = AttributionDisplay(found, modality=name, row=row)
    square = len(found.frame.specs[name].shape) > 2

    def draw(ax: Any) -> None:
        display.plot(ax=ax)
        ax.set_title("")  # the page says it
        for bar in ax.figure.axes[1:]:
            bar.set_ylabel("part of the decision")

    size = (4.4, 3.2) if square else (5.2, 2.8)
    return drawn(draw, size, f"{name}: red parts speak for the decision, blue against")
