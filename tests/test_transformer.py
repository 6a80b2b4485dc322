"""A table becomes a ModalityFrame, fitted on its training rows alone."""

import io
import os
import pickle
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import sklearn
import soundfile
from joblib import Memory, Parallel, delayed
from PIL import Image
from sklearn.base import clone
from sklearn.compose import make_column_selector
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import BaggingClassifier, HistGradientBoostingClassifier
from sklearn.exceptions import FitFailedWarning, NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_validate
from sklearn.pipeline import make_pipeline

from skmm import ModalityFrame, ModalitySpec, ModalityTransformer, infer_modalities
from skmm.exceptions import CellError, MissingModalityWarning, ModalityError
from skmm.modalities._base import Encoded, Modality
from skmm.modalities.audio import AudioModality
from skmm.modalities.image import ImageModality
from skmm.modalities.tabular import TabularModality

N = 24
TRIPLES = [
    ("clinical", "tabular", ["age", "sex"]),
    ("note", "text", "note"),
    ("scan", "image", "scan"),
    ("pulse", "timeseries", "pulse"),
]


def png(value):
    buffer = io.BytesIO()
    Image.fromarray(np.full((4, 4), value, dtype=np.uint8)).save(buffer, "png")
    return buffer.getvalue()


def make_table(n=N):
    rng = np.random.default_rng(0)
    words = "no mild severe fever cough since monday night".split()
    X = pd.DataFrame(
        {
            "age": rng.normal(50, 10, n),
            "note": [" ".join(rng.choice(words, 5)) for _ in range(n)],
            "sex": rng.choice(["F", "M"], n),
            "scan": [png(int(v)) for v in rng.integers(0, 255, n)],
            "pulse": [rng.normal(size=(k, 2)).tolist() for k in rng.integers(2, 5, n)],
        }
    )
    X.loc[::5, "note"] = None
    X.loc[::4, "scan"] = None
    X.loc[3, "age"] = np.nan
    return X


@pytest.fixture
def X():  # noqa: N802
    return make_table()


@pytest.fixture
def y():
    return np.arange(N) % 2


class LengthModality(Modality):
    """Lengths of strings beside the longest one: as anybody may write a modality."""

    kind = "vector"

    def __init__(self, factor=1.0):
        self.factor = factor

    def fit(self, X, y=None, *, on_error="raise", n_jobs=None):
        self.longest_ = float(self._lengths(X).max())
        self.seen_ = (list(X.columns), len(X), on_error, n_jobs, y is not None)
        return self

    def transform(self, X, *, on_error="raise", n_jobs=None):
        present = X.notna().all(axis=1).to_numpy()
        lengths = self._lengths(X) * self.factor
        return Encoded(np.array([lengths, lengths * 0 + self.longest_]).T, present)

    def spec(self, name):
        return ModalitySpec(name, self.kind, (2,), "float64", "mlp")

    def _lengths(self, X):
        return X.iloc[:, 0].fillna("").map(len).to_numpy(dtype=float)


class FailingModality(LengthModality):
    def fit(self, X, y=None, *, on_error="raise", n_jobs=None):
        raise CellError("broken", column=X.columns[0], row=1)


def assert_same(got, wanted):
    assert got.specs == wanted.specs
    np.testing.assert_array_equal(got.present, wanted.present)
    for name in wanted.names:
        np.testing.assert_array_equal(got[name], wanted[name])


def test_each_modality_becomes_one_array_in_the_order_given(X):
    frame = ModalityTransformer(TRIPLES).fit_transform(X)
    assert isinstance(frame, ModalityFrame)
    assert frame.shape == (N, 4)
    assert frame.names == ["clinical", "note", "scan", "pulse"]
    kinds = [spec.kind for spec in frame.specs.values()]
    assert kinds == ["tabular", "text", "image", "timeseries"]
    np.testing.assert_array_equal(frame.present[:, 1], X["note"].notna())
    np.testing.assert_array_equal(frame.present[:, 2], X["scan"].notna())
    assert frame.present[:, [0, 3]].all()


def test_auto_does_what_infer_modalities_says(X):
    transformer = ModalityTransformer().fit(X)
    inferred = infer_modalities(X)
    pd.testing.assert_frame_equal(transformer.inferred_, inferred)
    assert list(transformer.specs_) == ["tabular", "note", "scan", "pulse"]
    assert transformer.columns_of("tabular") == ["age", "sex"]


def test_auto_drops_columns_without_a_cell(X):
    X["empty"] = None
    transformer = ModalityTransformer().fit(X)
    assert transformer.modality_of("empty") is None
    assert transformer.inferred_.loc["empty", "modality"] == "drop"
    assert transformer.transform(X).shape == (N, 4)


def test_nothing_is_inferred_of_a_list(X):
    assert ModalityTransformer(TRIPLES).fit(X).inferred_.empty


