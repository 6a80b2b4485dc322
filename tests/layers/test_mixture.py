"""Weighted means, against NumPy."""

import keras
import numpy as np
import pytest

from skmm import layers
from skmm._targets import ClassTarget, NumberTarget


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


TARGETS = {
    "binary": ClassTarget("binary", [np.array([0, 1])]),
    "multiclass": ClassTarget("multiclass", [np.arange(3)]),
    "multilabel": ClassTarget("multilabel", [np.array([0, 1])] * 2),
    "multioutput": ClassTarget("multioutput", [np.arange(2), np.arange(3)]),
    "squared": NumberTarget("squared", np.zeros(2), np.ones(2), flat=False),
}


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("n_networks", [1, 2])
def test_opinions_are_pooled_as_the_target_pools_them(kind, n_networks):
    target, n = TARGETS[kind], sum(TARGETS[kind].sizes)
    shares = np.array([0.5, 0.3, 0.2])
    z = [3 * values(5, n, seed=i) for i in range(3 * n_networks)]
    present = np.array([[1, 1], [1, 0], [0, 1], [0, 0], [1, 1]], "float32")
    pool = layers.OpinionPool(shares.tolist(), kind, target.sizes, temperature=2.0)
    out = pool(z, present)
    own = [
        z[i]
        if i % 3 == 0
        else np.where(present[:, i % 3 - 1 : i % 3] > 0, z[i], z[i - i % 3])
        for i in range(len(z))
    ]
    weights = np.tile(shares, n_networks) / n_networks
    expected = target.pool(np.stack(own) / 2, weights)
    np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-5)


def test_an_opinion_beyond_the_modalities_is_heard_of_every_row():
    z = [values(3, 1, seed=i) for i in range(3)]
    pool = layers.OpinionPool([0.5, 0.25, 0.25], "squared", [1])
    out = pool(z, np.array([[1], [0], [1]], "float32"))
    own = [z[0], np.where([[True], [False], [True]], z[1], z[0]), z[2]]
    np.testing.assert_allclose(out, 0.5 * own[0] + 0.25 * (own[1] + own[2]), rtol=1e-5)


def test_a_pool_is_read_back_from_its_config():
    layer = layers.OpinionPool([0.75, 0.25], "multiclass", [3], 1.5)
    text = keras.saving.serialize_keras_object(layer)
    copy = keras.saving.deserialize_keras_object(text)
    assert copy.get_config() == layer.get_config()
    opinions = [keras.KerasTensor((None, 3))] * 2
    assert copy(opinions, keras.KerasTensor((None, 1))).shape == (None, 3)
