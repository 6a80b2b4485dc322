"""Moments and gradients against a few lines of NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from skmm import layers

NAN = np.nan


def values(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


@pytest.mark.parametrize("shape", [(3, 7, 4), (3, 5, 6, 4)])
def test_statistics_are_over_what_is_observed(shape):
    x = values(*shape) + 2
    observed = np.random.default_rng(1).random(shape[:-1]) < 0.6
    pooled = layers.StatisticsPooling()(x, observed)
    for row, here, out in zip(x, observed, pooled, strict=True):
        expected = np.concatenate([row[here].mean(0), row[here].std(0)])
        np.testing.assert_allclose(out, expected, rtol=1e-4)


def test_everything_is_observed_unless_told():
    x = values(2, 5, 3)
    expected = np.hstack([x.mean(1), x.std(1)])
    np.testing.assert_allclose(layers.StatisticsPooling()(x), expected, rtol=1e-4)


def test_statistics_of_nothing_are_zero_and_of_a_constant_have_a_gradient():
    x = tf.ones((2, 4, 3))
    observed = np.array([[True] * 4, [False] * 4])
    with tf.GradientTape() as tape:
        tape.watch(x)
        pooled = layers.StatisticsPooling()(x, observed)
    assert np.isfinite(tape.gradient(pooled, x)).all()
    np.testing.assert_array_equal(pooled[1], np.zeros(6))
    np.testing.assert_allclose(pooled[0], [1, 1, 1, 0, 0, 0], atol=0.01)


def cells(x, n):
    """The cells of a grid of n cells along both axes, as one axis."""
    parts = [np.array_split(rows, n, axis=1) for rows in np.array_split(x, n, axis=0)]
    return [cell for row in parts for cell in row]


def test_moments_are_those_of_each_cell():
    x = values(2, 6, 8, 3)
    x[1, :2] = NAN
    x[1, 4, 4] = NAN
    found = np.asarray(layers.LocalMoments((2, 2))(x)).reshape(2, 4, 9)
    for row, out in zip(x, found, strict=True):
        for cell, moments in zip(cells(row, 2), out, strict=True):
            seen = cell.reshape(-1, 3)
            seen = seen[~np.isnan(seen[:, 0])]
            expected = [seen.mean(0), np.log(seen.std(0) + 0.05) + 1.5, seen.max(0)]
            np.testing.assert_allclose(moments, np.concatenate(expected), atol=1e-4)


def test_a_constant_has_no_deviation_however_it_is_rounded():
    x = tf.fill((1, 8, 8, 1), tf.constant(-0.99999994))
    layer = layers.LocalMoments((4, 4), gaps=False)
    found = np.asarray(layer(x + 1e-7 * values(1, 8, 8, 1))).reshape(-1, 3)
    np.testing.assert_allclose(found[:, 1], np.log(0.05) + 1.5, atol=1e-6)


def test_a_cell_that_holds_nothing_counts_as_zero():
    x = np.full((1, 4, 4, 1), NAN, "float32")
    found = layers.LocalMoments((1, 1))(x)
    np.testing.assert_allclose(found, [[0, np.log(0.05) + 1.5, 0]], rtol=1e-5)


def test_gradients_are_those_of_each_cell():
    x = values(2, 6, 8, 3)
    grey = np.pad(x.mean(axis=-1), [(0, 0), (1, 1), (1, 1)], mode="edge")
    down = grey[:, 2:, 1:-1] - grey[:, :-2, 1:-1]
    right = grey[:, 1:-1, 2:] - grey[:, 1:-1, :-2]
    size, angle = np.hypot(down, right), np.arctan2(down, right)
    ways = np.arange(8) * np.pi / 4
    steep = size[..., None] * np.maximum(np.cos(angle[..., None] - ways), 0) ** 3
    found = np.asarray(layers.OrientedGradients((2, 2))(x)).reshape(2, 4, 8)
    for row, out in zip(steep, found, strict=True):
        for cell, gradients in zip(cells(row, 2), out, strict=True):
            expected = np.log(cell.mean(axis=(0, 1)) + 0.02) + 1.5
            np.testing.assert_allclose(gradients, expected, atol=1e-4)


def test_gradients_at_the_edge_of_what_is_known_stay_out():
    x = np.zeros((1, 8, 4, 1), "float32")
    x[:, 4:] = NAN
    flat = np.full((1, 8), np.log(0.02) + 1.5)
    np.testing.assert_allclose(layers.OrientedGradients((1, 1))(x), flat, rtol=1e-5)


@pytest.mark.parametrize("name", ["LocalMoments", "OrientedGradients"])
def test_without_gaps_the_numbers_are_the_same(name):
    x, layer = values(2, 9, 8, 3), getattr(layers, name)
    np.testing.assert_allclose(layer(gaps=False)(x), layer(gaps=True)(x), atol=1e-5)


@pytest.mark.parametrize("name", ["LocalMoments", "OrientedGradients"])
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (2, 7, 5, 2), (2, 63, 32, 1)])
def test_any_size_is_cut_into_no_more_cells_than_asked(name, shape):
    layer = getattr(layers, name)((4, 3))
    found = layer(values(*shape))
    assert np.isfinite(found).all()
    assert tuple(found.shape) == layer.compute_output_shape(shape)
    per_cell = 8 if name == "OrientedGradients" else 3 * shape[-1]
    assert found.shape[1] <= 12 * per_cell


@pytest.mark.parametrize("name", ["LocalMoments", "OrientedGradients"])
def test_xla_computes_the_same(name):
    layer, x = getattr(layers, name)(), values(2, 9, 8, 2)
    compiled = tf.function(lambda x: layer(x), jit_compile=True)
    np.testing.assert_allclose(compiled(x), layer(x), atol=1e-5)
