"""Convolutions that mix patches and channels in turn, for images and spectrograms."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import keras

from skmm.encoders._base import TokenEncoder
from skmm.encoders._parts import (
    augmented,
    filled,
    places_of,
    pooled_set,
    project,
    unfolded,
)
from skmm.frame import ModalitySpec
from skmm.layers import MaskedPooling

__all__ = ["PatchMixerEncoder"]

PATCHES = 16  # along an axis that an image is cut into at most


class PatchMixerEncoder(TokenEncoder):
    """Cut into patches, then mix places and channels in turn (ConvMixer).

    ``x = N(gelu(P * image))`` with P of the size and the stride of a patch; blocks
    ``x <- N(gelu(D * x)) + x`` with one filter for each channel (mixes places), then
    ``x <- N(gelu(C x))`` (mixes channels); ``h = LayerNorm(W mean(x) + b)`` of shape
    (batch, units). N normalises over the channels of a place. Takes images and
    spectrograms (batch, height, width, channels) and several images (batch, k,
    height, width, channels), which share one network and enter h by their mean.
    Bytes are scaled to [-1, 1]; NaN becomes 0 with an indicator beside it.

    Parameters
    ----------
    units : int, default=64
        Number of units of the embedding, 1 or more.
    filters : int, default=64
        Number of channels of a patch, 1 or more.
    patch_size : int or None, default=None
        Side of a patch in pixels, 1 or more; None cuts each axis into at most 16.
    num_layers : int, default=3
        Number of blocks, 1 or more.
    kernel_size : int, default=5
        Width in patches of the filters that mix places, 1 or more.
    dropout : float, default=0.1
        Share of the pooled features that are dropped in training, 0 to 1.
    augment : tuple of str, default=()
        What training changes at random in each image (``"shift"``, ``"flip"``,
        ``"erase"``) or spectrogram (``"mask"``).

    See Also
    --------
    skmm.encoders.transformer.TransformerEncoder : Mixes all places at once.

    Notes
    -----
    The paper normalises over the batch.

    References
    ----------
    Trockman and Kolter (2022). Patches Are All You Need? arXiv:2201.09792,
    equations 1 to 3.

    Examples
    --------
    >>> import keras
    >>> from skmm import ModalitySpec
    >>> from skmm.encoders.patch_mixer import PatchMixerEncoder
    >>> spec = ModalitySpec("xray", "image", (28, 28, 1), "uint8", "cnn")
    >>> PatchMixerEncoder().encode(keras.Input((28, 28, 1), dtype="uint8"), spec).shape
    (None, 64)
    """

    ranks: ClassVar[tuple[int, ...]] = (3, 4)

    def __init__(
        self,
        units: int = 64,
        filters: int = 64,
        patch_size: int | None = None,
        num_layers: int = 3,
        kernel_size: int = 5,
        dropout: float = 0.1,
        augment: tuple[str, ...] = (),
    ):
        self.units = units
        self.filters = filters
        self.patch_size = patch_size
        self.num_layers = num_layers
        self.kernel_size = kernel_size
        self.dropout = dropout
        self.augment = augment

    def encode_tokens(self, x: Any, spec: ModalitySpec) -> tuple[Any, Any, Any]:
        """Add the layers; returns (batch, units), and the patches that were pooled."""
        name, layers = spec.name, keras.layers
        x, seen = unfolded(x, spec)
        x = augmented(x, spec, self.augment)
        x = filled(x, spec, "observed" if len(spec.shape) < 4 else None)
        side = self.patch_size
        size = tuple(side or math.ceil(n / PATCHES) for n in x.shape[1:3])
        cut = layers.Conv2D(
            self.filters, size, size, padding="same", name=f"{name}_patches"
        )
        x = _active(cut(x), f"{name}_patches")
        for i in range(self.num_layers):
            mix = layers.DepthwiseConv2D(
                self.kernel_size, padding="same", name=f"{name}_{i}_places"
            )
            y = _active(mix(x), f"{name}_{i}_places")
            x = layers.Add(name=f"{name}_{i}_add")([x, y])
            x = layers.Dense(self.filters, name=f"{name}_{i}_channels")(x)
            x = _active(x, f"{name}_{i}_channels")
        places = places_of(x, None, spec, seen)
        x = MaskedPooling(name=f"{name}_pool")(x)
        x = pooled_set(x, seen, spec)
        x = layers.Dropout(self.dropout, name=f"{name}_dropout")(x)
        return project(x, self.units, name), *places


def _active(x: Any, name: str) -> Any:
    """Apply gelu, then normalise over the channels of each place."""
    x = keras.layers.Activation("gelu", name=f"{name}_gelu")(x)
    return keras.layers.LayerNormalization(name=f"{name}_norm")(x)
