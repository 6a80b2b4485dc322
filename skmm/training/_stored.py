"""Rows on disk, of which some blocks at a time are in memory."""

from __future__ import annotations

import hashlib
import tempfile
import weakref
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from skmm._memory import aligned
from skmm.training._data import Data

__all__ = ["Rows", "Store", "StoredData"]

WINDOW_BYTES = 2**26  # of rows that are trained on at a time, as they lie in memory
BLOCKS = 32  # that a window is made of, at the least
Finish = Callable[[NDArray, NDArray], tuple[NDArray, NDArray]]


class _Column(NamedTuple):
    """One array: its file, the shape and type of a row, the type that it is kept in."""

    file: Any
    shape: tuple[int, ...]
    dtype: np.dtype
    kept: np.dtype

    @property
    def row_bytes(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64)) * self.kept.itemsize


class Store:
    """Arrays that are appended to, and read by blocks of rows.

    Each is a file without a name in the folder for temporary files: it is gone when
    this object is, or the process, however that ends.

    Parameters
    ----------
    kept : sequence of (tuple of int, dtype, dtype)
        Of each array the shape and type of a row, and the type in which it takes least
        room without loss.

    Attributes
    ----------
    n_rows : int
        Number of rows that were appended.
    """

    def __init__(self, kept: Sequence[tuple[tuple[int, ...], DTypeLike, DTypeLike]]):
        self.n_rows = 0
        with _explained(0):
            files: list[Any] = [tempfile.TemporaryFile(buffering=0) for _ in kept]
        weakref.finalize(self, _close, files)
        self._columns = [
            _Column(file, tuple(shape), np.dtype(dtype), np.dtype(on_disk))
            for file, (shape, dtype, on_disk) in zip(files, kept, strict=True)
        ]

    @property
    def row_bytes(self) -> int:
        """Bytes that a row takes in memory."""
        sizes = [np.prod(c.shape, dtype=int) * c.dtype.itemsize for c in self._columns]
        return max(int(sum(sizes)), 1)

    def append(self, arrays: Sequence[NDArray]) -> None:
        """Write rows behind those that are there.

        Parameters
        ----------
        arrays : sequence of ndarray of shape (n_rows, *shape)
            One for each array.

        Raises
        ------
        OSError
            If the disk does not take them.
        """
        with _explained(self.n_rows * self.row_bytes):
            for column, array in zip(self._columns, arrays, strict=True):
                rows = np.ascontiguousarray(array, column.kept)
                _write(column.file, memoryview(rows.reshape(-1).view(np.uint8)))
        self.n_rows += len(arrays[0])

    def read(self, parts: Sequence[tuple[int, int]]) -> list[NDArray]:
        """Read blocks of rows behind one another.

        Parameters
        ----------
        parts : sequence of (int, int)
            First row of each block, and the row behind its last.

        Returns
        -------
        arrays : list of ndarray of shape (n_rows, *shape)
            In memory that can be lent to TensorFlow.
        """
        n_rows = sum(stop - start for start, stop in parts)
        arrays = []
        for column in self._columns:
            array = aligned((n_rows, *column.shape), column.dtype)
            at = 0
            for start, stop in parts:
                _fill(array[at : at + stop - start], column, start)
                at += stop - start
            arrays.append(array)
        return arrays

    def digests(self) -> list[str]:
        """Tell the contents of each array apart from any others."""
        found = []
        for column in self._columns:
            column.file.seek(0)
            found.append(hashlib.file_digest(column.file, "sha256").hexdigest())
        return found


