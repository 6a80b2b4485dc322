"""Columns are told apart by a bounded sample of their cells, with a reason."""

import datetime as dt
import decimal
import io
import json
import os
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import polars as pl
import pytest
from PIL import Image

from skmm import infer_modalities
from skmm._validation import name_columns
from skmm.exceptions import CellError, CellTypeError, ModalityError
from skmm.inference import SAMPLED_CELLS, SAMPLED_CHARACTERS, infer_columns

DATA = Path(os.environ.get("SKMM_DATA", Path(__file__).parents[2] / "shared" / "data"))
KIND_OF_WORD = {
    "numeric": "tabular",
    "categorical": "tabular",
    "text": "text",
    "image": "image",
    "audio": "audio",
    "time": "timeseries",
}

PICTURE = Image.new("L", (4, 4))
WAV = b"RIFF\x24\0\0\0WAVEfmt "
WHEN = pd.Timestamp("2024-01-31 12:00")


def png():
    buffer = io.BytesIO()
    PICTURE.save(buffer, "png")
    return buffer.getvalue()


def column(cells):
    """A column of objects, whatever pandas would make of the cells."""
    series = pd.Series([None] * len(cells), dtype=object)
    for i, cell in enumerate(cells):
        series.iat[i] = cell
    return pd.DataFrame({"c": series})


def kind(cells):
    return infer_modalities(column(cells)).loc["c", "modality"]


def sentences(n, words):
    vocabulary = "no mild severe fever cough since monday night pain left".split()
    rng = np.random.default_rng(0)
    return [" ".join(rng.choice(vocabulary, words)) for _ in range(n)]


@pytest.mark.parametrize(
    "series",
    [
        pd.Series([1, 2]),
        pd.Series([1.5, None]),
        pd.Series([1, None], dtype="Int64"),
        pd.Series([True, False]),
        pd.Series([True, None], dtype="boolean"),
        pd.Series([WHEN, None]),
        pd.Series([WHEN.tz_localize("UTC")] * 2),
        pd.Series([pd.Timedelta(days=1), None]),
        pd.Series(["u", None], dtype="category"),
        pd.Series([pd.Period("2024-01"), None]),
        pd.cut(pd.Series([1.0, 9.0]), [0, 5, 10]),
        pd.Series(pd.arrays.SparseArray([0.0, 1.0])),
    ],
    ids=lambda series: str(series.dtype),
)
def test_types_of_tables_are_tabular_by_type_alone(series):
    inferred = infer_modalities(series.to_frame("c")).loc["c"]
    assert inferred["modality"] == "tabular"
    assert inferred["reason"] == f"The column's type is {series.dtype}."


@pytest.mark.parametrize(
    ("expected", "cells"),
    [
        ("tabular", [1, 2.5, None]),
        ("tabular", [True, None, False]),
        ("tabular", [np.bool_(True), np.float32(1)]),
        ("tabular", [decimal.Decimal("1.5"), None]),
        ("tabular", [dt.date(2024, 1, 31), WHEN]),
        ("tabular", [dt.timedelta(days=1), np.timedelta64(1, "D")]),
        ("tabular", ["F", "M", None]),
        ("tabular", ["85255", "36372", "85266"]),
        ("tabular", ["2024-01-31 12:00", "2024-02-01 13:30"] * 60),
        ("tabular", [1, "two", 3, "four"]),
        ("tabular", ["constant"] * 3),
        ("tabular", ["an answer of several words"] * 50),
        ("image", [png(), None, png()]),
        ("image", [bytearray(png())]),
        ("image", [PICTURE, None]),
        ("image", [{"bytes": png(), "path": None}, None]),
        ("image", [{"bytes": None, "path": "a/b.jpeg"}, {"bytes": None, "path": None}]),
        ("image", ["scan 1.png", "scan 2.png", "readme"]),
        ("image", [Path("a/b.JPG"), Path("a/c.tiff")]),
        ("image", [np.zeros((4, 4), "uint8")]),
        ("image", [np.zeros((4, 4, 3))]),
        ("image", [np.zeros((4, 4, 4)), np.zeros((2, 5, 1))]),
        ("image", [np.array([*[np.zeros(4, "uint8")] * 3, None], object)[:3]]),
        ("audio", [WAV, None]),
        ("audio", ["a.wav", "b.flac"]),
        ("audio", [{"array": np.zeros(9), "sampling_rate": 8000, "path": None}]),
        ("timeseries", [np.zeros(5), np.zeros(7)]),
        ("timeseries", [[1, 2], [1, 2, 3]]),
        ("timeseries", [np.zeros((5, 2)), np.zeros((7, 2))]),
        ("timeseries", [[[1.0, None], [2.0, 3.0]]]),
        ("timeseries", [np.array([np.zeros(3), np.ones(3), None], object)[:2]]),
        ("vector", [np.zeros(5), np.ones(5), None]),
        ("vector", [[1, 2], (3, 4)]),
        ("text", sentences(30, 8)),
        ("text", [None, *sentences(3, 5)]),
        ("text", [*sentences(40, 8), 5]),
        ("text", ["昨日から咳が続いています", "熱はありません。頭が痛いです"]),
        ("drop", [None, np.nan, pd.NA, pd.NaT]),
        ("drop", ["", "  ", None]),
        ("drop", [[], np.zeros(0), None]),
        ("drop", [{"bytes": None, "path": None}]),
    ],
)
def test_cells_tell_the_kind(expected, cells):
    assert kind(cells) == expected


