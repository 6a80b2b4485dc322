"""Members that share weights, in the manner of TabM, to compare the estimators with.

Gorishniy et al. (2024), arXiv:2410.24210: a hidden layer of a member i is
relu(s_i * (W (r_i * x)) + b_i), where W is shared. The members begin with draws of
their own of -1 and 1 for r_i of the first layer, have heads of their own, are trained
by the mean of their losses, and predict the mean of their probabilities. What is not of
the paper is skmm's: features, width, dropout, step sizes, rows set apart to stop on.
"""

from functools import lru_cache

import keras
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.model_selection import KFold, StratifiedKFold

from skmm import ModalityTransformer
from skmm.encoders.mlp import MLPEncoder

EPOCHS, RATE, DECAY, DROPOUT = 50, 0.002, 0.001, 0.3
PATIENCE = 10


class SharedDense(keras.layers.Layer):
    """A hidden layer of (batch, members, features) whose members share the kernel."""

    def __init__(self, units, signs):
        super().__init__()
        self.units = units
        self.signs = signs

    def build(self, shape):
        """Draw the weights."""
        _, members, n = shape
        start = keras.initializers.HeNormal()
        self.kernel = self.add_weight(shape=(n, self.units), initializer=start)
        self.inward = self.add_weight(
            shape=(members, n), initializer=_signs if self.signs else "ones"
        )
        self.outward = self.add_weight(shape=(members, self.units), initializer="ones")
        self.bias = self.add_weight(shape=(members, self.units), initializer="zeros")

    def call(self, x):
        """Return (batch, members, units)."""
        hidden = keras.ops.matmul(x * self.inward, self.kernel)
        return keras.ops.relu(hidden * self.outward + self.bias)


def _signs(shape, dtype=None):
    return keras.ops.sign(keras.random.uniform(shape, -1, 1, dtype=dtype))


def _cross_entropy(y, z):
    return -keras.ops.mean(keras.ops.sum(y * keras.ops.log_softmax(z), axis=-1))


def _squared_error(y, z):
    return keras.ops.mean(keras.ops.square(y - z))


def _network(spec, n_members, n_outputs):
    inputs = keras.Input(spec.shape, dtype=spec.dtype)
    x = MLPEncoder()._features(inputs, spec)
    x = keras.layers.RepeatVector(n_members)(x)
    for i in range(2):
        x = keras.layers.Dropout(DROPOUT)(SharedDense(128, signs=i == 0)(x))
    heads = (n_members, n_outputs)
    return keras.Model(
        inputs, keras.layers.EinsumDense("bkd,kdo->bko", heads, bias_axes="ko")(x)
    )


@lru_cache(4)
def _compiled(spec, n_members, n_outputs, n_steps, loss):
    network = _network(spec, n_members, n_outputs)
    rate = keras.optimizers.schedules.CosineDecay(RATE, EPOCHS * n_steps)
    optimizer = keras.optimizers.AdamW(rate, weight_decay=DECAY, global_clipnorm=1.0)
    network.compile(optimizer, loss, steps_per_execution=n_steps)
    optimizer.build(network.trainable_variables)
    return network


class _TabM(BaseEstimator):
    """Train `n_networks` on all rows but a fifth each, on which they stop."""

    def __init__(self, n_networks=5, n_members=16, random_state=None):
        self.n_networks = n_networks
        self.n_members = n_members
        self.random_state = random_state

    def fit(self, X, y):
        """Train the networks one after another."""
        keras.utils.set_random_seed(self.random_state)
        self.transformer_ = ModalityTransformer().fit(X)
        (array,), target = self._arrays(X), self._target(np.asarray(y))
        self.weights_ = [
            self._train(
                array[train], target[train], (array[held_out], target[held_out])
            )
            for train, held_out in self._parts(y)
        ]
        return self

    def _train(self, array, target, held_out):
        (spec,) = self.transformer_.specs_.values()
        size = int(np.clip(len(array) // 32, 32, 256))
        shape = self.n_members, target.shape[-1]
        network = _compiled(spec, *shape, -(-len(array) // size), self._loss)
        network.set_weights(_network(spec, *shape).get_weights())
        for variable in network.optimizer.variables:
            variable.assign(keras.ops.zeros_like(variable))
        stop = keras.callbacks.EarlyStopping(
            patience=PATIENCE, restore_best_weights=True
        )
        settings = {"batch_size": size, "epochs": EPOCHS, "verbose": 0}
        settings |= {"validation_data": held_out, "callbacks": [stop]}
        network.fit(array, target, **settings)
        self.network_ = network
        return network.get_weights()

    def _arrays(self, X):
        return list(self.transformer_.transform(X).arrays.values())

    def _parts(self, y):
        split = self._folds(5, shuffle=True, random_state=self.random_state)
        return list(split.split(np.zeros(len(y)), y))[: self.n_networks]

    def _outputs(self, X):
        """List what every member says, (members, rows, outputs)."""
        (array,), found = self._arrays(X), []
        for weights in self.weights_:
            self.network_.set_weights(weights)
            found.append(np.asarray(self.network_(array)))
        return np.concatenate(found, axis=1).transpose(1, 0, 2)


class TabMClassifier(ClassifierMixin, _TabM):
    """Classify the rows of a table."""

    _folds = StratifiedKFold
    _loss = staticmethod(_cross_entropy)

    def _target(self, y):
        self.classes_, codes = np.unique(y, return_inverse=True)
        return np.eye(len(self.classes_), dtype=np.float32)[codes][:, None]

    def predict_proba(self, X):
        """Return (rows, classes)."""
        z = self._outputs(X).astype(np.float64)  # shares sum to 1
        shares = np.exp(z - z.max(axis=-1, keepdims=True))
        shares /= shares.sum(axis=-1, keepdims=True)
        return shares.mean(axis=0)

    def predict(self, X):
        """Return one answer for each row."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


class TabMRegressor(RegressorMixin, _TabM):
    """Predict a number for each row of a table."""

    _folds = KFold
    _loss = staticmethod(_squared_error)

    def _target(self, y):
        self.mean_, self.scale_ = y.mean(), y.std()
        return ((y - self.mean_) / self.scale_).astype(np.float32)[:, None, None]

    def predict(self, X):
        """Return one answer for each row."""
        return self._outputs(X).mean(axis=0)[:, 0] * self.scale_ + self.mean_
