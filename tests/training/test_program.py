"""Programs draw weights from seeds and predict in bounded memory."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from skmm import training
from skmm.training._optimizers import LAZY_ROWS


def test_weights_come_from_the_seed_alone(build):
    first, second = build(), build()
    first.initialise(5)
    second.initialise(4)
    assert not np.array_equal(first.get_weights()[0], second.get_weights()[0])
    second.initialise(5)
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_layers_of_one_shape_start_differently():
    x = keras.Input((4,))
    hidden = keras.layers.Dense(4)(keras.layers.Dense(4)(x))
    network = keras.Model([x], {"logits": hidden, "embedding": hidden})
    loss = training.Loss("multiclass", (4,))
    sgd = training.make_optimizer("sgd", 0.1)
    program = training.Program(network, loss, sgd, takes_present=False)
    program.initialise(0)
    kernels = program.get_weights()[::2]
    assert not np.allclose(*kernels)


def test_initialising_puts_dropout_and_optimizer_back(build, data, recipe):
    program = build()
    program.initialise(0)
    start = program.optimizer_state()
    training.train(program, data, recipe)
    assert any(
        not np.array_equal(a, b)
        for a, b in zip(start, program.optimizer_state(), strict=True)
    )
    program.initialise(0)
    for a, b in zip(start, program.optimizer_state(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_each_process_drops_out_for_itself(build):
    program, seeds = build(), []
    for rank in range(3):
        program.seed_layers(5, rank)
        seeds.append(program.state()["seeds"][0])
    assert len({tuple(seed) for seed in seeds}) == 3


def test_weights_of_another_shape_are_refused(build):
    program = build()
    wrong = [np.zeros((*w.shape, 2), w.dtype) for w in program.get_weights()]
    with pytest.raises(tf.errors.InvalidArgumentError, match="wrong shape"):
        program.set_weights(wrong)


@pytest.mark.parametrize("lora", ["never", "before", "after"])
def test_a_large_table_is_read_row_by_row(lora):
    x = keras.Input((3,), dtype="int32")
    table = keras.layers.Embedding(LAZY_ROWS, 4)
    rows = keras.layers.GlobalAveragePooling1D()(table(x))
    network = keras.Model(x, {"logits": keras.layers.Dense(2)(rows), "embedding": rows})
    ids = np.array([[1, 5, -1], [LAZY_ROWS - 1, 0, -2]], np.int32)  # from the end, too
    if lora == "before":
        table.enable_lora(2)
    expected = network.predict(ids, verbose=0)["logits"]
    loss = training.Loss("multiclass", (2,))
    sgd = training.make_optimizer("sgd", 0.1)
    program = training.Program(network, loss, sgd, takes_present=False)
    if lora == "after":
        table.enable_lora(2)
    (logits,) = training.predict(program, [ids])
    np.testing.assert_allclose(logits, expected, atol=1e-6)
    kinds = [o.type for o in program.forward.graph.graph.get_operations()]
    assert ("ResourceGather" in kinds) == (lora == "never")


def test_a_loss_that_a_layer_adds_is_not_padded(data, recipe):
    class Adding(keras.layers.Layer):
        def call(self, x):
            self.add_loss(keras.ops.mean(x))
            return x

    x = keras.Input((4,))
    rows = Adding()(x)
    outputs = {"logits": keras.layers.Dense(3)(rows), "embedding": rows}
    loss = training.Loss("multiclass", (3,))
    sgd = training.make_optimizer("sgd", 0.1)
    program = training.Program(keras.Model(x, outputs), loss, sgd, takes_present=False)
    program.initialise(0)
    with pytest.raises(ValueError, match='use engine="graph"'):
        training.train(program, data, recipe, engine="xla")
    assert len(training.train(program, data, recipe)["loss"]) == 5


@pytest.mark.parametrize(
    ("activation", "logits"),
    [("softmax", [[0.0, 1.0, -2.0]]), ("sigmoid", [[0.5, -1.0, 3.0]])],
)
def test_a_networks_output_is_turned_back_into_logits(activation, logits):
    x = keras.Input((3,))
    output = keras.layers.Activation(activation)(x)
    network = keras.Model([x], {"output": output, "embedding": x})
    program = training.Program(
        network,
        training.Loss("multiclass", (3,)),
        training.make_optimizer("sgd", 0.1),
        activation=activation,
        takes_present=False,
    )
    (found,) = training.predict(program, [np.array(logits, np.float32)])
    shift = 0 if activation == "sigmoid" else found[0, 0] - logits[0][0]
    np.testing.assert_allclose(found - shift, logits, atol=1e-4)


def test_weights_that_stay_as_a_layer_gave_them_are_not_copied():
    class Given(keras.initializers.Constant):
        pass

    x = keras.Input((2,))
    dense = keras.layers.Dense(2)
    network = keras.Model([x], {"logits": dense(x), "embedding": x})
    value = np.eye(2, dtype="float32")
    dense.given_weights = [(dense.kernel, Given(value))]
    loss, sgd = training.Loss("multiclass", (2,)), training.make_optimizer("sgd", 0.1)
    program = training.Program(network, loss, sgd, takes_present=False)
    program.initialise(0)
    assert program.get_weights()[0] is value
    dense.kernel.assign_add(value)
    np.testing.assert_array_equal(program.get_weights()[0], 2 * value)
