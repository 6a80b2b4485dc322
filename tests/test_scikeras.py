"""Wrappers of scikeras convert, parameters and all."""

import keras
import numpy as np
import pytest
from sklearn.datasets import load_iris

from skmm import BaseNNClassifier, BaseNNRegressor

X, Y = load_iris(return_X_y=True)


def get_clf(meta, hidden_layer_sizes=(10,), dropout=0.0):
    model = keras.Sequential([keras.layers.Input(shape=(meta["n_features_in_"],))])
    for size in hidden_layer_sizes:
        model.add(keras.layers.Dense(size, activation="relu"))
        model.add(keras.layers.Dropout(dropout))
    model.add(keras.layers.Dense(meta["n_classes_"], activation="softmax"))
    return model


def get_reg(meta):
    layers = [keras.layers.Input((meta["n_features_in_"],)), keras.layers.Dense(1)]
    return keras.Sequential(layers)


@pytest.fixture(scope="module")
def wrappers():
    """scikeras, imported as its users do."""
    return pytest.importorskip("scikeras.wrappers")


def test_a_classifier_converts_with_its_parameters(wrappers):
    theirs = wrappers.KerasClassifier(
        model=get_clf,
        loss="sparse_categorical_crossentropy",
        optimizer="adam",
        optimizer__learning_rate=0.02,
        model__dropout=0.1,
        hidden_layer_sizes=(12,),
        epochs=15,
        batch_size=16,
        random_state=3,
        verbose=0,
    )
    ours = BaseNNClassifier.from_scikeras(theirs)
    assert ours.network is get_clf
    assert ours.network_params == {"dropout": 0.1, "hidden_layer_sizes": (12,)}
    assert ours.loss == "sparse_categorical_crossentropy"
    assert (ours.optimizer, ours.learning_rate) == ("adam", 0.02)
    assert (ours.epochs, ours.batch_size, ours.random_state) == (15, 16, 3)
    assert ours.schedule == "constant"
    assert ours.fit(X, Y).score(X, Y) > 0.9


def test_optimizer_classes_and_callback_dicts_convert(wrappers):
    stop = keras.callbacks.EarlyStopping(monitor="loss", patience=1)
    theirs = wrappers.KerasClassifier(
        model=get_clf, optimizer=keras.optimizers.SGD, callbacks={"es": stop}
    )
    ours = BaseNNClassifier.from_scikeras(theirs, epochs=2)
    assert ours.optimizer == "SGD"
    assert ours.callbacks == [stop]
    assert ours.epochs == 2


def test_a_regressor_converts(wrappers):
    theirs = wrappers.KerasRegressor(model=get_reg, loss="mse", epochs=2, verbose=0)
    ours = BaseNNRegressor.from_scikeras(theirs).fit(X, X[:, 0])
    assert np.isfinite(ours.predict(X)).all()


def test_what_has_no_counterpart_is_refused(wrappers):
    with pytest.raises(ValueError, match=r"validation_split.*X_val"):
        BaseNNClassifier.from_scikeras(
            wrappers.KerasClassifier(model=get_clf, validation_split=0.2)
        )
    with pytest.raises(ValueError, match="cannot translate optimizer__clipvalue"):
        BaseNNClassifier.from_scikeras(
            wrappers.KerasClassifier(model=get_clf, optimizer__clipvalue=0.5)
        )


def test_a_finished_model_or_another_estimator_is_refused(wrappers):
    with pytest.raises(ValueError, match="builder function"):
        BaseNNClassifier.from_scikeras(
            wrappers.KerasClassifier(model=keras.Sequential())
        )
    with pytest.raises(ValueError, match="wrapper of scikeras, got BaseNNClassifier"):
        BaseNNClassifier.from_scikeras(BaseNNClassifier())
