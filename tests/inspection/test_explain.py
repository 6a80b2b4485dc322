"""What `explain` returns sums up, has the right shapes, and points at what matters."""

from unittest.mock import patch

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmm import (
    BaseNNClassifier,
    BaseNNRegressor,
    ModalityTransformer,
    MultimodalClassifier,
    MultimodalRegressor,
)
from skmm.datasets import make_multimodal_classification
from skmm.encoders.pretrained import PretrainedEncoder
from skmm.exceptions import MissingModalityWarning
from skmm.inspection._explain import explain

RNG = np.random.RandomState(0)
X2 = RNG.normal(size=(60, 3))
SIDE = 12  # pixels


@pytest.fixture(scope="module")
def mixed():
    """A model of table, text and image, and rows that lack some of them."""
    made = make_multimodal_classification(
        80, n_classes=3, informative=0.8, missing=0.2, random_state=0
    )
    model = MultimodalClassifier(
        made.modalities, epochs=4, ensemble_size=2, random_state=0
    )
    some = ~made.data.isna().all(axis=1)
    return model.fit(made.data, made.target), made.data[some][:16]


@pytest.fixture(scope="module")
def found(mixed):
    return explain(*mixed)


@pytest.fixture(scope="module")
def heard():
    """A model of sound, series and vector, two networks, and rows with gaps."""
    made = make_multimodal_classification(
        60,
        modalities=("audio", "timeseries", "vector"),
        informative=0.8,
        missing=0.1,
        random_state=1,
    )
    model = MultimodalClassifier(
        made.modalities, epochs=2, ensemble_size=2, random_state=0
    )
    return model.fit(made.data, made.target), made.data[:10]


def test_sums_are_the_change_of_the_logits(found):
    assert found.completeness_error < 0.01
    assert found.method == "integrated_gradients"


def test_sums_are_the_change_for_sounds_and_series_with_gaps(heard):
    model, X = heard
    found = explain(model, X)
    assert found.completeness_error < 0.01
    frame = found.frame
    assert np.isnan(frame["timeseries"]).any()
    for name in ("audio", "timeseries"):
        assert np.isfinite(found.values[name]).all()
        assert (found.values[name][np.isnan(frame[name])] == 0).all()


def test_what_is_explained_is_the_decision(mixed, found):
    model, X = mixed
    logits = model.decision_function(X)
    np.testing.assert_allclose(found.prediction, logits.max(axis=1), rtol=1e-6)
    assert (found.target == model.predict(X)).all()


def test_of_two_classes_the_first_has_the_sign_turned(heard):
    model, X = heard
    logits = model.decision_function(X)
    second = explain(model, X[:3], target=1, n_steps=4)
    first = explain(model, X[:3], target=0, n_steps=4)
    np.testing.assert_allclose(second.prediction, logits[:3], rtol=1e-6)
    np.testing.assert_allclose(first.prediction, -logits[:3], rtol=1e-6)
    for name, values in first.values.items():
        np.testing.assert_allclose(values, -second.values[name], atol=1e-6)


def test_values_have_the_shapes_of_the_arrays(found):
    for name, values in found.values.items():
        assert values.shape == found.frame[name].shape and values.dtype == np.float32
    assert found.names == ["tabular", "text", "image"]


@pytest.mark.parametrize("method", ["integrated_gradients", "smoothgrad", "occlusion"])
def test_absent_modalities_and_padding_get_exactly_zero(mixed, method):
    model, X = mixed
    found = explain(model, X, method=method, n_steps=2, n_samples=2)
    for name, here in zip(found.names, found.frame.present.T, strict=True):
        assert not here.all()
        assert (found.values[name][~here] == 0).all()
        assert (found.values[name][here] != 0).any()
    assert (found.values["text"][found.frame["text"] == 0] == 0).all()


