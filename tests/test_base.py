"""BaseNN estimators take arrays of any rank and networks by name."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

from skmm import BaseNNClassifier, BaseNNRegressor, ModalityTransformer
from skmm.encoders.mlp import MLPEncoder


def wave(n_samples=48, n_steps=12):
    """Series that go up or down."""
    y = np.arange(n_samples) % 2
    slope = np.linspace(-1, 1, n_steps)[None, :, None]
    rng = np.random.default_rng(0)
    noise = rng.normal(scale=0.1, size=(n_samples, n_steps, 2))
    return (2 * y[:, None, None] - 1) * slope + noise, y


def test_images_as_arrays_need_no_argument():
    X, y = load_digits(return_X_y=True)
    images = X.reshape(-1, 8, 8, 1)[:500]
    model = BaseNNClassifier(epochs=8, random_state=0).fit(images, y[:500])
    assert type(model.encoder_).__name__ == "CNNEncoder"
    assert model.score(images, y[:500]) > 0.9


@pytest.mark.parametrize("network", ["cnn", "rnn", "transformer"])
def test_series_as_arrays(network):
    X, y = wave()
    model = BaseNNClassifier(network, epochs=12, learning_rate=0.01, random_state=0)
    assert model.fit(X, y).score(X, y) > 0.9


def test_an_encoders_parameters_are_searched():
    X, y = load_digits(return_X_y=True)
    grid = {"network__units": [8, 16]}
    search = GridSearchCV(BaseNNClassifier("mlp", epochs=1), grid, cv=2)
    search.fit(X[:100], y[:100])
    units = search.best_params_["network__units"]
    assert search.best_estimator_.transform(X[:3]).shape == (3, units)


def test_an_encoder_instance_is_cloned_before_it_is_used():
    encoder = MLPEncoder(units=8)
    X, y = wave()
    model = BaseNNClassifier(encoder, epochs=1).fit(X[:, :, 0], y)
    assert model.encoder_ is not encoder
    assert clone(model).network is not encoder


def test_one_modality_of_a_transformer_is_taken():
    X = pd.DataFrame({"note": ["good and bright", "bad and dark"] * 20})
    y = np.arange(40) % 2
    frame = ModalityTransformer([("note", "text", "note")]).fit_transform(X)
    model = BaseNNClassifier(epochs=10, learning_rate=0.01, random_state=0)
    assert model.fit(frame, y).score(frame, y) == 1.0


def test_two_modalities_are_refused_with_the_remedy():
    X = pd.DataFrame({"a": [1.0, 2.0], "note": ["x y z", "z y x"]})
    frame = ModalityTransformer([("a", "tabular", "a"), ("n", "text", "note")])
    with pytest.raises(ValueError, match=r"one modality.*MultimodalClassifier"):
        BaseNNClassifier().fit(frame.fit_transform(X), [0, 1])


def test_a_network_of_another_rank_is_refused():
    X, _ = wave()
    with pytest.raises(ValueError, match=r"RNNEncoder takes .* X has rank 4"):
        BaseNNRegressor("rnn").fit(X[..., None], X[:, 0, 0])


def test_an_unknown_network_suggests_the_nearest():
    X, y = wave()
    with pytest.raises(ValueError, match="unknown encoder 'mlpp'; did you mean 'mlp'"):
        BaseNNClassifier("mlpp").fit(X[:, :, 0], y)


def test_infinite_and_missing_numbers_are_refused():
    X, y = wave()
    for bad in (np.nan, np.inf):
        broken = X[:, :, 0].copy()
        broken[3, 2] = bad
        with pytest.raises(ValueError, match="contains"):
            BaseNNClassifier().fit(broken, y)
