"""Optimizers from plain values."""

from __future__ import annotations

from typing import Any

import keras

__all__ = ["make_optimizer"]

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
