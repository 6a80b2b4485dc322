"""Networks of one encoder: built for a spec, trained on a toy."""

import keras
import numpy as np
import pytest

from skmm import ModalitySpec


@pytest.fixture
def build():
    """Make a function that builds the network of an encoder on its own."""

    def build(encoder, kind, shape, dtype="float32", **spec):
        keras.utils.set_random_seed(0)
        spec = ModalitySpec("m", kind, shape, dtype, "mlp", **spec)
        x = keras.Input(shape, dtype=dtype, name="m")
        return keras.Model(x, encoder.encode(x, spec))

    return build


@pytest.fixture
def accuracy(build):
    """Make a function that trains on 3 of 4 rows and scores the others."""

    def accuracy(encoder, x, y, kind, *, epochs=15, **spec):
        network = build(encoder, kind, x.shape[1:], x.dtype.name, **spec)
        head = keras.layers.Dense(1, activation="sigmoid")(network.output)
        model = keras.Model(network.input, head)
        adam = keras.optimizers.Adam(0.005)
        model.compile(adam, "binary_crossentropy", jit_compile=False)
        cut = 3 * len(x) // 4
        model.fit(x[:cut], y[:cut], batch_size=16, epochs=epochs, verbose=0)
        decided = model.predict_on_batch(x[cut:])[:, 0] > 0.5
        return (decided == y[cut:]).mean()

    return accuracy


@pytest.fixture
def upright_or_flat():
    """Draw images of an upright or a flat line anywhere, and which it is."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 60, (160, 12, 12, 1)).astype("uint8")
    y = np.arange(160) % 2 == 0
    for image, upright in zip(x, y, strict=True):
        i, j = rng.integers(0, 8, 2)
        line = image[i : i + 5, j] if upright else image[i, j : j + 5]
        line[:] = 220
    return x, y
