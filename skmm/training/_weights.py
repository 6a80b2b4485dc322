"""What the weights of a network are: where they start, which belong together."""

from __future__ import annotations

from typing import Any

import keras

from skmm._compat import layers_of

__all__ = ["draw", "initializers", "parts_of"]


def initializers(network: keras.Model) -> list[tuple[Any, Any]]:
    """Pair every weight with the initializer of the layer that made it, or None.

    A layer may also say itself where its weights and those inside it start.

    Parameters
    ----------
    network : keras.Model
        With all its layers, and those inside these.

    Returns
    -------
    pairs : list of tuple of keras.Variable and keras.Initializer or None
    """
    pairs, seen = [], set()
    for layer in layers_of(network):
        for variable, initializer in getattr(layer, "given_weights", ()):
            seen.add(id(variable))
            pairs.append((variable, initializer))
    for layer in reversed(layers_of(network)):  # inner layers first
        for variable in layer.weights:
            if id(variable) not in seen:
                seen.add(id(variable))
                pairs.append((variable, _initializer(layer, variable.name)))
    return pairs


def draw(initializer: Any, variable: Any, seed: int) -> Any:
    """Draw a weight's start as its initializer would with this seed.

    Parameters
    ----------
    initializer : keras.Initializer
        Another one of its kind draws.
    variable : keras.Variable
        The weight, which stays as it is.
    seed : int
        In the place of the initializer's own, if it has one.

    Returns
    -------
    value : tensor
    """
    config = initializer.get_config()
    if "seed" in config:
        config["seed"] = seed
    return type(initializer).from_config(config)(variable.shape, dtype=variable.dtype)


def parts_of(network: keras.Model) -> list[list[int]]:
    """Tell which weights learn from one another.

    Parameters
    ----------
    network : keras.Model
        With a layer called ``"aside"`` where a second network stands beside it.

    Returns
    -------
    parts : list of list of int
        Places in ``network.weights``: of the first network, and of the second if there
        is one. A weight that both have, which an encoder of the user's may bring about,
        makes one part of the two.
    """
    weights = network.weights
    everything = list(range(len(weights)))
    if "aside" not in network.output:
        return [everything]
    second = network.get_layer("aside")
    own = {id(v) for v in second.weights}
    others = (layer for layer in network.layers if layer is not second)
    if any(id(v) in own for layer in others for v in layer.weights):
        return [everything]
    return [
        [i for i in everything if (id(weights[i]) in own) == beside]
        for beside in (False, True)
    ]


def _initializer(layer: Any, name: str) -> Any:
    """Find what draws the weight of this name, or None."""
    names = [name, name.removesuffix("_kernel")]  # recurrent_initializer of a GRU
    if name == "kernel":
        names.append("depthwise")  # of DepthwiseConv2D
    found = (getattr(layer, f"{n}_initializer", None) for n in names)
    return next((initializer for initializer in found if initializer), None)
