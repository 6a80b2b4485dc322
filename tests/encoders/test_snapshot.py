"""Models as plain values, fitted to what a modality holds."""

import copy
import pickle
import random

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skmm import ModalitySpec
from skmm.encoders._snapshot import Snapshot, adapt, forward, item_shape
from skmm.exceptions import ModalityError

RNG = np.random.default_rng(0)
layers = keras.layers


def convolution(channels=3, size=None, seed=0):
    keras.utils.set_random_seed(seed)
    x = keras.Input((size, size, channels))
    return keras.Model(x, layers.Conv2D(4, 3, activation="relu")(x))


def image(shape=(6, 7, 3), dtype="uint8"):
    return ModalitySpec("photo", "image", shape, dtype, "cnn")


def adapted(model, spec, output=None, scaling=None):
    return adapt(Snapshot.of(model), spec, output, scaling)


def pixels(*shape):
    return RNG.integers(0, 256, shape).astype("uint8")


def test_a_snapshot_rebuilds_the_model():
    model, x = convolution(), pixels(2, 6, 7, 3)
    rebuilt = Snapshot.of(model).build()
    assert rebuilt is not model
    assert_array_equal(rebuilt(x), model(x))


def test_a_snapshot_is_plain_and_pickles_without_keras_objects():
    snapshot = Snapshot.of(convolution())
    for value in vars(snapshot).values():
        assert isinstance(value, (str, list))
    again = pickle.loads(pickle.dumps(snapshot))
    assert again == snapshot and hash(again) == hash(snapshot)
    assert copy.deepcopy(snapshot) is snapshot and copy.copy(snapshot) is snapshot


def test_training_the_model_later_does_not_change_its_snapshot():
    model = convolution()
    snapshot = Snapshot.of(model)
    before = snapshot.weights[0].copy()
    model.weights[0].assign_add(np.ones(before.shape))
    assert_array_equal(snapshot.weights[0], before)
    assert Snapshot.of(model).digest != snapshot.digest
    with pytest.raises(ValueError, match="read-only"):
        snapshot.weights[0][:] = 0


def test_names_that_keras_counts_up_are_no_part_of_the_digest():
    one, two = Snapshot.of(convolution()), Snapshot.of(convolution())
    assert one.digest == two.digest
    assert one != two  # a layer may be asked for by its name
    assert Snapshot.of(convolution(seed=1)).digest != one.digest
    stepping = keras.Sequential([keras.Input((None, None, 3)), layers.Conv2D(4, 3)])
    stepping.set_weights(one.weights)
    assert Snapshot.of(stepping).digest != one.digest


def test_how_a_model_was_compiled_does_not_matter():
    model = convolution()
    model.compile("adam", lambda y, p: keras.ops.mean(y - p))
    assert "compile_config" not in Snapshot.of(model).config


def test_a_model_without_weights_is_refused():
    with pytest.raises(ValueError, match="no weights yet: build"):
        Snapshot.of(keras.Sequential([layers.Dense(2)]))


def test_reading_a_model_leaves_pythons_random_numbers_alone():
    model, state = convolution(), random.getstate()
    adapted(model, image((5, 5, 3)))
    assert random.getstate() == state


def test_places_are_pooled_to_their_mean():
    model, x = convolution(), pixels(3, 6, 7, 3)
    found = forward(adapted(model, image()), x)
    assert_allclose(found, model(x).numpy().mean((1, 2)), rtol=1e-5)
    assert found.dtype == "float32"


def test_grey_images_are_repeated_for_a_model_of_colours():
    model, x = convolution(), pixels(3, 6, 7, 1)
    found = forward(adapted(model, image((6, 7, 1))), x)
    expected = model(np.repeat(x, 3, -1)).numpy().mean((1, 2))
    assert_allclose(found, expected, rtol=1e-5)


def test_images_are_resized_for_a_model_of_one_size():
    model, x = convolution(size=4), pixels(3, 6, 7, 3)
    found = forward(adapted(model, image()), x)
    resized = layers.Resizing(4, 4)(x.astype("float32"))
    assert_allclose(found, model(resized).numpy().mean((1, 2)), rtol=1e-5)


@pytest.mark.parametrize(
    ("scaling", "scale"),
    [
        (None, lambda x: x),
        ((1 / 255, -0.5), lambda x: x / 255 - 0.5),
        ((0.1, (0.0, 1.0, 2.0)), lambda x: x * 0.1 + np.array([0, 1, 2])),
        ("tf", lambda x: x / 127.5 - 1),
    ],
)
def test_numbers_are_scaled(scaling, scale):
    model, x = convolution(), pixels(3, 6, 7, 3)
    found = forward(adapted(model, image(), scaling=scaling), x)
    expected = model(scale(x.astype("float32"))).numpy().mean((1, 2))
    assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_of_several_images_the_model_takes_one():
    spec = image((2, 6, 7, 3), "float16")
    assert item_shape(spec) == (6, 7, 3)
    assert adapted(convolution(), spec).build().input_shape == (None, 6, 7, 3)


def test_a_layer_is_taken_by_its_name_and_what_follows_is_left_out():
    x = keras.Input((4,))
    middle = layers.Dense(3, name="middle")
    model = keras.Model(x, layers.Dense(2, activation="softmax")(middle(x)))
    spec = ModalitySpec("v", "vector", (4,), "float32", "mlp")
    values = RNG.normal(size=(5, 4)).astype("float32")
    snapshot = adapted(model, spec, "middle")
    assert_allclose(forward(snapshot, values), middle(values), rtol=1e-5)
    assert len(snapshot.weights) == 2
    with pytest.raises(ValueError, match=r"name of a layer, got 'nope'.*'middle'"):
        adapted(model, spec, "nope")


