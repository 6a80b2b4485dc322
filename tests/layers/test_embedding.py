"""Learned vectors, against look-ups in NumPy."""

import numpy as np
import tensorflow as tf

from skmm import layers


def values(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


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
