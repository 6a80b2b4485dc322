"""Data that ships with skmm, and data whose best possible score is known.

Must not import Keras.
"""

from skmm.datasets._spoken_digits import load_spoken_digits
from skmm.datasets._synthetic import (
    make_multimodal_classification,
    make_multimodal_regression,
)

__all__ = [
    "load_spoken_digits",
    "make_multimodal_classification",
    "make_multimodal_regression",
]
