"""MixtureOfExpertsFusion against Jacobs et al. (1991)."""

import numpy as np
from scipy.special import softmax

from skmm.fusion.mixture_of_experts import MixtureOfExpertsFusion


def test_it_computes_what_its_equation_says(join, batch):
    network = join(MixtureOfExpertsFusion(units=6, n_experts=3))
    layers = {layer.name: layer.get_weights() for layer in network.layers}
    embeddings, present, _ = batch
    h = np.concatenate(embeddings, axis=1)
    u, c = layers["fusion_gate"]
    g = softmax(np.hstack([h, present]) @ u + c, axis=1)
    expected = 0
    for e in range(3):
        w, b = layers[f"fusion_expert_{e}"]
        expected = expected + g[:, e : e + 1] * np.maximum(h @ w + b, 0)
    np.testing.assert_allclose(network(batch), expected, rtol=1e-4, atol=1e-4)


def test_it_has_the_weights_that_its_notes_count(join):
    n_weights = join(MixtureOfExpertsFusion(units=6, n_experts=3)).count_params()
    assert n_weights == (3 + 5 + 1) * 6 * 3 + (3 + 5 + 2 + 1) * 3
