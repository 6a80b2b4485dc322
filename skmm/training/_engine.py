"""Which engine trains a network: a TensorFlow graph, or XLA's machine code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras

from skmm._compat import layers_of
from skmm.training._optimizers import LAZY_ROWS
from skmm.training._work import listens_to_batches

__all__ = ["Engine", "choose_engine"]

# XLA compiles for one to six seconds, once for each network and size of the data, and
# the longer the more layers there are; its steps then take a fraction of the graph's
# time. With fewer steps in a fit it would not pay in a cross-validation of five to ten
# folds, and with as many a single fit loses a second or two (benchmarks/choices.py,
# engines).
STEPS_PER_LAYER = 100

# What XLA saves is mostly the time between operations. From this many rows in a batch
# on there is less of that, and a wide matrix product may take longer.
LARGE_BATCH = 4096

LEAST_SECONDS = 10.0  # of a fit with a time limit: large networks compile for seconds

# What XLA's CPU compiler runs at least as fast as TensorFlow's own kernels.
# Convolutions, recurrences, look-ups in large tables and Keras' own random numbers are
# many times slower (`Dropout` is given others: skmm.layers.drop).
_DENSE = (
    "Activation Add Average Concatenate Dense Dropout ELU EinsumDense Flatten GetItem "
    "Identity InputLayer LayerNormalization LeakyReLU Maximum Minimum Multiply PReLU "
    "Permute RMSNormalization ReLU Rescaling Reshape Softmax Subtract UnitNormalization"
).split()


class Engine(NamedTuple):
    """An engine and why it was chosen.

    Attributes
    ----------
    name : {"graph", "xla"}
        ``"graph"`` runs TensorFlow's kernels one by one, ``"xla"`` machine code that
        XLA compiles for this network.
    reason : str
        A sentence.
    """

    name: str
    reason: str


def choose_engine(
    network: keras.Model,
    n_steps: int,
    batch_size: int,
    wanted: str = "auto",
    callbacks: Sequence[keras.callbacks.Callback] = (),
    time_limit: float | None = None,
) -> Engine:
    """Choose by the network's layers and by how much work there is.

    Nothing else is looked at, so that the same fit is always done by the same engine,
    whatever ran before: their roundings differ.

    Parameters
    ----------
    network : keras.Model
        What will be trained.
    n_steps : int
        Number of batches in all epochs of the fit, of all its networks.
    batch_size : int
        Number of rows in one.
    wanted : {"auto", "graph", "xla"}, default="auto"
        What the user asks for.
    callbacks : sequence of keras.callbacks.Callback, default=()
        One that listens to batches wants a call for each, which only the graph is
        fit for.
    time_limit : float or None, default=None
        Seconds that the fit may take; compiling cannot be cut short.

    Returns
    -------
    engine : Engine
    """
    for callback in callbacks:
        if listens_to_batches(callback):
            name = type(callback).__name__
            return Engine("graph", f"{name} listens to batches: one call for each")
    if _depends_on_batch(network):
        return Engine("graph", "a layer averages over the batch, which XLA pads")
    if wanted != "auto":
        return Engine(wanted, "it was asked for")
    if time_limit is not None and time_limit < LEAST_SECONDS:
        return Engine("graph", f"{time_limit:g} seconds are too few to compile in")
    slow = _slow_under_xla(network)
    if slow:
        return Engine("graph", f"XLA is slow with {slow}")
    if batch_size >= LARGE_BATCH:
        return Engine("graph", f"batches of {batch_size} rows leave XLA little to save")
    kinds = (keras.Model, keras.layers.InputLayer)
    n_layers = sum(not isinstance(layer, kinds) for layer in layers_of(network))
    work = f"{n_steps} steps of {n_layers} dense layers"
    if n_steps < STEPS_PER_LAYER * n_layers:
        return Engine("graph", f"{work} do not repay XLA's compiling")
    return Engine("xla", f"{work} repay XLA's compiling")


def _depends_on_batch(network: keras.Model) -> bool:
    return any(
        isinstance(layer, keras.layers.BatchNormalization)
        or getattr(layer, "activity_regularizer", None) is not None
        for layer in layers_of(network)
    )


def _slow_under_xla(network: keras.Model) -> str:
    """Name an operation that XLA is slow or untried with; empty if there is none."""
    for layer in layers_of(network):
        parts = [layer]
        if isinstance(layer, keras.Model):
            # It joins layers, and may join operations that are none.
            joined = getattr(layer, "operations", ())
            parts = [part for part in joined if not isinstance(part, keras.Layer)]
        for part in parts:
            if not _is_dense(part):
                return type(part).__name__
    return ""


def _is_dense(part: Any) -> bool:
    kind = type(part)
    ours = kind.__module__.startswith("skmm.")
    known = kind.__module__.startswith("keras.") and kind.__name__ in _DENSE
    weights = getattr(part, "weights", ())
    tables = [w.shape[0] for w in weights if w.name == "embeddings"]
    return (ours or known) and max(tables, default=0) < LAZY_ROWS
