"""How fusions begin and end."""

import keras

from skmm.fusion import _parts


def inputs(*widths):
    return [keras.Input((d,)) for d in widths]


def test_one_vector_needs_no_joining():
    (alone,) = inputs(3)
    assert _parts.joined([alone]) is alone
    assert _parts.joined(inputs(3, 5)).shape == (None, 8)


def test_each_modality_has_a_map_of_its_own():
    vectors = inputs(3, 5)
    found = _parts.projected(vectors, 4, "fusion_value", "tanh")
    assert [x.shape for x in found] == [(None, 4)] * 2
    network = keras.Model(vectors, found)
    assert network.count_params() == (3 + 1 + 5 + 1) * 4
    assert network.get_layer("fusion_value_1").activation is keras.activations.tanh


def test_vectors_of_one_width_become_nodes():
    assert _parts.stacked(inputs(4, 4, 4)).shape == (None, 3, 4)
    assert _parts.stacked(inputs(4)).shape == (None, 1, 4)


def test_tokens_are_brought_to_one_width_and_told_apart():
    tokens = [keras.Input((6, 3)), keras.Input((1, 5))]
    found = _parts.as_tokens(tokens, 4)
    assert [x.shape for x in found] == [(None, 6, 4), (None, 1, 4)]
    names = {layer.name for layer in keras.Model(tokens, found).layers}
    assert {"fusion_token_0", "fusion_positions_1"} <= names


def test_nothing_is_dropped_at_prediction():
    x = keras.Input((4,))
    layer = keras.Model(x, _parts.dropped(x, 0.5)).get_layer("fusion_dropout")
    assert layer.rate == 0.5
