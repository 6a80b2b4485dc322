"""Encoding once and deciding often is deciding, faster."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skmm import MultimodalClassifier, MultimodalRegressor
from skmm.datasets import make_multimodal_classification
from skmm.inspection._encoded import EncodedRows

MODALITIES = ("tabular", "text", "image")
DATA = make_multimodal_classification(
    90, modalities=MODALITIES, n_classes=3, missing=0.3, random_state=0, return_X_y=True
)


def fitted(**settings):
    X, y = DATA
    model = MultimodalClassifier(random_state=0, epochs=2, **settings)
    return model.fit(X, y)


@pytest.fixture(scope="module")
def several():
    """Two networks whose heads, and the second network, have a share."""
    model = fitted(ensemble_size=2)
    model._shares = np.array([0.4, 0.1, 0.2, 0.1, 0.2])
    model.temperature_ = 1.5
    return model


@pytest.mark.filterwarnings("ignore::skmm.exceptions.MissingModalityWarning")
@pytest.mark.parametrize("kept", [[], ["text"], ["tabular", "image"], [*MODALITIES]])
def test_absent_modalities_are_absent(several, kept):
    X, _ = DATA
    rows = EncodedRows(several, X)
    assert rows.names == list(several.encoders_)
    logits = rows.logits(np.isin(rows.names, kept))
    expected = several.decision_function(X, modalities=kept)
    assert_allclose(logits, expected, atol=1e-4)


@pytest.mark.filterwarnings("ignore::skmm.exceptions.MissingModalityWarning")
def test_modalities_of_other_rows_are_those_of_other_rows(several):
    X, _ = DATA
    rows = EncodedRows(several, X)
    taken = np.random.default_rng(0).integers(len(X), size=(40, 3))
    frame = several.transformer_.transform(X)
    arrays = {n: frame[n][taken[:, m]] for m, n in enumerate(frame.names)}
    present = np.take_along_axis(frame.present, taken, axis=0)
    mixed = type(frame)(arrays, frame.specs, present)
    expected = several.decision_function(mixed)
    assert_allclose(rows.logits(rows=taken), expected, atol=1e-4)


@pytest.mark.filterwarnings("ignore::skmm.exceptions.MissingModalityWarning")
@pytest.mark.parametrize("fusion", ["attention", "siamese", "late"])
def test_fusions_of_places_of_shared_encoders_and_of_logits(fusion):
    X, y = DATA
    X = X.drop(columns="image")
    model = MultimodalClassifier(
        fusion=fusion, ensemble_size=1, guard=False, epochs=1, random_state=0
    ).fit(X, y)
    chosen = np.array([True, False])
    kept = [n for n, c in zip(model.encoders_, chosen, strict=True) if c]
    expected = model.decision_function(X, modalities=kept)
    assert_allclose(EncodedRows(model, X).logits(chosen), expected, atol=1e-4)


def test_one_modality_and_numbers():
    X, y = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40.0)
    model = MultimodalRegressor(ensemble_size=1, epochs=2, random_state=0).fit(X, y)
    logits = EncodedRows(model, X).logits()
    assert_allclose(model._target.decode(logits), model.predict(X), rtol=1e-4)
    nothing = model._target.decode(EncodedRows(model, X).logits(np.array([False])))
    assert_allclose(nothing, y.mean(), rtol=1e-4)
