"""Layers: each against a few lines of NumPy, and each written out and read back."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from skmm import layers

NAN = np.nan


def values(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


LAYERS = {
    "AbsentEmbedding": ({"index": 1}, [(2, 3), (2, 2)]),
    "CategoryEmbedding": ({"cardinalities": (2, 3)}, [(2, 4)]),
    "FoldAxis": ({}, [(2, 3, 4)]),
    "MaskMissing": ({"indicator": "missing"}, [(2, 3)]),
    "MaskedPooling": ({"mode": "sqrt"}, [(2, 3, 4)]),
    "Observed": ({"window": (2,)}, [(2, 3, 4)]),
    "PositionEmbedding": ({}, [(2, 3, 4)]),
    "TokenEmbedding": ({"input_dim": 5, "output_dim": 3}, [(2, 4)]),
    "UnfoldAxis": ({"size": 2}, [(4, 3)]),
}


def test_every_layer_with_parameters_is_tried():
    assert {*LAYERS, "Mixture"} == set(layers.__all__)


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_is_read_back_from_its_config(name):
    config, shapes = LAYERS[name]
    layer = getattr(layers, name)(**config)
    inputs = [values(*shape) for shape in shapes]
    expected = layer(*inputs)
    text = keras.saving.serialize_keras_object(layer)
    assert text["registered_name"] == f"skmm>{name}"
    copy = keras.saving.deserialize_keras_object(text)
    for key, value in config.items():
        assert getattr(copy, key) == value
    copy(*inputs)
    copy.set_weights(layer.get_weights())
    np.testing.assert_array_equal(copy(*inputs), expected)


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_knows_its_output_before_it_runs(name):
    config, shapes = LAYERS[name]
    layer = getattr(layers, name)(**config)
    specs = [keras.KerasTensor((None, *shape[1:])) for shape in shapes]
    expected = layer(*specs)
    found = layer(*(values(*shape) for shape in shapes))
    assert tuple(found.shape)[1:] == tuple(expected.shape)[1:]
    assert expected.shape[0] is None
    assert keras.backend.standardize_dtype(found.dtype) == expected.dtype


@pytest.mark.parametrize("name", LAYERS)
def test_each_weight_has_the_initializer_of_its_name(name):
    config, shapes = LAYERS[name]
    layer = getattr(layers, name)(**config)
    layer(*(values(*shape) for shape in shapes))
    for weight in layer.weights:
        initializer = getattr(layer, f"{weight.name}_initializer")
        assert isinstance(initializer, keras.Initializer)


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


def test_each_code_is_looked_up_in_its_columns_part_of_the_table():
    layer = layers.CategoryEmbedding((2, 3), embedding_dim=2)
    x = np.array([[0.5, 1, 0], [0.1, 0, 2]], "float32")
    out = layer(x)
    table = np.asarray(layer.embeddings)
    assert table.shape == (5, 2)
    expected = [
        [0.5, *table[1], *table[2]],
        [0.1, *table[0], *table[4]],
    ]
    np.testing.assert_array_equal(out, np.array(expected, "float32"))


def test_each_token_gets_its_row_and_the_gradient_no_other():
    layer = layers.TokenEmbedding(5, 3)
    ids = np.array([[1, 3], [3, 0]])
    with tf.GradientTape() as tape:
        vectors = layer(ids)
        total = tf.reduce_sum(vectors)
    np.testing.assert_array_equal(vectors, layer.get_weights()[0][ids])
    gradient = tape.gradient(total, layer.trainable_variables[0].value)
    assert isinstance(gradient, tf.IndexedSlices)
    np.testing.assert_array_equal(gradient.indices, ids.ravel())


def test_a_code_beyond_its_column_stays_in_its_part_of_the_table():
    layer = layers.CategoryEmbedding((2, 3), embedding_dim=2)
    out = layer(np.array([[9, -9]], "float32"))
    table = np.asarray(layer.embeddings)
    np.testing.assert_array_equal(out, [[*table[1], *table[2]]])


def test_every_place_gets_its_own_vector():
    layer = layers.PositionEmbedding()
    x = values(2, 3, 4)
    np.testing.assert_allclose(layer(x), x + np.asarray(layer.positions), rtol=1e-6)
    assert layer.positions.shape == (3, 4)


def test_folding_is_undone_by_unfolding():
    x = values(2, 3, 4, 5)
    folded = layers.FoldAxis()(x)
    np.testing.assert_array_equal(folded, x.reshape(6, 4, 5))
    np.testing.assert_array_equal(layers.UnfoldAxis(3)(folded), x)


def test_folded_bytes_are_bytes():
    symbol = layers.FoldAxis()(keras.KerasTensor((None, 3, 4), dtype="uint8"))
    assert symbol.dtype == "uint8"
    assert layers.FoldAxis()(np.zeros((2, 3, 4), "uint8")).dtype == "uint8"


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
