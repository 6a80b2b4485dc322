"""Losses per row, on logits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

__all__ = ["Loss"]


LACKING = 0.3  # weight of rows that lack modalities beside the same rows as they are
NARROW = 256  # logits of a row up to which all opinions are copied into one array


@dataclass(frozen=True)
class Loss:
    """The loss of one row, from a network's outputs and the encoded target.

    Parameters
    ----------
    kind : {"binary", "multiclass", "multilabel", "multioutput", "squared"}
        Cross-entropy of one logit, of `n_classes` logits, of independent logits
        (averaged), of several blocks of logits (summed); or squared error
        (averaged over outputs).
    sizes : tuple of int
        Number of logits of each output.
    auxiliary : float, default=0.0
        Weight of the unimodal losses, averaged over modalities: each modality's
        own logits are trained beside the fused ones, on the rows that have it.
    fused : bool, default=True
        Whether the network's own logits are trained; if not, the unimodal ones alone.
    keras_loss : str or None, default=None
        A Keras loss by name, computed on the network's raw output in place of the
        above.
    """

    kind: str
    sizes: tuple[int, ...]
    auxiliary: float = 0.0
    fused: bool = True
    keras_loss: str | None = None

    def __post_init__(self) -> None:
        """Refuse what has no meaning."""
        if self.kind == "multioutput" and self.keras_loss is not None:
            raise ValueError(
                f"loss={self.keras_loss!r} reads one target, and y has "
                f"{len(self.sizes)} columns of classes: leave loss out, or train one "
                "estimator for each column."
            )

    def __call__(self, outputs: dict[str, Any], y: Any, present: Any) -> Any:
        """Compute the loss of each row.

        Parameters
        ----------
        outputs : dict of str to tensor
            ``"logits"`` of shape (batch, k), ``"output"`` where the network gave
            something else, ``"unimodal"`` a list of (batch, k), ``"aside"`` of shape
            (batch, k) by weights of its own, whose loss is added, ``"lacking"`` a list
            of what both say, (batch, k), where modalities were taken away.
        y : tensor of shape (batch, n_outputs)
            Encoded target: class indices or numbers.
        present : tensor of shape (batch, n_modalities) or None
            Which modalities each row has.

        Returns
        -------
        loss : tensor of shape (batch,)
        """
        return tf.add_n(self.parts(outputs, y, present))

    def parts(self, outputs: dict[str, Any], y: Any, present: Any) -> list[Any]:
        """Compute what the loss of each row is the sum of.

        Parameters
        ----------
        outputs, y, present
            As above.

        Returns
        -------
        losses : list of tensor of shape (batch,)
            By the network, and by the second one if there is ``"aside"``.
        """
        if self.keras_loss is not None:
            return [self._keras(outputs.get("output", outputs["logits"]), y)]
        said, lacking, heads = [], [], []
        if self.fused:
            said = [outputs[k] for k in ("logits", "aside") if k in outputs]
            lacking = outputs.get("lacking", [])
        if self.auxiliary and len(outputs.get("unimodal", [])) > 1:
            heads = outputs["unimodal"]
        each = iter(self._each([*said, *lacking, *heads], y))
        losses = [next(each) for _ in said]
        for k, _ in enumerate(lacking):
            losses[k] += LACKING * next(each)
        if heads:
            own = [loss * present[:, m] for m, loss in enumerate(each)]
            part = self.auxiliary * tf.add_n(own) / len(own)
            losses[:1] = [tf.add_n([*losses[:1], part])]
        return losses

    def _each(self, opinions: list[Any], y: Any) -> list[Any]:
        """Compute the losses of several opinions, narrow ones as one on more rows.

        For each by itself TensorFlow would trace, and start, operations of their own.
        """
        n = len(opinions)
        if opinions[0].shape[-1] > NARROW:  # the copy would be large
            return [self._one(logits, y) for logits in opinions]
        return tf.split(self._one(tf.concat(opinions, 0), tf.tile(y, [n, 1])), n)

    def _one(self, logits: Any, y: Any) -> Any:
        if self.kind == "squared":
            return tf.reduce_mean(tf.square(logits - y), axis=1)
        if self.kind == "multilabel" or (
            self.kind == "binary" and logits.shape[-1] == 1
        ):
            entropy = tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=logits)
            return tf.reduce_mean(entropy, axis=1)
        blocks = [logits] if len(self.sizes) == 1 else tf.split(logits, self.sizes, 1)
        classes = tf.cast(y, tf.int32)
        return tf.add_n(
            [
                tf.nn.sparse_softmax_cross_entropy_with_logits(classes[:, j], block)
                for j, block in enumerate(blocks)
            ]
        )

    def _keras(self, raw: Any, y: Any) -> Any:
        loss = keras.losses.get(self.keras_loss)
        if _is_sparse(loss):
            y = y[:, 0]
        elif self._wants_one_hot(loss, raw.shape[-1]):
            y = tf.one_hot(tf.cast(y[:, 0], tf.int32), raw.shape[-1])
        if isinstance(loss, keras.Loss):  # whose own call averages over rows
            value = loss.call(tf.cast(y, loss.dtype), tf.cast(raw, loss.dtype))
        else:
            value = loss(y, raw)
        return tf.reduce_mean(tf.reshape(value, [tf.shape(raw)[0], -1]), axis=1)

    def _wants_one_hot(self, loss: Any, n_outputs: int) -> bool:
        """Whether a loss of Keras compares an output with each class.

        A function of the user's own is given the number of the class.
        """
        classes = self.kind in ("binary", "multiclass") and n_outputs > 1
        return classes and _is_of_keras(loss)


def _is_sparse(loss: Any) -> bool:
    if isinstance(loss, keras.losses.SparseCategoricalCrossentropy):
        return True
    return getattr(loss, "__name__", "").startswith("sparse_")


def _is_of_keras(loss: Any) -> bool:
    """Whether a loss is Keras' own, or a class made out of such a one."""
    if not isinstance(loss, keras.Loss):
        return getattr(loss, "__module__", "").startswith("keras.")
    bases = [kind for kind in type(loss).__mro__ if issubclass(kind, keras.Loss)]
    return any(
        kind.__module__.startswith("keras.") and kind is not keras.Loss
        for kind in bases
    )
