"""A convolutional network for series, images, spectrograms and sets of images."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import keras

from skmm.encoders._base import TokenEncoder
from skmm.encoders._parts import (
    augmented,
    described,
    filled,
    may_have_gaps,
    normalized,
    places_of,
    pooled_set,
    project,
    unfolded,
)
from skmm.frame import ModalitySpec
from skmm.layers import MaskedPooling, Observed

__all__ = ["CNNEncoder"]

SMALL = 4  # places along an axis that are not halved any further
MANY = 2048  # pixels beyond which an image is cut into patches first
CHEAP = 512  # places up to which a convolution may look at every one of them
WIDEST = 4  # times `filters` that a later block may have


class CNNEncoder(TokenEncoder):
    """Convolve and halve until few places are left, then take their mean.

    Blocks of ``pool(relu(K * x + b))`` halve every axis until about 4 places are
    left, after a first one that cuts images of more than 2,048 pixels into patches of
    4 x 4, which are convolved each by itself; then
    ``h = LayerNorm(W [mean(x); s] + b)`` of shape (batch, units), where s are fixed
    statistics of an image or spectrogram: the mean, deviation and largest value of
    each cell of a grid, and how steep it is in each of eight directions
    (`skmm.layers.LocalMoments`, `skmm.layers.OrientedGradients`). Takes series
    (batch, steps, channels), images and spectrograms (batch, height, width,
    channels), and several images (batch, k, height, width, channels), which share
    one network and enter h by their mean.

    Bytes, and images in float16, which hold bytes, are scaled to [-1, 1]; other
    numbers are taken as they come. NaN becomes 0 with an indicator beside it, and
    places that hold nothing else stay out of the mean.

    Parameters
    ----------
    units : int, default=64
        Number of units of the embedding, 1 or more.
    filters : int, default=16
        Number of filters of the first block, 1 or more; later blocks have twice and
        four times as many.
    kernel_size : int or None, default=None
        Width of the filters in pixels or steps, 1 or more; None is 3 for images (4
        for patches) and 7 for series.
    dropout : float, default=0.1
        Share of the pooled features that are dropped in training, 0 to 1.
    statistics : bool, default=True
        Whether moments and gradients of images and spectrograms join the pooled
        features; they cost little and say much where rows are few.
    normalization : {"batch", "layer"} or None, default=None
        ``"batch"`` normalises each block over the batch in training, and by moving
        averages later; ``"layer"`` over the channels of each place.
    augment : tuple of str, default=()
        What training changes at random in each image (``"shift"`` by a tenth,
        ``"flip"`` left and right, ``"erase"`` a rectangle in a quarter of the
        cases) or spectrogram (``"mask"`` steps and bands). The moments and gradients
        stay those of the whole.

    See Also
    --------
    skmm.encoders.resnet.ResNetEncoder : Deeper, for more rows.
    skmm.encoders.transformer.TransformerEncoder : Relates distant places.
    skmm.encoders.rnn.RNNEncoder : Reads series step by step.

    Notes
    -----
    There is no batch normalisation unless it is asked for: a row's embedding depends
    on that row alone. Filters start by He's rule, which keeps the scale of
    activations from block to block.

    References
    ----------
    He, Zhang, Ren and Sun (2015). Delving Deep into Rectifiers. ICCV, equation 10.
    Dalal and Triggs (2005). Histograms of Oriented Gradients for Human Detection.
    CVPR, section 6.
    Ioffe and Szegedy (2015). Batch Normalization. ICML, algorithm 1.

    Examples
    --------
    >>> import keras
    >>> from skmm import ModalitySpec
    >>> from skmm.encoders.cnn import CNNEncoder
    >>> spec = ModalitySpec("xray", "image", (28, 28, 1), "uint8", "cnn")
    >>> CNNEncoder().encode(keras.Input((28, 28, 1), dtype="uint8"), spec).shape
    (None, 64)
    """

    ranks: ClassVar[tuple[int, ...]] = (2, 3, 4)

    def __init__(
        self,
        units: int = 64,
        filters: int = 16,
        kernel_size: int | None = None,
        dropout: float = 0.1,
        statistics: bool = True,
        normalization: str | None = None,
        augment: tuple[str, ...] = (),
    ):
        self.units = units
        self.filters = filters
        self.kernel_size = kernel_size
        self.dropout = dropout
        self.statistics = statistics
        self.normalization = normalization
        self.augment = augment

    def encode_tokens(self, x: Any, spec: ModalitySpec) -> tuple[Any, Any, Any]:
        """Add the layers; returns (batch, units), and the places that were pooled."""
        name = spec.name
        x, seen = unfolded(x, spec)
        shape = x.shape[1:-1]
        strides = _strides(shape)
        found = []
        if self.statistics and len(shape) == 2:
            found = described(x, spec)
        x = augmented(x, spec, self.augment)
        observed = None
        if may_have_gaps(spec) and len(spec.shape) < 4:
            total = tuple(math.prod(axis) for axis in zip(*strides, strict=True))
            observed = Observed(window=total, name=f"{name}_observed")(x)
        # A missing image of several is missing as a whole: no pixel needs an indicator.
        x = filled(x, spec, "observed" if len(spec.shape) < 4 else None)
        x = self._convolve(x, shape, strides, name)
        places = places_of(x, observed, spec, seen)
        x = MaskedPooling(name=f"{name}_pool")(x, observed)
        if found:
            x = keras.layers.Concatenate(name=f"{name}_features")([x, *found])
        x = pooled_set(x, seen, spec)
        x = keras.layers.Dropout(self.dropout, name=f"{name}_dropout")(x)
        return project(x, self.units, name), *places

    def _convolve(
        self,
        x: Any,
        places: tuple[int, ...],
        strides: list[tuple[int, ...]],
        name: str,
    ) -> Any:
        """Add the blocks, one for each of `strides`."""
        rank = len(places)
        pooling = getattr(keras.layers, f"AveragePooling{rank}D")
        for i, stride in enumerate(strides):
            # Where there are many places, the convolution itself steps over some.
            steps = stride if math.prod(places) > CHEAP else 1
            filters = self.filters * min(2**i, WIDEST)
            width = self.kernel_size or max(7 if rank == 1 else 3, *stride)
            x = self._block(x, filters, width, steps, f"{name}_conv_{i}")
            if steps == 1 and max(stride) > 1:
                x = pooling(stride, padding="same", name=f"{name}_pool_{i}")(x)
            places = tuple(-(-n // s) for n, s in zip(places, stride, strict=True))
        return x

    def _block(self, x: Any, filters: int, width: int, steps: Any, name: str) -> Any:
        """Convolve; normalise where asked to."""
        rank, norm = len(x.shape) - 2, self.normalization
        convolution = getattr(keras.layers, f"Conv{rank}D")(
            filters,
            width,
            strides=steps,
            padding="same",
            activation=None if norm else "relu",
            use_bias=not norm,
            kernel_initializer="he_normal",
            name=name,
        )
        if not norm:
            return convolution(x)
        x = normalized(convolution(x), norm, f"{name}_norm")
        return keras.layers.ReLU(name=f"{name}_relu")(x)


def _strides(places: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Strides of each block: axes are halved down to SMALL, in at least 3 blocks."""
    halvings = [max(0, round(math.log2(n / SMALL))) for n in places]
    patches = []
    if len(places) == 2 and math.prod(places) > MANY:
        patches = [tuple(2 ** min(h, 2) for h in halvings)]
        halvings = [max(0, h - 2) for h in halvings]
    n_blocks = max(3 - len(patches), *halvings)
    return patches + [
        tuple(2 if i < h else 1 for h in halvings) for i in range(n_blocks)
    ]
