"""PretrainedEncoder: frozen features once for each row, or layers that learn on."""

import pickle
import re
import threading
import warnings
from pathlib import Path

import joblib
import keras
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV, cross_val_score

import skmm
from skmm import (
    BaseNNClassifier,
    ModalityFrame,
    ModalitySpec,
    MultimodalClassifier,
    training,
)
from skmm.encoders import pretrained
from skmm.encoders._snapshot import Snapshot
from skmm.encoders.pretrained import PretrainedEncoder
from skmm.exceptions import ModalityError
from skmm.modalities.image import ImageModality
from skmm.modalities.text import TextModality

RNG = np.random.default_rng(0)
Y = np.arange(40) % 2
N_ABSENT = 2  # rows without a photo


def vision(seed=0):
    """A small convolutional network with its classifier of 3 classes."""
    keras.utils.set_random_seed(seed)
    return keras.Sequential(
        [
            keras.Input((None, None, 3)),
            keras.layers.Rescaling(1 / 127.5, -1),
            keras.layers.Conv2D(6, 3, strides=2, activation="relu", name="first"),
            keras.layers.BatchNormalization(name="norm"),
            keras.layers.Conv2D(8, 3, activation="relu", name="second"),
            keras.layers.GlobalAveragePooling2D(name="pool"),
            keras.layers.Dense(5, activation="relu", name="features"),
            keras.layers.Dense(3, activation="softmax", name="classes"),
        ]
    )


MODEL = vision()
PHOTOS = RNG.integers(0, 100, (40, 9, 9, 3)) + 100 * Y[:, None, None, None]
PHOTOS = PHOTOS.astype("uint8")
TABLE = pd.DataFrame({"x": RNG.normal(size=40), "photo": list(PHOTOS)})
TABLE.loc[[3, 8], "photo"] = None
SPEC = ModalitySpec("photo", "image", (9, 9, 3), "uint8", "cnn")
MODALITIES = [
    ("photo", ImageModality(size=9, channels=3), "photo"),
    ("lab", "tabular", "x"),
]


def encoder(model=MODEL, **params):
    return PretrainedEncoder(model, **{"output": "features", "units": 8} | params)


def estimator(given=None, *, epochs=2, **params):
    given = encoder(**params) if given is None else given
    return MultimodalClassifier(
        MODALITIES,
        encoders=[("photo", given)],
        ensemble_size=1,
        epochs=epochs,
        random_state=0,
    )


def features(x, model=MODEL):
    """What Keras itself computes."""
    inner = keras.Model(model.inputs, model.get_layer("features").output)
    return inner.predict(x.astype("float32"), verbose=0)


def prepared(given, x, spec, present=None):
    present = np.ones(len(x), bool) if present is None else present
    return given.settled(spec).prepare(x, present, spec)


def doubled(x):
    return 2 * x.reshape(len(x), -1)[:, :4].astype("float32")


@pytest.fixture
def counted(monkeypatch):
    """Number of rows that a Keras model was applied to."""
    rows = []
    forward = pretrained.forward

    def count(snapshot, items):
        rows.append(len(items))
        return forward(snapshot, items)

    monkeypatch.setattr(pretrained, "forward", count)
    return lambda: sum(rows)


# Frozen


def test_frozen_features_are_those_of_the_model():
    found, spec = prepared(encoder(batch_size=7), PHOTOS, SPEC)
    assert_allclose(found, features(PHOTOS), rtol=1e-4, atol=1e-6)
    assert (spec.shape, spec.kind, spec.dtype) == ((5,), "vector", "float32")


def test_a_frozen_model_in_the_network_gives_what_was_prepared():
    x, given = keras.Input(SPEC.shape, dtype="uint8"), encoder()
    keras.utils.set_random_seed(1)
    whole = keras.Model(x, given.encode(x, SPEC))
    ready, spec = prepared(given, PHOTOS, SPEC)
    x = keras.Input(spec.shape)
    keras.utils.set_random_seed(1)
    head = keras.Model(x, given.encode(x, spec))
    head.set_weights(_head_weights(whole))
    assert_allclose(head(ready), whole(PHOTOS), atol=1e-4)


def _head_weights(network):
    names = ("photo_project", "photo_embedding")
    return [w for name in names for w in network.get_layer(name).get_weights()]


