"""What every plot needs: matplotlib, when one is drawn, and colours for all eyes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["BLUE", "GREY", "ORANGE", "SERIES", "pyplot", "write_values"]

# Okabe and Ito (2008), "Color Universal Design": told apart by the colour-blind.
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#8C8C8C"
SERIES = (BLUE, ORANGE, "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")


def pyplot() -> Any:
    """Import matplotlib.pyplot, or say how to install it.

    Returns
    -------
    plt : module

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError("plots need matplotlib: pip install 'skmm[plot]'.") from error
    return plt


def write_values(image: Any, values: NDArray) -> None:
    """Write values into the cells of a heat map, in black or white.

    Parameters
    ----------
    image : matplotlib AxesImage
        The cells, dark where values are small.
    values : ndarray of shape (n_rows, n_columns)
        NaN is written as n/a.
    """
    for (i, j), value in np.ndenumerate(values):
        light = np.isnan(value) or image.norm(value) > 0.5
        text = "n/a" if np.isnan(value) else f"{value:.2f}"
        color = "black" if light else "white"
        image.axes.text(j, i, text, ha="center", va="center", color=color, fontsize=8)
