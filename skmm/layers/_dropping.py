"""What training does to the modalities of a row, for networks to rely on none."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from skmm.layers._random import uniform
from skmm.layers._register import register

__all__ = ["ModalityDropout", "ModalitySwap", "Parted", "RowBefore", "Twice"]


@register
class ModalityDropout(keras.layers.Layer):
    """Add, in training, all rows once more with modalities taken away at random.

    The second time ``a~ = a k`` with ``k`` of Bernoulli(1 - rate) for each modality; a
    row whose modalities would all go keeps ``a``. a has shape (batch, n_modalities),
    what is returned (2 batch, n_modalities) in training. `Twice` and `Parted` make the
    rest of a network fit.

    Parameters
    ----------
    rate : float
        Probability that a modality is dropped, from 0 to 1.
    **kwargs : dict
        Keyword arguments of `keras.layers.Layer`.
    """

    def __init__(self, rate: float, **kwargs: Any):
        super().__init__(**kwargs)
        self.rate = rate
        self.seed_generator = keras.random.SeedGenerator()

    def call(self, present: Any, training: bool = False) -> Any:
        """Return `present`, and in training once more with fewer ones behind it."""
        if not training:
            return present
        draws = uniform(ops.shape(present), self.seed_generator)
        kept = present * ops.cast(draws >= self.rate, present.dtype)
        some = ops.any(kept > 0, axis=1, keepdims=True)
        return ops.concatenate([present, ops.where(some, kept, present)], axis=0)

    def compute_output_shape(self, present_shape: Any) -> Any:
        """Return the shape of `present`, for any number of rows."""
        return (None, *present_shape[1:])

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "rate": self.rate}


@register
class Twice(keras.layers.Layer):
    """Add all rows once more in training, as `ModalityDropout` does.

    A mask that Keras keeps of x ends here; fusions are told which places there are.
    """

    def compute_mask(self, x: Any, mask: Any = None) -> None:
        """Return None."""
        return None

    def call(self, x: Any, training: bool = False) -> Any:
        """Return `x`, in training twice behind one another."""
        return ops.concatenate([x, x], axis=0) if training else x

    def compute_output_shape(self, x_shape: Any) -> Any:
        """Return the shape of `x`, for any number of rows."""
        return (None, *x_shape[1:])


@register
class Parted(keras.layers.Layer):
    """Part rows that are there twice in training."""

    def call(self, x: Any, training: bool = False) -> tuple[Any, Any]:
        """Return the first half and the second; all of `x` twice in prediction."""
        return tuple(ops.split(x, 2, axis=0)) if training else (x, x)

    def compute_output_shape(self, x_shape: Any) -> tuple[Any, Any]:
        """Return the shape of `x` twice, for any number of rows."""
        return (None, *x_shape[1:]), (None, *x_shape[1:])


@register
class ModalitySwap(keras.layers.Layer):
    """Choose rows, and one modality of each, that is to be another row's in training.

    Rows have two modalities or more, of which each is as likely. What is given, and
    returned, has shape (batch, n_modalities): 1 where a row's modality is chosen.

    Parameters
    ----------
    rate : float
        Probability that a row is chosen, from 0 to 1.
    **kwargs : dict
        Keyword arguments of `keras.layers.Layer`.
    """

    def __init__(self, rate: float, **kwargs: Any):
        super().__init__(**kwargs)
        self.rate = rate
        self.seed_generator = keras.random.SeedGenerator()

    def call(self, present: Any, training: bool = False) -> Any:
        """Return zeros but for what is chosen in training."""
        if not training:
            return ops.zeros_like(present)
        draws = uniform(ops.shape(present), self.seed_generator)
        one = ops.one_hot(ops.argmax(draws * present, axis=1), present.shape[1])
        rows = uniform(ops.shape(present[:, :1]), self.seed_generator)
        several = ops.sum(present, axis=1, keepdims=True) > 1
        return one * ops.cast((rows < self.rate) & several, present.dtype)

    def compute_output_shape(self, present_shape: Any) -> Any:
        """Return the shape of `present`."""
        return present_shape

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "rate": self.rate}


@register
class RowBefore(keras.layers.Layer):
    """Give rows that are chosen the vectors of the row before them in training.

    ``h~_i = h_(i - 1) if c_i else h_i``, and the last row's for the first. h has shape
    (batch, ...), c has shape (batch, 1).
    """

    def call(self, vectors: list[Any], chosen: Any, training: bool = False) -> Any:
        """Return the arrays of `vectors`, each with the same rows changed."""
        if not training:
            return vectors
        changed = []
        for h in vectors:
            before = ops.concatenate([h[-1:], h[:-1]], axis=0)
            here = ops.reshape(chosen > 0, (-1, *[1] * (len(h.shape) - 1)))
            changed.append(ops.where(here, before, h))
        return changed

    def compute_output_shape(self, vectors_shape: Any, chosen_shape: Any) -> Any:
        """Return the shapes of `vectors`."""
        return vectors_shape
