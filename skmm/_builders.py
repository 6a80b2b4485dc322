"""Builder functions: a user's own `keras.Model`, plain or in scikeras' style."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from skmm import training
from skmm._compat import seeded_build
from skmm.frame import ModalitySpec

__all__ = ["build_program", "builder_parameters", "describe_target"]

_GIVEN = ("spec", "n_outputs", "meta", "compile_kwargs", "params")


def builder_parameters(builder: Callable) -> dict[str, Any]:
    """Name the builder's own arguments and their defaults.

    Parameters
    ----------
    builder : callable
        Returns a `keras.Model`.

    Returns
    -------
    parameters : dict of str to object
        All but the ones that skmm gives; `inspect.Parameter.empty` where there is no
        default.
    """
    signature = inspect.signature(builder)
    return {
        name: parameter.default
        for name, parameter in signature.parameters.items()
        if name not in _GIVEN
        and parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    }


def describe_target(target: Any, spec: ModalitySpec, n_outputs: int) -> dict[str, Any]:
    """Describe the data as scikeras' ``meta`` does.

    Parameters
    ----------
    target : ClassTarget or NumberTarget
        The fitted target.
    spec : ModalitySpec
        What one row's array is.
    n_outputs : int
        Number of outputs.

    Returns
    -------
    meta : dict of str to object
        ``n_features_in_``, ``X_shape_``, ``X_dtype_``, ``target_type_``,
        ``n_outputs_``, ``n_outputs_expected_`` and, for classes, ``classes_`` and
        ``n_classes_``.
    """
    kinds = {
        "multilabel": "multilabel-indicator",
        "multioutput": "multiclass-multioutput",
    }
    kind = kinds.get(target.kind, target.kind)
    if kind == "squared":
        kind = "continuous" if n_outputs == 1 else "continuous-multioutput"
    meta = {
        "n_features_in_": spec.shape[0] if spec.shape else 1,
        "X_shape_": (None, *spec.shape),
        "X_dtype_": np.dtype(spec.dtype),
        "target_type_": kind,
        "n_outputs_": n_outputs,
        "n_outputs_expected_": 1,
    }
    if hasattr(target, "classes"):
        several = len(target.classes) > 1
        meta["classes_"] = target.classes if several else target.classes[0]
        meta["n_classes_"] = (
            [len(c) for c in target.classes] if several else len(target.classes[0])
        )
    return meta


def _call(builder: Callable, given: Mapping[str, Any], own: Mapping[str, Any]) -> Any:
    """Call the builder with those given arguments that it asks for, and its own."""
    parameters = inspect.signature(builder).parameters
    unknown = set(own) - set(parameters)
    catches_all = any(p.kind == p.VAR_KEYWORD for p in parameters.values())
    if unknown and not catches_all:
        raise ValueError(
            f"the builder {getattr(builder, '__name__', builder)!r} has no argument "
            f"{sorted(unknown)[0]!r}; it has {sorted(builder_parameters(builder))}."
        )
    arguments = {name: value for name, value in given.items() if name in parameters}
    network = builder(**arguments, **own)
    if not isinstance(network, keras.Model):
        raise TypeError(
            f"the builder must return a keras.Model, got {type(network).__name__}."
        )
    return network


def build_program(
    builder: Callable,
    own: Mapping[str, Any],
    *,
    spec: ModalitySpec,
    loss: training.Loss,
    optimizer: keras.optimizers.Optimizer,
    own_optimizer: bool,
    meta: dict[str, Any],
    params: dict[str, Any],
    seed: int,
) -> training.Program:
    """Call a builder and make its network ready to train.

    A builder that compiles its model decides on loss and optimizer; one that does not
    leaves both to the estimator.

    Parameters
    ----------
    builder : callable
        Returns a `keras.Model` with one output; asks by name for any of ``spec``,
        ``n_outputs``, ``meta``, ``compile_kwargs`` and ``params``.
    own : mapping of str to object
        The builder's own arguments.
    spec : ModalitySpec
        What one row's array is.
    loss : Loss
        The estimator's loss.
    optimizer : keras.optimizers.Optimizer
        The estimator's optimizer.
    own_optimizer : bool
        Whether that optimizer is the user's, with a step size of its own.
    meta : dict of str to object
        As `describe_target` gives it.
    params : dict of str to object
        Parameters of the estimator.
    seed : int
        Seed of the weights that Keras draws while building.

    Returns
    -------
    program : Program
    """
    given = {
        "spec": spec,
        "n_outputs": sum(loss.sizes),
        "meta": meta,
        "compile_kwargs": {
            "optimizer": optimizer,
            "loss": loss.keras_loss,
            "metrics": None,
        },
        "params": params,
    }
    with seeded_build(seed):
        network = _call(builder, given, own)
        wrapped = _with_embedding(network, spec)
    # A number is what the network returns, whatever it ends in.
    activation = None if loss.kind == "squared" else _last_activation(network)
    if network.compiled and network.loss is not None:
        loss = dataclasses.replace(loss, keras_loss=network.loss)
    if network.compiled:
        own_optimizer = own_optimizer or network.optimizer is not optimizer
        optimizer = network.optimizer
    return training.Program(
        wrapped,
        loss,
        optimizer,
        model=network,
        activation=activation,
        takes_present=False,
        own_optimizer=own_optimizer,
        given_weights=True,
    )


def _with_embedding(network: keras.Model, spec: ModalitySpec) -> keras.Model:
    """Make the network return its output and what its last layer takes."""
    x = [keras.Input(spec.shape, dtype=spec.dtype, name="input")]
    graph = network
    if not getattr(network, "inputs", None):  # a lazy Sequential has them afterwards
        output = network(x[0])
        if not getattr(network, "inputs", None):
            graph = keras.Model(x, output)
    if len(graph.outputs) != 1:
        raise TypeError(
            f"the builder's network must have one output, got {len(graph.outputs)}."
        )
    output = embedding = graph.outputs[0]
    if graph is network:
        embedding = network.layers[-1].input
        if isinstance(embedding, list):  # a sum of several, say
            embedding = output
    if len(embedding.shape) != 2:
        # A name that no layer of the user has: Keras calls an Embedding "embedding".
        embedding = keras.layers.Flatten(name="skmm_embedding")(embedding)
    return keras.Model(graph.inputs, {"output": output, "embedding": embedding})


def _last_activation(network: keras.Model) -> str:
    """Name what the network ends in, where that says how to read its output."""
    last = network.layers[-1] if network.layers else network
    if isinstance(last, keras.Model):
        return _last_activation(last)
    if isinstance(last, keras.layers.Softmax):
        return "softmax"
    name = getattr(getattr(last, "activation", None), "__name__", "linear")
    return name if name in ("sigmoid", "softmax") else "linear"
