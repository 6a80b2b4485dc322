"""TextCNNEncoder: tokens in their order, in any language."""

import numpy as np
import pandas as pd
import pytest

from skmm.encoders.text_cnn import TextCNNEncoder
from skmm.exceptions import ModalityError
from skmm.modalities.text import TextModality

TEXT = {"kind": "text", "dtype": "int32", "vocabulary_size": 30}


def test_it_computes_what_its_equation_says(build):
    encoder = TextCNNEncoder(units=4, filters=2, kernel_sizes=(3,), embedding_dim=5)
    network = build(encoder, shape=(6,), **TEXT)
    table, kernel, bias, w, b, gamma, beta = network.get_weights()
    ids = np.array([[3, 7, 9, 2, 0, 0]], "int32")
    words = np.pad(table[ids[0, :4]], ((1, 1), (0, 0)))
    windows = [np.einsum("kd,kdf", words[t : t + 3], kernel) for t in range(4)]
    found = np.maximum(np.array(windows) + bias, 0).max(axis=0)
    z = found @ w + b
    z = (z - z.mean()) / np.sqrt(z.var() + 1e-3)
    np.testing.assert_allclose(network(ids)[0], gamma * z + beta, rtol=1e-3, atol=1e-5)


def test_padding_behind_a_text_says_nothing(build):
    encoder = TextCNNEncoder(units=8, filters=4)
    short, long = (build(encoder, shape=(n,), **TEXT) for n in (4, 11))
    long.set_weights(short.get_weights())
    ids = np.array([[3, 7, 9, 0], [5, 0, 0, 0]], "int32")
    padded = np.pad(ids, ((0, 0), (0, 7)))
    np.testing.assert_allclose(long(padded), short(ids), atol=1e-5)


def test_order_says_something(build):
    network = build(TextCNNEncoder(units=8, filters=4), shape=(6,), **TEXT)
    ids = np.array([[3, 7, 9, 4, 5, 6], [9, 3, 7, 6, 5, 4]], "int32")
    first, second = np.asarray(network(ids))
    assert np.abs(first - second).max() > 1e-3


def test_a_vector_is_refused(build):
    with pytest.raises(ModalityError, match="mlp"):
        build(TextCNNEncoder(), "vector", (3,))


# Who did it to whom: the words are the same, their order decides.
LANGUAGES = {
    "english": ("the {} bites the {} in the {}", "dog man cat".split(), "park garden"),
    "german": ("der {} beißt den {} im {}", "Hund Mann Kater".split(), "Park Garten"),
    "chinese": ("{}在{}里咬{}", ["狗", "男人", "猫"], "公园 花园"),
}


def who_bites_whom(language, n=160):
    template, who, where = LANGUAGES[language]
    rng = np.random.default_rng(0)
    pairs = [rng.permutation(who)[:2] for _ in range(n)]
    order = (0, 2, 1) if language == "chinese" else (0, 1, 2)
    texts = []
    for a, b in pairs:
        parts = (a, b, rng.choice(where.split()))
        texts.append(template.format(*(parts[i] for i in order)))
    return pd.DataFrame({"note": texts}), np.array([a == who[0] for a, _ in pairs])


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_learns_who_bites_whom(language, accuracy):
    X, y = who_bites_whom(language)
    text = TextModality(ngram_range=(1, 1)).fit(X)
    ids, size = text.transform(X).array, text.spec("note").vocabulary_size
    encoder = TextCNNEncoder(filters=16)
    assert accuracy(encoder, ids, y, "text", vocabulary_size=size) > 0.9
