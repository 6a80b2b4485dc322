"""The training loop: whole epochs in one compiled call."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from skmm.exceptions import DivergenceError
from skmm.training._data import Data, evaluate
from skmm.training._distribution import Workers
from skmm.training._divergence import cause_of, is_finite
from skmm.training._interrupt import Interrupt
from skmm.training._program import Program
from skmm.training._progress import Best, History, Progress
from skmm.training._recipe import Pace, Recipe
from skmm.training._stage import Stage
from skmm.training._stored import Rows, StoredData
from skmm.training._work import Passing, RowsWork, work_on

__all__ = ["train"]

LEARNED = 0.99  # of the loss without learning: below it, something has been learned
MOST_LOGITS = 2**23  # that are compared with a target at once
MOST_ROLLBACKS = 5  # in one training: the last has a 32nd of the step size


def train(
    program: Program,
    data: Rows,
    recipe: Recipe,
    *,
    validation: Data | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    engine: str = "graph",
    finish: bool = True,
    stage: Stage | None = None,
    interrupt: Interrupt | None = None,
) -> History:
    """Train the program's network from the weights it has.

    With `validation` and a `patience`, the weights of the best epoch are put back, of
    each part of the program for itself.

    Parameters
    ----------
    program : Program
        Initialised; its network is changed.
    data : Data or StoredData
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
    stage : Stage or None, default=None
        Where the state is written to, and taken from if there is one: the training
        goes on from there.
    interrupt : Interrupt or None, default=None
        Ends the training as a limit of time does.

    Returns
    -------
    history : dict of str to list of float
        ``"loss"``, ``"learning_rate"`` and, with `validation`, ``"val_loss"``: one
        number for each epoch. ``"loss"`` is the mean over the epoch's batches, while
        the network learns and drops out. Where it rolls back also ``"rollbacks"``,
        how often an epoch was begun anew.

    Raises
    ------
    DivergenceError
        If the loss is not finite.
    """
    program.loaded = None
    best = None
    if validation and recipe.patience:
        learned = _learned(program, validation, recipe.constant)
        best = Best(recipe.patience, learned, recipe.longer)
    pace = Pace(program, recipe, interrupt, isinstance(data, StoredData))
    progress = Progress(program, data, recipe, pace, best)
    if stage is not None and stage.state is not None:
        progress.restore(stage.state)
    if progress.done:
        return progress.history
    if recipe.workers is not None:
        _join(recipe.workers, program, data, validation, recipe)
    listeners = _listeners(program, callbacks, recipe)
    epochs = _Epochs(progress, data, validation, engine, listeners)
    if validation:
        _ = program.evaluate.graph  # is traced before its time is taken
    program.model.stop_training = False
    listeners.on_train_begin()
    share = 1.0
    while progress.goes_on:
        share = epochs.run()
        if stage is not None and not pace.is_interrupted:
            stage.offer(progress.state)
        pace.note_end()
    if progress.epoch == 1 and share < 1 and not pace.is_interrupted:
        warnings.warn(
            f"the time was over after {share:.0%} of the first epoch: raise "
            "time_limit, or train on fewer rows.",
            ConvergenceWarning,
            stacklevel=2,
        )
    if recipe.workers is not None:
        _check_weights(recipe.workers, program)
    if finish and program.optimizer.use_ema:
        program.optimizer.finalize_variable_values(program.network.trainable_variables)
    listeners.on_train_end()
    if best is not None and best.weights is not None:
        program.set_weights(best.weights)
    if stage is not None and not pace.is_interrupted:
        stage.write(progress.final_state(stage.keeps_optimizer))
    return progress.history


class _Epochs:
    """Epochs one after the other: training, validating, telling who listens."""

    def __init__(
        self,
        progress: Progress,
        data: Rows,
        validation: Data | None,
        engine: str,
        listeners: keras.callbacks.CallbackList,
    ):
        self.progress, self.pace = progress, progress.pace
        self.program, self.recipe = progress.program, progress.recipe
        self.n_rows, self.validation = data.n_rows, validation
        self.listeners, self.engine = listeners, engine
        self.work = work_on(self.program, data, self.recipe, engine)

    def run(self) -> float:
        """Do the next epoch; the share of its rows that were seen."""
        progress, epoch = self.progress, self.progress.epoch
        self.pace.set_rate(epoch)
        self.listeners.on_epoch_begin(epoch)
        n_rollbacks, logs, share = self._trained(epoch)
        counted = {"rollbacks": n_rollbacks} if self.recipe.rolls_back else {}
        progress.record({**logs, **counted})
        if self.recipe.verbose:
            line = "  ".join(f"{name} {value:.4f}" for name, value in logs.items())
            print(f"epoch {epoch + 1}/{self.recipe.epochs}  {line}")
        self.listeners.on_epoch_end(epoch, dict(logs))
        progress.close()
        return share

    def _trained(self, epoch: int) -> tuple[int, dict[str, float], float]:
        """Train and validate, with half the step size while no number comes of it."""
        program, order = self.program, self.progress.next_order()
        good = program.state() if self.recipe.rolls_back else None
        for n_rollbacks in itertools.count():
            passing = Passing(epoch, self.n_rows, self.listeners, self.pace)
            self.work.run(order, passing)
            logs = {"loss": passing.loss}
            if self.validation:
                self.progress.losses = self._validated(self.validation)
                logs["val_loss"] = float(self.progress.losses.sum())
            if is_finite(logs):
                break
            if good is None or program.fixed_rate or n_rollbacks == MOST_ROLLBACKS:
                raise self._error(logs, epoch, order, n_rollbacks)
            self.pace.factor /= 2
            program.set_state(good)
            rate = float(program.optimizer.learning_rate)
            program.optimizer.learning_rate = rate / 2
            good = program.state()
        return n_rollbacks, logs, passing.share

    def _validated(self, rows: Data) -> NDArray:
        """Mean losses of validation rows, on which all processes act alike."""
        losses, workers = evaluate(self.program, rows), self.recipe.workers
        return losses if workers is None else workers.mean(losses)

    def _error(
        self, logs: dict[str, float], epoch: int, order: Any, n_rollbacks: int
    ) -> DivergenceError:
        program, rate = self.program, float(self.program.optimizer.learning_rate)
        nobody = keras.callbacks.CallbackList([], model=program.model)
        pace = Pace(program, replace(self.recipe, schedule="constant"))
        given, rows = self.work.at_fault(order)

        def stand_still(data: Data) -> float:
            program.optimizer.learning_rate = 0.0
            passing = Passing(epoch, data.n_rows, nobody, pace)
            RowsWork(program, data, self.recipe, self.engine).run(rows, passing)
            return passing.loss

        cause = cause_of(
            program,
            given,
            self.validation,
            self.recipe,
            None if program.fixed_rate else stand_still,
        )
        tried = f", after {n_rollbacks} rollbacks" if n_rollbacks else ""
        losses = ", ".join(f"{name} {value}" for name, value in logs.items())
        return DivergenceError(
            f"the loss is not finite in epoch {epoch + 1} ({losses}; learning_rate "
            f"{rate:.3g}{tried}). {cause}"
        )


def _join(
    workers: Workers, program: Program, data: Rows, validation: Data | None, recipe: Any
) -> None:
    """See that all processes begin alike, and let each drop out for itself."""
    settings = vars(replace(recipe, workers=None, verbose=0))
    workers.check_same(
        {
            "their parameters": list(settings.values()),
            "their rows": [_contents(data), validation and _contents(validation)],
            "the weights that they start from": program.get_weights(),
        },
        "give each the same X, y, sample_weight, parameters and random_state; "
        "the rows are shared out by fit",
    )
    program.seed_layers(recipe.seed, workers.rank)


def _contents(data: Rows) -> list[Any]:
    if isinstance(data, StoredData):
        return [data.store.digests(), data.left_out]
    return [*data.arrays, data.y, data.weight, data.rows]


def _check_weights(workers: Workers, program: Program) -> None:
    """Refuse a network that is another one in each process."""
    workers.check_same(
        {"the weights that they have come to": program.get_weights()},
        "a layer or a callback changes some by itself, from the rows of one process "
        "or at random. Train it in one process",
    )


def _listeners(
    program: Program, callbacks: Sequence[keras.callbacks.Callback], recipe: Recipe
) -> keras.callbacks.CallbackList:
    """Introduce Keras callbacks to the network they will watch."""
    if callbacks and not program.model.compiled:
        program.model.compile(optimizer=program.optimizer)
    return keras.callbacks.CallbackList(
        list(callbacks), model=program.model, epochs=recipe.epochs, verbose=0
    )


def _learned(program: Program, data: Data, constant: NDArray | None) -> float:
    """Loss below which a network knows more than the same logits for every row."""
    if constant is None or program.loss.keras_loss is not None:
        return math.inf
    which = slice(None) if data.rows is None else data.rows
    y, weight = data.y[which], data.weight[which]
    present = data.arrays[-1][which] if program.takes_present else None
    given, losses = program.network.output, []
    step = max(MOST_LOGITS // program.n_logits, 1)
    for start in range(0, data.n_rows, step):
        rows = slice(start, start + step)
        logits = np.tile(constant.astype(np.float32), (len(y[rows]), 1))
        outputs: dict[str, Any] = {"logits": logits}
        for several in ("unimodal", "lacking"):
            outputs[several] = [logits for _ in given.get(several, [])]
        if "aside" in given:
            outputs["aside"] = logits
        here = None if present is None else present[rows]
        losses.append(program.loss(outputs, y[rows], here))
    return LEARNED * float(np.average(np.concatenate(losses), weights=weight))
