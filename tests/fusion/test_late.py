"""LateFusion against its equation."""

import numpy as np
from scipy.special import softmax

from skmm.fusion.late import LateFusion
from skmm.fusion.low_rank import LowRankFusion


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


def squares_decided(fusion, join, n=4000):
    """Count the squares of two values in each modality that are decided as XOR."""
    rng = np.random.default_rng(2)
    network = join(fusion, n_outputs=1)
    first, second = (rng.normal(0, 2, (n, 2, d)) for d in (3, 5))
    # The logit of a modality depends on its own value alone.
    own = rng.normal(0, 2, (2, n, 2, 1))
    corners = []
    for i in (0, 1):
        for j in (0, 1):
            x = (
                [first[:, i], second[:, j]],
                np.ones((n, 2)),
                [own[0, :, i], own[1, :, j]],
            )
            corners.append(np.asarray(network.predict(x, verbose=0))[:, 0] > 0)
    low, right, left, high = corners
    return np.sum((low == high) & (left == right) & (low != left))


def test_no_weights_decide_an_interaction(join):
    assert squares_decided(LateFusion(), join) == 0
    assert squares_decided(LowRankFusion(), join) > 100
