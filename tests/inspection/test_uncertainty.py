"""Doubt is split into what members share and where they disagree."""

import copy

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from scipy.stats import entropy
from sklearn.base import BaseEstimator, ClassifierMixin, is_regressor
from sklearn.datasets import load_diabetes, load_iris, make_moons
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skmm import (
    BaseNNClassifier,
    ModalityTransformer,
    MultimodalClassifier,
    MultimodalRegressor,
)
from skmm.datasets import make_multimodal_classification
from skmm.diversity import (
    DiverseEnsembleClassifier,
    DiverseEnsembleRegressor,
    GreedyEnsembleClassifier,
    GreedyEnsembleRegressor,
)
from skmm.exceptions import MissingModalityWarning
from skmm.inspection._uncertainty import _said, predict_uncertainty

X, CODES = load_iris(return_X_y=True)
Y = np.array(["setosa", "versicolor", "virginica"])[CODES]
X_NUMBERS, NUMBERS = (part[:150] for part in load_diabetes(return_X_y=True))
# Two rows of one class: some of them are in no sample that is drawn.
RARE = np.concatenate([np.arange(60), [100, 101]])
BAYES, TREE = GaussianNB(), DecisionTreeClassifier(max_depth=2, random_state=0)
PAIR = [("bayes", BAYES), ("tree", TREE)]
NEIGHBOURS = [("3", KNeighborsRegressor(3)), ("line", LinearRegression())]

CLASSIFIERS = {
    "forest": RandomForestClassifier(7, max_depth=2, random_state=0),
    "extra trees": ExtraTreesClassifier(7, max_depth=2, random_state=0),
    "bagging": BaggingClassifier(TREE, 7, max_features=2, random_state=0),
    "voting": VotingClassifier(PAIR, voting="soft"),
    "weighted voting": VotingClassifier(
        [*PAIR, ("out", "drop")], voting="soft", weights=[3, 1, 5]
    ),
    "greedy": GreedyEnsembleClassifier(PAIR, cv=2, random_state=0),
    "diverse": DiverseEnsembleClassifier(
        TREE, {"max_depth": [1, 3], "max_features": [1, 2]}, cv=2, random_state=0
    ),
}
REGRESSORS = {
    "forest": RandomForestRegressor(7, max_depth=2, random_state=0),
    "extra trees": ExtraTreesRegressor(7, max_depth=2, random_state=0),
    "bagging": BaggingRegressor(DecisionTreeRegressor(max_depth=2), 7, random_state=0),
    "voting": VotingRegressor(NEIGHBOURS, weights=[2, 1]),
    "greedy": GreedyEnsembleRegressor(NEIGHBOURS, cv=2, random_state=0),
    "diverse": DiverseEnsembleRegressor(
        KNeighborsRegressor(), {"n_neighbors": [3, 30]}, cv=2, random_state=0
    ),
}

MADE = make_multimodal_classification(
    120, modalities=("tabular", "text"), random_state=0
)
NOTHING = MADE.data.copy()
NOTHING.loc[100:102] = None


class Says(ClassifierMixin, BaseEstimator):
    """A classifier that says the same of every row."""

    def __init__(self, p):
        self.p = p

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.tile(self.p, (len(X), 1))


@pytest.fixture(scope="module")
def networks():
    """Five networks of two modalities, with a temperature."""
    model = MultimodalClassifier(epochs=5, calibrate="temperature", random_state=0)
    return model.fit(MADE.data[:100], MADE.target[:100].map({0: "no", 1: "yes"}))


def _both(*says, weights=None):
    named = [(f"m{i}", Says(p)) for i, p in enumerate(says)]
    model = VotingClassifier(named, voting="soft", weights=weights)
    return model.fit(X[:100], Y[:100])


