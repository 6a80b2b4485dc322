"""A small network that the tests of training share."""

import keras
import numpy as np
import pytest

from skmm import training


@pytest.fixture
def build():
    """Make a fresh program for 4 numbers and 3 classes, with dropout."""

    def make(optimizer="adamw", **settings):
        x = keras.Input((4,))
        hidden = keras.layers.Dense(8, activation="relu")(x)
        dropped = keras.layers.Dropout(0.2)(hidden)
        logits = keras.layers.Dense(3)(dropped)
        network = keras.Model([x], {"logits": logits, "embedding": hidden})
        loss = settings.pop("loss", training.Loss("multiclass", (3,)))
        made = training.make_optimizer(optimizer, 0.01)
        return training.Program(network, loss, made, takes_present=False, **settings)

    return make


@pytest.fixture
def data():
    """Make 50 rows of three classes that a line separates."""
    rng = np.random.default_rng(0)
    y = np.arange(50) % 3
    x = rng.normal(size=(50, 4)).astype(np.float32)
    x[:, 0] += 3 * y
    weight = np.ones(50, np.float32)
    return training.Data([x], y[:, None].astype(np.float32), weight)


@pytest.fixture
def recipe():
    """Train 5 epochs of 7 batches of 8 rows, the last of 2."""
    return training.Recipe(
        epochs=5,
        batch_size=8,
        learning_rate=0.01,
        schedule="constant",
        seed=3,
        patience=None,
    )
