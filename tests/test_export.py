"""What is exported predicts the same without the estimator, by what its words say."""

import hashlib
import json
import re
import subprocess
import sys
import unicodedata

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from skmm import (
    BaseNNClassifier,
    BaseNNRegressor,
    ModalityTransformer,
    MultimodalClassifier,
    MultimodalRegressor,
)
from skmm.encoders.embedding_bag import EmbeddingBagEncoder
from skmm.encoders.mlp import MLPEncoder
from skmm.encoders.pretrained import PretrainedEncoder
from skmm.exceptions import MissingModalityWarning, PersistenceError
from skmm.fusion.concat import ConcatFusion
from skmm.modalities.image import ImageModality

N = 48
SMALL = {
    "encoders": [
        ("facts", MLPEncoder(8, (8,), n_frequencies=2)),
        ("note", EmbeddingBagEncoder(8, 8)),
    ],
    "fusion": ConcatFusion(8),
    "epochs": 3,
    "random_state": 0,
}
TRIPLES = [
    ("facts", "tabular", ["age", "sex", "day", "town", "same"]),
    ("note", "text", ["note", "title"]),
]


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    words = ["fever", "Cough", "rash", "3.5", "don\u2019t", "mild"]
    y = rng.integers(0, 3, N)
    X = pd.DataFrame(
        {
            "age": rng.normal(50, 10, N),
            "sex": rng.choice(["F", "M"], N),
            "day": pd.date_range("2024-01-01", periods=N, freq="37h"),
            "town": [f"t{i % 12}" for i in range(N)],
            "same": 1.0,
            "note": [" ".join([words[k], *rng.choice(words, 4)]) for k in y],
            "title": rng.choice(words, N),
        }
    )
    X.loc[::5, "age"] = np.nan
    X.loc[::7, ["note", "title"]] = None
    X.loc[3, ["age", "sex", "day", "town", "same"]] = None
    return X, np.array(["a", "b", "c"])[y]


@pytest.fixture(scope="module")
def model(rows):
    """Two networks, pooled, with a temperature."""
    settings = {**SMALL, "ensemble_size": 2, "calibrate": "temperature"}
    return MultimodalClassifier(TRIPLES, **settings).fit(*rows)


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("export") / "model"
    model.export(folder)
    return folder


@pytest.fixture(scope="module")
def described(exported):
    return json.loads((exported / "preprocessing.json").read_text(encoding="utf-8"))


def serve(folder, arrays):
    """Ask a SavedModel."""
    served = tf.saved_model.load(str(folder / "saved_model")).signatures
    given = {name: tf.constant(array) for name, array in arrays.items()}
    return {k: v.numpy() for k, v in served["serving_default"](**given).items()}


def named(model, X):
    """What the estimator itself would give its network."""
    names = [x.name for x in model.network_.inputs]
    return dict(zip(names, model._read(X), strict=True))


def test_the_folder_has_all_that_is_promised(exported):
    found = {path.name for path in exported.iterdir()}
    assert found == {"README.txt", "model.keras", "preprocessing.json", "saved_model"}
    assert "serve(facts=facts, note=note, present=present)" in (
        (exported / "README.txt").read_text(encoding="utf-8")
    )


def test_a_saved_model_gives_the_same_probabilities(model, exported, rows):
    X = rows[0].copy()
    X.loc[5] = None
    with pytest.warns(MissingModalityWarning, match="1 of 48 rows"):
        expected = model.predict_proba(X)
    found = serve(exported, named(model, X))
    np.testing.assert_allclose(found["probabilities"], expected, atol=1e-6)
    np.testing.assert_allclose(found["embedding"], model.transform(X), atol=1e-5)


