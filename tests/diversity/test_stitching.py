"""A head goes on from another network's embedding, as far as that tells enough."""

import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from skmm import BaseNNClassifier, MultimodalClassifier, MultimodalRegressor
from skmm.diversity import stitching_penalty

X, Y = load_digits(return_X_y=True)
FIT, TEST = slice(0, 500), slice(500, 900)


@pytest.fixture(scope="module")
def two():
    """Two networks of different seeds."""
    return [
        MultimodalClassifier(
            ensemble_size=1, guard=False, epochs=15, random_state=seed
        ).fit(X[FIT], Y[FIT])
        for seed in (0, 1)
    ]


def penalty(giver, taker):
    return stitching_penalty(giver, taker, X[FIT], X[TEST], Y[TEST])


def test_a_network_goes_on_from_itself(two):
    assert abs(penalty(two[0], two[0])) < 0.01


def test_seeds_see_the_same(two):
    assert penalty(two[0], two[1]) < 0.1


def test_an_embedding_of_too_little_costs_much(two):
    poor = PCA(1).fit(X[FIT])
    assert penalty(poor, two[0]) > 0.4


def test_a_network_on_an_array_and_numbers_are_taken():
    alone = BaseNNClassifier(epochs=5, random_state=0).fit(X[FIT], Y[FIT])
    assert abs(penalty(alone, alone)) < 0.03
    number = MultimodalRegressor(ensemble_size=1, guard=False, epochs=5, random_state=0)
    number.fit(X[FIT], Y[FIT].astype(float))
    assert abs(penalty(number, number)) < 0.03


def test_several_networks_have_no_single_head():
    model = MultimodalClassifier(ensemble_size=2, epochs=1, random_state=0)
    model.fit(X[FIT], Y[FIT])
    with pytest.raises(ValueError, match="with 2 networks: set ensemble_size=1"):
        penalty(model, model)


def test_a_fusion_that_decides_has_no_head():
    model = MultimodalClassifier(
        fusion="late", ensemble_size=1, guard=False, epochs=1, random_state=0
    ).fit(X[FIT], Y[FIT])
    with pytest.raises(ValueError, match="has no linear head"):
        penalty(model, model)


def test_an_estimator_of_others_cannot_take(two):
    pca = PCA(2).fit(X[FIT])
    with pytest.raises(ValueError, match="taker must be an estimator of skmm"):
        penalty(two[0], pca)
