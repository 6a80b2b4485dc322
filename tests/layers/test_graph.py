"""Messages along edges; fusions hold the layers against the papers' equations."""

import numpy as np

from skmm import layers

NODES = np.random.default_rng(0).normal(size=(3, 4, 5)).astype("float32")
PRESENT = np.array([[1, 1, 1, 1], [1, 0, 1, 1], [0, 0, 0, 0]], "float32")


def identity(layer):
    """Give a convolution W = 1, so that what comes out is what the edges carry."""
    layer(NODES, PRESENT)
    layer.set_weights([np.eye(5)])
    return np.asarray(layer(NODES, PRESENT))


def test_a_complete_graph_tells_every_node_the_mean():
    out = identity(layers.GraphConvolution(5))
    np.testing.assert_allclose(out[0], np.tile(NODES[0].mean(0), (4, 1)), rtol=1e-5)
    here = [0, 2, 3]
    mean = NODES[1, here].mean(axis=0)
    np.testing.assert_allclose(out[1, here], np.tile(mean, (3, 1)), rtol=1e-5)
    np.testing.assert_array_equal(out[1, 1], np.zeros(5))


def test_a_chain_tells_neighbours_among_those_present():
    out = identity(layers.GraphConvolution(5, chain=True))
    x = NODES[0]
    first = x[0] / 2 + x[1] / 6**0.5
    second = x[0] / 6**0.5 + x[1] / 3 + x[2] / 3
    np.testing.assert_allclose(out[0, :2], [first, second], rtol=1e-4)
    x = NODES[1]
    np.testing.assert_allclose(out[1, 0], x[0] / 2 + x[2] / 6**0.5, rtol=1e-4)


def test_a_graph_of_nothing_is_zero_or_finite():
    np.testing.assert_array_equal(identity(layers.GraphConvolution(5))[2], 0)
    assert np.isfinite(layers.GraphAttention(4, 2)(NODES, PRESENT)).all()


def test_attention_listens_to_those_present_alone():
    layer = layers.GraphAttention(4, 2)
    expected = np.asarray(layer(NODES, PRESENT))
    other = NODES.copy()
    other[1, 1] += 5
    found, here = np.asarray(layer(other, PRESENT)), [0, 2, 3]
    np.testing.assert_array_equal(found[1, here], expected[1, here])
