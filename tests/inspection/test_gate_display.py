"""Weights of the gate are those of its formula, and are drawn as they are."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skmm import (
    BaseNNClassifier,
    ModalityTransformer,
    MultimodalClassifier,
    MultimodalRegressor,
)
from skmm.datasets import make_multimodal_classification
from skmm.exceptions import MissingModalityWarning
from skmm.inspection._gate_display import FusionGateDisplay, gate_weights

MADE = make_multimodal_classification(
    60, modalities=("tabular", "text"), random_state=0
)
X, Y = MADE.data.copy(), MADE.target
NUMBERS = [c for c in X if c != "text"]
X.loc[:9, "text"] = None
X.loc[10:14, NUMBERS] = None
NOTHING = X[:20].copy()
NOTHING.loc[5:6] = None
SETTINGS = {"epochs": 2, "ensemble_size": 1, "random_state": 0}
WEIGHTS = pd.DataFrame(
    {"table": [0.2, 0.4, 0, 1, np.nan], "note": [0.8, 0.6, 1, 0, np.nan]}
)


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def gated():
    """Two networks whose gate has a weight for each unit."""
    return MultimodalClassifier(**SETTINGS | {"ensemble_size": 2}).fit(X, Y)


@pytest.fixture(scope="module")
def late():
    """A network whose gate weighs decisions."""
    return MultimodalRegressor(fusion="late", **SETTINGS).fit(X, Y * 1.0)


def _twin(estimator, rows):
    """The paper's equations, from the weights of each network and its embeddings."""
    *arrays, present = estimator._read(rows)
    found = []
    for weights in estimator._weights:
        network = estimator._network_of(weights).network
        layers = [network.get_layer(n) for n in ("tabular_absent", "text_absent")]
        parts = type(network)(network.inputs, [layer.output for layer in layers])
        h = np.concatenate(parts([*arrays, present]), axis=1)
        U, c = (w.numpy() for w in network.get_layer("fusion_gate").weights)
        s = (h @ U + c).reshape(len(h), 2, -1)
        e = np.exp(s) * (present[:, :, None] > 0)
        found.append((e / e.sum(axis=1, keepdims=True)).mean(axis=2))
    return np.mean(found, axis=0)


@pytest.mark.parametrize("name", ["gated", "late"])
def test_weights_are_those_of_the_formula(name, request):
    estimator = request.getfixturevalue(name)
    weights = gate_weights(estimator, X)
    assert list(weights) == ["tabular", "text"]
    assert_allclose(weights, _twin(estimator, X), atol=1e-5)
    both = weights[15:]
    assert both.min(axis=None) > 0 and both.std().max() > 1e-4


def test_weights_mix_what_the_network_mixes(late):
    *arrays, present = late._read(X)
    network = late._network_of(late._weights[0]).network
    *values, _, _ = network.get_layer("fusion_mixture").input
    asked = type(network)(network.inputs, [*values, network.output["logits"]])
    first, second, mixed = (np.asarray(a) for a in asked([*arrays, present]))
    w = gate_weights(late, X).to_numpy()
    assert_allclose(w[:, :1] * first + w[:, 1:] * second, mixed, atol=1e-5)


def test_absent_modalities_have_no_weight_and_rows_sum_to_one(gated):
    weights = gate_weights(gated, X)
    assert (weights["text"][:10] == 0).all() and (weights["tabular"][:10] == 1).all()
    assert (weights["tabular"][10:15] == 0).all()
    assert_allclose(weights.sum(axis=1), 1)


def test_rows_that_have_nothing_have_no_weights(gated):
    weights = gate_weights(gated, NOTHING)
    assert weights[5:7].isna().all(axis=None)
    assert weights.drop([5, 6]).notna().all(axis=None)
    with pytest.warns(MissingModalityWarning):  # the estimator asks no gate either
        gated.predict(NOTHING)


def test_rows_are_weighed_one_by_one(gated):
    many = pd.concat([X] * 6, ignore_index=True)
    weights = gate_weights(gated, many)
    assert_allclose(weights[:60], weights[300:], atol=1e-6)
    assert_allclose(gate_weights(gated, X[20:21]), weights[20:21], atol=1e-6)


def test_asking_leaves_the_predictions_as_they_were(gated):
    before = gated.predict_proba(X)
    gate_weights(gated, X)
    assert_array_equal(gated.predict_proba(X), before)


def test_one_modality_has_all_the_weight():
    model = MultimodalClassifier(**{**SETTINGS, "fusion": "gated"})
    weights = gate_weights(model.fit(X[NUMBERS][20:], Y[20:]), X[NUMBERS][20:])
    assert weights.shape == (40, 1) and (weights == 1).all(axis=None)


def test_the_estimator_is_found_in_pipelines_and_searches():
    model = MultimodalClassifier(**SETTINGS)
    pipeline = make_pipeline(ModalityTransformer(), model)
    search = GridSearchCV(pipeline, {}, cv=2).fit(X, Y)
    inside = search.best_estimator_
    expected = gate_weights(inside[-1], inside[:-1].transform(X))
    pd.testing.assert_frame_equal(gate_weights(search, X), expected)


