"""How far a training has come, and all that it takes to go on from there."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skmm.training._program import Program
from skmm.training._recipe import Pace, Recipe
from skmm.training._stored import Rows

__all__ = ["Best", "History", "Progress"]

History = dict[str, list[float]]

LEAST = 1e-3  # by which a loss is lower that is worth waiting for


class Best:
    """The weights of the epoch with the lowest validation loss.

    A second network, which shares no weight with the first, has an epoch of its own.
    Patience is for what is worth waiting for: a loss that is lower by LEAST. It is
    `longer` times as long while the loss is not below `learned`: what only two
    modalities together tell shows late, and all at once.
    """

    def __init__(self, patience: int, learned: float = math.inf, longer: int = 3):
        self.patience, self.longer = patience, longer
        self.learned = learned
        self.losses, self.noted = np.array([math.inf]), math.inf
        self.weights: list[NDArray] | None = None
        self.waited = 0

    def stop(self, program: Program, losses: NDArray) -> bool:
        """Take note of an epoch; tell whether patience has run out.

        Parameters
        ----------
        program : Program
            Holds the weights of its end.
        losses : ndarray of shape (n_parts,)
            Mean losses of validation rows.

        Returns
        -------
        stop : bool
        """
        lower = np.flatnonzero(losses < self.losses)
        if len(lower):
            now = program.get_weights()
            best = list(self.weights or now)
            for part in lower:
                for i in program.parts[part]:
                    best[i] = now[i]
            self.losses, self.weights = np.minimum(losses, self.losses), best
        loss = float(losses.sum())
        if loss < self.noted - LEAST:
            self.noted, self.waited = loss, 0
        else:
            self.waited += 1
        longer = 1 if self.losses.sum() < self.learned else self.longer
        return self.waited >= longer * self.patience


class Progress:
    """What changes from epoch to epoch; everything else is given anew.

    Parameters
    ----------
    program : Program
        Holds the weights of the moment.
    data : Data or StoredData
        Training rows.
    recipe : Recipe
        How to train.
    pace : Pace
        Step size and time.
    best : Best or None
        Where the best epoch counts.

    Attributes
    ----------
    epoch : int
        Number of epochs that are done.
    history : dict of str to list of float
        What was found in each.
    stopped : bool
        Whether early stopping or a callback has ended the training.
    losses : ndarray of shape (n_parts,) or None
        Mean losses of validation rows in the last epoch, if there are such rows.
    done : bool
        Whether nothing is left to do, not even at the end.
    """

    def __init__(
        self,
        program: Program,
        data: Rows,
        recipe: Recipe,
        pace: Pace,
        best: Best | None = None,
    ):
        self.program, self.recipe, self.pace, self.best = program, recipe, pace, best
        self.epoch = 0
        self.history: History = {}
        self.losses: NDArray | None = None
        self.stopped = self.done = False
        self._order = np.random.default_rng([recipe.seed, 2])
        self._draw = data.draw

    @property
    def goes_on(self) -> bool:
        """Whether there is another epoch; a first one there is however short the time.

        A part of it, if need be.
        """
        over = self.epoch > 0 and self.pace.is_over
        return self.epoch < self.recipe.epochs and not (self.stopped or over)

    def next_order(self) -> Any:
        """Draw the order of rows of the next epoch."""
        return self._draw(self._order)

    def record(self, logs: dict[str, float]) -> None:
        """Add what was found in the epoch, with the step size of its end."""
        rate = float(self.program.optimizer.learning_rate)
        for name, value in {**logs, "learning_rate": rate}.items():
            self.history.setdefault(name, []).append(value)

    def close(self) -> None:
        """End the epoch, after those who listen were told."""
        self.epoch += 1
        stop = bool(self.program.model.stop_training)
        if self.best is not None and self.losses is not None:
            stop = self.best.stop(self.program, self.losses) or stop
        self.stopped = stop
        if self.recipe.workers is not None:  # a callback may stop one of them
            self.stopped = bool(self.recipe.workers.mean(self.stopped) > 0)

    def state(self) -> dict[str, Any]:
        """Copy what it takes to go on: plain values, arrays, lists and dicts."""
        best = self.best and {
            "losses": self.best.losses.tolist(),
            "noted": self.best.noted,
            "waited": self.best.waited,
            "weights": self.best.weights
            and self.program.without_given(self.best.weights),
        }
        return {
            **self._outline(),
            "stopped": self.stopped,
            "factor": self.pace.factor,
            "order": self._order.bit_generator.state,
            "best": best,
            **self.program.state(),
        }

    def final_state(self, optimizer: bool) -> dict[str, Any]:
        """Copy what a training has come to, with the optimizer's state if asked."""
        state = self.program.state()
        if not optimizer:
            state["optimizer"] = None
        return {**self._outline(), "done": True, **state}

    def _outline(self) -> dict[str, Any]:
        seconds = self.pace.seconds
        return {"epoch": self.epoch, "history": self.history, "seconds": seconds}

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to where `state` was copied, or to its end."""
        self.program.set_state(state)
        self.epoch, self.history = state["epoch"], state["history"]
        self.done = state.get("done", False)
        if self.done:
            return
        self.stopped = state["stopped"]
        self.pace.resume(state["seconds"], state["factor"])
        self._order.bit_generator.state = state["order"]
        if self.best is not None:
            found = state["best"]
            self.best.losses = np.array(found["losses"])
            self.best.noted, self.best.waited = found["noted"], found["waited"]
            weights = found["weights"]
            self.best.weights = weights and self.program.with_given(weights)
