"""How a layer is registered with Keras, and what a shape is."""

from __future__ import annotations

import keras

__all__ = ["Shape", "register"]

Shape = tuple[int | None, ...]

register = keras.saving.register_keras_serializable(package="skmm")
