"""What every plot needs: matplotlib, when one is drawn, and colours for all eyes."""

from __future__ import annotations

from typing import Any

__all__ = ["BLUE", "GREY", "ORANGE", "SERIES", "pyplot"]

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
