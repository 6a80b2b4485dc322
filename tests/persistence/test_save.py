"""What is saved comes back the same, and what cannot be saved says so in time."""

import datetime
import os
import stat
import string
from zipfile import ZipFile

import keras
import numpy as np
import pandas as pd
import pytest
import scipy.special
import scipy.stats
import sklearn
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor, make_column_selector
from sklearn.decomposition import TruncatedSVD
from sklearn.ensemble import (
    BaggingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    ShuffleSplit,
    TunedThresholdClassifierCV,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import skmm
from skmm import (
    BaseNNClassifier,
    BaseNNRegressor,
    ModalityTransformer,
    MultimodalClassifier,
    MultimodalRegressor,
    available,
)
from skmm._components import component_class
from skmm.datasets import make_multimodal_classification
from skmm.diversity import DiverseEnsembleClassifier, GreedyEnsembleClassifier
from skmm.encoders.pretrained import PretrainedEncoder
from skmm.exceptions import PersistenceError
from skmm.modalities.image import ImageModality
from skmm.modalities.text import TextModality

TREES = ["sklearn.tree._tree.Tree", RandomForestClassifier]
TREES += ["sklearn.tree._classes.DecisionTreeClassifier"]
FEATURES = ["skmm.encoders._snapshot.Snapshot", PretrainedEncoder]


def same(model, loaded, X, method="predict_proba"):
    expected, found = getattr(model, method)(X), getattr(loaded, method)(X)
    for a, b in zip(np.atleast_1d(expected), np.atleast_1d(found), strict=True):
        np.testing.assert_array_equal(a, b)


def meta_estimators(base):
    """What scikit-learn and skmm put around a classifier, by name."""
    grid = {"fusion": ["mean", "late"]}
    lists = {"learning_rate": [1e-3, 1e-2]}
    pipeline = make_pipeline(ModalityTransformer(), clone(base))
    return {
        "pipeline": pipeline,
        "grid search": GridSearchCV(base, grid, cv=2, scoring="f1_macro"),
        "two scores": GridSearchCV(
            base,
            grid,
            cv=ShuffleSplit(2, random_state=0),
            scoring=["accuracy", "roc_auc"],
            refit=False,
        ),
        "random search": RandomizedSearchCV(base, lists, n_iter=1, cv=2),
        "halving": HalvingGridSearchCV(base, lists, cv=2, min_resources=20),
        "voting": VotingClassifier([("a", base), ("b", pipeline)], voting="soft"),
        "stacking": StackingClassifier([("a", base)], LogisticRegression(), cv=2),
        "sigmoid": CalibratedClassifierCV(base, cv=2),
        "isotonic": CalibratedClassifierCV(base, cv=2, method="isotonic"),
        "temperature": CalibratedClassifierCV(base, cv=2, method="temperature"),
        "threshold": TunedThresholdClassifierCV(base, cv=2),
        "diverse": DiverseEnsembleClassifier(base, grid, cv=2, random_state=0),
        "greedy": GreedyEnsembleClassifier(
            [("a", base), ("b", clone(base).set_params(random_state=1))], cv=2
        ),
    }


@pytest.mark.parametrize("name", meta_estimators(MultimodalClassifier()))
def test_what_is_around_a_model_comes_back(name, rows, settings, round_trip):
    base = MultimodalClassifier(**settings)
    model = meta_estimators(base)[name].fit(*rows)
    loaded = round_trip(model)
    if name == "two scores":
        found = loaded.cv_results_["mean_test_roc_auc"]
        np.testing.assert_array_equal(found, model.cv_results_["mean_test_roc_auc"])
    else:
        same(model, loaded, rows[0])


def test_bagging_on_arrays_comes_back(round_trip):
    X = np.random.default_rng(0).normal(size=(30, 4))
    base = BaseNNClassifier(epochs=1, random_state=0)
    model = BaggingClassifier(base, 2, random_state=0).fit(X, X[:, 0] > 0)
    same(model, round_trip(model), X)


@pytest.fixture(scope="module")
def everything():
    """24 rows of every kind of modality."""
    kinds = ("tabular", "text", "image", "audio", "timeseries", "vector")
    return make_multimodal_classification(
        24, modalities=kinds, random_state=0, return_X_y=True
    )


@pytest.mark.slow
def test_every_kind_of_modality_comes_back(everything, round_trip):
    X, y = everything
    X = X.assign(day=[datetime.date(2024, 1, 1 + i) for i in range(len(X))])
    model = MultimodalClassifier(ensemble_size=1, epochs=1, random_state=0).fit(X, y)
    loaded = round_trip(model)
    same(model, loaded, X)
    gaps = X.astype(object).where(np.random.default_rng(0).random(X.shape) > 0.4, None)
    gaps["number_0"] = 1.0
    same(model, loaded, gaps)


def test_modalities_that_are_asked_for_come_back(everything, settings, round_trip):
    X, y = everything
    search = make_pipeline(TfidfVectorizer(), TruncatedSVD(2, random_state=0))
    model = MultimodalClassifier(
        [
            ("series", "minirocket", ["timeseries"]),
            ("words", "tfidf", "text"),
            ("topics", search, ["title"]),
            ("facts", "tabular", make_column_selector(dtype_include=np.number)),
        ],
        **settings,
    )
    X = X.drop(columns=["image", "audio", "vector"]).assign(title=X["text"])
    same(model.fit(X, y), round_trip(model), X)


TARGETS = {
    "three classes": lambda rng: rng.integers(0, 3, 40),
    "yes-no labels": lambda rng: rng.integers(0, 2, (40, 3)),
    "two outputs": lambda rng: rng.integers(0, 3, (40, 2)),
    "objects": lambda rng: np.array(["b", "a"] * 20, object),
    "booleans": lambda rng: rng.random(40) > 0.5,
    "dates": lambda rng: np.array(["2024-01-01", "2025-01-01"] * 20, "datetime64[D]"),
}


@pytest.mark.parametrize("target", TARGETS)
def test_every_kind_of_labels_comes_back(target, rows, settings, round_trip):
    y = TARGETS[target](np.random.default_rng(0))
    model = MultimodalClassifier(**settings).fit(rows[0], y)
    loaded = round_trip(model)
    same(model, loaded, rows[0])
    same(model, loaded, rows[0], "predict")
    assert loaded.predict(rows[0]).dtype == model.predict(rows[0]).dtype


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_regressors_come_back(n_outputs, rows, settings, round_trip):
    y = np.random.default_rng(0).random((40, n_outputs)).squeeze()
    model = MultimodalRegressor(**settings).fit(rows[0], y)
    same(model, round_trip(model), rows[0], "predict")


def test_the_logarithm_of_a_target_comes_back(rows, settings, round_trip):
    base = MultimodalRegressor(**settings)
    model = TransformedTargetRegressor(base, func=np.log1p, inverse_func=np.expm1)
    model.fit(rows[0], np.arange(40.0))
    loaded = round_trip(model)
    same(model, loaded, rows[0], "predict")
    assert loaded.func is np.log1p


@pytest.mark.parametrize("function", [np.log1p, np.exp2, scipy.special.expit])
def test_functions_of_numbers_come_back(function, round_trip):
    assert round_trip(FunctionTransformer(function)).func is function


@pytest.mark.parametrize("shape", [(30, 4), (30, 8, 8, 1)])
def test_one_network_on_an_array_comes_back(shape, round_trip):
    X = np.random.default_rng(0).normal(size=shape)
    y = np.arange(30) % 2
    model = BaseNNClassifier(epochs=1, random_state=0).fit(X, y)
    same(model, round_trip(model), X)
    model = BaseNNRegressor(epochs=1, random_state=0).fit(X, y)
    same(model, round_trip(model), X, "predict")


def test_a_transformer_comes_back_with_its_output(rows, round_trip):
    model = ModalityTransformer().set_output(transform="pandas").fit(rows[0])
    loaded = round_trip(model)
    pd.testing.assert_frame_equal(
        loaded.transform(rows[0]), model.transform(rows[0]), check_exact=True
    )
    pd.testing.assert_frame_equal(loaded.inferred_, model.inferred_)


COMPONENTS = [
    (k, key) for k in ("modality", "encoder", "fusion") for key in available(k)
]


@pytest.mark.parametrize(("kind", "key"), COMPONENTS)
def test_every_component_comes_back(kind, key, round_trip):
    needed = {"pretrained": {"model": "model.keras"}}
    component = component_class(kind, key)(**needed.get(key, {}))
    trusted = FEATURES if key == "pretrained" else ()
    loaded = round_trip(component, trusted)
    assert type(loaded) is type(component)
    assert loaded.get_params() == component.get_params()


def test_unfitted_models_come_back(round_trip):
    model = MultimodalClassifier(
        [("photo", ImageModality(size=(8, 9)), [0, 2]), ("t", "text", slice(3, 5))],
        encoders=[("photo", "resnet")],
        class_weight={0: 0.5, 1: 2.5},
    )
    assert round_trip(model).get_params().keys() == model.get_params().keys()
    assert round_trip(model).class_weight == model.class_weight
    assert round_trip(model).modalities[1][2] == slice(3, 5)


def test_a_random_state_goes_on_where_it_was(round_trip):
    state = np.random.RandomState(3)
    state.random_sample(5)
    loaded = round_trip(MultimodalClassifier(random_state=state)).random_state
    assert loaded.random_sample() == state.random_sample()


def test_requests_for_metadata_come_back(rows, settings, round_trip):
    with sklearn.config_context(enable_metadata_routing=True):
        model = make_pipeline(ModalityTransformer(), MultimodalClassifier(**settings))
        model[-1].set_fit_request(sample_weight=True, X_val=True, y_val=True)
        model.fit(*rows, sample_weight=np.ones(40))
        loaded = round_trip(model)
        assert loaded[-1].get_metadata_routing().fit.requests["sample_weight"] is True
        same(clone(loaded).fit(*rows, sample_weight=np.ones(40)), model, rows[0])


def test_a_loaded_model_learns_on(rows, classifier, round_trip):
    loaded, copied = round_trip(classifier), round_trip(classifier)
    same(loaded.partial_fit(*rows), copied.partial_fit(*rows), rows[0])
    assert loaded.n_epochs_ == classifier.n_epochs_ + 1


def test_what_was_one_object_is_one_again(rows, settings, round_trip):
    vote = VotingClassifier([("a", MultimodalClassifier(**settings))], voting="soft")
    loaded = round_trip(vote.fit(*rows))
    assert loaded.named_estimators_["a"] is loaded.estimators_[0]


def test_saving_changes_nothing_and_leaves_memory_out(
    rows, settings, round_trip, tmp_path_factory
):
    cache = str(tmp_path_factory.mktemp("cache"))
    transformer = ModalityTransformer(memory=cache)
    model = make_pipeline(transformer, MultimodalClassifier(**settings)).fit(*rows)
    before = dict(vars(model[-1]))
    loaded = round_trip(model)
    assert model[0].memory == cache
    assert loaded[0].memory is None
    assert vars(model[-1]).keys() == before.keys()
    assert all(vars(model[-1])[k] is v for k, v in before.items())


def test_the_same_model_gives_the_same_bytes(classifier, tmp_path):
    paths = [tmp_path / "a.skmm", tmp_path / "b.skmm"]
    for path in paths:
        skmm.save(classifier, path)
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_arrays_are_stored_as_they_are(classifier, path):
    skmm.save(classifier, path)
    with ZipFile(path) as archive:
        names = set(archive.namelist())
        arrays = [np.load(archive.open(n)) for n in names if n.endswith(".npy")]
    assert {"skmm.json", "schema.json"} < names
    (weights,) = classifier._weights
    assert all(any(np.array_equal(w, a) for a in arrays) for w in weights)


def test_what_needs_a_word_is_saved_and_loaded_with_it(linear, round_trip):
    _, X = linear
    X = np.nan_to_num(X)
    model = RandomForestClassifier(2, random_state=0).fit(X, X[:, 0] > 0)
    same(model, round_trip(model, TREES), X)


def test_a_pretrained_model_needs_a_word(everything, settings, path, round_trip):
    X, y = everything
    network = keras.Sequential([keras.Input((16, 16, 3)), keras.layers.Flatten()])
    model = MultimodalClassifier(
        [("photo", ImageModality(16, 3), "image")],
        encoders=[("photo", PretrainedEncoder(network))],
        **settings,
    ).fit(X, y)
    same(model, round_trip(model, FEATURES), X)
    with pytest.raises(PersistenceError, match=r"Keras builds the layers"):
        skmm.save(model, path)
    skmm.save(model, path, trusted=FEATURES)
    with pytest.raises(
        PersistenceError, match=r"Snapshot, at \.encoders\[0\]\[1\]\.model"
    ):
        skmm.load(path)


def test_a_function_that_can_be_imported_needs_a_word(path, round_trip):
    model = TextModality(tokenizer=string.capwords)
    with pytest.raises(PersistenceError, match=r"string\.capwords, at \.tokenizer"):
        skmm.save(model, path)
    assert round_trip(model, [string.capwords]).tokenizer is string.capwords


def build(n_outputs):
    return keras.Sequential([keras.layers.Dense(n_outputs)])


build.__module__ = "__main__"  # as if it were typed in
STOP = keras.callbacks.EarlyStopping()
SPACE = {"learning_rate": scipy.stats.loguniform(1e-4, 1)}
REFUSED = {
    "a lambda": (BaseNNClassifier(lambda: None), r"\.network is a function that"),
    "a function of the session": (BaseNNClassifier(build), r"\.network is a function"),
    "a Keras callback": (
        MultimodalClassifier(callbacks=[STOP]),
        r"\.callbacks\[0\] is a Keras object, EarlyStopping: set_params\(callbacks",
    ),
    "an optimizer": (
        MultimodalClassifier(optimizer=keras.optimizers.SGD(0.1)),
        r"\.optimizer is a Keras object, SGD: set_params\(optimizer=",
    ),
    "a Keras loss": (
        BaseNNClassifier(loss=keras.losses.BinaryCrossentropy()),
        r"\.loss is a Keras object",
    ),
    "a class": (MultimodalClassifier, "expected an estimator, a pipeline or a search"),
    "no estimator": ({"a": 1}, "expected an estimator, a pipeline or a search"),
    "a function inside": (
        make_pipeline(FunctionTransformer(lambda x: x)),
        r"Pipeline\.steps\[0\]\[1\]\.func is a function that cannot be imported",
    ),
    "a distribution": (
        RandomizedSearchCV(MultimodalClassifier(), SPACE),
        r"scipy runs code that it holds; give param_distributions lists",
    ),
    "a generator": (
        MultimodalClassifier(random_state=np.random.default_rng(0)),
        r"\.random_state is a numpy\.random\._generator\.Generator, which files",
    ),
    "a sparse matrix": (
        MultimodalClassifier(class_weight=scipy.sparse.eye_array(2)),
        r"\.class_weight is a sparse matrix: a file of skmm holds dense arrays",
    ),
    "keys that are booleans": (
        MultimodalClassifier(class_weight={False: 1, True: 2}),
        r"at \.class_weight must be strings or numbers.*write 0 and 1 for booleans",
    ),
    "keys that become equal": (
        MultimodalClassifier(class_weight={1: 2, "1": 3}),
        r"at \.class_weight cannot be told apart",
    ),
    "what Keras would build": (
        MultimodalClassifier(optimizer={"class_name": "SGD", "config": {}}),
        r"at \.optimizer describes an object by its class_name",
    ),
    "a date": (
        ModalityTransformer(feature_names=[datetime.date(2024, 1, 1)]),
        r"datetime\.date, at \.feature_names\[0\]",
    ),
    "an index": (
        ModalityTransformer(feature_names=pd.Index(["a"])),
        r"ModalityTransformer cannot be saved: ",
    ),
}


def circle():
    model = MultimodalClassifier()
    model.class_weight = {"itself": model}
    return model


REFUSED["a circle"] = circle(), "cannot be saved: it refers to itself"


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_loaded_is_not_saved(name, path):
    model, message = REFUSED[name]
    path.write_bytes(b"the old file")
    with pytest.raises(PersistenceError, match=message):
        skmm.save(model, path)
    assert path.read_bytes() == b"the old file"
    assert list(path.parent.iterdir()) == [path]


def test_callbacks_of_scikit_learn_are_named(path):
    from sklearn.callback import ScoringMonitor

    model = MultimodalClassifier().set_callbacks(ScoringMonitor(scoring="accuracy"))
    with pytest.raises(PersistenceError, match=r"_skl_callbacks.*call set_callbacks"):
        skmm.save(model, path)
    skmm.save(model.set_callbacks(), path)
    assert skmm.load(path).get_params() == model.get_params()


def test_an_old_file_keeps_its_permissions_and_its_link(linear, tmp_path):
    path, link = tmp_path / "model.skmm", tmp_path / "link.skmm"
    skmm.save(linear[0], path)
    usual = stat.S_IMODE(path.stat().st_mode)
    os.chmod(path, 0o640)
    link.symlink_to(path)
    skmm.save(linear[0], link)
    assert link.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640 != usual