def test_a_row_without_any_modality_changes_nothing(mixed):
    model, X = mixed
    nothing = pd.DataFrame({c: [None] for c in X.columns})
    X = pd.concat([X[:2], nothing.astype(X.dtypes)], ignore_index=True)
    with pytest.warns(MissingModalityWarning, match="1 of 3 rows"):
        found = explain(model, X, n_steps=2)
    assert all((values[2] == 0).all() for values in found.values.values())
    assert found.prediction[2] == found.baseline[2]
    with pytest.warns(MissingModalityWarning):
        expected = model.decision_function(X)[2].max()
    assert found.prediction[2] == pytest.approx(expected)


def test_only_rows_without_any_modality_are_explained_by_zeros(mixed):
    model, X = mixed
    nothing = pd.DataFrame({c: [None] for c in X.columns}).astype(X.dtypes)
    with pytest.warns(MissingModalityWarning):
        found = explain(model, nothing)
    assert found.completeness_error == 0
    assert found.shares().isna().all(axis=None)


def test_one_row_is_explained_as_it_is_among_others(mixed, found):
    model, X = mixed
    row = int(np.flatnonzero(found.frame.present.all(axis=1))[0])
    alone = explain(model, X[row : row + 1], n_steps=64)
    many = explain(model, X[row : row + 3], n_steps=64)
    for name in found.names:
        np.testing.assert_allclose(
            alone.values[name][0], many.values[name][0], atol=1e-5
        )


def test_the_target_may_differ_from_row_to_row(mixed):
    model, X = mixed
    X = X[:3]
    labels = np.array([2, 0, 1])
    found = explain(model, X, target=labels, n_steps=2)
    expected = model.decision_function(X)[np.arange(3), labels]
    np.testing.assert_allclose(found.prediction, expected, rtol=1e-6)
    assert (found.target == labels).all()


def linear(spec, n_outputs):
    inputs = keras.Input(spec.shape)
    flat = keras.layers.Flatten()(inputs)
    return keras.Model(inputs, keras.layers.Dense(n_outputs)(flat))


@pytest.fixture(scope="module")
def line():
    """A linear regressor, its weights in units of y, and rows."""
    y = 100 + 10 * X2 @ [3.0, -2.0, 0.0]
    model = BaseNNRegressor(linear, epochs=5, random_state=0).fit(X2, y)
    origin = model.predict(np.zeros((1, 3)))
    return model, model.predict(np.eye(3)) - origin, origin[0]


@pytest.mark.parametrize("method", ["integrated_gradients", "smoothgrad", "occlusion"])
def test_a_linear_model_gives_weights_times_inputs(line, method):
    model, weights, origin = line
    found = explain(model, X2[:5], method=method)
    np.testing.assert_allclose(found.values["x"], X2[:5] * weights, atol=1e-3)
    np.testing.assert_allclose(found.baseline, origin, rtol=1e-6)
    np.testing.assert_allclose(found.prediction, model.predict(X2[:5]), rtol=1e-6)
    assert found.unit == "prediction"


@pytest.mark.parametrize("method", ["integrated_gradients", "smoothgrad", "occlusion"])
def test_several_baselines_are_averaged(line, method):
    model, weights, _ = line
    found = explain(model, X2[:5], method=method, baseline=X2[50:])
    expected = (X2[:5] - X2[50:].mean(axis=0)) * weights
    np.testing.assert_allclose(found.values["x"], expected, atol=1e-3)
    expected = model.predict(X2[50:]).mean()
    np.testing.assert_allclose(found.baseline, expected, rtol=1e-6)


def test_no_more_than_32_baselines_are_taken(line):
    model, weights, _ = line
    found = explain(model, X2[:2], baseline=X2, n_steps=1)
    places = np.linspace(0, 59, 32).round().astype(int)
    expected = (X2[:2] - X2[places].mean(axis=0)) * weights
    np.testing.assert_allclose(found.values["x"], expected, atol=1e-3)


