"""Importances are what is lost, and Shapley values share all of it out."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import make_scorer, r2_score
from sklearn.model_selection import GridSearchCV
from sklearn.tree import DecisionTreeClassifier

from skmm import MultimodalClassifier
from skmm.datasets import make_multimodal_classification
from skmm.inspection import modality_importance
from skmm.inspection._coalitions import members

RNG = np.random.default_rng(0)
NUMBERS = RNG.normal(size=(400, 4))
LABELS = (NUMBERS[:, 0] + 0.3 * NUMBERS[:, 1] > 0).astype(int)
GROUPS = {"strong": [0], "weak": [1], "noise": [2, 3]}


@pytest.fixture(scope="module")
def ours():
    """A fitted model, and test rows of three modalities of which one is noise."""
    X, y = make_multimodal_classification(
        500,
        modalities=("tabular", "text", "vector"),
        informative={"tabular": 0.8, "text": 0.5, "vector": 0.0},
        random_state=0,
        return_X_y=True,
    )
    model = MultimodalClassifier(epochs=15, random_state=0).fit(X[:300], y[:300])
    return model, X[300:], y[300:]


def test_a_linear_model_by_hand():
    # R2 falls by twice the share of the variance when a column is shuffled.
    X = RNG.normal(size=(4000, 2))
    y = 2 * X[:, 0] + X[:, 1]
    model = LinearRegression().fit(X, y)
    groups = {"a": [0], "b": [1]}
    result = modality_importance(model, X, y, modalities=groups, random_state=0)
    assert_allclose(result.importances_mean, [1.6, 0.4], atol=0.05)
    assert result.score == pytest.approx(1) and result.removal == "shuffled"
    assert result.importances.shape == (2, 10)


def test_columns_go_together():
    # Two copies of a column: either alone costs half, both together all.
    X = np.repeat(RNG.normal(size=(2000, 1)), 2, axis=1)
    model = LinearRegression().fit(X, X.sum(axis=1))
    alone, both = (
        modality_importance(
            model, X, X.sum(axis=1), modalities=g, random_state=0
        ).importances_mean
        for g in ({"a": [0], "b": [1]}, {"ab": [0, 1]})
    )
    assert_allclose(alone, [0.5, 0.5], atol=0.05)
    assert_allclose(both, [2], atol=0.1)


@pytest.mark.parametrize("method", ["permutation", "shapley"])
def test_noise_is_worth_nothing_within_its_interval(method):
    model = LogisticRegression().fit(NUMBERS[:200], LABELS[:200])
    result = modality_importance(
        model,
        NUMBERS[200:],
        LABELS[200:],
        method=method,
        modalities=GROUPS,
        n_repeats=20,
        random_state=0,
    )
    strong, weak, noise = result.importances_mean
    assert strong > weak > abs(noise)
    low, high = result.interval[2]
    assert low <= 0 <= high
    assert (result.interval[0] > 0).all()


def test_shapley_values_add_up_for_any_model():
    model = LogisticRegression().fit(NUMBERS, LABELS)
    result = modality_importance(
        model, NUMBERS, LABELS, method="shapley", modalities=GROUPS, random_state=0
    )
    whole = result.score - result.base_score
    assert result.importances_mean.sum() == pytest.approx(whole)
    assert result.score == model.score(NUMBERS, LABELS)
    assert result.base_score == pytest.approx(0.5, abs=0.05)


def test_shapley_values_of_ours_are_those_of_predictions_without_modalities(ours):
    model, X, y = ours
    result = modality_importance(model, X, y, method="shapley", random_state=0)
    assert result.removal == "absent"
    worth = {}
    for s in range(8):
        kept = list(np.array(result.names)[members(s, 3)])
        worth[s] = np.mean(model.predict(X, modalities=kept) == y)
    first = (worth[1] - worth[0]) / 3 + (worth[7] - worth[6]) / 3
    first += (worth[3] - worth[2] + worth[5] - worth[4]) / 6
    assert result.importances_mean[0] == pytest.approx(first, abs=0.01)
    assert (result.score, result.base_score) == pytest.approx((worth[7], worth[0]))
    total = result.importances_mean.sum()
    assert total == pytest.approx(result.score - result.base_score)


def test_the_most_informative_modality_is_worth_most(ours):
    model, X, y = ours
    for method in ("permutation", "ablation", "shapley"):
        result = modality_importance(model, X, y, method=method, random_state=0)
        strong, weak, noise = result.importances_mean
        assert strong > weak > noise, method
        assert abs(noise) < 0.06, method


def test_ablation_is_what_is_lost(ours):
    model, X, y = ours
    result = modality_importance(model, X, y, method="ablation", random_state=0)
    without = np.mean(model.predict(X, modalities=result.names[1:]) == y)
    lost = model.score(X, y) - without
    assert result.importances_mean[0] == pytest.approx(lost, abs=0.01)


def test_interactions_of_an_exclusive_or():
    X = RNG.integers(0, 2, size=(600, 3))
    y = X[:, 0] ^ X[:, 1]
    model = DecisionTreeClassifier(random_state=0).fit(X, y)
    groups = {"a": [0], "b": [1], "c": [2]}
    result = modality_importance(
        model, X, y, method="shapley", modalities=groups, random_state=0
    )
    pairs = result.interactions_mean
    assert pairs[0, 1] == pytest.approx(0.5, abs=0.05)
    assert_allclose(pairs[2, :2], 0, atol=0.05)
    assert np.isnan(np.diag(pairs)).all()
    assert (result.interactions_std[0, 1] > 0) and "interactions_mean" in result


@pytest.mark.parametrize("scoring", ["roc_auc", "neg_log_loss", make_scorer(r2_score)])
def test_scorers_of_scikit_learn_are_taken(ours, scoring):
    model, X, y = ours
    result = modality_importance(model, X, y, scoring=scoring, random_state=0)
    assert np.argmax(result.importances_mean) == 0
    assert np.isfinite(result.importances).all()


def test_a_search_is_scored_by_its_own_scorer():
    search = GridSearchCV(LogisticRegression(), {"C": [1]}, scoring="neg_log_loss")
    search.fit(NUMBERS, LABELS)
    result = modality_importance(search, NUMBERS, LABELS, modalities=GROUPS)
    assert result.score == search.score(NUMBERS, LABELS) < 0


def test_weights_are_the_scorers():
    model = LogisticRegression().fit(NUMBERS, LABELS)
    weight = (NUMBERS[:, 1] > 1).astype(float)
    result = modality_importance(
        model, NUMBERS, LABELS, modalities=GROUPS, sample_weight=weight
    )
    rows = weight > 0
    assert result.score == model.score(NUMBERS[rows], LABELS[rows])


def test_one_seed_gives_one_result_and_draws_keep_the_classes():
    rare = np.zeros(400, int)
    rare[:3] = 1
    model = DummyClassifier(strategy="stratified", random_state=0).fit(NUMBERS, rare)
    twice = [
        modality_importance(
            model, NUMBERS, rare, modalities=GROUPS, scoring="roc_auc", random_state=3
        ).importances
        for _ in range(2)
    ]
    np.testing.assert_array_equal(*twice)
    assert np.isfinite(twice[0]).all()


def test_string_labels_and_dataframes():
    frame = pd.DataFrame(NUMBERS, columns=list("abcd"))
    y = np.where(LABELS, "yes", "no")
    model = LogisticRegression().fit(frame, y)
    result = modality_importance(model, frame, list(y), modalities={"m": "a"})
    assert result.importances_mean[0] > 0.2


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"method": "lime"}, "method must be one of"),
        ({"n_repeats": 1}, "n_repeats"),
        ({"method": "ablation"}, "knows what an absent modality is"),
    ],
)
def test_wrong_arguments_are_refused(wrong, message):
    model = LogisticRegression().fit(NUMBERS, LABELS)
    with pytest.raises(ValueError, match=message):
        modality_importance(model, NUMBERS, LABELS, modalities=GROUPS, **wrong)


def test_too_few_rows_and_too_many_modalities_are_refused():
    model = LogisticRegression().fit(NUMBERS, LABELS)
    with pytest.raises(ValueError, match="two or more"):
        modality_importance(model, NUMBERS[:1], LABELS[:1], modalities=GROUPS)
    with pytest.raises(ValueError, match="no rows"):
        modality_importance(model, NUMBERS[:0], LABELS[:0], modalities=GROUPS)
    many = {str(i): [i % 4] for i in range(13)}
    with pytest.raises(ValueError, match="13 modalities take 8192"):
        modality_importance(model, NUMBERS, LABELS, method="shapley", modalities=many)
    with pytest.raises(ValueError, match="inconsistent"):
        modality_importance(model, NUMBERS, LABELS[:9], modalities=GROUPS)
