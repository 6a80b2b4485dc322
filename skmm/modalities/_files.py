"""Files: modalities that decode cells one by one, and remember what they decoded."""

from __future__ import annotations

import hashlib
import os
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import islice
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
from joblib import Memory
from numpy.typing import NDArray
from sklearn.utils.validation import check_memory

from skmm._cache import SEGMENT_ROWS, Segment, recall_segments, split, version_of
from skmm.modalities._base import Encoded, Modality
from skmm.modalities._cells import decode_cells, is_missing
from skmm.modalities._sources import checked_root, path_of

__all__ = ["FileModality", "digest", "file_reading", "recall_cells"]

DECODERS = ("skmm", "numpy", "scipy", "pillow", "soundfile")

# Processors have instructions for it, and it does not hold up other threads.
_sha256 = hashlib.sha256

Digests = dict[bytes, list[tuple[int, int]]]  # to the cells that have it


class FileModality(Modality):
    """A modality whose cells are decoded one by one and can be remembered.

    `fit` and `transform` take ``memory=`` and ``root=``, and read cells with
    `recall_cells`.
    """

    @abstractmethod
    def fit(
        self,
        X: pd.DataFrame,
        y: Any = None,
        *,
        on_error: str = "raise",
        n_jobs: int | None = None,
        memory: Any = None,
        root: str | None = None,
    ) -> Self:
        """Learn from the training rows what `transform` and `spec` need.

        Parameters
        ----------
        X : pandas.DataFrame of shape (n_samples, n_columns)
            This modality's columns alone.
        y : array-like of shape (n_samples,), default=None
            Target; most modalities do not look at it.
        on_error : {"raise", "missing"}, default="raise"
            What an unreadable cell does: raise `CellError`, or count as missing.
        n_jobs : int or None, default=None
            Number of threads that decode cells.
        memory : object with the interface of joblib.Memory, default=None
            Where what was decoded is kept and looked for; None decodes all cells.
        root : str or None, default=None
            Folder that paths start at and must lie in, as `checked_root` gives it;
            None leaves them free.

        Returns
        -------
        self : Modality
        """

    @abstractmethod
    def transform(
        self,
        X: pd.DataFrame,
        *,
        on_error: str = "raise",
        n_jobs: int | None = None,
        memory: Any = None,
        root: str | None = None,
    ) -> Encoded:
        """Turn columns into one array.

        Parameters
        ----------
        X : pandas.DataFrame of shape (n_samples, n_columns)
            The columns that `fit` saw.
        on_error : {"raise", "missing"}, default="raise"
            What an unreadable cell does: raise `CellError`, or count as missing.
        n_jobs : int or None, default=None
            Number of threads that decode cells.
        memory : object with the interface of joblib.Memory, default=None
            Where what was decoded is kept and looked for; None decodes all cells.
        root : str or None, default=None
            Folder that paths start at and must lie in, as `checked_root` gives it;
            None leaves them free.

        Returns
        -------
        encoded : Encoded
            ``array`` of shape (n_samples, *spec.shape) and ``present``.
        """


def file_reading(
    memory: Any = None, root: str | os.PathLike | None = None
) -> dict[str, Any]:
    """Find the memory and the root that parameters name.

    Parameters
    ----------
    memory : str, object with the interface of joblib.Memory or None, default=None
        A folder by its path, a memory, or none.
    root : str, path or None, default=None
        As in `checked_root`.

    Returns
    -------
    reading : dict
        Arguments of a `FileModality`.

    Raises
    ------
    ValueError
        If `memory` is no such thing, or `root` no folder.
    """
    if isinstance(memory, str):  # mapped: one row is not worth reading all
        memory = Memory(memory, mmap_mode="r", verbose=0)
    kept = None if memory is None else check_memory(memory)
    return {"memory": kept, "root": checked_root(root)}


class _Reading(NamedTuple):
    """How cells are read, and which of them."""

    X: pd.DataFrame
    read: Callable[[Any], NDArray | None]
    n_jobs: int | None
    rows: NDArray
    root: str | None


def recall_cells(
    X: pd.DataFrame,
    read: Callable[[Any], NDArray | None],
    keep: Callable[[NDArray, int, int], None],
    *,
    key: tuple,
    memory: Any = None,
    root: str | None = None,
    on_error: str = "raise",
    n_jobs: int | None = None,
    rows: NDArray | None = None,
) -> NDArray:
    """Do what `decode_cells` does, except for cells that were read before.

    Parameters
    ----------
    X : pandas.DataFrame of shape (n_samples, n_columns)
        The columns of one modality.
    read : callable
        ``read(cell)`` gives an array, of one shape for all cells, or None if the cell
        holds nothing; what it raises makes the cell unreadable.
    keep : callable
        ``keep(value, row, column)`` takes what was read, now or earlier; it must
        not change `value`, nor hold on to it.
    key : tuple of plain values
        All that `read` depends on besides the cell.
    memory : object with the interface of joblib.Memory, default=None
        Where values are kept and looked for. What is unreadable is read again each
        time, for its error or its warning, and so is what has no `digest`.
    root : str or None, default=None
        Folder that `read` takes paths from.
    on_error : {"raise", "missing"}, default="raise"
        As in `decode_cells`.
    n_jobs : int or None, default=None
        Number of threads.
    rows : ndarray of int, default=None
        As in `decode_cells`.

    Returns
    -------
    present : ndarray of bool, shape (n_samples, n_columns)
        Which cells held something.

    Raises
    ------
    CellError
        If a cell is unreadable and `on_error` is ``"raise"``.
    """

    def decode(cell: Any, i: int, j: int) -> bool:
        value = read(cell)
        if value is not None:
            keep(value, i, j)
        return value is not None

    present = np.zeros(X.shape, dtype=bool)
    left = np.ones(X.shape, dtype=bool)
    if memory is not None:
        every = np.arange(len(X)) if rows is None else rows
        reading = _Reading(X, read, n_jobs, every, root)
        for i, j, value in _recalled(reading, key, memory):
            left[i, j] = False
            if value is not None:
                keep(value, i, j)
                present[i, j] = True
    return present | decode_cells(
        X, decode, on_error=on_error, n_jobs=n_jobs, rows=rows, only=left
    )


