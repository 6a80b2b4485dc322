"""Augmentation: rows change in training alone, each in its own way."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from skmm import layers

NAN = np.nan
LAYERS = [
    layers.AugmentImage(0.25, flip=True, erase=1.0),
    layers.AugmentSpectrogram(0.4, 0.4),
]
each_layer = pytest.mark.parametrize("layer", LAYERS, ids=lambda x: type(x).__name__)


def pixels(n=64, dtype="float32", shape=(8, 6, 2)):
    return np.random.default_rng(0).integers(1, 255, (n, *shape)).astype(dtype)


def seeded(layer, seed=0):
    layer.seed_generator.state.assign([seed, 0])
    return layer


@each_layer
def test_nothing_changes_outside_training(layer):
    x = pixels()
    np.testing.assert_array_equal(layer(x, training=False), x)


@each_layer
def test_a_seed_decides_what_changes(layer):
    x = pixels()
    first = np.asarray(seeded(layer)(x, training=True))
    np.testing.assert_array_equal(seeded(layer)(x, training=True), first)
    assert np.any(np.asarray(layer(x, training=True)) != first)
    assert np.any(np.asarray(seeded(layer, 1)(x, training=True)) != first)


@each_layer
def test_each_row_changes_in_its_own_way(layer):
    x = np.repeat(pixels(1), 64, axis=0)
    changed = np.asarray(layer(x, training=True))
    assert len(np.unique(changed.reshape(64, -1), axis=0)) > 32


@pytest.mark.parametrize("dtype", ["uint8", "float16", "float32"])
@each_layer
def test_the_dtype_stays(layer, dtype):
    layer = type(layer)(dtype="float16" if dtype == "float16" else None)
    assert layer(pixels(dtype=dtype), training=True).dtype == dtype


@each_layer
def test_nan_stays_and_spreads_no_further(layer):
    x = pixels()
    x[0], x[1, :, 3] = NAN, NAN
    changed = np.asarray(layer(x, training=True))
    assert np.isnan(changed[0]).all()
    assert np.isfinite(changed[2:]).all()
    assert np.isfinite(changed[1]).any()


@pytest.mark.parametrize("jit_compile", [False, True])
@each_layer
def test_it_is_compiled_and_a_seed_decides_then_too(layer, jit_compile):
    x = pixels()
    compiled = tf.function(lambda x: layer(x, training=True), jit_compile=jit_compile)
    seeded(layer)
    first = np.asarray(compiled(x))
    assert np.isfinite(first).all() and np.any(first != x)
    assert np.any(np.asarray(compiled(x)) != first)
    seeded(layer)
    np.testing.assert_array_equal(compiled(x), first)
    if not jit_compile:  # XLA draws others
        np.testing.assert_allclose(seeded(layer)(x, training=True), first, rtol=1e-6)


def test_a_shift_repeats_the_edge():
    x = np.arange(48, dtype="float32").reshape(1, 8, 6, 1).repeat(200, axis=0)
    changed = np.asarray(layers.AugmentImage(0.25)(x, training=True))
    expected = {
        x[0][np.clip(np.arange(8) + a, 0, 7)][:, np.clip(np.arange(6) + b, 0, 5)]
        .tobytes()
        for a in range(-2, 3)
        for b in range(-2, 3)
    }  # fmt: skip
    assert {image.tobytes() for image in changed} == expected


def test_a_flip_mirrors_half_of_the_rows():
    x = np.repeat(pixels(1), 400, axis=0)
    changed = np.asarray(layers.AugmentImage(0, flip=True)(x, training=True))
    mirrored = (changed == x[:, :, ::-1]).all(axis=(1, 2, 3))
    assert ((changed == x).all(axis=(1, 2, 3)) ^ mirrored).all()
    assert 0.4 < mirrored.mean() < 0.6


def test_a_rectangle_becomes_the_mean():
    x = pixels(300, shape=(20, 20, 1)) / 255
    changed = np.asarray(layers.AugmentImage(0, erase=0.5)(x, training=True))
    hidden = changed != x
    erased = hidden.any(axis=(1, 2, 3))
    assert 0.4 < erased.mean() < 0.6
    for row in np.flatnonzero(erased):
        rows, columns, _ = np.nonzero(hidden[row])
        assert 0.005 < hidden[row].mean() < 0.45
        assert hidden[row][np.ix_(np.unique(rows), np.unique(columns))].all()
        np.testing.assert_allclose(changed[row][hidden[row]], x[row].mean(), rtol=1e-5)


def test_whole_steps_and_bands_are_hidden():
    x = np.ones((200, 20, 10, 1), "float32")
    layer = layers.AugmentSpectrogram(0.3, 0.4, n_masks=1)
    hidden = np.asarray(layer(x, training=True))[..., 0] == 0
    steps, bands = hidden.all(axis=2), hidden.all(axis=1)
    np.testing.assert_array_equal(hidden, steps[:, :, None] | bands[:, None, :])
    assert steps.sum(axis=1).max() == 6 and bands.sum(axis=1).max() == 4
    assert steps.any(axis=0).all() and bands.any(axis=0).all()


@each_layer
def test_training_reseeds_it_for_each_fit(layer):
    assert isinstance(layer.seed_generator, keras.random.SeedGenerator)
    assert not layer.trainable_weights
