"""Rows that are computed once, however often they are asked for. No Keras here.

A memory holds, for each key, a log of segments: up to SEGMENT_ROWS results beside the
digests of their rows. Folds that differ share the rows that they have in common.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["digest_rows", "recall_rows", "version_of"]

SEGMENT_ROWS = 1024
MAX_SEGMENTS = 1024  # a million rows; those beyond are computed each time
DIGEST_SIZE = 32  # bytes, of SHA-256


class _Segment(NamedTuple):
    """Results of some rows; the digests of the rows stand one behind the other."""

    held: bytes
    values: NDArray


def digest_rows(array: NDArray, *, padding: int | None = None) -> list[bytes]:
    """Identify what each row holds.

    Parameters
    ----------
    array : ndarray of shape (n_samples, ...)
        Numbers.
    padding : int or None, default=None
        What fills rows of shape (n,) up at their end; it does not count.

    Returns
    -------
    digests : list of bytes
        32 bytes for each row, of its type, shape and content.
    """
    digests = []
    for row in np.ascontiguousarray(array):
        if padding is not None:
            row = row[: len(row) - np.argmax(np.r_[row[::-1] != padding, True])]
        hashed = hashlib.sha256(repr((row.dtype.str, row.shape)).encode())
        hashed.update(row.data)
        digests.append(hashed.digest())
    return digests


def recall_rows(
    digests: list[bytes],
    compute: Callable[[NDArray], NDArray],
    *,
    key: str,
    memory: Any,
) -> NDArray:
    """Compute something of every row, except where it is remembered.

    Parameters
    ----------
    digests : list of bytes
        What identifies each row; at least one.
    compute : callable
        ``compute(rows)`` gives an array of shape (len(rows), ...) for row numbers.
    key : str
        All that the result depends on besides the row.
    memory : object with the interface of joblib.Memory
        Where results are kept and looked for.

    Returns
    -------
    values : ndarray of shape (len(digests), ...)
    """
    wanted: dict[bytes, list[int]] = {}
    for row, one in enumerate(digests):
        wanted.setdefault(one, []).append(row)
    recall = memory.cache(_segment, ignore=["make"])
    found = {}
    for number in range(MAX_SEGMENTS):
        if not wanted:
            break
        try:
            segment = recall(key, number, lambda: _make(wanted, compute))
        except (KeyError, OSError):  # a full disk, of which joblib has warned
            break
        values = np.asarray(segment.values)  # indexing a memmap is slow
        for at in range(len(values)):
            one = segment.held[at * DIGEST_SIZE : (at + 1) * DIGEST_SIZE]
            for row in wanted.pop(one, ()):
                found[row] = values[at]
    if wanted:
        left = np.array([rows[0] for rows in wanted.values()])
        for rows, value in zip(wanted.values(), compute(left), strict=True):
            found.update(dict.fromkeys(rows, value))
    return np.stack([found[row] for row in range(len(digests))])


def _segment(key: str, number: int, make: Callable[[], _Segment]) -> _Segment:
    """Make the segment of this number; called only where none is remembered."""
    return make()


def _make(
    wanted: dict[bytes, list[int]], compute: Callable[[NDArray], NDArray]
) -> _Segment:
    """Compute the first of the rows that are wanted."""
    chosen = dict(islice(wanted.items(), SEGMENT_ROWS))
    rows = np.array([places[0] for places in chosen.values()])
    return _Segment(b"".join(chosen), compute(rows))


def version_of(package: str) -> str:
    """Tell the version of a package, of which what it computes may depend.

    Parameters
    ----------
    package : str
        Name of a distribution.

    Returns
    -------
    version : str
        ``"unknown"`` where it is run from its sources, or built under another name.
    """
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
