"""Training the networks of an estimator, and running them.

A fitted estimator holds the weights of one network or of several of one architecture,
which are trained one after the other in the same traced program.
"""

from __future__ import annotations

import copy
import math
import time
from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from numbers import Integral
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from skmm import training
from skmm._inputs import lay_out
from skmm._journal import Journal
from skmm._listeners import EpochEvents
from skmm._network import roomy
from skmm._splits import MANY_ROWS
from skmm.frame import ModalityFrame, ModalitySpec

__all__ = ["Course", "Members", "Split", "Unseen", "fused_opinion"]

MOST_JUDGED = 2**25  # logits of a network on rows that it was not trained on

Split = tuple[training.Rows, training.Data | None]


@dataclass(frozen=True)
class Unseen:
    """What networks say of rows that they were not trained on.

    Parameters
    ----------
    opinions : ndarray of shape (n_opinions, n_rows, n_logits)
        Logits of the fused network and of each modality's own head.
    rows : Data
        The rows.
    """

    opinions: NDArray
    rows: training.Data


@dataclass
class Course:
    """What a fit knows of its run, beside what it learns.

    Parameters
    ----------
    journal : Journal
        Where it writes how far it has come.
    interrupt : Interrupt
        Whether somebody wants it to end.
    events : EpochEvents
        Who is told of epochs.
    started : float
        When it began, on the clock of `time.perf_counter`; earlier by what it had
        taken before, where it goes on.
    limit : float or None
        Seconds that it may take.
    workers : Workers or None, default=None
        The processes that train together; None is this one alone.
    n_networks : int, default=1
        How many networks it trains, one after the other.
    """

    journal: Journal
    interrupt: training.Interrupt
    events: EpochEvents
    started: float
    limit: float | None
    workers: training.Workers | None = None
    n_networks: int = 1

    @property
    def elapsed(self) -> float:
        """Seconds that the fit has taken."""
        return time.perf_counter() - self.started

    @property
    def left(self) -> float | None:
        """Seconds that it may still take; None where there is no limit."""
        return None if self.limit is None else self.limit - self.elapsed

    def is_over(self, needed: float) -> bool:
        """Tell whether the fit is to end before what takes so many seconds."""
        return self.interrupt.asked or (self.left is not None and self.left < needed)

    def open(
        self, program: training.Program, keeps_optimizer: bool = False
    ) -> training.Stage | None:
        """Open the file of the next training, and count the time that is in it."""
        stage = self.journal.next(program, keeps_optimizer)
        if stage is not None:
            self.started -= stage.seconds
        return stage

    def report(self) -> dict[str, int]:
        """Tell how much was found and not trained again, where that could be."""
        if self.journal.folder is None:
            return {}
        return {"epochs_resumed": self.journal.epochs_resumed}