@pytest.mark.parametrize("dtype", ["str", "object"])
def test_strings_are_judged_alike_under_every_dtype(dtype):
    notes = pd.DataFrame({"c": pd.Series(sentences(30, 8), dtype=dtype)})
    assert infer_modalities(notes).loc["c", "modality"] == "text"


def test_repeated_sentences_are_categories_until_there_are_many():
    few = [f"stage {roman} of the disease" for roman in ("one", "two", "three")]
    assert kind(few * 40) == "tabular"
    many = [f"city{i} general hospital" for i in range(50)]
    assert kind(many * 4) == "text"


def test_short_phrases_are_text_only_if_many_and_mostly_distinct():
    names = [f"{a} {b}" for a in "ABCDEFGHIJ" for b in "KLMNOPQRST"]
    assert kind(names) == "text"
    assert kind(names[:30]) == "tabular"
    assert kind([f"{a}{b}" for a in "ABCDEFGHIJ" for b in "KLMNOPQRST"]) == "tabular"


def test_the_majority_of_sampled_cells_decides():
    assert kind([png()] * 3 + [b"corrupt"]) == "image"
    assert kind(["a.png", "b.png", "a note without a suffix"]) == "image"


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ([object()], "row 0: a cell of type object arrived"),
        ([None, {"foo": 1}], "row 1: a cell of type dict arrived"),
        (
            [1.0, 2.0, {"foo": 1}],
            "row 2: a cell of type dict arrived.*argument must be a string, a n",
        ),
        (
            [b"\0\1 no magic"],
            "row 0: a cell of type bytes arrived, neither an image",
        ),
        ([dt.time(12)], "row 0: a cell of type time arrived"),
        ([1 + 2j], "row 0: a cell of type complex arrived"),
    ],
)
def test_cells_of_unknown_types_are_refused_with_column_and_row(cells, message):
    with pytest.raises(CellTypeError, match=f"column 'c', {message}") as caught:
        kind(cells)
    assert isinstance(caught.value, (CellError, TypeError))
    assert caught.value.column == "c"


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ([["a", "b"]], "column 'c' holds nested cells.*real numbers"),
        ([[[1, 2], [3]]], "column 'c' holds nested cells, but they cannot be read"),
        ([np.zeros((3, 8, 8))], r"column 'c': no modality takes .* \(3, 8, 8\)"),
        ([np.zeros((2, 4, 4, 3))], r"no modality takes arrays of shape \(2, 4, 4, 3\)"),
        ([np.array(3.0)], r"no modality takes arrays of shape \(\)"),
    ],
)
def test_arrays_that_no_modality_takes_are_refused(cells, message):
    with pytest.raises(ModalityError, match=message):
        kind(cells)


def test_tabular_columns_share_one_modality_and_others_have_their_own():
    X = pd.DataFrame({"age": [1.0, 2.0], "scan": [png()] * 2, "sex": ["F", "M"]})
    X["empty"] = [None, None]
    X["front view"] = [png()] * 2
    inferred = infer_modalities(X)
    assert inferred.index.name == "column"
    assert inferred["name"].dropna().to_dict() == {
        "age": "tabular",
        "scan": "scan",
        "sex": "tabular",
        "front view": "front_view",
    }
    assert inferred.loc["empty", "modality"] == "drop"
    assert inferred.loc["empty", "reason"] == "All cells are missing."
    assert inferred["reason"].str.endswith(".").all()


@pytest.mark.parametrize(
    ("columns", "names"),
    [
        (["tabular", "age"], ["tabular_2", "tabular"]),
        (["a__b", "c_"], ["a_b", "c"]),
        (["a b", "a_b", "a  b"], ["a_b", "a_b_2", "a_b_3"]),
        (["画像", "影"], ["image", "image_2"]),
        (["_x.1-2", "é"], ["x.1-2", "image"]),
    ],
)
def test_names_are_legal_and_unique(columns, names):
    X = pd.DataFrame({column: [png()] for column in columns})
    if "age" in X:
        X["age"] = 1.0
    assert infer_modalities(X)["name"].tolist() == names


