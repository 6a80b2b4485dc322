"""What was read of a cell once is not read again, and nothing else changes."""

import os
import shutil
import warnings

import numpy as np
import pandas as pd
import pytest
from joblib import Memory, numpy_pickle
from numpy.testing import assert_array_equal
from PIL import Image

from skmm import _cache
from skmm.exceptions import CellError, MissingModalityWarning
from skmm.modalities import _files
from skmm.modalities._files import digest, file_reading, recall_cells


class Reader:
    """Reads bytes as an array of their numbers, and counts what it reads."""

    def __init__(self, X):
        self.X = X
        self.read_cells = []
        self.values = {}

    def __call__(self, memory, key=("numbers",), **how):
        self.read_cells, self.values = [], {}
        return recall_cells(self.X, self.read, self.keep, key=key, memory=memory, **how)

    def read(self, cell):
        self.read_cells.append(cell)
        if cell == b"bad":
            raise ValueError("it is bad")
        return None if cell == b"" else np.array([len(cell), cell[0]], np.int16)

    def keep(self, value, i, j):
        self.values[i, j] = value.tolist()


def frame(*cells):
    return pd.DataFrame({"a": pd.Series(cells, dtype=object)})


@pytest.fixture
def memory(tmp_path):
    return Memory(tmp_path, verbose=0)


CELLS = [b"x", None, b"yy", b"", np.nan, b"x", bytearray(b"z"), pd.NA, " "]


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_cells_are_read_once_and_recalled_alike(memory, n_jobs):
    reader = Reader(frame(*CELLS))
    wanted = reader(None)
    values = reader.values
    assert len(reader.read_cells) == 5
    assert_array_equal(reader(memory, n_jobs=n_jobs), wanted)
    assert reader.values == values
    assert len(reader.read_cells) == 4  # one of them stands in two rows
    assert_array_equal(reader(memory), wanted)
    assert (reader.values, reader.read_cells) == (values, [])


def test_any_rows_of_any_column_share_what_was_read(memory):
    cells = [bytes([65 + i]) * (i + 1) for i in range(20)]
    Reader(frame(*cells[:15]))(memory)
    again = Reader(pd.DataFrame({"b": cells[10:], "c": cells[:10]}))
    assert again(memory).all()
    assert sorted(again.read_cells) == cells[15:]
    assert again.values[9, 0] == [20, 84]
    assert again.values[3, 1] == [4, 68]
    third = Reader(frame(*cells[::-1]))
    third(memory)
    assert third.read_cells == []


def test_many_cells_fill_several_segments(memory, monkeypatch):
    monkeypatch.setattr(_files, "SEGMENT_ROWS", 4)
    reader = Reader(frame(*[bytes([i]) for i in range(1, 11)]))
    assert reader(memory).all()
    assert len(reader.read_cells) == 10
    assert reader(memory).all()
    assert reader.read_cells == []
    assert [reader.values[i, 0][1] for i in range(10)] == list(range(1, 11))


def test_a_full_memory_is_read_and_no_longer_written(memory, monkeypatch):
    monkeypatch.setattr(_files, "SEGMENT_ROWS", 4)
    monkeypatch.setattr(_cache, "MAX_SEGMENTS", 2)
    reader = Reader(frame(*[bytes([i]) for i in range(1, 11)]))
    for n_read in (10, 2, 2):
        assert reader(memory).all()
        assert len(reader.read_cells) == n_read
        assert len(reader.values) == 10


def test_another_key_reads_again(memory):
    reader = Reader(frame(b"x"))
    reader(memory)
    reader(memory, key=("other numbers",))
    assert reader.read_cells == [b"x"]


def test_another_version_of_a_decoder_reads_again(memory, monkeypatch):
    reader = Reader(frame(b"x"))
    reader(memory)
    monkeypatch.setattr(_files, "_versions", lambda: ("pillow 99",))
    reader(memory)
    assert reader.read_cells == [b"x"]


def test_versions_name_the_decoders_that_are_known():
    named = _files._versions()
    assert f"numpy {np.__version__}" in named


