"""Every modality, found by the registry, keeps its contract."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone

from skmm import available
from skmm._components import resolve
from skmm.modalities._base import Modality

CELLS = {
    "audio": {"array": np.sin(np.arange(4000.0)), "sampling_rate": 8000},
    "image": np.arange(64, dtype=np.uint8).reshape(8, 8),
    "minirocket": np.arange(6.0).reshape(3, 2),
    "tabular": 1.5,
    "text": "a small brown dog",
    "tfidf": "a small brown dog",
    "timeseries": np.arange(6.0).reshape(3, 2),
    "vector": np.arange(4.0),
}
KINDS = {"minirocket": "vector", "tfidf": "vector"}  # others are named after theirs
BYTES = {"minirocket": 30_000}  # three numbers for each of its 2016 features


def frame(kind, n=4):
    cells = [CELLS[kind]] * n
    return pd.DataFrame({"c": pd.Series([*cells, None], dtype=object)})


def test_every_modality_is_found():
    assert available("modality") == sorted(CELLS)


@pytest.mark.parametrize("kind", CELLS)
def test_the_array_is_as_the_spec_says(kind):
    modality = resolve("modality", kind)
    assert isinstance(modality, Modality)
    array, present = modality.fit(frame(kind)).transform(frame(kind))
    spec = modality.spec("m")
    assert (spec.name, spec.kind) == ("m", modality.kind)
    assert modality.kind == KINDS.get(kind, kind)
    assert array.shape == (5, *spec.shape)
    assert array.dtype == spec.dtype
    assert_array_equal(present, [True] * 4 + [False])
    assert_array_equal(array[4], np.zeros(spec.shape))


@pytest.mark.parametrize("kind", CELLS)
def test_copies_transform_alike(kind):
    modality = resolve("modality", kind).fit(frame(kind))
    expected = modality.transform(frame(kind)).array
    assert len(pickle.dumps(modality)) < BYTES.get(kind, 5000)
    for other in (
        pickle.loads(pickle.dumps(modality)),
        clone(modality).fit(frame(kind)),
        modality.fit(frame(kind)),
    ):
        assert_array_equal(other.transform(frame(kind)).array, expected)
