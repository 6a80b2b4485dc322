"""The training loop: whole epochs in one compiled call."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from skmm.training._forward import chunks, resident
from skmm.training._program import Program
from skmm.training._recipe import Pace, Recipe

__all__ = ["Data", "History", "train"]

History = dict[str, list[float]]

LEAST = 1e-3  # by which a loss is lower that is worth waiting for
LEARNED = 0.99  # of the loss without learning: below it, something has been learned
LONGER = 3  # times as much patience before

_BATCH_HOOKS = (
    "on_batch_begin",
    "on_batch_end",
    "on_train_batch_begin",
    "on_train_batch_end",
)


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
    """

    arrays: Sequence[NDArray]
    y: NDArray
    weight: NDArray
    rows: NDArray | None = None

    @property
    def n_rows(self) -> int:
        """Number of rows that are meant."""
        return len(self.y if self.rows is None else self.rows)

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


class _Best:
    """The weights of the epoch with the lowest validation loss.

    Patience is for what is worth waiting for: a loss that is lower by LEAST. It is
    longer while the loss is not below `learned`: what only two modalities together
    tell shows late, and all at once.
    """

    def __init__(self, patience: int, learned: float = math.inf):
        self.patience = patience
        self.learned = learned
        self.loss = self.noted = math.inf
        self.weights: list[NDArray] | None = None
        self.waited = 0

    def stop(self, program: Program, loss: float) -> bool:
        """Take note of an epoch; tell whether patience has run out."""
        if loss < self.loss:
            self.loss, self.weights = loss, program.get_weights()
        if loss < self.noted - LEAST:
            self.noted, self.waited = loss, 0
        else:
            self.waited += 1
        longer = 1 if self.loss < self.learned else LONGER
        return self.waited >= longer * self.patience


def train(
    program: Program,
    data: Data,
    recipe: Recipe,
    *,
    validation: Data | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    engine: str = "graph",
    finish: bool = True,
) -> History:
    """Train the program's network from the weights it has.

    With `validation` and a `patience`, the weights of the best epoch are put back.

    Parameters
    ----------
    program : Program
        Initialised; its network is changed.
    data : Data
        Training rows.
    recipe : Recipe
        How to train.
    validation : Data or None, default=None
        Rows whose loss is reported and stops the training.
    callbacks : sequence of keras.callbacks.Callback, default=()
        Called as `keras.Model.fit` calls them; batch by batch where one of them
        listens to batches.
    engine : {"graph", "xla"}, default="graph"
        What runs the steps.
    finish : bool, default=True
        Whether averages of the weights, which some optimizers keep, take over; False
        if the training goes on later.

    Returns
    -------
    history : dict of str to list of float
        ``"loss"``, ``"learning_rate"`` and, with `validation`, ``"val_loss"``: one
        number for each epoch. ``"loss"`` is the mean over the epoch's batches, while
        the network learns and drops out.

    Raises
    ------
    ValueError
        If the loss is not finite.
    """
    program.loaded = None
    listeners = _listeners(program, callbacks, recipe)
    best = None
    if validation and recipe.patience:
        best = _Best(recipe.patience, _learned(program, validation, recipe.constant))
    history: History = {}
    work, pace = _Work(program, data, recipe, engine), Pace(program, recipe)
    if validation:
        _ = program.evaluate.graph  # is traced before its time is taken
    program.model.stop_training = False
    listeners.on_train_begin()
    for epoch, order in enumerate(_orders(data, recipe)):
        pace.set_rate(epoch)
        listeners.on_epoch_begin(epoch)
        logs, share = work.epoch(order, epoch, listeners, pace)
        with pace.reserving():
            if validation:
                logs["val_loss"] = evaluate(program, validation)
            _record(history, program, logs, epoch, recipe)
            listeners.on_epoch_end(epoch, dict(logs))
            stop = best is not None and best.stop(program, logs["val_loss"])
        if stop or program.model.stop_training or pace.is_over:
            break
    if len(history["loss"]) == 1 and share < 1:
        warnings.warn(
            f"the time was over after {share:.0%} of the first epoch: raise "
            "time_limit, or train on fewer rows.",
            ConvergenceWarning,
            stacklevel=2,
        )
    if finish and program.optimizer.use_ema:
        program.optimizer.finalize_variable_values(program.network.trainable_variables)
    listeners.on_train_end()
    if best is not None and best.weights is not None:
        program.set_weights(best.weights)
    return history


class _Block(NamedTuple):
    """Batches for one call: row numbers, and how many of all of them are real."""

    order: NDArray  # of int32, shape (at least n_steps, batch_size)
    n_steps: int
    n_real: int


