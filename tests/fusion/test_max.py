"""MaxFusion against its equation."""

import numpy as np

from skmm.fusion.max import MaxFusion


def test_it_computes_what_its_equation_says(join, batch):
    network = join(MaxFusion(units=6))
    w0, b0, w1, b1 = network.get_weights()
    (h0, h1), a, _ = batch
    values = np.stack([h0 @ w0 + b0, h1 @ w1 + b1], axis=1)
    expected = np.where(a[..., None] > 0, values, -np.inf).max(axis=1)
    expected[3] = 0  # none is present
    np.testing.assert_allclose(network(batch), expected, rtol=1e-4, atol=1e-5)


def test_it_has_the_weights_that_its_notes_count(join):
    assert join(MaxFusion(units=6)).count_params() == (3 + 1 + 5 + 1) * 6
