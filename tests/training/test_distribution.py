"""Two processes that train one network come to what one process comes to.

This file is also what each of the two runs.
"""

import json
import os
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from numpy.testing import assert_allclose, assert_array_equal

from skmm import BaseNNClassifier, MultimodalClassifier, training
from skmm.encoders.embedding_bag import EmbeddingBagEncoder
from skmm.encoders.mlp import MLPEncoder
from skmm.fusion.gated import GatedFusion
from skmm.training._distribution import _digest
from skmm.training._optimizers import LAZY_ROWS

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
N = 129  # eight batches of 16 rows, and one of a single row
X = RNG.normal(size=(N, 6)).astype("float32")
Y = (X[:, 0] + X[:, 1] ** 2 > 1).astype(int)
WORDS = np.array([f"w{i}" for i in range(4000)])
TEXTS = [" ".join(RNG.choice(WORDS, 80)) for _ in Y]
MIXED = pd.DataFrame({"number": X[:, 0], "words": TEXTS})
TRIPLES = [("facts", "tabular", "number"), ("note", "text", "words")]
SETTINGS = {"epochs": 3, "batch_size": 16, "random_state": 0, "engine": "graph"}


def normalising(spec, n_outputs):
    x = keras.Input(spec.shape)
    hidden = keras.layers.Dense(8, kernel_regularizer="l2")(x)
    hidden = keras.layers.BatchNormalization()(hidden)
    return keras.Model(x, keras.layers.Dense(n_outputs)(hidden))


class Counting(keras.layers.Layer):
    """Keeps a number of the rows that it saw, which nobody knows to share."""

    def build(self, shape):
        self.seen = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, x):
        self.seen.assign_add(tf.reduce_sum(x))
        return x


def counting(spec, n_outputs):
    x = keras.Input(spec.shape)
    return keras.Model(x, keras.layers.Dense(n_outputs)(Counting()(x)))


def several():
    encoders = [
        ("facts", MLPEncoder(dropout=0.0)),
        ("note", EmbeddingBagEncoder(embedding_dim=8, dropout=0.0)),
    ]
    return MultimodalClassifier(
        TRIPLES,
        encoders=encoders,
        fusion=GatedFusion(dropout=0.0),
        ensemble_size=1,
        modality_dropout=0,
        modality_swap=0,
        **SETTINGS,
    )


def one(network=None, **settings):
    network = MLPEncoder(dropout=0.0) if network is None else network
    return BaseNNClassifier(network, **{**SETTINGS, **settings})


# Models that draw nothing and take no average over rows, and their data.
EXACT = {
    "one": (lambda: one(early_stopping=True), X),
    "several": (several, MIXED),
    "keras": (lambda: one(optimizer=keras.optimizers.RMSprop(0.01, clipnorm=1.0)), X),
}
LOOSE = {"dropping": lambda: one("mlp"), "normalising": lambda: one(normalising)}


def weights_of(model):
    return [weight for network in model._weights for weight in network]


class Stop(keras.callbacks.Callback):
    """Ends the training in the second process, as its clock might."""

    def on_epoch_end(self, epoch, logs=None):
        if json.loads(os.environ["TF_CONFIG"])["task"]["index"] == epoch == 1:
            self.model.stop_training = True


class Leave(keras.callbacks.Callback):
    """Ends the second process, as a machine does that is switched off."""

    def on_epoch_end(self, epoch, logs=None):
        if json.loads(os.environ["TF_CONFIG"])["task"]["index"] == 1:
            os._exit(0)


def run_all(path):
    """Be one of the two processes; write down what comes of it."""
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    rank = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
    found = {}
    with strategy.scope():
        for name, (make, rows) in EXACT.items():
            model = make().fit(rows, Y)
            found[f"{name} p"] = model.predict_proba(rows)
            found |= {f"{name} {k}": v for k, v in model.history_.items()}
            found[f"{name} weights"] = flat(model)
        for name, make in LOOSE.items():
            model = make().fit(X, Y)
            found[f"{name} weights"] = flat(model)
            found[f"{name} score"] = model.score(X, Y)
        found["reason"] = model.fit_report_["reason"]
        found["stopped"] = one(callbacks=[Stop()]).fit(X, Y).n_epochs_
        wrong = [("rows", one(), np.roll(Y, rank)), ("kept", one(counting), Y)]
        for name, model, y in wrong:
            try:
                model.fit(X, y)
            except ValueError as error:
                found[name] = str(error)
        np.savez(path, **found)
        try:
            one(callbacks=[Leave()], epochs=10_000).fit(X, Y)
        except tf.errors.OpError as error:
            Path(path).with_suffix(".txt").write_text(error.__notes__[0])
    os._exit(0)  # without waiting for the other, which is gone


def flat(model):
    arrays = [weight for network in model._weights for weight in network]
    return np.concatenate([np.ravel(array) for array in arrays])


