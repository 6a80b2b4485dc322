"""BottleneckFusion against Nagrani et al. (2021)."""

import keras
import numpy as np
import pytest

from skmm.exceptions import ModalityError
from skmm.fusion.bottleneck import BottleneckFusion

UNITS, HEADS, COMMON = 6, 2, 2


def mean(x, present):
    """Mean over the modalities present of what has one axis more behind them."""
    here = present.T.reshape(*present.T.shape, *(1,) * (x[0].ndim - 1))
    return (np.stack(x) * here).sum(axis=0) / np.maximum(1, here.sum(axis=0))


def test_it_computes_what_its_equations_say(join_tokens, token_batch, block):
    fusion = BottleneckFusion(UNITS, COMMON, num_layers=3, num_heads=HEADS)
    network = join_tokens(fusion)
    tokens, observed, present = token_batch
    x, n_rows = block.tokens(network, tokens), len(present)
    (common,) = network.get_layer("fusion_bottleneck").get_weights()
    common = np.broadcast_to(common, (n_rows, COMMON, UNITS))
    always = np.ones((n_rows, COMMON), bool)
    for i in range(3):
        parts = []
        for m in range(2):
            seen = np.concatenate([observed[m], always], axis=1)
            both = np.concatenate([x[m], common], axis=1)
            both = block(network, f"fusion_{m}_{i}", both, seen)
            x[m], part = both[:, :-COMMON], both[:, -COMMON:]
            parts.append(part)
        common = mean(parts, present)
    first = [block.normalised(network, "fusion_norm", part[:, 0]) for part in x]
    w, c = network.get_layer("fusion_hidden").get_weights()
    expected = np.maximum(mean(first, present) @ w + c, 0)
    np.testing.assert_allclose(network(token_batch), expected, rtol=1e-3, atol=1e-3)


def test_modalities_hear_of_one_another_through_the_bottleneck(
    join_tokens, token_batch
):
    network = join_tokens(BottleneckFusion(UNITS, COMMON, num_heads=HEADS))
    tokens, observed, present = token_batch
    changed = [tokens[0], tokens[1] + (np.arange(4) == 1)[:, None]]
    moved = np.abs(network([changed, observed, present]) - network(token_batch))
    here = observed[1][:, 1]
    np.testing.assert_array_equal(moved.max(axis=1) > 1e-6, here)


def test_one_layer_would_exchange_nothing():
    inputs = [keras.Input((3,)), keras.Input((5,))], keras.Input((2,)), []
    with pytest.raises(ModalityError, match="num_layers must be 2 or more, got 1"):
        BottleneckFusion(num_layers=1).fuse(*inputs)
