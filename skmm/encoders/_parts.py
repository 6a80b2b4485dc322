"""How encoders begin and end: raw arrays to numbers, features to an embedding.

Must not import pandas.
"""

from __future__ import annotations

from typing import Any

import keras

from skmm.exceptions import ModalityError
from skmm.frame import ModalitySpec
from skmm.layers import MaskMissing, Observed, TokenEmbedding

__all__ = ["embed_tokens", "finite_numbers", "may_have_gaps", "project"]


def may_have_gaps(spec: ModalitySpec) -> bool:
    """Tell whether NaN may stand in a row that has the modality.

    Tables hold none: they are imputed, with columns that tell where.
    """
    return spec.dtype.startswith("float") and spec.kind != "tabular"


def finite_numbers(x: Any, spec: ModalitySpec, indicator: str | None) -> Any:
    """Turn bytes into numbers from -1 to 1, and NaN into 0.

    Parameters
    ----------
    x : KerasTensor of shape (batch, ..., d)
        The modality's input. Images in float16 hold bytes and NaN.
    spec : ModalitySpec
        What the array holds.
    indicator : {"observed", "missing", None}
        What `MaskMissing` appends where there may be NaN.

    Returns
    -------
    numbers : KerasTensor of shape (batch, ..., d) or (batch, ..., 2 * d)

    Raises
    ------
    ModalityError
        If the numbers are token ids, whose size means nothing.
    """
    if spec.vocabulary_size:
        raise ModalityError(
            f"modality {spec.name!r} holds token ids, and its encoder reads numbers; "
            'take the encoder "embedding_bag" for text.'
        )
    if spec.dtype == "uint8" or (spec.kind == "image" and spec.dtype == "float16"):
        x = keras.layers.Rescaling(1 / 127.5, -1.0, name=f"{spec.name}_rescale")(x)
    if may_have_gaps(spec):
        x = MaskMissing(indicator, name=f"{spec.name}_mask")(x)
    return x


def embed_tokens(x: Any, spec: ModalitySpec, embedding_dim: int) -> tuple[Any, Any]:
    """Look token ids up in a table.

    Parameters
    ----------
    x : KerasTensor of shape (batch, t)
        Token ids; 0 is padding.
    spec : ModalitySpec
        What the array holds.
    embedding_dim : int
        Number of numbers in a token's vector.

    Returns
    -------
    tokens : KerasTensor of shape (batch, t, embedding_dim)
    observed : KerasTensor of bool, shape (batch, t)
        False at padding.

    Raises
    ------
    ModalityError
        If the modality has no vocabulary, so that its numbers are no ids.
    """
    if not spec.vocabulary_size:
        raise ModalityError(
            f"modality {spec.name!r} holds a vector of {spec.shape[0]} numbers, and "
            'its encoder reads token ids; take the encoder "mlp" for vectors.'
        )
    observed = Observed(0, name=f"{spec.name}_observed")(x)
    table = TokenEmbedding(
        spec.vocabulary_size, embedding_dim, name=f"{spec.name}_tokens"
    )
    return table(x), observed


def project(x: Any, units: int, name: str, epsilon: float = 1e-3) -> Any:
    """End an encoder: every modality arrives at the fusion at the same scale.

    ``LayerNorm(W x + b)`` with W of shape (d, units): each embedding then has
    mean 0 and mean square 1 over its units, whatever made it.

    Parameters
    ----------
    x : KerasTensor of shape (batch, d)
        What the encoder found.
    units : int
        Number of units of the embedding.
    name : str
        Prefix of the layers' names.
    epsilon : float, default=1e-3
        What the variance is increased by: what varies less stays small.

    Returns
    -------
    embedding : KerasTensor of shape (batch, units)
    """
    x = keras.layers.Dense(units, name=f"{name}_project")(x)
    norm = keras.layers.LayerNormalization(epsilon=epsilon, name=f"{name}_embedding")
    return norm(x)