def test_two_members_are_split_as_by_hand():
    # H(.8, .2), and three quarters of H(.9, .1) with a quarter of H(.5, .5)
    found = predict_uncertainty(_both([0.9, 0.1], [0.5, 0.5], weights=[3, 1]), X[:2])
    assert_allclose(found.total, [0.5004024] * 2, rtol=1e-6)
    assert_allclose(found.aleatoric, [0.4170994] * 2, rtol=1e-6)
    assert_allclose(found.epistemic, [0.0833030] * 2, rtol=1e-5)


def test_members_that_are_sure_of_different_classes_have_epistemic_doubt_alone():
    found = predict_uncertainty(_both([1, 0], [0, 1]), X[:1])
    assert_allclose([found.total[0], found.epistemic[0]], np.log(2))
    assert found.aleatoric[0] == 0


@pytest.mark.parametrize("p", [[0.7, 0.3], [1 / 3, 2 / 3], [0.1, 0.9]])
def test_members_that_are_alike_have_no_epistemic_doubt(p):
    found = predict_uncertainty(_both(p, p, p), X[:3])
    assert_allclose(found.epistemic, 0, atol=1e-12)
    assert (found.epistemic >= 0).all()
    assert_allclose(found.aleatoric, entropy(p))


def test_a_member_without_weight_does_not_count():
    found = predict_uncertainty(_both([0.9, 0.1], [0.2, 0.8], weights=[1, 0]), X[:1])
    assert_allclose(found.total, entropy([0.9, 0.1]))
    assert np.isnan(found.epistemic).all()


@pytest.mark.parametrize("name", CLASSIFIERS)
@pytest.mark.parametrize("rows", [np.arange(50, 150), np.arange(150), RARE])
def test_the_mean_of_the_members_is_what_the_ensemble_says(name, rows):
    model = CLASSIFIERS[name].fit(X[rows], Y[rows])
    said, weights = _said(model, X, "predict_proba")
    assert len(said) > 1
    expected = model.predict_proba(X)
    assert_allclose(np.tensordot(weights, said, axes=1), expected, atol=1e-12)
    found = predict_uncertainty(model, X)
    assert_allclose(found.total, entropy(expected, axis=1), atol=1e-9)
    assert_allclose(found.aleatoric + found.epistemic, found.total)
    assert found.epistemic.min() >= 0 and found.epistemic.max() > 0.01


def test_a_member_that_never_saw_a_class_gives_it_no_probability():
    neighbours = KNeighborsClassifier(3)  # takes no weights, and so but some rows
    model = BaggingClassifier(neighbours, 9, random_state=0).fit(X[RARE], Y[RARE])
    assert min(len(one.classes_) for one in model.estimators_) < 3
    said, _ = _said(model, X, "predict_proba")
    assert_allclose(np.mean(said, axis=0), model.predict_proba(X))


@pytest.mark.parametrize("name", REGRESSORS)
def test_of_numbers_the_variance_of_the_members_is_known(name):
    model = REGRESSORS[name].fit(X_NUMBERS, NUMBERS)
    said, weights = _said(model, X_NUMBERS, "predict")
    assert_allclose(weights @ np.stack(said), model.predict(X_NUMBERS))
    found = predict_uncertainty(model, X_NUMBERS)
    mean = np.average(said, axis=0, weights=weights)
    expected = np.average((np.array(said) - mean) ** 2, axis=0, weights=weights)
    assert_allclose(found.epistemic, expected)
    assert found.epistemic.max() > 1
    assert np.isnan(found.total).all() and np.isnan(found.aleatoric).all()


def test_networks_are_members_with_their_own_temperature_and_shares(networks):
    model = copy.deepcopy(networks)
    model._shares = np.array([0.5, 0.3, 0.2])
    assert model.temperature_ != 1
    said, weights = _said(model, MADE.data, "predict_proba")
    assert len(said) == len(networks._weights) > 1
    expected = model.predict_proba(MADE.data)
    assert np.abs(expected - networks.predict_proba(MADE.data)).max() > 0.01
    assert_allclose(np.tensordot(weights, said, axes=1), expected, atol=1e-6)
    found = predict_uncertainty(model, MADE.data)
    assert_allclose(found.total, entropy(expected, axis=1), atol=1e-5)
    assert (found.epistemic > 0).all()


