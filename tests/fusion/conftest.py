"""Networks of one fusion."""

import keras
import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import norm

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


N_TOKENS = 4


@pytest.fixture
def join_tokens():
    """Make a function that builds a fusion of two modalities' tokens."""

    def join(fusion):
        tokens = [keras.Input((N_TOKENS, d)) for d in WIDTHS]
        observed = [keras.Input((N_TOKENS,), dtype="bool") for _ in WIDTHS]
        present = keras.Input((len(WIDTHS),))
        out = fusion.fuse_tokens(tokens, observed, present)
        network = keras.Model([tokens, observed, present], out)
        rng = np.random.default_rng(0)
        network.set_weights(
            [rng.normal(0, 0.5, size=w.shape) for w in network.get_weights()]
        )
        return network

    return join


@pytest.fixture
def token_batch(batch):
    """The five rows with four tokens each, of which some hold nothing."""
    rng = np.random.default_rng(2)
    _, present, _ = batch
    tokens = [rng.normal(size=(5, N_TOKENS, d)).astype("float32") for d in WIDTHS]
    observed = [rng.random((5, N_TOKENS)) < 0.6 for _ in WIDTHS]
    for m, seen in enumerate(observed):
        seen &= present[:, m : m + 1] > 0
        seen[:, 0] = True
    return tokens, observed, present


class Block:
    """`skmm.layers.attention_block` in NumPy, by the weights of a network."""

    def tokens(self, network, tokens):
        """Project tokens and add their places."""
        found = []
        for m, x in enumerate(tokens):
            w, b = network.get_layer(f"fusion_token_{m}").get_weights()
            (places,) = network.get_layer(f"fusion_positions_{m}").get_weights()
            found.append(x @ w + b + places)
        return found

    def normalised(self, network, name, x):
        """Bring each vector to mean 0 and variance 1, then scale and shift."""
        gamma, beta = network.get_layer(name).get_weights()
        x = x - x.mean(axis=-1, keepdims=True)
        return (
            x / np.sqrt(np.square(x).mean(axis=-1, keepdims=True) + 1e-3) * gamma + beta
        )

    def __call__(self, network, name, x, observed, source=None):
        """Attend to the tokens of `source` that are observed, then think."""
        asks = self.normalised(network, f"{name}_norm_attention", x)
        told = asks
        if source is not None:
            told = self.normalised(network, f"{name}_norm_source", source)
        weights = network.get_layer(f"{name}_attention").get_weights()
        q, k, v, out = weights  # (units, heads, size), and (heads, size, units)
        scores = np.einsum("nia,ahs,njb,bhs->nhij", asks, q, told, k)
        scores = np.where(observed[:, None, None], scores / q.shape[2] ** 0.5, -np.inf)
        share = softmax(scores, axis=-1)
        x = x + np.einsum("nhij,njb,bhs,hsu->niu", share, told, v, out)
        y = self.normalised(network, f"{name}_norm_mlp", x)
        w, b = network.get_layer(f"{name}_mlp").get_weights()
        y = y @ w + b
        w, b = network.get_layer(f"{name}_mlp_out").get_weights()
        return x + (y * norm.cdf(y)) @ w + b


@pytest.fixture
def block():
    """A block of attention in NumPy."""
    return Block()
