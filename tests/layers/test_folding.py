"""Items of a row as rows, and back."""

import keras
import numpy as np

from skmm import layers


def values(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def test_folding_is_undone_by_unfolding():
    x = values(2, 3, 4, 5)
    folded = layers.FoldAxis()(x)
    np.testing.assert_array_equal(folded, x.reshape(6, 4, 5))
    np.testing.assert_array_equal(layers.UnfoldAxis(3)(folded), x)


def test_folded_bytes_are_bytes():
    symbol = layers.FoldAxis()(keras.KerasTensor((None, 3, 4), dtype="uint8"))
    assert symbol.dtype == "uint8"
    assert layers.FoldAxis()(np.zeros((2, 3, 4), "uint8")).dtype == "uint8"