def test_taken_names_are_left_alone():
    X = pd.DataFrame({"note": [png()], "age": [1.0]})
    rows = infer_columns(X, taken=["note", "tabular"])
    assert [row.name for row in rows] == ["note_2", "tabular_2"]


def test_columns_without_names_are_called_as_in_scikit_learn():
    inferred = infer_modalities(np.array([[1.5, png()]], dtype=object))
    assert inferred["modality"].to_dict() == {"x0": "tabular", "x1": "image"}
    assert inferred.loc["x1", "name"] == "x1"


def test_polars_gives_the_same_decisions():
    X = pl.DataFrame(
        {
            "age": [1, None],
            "note": sentences(2, 8),
            "scan": [png(), None],
            "series": [[[1.0, 2.0]], [[1.0, 2.0], [3.0, 4.0]]],
            "embedding": pl.Series([[1.0, 2.0]] * 2, dtype=pl.Array(pl.Float32, 2)),
            "file": [{"bytes": WAV, "path": None}, None],
            "sex": pl.Series(["F", "M"], dtype=pl.Categorical),
        }
    )
    kinds = ["tabular", "text", "image", "timeseries", "vector", "audio", "tabular"]
    assert infer_modalities(X)["modality"].tolist() == kinds


class Watched(str):
    """A string that counts how many of its kind were looked into."""

    looks: ClassVar[set[int]] = set()

    def split(self, *args):
        Watched.looks.add(id(self))
        return super().split(*args)


def test_a_bounded_sample_spread_over_the_rows_is_looked_at():
    Watched.looks.clear()
    cells = [Watched(s) for s in sentences(3000, 8)]
    assert kind(cells) == "text"
    seen = sorted(i for i, cell in enumerate(cells) if id(cell) in Watched.looks)
    assert len(seen) == SAMPLED_CELLS
    assert (seen[0], seen[-1]) == (0, 2999)
    assert np.diff(seen).max() <= 16


def test_files_are_never_opened(tmp_path, monkeypatch):
    path = tmp_path / "absent.png"

    def refuse(*args, **kwargs):
        raise AssertionError("a file was opened")

    monkeypatch.setattr(Image, "open", refuse)
    monkeypatch.setattr("builtins.open", refuse)
    assert kind([str(path), png()]) == "image"


def test_the_data_are_left_alone():
    X = column([1, "a", None])
    before = X.copy(deep=True)
    infer_modalities(X)
    pd.testing.assert_frame_equal(X, before)


SETS = sorted(path.parent for path in DATA.glob("*/meta.json"))


@pytest.mark.skipif(not SETS, reason="the real data sets are not here")
@pytest.mark.parametrize("folder", SETS or [DATA], ids=lambda folder: folder.name)
@pytest.mark.parametrize("n_rows", [None, 400])
def test_columns_of_real_data_come_out_as_their_cards_say(folder, n_rows):
    meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    X = pd.read_parquet(folder / "data.parquet", columns=list(meta["columns"]))
    if n_rows is not None:
        X = X.sample(n_rows, random_state=0)
    found = {row.column: row.modality for row in infer_columns(name_columns(X))}
    told = {c: KIND_OF_WORD[text.split()[0]] for c, text in meta["columns"].items()}
    assert found == told


def test_odd_cells_are_judged_without_being_gone_through():
    deep = [1.0]
    for _ in range(50):
        deep = [deep]
    with pytest.raises(ModalityError, match=r"'a' holds nested .* lists hold more"):
        infer_modalities(pd.DataFrame({"a": pd.Series([deep, deep])}))
    itself = {"bytes": None}
    itself["path"] = itself
    with pytest.raises(CellTypeError, match="type dict"):
        infer_modalities(pd.DataFrame({"a": pd.Series([itself, {"b": 1}])}))
    odd = pd.Series([decimal.Decimal("sNaN"), 1.5, memoryview(np.array(1))])
    with pytest.raises(CellTypeError, match=r"row 2.*memoryview"):
        infer_modalities(pd.DataFrame({"a": odd}))


def test_the_beginning_of_a_long_string_tells_its_kind():
    long = "word " * SAMPLED_CHARACTERS
    reasons = infer_modalities(pd.DataFrame({"a": [long, long + "s"]}))["reason"]
    assert f"{SAMPLED_CHARACTERS / 5:.1f} words on average" in reasons["a"]
