"""A bounded pool of programs, so that the same network is not traced twice.

A program is taken out while it is used and put back afterwards, so two threads never
share one. Its weights are drawn from the seed at every fit: a program from the pool
gives the same bits as a new one.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from skmm.frame import ModalitySpec
from skmm.training._losses import Loss
from skmm.training._program import Program

__all__ = ["clear_pool", "program", "program_key"]

MAX_PROGRAMS = 16

_lock = threading.Lock()
_idle: OrderedDict[tuple[Hashable, int], Program] = OrderedDict()
_serial = 0


def _take(key: Hashable) -> Program | None:
    with _lock:
        for entry in reversed(_idle):
            if entry[0] == key:
                return _idle.pop(entry)
    return None


def _give(key: Hashable, program: Program) -> None:
    global _serial
    with _lock:
        _serial += 1
        _idle[key, _serial] = program
        while len(_idle) > MAX_PROGRAMS:
            _idle.popitem(last=False)


def program_key(
    specs: Sequence[ModalitySpec], components: Sequence[Any], *others: Any
) -> Hashable:
    """Say everything that a program depends on.

    Parameters
    ----------
    specs : sequence of ModalitySpec
        The modalities.
    components : sequence of estimator
        Recipes of the network's parts.
    *others : object
        Anything else: numbers, names, an optimizer.

    Returns
    -------
    key : hashable
        Equal for equal programs. Where a value is not plain (a function, an array),
        equal to nothing else, so that nothing is shared by mistake.
    """
    try:
        parts = [_plain(c) for c in [*components, *others]]
    except TypeError:
        return object()
    return (*specs, *parts)


def _plain(value: Any) -> Hashable:
    """Make a hashable stand-in for a value that is plain all through."""
    if value is None or isinstance(value, (str, int, float, bool)):
        return type(value), value
    if isinstance(value, (list, tuple)):
        return type(value), *map(_plain, value)
    if isinstance(value, dict):
        return dict, *((k, _plain(v)) for k, v in sorted(value.items()))
    if isinstance(value, Loss):
        return Loss, *map(_plain, vars(value).values())
    if hasattr(value, "get_params"):
        return type(value), _plain(value.get_params(deep=False))
    if hasattr(value, "get_config"):
        return type(value), _plain(value.get_config())
    raise TypeError(f"{value!r} is not plain")


@contextmanager
def program(
    key: Hashable, build: Callable[[], Program], *, untrained: bool = False
) -> Iterator[Program]:
    """Borrow the program of this key, building it if none is idle.

    A program whose user failed is not put back.

    Parameters
    ----------
    key : hashable
        Says everything that `build` depends on.
    build : callable
        Makes the program.
    untrained : bool, default=False
        Whether its weights will be drawn anew. A network with weights that cannot be
        is then built anew.

    Yields
    ------
    program : Program
    """
    borrowed = _take(key)
    if borrowed is None or (untrained and not borrowed.redrawable):
        borrowed = build()
    yield borrowed
    _give(key, borrowed)


def clear_pool() -> None:
    """Forget every idle network and its traced functions."""
    with _lock:
        _idle.clear()
