"""ChainGraphFusion against Kipf and Welling (2017), on a chain."""

import numpy as np

from skmm.fusion.chain_graph import ChainGraphFusion


def twin(network, embeddings, present, n_rounds):
    """Build each row's graph of the modalities that it has, in NumPy."""
    layers = {layer.name: layer.get_weights() for layer in network.layers}
    fused = []
    for row, here in enumerate(present > 0):
        nodes = [
            h[row] @ layers[f"fusion_node_{m}"][0] + layers[f"fusion_node_{m}"][1]
            for m, h in enumerate(embeddings)
            if here[m]
        ]
        if not nodes:
            fused.append(np.zeros(6))
            continue
        x, n = np.array(nodes), len(nodes)
        edges = np.eye(n) + np.eye(n, k=1) + np.eye(n, k=-1)
        root = np.diag(edges.sum(axis=1) ** -0.5)
        for t in range(n_rounds):
            (w,) = layers[f"fusion_graph_{t}"]
            x = x + np.maximum(root @ edges @ root @ x @ w, 0)
        fused.append(x.mean(axis=0))
    return np.array(fused)


def test_it_computes_what_its_equation_says(join, batch):
    network = join(ChainGraphFusion(units=6, num_rounds=3))
    expected = twin(network, *batch[:2], 3)
    np.testing.assert_allclose(network(batch), expected, rtol=1e-4, atol=1e-4)


def test_neighbours_of_what_is_absent_are_neighbours(join):
    widths = (3, 5, 2, 4)
    network = join(ChainGraphFusion(units=6), widths=widths)
    rng = np.random.default_rng(0)
    h = [rng.normal(size=(4, d)).astype("float32") for d in widths]
    present = np.array(
        [[1, 1, 1, 1], [1, 0, 1, 1], [1, 0, 0, 1], [0, 1, 0, 1]], "float32"
    )
    found = network((h, present, [np.zeros((4, 4), "float32")] * 4))
    np.testing.assert_allclose(
        found, twin(network, h, present, 2), rtol=1e-4, atol=1e-4
    )


def test_it_has_the_weights_that_its_notes_count(join):
    n_weights = join(ChainGraphFusion(units=6, num_rounds=3)).count_params()
    assert n_weights == (3 + 1 + 5 + 1) * 6 + 3 * 6**2
