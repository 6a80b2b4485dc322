"""Losses per row equal their formulas in NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import expit, log_softmax

from skmm.training import Loss
from skmm.training._losses import LACKING

Z = np.array([[0.3, -1.2, 2.0, 0.1], [1.5, 0.0, -0.7, 0.9]], np.float32)


def values(loss, y, logits=Z, **outputs):
    present = outputs.pop("present", None)
    outputs = {"logits": tf.constant(logits), **outputs}
    return loss(outputs, tf.constant(np.asarray(y, np.float32)), present).numpy()


def test_multiclass():
    expected = -log_softmax(Z, axis=1)[[0, 1], [2, 0]]
    found = values(Loss("multiclass", (4,)), [[2], [0]])
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("two_logits", [False, True])
def test_binary_with_one_logit_or_two(two_logits):
    z = Z[:, :1]
    logits = np.concatenate([0 * z, z], axis=1) if two_logits else z
    expected = [-np.log(expit(z[0, 0])), -np.log(1 - expit(z[1, 0]))]
    found = values(Loss("binary", (1,)), [[1], [0]], logits)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_multilabel_is_the_mean_over_labels():
    y = np.array([[1, 0, 1, 0], [0, 0, 1, 1]])
    p = expit(Z)
    expected = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p), axis=1)
    found = values(Loss("multilabel", (1,) * 4), y)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_multioutput_is_the_sum_over_outputs():
    y = np.array([[1, 0], [0, 1]])
    first, second = log_softmax(Z[:, :2], axis=1), log_softmax(Z[:, 2:], axis=1)
    expected = [-first[0, 1] - second[0, 0], -first[1, 0] - second[1, 1]]
    np.testing.assert_allclose(
        values(Loss("multioutput", (2, 2)), y), expected, rtol=1e-6
    )


def test_squared_is_the_mean_over_outputs():
    y = np.zeros((2, 4))
    np.testing.assert_allclose(
        values(Loss("squared", (1,) * 4), y), (Z**2).mean(axis=1), rtol=1e-6
    )


def test_auxiliary_losses_count_the_rows_that_have_the_modality():
    own = [tf.constant(Z), tf.constant(-Z)]
    present = tf.constant([[1.0, 0.0], [1.0, 1.0]])
    plain = Loss("multiclass", (4,))
    both = Loss("multiclass", (4,), auxiliary=0.5)
    y = [[2], [0]]
    found = values(both, y, unimodal=own, present=present)
    first, second = values(plain, y), values(plain, y, -Z)
    expected = first + 0.25 * (first + second * [0, 1])
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_rows_that_lack_modalities_count_less():
    y, lacking = [[2], [0]], [tf.constant(-Z), tf.constant(2 * Z)]
    plain = Loss("multiclass", (4,))
    first = values(plain, y) + LACKING * values(plain, y, -Z)
    second = values(plain, y, 3 * Z) + LACKING * values(plain, y, 2 * Z)
    outputs = {"logits": Z, "aside": 3 * Z, "lacking": lacking}
    parts = plain.parts(outputs, tf.constant(y, tf.float32), None)
    np.testing.assert_allclose(parts, [first, second], rtol=1e-6)
    found = plain(outputs, tf.constant(y, tf.float32), None)
    np.testing.assert_allclose(found, first + second, rtol=1e-6)
    apart = Loss("multiclass", (4,), auxiliary=1.0, fused=False)
    own = [tf.constant(Z), tf.constant(Z)]
    found = values(apart, y, unimodal=own, lacking=lacking, present=tf.ones((2, 2)))
    np.testing.assert_allclose(found, values(plain, y), rtol=1e-6)


class OwnCrossentropy(keras.losses.CategoricalCrossentropy):
    """A class of Keras with a method of the user's own, say."""


@pytest.mark.parametrize(
    ("loss", "y"),
    [
        (Loss("multiclass", (4,), 0.2), [[2], [0]]),
        (Loss("multilabel", (1,) * 4, 0.2), [[1, 0, 1, 0], [0, 0, 1, 1]]),
        (Loss("multioutput", (2, 2), 0.2), [[1, 0], [0, 1]]),
        (Loss("squared", (1,) * 4, 0.2), [[1, 0, 1, 0], [0, 0, 1, 1]]),
        (Loss("squared", (1,) * 4, 0.2, fused=False), [[1, 0, 1, 0], [0, 0, 1, 1]]),
    ],
)
def test_wide_opinions_have_the_losses_of_narrow_ones(loss, y, monkeypatch):
    outputs = {
        "aside": tf.constant(Z + 1),
        "lacking": [tf.constant(Z * 2), tf.constant(Z / 3)],
        "unimodal": [tf.constant(-Z), tf.constant(Z[::-1].copy())],
        "present": tf.constant([[1.0, 0.0], [1.0, 1.0]]),
    }
    found = values(loss, y, **dict(outputs))
    monkeypatch.setattr("skmm.training._losses.NARROW", 0)
    np.testing.assert_allclose(values(loss, y, **outputs), found, rtol=1e-6)


@pytest.mark.parametrize(
    "loss",
    [
        "sparse_categorical_crossentropy",
        "categorical_crossentropy",
        keras.losses.SparseCategoricalCrossentropy(name="entropy"),
        keras.losses.CategoricalCrossentropy(name="sparse_entropy"),
        OwnCrossentropy(),
        lambda y, p: (
            -tf.math.log(tf.gather(p, tf.cast(y[:, 0], "int32"), batch_dims=1))
        ),
    ],
    ids=["sparse", "one-hot", "sparse object", "object", "subclass", "function"],
)
def test_losses_get_the_target_they_expect(loss):
    p = tf.nn.softmax(Z)
    found = values(Loss("multiclass", (4,), keras_loss=loss), [[2], [0]], output=p)
    np.testing.assert_allclose(found, -np.log(p.numpy()[[0, 1], [2, 0]]), rtol=1e-5)


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_a_loss_of_two_classes_by_one_output_or_two(n_outputs):
    p = tf.nn.sigmoid(Z[:, :1])
    if n_outputs == 2:
        p = tf.concat([1 - p, p], axis=1)
    loss = Loss("binary", (1,), keras_loss="mean_squared_error")
    found = values(loss, [[1], [0]], output=p)
    expected = (p.numpy()[:, -1] - [1, 0]) ** 2
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_several_columns_of_classes_have_no_loss_of_keras():
    with pytest.raises(ValueError, match=r"reads one target.*2 columns of classes"):
        Loss("multioutput", (3, 2), keras_loss="sparse_categorical_crossentropy")


def test_a_keras_loss_instance_is_not_averaged_over_rows():
    y = np.zeros((2, 4))
    loss = Loss("squared", (1,) * 4, keras_loss=keras.losses.MeanAbsoluteError())
    np.testing.assert_allclose(values(loss, y), np.abs(Z).mean(axis=1), rtol=1e-6)


def test_a_keras_loss_keeps_what_its_configuration_leaves_out():
    """That of Huber has no delta in Keras 3.15."""
    y = np.zeros((2, 4))
    for delta in (0.5, 2.0):
        own = keras.losses.Huber(delta=delta)
        found = values(Loss("squared", (1,) * 4, keras_loss=own), y)
        rows = [float(own(y[i], Z[i])) for i in range(2)]
        np.testing.assert_allclose(found, rows, rtol=1e-6)
