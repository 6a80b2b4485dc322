"""RNNEncoder: series and tokens in their order."""

import numpy as np
import pytest

from skmm.encoders.rnn import RNNEncoder
from skmm.exceptions import ModalityError


@pytest.fixture
def series(build):
    return build(RNNEncoder(units=8), "timeseries", (6, 2))


def test_padding_behind_a_series_says_nothing(build, series):
    longer = build(RNNEncoder(units=8), "timeseries", (9, 2))
    longer.set_weights(series.get_weights())
    x = np.random.default_rng(0).normal(size=(3, 6, 2)).astype("float32")
    padded = np.pad(x, ((0, 0), (0, 3), (0, 0)), constant_values=np.nan)
    np.testing.assert_allclose(longer(padded), series(x), atol=1e-5)


def test_a_gap_beside_numbers_is_told_from_a_zero(series):
    x = np.ones((2, 6, 2), "float32")
    x[0, 3, 1], x[1, 3, 1] = np.nan, 0
    gap, zero = series(x)
    assert np.abs(gap - zero).max() > 1e-3


def test_halves_read_both_ways(build):
    both = build(RNNEncoder(units=8), "timeseries", (4, 2))
    assert both.get_layer("m_both").output.shape == (None, 4, 8)
    one = build(RNNEncoder(units=8, bidirectional=False), "timeseries", (4, 2))
    assert one.get_layer("m_gru").output.shape == (None, 4, 8)


def test_it_learns_an_order_of_tokens(accuracy):
    rng = np.random.default_rng(0)
    ids = rng.permuted(np.tile(np.arange(1, 5), (160, 1)), axis=1).astype("int32")
    y = (ids == 1).argmax(1) < (ids == 2).argmax(1)
    score = accuracy(RNNEncoder(), ids, y, "text", epochs=12, vocabulary_size=5)
    assert score > 0.8


def test_a_vector_is_refused(build):
    with pytest.raises(ModalityError, match="mlp"):
        build(RNNEncoder(), "vector", (3,))
