"""TensorFusion against Zadeh et al. (2017)."""

import keras
import numpy as np
import pytest

from skmm.exceptions import ModalityError
from skmm.fusion.tensor import TensorFusion


def test_it_computes_what_its_equation_says(join, batch):
    network = join(TensorFusion(units=6, factor_units=2))
    w0, b0, w1, b1, w, b = network.get_weights()
    (h0, h1), a, _ = batch
    ones = np.ones((len(a), 1))
    u0 = np.hstack([ones, a[:, :1] * (h0 @ w0 + b0)])
    u1 = np.hstack([ones, a[:, 1:] * (h1 @ w1 + b1)])
    outer = np.einsum("na,nb->nab", u0, u1).reshape(len(a), -1)
    expected = np.maximum(outer @ w + b, 0)
    np.testing.assert_allclose(network(batch), expected, rtol=1e-4, atol=1e-4)


def test_it_has_the_weights_that_its_notes_count(join):
    n_weights = join(TensorFusion(units=6, factor_units=2)).count_params()
    assert n_weights == (3 + 1 + 5 + 1) * 2 + ((2 + 1) ** 2 + 1) * 6


def test_it_is_refused_where_it_would_explode():
    embeddings = [keras.Input((8,)) for _ in range(5)]
    with pytest.raises(ModalityError, match=r"90,870,848 weights.*low_rank"):
        TensorFusion().fuse(embeddings, keras.Input((5,)), [])
    fused = TensorFusion(factor_units=4).fuse(embeddings, keras.Input((5,)), [])
    assert fused.shape == (None, 64)
