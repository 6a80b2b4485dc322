"""How encoders begin and end: raw arrays to numbers, features to an embedding.

Must not import pandas.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras

from skmm.exceptions import ModalityError
from skmm.frame import ModalitySpec
from skmm.layers import (
    AugmentImage,
    AugmentSpectrogram,
    FewerTokens,
    FoldAxis,
    LocalMoments,
    MaskedPooling,
    MaskMissing,
    Observed,
    OrientedGradients,
    TokenEmbedding,
    UnfoldAxis,
)

__all__ = [
    "augmented",
    "described",
    "embed_tokens",
    "filled",
    "finite_numbers",
    "may_have_gaps",
    "normalized",
    "places_of",
    "pooled_set",
    "project",
    "scaled",
    "unfolded",
]

TOKENS = 64  # places that a fusion is shown at most
MOMENTUM = 0.9  # of moving averages: small data makes few steps


def may_have_gaps(spec: ModalitySpec) -> bool:
    """Tell whether NaN may stand in a row that has the modality.

    Tables hold none: they are imputed, with columns that tell where.
    """
    return spec.dtype.startswith("float") and spec.kind != "tabular"


def scaled(x: Any, spec: ModalitySpec) -> Any:
    """Turn bytes into numbers from -1 to 1; take other numbers as they come.

    Parameters
    ----------
    x : KerasTensor of shape (batch, ..., d)
        The modality's input. Images in float16 hold bytes and NaN.
    spec : ModalitySpec
        What the array holds.

    Returns
    -------
    numbers : KerasTensor of shape (batch, ..., d)
        NaN is still there.

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
    return x


def filled(x: Any, spec: ModalitySpec, indicator: str | None) -> Any:
    """Turn NaN into 0, where there may be any.

    Parameters
    ----------
    x : KerasTensor of shape (batch, ..., d)
        Numbers.
    spec : ModalitySpec
        What the array holds.
    indicator : {"observed", "missing", None}
        What `MaskMissing` appends.

    Returns
    -------
    numbers : KerasTensor of shape (batch, ..., d) or (batch, ..., 2 * d)
    """
    if may_have_gaps(spec):
        x = MaskMissing(indicator, name=f"{spec.name}_mask")(x)
    return x


def finite_numbers(x: Any, spec: ModalitySpec, indicator: str | None) -> Any:
    """Turn bytes into numbers from -1 to 1, and NaN into 0."""
    return filled(scaled(x, spec), spec, indicator)


def unfolded(x: Any, spec: ModalitySpec) -> tuple[Any, Any]:
    """Lay several images of a row out as rows of their own, and bytes as numbers.

    Parameters
    ----------
    x : KerasTensor of shape (batch, *spec.shape)
        The modality's input.
    spec : ModalitySpec
        What the array holds.

    Returns
    -------
    numbers : KerasTensor of shape (batch, ...) or (batch * k, ...)
        NaN is still there.
    seen : KerasTensor of bool, shape (batch, k), or None
        Which of several images there are; None where all are, or it is one.
    """
    seen = None
    if len(spec.shape) == 4:
        if may_have_gaps(spec):
            seen = Observed(3, name=f"{spec.name}_seen")(x)
        x = FoldAxis(name=f"{spec.name}_fold")(x)
    return scaled(x, spec), seen


def pooled_set(x: Any, seen: Any, spec: ModalitySpec) -> Any:
    """Take the mean over several images of a row; leave one image as it is.

    Parameters
    ----------
    x : KerasTensor of shape (batch * k, d)
        One vector for each image.
    seen : KerasTensor or None
        As `unfolded` returns it.
    spec : ModalitySpec
        What the array holds.

    Returns
    -------
    pooled : KerasTensor of shape (batch, d)
    """
    if len(spec.shape) == 4:
        x = UnfoldAxis(spec.shape[0], name=f"{spec.name}_unfold")(x)
        x = MaskedPooling(name=f"{spec.name}_pool_set")(x, seen)
    return x


def augmented(x: Any, spec: ModalitySpec, augment: Sequence[str]) -> Any:
    """Let training see an image or a spectrogram a little different each time.

    Parameters
    ----------
    x : KerasTensor of shape (batch, height, width, channels)
        Images, or spectrograms (batch, steps, bands, channels).
    spec : ModalitySpec
        What the array holds.
    augment : sequence of str
        For images any of ``"shift"``, ``"flip"`` and ``"erase"``, for spectrograms
        ``"mask"``.

    Returns
    -------
    augmented : KerasTensor of the shape of `x`

    Raises
    ------
    ModalityError
        If one of the names does not suit the modality.
    """
    known = ["mask"] if spec.kind == "audio" else ["shift", "flip", "erase"]
    known = known if len(x.shape) == 4 else []
    if isinstance(augment, str) or not set(augment) <= set(known):
        raise ModalityError(
            f"modality {spec.name!r} ({spec.kind}, shape {spec.shape}) can be "
            f"augmented by a tuple of any of {known}, and {augment!r} was asked for."
        )
    if not augment:
        return x
    name = f"{spec.name}_augment"
    if spec.kind == "audio":
        return AugmentSpectrogram(name=name)(x)
    shift, erase = 0.1 * ("shift" in augment), 0.25 * ("erase" in augment)
    return AugmentImage(shift, "flip" in augment, erase, name=name)(x)