class _Work:
    """Training data where the compiled functions find them, cut into batches.

    XLA compiles for sizes: they are rounded up, so that the folds of a table share
    them, and what fills the last batch does not count. A graph takes any size.
    """

    def __init__(self, program: Program, data: Data, recipe: Recipe, engine: str):
        self.n_rows = data.n_rows
        self.size = min(recipe.batch_size, self.n_rows)
        self.whole = engine == "xla"
        self.tensors = _tensors(data, room=round_up(len(data.y)) if self.whole else 0)
        self.run = program.engines[engine]
        self.decay = tf.constant(recipe.weight_decay, tf.float32)

    def epoch(
        self,
        order: NDArray,
        epoch: int,
        listeners: keras.callbacks.CallbackList,
        pace: Pace,
    ) -> tuple[dict[str, float], float]:
        """Train on every row once, or until the time is over.

        Returns
        -------
        logs : dict of str to float
            The mean loss.
        share : float
            Share of the rows that were seen.
        """
        blocks: Iterable[_Block] = (
            [self._filled(order)] if self.whole else self._blocks(order)
        )
        watched = any(map(listens_to_batches, listeners.callbacks))
        if watched:
            batches = [batch for block in blocks for batch in block.order]
            blocks = [_Block(batch[None], 1, len(batch)) for batch in batches]
        elif pace.limit:
            blocks = chain.from_iterable(self._pieces(b, pace) for b in blocks)
        total, seen = 0.0, 0
        for step, block in enumerate(blocks):
            if watched:
                listeners.on_train_batch_begin(step)
            loss = float(self.run(*self.tensors, *block, self.decay))
            total, seen = total + loss, seen + self._n_rows(block)
            if watched:
                listeners.on_train_batch_end(step, {"loss": loss / block.n_real})
            if pace.limit:
                pace.note_call()
                if pace.is_over:
                    break
                if seen < self.n_rows:
                    pace.set_rate(epoch + seen / self.n_rows)
        return {"loss": total / seen}, seen / self.n_rows

    def _n_rows(self, block: _Block) -> int:
        return min(block.n_steps * self.size, block.n_real)

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
        return [*blocks, _Block(rest[None], 1, len(rest))] if len(rest) else blocks

    def _filled(self, order: NDArray) -> _Block:
        """Make batches of one size, with room for as many as the rows may be."""
        room = round_up(self.n_rows)
        rows = np.zeros((math.ceil(room / self.size), self.size), np.int32)
        rows.flat[: self.n_rows] = order
        return _Block(rows, math.ceil(self.n_rows / self.size), self.n_rows)


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


def _tensors(data: Data, room: int = 0) -> tuple[list[Any], Any, Any]:
    """Hand all rows over to TensorFlow, with zeros behind them up to `room` rows."""
    x = [resident(array, room) for array in data.arrays]
    return x, resident(data.y, room), resident(data.weight, room)


def _orders(data: Data, recipe: Recipe) -> Iterator[NDArray]:
    """Yield the order of rows of each epoch."""
    rng = np.random.default_rng([recipe.seed, 2])
    rows = data.rows
    if rows is None:
        rows = np.arange(data.n_rows, dtype=np.int32)
    for _ in range(recipe.epochs):
        yield rng.permutation(rows)


def _listeners(
    program: Program, callbacks: Sequence[keras.callbacks.Callback], recipe: Recipe
) -> keras.callbacks.CallbackList:
    """Introduce Keras callbacks to the network they will watch."""
    if callbacks and not program.model.compiled:
        program.model.compile(optimizer=program.optimizer)
    return keras.callbacks.CallbackList(
        list(callbacks), model=program.model, epochs=recipe.epochs, verbose=0
    )


def listens_to_batches(callback: keras.callbacks.Callback) -> bool:
    """Tell whether a callback wants to hear of every batch."""
    base = keras.callbacks.Callback
    return any(
        getattr(type(callback), hook) is not getattr(base, hook)
        for hook in _BATCH_HOOKS
    )


def evaluate(program: Program, data: Data) -> float:
    """Mean loss of the rows of `data`, weighted.

    Parameters
    ----------
    program : Program
        Network with its weights.
    data : Data
        Rows.

    Returns
    -------
    loss : float
    """
    total = weight = 0.0
    for rows in chunks(data.arrays, data.n_rows):
        part = data.part(rows)
        total += float(program.evaluate(*_tensors(part)))
        weight += float(part.weight.sum())
    return total / weight


def _learned(program: Program, data: Data, constant: NDArray | None) -> float:
    """Loss below which a network knows more than the same logits for every row."""
    if constant is None or program.loss.keras_loss is not None:
        return math.inf
    which = slice(None) if data.rows is None else data.rows
    logits = np.tile(constant.astype(np.float32), (data.n_rows, 1))
    given = program.network.output
    outputs: dict[str, Any] = {"logits": logits}
    for several in ("unimodal", "lacking"):
        outputs[several] = [logits for _ in given.get(several, [])]
    if "aside" in given:
        outputs["aside"] = logits
    present = data.arrays[-1][which] if program.takes_present else None
    losses = program.loss(outputs, data.y[which], present)
    return LEARNED * float(np.average(losses, weights=data.weight[which]))


def _record(
    history: History,
    program: Program,
    logs: dict[str, float],
    epoch: int,
    recipe: Recipe,
) -> None:
    if not all(math.isfinite(value) for value in logs.values()):
        raise ValueError(
            f"the loss is not finite in epoch {epoch + 1} ({logs}): lower "
            f"learning_rate (now {recipe.learning_rate}), or scale the inputs and, in "
            "regression, the target."
        )
    rate = float(program.optimizer.learning_rate)
    for name, value in {**logs, "learning_rate": rate}.items():
        history.setdefault(name, []).append(value)
    if recipe.verbose:
        line = "  ".join(f"{name} {value:.4f}" for name, value in logs.items())
        print(f"epoch {epoch + 1}/{recipe.epochs}  {line}")
