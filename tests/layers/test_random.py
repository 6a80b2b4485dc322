"""Random numbers that XLA draws as fast as TensorFlow does."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from skmm import MultimodalClassifier
from skmm.datasets import make_multimodal_classification
from skmm.layers import drop, tracing_for_xla, uniform
from skmm.training import _pool, clear_pool

ROWS, WIDTH = 400, 50


def compiled(function):
    """Have XLA compile a function, traced as the training's is."""

    def traced(*args):
        with tracing_for_xla():
            return function(*args)

    return tf.function(traced, jit_compile=True, autograph=False)


def dropping(rate=0.3, seed=0, **kwargs):
    """Make a layer, and the function that calls it in training."""
    layer = keras.layers.Dropout(rate, seed=seed, **kwargs)
    layer.build((None, WIDTH))
    return layer, lambda x: drop(layer, x, training=True)


def test_a_share_is_dropped_and_the_rest_made_larger():
    x = np.ones((ROWS, WIDTH), "float32")
    y = compiled(dropping(0.3)[1])(x).numpy()
    np.testing.assert_allclose(np.unique(y), [0, 1 / 0.7], rtol=1e-6)
    deviation = np.sqrt(0.3 * 0.7 / y.size)
    assert abs(np.mean(y == 0) - 0.3) < 4 * deviation
    # neither rows nor units are dropped together
    assert np.std(np.mean(y == 0, axis=0)) < 2 * np.sqrt(0.21 / ROWS)
    assert np.std(np.mean(y == 0, axis=1)) < 2 * np.sqrt(0.21 / WIDTH)


def test_one_draw_stands_for_an_axis_of_the_noise_shape():
    x = np.ones((40, 20, 8), "float32")
    y = compiled(dropping(0.5, noise_shape=(None, None, 1))[1])(x).numpy()
    assert 0.4 < np.mean(y == 0) < 0.6
    np.testing.assert_array_equal(y, y[:, :, :1] * x)


def test_each_call_draws_anew_and_a_seed_repeats_them():
    x = np.ones((ROWS, WIDTH), "float32")
    first, other = compiled(dropping(seed=1)[1]), compiled(dropping(seed=1)[1])
    calls = [first(x).numpy() for _ in range(2)]
    assert np.mean((calls[0] == 0) == (calls[1] == 0)) < 0.65  # .58 by chance
    for call in calls:
        np.testing.assert_array_equal(other(x), call)
    another = compiled(dropping(seed=2)[1])
    assert np.mean((another(x) == 0) == (calls[0] == 0)) < 0.65


def test_what_is_dropped_gives_no_gradient():
    call = dropping(0.5)[1]

    def slope(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = call(x)
        return y, tape.gradient(y, x)

    y, gradient = compiled(slope)(tf.ones((ROWS, WIDTH)))
    np.testing.assert_array_equal(y, gradient)


def test_uniform_draws_lie_evenly_between_0_and_1():
    seed = keras.random.SeedGenerator(0)
    draws = compiled(lambda: uniform((ROWS, WIDTH), seed))().numpy()
    assert draws.min() >= 0
    assert draws.max() < 1
    counts = np.histogram(draws, bins=20, range=(0, 1))[0]
    expected = draws.size / 20
    assert np.sum((counts - expected) ** 2 / expected) < 50  # of 19 degrees: p < .0002


@pytest.mark.parametrize("training", [True, False])
def test_elsewhere_bits_are_those_of_keras(training):
    x = np.ones((ROWS, WIDTH), "float32")
    ours, theirs = dropping(seed=3)[0], dropping(seed=3)[0]
    expected = theirs(x, training=training)
    np.testing.assert_array_equal(drop(ours, x, training=training), expected)
    seeds = [keras.random.SeedGenerator(4) for _ in range(2)]
    drawn = keras.random.uniform((5, 2), seed=seeds[1])
    np.testing.assert_array_equal(uniform((5, 2), seeds[0]), drawn)


def test_nothing_is_dropped_by_a_rate_of_0_or_in_prediction():
    x = np.ones((ROWS, WIDTH), "float32")
    np.testing.assert_array_equal(compiled(dropping(0.0)[1])(x), x)
    layer = dropping(0.5)[0]
    np.testing.assert_array_equal(compiled(lambda x: drop(layer, x))(x), x)


def test_a_training_under_xla_draws_nothing_by_philox():
    kinds = ("tabular", "text")
    X, y = make_multimodal_classification(
        64, modalities=kinds, random_state=0, return_X_y=True
    )
    clear_pool()
    model = MultimodalClassifier(engine="xla", epochs=1, ensemble_size=1)
    model.set_params(modality_dropout=0.2, modality_swap=0.2, random_state=0).fit(X, y)
    ((_, program),) = _pool._idle
    graph = program.engines["xla"].graph.graph.as_graph_def()
    nodes = [node.op for f in graph.library.function for node in f.node_def]
    draws = [op for op in nodes if op.startswith("StatelessRandom")]
    assert len(draws) > 5  # table, text, fusion, modalities taken away and swapped
    # Philox's key would come of an operation of its own.
    assert set(draws) == {"StatelessRandomUniformV2"}