def normalized(x: Any, how: str | None, name: str) -> Any:
    """Normalise features over the batch, or over the channels of each place.

    Parameters
    ----------
    x : KerasTensor of shape (batch, ..., channels)
        What a convolution found.
    how : {"batch", "layer", None}
        Over what; None leaves `x` alone.
    name : str
        Name of the layer.

    Returns
    -------
    normalized : KerasTensor of the shape of `x`

    Raises
    ------
    ModalityError
        If `how` is anything else.
    """
    if how == "batch":
        layer = keras.layers.BatchNormalization(momentum=MOMENTUM, name=name)
    elif how == "layer":
        layer = keras.layers.LayerNormalization(name=name)
    elif how is None:
        return x
    else:
        raise ModalityError(
            f'normalization must be "batch", "layer" or None, got {how!r}.'
        )
    return layer(x)


def described(x: Any, spec: ModalitySpec) -> list[Any]:
    """Compute moments and gradients, which need no training, on a coarse grid.

    Parameters
    ----------
    x : KerasTensor of shape (batch, height, width, channels)
        Images, or spectrograms (batch, steps, bands, channels), with NaN.
    spec : ModalitySpec
        What the array holds. The steps of a spectrogram are one cell: a sound is the
        same whenever it comes.

    Returns
    -------
    features : list of KerasTensor of shape (batch, d)
    """
    sound = spec.kind == "audio"
    if not sound:
        x = _shrunk(x, f"{spec.name}_small")
    gaps, name = may_have_gaps(spec), spec.name
    moments = LocalMoments((1, 32) if sound else (4, 4), gaps, name=f"{name}_moments")
    cells = (1, 16) if sound else (8, 8)
    gradients = OrientedGradients(cells, gaps, name=f"{name}_gradients")
    return [moments(x), gradients(x)]


def _shrunk(x: Any, name: str) -> Any:
    """Average neighbouring pixels until 1024 are left or less, but no axis below 16."""
    height, width = x.shape[1:3]
    size = math.ceil(math.sqrt(height * width / 1024))
    window = tuple(min(size, max(1, n // 16)) for n in (height, width))
    if max(window) == 1:
        return x
    return keras.layers.AveragePooling2D(window, padding="same", name=name)(x)


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


def places_of(
    x: Any, observed: Any, spec: ModalitySpec, seen: Any = None
) -> tuple[Any, Any]:
    """Show places to a fusion: one after another, and not too many.

    Parameters
    ----------
    x : KerasTensor of shape (batch, ..., d), or (batch * k, ..., d) of several images
        What was found at each place.
    observed : KerasTensor of bool, shape (batch, ...), or None
        Which places hold anything; None where all do.
    spec : ModalitySpec
        What the array holds.
    seen : KerasTensor of bool, shape (batch, k), default=None
        Which of several images there are, as `unfolded` returns it.

    Returns
    -------
    places : KerasTensor of shape (batch, t, d)
        Neighbours are averaged until t is 64 or less.
    observed : KerasTensor of bool, shape (batch, t), or None
    """
    name, ops = spec.name, keras.ops
    n_images = spec.shape[0] if len(spec.shape) == 4 else 1
    window = _window(x.shape[1:-1], max(1, TOKENS // n_images))
    if max(window) > 1:
        everywhere = ops.ones_like(x[..., 0], dtype="bool")
        fewer = FewerTokens(window, name=f"{name}_fewer")
        x, seen_there = fewer(x, everywhere if observed is None else observed)
        observed = observed if observed is None else seen_there
    n_places = math.prod(x.shape[1:-1])
    if len(x.shape) > 3:
        x = keras.layers.Reshape((n_places, x.shape[-1]), name=f"{name}_places")(x)
        if observed is not None:
            observed = ops.reshape(observed, (-1, n_places))
    if len(spec.shape) == 4:
        x = ops.reshape(x, (-1, n_images * n_places, x.shape[-1]))
        observed = seen if seen is None else ops.repeat(seen, n_places, axis=1)
    return x, observed


def _window(places: Sequence[int], most: int) -> tuple[int, ...]:
    """Find how many neighbours along each axis must be one for `most` to be left."""
    size = 1
    while math.prod(-(-n // size) for n in places) > most:
        size += 1
    return (size,) * len(places)


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
