"""Integrals are exact where they can be, and refined where they are not."""

import keras
import numpy as np
import pytest

from skmm import BaseNNRegressor
from skmm.inspection import _gradients
from skmm.inspection._gradients import integrated_gradients, smoothgrad
from skmm.inspection._subject import Subject

RNG = np.random.RandomState(0)
X = RNG.normal(size=(60, 2)).astype(np.float32)


def product(spec, n_outputs):
    """Multiply the two numbers, and add a little that can be learned."""
    x = keras.Input(spec.shape)
    both = keras.ops.prod(x, axis=1, keepdims=True)
    zero = keras.layers.Dense(
        n_outputs, kernel_initializer="zeros", use_bias=False, trainable=False
    )
    return keras.Model(x, both + zero(x))


@pytest.fixture(scope="module")
def given():
    model = BaseNNRegressor(product, epochs=1, random_state=0).fit(X, X.prod(axis=1))
    subject = Subject(model)
    frame = subject.read(X[:7]).frame
    logits = subject.logits(frame)
    aim = subject.aim(logits, None)
    return subject, frame, aim, aim.of(logits)


def test_a_product_is_shared_by_halves(given):
    # The integral of x_1 (a x_2) over a from 0 to 1.
    subject, frame, aim, prediction = given
    found, start = integrated_gradients(subject, frame, [None], aim, prediction, 2)
    half = aim.factor * X[:7].prod(axis=1) / 2
    np.testing.assert_allclose(found["x"], np.column_stack([half, half]), rtol=1e-4)
    np.testing.assert_allclose(start, aim.shift, rtol=1e-5)


def test_chunks_of_rows_change_nothing(given, monkeypatch):
    subject, frame, aim, prediction = given
    rows = [frame[[3]], frame[[5]]]
    expected, starts = integrated_gradients(subject, frame, rows, aim, prediction, 2)
    monkeypatch.setattr(_gradients, "CHUNK_ROWS", 3)
    found, again = integrated_gradients(subject, frame, rows, aim, prediction, 2)
    np.testing.assert_allclose(found["x"], expected["x"], rtol=1e-5)
    np.testing.assert_allclose(starts, again, rtol=1e-5)
    np.testing.assert_allclose(starts, prediction[[3, 5]].mean(), rtol=1e-5)


def test_only_rows_that_miss_are_refined(given, monkeypatch):
    subject, frame, aim, prediction = given
    asked = []
    real = _gradients._Ways.slopes

    def slopes(self, points, weights):
        asked.append((len(self.frame), len(points)))
        found = real(self, points, weights)
        if len(asked) == 1:
            found[0][[1, 4]] += 100
        return found

    monkeypatch.setattr(_gradients._Ways, "slopes", slopes)
    found, _ = integrated_gradients(subject, frame, [None], aim, prediction, "auto")
    assert asked == [(7, 16), (2, 32)]
    expected = aim.factor * X[:7].prod(axis=1) / 2
    np.testing.assert_allclose(found["x"][:, 0], expected, rtol=1e-4)


def test_steps_end_at_the_most(given, monkeypatch):
    subject, frame, aim, prediction = given
    asked = []

    def slopes(self, points, weights):
        asked.append(len(points))
        return [np.zeros((len(self.frame), 2))]

    monkeypatch.setattr(_gradients._Ways, "slopes", slopes)
    integrated_gradients(subject, frame, [None], aim, prediction, "auto")
    assert asked == [16, 32, 64, 128, 256, 512]


def test_without_noise_the_gradient_at_the_row_counts(given):
    subject, frame, aim, _ = given
    rng = np.random.RandomState(0)
    found, _ = smoothgrad(subject, frame, [None], aim, 5, 0.0, rng)
    whole = aim.factor * X[:7].prod(axis=1)
    np.testing.assert_allclose(found["x"], np.column_stack([whole, whole]), rtol=1e-4)


def test_noise_averages_out_of_a_product(given):
    subject, frame, aim, _ = given
    rng = np.random.RandomState(0)
    found, _ = smoothgrad(subject, frame, [None], aim, 400, 0.15, rng)
    whole = aim.factor * X[:7].prod(axis=1)
    spread = np.abs(aim.factor * X[:7].max(axis=1)).max()
    np.testing.assert_allclose(
        found["x"], np.column_stack([whole, whole]), atol=0.05 * spread
    )
