"""What a model decides by, as a differentiable function of what its networks say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from skmm._compat import layers_of
from skmm.frame import ModalitySpec
from skmm.inspection._subject import Aim

__all__ = ["check_reachable", "decided", "opinions", "smooth_network", "unreachable"]


def smooth_network(model: Any) -> tuple[Callable, keras.Model]:
    """Build a model's network anew, of inputs that can change little by little.

    Parameters
    ----------
    model : estimator
        Fitted.

    Returns
    -------
    call : callable
        Applies the network to a list of tensors; returns a dict.
    network : keras.Model
        Its weights are not set.
    """
    if getattr(model, "_is_builder", False):
        program = model._make_program(vars(model))
        return partial(program.outputs, training=False), program.network
    specs = tuple(
        replace(spec, dtype="float32")
        if spec.dtype == "float16" and spec.kind != "image"  # where it means bytes
        else spec
        for spec in model._input_specs
    )
    fitted = {**vars(model), "_input_specs": specs}
    network = model._make_network(fitted, continuous=True)
    # A list for one input is deprecated by Keras for single-input models.
    return lambda x: network(x if len(x) > 1 else x[0], training=False), network


def check_reachable(
    network: keras.Model, specs: Sequence[ModalitySpec], tables: set[str]
) -> None:
    """Refuse a network into which no gradient reaches.

    Parameters
    ----------
    network : keras.Model
        As `smooth_network` builds it.
    specs : sequence of ModalitySpec
        The modalities, named as the network's inputs are.
    tables : set of str
        Names of the layers that look vectors up.

    Raises
    ------
    ValueError
        If it reads whole numbers otherwise than by these layers.
    """
    for spec, x in zip(specs, network.inputs, strict=False):
        if spec.vocabulary_size and f"{spec.name}_tokens" not in tables:
            raise unreachable(f"its encoder looks the ids of {spec.name!r} up itself")
        if not spec.vocabulary_size and "float" not in x.dtype:
            raise unreachable(f"its network reads {spec.name!r} as {x.dtype}")
    inner = [layer for layer in layers_of(network) if isinstance(layer, keras.Model)]
    if any(x.dtype == "uint8" for part in inner for x in part.inputs):
        raise unreachable("a network within it reads bytes")


def unreachable(why: str) -> ValueError:
    """Make the error that says what to do instead."""
    return ValueError(
        f"gradients do not reach what this model reads, because {why}: use "
        'method="occlusion".'
    )


def opinions(output: dict[str, Any], present: Any, aside: Sequence[int]) -> Any:
    """Stack the opinions of a network, as `ManyModalities` hears them.

    Parameters
    ----------
    output : dict of str to tensor
        What the network returns.
    present : tensor of shape (n_samples, n_modalities)
        Where a row lacks what one of them reads, the network on the whole stands in.
    aside : sequence of int
        Modalities that the second network reads.

    Returns
    -------
    opinions : tensor of shape (n_opinions, n_samples, n_logits)
    """
    whole = output["logits"]
    heard = [whole]
    for m, own in enumerate(output.get("unimodal", [])):
        heard.append(tf.where(present[:, m : m + 1] > 0, own, whole))
    if "aside" in output:  # the stand-in that the network has itself has no gradient
        reads = tf.gather(present, list(aside), axis=1)
        some = tf.reduce_any(reads > 0, axis=1, keepdims=True)
        heard.append(tf.where(some, output["aside"], whole))
    return tf.stack(heard)


def decided(model: Any, heard: Any, aim: Aim) -> tuple[NDArray, NDArray]:
    """Pool opinions as the model does, and differentiate.

    Parameters
    ----------
    model : estimator
        Fitted.
    heard : tensor of shape (n_networks, n_opinions, n_samples, n_logits)
        Opinions of each network.
    aim : Aim
        Which number is decided by.

    Returns
    -------
    numbers : ndarray of float64, shape (n_samples,)
    gradient : ndarray of the shape of `heard`
        Of each number by the opinions on its row.
    """
    factor = tf.constant(aim.factor, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(heard)
        logits = _pooled(model, heard)
        picked = tf.gather(logits, aim.column, axis=1, batch_dims=1)
        numbers = factor * picked
    gradient = tape.gradient(numbers, heard)
    return np.asarray(numbers, np.float64) + aim.shift, np.asarray(gradient)


def _pooled(model: Any, heard: Any) -> Any:
    """Pool logits as `ClassTarget.pool` does, (n_samples, n_logits).

    `OpinionPool` subtracts probabilities from 1, which rounding leaves nothing of
    where a model is sure.
    """
    kind, n, n_shares = model._target.kind, heard.shape[0], len(model._shares)
    shares = [*model._shares / n] * n
    parts = [z for own in tf.unstack(heard) for z in tf.unstack(own)[:n_shares]]
    pairs = [(w, z) for w, z in zip(shares, parts, strict=True) if w > 0]
    logits = tf.stack([z for _, z in pairs]) / getattr(model, "temperature_", 1.0)
    if kind == "binary" and logits.shape[-1] == 2:
        logits = logits[..., 1:] - logits[..., :1]
    if len(pairs) == 1:
        return logits[0]
    weights = tf.constant([w for w, _ in pairs], tf.float32)[:, None, None]
    if kind == "squared":
        return tf.reduce_sum(weights * logits, axis=0)
    logs = tf.math.log(weights)
    if kind == "multiclass":
        return tf.reduce_logsumexp(logs + tf.nn.log_softmax(logits), axis=0)
    yes, no = (logs + tf.math.log_sigmoid(z) for z in (logits, -logits))
    return tf.reduce_logsumexp(yes, axis=0) - tf.reduce_logsumexp(no, axis=0)