def test_remaining_columns_are_dropped_or_inferred(X):
    triples = [("tabular", "tabular", "age")]
    assert list(ModalityTransformer(triples).fit(X).specs_) == ["tabular"]
    transformer = ModalityTransformer(triples, remainder="auto").fit(X)
    assert list(transformer.specs_) == ["tabular", "note", "tabular_2", "scan", "pulse"]
    assert transformer.columns_of("tabular_2") == ["sex"]
    assert transformer.inferred_.index.tolist() == ["note", "sex", "scan", "pulse"]


def test_dropped_columns_are_not_inferred(X):
    triples = [("ids", "drop", ["age", "note"]), ("scan", "image", "scan")]
    transformer = ModalityTransformer(triples, remainder="auto").fit(X)
    assert list(transformer.specs_) == ["scan", "tabular", "pulse"]
    assert transformer.modality_of("age") is None


def test_columns_and_modalities_find_each_other(X):
    transformer = ModalityTransformer(TRIPLES[:3]).fit(X)
    assert transformer.columns_of("clinical") == ["age", "sex"]
    assert transformer.modality_of("sex") == "clinical"
    assert transformer.modality_of("pulse") is None
    with pytest.raises(ModalityError, match="no column 'Sex'; did you mean 'sex'"):
        transformer.modality_of("Sex")
    with pytest.raises(ModalityError, match="no modality 'nota'; did you mean 'note'"):
        transformer.columns_of("nota")


@pytest.mark.parametrize(
    "columns",
    [
        ["age", "sex"],
        [0, 2],
        [-5, 2],
        slice("age", "sex"),
        [True, False, True, False, False],
        make_column_selector(pattern="age|sex"),
    ],
)
def test_columns_are_selected_as_in_column_transformer(X, columns):
    X = X if not isinstance(columns, slice) else X.drop(columns="note")
    transformer = ModalityTransformer([("clinical", "tabular", columns)]).fit(X)
    assert transformer.columns_of("clinical") == ["age", "sex"]


def test_a_modality_may_hold_several_columns(X):
    X["side"] = X["scan"]
    frame = ModalityTransformer([("scan", "image", ["scan", "side"])]).fit_transform(X)
    assert frame.specs["scan"].shape[0] == 2


def as_polars(X):
    return pl.from_pandas(X)


def as_pyarrow(X):
    return pa.Table.from_pandas(X)


def as_objects(X):
    return X.to_numpy(dtype=object)


def as_rows(X):
    return X.to_numpy(dtype=object).tolist()


def as_records(X):
    return X.to_dict("records")


@pytest.mark.parametrize(
    "convert", [as_polars, as_pyarrow, as_objects, as_rows, as_records]
)
@pytest.mark.parametrize("modalities", ["auto", TRIPLES], ids=["auto", "list"])
def test_every_kind_of_table_gives_the_same_arrays(X, convert, modalities):
    wanted = ModalityTransformer(modalities).fit_transform(X)
    transformer = ModalityTransformer(modalities, feature_names=list(X.columns))
    assert_same(transformer.fit_transform(convert(X)), wanted)
    assert transformer.feature_names_in_.tolist() == list(X.columns)


def test_fitted_on_pandas_it_reads_polars(X):
    transformer = ModalityTransformer().fit(X)
    assert_same(transformer.transform(as_polars(X)), transformer.transform(X))


def test_positions_work_without_names(X):
    triples = [("clinical", "tabular", [0, 2]), ("note", "text", 1)]
    transformer = ModalityTransformer(triples).fit(as_objects(X))
    assert transformer.columns_of("clinical") == ["x0", "x2"]
    assert not hasattr(transformer, "feature_names_in_")
    by_name = [("clinical", "tabular", ["age", "sex"]), ("note", "text", "note")]
    wanted = ModalityTransformer(by_name).fit_transform(X)
    np.testing.assert_array_equal(
        transformer.transform(as_objects(X))["clinical"], wanted["clinical"]
    )


def test_pandas_index_and_order_of_rows_do_not_matter(X):
    transformer = ModalityTransformer().fit(X)
    rows = np.arange(N)[::-1]
    assert_same(transformer.transform(X.iloc[rows]), transformer.transform(X)[rows])


def test_any_modality_outside_skmm_works(X):
    transformer = ModalityTransformer([("len", LengthModality(2.0), "note")], n_jobs=2)
    frame = transformer.fit_transform(X, np.arange(N))
    lengths = X["note"].fillna("").map(len).to_numpy()
    np.testing.assert_array_equal(frame["len"][:, 0], lengths * 2)
    np.testing.assert_array_equal(frame.present[:, 0], X["note"].notna())
    _, fitted, _ = transformer.modalities_[0]
    assert fitted.seen_ == (["note"], N, "raise", 2, True)


def test_given_modalities_are_left_unfitted(X):
    given = LengthModality()
    ModalityTransformer([("len", given, "note")]).fit(X)
    assert not hasattr(given, "longest_")


