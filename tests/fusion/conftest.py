"""Networks of one fusion."""

import keras
import numpy as np
import pytest

WIDTHS = (3, 5)


@pytest.fixture
def join():
    """Make a function that builds a fusion of two modalities and draws its weights."""

    def join(fusion, widths=WIDTHS, n_outputs=4):
        embeddings = [keras.Input((d,)) for d in widths]
        logits = [keras.Input((n_outputs,)) for _ in widths]
        present = keras.Input((len(widths),))
        out = fusion.fuse(embeddings, present, logits)
        network = keras.Model([embeddings, present, logits], out)
        rng = np.random.default_rng(0)
        network.set_weights([rng.normal(size=w.shape) for w in network.get_weights()])
        return network

    return join


@pytest.fixture
def batch():
    """Five rows: embeddings, presence (both, first, second, none, both), logits."""
    rng = np.random.default_rng(1)
    embeddings = [rng.normal(size=(5, d)).astype("float32") for d in WIDTHS]
    present = np.array([[1, 1], [1, 0], [0, 1], [0, 0], [1, 1]], "float32")
    logits = [rng.normal(size=(5, 4)).astype("float32") for _ in WIDTHS]
    return embeddings, present, logits
