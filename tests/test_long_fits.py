"""A fit that is killed, cut off from its disk or interrupted loses nothing it need not.

What is killed here is killed by an error out of an epoch, and once by the system.
"""

import errno
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time
import warnings

import keras
import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_array_equal, assert_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmm import (
    BaseNNClassifier,
    BaseNNRegressor,
    ModalityTransformer,
    MultimodalClassifier,
    MultimodalRegressor,
    training,
)
from skmm.exceptions import CheckpointError, CheckpointWarning
from skmm.training import _loop, _stage

RNG = np.random.default_rng(0)
N = 60
X = RNG.normal(size=(N, 4)).astype("float32")
Y = (X[:, 0] + X[:, 1] ** 2 > 1).astype(int)
MIXED = pd.DataFrame(
    {
        "number": X[:, 0],
        "words": np.where(Y, "a great deal", "very little"),
        "picture": list(RNG.integers(0, 256, (N, 8, 8), dtype=np.uint8)),
    }
)
MIXED.loc[::5, "words"] = None
TRIPLES = [("facts", "tabular", "number"), ("note", "text", "words")]
PICTURED = [*TRIPLES, ("photo", "image", "picture")]


class KilledError(Exception):
    """Stands for the end of the process."""


@pytest.fixture(autouse=True)
def _write_every_epoch(monkeypatch):
    monkeypatch.setattr(_stage, "SECONDS", 0.0)
    monkeypatch.setattr(_stage, "SHARE", np.inf)


@pytest.fixture
def epochs(monkeypatch):
    """Count the epochs that are trained, and do something before one of them."""
    run, count = _loop._Epochs.run, {"n": 0, "before": None}

    def counted(self):
        if count["n"] == count["before"]:
            count["do"]()
        count["n"] += 1
        return run(self)

    def before(number, do):
        count.update(n=0, before=number, do=do)

    monkeypatch.setattr(_loop._Epochs, "run", counted)
    count["tell"] = before
    return count


def kill():
    raise KilledError


