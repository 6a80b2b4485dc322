"""Products and likeness of modalities; fusions hold them against their equations."""

import numpy as np
import pytest
import tensorflow as tf

from skmm import layers

PRESENT = np.array([[1, 1, 1], [1, 0, 1], [0, 1, 0], [0, 0, 0]], "float32")


def vectors(width, n=3, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(4, width)).astype("float32") for _ in range(n)]


def test_an_outer_product_keeps_products_of_lower_order():
    a, b, c = vectors(2)
    out = np.asarray(layers.OuterProduct()([a, b, c], PRESENT)).reshape(4, 3, 3, 3)
    np.testing.assert_array_equal(out[:, 0, 0, 0], np.ones(4))
    np.testing.assert_allclose(out[0, 1:, 1:, 0], np.outer(a[0], b[0]), rtol=1e-5)
    np.testing.assert_allclose(out[1, 1:, 0, 1:], np.outer(a[1], c[1]), rtol=1e-5)
    np.testing.assert_array_equal(out[1, :, 1:], np.zeros((3, 2, 3)))  # b is absent
    assert np.count_nonzero(out[3]) == 1


def test_a_product_of_no_factors_is_one():
    out = layers.FactorProduct(3)(vectors(6), PRESENT)
    np.testing.assert_array_equal(out[3], np.ones(2))


def test_bilinear_pooling_of_a_pair_has_length_one():
    present = np.array([[1, 1], [1, 0], [1, 1], [1, 1]], "float32")
    out = np.asarray(layers.BilinearPooling(2)(vectors(8, 2), present))
    length = np.linalg.norm(out, axis=1)
    np.testing.assert_allclose(length, [1, 0, 1, 1], rtol=1e-3)


def test_likeness_is_over_the_pairs_that_are_present():
    s = np.stack(vectors(4), axis=1)
    out = np.asarray(layers.PairLikeness()(s, PRESENT))
    a, _, c = s[1]
    cosine = a @ c / np.linalg.norm(a) / np.linalg.norm(c)
    expected = np.concatenate([np.abs(a - c), a * c, [cosine]])
    np.testing.assert_allclose(out[1], expected, rtol=1e-5)
    np.testing.assert_array_equal(out[2:], np.zeros((2, 9)))
    order = [2, 0, 1]
    np.testing.assert_allclose(
        layers.PairLikeness()(s[:, order], PRESENT[:, order]), out, rtol=1e-5, atol=1e-6
    )


def test_one_modality_is_like_nothing():
    out = layers.PairLikeness()(vectors(4)[0][:, None], PRESENT[:, :1])
    np.testing.assert_array_equal(out, np.zeros((4, 9)))


@pytest.mark.parametrize(
    ("layer", "width"), [(layers.BilinearPooling(2), 4), (layers.PairLikeness(), 4)]
)
def test_gradients_at_zero_are_finite(layer, width):
    x = tf.zeros((4, 3, width))
    with tf.GradientTape() as tape:
        tape.watch(x)
        pair = isinstance(layer, layers.PairLikeness)
        out = layer(x if pair else [x[:, m] for m in range(3)], PRESENT)
    assert np.isfinite(tape.gradient(out, x)).all()
