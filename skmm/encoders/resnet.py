"""A residual network for images, spectrograms and sets of images."""

from __future__ import annotations

from typing import Any, ClassVar

import keras

from skmm.encoders._base import TokenEncoder
from skmm.encoders._parts import (
    augmented,
    filled,
    normalized,
    places_of,
    pooled_set,
    project,
    unfolded,
)
from skmm.frame import ModalitySpec
from skmm.layers import MaskedPooling

__all__ = ["ResNetEncoder"]


class ResNetEncoder(TokenEncoder):
    """Add what blocks of two convolutions find to what they are given.

    Blocks ``x <- relu(x' + N(K2 * relu(N(K1 * x))))``, where N normalises over the
    batch and x' is x, or ``N(K3 * x)`` where the block halves both axes and doubles
    the filters; then ``h = LayerNorm(W mean(x) + b)`` of shape (batch, units). Takes
    images and spectrograms (batch, height, width, channels) and several images
    (batch, k, height, width, channels), which share one network and enter h by their
    mean. Bytes are scaled to [-1, 1]; NaN becomes 0 with an indicator beside it.

    Parameters
    ----------
    units : int, default=64
        Number of units of the embedding, 1 or more.
    filters : int, default=16
        Number of filters of the first stage, 1 or more; each later one has twice as
        many.
    num_stages : int, default=3
        Number of stages, 1 or more; all but the first halve height and width.
    num_blocks : int, default=1
        Number of blocks of a stage, 1 or more.
    dropout : float, default=0.1
        Share of the pooled features that are dropped in training, 0 to 1.
    normalization : {"batch", "layer"}, default="layer"
        What N is: batch normalisation, of which a network of many rows learns
        faster, or layer normalisation over the channels of a place, under which a
        row depends on that row alone.
    augment : tuple of str, default=()
        What training changes at random in each image (``"shift"``, ``"flip"``,
        ``"erase"``) or spectrogram (``"mask"``).

    See Also
    --------
    skmm.encoders.cnn.CNNEncoder : Cheaper, and better on few rows.

    References
    ----------
    He, Zhang, Ren and Sun (2016). Deep Residual Learning for Image Recognition.
    CVPR, equations 1 and 2, and section 4.2 for the stages.

    Examples
    --------
    >>> import keras
    >>> from skmm import ModalitySpec
    >>> from skmm.encoders.resnet import ResNetEncoder
    >>> spec = ModalitySpec("xray", "image", (28, 28, 1), "uint8", "cnn")
    >>> ResNetEncoder().encode(keras.Input((28, 28, 1), dtype="uint8"), spec).shape
    (None, 64)
    """

    ranks: ClassVar[tuple[int, ...]] = (3, 4)

    def __init__(
        self,
        units: int = 64,
        filters: int = 16,
        num_stages: int = 3,
        num_blocks: int = 1,
        dropout: float = 0.1,
        normalization: str = "layer",
        augment: tuple[str, ...] = (),
    ):
        self.units = units
        self.filters = filters
        self.num_stages = num_stages
        self.num_blocks = num_blocks
        self.dropout = dropout
        self.normalization = normalization
        self.augment = augment

    def encode_tokens(self, x: Any, spec: ModalitySpec) -> tuple[Any, Any, Any]:
        """Add the layers; returns (batch, units), and the places that were pooled."""
        name = spec.name
        x, seen = unfolded(x, spec)
        x = augmented(x, spec, self.augment)
        x = filled(x, spec, "observed" if len(spec.shape) < 4 else None)
        # As in CNNEncoder: where there are many places, the first step skips some.
        stride = 2 if x.shape[1] * x.shape[2] > 1024 else 1
        x = self._convolve(x, self.filters, stride, f"{name}_stem")
        x = keras.layers.ReLU(name=f"{name}_stem_relu")(x)
        for stage in range(self.num_stages):
            for block in range(self.num_blocks):
                stride = 2 if stage and not block else 1
                filters = self.filters * 2**stage
                x = self._block(x, filters, stride, f"{name}_{stage}_{block}")
        places = places_of(x, None, spec, seen)
        x = MaskedPooling(name=f"{name}_pool")(x)
        x = pooled_set(x, seen, spec)
        x = keras.layers.Dropout(self.dropout, name=f"{name}_dropout")(x)
        return project(x, self.units, name), *places

    def _block(self, x: Any, filters: int, stride: int, name: str) -> Any:
        """Add one residual block."""
        y = self._convolve(x, filters, stride, f"{name}_a")
        y = keras.layers.ReLU(name=f"{name}_a_relu")(y)
        y = self._convolve(y, filters, 1, f"{name}_b")
        if stride > 1 or x.shape[-1] != filters:
            x = self._convolve(x, filters, stride, f"{name}_skip", 1)
        x = keras.layers.Add(name=f"{name}_add")([x, y])
        return keras.layers.ReLU(name=f"{name}_relu")(x)

    def _convolve(
        self, x: Any, filters: int, stride: int, name: str, size: int = 3
    ) -> Any:
        """Add one convolution with its normalisation."""
        x = keras.layers.Conv2D(
            filters,
            size,
            strides=stride,
            padding="same",
            use_bias=False,
            kernel_initializer="he_normal",
            name=name,
        )(x)
        return normalized(x, self.normalization, f"{name}_norm")
