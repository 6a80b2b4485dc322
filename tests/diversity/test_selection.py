"""What an ensemble loses and gains is told of rows set apart."""

import numpy as np
import pytest
from sklearn.metrics import log_loss

from skmm.diversity._selection import OfClasses, OfNumbers

RNG = np.random.default_rng(0)
N = 300
SETTINGS = {"max_members": 10, "n_bags": 3, "random_state": 0}


class Least:
    """The least that there must be."""

    def __init__(self, max_members, n_bags, random_state):
        self.max_members = max_members
        self.n_bags = n_bags
        self.random_state = random_state

    def _mean(self, X):
        return X


class Classes(Least, OfClasses):
    """Of classes."""


class Numbers(Least, OfNumbers):
    """Of numbers."""


def test_the_loss_of_classes_is_the_log_loss_under_weights():
    y = RNG.choice(["a", "b", "c"], N)
    unseen = RNG.dirichlet(np.ones(3), size=(2, N))
    weight = RNG.random(N)
    found = Classes(**SETTINGS)._choose(["one", "two"], unseen, y, weight)
    for name, p in zip(["one", "two"], unseen, strict=True):
        assert found["losses_"][name] == pytest.approx(
            log_loss(y, p, sample_weight=weight)
        )
    mean = np.tensordot(found["weights_"], unseen, axes=1)
    assert found["loss_"] == pytest.approx(log_loss(y, mean, sample_weight=weight))
    assert found["classes_"].tolist() == ["a", "b", "c"]


def test_a_probability_of_0_costs_much_and_not_everything():
    y = np.array([0, 1] * 20)
    sure = np.eye(2)[np.zeros(40, int)]
    found = Classes(**SETTINGS)._choose(["sure"], sure[None], y, np.ones(40))
    assert np.isfinite(found["loss_"]) and found["loss_"] > 100


def test_the_diversity_of_numbers_is_their_variance():
    y = RNG.normal(size=N)
    unseen = y + RNG.normal(size=(3, N))
    found = Numbers(**SETTINGS)._choose(["a", "b", "c"], unseen, y, np.ones(N))
    mean = found["weights_"] @ unseen
    variance = (found["weights_"] @ np.square(unseen - mean)).mean()
    assert found["diversity_"] == pytest.approx(variance)
    assert "classes_" not in found


def test_labels_are_those_of_the_highest_mean():
    model = Classes(**SETTINGS)
    model.classes_ = np.array(["a", "b"])
    assert model.predict(np.array([[0.2, 0.8], [0.7, 0.3]])).tolist() == ["b", "a"]