def test_training_rows_alone_are_learned_from(X):
    train, test = X.iloc[: N // 2], X.iloc[N // 2 :].copy()
    test.loc[test.index[0], ["age", "sex", "note"]] = [1e6, "X", "unheard words " * 40]
    transformer = ModalityTransformer().fit(train)
    alone = transformer.transform(train)
    state = pickle.dumps(transformer)
    encoded = transformer.transform(test)
    assert pickle.dumps(transformer) == state
    assert encoded.specs == alone.specs
    assert_same(transformer.transform(X)[: N // 2], alone)


def test_scikit_learn_transformers_are_modalities(X, y):
    triples = [
        ("words", TfidfVectorizer(max_features=4), "note"),
        ("numbers", make_pipeline(SelectKBest(f_classif, k=1)), ["age", "dose"]),
        ("axes", PCA(1), ["weight", "height"]),
    ]
    X = X.fillna({"age": 50.0}).assign(dose=y + 0.01 * (np.arange(N) % 3))
    X = X.assign(weight=np.arange(N) * 1.0, height=np.arange(N) * 2.0)
    frame = ModalityTransformer(triples).fit_transform(X, y)
    assert [spec.kind for spec in frame.specs.values()] == ["vector"] * 3
    assert [frame[name].shape for name in frame.names] == [(N, 4), (N, 1), (N, 1)]
    np.testing.assert_allclose(frame["numbers"][:, 0], X["dose"], rtol=1e-6)
    np.testing.assert_array_equal(frame.present[:, 0], X["note"].notna())


def test_parameters_of_a_scikit_learn_transformer_are_its_own():
    transformer = ModalityTransformer([("words", TfidfVectorizer(), "note")])
    transformer.set_params(words__max_features=3)
    assert transformer.modalities[0][1].max_features == 3


@pytest.mark.parametrize("method", ["transform", "get_feature_names_out"])
def test_unfitted_it_says_so(X, method):
    with pytest.raises(
        NotFittedError, match="ModalityTransformer instance is not fitted"
    ):
        getattr(ModalityTransformer(), method)(X)


def test_unfitted_it_knows_no_columns():
    with pytest.raises(NotFittedError):
        ModalityTransformer().modality_of("age")
    with pytest.raises(NotFittedError):
        ModalityTransformer().columns_of("age")
    assert not hasattr(ModalityTransformer(), "inferred_")


@pytest.mark.parametrize(
    ("modalities", "message"),
    [
        ([("a", "tabular")], r"must hold tuples \(name, modality, columns\)"),
        (["tabular"], "must hold tuples"),
        ([("a", "imge", "scan")], "unknown modality 'imge'; did you mean 'image'"),
        (
            [("a", "tabular", "agee")],
            "'a': there is no column 'agee'; did you mean 'age'",
        ),
        ([("a", "tabular", [])], "'a'.*selects no column"),
        (
            [("a", "tabular", ["age", "sex"]), ("b", "text", "sex")],
            "column 'sex' is in two modalities, 'a' and 'b'",
        ),
        (
            [("a", "tabular", "age"), ("a", "text", "note")],
            "two modalities are named 'a'",
        ),
        ([("a__b", "tabular", "age")], "modality name 'a__b' must be made of"),
        ([("a b", "tabular", "age")], "modality name 'a b' must be made of"),
        ([("a_", "tabular", "age")], "modality name 'a_' must be made of"),
        ([("", "tabular", "age")], "modality name '' must be made of"),
        ([(1, "tabular", "age")], "modality name 1 must be made of"),
        ([("n_jobs", "tabular", "age")], "'n_jobs' is also a parameter"),
        ([("a", "drop", "age")], "no column is left"),
        ([], "no column is left"),
    ],
)
def test_what_is_declared_wrongly_is_refused(X, modalities, message):
    with pytest.raises(ValueError, match=message):
        ModalityTransformer(modalities).fit(X)


@pytest.mark.parametrize("modality", [TabularModality, 3])
def test_what_is_no_modality_is_refused(X, modality):
    with pytest.raises(TypeError, match="modality must be"):
        ModalityTransformer([("a", modality, "age")]).fit(X)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("modalities", "all"),
        ("remainder", "passthrough"),
        ("on_error", "ignore"),
        ("n_jobs", 1.5),
        ("feature_names", 3),
    ],
)
def test_parameters_are_checked_as_scikit_learn_does(X, parameter, value):
    transformer = ModalityTransformer().set_params(**{parameter: value})
    message = f"The '{parameter}' parameter of ModalityTransformer must be"
    with pytest.raises(ValueError, match=message):
        transformer.fit(X)


@pytest.mark.parametrize("cells", [[None, np.nan, pd.NaT], ["", " ", None]])
def test_a_modality_that_no_training_row_has_is_refused(cells):
    X = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": pd.Series(cells, dtype=object)})
    message = "modality 'note': all 3 training rows lack it.*'b'"
    with pytest.raises(ModalityError, match=message):
        ModalityTransformer([("note", LengthModality(), "b")]).fit(X)


def test_a_table_of_nothing_is_refused_with_reasons():
    X = pd.DataFrame({"a": [None, None], "b": ["", None]})
    with pytest.raises(
        ModalityError, match=r"no column is left(.|\n)*a: All cells are"
    ):
        ModalityTransformer().fit(X)


def test_modalities_may_be_missing_wholly_when_predicting(X):
    transformer = ModalityTransformer(TRIPLES).fit(X)
    X[["note", "scan"]] = None
    frame = transformer.transform(X)
    assert not frame.present[:, [1, 2]].any()
    assert frame.present[:, [0, 3]].all()
    np.testing.assert_array_equal(frame["scan"], 0)


@pytest.mark.parametrize("n_rows", [0, 1])
def test_one_row_is_enough_and_none_is_refused(X, n_rows):
    transformer = ModalityTransformer().fit(X)
    if n_rows:
        assert_same(transformer.transform(X[:1]), transformer.transform(X)[:1])
        return
    for call in (transformer.transform, ModalityTransformer().fit):
        with pytest.raises(
            ValueError, match=r"0 sample\(s\) \(shape=\(0, 5\)\).*minimum"
        ):
            call(X[:0])


def test_an_unreadable_cell_is_named_or_missing(X):
    X.loc[2, "scan"] = png(3)[:30]
    with pytest.raises(CellError, match="column 'scan', row 2"):
        ModalityTransformer(TRIPLES).fit_transform(X)
    transformer = ModalityTransformer(TRIPLES, on_error="missing")
    with pytest.warns(MissingModalityWarning, match="1 of .*column 'scan', row 2"):
        frame = transformer.fit_transform(X)
    assert not frame.present[2, 2]


def test_a_failed_fit_leaves_nothing_behind(X):
    transformer = ModalityTransformer([("a", FailingModality(), "note")])
    before = set(vars(transformer))
    with pytest.raises(CellError, match="column 'note', row 1: broken"):
        transformer.fit(X)
    assert set(vars(transformer)) == before


def test_a_failed_fit_leaves_the_earlier_one_as_it_was(X):
    transformer = ModalityTransformer([("a", LengthModality(), "note")]).fit(X)
    state = pickle.dumps(transformer)
    transformer.modalities = [("b", FailingModality(), "note")]
    with pytest.raises(CellError):
        transformer.fit(X[["note"]])
    transformer.modalities = [("a", LengthModality(), "note")]
    assert pickle.dumps(transformer) == state


def test_columns_of_a_list_are_found_by_name(X):
    transformer = ModalityTransformer(TRIPLES).fit(X.assign(unused=1))
    wanted = transformer.transform(X)  # the unused column may be absent
    assert_same(transformer.transform(X[X.columns[::-1]]), wanted)
    assert_same(transformer.transform(X.assign(extra=0)), wanted)
    message = r"should match(.|\n)*seen at fit time, yet now missing:\n- note\n$"
    with pytest.raises(ValueError, match=message):
        transformer.transform(X.drop(columns="note"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X: X[X.columns[::-1]], "must be in the same order"),
        (lambda X: X.assign(extra=0), "unseen at fit time:\n- extra"),
        (lambda X: X.drop(columns="note"), "yet now missing:\n- note"),
    ],
)
def test_under_auto_columns_must_be_those_of_fit(X, change, message):
    with pytest.raises(ValueError, match=message):
        ModalityTransformer().fit(X).transform(change(X))


