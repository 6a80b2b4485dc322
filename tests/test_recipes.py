"""Well-known networks: each is fitted, and is what its name says."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_score

from skmm import BaseNNClassifier, MultimodalClassifier, recipes
from skmm.datasets import make_multimodal_classification

KINDS = ["image", "tabular", "text", "timeseries"]
BASE = {"cnn": (8, 8, 1), "rnn": (8, 3), "mlp": (5,)}  # and a row of what it reads
FAMILIES = {
    "cnn_rnn": "parallel",
    "cnn_transformer": "parallel",
    "siamese": "serial",
    "graph_network": "serial",
    "multimodal_attention": "hybrid",
    "gcn": "hybrid",
}
JOINED = tuple(FAMILIES)


@pytest.fixture(scope="module")
def data():
    return make_multimodal_classification(
        40, modalities=KINDS, random_state=0, return_X_y=True
    )


def test_every_recipe_is_tried():
    articles = {"article_base_model", "article_multimodal_model"}
    assert {*BASE, *JOINED, *articles} == set(recipes.__all__)


@pytest.mark.parametrize("name", [*BASE, *JOINED])
def test_parameters_go_before_the_recipe(name):
    recipe = getattr(recipes, name)
    model = recipe(epochs=3, random_state=1)
    assert (model.epochs, model.random_state) == (3, 1)
    assert clone(model).get_params().keys() == model.get_params().keys()
    chosen = "network" if name in BASE else "fusion"
    assert getattr(recipe(**{chosen: "late"}), chosen) == "late"


@pytest.mark.parametrize(("name", "shape"), BASE.items())
def test_a_base_network_reads_one_modality(name, shape):
    X = np.random.default_rng(0).normal(size=(20, *shape))
    model = getattr(recipes, name)(epochs=1, random_state=0)
    assert isinstance(model, BaseNNClassifier)
    assert model.fit(X, np.arange(20) % 2).predict(X).shape == (20,)
    assert model.network == name


@pytest.mark.parametrize("name", JOINED)
def test_a_fusion_reads_them_all(name, data):
    model = getattr(recipes, name)(epochs=1, ensemble_size=1, random_state=0)
    X, y = data
    if name == "multimodal_attention":  # pairs of four take half a minute to trace
        X = X[["image", "text"]]
    assert isinstance(model, MultimodalClassifier)
    assert model.fit(X, y).fusion_.family == FAMILIES[name]
    given = dict(model.encoders or [])
    for kind, encoder in model.encoders_.items():
        if kind in given:
            assert type(encoder).__module__.endswith(given[kind])


def test_recipes_share_nothing():
    first = recipes.article_base_model()
    first.set_params(network__dropout=0.5)
    assert recipes.article_base_model().network.dropout == 0.0
    first = recipes.article_multimodal_model()
    first.set_params(vector__dropout=0.5)
    assert dict(recipes.article_multimodal_model().encoders)["vector"].dropout == 0.0


def test_a_recipe_is_cross_validated(data):
    X, y = data
    model = recipes.siamese(epochs=1, ensemble_size=1, random_state=0)
    assert np.isfinite(cross_val_score(model, X[["image", "text"]], y, cv=2)).all()


def test_the_article_is_called_with_two_arrays():
    """Its labels are random; these are not."""
    x1, x2 = np.random.default_rng(0).normal(size=(2, 200, 10))
    y = np.argmax(np.c_[x1[:, 0], x2[:, 0], np.zeros(200)], axis=1)
    model = recipes.article_multimodal_model(epochs=60, random_state=0).fit([x1, x2], y)
    assert model.score([x1, x2], y) > 0.95
    assert len(model._weights) == 1
    assert "unimodal" not in model.network_.output
    base = recipes.article_base_model(epochs=60, random_state=0).fit(x1, y)
    assert base.score(x1, y) < model.score([x1, x2], y)
