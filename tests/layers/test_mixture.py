"""The weighted sum, against NumPy."""

import keras
import numpy as np
import pytest

from skmm import layers


def values(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


@pytest.mark.parametrize("n_modalities", [1, 3])
@pytest.mark.parametrize("width", [1, 4])
def test_a_mixture_weighs_what_is_present(n_modalities, width):
    v = [values(5, 4, seed=m) for m in range(n_modalities)]
    s = 100 * values(5, n_modalities * width, seed=9)
    here = np.random.default_rng(2).random((5, n_modalities)) < 0.6
    here[0], here[1] = True, False
    out = layers.Mixture()(v, s, here.astype("float32"))
    for i in range(5):
        scores = s[i].reshape(n_modalities, width).astype("float64")
        if here[i].any():
            scores[~here[i]] = -np.inf
        w = np.exp(scores - scores.max(0))
        expected = (w / w.sum(0) * np.array([x[i] for x in v])).sum(0)
        np.testing.assert_allclose(out[i], expected, rtol=1e-4, atol=1e-6)


def test_a_mixture_is_read_back_from_its_config():
    layer = layers.Mixture(name="mix")
    text = keras.saving.serialize_keras_object(layer)
    assert keras.saving.deserialize_keras_object(text).name == "mix"
    inputs = [keras.KerasTensor((None, 4))] * 2, keras.KerasTensor((None, 8))
    assert layer(*inputs, keras.KerasTensor((None, 2))).shape == (None, 4)
