"""Weights are drawn anew by their own initializers, and told apart by network."""

import keras
import numpy as np
import pytest

from skmm import training


class Offset(keras.layers.Layer):
    """A weight without an initializer that anybody could ask for."""

    def build(self, shape):
        self.offset = self.add_weight(shape=(shape[-1],), name="offset")

    def call(self, x):
        return x + self.offset


def test_a_weight_without_initializer_makes_a_program_not_redrawable(build):
    x = keras.Input((4,))
    y = Offset()(x)
    network = keras.Model([x], {"logits": y, "embedding": y})
    loss = training.Loss("multiclass", (4,))
    sgd = training.make_optimizer("sgd", 0.1)
    assert not training.Program(network, loss, sgd, takes_present=False).redrawable
    assert build().redrawable


@pytest.mark.parametrize("name", ["GRU", "LSTM", "SimpleRNN"])
def test_recurrent_weights_are_drawn_by_the_names_of_keras(name):
    x = keras.Input((3, 2))
    y = getattr(keras.layers, name)(4)(x)
    network = keras.Model([x], {"logits": y, "embedding": y})
    loss = training.Loss("multiclass", (4,))
    sgd = training.make_optimizer("sgd", 0.1)
    program = training.Program(network, loss, sgd, takes_present=False)
    assert program.redrawable
    program.initialise(1)
    recurrent = program.get_weights()[1]
    program.initialise(2)
    assert not np.allclose(recurrent, program.get_weights()[1])
    square = recurrent.T @ recurrent if name == "SimpleRNN" else recurrent @ recurrent.T
    np.testing.assert_allclose(square, np.eye(4), atol=1e-5)  # orthogonal


def test_filters_of_a_depthwise_convolution_are_drawn_anew():
    x = keras.Input((4, 4, 2))
    hidden = keras.layers.Flatten()(keras.layers.DepthwiseConv2D(3)(x))
    outputs = {"logits": keras.layers.Dense(3)(hidden), "embedding": hidden}
    program = training.Program(
        keras.Model(x, outputs),
        training.Loss("multiclass", (3,)),
        training.make_optimizer("sgd", 0.1),
        takes_present=False,
    )
    assert program.redrawable
    before = program.get_weights()[0]
    program.initialise(1)
    assert (program.get_weights()[0] != before).all()


def test_networks_that_share_a_weight_are_one_part():
    x, present = keras.Input((4,)), keras.Input((2,))
    shared = keras.layers.Dense(3)
    inner = keras.Input((4,))
    second = keras.Model(inner, shared(inner), name="aside")
    outputs = {"logits": shared(x), "aside": second(x), "embedding": x}
    network = keras.Model([x, present], outputs)
    loss = training.Loss("multiclass", (3,))
    program = training.Program(network, loss, training.make_optimizer("sgd", 0.1))
    assert program.parts == [[0, 1]]
    arrays = [np.ones((2, 4), np.float32), np.ones((2, 2), np.float32)]
    rows = training.Data(arrays, np.zeros((2, 1), np.float32), np.ones(2, np.float32))
    out = program.forward(arrays)
    whole = program.loss(out, rows.y, arrays[-1])
    assert training.evaluate(program, rows) == pytest.approx([np.mean(whole)])
