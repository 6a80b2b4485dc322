"""Missing rows, numbers and places, against a few lines of NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from skmm import layers

NAN = np.nan


def values(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def test_an_absent_row_gets_the_learned_vector():
    layer = layers.AbsentEmbedding(1, absent_initializer="ones")
    h, present = values(3, 4), np.array([[0, 1], [1, 0], [1, 1]], "float32")
    h[1] = NAN
    out = layer(h, present)
    np.testing.assert_array_equal(out, np.where(present[:, 1:] > 0, h, 1.0))


def test_an_absent_row_has_a_place_in_every_token():
    layer = layers.AbsentEmbedding(absent_initializer="ones")
    h, present = values(2, 3, 4), np.array([[1], [0]], "float32")
    out = np.asarray(layer(h, present))
    np.testing.assert_array_equal(out[0], h[0])
    np.testing.assert_array_equal(out[1], np.ones((3, 4)))


def test_nothing_of_an_absent_row_reaches_the_gradient():
    layer = layers.AbsentEmbedding()
    present = np.array([[1], [0]], "float32")
    h = tf.constant([[1.0, 2.0], [NAN, np.inf]])
    with tf.GradientTape() as tape:
        tape.watch(h)
        total = tf.reduce_sum(layer(h, present) ** 2)
    found, own = tape.gradient(total, [h, layer.absent])
    np.testing.assert_array_equal(found, [[2, 4], [0, 0]])
    np.testing.assert_array_equal(own, [0, 0])


@pytest.mark.parametrize(
    ("indicator", "appended"),
    [(None, []), ("observed", [1.0, 0.0]), ("missing", [0.0, 1.0])],
)
def test_missing_numbers_become_zero_with_an_indicator(indicator, appended):
    x = np.array([[2.0, NAN]], "float16")
    out = layers.MaskMissing(indicator)(x)
    assert out.dtype == "float32"
    np.testing.assert_array_equal(out, [[2.0, 0.0, *appended]])


def test_a_step_is_observed_if_any_channel_is():
    x = np.array([[[NAN, 1], [NAN, NAN], [0, 0]]], "float32")
    np.testing.assert_array_equal(layers.Observed()(x), [[True, False, True]])


def test_a_token_is_observed_unless_it_is_padding():
    ids = np.array([[3, 0, 1]], "int32")
    np.testing.assert_array_equal(layers.Observed(0)(ids), [[True, False, True]])


def test_an_image_is_observed_if_any_pixel_is():
    x = np.full((1, 2, 2, 2, 1), NAN, "float32")
    x[0, 1, 0, 0, 0] = 0
    np.testing.assert_array_equal(layers.Observed(3)(x), [[False, True]])


def test_a_window_is_observed_if_any_place_in_it_is():
    x = np.full((1, 5, 3, 1), NAN, "float32")
    x[0, 4, 2] = 1
    out = layers.Observed(window=(2, 2))(x)
    np.testing.assert_array_equal(
        out, [[[False, False], [False, False], [False, True]]]
    )


@pytest.mark.parametrize("shape", [(2, 5, 3), (2, 5, 2, 3)])
@pytest.mark.parametrize("mode", ["mean", "sqrt", "max"])
def test_pooling_is_over_what_is_observed(mode, shape):
    x = values(*shape) - 10  # so that a zero would win against every maximum
    observed = np.random.default_rng(1).random(shape[:-1]) < 0.5
    pooled = np.asarray(layers.MaskedPooling(mode)(x, observed))
    for row, here, out in zip(x, observed, pooled, strict=True):
        seen, n = row[here], here.sum()
        assert n
        expected = {
            "mean": lambda v, n: v.sum(0) / n,
            "sqrt": lambda v, n: v.sum(0) / np.sqrt(n),
            "max": lambda v, n: v.max(0),
        }[mode](seen, n)
        np.testing.assert_allclose(out, expected, rtol=1e-5)


@pytest.mark.parametrize("mode", ["mean", "sqrt", "max"])
def test_pooling_over_nothing_is_zero(mode):
    pooled = layers.MaskedPooling(mode)(values(2, 3, 4), np.zeros((2, 3), bool))
    np.testing.assert_array_equal(pooled, np.zeros((2, 4)))


def test_everything_is_observed_unless_told():
    x = values(2, 3, 4)
    np.testing.assert_allclose(layers.MaskedPooling()(x), x.mean(1), rtol=1e-5)


def test_what_stands_at_padding_becomes_zero():
    x = np.ones((1, 2, 3), "float32")
    out = layers.MaskPadding()(x, np.array([[True, False]]))
    np.testing.assert_array_equal(out, [[[1, 1, 1], [0, 0, 0]]])


def test_rare_tokens_weigh_more_and_padding_nothing():
    x = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32")
    ids = np.array([[1, 20, 0], [0, 0, 0]])
    weight = np.array([1, 1 + np.log(20)])
    expected = weight @ x[0, :2] / np.linalg.norm(weight)
    out = layers.RankedPooling()(x, ids)
    np.testing.assert_allclose(out, [expected, np.zeros(4)], rtol=1e-5)


def test_a_token_on_its_own_is_its_vector_however_frequent():
    x = np.ones((2, 1, 4), "float32")
    out = layers.RankedPooling()(x, np.array([[1], [5000]]))
    np.testing.assert_allclose(out, x[:, 0], rtol=1e-6)


@pytest.mark.parametrize("places", [(1,), (5,), (6,), (4, 6), (5, 3)])
def test_neighbouring_tokens_are_averaged_where_observed(places):
    x = values(3, *places, 2)
    observed = np.random.default_rng(1).random((3, *places)) < 0.5
    observed[0] = False
    layer = layers.FewerTokens((2,) * len(places))
    found, seen = layer(x, observed)
    described, _ = layer(
        keras.KerasTensor((None, *places, 2)),
        keras.KerasTensor((None, *places), dtype="bool"),
    )
    assert described.shape[1:] == tuple(found.shape)[1:]
    for cell in np.ndindex(*found.shape[1:-1]):
        block = (slice(None), *(slice(2 * i, 2 * i + 2) for i in cell))
        for row in range(3):
            here = observed[block][row]
            assert bool(seen[(row, *cell)]) == here.any()
            expected = x[block][row][here].mean(0) if here.any() else np.zeros(2)
            np.testing.assert_allclose(found[(row, *cell)], expected, rtol=1e-5)


def test_fewer_tokens_are_read_back_from_their_config():
    layer = layers.FewerTokens((2, 3))
    text = keras.saving.serialize_keras_object(layer)
    assert text["registered_name"] == "skmm>FewerTokens"
    assert keras.saving.deserialize_keras_object(text).window == (2, 3)


def test_the_sum_is_over_what_is_observed():
    x, observed = values(3, 4, 2), np.array([[1, 1, 0, 0], [0] * 4, [1] * 4], "float32")
    found = layers.MaskedPooling("sum")(x, observed)
    np.testing.assert_allclose(found, (x * observed[..., None]).sum(1), rtol=1e-5)
