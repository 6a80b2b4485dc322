"""Ctrl-C that ends a training in good order."""

from __future__ import annotations

import signal
import threading
from typing import Any, Self

__all__ = ["Interrupt"]


class Interrupt:
    """Take note of Ctrl-C inside a with statement, in place of `KeyboardInterrupt`.

    Python would raise that anywhere, in the middle of an update of what is learned
    too. The first one is noted; a second one interrupts as ever. Signals are heard in
    the main thread alone: in another one this does nothing.

    Parameters
    ----------
    listens : bool, default=True
        False leaves Ctrl-C as it is.

    Attributes
    ----------
    asked : bool
        Whether somebody wants the training to end.
    """

    def __init__(self, listens: bool = True):
        self.listens = listens
        self.asked = False

    def __enter__(self) -> Self:
        self._before: Any = signal.getsignal(signal.SIGINT)
        in_main = threading.current_thread() is threading.main_thread()
        # A handler that is no function is the system's: in the background it is deaf.
        self._hears = self.listens and in_main and callable(self._before)
        if self._hears:
            signal.signal(signal.SIGINT, self._note)
        return self

    def _note(self, number: int, frame: Any) -> None:
        self.asked = True
        signal.signal(signal.SIGINT, self._before)

    def __exit__(self, *error: Any) -> None:
        if self._hears:
            signal.signal(signal.SIGINT, self._before)
