"""LatePlusJointFusion against Madaan et al. (2024)."""

import numpy as np
from scipy.special import softmax

from skmm.fusion.late_plus_joint import LatePlusJointFusion


def test_probabilities_of_each_and_of_both_are_multiplied(join, batch):
    network = join(LatePlusJointFusion(units=6))
    w, b, c, c0 = network.get_weights()
    embeddings, present, logits = batch
    joint = np.maximum(np.concatenate(embeddings, axis=1) @ w + b, 0) @ c + c0
    p = softmax(joint, axis=1)
    for m, own in enumerate(logits):
        p = p * np.where(present[:, m : m + 1] > 0, softmax(own, axis=1), 1)
    expected = p / p.sum(axis=1, keepdims=True)
    found = softmax(np.asarray(network(batch), float), axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-6)


def test_it_has_the_weights_that_its_notes_count(join):
    n_weights = join(LatePlusJointFusion(units=6)).count_params()
    assert n_weights == (3 + 5 + 1) * 6 + (6 + 1) * 4


def test_it_decides_by_itself():
    assert LatePlusJointFusion.produces_logits is True
