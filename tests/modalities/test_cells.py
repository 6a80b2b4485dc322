"""Cells are read alike whatever holds them, and none fails without its place."""

import os
import threading
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from skmm.exceptions import CellError, MissingModalityWarning, ModalityError
from skmm.modalities import _cells
from skmm.modalities._cells import (
    as_array,
    check_columns,
    decode_cells,
    is_missing,
    moments,
    sample_rows,
    sniff,
)

BMP = b"BM\x7a\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0"

IMAGES = {
    "png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    "jpeg": b"\xff\xd8\xff\xe0\0\x10JFIF",
    "gif": b"GIF89a\x01\0",
    "bmp": BMP,
    "webp": b"RIFF\x10\0\0\0WEBPVP8 ",
    "tiff": b"II*\0\x08\0\0\0",
    "big endian tiff": b"MM\0*\0\0\0\x08",
    "avif": b"\0\0\0\x20ftypavif",
}
SOUNDS = {
    "wav": b"RIFF\x24\x08\0\0WAVEfmt ",
    "flac": b"fLaC\0\0\0\x22",
    "ogg": b"OggS\0\x02",
    "mp3 with a tag": b"ID3\x04\0\0",
    "mp3 frame": b"\xff\xfb\x90\x64",
    "aiff": b"FORM\0\0\0\x1eAIFFCOMM",
}


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
@pytest.mark.parametrize("name", IMAGES)
def test_first_bytes_tell_images(name, kind):
    assert sniff(kind(IMAGES[name])) == "image"


@pytest.mark.parametrize("name", SOUNDS)
def test_first_bytes_tell_sounds(name):
    assert sniff(SOUNDS[name]) == "audio"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"BMW is a car and no bitmap",
        b"\xff\xff\xff\xff",
        b"%PDF-1.7",
        memoryview(np.array(1)),
        memoryview(np.zeros((2, 2))),
    ],
)
def test_other_bytes_are_neither(content):
    assert sniff(content) is None


@pytest.mark.parametrize(
    ("cell", "kind"),
    [
        ("a/b.PNG", "image"),
        (Path("scan.jpeg"), "image"),
        ("call.wav", "audio"),
        (Path("call.Mp3"), "audio"),
        ("notes.txt", None),
        ("see the picture\nscan.png", None),
        ("https://example.org/scan.png", None),
        (r"\\host\share\scan.png", None),
        ({"bytes": None, "path": {"path": "scan.png"}}, None),
        ({"bytes": None, "path": "scan.png"}, "image"),
        ({"bytes": SOUNDS["flac"], "path": "scan.png"}, "audio"),
        ({"array": np.zeros(3), "sampling_rate": 8000}, "audio"),
        ({"bytes": None, "path": None}, None),
        (Image.new("L", (2, 2)), "image"),
        (np.zeros((4, 4)), None),
        (3.5, None),
        (None, None),
    ],
)
def test_suffix_or_holder_tells_the_kind(cell, kind):
    assert sniff(cell) == kind


@pytest.mark.parametrize(
    "cell", [None, np.nan, np.float32("nan"), pd.NA, pd.NaT, "", "  "]
)
def test_missing_cells_are_recognised(cell):
    assert is_missing(cell)


@pytest.mark.parametrize("cell", [0, 0.0, "a", b"", [], np.array([np.nan]), {}, False])
def test_cells_that_hold_something_are_not_missing(cell):
    assert not is_missing(cell)


def test_arrays_of_arrays_become_one_array():
    cell = np.empty(2, dtype=object)
    cell[0], cell[1] = np.array([1.0, 2.0]), np.array([3.0, None], dtype=object)
    assert_array_equal(as_array(cell), [[1, 2], [3, np.nan]])


def test_gaps_in_lists_become_nan():
    assert_array_equal(as_array([1, None, pd.NA]), [1, np.nan, np.nan])
    assert_array_equal(as_array([[1, 2], None, [3, pd.NA]])[1:, 1], [np.nan, np.nan])
    assert_array_equal(as_array(pd.Series([1, None], dtype="Int64")), [1, np.nan])


def test_arrays_keep_their_type():
    assert as_array(np.zeros(2, np.uint8)).dtype == np.uint8
    assert as_array([True, False]).dtype == bool


@pytest.mark.parametrize("cell", [["a", "b"], "text", [1j], {"a": 1}, [[1, 2], [3]]])
def test_what_is_no_array_of_real_numbers_is_refused(cell):
    with pytest.raises(ModalityError, match=r"real numbers|do not make an array"):
        as_array(cell)


