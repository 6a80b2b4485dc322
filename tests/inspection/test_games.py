"""Any model is asked with some columns of other rows; ours without modalities."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline

from skmm import ModalityTransformer, MultimodalClassifier, infer_modalities
from skmm.datasets import make_multimodal_classification
from skmm.inspection._games import (
    Absence,
    ShuffledRows,
    ShuffledTable,
    make_game,
    put_together,
)

TABLE = pd.DataFrame(
    {"a": [1, 2, 3], "b": ["x", "y", "z"], "c": [0.5, np.nan, 2.5]}, index=[7, 7, 9]
)
ROWS, LENT = np.array([0, 2]), {1: np.array([1, 1]), 2: np.array([2, 0])}


def test_columns_of_other_rows_keep_index_and_types():
    mixed = put_together(TABLE, ROWS, LENT)
    expected = pd.DataFrame(
        {"a": [1, 3], "b": ["y", "y"], "c": [2.5, 0.5]}, index=[7, 9]
    )
    pd.testing.assert_frame_equal(mixed, expected)
    assert TABLE["b"].tolist() == ["x", "y", "z"]


@pytest.mark.parametrize("library", [pl.DataFrame, pa.Table.from_pandas])
def test_other_dataframes_stay_what_they_are(library):
    given = library(TABLE.reset_index(drop=True))
    mixed = put_together(given, ROWS, LENT)
    assert type(mixed) is type(given)
    frame = mixed.to_pandas()
    assert frame["b"].tolist() == ["y", "y"] and frame["a"].tolist() == [1, 3]


def test_arrays_are_copied():
    X = np.arange(6).reshape(3, 2)
    mixed = put_together(X, np.arange(3), {1: np.array([2, 0, 1])})
    assert_array_equal(mixed, [[0, 5], [2, 1], [4, 3]])
    assert X[0, 1] == 1


@pytest.fixture(scope="module")
def data():
    return make_multimodal_classification(
        60, modalities=("tabular", "text"), missing=0.2, random_state=0, return_X_y=True
    )


@pytest.fixture(scope="module")
def ours(data):
    X, y = data
    model = MultimodalClassifier(ensemble_size=1, epochs=3, random_state=0)
    return make_pipeline(ModalityTransformer(), model).fit(X, y)


def test_frames_lend_presence_with_the_content(ours, data):
    frame = ours[0].transform(data[0])
    lent = np.roll(np.arange(60), 1)
    mixed = put_together(frame, np.arange(60), {1: lent})
    assert_array_equal(mixed.present[:, 1], frame.present[lent, 1])
    assert_array_equal(mixed.arrays[frame.names[1]], frame[frame.names[1]][lent])
    assert_array_equal(mixed.present[:, 0], frame.present[:, 0])


def test_ours_are_asked_fast_and_others_whole(ours, data):
    X, _ = data
    assert isinstance(make_game(ours, X, absent=None), Absence)
    assert isinstance(make_game(ours, X, absent=False), ShuffledRows)
    groups = {"text": ["text"]}
    assert isinstance(
        make_game(ours, X, absent=False, modalities=groups), ShuffledTable
    )


@pytest.mark.filterwarnings("ignore::skmm.exceptions.MissingModalityWarning")
def test_fast_and_whole_say_the_same(ours, data):
    X, _ = data
    fast = make_game(ours, X, absent=False)
    groups = [(name, kind, columns) for name, kind, columns in ours[0].modalities_]
    whole = make_game(ours, X, absent=False, modalities=groups)
    assert fast.names == whole.names
    shuffle = np.random.default_rng(0).permutation(60)
    for coalition in range(4):
        said = [
            game.answers(coalition, shuffle).everything("decision_function")
            for game in (fast, whole)
        ]
        assert_allclose(*said, atol=1e-4)


def test_columns_of_other_pipelines_are_looked_at(data):
    X, y = data
    inferred = infer_modalities(X)
    text = inferred.index[inferred["modality"] == "text"][0]
    columns = make_column_transformer((TfidfVectorizer(), text))
    X = X.fillna({text: ""})
    game = make_game(
        make_pipeline(columns, LogisticRegression()).fit(X, y), X, absent=None
    )
    assert isinstance(game, ShuffledTable)
    assert sorted(c for columns in game.groups.values() for c in columns) == list(
        range(X.shape[1])
    )
    ridge = Ridge().fit(X.select_dtypes(float).fillna(0), y)
    with pytest.raises(ValueError, match="knows what an absent modality is"):
        make_game(ridge, X, absent=True)


def test_a_transformer_in_a_pipeline_says_what_modalities_are(data):
    X, y = data
    frame, y = X.dropna(), y[X.dropna().index]
    columns = list(X.columns)
    parts = [("first", "tabular", columns[:2]), ("second", "tabular", [columns[2]])]
    split = make_pipeline(ModalityTransformer(parts), LogisticRegression())
    game = make_game(split.fit(frame, y == 1), frame, absent=None)
    assert game.groups == {"first": [0, 1], "second": [2]}


def test_unknown_columns_and_unknown_tables_are_refused():
    model = LogisticRegression().fit(np.zeros((4, 2)), [0, 0, 1, 1])
    with pytest.raises(ValueError, match="no column 'agee', which the modality 'm'"):
        make_game(
            model,
            TABLE.rename(columns={"a": "age"}),
            absent=None,
            modalities={"m": ["agee"]},
        )
    with pytest.raises(ValueError, match="must be a dataframe, a 2-D array"):
        make_game(model, [[1, 2]], absent=None, modalities={"m": [0]})


def test_columns_of_an_array_are_looked_at():
    X = np.random.default_rng(0).normal(size=(30, 2))
    game = make_game(Ridge().fit(X, X[:, 0]), X, absent=None)
    assert list(game.groups.values()) == [[0, 1]]