def test_columns_without_names_are_counted(X):
    transformer = ModalityTransformer().fit(as_objects(X))
    with pytest.raises(
        ValueError, match=r"X has 4 features, but .* expecting 5 features"
    ):
        transformer.transform(as_objects(X)[:, 1:])


def test_names_on_one_side_alone_are_warned_of(X):
    named, unnamed = (
        ModalityTransformer().fit(X),
        ModalityTransformer().fit(as_objects(X)),
    )
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        assert_same(named.transform(as_objects(X)), named.transform(X))
    with pytest.warns(UserWarning, match="was fitted without feature names"):
        frame = unnamed.transform(X)
    assert_same(frame, unnamed.transform(as_objects(X)))


def test_given_names_do_not_warn(X):
    transformer = ModalityTransformer(feature_names=list(X.columns)).fit(X)
    assert_same(transformer.transform(as_objects(X)), transformer.transform(X))


def test_fitting_again_forgets_the_first_table(X):
    transformer = ModalityTransformer().fit(X)
    transformer.fit(np.arange(6.0).reshape(3, 2))
    assert transformer.n_features_in_ == 2
    assert not hasattr(transformer, "feature_names_in_")
    assert list(transformer.specs_) == ["tabular"]


def test_an_encoded_frame_is_not_encoded_again(X):
    frame = ModalityTransformer().fit_transform(X)
    with pytest.raises(TypeError, match="encoded already"):
        ModalityTransformer().fit(frame)


