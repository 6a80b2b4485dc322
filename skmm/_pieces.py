"""Tables that come in pieces: Parquet, Arrow, Dask, and iterators of frames.

Must not import Keras.
"""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sized
from pathlib import Path
from typing import Any, NamedTuple

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skmm._validation import to_pandas

__all__ = ["Columns", "Pieces", "by_partition", "is_dask", "pieces_of"]

PIECE_ROWS = 8192  # that are encoded, or predicted, at a time
READ_BYTES = 2**20  # of each column of a file, at a time
READ_AHEAD = 2  # batches that Arrow reads of a dataset while one is in use


class Columns(NamedTuple):
    """The columns of a table in pieces that hold the target and the weights."""

    y: Any
    weight: Any

    def check(self) -> None:
        """Refuse anything but names.

        Raises
        ------
        TypeError
            If one of them is something else.
        """
        allowed = {"y": (str,), "sample_weight": (str, type(None))}
        for (name, kinds), value in zip(allowed.items(), self, strict=True):
            if not isinstance(value, kinds):
                raise TypeError(
                    f"X comes in pieces, so {name} must be the name of one of its "
                    f"columns, got {type(value).__name__}. Put what it holds into the "
                    "table."
                )

    @property
    def names(self) -> list[str]:
        """Those that there are."""
        return [name for name in self if name is not None]

    def taken_out(self, frame: pd.DataFrame) -> tuple[pd.DataFrame, Any, Any]:
        """Part a frame into X, y and the weights.

        Parameters
        ----------
        frame : pandas.DataFrame
            With these columns.

        Returns
        -------
        X, y, weight : pandas.DataFrame, ndarray, ndarray or None

        Raises
        ------
        ValueError
            If one is missing.
        """
        for name in self.names:
            if name not in frame.columns:
                raise ValueError(
                    f"X has no column {name!r} to learn from; it has "
                    f"{list(map(str, frame.columns[:10]))}."
                )
        weight = None if self.weight is None else frame[self.weight].to_numpy()
        return frame.drop(columns=self.names), frame[self.y].to_numpy(), weight


class Pieces:
    """A table, some rows of it at a time.

    Parameters
    ----------
    begin : callable
        Returns an iterator over frames, from the first row on.
    once : bool, default=False
        Whether there is no second time.
    """

    def __init__(self, begin: Callable[[], Iterator[Any]], once: bool = False):
        self.begin, self.once = begin, once

    def frames(self) -> Iterator[pd.DataFrame]:
        """Go through all rows, a few thousand at a time; indices count the rows."""
        n_rows = 0
        for table in self._tables():
            for start in range(0, _length(table), PIECE_ROWS):
                frame = _pandas(_rows(table, slice(start, start + PIECE_ROWS)))
                yield frame.set_axis(range(n_rows, n_rows + len(frame)), axis=0)
                n_rows += len(frame)
        _check_some(n_rows)

    def _tables(self) -> Iterator[Any]:
        """Go through the pieces as they come; what is no Arrow becomes pandas."""
        for piece in self.begin():
            if not _is_frame(piece):
                raise TypeError(
                    f"X comes in pieces, and one of them is a {type(piece).__name__}: "
                    "each must be a dataframe, which holds the target as a column."
                )
            yield piece if _is_arrow(piece) or not len(piece) else to_pandas(piece)

    def sample(
        self, most_rows: int, most_bytes: int, rng: np.random.Generator
    ) -> tuple[pd.DataFrame, bool]:
        """Draw rows, each as likely as any other; all of them if they are few.

        Of pieces that come once, the first rows are taken, and come again in `frames`.

        Parameters
        ----------
        most_rows : int
            Most rows to draw.
        most_bytes : int
            Memory that they may take, about.
        rng : Generator
            Draws.

        Returns
        -------
        frame : pandas.DataFrame
            In the order of the table; indices are numbers of rows.
        are_all : bool
            Whether there are no others.

        Raises
        ------
        ValueError
            If there are no rows.
        """
        drawn = _Sample(most_rows, most_bytes, rng)
        if self.once:
            source, first = self.frames(), []
            for frame in source:
                first.append(frame)
                drawn.offer(frame)
                if drawn.is_full:
                    break
            self.begin = lambda: itertools.chain(first, source)
        else:
            for table in self._tables():
                drawn.offer(table)
        return drawn.frame(), not drawn.is_full


