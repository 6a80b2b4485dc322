"""Blocks of attention; tests of fusions hold them against NumPy."""

import keras
import numpy as np

from skmm import layers


def test_every_row_has_the_same_tokens():
    layer = layers.LearnedTokens(3)
    out = np.asarray(layer(np.ones((2, 5, 4), "float32")))
    np.testing.assert_array_equal(out[0], out[1])
    np.testing.assert_array_equal(out[0], layer.get_weights()[0])


def built(source):
    x, other = keras.Input((2, 4)), keras.Input((3, 4))
    observed = keras.Input((3,) if source else (2,), dtype="bool")
    out = layers.attention_block(
        x,
        observed,
        num_heads=2,
        dropout=0.0,
        name="b",
        source=other if source else None,
    )
    return keras.Model([x, other, observed], out)


def test_a_block_of_one_source_has_a_normalisation_less():
    names = {layer.name for layer in built(source=False).layers}
    assert "b_norm_attention" in names and "b_norm_source" not in names
    assert "b_norm_source" in {layer.name for layer in built(source=True).layers}


def test_one_token_that_answers_is_mapped():
    x, other = keras.Input((2, 4)), keras.Input((1, 4))
    options = {"num_heads": 2, "dropout": 0.0, "name": "b", "source": other}
    out = layers.attention_block(x, keras.Input((1,), dtype="bool"), **options)
    assert out.shape == (None, 2, 4)
    network = keras.Model([x, other], out)
    (kernel,) = network.get_layer("b_attention").get_weights()
    assert kernel.shape == (4, 4)
    rng = np.random.default_rng(0)
    x, other = (rng.normal(size=(3, n, 4)).astype("float32") for n in (2, 1))
    assert not np.allclose(network([x, other]), network([x, other[::-1]]))


def test_tokens_ask_another_modality_where_there_is_one():
    network = built(source=True)
    rng = np.random.default_rng(0)
    x, other = (rng.normal(size=(1, n, 4)).astype("float32") for n in (2, 3))
    seen = np.array([[True, True, False]])
    expected = np.asarray(network([x, other, seen]))
    changed = other.copy()
    changed[0, 2] += 1
    np.testing.assert_array_equal(network([x, changed, seen]), expected)
    changed[0, 1] += np.arange(4)
    assert not np.allclose(network([x, changed, seen]), expected)
