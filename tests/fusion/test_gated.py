"""GatedFusion against Arevalo et al. (2017)."""

import numpy as np

from skmm.fusion.gated import GatedFusion


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_two_modalities_share_one_gate_as_in_the_paper(join, batch):
    network = join(GatedFusion(units=6))
    w0, b0, w1, b1, u, c = network.get_weights()
    (h0, h1), present, _ = batch
    u0, u1 = np.tanh(h0 @ w0 + b0), np.tanh(h1 @ w1 + b1)
    scores = np.concatenate([h0, h1], axis=1) @ u + c
    z = sigmoid(scores[:, :6] - scores[:, 6:])
    expected = z * u0 + (1 - z) * u1
    both = present.all(1)
    assert both.sum() == 2
    np.testing.assert_allclose(
        np.asarray(network(batch))[both], expected[both], rtol=1e-4, atol=1e-5
    )


def test_a_row_with_one_modality_is_that_modality(join, batch):
    network = join(GatedFusion(units=6))
    w0, b0, w1, b1, *_ = network.get_weights()
    (h0, h1), _, _ = batch
    out = network(batch)
    np.testing.assert_allclose(out[1], np.tanh(h0[1] @ w0 + b0), rtol=1e-4)
    np.testing.assert_allclose(out[2], np.tanh(h1[2] @ w1 + b1), rtol=1e-4)


def test_a_row_with_none_mixes_what_stands_in_for_them(join, batch):
    network = join(GatedFusion(units=6))
    embeddings, present, logits = batch
    everything = network((embeddings, np.ones_like(present), logits))
    np.testing.assert_array_equal(network(batch)[3], everything[3])


def test_it_has_the_weights_that_its_notes_count(join):
    network = join(GatedFusion(units=6))
    assert network.count_params() == (3 + 1 + 5 + 1) * 6 + (3 + 5 + 1) * 6 * 2
