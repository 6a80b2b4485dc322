"""A copy of a model that can be written, or a word on what cannot."""

from __future__ import annotations

import copy
import inspect
import os
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import PurePath
from typing import Any

import numpy as np
from scipy.sparse import issparse

from skmm.exceptions import PersistenceError

__all__ = ["estimators_in", "prepare"]

KERAS = {"keras", "keras_hub", "tensorflow"}
# What to do about a parameter that is a Keras object, or a function.
ADVICE = {
    "callbacks": "set_params(callbacks=None) before saving: predictions need none",
    "optimizer": "set_params(optimizer='adamw') before saving, or any other name: "
    "predictions need none",
    "_skl_callbacks": "call set_callbacks() without any before saving",
}
APART = (
    "keep code apart from the model: write a function that makes it into a module "
    "which can be imported where the model is loaded, and give that"
)


def prepare(estimator: Any) -> Any:
    """Copy a model without what belongs to this process or machine.

    Arrays are shared with the original. Left out are folders for what is remembered
    (`memory`); paths become strings, and who asks for metadata is known by name alone.

    Parameters
    ----------
    estimator : estimator
        What is to be saved.

    Returns
    -------
    copied : estimator

    Raises
    ------
    PersistenceError
        If it holds what no file can hold; the message says where, and what to do.
    """
    name = type(estimator).__name__
    if not _is_estimator(estimator):
        raise PersistenceError(
            f"expected an estimator, a pipeline or a search, got {estimator!r:.200}."
        )
    arrays = {}
    for where, value in _reached(estimator, name):
        refusal = _refusal(value)
        if refusal:
            raise PersistenceError(
                f"{where} {refusal[0]}: {_advice(where, refusal[1])}."
            )
        if isinstance(value, np.ndarray) and not value.dtype.hasobject:
            arrays[id(value)] = value
    try:
        copied = copy.deepcopy(estimator, dict(arrays))
    except Exception as error:  # whatever cannot be copied says so in its own words
        raise PersistenceError(f"{name} cannot be copied: {error}.") from error
    for estimator in estimators_in(copied):
        _forget(estimator)
    return copied


def estimators_in(model: Any) -> Iterator[Any]:
    """Give a model, and all estimators and components that it holds.

    Parameters
    ----------
    model : estimator
        Where to look.

    Yields
    ------
    estimator : estimator
        What has parameters.
    """
    for _, value in _reached(model, ""):
        if _is_estimator(value):
            yield value


def _is_estimator(value: Any) -> bool:
    return hasattr(value, "get_params") and not inspect.isclass(value)


def _forget(estimator: Any) -> None:
    """Take out what belongs to this process, of an estimator that nobody else has."""
    state = vars(estimator)
    if "memory" in state:
        estimator.memory = None
    for name, value in state.items():
        if isinstance(value, PurePath):  # whose class has another name in Python 3.13
            state[name] = os.fspath(value)
    request = state.get("_metadata_request")
    if request is not None:  # it knows its owner, who knows it: no tree
        for part in (request, *vars(request).values()):
            if hasattr(part, "owner"):
                part.owner = type(estimator).__name__


def _reached(value: Any, where: str) -> Iterator[tuple[str, Any]]:
    """Give all that a model holds, each once, and where it stands."""
    todo, seen = [(where, value)], dict[int, Any]()  # kept, so that no id comes twice
    while todo:
        where, value = todo.pop()
        if id(value) not in seen:
            seen[id(value)] = value
            yield where, value
            todo += [(where + label, part) for label, part in _parts(value)]


def _parts(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [(f"[{key!r}]", part) for key, part in value.items()]
    if isinstance(value, np.ndarray):
        value = value.ravel().tolist() if value.dtype.hasobject else ()
    if isinstance(value, (list, tuple, set, frozenset)):
        return [(f"[{i}]", part) for i, part in enumerate(value)]
    if isinstance(value, partial):
        return [(".func", value.func), ("", value.args), ("", value.keywords)]
    if inspect.isroutine(value) or inspect.isclass(value) or _is_of_keras(value):
        return []
    state = value.__getstate__() if _is_estimator(value) else None
    state = state if isinstance(state, dict) else getattr(value, "__dict__", {})
    return [(f".{key}", part) for key, part in state.items()]


def _refusal(value: Any) -> tuple[str, str] | None:
    """Say what is wrong with a value that no file can hold, and what to do."""
    if _is_of_keras(value):
        return f"is a Keras object, {type(value).__name__}", APART
    if str(type(value).__module__).startswith("sklearn.callback."):
        return "is a callback of scikit-learn", "predictions need none"
    if issparse(value):
        return "is a sparse matrix", "a file of skmm holds dense arrays alone"
    if inspect.isfunction(value) or inspect.isclass(value):
        kind, named = "a function" if inspect.isfunction(value) else "a class", value
    else:
        kind, named = "an object of a class", type(value)
    if _is_importable(named):
        return None
    what = f"is {kind} that cannot be imported, {named.__module__}.{_name(named)}"
    return what, APART


def _is_of_keras(value: Any) -> bool:
    kinds = type(value).__mro__ if not inspect.isclass(value) else value.__mro__
    return any(str(kind.__module__).split(".")[0] in KERAS for kind in kinds)


def _is_importable(named: Any) -> bool:
    """Whether a function or a class is what its module has under its name."""
    module = getattr(named, "__module__", None)
    name = named.__name__
    if module == "__main__" or _name(named) != name or not name.isidentifier():
        return False
    home = sys.modules.get(str(module))
    return home is None or getattr(home, name, named) is named


def _name(named: Any) -> str:
    return getattr(named, "__qualname__", named.__name__)


def _advice(where: str, otherwise: str) -> str:
    attributes = where.replace("[", ".").split(".")
    return next((ADVICE[a] for a in attributes if a in ADVICE), otherwise)
