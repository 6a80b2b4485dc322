"""Numbers at the edges of what a float holds, and data at the edges of what they are.

Each case trains and gives finite answers, or is refused by a message that says what to
do; none goes wrong in silence.
"""

import tracemalloc

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_regression

from skmm import (
    BaseNNClassifier,
    BaseNNRegressor,
    ModalityFrame,
    ModalitySpec,
    MultimodalClassifier,
    MultimodalRegressor,
    _members,
    _tasks,
)
from skmm.exceptions import CellError, DivergenceError, ModalityError

RNG = np.random.default_rng(0)
N = 60
X = RNG.normal(size=(N, 3))
Y = (X[:, 0] > 0).astype(int)
SETTINGS = {"epochs": 3, "random_state": 0}
CLASSIFIERS = [BaseNNClassifier, MultimodalClassifier]
REGRESSORS = [BaseNNRegressor, MultimodalRegressor]
each_classifier = pytest.mark.parametrize("kind", CLASSIFIERS)
each_regressor = pytest.mark.parametrize("kind", REGRESSORS)


def learned(kind, X, y, fit=None, **settings):
    """Fit, and see that all that comes of it are numbers."""
    model = kind(**{**SETTINGS, **settings}).fit(X, y, **(fit or {}))
    method = getattr(model, "predict_proba", model.predict)
    assert np.isfinite(method(X)).all()
    assert np.isfinite(model.transform(X)).all()
    assert np.isfinite([v for values in model.history_.values() for v in values]).all()
    return model


def refused(error, message, kind, X, y, fit=None, **settings):
    """Fit, see the message, and that nothing was left behind."""
    model = kind(**{**SETTINGS, **settings})
    before = dict(vars(model))
    with pytest.raises(error, match=message):
        model.fit(X, y, **(fit or {}))
    assert vars(model) == before


def changed(value, dtype=float):
    other = X.astype(dtype)
    other[5, 1] = value
    return other


@each_classifier
@pytest.mark.parametrize("scale", [1.0, 20_000.0])
def test_numbers_in_float16_are_standardised_without_overflow(kind, scale):
    narrow = np.clip(X * scale, -65_000, 65_000).astype(np.float16)
    learned(kind, narrow, Y)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_an_overflow_is_refused_with_its_row(dtype):
    infinite = changed(np.inf, dtype)
    refused(CellError, "'x1', row 5.*inf", MultimodalClassifier, infinite, Y)
    refused(ValueError, "infinity", BaseNNClassifier, infinite, Y)


@pytest.mark.parametrize("kind", [BaseNNClassifier, MultimodalClassifier])
def test_an_overflow_in_a_frame_is_refused_with_its_row(kind):
    spec = ModalitySpec("sound", "vector", (3,), "float16", "mlp")
    frame = ModalityFrame({"sound": changed(np.inf, np.float16)}, {"sound": spec})
    message = r"'sound' holds infinite numbers, float16.*row 5: put finite numbers"
    refused(DivergenceError, message, kind, frame, Y, early_stopping=False)


@each_classifier
@pytest.mark.parametrize("value", [1e-300, 1e10, 1e30, 1e38])
def test_one_number_that_is_out_of_all_proportion_does_no_harm(kind, value):
    assert learned(kind, changed(value), Y, epochs=20).score(X, Y) > 0.7


def test_numbers_beyond_float32_are_refused_or_ranked():
    refused(
        ModalityError, r"row 5.*range of a float32", BaseNNClassifier, changed(1e200), Y
    )
    learned(MultimodalClassifier, changed(1e200), Y)


@each_classifier
@pytest.mark.parametrize("value", [0.0, 1e-300, 1.0, 1e16, -1e30])
def test_columns_that_are_all_constant_give_the_shares_of_the_classes(kind, value):
    y = (np.arange(N) % 4 == 0).astype(int)
    model = learned(kind, np.full((N, 3), value), y, epochs=60, learning_rate=0.02)
    p = model.predict_proba(np.full((1, 3), value))[0]
    np.testing.assert_allclose(p, [0.75, 0.25], atol=0.15)


def test_constant_columns_beside_others_are_no_hindrance():
    table = pd.DataFrame(
        {"a": 1.0, "b": ["x"] * N, "c": X[:, 0], "d": [None] * N, "e": [True] * N}
    )
    assert learned(MultimodalClassifier, table, Y, epochs=30).score(table, Y) > 0.9


