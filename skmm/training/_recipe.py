"""How to train, and at what pace."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from numpy.typing import NDArray

from skmm.training._distribution import Workers
from skmm.training._interrupt import Interrupt
from skmm.training._program import Program

__all__ = ["Pace", "Recipe"]

MOST_STEPS = 2**31 - 1  # of one call
HEARS_AFTER = 1.0  # seconds, about, that Ctrl-C waits for a call to end


@dataclass(frozen=True)
class Recipe:
    """How to train.

    Parameters
    ----------
    epochs : int
        Largest number of passes over the rows.
    batch_size : int
        Rows in one step; the last batch of an epoch may be smaller.
    learning_rate : float
        Step size of the first epoch.
    schedule : {"constant", "cosine"}
        ``"cosine"`` takes the step size to zero along half a cosine over `epochs`.
    seed : int
        Seed of the order of rows and of dropout.
    patience : int or None
        Stop after this many epochs whose validation loss is not lower by 0.001; None
        never stops.
    constant : ndarray of shape (n_logits,) or None, default=None
        The logits that suit the training rows best if all get the same. Until the
        validation loss is a hundredth lower than theirs, patience is longer; None
        makes no such difference.
    longer : int, default=3
        How many times as long.
    weight_decay : float, default=0.0
        Decoupled weight decay, for an optimizer that has none of its own.
    verbose : int, default=0
        Print a line for each epoch.
    seconds : float or None, default=None
        Stop when this time is over, and let the schedule end with it; None never
        stops.
    rolls_back : bool, default=False
        Whether an epoch whose loss is not finite is begun anew with half the step
        size, a few times; if not, it is an error.
    workers : Workers or None, default=None
        The processes among which each batch is shared out; None trains alone.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    schedule: str
    seed: int
    patience: int | None
    constant: NDArray | None = None
    longer: int = 3
    weight_decay: float = 0.0
    verbose: int = 0
    seconds: float | None = None
    rolls_back: bool = False
    workers: Workers | None = None


class Pace:
    """The step size on the way, and where the time is limited, when to stop.

    Under a limit, or where somebody may want an end, an epoch is cut into calls, so
    that none takes long.

    Parameters
    ----------
    program : Program
        Whose optimizer has the step size.
    recipe : Recipe
        Schedule and time.
    interrupt : Interrupt or None, default=None
        Ends it as well.
    glides : bool, default=False
        Whether the step size changes within an epoch too: of very many rows there are
        few.
    """

    def __init__(
        self,
        program: Program,
        recipe: Recipe,
        interrupt: Interrupt | None = None,
        glides: bool = False,
    ):
        self.program, self.recipe, self.interrupt = program, recipe, interrupt
        self.glides = glides
        seconds = recipe.seconds
        self.limit = None if seconds is None else max(seconds, 1e-9)
        self.started = self.called = time.perf_counter()
        self.reserve = 0.0
        self.factor = 1.0  # of the step size, halved when an epoch is begun anew
        listens = interrupt is not None and interrupt.listens
        self.longest = self.limit / 60 if self.limit else HEARS_AFTER  # of a call
        self.cuts = bool(self.limit) or listens
        self.n_steps = 1 if self.cuts else MOST_STEPS  # of the next call

    @property
    def seconds(self) -> float:
        """Time since the training began."""
        return time.perf_counter() - self.started

    @property
    def gone(self) -> float:
        """Share of the time that is over, or will be needed to end well."""
        return (self.seconds + self.reserve) / self.limit if self.limit else 0.0

    @property
    def is_interrupted(self) -> bool:
        """Whether somebody wants the training to end."""
        return self.interrupt is not None and self.interrupt.asked

    @property
    def is_over(self) -> bool:
        """Whether to stop."""
        return self.is_interrupted or self.gone >= 1

    def resume(self, seconds: float, factor: float) -> None:
        """Go on where so much time was gone before, beside what is given now."""
        self.started -= seconds
        self.factor = factor
        if self.limit:
            self.limit += seconds

    def note_end(self) -> None:
        """Learn how long it takes to end an epoch, and to look at its rows again."""
        called, self.called = self.called, time.perf_counter()
        self.reserve = 2 * (self.called - called)

    def note_call(self) -> None:
        """Adapt the number of steps to how long a call is to take."""
        now = time.perf_counter()
        took, self.called = now - self.called, now
        if took < self.longest:
            self.n_steps = min(2 * self.n_steps, MOST_STEPS)
        elif took > 2 * self.longest:
            self.n_steps = max(self.n_steps // 2, 1)

    def set_rate(self, epochs: float) -> None:
        """Set the step size after so many epochs.

        It changes between epochs, and within one where it glides or the time will end
        before the epochs do. A constant one is set once, and then left to Keras
        callbacks.
        """
        program, recipe = self.program, self.recipe
        if program.fixed_rate or (recipe.schedule == "constant" and epochs):
            return
        progress = epochs / recipe.epochs
        if epochs and self.gone > progress:
            progress = min(self.gone, 1.0)
        elif epochs % 1 and not self.glides:
            return
        decay = 1.0
        if recipe.schedule == "cosine":
            decay = 0.5 * (1 + math.cos(math.pi * progress))
        program.optimizer.learning_rate = recipe.learning_rate * decay * self.factor
