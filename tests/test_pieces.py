"""A table in pieces is the table: of Parquet, Arrow, Dask or an iterator."""

import itertools
import pathlib

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pytest
from pandas.testing import assert_frame_equal

from skmm import _pieces
from skmm._pieces import Columns, Pieces, by_partition, is_dask, pieces_of

N = 1000
TABLE = pd.DataFrame(
    {"number": np.arange(N), "word": [f"w{i}" for i in range(N)], "y": 1}
)
ALL = {"most_rows": 2 * N, "most_bytes": 2**30}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A Parquet file, and a folder of three by year."""
    folder = tmp_path_factory.mktemp("parquet")
    TABLE.to_parquet(folder / "one.parquet", row_group_size=300)
    for year, part in zip((1, 2, 3), np.array_split(np.arange(N), 3), strict=True):
        path = folder / "many" / f"year={year}"
        path.mkdir(parents=True)
        TABLE.iloc[part].to_parquet(path / "part.parquet", index=False)
    return folder


@pytest.fixture(params=["file", "text", "dataset", "iterable", "iterator", "dask"])
def source(request, folder):
    if request.param == "file":
        return folder / "one.parquet"
    if request.param == "text":
        return str(folder / "one.parquet")
    if request.param == "dataset":
        return pa.dataset.dataset(folder / "one.parquet")
    if request.param == "dask":
        dd = pytest.importorskip("dask.dataframe")
        return dd.from_pandas(TABLE, npartitions=4)
    parts = [TABLE.iloc[:700], TABLE.iloc[700:700], TABLE.iloc[700:]]
    return iter(parts) if request.param == "iterator" else Often(parts)


class Often:
    """Gives its frames as often as it is asked for."""

    def __init__(self, parts):
        self.parts = parts

    def __iter__(self):
        return iter(self.parts)


def same(frames):
    frame = pd.concat(frames)
    assert_frame_equal(frame.astype(TABLE.dtypes), TABLE, check_index_type=False)


def test_all_rows_come_in_order_with_their_numbers(source, monkeypatch):
    monkeypatch.setattr(_pieces, "PIECE_ROWS", 256)
    frames = list(pieces_of(source).frames())
    same(frames)
    assert all(0 < len(frame) <= 256 for frame in frames)


def test_few_rows_are_all_in_the_sample_and_come_again(source):
    pieces = pieces_of(source)
    sample, are_all = pieces.sample(**ALL, rng=np.random.default_rng(0))
    same([sample])
    assert are_all
    same(pieces.frames())


def test_a_sample_is_of_as_many_rows_as_asked_for(source, monkeypatch):
    monkeypatch.setattr(_pieces, "PIECE_ROWS", 64)
    pieces = pieces_of(source)
    sample, are_all = pieces.sample(100, 2**30, np.random.default_rng(0))
    assert len(sample) == 100 and not are_all
    assert sample.index.is_monotonic_increasing
    assert (sample["number"] == sample.index).all()
    same(pieces.frames())


def test_every_row_is_as_likely_as_any_other():
    drawn = np.zeros(N)
    rng = np.random.default_rng(0)
    parts = [TABLE.iloc[:10], TABLE.iloc[10:900], TABLE.iloc[900:]]
    for _ in range(400):
        sample, _ = pieces_of(Often(parts)).sample(100, 2**30, rng)
        drawn[sample["number"]] += 1
    # 40 draws of each row are expected, with a deviation of 6.
    assert 15 < drawn.min() and drawn.max() < 70
    thirds = drawn.reshape(4, -1).sum(axis=1)
    np.testing.assert_allclose(thirds, 10_000, rtol=0.05)


def test_a_sample_is_no_larger_than_memory_allows():
    rows = pieces_of(Often([TABLE, TABLE]))
    sample, are_all = rows.sample(10**6, 10_000, np.random.default_rng(0))
    assert not are_all
    assert 0 < sample.memory_usage(deep=True).sum() < 12_000


def test_of_rows_that_come_once_the_first_are_the_sample():
    frames = (TABLE.iloc[i : i + 10] for i in range(0, N, 10))
    pieces = pieces_of(frames)
    sample, are_all = pieces.sample(50, 2**30, np.random.default_rng(0))
    assert not are_all and sample["number"].max() < 60
    same(pieces.frames())


def test_folders_tell_columns(folder):
    sample, _ = pieces_of(folder / "many").sample(**ALL, rng=np.random.default_rng(0))
    assert sample["year"].astype(int).value_counts().tolist() == [334, 333, 333]


@pytest.mark.parametrize("kind", [pl.DataFrame, pa.Table.from_pandas])
def test_pieces_may_be_frames_of_any_library(kind):
    same(pieces_of(iter([kind(TABLE.iloc[:400]), kind(TABLE.iloc[400:])])).frames())


def test_a_reader_of_record_batches_comes_once():
    reader = pa.Table.from_pandas(TABLE).to_reader(max_chunksize=90)
    pieces = pieces_of(reader)
    assert pieces.once
    same(pieces.frames())


@pytest.mark.parametrize(
    "table",
    [
        TABLE,
        TABLE.to_numpy(),
        TABLE.to_dict("list"),
        TABLE.to_dict("records"),
        [TABLE.to_numpy(), TABLE.to_numpy()],
        pl.DataFrame(TABLE.to_dict("list")),
        pa.Table.from_pandas(TABLE),
        None,
        3,
    ],
    ids=["pandas", "numpy", "dict", "rows", "keras", "polars", "arrow", "none", "int"],
)
def test_what_is_in_memory_is_no_pieces(table):
    assert pieces_of(table) is None and not is_dask(table)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nowhere.parquet", "there is nothing there"),
        ("https://example.org/rows.parquet", "there is nothing there"),
        (pathlib.Path(__file__), "cannot be read as Parquet"),
    ],
)
def test_another_path_is_refused(path, message):
    with pytest.raises(ValueError, match=message):
        pieces_of(path)


def test_pieces_without_rows_are_refused():
    with pytest.raises(ValueError, match=r"0 sample\(s\)"):
        list(pieces_of(iter([TABLE[:0]])).frames())


def test_an_empty_folder_has_no_rows(tmp_path):
    with pytest.raises(ValueError, match=r"0 sample\(s\)"):
        pieces_of(tmp_path).sample(**ALL, rng=np.random.default_rng(0))


@pytest.mark.parametrize("piece", [(TABLE, TABLE["y"]), TABLE.to_numpy(), "rows", None])
def test_a_piece_that_is_no_frame_is_refused(piece):
    pieces = pieces_of(iter([TABLE, piece]))
    with pytest.raises(TypeError, match="each must be a dataframe"):
        list(pieces.frames())


def test_pieces_with_other_columns_are_refused():
    pieces = pieces_of(Often([TABLE, TABLE.rename(columns={"word": "wort"})]))
    with pytest.raises(ValueError, match=r"differ in their columns.*wort"):
        pieces.sample(**ALL, rng=np.random.default_rng(0))


def test_columns_are_taken_out_by_name():
    X, y, weight = Columns("y", "number").taken_out(TABLE)
    assert list(X) == ["word"] and (y == 1).all() and (weight == np.arange(N)).all()
    assert Columns("y", None).taken_out(TABLE)[2] is None


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (Columns(TABLE["y"], None), "y must be the name of one of its columns, got S"),
        (Columns(None, None), "y must be the name"),
        (Columns("y", np.ones(N)), "sample_weight must be the name"),
    ],
)
def test_anything_but_a_name_is_refused(columns, message):
    with pytest.raises(TypeError, match=message):
        columns.check()


def test_a_name_of_no_column_is_refused():
    with pytest.raises(ValueError, match=r"no column 'z'.*\['number', 'word', 'y'\]"):
        Columns("z", None).taken_out(TABLE)


def test_dask_answers_when_it_is_asked():
    dd = pytest.importorskip("dask.dataframe")
    asked = []

    def answer(frame):
        asked.append(len(frame))
        return frame[["number", "y"]].to_numpy(float)

    found = by_partition(dd.from_pandas(TABLE, npartitions=3), answer, np.zeros((0, 2)))
    assert asked == [] and found.dtype == float and found.shape[1] == 2
    computed = found.compute(scheduler="synchronous")
    np.testing.assert_array_equal(computed, TABLE[["number", "y"]])
    assert len(asked) == 3


def test_dask_has_no_array_for_several_answers():
    dd = pytest.importorskip("dask.dataframe")
    with pytest.raises(TypeError, match="several outputs"):
        by_partition(dd.from_pandas(TABLE, npartitions=3), len, [np.zeros(0)])


def test_arrow_is_asked_for_little_at_a_time(folder):
    pieces = itertools.islice(pieces_of(folder / "one.parquet").begin(), 2)
    assert all(piece.num_rows <= _pieces.PIECE_ROWS for piece in pieces)
    assert isinstance(pieces_of(folder / "one.parquet"), Pieces)


@pytest.mark.parametrize("parts", [None, 1, 2])
def test_arrow_forgets_what_was_read(parts, tmp_path, monkeypatch):
    monkeypatch.setattr(_pieces, "PIECE_ROWS", 2500)
    monkeypatch.setattr(_pieces, "READ_BYTES", 4096)
    path, rows = tmp_path / "rows.parquet", np.random.default_rng(0).random((10**5, 10))
    frame = pd.DataFrame(rows).rename(columns=str)
    n_rows = 2500 if parts else len(rows)  # in a row group
    settings = {"compression": None, "use_dictionary": False}
    frame.to_parquet(path, row_group_size=n_rows, **settings)
    X = path
    if parts:
        X = pa.dataset.dataset(path)
        X = X if parts == 1 else pa.dataset.dataset([X] * parts)
    before = pa.total_allocated_bytes()
    held = [pa.total_allocated_bytes() - before for _ in pieces_of(X).begin()]
    assert len(held) == 40 * (parts or 1)
    # So few bytes of a dataset may all be read ahead; at its end one piece is left.
    assert (held[-1] if parts else max(held)) < path.stat().st_size / 3


def test_files_of_a_folder_have_the_columns_of_all(tmp_path):
    word = pd.Series(["b", "a"], dtype="category")
    one = pd.DataFrame({"number": [1, 2], "word": word})
    two = pd.DataFrame({"word": word, "number": [3.0, None]})
    for year, part in ((1, one), (2, two), (3, one[["number"]])):
        path = tmp_path / f"year={year}"
        path.mkdir()
        part.to_parquet(path / "part.parquet", index=False)
    dataset = pa.dataset.dataset(tmp_path, format="parquet", partitioning="hive")
    expected = pd.concat(pieces_of(dataset).frames())
    assert_frame_equal(pd.concat(pieces_of(tmp_path).frames()), expected)


def test_options_of_a_dataset_are_left_to_who_set_them(folder, tmp_path):
    options = pa.dataset.ParquetFragmentScanOptions(buffer_size=4096)
    form = pa.dataset.ParquetFileFormat(default_fragment_scan_options=options)
    path = folder / "one.parquet"
    assert _pieces._would_be_kept(pa.dataset.dataset(path))
    assert not _pieces._would_be_kept(pa.dataset.dataset(path, format=form))
    TABLE.to_csv(tmp_path / "one.csv", index=False)
    comma = pa.dataset.dataset(tmp_path / "one.csv", format="csv")
    same(pieces_of(comma).frames())
    same(pieces_of(pa.dataset.dataset(pa.table(TABLE))).frames())
