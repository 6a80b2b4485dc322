"""Optimizers are made from plain values."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from skmm._compat import is_decayed
from skmm.training import make_optimizer
from skmm.training._optimizers import LAZY_ROWS, own_rate, update


def test_a_name_gets_step_size_and_clipping_and_leaves_decay_to_update():
    made = make_optimizer("adamw", 0.3)
    assert isinstance(made, keras.optimizers.AdamW)
    assert float(made.learning_rate) == pytest.approx(0.3)
    assert made.global_clipnorm == 1.0
    assert made.weight_decay is None


def test_offsets_and_norms_do_not_decay():
    layer = keras.layers.Dense(2)
    layer.build((None, 2))
    made = make_optimizer("adamw", 0.1)
    made.build(layer.trainable_variables)
    decays = [is_decayed(made, v) for v in (layer.kernel, layer.bias)]
    assert decays == [True, False]


def test_an_instance_is_copied_and_keeps_its_own_settings():
    given = keras.optimizers.SGD(0.7, momentum=0.9)
    made = make_optimizer(given, 0.1)
    assert made is not given
    assert made.get_config() == given.get_config()


def test_an_unknown_name_is_an_error():
    with pytest.raises(ValueError, match="adamx"):
        make_optimizer("adamx", 0.1)


def test_a_schedule_of_keras_leaves_no_rate_of_its_own():
    decay = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
    assert own_rate(keras.optimizers.SGD(decay)) is None
    assert own_rate(keras.optimizers.SGD(0.25)) == 0.25


@pytest.mark.parametrize(
    "optimizer",
    [
        "adamw",
        "adam",
        "sgd",
        "rmsprop",
        keras.optimizers.Adam(0.01, amsgrad=True),
        keras.optimizers.Adam(0.01, clipvalue=0.1),
        keras.optimizers.AdamW(0.01, epsilon=1e-3, beta_1=0.5),
    ],
)
def test_steps_equal_those_of_keras(optimizer):
    rng = np.random.default_rng(0)
    starts = [rng.normal(size=shape) for shape in ((6, 3), (3,), (3, 2))]
    names = ["kernel", "bias", "kernel"]
    gradients = [
        [tf.constant(3 * rng.normal(size=s.shape), tf.float32) for s in starts]
        for _ in range(4)
    ]

    def walk(traced):
        made = make_optimizer(optimizer, 0.01)
        decay = tf.constant(0.1) if isinstance(optimizer, str) else None
        if not traced and decay is not None:
            made.weight_decay = 0.1  # as Keras itself applies it
        variables = [
            keras.Variable(s, dtype="float32", name=n)
            for s, n in zip(starts, names, strict=True)
        ]
        made.build(variables)
        step = made.apply
        if traced:
            step = tf.function(lambda g, _: update(made, g, variables, decay))
        for g in gradients:
            step(g, None if traced else variables)
        return [v.numpy() for v in variables] + [made.iterations.numpy()]

    ours, theirs = walk(traced=True), walk(traced=False)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def table_steps(gradients, lazy, common=False):
    """Walk a large table and a bias by gradients of some of the table's rows."""
    made = make_optimizer("adam", 0.01)
    rng = np.random.default_rng(1)
    start = rng.normal(size=(LAZY_ROWS, 3))
    table = keras.Variable(start, dtype="float32", name="embeddings")
    table.common_moment = common
    bias = keras.Variable(np.ones(3), dtype="float32", name="bias")
    made.build([table, bias])
    step = tf.function(
        lambda g, b: update(made, [g, b], [table, bias], tf.constant(0.1), lazy=lazy)
    )
    for values, rows in gradients:
        slices = tf.IndexedSlices(
            tf.constant(values, tf.float32),
            tf.constant(rows),
            tf.constant([LAZY_ROWS, 3]),
        )
        step(slices, tf.ones(3))
    return start.astype(np.float32), table.numpy(), bias.numpy()


def test_a_lazy_step_equals_a_dense_one_on_the_rows_it_reads():
    rows = np.array([7, 7, 0, LAZY_ROWS - 1])  # one of them twice
    values = np.random.default_rng(0).normal(size=(4, 3))
    gradients = [(values * k, rows) for k in (1.0, -0.5, 2.0)]
    start, lazy, lazy_bias = table_steps(gradients, lazy=True)
    _, dense, dense_bias = table_steps(gradients, lazy=False)
    touched = np.unique(rows)
    np.testing.assert_allclose(lazy[touched], dense[touched], atol=1e-6)
    np.testing.assert_allclose(lazy_bias, dense_bias, atol=1e-6)  # clipped alike
    rest = np.setdiff1d(np.arange(LAZY_ROWS), touched)
    np.testing.assert_array_equal(lazy[rest], start[rest])
    assert not np.array_equal(dense[rest], start[rest])  # the decay of the others


@pytest.mark.parametrize("lazy", [True, False])
def test_a_table_with_a_common_moment_divides_all_rows_alike(lazy):
    rows = np.array([7, 2])
    gradients = [(np.array([[0.1, 0.2, 0.3], [0.01, 0, 0]]) * k, rows) for k in (1, 2)]
    start, found, _ = table_steps(gradients, lazy, common=True)
    w, m, v = start[rows].astype(float), 0.0, 0.0
    for t, (g, _) in enumerate(gradients, start=1):
        g = g / np.sqrt((g**2).sum() + 3)  # clipped with the bias, whose are ones
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * (g**2).mean(axis=1).max()
        step = 0.01 * m / (1 - 0.9**t) / np.sqrt(v / (1 - 0.999**t))
        w = w * (1 - 0.1 * 0.01) - step
    np.testing.assert_allclose(found[rows], w, atol=1e-5)


def test_rows_that_are_not_read_rest():
    first, second = (np.ones((1, 3)), np.array([3])), (np.ones((1, 3)), np.array([5]))
    _, after_one, _ = table_steps([first], lazy=True)
    _, after_two, _ = table_steps([first, second], lazy=True)
    np.testing.assert_array_equal(after_one[3], after_two[3])


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_a_weight_with_a_factor_moves_by_so_much_of_the_step(optimizer):
    moves = []
    for factor in (None, 0.25):
        layer = keras.layers.Dense(2, kernel_initializer="ones")
        layer.build((None, 3))
        if factor:
            layer.kernel.rate_factor = factor
        before = layer.get_weights()
        made = make_optimizer(optimizer, 0.1)
        made.build(layer.trainable_variables)
        gradients = [tf.ones(v.shape) for v in layer.trainable_variables]
        update(made, gradients, layer.trainable_variables, tf.constant(0.1))
        pairs = zip(layer.get_weights(), before, strict=True)
        moves.append([after - start for after, start in pairs])
    (kernel, bias), (slow_kernel, same_bias) = moves
    np.testing.assert_allclose(slow_kernel, 0.25 * kernel, rtol=1e-4)
    np.testing.assert_array_equal(same_bias, bias)