@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize("scope", ["estimator", "global"])
def test_set_output_gives_the_flat_frame(X, library, scope):
    wanted = np.asarray(ModalityTransformer(TRIPLES).fit_transform(X))
    transformer = ModalityTransformer(TRIPLES)
    if scope == "estimator":
        transformer.set_output(transform=library)
    config = {"transform_output": library} if scope == "global" else {}
    with sklearn.config_context(**config):
        both = [transformer.fit_transform(X), transformer.fit(X).transform(X)]
    for flat in both:
        assert isinstance(flat, {"pandas": pd, "polars": pl}[library].DataFrame)
        assert list(flat.columns) == transformer.get_feature_names_out().tolist()
        np.testing.assert_array_equal(flat.to_numpy(), wanted)


def test_default_output_withstands_the_global_configuration(X):
    transformer = ModalityTransformer().set_output(transform="default")
    with sklearn.config_context(transform_output="pandas"):
        assert isinstance(transformer.fit_transform(X), ModalityFrame)


def test_flat_pandas_output_keeps_the_index(X):
    X.index = [f"patient {i}" for i in range(N)]
    flat = ModalityTransformer().set_output(transform="pandas").fit_transform(X)
    assert flat.index.equals(X.index)
    assert flat.loc["patient 0"].filter(like="scan__").isna().all()
    assert flat.loc["patient 1"].filter(like="scan__").notna().all()


def test_flat_columns_are_named_after_modality_and_feature(X):
    names = ModalityTransformer(TRIPLES).fit(X).get_feature_names_out()
    assert {"clinical__age", "clinical__missingindicator_age"} <= set(names)
    assert len(set(names)) == len(names)


def test_pickled_it_gives_the_same_and_is_small(X):
    transformer = ModalityTransformer(TRIPLES).fit(X)
    state = pickle.dumps(transformer)
    assert_same(pickle.loads(state).transform(X), transformer.transform(X))
    assert len(state) < 5_000


def test_a_clone_keeps_parameters_and_forgets_what_was_fitted(X, tmp_path):
    transformer = ModalityTransformer(
        [("scan", ImageModality(size=(2, 2)), "scan")],
        remainder="auto",
        on_error="missing",
        n_jobs=2,
        memory=str(tmp_path),
        feature_names=list(X.columns),
    )
    copy = clone(transformer.fit(X))
    assert not hasattr(copy, "modalities_")
    name, modality, columns = copy.modalities[0]
    assert (name, modality.size, columns) == ("scan", (2, 2), "scan")
    own = ["remainder", "on_error", "n_jobs", "memory", "feature_names"]
    assert {p: getattr(copy, p) for p in own} == {
        p: getattr(transformer, p) for p in own
    }
    assert copy.fit_transform(X)["scan"].shape[1:3] == (2, 2)


def test_threads_change_nothing(X):
    wanted = ModalityTransformer(TRIPLES).fit_transform(X)
    assert_same(ModalityTransformer(TRIPLES, n_jobs=2).fit_transform(X), wanted)


def flat_pipeline(modalities, **params):
    transformer = ModalityTransformer(modalities, **params)
    return make_pipeline(
        transformer.set_output(transform="pandas"),
        HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=2),
    )


def test_modalities_own_parameters_are_searched_behind_a_key(X, y):
    grid = {
        "modalitytransformer__scan__size": [(2, 2), (3, 3)],
        "modalitytransformer__clinical": ["drop", "tabular"],
    }
    search = GridSearchCV(flat_pipeline(TRIPLES), grid, cv=2, error_score="raise")
    search.fit(X, y)
    assert len(search.cv_results_["params"]) == 4
    transformer = search.best_estimator_[0]
    assert transformer.specs_["scan"].shape[:2] in {(2, 2), (3, 3)}
    best = search.best_params_["modalitytransformer__clinical"]
    assert ("clinical" in transformer.specs_) == (best == "tabular")


def test_bagging_needs_names_for_selections_by_name(X, y):
    X = X.assign(age=y * 10.0)
    pipeline = flat_pipeline(TRIPLES, feature_names=list(X.columns))
    bagging = BaggingClassifier(pipeline, n_estimators=2, random_state=0)
    assert bagging.fit(X, y).score(X, y) > 0.9


class FrameReader(HistGradientBoostingClassifier):
    """An estimator that takes ModalityFrames, as skmm's own do."""

    rows: ClassVar[list] = []

    def fit(self, X, y):
        assert isinstance(X, ModalityFrame)
        FrameReader.rows.append(len(X))
        return super().fit(np.asarray(X), y)

    def predict(self, X):
        return super().predict(np.asarray(X))


