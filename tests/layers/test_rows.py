"""How many rows a network takes at a time."""

import keras
import numpy as np
import pytest

from skmm.layers._rows import padded_length, row_multiple
from skmm.training._forward import MOST_ROWS

LAYERS = {
    "dense": ((33,), [keras.layers.Dense(13, activation="elu")]),
    "one": ((7,), [keras.layers.Dense(1, activation="sigmoid")]),
    "normalised": ((64,), [keras.layers.LayerNormalization(), keras.layers.Dense(64)]),
    "convolution": ((15, 13, 3), [keras.layers.Conv2D(17, 3, activation="relu")]),
    "series": ((31, 5), [keras.layers.Conv1D(16, 7), keras.layers.Conv1D(32, 3, 2)]),
    "recurrent": ((9, 5), [keras.layers.GRU(17)]),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_row_has_its_bits_in_any_multiple(name):
    shape, layers = LAYERS[name]
    keras.utils.set_random_seed(0)
    network = keras.Sequential([keras.Input(shape), *layers])
    n = row_multiple()
    rows = np.random.default_rng(0).normal(size=(12 * n, *shape)).astype(np.float32)
    whole = np.asarray(network(rows))
    for k in (1, 2, 4):
        parts = [network(part) for part in np.split(rows, 12 // k)]
        np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_padded_length_is_the_next_multiple():
    n = row_multiple()
    assert [padded_length(k) for k in (1, n, n + 1)] == [n, n, 2 * n]
    assert padded_length(MOST_ROWS) == MOST_ROWS