def built(n_outputs, units=6):
    """A network of one's own, with what draws and what averages over batches."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(units),
            layers.BatchNormalization(),
            layers.GaussianNoise(0.1),
            layers.Dropout(0.2),
            layers.Dense(n_outputs),
        ]
    )


ONE = {"epochs": 4, "random_state": 0}
TWO = {"epochs": 3, "ensemble_size": 2, "random_state": 0}
OWN = keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.01, 8))
CASES = {
    "graph": (BaseNNClassifier(engine="graph", **ONE), X, Y, 2),
    "xla": (BaseNNClassifier(engine="xla", **ONE), X, Y, 3),
    "early stopping": (BaseNNClassifier(early_stopping=True, **ONE), X, Y, 3),
    "rollback": (BaseNNClassifier(on_nan="rollback", **ONE), X, Y, 2),
    "optimizer": (BaseNNClassifier(optimizer=OWN, **ONE), X, Y, 2),
    "time limit": (BaseNNClassifier(time_limit=1e4, **ONE), X, Y, 2),
    "builder": (BaseNNClassifier(built, **ONE), X, Y, 2),
    "regressor": (BaseNNRegressor(early_stopping=True, **ONE), X, X[:, 0], 2),
    "first network": (MultimodalClassifier(TRIPLES, **TWO), MIXED, Y, 1),
    "second network": (
        MultimodalClassifier(PICTURED, calibrate="temperature", **TWO), MIXED, Y, 5
    ),
    "between two": (MultimodalClassifier(TRIPLES, **TWO), MIXED, Y, 3),
    "pretraining": (
        MultimodalClassifier(TRIPLES, pretrain_epochs=2, **TWO), MIXED, Y, 6
    ),
    "several numbers": (MultimodalRegressor(TRIPLES, **TWO), MIXED, X[:, :2], 4),
}  # fmt: skip


def answer(model, rows):
    predict = getattr(model, "predict_proba", model.predict)
    return predict(rows), model.history_, model.n_epochs_, model._shares


@pytest.mark.parametrize("case", CASES)
def test_a_killed_fit_ends_with_the_bits_of_one_that_was_not(case, epochs, tmp_path):
    model, rows, y, killed = CASES[case]
    whole = clone(model).fit(rows, y)
    needed = epochs["n"]
    epochs["tell"](killed, kill)
    first = clone(model)
    with pytest.raises(KilledError):
        first.fit(rows, y, checkpoint=tmp_path)
    assert vars(first).keys() == vars(model).keys()
    epochs["tell"](None, kill)
    second = clone(model).fit(rows, y, checkpoint=tmp_path)
    assert epochs["n"] == needed - killed
    assert second.fit_report_["epochs_resumed"] == killed
    assert_equal(answer(second, rows), answer(whole, rows))
    third = clone(model).fit(rows, y, checkpoint=str(tmp_path))
    assert epochs["n"] == needed - killed
    assert_equal(answer(third, rows), answer(whole, rows))


def test_weights_and_validation_rows_are_part_of_a_fit(epochs, tmp_path):
    weight = np.linspace(1, 2, 40)
    given = {"X_val": X[40:], "y_val": Y[40:], "sample_weight": weight}
    model = BaseNNClassifier(**ONE)
    whole = clone(model).fit(X[:40], Y[:40], **given)
    epochs["tell"](2, kill)
    with pytest.raises(KilledError):
        clone(model).fit(X[:40], Y[:40], **given, checkpoint=tmp_path)
    epochs["tell"](None, kill)
    others = [{**given, "sample_weight": weight[::-1]}, {**given, "X_val": X[40:] + 1}]
    for other in others:
        fitted = clone(model).fit(X[:40], Y[:40], **other, checkpoint=tmp_path)
        assert fitted.fit_report_["epochs_resumed"] == 0
    second = clone(model).fit(X[:40], Y[:40], **given, checkpoint=tmp_path)
    assert second.fit_report_["epochs_resumed"] == 2
    assert_equal(answer(second, X), answer(whole, X))


def test_a_seed_that_nobody_gave_stays_with_the_folder(epochs, tmp_path):
    model = BaseNNClassifier(epochs=4, early_stopping=True)
    epochs["tell"](2, kill)
    with pytest.raises(KilledError):
        clone(model).fit(X, Y, checkpoint=tmp_path)
    epochs["tell"](None, kill)
    second = clone(model).fit(X, Y, checkpoint=tmp_path)
    assert second.fit_report_["epochs_resumed"] == 2
    elsewhere = clone(model).fit(X, Y, checkpoint=tmp_path / "other")
    assert elsewhere.fit_report_["epochs_resumed"] == 0
    assert not np.array_equal(second.predict_proba(X), elsewhere.predict_proba(X))


def test_a_warm_start_goes_on_from_its_own_start(epochs, tmp_path):
    model = BaseNNClassifier(warm_start=True, **ONE)
    whole = clone(model).fit(X, Y).fit(X, Y)
    started = clone(model).fit(X, Y, checkpoint=tmp_path)
    epochs["tell"](2, kill)
    with pytest.raises(KilledError):
        started.fit(X, Y, checkpoint=tmp_path)
    epochs["tell"](None, kill)
    again = clone(model).fit(X, Y, checkpoint=tmp_path).fit(X, Y, checkpoint=tmp_path)
    assert epochs["n"] == 2
    assert_equal(answer(again, X), answer(whole, X))
    assert_equal(again._optimizer_state, whole._optimizer_state)


def searched(folder=None):
    model = make_pipeline(StandardScaler(), BaseNNClassifier(**ONE))
    grid = {"basennclassifier__learning_rate": [0.002, 0.01]}
    search = GridSearchCV(model, grid, cv=3, error_score="raise")
    return search.fit(X, Y, basennclassifier__checkpoint=folder)


def test_a_search_that_is_begun_again_trains_what_is_left(epochs, tmp_path):
    whole = searched()
    needed = epochs["n"]
    assert needed == 4 * (2 * 3 + 1)
    epochs["tell"](10, kill)
    with pytest.raises(KilledError):
        searched(tmp_path)
    epochs["tell"](None, kill)
    second = searched(tmp_path)
    assert epochs["n"] == needed - 10
    found, expected = second.cv_results_, whole.cv_results_
    assert_array_equal(found["mean_test_score"], expected["mean_test_score"])
    assert_array_equal(second.predict_proba(X), whole.predict_proba(X))


def test_processes_share_a_folder(tmp_path):
    model = BaseNNClassifier(**ONE)
    settings = {"cv": 3, "method": "predict_proba"}
    alone = cross_val_predict(model, X, Y, **settings)
    given = {"checkpoint": pathlib.Path(tmp_path)}
    both = cross_val_predict(model, X, Y, **settings, n_jobs=2, params=given)
    assert_array_equal(both, alone)
    assert len(list(tmp_path.glob("BaseNNClassifier-*.npz"))) == 3
    assert_array_equal(cross_val_predict(model, X, Y, **settings, params=given), alone)


def test_the_folder_can_be_routed_to_the_networks(tmp_path):
    with sklearn.config_context(enable_metadata_routing=True):
        network = MultimodalClassifier(TRIPLES, **TWO).set_fit_request(checkpoint=True)
        pipeline = make_pipeline(ModalityTransformer(TRIPLES), network)
        pipeline.fit(MIXED, Y, checkpoint=tmp_path)
    assert len(list(tmp_path.glob("*.npz"))) == 2


def test_what_changes_nothing_in_a_fit_may_change(tmp_path):
    model = BaseNNClassifier(**ONE).fit(X, Y, checkpoint=tmp_path)
    again = clone(model).set_params(verbose=0, random_state=np.random.RandomState(0))
    assert again.fit(X, Y, checkpoint=tmp_path).fit_report_["epochs_resumed"] == 4


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"learning_rate": 0.003}, r"learning_rate \(0\.002, now 0\.003\)"),
        ({"random_state": 1}, r"seed \(\d+, now \d+\)"),
        ({"rows": X + 1}, r"X\['x'\]"),
        ({"y": 1 - Y}, r"y$"),
    ],
)
def test_another_fit_is_new_and_says_in_what_it_differs(
    change, named, tmp_path, capsys
):
    BaseNNClassifier(**ONE).fit(X, Y, checkpoint=tmp_path)
    rows, y = change.pop("rows", X), change.pop("y", Y)
    model = BaseNNClassifier(**{**ONE, "verbose": 1, **change})
    model.fit(rows, y, checkpoint=tmp_path)
    assert model.fit_report_["epochs_resumed"] == 0
    line = capsys.readouterr().out.splitlines()[0]
    assert "a new fit; the nearest of 1 there differs in" in line
    assert re.search(named, line), line


def test_a_fit_says_where_it_goes_on(epochs, tmp_path, capsys):
    model = BaseNNClassifier(verbose=1, **ONE)
    epochs["tell"](2, kill)
    with pytest.raises(KilledError):
        clone(model).fit(X, Y, checkpoint=tmp_path)
    epochs["tell"](None, kill)
    assert "checkpoint: a new fit, the first in its folder" in capsys.readouterr().out
    clone(model).fit(X, Y, checkpoint=tmp_path)
    out = capsys.readouterr().out
    assert "checkpoint: goes on after epoch 2" in out
    assert "epoch 1/4" not in out
    assert "epoch 3/4" in out


def test_other_versions_are_refused_by_name(tmp_path, monkeypatch):
    model = BaseNNClassifier(**ONE).fit(X, Y, checkpoint=tmp_path)
    expected = model.predict_proba(X)
    monkeypatch.setattr("skmm._journal.version_of", lambda name: "99.0")
    with pytest.raises(CheckpointError, match=r"keras [\d.]+ \(now 99\.0\).*delete it"):
        model.fit(X, Y, checkpoint=tmp_path)
    assert_array_equal(model.predict_proba(X), expected)


ACTIVATION = ["relu"]


def depends(n_outputs):
    """A builder whose text does not tell what it builds."""
    hidden = keras.layers.Dense(5, activation=ACTIVATION[0])
    return keras.Sequential([keras.Input((4,)), hidden, keras.layers.Dense(n_outputs)])


def test_another_network_of_the_same_parameters_is_refused(tmp_path, monkeypatch):
    model = BaseNNClassifier(depends, **ONE).fit(X, Y, checkpoint=tmp_path)
    monkeypatch.setitem(globals(), "ACTIVATION", ["tanh"])
    with pytest.raises(CheckpointError, match="of another network: what builds it"):
        clone(model).fit(X, Y, checkpoint=tmp_path)


def test_a_folder_that_cannot_be_made_is_refused_before_anything_is_done(
    epochs, tmp_path
):
    (tmp_path / "file").write_text("not a folder")
    model = BaseNNClassifier(**ONE)
    for folder in (tmp_path / "file", tmp_path / "file" / "folder"):
        with pytest.raises(
            CheckpointError, match=r"file.*cannot be used.*give a folder"
        ):
            model.fit("no data at all", None, checkpoint=folder)
    assert vars(model) == vars(clone(model))
    assert epochs["n"] == 0


def test_what_is_no_path_is_refused_with_the_likely_reason(tmp_path):
    with pytest.raises(TypeError, match=r"got list.*give pathlib\.Path"):
        BaseNNClassifier(**ONE).fit(X, Y, checkpoint=["a", "b"])


def test_callbacks_of_keras_are_refused(tmp_path):
    model = BaseNNClassifier(callbacks=[keras.callbacks.TerminateOnNaN()], **ONE)
    with pytest.raises(ValueError, match=r"Keras callbacks \(here TerminateOnNaN\)"):
        model.fit(X, Y, checkpoint=tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def failing(how, folder, monkeypatch):
    """Take the disk away."""

    def vanish():
        shutil.rmtree(folder)

    def fill():
        def full(descriptor):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)

    def forbid():
        def read_only(*args, **kwargs):
            raise OSError(errno.EROFS, "Read-only file system")

        monkeypatch.setattr(os, "replace", read_only)

    return {"vanished": vanish, "full": fill, "read-only": forbid}[how]


@pytest.mark.parametrize(
    ("how", "why"),
    [("vanished", "No such file"), ("full", "No space"), ("read-only", "Read-only")],
)
def test_a_disk_that_fails_is_warned_of_once_and_the_model_is_whole(
    how, why, epochs, tmp_path, monkeypatch
):
    folder = tmp_path / "fits"
    model = MultimodalClassifier(TRIPLES, **TWO)
    whole = clone(model).fit(MIXED, Y)
    epochs["tell"](2, failing(how, folder, monkeypatch))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(MIXED, Y, checkpoint=folder)
    assert [w.category for w in caught] == [CheckpointWarning]
    message = str(caught[0].message)
    assert str(folder) in message
    assert why in message
    assert "goes on" in message
    assert_equal(answer(model, MIXED), answer(whole, MIXED))


def test_what_was_written_before_the_disk_failed_is_gone_on_from(
    epochs, tmp_path, monkeypatch
):
    model = BaseNNClassifier(**ONE)
    with monkeypatch.context() as patch, pytest.warns(CheckpointWarning):
        epochs["tell"](2, failing("full", tmp_path, patch))
        whole = clone(model).fit(X, Y, checkpoint=tmp_path)
    epochs["tell"](None, kill)
    second = clone(model).fit(X, Y, checkpoint=tmp_path)
    assert (epochs["n"], second.fit_report_["epochs_resumed"]) == (2, 2)
    assert_equal(answer(second, X), answer(whole, X))


def control_c():
    signal.raise_signal(signal.SIGINT)


def test_an_interrupt_leaves_the_estimator_as_it_was(epochs):
    model = BaseNNClassifier(**ONE).fit(X, Y)
    expected = model.predict_proba(X)
    epochs["tell"](2, control_c)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X[:30], Y[:30])
    assert_array_equal(model.predict_proba(X), expected)
    epochs["tell"](0, control_c)
    with pytest.raises(KeyboardInterrupt):
        clone(model).fit(X, Y)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_an_interrupt_keeps_what_was_learned_when_asked(epochs, early_stopping):
    model = BaseNNClassifier(
        epochs=10**6, early_stopping=early_stopping, random_state=0
    )
    model.set_params(n_iter_no_change=10**6, learning_rate=0.02, schedule="constant")
    epochs["tell"](30, control_c)
    kept = "the best epoch" if early_stopping else "the last step"
    message = f"interrupted in epoch 31 of 1000000; the weights are those of {kept}"
    with pytest.warns(ConvergenceWarning, match=message) as caught:
        model.fit(X, Y, on_interrupt="keep")
    assert [w.filename for w in caught] == [__file__]
    assert model.n_epochs_ == 31
    assert model.score(X, Y) > 0.8
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_ends_all_networks(epochs):
    model = MultimodalClassifier(TRIPLES, **TWO)
    epochs["tell"](1, control_c)
    with pytest.warns(ConvergenceWarning, match="interrupted in epoch 2 of 3"):
        model.fit(MIXED, Y, on_interrupt="keep")
    assert len(model._weights) == 1
    assert set(model.decision_weights_) >= {"facts", "note"}


def test_an_interrupted_fit_goes_on_where_it_has_a_folder(epochs, tmp_path):
    model = MultimodalClassifier(TRIPLES, **TWO)
    whole = clone(model).fit(MIXED, Y)
    epochs["tell"](4, control_c)
    with pytest.warns(ConvergenceWarning, match="interrupted"):
        clone(model).fit(MIXED, Y, checkpoint=tmp_path, on_interrupt="keep")
    epochs["tell"](None, kill)
    second = clone(model).fit(MIXED, Y, checkpoint=tmp_path)
    assert epochs["n"] == 2
    assert_equal(answer(second, MIXED), answer(whole, MIXED))


def test_an_epoch_that_waits_for_an_interrupt_gives_the_same_bits():
    model = BaseNNClassifier(batch_size=8, **ONE)
    p = clone(model).fit(X, Y).predict_proba(X)
    keeping = clone(model).fit(X, Y, on_interrupt="keep")
    assert_array_equal(keeping.predict_proba(X), p)


def test_interrupts_are_raised_or_kept():
    with pytest.raises(ValueError, match='"raise" or "keep", got \'stop\''):
        BaseNNClassifier(**ONE).fit(X, Y, on_interrupt="stop")


CHILD = """
import sys
import numpy as np
from skmm import MultimodalClassifier
from skmm.training import _stage
_stage.SECONDS = 0.0
X = np.random.default_rng(0).normal(size=(60, 4))
y = (X[:, 0] > 0).astype(int)
settings = {"epochs": int(sys.argv[3]), "ensemble_size": 2, "random_state": 0}
settings |= {"n_iter_no_change": 10**6}
model = MultimodalClassifier(**settings).fit(X, y, checkpoint=sys.argv[1])
print(model.fit_report_["epochs_resumed"])
np.save(sys.argv[2], model.predict_proba(X))
"""


@pytest.mark.slow
def test_a_process_that_the_system_kills_is_gone_on_from(tmp_path):
    def start(folder, n_epochs=60):
        arguments = [
            str(tmp_path / folder),
            str(tmp_path / f"{folder}.npy"),
            str(n_epochs),
        ]
        return subprocess.Popen(
            [sys.executable, "-c", CHILD, *arguments], stdout=subprocess.PIPE, text=True
        )

    whole = start("whole")
    assert whole.communicate()[0] == "0\n"
    killed, folder = start("killed"), tmp_path / "killed"
    while not list(folder.glob("*-1.npz")):  # the second network has begun
        assert killed.poll() is None
        time.sleep(0.001)
    killed.kill()
    assert killed.wait() == -signal.SIGKILL
    killed.stdout.close()
    resumed = start("killed")
    n_resumed = int(resumed.communicate()[0])
    assert 60 < n_resumed < 120
    found = [np.load(tmp_path / f"{name}.npy") for name in ("whole", "killed")]
    assert_array_equal(*found)


def test_the_pool_gives_what_a_new_program_gives_to_a_fit_that_goes_on(
    epochs, tmp_path
):
    model = CASES["second network"][0]
    whole = clone(model).fit(MIXED, Y)
    epochs["tell"](4, kill)
    with pytest.raises(KilledError):
        clone(model).fit(MIXED, Y, checkpoint=tmp_path)
    epochs["tell"](None, kill)
    training.clear_pool()
    second = clone(model).fit(MIXED, Y, checkpoint=tmp_path)
    assert_equal(answer(second, MIXED), answer(whole, MIXED))