# In Python's own words, from nothing but the JSON.
class Reading:
    """Turn rows into arrays as preprocessing.json says."""

    def __init__(self, described):
        self.described = described

    def arrays(self, X):
        made = {}
        here = []
        for part in self.described["inputs"]:
            reader = {"tabular": self.table, "text": self.text}[part["kind"]]
            learned = part["transform"]["learned"]
            parameters = part["transform"]["parameters"]
            array = np.stack(
                [
                    reader(row[part["columns"]], learned, parameters)
                    for _, row in X.iterrows()
                ]
            )
            absent = X[part["columns"]].isna().all(axis=1).to_numpy()
            array[absent] = 0
            here.append(~absent)
            shape = part["input"]["shape"]
            filler = np.nan if "NaN" in part["input"]["how"] else 0
            whole = np.full((len(X), *shape), filler, part["input"]["dtype"])
            whole[:, : array.shape[1]] = array
            made[part["input"]["name"]] = whole
        present = self.described["present"]
        made[present["input"]] = np.stack(here, axis=1).astype(present["dtype"])
        return made

    def table(self, row, learned, parameters):
        numbers, dates, ones, gaps, codes = [], [], [], [], []
        for value, column in zip(row, learned["columns_"], strict=True):
            missing = pd.isna(value)
            if column["has_gaps"]:
                gaps.append(missing)
            if column["kind"] == "number":
                numbers.append(self.scaled(np.nan if missing else value, column))
            elif column["kind"] == "date":
                days = (
                    np.nan
                    if missing
                    else (value - pd.Timestamp("1970-01-01")) / pd.Timedelta("1D")
                )
                dates.append(self.scaled(days, column))
                for cycle in column["cycles"]:
                    angle = 2 * np.pi * self.phase(value, days, cycle)
                    dates += [0, 0] if missing else [np.sin(angle), np.cos(angle)]
            else:
                known = column["categories"]
                if column["is_coded"]:
                    codes.append(known.index(value) + 1 if value in known else 0)
                else:
                    ones += [value == category for category in known]
        return np.array([*numbers, *dates, *ones, *gaps, *codes], float)

    def phase(self, day, days, cycle):
        if np.isnan(days):
            return 0
        phases = {"month": (day.month - 1) / 12, "weekday": int(days) % 7 / 7}
        return {**phases, "hour": days % 1}[cycle]

    def scaled(self, value, column):
        scale = float(column["scale"])
        z = 0.0 if np.isnan(value) else (value - column["center"]) / scale
        return z / np.sqrt(1 + (z / 3) ** 2)

    def text(self, row, learned, parameters):
        vocabulary = {h: i for i, h in enumerate(learned["vocabulary_"], start=1)}
        low, high = parameters["ngram_range"]
        ids = []
        for n in range(low, high + 1):
            for value in row:
                hashes = [self.hashed(w) for w in self.words(value)]
                for i in range(len(hashes) - n + 1):
                    h = hashes[i]
                    for w in hashes[i + 1 : i + n]:
                        h = (h * 0x9E3779B97F4A7C15 + w) * 0x9E3779B97F4A7C15 % 2**64
                    ids.append(vocabulary.get(h >> 32, 0))
        ids = [i for i in ids if i][: learned["n_tokens_"]]
        return np.array(ids + [0] * (learned["n_tokens_"] - len(ids)))

    def words(self, value):
        if pd.isna(value):
            return []
        clean = unicodedata.normalize("NFKC", value).replace("\u2019", "'").lower()
        (pattern,) = (
            part["transform"]["constants"]["words"]
            for part in self.described["inputs"]
            if part["kind"] == "text"
        )
        return re.findall(pattern, clean)

    def hashed(self, word):
        return int.from_bytes(
            hashlib.blake2b(word.encode(), digest_size=8).digest(), "little"
        )


def test_the_words_suffice_to_make_the_arrays(model, described, rows):
    expected = named(model, rows[0])
    found = Reading(described).arrays(rows[0])
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, atol=1e-6)


def test_the_words_suffice_to_read_the_logits(model, described, rows):
    output = described["output"]
    logits = model.network_(model._read(rows[0]))["logits"].numpy()
    p = np.exp(logits / output["divide_logits_by"])
    p /= p.sum(axis=1, keepdims=True)
    assert output["classes"] == [["a", "b", "c"]]
    np.testing.assert_allclose(p, model.predict_proba(rows[0]), atol=1e-6)


def test_an_empty_row_has_the_logits_that_are_told(model, described, rows):
    logits = np.array(described["present"]["logits_of_a_row_without_any"])
    shares = np.exp(logits) / np.exp(logits).sum()
    _, counts = np.unique(rows[1], return_counts=True)
    np.testing.assert_allclose(shares, counts / N, atol=1e-6)


def test_the_json_is_strict_and_complete(exported, described):
    text = (exported / "preprocessing.json").read_text(encoding="utf-8")
    assert "NaN," not in text
    assert "Infinity" not in text
    table, note = described["inputs"]
    assert table["transform"]["learned"]["columns_"][4]["scale"] == "inf"
    assert table["gives"]["feature_names"][0] == "age"
    assert "IQR" in table["transform"]["how"]
    assert note["transform"]["parameters"]["ngram_range"] == [1, 2]
    assert described["written_by"]["skmm"]


