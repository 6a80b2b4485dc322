"""The training loop keeps Keras' semantics, its callbacks and its promises."""

import dataclasses

import keras
import numpy as np
import pytest

from skmm import training
from skmm.training import _loop
from skmm.training._loop import _learned


def test_the_loss_falls_and_history_has_one_number_for_each_epoch(build, data, recipe):
    program = build()
    program.initialise(0)
    history = training.train(program, data, recipe)
    assert {name: len(values) for name, values in history.items()} == {
        "loss": 5,
        "learning_rate": 5,
    }
    assert history["loss"][-1] < history["loss"][0]


@pytest.mark.parametrize("engine", ["graph", "xla"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("weighted", [False, True])
def test_weights_equal_those_of_keras_fit_on_the_same_batches(
    build, data, recipe, engine, optimizer, weighted
):
    if weighted:
        weight = np.linspace(0.5, 1.5, 50).astype(np.float32)
        data = dataclasses.replace(data, weight=weight)
    without_dropout = dataclasses.replace(recipe, epochs=3, weight_decay=0.1)
    ours = build(optimizer)
    ours.network.layers[2].rate = 0.0
    ours.initialise(0)
    start = ours.get_weights()
    training.train(ours, data, without_dropout, engine=engine)

    theirs = build(optimizer).network
    theirs.layers[2].rate = 0.0
    theirs.set_weights(start)
    only_logits = keras.Model(theirs.input, theirs.output["logits"])
    settings = {"learning_rate": 0.01, "global_clipnorm": 1.0, "weight_decay": 0.1}
    own = keras.optimizers.get({"class_name": optimizer, "config": settings})
    own.exclude_from_weight_decay(var_names=["bias"])
    only_logits.compile(
        own,
        # Keras' own average divides a batch by its rows, as ours does.
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    rng = np.random.default_rng([recipe.seed, 2])
    for _ in range(3):
        order = rng.permutation(50)
        only_logits.fit(
            data.arrays[0][order],
            data.y[order],
            sample_weight=data.weight[order] if weighted else None,
            batch_size=8,
            shuffle=False,
            verbose=0,
        )
    for mine, keras_own in zip(
        ours.get_weights(), only_logits.get_weights(), strict=True
    ):
        np.testing.assert_allclose(mine, keras_own, atol=2e-6)


@pytest.mark.parametrize("n", [1, 7, 8, 9, 50])
def test_the_engines_agree_whatever_the_last_batch_holds(build, data, recipe, n):
    part = training.Data([data.arrays[0][:n]], data.y[:n], data.weight[:n])
    weights, losses = [], []
    for engine in ("graph", "xla"):
        program = build()
        program.network.layers[2].rate = 0.0
        program.initialise(0)
        history = training.train(program, part, recipe, engine=engine)
        losses.append(history["loss"])
        weights.append(program.get_weights())
    np.testing.assert_allclose(*losses, rtol=1e-4)
    for a, b in zip(*weights, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("engine", ["graph", "xla"])
def test_a_reused_program_gives_the_bits_of_a_new_one(build, data, recipe, engine):
    used, new = build(), build()
    used.initialise(1)
    training.train(used, data, recipe, engine=engine)
    for program in (used, new):
        program.initialise(7)
        training.train(program, data, recipe, engine=engine)
    for a, b in zip(used.get_weights(), new.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_another_seed_gives_other_weights(build, data, recipe):
    program = build()
    results = []
    for seed in (0, 1):
        program.initialise(seed)
        training.train(program, data, dataclasses.replace(recipe, seed=seed))
        results.append(program.get_weights()[0])
    assert not np.allclose(*results)


class Recorder(keras.callbacks.Callback):
    """Note every event."""

    def __init__(self):
        super().__init__()
        self.events = []

    def on_train_begin(self, logs=None):
        self.events.append("begin")

    def on_epoch_begin(self, epoch, logs=None):
        self.events.append(f"epoch {epoch}")

    def on_epoch_end(self, epoch, logs=None):
        self.events.append(sorted(logs))

    def on_train_end(self, logs=None):
        self.events.append("end")


def test_keras_callbacks_hear_every_epoch(build, data, recipe):
    recorder = Recorder()
    program = build()
    program.initialise(0)
    two = dataclasses.replace(recipe, epochs=2)
    training.train(program, data, two, validation=data, callbacks=[recorder])
    logs = ["loss", "val_loss"]
    assert recorder.events == ["begin", "epoch 0", logs, "epoch 1", logs, "end"]


def test_a_callback_on_batches_hears_each_and_changes_nothing(build, data, recipe):
    class Batches(keras.callbacks.Callback):
        seen: tuple[int, ...] = ()

        def on_train_batch_end(self, batch, logs=None):
            assert np.isfinite(logs["loss"])
            self.seen += (batch,)

    listener = Batches()
    results = []
    for callbacks in ([], [listener]):
        program = build()
        program.initialise(0)
        training.train(program, data, recipe, callbacks=callbacks)
        results.append(program.get_weights())
    assert listener.seen == tuple(range(7)) * 5
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_callback_can_stop_the_training(build, data, recipe):
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 1

    program = build()
    program.initialise(0)
    history = training.train(program, data, recipe, callbacks=[Stop()])
    assert len(history["loss"]) == 2
    again = training.train(program, data, recipe)
    assert len(again["loss"]) == recipe.epochs


@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")  # in Keras itself
def test_a_callback_rules_a_constant_learning_rate(build, data, recipe):
    program = build()
    program.initialise(0)
    halve = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    history = training.train(program, data, recipe, callbacks=[halve])
    expected = 0.01 / 2 ** np.arange(1, 6)
    np.testing.assert_allclose(history["learning_rate"], expected, rtol=1e-6)


def test_the_cosine_schedule_falls_to_zero(build, data, recipe):
    program = build()
    program.initialise(0)
    cosine = dataclasses.replace(recipe, schedule="cosine", epochs=4)
    history = training.train(program, data, cosine)
    expected = 0.005 * (1 + np.cos(np.pi * np.arange(4) / 4))
    np.testing.assert_allclose(history["learning_rate"], expected, rtol=1e-5)


def test_the_best_epoch_is_kept_when_patience_runs_out(build, data, recipe):
    wrong = dataclasses.replace(data, y=(data.y + 1) % 3)  # learning makes it worse
    patient = dataclasses.replace(recipe, epochs=20, patience=2)
    program = build()
    program.initialise(0)
    history = training.train(program, data, patient, validation=wrong)
    best = int(np.argmin(history["val_loss"]))
    assert len(history["loss"]) == best + 3
    loss = training.evaluate(program, wrong)
    assert loss == pytest.approx(history["val_loss"][best], rel=1e-6)


def test_a_loss_without_learning_is_of_one_answer_for_all_rows(build, data, recipe):
    shares = np.array([0.5, 0.3, 0.2])
    weight = np.where(data.y[:, 0] == 0, 2.0, 0.5).astype(np.float32)
    rows = dataclasses.replace(data, weight=weight)
    of_row = -np.log(shares)[data.y[:, 0].astype(int)]
    expected = 0.99 * np.average(of_row, weights=weight)
    assert _learned(build(), rows, np.log(shares)) == pytest.approx(expected)
    assert _learned(build(), rows, None) == np.inf
    own = training.Loss("multiclass", (3,), keras_loss="mse")
    assert _learned(build(loss=own), rows, np.log(shares)) == np.inf


def test_a_loss_without_learning_takes_as_many_rows_as_memory_holds(
    build, data, monkeypatch
):
    whole = _learned(build(), data, np.log([0.5, 0.3, 0.2]))
    monkeypatch.setattr(_loop, "MOST_LOGITS", 3 * 8)
    assert _learned(build(), data, np.log([0.5, 0.3, 0.2])) == whole


def test_a_loss_without_learning_counts_every_term():
    x, present = keras.Input((2,)), keras.Input((2,))
    a, b, c, d = (keras.layers.Dense(1, name=name)(x) for name in "abcd")
    outputs = {"logits": a, "aside": b, "unimodal": [c, d], "embedding": x}
    loss = training.Loss("squared", (1,), auxiliary=0.5)
    sgd = training.make_optimizer("sgd", 0.1)
    program = training.Program(keras.Model([x, present], outputs), loss, sgd)
    y = np.array([[0.0], [2.0]], np.float32)
    here = np.array([[1, 1], [1, 0]], np.float32)
    arrays = [np.zeros((2, 2), np.float32), here]
    rows = training.Data(arrays, y, np.ones(2, np.float32))
    errors = [2 + 0.5, 2 + 0.25]  # 1 for each: fused and aside, half of the mean head
    expected = 0.99 * np.mean(errors)
    assert _learned(program, rows, np.ones(1)) == pytest.approx(expected)


def test_verbose_prints_a_line_for_each_epoch(build, data, recipe, capsys):
    program = build()
    program.initialise(0)
    training.train(program, data, dataclasses.replace(recipe, epochs=2, verbose=1))
    lines = capsys.readouterr().out.splitlines()
    assert [line[:12] for line in lines] == ["epoch 1/2  l", "epoch 2/2  l"]


def test_one_row_can_be_trained_on(build, data, recipe):
    one = training.Data([data.arrays[0][:1]], data.y[:1], data.weight[:1])
    program = build()
    program.initialise(0)
    assert len(training.train(program, one, recipe)["loss"]) == 5