def test_rows_without_the_modality_are_not_computed(counted):
    present = np.arange(40) > 9
    found, _ = prepared(encoder(), PHOTOS, SPEC, present)
    assert counted() == 30
    assert not found[:10].any()
    assert_allclose(found[10:], features(PHOTOS[10:]), rtol=1e-4, atol=1e-6)


def test_without_any_row_the_width_is_still_known():
    found, spec = prepared(encoder(), PHOTOS, SPEC, np.zeros(40, bool))
    assert spec.shape == (5,) and not found.any()


@pytest.mark.parametrize("trainable", ["none", "all"])
def test_of_several_images_the_mean_of_those_that_are_there_is_taken(trainable):
    spec = ModalitySpec("photo", "image", (2, 9, 9, 3), "float16", "cnn")
    both = PHOTOS[:8].reshape(4, 2, 9, 9, 3).astype("float16")
    both[0, 1] = np.nan
    same = both.copy()
    same[0, 1] = same[0, 0]
    given = encoder(trainable=trainable).settled(spec)
    ready, made = given.prepare(both, np.ones(4, bool), spec)
    again, _ = given.prepare(same, np.ones(4, bool), spec)
    if trainable == "none":
        assert made.shape == (2, 5)
        assert_array_equal(np.isnan(ready).any(-1), np.isnan(both).all((2, 3, 4)))
    x = keras.Input(made.shape, dtype=made.dtype)
    network = keras.Model(x, given.encode(x, made))
    assert np.isfinite(network(ready)).all()
    assert_allclose(network(ready)[0], network(again)[0], atol=1e-4)


def test_an_estimator_computes_features_once_whatever_the_epochs(counted):
    fitted = estimator(epochs=30).fit(TABLE, Y)
    assert counted() == 40 - N_ABSENT
    assert fitted.network_.input_shape[0] == (None, 5)
    assert fitted.score(TABLE, Y) > 0.7


def test_validation_rows_get_features_too(counted):
    fitted = estimator().fit(TABLE, Y, X_val=TABLE[:10], y_val=Y[:10])
    assert counted() == 40 - N_ABSENT + 10 - 2
    assert "val_loss" in fitted.history_


def test_folds_share_features_under_a_memory(tmp_path, counted):
    model = estimator(memory=str(tmp_path))
    scores = cross_val_score(model, TABLE, Y, cv=4)
    assert counted() == 40 - N_ABSENT
    assert_array_equal(cross_val_score(estimator(), TABLE, Y, cv=4), scores)
    model.set_params(
        photo__units=4, photo__memory=joblib.Memory(str(tmp_path), verbose=0)
    )
    before = counted()
    model.fit(TABLE, Y)
    assert counted() == before


def test_other_weights_and_another_scaling_are_other_features(tmp_path, counted):
    memory = str(tmp_path)
    prepared(encoder(memory=memory), PHOTOS, SPEC)
    prepared(encoder(vision(), memory=memory), PHOTOS, SPEC)  # the same, built again
    assert counted() == 40
    found, _ = prepared(encoder(vision(1), memory=memory), PHOTOS, SPEC)
    assert_allclose(found, features(PHOTOS, vision(1)), rtol=1e-4, atol=1e-6)
    prepared(encoder(memory=memory, preprocess=(0.5, 0)), PHOTOS, SPEC)
    assert counted() == 120


def test_texts_are_found_whatever_the_longest_is(tmp_path, counted):
    model = keras.Sequential(
        [keras.Input((None,), dtype="int32"), keras.layers.Embedding(9, 4)]
    )
    given = PretrainedEncoder(model, memory=str(tmp_path))
    ids = np.array([[3, 1, 0], [9, 2, 4]], "int32")
    for extra in (0, 2):
        x = np.pad(ids, ((0, 0), (0, extra)))
        spec = ModalitySpec("m", "text", x.shape[1:], "int32", "mlp", vocabulary_size=9)
        prepared(given, x, spec)
    assert counted() == 2


# Functions and transformers