def text_model(names, outputs=("sequence_output", "pooled_output")):
    keras.utils.set_random_seed(0)
    inputs = {name: keras.Input((None,), dtype="int32", name=name) for name in names}
    ids, *others = inputs.values()
    x = layers.Embedding(9, 4)(ids)
    for other in others:
        x = x + layers.Embedding(2, 4)(other)
    pooled = layers.Dense(3)(x[:, 0])
    return keras.Model(inputs, dict(zip(outputs, (x, pooled), strict=True)))


TEXT = ModalitySpec("note", "text", (4,), "int32", "embedding_bag", vocabulary_size=10)
IDS = np.array([[3, 1, 0, 0], [9, 2, 4, 1]], "int32")


@pytest.mark.parametrize(
    "names",
    [["token_ids", "padding_mask"], ["input_ids", "attention_mask", "segment_ids"]],
)
def test_a_text_model_gets_ids_mask_and_segments_and_tokens_are_pooled(names):
    model = text_model(names)
    given = [np.maximum(IDS - 1, 0), (IDS > 0).astype("int32"), np.zeros_like(IDS)]
    tokens = model(dict(zip(names, given, strict=False)))["sequence_output"].numpy()
    mask = (IDS > 0)[..., None]
    expected = (tokens * mask).sum(1) / mask.sum(1)
    assert_allclose(forward(adapted(model, TEXT), IDS), expected, rtol=1e-5)


def test_the_length_of_a_text_is_no_part_of_its_features():
    snapshot = adapted(text_model(["token_ids", "padding_mask"]), TEXT)
    longer = np.pad(IDS, ((0, 0), (0, 3)))
    assert_allclose(forward(snapshot, longer), forward(snapshot, IDS), rtol=1e-5)


def test_one_of_several_outputs_is_named():
    model = text_model(["token_ids", "padding_mask"])
    found = forward(adapted(model, TEXT, "pooled_output"), IDS)
    assert found.shape == (2, 3)
    other = text_model(["token_ids"], outputs=("a", "b"))
    with pytest.raises(
        ValueError, match=r"2 outputs: output must be one of \['a', 'b'\]"
    ):
        adapted(other, TEXT)


def test_a_list_of_outputs_needs_a_layer():
    x = keras.Input((4,))
    model = keras.Model(x, [layers.Dense(2, name="a")(x), layers.Dense(3)(x)])
    spec = ModalitySpec("v", "vector", (4,), "float32", "mlp")
    with pytest.raises(
        ValueError, match="2 outputs: output must be the name of a layer"
    ):
        adapted(model, spec)
    assert forward(adapted(model, spec, "a"), np.zeros((1, 4))).shape == (1, 2)


def test_a_sequential_text_model_gets_ids():
    model = keras.Sequential(
        [keras.Input((None,), dtype="int32"), layers.Embedding(9, 4)]
    )
    tokens = model(np.maximum(IDS - 1, 0)).numpy()
    assert_allclose(forward(adapted(model, TEXT), IDS)[1], tokens[1].mean(0), rtol=1e-5)


@keras.saving.register_keras_serializable("tests")
class Subclassed(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(3)

    def call(self, x):
        return self.dense(x)


def test_a_model_that_is_no_graph_is_applied_as_it_is():
    model = Subclassed()
    values = RNG.normal(size=(5, 4)).astype("float32")
    expected = model(values)
    spec = ModalitySpec("v", "vector", (4,), "float32", "mlp")
    assert_allclose(forward(adapted(model, spec), values), expected, rtol=1e-5)


@pytest.mark.parametrize("n", [1, 3, 8, 11])
def test_features_of_a_row_do_not_depend_on_its_batch(n):
    snapshot, x = adapted(convolution(), image()), pixels(11, 6, 7, 3)
    assert_array_equal(forward(snapshot, x[:n]), forward(snapshot, x)[:n])


@pytest.mark.parametrize(
    ("model", "spec", "message"),
    [
        (
            convolution(),
            ModalitySpec("v", "vector", (4,), "float32", "mlp"),
            r"'v' holds arrays of shape \(4,\), and the pretrained .* takes \[\(None",
        ),
        (convolution(4), image(), r"'photo' holds arrays of shape \(6, 7, 3\).*4\)\.$"),
        (convolution(), TEXT, r"'note' holds token ids.*must take ids"),
        (
            keras.Sequential([keras.Input((5,)), layers.Dense(2)]),
            ModalitySpec("note", "text", (4,), "float32", "mlp"),
            r"shape \(4,\).*takes \(5,\)",
        ),
    ],
)
def test_a_model_that_takes_something_else_is_refused(model, spec, message):
    with pytest.raises(ModalityError, match=message):
        adapted(model, spec)


def test_a_model_must_return_vectors():
    model = keras.Sequential([keras.Input((4,)), layers.Reshape((4,))])
    x = keras.Input((4,))
    scalar = keras.Model(x, keras.ops.sum(x, axis=1))
    spec = ModalitySpec("v", "vector", (4,), "float32", "mlp")
    with pytest.raises(ValueError, match="vectors are needed"):
        adapted(scalar, spec)
    assert forward(adapted(model, spec), np.ones((1, 4))).shape == (1, 4)
