"""What plots share."""

import builtins
from unittest.mock import patch

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import is_color_like, to_rgb

from skmm import _plot


def test_matplotlib_is_imported_when_a_plot_is_drawn():
    assert _plot.pyplot() is plt


def test_without_matplotlib_it_says_what_to_install():
    real = builtins.__import__

    def none(name, *args, **kwargs):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    with (
        patch.object(builtins, "__import__", none),
        pytest.raises(ImportError, match=r"skmm\[plot\]"),
    ):
        _plot.pyplot()


def test_colours_differ_in_lightness_or_hue():
    assert all(map(is_color_like, (*_plot.SERIES, _plot.GREY)))
    assert len({to_rgb(c) for c in _plot.SERIES}) == len(_plot.SERIES)


def test_cells_are_written_where_they_can_be_read():
    _, ax = plt.subplots()
    values = np.array([[0.0, 1.0], [0.25, np.nan]])
    _plot.write_values(ax.imshow(values, cmap="cividis"), values)
    written = {t.get_position(): (t.get_text(), t.get_color()) for t in ax.texts}
    plt.close("all")
    assert written == {
        (0, 0): ("0.00", "white"),
        (1, 0): ("1.00", "black"),
        (0, 1): ("0.25", "white"),
        (1, 1): ("n/a", "black"),
    }