def digest(cell: Any, root: str | None = None) -> bytes | None:
    """Identify what a cell holds without decoding it.

    Parameters
    ----------
    cell : object
        One cell that is not missing.
    root : str or None, default=None
        Folder that paths start at and must lie in.

    Returns
    -------
    digest : bytes or None
        Of the content of bytes and arrays; of the absolute path, the size and the time
        of the last change of a file, so that a file that changed has another one.
        None for anything else (lists, images of Pillow), and for no file, or one that
        lies outside of `root`: it must not be recalled either.
    """
    try:
        return _digest(cell, root)
    except Exception:  # decoding says what is wrong with it
        return None


def _digest(cell: Any, root: str | None) -> bytes | None:
    if isinstance(cell, (bytes, bytearray, memoryview)):
        return b"b" + _sha256(cell).digest()
    if isinstance(cell, (str, os.PathLike)):
        path = path_of(cell, root)
        state = os.stat(path)
        facts = (os.path.abspath(path), state.st_mtime_ns, state.st_size)
        return b"p" + _sha256(repr(facts).encode()).digest()
    if isinstance(cell, np.ndarray) and cell.dtype.kind in "biuf":
        hashed = _sha256(repr((cell.dtype.str, cell.shape)).encode())
        hashed.update(np.ascontiguousarray(cell))
        return b"a" + hashed.digest()
    if not isinstance(cell, Mapping):
        return None
    found = (cell.get(part) for part in ("array", "bytes", "path"))
    inner = _digest(next((part for part in found if part is not None), None), root)
    rate = repr(cell.get("sampling_rate")).encode()
    return inner and b"m" + _sha256(inner + rate).digest()


def _recalled(
    reading: _Reading, key: tuple, memory: Any
) -> Iterator[tuple[int, int, NDArray | None]]:
    """Give places and values of the cells that can be remembered; None is empty."""
    wanted = _wanted(reading)
    segments = recall_segments(
        wanted,
        lambda: _make(reading, wanted),
        key=repr((_versions(), key)),
        memory=memory,
    )
    for segment in segments:
        for one, value in segment.items():
            yield from ((i, j, value) for i, j in wanted.pop(one, ()))
        for one in split(segment.empty):
            yield from ((i, j, None) for i, j in wanted.pop(one, ()))
        for one in split(segment.unreadable):
            wanted.pop(one, None)


def _make(reading: _Reading, wanted: Digests) -> Segment:
    """Read the first of the cells that are wanted."""
    chosen = {one: places[0] for one, places in islice(wanted.items(), SEGMENT_ROWS)}
    only = np.zeros(reading.X.shape, dtype=bool)
    only[tuple(np.transpose(list(chosen.values())))] = True
    found: dict[tuple[int, int], NDArray | None] = {}

    def decode(cell: Any, i: int, j: int) -> bool:
        found[i, j] = reading.read(cell)
        return True

    decode_cells(  # without a word on those that fail, since rows are given
        reading.X,
        decode,
        on_error="missing",
        n_jobs=reading.n_jobs,
        rows=reading.rows,
        only=only,
    )
    held = [one for one, at in chosen.items() if found.get(at) is not None]
    unreadable = [one for one, at in chosen.items() if at not in found]
    empty = chosen.keys() - {*held, *unreadable}
    values = np.array([found[chosen[one]] for one in held])
    return Segment.of(held, values, b"".join(empty), b"".join(unreadable))


def _wanted(reading: _Reading) -> Digests:
    """Digests of all cells that have one, in the order of the cells."""
    wanted: Digests = {}
    X = reading.X
    columns = [X.iloc[:, j].to_numpy(dtype=object) for j in range(X.shape[1])]
    # In one thread: threads take longer to take turns than a digest does.
    for i in reading.rows.tolist():
        for j, cells in enumerate(columns):
            one = None if is_missing(cells[i]) else digest(cells[i], reading.root)
            if one is not None:
                wanted.setdefault(one, []).append((i, j))
    return wanted


@cache
def _versions() -> tuple[str, ...]:
    """Another decoder may give other bits."""
    return tuple(f"{name} {version_of(name)}" for name in DECODERS)