def test_one_of_several_outputs_must_be_named():
    y = np.column_stack([X2[:, 0], 5 * X2[:, 1]])
    model = BaseNNRegressor(linear, epochs=2, random_state=0).fit(X2, y)
    with pytest.raises(ValueError, match="say which one"):
        explain(model, X2)
    found = explain(model, X2[:4], target=1)
    np.testing.assert_allclose(found.prediction, model.predict(X2[:4])[:, 1], rtol=1e-5)
    assert found.completeness_error < 0.01
    assert found.title_of(0) == "prediction of output 1"


def test_yes_no_labels_are_outputs():
    y = (X2[:, :2] > 0).astype(int)
    model = BaseNNClassifier(epochs=2, random_state=0).fit(X2, y)
    found = explain(model, X2[:4], target=1)
    expected = model.decision_function(X2[:4])[:, 1]
    np.testing.assert_allclose(found.prediction, expected, rtol=1e-5)
    assert found.completeness_error < 0.01


def test_several_outputs_of_several_classes_are_refused():
    y = np.column_stack([np.digitize(X2[:, j], [-0.5, 0.5]) for j in range(2)])
    model = BaseNNClassifier(epochs=1, random_state=0).fit(X2, y)
    with pytest.raises(ValueError, match="not supported"):
        explain(model, X2)


def test_steps_before_the_model_are_done():
    scaled = make_pipeline(StandardScaler(), BaseNNClassifier(epochs=2, random_state=0))
    y = np.where(X2[:, 0] > 0, "yes", "no")
    search = GridSearchCV(scaled, {"basennclassifier__epochs": [2]}, cv=2)
    search.fit(X2, y)
    found = explain(search, X2[:4], target="yes")
    expected = search.decision_function(X2[:4])
    np.testing.assert_allclose(found.prediction, expected, rtol=1e-5)
    assert found.title_of(0) == "logit of class yes"


def test_a_pipeline_that_splits_by_modality_knows_columns_and_words():
    X = pd.DataFrame(
        {"age": [40.0, 50, 60, 70] * 6, "note": ["mild cold", "high fever"] * 12}
    )
    y = [0, 1] * 12
    split = ModalityTransformer([("t", "tabular", "age"), ("n", "text", "note")])
    model = make_pipeline(split, MultimodalClassifier(epochs=2, random_state=0))
    found = explain(model.fit(X, y), X[:2], n_steps=4)
    assert list(found.by_column("t")) == ["age"]
    assert [word for word, _ in found.by_word("n", 1)] == ["high", "fever"]


def test_the_word_that_decides_gets_most():
    rng = np.random.RandomState(0)
    y = np.arange(100) % 2
    fill = ["today the patient", "seen at noon", "no other sign", "sleeps well"]
    signs = np.where(y, "fever", "rash")
    notes = [f"{rng.choice(fill)} {sign} {rng.choice(fill)}" for sign in signs]
    X = pd.DataFrame({"note": notes})
    model = MultimodalClassifier(
        [("note", "text", "note")], epochs=15, ensemble_size=1, random_state=0
    )
    found = explain(model.fit(X, y), X[:10])
    assert found.completeness_error < 0.01
    for row in range(10):
        words = found.by_word("note", row)
        assert max(words, key=lambda pair: abs(pair[1]))[0] == signs[row]


def test_the_column_that_decides_gets_most_though_it_holds_codes():
    rng = np.random.RandomState(0)
    ward = rng.choice(list("abcdefghijkl"), size=120)
    y = np.isin(ward, list("abcdef")).astype(float)
    X = pd.DataFrame({"noise": rng.normal(size=120), "ward": ward})
    table = [("t", "tabular", ["noise", "ward"])]
    model = MultimodalRegressor(table, epochs=15, ensemble_size=1, random_state=0)
    model.fit(X, y)
    assert model._specs[0].cardinalities
    found = explain(model, X[:10])
    assert found.completeness_error < 0.01
    sizes = found.by_column("t").abs().mean()
    assert sizes["ward"] > 2 * sizes["noise"]
    found = explain(model, X[:10], baseline=X[100:102], n_steps=64)
    assert found.completeness_error < 0.05
    same = (X["ward"][:10] == X["ward"][100]) & (X["ward"][:10] == X["ward"][101])
    assert not same.any() and (found.by_column("t")["ward"] != 0).all()


