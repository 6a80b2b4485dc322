"""Keras layers that encoders, fusions and estimators share.

Each is serialisable, and each weight ``w`` has its initializer in the attribute
``w_initializer``, by which training draws it anew from a seed. Must not import
pandas.
"""

from skmm.layers._embedding import CategoryEmbedding, PositionEmbedding, TokenEmbedding
from skmm.layers._folding import FoldAxis, UnfoldAxis
from skmm.layers._missing import AbsentEmbedding, MaskedPooling, MaskMissing, Observed
from skmm.layers._mixture import Mixture
from skmm.layers._pretrained import ImageScaling, PretrainedNetwork, TokenInput

__all__ = [
    "AbsentEmbedding",
    "CategoryEmbedding",
    "FoldAxis",
    "ImageScaling",
    "MaskMissing",
    "MaskedPooling",
    "Mixture",
    "Observed",
    "PositionEmbedding",
    "PretrainedNetwork",
    "TokenEmbedding",
    "TokenInput",
    "UnfoldAxis",
]
