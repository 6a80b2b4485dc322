"""What networks say is pooled, exactly and with a gradient, as the model pools it."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from skmm import BaseNNClassifier, ModalitySpec
from skmm._targets import ClassTarget, NumberTarget
from skmm.inspection._decision import (
    check_reachable,
    decided,
    opinions,
    smooth_network,
    unreachable,
)
from skmm.inspection._subject import Aim

RNG = np.random.RandomState(0)


def aim(n, column=0, factor=1.0, shift=0.0):
    full = [np.full(n, float(v)) for v in (factor, shift)]
    columns = np.full(n, column)
    return Aim(columns, *full, columns, "logit")


def target(kind, n_logits):
    if kind == "squared":
        ones = np.ones(n_logits)
        return NumberTarget("squared", 0 * ones, ones, False)
    classes = (
        [np.arange(n_logits)] if kind == "multiclass" else [np.arange(2)] * n_logits
    )
    return ClassTarget(kind, classes)


@pytest.mark.parametrize(
    ("kind", "n_logits"),
    [("binary", 1), ("multilabel", 3), ("multiclass", 3), ("squared", 2)],
)
def test_pooled_numbers_are_those_of_the_target(kind, n_logits):
    shares = np.array([0.5, 0.2, 0.0, 0.3])
    heat = 1.0 if kind == "squared" else 2.0
    model = SimpleNamespace(
        _target=target(kind, n_logits), _shares=shares, temperature_=heat
    )
    heard = 10 * RNG.normal(size=(2, 4, 5, n_logits)).astype(np.float32)
    flat = heard.reshape(8, 5, n_logits) / heat
    weights = np.tile(shares, 2) / 2
    kept = weights > 0
    expected = model._target.pool(flat[kept], weights[kept])
    column = n_logits - 1
    found, gradient = decided(model, tf.constant(heard), aim(5, column, -1.0, 3.0))
    np.testing.assert_allclose(found, 3 - expected[:, column], rtol=1e-4)
    assert gradient.shape == heard.shape
    assert (gradient[:, 2] == 0).all() and (gradient[:, 0] != 0).any()


def test_gradients_survive_where_a_model_is_sure():
    model = SimpleNamespace(_target=target("binary", 1), _shares=np.array([0.5, 0.5]))
    heard = tf.fill([1, 2, 1, 1], 40.0)
    found, gradient = decided(model, heard, aim(1))
    np.testing.assert_allclose(found, 40, rtol=1e-6)
    np.testing.assert_allclose(gradient, 0.5, rtol=1e-5)


def test_two_logits_of_two_classes_are_one():
    model = SimpleNamespace(_target=target("binary", 1), _shares=np.ones(1))
    heard = tf.constant([[[[1.0, 4.0]]]])
    found, gradient = decided(model, heard, aim(1))
    assert found.tolist() == [3.0]
    assert gradient.ravel().tolist() == [-1.0, 1.0]


def test_the_whole_stands_in_with_a_gradient_for_what_a_row_lacks():
    present = tf.constant([[1.0, 1.0], [1.0, 0.0]])
    whole = tf.constant([[1.0], [2.0]])
    output = {
        "logits": whole,
        "unimodal": [whole + 10, whole + 20],
        "aside": whole + 30,
    }
    with tf.GradientTape() as tape:
        tape.watch(whole)
        output["logits"] = 1.0 * whole
        heard = opinions(output, present, [1])
        aside = heard[3, 1, 0]
    np.testing.assert_array_equal(heard[..., 0], [[1, 2], [11, 12], [21, 2], [31, 2]])
    assert tape.gradient(aside, whole).numpy().ravel().tolist() == [0.0, 1.0]


def test_a_network_built_anew_says_what_the_model_says():
    X = RNG.normal(size=(30, 4))
    model = BaseNNClassifier(epochs=1, random_state=0).fit(X, X[:, 0] > 0)
    call, network = smooth_network(model)
    for variable, value in zip(network.weights, model._weights[0], strict=True):
        variable.assign(value)
    frame = model._encode(X)
    logits = call([tf.constant(frame["x"])])["logits"]
    np.testing.assert_allclose(logits[:, 0], model.decision_function(X), rtol=1e-5)


SPEC = ModalitySpec("n", "text", (4,), "int32", "rnn", vocabulary_size=9)


def test_what_gradients_do_not_reach_is_refused():
    ids = keras.Input((4,), dtype="int32", name="n")
    network = keras.Model([ids], keras.layers.Embedding(9, 2)(ids))
    with pytest.raises(ValueError, match="looks the ids of 'n' up itself"):
        check_reachable(network, [SPEC], set())
    check_reachable(network, [SPEC], {"n_tokens"})
    numbers = ModalitySpec("n", "vector", (4,), "float32", "mlp")
    with pytest.raises(ValueError, match="reads 'n' as int32"):
        check_reachable(network, [numbers], set())


def test_a_network_within_that_reads_bytes_is_refused():
    pixels = keras.Input((4,), dtype="uint8")
    inner = keras.Model(pixels, keras.layers.Rescaling(1.0)(pixels), name="inner")
    x = keras.Input((4,), name="n")
    network = keras.Model([x], inner(x))
    numbers = ModalitySpec("n", "vector", (4,), "float32", "mlp")
    with pytest.raises(ValueError, match="reads bytes"):
        check_reachable(network, [numbers], set())
    assert 'method="occlusion"' in str(unreachable("so"))
