"""A projection keeps what modalities tell one by one, and nothing else."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import is_classifier
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skmm import MultimodalClassifier
from skmm.datasets import make_multimodal_classification
from skmm.inspection import emap_score
from skmm.inspection._emap import _projection
from skmm.inspection._games import make_game

RNG = np.random.default_rng(0)
NUMBERS = RNG.normal(size=(80, 3))
GROUPS = {"a": [0], "b": [1], "c": [2]}
TWO = {"a": [0], "bc": [1, 2]}


def test_two_modalities_by_the_papers_equation():
    y = NUMBERS[:, 0] * NUMBERS[:, 1] + NUMBERS[:, 2]
    model = DecisionTreeRegressor(random_state=0).fit(NUMBERS, y)
    game = make_game(model, NUMBERS, absent=False, modalities=TWO)
    found = _projection(game, is_classifier(model), np.random.default_rng(0), 80)[0]
    f = np.empty((80, 80))
    for i in range(80):
        rows = NUMBERS.copy()
        rows[:, 0] = NUMBERS[i, 0]
        f[i] = model.predict(rows)
    expected = f.mean(axis=1) + f.mean(axis=0) - f.mean()
    assert_allclose(found[:, 0], expected)


@pytest.mark.parametrize("groups", [TWO, GROUPS])
def test_sums_are_their_own_projection(groups):
    model = LinearRegression().fit(NUMBERS, NUMBERS @ [1, 2, 3])
    result = emap_score(model, NUMBERS, NUMBERS @ [1, 2, 3], modalities=groups)
    assert result.emap_score == pytest.approx(result.score) == pytest.approx(1)
    assert result.interaction_gain == pytest.approx(0, abs=1e-9)
    labels = (NUMBERS @ [1, 2, 3] > 0).astype(int)
    logistic = LogisticRegression().fit(NUMBERS, labels)
    assert (
        emap_score(logistic, NUMBERS, labels, modalities=groups).interaction_gain == 0
    )


def test_an_exclusive_or_is_all_interaction():
    X = RNG.integers(0, 2, size=(200, 2))
    y = np.where(X[:, 0] ^ X[:, 1], "odd", "even")
    model = DecisionTreeClassifier(random_state=0).fit(X, y)
    result = emap_score(model, X, y, modalities={"a": [0], "b": [1]})
    assert result.score == 1 and result.emap_score < 0.65
    assert result.interaction_gain == result.score - result.emap_score


@pytest.fixture(scope="module", params=[0.0, 1.0])
def ours(request):
    """A model of what each modality tells, or of what they tell together alone."""
    X, y = make_multimodal_classification(
        900,
        modalities=("tabular", "vector"),
        informative=0.7 * (1 - request.param),
        interaction=request.param,
        random_state=0,
        return_X_y=True,
    )
    model = MultimodalClassifier(
        fusion="bilinear", ensemble_size=1, epochs=20, random_state=0
    )
    return model.fit(X[:700], y[:700]), X[700:], y[700:], request.param


def test_interactions_of_our_models_are_found(ours):
    model, X, y, interaction = ours
    result = emap_score(model, X, y)
    assert result.score == pytest.approx(model.score(X, y), abs=0.006)
    assert result.n_samples == 200
    if interaction:
        assert result.score > 0.85 and result.emap_score < 0.65
    else:
        assert abs(result.interaction_gain) < 0.03


def test_rows_are_drawn_where_there_are_many(ours):
    model, X, y, _ = ours
    result = emap_score(model, X, y, max_samples=50, random_state=0)
    assert result.n_samples == 50
    assert result == emap_score(model, X, y, max_samples=50, random_state=0)


@pytest.mark.parametrize(
    "model", [RandomForestClassifier(5, random_state=0), SVC(random_state=0)]
)
def test_three_classes_with_and_without_probabilities(model):
    X, y = load_iris(return_X_y=True)
    model.fit(X, y)
    groups = {"sepal": [0, 1], "petal": [2, 3]}
    result = emap_score(model, X, y, modalities=groups, scoring="accuracy")
    assert 0.8 < result.emap_score <= 1 and result.score > 0.9


def test_what_has_no_interactions_is_refused():
    model = LinearRegression().fit(NUMBERS, NUMBERS[:, 0])
    with pytest.raises(ValueError, match="two modalities or more"):
        emap_score(model, NUMBERS, NUMBERS[:, 0], modalities={"a": [0, 1]})
    with pytest.raises(ValueError, match="two or more"):
        emap_score(model, NUMBERS[:1], NUMBERS[:1, 0], modalities=GROUPS)
    with pytest.raises(ValueError, match="max_samples"):
        emap_score(model, NUMBERS, NUMBERS[:, 0], modalities=GROUPS, max_samples=1)
    forest = RandomForestClassifier(2).fit(NUMBERS, (NUMBERS > 0).astype(int))
    with pytest.raises(ValueError, match="several outputs"):
        emap_score(forest, NUMBERS, NUMBERS > 0, modalities=GROUPS)
