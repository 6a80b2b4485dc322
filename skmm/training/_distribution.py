"""Several processes that train one network, each on its share of every batch.

TensorFlow's strategy is used for what it sends between processes alone. Variables stay
the plain ones of each process: all start alike and take the same steps, so that they
need not be mirrored, and the compiled functions are those of one process.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike, NDArray
from tensorflow.python.eager import context  # has no public door to eager mode

from skmm._compat import layers_of

__all__ = ["Workers", "outside_scope", "workers"]

_GONE = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError)


@dataclass(frozen=True)
class Workers:
    """The processes of a strategy of TensorFlow.

    Parameters
    ----------
    strategy : tf.distribute.MultiWorkerMirroredStrategy
        Sends between them.
    n : int
        How many there are.
    rank : int
        Which of them this one is, counted from 0.
    """

    strategy: Any
    n: int
    rank: int

    def share(self, data: tuple[Any, Any, Any], rows: Any) -> tuple[Any, Any, Any]:
        """Take what this process does of a batch: every `n`-th row.

        Layers want a row: where a batch has none for this process, it takes one of
        another's, with weight 0.

        Parameters
        ----------
        data : (list of tensor, tensor, tensor), each of shape (n_samples, ...)
            Inputs, targets and weights.
        rows : tensor of shape (batch,)
            Numbers of the rows, at least one.

        Returns
        -------
        x, y, weight : list of tensor, tensor, tensor of shape (share, ...)
        """
        size = tf.size(rows)
        places = tf.range(self.rank, tf.maximum(size, self.rank + 1), self.n)
        mine = tf.gather(rows, places % size)
        x, y, weight = tf.nest.map_structure(lambda a: tf.gather(a, mine), data)
        return x, y, weight * tf.cast(places < size, tf.float32)

    def sum(self, values: Sequence[Any]) -> list[Any]:
        """Add up over all processes, in one message for all that is dense.

        Parameters
        ----------
        values : sequence of tensor or tf.IndexedSlices
            As many, of the same shapes, in every process; slices may be more or fewer.

        Returns
        -------
        sums : list of tensor or tf.IndexedSlices
            The same bits in every process. Of slices, all of them, one process's
            behind another's.
        """
        kinds = [value.dtype for value in values]
        widest = max(kinds, key=lambda kind: kind.size)
        given = [tf.cast(value, widest) for value in values]
        sums = self.strategy.run(_sum, args=(given,))
        return [tf.cast(s, kind) for s, kind in zip(sums, kinds, strict=True)]

    def sum_up(self, network: keras.Model, values: Sequence[Any]) -> list[Any]:
        """Add up what a step has found, and average what layers keep of the rows.

        Parameters
        ----------
        network : keras.Model
            Has computed the step's outputs; the moving averages of its batch
            normalisations become the same in every process.
        values : sequence of tensor or tf.IndexedSlices
            As `sum` takes them.

        Returns
        -------
        sums : list of tensor or tf.IndexedSlices
        """
        kept = [
            variable
            for layer in layers_of(network)
            if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable
            for variable in layer.non_trainable_weights
        ]
        sums = self.sum([*values, *(v.value / self.n for v in kept)])
        for variable, mean in zip(kept, sums[len(values) :], strict=True):
            variable.assign(mean)
        return sums[: len(values)]

    def mean(self, values: ArrayLike) -> NDArray:
        """Average numbers over all processes.

        Parameters
        ----------
        values : array-like
            Those of this process.

        Returns
        -------
        means : ndarray, or scalar for a number
            The same bits in every process.
        """
        return self._total(np.asarray(values, np.float64)) / self.n

    def check_same(self, given: Mapping[str, Any], remedy: str) -> None:
        """Refuse to go on where the processes do not have the same.

        Parameters
        ----------
        given : mapping of str to object
            Arrays and plain values, in lists, by what they are called.
        remedy : str
            What to do about a difference; ends the message.

        Raises
        ------
        ValueError
            In every process, if one has anything else.
        """
        seen = np.zeros((self.n, len(given)), np.int64)
        seen[self.rank] = [_digest(value) for value in given.values()]
        seen = self._total(seen)
        differs = np.any(seen != seen[0], axis=0)
        names = [name for name, other in zip(given, differs, strict=True) if other]
        if names:
            raise ValueError(
                f"the {self.n} processes that train one network differ in "
                f"{', '.join(names)}: {remedy}."
            )

    def _total(self, value: NDArray) -> NDArray:
        """Add up over all processes, outside of a traced function."""
        with self.strategy.scope():
            return self.strategy.reduce("SUM", tf.constant(value), axis=None).numpy()


def workers() -> Workers | None:
    """Find out who trains, from the scope of the strategy that this is called in.

    Returns
    -------
    workers : Workers or None
        None where this process is alone.

    Raises
    ------
    ValueError
        If the strategy has several devices in one process.
    """
    strategy = tf.distribute.get_strategy()
    if strategy.num_replicas_in_sync == 1:
        return None
    n_devices = len(strategy.extended.worker_devices)
    is_known = isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
    if not is_known or n_devices > 1:
        raise ValueError(
            "fit trains in the scope of a tf.distribute.MultiWorkerMirroredStrategy "
            f"with one device in each process, got a {type(strategy).__name__} with "
            f"{n_devices} in this one. Start a process for each device, and let it see "
            "no other: CUDA_VISIBLE_DEVICES."
        )
    rank = int(tf.function(lambda: strategy.run(_rank))())
    return Workers(strategy, strategy.num_replicas_in_sync, rank)


@contextmanager
def outside_scope() -> Iterator[None]:
    """Leave the scope of a strategy, in which Keras would make mirrored variables.

    TensorFlow keeps its scopes with the default graph, eager ones too, and has no word
    for leaving one: under another graph there is none. What TensorFlow raises when a
    process is gone is given a note that says so.
    """
    if not tf.distribute.has_strategy():
        yield
        return
    try:
        with tf.Graph().as_default(), context.eager_mode():
            yield
    except _GONE as error:
        error.add_note(
            "Another of the processes that train with this one has ended or stands "
            "still: see what it says, and start all of them again."
        )
        raise


def _rank() -> Any:
    return tf.distribute.get_replica_context().replica_id_in_sync_group


def _sum(values: list[Any]) -> list[Any]:
    here = [tf.identity(value) for value in values]  # on the device of the strategy
    return tf.distribute.get_replica_context().all_reduce("SUM", here)


def _digest(value: Any) -> int:
    """Make a number of arrays and plain values that others do not have."""
    found = hashlib.blake2b(digest_size=6)
    for part in tf.nest.flatten(value):
        if isinstance(part, np.ndarray):
            found.update(f"{part.dtype}{part.shape}".encode())
            found.update(np.ascontiguousarray(part).reshape(-1).view(np.uint8))
        else:
            found.update(repr(part).encode())
    return int.from_bytes(found.digest(), "big")
