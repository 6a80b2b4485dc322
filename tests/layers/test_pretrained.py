"""PretrainedNetwork: which layers learn, and where their weights start."""

import json

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skmm import training
from skmm.layers import ImageScaling, PretrainedNetwork, TokenInput

X = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")


def pretrained():
    """Two dense blocks, the first in a model of its own, and a norm between."""
    keras.utils.set_random_seed(3)
    block = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(5, activation="relu", name="first")]
    )
    layers = [keras.layers.BatchNormalization(name="norm"), keras.layers.Dropout(0.5)]
    last = keras.layers.Dense(3, name="last")
    model = keras.Sequential([keras.Input((4,)), block, *layers, last])
    model.layers[1].moving_mean.assign([0.1, 0.2, 0.3, 0.4, 0.5])
    return model


MODEL = pretrained()
CONFIG = json.dumps(keras.saving.serialize_keras_object(MODEL))


def layer(tuned="none", **params):
    made = PretrainedNetwork(CONFIG, tuned, name="m_pretrained", **params)
    made.give(MODEL.get_weights())
    return made


def network(made):
    x = keras.Input((4,))
    outputs = {"logits": keras.layers.Dense(2)(made(x)), "embedding": made(x)}
    return keras.Model(x, outputs)


def learning(made):
    return ["/".join(v.path.split("/")[-2:]) for v in made.trainable_variables]


@pytest.mark.parametrize("tuned", ["none", "all", 1, "lora"])
def test_it_starts_as_the_model_it_was(tuned):
    assert_allclose(layer(tuned)(X), MODEL.predict_on_batch(X), atol=1e-6)


@pytest.mark.parametrize(
    ("tuned", "names"),
    [
        ("none", []),
        (1, ["last/kernel", "last/bias"]),
        (2, ["first/kernel", "first/bias", "last/kernel", "last/bias"]),
        (9, ["first/kernel", "first/bias", "last/kernel", "last/bias"]),
        ("all", ["first/kernel", "first/bias", "last/kernel", "last/bias"]),
    ],
)
def test_the_last_layers_learn_and_no_normalisation(tuned, names):
    made = layer(tuned)
    assert learning(made) == names


def test_low_rank_matrices_learn_alone():
    made = layer("lora", lora_rank=2)
    found = {v.path: tuple(v.shape) for v in made.trainable_variables}
    assert [path.rpartition("/")[2] for path in found] == 2 * [
        "lora_kernel_a",
        "lora_kernel_b",
    ]
    assert list(found.values()) == [(4, 2), (2, 5), (5, 2), (2, 3)]


def test_low_rank_adaptation_is_the_equation_of_the_paper():
    made = layer("lora", lora_rank=2)
    rng = np.random.default_rng(1)
    matrices = [rng.normal(size=v.shape) for v in made.trainable_variables]
    for variable, value in zip(made.trainable_variables, matrices, strict=True):
        variable.assign(value)
    w1, b1, gamma, beta, mean, var, w2, b2 = MODEL.get_weights()
    a1, c1, a2, c2 = matrices  # alpha is the rank
    hidden = np.maximum(X @ (w1 + a1 @ c1) + b1, 0)
    normed = (hidden - mean) / np.sqrt(var + 1e-3) * gamma + beta
    assert_allclose(made(X), normed @ (w2 + a2 @ c2) + b2, rtol=1e-4, atol=1e-5)


def test_a_row_of_a_batch_does_not_change_the_others_statistics():
    made = layer("all")
    made.network.layers[2].rate = 0.0
    first, other = X.copy(), X.copy()
    other[1:] += 100
    assert_allclose(
        made(first, training=True)[0], made(other, training=True)[0], atol=1e-6
    )
    assert_array_equal(made.network.get_weights()[4], MODEL.get_weights()[4])


@pytest.mark.parametrize("tuned", ["none", "all", "lora"])
def test_training_starts_from_what_was_given_at_every_fit(tuned):
    made = layer(tuned)
    loss = training.Loss("multiclass", (2,))
    sgd = training.make_optimizer("sgd", 0.1)
    program = training.Program(network(made), loss, sgd, takes_present=False)
    assert program.redrawable
    expected = made(X)
    for variable in made.network.weights:
        variable.assign(variable + 1)
    program.initialise(1)
    assert_array_equal(made(X), expected)
    first = made.get_weights()
    program.initialise(2)
    pairs = zip(first, made.get_weights(), strict=True)
    changed = [not np.array_equal(a, b) for a, b in pairs]
    assert sum(changed) == (2 if tuned == "lora" else 0)  # the matrices A


def test_pretrained_weights_move_by_a_part_of_the_step():
    made = layer("all", rate=0.25)
    assert {v.rate_factor for v in made.trainable_variables} == {0.25}
    assert not any(hasattr(v, "rate_factor") for v in layer("lora").trainable_variables)


def test_it_is_rebuilt_from_its_configuration():
    made = layer("lora", lora_rank=2, rate=0.5)
    made(X)
    copy = PretrainedNetwork.from_config(made.get_config())
    copy.build(X.shape)
    assert learning(copy) == learning(made)
    copy.set_weights(made.get_weights())
    assert_array_equal(copy(X), made(X))
    assert copy.compute_output_shape((None, 4)) == (None, 3)


def test_a_network_without_dense_layers_has_nothing_to_adapt():
    model = keras.Sequential([keras.Input((4, 1)), keras.layers.Conv1D(2, 2)])
    config = json.dumps(keras.saving.serialize_keras_object(model))
    with pytest.raises(ValueError, match="no dense layer"):
        PretrainedNetwork(config, "lora")


def test_a_network_without_weights_cannot_learn():
    model = keras.Sequential([keras.Input((4, 1)), keras.layers.Flatten()])
    config = json.dumps(keras.saving.serialize_keras_object(model))
    with pytest.raises(ValueError, match="no layer that could learn"):
        PretrainedNetwork(config, 1)


def test_images_are_scaled_as_keras_applications_scale_them():
    x = np.random.default_rng(0).integers(0, 256, (2, 3, 3, 3)).astype("float32")
    assert_allclose(ImageScaling("tf")(x), x / 127.5 - 1, atol=1e-6)
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    assert_allclose(ImageScaling("torch")(x), (x / 255 - mean) / std, atol=1e-5)
    caffe = x[..., ::-1] - np.array([103.939, 116.779, 123.68])
    assert_allclose(ImageScaling("caffe")(x), caffe, atol=1e-4)
    assert_allclose(ImageScaling("resnet")(x), caffe, atol=1e-4)
    assert_allclose(ImageScaling("mobilenet_v3")(x), x)
    assert ImageScaling.from_config(ImageScaling("tf").get_config()).mode == "tf"


def test_token_inputs_are_ids_mask_and_segments():
    ids = np.array([[5, 1, 0]], "int32")
    assert_array_equal(TokenInput("ids")(ids), [[4, 0, 0]])
    assert_array_equal(TokenInput("mask")(ids), [[1, 1, 0]])
    assert_array_equal(TokenInput("segments")(ids), [[0, 0, 0]])
    copy = TokenInput.from_config(TokenInput("mask").get_config())
    assert copy(keras.Input((3,), dtype="int32")).dtype == "int32"