class Members:
    """The networks of one estimator.

    Subclasses say what the program depends on (`_program_key`) and how its network is
    built (`_make_program`).
    """

    epochs: int
    batch_size: int | str
    learning_rate: float
    weight_decay: float
    schedule: str
    early_stopping: bool | str
    n_iter_no_change: int | str
    time_limit: float | None
    on_nan: str
    random_state: Any
    engine: str
    callbacks: Any
    warm_start: bool
    verbose: int
    _weights: list[list[NDArray]]

    @abstractmethod
    def _program_key(self, fitted: dict[str, Any]) -> Any:
        """Say everything the program depends on; something unique if that is unsaid."""

    @abstractmethod
    def _make_program(self, fitted: dict[str, Any]) -> training.Program:
        """Build the network of these fitted attributes."""

    def _affordable(self, specs: Sequence[ModalitySpec], n_samples: int) -> float:
        """Tell for how many epochs all networks together may be trained."""
        return math.inf

    @abstractmethod
    def _judge(self, fitted: dict[str, Any], unseen: Unseen) -> dict[str, Any]:
        """Learn attributes from rows that the networks were not trained on."""

    def _workers(self, checkpoint: Any, on_interrupt: str) -> training.Workers | None:
        """Find out who trains, and refuse what several processes do not do alike."""
        found = training.workers()
        if found is None:
            return None
        where = f"where {found.n} processes train one network"
        if not isinstance(self.random_state, Integral):
            raise ValueError(
                f"random_state must be an integer {where}, so that all draw the same, "
                f"got {self.random_state!r}."
            )
        refused = {
            "checkpoint": (checkpoint is not None, "each would write at its own time"),
            'on_interrupt="keep"': (on_interrupt == "keep", "one alone hears Ctrl-C"),
            "time_limit": (self.time_limit is not None, "each has its own clock"),
            'engine="xla"': (self.engine == "xla", "XLA sends nothing between them"),
        }
        for name, (is_used, why) in refused.items():
            if is_used:
                raise ValueError(f"{name} cannot be used {where}: {why}.")
        return found

    def _train(
        self,
        fitted: dict[str, Any],
        splits: Sequence[Split],
        course: Course,
        *,
        resume: bool,
        one_epoch: bool,
    ) -> None:
        """Train a network on each split, and add to `fitted` what came out."""
        seed, took, n_epochs = fitted["_fit_seed"], 0.0, 0
        affordable = self._affordable(fitted["_specs"], splits[0][0].n_given)
        past = list(zip_longest(fitted["_weights"], fitted["_optimizer_state"]))
        fitted.update(_weights=[], _optimizer_state=[])
        fitted["fit_report_"] = {"seconds_building": 0.0, "seconds_training": 0.0}
        histories: list[training.History] = []
        seen: list[Unseen] = []
        for i, split in enumerate(splits):
            started = course.elapsed
            if i and course.is_over(took):
                break  # rather fewer networks than worse ones
            if i > 1 and not resume and n_epochs + n_epochs / i > affordable:
                break
            if self.verbose and len(splits) > 1:
                print(f"network {i + 1} of {len(splits)}")
            fitted["_fit_seed"] = seed + i
            start = None
            if not (resume or one_epoch):
                start = self._pretrained(fitted, split[0], course)
            began = time.perf_counter()
            with self._borrow(fitted, untrained=not resume) as program:
                _begin(program, seed + i, past[i] if resume else None, start)
                fitted["fit_report_"]["seconds_building"] += time.perf_counter() - began
                recipe = self._recipe(fitted, program, split[0], seed + i, one_epoch)
                history = self._train_one(
                    fitted, program, split, recipe, course, not one_epoch
                )
                self._keep(fitted, program, one_epoch or self.warm_start)
                seen += self._unseen(program, split[1])
            histories.append(history)
            n_epochs += len(history["loss"])
            took = course.elapsed - started
        fitted["_fit_seed"] = seed
        fitted["fit_report_"].update(course.report())
        before, history = fitted["history_"], _mean_history(histories)
        fitted["history_"] = {k: before.get(k, []) + v for k, v in history.items()}
        fitted["n_epochs_"] += len(history["loss"])
        if seen:
            fitted.update(self._judge(fitted, _joined(seen)))

    def _pretrained(
        self,
        fitted: dict[str, Any],
        data: training.Rows,
        course: Course,
    ) -> list[NDArray] | None:
        """Give the weights that a network starts with; None for random ones."""
        return None

    def _train_one(
        self,
        fitted: dict[str, Any],
        program: training.Program,
        split: Split,
        recipe: training.Recipe,
        course: Course,
        finish: bool,
    ) -> training.History:
        """Train the network of a program, and report how."""
        started = time.perf_counter()
        data, held_out = split
        callbacks = self._keras_callbacks()
        stage = course.open(program, self.warm_start)
        recipe = replace(recipe, seconds=course.left, workers=course.workers)
        engine = self._chosen_engine(program, data, recipe, course, callbacks)
        if self.verbose:
            print(f"engine {engine.name}: {engine.reason}")
        history = training.train(
            program,
            data,
            recipe,
            validation=held_out,
            callbacks=[*callbacks, course.events.watch(fitted, program)],
            engine=engine.name,
            finish=finish,
            stage=stage,
            interrupt=course.interrupt,
        )
        report = fitted["fit_report_"]
        report.update(engine=engine.name, reason=engine.reason)
        report["seconds_training"] += time.perf_counter() - started
        return history

    def _chosen_engine(
        self,
        program: training.Program,
        data: training.Rows,
        recipe: training.Recipe,
        course: Course,
        callbacks: Sequence[keras.callbacks.Callback] = (),
    ) -> Any:
        if recipe.workers is not None:
            return training.Engine("graph", f"{recipe.workers.n} processes share it")
        size = min(recipe.batch_size, data.n_rows)
        n_steps = course.n_networks * recipe.epochs * math.ceil(data.n_rows / size)
        return training.choose_engine(
            program.network, n_steps, size, self.engine, callbacks, recipe.seconds
        )

    def _keep(
        self, fitted: dict[str, Any], program: training.Program, optimizer: bool
    ) -> None:
        """Take the weights out of a program, and the optimizer's state if asked."""
        weights = program.get_weights()
        training.check_weights(weights)
        fitted["_weights"].append(weights)
        if optimizer:
            fitted["_optimizer_state"].append(program.optimizer_state())
        fitted["_n_features_out"] = len(fitted["_weights"]) * program.n_features_out

    def _unseen(
        self, program: training.Program, held_out: training.Data | None
    ) -> list[Unseen]:
        if held_out is None:
            return []
        # Of a hundred thousand classes, every so many rows tell as much.
        step = -(-held_out.n_rows * program.n_logits // MOST_JUDGED)
        rows = held_out.part(slice(None, None, step))
        return [Unseen(self._opinions(program, rows.arrays), rows)]

    def _opinions(
        self, program: training.Program, arrays: Sequence[NDArray]
    ) -> NDArray:
        """Logits of every opinion of a network, (n_opinions, n_samples, n_logits)."""
        return fused_opinion(program, arrays)

    def _run(
        self,
        arrays: Sequence[NDArray],
        function: Callable[[training.Program, Sequence[NDArray]], NDArray],
    ) -> list[NDArray]:
        """Apply a function to each network, with the arrays that it takes."""
        with self._borrow(self.__dict__) as program:
            found = []
            for weights in self._weights:
                program.set_weights(weights)
                found.append(function(program, arrays))
            return found

    def _recipe(
        self,
        fitted: dict[str, Any],
        program: training.Program,
        data: training.Rows,
        seed: int,
        one_epoch: bool,
    ) -> training.Recipe:
        # A program that is shared may have another fit's by the time of the next.
        rate = fitted.setdefault("_rate", program.rate)
        size = int(np.clip(data.n_rows // 32, 32, 256))
        target, (y, weight) = fitted["_target"], data.targets()
        patience, longer = self.n_iter_no_change, 3
        if patience == "auto":
            patience, longer = (10, 3) if data.n_given < MANY_ROWS else (5, 6)
        return training.Recipe(
            epochs=1 if one_epoch else self.epochs,
            batch_size=size if self.batch_size == "auto" else int(self.batch_size),
            learning_rate=rate or self.learning_rate,
            schedule="constant" if one_epoch or rate else self.schedule,
            weight_decay=self.weight_decay,
            seed=seed,
            patience=None if self.early_stopping is False else int(patience),
            constant=target.prior(target.sums(y, weight) / weight.sum()),
            longer=longer,
            verbose=int(self.verbose),
            rolls_back=self.on_nan == "rollback",
        )

    def _keras_callbacks(self) -> list[keras.callbacks.Callback]:
        """Copy the Keras callbacks, so that one fit does not see another's."""
        callbacks = self.callbacks() if callable(self.callbacks) else self.callbacks
        for callback in callbacks or []:
            if not isinstance(callback, keras.callbacks.Callback):
                raise TypeError(
                    f"callbacks must be Keras callbacks, got {callback!r}; callbacks "
                    "of scikit-learn are given by set_callbacks()."
                )
        return copy.deepcopy(list(callbacks or []))

    def _network_specs(self, specs: Iterable[ModalitySpec]) -> list[ModalitySpec]:
        """Describe what the network is built for: the data, and some room."""
        return [roomy(spec) for spec in specs]

    def _arrays(self, frame: ModalityFrame) -> list[NDArray]:
        """List the inputs of the network, in order."""
        return lay_out(frame, self._network_specs(frame.specs.values()))

    def _borrow(self, fitted: dict[str, Any], untrained: bool = False) -> Any:
        """Borrow the program of these fitted attributes from the pool."""
        if "_key" not in fitted:
            fitted["_key"] = self._program_key(fitted)
        return training.program(
            fitted["_key"], lambda: self._make_program(fitted), untrained=untrained
        )


def fused_opinion(program: training.Program, arrays: Sequence[NDArray]) -> NDArray:
    """Logits of the whole network, (1, n_samples, n_logits)."""
    (logits,) = training.predict(program, arrays)
    return logits[np.newaxis]


def _begin(
    program: training.Program,
    seed: int,
    past: tuple[Any, Any] | None,
    start: list[NDArray] | None,
) -> None:
    """Put a program to its start, or to where a network was left."""
    if past is None:
        program.initialise(seed)
        if start is not None:
            program.set_weights(start)
        return
    weights, state = past
    program.set_weights(weights)
    program.reset_optimizer(state)
    program.seed_layers(seed)


def _mean_history(histories: Sequence[training.History]) -> training.History:
    """Average over the networks that were still in training in each epoch."""
    return {
        key: [
            float(np.mean([value for value in epoch if value is not None]))
            for epoch in zip_longest(*(history.get(key, []) for history in histories))
        ]
        for key in dict.fromkeys(key for history in histories for key in history)
    }


def _joined(parts: Sequence[Unseen]) -> Unseen:
    """Lay the rows of several folds behind one another."""
    if len(parts) == 1:
        return parts[0]
    rows = [part.rows for part in parts]
    return Unseen(
        np.concatenate([part.opinions for part in parts], axis=1),
        training.Data(
            [np.concatenate(a) for a in zip(*(r.arrays for r in rows), strict=True)],
            np.concatenate([r.y for r in rows]),
            np.concatenate([r.weight for r in rows]),
        ),
    )
