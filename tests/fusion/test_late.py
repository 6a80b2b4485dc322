"""LateFusion against its equation."""

import numpy as np
from scipy.special import softmax

from skmm.fusion.late import LateFusion


def test_it_computes_what_its_equation_says(join, batch):
    network = join(LateFusion())
    u, c = network.get_weights()
    embeddings, present, logits = batch
    scores = np.concatenate(embeddings, axis=1) @ u + c
    scores = np.where(present > 0, scores, -np.inf)
    scores[3] = np.concatenate(embeddings, axis=1)[3] @ u + c  # none: all count
    w = softmax(scores, axis=1)
    expected = w[:, :1] * logits[0] + w[:, 1:] * logits[1]
    np.testing.assert_allclose(network(batch), expected, rtol=1e-4, atol=1e-5)


def test_a_row_with_one_modality_is_decided_by_it(join, batch):
    out = join(LateFusion())(batch)
    np.testing.assert_array_equal(out[1], batch[2][0][1])
    np.testing.assert_array_equal(out[2], batch[2][1][2])


def test_it_decides_by_itself():
    assert LateFusion.produces_logits is True
