"""How encoders begin and end."""

import keras
import numpy as np
import pytest

from skmm import ModalitySpec
from skmm.encoders._parts import (
    augmented,
    described,
    embed_tokens,
    filled,
    finite_numbers,
    may_have_gaps,
    normalized,
    pooled_set,
    project,
    unfolded,
)
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


def test_several_images_are_unfolded_and_their_mean_is_taken():
    images = spec("image", (2, 1, 1, 1), "float16")

    def mean(x):
        x, seen = unfolded(x, images)
        x = filled(x, images, None)
        return pooled_set(keras.layers.Flatten()(x), seen, images)

    x = np.array([[0, 255], [255, np.nan]], "float16").reshape(2, 2, 1, 1, 1)
    np.testing.assert_allclose(network_of(images, mean)(x), [[0], [1]], atol=1e-6)


def test_one_image_stays_as_it_is():
    image = spec("image", (1, 1, 1), "uint8")
    x = keras.Input((1, 1, 1), dtype="uint8")
    numbers, seen = unfolded(x, image)
    assert seen is None and pooled_set(numbers, seen, image) is numbers


@pytest.mark.parametrize(
    ("kind", "shape", "augment"),
    [
        ("image", (8, 8, 1), ("shift", "flip", "erase")),
        ("audio", (8, 8, 1), ("mask",)),
    ],
)
def test_training_alone_sees_what_is_augmented(kind, shape, augment):
    some = spec(kind, shape, "float32")
    network = network_of(some, lambda x: augmented(x, some, augment))
    x = np.random.default_rng(0).normal(size=(32, *shape)).astype("float32")
    np.testing.assert_array_equal(network(x), x)
    assert np.any(network(x, training=True) != x)


@pytest.mark.parametrize(
    ("kind", "shape", "augment"),
    [
        ("image", (8, 8, 1), ("mask",)),
        ("image", (8, 8, 1), "flip"),
        ("audio", (8, 8, 1), ("flip",)),
        ("timeseries", (8, 1), ("shift",)),
    ],
)
def test_what_cannot_be_augmented_so_is_refused(kind, shape, augment):
    some = spec(kind, shape, "float32")
    with pytest.raises(ModalityError, match=r"'m'.*can be augmented by a tuple of any"):
        network_of(some, lambda x: augmented(x, some, augment))


@pytest.mark.parametrize(
    ("kind", "shape", "widths"),
    [
        ("image", (64, 48, 3), [16 * 9, 64 * 8]),
        ("image", (8, 8, 1), [16 * 3, 64 * 8]),
        ("image", (1, 200, 1), [4 * 3, 8 * 8]),
        ("audio", (63, 32, 1), [32 * 3, 16 * 8]),
    ],
)
def test_a_description_is_a_few_numbers_of_a_coarse_grid(kind, shape, widths):
    some = spec(kind, shape, "float32")
    network = network_of(some, lambda x: described(x, some))
    assert [x.shape[1] for x in network.output] == widths


def test_a_sound_is_described_alike_whenever_it_comes():
    sound = spec("audio", (40, 4, 1), "float32")
    x = np.zeros((2, 40, 4, 1), "float32")
    x[0, 4:9] = x[1, 22:27] = np.random.default_rng(0).normal(size=(5, 4, 1))
    for found in network_of(sound, lambda x: described(x, sound))(x):
        np.testing.assert_allclose(found[0], found[1], atol=1e-5)


def test_normalising_over_nothing_known_is_refused():
    x = keras.Input((4,))
    assert normalized(x, None, "n") is x
    with pytest.raises(ModalityError, match="got 'group'"):
        normalized(x, "group", "n")
