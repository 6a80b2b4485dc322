"""Optimizers from plain values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from skmm._compat import adam_slots, decays

__all__ = ["make_optimizer", "update"]

NO_DECAY = ["bias", "gamma", "beta", "absent", "scale"]  # offsets, norms and scales
CLIP = 1.0  # largest norm of the whole gradient


def make_optimizer(
    optimizer: Any, learning_rate: float, weight_decay: float
) -> keras.optimizers.Optimizer:
    """Make a fresh Keras optimizer.

    Parameters
    ----------
    optimizer : str or keras.optimizers.Optimizer
        Name of a Keras optimizer, made with gradients clipped to a norm of 1; or an
        instance, whose configuration alone is used.
    learning_rate : float
        Step size; an instance keeps its own.
    weight_decay : float
        Decoupled weight decay of kernels and embeddings; an instance keeps its own.

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
    settings: dict[str, Any] = {
        "learning_rate": learning_rate,
        "global_clipnorm": CLIP,
        "weight_decay": weight_decay,
    }
    made = keras.optimizers.get({"class_name": optimizer, "config": settings})
    made.exclude_from_weight_decay(var_names=NO_DECAY)
    return made


def update(
    optimizer: keras.optimizers.Optimizer,
    gradients: Sequence[Any],
    variables: Sequence[keras.Variable],
) -> None:
    """Take one step, inside a traced function.

    Adam and AdamW are applied by TensorFlow's one operation for them in place of the
    fifteen that Keras writes out for each variable: the same arithmetic (Kingma & Ba
    2015, arXiv:1412.6980, end of section 2), traced and run several times faster.

    Parameters
    ----------
    optimizer : keras.optimizers.Optimizer
        Built on `variables`.
    gradients : sequence of tensor
        One for each variable.
    variables : sequence of keras.Variable
        What to change.
    """
    if not _is_plain_adam(optimizer):
        optimizer.apply(gradients, variables)
        return
    dense = [tf.convert_to_tensor(g) for g in gradients]
    if optimizer.global_clipnorm:
        dense, _ = tf.clip_by_global_norm(dense, optimizer.global_clipnorm)
    rate = tf.cast(optimizer.learning_rate, tf.float32)
    step = tf.cast(optimizer.iterations + 1, tf.float32)
    powers = [tf.pow(beta, step) for beta in (optimizer.beta_1, optimizer.beta_2)]
    slots = zip(*adam_slots(optimizer), strict=True)
    for variable, gradient, (m, v) in zip(variables, dense, slots, strict=True):
        if decays(optimizer, variable):
            variable.value.assign_sub(variable * (optimizer.weight_decay * rate))
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
