"""Parts are replaced one by one, and their fall is spread over them."""

import keras
import numpy as np
import pandas as pd
import pytest

from skmm import BaseNNRegressor, MultimodalRegressor
from skmm.frame import ModalitySpec
from skmm.inspection import _occlusion
from skmm.inspection._explain import explain
from skmm.inspection._occlusion import _masks, _word_masks
from skmm.inspection._subject import Reading

RNG = np.random.RandomState(0)


def linear(spec, n_outputs):
    inputs = keras.Input(spec.shape)
    flat = keras.layers.Flatten()(inputs)
    return keras.Model(inputs, keras.layers.Dense(n_outputs)(flat))


@pytest.fixture(scope="module")
def images():
    """A linear model of images, its weights, and rows."""
    X = RNG.normal(size=(40, 4, 6, 1))
    model = BaseNNRegressor(linear, epochs=2, random_state=0).fit(X, X.sum((1, 2, 3)))
    origin = model.predict(np.zeros((1, 4, 6, 1)))
    weights = model.predict(np.eye(24).reshape(24, 4, 6, 1)) - origin
    return model, weights.reshape(4, 6, 1), X[:3]


@pytest.mark.parametrize("patch", [1, 2, 4])
def test_patches_share_their_fall_evenly(images, patch):
    model, weights, X = images
    found = explain(model, X, method="occlusion", patch=patch).values["x"]
    parts = X * weights
    expected = np.empty_like(parts)
    for i in range(0, 4, patch):
        for j in range(0, 6, patch):
            place = (slice(None), slice(i, i + patch), slice(j, j + patch))
            expected[place] = parts[place].mean(axis=(1, 2, 3), keepdims=True)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_copies_are_made_in_parts_of_bounded_size(images, monkeypatch):
    model, _, X = images
    expected = explain(model, X, method="occlusion").values["x"]
    monkeypatch.setattr(_occlusion, "COPIES", 5)
    found = explain(model, X, method="occlusion").values["x"]
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.fixture(scope="module")
def texts():
    X = pd.DataFrame(
        {
            "age": RNG.normal(size=60),
            "ward": RNG.choice(["north", "south"], size=60),
            "note": RNG.choice(["high fever", "no fever today", "pain"], size=60),
        }
    )
    parts = [("t", "tabular", ["age", "ward"]), ("n", "text", "note")]
    model = MultimodalRegressor(parts, epochs=3, ensemble_size=1, random_state=0)
    return model.fit(X, X["age"] + (X["note"] == "pain")), X[:6]


def test_columns_and_words_fall_as_the_model_itself_says(texts):
    model, X = texts
    found = explain(model, X, method="occlusion")
    frame = found.frame
    whole = model.predict(frame)
    hidden = frame[np.arange(6)]
    hidden.arrays["t"] = hidden["t"].copy()
    ward = [label == "ward" for label in found.reading.columns["t"]]
    hidden.arrays["t"][:, ward] = 0
    expected = whole - model.predict(hidden)
    np.testing.assert_allclose(found.by_column("t")["ward"], expected, atol=1e-5)
    row = int(np.flatnonzero(X["note"] == "no fever today")[0])
    words, spans = found.reading.words["n"][row]
    for word in range(3):
        hidden = frame[[row]]
        covers = (spans[:, 0] <= word) & (word < spans[:, 1])
        hidden.arrays["n"] = hidden["n"].copy()
        hidden.arrays["n"][0, : len(spans)][covers] = 0
        fall = whole[row] - model.predict(hidden)[0]
        assert found.by_word("n", row)[word] == (
            words[word],
            pytest.approx(fall, abs=1e-5),
        )


def test_a_pair_alone_is_blamed_where_the_words_are_not_known():
    spans = np.array([[0, 1], [0, 2], [1, 3]])
    masks = [(h.tolist(), b.tolist()) for h, b in _word_masks(list("abc"), spans, 4)]
    assert masks == [
        ([True, True, False, False], [True, False, False, False]),
        ([False, True, True, False], [False, True, True, False]),
        ([False, False, True, False], [False, False, True, False]),
    ]


@pytest.mark.parametrize(
    ("kind", "shape", "n_parts"),
    [
        ("image", (16, 24, 3), 64),
        ("image", (2, 8, 8, 1), 128),
        ("audio", (64, 32, 1), 64),
        ("timeseries", (32, 2), 32),
        ("text", (5,), 5),
    ],
)
def test_parts_cover_everything_once(kind, shape, n_parts):
    spec = ModalitySpec("m", kind, shape, "float32", "mlp")
    masks = _masks(Reading(None, {}, {}, {}), spec, None)
    assert len(masks) == n_parts
    assert (np.sum(masks, axis=0) == 1).all()