@pytest.mark.parametrize(
    ("fusion", "name"),
    [("concat", "Concat"), ("mixture_of_experts", "MixtureOfExperts")],
)
def test_a_fusion_without_such_a_gate_is_refused(fusion, name):
    model = MultimodalClassifier(**SETTINGS | {"fusion": fusion, "epochs": 1})
    with pytest.raises(ValueError, match=f"'gated' or 'late'; got a {name}Fusion"):
        gate_weights(model.fit(X, Y), X)


def test_what_fuses_nothing_is_refused():
    for model in (LogisticRegression(), BaseNNClassifier(epochs=1)):
        fitted = model.fit(np.eye(4), [0, 1, 0, 1])
        with pytest.raises(ValueError, match=f"got {type(model).__name__}"):
            gate_weights(fitted, np.eye(4))
    with pytest.raises(NotFittedError):
        gate_weights(MultimodalClassifier(), X)


def test_a_box_is_of_the_rows_that_have_a_choice():
    display = FusionGateDisplay(WEIGHTS).plot()
    medians = [line.get_xdata()[0] for line in display.boxes_["medians"]]
    assert_allclose(medians, [0.3, 0.7])
    ticks = [t.get_text() for t in display.ax_.get_yticklabels()]
    assert ticks == ["table\n2 of 5 rows", "note\n2 of 5 rows"]
    assert display.ax_.yaxis_inverted()


def test_the_title_says_that_it_is_routing(gated):
    display = FusionGateDisplay.from_estimator(gated, X)
    assert display.ax_.get_title() == "What the gate lets through"
    assert display.ax_.get_xlabel().startswith("weight beside other modalities")
    assert display.ax_.get_xlim() == (-0.02, 1.02)
    heard = gate_weights(gated, X)[15:].median()
    medians = [line.get_xdata()[0] for line in display.boxes_["medians"]]
    assert_allclose(medians, heard)


def test_cells_are_means_of_the_classes():
    display = FusionGateDisplay(WEIGHTS, ["a", "b", "b", "a", "c"]).plot()
    expected = [[0.6, 0.4], [0.2, 0.8], [np.nan, np.nan]]
    assert_allclose(display.im_.get_array().filled(np.nan), expected)
    written = [text.get_text() for text in display.ax_.texts]
    assert written == ["0.60", "0.40", "0.20", "0.80", "n/a", "n/a"]
    ticks = [t.get_text() for t in display.ax_.get_yticklabels()]
    assert ticks == ["a", "b", "c"]
    assert [t.get_text() for t in display.ax_.get_xticklabels()] == ["table", "note"]
    assert display.figure_.axes[1].get_ylabel() == "mean weight"


def test_classes_of_an_estimator_are_compared(gated):
    display = FusionGateDisplay.from_estimator(gated, X, Y)
    expected = gate_weights(gated, X).groupby(Y).mean()
    assert_allclose(display.im_.get_array(), expected)
    assert display.ax_.get_title() == "What the gate lets through"


def test_it_draws_where_it_is_asked_to(gated):
    _, (left, right) = plt.subplots(1, 2)
    display = FusionGateDisplay.from_estimator(gated, X, ax=left)
    assert display.ax_ is left and display.figure_ is left.figure
    assert FusionGateDisplay(WEIGHTS, list("abcde")).plot(ax=right).ax_ is right


def test_nothing_to_draw_is_drawn():
    nothing = WEIGHTS[4:]
    assert len(FusionGateDisplay(nothing).plot().boxes_["boxes"]) == 2
    display = FusionGateDisplay(nothing, ["a"]).plot()
    display.figure_.canvas.draw()
    assert [text.get_text() for text in display.ax_.texts] == ["n/a", "n/a"]


@pytest.mark.parametrize("groups", [None, ["a class with a long name"] * 5])
def test_names_fit_into_the_figure(groups):
    long = {name: f"{name} of the first and last visit" for name in WEIGHTS}
    display = FusionGateDisplay(WEIGHTS.rename(columns=long), groups).plot()
    display.figure_.canvas.draw()
    whole, ax = display.figure_.bbox, display.ax_
    names = [*ax.get_yticklabels(), *(ax.get_xticklabels() if groups else ())]
    for label in [ax.title, ax.xaxis.label, ax.yaxis.label, *names]:
        box = label.get_window_extent()
        assert box.x0 >= whole.x0 and box.y0 >= whole.y0
        assert box.x1 <= whole.x1 and box.y1 <= whole.y1


def test_groups_that_cannot_be_drawn_are_refused(gated):
    with pytest.raises(ValueError, match="60 different values"):
        FusionGateDisplay.from_estimator(gated, X, np.arange(60) / 7)
    with pytest.raises(ValueError, match="inconsistent"):
        FusionGateDisplay.from_estimator(gated, X, Y[:3])
    with pytest.raises(ValueError, match="inconsistent"):
        FusionGateDisplay(WEIGHTS, [1, 2]).plot()
