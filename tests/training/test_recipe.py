"""The step size on the way, and a limit of time, on a clock that the tests turn."""

import dataclasses

import keras
import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from skmm import training
from skmm.training import _recipe
from skmm.training._interrupt import Interrupt
from skmm.training._recipe import Pace


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self):
        self.now = 100.0

    def perf_counter(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(_recipe, "time", clock)
    return clock


@pytest.fixture
def slow(build, clock, monkeypatch):
    """Make a program each of whose steps takes a second, and count its calls."""

    def make(**settings):
        program = build(**settings)
        program.initialise(0)
        program.calls = []
        for name, run in program.engines.items():

            def call(*args, run=run):
                n_steps = args[4]
                program.calls.append(n_steps)
                clock.now += n_steps
                return run(*args)

            program.engines[name] = call
        return program

    return make


def limited(recipe, seconds, **changes):
    return dataclasses.replace(recipe, seconds=seconds, **changes)


@pytest.mark.parametrize("engine", ["graph", "xla"])
def test_training_ends_with_the_time(slow, data, recipe, engine):
    program = slow()
    history = training.train(program, data, limited(recipe, 17.0), engine=engine)
    assert len(history["loss"]) == 3  # of 7 steps each, and the third cut
    assert sum(program.calls) == 17


@pytest.mark.parametrize("engine", ["graph", "xla"])
def test_a_cut_changes_no_step(slow, build, data, recipe, engine):
    cut, whole = slow(), build()
    whole.initialise(0)
    losses = [
        training.train(cut, data, limited(recipe, 1e4), engine=engine)["loss"],
        training.train(whole, data, recipe, engine=engine)["loss"],
    ]
    np.testing.assert_allclose(*losses, rtol=1e-5)
    for a, b in zip(cut.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_less_than_an_epoch_is_warned_of(slow, data, recipe):
    program = slow()
    start = program.get_weights()
    with pytest.warns(ConvergenceWarning, match="after 48% of the first epoch"):
        history = training.train(program, data, limited(recipe, 3.0))
    assert sum(program.calls) == 3
    assert len(history["loss"]) == 1
    assert not np.array_equal(program.get_weights()[0], start[0])


def test_no_time_at_all_is_one_step(slow, data, recipe):
    program = slow()
    with pytest.warns(ConvergenceWarning, match="16% of the first epoch"):
        training.train(program, data, limited(recipe, -5.0))
    assert program.calls == [1]


def test_the_best_epoch_is_kept(slow, data, recipe):
    program = slow()
    recipe = limited(recipe, 40.0, learning_rate=0.5, patience=100, epochs=50)
    history = training.train(program, data, recipe, validation=data)
    best = min(history["val_loss"])
    assert best < history["val_loss"][-1]
    assert training.evaluate(program, data) == pytest.approx(best, rel=1e-5)


def test_the_end_of_an_epoch_is_reckoned_with(slow, data, recipe, clock):
    """Validation takes 5 seconds here; twice that is kept back."""

    class Slow(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            clock.now += 5

    program = slow()
    started = clock.now
    training.train(program, data, limited(recipe, 40.0), callbacks=[Slow()])
    assert clock.now - started <= 40


def test_the_cosine_ends_with_the_time(build, recipe, clock):
    program = build()
    program.initialise(0)
    pace = Pace(program, limited(recipe, 10.0, schedule="cosine", epochs=100))
    rates = []
    for epochs in (0, 0.5, 1, 1.5, 2, 2.5):
        pace.set_rate(epochs)
        rates.append(float(program.optimizer.learning_rate) / 0.01)
        clock.now += 2
    expected = [0.5 * (1 + np.cos(np.pi * t / 10)) for t in (0, 2, 4, 6, 8, 10)]
    np.testing.assert_allclose(rates, expected, atol=1e-6)


def test_time_enough_leaves_the_schedule_to_the_epochs(build, recipe, clock):
    program = build()
    program.initialise(0)
    pace = Pace(program, limited(recipe, 1e6, schedule="cosine", epochs=4))
    pace.set_rate(1)
    start = float(program.optimizer.learning_rate)
    assert start == pytest.approx(0.01 * 0.5 * (1 + np.cos(np.pi / 4)))
    program.optimizer.learning_rate = 0.5  # by a callback, say
    clock.now += 9
    pace.set_rate(1.7)
    assert float(program.optimizer.learning_rate) == 0.5


def test_only_the_last_end_of_an_epoch_counts(build, recipe, clock):
    pace = Pace(build(), limited(recipe, 100.0))
    for seconds in (20, 3):
        pace.note_call()
        clock.now += seconds
        pace.note_end()
    assert pace.gone == pytest.approx(0.23 + 0.06)


def test_calls_grow_until_they_take_a_sixtieth_of_the_time(build, recipe, clock):
    pace = Pace(build(), limited(recipe, 600.0))
    steps = []
    for _ in range(12):
        steps.append(pace.n_steps)
        clock.now += 0.1 * pace.n_steps
        pace.note_call()
    assert steps == [1, 2, 4, 8, 16, 32, 64, 128, 128, 128, 128, 128]
    clock.now += 60
    pace.note_call()
    assert pace.n_steps == 64


def test_calls_take_about_a_second_where_somebody_may_want_an_end(build, recipe, clock):
    pace = Pace(build(), recipe, Interrupt())
    steps = []
    for _ in range(6):
        steps.append(pace.n_steps)
        clock.now += 0.3 * pace.n_steps
        pace.note_call()
    assert steps == [1, 2, 4, 4, 4, 4]
    assert not pace.is_over
    pace.interrupt.asked = True
    assert pace.is_over


def test_without_a_limit_or_an_interrupt_a_call_is_an_epoch(build, recipe):
    for interrupt in (None, Interrupt(listens=False)):
        pace = Pace(build(), recipe, interrupt)
        assert not pace.cuts
        assert not pace.is_over
        assert pace.gone == 0


def test_time_that_was_gone_before_counts(build, recipe, clock):
    pace = Pace(build(), limited(recipe, 60.0, schedule="cosine", epochs=10**9))
    clock.now += 5
    pace.resume(40.0, 0.5)  # of a hundred seconds
    assert pace.seconds == 45
    assert pace.gone == pytest.approx(0.45)
    pace.set_rate(3)
    rate = float(pace.program.optimizer.learning_rate)
    expected = 0.5 * 0.01 * 0.5 * (1 + np.cos(np.pi * 0.45))
    assert rate == pytest.approx(expected, rel=1e-5)
