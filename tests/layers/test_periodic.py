"""Waves of numbers, against NumPy."""

import numpy as np

from skmm import layers


def test_waves_come_behind_the_columns_as_they_are():
    x = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    layer = layers.PeriodicEmbedding(n_numbers=2, n_frequencies=6, embedding_dim=3)
    found = np.asarray(layer(x))
    f, b, W, c = (w.numpy() for w in layer.weights)
    assert (f.shape, b.shape, W.shape, c.shape) == ((2, 6), (2, 6), (2, 6, 3), (2, 3))
    waves = np.cos(2 * np.pi * x[:, :2, None] * f + b)
    embedded = [waves[:, j] @ W[j] + c[j] for j in range(2)]
    np.testing.assert_array_equal(found[:, :4], x)
    np.testing.assert_allclose(found[:, 4:], np.hstack(embedded), rtol=1e-4, atol=1e-5)


def test_frequencies_start_low():
    layer = layers.PeriodicEmbedding(n_numbers=50, n_frequencies=40)
    layer(np.zeros((1, 50), "float32"))
    assert 0.09 < layer.frequencies.numpy().std() < 0.11
