"""SiameseFusion against its equation, and pairs that are verified."""

import keras
import numpy as np
import pandas as pd
import pytest

from skmm import ModalitySpec, MultimodalClassifier
from skmm._network import multimodal_network
from skmm.encoders.cnn import CNNEncoder
from skmm.encoders.embedding_bag import EmbeddingBagEncoder
from skmm.exceptions import ModalityError
from skmm.fusion.siamese import SiameseFusion


def cosine(a, b):
    return a @ b / np.linalg.norm(a) / np.linalg.norm(b)


def test_it_computes_what_its_equation_says(join, batch):
    network = join(SiameseFusion(units=6))
    layers = {layer.name: layer.get_weights() for layer in network.layers}
    embeddings, present, _ = batch
    s, b = layers["fusion_projector"]
    rows = []
    for row, here in enumerate(present):
        own = []
        for m, h in enumerate(embeddings):
            w, c = layers[f"fusion_value_{m}"]
            own.append(here[m] * np.maximum((h[row] @ w + c) @ s + b, 0))
        alike = np.zeros(13)
        if here.all():
            alike[:6], alike[6:12] = np.abs(own[0] - own[1]), own[0] * own[1]
            alike[12] = cosine(*own)
        rows.append(np.concatenate([*own, alike]))
    w, c = layers["fusion_hidden"]
    expected = np.maximum(np.array(rows) @ w + c, 0)
    np.testing.assert_allclose(network(batch), expected, rtol=1e-4, atol=1e-4)


def test_it_has_the_weights_that_its_notes_count(join):
    n_weights = join(SiameseFusion(units=6)).count_params()
    assert n_weights == (3 + 1 + 5 + 1) * 6 + (6 + 1) * 6 + ((2 + 2) * 6 + 2) * 6
    same = join(SiameseFusion(units=6, symmetric=True), widths=(3, 3)).count_params()
    assert same == (3 + 1) * 6 + (6 + 1) * 6 + ((1 + 2) * 6 + 2) * 6


def pair_network(fusion, encoder=None, shapes=((8, 8, 1), (8, 8, 1))):
    keras.utils.set_random_seed(0)
    specs = [
        ModalitySpec(f"p{i}", "image", shape, "uint8", "cnn")
        for i, shape in enumerate(shapes)
    ]
    return multimodal_network(specs, [encoder or CNNEncoder()] * 2, fusion, 1)


def test_pairs_may_be_swapped_where_it_is_symmetric():
    network = pair_network(SiameseFusion(symmetric=True))
    a, b = np.random.default_rng(0).integers(0, 256, (2, 4, 8, 8, 1)).astype("uint8")
    both = np.ones((4, 2), "float32")
    there, back = network([a, b, both])["logits"], network([b, a, both])["logits"]
    np.testing.assert_allclose(there, back, rtol=1e-5, atol=1e-6)
    assert not np.allclose(there, network([a, a, both])["logits"])


def test_an_estimator_may_be_asked_the_other_way_round():
    pictures = np.random.default_rng(1).integers(0, 256, (2, 30, 8, 8), dtype=np.uint8)
    X = pd.DataFrame({"a": list(pictures[0]), "b": list(pictures[1])})
    y = np.arange(30) % 2
    model = MultimodalClassifier(
        [("a", "image", "a"), ("b", "image", "b")],
        fusion=SiameseFusion(symmetric=True),
        ensemble_size=1,
        guard=False,
        epochs=2,
        random_state=0,
    ).fit(X, y)
    swapped = X.rename(columns={"a": "b", "b": "a"})[["a", "b"]]
    there, back = model.predict_proba(X), model.predict_proba(swapped)
    np.testing.assert_allclose(there, back, rtol=1e-5)


def test_embeddings_of_unlike_widths_cannot_be_compared():
    inputs = [keras.Input((3,)), keras.Input((5,))], keras.Input((2,)), []
    with pytest.raises(ModalityError, match=r"one width, got \[3, 5\]"):
        SiameseFusion(symmetric=True).fuse(*inputs)


def test_words_and_categories_are_not_shared():
    specs = [
        ModalitySpec(name, "text", (9,), "int32", "embedding_bag", vocabulary_size=20)
        for name in "ab"
    ]
    encoders = [EmbeddingBagEncoder()] * 2
    network = multimodal_network(specs, encoders, SiameseFusion(symmetric=True), 1)
    shared = [layer.name for layer in network.layers if "shared" in layer.name]
    assert shared == ["a_shared", "b_shared"]


def test_encoders_are_shared_by_what_is_alike_alone():
    def n_weights(*args, **kwargs):
        return pair_network(*args, **kwargs).count_params()

    shared = n_weights(SiameseFusion(symmetric=True))
    assert shared < n_weights(SiameseFusion())
    unlike = ((8, 8, 1), (9, 9, 1))
    assert n_weights(SiameseFusion(symmetric=True), shapes=unlike) > shared
