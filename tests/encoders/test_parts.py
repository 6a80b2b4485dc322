"""How encoders begin and end."""

import keras
import numpy as np
import pytest

from skmm import ModalitySpec
from skmm.encoders._parts import embed_tokens, finite_numbers, may_have_gaps, project
from skmm.exceptions import ModalityError


def spec(kind, shape, dtype, **kwargs):
    return ModalitySpec("m", kind, shape, dtype, "mlp", **kwargs)


def network_of(some_spec, layers):
    x = keras.Input(some_spec.shape, dtype=some_spec.dtype)
    return keras.Model(x, layers(x))


@pytest.mark.parametrize(
    ("kind", "dtype", "gaps"),
    [
        ("tabular", "float32", False),
        ("vector", "float32", True),
        ("audio", "float16", True),
        ("image", "uint8", False),
        ("image", "float16", True),
        ("text", "int32", False),
    ],
)
def test_floats_outside_tables_may_have_gaps(kind, dtype, gaps):
    assert may_have_gaps(spec(kind, (3,), dtype)) == gaps


@pytest.mark.parametrize("dtype", ["uint8", "float16"])
def test_bytes_become_numbers_from_minus_one_to_one(dtype):
    images = spec("image", (2, 1, 1), dtype)
    scale = network_of(images, lambda x: finite_numbers(x, images, None))
    x = np.array([[0, 255]], dtype).reshape(1, 2, 1, 1)
    np.testing.assert_allclose(np.ravel(scale(x)), [-1, 1], atol=1e-6)


def test_a_missing_image_is_grey():
    images = spec("image", (2, 1, 1), "float16")
    scale = network_of(images, lambda x: finite_numbers(x, images, None))
    x = np.full((1, 2, 1, 1), np.nan, "float16")
    np.testing.assert_array_equal(np.ravel(scale(x)), [0, 0])


def test_numbers_that_are_no_bytes_are_taken_as_they_come():
    vectors = spec("vector", (2,), "float32")
    fill = network_of(vectors, lambda x: finite_numbers(x, vectors, "missing"))
    x = np.array([[300.0, np.nan]], "float32")
    np.testing.assert_array_equal(fill(x), [[300, 0, 0, 1]])


def test_a_table_gets_no_indicator():
    table = spec("tabular", (2,), "float32")
    keep = network_of(table, lambda x: finite_numbers(x, table, "missing"))
    assert keep(np.zeros((1, 2), "float32")).shape == (1, 2)


def test_padding_is_no_token():
    text = spec("text", (3,), "int32", vocabulary_size=5)
    look = network_of(text, lambda x: embed_tokens(x, text, 4))
    ids = np.array([[4, 1, 0]], "int32")
    tokens, observed = look(ids)
    np.testing.assert_array_equal(observed, [[True, True, False]])
    np.testing.assert_array_equal(tokens, np.asarray(look.weights[0])[ids])


def test_a_vector_is_not_read_as_token_ids():
    vectors = spec("vector", (7,), "float32")
    with pytest.raises(ModalityError, match=r"'m' holds a vector of 7.*\"mlp\""):
        embed_tokens(keras.Input((7,)), vectors, 4)


def test_token_ids_are_not_read_as_numbers():
    text = spec("text", (7,), "int32", vocabulary_size=5)
    with pytest.raises(ModalityError, match=r"'m' holds token ids.*\"embedding_bag\""):
        finite_numbers(keras.Input((7,), dtype="int32"), text, None)


def test_an_embedding_has_mean_zero_and_mean_square_one():
    end = network_of(
        spec("vector", (9,), "float32"), lambda x: project(1000 * x, 32, "m")
    )
    out = np.asarray(end(np.random.default_rng(0).normal(size=(5, 9))))
    np.testing.assert_allclose(out.mean(1), 0, atol=1e-5)
    np.testing.assert_allclose((out**2).mean(1), 1, atol=1e-3)
