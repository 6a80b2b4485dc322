"""The one door for private names of scikit-learn and Keras, each with its reason.

Also what must be known of their inner workings and has no public spelling.
"""

from __future__ import annotations

import json
import random
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sklearn.base import _fit_context
from sklearn.externals.array_api_compat import numpy as numpy_namespace
from sklearn.utils import _safe_indexing
from sklearn.utils._indexing import _get_column_indices
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils._repr_html.estimator import _VisualBlock
from sklearn.utils._set_output import _get_output_config
from sklearn.utils.validation import (
    _check_feature_names_in,
    _check_sample_weight,
    _get_feature_names,
)

# The names of scikit-learn that third parties need and that have no public path:
# HasMethods, Interval and StrOptions declare parameter constraints,
# _check_sample_weight words the errors that its checks expect, _safe_indexing takes
# rows of any container.
# _fit_context applies those constraints, _get_column_indices selects columns as
# ColumnTransformer does, _get_feature_names and _check_feature_names_in say what
# counts as a column's name, _get_output_config reads set_output, _VisualBlock draws
# an estimator's parallel parts. Under array_api_dispatch numpy_namespace is what
# scikit-learn knows NumPy's arrays by.
HasMethods = HasMethods
Interval = Interval
StrOptions = StrOptions
check_sample_weight = _check_sample_weight
take_rows = _safe_indexing
fit_context = _fit_context
column_positions = _get_column_indices
string_column_names = _get_feature_names
check_feature_names_in = _check_feature_names_in
output_config = _get_output_config
VisualBlock = _VisualBlock
numpy_namespace = numpy_namespace

_BUILD_LOCK = threading.RLock()


@contextmanager
def seeded_build(seed: int) -> Iterator[None]:
    """Build Keras layers reproducibly without disturbing anybody's random numbers.

    A Keras layer or initializer that is given no seed takes one from Python's
    ``random`` when it is built. Here those seeds come from `seed`, one build at a
    time, and the state of ``random`` is put back afterwards.
    """
    with _BUILD_LOCK:
        state = random.getstate()
        random.seed(seed)
        try:
            yield
        finally:
            random.setstate(state)


def layers_of(layer: Any) -> list[Any]:
    """List a layer and all layers inside it, depth first.

    ``Model.layers`` stops at the first level; only the private method descends into
    layers that hold layers (bidirectional, attention, recurrent cells).
    """
    return list(layer._flatten_layers(include_self=True, recursive=True))


def unnamed_config(network: Any) -> Any:
    """Describe a network, with the place of each layer for its name.

    Keras counts names up: the second network of a process has others than the first.
    A network of layers may hold operations that are none, such as an index.
    """
    parts = layers_of(network)
    parts += [part for layer in parts for part in getattr(layer, "operations", ())]
    names: dict[str, int] = {}
    for place, part in enumerate(parts):
        names.setdefault(part.name, place)
    return _renamed(network.get_config(), names)


def _renamed(config: Any, names: dict[str, int]) -> Any:
    if isinstance(config, dict):
        return {key: _renamed(value, names) for key, value in config.items()}
    if isinstance(config, (list, tuple)):
        return [_renamed(value, names) for value in config]
    if isinstance(config, str) and config[:1] == "{":  # a layer that holds a network
        with suppress(ValueError):
            return _renamed(json.loads(config), names)
    return names.get(config, config) if isinstance(config, str) else config


def written(value: Any) -> str:
    """Write an object as Python does, without its place in memory.

    Keras' own `get_config` of some losses has no word of their arguments (Huber's
    delta); how they are written has.
    """
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))


def seed_state_of(network: Any) -> list[Any]:
    """State variables of a network's random layers, in order.

    They are in ``variables`` but in none of the public lists of weights.
    """
    weights = {id(v) for v in network.weights}
    return [
        v
        for v in network.variables
        if id(v) not in weights and v.name == "seed_generator_state"
    ]


def logits_of(output: Any) -> Any:
    """Find what the softmax or sigmoid that made `output` was applied to, or None.

    Keras keeps it there for its own losses, which are exact where a probability is
    rounded to 0 or 1.
    """
    return getattr(output, "_keras_logits", None)


def adam_slots(optimizer: Any) -> tuple[list[Any], list[Any]]:
    """First and second moments of a built Adam, in the order of its variables."""
    return list(optimizer._momentums), list(optimizer._velocities)


def is_decayed(optimizer: Any, variable: Any) -> bool:
    """Whether weight decay is for this variable, by the names that are excluded."""
    return bool(optimizer._use_weight_decay(variable))


def without_tracing_warning(function: Any) -> Any:
    """Tell TensorFlow that this function is traced once, however many like it are.

    It counts traces by the line of code, and warns in a search over networks, each of
    which is traced once.
    """
    function._omit_frequent_tracing_warning = True
    return function