ALONE = """
import json, sys
import numpy as np
folder, kind = sys.argv[1:]
arrays = dict(np.load(folder + "/../arrays.npz"))
if kind == "tensorflow":
    import tensorflow as tf
    serve = tf.saved_model.load(folder + "/saved_model").signatures["serving_default"]
    found = serve(**{k: tf.constant(v) for k, v in arrays.items()})["probabilities"]
    banned = {"skmm"}
else:
    import keras
    import skmm.layers
    network = keras.saving.load_model(folder + "/model.keras")
    found = network([arrays[x.name] for x in network.inputs])["logits"]
    banned = {"skmm.persistence", "skmm.multimodal", "skmm.training"}
assert not banned & set(sys.modules), banned & set(sys.modules)
print("FOUND", json.dumps(np.asarray(found).tolist()))
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["tensorflow", "keras"])
def test_another_process_needs_no_estimator(kind, model, exported, rows):
    arrays = named(model, rows[0])
    np.savez(exported.parent / "arrays.npz", **arrays)
    run = subprocess.run(
        [sys.executable, "-c", ALONE, str(exported), kind],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-1000:]
    found = json.loads(run.stdout.partition("FOUND ")[2])
    expected = model.predict_proba(rows[0])
    if kind == "keras":
        expected = model.network_(list(arrays.values()))["logits"].numpy()
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_one_network_divides_by_its_temperature(rows, tmp_path):
    settings = {"early_stopping": True, "calibrate": "temperature", "guard": False}
    model = MultimodalClassifier(TRIPLES, ensemble_size=1, **settings, **SMALL)
    model.fit(*rows).export(tmp_path / "m")
    assert model.temperature_ != 1
    text = (tmp_path / "m" / "preprocessing.json").read_text(encoding="utf-8")
    assert json.loads(text)["output"]["divide_logits_by"] == model.temperature_
    found = serve(tmp_path / "m", named(model, rows[0]))["probabilities"]
    np.testing.assert_allclose(found, model.predict_proba(rows[0]), atol=1e-6)


def test_numbers_come_back_in_their_own_scale(rows, tmp_path):
    y = np.arange(N) * 1e4
    model = MultimodalRegressor(TRIPLES, ensemble_size=1, **SMALL).fit(rows[0], y)
    model.export(tmp_path / "m")
    found = serve(tmp_path / "m", named(model, rows[0]))["prediction"]
    np.testing.assert_allclose(found[:, 0], model.predict(rows[0]), rtol=1e-5)


TARGETS = {
    "two classes": lambda rng: rng.integers(0, 2, N),
    "yes-no labels": lambda rng: rng.integers(0, 2, (N, 2)),
    "two outputs": lambda rng: rng.integers(0, 3, (N, 2)),
}


@pytest.mark.parametrize("target", TARGETS)
def test_every_kind_of_labels_has_its_probabilities(target, tmp_path):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(N, 3)), TARGETS[target](rng)
    network = MLPEncoder(4, (), n_frequencies=0)
    model = BaseNNClassifier(network, epochs=1, random_state=0).fit(X, y)
    model.export(tmp_path / "m")
    found = serve(tmp_path / "m", named(model, X))
    expected = model.predict_proba(X)
    if target == "two outputs":
        for i, p in enumerate(expected):
            np.testing.assert_allclose(found[f"probabilities_{i}"], p, atol=1e-6)
    else:
        np.testing.assert_allclose(found["probabilities"], expected, atol=1e-6)


def build(n_outputs):
    return keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(n_outputs, activation="sigmoid")]
    )


def test_a_builders_network_is_exported_with_its_own_ending(tmp_path):
    X = np.random.default_rng(0).normal(size=(N, 3))
    model = BaseNNClassifier(build, epochs=1, random_state=0).fit(X, X[:, 0] > 0)
    model.export(tmp_path / "m")
    p = keras.saving.load_model(tmp_path / "m" / "model.keras")(X).numpy()
    np.testing.assert_allclose(p[:, 0], model.predict_proba(X)[:, 1], atol=1e-6)
    found = serve(tmp_path / "m", {"x": X.astype("float32")})["probabilities"]
    np.testing.assert_allclose(found, model.predict_proba(X), atol=1e-6)


def test_a_network_that_keras_cannot_write_is_refused(tmp_path):
    class Mine(keras.Model):
        def __init__(self, n):
            super().__init__()
            self.head = keras.layers.Dense(n.pop())

        def call(self, x):
            return self.head(x)

    X = np.random.default_rng(0).normal(size=(N, 3))
    model = BaseNNRegressor(lambda n_outputs: Mine([n_outputs]), epochs=1).fit(
        X, X[:, 0]
    )
    with pytest.raises(PersistenceError, match=r"cannot be written as model\.keras"):
        model.export(tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


def test_a_frozen_model_is_written_beside(tmp_path):
    rng = np.random.default_rng(0)
    photos = list(rng.integers(0, 256, (N, 6, 6, 3)).astype("uint8"))
    X = pd.DataFrame({"photo": photos, "age": rng.normal(size=N)})
    frozen = keras.Sequential([keras.Input((6, 6, 3)), keras.layers.Flatten()])
    triples = [("photo", ImageModality(6, 3), "photo"), ("facts", "tabular", ["age"])]
    encoders = [("photo", PretrainedEncoder(frozen, units=4)), SMALL["encoders"][0]]
    settings = {**SMALL, "encoders": encoders, "ensemble_size": 1}
    model = MultimodalClassifier(triples, **settings).fit(X, np.arange(N) % 2)
    model.export(tmp_path / "m")
    text = (tmp_path / "m" / "preprocessing.json").read_text(encoding="utf-8")
    part, facts = json.loads(text)["inputs"]
    assert facts["features"] is None
    assert (part["gives"]["shape"], part["input"]["shape"]) == ([6, 6, 3], [108])
    features = keras.saving.load_model(tmp_path / "m" / part["features"]["file"])
    given = named(model, X)["photo"]
    np.testing.assert_allclose(features(np.stack(photos)), given, atol=1e-6)


def test_a_transformer_before_it_may_be_given(rows, tmp_path):
    pipeline = make_pipeline(
        ModalityTransformer(TRIPLES), MultimodalClassifier(ensemble_size=1, **SMALL)
    ).fit(*rows)
    pipeline[-1].export(tmp_path / "with", transformer=pipeline[0])
    pipeline[-1].export(tmp_path / "without")
    read = [tmp_path / n / "preprocessing.json" for n in ("with", "without")]
    whole, bare = (json.loads(p.read_text(encoding="utf-8"))["inputs"] for p in read)
    assert whole[1]["columns"] == ["note", "title"]
    assert whole[1]["transform"]["learned"]["vocabulary_"]
    assert (bare[1]["columns"], bare[1]["transform"]) == (None, None)
    other = ModalityTransformer(TRIPLES[:1]).fit(rows[0])
    with pytest.raises(PersistenceError, match=r"reads \['note'\] as well"):
        pipeline[-1].export(tmp_path / "wrong", transformer=other)


def test_a_long_array_has_a_file_of_its_own(rows, tmp_path):
    settings = {**SMALL, "encoders": [("vector", MLPEncoder(4, (), n_frequencies=0))]}
    X = rows[0][["note"]].assign(note=[f"w{i} w{i + 1} {i}" for i in range(N)])
    triples = [("note", "tfidf", "note")]
    model = MultimodalClassifier(triples, ensemble_size=1, **settings).fit(X, rows[1])
    modality = model.transformer_.modalities_[0][1]
    modality.components_ = np.zeros((len(modality.idf_), 1000), np.float32)
    model.export(tmp_path / "m")
    text = (tmp_path / "m" / "preprocessing.json").read_text(encoding="utf-8")
    learned = json.loads(text)["inputs"][0]["transform"]["learned"]
    assert learned["components_"]["file"] == "note.components_.npy"
    array = np.load(tmp_path / "m" / "note.components_.npy")
    assert list(array.shape) == learned["components_"]["shape"]
    assert learned["text_"]["parameters"]["min_df"] == 2


def test_nothing_is_overwritten(model, tmp_path):
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "mine").touch()
    with pytest.raises(PersistenceError, match="nothing is overwritten"):
        model.export(tmp_path / "m")


def test_an_unfitted_model_has_no_network(tmp_path):
    with pytest.raises(NotFittedError):
        MultimodalClassifier().export(tmp_path / "m")
