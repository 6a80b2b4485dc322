"""CRNNEncoder: convolutions, then steps in their order."""

import keras
import numpy as np
import pytest

from skmm.encoders.crnn import CRNNEncoder


@pytest.mark.parametrize(
    ("kind", "shape", "dtype", "left"),
    [
        ("audio", (63, 32, 1), "float16", (16, 4 * 16)),
        ("audio", (3, 2, 1), "float16", (3, 2 * 16)),
        ("image", (28, 28, 1), "uint8", (14, 4 * 16)),
        ("timeseries", (64, 3), "float32", (16, 16)),
    ],
)
def test_a_few_steps_are_read(build, kind, shape, dtype, left):
    network = build(CRNNEncoder(filters=4), kind, shape, dtype)
    assert network.get_layer("m_bands").output.shape == (None, *left)


def test_steps_that_hold_nothing_stay_out(build):
    network = build(CRNNEncoder(units=8, filters=4), "audio", (64, 8, 1), "float16")
    x = np.full((1, 64, 8, 1), np.nan, "float16")
    x[0, :24] = 1
    mask = keras.Model(network.input, network.get_layer("m_observed").output)(x)
    np.testing.assert_array_equal(mask[0], np.arange(16) < 6)
    assert np.isfinite(network(x)).all()


def test_it_tells_an_order_of_sounds(accuracy):
    rng = np.random.default_rng(0)
    x = 0.3 * rng.normal(size=(160, 24, 8, 1))
    y = np.arange(160) % 2 == 0
    for sound, rises in zip(x, y, strict=True):
        start = rng.integers(0, 8)
        for i in range(8):
            sound[start + 2 * i : start + 2 * i + 2, i if rises else 7 - i] += 2
    encoder = CRNNEncoder(units=16, filters=8)
    assert accuracy(encoder, x.astype("float16"), y, "audio", epochs=10) > 0.85
