"""Optimizers from plain values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from skmm._compat import adam_slots, is_decayed

__all__ = ["make_optimizer", "own_rate", "update"]

NO_DECAY = [
    "bias",
    "gamma",
    "beta",
    "absent",
    "scale",
    "prior",
]  # offsets, norms and scales
CLIP = 1.0  # largest norm of the whole gradient
LAZY_ROWS = 2048  # tables of this many rows and more are changed where they are read


def make_optimizer(optimizer: Any, learning_rate: float) -> keras.optimizers.Optimizer:
    """Make a fresh Keras optimizer.

    Parameters
    ----------
    optimizer : str or keras.optimizers.Optimizer
        Name of a Keras optimizer, made with gradients clipped to a norm of 1 and
        without a weight decay of its own; or an instance, whose configuration alone
        is used.
    learning_rate : float
        Step size; an instance keeps its own.

    Returns
    -------
    optimizer : keras.optimizers.Optimizer

    Raises
    ------
    ValueError
        If Keras knows no optimizer of that name.
    """
    if isinstance(optimizer, keras.optimizers.Optimizer):
        return type(optimizer).from_config(optimizer.get_config())
    settings = {"learning_rate": learning_rate, "global_clipnorm": CLIP}
    made = keras.optimizers.get({"class_name": optimizer, "config": settings})
    made.weight_decay = None  # `update` is given it, so that it can vary
    made.exclude_from_weight_decay(var_names=NO_DECAY)
    return made


def own_rate(optimizer: keras.optimizers.Optimizer) -> float | None:
    """Step size of an optimizer; None if a schedule of Keras decides on it."""
    rate = optimizer.get_config()["learning_rate"]
    return None if isinstance(rate, dict) else float(rate)


def update(
    optimizer: keras.optimizers.Optimizer,
    gradients: Sequence[Any],
    variables: Sequence[keras.Variable],
    decay: Any = None,
    *,
    lazy: bool = False,
) -> None:
    """Take one step, inside a traced function.

    Adam and AdamW are applied by TensorFlow's one operation for them in place of the
    fifteen that Keras writes out for each variable: the same arithmetic (Kingma & Ba
    2015, arXiv:1412.6980, end of section 2), traced and run several times faster.

    Parameters
    ----------
    optimizer : keras.optimizers.Optimizer
        Built on `variables`.
    gradients : sequence of tensor or tf.IndexedSlices
        One for each variable.
    variables : sequence of keras.Variable
        What to change; one with an attribute ``rate_factor`` by so much of the step;
        in one with an attribute ``common_moment``, Adam divides all rows by the same
        second moment.
    decay : tensor of shape () or None, default=None
        Decoupled weight decay, for an optimizer that has none of its own.
    lazy : bool, default=False
        Whether Adam passes over the rows of large tables that no row of the batch
        reads: a step then costs what the batch reads, not what the table holds. Their
        momentum rests meanwhile, where Keras lets it run out.
    """
    # Weights that were trained before move by a part of the step.
    slow = [(v, tf.identity(v.value)) for v in variables if hasattr(v, "rate_factor")]
    _step(optimizer, gradients, variables, decay, lazy)
    for variable, before in slow:
        moved = (variable.value - before) * variable.rate_factor
        variable.value.assign(before + moved)


def _step(
    optimizer: keras.optimizers.Optimizer,
    gradients: Sequence[Any],
    variables: Sequence[keras.Variable],
    decay: Any,
    lazy: bool,
) -> None:
    if not _is_plain_adam(optimizer):
        if decay is not None:
            _decay(optimizer, variables, decay)
        optimizer.apply(gradients, variables)
        return
    if optimizer.weight_decay:
        decay = tf.constant(optimizer.weight_decay, tf.float32)
    merged = [
        _merged(g) if lazy and _is_table(g, v) else tf.convert_to_tensor(g)
        for g, v in zip(gradients, variables, strict=True)
    ]
    if optimizer.global_clipnorm:
        merged, _ = tf.clip_by_global_norm(merged, optimizer.global_clipnorm)
    _adam(optimizer, merged, variables, decay)


def _decay(optimizer: Any, variables: Sequence[keras.Variable], decay: Any) -> None:
    rate = tf.cast(optimizer.learning_rate, tf.float32)
    for variable in variables:
        if is_decayed(optimizer, variable):
            variable.value.assign_sub(variable * (decay * rate))


def _is_table(gradient: Any, variable: keras.Variable) -> bool:
    return isinstance(gradient, tf.IndexedSlices) and variable.shape[0] >= LAZY_ROWS


def _merged(gradient: tf.IndexedSlices) -> tf.IndexedSlices:
    """Add up what a row gets, so that each row occurs once."""
    rows, places = tf.unique(tf.reshape(gradient.indices, [-1]))
    values = tf.math.unsorted_segment_sum(gradient.values, places, tf.size(rows))
    return tf.IndexedSlices(values, rows, gradient.dense_shape)


def _adam(
    optimizer: Any, gradients: Sequence[Any], variables: Sequence[Any], decay: Any
) -> None:
    """Take Adam's step; a gradient of some rows changes these alone."""
    rate = tf.cast(optimizer.learning_rate, tf.float32)
    step = tf.cast(optimizer.iterations + 1, tf.float32)
    powers = [tf.pow(beta, step) for beta in (optimizer.beta_1, optimizer.beta_2)]
    slots = zip(*adam_slots(optimizer), strict=True)
    for variable, gradient, (m, v) in zip(variables, gradients, slots, strict=True):
        kept = 1.0
        if decay is not None and is_decayed(optimizer, variable):
            kept = 1.0 - decay * rate
        if isinstance(gradient, tf.IndexedSlices) or _has_common_moment(variable):
            _adam_rows(optimizer, gradient, variable, (m, v), rate, powers, kept)
            continue
        if tf.is_tensor(kept):
            variable.value.assign(variable * kept)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.value.handle,
            m=m.value.handle,
            v=v.value.handle,
            beta1_power=powers[0],
            beta2_power=powers[1],
            lr=rate,
            beta1=optimizer.beta_1,
            beta2=optimizer.beta_2,
            epsilon=optimizer.epsilon,
            grad=gradient,
        )
    optimizer.iterations.assign_add(1)


