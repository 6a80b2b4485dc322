"""A loss that is no number is an error that says why, or is gone back from."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from skmm import training
from skmm.exceptions import DivergenceError
from skmm.training._divergence import is_finite
from skmm.training._loop import MOST_ROLLBACKS


def diverged(program, data, recipe, **options):
    """Train, and give the message."""
    program.initialise(0)
    with pytest.raises(DivergenceError) as caught:
        training.train(program, data, recipe, **options)
    return str(caught.value)


def changed(data, row, value, dtype=np.float32):
    x = data.arrays[0].astype(dtype)
    x[row, 1] = value
    return dataclasses.replace(data, arrays=[x])


class Poison(keras.callbacks.Callback):
    """Put a NaN among the weights before an epoch, so many times."""

    def __init__(self, epoch, times=1):
        super().__init__()
        self.epoch, self.times = epoch, times

    def on_train_batch_begin(self, batch, logs=None):
        if self.times and self.now == self.epoch:
            self.times -= 1
            weight = self.model.weights[-2]
            weight.assign(weight * np.nan)

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch


def test_numbers_are_told_from_what_is_none():
    assert is_finite({"loss": 1.0, "val_loss": 0.0})
    assert not is_finite({"loss": 1.0, "val_loss": np.nan})
    assert not is_finite({"loss": np.inf})


@pytest.mark.parametrize("engine", ["graph", "xla"])
def test_steps_that_are_too_large_are_blamed_with_what_proves_it(
    build, data, recipe, engine
):
    far = dataclasses.replace(recipe, learning_rate=1e30, epochs=50)
    message = diverged(build("sgd"), data, far, engine=engine)
    assert "not finite in epoch 1 (loss nan; learning_rate 1e+30)" in message
    assert "The steps are too large: the same epoch without any has a loss" in message
    assert 'Lower learning_rate, or set on_nan="rollback"' in message


def test_large_inputs_are_named_beside_the_steps(build, data, recipe):
    large = dataclasses.replace(data, arrays=[data.arrays[0] * np.float32(1e5)])
    far = dataclasses.replace(recipe, learning_rate=1e30)
    message = diverged(build("sgd"), large, far)
    assert "scale the input 'keras_tensor" in message
    assert "which reaches 7.82e+05" in message


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_an_infinite_input_is_named_with_its_row(build, data, recipe, value):
    message = diverged(build(), changed(data, 17, value), recipe)
    assert "holds infinite numbers in 1 of 50 training rows" in message
    assert "row 17: put finite numbers there" in message


def test_an_overflow_of_float16_is_called_one(data, recipe):
    x = keras.Input((4,), dtype="float16", name="sound")
    hidden = keras.layers.Dense(8)(x)
    logits = keras.layers.Dense(3)(hidden)
    network = keras.Model([x], {"logits": logits, "embedding": hidden})
    sgd, loss = training.make_optimizer("sgd", 0.1), training.Loss("multiclass", (3,))
    program = training.Program(network, loss, sgd, takes_present=False)
    with np.errstate(over="ignore"):
        overflown = changed(data, 3, 1e6, np.float16)
    message = diverged(program, overflown, recipe)
    assert "'sound' holds infinite numbers, float16 holding no number above" in message
    assert "row 3" in message


def regressing(build_loss=None, activation=None):
    x = keras.Input((4,))
    hidden = keras.layers.Dense(8, activation=activation)(x)
    outputs = {"logits": keras.layers.Dense(1)(hidden), "embedding": hidden}
    loss = training.Loss("squared", (1,), keras_loss=build_loss)
    sgd = training.make_optimizer("sgd", 0.01)
    return training.Program(keras.Model([x], outputs), loss, sgd, takes_present=False)


def test_a_row_that_nothing_fills_in_is_named(data, recipe):
    message = diverged(regressing(), changed(data, 23, np.nan), recipe)
    assert "no finite answer for row 23 of the training rows" in message
    assert "holds NaN: fill it in (SimpleImputer)" in message


def test_a_gap_that_a_rectifier_hides_is_found(build, data, recipe):
    """On some machines a rectifier makes zero of NaN, but its gradient does not."""
    message = diverged(build(), changed(data, 23, np.nan), recipe)
    hidden, seen = "Without NaN in the inputs it would be:", "holds NaN:"
    assert f"{hidden} fill it in" in message or f"{seen} fill it in" in message


def test_rows_are_counted_in_the_table_they_are_of(data, recipe):
    some = dataclasses.replace(data, rows=np.array([40, 7, 23, 9], np.int32))
    for value, expected in ((np.nan, "row 23 of the training"), (np.inf, "is row 23")):
        assert expected in diverged(regressing(), changed(some, 23, value), recipe)


def test_a_row_of_the_validation_set_is_called_so(data, recipe):
    wrong = changed(data, 5, np.nan)
    message = diverged(regressing(), data, recipe, validation=wrong)
    assert "val_loss nan" in message
    assert "row 5 of the validation rows" in message


def test_a_number_that_a_layer_cannot_hold_is_to_be_scaled(data, recipe):
    x = keras.Input((4,))
    logits = keras.layers.Dense(1)(x * 1e4)
    network = keras.Model([x], {"logits": logits, "embedding": x})
    sgd, loss = training.make_optimizer("sgd", 0.1), training.Loss("squared", (1,))
    program = training.Program(network, loss, sgd, takes_present=False)
    message = diverged(program, changed(data, 31, 3e38), recipe)
    assert "no finite answer for row 31 of the training rows, scale the" in message
    assert "which reaches 3e+38" in message


def test_a_target_that_squares_to_infinity_is_named(data, recipe):
    y = data.y.copy()
    y[12] = 1e25
    message = diverged(regressing(), dataclasses.replace(data, y=y), recipe)
    assert "row 12 of the training rows, whose target is 1e+25" in message
    assert "no finite loss (squared): scale the target" in message


def test_a_loss_that_makes_no_number_of_finite_answers_is_named(data, recipe):
    def own(y, answer):
        return tf.math.log(tf.zeros_like(answer))

    program = regressing(own)
    program.loss = dataclasses.replace(program.loss, kind="binary")
    assert "no finite loss (own): mend the loss" in diverged(program, data, recipe)


def test_a_gradient_that_is_no_number_is_told_from_large_steps(data, recipe):
    """The root of zero has a value, and an infinite slope."""

    def root(y, answer):
        return tf.sqrt(tf.square(answer) * 0.0)

    message = diverged(regressing(root), data, recipe)
    assert "its gradient is not, and smaller steps do not mend that" in message


def test_a_schedule_that_cannot_be_lowered_here_is_not_promised(data, recipe):
    decay = keras.optimizers.schedules.ExponentialDecay(1e30, 5, 0.9)
    program = regressing()
    program = training.Program(
        program.network,
        program.loss,
        keras.optimizers.SGD(decay),
        takes_present=False,
        own_optimizer=True,
    )
    rolling = dataclasses.replace(recipe, rolls_back=True)
    message = diverged(program, data, rolling)
    assert "the steps of the optimizer's own schedule are too large" in message


def test_a_network_in_float16_is_told_of_its_limit(data, recipe):
    policy = keras.DTypePolicy("mixed_float16")
    x = keras.Input((4,))
    hidden = keras.layers.Dense(8, dtype=policy)(x * 1e4)
    logits = keras.layers.Dense(3)(hidden * 1e4)
    network = keras.Model([x], {"logits": logits, "embedding": hidden})
    sgd, loss = training.make_optimizer("sgd", 0.1), training.Loss("multiclass", (3,))
    program = training.Program(network, loss, sgd, takes_present=False)
    message = diverged(program, data, recipe)
    assert "computes in float16, which holds no number above 65,504" in message


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
@pytest.mark.parametrize("epoch", [0, 2])
def test_a_rollback_goes_on_from_the_epoch_before_with_half_the_step(
    build, data, recipe, schedule, epoch
):
    rolling = dataclasses.replace(recipe, rolls_back=True, schedule=schedule)
    program, plain = build(), build()
    plain.initialise(0)
    expected = training.train(
        plain, data, dataclasses.replace(recipe, schedule=schedule)
    )
    program.initialise(0)
    history = training.train(program, data, rolling, callbacks=[Poison(epoch)])
    n_times = np.eye(5)[epoch]
    assert history["rollbacks"] == n_times.tolist()
    halved = np.where(np.arange(5) < epoch, 1.0, 0.5)
    rates = np.array(expected["learning_rate"])
    np.testing.assert_allclose(history["learning_rate"], halved * rates, rtol=1e-6)
    assert history["loss"][:epoch] == pytest.approx(expected["loss"][:epoch], rel=1e-5)
    assert np.isfinite(history["loss"]).all()


def test_an_epoch_is_begun_anew_with_the_same_draws(build, data, recipe):
    """Without a step size there is nothing but dropout and the order of rows."""
    rolling = dataclasses.replace(recipe, rolls_back=True, learning_rate=1e-30)
    losses = []
    for poison in (Poison(9), Poison(1)):
        program = build("sgd")
        program.initialise(0)
        history = training.train(program, data, rolling, callbacks=[poison])
        losses.append(history["loss"])
    assert losses[0] == losses[1]


def test_rollbacks_have_an_end(build, data, recipe):
    rolling = dataclasses.replace(recipe, rolls_back=True)
    poison = Poison(1, times=10**6)
    message = diverged(build(), data, rolling, callbacks=[poison])
    assert f"learning_rate 0.000312, after {MOST_ROLLBACKS} rollbacks" in message
    assert message.endswith("Lower learning_rate.")


def test_steps_are_halved_until_they_are_small_enough(build, data, recipe):
    class TooFast(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if float(self.model.optimizer.learning_rate) > 0.003:
                weight = self.model.weights[-2]
                weight.assign(weight * np.nan)

    rolling = dataclasses.replace(recipe, rolls_back=True)
    program = build()
    program.initialise(0)
    history = training.train(program, data, rolling, callbacks=[TooFast()])
    assert history["rollbacks"] == [2, 0, 0, 0, 0]
    np.testing.assert_allclose(history["learning_rate"], [0.0025] * 5, rtol=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_an_error_where_the_loss_is_one(value):
    """A rectifier makes zero of NaN: nobody would see it in the loss."""
    weights = [np.zeros(3, np.float32), np.arange(3), np.array([1.0, value])]
    with pytest.raises(DivergenceError, match="weights that are not: lower"):
        training.check_weights(weights)
    training.check_weights(weights[:2])
