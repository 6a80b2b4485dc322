"""The heat map shows the values, and says where there are none."""

import builtins
from unittest.mock import patch

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.exceptions import UndefinedMetricWarning

from skmm.diversity import SimilarityDisplay

Y = [0, 0, 1, 1]
MODELS = {"tree": [0, 0, 1, 0], "forest": [0, 1, 0, 1], "oracle": Y}


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def test_cells_have_the_values_and_names():
    display = SimilarityDisplay.from_predictions(MODELS, Y, metric="double_fault")
    expected = [[0.25, 0, 0], [0, 0.5, 0], [0, 0, 0]]
    np.testing.assert_array_equal(display.im_.get_array(), expected)
    ticks = [t.get_text() for t in display.ax_.get_yticklabels()]
    assert ticks == list(MODELS)
    written = [t.get_text() for t in display.ax_.texts]
    assert written[:3] == ["0.25", "0.00", "0.00"]
    assert display.figure_.axes[1].get_ylabel() == "double fault"


def test_undefined_values_are_written_as_such():
    with pytest.warns(UndefinedMetricWarning):
        display = SimilarityDisplay.from_predictions(
            MODELS, Y, metric="error_correlation"
        )
    assert [t.get_text() for t in display.ax_.texts][2] == "n/a"
    assert display.im_.get_array().mask[0, 2]


def test_it_draws_where_it_is_asked_to():
    _, ax = plt.subplots()
    display = SimilarityDisplay.from_predictions(
        list(MODELS.values()), Y, metric="disagreement", ax=ax
    )
    assert display.ax_ is ax and display.figure_ is ax.figure
    assert [t.get_text() for t in ax.get_xticklabels()] == ["1", "2", "3"]


def test_names_fit_into_the_figure():
    names = {f"a model with a long name, {i}": m for i, m in enumerate(MODELS.values())}
    display = SimilarityDisplay.from_predictions(names, Y, metric="disagreement")
    display.figure_.canvas.draw()
    whole = display.figure_.bbox
    for label in [*display.ax_.get_xticklabels(), *display.ax_.get_yticklabels()]:
        box = label.get_window_extent()
        assert box.x0 >= whole.x0 and box.y0 >= whole.y0


def test_many_models_are_colours_alone():
    display = SimilarityDisplay(np.eye(20), [str(i) for i in range(20)]).plot()
    assert len(display.ax_.texts) == 0


def test_without_matplotlib_it_says_what_to_install():
    real = builtins.__import__

    def missing(name, *args, **kwargs):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    with (
        patch("builtins.__import__", missing),
        pytest.raises(ImportError, match="plot"),
    ):
        SimilarityDisplay(np.eye(2), ["a", "b"]).plot()
