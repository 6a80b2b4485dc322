"""FiLMFusion against Perez et al. (2018)."""

import numpy as np

from skmm.fusion.film import FiLMFusion


def test_it_computes_what_its_equation_says(join, batch):
    network = join(FiLMFusion(units=6))
    w, b, wc, bc = network.get_weights()
    (h0, h1), present, _ = batch
    z = h0 @ w + b
    g, shift = np.split(h1 @ wc + bc, 2, axis=1)
    expected = np.where(present[:, 1:] > 0, np.maximum((1 + g) * z + shift, 0), z)
    np.testing.assert_allclose(network(batch), expected, rtol=1e-4, atol=1e-4)


def test_what_is_absent_changes_nothing(join, batch):
    network = join(FiLMFusion(units=6))
    w, b, *_ = network.get_weights()
    (h0, _), _, _ = batch
    np.testing.assert_allclose(network(batch)[1], h0[1] @ w + b, rtol=1e-4, atol=1e-5)


def test_modalities_follow_one_another(join):
    network = join(FiLMFusion(units=6), widths=(3, 5, 2))
    rng = np.random.default_rng(0)
    h = [rng.normal(size=(4, d)).astype("float32") for d in (3, 5, 2)]
    logits = [np.zeros((4, 4), "float32")] * 3
    found = np.asarray(network((h, np.ones((4, 3), "float32"), logits)))
    w, b, w1, b1, w2, b2 = network.get_weights()
    z = h[0] @ w + b
    for x, kernel, bias in ((h[1], w1, b1), (h[2], w2, b2)):
        g, shift = np.split(x @ kernel + bias, 2, axis=1)
        z = np.maximum((1 + g) * z + shift, 0)
    np.testing.assert_allclose(found, z, rtol=1e-4, atol=1e-4)


def test_it_has_the_weights_that_its_notes_count(join):
    assert join(FiLMFusion(units=6)).count_params() == (3 + 1) * 6 + (5 + 1) * 12
