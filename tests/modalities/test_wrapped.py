import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import TSNE
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from skmm.exceptions import ModalityError
from skmm.modalities._wrapped import TransformerModality

NOTES = pd.DataFrame({"note": ["mild fever", None, "dry cough", " ", "fever cough"]})
TABLE = pd.DataFrame({"a": [1.0, 2.0, 4.0, 7.0], "b": [3.0, 1.0, 0.0, 5.0]})


def encode(transformer, X, y=None):
    modality = TransformerModality(transformer).fit(X, y)
    encoded = modality.transform(X)
    assert encoded.array.dtype == np.float32
    assert encoded.array.shape == (len(X), *modality.spec("m").shape)
    return modality, encoded


class Recorder(TransformerMixin, BaseEstimator):
    """Remembers what `fit` was given and returns `output`."""

    def __init__(self, output=None):
        self.output = output

    def fit(self, X, y=None):
        self.X_, self.y_ = X, y
        return self

    def transform(self, X):
        return X if self.output is None else self.output


@pytest.mark.parametrize(
    "transformer",
    [TfidfVectorizer(), make_pipeline(TfidfVectorizer(), TruncatedSVD(2))],
)
def test_a_vectorizer_gets_its_one_column_and_only_the_texts(transformer):
    _, encoded = encode(transformer, NOTES)
    present = [True, False, True, False, True]
    assert encoded.present.tolist() == present
    expected = clone(transformer).fit_transform(NOTES["note"][present])
    expected = expected.toarray() if hasattr(expected, "toarray") else expected
    np.testing.assert_allclose(abs(encoded.array[present]), abs(expected), atol=1e-5)
    assert (encoded.array[[1, 3]] == 0).all()


def test_pipelines_of_pipelines_are_asked_for_their_first_step():
    inner = make_pipeline("passthrough", make_pipeline(HashingVectorizer(n_features=8)))
    assert encode(make_pipeline(inner), NOTES)[1].array.any()


def test_dicts_are_vectorized():
    X = pd.DataFrame({"d": [{"a": 1.0}, {"b": 2.0}, None]})
    modality, encoded = encode(DictVectorizer(), X)
    assert encoded.array.tolist() == [[1, 0], [0, 2], [0, 0]]
    assert modality.spec("d").feature_names == ("a", "b")


@pytest.mark.parametrize(
    "transformer",
    [
        PCA(1),
        make_pipeline(StandardScaler(), PCA(2)),
        ColumnTransformer([("s", StandardScaler(), ["b"])], remainder="passthrough"),
        OneHotEncoder(),
        FunctionTransformer(np.log1p),
        StandardScaler().set_output(transform="pandas"),
        StandardScaler().set_output(transform="polars"),
    ],
)
def test_a_transformer_of_tables_gives_what_it_gives_alone(transformer):
    modality, encoded = encode(transformer, TABLE)
    expected = clone(transformer).fit_transform(TABLE)
    expected = expected.toarray() if hasattr(expected, "toarray") else expected
    np.testing.assert_allclose(encoded.array, np.asarray(expected), atol=1e-6)
    spec = modality.spec("m")
    assert (spec.kind, spec.encoder, spec.dtype) == ("vector", "mlp", "float32")


def test_feature_names_are_the_transformers_own_where_it_has_any():
    names = encode(TfidfVectorizer(), NOTES)[0].spec("m").feature_names
    assert names == ("cough", "dry", "fever", "mild")
    assert encode(StandardScaler(), TABLE)[0].spec("m").feature_names == ("a", "b")
    assert encode(FunctionTransformer(np.abs), TABLE)[0].spec("m").feature_names is None
    assert encode(Recorder(), TABLE)[0].spec("m").feature_names is None


def test_one_dimensional_output_is_one_feature():
    total = FunctionTransformer(lambda X: X.sum(axis=1))
    assert encode(total, TABLE)[1].array.tolist() == [[4], [3], [4], [12]]


def test_the_transformer_sees_the_rows_that_have_something_and_their_targets():
    X = pd.DataFrame({"a": [1.0, None, None, 4.0], "b": [None, None, 2.0, 5.0]})
    _, encoded = encode(SimpleImputer(), X)
    assert encoded.present.tolist() == [True, False, True, True]
    assert encoded.array.tolist() == [[1, 3.5], [0, 0], [2.5, 2], [4, 5]]
    fitted = encode(Recorder(), X, y=["p", "q", "r", "s"])[0].transformer_
    assert fitted.X_.index.tolist() == [0, 2, 3]
    assert fitted.y_.tolist() == ["p", "r", "s"]


