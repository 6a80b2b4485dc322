"""How alike models are: in their predictions, their failures, their embeddings."""

from skmm.diversity._display import SimilarityDisplay
from skmm.diversity._diverse import (
    DiverseEnsembleClassifier,
    DiverseEnsembleRegressor,
)
from skmm.diversity._ensemble import (
    GreedyEnsembleClassifier,
    GreedyEnsembleRegressor,
)
from skmm.diversity._homogenization import homogenization_ratio
from skmm.diversity._pairwise import pairwise_similarity
from skmm.diversity._report import HomogenizationReport
from skmm.diversity._representations import representation_similarity
from skmm.diversity._stitching import stitching_penalty

__all__ = [
    "DiverseEnsembleClassifier",
    "DiverseEnsembleRegressor",
    "GreedyEnsembleClassifier",
    "GreedyEnsembleRegressor",
    "HomogenizationReport",
    "SimilarityDisplay",
    "homogenization_ratio",
    "pairwise_similarity",
    "representation_similarity",
    "stitching_penalty",
]
