"""Rows on disk are the rows that were written, each once an epoch, well mixed."""

import errno
import tempfile
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skmm import training
from skmm._memory import is_aligned
from skmm.training import _stored
from skmm.training._stored import BLOCKS, Store, StoredData

N = 500
ROWS = np.arange(N)


def store_of(n_rows=N, pieces=(7, 200)):
    """Numbers of rows as floats, as tokens in one byte each, and as target."""
    store = Store(
        [((2,), "f4", "f4"), ((3,), "i4", "u1"), ((), "f8", "f8"), ((), "f8", "f8")]
    )
    for part in np.split(np.arange(n_rows), pieces):
        tokens = np.stack([part % 256, part % 7, part // 256], axis=1)
        halves = np.stack([part, -part], axis=1)
        store.append([halves, tokens, part, np.ones(len(part))])
    return store


def data_of(left_out=(), n_rows=N):
    def finish(y, weight):
        return y[:, None].astype("f4"), weight.astype("f4")

    summary = np.zeros((1, 1), "f4"), np.ones(1)
    return StoredData(store_of(n_rows), finish, summary, left_out)


@pytest.fixture
def small_windows(monkeypatch):
    """Windows of 64 rows, in blocks of two."""
    monkeypatch.setattr(_stored, "WINDOW_BYTES", 64 * store_of().row_bytes)


def test_blocks_are_read_as_they_were_written():
    halves, tokens, y, _ = store_of().read([(490, 500), (0, 3), (6, 8)])
    rows = np.r_[490:500, 0:3, 6:8]
    assert_array_equal(halves, np.stack([rows, -rows], axis=1))
    assert_array_equal(tokens, np.stack([rows % 256, rows % 7, rows // 256], axis=1))
    assert_array_equal(y, rows)
    assert halves.dtype == "f4" and tokens.dtype == "i4"


def test_what_is_read_can_be_lent_to_tensorflow():
    assert all(map(is_aligned, store_of().read([(0, 5)])))


def test_tokens_take_no_more_room_on_disk_than_they_need():
    store = store_of()
    sizes = [c.file.seek(0, 2) for c in store._columns]
    assert sizes == [N * 8, N * 3, N * 8, N * 8]


def test_nothing_is_left_in_the_folder_for_temporary_files(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    store = store_of()
    assert list(tmp_path.iterdir()) == [] and store.n_rows == N


def test_a_full_disk_is_told_with_what_to_do(monkeypatch):
    store = store_of()

    def full(file, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(_stored, "_write", full)
    with pytest.raises(OSError, match=r"No space left.*TMPDIR") as caught:
        store.append([np.zeros((1, 2)), np.zeros((1, 3)), np.zeros(1), np.ones(1)])
    assert caught.value.errno == errno.ENOSPC


def test_rows_that_are_gone_are_an_error():
    store = store_of()
    store._columns[0].file.truncate(8)
    with pytest.raises(OSError, match="are gone"):
        store.read([(0, 5)])


def test_digests_tell_contents_apart():
    one, same = store_of().digests(), store_of(pieces=(100,)).digests()
    assert one == same and len(set(one)) == 4
    assert store_of(N - 1).digests()[0] != one[0]


@pytest.mark.parametrize("left_out", [(), (0, 3, 499)])
def test_an_epoch_has_every_row_that_is_meant_once(small_windows, left_out):
    data = data_of(left_out)
    order, seen = data.draw(np.random.default_rng(0)), []
    for window, rows in data.windows(order):
        assert window.n_rows == len(rows) <= data.window_rows == 64
        assert_array_equal(window.y[rows, 0], window.numbers[rows])
        assert_array_equal(window.arrays[0][rows, 0], window.numbers[rows])
        seen.extend(window.numbers[rows])
    assert_array_equal(np.sort(seen), np.delete(ROWS, left_out))
    assert data.n_rows == len(seen) and data.n_given == N


def test_a_window_has_rows_from_everywhere(small_windows):
    data = data_of()
    windows = data.windows(data.draw(np.random.default_rng(0)))
    first, rows = next(windows)
    numbers = first.numbers[rows]
    assert numbers.min() < 50 and numbers.max() > 450
    assert np.abs(np.corrcoef(numbers, np.arange(len(rows)))[0, 1]) < 0.5
    windows.close()


def test_the_order_comes_from_the_draw_alone(small_windows):
    def seen(seed):
        data = data_of()
        windows = data.windows(data.draw(np.random.default_rng(seed)))
        return np.concatenate([window.numbers[rows] for window, rows in windows])

    assert_array_equal(seen(1), seen(1))
    assert not np.array_equal(seen(1), seen(2))


def test_rows_of_one_block_are_shuffled_anew_each_epoch():
    data = data_of(n_rows=20)
    rng = np.random.default_rng(0)
    orders = [
        window.numbers[rows]
        for _ in range(2)
        for window, rows in data.windows(data.draw(rng))
    ]
    assert len(orders) == 2 and not np.array_equal(*orders)


def test_single_rows_are_read_from_anywhere():
    data = data_of().read(np.array([3, 499, 250]))
    assert_array_equal(data.y[:, 0], [3, 499, 250])
    assert data.rows is None


def test_large_rows_are_a_block_each(monkeypatch):
    monkeypatch.setattr(_stored, "WINDOW_BYTES", 1)
    data = data_of()
    assert data.block_rows == 1 and data.window_rows == BLOCKS


def stored(data, window_rows=None):
    """Write what a network is given to disk."""
    store = Store(
        [(a.shape[1:], a.dtype, a.dtype) for a in data.arrays]
        + [((), "f8", "f8"), ((), "f8", "f8")]
    )
    store.append([*data.arrays, data.y[:, 0], data.weight])

    def finish(y, weight):
        return y[:, None].astype("f4"), weight.astype("f4")

    return StoredData(store, finish, (data.y, data.weight))


@pytest.mark.parametrize("engine", ["graph", "xla"])
def test_steps_on_stored_rows_are_those_on_rows_in_memory(build, data, recipe, engine):
    """Of one batch with all rows, whose order does not matter."""
    whole = replace(recipe, batch_size=50, schedule="constant")
    found = []
    for rows in (data, stored(data)):
        program = build()
        program.network.layers[2].rate = 0.0
        program.initialise(0)
        history = training.train(program, rows, whole, engine=engine)
        found.append([history["loss"], *program.get_weights()])
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
