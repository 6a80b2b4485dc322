"""What is computed once, however often it is asked for. No Keras here.

A memory holds, for each key, a log of segments: up to SEGMENT_ROWS results beside the
digests of the rows or cells that they are of. Folds that differ share what they have in
common, and one look-up serves a thousand cells: a file for each would be slower to find
than an image is to decode.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Segment",
    "digest_rows",
    "recall_rows",
    "recall_segments",
    "split",
    "version_of",
]

SEGMENT_ROWS = 1024
MAX_SEGMENTS = 1024  # a million results; those beyond are computed each time
DIGEST_SIZE = 33  # bytes: one for what it is of, and SHA-256


class Segment(NamedTuple):
    """What was found of some rows or cells.

    A memory that maps files opens one twice, and another process may replace it in
    between. So a digest and its value lie side by side: what was not written together
    carries no digest that anybody asks for.
    """

    records: NDArray  # of "digest" and "value", one for each
    empty: bytes = b""  # digests, one behind the other, of what holds nothing
    unreadable: bytes = b""

    @classmethod
    def of(cls, digests: Sequence[bytes], values: NDArray, *others: bytes) -> Segment:
        """Lay digests of DIGEST_SIZE beside values of one shape."""
        shape = values.shape[1:]
        fields = [("digest", f"V{DIGEST_SIZE}"), ("value", values.dtype, shape)]
        records = np.empty(len(digests), np.dtype(fields, align=True))
        records["digest"] = np.frombuffer(b"".join(digests), f"V{DIGEST_SIZE}")
        records["value"] = values
        return cls(records, *others)

    def items(self) -> Iterator[tuple[bytes, NDArray]]:
        """Yield digests and values."""
        values = np.asarray(self.records)["value"]  # indexing a memmap is slow
        return zip(split(self.records["digest"].tobytes()), values, strict=True)


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
        One for each row, of its type, shape and content.
    """
    digests = []
    for row in np.ascontiguousarray(array):
        if padding is not None:
            row = row[: len(row) - np.argmax(np.r_[row[::-1] != padding, True])]
        hashed = hashlib.sha256(repr((row.dtype.str, row.shape)).encode())
        hashed.update(row.data)
        digests.append(b"r" + hashed.digest())
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

    def make() -> Segment:
        chosen = dict(islice(wanted.items(), SEGMENT_ROWS))
        rows = np.array([places[0] for places in chosen.values()])
        return Segment.of(list(chosen), compute(rows))

    found = {}
    for segment in recall_segments(wanted, make, key=key, memory=memory):
        for one, value in segment.items():
            found.update(dict.fromkeys(wanted.pop(one, ()), value))
    if wanted:
        left = np.array([rows[0] for rows in wanted.values()])
        for rows, value in zip(wanted.values(), compute(left), strict=True):
            found.update(dict.fromkeys(rows, value))
    return np.stack([found[row] for row in range(len(digests))])


def recall_segments(
    wanted: Mapping[bytes, Any],
    make: Callable[[], Segment],
    *,
    key: str,
    memory: Any,
) -> Iterator[Segment]:
    """Yield segments until nothing is wanted or no more can be kept.

    Parameters
    ----------
    wanted : mapping
        Has a digest for what is still wanted; whoever asks takes away what was found.
    make : callable
        ``make()`` finds some of what is wanted; called where no segment is remembered.
    key : str
        All that values depend on besides what the digests identify.
    memory : object with the interface of joblib.Memory
        Where segments are kept and looked for.

    Yields
    ------
    segment : Segment
    """
    recall = memory.cache(_segment, ignore=["make"])
    made: list[Segment] = []

    def noted() -> Segment:
        made.append(make())
        return made[0]

    for number in range(MAX_SEGMENTS):
        if not wanted:
            return
        try:
            segment = recall(key, number, noted)
        except (KeyError, OSError, ValueError):
            yield from made  # the disk is full, of which joblib has warned, or another
            return  # process replaced the file while this one read it again
        yield made.pop() if made else segment


def _segment(key: str, number: int, make: Callable[[], Segment]) -> Segment:
    """Make the segment of this number; called only where none is remembered."""
    return make()


def split(digests: bytes) -> list[bytes]:
    """Part digests that stand one behind the other.

    Parameters
    ----------
    digests : bytes
        Of DIGEST_SIZE each.

    Returns
    -------
    parts : list of bytes
    """
    starts = range(0, len(digests), DIGEST_SIZE)
    return [digests[start : start + DIGEST_SIZE] for start in starts]


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
