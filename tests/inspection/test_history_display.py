"""The loss is drawn over the epochs, and its lowest value marked."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skmm import BaseNNClassifier, BaseNNRegressor, MultimodalClassifier
from skmm.inspection._history_display import TrainingHistoryDisplay

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(60, 2)), RNG.integers(0, 2, 60)
HISTORY = {
    "loss": [0.9, 0.5, 0.3],
    "val_loss": [0.8, 0.6, 0.7],
    "learning_rate": [0.002, 0.001, 0.0],
}


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def _legend(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


def test_curves_are_those_of_the_history():
    display = TrainingHistoryDisplay(HISTORY).plot()
    assert list(display.lines_) == ["loss", "val_loss", "learning_rate"]
    for name, line in display.lines_.items():
        np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3])
        np.testing.assert_array_equal(line.get_ydata(), HISTORY[name])


def test_axes_say_what_they_are():
    display = TrainingHistoryDisplay(HISTORY).plot()
    assert display.ax_.get_xlabel() == "epoch"
    assert display.ax_.get_ylabel() == "loss per row"
    assert display.ax_.get_title() == "Training history"
    left, right = display.figure_.axes
    assert left is display.ax_ and right.get_ylabel() == "learning rate (dotted)"
    assert right.get_zorder() < left.get_zorder() and not left.patch.get_visible()


def test_the_lowest_validation_loss_is_marked():
    display = TrainingHistoryDisplay(HISTORY).plot()
    assert display.best_epoch_ == 2
    mark = display.ax_.get_lines()[-1]
    assert (mark.get_xdata()[0], mark.get_ydata()[0]) == (2, 0.6)
    assert _legend(display) == ["training", "validation", "lowest: 0.6 in epoch 2"]


def test_without_validation_nothing_is_marked():
    display = TrainingHistoryDisplay({"loss": [0.9, 0.5]}).plot()
    assert display.best_epoch_ is None
    assert _legend(display) == ["training"]


def test_a_learning_rate_that_never_changes_is_left_out():
    display = TrainingHistoryDisplay({**HISTORY, "learning_rate": [0.1] * 3}).plot()
    assert "learning_rate" not in display.lines_
    assert len(display.figure_.axes) == 1


def test_a_validation_loss_that_is_not_a_number_is_not_the_lowest():
    history = {"loss": [0.9, 0.5, 0.4], "val_loss": [np.nan, 0.7, 0.8]}
    assert TrainingHistoryDisplay(history).plot().best_epoch_ == 2
    history["val_loss"] = [np.nan] * 3
    assert TrainingHistoryDisplay(history).plot().best_epoch_ is None


@pytest.mark.parametrize("n_epochs", [1, 2, 200])
def test_epochs_are_whole_numbers(n_epochs):
    display = TrainingHistoryDisplay({"loss": np.linspace(1, 0.1, n_epochs)}).plot()
    low, high = display.ax_.get_xlim()
    ticks = [t for t in display.ax_.get_xticks() if low <= t <= high]
    assert ticks and all(t == int(t) for t in ticks)
    assert (low, high) == (0.5, n_epochs + 0.5)
    assert (display.lines_["loss"].get_marker() == ".") == (n_epochs <= 30)


def test_an_estimator_has_its_history_drawn():
    model = BaseNNClassifier(
        "mlp", epochs=3, early_stopping=True, validation_fraction=0.3, random_state=0
    )
    model.fit(X, Y)
    display = TrainingHistoryDisplay.from_estimator(model)
    assert display.ax_.get_title() == "Training history of BaseNNClassifier"
    drawn = display.lines_["val_loss"].get_ydata()
    np.testing.assert_array_equal(drawn, model.history_["val_loss"])
    assert display.best_epoch_ == 1 + np.argmin(model.history_["val_loss"])


def test_several_networks_are_said_to_be_a_mean():
    model = MultimodalClassifier(epochs=2, ensemble_size=2, random_state=0).fit(X, Y)
    display = TrainingHistoryDisplay.from_estimator(model)
    title = display.ax_.get_title()
    assert title == "Training history of MultimodalClassifier, mean of 2 networks"


def test_the_estimator_is_found_in_pipelines_and_searches():
    network = BaseNNRegressor("mlp", epochs=1, random_state=0)
    pipeline = make_pipeline(StandardScaler(), network)
    search = GridSearchCV(pipeline, {}, cv=2).fit(X, X[:, 0])
    display = TrainingHistoryDisplay.from_estimator(search)
    loss = search.best_estimator_[-1].history_["loss"]
    np.testing.assert_array_equal(display.lines_["loss"].get_ydata(), loss)


def test_it_draws_where_it_is_asked_to():
    _, ax = plt.subplots()
    display = TrainingHistoryDisplay(HISTORY).plot(ax=ax)
    assert display.ax_ is ax and display.figure_ is ax.figure


def test_names_fit_into_the_figure():
    title = "Training history of MultimodalClassifier, mean of 5 networks"
    display = TrainingHistoryDisplay(HISTORY, title=title).plot()
    display.figure_.canvas.draw()
    whole = display.figure_.bbox
    left, right = display.figure_.axes
    for text in (left.title, left.xaxis.label, left.yaxis.label, right.yaxis.label):
        box = text.get_window_extent()
        assert box.x0 >= whole.x0 and box.x1 <= whole.x1
        assert box.y0 >= whole.y0 and box.y1 <= whole.y1


def test_what_was_not_trained_by_skmm_is_refused():
    with pytest.raises(ValueError, match=r"history_.*got DecisionTreeClassifier"):
        TrainingHistoryDisplay.from_estimator(DecisionTreeClassifier().fit(X, Y))
    with pytest.raises(NotFittedError):
        TrainingHistoryDisplay.from_estimator(BaseNNClassifier())


@pytest.mark.parametrize(
    "history",
    [{}, {"loss": []}, {"val_loss": [1]}, {"loss": [1, 2], "val_loss": [1]}],
    ids=["none", "no epoch", "no loss", "two lengths"],
)
def test_a_history_that_is_none_is_refused(history):
    with pytest.raises(ValueError, match="'loss' of one epoch or more"):
        TrainingHistoryDisplay(history).plot()