def test_an_image_alone_among_absent_modalities_is_complete():
    # What the second network says of a row that it reads nothing of is what the first
    # says, by a stand-in without a gradient in the graph itself.
    rng = np.random.RandomState(0)
    y = rng.randint(2, size=60)
    images = [
        np.full((8, 8), 200 * k, np.uint8)
        + rng.randint(50, size=(8, 8), dtype=np.uint8)
        for k in y
    ]
    X = pd.DataFrame(
        {"scan": images, "age": np.where(y, 50.0, 40.0) + rng.normal(size=60)}
    )
    model = MultimodalClassifier(
        [("scan", "image", "scan"), ("t", "tabular", "age")],
        epochs=2,
        ensemble_size=1,
        random_state=0,
    ).fit(X, y)
    model._shares = np.array([0.3, 0.1, 0.1, 0.5])
    X.loc[:9, "age"] = np.nan
    found = explain(model, X[:10])
    assert not found.frame.present[:, 1].any()
    assert found.completeness_error < 0.01


@pytest.fixture(scope="module")
def digits():
    """A network of digits somewhere on a grey, noisy ground, and unseen rows."""
    drawn, y = load_digits(return_X_y=True)
    rng = np.random.RandomState(0)
    X = rng.uniform(0, 3, (len(drawn), SIDE, SIDE, 1))
    strokes = np.zeros(X.shape, dtype=bool)
    for i, digit in enumerate(drawn.reshape(-1, 8, 8)):
        down, right = rng.randint(SIDE - 8 + 1, size=2)
        place = (i, slice(down, down + 8), slice(right, right + 8), 0)
        X[place] = np.maximum(X[place], digit)
        strokes[place] = digit > 4
    model = BaseNNClassifier("cnn", epochs=30, random_state=0)
    model.fit(X[:1200], y[:1200])
    rows = slice(1300, 1400)
    return model, X[rows], y[rows], strokes[rows], X[1200:1208]


