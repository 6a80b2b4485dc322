"""Embeddings are compared whatever their axes, and unrelated ones are told apart."""

import numpy as np
import pytest
from sklearn.exceptions import UndefinedMetricWarning

from skmm.diversity import representation_similarity
from skmm.diversity._representations import _unbiased_hsic

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(40, 5)), RNG.normal(size=(40, 3))


def kernels(x):
    k = x @ x.T
    np.fill_diagonal(k, 0)
    return k


def hsic(a, b):
    """Song et al. (2012), equation 5, times n (n - 3)."""
    k, m, n = kernels(a), kernels(b), len(a)
    one = np.ones(n)
    whole = (one @ k @ one) * (one @ m @ one) / ((n - 1) * (n - 2))
    return np.trace(k @ m) + whole - 2 / (n - 2) * (one @ k @ m @ one)


def test_hsic_is_that_of_its_equation():
    assert _unbiased_hsic(A, B) == pytest.approx(hsic(A, B))


def test_plain_cka_is_that_of_centred_kernels():
    centre = np.eye(40) - 1 / 40
    k, m = centre @ A @ A.T @ centre, centre @ B @ B.T @ centre
    expected = np.sum(k * m) / (np.linalg.norm(k) * np.linalg.norm(m))
    found = representation_similarity(A, B, debiased=False)
    assert found == pytest.approx(expected)


def test_procrustes_is_what_is_left_by_the_best_rotation():
    from scipy.spatial import procrustes

    wide = np.hstack([B, np.zeros((40, 2))])
    _, _, disparity = procrustes(A, wide)  # 1 - similarity ** 2
    found = representation_similarity(A, B, metric="procrustes")
    assert found == pytest.approx(np.sqrt(1 - disparity))


@pytest.mark.parametrize(
    "settings", [{}, {"debiased": False}, {"metric": "procrustes"}]
)
def test_axes_scale_and_origin_do_not_matter(settings):
    turned = 3e4 * A @ np.linalg.qr(RNG.normal(size=(5, 5)))[0] + 7
    assert representation_similarity(A, turned, **settings) == pytest.approx(1)
    moved = representation_similarity(turned, B, **settings)
    assert moved == pytest.approx(representation_similarity(B, A, **settings))


def test_unrelated_embeddings_of_few_rows_are_near_0():
    drawn = [
        (RNG.normal(size=(100, 64)), RNG.normal(size=(100, 64))) for _ in range(20)
    ]
    debiased = [representation_similarity(a, b) for a, b in drawn]
    plain = [representation_similarity(a, b, debiased=False) for a, b in drawn]
    assert abs(np.mean(debiased)) < 0.02
    assert np.mean(plain) > 0.35


@pytest.mark.parametrize("metric", ["cka", "procrustes"])
def test_a_constant_embedding_is_like_nothing(metric):
    with pytest.warns(UndefinedMetricWarning, match="the same for every row"):
        found = representation_similarity(A, np.full((40, 3), 0.1), metric=metric)
    assert np.isnan(found)


@pytest.mark.parametrize("n", [5, 10, 100])
def test_rows_that_are_all_as_far_from_one_another_say_nothing_debiased(n):
    with pytest.warns(UndefinedMetricWarning, match="as far from one another"):
        assert np.isnan(representation_similarity(np.eye(n), np.eye(n)))
    plain = representation_similarity(np.eye(n), np.eye(n), debiased=False)
    assert plain == pytest.approx(1)


@pytest.mark.parametrize(
    ("a", "b", "settings", "message"),
    [
        (A, B[:5], {}, "inconsistent numbers of samples"),
        (A[:3], B[:3], {}, "minimum of 4 is required"),
        (A, B, {"metric": "cca"}, "'cka' or 'procrustes', got 'cca'"),
        (A * np.nan, B, {}, "NaN"),
        (A[:, 0], B, {}, "2D"),
    ],
)
def test_what_cannot_be_compared_is_refused(a, b, settings, message):
    with pytest.raises(ValueError, match=message):
        representation_similarity(a, b, **settings)
