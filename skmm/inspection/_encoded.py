"""Rows that encoders read once, and that are decided on again and again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from skmm import training
from skmm._many_modalities import ManyModalities
from skmm._network import ENDS
from skmm._shares import opinions_of

__all__ = ["EncodedRows"]

ROWS = 4096  # decided on in one call: bounds memory


class EncodedRows:
    """What the encoders of a fitted estimator make of rows.

    What the estimator decides without some modalities, or with those of other rows,
    takes the fusion and the heads alone.

    Parameters
    ----------
    model : MultimodalClassifier or MultimodalRegressor
        Fitted.
    X : dataframe or ModalityFrame of n_samples rows
        What `model` predicts from.

    Attributes
    ----------
    names : list of str
        The modalities.
    present : ndarray of bool, shape (n_samples, n_modalities)
        Which of them each row has.
    """

    def __init__(self, model: ManyModalities, X: Any):
        *arrays, present = model._read(X)
        self.model = model
        self.names = list(model.encoders_)
        self.present = present > 0
        self._program = model._make_program(model.__dict__)
        aside = model._aside(model.__dict__)
        network = self._program.network
        self._halves = [_Halves(network, ("logits", "unimodal"))]
        self._read_by = [list(range(len(self.names)))]
        if "aside" in network.output:
            self._halves.append(_Halves(network.get_layer("aside"), ("logits",)))
            self._read_by.append(aside)
        self._encoded = [
            [
                halves.encode([arrays[m] for m in read])
                for halves, read in zip(self._halves, self._read_by, strict=True)
            ]
            for _ in self._networks()
        ]

    def _networks(self) -> Any:
        """Go through the networks, each with its weights in place."""
        for i, weights in enumerate(self.model._weights):
            self._program.set_weights(weights)
            yield i

    def logits(
        self, chosen: NDArray | None = None, rows: NDArray | None = None
    ) -> NDArray:
        """Pool what all networks say.

        Parameters
        ----------
        chosen : ndarray of bool, shape (n_modalities,) or None, default=None
            Which modalities count; the others are absent. None takes all.
        rows : ndarray of int, shape (n_rows, n_modalities) or None, default=None
            The row that each modality is taken from; None takes the rows as they are.

        Returns
        -------
        logits : ndarray of shape (n_rows, n_logits)
            As the estimator's, temperature included.
        """
        n_samples, n_modalities = self.present.shape
        if rows is None:
            rows = np.repeat(np.arange(n_samples)[:, None], n_modalities, axis=1)
        present = np.take_along_axis(self.present, rows, axis=0)
        if chosen is not None:
            present &= chosen
        parts = range(0, len(rows), ROWS)
        opinions = [
            np.concatenate(
                [
                    self._decide(i, rows[a : a + ROWS], present[a : a + ROWS])
                    for a in parts
                ],
                axis=1,
            )
            for i in self._networks()
        ]
        logits = self.model._pool(opinions, getattr(self.model, "temperature_", 1.0))
        self.model._answer_empty(logits, present)
        return logits

    def _decide(self, network: int, rows: NDArray, present: NDArray) -> NDArray:
        """List the opinions of one network, (n_opinions, n_rows, n_logits)."""
        said = [
            halves.decide(encoded, rows[:, read], present[:, read])
            for halves, encoded, read in zip(
                self._halves, self._encoded[network], self._read_by, strict=True
            )
        ]
        logits = said[0]["logits"]
        if "unimodal" not in said[0]:
            return logits[np.newaxis]
        others = []
        for other, read in zip(said[1:], self._read_by[1:], strict=True):
            some = present[:, read].any(axis=1, keepdims=True)
            others.append(np.where(some, other["logits"], logits))
        return opinions_of(logits, np.stack(said[0]["unimodal"]), others, present)


class _Halves:
    """A network cut in two where the encoders end.

    Parameters
    ----------
    network : keras.Model
        As `multimodal_network` makes it.
    outputs : sequence of str
        Those that are asked for, as far as there are.
    """

    def __init__(self, network: keras.Model, outputs: Sequence[str]):
        *arrays, present = network.inputs
        cut, self.modality = _ends(network, [x.name for x in arrays])
        wanted = {n: network.output[n] for n in outputs if n in network.output}
        self.encoders = keras.Model(arrays, cut)
        joint = keras.Model([*cut, present], wanted)
        signature = [tf.TensorSpec([None, *x.shape[1:]], x.dtype) for x in joint.inputs]
        self._joint = tf.function(
            lambda x: joint(x, training=False),
            input_signature=[signature],
            autograph=False,
        )

    def encode(self, arrays: Sequence[NDArray]) -> list[NDArray]:
        """Run the encoders, in bounded memory."""
        parts = [
            self._read([tf.constant(a[rows]) for a in arrays])
            for rows in training.chunks(arrays, len(arrays[0]))
        ]
        return [np.concatenate(part) for part in zip(*parts, strict=True)]

    def _read(self, tensors: list[Any]) -> list[Any]:
        # A list of one is deprecated by Keras, and a list of one is not given back.
        found = self.encoders(tensors if len(tensors) > 1 else tensors[0])
        return found if isinstance(found, list) else [found]

    def decide(
        self, encoded: Sequence[NDArray], rows: NDArray, present: NDArray
    ) -> dict[str, Any]:
        """Run fusion and heads on what the encoders made of rows."""
        taken = [
            tf.constant(part[rows[:, m]])
            for part, m in zip(encoded, self.modality, strict=True)
        ]
        said = self._joint([*taken, tf.constant(present.astype(np.float32))])
        return tf.nest.map_structure(np.asarray, dict(said))


def _ends(network: keras.Model, names: Sequence[str]) -> tuple[list[Any], list[int]]:
    """Find what encoders hand on, and the modality that each is of."""
    layers = {layer.name for layer in network.layers}
    places = [(f"{name}_{end}", m) for m, name in enumerate(names) for end in ENDS]
    found = [(network.get_layer(n).output, m) for n, m in places if n in layers]
    return [x for x, _ in found], [m for _, m in found]
