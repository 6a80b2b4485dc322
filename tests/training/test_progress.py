"""Where a training can be left, and gone on from to the bit."""

import dataclasses
import json
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from skmm import training
from skmm.training import Stage, _stage
from skmm.training._progress import Best, Progress
from skmm.training._recipe import Pace


class KilledError(Exception):
    """Stands for the end of the process."""


class Kill(keras.callbacks.Callback):
    """End a training when so many epochs are done, before anybody is told."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise KilledError


@pytest.fixture(autouse=True)
def _write_every_epoch(monkeypatch):
    monkeypatch.setattr(_stage, "SECONDS", 0.0)
    monkeypatch.setattr(_stage, "SHARE", np.inf)


@pytest.fixture
def stage(tmp_path):
    """Open the one file of a test."""

    def opened(keeps_optimizer=False):
        return Stage(tmp_path / "a-0.npz", {}, print, keeps_optimizer)

    return opened


def trained(program, data, recipe, **options):
    program.initialise(0)
    return training.train(program, data, recipe, **options)


def assert_same(a, b):
    for one, other in zip(a, b, strict=True):
        np.testing.assert_array_equal(one, other)


def patient(recipe):
    return dataclasses.replace(recipe, epochs=9, patience=2, schedule="cosine")


@pytest.mark.parametrize("engine", ["graph", "xla"])
@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@pytest.mark.parametrize("killed", [1, 3, 4])
def test_a_training_goes_on_to_the_bits_of_one_that_was_not_killed(
    build, data, recipe, stage, engine, optimizer, killed
):
    whole, first, second = build(optimizer), build(optimizer), build(optimizer)
    expected = trained(whole, data, recipe, engine=engine)
    with pytest.raises(KilledError):
        trained(
            first, data, recipe, engine=engine, stage=stage(), callbacks=[Kill(killed)]
        )
    assert stage().epochs == killed
    second.initialise(5)  # whatever it holds
    seen = []
    note = keras.callbacks.LambdaCallback(on_epoch_begin=lambda e, _: seen.append(e))
    options = {"engine": engine, "stage": stage(True), "callbacks": [note]}
    assert training.train(second, data, recipe, **options) == expected
    assert seen == list(range(killed, 5))
    assert_same(second.get_weights(), whole.get_weights())
    assert_same(second.optimizer_state(), whole.optimizer_state())


@pytest.mark.parametrize("killed", [1, 2, 3])
def test_patience_and_the_best_epoch_are_remembered(build, data, recipe, stage, killed):
    wrong = dataclasses.replace(data, y=(data.y + 1) % 3)  # learning makes it worse
    options = {"validation": wrong}
    whole, first, second = build(), build(), build()
    expected = trained(whole, data, patient(recipe), **options)
    assert killed < len(expected["loss"]) < 9
    with pytest.raises(KilledError):
        callbacks = [Kill(killed)]
        trained(
            first, data, patient(recipe), **options, stage=stage(), callbacks=callbacks
        )
    assert trained(second, data, patient(recipe), **options, stage=stage()) == expected
    assert_same(second.get_weights(), whole.get_weights())


def test_a_kill_after_the_last_epoch_trains_no_other(build, data, recipe, stage):
    """Early stopping has ended the training, and nothing has said so yet."""

    class KillAtEnd(keras.callbacks.Callback):
        def on_train_end(self, logs=None):
            raise KilledError

    wrong = dataclasses.replace(data, y=(data.y + 1) % 3)
    options = {"validation": wrong}
    whole, first, second = build(), build(), build()
    expected = trained(whole, data, patient(recipe), **options)
    with pytest.raises(KilledError):
        callbacks = [KillAtEnd()]
        trained(
            first, data, patient(recipe), **options, stage=stage(), callbacks=callbacks
        )
    assert trained(second, data, patient(recipe), **options, stage=stage()) == expected
    assert_same(second.get_weights(), whole.get_weights())


@pytest.mark.parametrize("keeps_optimizer", [False, True])
def test_what_is_finished_is_not_trained_again(
    build, data, recipe, stage, keeps_optimizer
):
    first, second = build(), build()
    expected = trained(first, data, recipe, stage=stage(keeps_optimizer))
    assert (stage().state["optimizer"] is not None) == keeps_optimizer
    callbacks = [Kill(0)]
    found = trained(second, data, recipe, stage=stage(), callbacks=callbacks)
    assert found == expected
    assert_same(second.get_weights(), first.get_weights())
    if keeps_optimizer:
        assert_same(second.optimizer_state(), first.optimizer_state())


def test_averages_of_weights_are_gone_on_with(build, data, recipe, stage):
    def averaging():
        sgd = keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.9)
        return build(sgd, own_optimizer=True)

    whole, first, second = averaging(), averaging(), averaging()
    trained(whole, data, recipe)
    with pytest.raises(KilledError):
        trained(first, data, recipe, stage=stage(), callbacks=[Kill(3)])
    trained(second, data, recipe, stage=stage())
    assert_same(second.get_weights(), whole.get_weights())


def test_time_that_was_spent_before_is_not_given_again(build, data, recipe, stage):
    limited = dataclasses.replace(recipe, epochs=10**9, seconds=1e4)
    with pytest.raises(KilledError):
        trained(build(), data, limited, stage=stage(), callbacks=[Kill(3)])
    one = stage()
    one.write({**one.state, "seconds": 9999.0})
    no_more = dataclasses.replace(limited, seconds=-5.0)
    history = trained(build(), data, no_more, stage=stage())
    assert len(history["loss"]) == 3


def test_a_state_is_plain_values_and_arrays(build, data, recipe):
    program = build()
    program.initialise(0)
    best = Best(patience=2)
    progress = Progress(program, data, recipe, Pace(program, recipe), best)
    best.stop(program, np.array([1.0]))
    state = progress.state()
    arrays = []
    assert json.dumps(_stage._packed(state, arrays))
    n_weights = len(program.network.weights)
    assert len(arrays) == 2 * n_weights + len(program.optimizer_state()) + 1


def test_weights_that_were_given_are_left_out_until_they_change(build):
    """A pretrained encoder need not be written again with every epoch."""
    program = build()
    program.initialise(0)
    kernel = program.network.weights[0]
    value = kernel.numpy()
    place = next(i for i, (v, _) in enumerate(program._initializers) if v is kernel)
    program._initializers[place] = (kernel, SimpleNamespace(value=value))
    state = program.state()
    assert state["weights"][0] is None
    kernel.assign(value + 1)
    assert program.state()["weights"][0] is not None
    program.set_state(state)
    np.testing.assert_array_equal(kernel, value)


def stops_after(best, program, losses):
    """How many epochs of these losses it takes until patience has run out."""
    stops = [best.stop(program, np.atleast_1d(loss)) for loss in losses]
    assert stops == [False] * (len(losses) - 1) + [True]
    return len(stops)


def test_patience_is_not_for_gains_that_nobody_would_see(build):
    best, losses = Best(patience=2), [1.0, 0.9995, 0.9985, 0.9980, 0.9979]
    assert stops_after(best, build(), losses) == 5
    assert best.losses == losses[-1]


def test_patience_is_longer_before_anything_is_learned(build):
    program = build()
    assert stops_after(Best(patience=2, learned=0.9), program, [1.0] * 7) == 7
    longer = Best(patience=2, learned=0.9, longer=4)
    assert stops_after(longer, program, [1.0] * 9) == 9
    losses = [1.0, 1.1, 1.1, 1.1, 0.8, 0.9, 0.9]
    assert stops_after(Best(patience=2, learned=0.9), program, losses) == 7


@pytest.fixture
def beside():
    """A network and a second one beside it, of one layer each."""
    x, present = keras.Input((4,)), keras.Input((2,))
    first = keras.layers.Dense(3)(x)
    second = keras.layers.Dense(3, name="aside")(x)
    outputs = {"logits": first, "aside": second, "embedding": x}
    network = keras.Model([x, present], outputs)
    loss = training.Loss("multiclass", (3,))
    return training.Program(network, loss, training.make_optimizer("adamw", 0.1))


class Parts(keras.callbacks.Callback):
    """Keep the losses of all parts, and the weights, of each epoch."""

    def __init__(self, program, data):
        super().__init__()
        self.program, self.data = program, data
        self.losses, self.weights = [], []

    def on_epoch_end(self, epoch, logs=None):
        self.losses.append(training.evaluate(self.program, self.data))
        self.weights.append(self.program.get_weights())
        assert logs["val_loss"] == pytest.approx(self.losses[-1].sum(), rel=1e-6)


def assert_weights_of(program, part, weights, other):
    """Check that a part has the same weights in two lists."""
    own = program.parts[part]
    assert len(own) == 2
    assert_same([weights[i] for i in own], [other[i] for i in own])


def test_a_second_network_has_a_best_epoch_of_its_own(beside, data, recipe):
    data = dataclasses.replace(data, arrays=[*data.arrays, np.ones((50, 2), "float32")])
    wrong = dataclasses.replace(data, y=(data.y + 1) % 3)  # learning makes it worse
    beside.initialise(0)
    _, bias = beside.network.get_layer("aside").weights
    bias.assign([0.0, 10.0, 20.0])  # here it does not
    seen, patient = Parts(beside, wrong), dataclasses.replace(recipe, patience=9)
    training.train(beside, data, patient, validation=wrong, callbacks=[seen])
    losses = np.array(seen.losses)
    assert losses.argmin(axis=0).tolist() == [0, 4]
    assert_weights_of(beside, 0, beside.get_weights(), seen.weights[0])
    assert_weights_of(beside, 1, beside.get_weights(), seen.weights[4])
    found = training.evaluate(beside, wrong)
    np.testing.assert_allclose(found, losses.min(axis=0), rtol=1e-6)


def test_the_best_epochs_are_part_of_the_state(beside, data, recipe):
    pace, weights = Pace(beside, recipe), []
    progress = Progress(beside, data, recipe, pace, Best(patience=2))
    for seed, losses in enumerate([[1.0, 2.0], [2.0, 1.0], [3.0, 3.0]]):
        beside.initialise(seed)
        weights.append(beside.get_weights())
        progress.best.stop(beside, np.array(losses))
    again = Progress(beside, data, recipe, pace, Best(patience=2))
    again.restore(progress.state())
    assert again.best.losses.tolist() == [1.0, 1.0]
    assert_weights_of(beside, 0, again.best.weights, weights[0])
    assert_weights_of(beside, 1, again.best.weights, weights[1])
