"""MeanFusion against its equation."""

import numpy as np

from skmm.fusion.mean import MeanFusion


def test_it_computes_what_its_equation_says(join, batch):
    network = join(MeanFusion(units=6))
    w0, b0, w1, b1 = network.get_weights()
    (h0, h1), a, _ = batch
    total = a[:, :1] * (h0 @ w0 + b0) + a[:, 1:] * (h1 @ w1 + b1)
    expected = total / np.maximum(1, a.sum(1, keepdims=True))
    np.testing.assert_allclose(network(batch), expected, rtol=1e-4, atol=1e-5)


def test_it_is_zero_where_all_are_absent(join, batch):
    np.testing.assert_array_equal(join(MeanFusion(units=6))(batch)[3], np.zeros(6))


def test_it_needs_no_stand_in_for_what_is_absent(join, batch):
    network = join(MeanFusion(units=6))
    (h0, h1), present, logits = batch
    other = np.where(present[:, 1:] > 0, h1, 100).astype("float32")
    np.testing.assert_array_equal(
        network(([h0, other], present, logits)), network(batch)
    )