def test_the_number_of_threads_is_no_part_of_the_key(memory):
    reader = Reader(frame(b"x", b"y"))
    reader(memory, n_jobs=2)
    reader(memory, n_jobs=None)
    assert reader.read_cells == []


def test_unreadable_cells_are_warned_of_each_time(memory):
    reader = Reader(frame(b"x", b"bad", None, b"bad"))
    for n_read in (4, 2, 2):
        with pytest.warns(MissingModalityWarning, match="2 of 4 .* row 1: .*bad"):
            present = reader(memory, on_error="missing")
        assert_array_equal(present[:, 0], [True, False, False, False])
        assert len(reader.read_cells) == n_read


def test_unreadable_cells_raise_each_time_and_the_others_are_remembered(memory):
    reader = Reader(frame(b"x", ["a"], b"bad", b"y"))
    with pytest.raises(CellError, match="row 1"):  # a list; it has no digest
        reader(memory)
    reader = Reader(frame(b"x", b"y", b"bad"))
    for _ in range(2):
        with pytest.raises(CellError, match=r"row 2: .*it is bad"):
            reader(memory)
        assert reader.read_cells == [b"bad"]


def test_a_sample_is_silent_and_remembered_too(memory):
    reader = Reader(frame(b"bad", b"x", b"y"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reader(memory, rows=np.array([0, 2]), on_error="missing")
    assert sorted(reader.values) == [(2, 0)]
    with pytest.warns(MissingModalityWarning):
        reader(memory, on_error="missing")
    assert b"y" not in reader.read_cells


def test_what_has_no_digest_is_read_each_time(memory):
    reader = Reader(frame([1, 2], b"x"))
    reader.read = lambda cell: reader.read_cells.append(cell) or np.array([1])
    for expected in ([b"x", [1, 2]], [[1, 2]]):
        assert reader(memory).all()
        assert reader.read_cells == expected


@pytest.mark.parametrize("options", [{"mmap_mode": "r+"}, {"compress": 1}])
def test_any_memory_of_joblib_serves(tmp_path, options):
    memory = Memory(tmp_path, verbose=0, **options)
    reader = Reader(frame(*CELLS))
    for _ in range(2):
        reader(memory)
        assert reader.values[2, 0] == [2, ord("y")]
    assert reader.read_cells == []


@pytest.mark.parametrize("others", [[b"q"], [b"r", b"ss", b"x", b"", b"ttt", b"u"]])
def test_a_file_replaced_while_it_is_read_does_no_harm(tmp_path, monkeypatch, others):
    def file_of(folder):
        return next(folder.rglob("output.pkl"))

    def replaced(filename, *args, **kwargs):  # by a process that writes at once
        os.replace(shutil.copy(file_of(theirs), tmp_path / "copy"), filename)
        return make_memmap(filename, *args, **kwargs)

    make_memmap = numpy_pickle.make_memmap
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    Reader(frame(*others))(Memory(theirs, verbose=0))
    reader = Reader(frame(*CELLS))
    wanted, values = reader(None), reader.values
    memory = Memory(ours, mmap_mode="r", verbose=0)
    monkeypatch.setattr(numpy_pickle, "make_memmap", replaced)
    for _ in range(3):
        assert_array_equal(reader(memory), wanted)
        assert reader.values == values
    monkeypatch.undo()
    assert_array_equal(reader(memory), wanted)
    assert reader.values == values


def test_a_memory_that_keeps_nothing_reads_each_time():
    reader = Reader(frame(*CELLS))
    for _ in range(2):
        reader(Memory(None))
        assert len(reader.read_cells) == 4
        assert len(reader.values) == 4


ARRAY = np.arange(6.0).reshape(2, 3)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b"abc", bytearray(b"abc")),
        (b"abc", memoryview(b"abc")),
        (ARRAY, np.asfortranarray(ARRAY)),
        (ARRAY, np.repeat(ARRAY, 2, axis=1)[:, ::2]),
        ({"bytes": b"abc", "path": "a"}, {"path": "gone", "bytes": b"abc"}),
        ({"array": ARRAY, "sampling_rate": 8}, {"sampling_rate": 8, "array": ARRAY}),
    ],
)
def test_alike_cells_have_one_digest(one, other):
    assert digest(one) == digest(other) is not None
    assert len(digest(one)) == _cache.DIGEST_SIZE


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b"abc", b"abx"),
        (ARRAY, ARRAY + 1),
        (ARRAY, ARRAY.astype(np.float32)),
        (ARRAY, ARRAY.reshape(3, 2)),
        (ARRAY, ARRAY.view(np.int64)),
        (ARRAY, ARRAY.tobytes()),
        ({"array": ARRAY, "sampling_rate": 8}, {"array": ARRAY, "sampling_rate": 9}),
        ({"bytes": b"abc"}, {"bytes": b"abx"}),
    ],
)
def test_different_cells_have_different_digests(one, other):
    assert digest(one) != digest(other)