def nested(*lengths):
    """Lists of a few objects that stand for more numbers than there are."""
    cell = 1.0
    for n in lengths:
        cell = [cell] * n
    return cell


@pytest.mark.parametrize(
    "cell",
    [
        nested(4, 4),
        [[0.0], nested(4, 4)],
        [None, nested(4, 4)],
        [None, nested(5), nested(5)],
        nested(1, 1, 1, 1),
        [None, [None, [None, [1.0]]]],
    ],
    ids=str,
)
def test_lists_of_too_many_numbers_or_levels_are_refused(cell, monkeypatch):
    monkeypatch.setattr(_cells, "MAX_NUMBERS", 12)
    monkeypatch.setattr(_cells, "MAX_DEPTH", 3)
    with pytest.raises(ModalityError, match="lists hold more than"):
        as_array(cell)


def test_lists_that_are_no_rows_of_one_array_are_counted(monkeypatch):
    cell = [[1.0, 2.0], None] * 3
    monkeypatch.setattr(_cells, "MAX_LISTS", 4)
    assert as_array(cell).shape == (6, 2)
    monkeypatch.setattr(_cells, "MAX_LISTS", 3)
    with pytest.raises(ModalityError, match="give an array"):
        as_array(cell)


def test_arrays_may_be_larger_than_lists(monkeypatch):
    monkeypatch.setattr(_cells, "MAX_NUMBERS", 3)
    assert as_array(np.zeros(4)).shape == (4,)
    assert as_array([1, 2, 3]).shape == (3,)
    with pytest.raises(ModalityError, match="give an array"):
        as_array([1, 2, 3, 4])


def test_numbers_that_no_float_holds_are_refused():
    with pytest.raises(ModalityError, match="OverflowError"):
        as_array([1, 10**400])


def test_another_number_of_columns_is_refused():
    X = pd.DataFrame({"a": [1], "b": [2]})
    check_columns(X, 2)
    with pytest.raises(ModalityError, match=r"fitted on 1 .* gets 2: \['a', 'b'\]"):
        check_columns(X, 1)


def test_sample_is_spread_over_the_rows_that_hold_something():
    X = pd.DataFrame({"a": [None, *range(99)], "b": [None] * 100}, dtype=object)
    rows = sample_rows(X, 20)
    assert len(rows) == 10
    assert (rows[0], rows[-1]) == (1, 99)
    assert len(set(np.diff(rows))) <= 2
    assert len(sample_rows(X.iloc[:1], 20)) == 0
    assert_array_equal(sample_rows(X.iloc[:4], 20), [1, 2, 3])


def test_moments_ignore_nan_and_spare_constants():
    values = np.array([[1.0, np.nan, 7.3, 1], [3, np.nan, 7.3, np.nan]])
    mean, scale = moments(values)
    assert_array_equal(mean, [2, 0, 7.3, 1])
    assert_array_equal(scale, [1, 1, 1, 1])
    assert_array_equal(moments(np.empty((0, 2)))[0], [0, 0])


def _frame():
    return pd.DataFrame({"a": list(range(200)), "b": [None] * 200}, dtype=object)


def _fails_from(first):
    def decode(cell, row, column):
        if cell >= first:
            raise ValueError("bad")
        return cell != 5

    return decode


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_every_cell_is_read_once_in_its_place(n_jobs):
    seen = np.zeros((200, 2), dtype=int)

    def decode(cell, row, column):
        seen[row, column] += cell == row
        return cell != 5

    present = decode_cells(_frame(), decode, n_jobs=n_jobs)
    assert_array_equal(seen, np.tile([1, 0], (200, 1)))
    assert_array_equal(np.flatnonzero(~present[:, 0]), [5])
    assert not present[:, 1].any()


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_the_first_unreadable_cell_is_named(n_jobs):
    with pytest.raises(CellError, match="cannot read the int 70: ValueError: bad") as e:
        decode_cells(_frame(), _fails_from(70), n_jobs=n_jobs)
    assert (e.value.column, e.value.row) == ("a", 70)
    assert 'on_error="missing"' in str(e.value)
    assert isinstance(e.value.__cause__, ValueError)


