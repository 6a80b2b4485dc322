"""What is explained is found, whatever is around the model, and read as it reads."""

import numpy as np
import pandas as pd
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skmm import (
    BaseNNClassifier,
    BaseNNRegressor,
    ModalityTransformer,
    MultimodalClassifier,
)
from skmm.inspection._subject import Subject

RNG = np.random.RandomState(0)
X = RNG.normal(size=(40, 3))
MIXED = pd.DataFrame(
    {
        "age": RNG.normal(size=40),
        "ward": RNG.choice(["north", "south"], size=40),
        "note": np.where(np.arange(40) % 2, "High fever", "no pain"),
    }
)
PARTS = [("t", "tabular", ["age", "ward"]), ("n", "text", "note")]


@pytest.fixture(scope="module")
def two():
    y = np.where(X[:, 0] > 0, "yes", "no")
    return BaseNNClassifier(epochs=2, random_state=0).fit(X, y)


@pytest.fixture(scope="module")
def three():
    y = np.digitize(X[:, 0], [-0.5, 0.5])
    return BaseNNClassifier(epochs=2, random_state=0).fit(X, y)


@pytest.fixture(scope="module")
def mixed():
    model = MultimodalClassifier(PARTS, epochs=1, ensemble_size=1, random_state=0)
    return model.fit(MIXED, np.arange(40) % 2)


def numbers(model, X, target=None):
    """The number of each row, and which it is."""
    subject = Subject(model)
    logits = subject.logits(subject.prepared(subject.read(X).frame))
    aim = subject.aim(logits, target)
    return aim.of(logits), aim


def test_the_predicted_class_is_explained(two, three):
    found, aim = numbers(two, X)
    np.testing.assert_allclose(found, np.abs(two.decision_function(X)))
    assert (aim.labels == two.predict(X)).all()
    found, aim = numbers(three, X)
    np.testing.assert_allclose(found, three.decision_function(X).max(axis=1))
    assert (aim.labels == three.predict(X)).all()


def test_a_class_may_be_named(two, three):
    np.testing.assert_allclose(numbers(two, X, "yes")[0], two.decision_function(X))
    np.testing.assert_allclose(numbers(two, X, "no")[0], -two.decision_function(X))
    expected = three.decision_function(X)[:, 2]
    found, aim = numbers(three, X, 2)
    np.testing.assert_allclose(found, expected)
    np.testing.assert_allclose(aim.rows([3, 1]).of(np.zeros((2, 3))), 0)


def test_numbers_are_in_units_of_y():
    y = 100 + 7 * X[:, 0]
    model = BaseNNRegressor(epochs=1, random_state=0).fit(X, y)
    found, aim = numbers(model, X)
    np.testing.assert_allclose(found, model.predict(X), rtol=1e-6)
    assert aim.unit == "prediction"


def test_a_row_without_any_modality_is_answered_as_the_model_does(mixed):
    empty = MIXED[:2].astype(object)
    empty.loc[0] = None
    subject = Subject(mixed)
    frame = subject.read(empty).frame
    assert subject.nothing(frame).tolist() == [True, False]
    with pytest.warns(match="1 of 2 rows"):
        expected = mixed.decision_function(empty)
    np.testing.assert_allclose(subject.logits(frame)[:, 0], expected)


def test_columns_and_words_are_led_back_to(mixed):
    reading = Subject(mixed).read(MIXED[:2])
    assert reading.columns == {"t": ["age", "ward", "ward"]}
    assert [words for words, _ in reading.words["n"]] == [
        ["no", "pain"],
        ["High", "fever"],
    ]
    kept = reading.rows(np.array([1]))
    assert len(kept.frame) == 1 and kept.words["n"][0][0] == ["High", "fever"]


def test_words_are_found_through_pipelines_and_frozen_models():
    inner = make_pipeline(
        FunctionTransformer(), ModalityTransformer(PARTS), "passthrough"
    )
    model = MultimodalClassifier(epochs=1, ensemble_size=1, random_state=0)
    pipeline = make_pipeline(*[s for _, s in inner.steps], model)
    pipeline.fit(MIXED, np.arange(40) % 2)
    reading = Subject(FrozenEstimator(pipeline)).read(MIXED[:2])
    assert reading.words["n"][1][0] == ["High", "fever"]
    assert reading.columns["t"][0] == "age"
    frame = pipeline[:-1].transform(MIXED[:2])
    alone = Subject(pipeline[-1]).read(frame)
    assert alone.words == {}
    assert alone.columns["t"] == ["age", "ward_north", "ward_south"]


def test_columns_of_arrays_have_names(two):
    assert Subject(two).read(X[:1]).columns == {"x": ["x0", "x1", "x2"]}
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    model = BaseNNClassifier(epochs=1, random_state=0).fit(frame, X[:, 0] > 0)
    assert Subject(model).read(frame[:1]).columns == {"x": ["a", "b", "c"]}


def test_what_cannot_be_explained_is_refused(two):
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    with pytest.raises(TypeError, match="got LogisticRegression"):
        Subject(pipeline.fit(X, X[:, 0] > 0))
    with pytest.raises(ValueError, match="0 sample"):
        Subject(two).read(X[:0])
    with pytest.raises(ValueError, match=r"among the classes \['no', 'yes'\], got 7"):
        numbers(two, X, 7)
    with pytest.raises(ValueError, match=r"each of the 40 rows; got an array of shape"):
        numbers(two, X, ["no"])
