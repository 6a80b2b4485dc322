"""Random numbers that XLA draws as fast as TensorFlow does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import keras
import tensorflow as tf

__all__ = ["drop", "tracing_for_xla", "uniform"]

# TensorFlow's generator is Philox. XLA's CPU compiler copies its rounds into whatever
# reads the numbers, and a training step takes three to seven times as long as with
# Threefry, which TensorFlow's own kernels do not know (benchmarks/choices.py, draws).
ALGORITHM = "threefry"

_FOR_XLA: ContextVar[bool] = ContextVar("_FOR_XLA", default=False)


@contextmanager
def tracing_for_xla() -> Iterator[None]:
    """Let what is traced inside be drawn by the generator that suits XLA."""
    token = _FOR_XLA.set(True)
    try:
        yield
    finally:
        _FOR_XLA.reset(token)


def uniform(shape: Any, seed: keras.random.SeedGenerator) -> Any:
    """Draw numbers from 0 to 1.

    Parameters
    ----------
    shape : sequence of int, or tensor
        Shape of what is drawn.
    seed : keras.random.SeedGenerator
        Moves on by one draw.

    Returns
    -------
    draws : tensor of `shape`
    """
    if not _FOR_XLA.get():
        return keras.random.uniform(shape, seed=seed)
    return tf.random.stateless_uniform(shape, _next(seed), alg=ALGORITHM)


def drop(layer: keras.layers.Dropout, x: Any, training: bool = False) -> Any:
    """Do what Keras' own `Dropout` does; inside `tracing_for_xla`, by other draws.

    Parameters
    ----------
    layer : keras.layers.Dropout
        Says what is dropped, and has the seed.
    x : tensor
        What it is dropped from.
    training : bool, default=False
        Whether anything is dropped.

    Returns
    -------
    x : tensor
        Of the same shape.
    """
    if not (training and layer.rate > 0 and _FOR_XLA.get()):
        return keras.layers.Dropout.call(layer, x, training=training)
    sizes = tf.shape(x)
    shape = layer.noise_shape
    if shape is not None:
        shape = [sizes[i] if n is None else n for i, n in enumerate(shape)]
    return tf.nn.experimental.stateless_dropout(
        x, layer.rate, _next(layer.seed_generator), ALGORITHM, noise_shape=shape
    )


def _next(seed: keras.random.SeedGenerator) -> Any:
    return tf.cast(seed.next(), tf.int32)
