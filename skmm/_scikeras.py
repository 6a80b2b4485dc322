"""The bridge from scikeras: a KerasClassifier's parameters, as ours.

The only file that knows scikeras. Importing scikeras changes how Keras objects are
pickled in the whole process, so it is never imported here: an estimator that comes
from it has imported it already.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import keras

__all__ = ["translate"]

_SAME = ("epochs", "batch_size", "callbacks", "warm_start", "random_state", "verbose")
_DECIDED = (  # shuffling, compiling and scoring are not the network's business here
    "build_fn",
    "metrics",
    "run_eagerly",
    "shuffle",
    "validation_batch_size",
)


def translate(estimator: Any) -> dict[str, Any]:
    """Translate the parameters of a scikeras wrapper.

    Parameters
    ----------
    estimator : scikeras.wrappers.KerasClassifier or KerasRegressor
        Not necessarily fitted; what it has learned is not taken over.

    Returns
    -------
    params : dict of str to object
        Parameters of `BaseNNClassifier` or `BaseNNRegressor`.

    Raises
    ------
    ValueError
        If it is no wrapper of scikeras, has no builder function, or has a parameter
        without counterpart.
    """
    if not any(c.__module__.startswith("scikeras.") for c in type(estimator).__mro__):
        raise ValueError(
            "from_scikeras needs a wrapper of scikeras, got "
            f"{type(estimator).__name__}."
        )
    given = estimator.get_params(deep=False)
    builder = given.pop("model", None) or given.pop("build_fn", None)
    if not callable(builder) or isinstance(builder, keras.Model):
        raise ValueError(
            f"from_scikeras needs a wrapper with model=<builder function>, got "
            f"model={builder!r}."
        )
    params: dict[str, Any] = {"network": builder, "schedule": "constant"}
    own: dict[str, Any] = {}
    for name, value in given.items():
        _take(name, value, params, own)
    params["network_params"] = own or None
    return params


def _take(name: str, value: Any, params: dict[str, Any], own: dict[str, Any]) -> None:
    """Put one parameter of scikeras where it belongs."""
    head, _, tail = name.partition("__")
    if name in _SAME:
        params[name] = _same(name, value)
    elif name == "class_weight":
        params[name] = value
    elif name == "optimizer":
        params[name] = value.__name__ if inspect.isclass(value) else value
    elif name == "loss":
        params[name] = value
    elif name == "validation_split":
        if value:
            raise ValueError(
                f"validation_split={value} has no counterpart: give fit X_val and "
                "y_val, or set early_stopping=True and validation_fraction."
            )
        params["early_stopping"] = False
    elif name == "optimizer__learning_rate":
        params["learning_rate"] = value
    elif name == "optimizer__weight_decay":
        params["weight_decay"] = value or 0.0
    elif head == "model" and tail:
        own[tail] = value
    elif head == "fit" and tail in _SAME:
        params[tail] = _same(tail, value)
    elif "__" in name and value is not None:
        raise ValueError(
            f"from_scikeras cannot translate {name}={value!r}; set the matching "
            "parameter of BaseNNClassifier, or do it in the builder."
        )
    elif name not in _DECIDED:
        own[name] = value


def _same(name: str, value: Any) -> Any:
    if name == "batch_size":
        return {None: 32, -1: 2**31 - 1}.get(value, value)
    if name == "callbacks" and isinstance(value, Mapping):
        value = list(value.values())
    if name == "callbacks" and isinstance(value, keras.callbacks.Callback):
        value = [value]
    return value