class _Sample:
    """A reservoir of the rows with the lowest of the numbers drawn for all of them.

    Efraimidis and Spirakis (2006), "Weighted random sampling with a reservoir", with
    equal weights: what is drawn does not depend on how the rows are cut into pieces.
    """

    def __init__(self, most_rows: int, most_bytes: int, rng: np.random.Generator):
        self.most_rows, self.most_bytes, self.rng = most_rows, most_bytes, rng
        self.is_full = False
        self._frames: list[pd.DataFrame] = []
        self._keys = np.empty(0)
        self._bound = np.inf  # above which no key is any more
        self._n_bytes = self._n_rows = 0

    def offer(self, table: Any) -> None:
        """Draw from a table, and forget some of what was drawn before."""
        keys = self.rng.random(_length(table))
        chosen = np.flatnonzero(keys < self._bound)
        before, self._n_rows = self._n_rows, self._n_rows + len(keys)
        if not len(chosen):
            return
        frame = _pandas(_rows(table, chosen)).set_axis(before + chosen, axis=0)
        if self._frames and set(frame.columns) != set(self._frames[0].columns):
            other = set(frame.columns) ^ set(self._frames[0].columns)
            raise ValueError(
                f"the pieces of X differ in their columns: {sorted(map(str, other))} "
                "are not in all of them."
            )
        self._frames.append(frame)
        self._keys = np.append(self._keys, keys[chosen])
        self._n_bytes += int(frame.memory_usage(deep=True).sum())
        room = min(self.most_rows, self._affordable)
        self.is_full |= len(self._keys) > room
        if len(self._keys) > 2 * room:
            self._cut(room)

    @property
    def _affordable(self) -> int:
        return max(len(self._keys) * self.most_bytes // max(self._n_bytes, 1), 1)

    def _cut(self, n_rows: int) -> None:
        kept = np.sort(np.argsort(self._keys, kind="stable")[:n_rows])
        frame = pd.concat(self._frames).iloc[kept]
        self._frames, self._keys = [frame], self._keys[kept]
        self._bound = self._keys.max()
        self._n_bytes = int(frame.memory_usage(deep=True).sum())

    def frame(self) -> pd.DataFrame:
        """Give what was drawn."""
        _check_some(self._n_rows)
        if self.is_full:
            self._cut(min(self.most_rows, self._affordable))
        return pd.concat(self._frames)


def pieces_of(X: Any) -> Pieces | None:
    """Find out whether a table comes in pieces.

    Parameters
    ----------
    X : object
        What an estimator was given.

    Returns
    -------
    pieces : Pieces or None
        None for what is in memory.

    Raises
    ------
    ValueError
        If it is a path, but not that of a Parquet file or a folder of such.
    """
    if isinstance(X, (str, os.PathLike)):
        files = _parquet(Path(X))
        return Pieces(lambda: _rows_of_files(files))
    arrow = sys.modules.get("pyarrow.dataset")
    if arrow is not None and isinstance(X, arrow.Dataset):
        return Pieces(lambda: _batches(X))
    if is_dask(X):
        return Pieces(lambda: (part.compute() for part in X.partitions))
    if isinstance(X, Iterator):
        return Pieces(lambda: X, once=True)
    if isinstance(X, Iterable) and not isinstance(X, (Sized, np.generic)):
        return Pieces(lambda: iter(X))
    return None


def is_dask(X: Any) -> bool:
    """Tell whether a table is a Dask dataframe, without importing Dask."""
    return hasattr(X, "__dask_graph__") and hasattr(X, "partitions")


def by_partition(X: Any, answer: Callable[[pd.DataFrame], Any], nothing: Any) -> Any:
    """Let Dask answer partition by partition, when it is asked to compute.

    Parameters
    ----------
    X : dask.dataframe.DataFrame of n_samples rows
        Any number of partitions.
    answer : callable
        Is given a pandas frame, and returns an array with one row for each of its.
    nothing : ndarray of shape (0, ...)
        Its answer to no rows; a list of several is refused.

    Returns
    -------
    answers : dask.array.Array of shape (n_samples, ...)
        With a chunk for each partition.

    Raises
    ------
    TypeError
        If the answer is several arrays.
    """
    import dask
    import dask.array

    if isinstance(nothing, list):
        raise TypeError(
            "of several outputs there is no one array; use map_partitions with a "
            "function that makes a frame of them."
        )
    # An argument is sent to each worker once, a function with every partition.
    ask, held = dask.delayed(_asked), dask.delayed((answer,), traverse=False)
    shape = (np.nan, *nothing.shape[1:])
    return dask.array.concatenate(
        [
            dask.array.from_delayed(ask(held, part), shape, meta=nothing)
            for part in X.to_delayed()
        ]
    )


def _asked(held: tuple[Callable[[pd.DataFrame], Any]], part: pd.DataFrame) -> Any:
    return held[0](part)


def _parquet(path: Path) -> Any:
    if not path.exists():
        raise ValueError(
            f"X is the path {str(path)!r}, and there is nothing there. A path must be "
            "that of a Parquet file or of a folder of such; for data elsewhere, give a "
            "pyarrow.dataset.Dataset."
        )
    try:
        import pyarrow.dataset as arrow
    except ImportError as error:
        raise ImportError(
            "reading Parquet needs pyarrow: pip install 'skmm[parquet]'."
        ) from error
    try:
        return arrow.dataset(path, format="parquet", partitioning="hive")
    except (OSError, ValueError) as error:  # Arrow's own errors are ValueErrors
        raise ValueError(
            f"X is the path {str(path)!r}, which cannot be read as Parquet ({error}). "
            "For files of other formats, give a pyarrow.dataset.Dataset, or an "
            "iterator of frames such as pandas.read_csv(path, chunksize=10_000)."
        ) from error


def _rows_of_files(dataset: Any) -> Iterator[Any]:
    """Go through Parquet files as a dataset would, but read no row group as a whole.

    pandas writes a million rows into each, which Arrow's datasets then hold in memory.
    """
    from pyarrow.dataset import get_partition_keys
    from pyarrow.parquet import ParquetFile

    for fragment in dataset.get_fragments():
        keys = get_partition_keys(fragment.partition_expression)
        with ParquetFile(
            fragment.path, buffer_size=READ_BYTES, pre_buffer=False
        ) as file:
            for batch in file.iter_batches(PIECE_ROWS):
                yield _with_columns(batch, dataset.schema, keys)


def _with_columns(batch: Any, schema: Any, keys: dict[str, Any]) -> Any:
    """Give rows of one file the columns of all files, and those of its folder."""
    import pyarrow as arrow

    def column(field: Any) -> Any:
        if field.name in keys:
            value = arrow.scalar(keys[field.name], field.type)
            return arrow.repeat(value, batch.num_rows)
        if field.name in batch.schema.names:
            return batch.column(field.name).cast(field.type)
        return arrow.nulls(batch.num_rows, field.type)

    return arrow.RecordBatch.from_arrays(list(map(column, schema)), schema=schema)


def _batches(dataset: Any) -> Iterator[Any]:
    ahead = {"batch_readahead": READ_AHEAD, "fragment_readahead": 1}
    if _would_be_kept(dataset):
        from pyarrow.dataset import ParquetFragmentScanOptions

        ahead["fragment_scan_options"] = ParquetFragmentScanOptions(pre_buffer=False)
    return dataset.to_batches(batch_size=PIECE_ROWS, **ahead)


def _would_be_kept(dataset: Any) -> bool:
    """Tell whether Arrow would keep what it has read of a file until its end.

    It does so with Parquet, unless told not to (apache/arrow#39808). Options that
    somebody has set, to read what is encrypted for instance, are left to them.
    """
    parts = getattr(dataset, "children", None)  # of a union
    if parts is not None:
        return all(map(_would_be_kept, parts))
    from pyarrow.dataset import ParquetFileFormat, ParquetFragmentScanOptions

    if not isinstance(getattr(dataset, "format", None), ParquetFileFormat):
        return False
    options = dataset.format.default_fragment_scan_options
    keys = ("decryption_properties", "parquet_decryption_config")
    return options.equals(ParquetFragmentScanOptions()) and all(
        getattr(options, key, None) is None for key in keys
    )


def _is_arrow(piece: Any) -> bool:
    arrow = sys.modules.get("pyarrow")
    return arrow is not None and isinstance(piece, (arrow.RecordBatch, arrow.Table))


def _is_frame(piece: Any) -> bool:
    if _is_arrow(piece):
        return True
    return isinstance(nw.from_native(piece, pass_through=True), nw.DataFrame)


def _check_some(n_rows: int) -> None:
    if not n_rows:
        raise ValueError(
            "Found array with 0 sample(s) while a minimum of 1 is required: no piece "
            "of X has a row."
        )


def _length(table: Any) -> int:
    return table.num_rows if _is_arrow(table) else len(table)


def _rows(table: Any, rows: slice | NDArray) -> Any:
    if not _is_arrow(table):
        return table.iloc[rows]
    if isinstance(rows, slice):
        return table.slice(rows.start, rows.stop - rows.start)
    return table.take(rows)


def _pandas(table: Any) -> pd.DataFrame:
    return table.to_pandas() if _is_arrow(table) else table
