"""Data, networks and contestants of benchmarks/speed.py.

A contestant is a function of a seed that trains once and returns its seconds and its
accuracy on a held-out quarter. Only the call that trains is timed: what a contestant
needs before it (a new `keras.Model`, tensors out of arrays, a torch module) is made
outside. scikit-learn's estimators, skmm's and scikeras' among them, are cloned outside
and build their network inside `fit`, since that is what a cross-validation pays for.
"""

import gc
import time
import warnings
from collections import namedtuple
from functools import cache, partial

import keras
import numpy as np
import torch
from scikeras.wrappers import KerasClassifier
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neural_network import MLPClassifier
from skorch import NeuralNetClassifier
from skorch.callbacks import GradientNormClipping

from skmm import BaseNNClassifier, ModalityFrame, ModalitySpec, MultimodalClassifier
from skmm.encoders._base import Encoder
from skmm.fusion.concat import ConcatFusion

warnings.simplefilter("ignore", ConvergenceWarning)  # MLPClassifier wants more epochs

RATE = 1e-3  # step size of Adam wherever none is searched
BATCH = 32
LOSS = "sparse_categorical_crossentropy"
WORDS, LENGTH = 5_000, 64  # vocabulary and tokens of the mixed network
BAG_WORDS, BAG_LENGTH = 20_000, 70  # of the bag of words
CLASSES = 5  # of the mixed data
text_spec = partial(
    ModalitySpec, "note", "text", dtype="int32", encoder="embedding_bag"
)
DIGITS = {"n_features_in_": 64, "n_classes_": 10}


Rows = namedtuple("Rows", "X X_test y y_test")  # test: a held-out quarter


def timed(action):
    """Seconds that an action takes, and its result; garbage is collected before."""
    gc.collect()
    started = time.perf_counter()
    result = action()
    return time.perf_counter() - started, result


def digits():
    X, y = all_digits()
    return Rows(*train_test_split(X, y, test_size=0.25, random_state=0, stratify=y))


def all_digits():
    X, y = load_digits(return_X_y=True)
    return (X / 16).astype(np.float32), y


def mixed(n_rows):
    """Draw tables, images and tokens of five classes; each tells a part of it."""
    rng = np.random.default_rng(0)
    y = rng.integers(CLASSES, size=n_rows)
    centres = rng.standard_normal((CLASSES, 20))
    table = 0.15 * centres[y] + rng.standard_normal((n_rows, 20))
    shapes = rng.standard_normal((CLASSES, 7, 7, 1)).repeat(4, axis=1).repeat(4, axis=2)
    image = 128 + 5 * shapes[y] + 40 * rng.standard_normal((n_rows, 28, 28, 1))
    tokens = rng.integers(1, WORDS, (n_rows, LENGTH))
    own = 1 + 20 * y[:, None] + rng.integers(20, size=tokens.shape)
    tokens = np.where(rng.random(tokens.shape) < 0.02, own, tokens)
    arrays = {
        "table": table.astype(np.float32),
        "image": image.clip(0, 255).astype(np.uint8),
        "note": tokens.astype(np.int32),
    }
    specs = {
        "table": ModalitySpec("table", "vector", (20,), "float32", "mlp"),
        "image": ModalitySpec("image", "image", (28, 28, 1), "uint8", "cnn"),
        "note": text_spec(shape=(LENGTH,), vocabulary_size=WORDS),
    }
    return _split(ModalityFrame(arrays, specs), y)


def documents(n_rows):
    """Draw bags of 50 to 70 words whose frequencies fall as in Zipf's law."""
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=n_rows)
    ids = (BAG_WORDS ** rng.random((n_rows, BAG_LENGTH))).astype(int)
    own = 1 + y[:, None] + 2 * rng.integers(200, size=ids.shape)
    ids = np.where(rng.random(ids.shape) < 0.05, own, ids).astype(np.int32)
    ids[np.arange(BAG_LENGTH) >= rng.integers(50, BAG_LENGTH + 1, (n_rows, 1))] = 0
    specs = {"note": text_spec(shape=(BAG_LENGTH,), vocabulary_size=BAG_WORDS)}
    return _split(ModalityFrame({"note": ids}, specs), y)


