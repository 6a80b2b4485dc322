"""ProductOfExpertsFusion against products of probabilities."""

import numpy as np
from scipy.special import softmax

from skmm.fusion.product_of_experts import ProductOfExpertsFusion


def test_probabilities_are_multiplied_and_the_prior_counts_once(join, batch):
    network = join(ProductOfExpertsFusion())
    (prior,) = network.get_weights()
    _, present, logits = batch
    p = np.ones((len(present), 4))
    for m, own in enumerate(logits):
        p *= np.where(present[:, m : m + 1] > 0, softmax(own, axis=1), 1)
    p /= softmax(prior) ** (present.sum(axis=1, keepdims=True) - 1)
    expected = p / p.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(softmax(network(batch), axis=1), expected, rtol=1e-4)


def test_a_row_with_one_modality_is_decided_by_it(join, batch):
    out = join(ProductOfExpertsFusion())(batch)
    np.testing.assert_allclose(out[1], batch[2][0][1], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(out[2], batch[2][1][2], rtol=1e-5, atol=1e-6)


def test_a_row_with_none_is_left_to_the_prior(join, batch):
    network = join(ProductOfExpertsFusion())
    np.testing.assert_array_equal(network(batch)[3], network.get_weights()[0])


def test_it_decides_by_itself():
    assert ProductOfExpertsFusion.produces_logits is True
