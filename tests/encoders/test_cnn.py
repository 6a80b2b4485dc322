"""CNNEncoder: series, images, spectrograms and sets of images."""

import keras
import numpy as np
import pytest

from skmm.encoders.cnn import CNNEncoder

SMALL = CNNEncoder(units=8, filters=4)


@pytest.mark.parametrize(
    ("kind", "shape", "dtype", "left"),
    [
        ("image", (8, 8, 1), "uint8", (4, 4)),
        ("image", (28, 28, 1), "uint8", (4, 4)),
        ("image", (64, 48, 3), "uint8", (4, 3)),
        ("image", (1, 1, 3), "uint8", (1, 1)),
        ("audio", (141, 40, 1), "float16", (5, 5)),
        ("timeseries", (29, 12), "float32", (4,)),
        ("timeseries", (256, 1), "float32", (4,)),
        ("timeseries", (1, 5), "float32", (1,)),
        ("vector", (6, 5), "float32", (3,)),
    ],
)
def test_few_places_are_left_of_any_shape(build, kind, shape, dtype, left):
    pooled = build(SMALL, kind, shape, dtype).get_layer("m_pool").input
    places = pooled[0] if isinstance(pooled, list) else pooled
    assert places.shape == (None, *left, 16)


def test_filters_double_twice_at_most(build):
    network = build(SMALL, "timeseries", (256, 1))
    found = [
        w.shape[-1] for w in network.weights if "conv" in w.path and len(w.shape) > 1
    ]
    assert found == [4, 8, 16, 16, 16, 16]


def test_filters_are_wider_on_series_unless_told(build):
    def width(encoder, kind, shape):
        return build(encoder, kind, shape).get_layer("m_conv_0").kernel_size[0]

    assert width(CNNEncoder(), "timeseries", (16, 1)) == 7
    assert width(CNNEncoder(), "audio", (16, 16, 1)) == 3
    assert width(CNNEncoder(kernel_size=5), "timeseries", (16, 1)) == 5


def test_places_that_hold_nothing_stay_out_of_the_mean(build):
    network = build(SMALL, "timeseries", (64, 1))
    mask = network.get_layer("m_observed").output
    x = np.full((1, 64, 1), np.nan, "float32")
    x[0, :20] = 1
    observed = keras.Model(network.input, mask)(x)
    np.testing.assert_array_equal(observed, [[True, True, False, False]])


def test_a_missing_image_of_several_says_nothing(build):
    network = build(SMALL, "image", (3, 8, 8, 1), "float16")
    x = np.random.default_rng(0).integers(0, 256, (1, 3, 8, 8, 1)).astype("float16")
    x[0, 2] = np.nan
    again = x[:, [0, 1, 0]]
    again[0, 2] = np.nan
    swapped = x[:, [2, 1, 0]]
    expected = network(x)
    assert np.isfinite(expected).all()
    np.testing.assert_allclose(network(swapped), expected, atol=1e-5)


def test_a_set_of_one_image_is_that_image(build):
    one = build(SMALL, "image", (8, 8, 1), "float16")
    many = build(SMALL, "image", (2, 8, 8, 1), "float16")
    x = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 1)).astype("float16")
    assert one.count_params() - many.count_params() == 3 * 3 * 4  # the indicator's
    alone = build(SMALL, "image", (8, 8, 1), "uint8")
    many.set_weights(alone.get_weights())
    pair = np.stack([x, np.full_like(x, np.nan)], axis=1)
    np.testing.assert_allclose(many(pair), alone(x.astype("uint8")), atol=1e-5)


def test_statistics_join_what_the_filters_find(build):
    def width(encoder, kind, shape):
        return build(encoder, kind, shape).get_layer("m_project").kernel.shape[0]

    without = CNNEncoder(filters=4, statistics=False)
    assert width(without, "audio", (63, 32, 1)) == 16
    assert width(SMALL, "audio", (63, 32, 1)) == 16 + 32 * 3 + 16 * 8
    assert width(SMALL, "timeseries", (63, 3)) == 16


def test_batch_normalisation_learns_moving_averages(build):
    network = build(CNNEncoder(normalization="batch"), "image", (8, 8, 1), "uint8")
    x = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 1)).astype("uint8")
    before = [w.numpy() for w in network.non_trainable_weights]
    assert len(before) == 2 * 3
    network(x)
    for weight, start in zip(network.non_trainable_weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), start)
    network(x, training=True)
    for weight, start in zip(network.non_trainable_weights, before, strict=True):
        assert np.any(weight.numpy() != start)


def test_augmentation_leaves_the_statistics_alone(build):
    network = build(CNNEncoder(augment=("mask",)), "audio", (16, 16, 1))
    x = np.random.default_rng(0).normal(size=(4, 16, 16, 1)).astype("float32")
    names = ("m_moments", "m_gradients", "m_pool")
    outputs = [network.get_layer(name).output for name in names]
    *kept, changed = keras.Model(network.input, outputs)(x, training=True)
    *expected, before = keras.Model(network.input, outputs)(x)
    for found, same in zip(kept, expected, strict=True):
        np.testing.assert_array_equal(found, same)
    assert np.any(changed != before)


@pytest.mark.parametrize("statistics", [False, True])
def test_it_learns_a_shape_wherever_it_is(accuracy, upright_or_flat, statistics):
    x, y = upright_or_flat
    encoder = CNNEncoder(statistics=statistics)
    assert accuracy(encoder, x, y, "image", epochs=10) > 0.85


def test_it_learns_a_shape_in_a_series(accuracy):
    rng = np.random.default_rng(0)
    x = 0.3 * rng.normal(size=(160, 30, 1))
    y = np.arange(160) % 2 == 0
    for series, rises in zip(x, y, strict=True):
        start = rng.integers(0, 15)
        ramp = np.linspace(0, 2, 8)
        series[start : start + 8, 0] += ramp if rises else ramp[::-1]
        series[25:] = np.nan
    score = accuracy(CNNEncoder(), x.astype("float32"), y, "timeseries", epochs=10)
    assert score > 0.85
