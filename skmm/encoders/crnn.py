"""Convolutions, then a recurrence over time: spectrograms, images and series."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import keras

from skmm.encoders._base import TokenEncoder
from skmm.encoders._parts import (
    augmented,
    filled,
    may_have_gaps,
    normalized,
    places_of,
    project,
    scaled,
)
from skmm.frame import ModalitySpec
from skmm.layers import Observed, StatisticsPooling

__all__ = ["CRNNEncoder"]

SMALL = 4  # bands that are not halved any further
STEPS = 16  # steps that are not halved any further


class CRNNEncoder(TokenEncoder):
    """Convolve, then read what was found step by step, forwards and backwards.

    Blocks of ``pool(relu(K * x + b))`` halve time until about 16 steps are left, and
    bands until about 4; the bands of a step are laid side by side,
    ``s_t = [GRU(x)_t; GRU'(x)_t]``, and ``h = LayerNorm(W [mean_t s_t; std_t s_t] +
    b)`` of shape (batch, units) over the steps that hold anything. Takes spectrograms
    (batch, steps, bands, channels), images, whose height is taken for time, and
    series (batch, steps, channels). NaN becomes 0 with an indicator beside it.

    Parameters
    ----------
    units : int, default=64
        Number of units of the embedding, 2 or more; each direction's state has half
        of them.
    filters : int, default=16
        Number of filters of the first block, 1 or more; later blocks have twice and
        four times as many.
    num_layers : int, default=3
        Number of blocks, 1 or more.
    dropout : float, default=0.1
        Share of the pooled features that are dropped in training, 0 to 1.
    normalization : {"batch", "layer"} or None, default=None
        What blocks normalise over before their relu.
    augment : tuple of str, default=()
        What training changes at random in each spectrogram (``"mask"``) or image
        (``"shift"``, ``"flip"``, ``"erase"``).

    See Also
    --------
    skmm.encoders.cnn.CNNEncoder : Faster; takes no order of steps into account.

    References
    ----------
    Choi, Fazekas, Sandler and Cho (2017). Convolutional Recurrent Neural Networks for
    Music Classification. ICASSP, arXiv:1609.04243, section 2.4.
    Snyder, Garcia-Romero, Sell, Povey and Khudanpur (2018). X-Vectors: Robust DNN
    Embeddings for Speaker Recognition. ICASSP, section 2.1 (pooling).

    Examples
    --------
    >>> import keras
    >>> from skmm import ModalitySpec
    >>> from skmm.encoders.crnn import CRNNEncoder
    >>> spec = ModalitySpec("call", "audio", (63, 32, 1), "float16", "cnn")
    >>> CRNNEncoder().encode(keras.Input((63, 32, 1), dtype="float16"), spec).shape
    (None, 64)
    """

    ranks: ClassVar[tuple[int, ...]] = (2, 3)

    def __init__(
        self,
        units: int = 64,
        filters: int = 16,
        num_layers: int = 3,
        dropout: float = 0.1,
        normalization: str | None = None,
        augment: tuple[str, ...] = (),
    ):
        self.units = units
        self.filters = filters
        self.num_layers = num_layers
        self.dropout = dropout
        self.normalization = normalization
        self.augment = augment

    def encode_tokens(self, x: Any, spec: ModalitySpec) -> tuple[Any, Any, Any]:
        """Add the layers; returns (batch, units), and the steps that were pooled."""
        name = spec.name
        x = augmented(scaled(x, spec), spec, self.augment)
        strides = self._strides(x.shape[1:-1])
        observed = None
        if may_have_gaps(spec):
            steps = math.prod(stride[0] for stride in strides)
            flat = keras.layers.Reshape((x.shape[1], -1), name=f"{name}_flat")(x)
            observed = Observed(window=(steps,), name=f"{name}_observed")(flat)
        x = filled(x, spec, "observed")
        for i, stride in enumerate(strides):
            x = self._block(x, self.filters * min(2**i, 4), stride, f"{name}_{i}")
        x = keras.layers.Reshape((x.shape[1], -1), name=f"{name}_bands")(x)
        reader = keras.layers.GRU(
            max(1, self.units // 2), return_sequences=True, name=f"{name}_gru"
        )
        both = keras.layers.Bidirectional(reader, name=f"{name}_both")
        states = both(x, mask=observed)
        x = StatisticsPooling(name=f"{name}_pool")(states, observed)
        x = keras.layers.Dropout(self.dropout, name=f"{name}_dropout")(x)
        return project(x, self.units, name), *places_of(states, observed, spec)

    def _strides(self, places: tuple[int, ...]) -> list[tuple[int, ...]]:
        """Strides of each block along time and bands."""
        few = (STEPS, SMALL)[: len(places)]
        pairs = zip(places, few, strict=True)
        halvings = [max(0, round(math.log2(n / least))) for n, least in pairs]
        return [
            tuple(2 if i < h else 1 for h in halvings) for i in range(self.num_layers)
        ]

    def _block(self, x: Any, filters: int, stride: tuple[int, ...], name: str) -> Any:
        """Convolve, normalise where asked to, and halve."""
        rank = len(stride)
        x = getattr(keras.layers, f"Conv{rank}D")(
            filters,
            7 if rank == 1 else 3,
            padding="same",
            kernel_initializer="he_normal",
            name=f"{name}_conv",
        )(x)
        x = normalized(x, self.normalization, f"{name}_norm")
        x = keras.layers.ReLU(name=f"{name}_relu")(x)
        if max(stride) == 1:
            return x
        pooling = getattr(keras.layers, f"AveragePooling{rank}D")
        return pooling(stride, padding="same", name=f"{name}_pool")(x)