def test_cross_validation_encodes_frames_fold_by_fold(X, y):
    FrameReader.rows.clear()
    pipeline = make_pipeline(ModalityTransformer(), FrameReader(max_iter=2))
    result = cross_validate(
        pipeline, X, y, cv=3, scoring="accuracy", return_estimator=True
    )
    assert FrameReader.rows == [16, 16, 16]
    transformers = [fitted[0] for fitted in result["estimator"]]
    assert all(t.n_features_in_ == 5 for t in transformers)


@pytest.mark.parametrize("modalities", ["auto", TRIPLES], ids=["auto", "list"])
def test_notebooks_draw_the_modalities_side_by_side(X, modalities):
    transformer = ModalityTransformer(modalities)
    assert "sk-parallel" in transformer._repr_html_()
    html = transformer.fit(X)._repr_html_()
    assert "sk-parallel" in html
    assert "ImageModality" in html


@pytest.fixture
def decoded(monkeypatch):
    """Bytes of the files that Pillow or soundfile has opened."""
    opened = []

    def counting(owner, name):
        plain = getattr(owner, name)

        def call(source, *args, **kwargs):
            opened.append(source.read())
            source.seek(0)
            return plain(source, *args, **kwargs)

        monkeypatch.setattr(owner, name, call)

    counting(Image, "open")
    counting(soundfile, "SoundFile")
    return opened


def wav(pitch, n=4000):
    buffer = io.BytesIO()
    sound = 0.5 * np.sin(np.arange(n) * pitch)
    soundfile.write(buffer, sound, 8000, format="WAV")
    return buffer.getvalue()


FILES = [
    ("scan", ImageModality(size=(3, 3), channels=1), "scan"),
    ("views", ImageModality(size=2), ["front", "back"]),
    ("call", AudioModality(8000, 0.5, n_mels=4), "call"),
    ("note", "text", "note"),
]


@pytest.fixture
def files():
    """Images and sounds, one of a kind, with gaps."""
    X = make_table()[["note"]].assign(
        scan=[png(i) for i in range(N)],
        front=[png(i + 100) for i in range(N)],
        back=[png(i + 200) for i in range(N)],
        call=[wav(0.1 + i / N, 3000 + 50 * i) for i in range(N)],
    )
    X.loc[::5, ["scan", "front"]] = None
    X.loc[1::6, "back"] = np.nan
    X.loc[2::6, "call"] = pd.NA
    return X


@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize("kind", [str, Memory], ids=["path", "memory"])
def test_a_second_pass_decodes_nothing(files, tmp_path, decoded, kind, n_jobs):
    wanted = ModalityTransformer(FILES).fit_transform(files)
    memory = kind(tmp_path) if kind is str else Memory(tmp_path, verbose=0)
    transformer = ModalityTransformer(FILES, memory=memory, n_jobs=n_jobs)
    assert_same(transformer.fit_transform(files), wanted)
    decoded.clear()
    for n_jobs_now in (1, 2):
        again = clone(transformer).set_params(n_jobs=n_jobs_now)
        assert_same(again.fit_transform(files), wanted)
        assert_same(again.transform(files[::-1]), wanted[::-1])
    assert decoded == []


def test_what_is_recalled_belongs_to_the_caller(files, tmp_path):
    transformer = ModalityTransformer(FILES, memory=str(tmp_path)).fit(files)
    wanted = ModalityTransformer(FILES).fit_transform(files)
    for _ in range(3):
        frame = transformer.transform(files)
        assert_same(frame, wanted)
        for name in frame.names:
            frame[name][:] = 1