def _split(frame, y):
    rows = train_test_split(np.arange(len(y)), test_size=0.25, random_state=0)
    return Rows(*(frame[r] for r in rows), *(y[r] for r in rows))


def arrays_of(X):
    """Give a Keras network its inputs: a list of arrays, or the one array."""
    arrays = list(X.arrays.values()) if isinstance(X, ModalityFrame) else [X]
    return arrays if len(arrays) > 1 else arrays[0]


def dense_network(meta):
    """Build one hidden layer of 64, in scikeras' style."""
    x = keras.Input((meta["n_features_in_"],))
    hidden = keras.layers.Dense(64, activation="relu")(x)
    y = keras.layers.Dense(meta["n_classes_"], activation="softmax")(hidden)
    return keras.Model(x, y)


def bag_network():
    """Build the mean of the words' vectors; padding stays out of it."""
    ids = keras.Input((BAG_LENGTH,), dtype="int32")
    words = keras.layers.Embedding(BAG_WORDS, 64, mask_zero=True, name="words")(ids)
    bag = keras.layers.GlobalAveragePooling1D()(words)
    return keras.Model(ids, keras.layers.Dense(2, activation="softmax")(bag))


class NumbersEncoder(Encoder):
    """Hand the numbers on as they are."""

    ranks = (1,)

    def encode(self, x, spec):
        """Add nothing."""
        return x


class PixelsEncoder(Encoder):
    """Two convolutions, each with pooling."""

    ranks = (3,)

    def encode(self, x, spec):
        """Add the layers; returns (batch, 7 * 7 * 32)."""
        x = keras.layers.Rescaling(1 / 255, name=f"{spec.name}_scaled")(x)
        for i, filters in enumerate((16, 32)):
            convolution = keras.layers.Conv2D(
                filters, 3, padding="same", activation="relu", name=f"{spec.name}_{i}"
            )
            x = keras.layers.MaxPooling2D(name=f"{spec.name}_pool_{i}")(convolution(x))
        return keras.layers.Flatten(name=f"{spec.name}_flat")(x)


class TokensEncoder(Encoder):
    """Embedding, one convolution, maximum over the tokens."""

    ranks = (1,)

    def encode(self, x, spec):
        """Add the layers; returns (batch, 32)."""
        x = keras.layers.Embedding(WORDS, 32, name=f"{spec.name}_words")(x)
        convolution = keras.layers.Conv1D(
            32, 5, padding="same", activation="relu", name=f"{spec.name}_conv"
        )
        pool = keras.layers.GlobalMaxPooling1D(name=f"{spec.name}_pool")
        return pool(convolution(x))


ENCODERS = [
    ("table", NumbersEncoder()),
    ("image", PixelsEncoder()),
    ("note", TokensEncoder()),
]


def mixed_network(specs):
    """Build the same layers that skmm is given, from the same encoders."""
    inputs = [keras.Input(s.shape, dtype=s.dtype, name=s.name) for s in specs.values()]
    embeddings = [
        encoder.encode(x, specs[name])
        for x, (name, encoder) in zip(inputs, ENCODERS, strict=True)
    ]
    x = keras.layers.Concatenate()(embeddings)
    x = keras.layers.Dense(64, activation="relu")(x)
    return keras.Model(inputs, keras.layers.Dense(CLASSES, activation="softmax")(x))


class TorchDense(torch.nn.Sequential):
    """One hidden layer of 64."""

    def __init__(self):
        super().__init__(
            torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10)
        )