def free_ports(n):
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(n)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Start both, and read what they have written."""
    folder, ports = tmp_path_factory.mktemp("processes"), free_ports(2)
    cluster = {"worker": [f"127.0.0.1:{port}" for port in ports]}
    processes = []
    for rank in range(2):
        task = {"type": "worker", "index": rank}
        config = json.dumps({"cluster": cluster, "task": task})
        command = [sys.executable, __file__, str(folder / f"{rank}.npz")]
        environment = {**os.environ, "TF_CONFIG": config}
        processes.append(
            subprocess.Popen(
                command, env=environment, stderr=subprocess.PIPE, text=True
            )
        )
    try:
        said = [process.communicate(timeout=300)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0], said
    return [dict(np.load(folder / f"{rank}.npz")) for rank in range(2)], folder


@pytest.fixture(scope="module")
def found(results):
    return results[0]


@pytest.fixture(scope="module", params=EXACT)
def alone(request):
    """Fit in this process alone; the name, and the model."""
    make, rows = EXACT[request.param]
    return request.param, make().fit(rows, Y)


def test_two_processes_have_the_losses_of_one(alone, found):
    name, model = alone
    assert len(model.history_["loss"]) == 3
    for each in found:
        for key, values in model.history_.items():
            assert_allclose(each[f"{name} {key}"], values, rtol=1e-4)


def test_two_processes_predict_as_one_does(alone, found):
    name, model = alone
    expected = model.predict_proba(EXACT[name][1])
    for each in found:
        assert_allclose(each[f"{name} p"], expected, rtol=1e-4, atol=1e-5)


def test_a_table_of_many_rows_is_among_what_is_trained():
    weights = several().fit(MIXED, Y)._weights[0]
    assert max(w.shape[0] for w in weights if w.ndim == 2) >= LAZY_ROWS


@pytest.mark.parametrize("name", [*EXACT, *LOOSE])
def test_both_processes_end_with_the_same_bits(found, name):
    assert_array_equal(found[0][f"{name} weights"], found[1][f"{name} weights"])


@pytest.mark.parametrize("name", LOOSE)
def test_a_network_that_draws_or_averages_learns_as_well(found, name):
    alone = LOOSE[name]().fit(X, Y).score(X, Y)
    assert found[0][f"{name} score"] == pytest.approx(alone, abs=0.15)


def test_a_fit_reports_that_it_was_shared(found):
    assert found[0]["reason"] == "2 processes share it"


def test_a_callback_that_stops_one_process_stops_both(found):
    assert [each["stopped"] for each in found] == [2, 2]


def test_processes_that_are_given_other_rows_are_refused(found):
    for each in found:
        assert "processes that train one network differ in their rows" in str(
            each["rows"]
        )


def test_a_layer_that_keeps_its_own_numbers_is_refused(found):
    for each in found:
        assert "differ in the weights that they have come to" in str(each["kept"])


def test_the_process_that_is_left_fails_and_says_why(results):
    _, folder = results
    assert "has ended or stands still" in (folder / "0.txt").read_text()
    assert not (folder / "1.txt").exists()


@pytest.mark.parametrize("n", range(1, 8))
def test_every_row_of_a_batch_counts_in_one_process(n):
    data = ([tf.range(20.0)], tf.range(20.0), tf.ones(20))
    rows = tf.constant([7, 3, 11, 5, 2, 13, 17][:n])
    seen = []
    for rank in range(3):
        (x,), y, weight = training.Workers(None, 3, rank).share(data, rows)
        assert_array_equal(x, y)
        assert len(x) >= 1
        seen += np.asarray(x)[np.asarray(weight) == 1].tolist()
    assert sorted(seen) == sorted(rows.numpy().tolist())


def test_sums_keep_the_types_of_what_is_added():
    alone = training.Workers(tf.distribute.OneDeviceStrategy("/cpu:0"), 1, 0)
    given = [tf.constant([1.0]), tf.constant([2.0], tf.bfloat16)]
    slices = tf.IndexedSlices(tf.ones((2, 3)), tf.constant([4, 1]), tf.constant([5, 3]))
    dense, small, rows = alone.sum([*given, slices])
    assert (dense.dtype, small.dtype) == (tf.float32, tf.bfloat16)
    assert_array_equal(small, [2.0])
    assert_array_equal(tf.convert_to_tensor(rows)[:, 0], [0, 1, 0, 0, 1])


def test_other_contents_have_other_digests():
    array = np.arange(4, dtype=np.int32)
    others = [array[::-1], array[:3], array.reshape(2, 2), array.view(np.float32)]
    digests = {_digest(value) for value in [array, *others, None, 1, [1, "a"]]}
    assert len(digests) == 8
    assert _digest([array[::2]]) == _digest([array[::2].copy()])


def test_nobody_else_trains_outside_of_a_scope():
    assert training.workers() is None


def test_a_strategy_of_one_device_changes_no_bit():
    with tf.distribute.OneDeviceStrategy("/cpu:0").scope():
        assert training.workers() is None
        inside = one().fit(X, Y)
        assert_array_equal(inside.predict(X), one().fit(X, Y).predict(X))
    assert_array_equal(flat(inside), flat(one().fit(X, Y)))


def test_a_scope_is_left_and_entered_again():
    with tf.distribute.OneDeviceStrategy("/cpu:0").scope():
        with training.outside_scope():
            assert not tf.distribute.has_strategy()
            assert tf.executing_eagerly()
        assert tf.distribute.has_strategy()


def test_several_devices_in_one_process_are_refused(monkeypatch):
    extended = SimpleNamespace(worker_devices=("/gpu:0", "/gpu:1"))
    strategy = SimpleNamespace(num_replicas_in_sync=2, extended=extended)
    monkeypatch.setattr(tf.distribute, "get_strategy", lambda: strategy)
    with pytest.raises(ValueError, match="got a SimpleNamespace with 2 in this one"):
        one().fit(X, Y)


if __name__ == "__main__":
    run_all(sys.argv[1])
