"""The model that matters is found inside what is around it."""

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from skmm import ModalityTransformer
from skmm.inspection._models import (
    reader_of,
    score_name,
    scoring_of,
    taken_apart,
    unwrap,
)

X, Y = load_iris(return_X_y=True)


def test_a_model_alone_is_itself():
    model = LogisticRegression(max_iter=1000).fit(X, Y)
    before, found = unwrap(model)
    assert found is model and before(X) is X


def test_steps_before_the_model_are_done_in_order():
    inner = make_pipeline(StandardScaler(), LogisticRegression())
    pipeline = make_pipeline(MinMaxScaler(), inner)
    search = GridSearchCV(pipeline, {}, cv=2).fit(X, Y)
    before, found = unwrap(FrozenEstimator(search))
    assert isinstance(found, LogisticRegression)
    expected = StandardScaler().fit_transform(MinMaxScaler().fit_transform(X))
    np.testing.assert_allclose(before(X), expected)
    np.testing.assert_array_equal(found.predict(before(X)), search.predict(X))


def test_a_pipeline_of_one_step_does_nothing_before():
    before, found = unwrap(make_pipeline(LogisticRegression(max_iter=1000)).fit(X, Y))
    assert isinstance(found, LogisticRegression) and before(X) is X


def test_what_is_not_fitted_is_refused():
    with pytest.raises(NotFittedError):
        unwrap(make_pipeline(StandardScaler(), LogisticRegression()))


def test_what_reads_first_is_found_if_it_splits_modalities():
    flat = ModalityTransformer().set_output(transform="pandas")
    pipeline = make_pipeline(flat, MinMaxScaler(), LogisticRegression(max_iter=1000))
    search = GridSearchCV(pipeline, {}, cv=2).fit(X, Y)
    steps, model = taken_apart(search)
    assert [type(s).__name__ for s in steps] == ["ModalityTransformer", "MinMaxScaler"]
    assert reader_of(search) is steps[0] and isinstance(model, LogisticRegression)
    assert reader_of(make_pipeline(MinMaxScaler(), search).fit(X, Y)) is None
    assert reader_of(model) is None


def test_a_search_is_scored_by_what_it_searched_for():
    model = LogisticRegression(max_iter=1000)
    search = GridSearchCV(model, {}, cv=2, scoring="neg_log_loss").fit(X, Y)
    plain = model.fit(X, Y)
    assert scoring_of(search, None) is search.scorer_
    assert scoring_of(search, "accuracy") == "accuracy"
    assert scoring_of(plain, None) is None
    names = [score_name(m, s) for m, s in ((search, None), (plain, None))]
    assert names == ["neg_log_loss", "accuracy"]
    assert score_name(plain, "f1_macro") == "f1_macro"
    assert score_name(plain, search.scorer_) == "score"
    assert score_name(GridSearchCV(model, {}, cv=2).fit(X, Y), None) == "score"
