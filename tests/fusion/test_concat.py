"""ConcatFusion against its equation."""

import numpy as np

from skmm.fusion.concat import ConcatFusion


def test_it_computes_what_its_equation_says(join, batch):
    network = join(ConcatFusion(units=6))
    w, b = network.get_weights()
    expected = np.maximum(np.concatenate(batch[0], axis=1) @ w + b, 0)
    np.testing.assert_allclose(network(batch), expected, rtol=1e-4, atol=1e-5)


def test_it_has_the_weights_that_its_notes_count(join):
    assert join(ConcatFusion(units=6)).count_params() == (3 + 5 + 1) * 6


def test_one_modality_needs_no_concatenation(join, batch):
    network = join(ConcatFusion(units=6), widths=(3,))
    w, b = network.get_weights()
    (h, _), present, (own, _) = batch
    out = network(([h], present[:, :1], [own]))
    np.testing.assert_allclose(out, np.maximum(h @ w + b, 0), rtol=1e-4, atol=1e-5)
