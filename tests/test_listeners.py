"""scikit-learn's own callbacks see the epochs, alone and nested."""

import numpy as np
import pytest
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmm import BaseNNClassifier

X, Y = load_iris(return_X_y=True)


class Stop:
    """End the fit after two epochs; note every event."""

    def __init__(self):
        self.events = []

    def setup(self, estimator, context):
        self.events.append("setup")

    def teardown(self, estimator, context):
        self.events.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.events.append(f"begin {context.task_name}")

    def on_fit_task_end(self, estimator, context):
        self.events.append(f"end {context.task_name}")
        return context.task_name == "epoch" and context.task_id == 1


def test_a_callback_hears_every_epoch_and_can_stop():
    stop = Stop()
    model = BaseNNClassifier(epochs=9, random_state=0).set_callbacks(stop).fit(X, Y)
    epoch = ["begin epoch", "end epoch"]
    assert stop.events == ["setup", "begin fit", *epoch, *epoch, "end fit", "teardown"]
    assert model.n_epochs_ == 2


def test_a_callback_is_torn_down_when_fitting_fails():
    stop = Stop()
    model = BaseNNClassifier(optimizer="none such").set_callbacks(stop)
    with pytest.raises(ValueError, match="none such"):
        model.fit(X, Y)
    assert stop.events[-1] == "teardown"
    assert not [name for name in vars(model) if "ctx" in name]


def test_scores_of_every_epoch_are_logged():
    monitor = ScoringMonitor(scoring="accuracy")
    model = BaseNNClassifier(epochs=3, random_state=0).set_callbacks(monitor)
    model.fit(X, Y)
    log = monitor.get_logs().data_as_pandas
    assert len(log[log["task_name"] == "epoch"]) == 3
    assert log["accuracy"].iloc[-1] == model.score(X, Y)


def test_progress_bars_nest_through_search_and_pipeline(capsys):
    pytest.importorskip("rich")
    pipeline = make_pipeline(StandardScaler(), BaseNNClassifier(epochs=2))
    grid = {"basennclassifier__learning_rate": [0.01, 0.02]}
    search = GridSearchCV(pipeline, grid, cv=2)
    search.set_callbacks(ProgressBar(max_propagation_depth=None))
    search.fit(X, Y)
    assert np.isfinite(search.best_score_)
    out = capsys.readouterr().out
    assert "BaseNNClassifier" in out
