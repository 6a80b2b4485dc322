"""A convolutional network for series, images, spectrograms and sets of images."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import keras

from skmm.encoders._base import Encoder
from skmm.encoders._parts import finite_numbers, may_have_gaps, project
from skmm.frame import ModalitySpec
from skmm.layers import FoldAxis, MaskedPooling, Observed, UnfoldAxis

__all__ = ["CNNEncoder"]

SMALL = 4  # places along an axis that are not halved any further
CHEAP = 1024  # places up to which a convolution may look at every one of them
WIDEST = 4  # times `filters` that a later block may have


class CNNEncoder(Encoder):
    """Convolve and halve until few places are left, then take their mean.

    Blocks of ``pool(relu(K * x + b))`` halve every axis until about 4 places are
    left; then ``h = LayerNorm(W mean(x) + b)`` of shape (batch, units). Takes series
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
        Width of the filters in pixels or steps, 1 or more; None is 3 for images and
        7 for series.
    dropout : float, default=0.1
        Share of the pooled features that are dropped in training, 0 to 1.

    See Also
    --------
    skmm.encoders.transformer.TransformerEncoder : Relates distant places.
    skmm.encoders.rnn.RNNEncoder : Reads series step by step.

    Notes
    -----
    There is no batch normalisation: a row's embedding depends on that row alone.
    Filters start by He's rule, which keeps the scale of activations from block to
    block.

    References
    ----------
    He, Zhang, Ren and Sun (2015). Delving Deep into Rectifiers. ICCV, equation 10.

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
    ):
        self.units = units
        self.filters = filters
        self.kernel_size = kernel_size
        self.dropout = dropout

    def encode(self, x: Any, spec: ModalitySpec) -> Any:
        """Add the layers; returns (batch, units)."""
        name, is_set, has_gaps = spec.name, len(spec.shape) == 4, may_have_gaps(spec)
        seen = Observed(3, name=f"{name}_seen")(x) if is_set and has_gaps else None
        if is_set:
            x = FoldAxis(name=f"{name}_fold")(x)
        places = spec.shape[is_set:-1]
        strides = _strides(places)
        observed = None
        if has_gaps and not is_set:
            total = tuple(math.prod(axis) for axis in zip(*strides, strict=True))
            observed = Observed(window=total, name=f"{name}_observed")(x)
        # A missing image of several is missing as a whole: no pixel needs an indicator.
        x = finite_numbers(x, spec, None if is_set else "observed")
        x = self._convolve(x, places, strides, name)
        x = MaskedPooling(name=f"{name}_pool")(x, observed)
        if is_set:
            x = UnfoldAxis(spec.shape[0], name=f"{name}_unfold")(x)
            x = MaskedPooling(name=f"{name}_pool_set")(x, seen)
        x = keras.layers.Dropout(self.dropout, name=f"{name}_dropout")(x)
        return project(x, self.units, name)

    def _convolve(
        self,
        x: Any,
        places: tuple[int, ...],
        strides: list[tuple[int, ...]],
        name: str,
    ) -> Any:
        """Add the blocks, one for each of `strides`."""
        rank = len(places)
        convolution = getattr(keras.layers, f"Conv{rank}D")
        pooling = getattr(keras.layers, f"AveragePooling{rank}D")
        for i, stride in enumerate(strides):
            # Where there are many places, the convolution itself steps over some.
            steps = stride if math.prod(places) > CHEAP else 1
            x = convolution(
                self.filters * min(2**i, WIDEST),
                self.kernel_size or (7 if rank == 1 else 3),
                strides=steps,
                padding="same",
                activation="relu",
                kernel_initializer="he_normal",
                name=f"{name}_conv_{i}",
            )(x)
            if steps == 1 and max(stride) > 1:
                x = pooling(stride, padding="same", name=f"{name}_pool_{i}")(x)
            places = tuple(-(-n // s) for n, s in zip(places, stride, strict=True))
        return x


def _strides(places: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Strides of each block: axes are halved down to SMALL, in at least 3 blocks."""
    halvings = [max(0, round(math.log2(n / SMALL))) for n in places]
    n_blocks = max(3, *halvings)
    return [tuple(2 if i < h else 1 for h in halvings) for i in range(n_blocks)]
