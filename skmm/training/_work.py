"""An epoch's steps: rows cut into batches, and batches put into compiled calls."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from skmm.training._data import Data, tensors
from skmm.training._program import Program
from skmm.training._recipe import Pace, Recipe
from skmm.training._stored import Rows, StoredData

__all__ = ["Passing", "RowsWork", "WindowsWork", "listens_to_batches", "work_on"]

_BATCH_HOOKS = (
    "on_batch_begin",
    "on_batch_end",
    "on_train_batch_begin",
    "on_train_batch_end",
)


class Passing:
    """An epoch under way.

    Parameters
    ----------
    epoch : int
        Number of epochs before it.
    n_rows : int
        Number of rows that it has.
    listeners : keras.callbacks.CallbackList
        Told of each batch where one of them listens.
    pace : Pace
        Step size and time.

    Attributes
    ----------
    total : float
        Sum of the rows' losses so far.
    seen : int
        Number of rows that were trained on.
    """

    def __init__(
        self,
        epoch: int,
        n_rows: int,
        listeners: keras.callbacks.CallbackList,
        pace: Pace,
    ):
        self.epoch, self.n_rows, self.pace = epoch, n_rows, pace
        self.listeners = listeners
        self.watched = any(map(listens_to_batches, listeners.callbacks))
        self.total, self.seen, self._n_calls = 0.0, 0, 0

    @property
    def loss(self) -> float:
        """Mean loss of the rows that were seen."""
        return self.total / self.seen

    @property
    def share(self) -> float:
        """Share of the rows that were seen."""
        return self.seen / self.n_rows

    @property
    def is_over(self) -> bool:
        """Whether to stop before all rows were seen."""
        return self.pace.cuts and self.pace.is_over

    def begin(self) -> None:
        """Tell who listens that a call begins."""
        if self.watched:
            self.listeners.on_train_batch_begin(self._n_calls)

    def note(self, total: float, n_rows: int) -> None:
        """Add what a call has come to, and set the step size of the next one."""
        self.total, self.seen = self.total + total, self.seen + n_rows
        if self.watched:
            self.listeners.on_train_batch_end(self._n_calls, {"loss": total / n_rows})
        self._n_calls += 1
        if self.pace.cuts:
            self.pace.note_call()
        changes = self.pace.cuts or self.pace.glides
        if changes and self.seen < self.n_rows and not self.is_over:
            self.pace.set_rate(self.epoch + self.share)


class _Block(NamedTuple):
    """Batches for one call: row numbers, and how many of all of them are real."""

    order: NDArray  # of int32, shape (at least n_steps, batch_size)
    n_steps: int
    n_real: int


class RowsWork:
    """Training data where the compiled functions find them, cut into batches.

    XLA compiles for sizes: they are rounded up, so that the folds of a table share
    them, and what fills the last batch does not count. A graph takes any size.

    Parameters
    ----------
    program : Program
        What is trained.
    data : Data
        Training rows.
    recipe : Recipe
        How to train.
    engine : {"graph", "xla"}
        What runs the steps.
    room : int, default=0
        Least number of rows that the compiled function is made for.
    """

    def __init__(
        self, program: Program, data: Data, recipe: Recipe, engine: str, room: int = 0
    ):
        self.data = data
        self.n_rows = data.n_rows
        self.size = min(recipe.batch_size, max(self.n_rows, room))
        self.whole = engine == "xla"
        self.room = round_up(max(self.n_rows, room))
        n_given = round_up(max(data.n_given, room)) if self.whole else 0
        self.tensors = tensors(data, room=n_given)
        self.run_steps = program.steps(engine, recipe.workers)
        self.decay = tf.constant(recipe.weight_decay, tf.float32)

    def run(self, order: NDArray, passing: Passing) -> None:
        """Train on every row once, or until the time is over.

        Parameters
        ----------
        order : ndarray of int32, shape (n_rows,)
            Numbers of the rows, as they are to be seen.
        passing : Passing
            Takes note.
        """
        for block in self._calls(order, passing):
            passing.begin()
            loss = float(self.run_steps(*self.tensors, *block, self.decay))
            passing.note(loss, min(block.n_steps * self.size, block.n_real))
            if passing.is_over:
                break

    def at_fault(self, order: NDArray) -> tuple[Data, NDArray]:
        """Tell on which rows, in what order, the loss stopped being a number."""
        return self.data, order

    def _calls(self, order: NDArray, passing: Passing) -> Iterable[_Block]:
        blocks = [self._filled(order)] if self.whole else self._blocks(order)
        if passing.watched:
            batches = [batch for block in blocks for batch in block.order]
            return [_Block(batch[None], 1, len(batch)) for batch in batches]
        if passing.pace.cuts:
            pieces = (self._pieces(b, passing.pace) for b in blocks)
            return itertools.chain.from_iterable(pieces)
        return blocks

    def _pieces(self, block: _Block, pace: Pace) -> Iterator[_Block]:
        """Cut a block into calls of as many steps as the pace has just then."""
        done = 0
        while done < block.n_steps:
            n_steps = min(pace.n_steps, block.n_steps - done)
            order = np.roll(block.order, -done, axis=0)
            yield _Block(order, n_steps, block.n_real - done * self.size)
            done += n_steps

    def _blocks(self, order: NDArray) -> list[_Block]:
        """Make batches of one size, and the smaller last one."""
        n_full = self.n_rows // self.size
        full, rest = np.split(order, [n_full * self.size])
        blocks = [_Block(full.reshape(n_full, self.size), n_full, len(full))]
        blocks.append(_Block(rest[None], 1, len(rest)))
        return [block for block in blocks if block.n_real]

    def _filled(self, order: NDArray) -> _Block:
        """Make batches of one size, with room for as many as the rows may be."""
        rows = np.zeros((math.ceil(self.room / self.size), self.size), np.int32)
        rows.flat[: self.n_rows] = order
        return _Block(rows, math.ceil(self.n_rows / self.size), self.n_rows)


class WindowsWork:
    """Training data on disk, a window of which at a time is in memory.

    Parameters
    ----------
    program : Program
        What is trained.
    data : StoredData
        Training rows.
    recipe : Recipe
        How to train.
    engine : {"graph", "xla"}
        What runs the steps.
    """

    def __init__(self, program: Program, data: StoredData, recipe: Recipe, engine: str):
        self.program, self.data = program, data
        self.recipe, self.engine = recipe, engine

    def run(self, order: Any, passing: Passing) -> None:
        """Train on every row once, or until the time is over.

        Parameters
        ----------
        order : tuple
            As `StoredData.draw` returns it.
        passing : Passing
            Takes note.
        """
        for window, rows in self.data.windows(order):
            work = RowsWork(
                self.program, window, self.recipe, self.engine, self.data.window_rows
            )
            work.run(rows, passing)
            self._last = window, rows
            if passing.is_over or not math.isfinite(passing.total):
                break

    def at_fault(self, order: Any) -> tuple[Data, NDArray]:
        """Tell on which rows, in what order, the loss stopped being a number."""
        return self._last


def work_on(
    program: Program, data: Rows, recipe: Recipe, engine: str
) -> RowsWork | WindowsWork:
    """Choose how to go through rows: all are in memory, or a window at a time.

    Parameters
    ----------
    program : Program
        What is trained.
    data : Data or StoredData
        Training rows.
    recipe : Recipe
        How to train.
    engine : {"graph", "xla"}
        What runs the steps.

    Returns
    -------
    work : RowsWork or WindowsWork
    """
    if isinstance(data, StoredData):
        return WindowsWork(program, data, recipe, engine)
    return RowsWork(program, data, recipe, engine)


def round_up(n: int) -> int:
    """Round up to four significant bits; a great number stays as it is.

    Parameters
    ----------
    n : int
        Number of rows.

    Returns
    -------
    room : int
        At most an eighth more. From 2 ** 17 on `n` itself: compiling anew takes less
        time than these rows do, and their padding memory.
    """
    if n >= 2**17:
        return n
    step = max(32, 1 << max(n.bit_length() - 4, 0))
    return -(-n // step) * step


def listens_to_batches(callback: keras.callbacks.Callback) -> bool:
    """Tell whether a callback wants to hear of every batch."""
    base = keras.callbacks.Callback
    return any(
        getattr(type(callback), hook) is not getattr(base, hook)
        for hook in _BATCH_HOOKS
    )
