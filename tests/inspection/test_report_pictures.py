"""Plots become pictures in the page, whatever their labels are."""

import base64
import io
import re

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from skmm import BaseNNClassifier
from skmm.inspection._explain import explain
from skmm.inspection._report_pictures import (
    attributed,
    drawn,
    gates,
    history,
    reliability,
    residuals,
)

RNG = np.random.default_rng(0)


def _image(markup):
    (data,) = re.findall('src="data:image/png;base64,([^"]+)"', markup)
    return Image.open(io.BytesIO(base64.b64decode(data)))


def _caught(draw):
    """The axes that are drawn on."""
    axes = []
    drawn(lambda ax: (axes.append(ax), draw(ax)), (3, 2), "")
    return axes[0]


def test_a_picture_has_the_size_that_was_asked_for():
    made = drawn(lambda ax: ax.plot([0, 1]), (3, 2), 'a "b"', "<below>")
    assert _image(made).size == (432, 288) and 'width="288"' in made
    assert 'alt="a &quot;b&quot;"' in made
    assert made.endswith("<figcaption>&lt;below&gt;</figcaption></figure>")


def test_the_same_picture_is_the_same_bytes_and_says_no_version():
    first, second = (drawn(lambda ax: ax.plot([0, 1]), (3, 2), "") for _ in range(2))
    assert first == second and _image(first).info.keys() <= {"dpi"}


def test_nobodys_figures_and_settings_are_touched():
    mine = plt.figure()
    with plt.rc_context({"figure.facecolor": "red", "font.size": 17}):
        before = dict(mpl.rcParams)
        made = drawn(lambda ax: ax.plot([0, 1]), (3, 2), "")
        assert dict(mpl.rcParams) == before
    assert plt.get_fignums() == [mine.number] and plt.gcf() is mine
    assert _image(made).convert("RGB").getpixel((0, 0)) == (255, 255, 255)
    plt.close("all")


@pytest.mark.parametrize("label", ["$x^", "$\\frac$", "\ud800", "a\x00b", "漢字", "😀"])
def test_any_label_is_drawn_as_it_is_written(label):
    def draw(ax):
        ax.set(title=label, xlabel=label)
        ax.plot([0, 1], label=label)
        ax.legend()

    assert not _caught(draw).title.get_parse_math()


@pytest.mark.parametrize("name", ["$x^", "a\x00", "<b>"])
def test_gates_of_modalities_with_any_name_are_drawn(name):
    weights = pd.DataFrame({name: [0.2, 0.4, 0.0], "note": [0.8, 0.6, 1.0]})
    assert _image(gates(weights)).size == (921, 360)


def test_points_of_reliability_are_means_of_bins(monkeypatch):
    sure = np.array([0.51, 0.53, 0.95, 0.97, 1.0])
    hit = np.array([True, False, True, True, False])
    seen = []
    monkeypatch.setattr(
        "skmm.inspection._report_pictures.drawn",
        lambda draw, *_: seen.append(_caught(draw)),
    )
    reliability(sure, hit)
    _, line = seen[0].get_lines()
    np.testing.assert_allclose(line.get_xdata(), [0.52, sure[2:].mean()])
    np.testing.assert_allclose(line.get_ydata(), [0.5, 2 / 3])


def test_residuals_are_points_around_a_line(monkeypatch):
    truth, predicted = np.array([0.0, 1.0, 4.0]), np.array([0.5, -1.0, 3.0])
    seen = []
    monkeypatch.setattr(
        "skmm.inspection._report_pictures.drawn",
        lambda draw, *_: seen.append(_caught(draw)),
    )
    residuals(truth, predicted)
    (line,), (points,) = seen[0].get_lines(), seen[0].collections
    assert list(line.get_xdata()) == list(line.get_ydata()) == [-1, 4]
    np.testing.assert_array_equal(points.get_offsets(), np.c_[truth, predicted])


def test_the_history_of_a_fit_and_the_parts_of_an_image_are_drawn():
    X = RNG.normal(size=(30, 8, 8, 1))
    y = np.array(["$x^", "\ud800"])[(X.mean(axis=(1, 2, 3)) > 0).astype(int)]
    model = BaseNNClassifier(network="cnn", epochs=2, random_state=0).fit(X, y)
    assert _image(history(model)).size == (921, 460)
    rows = [
        int(np.flatnonzero(model.predict(X) == label)[0])
        for label in np.unique(y)
        if (model.predict(X) == label).any()
    ]
    found = explain(model, X[rows])
    for i in range(len(rows)):
        image = _image(attributed(found, "x", i)).convert("RGB")
        assert len(set(image.get_flattened_data())) > 50
