"""Cells: what one holds, reading all of them, and what an unreadable one does.

Nothing here executes what a cell holds: no pickles, no network, no programs.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from itertools import chain, islice
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from PIL import Image

from skmm.exceptions import CellError, MissingModalityWarning, ModalityError
from skmm.modalities._columns import isna, show
from skmm.modalities._sources import is_remote

__all__ = [
    "as_array",
    "check_columns",
    "decode_cells",
    "is_missing",
    "moments",
    "sample_rows",
    "sniff",
]

ROWS_PER_TASK = 64
BLOCK = 2**20  # numbers that are worked on at a time, to bound memory
# Of nested lists: numbers, levels, and lists that are no rows of one array.
MAX_NUMBERS, MAX_DEPTH, MAX_LISTS = 2**24, 8, 2**19
LONGEST_QUOTE = 200  # characters, in an error
ADVICE = 'Repair or drop it, or set on_error="missing" to count it as missing.'

_TOO_NESTED = (
    f"its lists hold more than {MAX_NUMBERS:_} numbers, lie more than {MAX_DEPTH} deep "
    f"in one another, or are more than {MAX_LISTS:_}; give an array"
)
_SUFFIXES = {
    "image": ".png .jpg .jpeg .jfif .gif .bmp .webp .tif .tiff .avif .jp2 .ppm .pgm",
    "audio": ".wav .wave .flac .ogg .oga .opus .mp3 .aif .aiff .au",
}
_KIND_OF_SUFFIX = {
    suffix: kind for kind, suffixes in _SUFFIXES.items() for suffix in suffixes.split()
}
# A dot stands for any byte. Two bytes alone ("BM", an MP3 frame's sync) also begin
# ordinary text and data, so these two patterns look further into the header.
_MAGIC = {
    "image": re.compile(
        rb"\x89PNG\r\n\x1a\n|\xff\xd8\xff|GIF8[79]a|RIFF....WEBP|II[*+]\0|MM\0[*+]"
        rb"|BM.{4}\0{4}.{4}[\x0c\x28\x34\x38\x40\x6c\x7c]\0{3}"
        rb"|....ftypavif|\0\0\0\x0cjP  ",
        re.DOTALL,
    ),
    "audio": re.compile(
        rb"(?:RIFF|RIFX|RF64)....WAVE|fLaC|OggS|ID3[\x02-\x04]|FORM....AIF[FC]|\.snd"
        rb"|\xff[\xe2-\xe7\xf2-\xf7\xfa-\xff][\x10-\xeb]",
        re.DOTALL,
    ),
}


def sniff(cell: Any) -> str | None:
    """Tell whether one cell holds an image or a sound, without opening any file.

    Parameters
    ----------
    cell : object
        Encoded bytes are judged by their first bytes, paths by their suffix,
        Hugging Face's dicts by what they hold.

    Returns
    -------
    kind : {"image", "audio"} or None
        None if it is neither, or if nothing tells.

    Examples
    --------
    >>> from skmm.modalities._cells import sniff
    >>> sniff("scans/0001.PNG"), sniff(b"RIFF....WAVEfmt "), sniff("hello")
    ('image', 'audio', None)
    """
    if isinstance(cell, (bytes, bytearray, memoryview)):
        head = _head(cell, 32)
        return next((k for k, magic in _MAGIC.items() if magic.match(head)), None)
    if isinstance(cell, (str, os.PathLike)):
        path = os.fspath(cell)
        if not isinstance(path, str) or "\n" in path or is_remote(path):
            return None
        return _KIND_OF_SUFFIX.get(os.path.splitext(path)[1].lower())
    if isinstance(cell, Mapping):
        if cell.get("array") is not None and "sampling_rate" in cell:
            return "audio"
        held = [cell.get("bytes"), cell.get("path")]
        kinds = (sniff(part) for part in held if not isinstance(part, Mapping))
        return next(filter(None, kinds), None)
    return "image" if isinstance(cell, Image.Image) else None


def _head(content: bytes | bytearray | memoryview, n: int) -> bytes:
    """Give the first bytes; none of a view of an array without axes."""
    try:
        return bytes(content[:n])[:n]  # again: a view may have more axes
    except TypeError:
        return b""


def is_missing(cell: Any) -> bool:
    """Tell whether one cell is None, NaN, ``pd.NA``, ``pd.NaT`` or an empty string."""
    if cell is None or cell is pd.NA or cell is pd.NaT:
        return True
    if isinstance(cell, (float, np.floating)):
        return bool(cell != cell)
    return isinstance(cell, str) and not cell.strip()


def as_array(cell: Any) -> NDArray:
    """Turn an array, a tensor or (nested) lists of numbers into a numeric array.

    Parameters
    ----------
    cell : array-like
        Anything `numpy.asarray` takes, and arrays of arrays, as Parquet gives them.
        Inside lists, None and ``pd.NA`` become NaN, also where a list should stand.

    Returns
    -------
    array : ndarray of bool, int or float

    Raises
    ------
    ModalityError
        If the lists are ragged, hold something else than real numbers, or more of them
        than fit.
    """
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # of numbers beyond float64
            return _unpacked(cell, iter(range(MAX_LISTS)))
    except ModalityError:
        raise
    except Exception as error:  # numbers too large, no memory
        raise ModalityError(
            f"its numbers do not make an array ({_brief(error)})"
        ) from error


def _unpacked(cell: Any, budget: Iterator[int], depth: int = 1) -> NDArray:
    """Make an array of numbers; arrays of arrays are stacked one by one."""
    if depth > MAX_DEPTH or next(budget, None) is None:
        raise ModalityError(_TOO_NESTED)
    _check_lists(cell)
    array = _asarray(cell)
    if array.dtype == object:
        array = _stacked(array, budget, depth)
    if array.dtype.kind not in "biuf":
        raise ModalityError(
            f"it must hold real numbers, and holds values of type {array.dtype}"
        )
    return array


def _check_lists(cell: Any) -> None:
    """Refuse lists whose first ones promise too much, before they are gone through.

    A list may hold itself, or one list in many places: few bytes, and numbers without
    an end.
    """
    size, depth = 1, 0
    while isinstance(cell, (list, tuple)) and cell:
        size, depth, cell = size * len(cell), depth + 1, cell[0]
        if size > MAX_NUMBERS or depth > MAX_DEPTH:
            raise ModalityError(_TOO_NESTED)


def _asarray(cell: Any) -> NDArray:
    try:
        return np.asarray(cell)
    except ValueError:  # not rectangular, perhaps only for a None
        array = np.empty(len(cell), dtype=object)
        for i, item in enumerate(cell):
            array[i] = item
        return array


def _stacked(array: NDArray, budget: Iterator[int], depth: int) -> NDArray:
    """Turn an object array, of numbers or of equally shaped arrays, into floats."""
    try:
        return np.array(array.tolist(), dtype=float)
    except (TypeError, ValueError):  # pd.NA, or None where a list should stand
        if array.ndim == 0:
            raise
    places = [i for i, item in enumerate(array) if not is_missing(item)]
    items = (_unpacked(array[i], budget, depth + 1) for i in places)
    first = next(items, np.empty(()))
    if len(array) * first.size > MAX_NUMBERS:
        raise ModalityError(_TOO_NESTED)
    stacked = np.full((len(array), *first.shape), np.nan)
    for i, item in zip(places, chain([first], items), strict=False):
        if item.shape != first.shape:
            raise ValueError(f"shapes {first.shape} and {item.shape} side by side")
        stacked[i] = item
    return stacked


def check_columns(X: pd.DataFrame, n_columns: int) -> None:
    """Refuse a frame with another number of columns than at fit.

    Parameters
    ----------
    X : pandas.DataFrame of shape (n_samples, n_columns)
        The columns of one modality.
    n_columns : int
        How many there were at fit.

    Raises
    ------
    ModalityError
        If there are more or fewer now.
    """
    if X.shape[1] != n_columns:
        raise ModalityError(
            f"this modality was fitted on {n_columns} column(s) and now gets "
            f"{X.shape[1]}: {list(X.columns)}. Pass the columns that fit saw."
        )


def sample_rows(X: pd.DataFrame, limit: int) -> NDArray:
    """Pick evenly spaced rows among those that are not wholly missing.

    Parameters
    ----------
    X : pandas.DataFrame of shape (n_samples, n_columns)
        The columns of one modality.
    limit : int
        Largest number of cells, over all columns.

    Returns
    -------
    rows : ndarray of int
        Positions, ascending, without repeats.
    """
    gaps = np.column_stack([isna(X.iloc[:, j]) for j in range(X.shape[1])])
    rows = np.flatnonzero(~gaps.all(axis=1))
    n_rows = min(len(rows), max(1, limit // X.shape[1]))
    return rows[np.linspace(0, len(rows) - 1, n_rows).astype(int)]


def moments(values: NDArray) -> tuple[NDArray, NDArray]:
    """Compute each column's mean and standard deviation, ignoring NaN.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_columns)
        Numbers, NaN where missing.

    Returns
    -------
    mean, scale : ndarray of float64, shape (n_columns,)
        0 and 1 for a column of NaN; scale 1 for a constant column.
    """
    step = max(1, BLOCK // max(values.shape[1], 1))
    blocks = [values[start : start + step] for start in range(0, len(values), step)]
    count, total, squares = np.zeros((3, values.shape[1]))
    for block in blocks:
        numbers = block.astype(np.float64)
        seen = ~np.isnan(numbers)
        count += seen.sum(axis=0)
        total += np.where(seen, numbers, 0.0).sum(axis=0)
    count = np.maximum(count, 1)
    mean = total / count
    for block in blocks:
        deviation = block.astype(np.float64) - mean
        squares += np.where(np.isnan(deviation), 0.0, deviation**2).sum(axis=0)
    scale = np.sqrt(squares / count)
    constant = scale <= 1e-12 * np.abs(mean)  # what rounding leaves of a constant
    return mean, np.where(constant, 1.0, scale)


def decode_cells(
    X: pd.DataFrame,
    decode: Callable[[Any, int, int], bool],
    *,
    on_error: str = "raise",
    n_jobs: int | None = None,
    rows: NDArray | None = None,
    only: NDArray | None = None,
) -> NDArray:
    """Call `decode` on every cell that is not missing, in threads.

    Parameters
    ----------
    X : pandas.DataFrame of shape (n_samples, n_columns)
        The columns of one modality.
    decode : callable
        ``decode(cell, row, column)``, both positions, keeps what it reads and
        tells whether the cell held anything. What it raises makes the cell
        unreadable; then it must have kept nothing.
    on_error : {"raise", "missing"}, default="raise"
        Raise for the first unreadable cell (by row, then column), whatever
        `n_jobs`; or take unreadable cells for missing, with one warning.
    n_jobs : int or None, default=None
        Number of threads.
    rows : ndarray of int, default=None
        Visit these rows alone, and without a warning: they are a sample of rows
        that will all be read again. None means all rows.
    only : ndarray of bool, shape (n_samples, n_columns), default=None
        Visit these cells of them alone. None means all cells.

    Returns
    -------
    present : ndarray of bool, shape (n_samples, n_columns)
        Which cells held something.

    Raises
    ------
    CellError
        If a cell is unreadable and `on_error` is ``"raise"``.
    """
    if on_error not in ("raise", "missing"):
        raise ValueError(f'on_error must be "raise" or "missing", got {on_error!r}.')
    columns = [X.iloc[:, j].to_numpy(dtype=object) for j in range(X.shape[1])]
    wanted = np.ones(X.shape, dtype=bool) if only is None else only
    visited = np.arange(len(X)) if rows is None else rows
    visited = visited[wanted[visited].any(axis=1)]
    present = np.zeros(X.shape, dtype=bool)
    failures: list[tuple[int, int, Exception]] = []

    def read(some_rows: NDArray) -> None:
        if on_error == "raise" and any(f[0] < some_rows[0] for f in failures):
            return
        for i in some_rows.tolist():
            for j, cells in enumerate(columns):
                if not wanted[i, j]:
                    continue
                try:
                    present[i, j] = not is_missing(cells[i]) and decode(cells[i], i, j)
                except Exception as error:  # decoders of foreign bytes raise anything
                    failures.append((i, j, error))
                    if on_error == "raise":
                        return
                    error.__traceback__ = None  # it would keep the cell alive

    starts = range(0, len(visited), ROWS_PER_TASK)
    tasks = (delayed(read)(visited[s : s + ROWS_PER_TASK]) for s in starts)
    Parallel(n_jobs=n_jobs, require="sharedmem")(tasks)
    if failures and (on_error == "raise" or rows is None):
        _report(X, failures, on_error)
    return present


def _report(X: pd.DataFrame, failures: list, on_error: str) -> None:
    """Raise for the first unreadable cell, or warn of all of them."""
    i, j, error = min(failures, key=lambda failure: failure[:2])
    problem = str(error) if isinstance(error, ModalityError) else _brief(error)
    message = f"cannot read {_describe(X.iat[i, j])}: {problem}."
    if on_error == "raise":
        raise CellError(f"{message} {ADVICE}", column=X.columns[j], row=i) from error
    warnings.warn(
        f"{len(failures)} of {X.size} cells could not be read and count as missing; "
        f"the first is column {X.columns[j]!r}, row {i}: {message}",
        MissingModalityWarning,
        stacklevel=2,
    )


def _brief(error: Exception) -> str:
    """Write an error of somebody else's; it may quote the whole cell."""
    said = str(error)
    return type(error).__name__ + (f": {said[:LONGEST_QUOTE]}" if said else "")


def _describe(cell: Any) -> str:
    """Say what a cell is, in a few words."""
    if isinstance(cell, (str, os.PathLike)):
        path = os.fspath(cell)
        return repr(path) if len(path) <= LONGEST_QUOTE else f"{path[:100]!r}..."
    if isinstance(cell, (bytes, bytearray, memoryview)):
        return f"{memoryview(cell).nbytes} bytes beginning {_head(cell, 12)!r}"
    if isinstance(cell, Mapping):
        keys = ", ".join(map(show, islice(cell, 6)))
        path = cell.get("path")
        named = isinstance(path, (str, os.PathLike)) and path
        return f"a dict of {keys}" + (f" (path {_describe(path)})" if named else "")
    if isinstance(cell, np.ndarray):
        return f"an array of shape {cell.shape} and type {cell.dtype}"
    if isinstance(cell, Image.Image):
        return f"an image of mode {cell.mode}, {cell.width} x {cell.height} pixels"
    return f"the {type(cell).__name__} {show(cell)}"
