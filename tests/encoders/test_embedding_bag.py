"""EmbeddingBagEncoder: tokens without their order."""

import keras
import numpy as np
import pandas as pd
import pytest

from skmm.encoders.embedding_bag import EmbeddingBagEncoder
from skmm.exceptions import ModalityError
from skmm.modalities.text import TextModality

TEXT = {"kind": "text", "dtype": "int32", "vocabulary_size": 30}


@pytest.fixture
def network(build):
    return build(EmbeddingBagEncoder(units=8, embedding_dim=5), shape=(6,), **TEXT)


def test_it_computes_what_its_equation_says(network):
    table, w, b, gamma, beta = network.get_weights()
    ids = np.array([[3, 7, 9, 9, 0, 0]], "int32")
    weight = 1 + np.log([3, 7, 9, 9])
    z = weight @ table[[3, 7, 9, 9]] / np.linalg.norm(weight) @ w + b
    z = (z - z.mean()) / np.sqrt(z.var() + 1)
    np.testing.assert_allclose(network(ids)[0], gamma * z + beta, rtol=1e-3, atol=1e-5)


def test_order_and_padding_say_nothing(network):
    ids = np.array([[3, 7, 9, 0, 0, 0], [0, 9, 0, 7, 3, 0]], "int32")
    first, second = network(ids)
    np.testing.assert_allclose(first, second, atol=1e-5)


def test_whole_tokens_are_dropped(build):
    network = build(EmbeddingBagEncoder(dropout=0.5), shape=(6,), **TEXT)
    tokens = keras.Model(network.input, network.get_layer("m_dropout").output)
    ids = np.random.default_rng(0).integers(1, 30, (20, 6))
    share = (np.asarray(tokens(ids, training=True)) == 0).mean(axis=2)
    assert set(np.unique(share)) == {0.0, 1.0}
    assert 0.3 < share.mean() < 0.7


def test_it_learns_which_words_matter(accuracy):
    ids = np.random.default_rng(0).integers(1, 30, (240, 8)).astype("int32")
    y = (ids < 4).any(axis=1)
    text = {k: v for k, v in TEXT.items() if k != "dtype"}
    assert accuracy(EmbeddingBagEncoder(), ids, y, **text) > 0.8


def test_trained_on_clean_names_it_reads_misspelt_ones_by_their_characters(accuracy):
    painkillers = ["Ibuprofen", "Paracetamol", "Kopfschmerztablette", "Diclofenac"]
    others = ["Amoxicillin", "Metformin", "Erkältungstee", "Atorvastatin"]
    rng = np.random.default_rng(0)
    names = rng.choice(painkillers + others, 240)
    y = np.isin(names, painkillers)
    for i in range(180, 240):  # those it is scored on: two letters swapped
        at = rng.integers(1, len(names[i]) - 2)
        name = names[i]
        names[i] = name[:at] + name[at + 1] + name[at] + name[at + 2 :]
    X = pd.DataFrame({"drug": names})
    scores = {}
    for chars in (None, (2, 4)):
        text = TextModality(char_range=chars).fit(X[:180])
        size = text.spec("drug").vocabulary_size
        ids = text.transform(X).array
        encoder = EmbeddingBagEncoder()
        scores[chars] = accuracy(encoder, ids, y, "text", vocabulary_size=size)
    assert scores[None] < 0.7  # it knows next to none of them
    assert scores[2, 4] > 0.85


def test_a_vector_is_refused(build):
    with pytest.raises(ModalityError, match="mlp"):
        build(EmbeddingBagEncoder(), "vector", (3,))
