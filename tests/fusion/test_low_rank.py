"""LowRankFusion against Liu et al. (2018), and against the tensor it stands for."""

import keras
import numpy as np

from skmm.fusion.low_rank import LowRankFusion

UNITS, RANK = 6, 3


def factors(network, m):
    """W_mk of shape (rank, d_m + 1, units), the bias last."""
    w, b = network.get_layer(f"fusion_factor_{m}").get_weights()
    return np.vstack([w, b]).reshape(-1, RANK, UNITS).transpose(1, 0, 2)


def with_one(h):
    return np.column_stack([h, np.ones(len(h))])


def test_it_computes_what_its_equation_says(join, batch):
    network = join(LowRankFusion(units=UNITS, rank=RANK))
    embeddings, present, _ = batch
    product = np.ones((RANK, len(present), UNITS))
    for m, h in enumerate(embeddings):
        mapped = with_one(h) @ factors(network, m)
        product *= np.where(present[:, m : m + 1] > 0, mapped, 1)
    expected = product.mean(axis=0)
    np.testing.assert_allclose(network(batch), expected, rtol=1e-4, atol=1e-5)


def test_it_is_a_tensor_of_that_rank_over_the_outer_product(join, batch):
    network = join(LowRankFusion(units=UNITS, rank=RANK))
    embeddings, present, _ = batch
    both = present.all(axis=1)
    tensor = np.einsum("rau,rbu->abu", factors(network, 0), factors(network, 1)) / RANK
    h0, h1 = (with_one(h) for h in embeddings)
    expected = np.einsum("na,nb,abu->nu", h0, h1, tensor)
    found = np.asarray(network(batch))[both]
    np.testing.assert_allclose(found, expected[both], rtol=1e-4, atol=1e-5)


def test_it_starts_near_one_so_that_products_of_every_order_are_there():
    inputs = [keras.Input((3,)), keras.Input((5,))], keras.Input((2,))
    network = keras.Model(inputs, LowRankFusion(dropout=0).fuse(*inputs, []))
    start = network([[np.zeros((1, 3)), np.zeros((1, 5))], np.ones((1, 2))])
    np.testing.assert_array_equal(start, np.ones((1, 64)))


def test_it_has_the_weights_that_its_notes_count(join):
    n_weights = join(LowRankFusion(units=UNITS, rank=RANK)).count_params()
    assert n_weights == (3 + 1 + 5 + 1) * RANK * UNITS