def test_asking_networks_leaves_the_estimator_as_it_was(networks):
    before = dict(vars(networks))
    predict_uncertainty(networks, MADE.data[:2])
    assert {k: id(v) for k, v in vars(networks).items()} == {
        k: id(v) for k, v in before.items()
    }


def test_networks_agree_on_rows_that_have_nothing(networks):
    with pytest.warns(MissingModalityWarning, match="3 of 20 rows"):
        found = predict_uncertainty(networks, NOTHING[100:])
    assert_allclose(found.epistemic[:3], 0, atol=1e-12)
    share = MADE.target[:100].mean()
    assert_allclose(found.total[:3], entropy([share, 1 - share]), rtol=1e-5)
    assert (found.epistemic[3:] > 0).all()


def test_networks_that_predict_numbers_have_a_variance():
    model = MultimodalRegressor(epochs=2, ensemble_size=2, random_state=0)
    model.fit(MADE.data[:60], MADE.data["number_0"][:60] * 10)
    found = predict_uncertainty(model, MADE.data[:7])
    each = np.stack(_said(model, MADE.data[:7], "predict")[0])
    assert_allclose(found.epistemic, each.var(axis=0))
    assert_allclose(each.mean(axis=0), model.predict(MADE.data[:7]), rtol=1e-5)


def test_members_of_a_diverse_ensemble_read_what_is_theirs():
    vary = {"modalities": [["text"]]}
    base = MultimodalClassifier(epochs=1, random_state=0)
    model = DiverseEnsembleClassifier(base, vary, cv=2, random_state=0)
    model.fit(MADE.data[:60], MADE.target[:60])
    said, weights = _said(model, MADE.data, "predict_proba")
    assert len(said) == 2
    expected = model.predict_proba(MADE.data)
    assert_allclose(np.tensordot(weights, said, axes=1), expected, atol=1e-6)


@pytest.mark.parametrize(
    "model",
    [
        RandomForestClassifier(50, random_state=0),
        MultimodalClassifier(
            epochs=20, learning_rate=0.01, ensemble_size=3, random_state=0
        ),
    ],
    ids=["forest", "networks"],
)
def test_members_disagree_far_from_what_they_were_trained_on(model):
    moons, y = make_moons(200, noise=0.1, random_state=0)
    angle = np.random.default_rng(0).uniform(0, 2 * np.pi, 200)
    far = np.column_stack([0.5 + 4 * np.cos(angle), 0.25 + 4 * np.sin(angle)])
    model.fit(moons, y)
    here, there = (predict_uncertainty(model, rows) for rows in (moons, far))
    assert there.epistemic.mean() > 2 * here.epistemic.mean()


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(max_iter=1000),
        AdaBoostClassifier(n_estimators=3, random_state=0),  # no mean of its members
        BaseNNClassifier(epochs=1, random_state=0),
        MultimodalClassifier(epochs=1, ensemble_size=1, random_state=0),
    ],
    ids=["linear", "boosting", "network", "multimodal"],
)
def test_nothing_disagrees_with_one_model(model):
    found = predict_uncertainty(model.fit(X, Y), X[:9])
    expected = entropy(model.predict_proba(X[:9]), axis=1)
    assert_allclose(found.total, expected, rtol=1e-5)
    assert_array_equal(found.aleatoric, found.total)
    assert np.isnan(found.epistemic).all()


def test_one_regressor_tells_nothing():
    found = predict_uncertainty(LinearRegression().fit(X_NUMBERS, NUMBERS), X_NUMBERS)
    assert set(found) == {"total", "aleatoric", "epistemic"}
    assert all(v.shape == (150,) and np.isnan(v).all() for v in found.values())