def test_a_function_gives_features():
    found, spec = prepared(PretrainedEncoder(doubled), PHOTOS, SPEC)
    assert_array_equal(found, doubled(PHOTOS))
    assert spec.shape == (4,)
    scaled, _ = prepared(PretrainedEncoder(doubled, preprocess=(0.5, 1)), PHOTOS, SPEC)
    assert_allclose(scaled, doubled(PHOTOS * 0.5 + 1), rtol=1e-6)
    tf, _ = prepared(PretrainedEncoder(doubled, preprocess="tf"), PHOTOS, SPEC)
    assert_allclose(tf, doubled(PHOTOS / 127.5 - 1), rtol=1e-5, atol=1e-6)


def test_a_fitted_transformer_gives_features_and_survives_cloning():
    flat = PHOTOS.reshape(40, -1)
    pca = PCA(3).fit(flat)
    given = clone(clone(PretrainedEncoder(pca)))
    found, _ = prepared(given, PHOTOS, SPEC)
    assert_allclose(found, pca.transform(flat), rtol=1e-4, atol=1e-3)
    assert given.model is not pca


def test_a_memory_needs_a_model_that_can_be_pickled(tmp_path):
    lock = threading.Lock()
    given = PretrainedEncoder(lambda x: (lock, doubled(x))[1], memory=str(tmp_path))
    with pytest.raises(ValueError, match="memory= needs a model that can be pickled"):
        prepared(given, PHOTOS, SPEC)


def test_a_memory_knows_functions_by_code_and_what_they_enclose(tmp_path):
    def scaling(factor):
        return lambda x: factor * doubled(x)

    memory = str(tmp_path)
    for factor in (1, 3):
        given = PretrainedEncoder(scaling(factor), memory=memory)
        for _ in range(2):
            found, _ = prepared(given, PHOTOS, SPEC)
            assert_array_equal(found, factor * doubled(PHOTOS))
    log = tmp_path / "rows"
    given = PretrainedEncoder(_Logging(log), memory=memory, batch_size=64)
    for n in (30, 40):
        prepared(given, PHOTOS[:n], SPEC)
    assert log.read_text() == "30 10 "


class _Logging:
    """A model that is an object; it writes down how many rows it was given."""

    def __init__(self, path):
        self.path = path

    def __call__(self, x):
        with open(self.path, "a") as file:
            file.write(f"{len(x)} ")
        return doubled(x)


def test_estimators_take_functions_and_share_networks_between_folds(monkeypatch):
    built = []
    program = training.Program
    monkeypatch.setattr(
        training, "Program", lambda *a, **k: built.append(1) or program(*a, **k)
    )
    skmm.clear_pool()
    scores = cross_val_score(estimator(PretrainedEncoder(doubled)), TABLE, Y, cv=3)
    assert np.isfinite(scores).all()
    assert len(built) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x: x,
        lambda x: doubled(x)[1:],
        lambda x: doubled(x)[:, 0],
        lambda x: doubled(x).astype(str),
    ],
)
def test_a_function_must_return_one_vector_for_each_row(wrong):
    with pytest.raises(ModalityError, match=r"numbers of shape \(32, d\) for 32 rows"):
        prepared(PretrainedEncoder(wrong), PHOTOS, SPEC)


def test_infinity_is_refused():
    given = PretrainedEncoder(lambda x: np.full((len(x), 2), np.inf))
    with pytest.raises(ModalityError, match="infinity"):
        prepared(given, PHOTOS, SPEC)


# Learning on


def trained(fitted):
    """Weights of the pretrained layer after training, by layer and name."""
    (layer,) = (la for la in fitted.network_.layers if "pretrained" in la.name)
    return {"/".join(v.path.split("/")[-2:]): v.numpy() for v in layer.network.weights}


def start():
    return {"/".join(v.path.split("/")[-2:]): v.numpy() for v in MODEL.weights}


def moved(fitted):
    found, before = trained(fitted), start()
    return {k for k in found if k in before and not np.array_equal(found[k], before[k])}


def test_the_last_layers_learn_and_the_others_stay():
    fitted = estimator(trainable=2).fit(TABLE, Y)
    names = {"second/kernel", "second/bias", "features/kernel", "features/bias"}
    assert moved(fitted) == names
    assert fitted.network_.input_shape[0] == (None, 9, 9, 3)
    for name, value in start().items():  # by a twentieth of the step
        if name in names:
            assert np.abs(trained(fitted)[name] - value).max() < 0.01


def test_all_layers_learn_but_batch_normalisation():
    names = moved(estimator(trainable="all").fit(TABLE, Y))
    assert {"first/kernel", "second/kernel", "features/kernel"} <= names
    assert not any("norm" in name for name in names)