def test_a_file_that_changed_is_decoded_again(tmp_path, decoded):
    paths = [tmp_path / f"{i}.png" for i in range(3)]
    for i, path in enumerate(paths):
        path.write_bytes(png(i))
    X = pd.DataFrame({"scan": [str(path) for path in paths]})
    transformer = ModalityTransformer(
        [("scan", "image", "scan")], memory=str(tmp_path / "memory")
    )
    assert transformer.fit_transform(X)["scan"][1, 0, 0, 0] == 1
    state = os.stat(paths[1])
    paths[1].write_bytes(png(77))
    os.utime(paths[1], ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    decoded.clear()
    assert transformer.transform(X)["scan"][1, 0, 0, 0] == 77
    assert decoded == [png(77)]


@pytest.mark.parametrize(
    "changed",
    [
        {"scan__size": (2, 2)},
        {"scan__channels": 3},
        {"scan__max_pixels": 10**6},
        {"scan__max_bytes": 10**6},
        {"call__n_mels": 8},
        {"call__sampling_rate": 4000},
        {"call__duration": 0.25},
        {"call__max_duration": 60.0},
        {"call__max_bytes": 10**6},
    ],
)
def test_a_changed_parameter_decodes_again(files, tmp_path, decoded, changed):
    triples = [FILES[0], FILES[2]]
    transformer = ModalityTransformer(triples, memory=str(tmp_path))
    clone(transformer).fit_transform(files)
    wanted = clone(transformer).set_params(memory=None, **changed).fit_transform(files)
    decoded.clear()
    again = clone(transformer).set_params(**changed)
    assert_same(again.fit_transform(files), wanted)
    column = next(iter(changed)).partition("__")[0]
    assert set(decoded) == set(files[column].dropna())


@pytest.mark.parametrize(
    ("name", "bound"),
    [
        ("scan__max_pixels", 15),
        ("scan__max_bytes", 20),
        ("call__max_duration", 0.1),
        ("call__max_bytes", 100),
    ],
)
def test_what_is_remembered_keeps_to_a_lower_bound(files, tmp_path, name, bound):
    column, _, parameter = name.partition("__")
    triples = [part for part in FILES if part[0] == column]
    transformer = ModalityTransformer(triples, memory=str(tmp_path)).fit(files)
    assert transformer.transform(files).present.any()
    transformer.modalities_[0][1].set_params(**{parameter: bound})
    with pytest.raises(CellError, match=f"parameter {parameter}"):
        transformer.transform(files)


def test_unreadable_cells_are_warned_of_in_every_pass(files, tmp_path):
    files.loc[1, "scan"] = png(3)[:30]
    files.loc[3, "scan"] = "gone.png"
    triples = FILES[:1]
    transformer = ModalityTransformer(triples, memory=str(tmp_path), on_error="missing")
    frames = []
    for _ in range(2):
        with pytest.warns(MissingModalityWarning, match=r"2 of .*'scan', row 1"):
            frames.append(transformer.fit_transform(files))
    assert_same(*frames)
    assert frames[0].present[[1, 3], 0].tolist() == [False, False]
    transformer.set_params(on_error="raise")
    with pytest.raises(CellError, match="column 'scan', row 1"):
        transformer.transform(files)


def test_a_search_decodes_each_file_once_whatever_its_folds(
    files, y, tmp_path, decoded
):
    transformer = ModalityTransformer(FILES[:3], memory=str(tmp_path))
    pipeline = make_pipeline(transformer, DummyClassifier())
    grid = {"dummyclassifier__strategy": ["prior", "most_frequent", "uniform"]}
    search = GridSearchCV(
        pipeline, grid, cv=StratifiedKFold(3, shuffle=True, random_state=0)
    )
    search.fit(files, y).predict(files)
    cells = files[["scan", "front", "back"]].to_numpy(dtype=object).ravel()
    images = [cell for cell in cells if isinstance(cell, bytes)]
    # Once to look at or to measure, and once to decode.
    assert max(map(decoded.count, set(images))) == 2
    assert max(map(decoded.count, files["call"].dropna())) == 2
    assert set(decoded) == {*images, *files["call"].dropna()}


def test_processes_share_what_was_decoded(files, tmp_path, decoded):
    transformer = ModalityTransformer(FILES[:3], memory=str(tmp_path)).fit(files)
    wanted = clone(transformer).set_params(memory=None).fit_transform(files)
    halves = [slice(None, 14), slice(10, None)]
    frames = Parallel(n_jobs=2)(
        delayed(transformer.transform)(files[rows]) for rows in halves
    )
    for frame, rows in zip(frames, halves, strict=True):
        assert_same(frame, wanted[rows])
    transformer.transform(files)  # two that write at once may overwrite each other
    decoded.clear()
    assert_same(transformer.transform(files), wanted)
    assert decoded == []


def test_a_pickle_finds_its_memory_again(files, tmp_path, decoded):
    transformer = ModalityTransformer(FILES, memory=Memory(tmp_path, verbose=0))
    wanted = transformer.fit_transform(files)
    again = pickle.loads(pickle.dumps(transformer))
    decoded.clear()
    assert_same(again.transform(files), wanted)
    assert decoded == []


def test_modalities_that_decode_nothing_know_no_memory(X, tmp_path):
    triples = [("len", LengthModality(), "note"), ("clinical", "tabular", "age")]
    transformer = ModalityTransformer(triples, memory=str(tmp_path))
    wanted = ModalityTransformer(triples).fit_transform(X)
    assert_same(transformer.fit_transform(X), wanted)


@pytest.mark.parametrize("memory", [3, True, ["folder"], Path("folder")])
def test_what_is_no_memory_is_refused_before_anything_changes(X, memory):
    transformer = ModalityTransformer(TRIPLES).fit(X)
    state = pickle.dumps(transformer)
    transformer.set_params(memory=memory)
    with pytest.raises(ValueError, match="'memory'"):
        transformer.fit(X[["age"]])
    with pytest.raises(ValueError, match="'memory'"):
        transformer.transform(X)
    assert pickle.dumps(transformer.set_params(memory=None)) == state


@pytest.fixture
def rooted(tmp_path):
    """A folder of images and sounds, a table of their paths, and a file outside."""
    root = tmp_path / "root"
    root.mkdir()
    for i in range(N):
        (root / f"{i}.png").write_bytes(png(i))
        (root / f"{i}.wav").write_bytes(wav(0.1 + i / N))
    (tmp_path / "outside.png").write_bytes(png(77))
    (root / "link.png").symlink_to(tmp_path / "outside.png")
    X = pd.DataFrame({"scan": [f"{i}.png" for i in range(N)]})
    return root, X.assign(call=[f"{i}.wav" for i in range(N)])


OF_PATHS = [
    ("scan", "image", "scan"),
    ("call", AudioModality(n_mels=4), "call"),
]


def test_paths_start_at_the_root(rooted, monkeypatch, tmp_path):
    root, X = rooted
    whole = pd.DataFrame({k: [str(root / c) for c in X[k]] for k in X})
    wanted = ModalityTransformer(OF_PATHS).fit_transform(whole)
    monkeypatch.chdir(tmp_path)
    for given in (root, str(root), "root"):
        transformer = ModalityTransformer(OF_PATHS, root=given)
        assert_same(transformer.fit_transform(X), wanted)
        assert_same(transformer.transform(whole), wanted)
    with pytest.raises(CellError, match="no such file"):
        ModalityTransformer(OF_PATHS).fit(X)
    frame = ModalityTransformer(root=root).fit_transform(X)
    assert_same(frame.select(["scan"]), wanted.select(["scan"]))


@pytest.mark.parametrize("memory", [False, True])
@pytest.mark.parametrize("path", ["../outside.png", "link.png", "absolute"])
def test_paths_that_leave_the_root_are_unreadable(rooted, tmp_path, path, memory):
    root, X = rooted
    path = str(tmp_path / "outside.png") if path == "absolute" else path
    there = X.assign(scan=[*X["scan"][:-1], path])
    free = ModalityTransformer(
        OF_PATHS[:1], memory=str(tmp_path / "m") if memory else None
    )
    whole = [str(root / cell) for cell in there["scan"]]
    assert free.fit_transform(there.assign(scan=whole)).present.all()  # and remembers
    transformer = clone(free).set_params(root=root)
    with pytest.raises(CellError, match=rf"'scan', row {N - 1}: .*leads out of the fo"):
        transformer.fit(there)
    transformer.set_params(on_error="missing")
    with pytest.warns(MissingModalityWarning, match=rf"1 of {N} .* leads out"):
        frame = transformer.fit_transform(there)
    assert frame.present[:, 0].tolist() == [True] * (N - 1) + [False]


@pytest.mark.parametrize("name", ["gone", "0.png"])
def test_a_root_that_is_no_folder_is_refused_before_anything_changes(rooted, name):
    root, X = rooted
    transformer = ModalityTransformer(OF_PATHS, root=root).fit(X)
    state = pickle.dumps(transformer)
    transformer.set_params(root=root / name)
    for call in (transformer.fit, transformer.transform):
        with pytest.raises(ModalityError, match=f"root must be a folder .*{name}"):
            call(X)
    assert pickle.dumps(transformer.set_params(root=root)) == state
    with pytest.raises(ValueError, match="'root' parameter"):
        transformer.set_params(root=3).fit(X)


@pytest.mark.filterwarnings("ignore:One or more of the test scores:UserWarning")
def test_a_root_is_kept_by_clones_pickles_and_searches(rooted, y):
    root, X = rooted
    transformer = ModalityTransformer(OF_PATHS, root=str(root))
    wanted = transformer.fit_transform(X)
    assert clone(transformer).root == str(root)
    assert_same(pickle.loads(pickle.dumps(transformer)).transform(X), wanted)
    pipeline = make_pipeline(clone(transformer), DummyClassifier())
    grid = {"modalitytransformer__scan__size": [2, 3]}
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(X, y)
    assert search.predict(X).shape == (N,)
    roots = {"modalitytransformer__root": [str(root), str(root / "gone")]}
    search = GridSearchCV(pipeline, roots, cv=2, error_score=np.nan)
    with pytest.warns(FitFailedWarning, match="root must be a folder"):
        search.fit(X, y)
    assert search.best_params_ == {"modalitytransformer__root": str(root)}


def test_the_root_may_be_another_when_predicting(rooted, tmp_path):
    root, X = rooted
    transformer = ModalityTransformer(OF_PATHS, root=root)
    wanted = transformer.fit_transform(X)
    moved = root.rename(tmp_path / "moved")
    with pytest.raises(ModalityError, match="root must be a folder"):
        transformer.transform(X)
    assert_same(transformer.set_params(root=moved).transform(X), wanted)


def test_modalities_that_open_no_files_know_no_root(X, tmp_path):
    triples = [("len", LengthModality(), "note"), ("clinical", "tabular", "age")]
    wanted = ModalityTransformer(triples).fit_transform(X)
    assert_same(ModalityTransformer(triples, root=tmp_path).fit_transform(X), wanted)