def test_the_first_row_is_named_even_if_another_fails_sooner():
    later_failed = threading.Event()

    def decode(cell, row, column):
        if row == 70:
            later_failed.set()
        elif row != 10 or not later_failed.wait(timeout=60):
            return True
        raise ValueError("bad")

    with pytest.raises(CellError, match="row 10:"):
        decode_cells(_frame(), decode, n_jobs=2)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_unreadable_cells_count_as_missing_with_one_warning(n_jobs):
    with pytest.warns(MissingModalityWarning, match=r"130 of 400 .* row 70") as caught:
        present = decode_cells(
            _frame(), _fails_from(70), on_error="missing", n_jobs=n_jobs
        )
    assert len(caught) == 1
    assert_array_equal(present[:, 0], (np.arange(200) < 70) & (np.arange(200) != 5))


def test_a_sample_is_read_without_a_warning_but_not_without_an_error():
    rows = np.array([1, 90])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        present = decode_cells(_frame(), _fails_from(70), on_error="missing", rows=rows)
    assert_array_equal(np.flatnonzero(present[:, 0]), [1])
    with pytest.raises(CellError, match="row 90"):
        decode_cells(_frame(), _fails_from(70), rows=rows)


def test_lack_of_memory_is_a_bad_cell_too():
    def decode(cell, row, column):
        raise MemoryError

    with pytest.raises(CellError, match=r"row 0: .*: MemoryError\."):
        decode_cells(_frame(), decode)
    with pytest.warns(MissingModalityWarning, match="MemoryError"):
        assert not decode_cells(_frame(), decode, on_error="missing").any()


def test_an_interrupt_is_none():
    def decode(cell, row, column):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        decode_cells(_frame(), decode, on_error="missing")


def test_an_unknown_on_error_is_refused():
    with pytest.raises(ValueError, match="on_error"):
        decode_cells(_frame(), _fails_from(0), on_error="ignore")


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        (b"hello world", "11 bytes beginning b'hello world'"),
        (memoryview(np.array(1, np.uint8)), "1 bytes beginning b''"),
        (memoryview(np.full((1, 99), 65, np.uint8)), f"99 bytes beginning {b'A' * 12}"),
        ("a.png", "'a.png'"),
        ("x" * 500, "'" + "x" * 100 + "'..."),
        (Path("dir/a.png"), repr(os.path.join("dir", "a.png"))),
        ({"bytes": b"", "path": "b.png"}, "a dict of 'bytes', 'path' (path 'b.png')"),
        ({"path": {}, **dict.fromkeys(range(9))}, "a dict of 'path', 0, 1, 2, 3, 4"),
        (np.zeros((2, 3)), "an array of shape (2, 3) and type float64"),
        (Image.new("L", (4, 2)), "an image of mode L, 4 x 2 pixels"),
        (7, "the int 7"),
    ],
)
def test_errors_say_what_arrived(cell, said):
    def decode(cell, row, column):
        raise ModalityError("it is wrong")

    X = pd.DataFrame({"c": pd.Series([cell], dtype=object)})
    with pytest.raises(CellError) as caught:
        decode_cells(X, decode)
    assert f"column 'c', row 0: cannot read {said}: it is wrong." in str(caught.value)


def test_errors_of_decoders_are_quoted_in_short():
    def decode(cell, row, column):
        raise ValueError("x" * 10_000)

    with pytest.raises(CellError, match=r"ValueError: x{200}\. ") as caught:
        decode_cells(_frame(), decode)
    assert len(str(caught.value)) < 400


def test_columns_of_one_name_are_told_apart_by_position():
    X = pd.DataFrame([[1, 2]], columns=["a", "a"], dtype=object)
    present = decode_cells(X, lambda cell, row, column: cell == column + 1)
    assert present.all()


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_only_the_cells_that_are_wanted_are_read(n_jobs):
    X = pd.DataFrame({"a": range(200), "b": range(200)}, dtype=object)
    only = np.zeros(X.shape, dtype=bool)
    only[3, 1] = only[150, 0] = only[150, 1] = True
    seen = np.zeros(X.shape, dtype=int)

    def decode(cell, row, column):
        seen[row, column] += 1
        return True

    assert_array_equal(decode_cells(X, decode, n_jobs=n_jobs, only=only), only)
    assert_array_equal(seen, only)
    rows = np.array([3, 4])
    assert_array_equal(
        decode_cells(X, decode, n_jobs=n_jobs, rows=rows, only=only)[:, 1],
        np.arange(200) == 3,
    )
    assert_array_equal(np.argwhere(seen > 1), [[3, 1]])
