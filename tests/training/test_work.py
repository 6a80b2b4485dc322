"""Batches and calls: of rows in memory, and of windows of rows on disk."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from skmm import training
from skmm.exceptions import DivergenceError
from skmm.training import _stored
from skmm.training._recipe import Pace
from skmm.training._work import Passing, RowsWork, WindowsWork, round_up, work_on


def test_xla_takes_folds_of_nearly_one_size_without_compiling_anew(build, data, recipe):
    program = build()
    for n in (40, 44, 50):  # the last batch is whole, half and a quarter
        program.initialise(0)
        part = training.Data([data.arrays[0][:n]], data.y[:n], data.weight[:n])
        work = RowsWork(program, part, recipe, "xla")
        assert work.tensors[1].shape == (64, 1)
        training.train(program, part, recipe, engine="xla")
    assert program.engines["xla"].function.experimental_get_tracing_count() == 1
    assert program.engines["graph"].function.experimental_get_tracing_count() == 0


def test_room_is_little_more_than_the_rows():
    assert [round_up(n) for n in (1, 32, 33, 1000, 1437, 1438)] == [
        32, 32, 64, 1024, 1536, 1536
    ]  # fmt: skip
    assert round_up(10**6) == 10**6
    for n in range(256, 2**12, 37):
        assert n <= round_up(n) <= 1.125 * n


@pytest.fixture
def stored(data, monkeypatch):
    """Write the rows of `data` to disk, in windows of 32 rows."""
    store = training.Store([((4,), "f4", "f4"), ((), "f8", "f8"), ((), "f8", "f8")])
    store.append([data.arrays[0], data.y[:, 0], data.weight])
    monkeypatch.setattr(_stored, "WINDOW_BYTES", 32 * store.row_bytes)

    def finish(y, weight):
        return y[:, None].astype("f4"), weight.astype("f4")

    return training.StoredData(store, finish, data.targets())


def passing_of(program, recipe, n_rows, *callbacks, glides=False):
    listeners = keras.callbacks.CallbackList(list(callbacks), model=program.model)
    return Passing(0, n_rows, listeners, Pace(program, recipe, glides=glides))


@pytest.mark.parametrize("engine", ["graph", "xla"])
def test_every_row_on_disk_is_seen_once(build, stored, recipe, engine):
    program = build()
    program.initialise(0)
    work = work_on(program, stored, recipe, engine)
    passing = passing_of(program, recipe, stored.n_rows)
    work.run(stored.draw(np.random.default_rng(0)), passing)
    assert isinstance(work, WindowsWork) and stored.n_blocks == 50
    assert passing.seen == 50 and passing.share == 1
    assert program.engines[engine].function.experimental_get_tracing_count() == 1


def test_a_network_learns_from_rows_on_disk(build, stored, recipe):
    program = build()
    program.initialise(0)
    history = training.train(program, stored, replace(recipe, epochs=20))
    assert history["loss"][-1] < history["loss"][0] / 2


def test_the_step_size_glides_from_window_to_window(build, stored, recipe):
    rates = []

    class Listener(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            rates.append(float(program.optimizer.learning_rate))

    program = build()
    program.initialise(0)
    cosine = replace(recipe, schedule="cosine", epochs=2)
    training.train(program, stored, cosine, callbacks=[Listener()])
    assert rates == sorted(rates, reverse=True) and len(set(rates)) > 10
    assert rates[0] == pytest.approx(0.01)


def test_the_same_seed_gives_the_same_bits_on_disk(build, stored, recipe):
    found = []
    for _ in range(2):
        program = build()
        program.initialise(0)
        training.train(program, stored, recipe)
        found.append(program.get_weights())
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_row_on_disk_that_is_no_number_is_named(build, data, stored, recipe):
    store = training.Store([((4,), "f4", "f4"), ((), "f8", "f8"), ((), "f8", "f8")])
    x = data.arrays[0].copy()
    x[37, 2] = np.inf
    store.append([x, data.y[:, 0], data.weight])
    rows = training.StoredData(store, stored.finish, data.targets())
    program = build()
    program.initialise(0)
    with pytest.raises(DivergenceError, match=r"infinite numbers in 1 of .* row 37"):
        training.train(program, rows, recipe)


@pytest.mark.filterwarnings(
    "ignore:the time was over:sklearn.exceptions.ConvergenceWarning"
)
def test_time_may_end_within_the_rows_on_disk(build, stored, recipe):
    program = build()
    program.initialise(0)
    short = replace(recipe, epochs=10**6, seconds=0.3)
    history = training.train(program, stored, short)
    assert 1 <= len(history["loss"]) < 10**6


def test_rows_in_memory_are_one_window(build, data, recipe):
    assert isinstance(work_on(build(), data, recipe, "graph"), RowsWork)
