"""Summaries of series, against NumPy on what is observed."""

import keras
import numpy as np
import pytest

from skmm import layers

NAN = np.nan
STEPS, PARTS = 12, 3


def described(x, n_steps, length):
    """Numbers of one channel in the order of the layer; `x` has `length` real steps."""
    t = np.flatnonzero(~np.isnan(x))
    v = x[t]
    if not len(v):
        return [0.0] * 8 + [1.0]
    slope = 0.0
    time = t / length
    lag = time - time.mean()
    slope = (lag * (v - v.mean())).sum() / ((lag**2).sum() + 0.1)
    spread = np.sqrt(v.var() + 1e-6) - 1e-3
    since = (length - 1 - t[-1]) / length
    share = len(v) / length
    return [v.mean(), spread, v.min(), v.max(), v[0], v[-1], slope, share, since]


def part(x, length):
    v = x[~np.isnan(x)]
    share = len(v) / max(length, 1)
    return [v.mean(), v.min(), v.max(), share] if len(v) else [0.0] * 4


def expected(x):
    """By channel and then by what is described, for one row (steps, channels)."""
    real = np.flatnonzero(~np.isnan(x).all(axis=1))
    length = real[-1] + 1 if len(real) else 0
    rows = [described(c, len(x), max(length, 1)) for c in x.T]
    parts = []
    for k in range(PARTS):
        cut = slice(k * STEPS // PARTS, (k + 1) * STEPS // PARTS)
        inside = np.clip(length - cut.start, 0, cut.stop - cut.start)
        parts.append([part(c, inside) for c in x[cut].T])
    return np.concatenate(
        [np.array(rows).T.ravel(), *(np.array(p).T.ravel() for p in parts)]
    )


def series(n_rows=20):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n_rows, STEPS, 3)).astype("float32")
    x[rng.random(x.shape) < 0.4] = NAN
    x[2, 7:], x[3, :, 1], x[4] = NAN, NAN, NAN
    return x


def test_every_number_is_what_it_says():
    x = series()
    found = layers.SeriesSummary(PARTS)(x)
    wanted = np.stack([expected(row) for row in x])
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_padding_is_no_gap():
    """Steps behind the last one change neither shares nor the time since."""
    x = series()
    longer = np.pad(x, ((0, 0), (0, 5), (0, 0)), constant_values=NAN)
    whole, padded = (layers.SeriesSummary(0)(z) for z in (x, longer))
    np.testing.assert_allclose(padded, whole, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("value", [0.0, 2.0])
def test_a_constant_channel_has_a_finite_gradient(value):
    import tensorflow as tf

    x = tf.fill((2, STEPS, 2), value)
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = keras.ops.sum(layers.SeriesSummary()(x))
    assert np.isfinite(tape.gradient(total, x)).all()