class TorchMixed(torch.nn.Module):
    """The layers of `mixed_network`."""

    def __init__(self):
        super().__init__()
        nn = torch.nn
        self.pixels = nn.Sequential(
            *(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            nn.Flatten(),
        )
        self.words = nn.Embedding(WORDS, 32)
        nn.init.uniform_(self.words.weight, -0.05, 0.05)  # as Keras does
        self.convolution = nn.Conv1d(32, 32, 5, padding=2)
        width = 20 + 7 * 7 * 32 + 32
        self.head = nn.Sequential(
            nn.Linear(width, 64), nn.ReLU(), nn.Linear(64, CLASSES)
        )

    def forward(self, table, image, note):
        """Return logits (batch, 5)."""
        pixels = self.pixels(image.float() / 255)
        tokens = self.convolution(self.words(note).transpose(1, 2)).relu().amax(2)
        return self.head(torch.cat([table, pixels, tokens], 1))


def torch_arrays(X):
    """Tensors as PyTorch likes them: images with their channels first."""
    arrays = arrays_of(X)
    arrays = arrays if isinstance(arrays, list) else [arrays]
    arrays = [np.moveaxis(a, -1, 1) if a.ndim == 4 else a for a in arrays]
    return [torch.from_numpy(np.ascontiguousarray(a)) for a in arrays]


def _torch_fit(network, x, y, epochs):
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE)
    criterion = torch.nn.CrossEntropyLoss()
    for _ in range(epochs):
        for rows in torch.randperm(len(y)).split(BATCH):
            optimizer.zero_grad()
            criterion(network(*[a[rows] for a in x]), y[rows]).backward()
            optimizer.step()


def of_estimator(estimator, rows, seeded=True):
    """Fit a clone; a seed of scikeras would be the whole process's: it has none."""

    def contest(seed):
        model = clone(estimator)
        if seeded:
            model.set_params(random_state=seed)
        torch.manual_seed(seed)
        seconds, _ = timed(lambda: model.fit(rows.X, rows.y))
        return seconds, float(np.mean(model.predict(rows.X_test) == rows.y_test))

    return contest


def compiled(network):
    network.compile(keras.optimizers.Adam(RATE), LOSS)
    return network


def of_model_fit(build, rows, epochs):
    """Fit a new `keras.Model`, made and compiled outside the time."""

    def contest(seed):
        return _model_fit(compiled(build()), rows, epochs)

    return contest


def of_traced_model_fit(build, rows, epochs):
    """Fit one `keras.Model` again and again, weights and optimizer put back."""

    @cache
    def begin():
        network = compiled(build())
        network.optimizer.build(network.trainable_variables)
        variables = [*network.weights, *network.optimizer.variables]
        return network, [(variable, variable.numpy()) for variable in variables]

    def contest(seed):
        network, start = begin()
        for variable, value in start:
            variable.assign(value)
        return _model_fit(network, rows, epochs)

    return contest


def _model_fit(network, rows, epochs):
    x = arrays_of(rows.X)
    fit = {"batch_size": BATCH, "epochs": epochs, "shuffle": True, "verbose": 0}
    seconds, _ = timed(lambda: network.fit(x, rows.y, **fit))
    probabilities = np.asarray(network(arrays_of(rows.X_test), training=False))
    return seconds, float(np.mean(probabilities.argmax(axis=1) == rows.y_test))


def of_torch_loop(make, rows, epochs):
    """Train in a plain loop that takes batches out of tensors by their index."""
    x, x_test = torch_arrays(rows.X), torch_arrays(rows.X_test)
    y = torch.from_numpy(rows.y.astype(np.int64))

    def contest(seed):
        torch.manual_seed(seed)
        network = make()
        seconds, _ = timed(lambda: _torch_fit(network, x, y, epochs))
        with torch.no_grad():
            predicted = network(*x_test).argmax(1).numpy()
        return seconds, float(np.mean(predicted == rows.y_test))

    return contest


def one_thread(contest):
    """Keep PyTorch to one thread."""

    def alone(seed):
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            return contest(seed)
        finally:
            torch.set_num_threads(threads)

    return alone


def of_search(estimator, rate, decay):
    """Search a grid in five folds, without fitting the winner again."""
    X, y = all_digits()
    grid = {rate: [3e-4, 1e-3, 3e-3], decay: [1e-4, 1e-2]}

    def contest(seed):
        torch.manual_seed(seed)
        search = GridSearchCV(estimator, grid, cv=5, n_jobs=1, refit=False)
        seconds, _ = timed(lambda: search.fit(X, y))
        return seconds, float(search.best_score_)

    return contest


