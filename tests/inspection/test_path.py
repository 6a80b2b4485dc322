"""Between a baseline and a row everything moves that should, and nothing else."""

import numpy as np
import pytest
import tensorflow as tf

from skmm import BaseNNRegressor, ModalityFrame, ModalitySpec, MultimodalRegressor
from skmm.inspection._path import PathNetwork, Point

RNG = np.random.RandomState(0)
SPECS = {
    "t": ModalitySpec(
        "t", "tabular", (3,), "float32", "mlp", cardinalities=(4,), n_numbers=2
    ),
    "n": ModalitySpec("n", "text", (5,), "int32", "embedding_bag", vocabulary_size=6),
    "s": ModalitySpec("s", "timeseries", (6, 1), "float32", "series"),
}


def made(n):
    arrays = {
        "t": RNG.normal(size=(n, 3)).astype(np.float32),
        "n": RNG.randint(1, 6, size=(n, 5)).astype(np.int32),
        "s": RNG.normal(size=(n, 6, 1)).astype(np.float32),
    }
    arrays["t"][:, 2] = RNG.randint(4, size=n)
    arrays["n"][:, 3:] = 0
    arrays["s"][:, 4:] = np.nan
    return ModalityFrame(arrays, SPECS)


@pytest.fixture(scope="module")
def model():
    return MultimodalRegressor(epochs=1, ensemble_size=1, random_state=0).fit(
        made(30), RNG.normal(size=30)
    )


@pytest.fixture(scope="module")
def network(model):
    network = PathNetwork(model, list(SPECS.values()), noisy=False)
    network.set_weights(model._weights[0])
    return network


def paths_of(model, network, frame, baseline=None):
    ends = model._arrays(frame)[:3]
    starts = None if baseline is None else model._arrays(baseline)[:3]
    return network.lay_out(ends, starts, frame.present)


def at(network, paths, place):
    point = Point(np.float32(place), np.float32(0), np.int32(0))
    return network.opinions(paths, point).numpy()[0, :, 0]


def test_the_path_ends_at_the_rows_and_starts_at_the_baseline(model, network):
    frame, baseline = made(4), made(1)
    # Words weigh by their ids, which stay those of the row.
    frame.arrays["n"] = np.repeat(baseline["n"], 4, axis=0)
    paths = paths_of(model, network, frame, baseline)
    target = model._target
    ends = at(network, paths, 1.0)[:, None]
    np.testing.assert_allclose(target.decode(ends), model.predict(frame), rtol=1e-4)
    starts = at(network, paths, 0.0)[:, None]
    expected = np.repeat(model.predict(baseline), 4)
    np.testing.assert_allclose(target.decode(starts), expected, rtol=1e-4)


def test_without_a_baseline_rows_start_alike(model, network):
    starts = at(network, paths_of(model, network, made(5)), 0.0)
    np.testing.assert_allclose(starts, starts[0], rtol=1e-4)


def test_gaps_codes_and_absent_modalities_do_not_move_at_the_input(model, network):
    frame = made(2)
    frame.present[1, 2] = False
    frame.arrays["s"][1] = 0
    paths = paths_of(model, network, frame, made(1))
    start, change, present = paths
    np.testing.assert_array_equal(start[0][:, 2], frame["t"][:, 2])
    np.testing.assert_array_equal(start[1][:, :5], frame["n"])
    assert np.isnan(start[2][0, 4:]).all() and (change[2][0, 4:] == 0).all()
    assert (change[2][1] == 0).all()
    np.testing.assert_array_equal(present, frame.present)
    nothing = paths_of(model, network, frame)
    assert (nothing.change[0][:, 2] == -1).all() and (nothing.change[1] == -1).all()


def test_slopes_are_those_of_small_steps(model, network):
    frame = made(3)
    paths = paths_of(model, network, frame)
    point = Point(np.float32(0.6), np.float32(0), np.int32(0))
    pull = np.ones((network.opinions(paths, point).shape[0], 3, 1), np.float32)
    pull[1:] = 0
    found = network.slopes(paths, point, tf.constant(pull))
    total = sum(part.numpy().reshape(3, -1).sum(axis=1) for part in found)
    step = 1e-3
    rise = at(network, paths, 0.6 + step) - at(network, paths, 0.6 - step)
    np.testing.assert_allclose(total, rise / (2 * step), rtol=0.05, atol=5e-3)
    assert (found[0].numpy()[:, 2] != 0).any()
    assert (found[1].numpy()[:, :3] != 0).all() and (found[1].numpy()[:, 3:] == 0).all()
    assert (found[2].numpy()[:, 4:] == 0).all()


def test_noise_is_on_the_scale_of_the_range_of_a_row():
    X = np.column_stack([np.zeros(20), np.linspace(1, 10, 20)])
    model = BaseNNRegressor(epochs=1, random_state=0).fit(X, X[:, 1])
    network = PathNetwork(model, list(model._specs), noisy=True)
    x = tf.constant(np.repeat([[0.0, 4.0], [0.0, 40.0]], 200, axis=1), tf.float32)

    class Now:
        point = Point(1.0, tf.constant(0.1), tf.constant(3))

    network.now = Now
    drawn = network._noise(x, tf.ones_like(x, "bool"), 0).numpy()
    np.testing.assert_allclose(drawn.std(axis=1), [0.4, 4.0], rtol=0.15)
    assert (network._noise(x, tf.zeros_like(x, "bool"), 0).numpy() == 0).all()
