"""Optimizers are made from plain values."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from skmm.training import make_optimizer
from skmm.training._optimizers import update


def test_a_name_gets_step_size_decay_and_clipping():
    made = make_optimizer("adamw", 0.3, 0.05)
    assert isinstance(made, keras.optimizers.AdamW)
    assert float(made.learning_rate) == pytest.approx(0.3)
    assert made.weight_decay == 0.05
    assert made.global_clipnorm == 1.0


def test_offsets_and_norms_do_not_decay():
    layer = keras.layers.Dense(2)
    layer.build((None, 2))
    made = make_optimizer("adamw", 0.1, 0.5)
    made.build(layer.trainable_variables)
    decays = [made._use_weight_decay(v) for v in (layer.kernel, layer.bias)]
    assert decays == [True, False]


def test_an_instance_is_copied_and_keeps_its_own_settings():
    given = keras.optimizers.SGD(0.7, momentum=0.9)
    made = make_optimizer(given, 0.1, 0.5)
    assert made is not given
    assert made.get_config() == given.get_config()


def test_an_unknown_name_is_an_error():
    with pytest.raises(ValueError, match="adamx"):
        make_optimizer("adamx", 0.1, 0.0)


@pytest.mark.parametrize(
    "optimizer",
    [
        "adamw",
        "adam",
        "sgd",
        "rmsprop",
        keras.optimizers.Adam(0.01, amsgrad=True),
        keras.optimizers.Adam(0.01, clipvalue=0.1),
        keras.optimizers.AdamW(0.01, epsilon=1e-3, beta_1=0.5),
    ],
)
def test_steps_equal_those_of_keras(optimizer):
    rng = np.random.default_rng(0)
    starts = [rng.normal(size=shape) for shape in ((6, 3), (3,), (3, 2))]
    names = ["kernel", "bias", "kernel"]
    gradients = [
        [tf.constant(3 * rng.normal(size=s.shape), tf.float32) for s in starts]
        for _ in range(4)
    ]

    def walk(traced):
        made = make_optimizer(optimizer, 0.01, 0.1)
        variables = [
            keras.Variable(s, dtype="float32", name=n)
            for s, n in zip(starts, names, strict=True)
        ]
        made.build(variables)
        step = made.apply
        if traced:
            step = tf.function(lambda g, _: update(made, g, variables))
        for g in gradients:
            step(g, None if traced else variables)
        return [v.numpy() for v in variables] + [made.iterations.numpy()]

    ours, theirs = walk(traced=True), walk(traced=False)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
