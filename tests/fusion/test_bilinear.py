"""BilinearFusion against Yu et al. (2017)."""

import numpy as np
import tensorflow as tf

from skmm.fusion.bilinear import BilinearFusion


def twin(layers, embeddings, present):
    """The docstring's equation, row by row."""
    fused = []
    for row, here in enumerate(present > 0):
        z = np.zeros(6)
        for m, h in enumerate(embeddings):
            w, b = layers[f"fusion_value_{m}"]
            z += here[m] * (h[row] @ w + b)
        for a in range(len(embeddings)):
            for b in range(a + 1, len(embeddings)):
                (ua, ca), (ub, cb) = (layers[f"fusion_factor_{m}"] for m in (a, b))
                product = (embeddings[a][row] @ ua + ca) * (
                    embeddings[b][row] @ ub + cb
                )
                s = product.reshape(6, -1).sum(axis=1)
                root = np.sign(s) * np.sqrt(np.abs(s))
                z += here[a] * here[b] * root / np.linalg.norm(root)
        fused.append(z)
    return np.array(fused)


def test_it_computes_what_its_equation_says(join, batch):
    network = join(BilinearFusion(units=6, n_factors=3))
    layers = {layer.name: layer.get_weights() for layer in network.layers}
    embeddings, present, _ = batch
    # sqrt is taken a little above 0, where it has no gradient
    expected = twin(layers, embeddings, present)
    np.testing.assert_allclose(network(batch), expected, rtol=1e-2, atol=1e-3)


def test_its_gradient_is_finite_where_a_product_is_zero(join, batch):
    network = join(BilinearFusion(units=6))
    (h0, h1), present, logits = batch
    network.set_weights([np.zeros_like(w) for w in network.get_weights()])
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(network(([h0, h1], present, logits)))
    for gradient in tape.gradient(total, network.trainable_variables):
        assert np.isfinite(gradient).all()


def test_one_modality_is_linear(join, batch):
    network = join(BilinearFusion(units=6), widths=(3,))
    w, b = network.get_weights()
    (h, _), present, (own, _) = batch
    out = network(([h], present[:, :1], [own]))
    expected = present[:, :1] * (h @ w + b)
    np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-5)


def test_it_has_the_weights_that_its_notes_count(join):
    n_weights = join(BilinearFusion(units=6, n_factors=3)).count_params()
    assert n_weights == (3 + 1 + 5 + 1) * 6 * (1 + 3)
