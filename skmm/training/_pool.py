"""A bounded pool of programs, so that the same network is not traced twice.

A program is taken out while it is used and put back afterwards, so two threads never
share one. Its weights are drawn from the seed at every fit: a program from the pool
gives the same bits as a new one.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
from tensorflow.python.eager import context  # has no public door to its kernel cache

from skmm._compat import unnamed_config, written
from skmm.frame import ModalitySpec
from skmm.training._losses import Loss
from skmm.training._program import Program

__all__ = ["clear_pool", "network_key", "program", "program_key"]

MAX_PROGRAMS = 16

_lock = threading.Lock()
_idle: list[tuple[Hashable, Program]] = []  # the last one used stands last
_evicted = 0  # since memory was last given back


def _take(key: Hashable) -> Program | None:
    with _lock:
        for place in reversed(range(len(_idle))):
            if _idle[place][0] == key:
                return _idle.pop(place)[1]
    return None


def _give(key: Hashable, program: Program) -> None:
    global _evicted
    with _lock:
        _idle.append((key, program))
        while len(_idle) > MAX_PROGRAMS:
            _idle.pop(0)
            _evicted += 1
        many = _evicted >= MAX_PROGRAMS
        if many:
            _evicted = 0
    if many:
        _free()


def _free() -> None:
    """Give back the memory of programs that are gone.

    They hold each other in circles, and TensorFlow keeps the kernels of functions that
    nobody can call any more: about 2.5 MB each.
    """
    gc.collect()
    context.context().clear_kernel_cache()


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
    if hasattr(value, "layer_params"):  # an encoder
        return type(value), _plain(value.layer_params())
    if hasattr(value, "get_params"):
        return type(value), _plain(value.get_params(deep=False))
    if hasattr(value, "get_config"):
        config = value.get_config()
        if isinstance(value, keras.optimizers.Optimizer):
            del config["name"]  # is counted up
        return type(value), written(value), _plain(config)
    raise TypeError(f"{value!r} is not plain")


def network_key(program: Program) -> Hashable:
    """Say everything that the program of a network made elsewhere depends on.

    Parameters
    ----------
    program : Program
        Of a network that somebody else's function built.

    Returns
    -------
    key : hashable
        Equal for networks of the same layers with the same settings; their weights
        may differ. Equal to nothing else where a part is not Keras' own: a class or
        function of that name may be another one next time.
    """
    try:
        config = program.network.get_config()
        if not _is_of_keras(config):
            return object()
        config = unnamed_config(program.network)  # Keras counts names up
        optimizer = program.optimizer.get_config()
        del optimizer["name"]
        if not program.fixed_rate:
            del optimizer["learning_rate"]  # the recipe's, or what `adopt` takes over
        parts = (config, program.loss, optimizer, program.activation)
        kind: Any = type(program.optimizer)
        return (kind, program.rate is None, program.fixed_rate, *map(_plain, parts))
    except (TypeError, NotImplementedError):  # Keras' word for a layer without config
        return object()


def _is_of_keras(config: Any) -> bool:
    """Whether every object in a configuration is of a class of Keras."""
    if isinstance(config, dict):
        name, module = config.get("class_name"), config.get("module") or ""
        if name and name != "__keras_tensor__":  # the mark of a layer's input
            if name == "Lambda" or not module.startswith("keras"):
                return False
        return all(map(_is_of_keras, config.values()))
    return not isinstance(config, (list, tuple)) or all(map(_is_of_keras, config))


@contextmanager
def program(
    key: Hashable,
    build: Callable[[], Program],
    *,
    untrained: bool = False,
    fresh: Program | None = None,
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
    fresh : Program or None, default=None
        A program of this key that was just built: it is lent where none is idle, and
        one that is idle starts as it would.

    Yields
    ------
    program : Program
    """
    borrowed = _take(key)
    if fresh is not None:
        borrowed = borrowed or fresh
        borrowed.adopt(fresh)
    elif borrowed is None or (untrained and not borrowed.redrawable):
        borrowed = build()
    yield borrowed
    _give(key, borrowed)


def clear_pool() -> None:
    """Forget every idle network and its traced functions.

    Up to sixteen of them are kept, so that the next fit of a network of the same shape
    need not trace it. Results are the same without; what XLA compiled stays with the
    process.
    """
    with _lock:
        _idle.clear()
    _free()