def test_targets_are_passed_as_they_are_where_no_row_is_absent():
    y = pd.Series([0, 1, 0, 1])
    assert encode(Recorder(), TABLE, y)[0].transformer_.y_ is y


def test_nan_in_the_output_stays():
    X = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [None, 2.0, 4.0]})
    _, encoded = encode(StandardScaler(), X)
    assert np.isnan(encoded.array).tolist() == [[False, True], [False] * 2, [False] * 2]


@pytest.mark.parametrize("value", [np.inf, -1e300])
def test_infinite_output_is_named_with_row_and_column(value):
    X = pd.DataFrame({"a": [None, 1.0, 2.0]})
    modality = TransformerModality(Recorder(np.array([[0.0], [value]])))
    modality.fit(X)
    message = r"Recorder returned an infinite value.* row 2 in its column 0"
    with pytest.raises(ModalityError, match=message):
        modality.transform(X)


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (np.array([["a"], ["b"]]), "output of Recorder: .*real numbers"),
        (np.zeros((2, 2, 2)), r"two dimensions, got shape \(2, 2, 2\)"),
        (pl.DataFrame({"a": ["x", "y"]}), "output of Recorder"),
    ],
)
def test_output_that_is_no_table_of_numbers_is_refused(output, message):
    with pytest.raises(ModalityError, match=message):
        TransformerModality(Recorder(output)).fit(TABLE[:2])


@pytest.mark.parametrize("shape", [(3, 2), (4, 3)])
def test_output_of_another_shape_than_in_training_is_refused(shape):
    modality = TransformerModality(Recorder()).fit(TABLE)
    modality.transformer_.output = np.zeros(shape)
    with pytest.raises(ModalityError, match=r"must return .*\(4, 2\).*got \(\d, \d\)"):
        modality.transform(TABLE)


def test_a_vectorizer_of_two_columns_is_refused_with_the_remedy():
    with pytest.raises(ModalityError, match=r"TfidfVectorizer reads one column, got 2"):
        TransformerModality(TfidfVectorizer()).fit(NOTES.assign(other="b"))


@pytest.mark.parametrize("estimator", [LogisticRegression(), TSNE()])
def test_what_cannot_transform_new_rows_is_refused(estimator):
    name = type(estimator).__name__
    with pytest.raises(ModalityError, match=f"{name} has no transform method"):
        TransformerModality(estimator).fit(TABLE)


def test_training_rows_without_anything_give_a_modality_without_features():
    modality, encoded = encode(TfidfVectorizer(), NOTES[1:2])
    assert encoded.array.shape == (1, 0)
    assert modality.spec("m").feature_names is None
    assert not modality.transform(NOTES).present.any()


def test_no_rows_and_only_absent_rows_keep_the_shape():
    modality = TransformerModality(TfidfVectorizer()).fit(NOTES)
    for rows in (NOTES[:0], NOTES[1:2]):
        encoded = modality.transform(rows)
        assert encoded.array.shape == (len(rows), 4)
        assert not encoded.present.any()
    one = modality.transform(NOTES[4:]).array
    np.testing.assert_array_equal(one, modality.transform(NOTES).array[4:])


def test_the_given_transformer_is_never_fitted():
    scaler = StandardScaler()
    modality = TransformerModality(scaler).fit(TABLE)
    assert not hasattr(scaler, "mean_")
    assert modality.transformer is scaler
    with pytest.raises(NotFittedError):
        TransformerModality(scaler).transform(TABLE)


def test_parameters_of_the_transformer_are_searched_by_nested_name():
    modality = TransformerModality(PCA(2)).set_params(transformer__n_components=1)
    copy = clone(modality)
    assert copy.get_params()["transformer__n_components"] == 1
    assert copy.transformer is not modality.transformer


def test_a_transformer_without_tags_gets_a_frame():
    class Plain:
        def get_params(self, deep=True):
            return {}

        def fit(self, X):
            self.columns = list(X.columns)
            return self

        def transform(self, X):
            return X.to_numpy()

    modality, encoded = encode(Plain(), TABLE)
    assert modality.transformer_.columns == ["a", "b"]
    np.testing.assert_array_equal(encoded.array, TABLE)


def test_a_pickle_gives_the_same():
    modality = TransformerModality(PCA(1)).fit(TABLE)
    state = pickle.dumps(modality)
    assert len(state) < 2000
    copy = pickle.loads(state)
    expected = modality.transform(TABLE).array
    np.testing.assert_array_equal(copy.transform(TABLE).array, expected)
    assert copy.spec("m") == modality.spec("m")