class StoredData:
    """Rows to train on that lie in a store.

    Parameters
    ----------
    store : Store
        The inputs of the network in order, then the target and the weights.
    finish : callable
        Turns target and weights, as they were stored, into what training takes:
        arrays of shape (n_rows, n_outputs) and (n_rows,), float32.
    summary : (ndarray of shape (n, n_outputs), ndarray of shape (n,))
        Targets and weights of a few rows that stand for all.
    left_out : ndarray of int, sorted, default=()
        Rows that are not meant.
    """

    def __init__(
        self,
        store: Store,
        finish: Finish,
        summary: tuple[NDArray, NDArray],
        left_out: Any = (),
    ):
        self.store, self.finish, self.summary = store, finish, summary
        self.left_out = np.asarray(left_out, np.int64)
        most = max(WINDOW_BYTES // store.row_bytes, BLOCKS)
        self.block_rows = min(most // BLOCKS, -(-store.n_rows // BLOCKS))
        self.window_rows = BLOCKS * self.block_rows
        self.n_blocks = -(-store.n_rows // self.block_rows)

    @property
    def n_given(self) -> int:
        """Number of rows, with those that are left out."""
        return self.store.n_rows

    @property
    def n_rows(self) -> int:
        """Number of rows that are meant."""
        return self.store.n_rows - len(self.left_out)

    def targets(self) -> tuple[NDArray, NDArray]:
        """Give targets and weights of a few rows that stand for all."""
        return self.summary

    def whole(self) -> StoredData:
        """Mean all rows, of which `targets` tells as it is."""
        return self

    def draw(self, rng: np.random.Generator) -> tuple[NDArray, int]:
        """Draw an order: of the blocks, and the seed of what is in a window."""
        return rng.permutation(self.n_blocks), int(rng.integers(2**62))

    def without(self, rows: NDArray) -> StoredData:
        """Mean all but these rows, sorted numbers."""
        return StoredData(self.store, self.finish, self.summary, rows)

    def read(self, numbers: NDArray) -> Data:
        """Read single rows, wherever they lie."""
        return self._data([(row, row + 1) for row in numbers.tolist()])

    def windows(self, order: tuple[NDArray, int]) -> Iterator[tuple[Data, NDArray]]:
        """Read all rows that are meant, the next window while one is in use.

        Parameters
        ----------
        order : tuple
            As `draw` returns it.

        Yields
        ------
        data : Data
            Rows of blocks that lie anywhere.
        rows : ndarray of int32
            The same rows in the order in which they are to be seen.
        """
        blocks, seed = order
        rng = np.random.default_rng(seed)
        groups = [blocks[i : i + BLOCKS] for i in range(0, len(blocks), BLOCKS)]
        with ThreadPoolExecutor(1) as reader:
            ahead = reader.submit(self._window, groups[0])
            for group in [*groups[1:], None]:
                data = ahead.result()
                if group is not None:
                    ahead = reader.submit(self._window, group)
                if data.n_rows:
                    yield data, data.draw(rng)

    def _window(self, blocks: NDArray) -> Data:
        starts = (blocks * self.block_rows).tolist()
        parts = [(i, min(i + self.block_rows, self.store.n_rows)) for i in starts]
        data = self._data(parts)
        numbers = np.concatenate([np.arange(*part) for part in parts])
        meant = ~np.isin(numbers, self.left_out, assume_unique=True)
        rows = np.flatnonzero(meant).astype(np.int32)
        return Data(data.arrays, data.y, data.weight, rows, numbers)

    def _data(self, parts: Sequence[tuple[int, int]]) -> Data:
        *arrays, y, weight = self.store.read(parts)
        return Data(arrays, *self.finish(y, weight))


Rows = Data | StoredData  # in memory, or on disk


def _close(files: Sequence[Any]) -> None:
    for file in files:
        file.close()


def _write(file: Any, content: memoryview) -> None:
    while content:  # a file without a buffer may take a part
        content = content[file.write(content) :]


def _fill(rows: NDArray, column: _Column, start: int) -> None:
    kept = rows
    if column.kept != column.dtype:
        kept = np.empty(rows.shape, column.kept)
    column.file.seek(start * column.row_bytes)
    target = memoryview(kept.reshape(-1).view(np.uint8))
    while target:
        n_bytes = column.file.readinto(target)
        if not n_bytes:
            raise OSError("rows that were written to a temporary file are gone")
        target = target[n_bytes:]
    if kept is not rows:
        rows[:] = kept


@contextmanager
def _explained(n_bytes: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OSError(
            error.errno,
            f"{error.strerror} after {n_bytes / 1e9:.3g} GB: rows that do not fit into "
            f"memory are written to {tempfile.gettempdir()!r} in training. Free that "
            "disk, or set the environment variable TMPDIR to a folder with more room",
        ) from error