def skmm(kind, *args, epochs, batch_size=BATCH, **params):
    """Make an estimator of skmm that does no more than its peers."""
    plain = {"schedule": "constant", "weight_decay": 0.0, "early_stopping": False}
    params = {"optimizer": keras.optimizers.Adam(RATE), **plain, **params}
    return kind(*args, epochs=epochs, batch_size=batch_size, **params)


skmm_dense = partial(skmm, BaseNNClassifier, dense_network)
skmm_mixed = partial(
    skmm,
    MultimodalClassifier,
    encoders=ENCODERS,
    fusion=ConcatFusion(units=64, dropout=0.0),
    ensemble_size=1,
    aux_weight=0,
    modality_dropout=0,
    modality_swap=0,
)


def scikeras_dense(epochs, optimizer="Adam", **params):
    return KerasClassifier(
        model=dense_network,
        loss=LOSS,
        optimizer=getattr(keras.optimizers, optimizer),
        optimizer__learning_rate=RATE,
        epochs=epochs,
        batch_size=BATCH,
        verbose=0,
        **params,
    )


def sklearn_dense(epochs):
    return MLPClassifier(
        (64,),
        alpha=0.0,
        batch_size=BATCH,
        learning_rate_init=RATE,
        max_iter=epochs,
        n_iter_no_change=10**6,
    )


def skorch_dense(epochs, optimizer="Adam", **params):
    return NeuralNetClassifier(
        TorchDense,
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=getattr(torch.optim, optimizer),
        lr=RATE,
        max_epochs=epochs,
        batch_size=BATCH,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
        **params,
    )


def twins(build, rows, epochs, module=None):
    """Give `Model.fit` and the PyTorch loop, each in its two readings."""
    found = {
        "Model.fit": of_model_fit(build, rows, epochs),
        "Model.fit, traced": of_traced_model_fit(build, rows, epochs),
    }
    if module:
        found["PyTorch loop"] = loop = of_torch_loop(module, rows, epochs)
        found["PyTorch loop, one thread"] = one_thread(loop)
    return found


def digits_contestants(rows, epochs):
    """Give each contestant of S1."""
    skorch = of_estimator(skorch_dense(epochs), rows, seeded=False)
    return {
        "skmm": of_estimator(skmm_dense(epochs=epochs), rows),
        "scikeras": of_estimator(scikeras_dense(epochs), rows, seeded=False),
        "skorch": skorch,
        "skorch, one thread": one_thread(skorch),
        "MLPClassifier": of_estimator(sklearn_dense(epochs), rows),
        **twins(partial(dense_network, DIGITS), rows, epochs, TorchDense),
    }


def search_contestants(epochs):
    """Give each contestant of S3: AdamW with gradients clipped, but in scikit-learn."""
    clip = [("clip", GradientNormClipping(1.0))]
    ours = skmm_dense(epochs=epochs, optimizer="adamw", random_state=0)
    wrapped = scikeras_dense(epochs, "AdamW", optimizer__global_clipnorm=1.0)
    perceptron = sklearn_dense(epochs).set_params(random_state=0)
    torched = skorch_dense(epochs, "AdamW", callbacks=clip)
    searched = ("optimizer__learning_rate", "optimizer__weight_decay")
    return {
        "skmm": of_search(ours, "learning_rate", "weight_decay"),
        "scikeras": of_search(wrapped, *searched),
        "MLPClassifier": of_search(perceptron, "learning_rate_init", "alpha"),
        "skorch, one thread": one_thread(of_search(torched, "lr", searched[1])),
    }


def mixed_contestants(rows, epochs):
    """Give each contestant of S4."""
    ours = of_estimator(skmm_mixed(epochs=epochs), rows)
    build = partial(mixed_network, rows.X.specs)
    return {"skmm": ours, **twins(build, rows, epochs, TorchMixed)}


def bag_contestants(rows, epochs):
    """Give each contestant of S6."""
    ours = of_estimator(skmm(BaseNNClassifier, bag_network, epochs=epochs), rows)
    return {"skmm": ours, **twins(bag_network, rows, epochs)}
