"""Running a network on arrays of any length, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from skmm._memory import aligned, is_aligned
from skmm.layers import padded_length
from skmm.training._program import Program

__all__ = ["chunks", "predict", "resident"]

CHUNK_BYTES = 2**25  # of input rows in one forward call: bounds memory
MOST_ROWS = 1008  # in one forward call, which `padded_length` leaves as it is


def chunks(
    arrays: Sequence[NDArray],
    n_samples: int,
    limit: int = CHUNK_BYTES,
    n_logits: int = 1,
) -> Iterator[slice]:
    """Split rows so that one chunk of inputs, and of logits, stays small.

    Parameters
    ----------
    arrays : sequence of ndarray of shape (n_samples, ...)
        Inputs.
    n_samples : int
        Number of rows.
    limit : int, default=33554432
        Bytes that a chunk may have.
    n_logits : int, default=1
        Number of logits that a network makes of a row.

    Yields
    ------
    rows : slice
    """
    row = max(sum(a[:1].nbytes for a in arrays), 4 * n_logits)
    step = min(max(limit // row, 1), MOST_ROWS)
    for start in range(0, n_samples, step):
        yield slice(start, min(start + step, n_samples))


def predict(
    program: Program, arrays: Sequence[NDArray], outputs: Sequence[str] = ("logits",)
) -> list[NDArray]:
    """Apply a network to arrays of any length, in bounded memory.

    Parameters
    ----------
    program : Program
        Network with its weights set.
    arrays : sequence of ndarray of shape (n_samples, *shape)
        Inputs of the network, in order.
    outputs : sequence of str, default=("logits",)
        Which to keep: ``"logits"``, ``"embedding"``, ``"unimodal"``, ``"aside"``.

    Returns
    -------
    results : list of ndarray of shape (n_samples, ...)
        One for each of `outputs`; ``"unimodal"`` has shape
        (n_modalities, n_samples, n_outputs).

    Raises
    ------
    ValueError
        If there are no rows.
    """
    if not len(arrays[0]):
        raise ValueError("Found array with 0 sample(s): there is nothing to predict.")
    parts: list[list[NDArray]] = [[] for _ in outputs]
    for rows in chunks(arrays, len(arrays[0]), n_logits=program.n_logits):
        n_rows = rows.stop - rows.start
        room = padded_length(n_rows)
        result = program.forward([resident(a[rows], room) for a in arrays])
        for part, name in zip(parts, outputs, strict=True):
            part.append(np.asarray(result[name])[..., :n_rows, :])
    axes = [1 if name == "unimodal" else 0 for name in outputs]
    return [np.concatenate(p, axis=a) for p, a in zip(parts, axes, strict=True)]


def resident(array: NDArray, room: int = 0) -> Any:
    """Make a tensor of an array.

    `tf.convert_to_tensor` takes twice the array's memory for as long as the tensor
    lives. Memory that is aligned as TensorFlow needs it is lent instead.

    Parameters
    ----------
    array : ndarray of shape (n_samples, ...)
        The data.
    room : int, default=0
        Least number of rows of the tensor; zeros fill it up.

    Returns
    -------
    tensor : tf.Tensor of shape (max(n_samples, room), ...)
    """
    if len(array) < room or not is_aligned(array):
        copy = aligned((max(len(array), room), *array.shape[1:]), array.dtype)
        copy[: len(array)] = array
        array = copy
    return tf.experimental.dlpack.from_dlpack(array.__dlpack__())
