"""How fusions begin and end. Must not import pandas."""

from __future__ import annotations

from typing import Any

import keras

from skmm.layers import PositionEmbedding

__all__ = ["as_tokens", "dropped", "joined", "projected", "stacked"]


def joined(vectors: list[Any], name: str = "fusion_concat") -> Any:
    """Lay vectors side by side.

    Parameters
    ----------
    vectors : list of KerasTensor, the m-th of shape (batch, ..., d_m)
        One or more.
    name : str, default="fusion_concat"
        Name of the layer.

    Returns
    -------
    joint : KerasTensor of shape (batch, ..., sum of d_m)
    """
    if len(vectors) == 1:
        return vectors[0]
    return keras.layers.Concatenate(name=name)(vectors)


def projected(
    vectors: list[Any],
    units: int,
    name: str,
    activation: str | None = None,
    **dense: Any,
) -> list[Any]:
    """Bring each modality to as many units, by a linear map of its own.

    Parameters
    ----------
    vectors : list of KerasTensor, the m-th of shape (batch, ..., d_m)
        One for each modality.
    units : int
        Number of units of each.
    name : str
        Prefix of the layers' names, before the number of the modality.
    activation : str or None, default=None
        What follows the linear map.
    **dense : dict
        Further arguments of `keras.layers.Dense`.

    Returns
    -------
    projected : list of KerasTensor, each of shape (batch, ..., units)
    """
    return [
        keras.layers.Dense(units, activation=activation, name=f"{name}_{m}", **dense)(h)
        for m, h in enumerate(vectors)
    ]


def stacked(vectors: list[Any], name: str = "fusion_stack") -> Any:
    """Lay vectors of one width behind one another.

    Parameters
    ----------
    vectors : list of KerasTensor, each of shape (batch, units)
        One for each modality.
    name : str, default="fusion_stack"
        Name of the layer.

    Returns
    -------
    nodes : KerasTensor of shape (batch, n_modalities, units)
    """
    shape = (len(vectors), vectors[0].shape[-1])
    joint = joined(vectors, f"{name}_concat")
    return keras.layers.Reshape(shape, name=name)(joint)


def as_tokens(tokens: list[Any], units: int) -> list[Any]:
    """Bring each modality's tokens to as many units, and tell their places apart.

    Parameters
    ----------
    tokens : list of KerasTensor, the m-th of shape (batch, t_m, d_m)
        One sequence for each modality.
    units : int
        Number of units of each token.

    Returns
    -------
    tokens : list of KerasTensor, the m-th of shape (batch, t_m, units)
    """
    return [
        PositionEmbedding(name=f"fusion_positions_{m}")(x)
        for m, x in enumerate(projected(tokens, units, "fusion_token"))
    ]


def dropped(x: Any, rate: float) -> Any:
    """End a fusion by dropout.

    Parameters
    ----------
    x : KerasTensor of shape (batch, units)
        The joint embedding.
    rate : float
        Share of its units that are dropped in training.

    Returns
    -------
    x : KerasTensor of shape (batch, units)
    """
    return keras.layers.Dropout(rate, name="fusion_dropout")(x)
