"""Keras layers that encoders, fusions and estimators share.

Each is serialisable, and each weight ``w`` has its initializer in the attribute
``w_initializer``, by which training draws it anew from a seed. Must not import
pandas.
"""

from skmm.layers._attention import LearnedTokens, attention_block
from skmm.layers._augment import AugmentImage, AugmentSpectrogram
from skmm.layers._dropping import (
    ModalityDropout,
    ModalitySwap,
    Parted,
    RowBefore,
    Twice,
)
from skmm.layers._embedding import CategoryEmbedding, PositionEmbedding, TokenEmbedding
from skmm.layers._folding import FoldAxis, UnfoldAxis
from skmm.layers._graph import GraphAttention, GraphConvolution
from skmm.layers._missing import (
    AbsentEmbedding,
    FewerTokens,
    MaskedPooling,
    MaskMissing,
    MaskPadding,
    Observed,
    RankedPooling,
)
from skmm.layers._mixture import Mixture, OpinionPool
from skmm.layers._periodic import PeriodicEmbedding
from skmm.layers._pretrained import ImageScaling, PretrainedNetwork, TokenInput
from skmm.layers._random import drop, tracing_for_xla, uniform
from skmm.layers._relations import (
    BilinearPooling,
    FactorProduct,
    Modulation,
    OuterProduct,
    PairLikeness,
    ProductOfExperts,
)
from skmm.layers._rows import padded_length
from skmm.layers._statistics import LocalMoments, OrientedGradients, StatisticsPooling
from skmm.layers._summary import SeriesSummary

__all__ = [
    "AbsentEmbedding",
    "AugmentImage",
    "AugmentSpectrogram",
    "BilinearPooling",
    "CategoryEmbedding",
    "FactorProduct",
    "FewerTokens",
    "FoldAxis",
    "GraphAttention",
    "GraphConvolution",
    "ImageScaling",
    "LearnedTokens",
    "LocalMoments",
    "MaskMissing",
    "MaskPadding",
    "MaskedPooling",
    "Mixture",
    "ModalityDropout",
    "ModalitySwap",
    "Modulation",
    "Observed",
    "OpinionPool",
    "OrientedGradients",
    "OuterProduct",
    "PairLikeness",
    "Parted",
    "PeriodicEmbedding",
    "PositionEmbedding",
    "PretrainedNetwork",
    "ProductOfExperts",
    "RankedPooling",
    "RowBefore",
    "SeriesSummary",
    "StatisticsPooling",
    "TokenEmbedding",
    "TokenInput",
    "Twice",
    "UnfoldAxis",
    "attention_block",
    "drop",
    "padded_length",
    "tracing_for_xla",
    "uniform",
]
