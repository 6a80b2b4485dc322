"""What skmm must know of the inner workings of others, it knows rightly."""

import json
import random

import keras
import numpy as np

from skmm._compat import (
    adam_slots,
    is_decayed,
    layers_of,
    seed_state_of,
    seeded_build,
    unnamed_config,
    written,
)
from skmm.layers import PretrainedNetwork


def kernel(seed):
    with seeded_build(seed):
        layer = keras.layers.Dense(3)
        layer.build((None, 4))
    return layer.kernel.numpy()


def test_a_seeded_build_repeats_itself_and_disturbs_nobody():
    random.seed(1)
    expected = random.random()
    random.seed(1)
    first = kernel(5)
    assert random.random() == expected
    np.testing.assert_array_equal(first, kernel(5))
    assert not np.allclose(first, kernel(6))


def test_layers_inside_layers_are_found():
    x = keras.Input((5, 2))
    network = keras.Model(x, keras.layers.Bidirectional(keras.layers.GRU(3))(x))
    cells = [la for la in layers_of(network) if type(la).__name__ == "GRUCell"]
    assert len(cells) == 2


def test_every_random_layers_state_is_found():
    x = keras.Input((5,))
    h = keras.layers.GaussianNoise(0.1)(keras.layers.Dropout(0.5)(x))
    network = keras.Model(x, keras.layers.Dense(1)(h))
    assert len(seed_state_of(network)) == 2


def test_moments_of_adam_come_in_the_order_of_its_variables():
    shapes = [(2, 3), (3,)]
    variables = [
        keras.Variable(np.zeros(s), name=n) for s, n in zip(shapes, "ab", strict=False)
    ]
    adam = keras.optimizers.Adam(weight_decay=0.1)
    adam.exclude_from_weight_decay(var_names=["b"])
    adam.build(variables)
    assert [[tuple(m.shape) for m in slot] for slot in adam_slots(adam)] == [shapes] * 2
    assert [is_decayed(adam, v) for v in variables] == [True, False]


def test_networks_built_alike_are_described_alike():
    def build(units):
        x = keras.Input((3,))
        return keras.Model(x, keras.layers.Dense(units)(x))

    one, two, other = build(2), build(2), build(4)
    assert one.name != two.name
    assert unnamed_config(one) == unnamed_config(two) != unnamed_config(other)


def test_networks_that_differ_in_names_alone_are_described_alike():
    def network():
        x = keras.Input((4,))
        return keras.Model(x, keras.layers.Dense(2)(x[:, :3] * 2.0))

    assert unnamed_config(network()) == unnamed_config(network())


def test_a_loss_is_written_with_what_its_configuration_leaves_out():
    one, same, other = (keras.losses.Huber(delta) for delta in (0.5, 0.5, 1.0))
    assert written(one) == written(same) != written(other)


def test_names_in_the_text_of_a_network_inside_a_layer_do_not_count():
    def network(units):
        inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(units)])
        config = json.dumps(keras.saving.serialize_keras_object(inner))
        x = keras.Input((4,))
        return keras.Model(x, PretrainedNetwork(config, name="pretrained")(x))

    assert unnamed_config(network(2)) == unnamed_config(network(2))
    assert unnamed_config(network(2)) != unnamed_config(network(3))
