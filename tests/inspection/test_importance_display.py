"""Bars stand for the values, in order, with what they mean beside them."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV

from skmm.inspection import ModalityImportanceDisplay, modality_importance

NUMBERS = np.random.default_rng(0).normal(size=(200, 3))
LABELS = np.where(NUMBERS[:, 0] > 0, "yes", "no")
GROUPS = {"noise": [1, 2], "signal": [0]}


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def model():
    return LogisticRegression().fit(NUMBERS, LABELS)


def _ticks(display):
    return [t.get_text() for t in display.ax_.get_yticklabels()]


def test_the_largest_bar_is_at_the_top(model):
    settings = {"modalities": GROUPS, "random_state": 0, "method": "permutation"}
    display = ModalityImportanceDisplay.from_estimator(
        model, NUMBERS, LABELS, **settings
    )
    expected = modality_importance(model, NUMBERS, LABELS, **settings)
    assert _ticks(display) == ["signal", "noise"]
    widths = [bar.get_width() for bar in display.bars_]
    assert_allclose(widths, expected.importances_mean[::-1])
    assert display.ax_.yaxis_inverted()
    assert display.ax_.get_xlabel() == "loss of accuracy (modalities shuffled)"
    low, high = display.bars_.errorbar.lines[2][0].get_segments()[0][:, 0]
    assert_allclose([low, high], expected.interval[1])


def test_the_score_has_its_name(model):
    search = GridSearchCV(model, {"C": [1.0]}, scoring="roc_auc").fit(NUMBERS, LABELS)
    numbers = LinearRegression().fit(NUMBERS, NUMBERS[:, 0])
    kept = {"modalities": GROUPS, "n_repeats": 2}
    from_estimator = ModalityImportanceDisplay.from_estimator
    assert "roc_auc" in from_estimator(search, NUMBERS, LABELS, **kept).label
    assert "R2" in from_estimator(numbers, NUMBERS, NUMBERS[:, 0], **kept).label
    display = from_estimator(model, NUMBERS, LABELS, scoring="neg_log_loss", **kept)
    assert display.title.startswith("neg_log_loss -0.")


def test_a_waterfall_goes_from_nothing_to_all(model):
    display = ModalityImportanceDisplay.from_row(
        model, NUMBERS, 4, modalities=GROUPS, random_state=0
    )
    assert _ticks(display) == ["nothing", "signal", "noise", "all"]
    assert display.ax_.get_xlabel() == f"probability of {LABELS[4]}"
    first, second = display.bars_
    assert first.get_x() == pytest.approx(display.base)
    assert second.get_x() == pytest.approx(display.base + first.get_width())
    end = second.get_x() + second.get_width()
    p = model.predict_proba(NUMBERS[4:5]).max()
    assert end == pytest.approx(p)


def test_it_draws_where_it_is_told(model):
    _, ax = plt.subplots()
    display = ModalityImportanceDisplay(["a", "b"], [0.1, -0.2], base=0.5).plot(ax=ax)
    assert display.ax_ is ax and display.figure_ is ax.figure
    assert [t.get_text() for t in ax.texts] == ["-0.2", "+0.1", "0.5", "0.4"]
