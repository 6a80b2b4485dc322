"""Predictions of rows, alone or among many, in bounded memory."""

import keras
import numpy as np
import pytest

from skmm import training
from skmm._memory import aligned
from skmm.training._forward import chunks, resident


def test_predictions_do_not_depend_on_the_other_rows():
    """Odd widths end in remainders, which these layers round in another way."""
    x = keras.Input((7,))
    hidden = keras.layers.Dense(33, activation="sigmoid")(x)
    hidden = keras.layers.LayerNormalization()(hidden)
    hidden = keras.layers.Dense(13, activation="elu")(hidden)
    outputs = {"logits": keras.layers.Dense(1)(hidden), "embedding": hidden}
    loss = training.Loss("binary", (1,))
    sgd = training.make_optimizer("sgd", 0.1)
    network = keras.Model(x, outputs)
    program = training.Program(network, loss, sgd, takes_present=False)
    program.initialise(0)
    rows = np.random.default_rng(0).normal(size=(203, 7)).astype(np.float32)
    whole = training.predict(program, [rows], list(outputs))
    for size in (1, 3, 8, 20):
        parts = [
            training.predict(program, [rows[i : i + size]], list(outputs))
            for i in range(0, len(rows), size)
        ]
        for all_at_once, piecewise in zip(whole, zip(*parts, strict=True), strict=True):
            np.testing.assert_array_equal(all_at_once, np.concatenate(piecewise))


def test_no_rows_are_refused(build, data):
    program = build()
    with pytest.raises(ValueError, match=r"0 sample\(s\)"):
        training.predict(program, [data.arrays[0][:0]])


def test_several_outputs_at_once(build, data):
    program = build()
    program.initialise(0)
    logits, embedding = training.predict(program, data.arrays, ["logits", "embedding"])
    assert logits.shape == (50, 3)
    assert embedding.shape == (50, program.n_features_out)


def test_chunks_cover_every_row_once_and_stay_small():
    wide = np.zeros((1000, 100), np.float32)
    slices = list(chunks([wide], 1000, limit=400 * 64))
    assert [s.start for s in slices[1:]] == [s.stop for s in slices[:-1]]
    assert slices[-1].stop == 1000
    assert max(s.stop - s.start for s in slices) == 64


def test_chunks_of_many_classes_stay_small_too():
    narrow = np.zeros((1000, 2), np.float32)
    slices = list(chunks([narrow], 1000, limit=4 * 10_000 * 16, n_logits=10_000))
    assert max(s.stop - s.start for s in slices) == 16
    assert slices[-1].stop == 1000


@pytest.mark.parametrize("room", [0, 3, 9])
@pytest.mark.parametrize(
    "array",
    [
        np.arange(12, dtype=np.float32).reshape(6, 2),
        np.arange(12, dtype=np.int32).reshape(6, 2)[:, ::2],
        np.arange(7, dtype=np.uint8)[1:],
        np.zeros((6, 0), np.float16),
        np.array([True, False] * 3),
    ],
    ids=["rows", "columns", "part", "empty", "flags"],
)
def test_a_tensor_holds_the_rows_and_zeros_behind_them(array, room):
    array.flags.writeable = False
    tensor = resident(array, room).numpy()
    np.testing.assert_array_equal(tensor[: len(array)], array)
    assert tensor.dtype == array.dtype
    assert len(tensor) == max(room, 6)
    assert not tensor[6:].any()


def test_aligned_memory_is_lent_and_outlives_its_array():
    array = aligned((4, 16), np.float32)
    tensor = resident(array)
    array[0, 0] = 7
    assert tensor[0, 0] == 7
    del array
    assert tensor.numpy().sum() == 7
