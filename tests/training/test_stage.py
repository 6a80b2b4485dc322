"""A file holds the last state or the one before, and never a part of one."""

import errno
import json
import os
import time

import numpy as np
import pytest
import tensorflow as tf

from skmm.exceptions import CheckpointError
from skmm.training import Stage, _stage, read_about

STATE = {
    "epoch": 3,
    "seconds": 1.5,
    "done": False,
    "history": {"loss": [1.0, 0.1 + 0.2], "val_loss": [np.inf, np.nan]},
    "order": {"state": 2**127 + 1},
    "weights": [np.arange(6, dtype=np.float32).reshape(2, 3), None],
    "best": None,
}


def refuse(error):
    raise error


@pytest.fixture
def path(tmp_path):
    return tmp_path / "fit-0.npz"


def opened(path, failed=refuse):
    return Stage(path, {"who": "me"}, failed)


def test_there_is_nothing_at_first(path):
    stage = opened(path)
    assert stage.state is None
    assert (stage.seconds, stage.epochs) == (0.0, 0)
    assert list(path.parent.iterdir()) == []


def test_what_was_written_is_found_to_the_bit(path):
    opened(path).write(STATE)
    found = opened(path)
    assert (found.seconds, found.epochs) == (1.5, 3)
    np.testing.assert_equal(found.state, STATE)
    assert found.state["weights"][0].dtype == np.float32
    assert found.found == read_about(path) == {"who": "me"}


def test_types_that_numpy_has_no_name_for_are_found(path):
    value = tf.constant([1.5, -2.0], tf.bfloat16).numpy()
    opened(path).write({"weights": [value], "step": np.int64(7)})
    found = opened(path).state
    assert found["weights"][0].dtype == value.dtype
    np.testing.assert_array_equal(found["weights"][0], value)
    assert found["step"] == 7
    assert found["step"].dtype == np.int64


def test_nothing_in_a_file_is_a_pickle(path):
    opened(path).write(STATE)
    with np.load(path, allow_pickle=False) as file:
        text = json.loads(file["text"].tobytes())
        assert all(file[name].dtype != object for name in file.files)
    assert text["about"] == {"who": "me"}


def test_states_are_written_no_more_often_than_it_pays(path, monkeypatch):
    now, copied = [100.0], []
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    write = _stage._write

    def slowly(*args):
        now[0] += 0.5
        write(*args)

    monkeypatch.setattr(_stage, "_write", slowly)
    stage = opened(path)
    for _ in range(30):
        now[0] += 1.0
        stage.offer(lambda: copied.append(now[0]) or STATE)
    assert copied == [102.0, 112.5, 123.0]  # 2 seconds, then 20 times half a second


@pytest.mark.parametrize("name", ["fsync", "replace"])
def test_a_disk_that_is_full_leaves_the_last_state(path, monkeypatch, name):
    opened(path).write(STATE)
    failures = []

    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, name, full)
    opened(path, failures.append).write({**STATE, "epoch": 4})
    monkeypatch.undo()
    assert [e.__cause__.errno for e in failures] == [errno.ENOSPC]
    assert opened(path).state["epoch"] == 3
    assert list(path.parent.iterdir()) == [path]


def test_an_interrupt_leaves_the_last_state(path, monkeypatch):
    opened(path).write(STATE)

    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", interrupted)
    with pytest.raises(KeyboardInterrupt):
        opened(path).write({**STATE, "epoch": 4})
    monkeypatch.undo()
    assert opened(path).state["epoch"] == 3
    assert list(path.parent.iterdir()) == [path]


def test_what_a_kill_has_left_is_removed_once_it_is_old(path):
    left = [path.with_name(f".fit-0.npz.{n}.tmp") for n in (1, 2)]
    for file in left:
        file.write_bytes(b"half a state")
    os.utime(left[0], (0, 0))
    opened(path)
    assert [file.exists() for file in left] == [False, True]


@pytest.mark.parametrize("content", [b"", b"no archive", "cut"])
def test_a_file_that_cannot_be_read_is_named_with_the_remedy(path, content):
    if content == "cut":
        opened(path).write(STATE)
        content = path.read_bytes()[:-40]
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"fit-0\.npz.*cannot be read.*delete it"):
        opened(path)