def test_members_are_found_in_pipelines_and_searches():
    forest = CLASSIFIERS["forest"]
    pipeline = make_pipeline(StandardScaler(), forest)
    search = GridSearchCV(pipeline, {}, cv=2).fit(X, Y)
    scaled = StandardScaler().fit_transform(X)
    expected = predict_uncertainty(forest.fit(scaled, Y), scaled)
    assert_allclose(predict_uncertainty(search, X).epistemic, expected.epistemic)


def test_a_pipeline_reads_the_modalities(networks):
    reader = ModalityTransformer().fit(MADE.data[:100])
    model = MultimodalClassifier(epochs=2, ensemble_size=2, random_state=0)
    pipeline = make_pipeline(reader, model).fit(MADE.data[:60], MADE.target[:60])
    inside = predict_uncertainty(pipeline[-1], pipeline[:-1].transform(MADE.data[:9]))
    found = predict_uncertainty(pipeline, MADE.data[:9])
    assert_array_equal(found.epistemic, inside.epistemic)


@pytest.mark.parametrize("name", ["forest", "bagging", "voting", "greedy"])
def test_any_container_will_do(name):
    columns = list("abcd")
    table = pd.DataFrame(X, columns=columns)
    model = CLASSIFIERS[name].fit(table, Y)
    expected = predict_uncertainty(model, table).total
    if name in ("forest", "bagging"):
        polars = predict_uncertainty(model, pl.DataFrame(X, schema=columns))
        assert_array_equal(polars.total, expected)
    one = predict_uncertainty(model, table[5:6])
    assert_allclose(one.total, expected[5:6], atol=1e-12)


def test_sparse_rows_are_taken():
    model = CLASSIFIERS["bagging"].fit(csr_array(X), Y)
    expected = entropy(model.predict_proba(csr_array(X)), axis=1)
    assert_allclose(predict_uncertainty(model, csr_array(X)).total, expected, atol=1e-9)


def test_what_is_not_fitted_is_refused():
    with pytest.raises(NotFittedError):
        predict_uncertainty(RandomForestClassifier(), X)


@pytest.mark.parametrize(
    "model",
    [LinearSVC(), VotingClassifier(PAIR), StandardScaler()],
    ids=["no probabilities", "votes", "no model"],
)
def test_what_has_no_probabilities_is_refused(model):
    with pytest.raises(ValueError, match="classifier with predict_proba or a regr"):
        predict_uncertainty(model.fit(X, Y), X)


def test_members_that_vote_are_refused():
    model = BaggingClassifier(LinearSVC(), 2, random_state=0).fit(X, Y)
    with pytest.raises(ValueError, match="so must its members; got LinearSVC"):
        predict_uncertainty(model, X)


SEVERAL = np.column_stack([CODES, CODES % 2])
LABELS = np.column_stack([CODES == 0, CODES > 0]).astype(int)


@pytest.mark.parametrize(
    ("model", "y"),
    [
        (RandomForestClassifier(2), SEVERAL),
        (KNeighborsClassifier(), SEVERAL),
        (BaseNNClassifier(epochs=1), LABELS),
        (KNeighborsRegressor(), SEVERAL),
        (RandomForestRegressor(2), SEVERAL),
    ],
    ids=lambda value: type(value).__name__ if hasattr(value, "fit") else "",
)
def test_several_outputs_are_refused(model, y):
    words = "numbers" if is_regressor(model) else "outputs"
    with pytest.raises(ValueError, match=f"outputs|{words}"):
        predict_uncertainty(model.fit(X, y), X)


def test_probabilities_that_are_none_are_refused():
    with pytest.raises(ValueError, match="sum 1 in each row"):
        predict_uncertainty(_both([0.9, 0.9], [0.5, 0.5]), X[:1])


def test_no_rows_are_refused_as_by_the_model(networks):
    with pytest.raises(ValueError, match="0 sample"):
        predict_uncertainty(networks, MADE.data[:0])
    with pytest.raises(ValueError, match="0 sample"):
        predict_uncertainty(CLASSIFIERS["forest"].fit(X, Y), X[:0])