def blanked(X, order):
    """Make the first tenth of each row's pixels, in some order, black."""
    flat = X.reshape(len(X), -1).copy()
    np.put_along_axis(flat, order[:, : flat.shape[1] // 10], 0, axis=1)
    return flat.reshape(X.shape)


# A black ground would be the black baseline itself, to which integrated gradients give
# 0 by construction. So the ground is noise, the digit may stand anywhere, and black is
# one baseline of two: against other rows every pixel differs.
@pytest.mark.parametrize("ground", ["black", "other rows"])
@pytest.mark.parametrize("method", ["integrated_gradients", "occlusion"])
def test_the_digit_is_marked_and_not_the_background(digits, method, ground):
    model, X, y, strokes, others = digits
    baseline = np.zeros((1, SIDE, SIDE, 1)) if ground == "black" else others
    found = explain(model, X, method=method, baseline=baseline, n_steps=16, patch=1)
    values = found.values["x"]
    mass = np.abs(values)
    assert mass[strokes].sum() / mass.sum() >= 2 * strokes.mean()

    score = model.score(X, y)
    assert score > 0.9
    order = np.argsort(-values.reshape(len(values), -1), axis=1)
    rng = np.random.default_rng(0)
    chance = [model.score(blanked(X, rng.permuted(order, axis=1)), y) for _ in range(5)]
    lost = score - model.score(blanked(X, order), y)
    assert lost >= 3 * max(score - np.mean(chance), 0.01)


def test_more_steps_are_taken_until_sums_are_right(digits):
    model, X, *_ = digits
    coarse = explain(model, X[:10], n_steps=2)
    assert coarse.completeness_error > 0.02
    assert explain(model, X[:10]).completeness_error < 0.01


def test_it_warns_where_the_most_steps_are_not_enough(digits):
    model, X, *_ = digits
    with (
        patch("skmm.inspection._gradients.MOST_STEPS", 1),
        patch("skmm.inspection._gradients.FIRST_STEPS", 1),
        pytest.warns(ConvergenceWarning, match="completeness error of"),
    ):
        explain(model, X[:3])


def test_without_noise_smoothgrad_is_gradient_times_input(digits):
    model, X, *_ = digits
    found = explain(model, X[:2], method="smoothgrad", noise=0, n_samples=1)
    frame = found.frame
    step = np.zeros((2, SIDE, SIDE, 1), np.float32)
    step[:, 6, 6] = 1e-2
    scale = model._modality.scale_
    up, down = (
        model.decision_function(X[:2] + sign * step * scale)[[0, 1], found.target]
        for sign in (1, -1)
    )
    slope = (up - down) / 2e-2
    expected = slope * frame["x"][:, 6, 6, 0]
    np.testing.assert_allclose(found.values["x"][:, 6, 6, 0], expected, rtol=0.05)


def test_noise_comes_of_random_state_alone(line):
    y = np.digitize(X2[:, 0], [-0.5, 0.5])
    model = BaseNNClassifier(epochs=2, random_state=0).fit(X2, y)
    draws = [
        explain(model, X2[:3], method="smoothgrad", n_samples=3, random_state=seed)
        for seed in (0, 0, 1)
    ]
    first, again, other = (found.values["x"] for found in draws)
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-4


def test_other_estimators_are_refused():
    model = LogisticRegression().fit(X2, X2[:, 0] > 0)
    with pytest.raises(TypeError, match="only the networks of skmm"):
        explain(model, X2)


def test_an_unfitted_estimator_is_refused():
    with pytest.raises(NotFittedError):
        explain(BaseNNRegressor(), X2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "lime"}, "method must be one of"),
        ({"n_steps": 0}, "n_steps == 0, must be >= 1"),
        ({"n_samples": 0}, "n_samples == 0, must be >= 1"),
        ({"noise": -1}, "noise == -1, must be >= 0"),
        ({"patch": 0}, "patch == 0, must be >= 1"),
        ({"target": 1}, r"target must be among the outputs \[0\], got 1"),
        ({"target": [[0]]}, "an array of shape"),
    ],
)
def test_options_that_make_no_sense_are_named(line, options, message):
    with pytest.raises(ValueError, match=message):
        explain(line[0], X2, **options)


def test_an_unknown_class_is_named(mixed):
    model, X = mixed
    with pytest.raises(ValueError, match=r"among the classes \[0, 1, 2\], got 'x'"):
        explain(model, X[:2], target="x")


def test_no_rows_are_refused(line):
    with pytest.raises(ValueError, match="0 sample"):
        explain(line[0], X2[:0])


def test_a_frozen_pretrained_model_is_explained_by_occlusion_alone():
    rng = np.random.RandomState(0)
    y = np.arange(24) % 2
    scans = [
        rng.randint(50, size=(8, 8), dtype=np.uint8) + 200 * np.uint8(k) for k in y
    ]
    X = pd.DataFrame({"scan": scans, "age": 40 + 5.0 * y})
    encoder = PretrainedEncoder(lambda batch: batch.reshape(len(batch), -1) / 255)
    model = MultimodalClassifier(
        [("scan", "image", "scan"), ("t", "tabular", "age")],
        encoders=[("scan", encoder)],
        epochs=2,
        ensemble_size=1,
        random_state=0,
    ).fit(X, y)
    with pytest.raises(ValueError, match='use method="occlusion"'):
        explain(model, X[:2])
    found = explain(model, X[:2], method="occlusion")
    assert found.values["scan"].shape == (2, 8, 8, 1)
    assert (found.values["scan"] != 0).any()
