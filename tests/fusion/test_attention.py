"""AttentionFusion against Tsai et al. (2019)."""

import keras
import numpy as np
import pytest

from skmm.fusion.attention import AttentionFusion

UNITS, HEADS = 6, 2


def test_it_computes_what_its_equation_says(join_tokens, token_batch, block):
    network = join_tokens(AttentionFusion(units=UNITS, num_heads=HEADS))
    tokens, observed, _ = token_batch
    x = block.tokens(network, tokens)
    read = []
    for a, b in ((0, 1), (1, 0)):
        told = block(network, f"fusion_{a}_{b}_0", x[a], observed[b], x[b])
        read.append(block(network, f"fusion_{a}_self", told, observed[a])[:, 0])
    w, c = network.get_layer("fusion_hidden").get_weights()
    expected = np.maximum(np.concatenate(read, axis=1) @ w + c, 0)
    np.testing.assert_allclose(network(token_batch), expected, rtol=1e-3, atol=1e-3)


def test_tokens_that_hold_nothing_are_not_looked_at(join_tokens, token_batch):
    network = join_tokens(AttentionFusion(units=UNITS, num_heads=HEADS))
    tokens, observed, present = token_batch
    other = [
        np.where(o[..., None], x, 7) for x, o in zip(tokens, observed, strict=True)
    ]
    np.testing.assert_array_equal(
        network([other, observed, present]), network(token_batch)
    )


@pytest.mark.parametrize("num_layers", [1, 3])
def test_every_pair_looks_as_often_as_asked(join_tokens, num_layers):
    fusion = AttentionFusion(units=UNITS, num_heads=HEADS, num_layers=num_layers)
    names = [layer.name for layer in join_tokens(fusion).layers]
    looks = [n for n in names if n.endswith("_attention") and "norm" not in n]
    assert sum("_self_" not in n and "add" not in n for n in looks) == 2 * num_layers


def test_embeddings_alone_are_one_token_each():
    inputs = [keras.Input((3,)), keras.Input((5,))], keras.Input((2,))
    fused = AttentionFusion(units=UNITS, num_heads=HEADS).fuse(*inputs, [])
    assert fused.shape == (None, UNITS)
