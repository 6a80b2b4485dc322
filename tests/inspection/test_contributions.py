"""Contributions of one row add up to what is said of it."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.multioutput import MultiOutputClassifier
from sklearn.svm import LinearSVC

from skmm import MultimodalClassifier, MultimodalRegressor
from skmm.datasets import make_multimodal_classification
from skmm.inspection import modality_contributions

RNG = np.random.default_rng(0)
NUMBERS = RNG.normal(size=(60, 2))
GROUPS = {"a": [0], "b": [1]}


def test_a_linear_model_by_hand():
    model = LinearRegression().fit(NUMBERS, NUMBERS @ [2, -1] + 5)
    result = modality_contributions(
        model, NUMBERS, modalities=GROUPS, n_repeats=400, random_state=0
    )
    expected = (NUMBERS - NUMBERS.mean(axis=0)) * [2, -1]
    assert_allclose(result.contributions, expected, atol=0.6)
    assert np.corrcoef(result.contributions.T.ravel(), expected.T.ravel())[0, 1] > 0.99
    assert_allclose(result.prediction, model.predict(NUMBERS))
    assert result.target is None and result.removal == "shuffled"


@pytest.fixture(scope="module")
def ours():
    X, y = make_multimodal_classification(
        150,
        modalities=("tabular", "text"),
        n_classes=3,
        informative={"tabular": 0.9, "text": 0.0},
        random_state=0,
        return_X_y=True,
    )
    model = MultimodalClassifier(ensemble_size=1, epochs=20, random_state=0)
    return model.fit(X, y), X, y


def test_they_add_up_to_the_probability(ours):
    model, X, _ = ours
    result = modality_contributions(model, X)
    p = model.predict_proba(X)
    assert_allclose(result.prediction, p.max(axis=1), atol=1e-4)
    assert_array_equal(result.target, model.predict(X))
    total = result.base + result.contributions.sum(axis=1)
    assert_allclose(total, result.prediction)
    nothing = model.predict_proba(X, modalities=[])
    expected = nothing[
        np.arange(len(X)), np.searchsorted(model.classes_, result.target)
    ]
    assert_allclose(result.base, expected, atol=1e-4)
    assert result.removal == "absent"


def test_what_tells_contributes_and_noise_does_not(ours):
    model, X, _ = ours
    tells, noise = np.abs(modality_contributions(model, X).contributions).mean(axis=0)
    assert tells > 3 * noise


def test_any_class_can_be_asked_for(ours):
    model, X, _ = ours
    one = modality_contributions(model, X, target=model.classes_[2])
    assert_allclose(one.prediction, model.predict_proba(X)[:, 2], atol=1e-4)
    each = np.resize(model.classes_, len(X))
    several = modality_contributions(model, X, target=each)
    expected = model.predict_proba(X)[np.arange(len(X)), np.arange(len(X)) % 3]
    assert_allclose(several.prediction, expected, atol=1e-4)


def test_one_row_of_ours_is_enough(ours):
    model, X, _ = ours
    whole = modality_contributions(model, X)
    one = modality_contributions(model, X[:1])
    assert_allclose(one.contributions[0], whole.contributions[0], atol=1e-4)


def test_numbers_are_explained_in_their_unit():
    y = 1000 + 100 * NUMBERS[:, 0]
    model = MultimodalRegressor(ensemble_size=1, epochs=30, random_state=0)
    model.fit(NUMBERS, y)
    result = modality_contributions(model, NUMBERS)
    assert_allclose(result.prediction, model.predict(NUMBERS), rtol=1e-4)
    assert_allclose(result.base, y.mean(), rtol=1e-4)


def test_what_cannot_be_explained_is_refused(ours):
    model, X, _ = ours
    with pytest.raises(ValueError, match="target must be among the classes"):
        modality_contributions(model, X, target="nobody")
    labels = (NUMBERS > 0).astype(int)
    without = LinearSVC().fit(NUMBERS, labels[:, 0])
    with pytest.raises(ValueError, match="no predict_proba"):
        modality_contributions(without, NUMBERS, modalities=GROUPS)
    several = MultiOutputClassifier(LogisticRegression()).fit(NUMBERS, labels)
    with pytest.raises(ValueError, match="several outputs"):
        modality_contributions(several, NUMBERS, modalities=GROUPS)
    numbers = LinearRegression().fit(NUMBERS, NUMBERS)
    with pytest.raises(ValueError, match="several outputs"):
        modality_contributions(numbers, NUMBERS, modalities=GROUPS)
    with pytest.raises(ValueError, match="two or more"):
        modality_contributions(without, NUMBERS[:1], modalities=GROUPS)
