"""TransformerEncoder: tokens, patches of series and images."""

import numpy as np
import pytest

from skmm.encoders.transformer import TransformerEncoder
from skmm.exceptions import ModalityError

SMALL = TransformerEncoder(units=8, num_layers=1, num_heads=2)


@pytest.mark.parametrize(
    ("kind", "shape", "dtype", "n_tokens"),
    [
        ("timeseries", (20, 3), "float32", 20),
        ("timeseries", (100, 3), "float32", 50),
        ("timeseries", (1000, 3), "float32", 63),
        ("image", (8, 8, 1), "uint8", 64),
        ("image", (28, 30, 1), "uint8", 56),
        ("audio", (500, 40, 1), "float16", 64),
    ],
)
def test_there_are_at_most_64_patches(build, kind, shape, dtype, n_tokens):
    network = build(SMALL, kind, shape, dtype)
    assert network.get_layer("m_patches_flat").output.shape == (None, n_tokens, 8)


def test_padding_behind_a_text_says_nothing(build):
    short = build(SMALL, "text", (4,), "int32", vocabulary_size=9)
    long = build(SMALL, "text", (7,), "int32", vocabulary_size=9)
    places = np.asarray(long.get_layer("m_positions").positions)
    weights = {w.path: w for w in long.weights}
    for w in short.weights:
        value = places[:4] if w.name == "positions" else weights[w.path]
        w.assign(value)
    ids = np.array([[3, 1, 8, 2], [5, 5, 0, 0]], "int32")
    padded = np.pad(ids, ((0, 0), (0, 3)))
    np.testing.assert_allclose(long(padded), short(ids), atol=1e-5)


def test_a_missing_image_of_several_says_nothing(build):
    network = build(SMALL, "image", (2, 8, 8, 1), "float16")
    x = np.random.default_rng(0).integers(0, 256, (1, 2, 8, 8, 1)).astype("float16")
    x[0, 1] = np.nan
    twice = np.repeat(x[:, :1], 2, axis=1)
    np.testing.assert_allclose(network(x), network(twice), atol=1e-5)


def test_it_learns_an_order_of_tokens(accuracy):
    rng = np.random.default_rng(0)
    ids = rng.permuted(np.tile(np.arange(1, 5), (160, 1)), axis=1).astype("int32")
    y = (ids == 1).argmax(1) < (ids == 2).argmax(1)
    encoder = TransformerEncoder(num_layers=1)
    assert accuracy(encoder, ids, y, "text", epochs=15, vocabulary_size=5) > 0.8


def test_a_vector_is_refused(build):
    with pytest.raises(ModalityError, match="mlp"):
        build(SMALL, "vector", (3,))
