"""MLPEncoder: tables, vectors, flattened arrays."""

import numpy as np
import pytest

from skmm.encoders.mlp import MLPEncoder
from skmm.exceptions import ModalityError


def test_it_computes_what_its_equation_says(build):
    network = build(MLPEncoder(units=4, hidden_units=(6,)), "tabular", (3,))
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=w.shape) for w in network.get_weights()]
    network.set_weights(weights)
    w1, b1, w, b, gamma, beta = weights
    x = rng.normal(size=(5, 3))
    z = np.maximum(x @ w1 + b1, 0) @ w + b
    z = (z - z.mean(1, keepdims=True)) / np.sqrt(z.var(1, keepdims=True) + 1e-3)
    np.testing.assert_allclose(network(x), gamma * z + beta, rtol=1e-4, atol=1e-5)


def test_it_learns_what_no_line_separates(accuracy):
    x = np.random.default_rng(0).normal(size=(240, 5)).astype("float32")
    y = (x[:, 0] > 0) ^ (x[:, 1] > 0)
    assert accuracy(MLPEncoder(), x, y, "tabular", epochs=20) > 0.8


def test_it_learns_from_categories(accuracy):
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 10, (200, 2))
    y = np.isin(codes[:, 0], [1, 4, 7]) ^ (codes[:, 1] > 4)
    x = np.column_stack([rng.normal(size=200), codes]).astype("float32")
    score = accuracy(MLPEncoder(), x, y, "tabular", epochs=20, cardinalities=(10, 10))
    assert score > 0.8


@pytest.mark.parametrize(
    ("cardinalities", "dim"), [((2,), 2), ((2, 3), 5), ((4, 90), 8)]
)
def test_a_category_has_no_more_numbers_than_there_are(build, cardinalities, dim):
    shape = (1 + len(cardinalities),)
    network = build(MLPEncoder(), "tabular", shape, cardinalities=cardinalities)
    table = network.get_layer("m_categories").embeddings
    assert table.shape == (sum(cardinalities), dim)


def test_a_gap_in_a_vector_is_told_from_a_zero(build):
    network = build(MLPEncoder(), "vector", (2,))
    gap, zero = network(np.array([[1, np.nan], [1, 0]], "float32"))
    assert np.isfinite(gap).all()
    assert np.abs(gap - zero).max() > 1e-3


def test_a_linear_encoder_has_no_hidden_layer(build):
    network = build(MLPEncoder(hidden_units=()), "tabular", (3,))
    assert [layer.name for layer in network.layers] == [
        "m",
        "m_project",
        "m_embedding",
    ]


def test_text_is_refused(build):
    with pytest.raises(ModalityError, match="token ids"):
        build(MLPEncoder(), "text", (3,), "int32", vocabulary_size=9)


def test_numbers_of_a_table_are_waves_too_and_codes_are_not(build):
    spec = {"cardinalities": (4,), "n_numbers": 2}
    network = build(MLPEncoder(), "tabular", (4,), **spec)
    waves = network.get_layer("m_periodic")
    assert waves.n_numbers == 2
    assert network.get_layer("m_hidden_0").kernel.shape[0] == 3 + 4 + 2 * 3
    x = np.array([[0.5, 1, 0, 3]], "float32")
    embedded = np.asarray(waves(network.get_layer("m_categories")(x)))
    np.testing.assert_array_equal(embedded[:, :3], x[:, :3])


def test_waves_may_be_left_out(build):
    network = build(MLPEncoder(n_frequencies=0), "tabular", (3,), n_numbers=3)
    assert network.get_layer("m_hidden_0").kernel.shape[0] == 3
