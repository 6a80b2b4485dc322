"""Pictures of attributions: on the image, the words, the sound, the series, in bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skmm._compat import take_rows
from skmm._plot import BLUE, GREY, ORANGE, pyplot
from skmm.inspection._attributions import Attributions
from skmm.inspection._explain import explain

__all__ = ["AttributionDisplay"]

COLOURS = "RdBu_r"  # ColorBrewer: told apart by the colour-blind; red adds
MOST_BARS = 15
MOST_LINES = 40  # of words
SIZE = 11  # points, of words
LINE = 1.9 * SIZE  # and of their lines
WIDTH = 7.0  # inches


class AttributionDisplay:
    """Picture of what one modality of one row adds to a decision.

    Red adds to what is explained, blue takes away from it, and pale does neither: on a
    grey image, behind the words, on a spectrogram, along a series, or in bars, one for
    each column. Made by `from_estimator`, or from `Attributions`.

    Parameters
    ----------
    attributions : Attributions
        What `explain` returned.
    modality : str or None, default=None
        Which modality is drawn; None takes the one with the largest share.
    row : int, default=0
        Position of the row in `attributions`.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        The figure around it.

    See Also
    --------
    explain : Computes attributions, of many rows at once.

    Examples
    --------
    >>> import numpy as np
    >>> from skmm import BaseNNClassifier
    >>> from skmm.inspection import AttributionDisplay
    >>> X = np.random.RandomState(0).normal(size=(60, 2))
    >>> model = BaseNNClassifier(epochs=5, random_state=0).fit(X, X[:, 0] > 0)
    >>> display = AttributionDisplay.from_estimator(model, X)
    >>> display.figure_ is display.ax_.figure
    True
    """

    def __init__(
        self, attributions: Attributions, *, modality: str | None = None, row: int = 0
    ):
        self.attributions = attributions
        self.modality = modality
        self.row = row

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        modality: str | None = None,
        row: int = 0,
        target: Any = None,
        method: str = "integrated_gradients",
        ax: Any = None,
        **options: Any,
    ) -> AttributionDisplay:
        """Explain one row, and draw the result.

        Parameters
        ----------
        estimator : estimator
            As `explain` takes it.
        X : array-like, dataframe or ModalityFrame
            Rows; all but one are left alone.
        modality : str or None, default=None
            Which modality is drawn; None takes the one with the largest share.
        row : int, default=0
            Position of the row in `X`.
        target : label or int, default=None
            The class or output that is explained; None takes the predicted class.
        method : str, default="integrated_gradients"
            As `explain` takes it.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.
        **options : dict
            Further parameters of `explain`.

        Returns
        -------
        display : AttributionDisplay
        """
        one = _one_row(X, row)
        found = explain(estimator, one, target=target, method=method, **options)
        return cls(found, modality=modality).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> AttributionDisplay:
        """Draw it.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : AttributionDisplay
            This one.

        Raises
        ------
        ValueError
            If there is no such modality or row, the row lacks the modality, or the
            words of a text are not known.
        """
        found, name = self.attributions, self._checked()
        spec = found.frame.specs[name]
        label = f"part of the {found.title_of(self.row)}"
        if spec.vocabulary_size:
            words = found.by_word(name, self.row)  # or an error, before a figure
            ax, own = _axes(ax, (WIDTH, 1.0), layout=None)
            _draw_words(ax, words, label, own)
        else:
            flat = spec.kind in ("audio", "timeseries") or len(spec.shape) < 3
            ax, _ = _axes(ax, (WIDTH if flat else 5.5, 4.0), layout="tight")
            self._draw_array(ax, name, label)
        ax.set_title(self._title(name), fontsize=SIZE - 1)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _draw_array(self, ax: Any, name: str, label: str) -> None:
        found, row = self.attributions, self.row
        spec, values = found.frame.specs[name], found.values[name][row]
        array = found.frame[name][row].astype(np.float64)
        if len(spec.shape) == 1:
            columns = found.by_column(name).iloc[row]
            _draw_bars(ax, [str(c) for c in columns.index], columns.to_numpy(), label)
        elif len(spec.shape) == 2:
            _draw_series(ax, array, values, label)
        elif spec.kind == "audio":
            hop = getattr(found.reading.modalities.get(name), "hop_", None)
            _draw_sound(ax, array, values, label, hop)
        else:
            _draw_image(ax, array, values, label)

    def _checked(self) -> str:
        """Settle the modality, and refuse what is not there."""
        found = self.attributions
        n = len(found.frame)
        if not -n <= self.row < n:
            raise ValueError(f"row must be from 0 to {n - 1}, got {self.row}.")
        here = found.frame.present[self.row]
        if self.modality is None:
            sizes = found.shares().iloc[self.row].fillna(0).to_numpy()
            name = found.names[int(np.argmax(np.where(here, sizes, -1)))]
        else:
            name = self.modality
        found._check(name)
        if not here[found.names.index(name)]:
            raise ValueError(
                f"row {self.row} lacks the modality {name!r}: there is nothing to draw."
            )
        return name

    def _title(self, name: str) -> str:
        found, row = self.attributions, self.row
        total = found.totals[name].iloc[row]
        return (
            f"{name}\n{total:+.3g} of the {found.title_of(row)}, "
            f"which is {found.prediction[row]:.3g}"
        )


def _axes(ax: Any, size: tuple[float, float], layout: Any) -> tuple[Any, bool]:
    """Give the axes to draw on, and whether they are in a figure of our own."""
    if ax is not None:
        return ax, False
    return pyplot().subplots(figsize=size, layout=layout)[1], True


def _one_row(X: Any, row: int) -> Any:
    """Take one row of whatever an estimator takes."""
    if isinstance(X, Mapping):
        return {name: np.asarray(array)[[row]] for name, array in X.items()}
    if isinstance(X, (list, tuple)) and X and all(np.ndim(x) > 1 for x in X):
        return [np.asarray(array)[[row]] for array in X]  # Keras' several inputs
    return take_rows(X, [row])


def _scale(values: NDArray) -> Any:
    """Make colours that are pale at 0, and as strong on one side as on the other."""
    plt = pyplot()
    most = float(np.abs(values).max(initial=0)) or 1.0
    return plt.cm.ScalarMappable(plt.Normalize(-most, most), COLOURS)


def _add_bar(scale: Any, label: str, **where: Any) -> None:
    """Say what colours mean: the ends and the middle, which never overlap."""
    most, axes = scale.norm.vmax, where.get("ax") or where["cax"]
    axes.figure.colorbar(
        scale, label=label, ticks=[-most, 0, most], format="%.2g", **where
    )


def _overlay(
    ax: Any, grey: NDArray, values: NDArray, label: str, **options: Any
) -> None:
    """Draw values over a grey picture, the stronger the less of it shines through."""
    scale = _scale(values)
    ax.imshow(np.ma.masked_invalid(grey), cmap="gray", **options)
    colours = scale.to_rgba(values)
    strength = np.abs(values) / scale.norm.vmax
    colours[..., 3] = 0.9 * strength
    ax.imshow(colours, **options)
    ax.set_facecolor("0.85")  # shines through where nothing is
    _add_bar(scale, label, ax=ax)


def _draw_image(ax: Any, array: NDArray, values: NDArray, label: str) -> None:
    """Draw an image, or several side by side."""
    if array.ndim == 4:
        array, values = (np.concatenate(list(a), axis=1) for a in (array, values))
    _overlay(ax, array.mean(axis=-1), values.sum(axis=-1), label)
    ax.set(xlabel="pixel", ylabel="pixel")
    ax.locator_params(integer=True)


def _draw_sound(
    ax: Any, array: NDArray, values: NDArray, label: str, hop: float | None
) -> None:
    """Draw a spectrogram, time to the right and high bands above; columns in turn."""
    array, values = (
        np.concatenate(list(np.moveaxis(a, -1, 0))) for a in (array, values)
    )
    n_steps, n_bands = array.shape
    extent = (0, n_steps * (hop or 1), 0, n_bands)
    _overlay(ax, array.T, values.T, label, origin="lower", aspect="auto", extent=extent)
    ax.set(xlabel="time (s)" if hop else "step", ylabel="mel band")


def _draw_series(ax: Any, array: NDArray, values: NDArray, label: str) -> None:
    """Draw each channel as a line, with points that are coloured step by step."""
    scale, (n_steps, n_channels) = _scale(values), array.shape
    spread = np.nanmax(array, initial=0) - np.nanmin(array, initial=0) or 1.0
    offsets = -1.1 * spread * np.arange(n_channels)
    for line, colours, offset in zip(array.T, values.T, offsets, strict=True):
        ax.plot(line + offset, color=GREY, linewidth=1, zorder=1)
        seen = np.flatnonzero(~np.isnan(line))
        ax.scatter(
            seen,
            line[seen] + offset,
            c=scale.to_rgba(colours[seen]),
            edgecolors="0.4",
            linewidths=0.5,
            s=30,
            zorder=2,
        )
    _add_bar(scale, label, ax=ax)
    ax.set(xlabel="step", xlim=(-0.5, n_steps - 0.5), ylabel="standardised value")
    if n_channels > 1:
        ax.set_yticks(offsets, [str(j) for j in range(n_channels)])
        ax.set_ylabel("channel, standardised")


def _draw_bars(ax: Any, names: Sequence[str], values: NDArray, label: str) -> None:
    """Draw a bar for each column, the largest above; small ones are one bar."""
    order = np.argsort(-np.abs(values), kind="stable")
    shown, rest = order[:MOST_BARS], order[MOST_BARS:]
    labels, sizes = [names[j] for j in shown], values[shown]
    if len(rest):
        labels.append(f"{len(rest)} others together")
        sizes = np.append(sizes, values[rest].sum())
    colours = [ORANGE if size > 0 else BLUE for size in sizes]
    places = np.arange(len(sizes))
    ax.barh(places, sizes, color=colours)
    ax.set_yticks(places, [n if len(n) <= 30 else f"{n[:29]}…" for n in labels])
    ax.set_ylim(len(sizes) - 0.4, -0.6)
    ax.axvline(0, color="black", linewidth=0.8)
    ax.set_xlabel(label)


def _draw_words(
    ax: Any, words: Sequence[tuple[str, float]], label: str, own: bool
) -> None:
    """Lay words out in lines, each before its colour; fit a figure of our `own`."""
    scale, figure = _scale(np.array([value for _, value in words])), ax.figure
    ax.set_axis_off()
    most = MOST_LINES
    if own:
        figure.subplots_adjust(left=0.03, right=0.97)
    else:
        bar = {"orientation": "horizontal", "fraction": 0.06, "pad": 0.04}
        _add_bar(scale, label, ax=ax, **bar)
        most = max(1, int(_points(ax, figure, "height") / LINE))
    width, x, line = _points(ax, figure, "width"), 0.0, 0
    for word, value in words:
        text = _written(ax, word, scale.to_rgba(value))
        needed = _points(text, figure, "width") + 4
        if x and x + needed > width:
            x, line = 0.0, line + 1
        if line == most:  # the rest is left out
            text.remove()
            _written(ax, "…", (1, 1, 1, 1)).set_position((width, 4 - most * LINE))
            break
        text.set_position((x + 2, -line * LINE - 4))
        x += needed + 6
    if own:
        top, below = 0.6, 0.8  # inches: of the title, and of the scale of colours
        height = top + (min(line, most) + 1) * LINE / 72 + below
        figure.set_size_inches(WIDTH, height)
        figure.subplots_adjust(top=1 - top / height, bottom=below / height)
        under = figure.add_axes((0.2, 0.5 / height, 0.6, 0.12 / height))
        _add_bar(scale, label, cax=under, orientation="horizontal")


def _written(ax: Any, word: str, colour: Sequence[float]) -> Any:
    light = np.dot(colour[:3], [0.3, 0.59, 0.11]) > 0.55
    return ax.annotate(
        word.replace("$", r"\$"),  # no formula
        (0, 1),
        (0, 0),
        xycoords="axes fraction",
        textcoords="offset points",
        va="top",
        fontsize=SIZE,
        color="black" if light else "white",
        bbox={"facecolor": colour, "edgecolor": "none", "pad": 2},
    )


def _points(artist: Any, figure: Any, side: str) -> float:
    """Measure an artist in points."""
    return getattr(artist.get_window_extent(), side) * 72 / figure.dpi
