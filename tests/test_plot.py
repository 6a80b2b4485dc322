"""What plots share."""

import builtins
from unittest.mock import patch

import matplotlib.pyplot as plt
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
