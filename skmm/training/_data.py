"""Rows to train on or to look at, and the loss of a network on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skmm.training._forward import chunks, resident
from skmm.training._program import Program

__all__ = ["Data", "evaluate", "tensors"]


@dataclass(frozen=True)
class Data:
    """Rows to train on or to validate on.

    Parameters
    ----------
    arrays : sequence of ndarray of shape (n_samples, *shape)
        Inputs of the network, in order.
    y : ndarray of shape (n_samples, n_outputs), float32
        Encoded target.
    weight : ndarray of shape (n_samples,), float32
        Weight of each row; mean 1 over the training rows.
    rows : ndarray of int32, shape (n_rows,), or None, default=None
        Which rows are meant, so that none is copied to leave others out; None is all.
    numbers : ndarray of int, shape (n_samples,), or None, default=None
        What the rows are called in messages; None counts them.
    """

    arrays: Sequence[NDArray]
    y: NDArray
    weight: NDArray
    rows: NDArray | None = None
    numbers: NDArray | None = None

    @property
    def n_given(self) -> int:
        """Number of rows, with those that are not meant."""
        return len(self.y)

    @property
    def n_rows(self) -> int:
        """Number of rows that are meant."""
        return len(self.y if self.rows is None else self.rows)

    def targets(self) -> tuple[NDArray, NDArray]:
        """Give targets and weights, of the rows that are meant."""
        if self.rows is None:
            return self.y, self.weight
        return self.y[self.rows], self.weight[self.rows]

    def whole(self) -> Data:
        """Mean all rows."""
        return replace(self, rows=None)

    def draw(self, rng: np.random.Generator) -> NDArray:
        """Draw an order of the rows that are meant."""
        rows = self.rows
        if rows is None:
            rows = np.arange(self.n_rows, dtype=np.int32)
        return rng.permutation(rows)

    def part(self, rows: slice = slice(None)) -> Data:
        """Take some of the rows that are meant.

        Parameters
        ----------
        rows : slice, default=slice(None)
            Which of them; all by default.

        Returns
        -------
        data : Data
            No others are in its arrays.
        """
        which = rows if self.rows is None else self.rows[rows]
        arrays = [array[which] for array in self.arrays]
        return Data(arrays, self.y[which], self.weight[which])


def evaluate(program: Program, data: Data) -> NDArray:
    """Mean losses of the rows of `data`, weighted.

    Parameters
    ----------
    program : Program
        Network with its weights.
    data : Data
        Rows.

    Returns
    -------
    losses : ndarray of shape (n_parts,)
        Of each part of the program; their sum is the loss.
    """
    total, weight = np.zeros(len(program.parts)), 0.0
    n_logits = program.n_logits
    for rows in chunks(data.arrays, data.n_rows, n_logits=n_logits):
        part = data.part(rows)
        total += np.asarray(program.evaluate(*tensors(part)))
        weight += float(part.weight.sum())
    return total / weight


def tensors(data: Data, room: int = 0) -> tuple[list[Any], Any, Any]:
    """Hand all rows over to TensorFlow, with zeros behind them up to `room` rows.

    Parameters
    ----------
    data : Data
        All its rows are meant.
    room : int, default=0
        Least number of rows.

    Returns
    -------
    x, y, weight : list of tf.Tensor, tf.Tensor, tf.Tensor
    """
    x = [resident(array, room) for array in data.arrays]
    return x, resident(data.y, room), resident(data.weight, room)