def _adam_rows(
    optimizer: Any,
    gradient: tf.IndexedSlices,
    variable: Any,
    slots: tuple[Any, Any],
    rate: Any,
    powers: list[Any],
    kept: Any,
) -> None:
    """Take Adam's step on some rows of a table.

    Where a table has a common moment, every row is divided by that of the row that is
    moved most, and v keeps it in its first row: as in NovoGrad (Ginsburg et al. 2019,
    arXiv:1905.11286, algorithm 1), which has one second moment for each layer. By one
    of its own, a word that three rows hold is moved as far as one that all hold.
    """
    if isinstance(gradient, tf.IndexedSlices):
        rows, g = gradient.indices, gradient.values
    else:
        rows, g = tf.range(variable.shape[0]), gradient
    common = _has_common_moment(variable)
    m = tf.gather(slots[0].value, rows)
    m += (g - m) * (1 - optimizer.beta_1)
    if common:
        v_rows, square = tf.zeros([1], tf.int32), tf.reduce_mean(g * g, axis=1)
        square = tf.reduce_max(square)
    else:
        v_rows, square = rows, g * g
    v = tf.gather(slots[1].value, v_rows)
    v += (square - v) * (1 - optimizer.beta_2)
    size = rate * tf.sqrt(1 - powers[1]) / (1 - powers[0])
    moved = tf.gather(variable.value, rows) * kept
    moved -= size * m / (tf.sqrt(v) + optimizer.epsilon)
    changes = ((slots[0], rows, m), (slots[1], v_rows, v), (variable, rows, moved))
    for changed, where, value in changes:
        changed.value.scatter_update(tf.IndexedSlices(value, where))


def _has_common_moment(variable: keras.Variable) -> bool:
    return getattr(variable, "common_moment", False)


def _is_plain_adam(optimizer: keras.optimizers.Optimizer) -> bool:
    """Whether nothing but clipping by the global norm and decay is added to Adam."""
    return (
        type(optimizer) in (keras.optimizers.Adam, keras.optimizers.AdamW)
        and not optimizer.amsgrad
        and not optimizer.use_ema
        and not optimizer.clipnorm
        and not optimizer.clipvalue
        and not optimizer.gradient_accumulation_steps
        and not optimizer.loss_scale_factor
    )
