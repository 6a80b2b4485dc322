"""GraphFusion against Kipf and Welling (2017) and Veličković et al. (2018)."""

import keras
import numpy as np
import pytest
from scipy.special import softmax

from skmm.exceptions import ModalityError
from skmm.fusion.graph import GraphFusion


def nodes(layers, embeddings):
    return np.stack(
        [
            h @ layers[f"fusion_node_{m}"][0] + layers[f"fusion_node_{m}"][1]
            for m, h in enumerate(embeddings)
        ],
        axis=1,
    )


def pooled(x, present):
    here = present[..., None]
    return (x * here).sum(axis=1) / np.maximum(1, here.sum(axis=1))


def test_convolution_averages_over_all_that_are_present(join, batch):
    network = join(GraphFusion(units=6, layer="gcn"))
    layers = {layer.name: layer.get_weights() for layer in network.layers}
    embeddings, present, _ = batch
    x = nodes(layers, embeddings)
    for t in range(2):
        mean = pooled(x @ layers[f"fusion_graph_{t}"][0], present)
        x = x + np.maximum(mean, 0)[:, None]
    np.testing.assert_allclose(network(batch), pooled(x, present), rtol=1e-4, atol=1e-4)


def attended(x, kernel, scores, present, n_heads):
    """Equations 1 to 5 of the paper, row by row and head by head."""
    out = np.zeros_like(x)
    for row, here in enumerate(present > 0):
        for i in np.flatnonzero(here):
            for part in np.split(np.arange(x.shape[2]), n_heads):
                values = x[row] @ kernel[:, part]
                e = values[i] @ scores[0, part] + values @ scores[1, part]
                e = np.where(e > 0, e, 0.2 * e)
                out[row, i, part] = softmax(e[here]) @ values[here]
    return out


def test_attention_computes_what_the_paper_says(join, batch):
    network = join(GraphFusion(units=6, num_heads=3))
    layers = {layer.name: layer.get_weights() for layer in network.layers}
    embeddings, present, _ = batch
    x = nodes(layers, embeddings)
    for t in range(2):
        told = attended(x, *layers[f"fusion_graph_{t}"], present, 3)
        x = x + np.maximum(told, 0)
    np.testing.assert_allclose(network(batch), pooled(x, present), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("layer", "own"), [("gcn", 36), ("gat", 36 + 12)])
def test_it_has_the_weights_that_its_notes_count(join, layer, own):
    fusion = GraphFusion(units=6, num_heads=3, layer=layer)
    assert join(fusion).count_params() == (3 + 1 + 5 + 1) * 6 + 2 * own


@pytest.mark.parametrize(
    ("fusion", "message"),
    [
        (GraphFusion(layer="sage"), r'"gat" or "gcn", got .sage'),
        (GraphFusion(units=6), "multiple of num_heads, got 6 and 4"),
    ],
)
def test_what_cannot_be_built_is_refused(fusion, message):
    inputs = [keras.Input((3,)), keras.Input((5,))], keras.Input((2,)), []
    with pytest.raises(ModalityError, match=message):
        fusion.fuse(*inputs)