def test_low_rank_adaptation_trains_its_matrices_alone():
    fitted = estimator(trainable="lora", lora_rank=2).fit(TABLE, Y)
    assert moved(fitted) == set()
    found = trained(fitted)
    assert found["features/lora_kernel_b"].any()
    assert found["features/lora_kernel_a"].shape == (8, 2)


@pytest.mark.parametrize("trainable", [1, "all", "lora"])
def test_the_same_seed_gives_the_same_bits_in_a_new_or_a_used_network(trainable):
    model = estimator(trainable=trainable)
    skmm.clear_pool()
    expected = model.fit(TABLE, Y).predict_proba(TABLE)
    clone(model).set_params(random_state=1).fit(TABLE, Y)
    assert_array_equal(clone(model).fit(TABLE, Y).predict_proba(TABLE), expected)


def test_networks_of_other_weights_are_not_confused():
    one, two = estimator(trainable=1), estimator(encoder(vision(1), trainable=1))
    skmm.clear_pool()
    expected = two.fit(TABLE, Y).predict_proba(TABLE)
    one.fit(TABLE, Y)
    assert_array_equal(two.fit(TABLE, Y).predict_proba(TABLE), expected)
    first = trained(two)["first/kernel"]
    assert_array_equal(first, vision(1).get_layer("first").get_weights()[0])


def test_training_goes_on_from_the_weights_of_the_last_fit():
    model = estimator(trainable="lora").set_params(warm_start=True)
    first = trained(model.fit(TABLE, Y))["features/lora_kernel_b"]
    second = trained(model.fit(TABLE, Y))["features/lora_kernel_b"]
    assert not np.array_equal(first, second)
    assert model.n_epochs_ == 4
    model.partial_fit(TABLE, Y)
    assert model.n_epochs_ == 5


# scikit-learn


@pytest.mark.parametrize("trainable", ["none", 1, "lora"])
def test_a_fitted_estimator_pickles_without_the_model_it_was_given(trainable, tmp_path):
    path = tmp_path / "model.keras"
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "__array__ implementation")
        MODEL.save(path)
        fitted = estimator(encoder(path, trainable=trainable)).fit(TABLE, Y)
    path.unlink()
    again = pickle.loads(pickle.dumps(fitted))
    assert_array_equal(again.predict_proba(TABLE), fitted.predict_proba(TABLE))
    assert_array_equal(
        estimator(trainable=trainable).fit(TABLE, Y).predict_proba(TABLE),
        fitted.predict_proba(TABLE),
    )


def test_cloning_copies_a_model_once_and_the_fit_does_not_change_it():
    before = MODEL.get_weights()
    given = encoder(trainable="all")
    copy = clone(given)
    assert isinstance(copy.model, Snapshot) and given.model is MODEL
    assert clone(copy).model is copy.model
    params, expected = copy.get_params(), given.get_params()
    assert params.pop("model").digest == Snapshot.of(expected.pop("model")).digest
    assert params == expected
    estimator(given).fit(TABLE, Y)
    for weight, old in zip(MODEL.get_weights(), before, strict=True):
        assert_array_equal(weight, old)


@pytest.mark.parametrize("trainable", ["none", 1])
def test_a_pickle_holds_weights_that_stay_once(trainable):
    sizes = []
    for width in (3000, 30000):
        layers = [keras.layers.Dense(width), keras.layers.Dense(1, name="features")]
        layers = [keras.Input((1, 1, 3)), keras.layers.Flatten(), *layers]
        given = encoder(keras.Sequential(layers), trainable=trainable)
        fitted = MultimodalClassifier(
            [("photo", ImageModality(size=1, channels=3), "photo")],
            encoders=[("photo", given)],
            ensemble_size=1,
            epochs=1,
        )
        sizes.append(len(pickle.dumps(fitted.fit(TABLE, Y))))
    stay, last = 27000 * 4 * 4, 27000 * 4  # bytes by which the two layers grow
    assert sizes[1] - sizes[0] < 1.1 * (stay + 2 * last)


