"""What skmm must know of the inner workings of others, it knows rightly."""

import json
import random
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from sklearn.base import clone
from tensorflow.core.protobuf.config_pb2 import ConfigProto
from tensorflow.python.eager import context

from skmm import MultimodalClassifier
from skmm._compat import (
    adam_slots,
    call_unchecked,
    is_decayed,
    layers_of,
    seed_state_of,
    seeded_build,
    unnamed_config,
    written,
)
from skmm.datasets import make_multimodal_classification
from skmm.layers import PretrainedNetwork
from skmm.training import clear_pool


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


def options_inside(**rewriting):
    """Set options of the process, and say which ones a call of ours goes with."""
    here = context.context()
    before = here.function_call_options
    proto = ConfigProto(graph_options={"rewrite_options": rewriting})
    here.function_call_options = theirs = context.FunctionCallOptions(None, proto)
    seen = []
    graph = SimpleNamespace(
        captured_inputs=[],
        _call_flat=lambda *_: seen.append(here.function_call_options),
    )
    try:
        call_unchecked(graph, [])
        assert here.function_call_options is theirs
    finally:
        here.function_call_options = before
    found = ConfigProto.FromString(seen[0].config_proto_serialized)
    return found.graph_options.rewrite_options


def test_a_graph_is_simplified_once_and_all_else_is_as_the_user_has_it():
    found = options_inside(remapping="OFF")
    assert (found.meta_optimizer_iterations, found.remapping) == (1, 2)
    theirs = options_inside(meta_optimizer_iterations="TWO")
    assert theirs.meta_optimizer_iterations == 2


def test_options_come_back_after_an_error():
    before = context.context().function_call_options

    def fail(*_):
        raise RuntimeError("in the graph")

    graph = SimpleNamespace(captured_inputs=[], _call_flat=fail)
    with pytest.raises(RuntimeError, match="in the graph"):
        call_unchecked(graph, [])
    assert context.context().function_call_options is before


@pytest.mark.parametrize("kinds", [("tabular", "text"), ("image", "timeseries")])
def test_a_graph_that_is_simplified_once_gives_the_bits_of_twice(kinds, monkeypatch):
    X, y = make_multimodal_classification(
        40, modalities=kinds, random_state=0, return_X_y=True
    )
    model = MultimodalClassifier(ensemble_size=1, epochs=2, random_state=0)
    once = clone(model).fit(X, y).predict_proba(X)
    clear_pool()
    monkeypatch.setattr(
        "skmm._compat._simplified_once",
        lambda *_: context.context().function_call_options,
    )
    np.testing.assert_array_equal(clone(model).fit(X, y).predict_proba(X), once)
    clear_pool()
