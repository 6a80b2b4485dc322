"""Deep learning on mixed data that behaves like any scikit-learn estimator.

A dataframe becomes a *ModalityFrame*; each modality is *encoded* to an
embedding, the embeddings are *fused*, a *head* gives class probabilities; and
all of it is one scikit-learn estimator.

Public names resolve on first use: ``import skmm`` loads neither Keras nor
TensorFlow.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "BaseNNClassifier": "skmm.base",
    "BaseNNRegressor": "skmm.base",
    "MultimodalClassifier": "skmm.multimodal",
    "MultimodalRegressor": "skmm.multimodal",
    "ModalityTransformer": "skmm.transformer",
    "ModalityFrame": "skmm.frame",
    "ModalitySpec": "skmm.frame",
    "infer_modalities": "skmm.inference",
    "available": "skmm._components",
    "clear_pool": "skmm.training",
    "load": "skmm.persistence",
    "save": "skmm.persistence",
}
_SUBPACKAGES = (
    "datasets",
    "diversity",
    "encoders",
    "exceptions",
    "fusion",
    "modalities",
    "recipes",
)

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    if name in _SUBPACKAGES:
        return import_module(f"skmm.{name}")
    raise AttributeError(f"module 'skmm' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_SUBPACKAGES])