@pytest.mark.slow
def test_what_learns_is_searched_in_two_processes():
    grid = [
        {"photo__trainable": ["none"], "photo__units": [4]},
        {"photo__trainable": [1], "photo__units": [8]},
    ]
    one = GridSearchCV(estimator(), grid, cv=2).fit(TABLE, Y)
    two = GridSearchCV(estimator(), grid, cv=2, n_jobs=2).fit(TABLE, Y)
    for key in one.cv_results_:
        if key.endswith("test_score") or key == "params":
            assert_array_equal(two.cv_results_[key], one.cv_results_[key])


def test_an_array_is_not_standardised_for_it():
    model = BaseNNClassifier(encoder(), epochs=1, random_state=0)
    model.fit(PHOTOS.astype("float32"), Y)
    frame = ModalityFrame({"photo": PHOTOS}, {"photo": SPEC})
    other = clone(model).fit(frame, Y)
    assert_allclose(
        model.predict_proba(PHOTOS.astype("float32")),
        other.predict_proba(frame),
        atol=1e-4,
    )


def letters(text):
    return [ord(letter) - 97 for letter in text if letter.isalpha()]


@pytest.mark.parametrize("trainable", ["none", "all"])
def test_a_text_model_learns_from_its_own_tokens(trainable):
    keras.utils.set_random_seed(0)
    ids = keras.Input((None,), dtype="int32", name="token_ids")
    mask = keras.Input((None,), dtype="int32", name="padding_mask")
    table = keras.layers.Embedding(26, 6)
    x = table(ids) * keras.ops.cast(mask, "float32")[..., None]
    model = keras.Model({"token_ids": ids, "padding_mask": mask}, x)
    texts = pd.DataFrame({"note": np.where(Y, "bad cold", "all fine")})
    modality = TextModality(tokenizer=letters, max_features=26)
    fitted = MultimodalClassifier(
        [("note", modality, "note")],
        encoders=[("note", PretrainedEncoder(model, trainable=trainable))],
        epochs=10,
        random_state=0,
    ).fit(texts, Y)
    assert fitted.score(texts, Y) == 1


def test_the_example_of_the_documentation_runs(capsys):
    root = Path(__file__).parents[2]
    text = (root / "docs" / "pretrained.md").read_text(encoding="utf-8")
    exec(re.search(r"```python\n(.*?)```", text, flags=re.DOTALL)[1], {})
    assert float(capsys.readouterr().out) > 0.9


# Wrong arguments


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"model": 3}, TypeError, "must be a path, a name, a keras.Model"),
        ({"model": PCA}, TypeError, "instance, got the class PCA"),
        ({"model": PCA()}, ValueError, "PCA of PretrainedEncoder is not fitted"),
        ({"model": "nowhere.keras"}, FileNotFoundError, "Nothing was downloaded"),
        ({"model": doubled, "trainable": 1}, ValueError, "which is no network"),
        ({"model": doubled, "output": "x"}, ValueError, "are for Keras models"),
        ({"weights": "a.h5"}, ValueError, "keras.applications alone"),
        ({"trainable": "some"}, ValueError, "'none', 'all', 'lora' or a number"),
        ({"trainable": 0}, ValueError, "trainable == 0, must be >= 1"),
        ({"trainable": True}, TypeError, "a string or a number of layers"),
        ({"lora_rank": 0}, ValueError, "lora_rank == 0"),
        ({"rate": 0}, ValueError, "rate == 0"),
        ({"batch_size": 0}, ValueError, "batch_size == 0"),
        ({"preprocess": "nope"}, ValueError, r"preprocess must be .*got 'nope'"),
        ({"preprocess": (1, 2, 3)}, ValueError, r"a pair \(factor, offset\)"),
        ({"memory": 3}, ValueError, "memory"),
        ({"output": "nope"}, ValueError, "name of a layer, got 'nope'"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_changed(params, error, message):
    given = encoder(**params) if "model" not in params else PretrainedEncoder(**params)
    model = estimator(given)
    with pytest.raises(error, match=message):
        model.fit(TABLE, Y)
    assert not hasattr(model, "encoders_")


def test_a_function_has_no_layers():
    with pytest.raises(ModalityError, match="is no network"):
        PretrainedEncoder(doubled).encode(keras.Input((9, 9, 3)), SPEC)


def test_the_key_alone_says_that_a_model_is_needed():
    with pytest.raises(ValueError, match=r"give PretrainedEncoder\(model=\.\.\.\)"):
        estimator("pretrained").fit(TABLE, Y)