def test_a_file_is_known_by_path_size_and_time(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(b"one")
    os.utime(path, ns=(10**18, 10**18))
    first = digest(path)
    monkeypatch.chdir(tmp_path)
    assert digest(str(path)) == digest("a.png") == first
    os.utime(path, ns=(10**18, 10**18 + 1))
    second = digest(path)
    path.write_bytes(b"three")
    os.utime(path, ns=(10**18, 10**18))
    assert len({first, second, digest(path)}) == 3
    (tmp_path / "b.png").write_bytes(b"one")
    os.utime(tmp_path / "b.png", ns=(10**18, 10**18))
    assert digest("b.png") != first


def test_under_a_root_a_file_is_known_by_where_it_lies(tmp_path, monkeypatch):
    root, outside = tmp_path / "root", tmp_path / "b.png"
    root.mkdir()
    (root / "a.png").write_bytes(b"one")
    (root / "link.png").symlink_to("a.png")
    outside.write_bytes(b"two")
    monkeypatch.chdir(root)
    known = digest(str(root / "a.png"))
    assert digest("a.png", str(root)) == digest("link.png", str(root)) == known
    assert digest({"path": "a.png"}, str(root)) == digest({"path": "a.png"})
    for leaving in ("../b.png", str(outside), {"path": "../b.png"}):
        assert digest(leaving) is not None
        assert digest(leaving, str(root)) is None


def test_what_was_read_without_a_root_is_not_recalled_from_outside_of_one(
    memory, tmp_path
):
    root, outside = tmp_path / "root", tmp_path / "b.png"
    root.mkdir()
    outside.write_bytes(b"two")
    reader = Reader(frame(str(outside)))
    reader.read = lambda cell: reader.read_cells.append(cell) or np.array([1])
    for n_read in (1, 0):
        assert reader(memory).all()
        assert len(reader.read_cells) == n_read
    reader(memory, root=str(root))
    assert reader.read_cells == [str(outside)]  # `read` then refuses it


def test_memory_and_root_are_found_for_files(tmp_path):
    assert file_reading() == {"memory": None, "root": None}
    found = file_reading(str(tmp_path / "memory"), tmp_path)
    assert isinstance(found["memory"], Memory)
    assert found["root"] == os.path.realpath(tmp_path)
    with pytest.raises(ValueError, match="root must be a folder"):
        file_reading(None, tmp_path / "gone")
    with pytest.raises(ValueError, match="memory"):
        file_reading(3)


@pytest.mark.parametrize(
    "cell",
    [
        "gone.png",
        "https://example.org/a.png",
        "a\0b",
        [1, 2],
        3.5,
        Image.new("L", (2, 2)),
        np.array([None, "a"], dtype=object),
        memoryview(b"abcd")[::2],
        {"bytes": None, "path": None},
        {"array": [1, 2], "sampling_rate": 8},
        {"label": 3},
    ],
)
def test_other_cells_have_none(cell):
    assert digest(cell) is None


@pytest.mark.parametrize("error", [OSError("no space left"), KeyError("output")])
def test_a_memory_that_cannot_write_only_remembers_nothing(error):
    class Full:
        def cache(self, function, ignore):
            def recall(key, number, make):
                raise error

            return recall

    reader = Reader(frame(b"x", b"yy"))
    assert reader(Full()).all()
    assert sorted(reader.values) == [(0, 0), (1, 0)]