@pytest.mark.parametrize(
    ("modality", "cell"),
    [("text", "the same words"), ("image", np.zeros((8, 8), np.uint8))],
)
def test_a_modality_that_is_the_same_in_all_rows_is_learned_from(modality, cell):
    table = pd.DataFrame({"cell": [cell] * N})
    learned(MultimodalClassifier, table, Y, modalities=[("m", modality, "cell")])


@each_classifier
@pytest.mark.parametrize("early_stopping", [False, True])
def test_rows_that_are_all_alike_are_told_apart_by_nothing(kind, early_stopping):
    alike = np.tile(X[:1], (N, 1))
    model = learned(kind, alike, Y, early_stopping=early_stopping)
    assert len(np.unique(model.predict_proba(alike), axis=0)) == 1


@each_classifier
def test_half_of_the_rows_twice_is_learned_from(kind):
    twice, y = np.tile(X[: N // 2], (2, 1)), np.tile(Y[: N // 2], 2)
    model = learned(kind, twice, y, epochs=40, early_stopping=True)
    np.testing.assert_array_equal(model.predict(twice[:30]), model.predict(twice[30:]))


@each_classifier
@pytest.mark.parametrize("settings", [{}, {"class_weight": "balanced"}])
def test_classes_of_one_row_are_classes(kind, settings):
    """No split can hold all of them on both sides."""
    y = np.r_[np.arange(N - 4) % 2, 2, 3, 4, 5]
    model = learned(
        kind, X, y, early_stopping=True, calibrate="temperature", **settings
    )
    assert model.predict_proba(X).shape == (N, 6)
    several = learned(MultimodalClassifier, X, y, ensemble_size=2, **settings)
    assert several.predict_proba(X).shape == (N, 6)


@each_classifier
@pytest.mark.filterwarnings("ignore:The number of unique classes")  # scikit-learn's
def test_every_row_may_be_a_class(kind):
    model = learned(kind, X, np.arange(N), early_stopping=True)
    assert model.predict_proba(X).shape == (N, N)


@each_classifier
def test_a_single_row_of_the_second_class_is_learned_from(kind):
    learned(kind, X, (np.arange(N) == 7).astype(int), early_stopping=True)


N_CLASSES = 3000


@pytest.fixture(scope="module")
def many():
    """Two modalities, and more classes than anything else."""
    y = np.arange(2 * N_CLASSES) % N_CLASSES
    a = np.stack([y % 60, y // 60], axis=1) / 30.0
    table = pd.DataFrame({"a": a[:, 0], "b": a[:, 1], "note": (y % 60).astype(str)})
    triples = [("table", "tabular", ["a", "b"]), ("note", "text", "note")]
    model = MultimodalClassifier(
        triples, epochs=1, early_stopping=True, calibrate="temperature", random_state=0
    )
    return table, y, model


def test_of_many_classes_as_many_rows_are_judged_as_memory_allows(many, monkeypatch):
    table, y, model = many
    monkeypatch.setattr(_members, "MOST_JUDGED", 600 * N_CLASSES)
    seen, opinions = [], model._opinions

    def watched(program, arrays):
        seen.append((len(arrays[0]), program.n_logits))
        return opinions(program, arrays)

    monkeypatch.setattr(model, "_opinions", watched, raising=False)
    model.fit(table, y)
    ((n_rows, n_logits),) = seen
    assert n_logits >= 3 * N_CLASSES  # the fused network's, and one of each modality
    assert 100 < n_rows <= 600 * N_CLASSES / n_logits  # of 600
    assert len(model.classes_) == N_CLASSES


def test_labels_are_predicted_in_pieces_that_memory_holds(many, monkeypatch):
    table, y, model = many
    if not hasattr(model, "classes_"):
        model.fit(table, y)
    whole = model.predict(table)
    monkeypatch.setattr(_tasks, "MOST_LOGITS", 500 * N_CLASSES)
    tracemalloc.start()
    found = model.predict(table)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(found, whole)
    assert peak < 4 * len(y) * N_CLASSES  # all logits, of which there were several


def test_an_answer_that_no_machine_holds_is_refused_before_it_is_computed(
    many, monkeypatch
):
    table, y, model = many
    if not hasattr(model, "classes_"):
        model.fit(table, y)
    monkeypatch.setattr(_tasks, "MOST_LOGITS", 1)
    monkeypatch.setattr("os.sysconf", lambda name: 2**13)  # 64 MB in all
    for method in ("predict_proba", "decision_function"):
        with pytest.raises(MemoryError, match=r"The answer takes .* GB.*fewer rows"):
            getattr(model, method)(table)


@pytest.mark.slow
def test_a_column_of_many_different_strings_takes_memory_in_proportion():
    """Every cell another string: too rare to be learned from, and no class of it."""
    n_rows = 50_000
    table = pd.DataFrame(
        {"id": [f"key {i:07d}" for i in range(n_rows)], "a": RNG.normal(size=n_rows)}
    )
    y = (table["a"] > 0).astype(int)
    tracemalloc.start()
    model = MultimodalClassifier(epochs=1, random_state=0).fit(table, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert model.score(table, y) > 0.9
    assert peak < 4000 * n_rows


@each_classifier
@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.zeros(N), "at least one non-zero"),
        (np.full(N, np.nan), "sample_weight contains NaN"),
        (np.where(np.arange(N) == 2, np.inf, 1.0), "sample_weight contains infinity"),
        (-np.ones(N), "Negative"),
        (np.where(np.arange(N) == 2, 1e300, 1.0), r"from 1 to 1e\+300.*count nothing"),
    ],
    ids=["zero", "nan", "infinite", "negative", "uneven"],
)
def test_weights_that_weigh_nothing_are_refused(kind, weight, message):
    refused(ValueError, message, kind, X, Y, {"sample_weight": weight})


@each_classifier
def test_only_the_proportions_of_weights_count_however_large(kind):
    fits = [
        learned(kind, X, Y, {"sample_weight": np.full(N, w)}) for w in (1.0, 2.0**900)
    ]
    np.testing.assert_array_equal(*(model.predict_proba(X) for model in fits))


@each_classifier
def test_a_class_may_weigh_nothing(kind):
    learned(kind, X, Y, class_weight={0: 0, 1: 1})


@each_regressor
def test_a_target_that_is_not_finite_is_refused(kind):
    for value in (np.nan, np.inf, -np.inf):
        y = np.where(np.arange(N) == 3, value, X[:, 0])
        refused(ValueError, "Input y contains", kind, X, y)


@each_regressor
@pytest.mark.parametrize("scale", [1e-300, 1e-13, 1e30, 1e200, 1e307])
def test_targets_of_any_magnitude_are_learned(kind, scale):
    x, y = make_regression(N, 3, random_state=0)
    y = y / np.abs(y).max()
    settings = {"epochs": 40, "learning_rate": 0.02}
    model = learned(kind, x, y * scale, **settings)
    found = model.predict(x) / scale
    assert np.corrcoef(found, y)[0, 1] > 0.9


@each_regressor
def test_the_unit_of_a_target_changes_no_bit_where_it_is_a_power_of_two(kind):
    y = X[:, 0] + 0.3
    models = [learned(kind, X, y * unit) for unit in (1.0, 2.0**60, 2.0**-60)]
    one, large, small = (model.predict(X) for model in models)
    np.testing.assert_array_equal(one, large / 2.0**60)
    np.testing.assert_array_equal(one, small * 2.0**60)


@each_regressor
@pytest.mark.parametrize("value", [0.0, 1e-300, -3.5, 1e9, 1e300])
def test_a_target_that_is_constant_is_predicted(kind, value):
    model = learned(kind, X, np.full(N, value), epochs=40)
    np.testing.assert_allclose(model.predict(X), value, rtol=1e-6, atol=0.5)


@each_regressor
def test_one_number_of_a_target_may_be_out_of_all_proportion(kind):
    learned(kind, X, np.where(np.arange(N) == 3, 1e300, X[:, 0]))


def build(n_outputs):
    layers = [keras.Input((3,)), keras.layers.Dense(8, activation="tanh")]
    return keras.Sequential([*layers, keras.layers.Dense(n_outputs)])


@pytest.mark.parametrize("settings", [{"network": build}, {"loss": "mse"}])
def test_a_target_that_nobody_scales_is_named_when_it_overflows(settings):
    message = (
        r"row 0 of the training rows, whose target is [\d.]+e\+24.*scale the target"
    )
    refused(DivergenceError, message, BaseNNRegressor, X, X[:, 0] * 1e25, **settings)


@each_classifier
def test_a_step_size_that_is_too_large_is_an_error_or_halved(kind):
    message = r"not finite in epoch \d.*The steps are too large.*on_nan=\"rollback\""
    settings = {"early_stopping": True, "learning_rate": 1e30, "epochs": 10}
    refused(DivergenceError, message, kind, X, Y, **settings)
    settings["on_nan"] = "rollback"
    refused(DivergenceError, "after 5 rollbacks", kind, X, Y, **settings)
