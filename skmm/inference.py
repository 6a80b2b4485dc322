"""What modality each column of a table is, with the reason."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from skmm._validation import name_columns, to_pandas
from skmm.exceptions import CellTypeError, ModalityError
from skmm.modalities._cells import as_array, is_missing, sample_rows, sniff
from skmm.modalities._columns import BOOLEANS, DATES, DURATIONS, NUMBERS, isna

__all__ = ["Inferred", "infer_columns", "infer_modalities"]

SAMPLED_CELLS = 200
SAMPLED_CHARACTERS = 10_000  # of each of them

# A column of strings is text where its cells have several words and seldom repeat.
# Measured on the columns of nine real data sets: the category nearest to the first
# line has 1.4 words and 6 distinct cells of 200, the text nearest to it 98 distinct
# cells; the category nearest to the second has 1.25 words and 45 distinct cells of
# 200, the text nearest to it 1.26 words and 165.
SENTENCE_WORDS, SENTENCE_DISTINCT = 3.0, 40
PHRASE_WORDS, PHRASE_DISTINCT = 1.2, 50

_SINGLE_VALUES = (str, *NUMBERS, *BOOLEANS, *DATES, *DURATIONS)
_NESTED = (np.ndarray, list, tuple)
# Scripts written without spaces; two of their letters count as a word.
_UNSPACED = re.compile("[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]")


class Inferred(NamedTuple):
    """What was decided for one column.

    Attributes
    ----------
    column : str
        Name of the column.
    modality : str
        A kind of modality, or ``"drop"``.
    name : str or None
        Name of the modality that the column belongs to, None if it is dropped.
    reason : str
        One sentence.
    """

    column: str
    modality: str
    name: str | None
    reason: str


def infer_modalities(X: Any) -> pd.DataFrame:
    """Tell what modality each column of a table is, and why.

    At most 200 cells of each column are looked at, spread evenly over the rows.
    Files are judged by their suffix and bytes by their first bytes; nothing is
    opened or decoded. Columns of numbers, categories, booleans and dates make one
    modality, ``"tabular"``; every other column is a modality of its own.

    Parameters
    ----------
    X : table of shape (n_samples, n_columns)
        A pandas, polars or pyarrow frame, a 2-D array, a list of rows or of dicts.

    Returns
    -------
    inferred : pandas.DataFrame of shape (n_columns, 3)
        Indexed by column. ``modality`` is the kind, or ``"drop"``; ``name`` is the
        modality that the column belongs to; ``reason`` is a sentence.

    Raises
    ------
    ModalityError
        If a column's cells are of a type that no modality takes.

    See Also
    --------
    ModalityTransformer : Does what is inferred here under ``modalities="auto"``.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmm import infer_modalities
    >>> X = pd.DataFrame(
    ...     {
    ...         "age": [61, 47],
    ...         "notes": ["No fever since Monday.", "Coughs at night, no fever."],
    ...         "scan": ["scans/0001.png", "scans/0002.png"],
    ...     }
    ... )
    >>> inferred = infer_modalities(X)
    >>> inferred["modality"].to_dict()
    {'age': 'tabular', 'notes': 'text', 'scan': 'image'}
    >>> inferred.loc["scan", "reason"]
    '2 of 2 sampled cells hold an image, or the path of one.'
    """
    rows = infer_columns(name_columns(to_pandas(X)))
    return pd.DataFrame(rows, columns=list(Inferred._fields)).set_index("column")


def infer_columns(frame: pd.DataFrame, taken: Iterable[str] = ()) -> list[Inferred]:
    """Decide on every column of a frame.

    Parameters
    ----------
    frame : pandas.DataFrame of shape (n_samples, n_columns)
        Its columns are named by strings.
    taken : iterable of str, default=()
        Names that modalities may not get.

    Returns
    -------
    inferred : list of Inferred
        One for each column, in order.

    Raises
    ------
    ModalityError
        If a column's cells are of a type that no modality takes.
    """
    names = set(taken)
    table = _free_name("tabular", "tabular", names)
    names.add(table)
    inferred = []
    for column in frame.columns:
        kind, reason = _kind(frame[[column]])
        name = None if kind == "drop" else table
        if kind not in ("drop", "tabular"):
            name = _free_name(column, kind, names)
            names.add(name)
        inferred.append(Inferred(column, kind, name, reason))
    return inferred


def _free_name(column: str, kind: str, taken: set[str]) -> str:
    """Name a modality after a column: letters, digits, ".-_", no "__", not taken."""
    stem = re.sub(r"[^A-Za-z0-9.-]+", "_", column).strip("_") or kind
    name, number = stem, 1
    while name in taken:
        number += 1
        name = f"{stem}_{number}"
    return name


def _kind(column: pd.DataFrame) -> tuple[str, str]:
    """Kind of a one-column frame, and the reason."""
    series = column.iloc[:, 0]
    if isna(series).all():
        return "drop", "All cells are missing."
    if _is_typed(series.dtype):
        return "tabular", f"The column's type is {series.dtype}."
    rows = sample_rows(column, SAMPLED_CELLS)
    cells = dict(zip(rows.tolist(), series.iloc[rows].tolist(), strict=True))
    cells = {row: cell for row, cell in cells.items() if not _is_empty(cell)}
    if not cells:
        return "drop", "All sampled cells are missing or empty."
    traits = Counter(map(_trait, cells.values()))
    trait, count = traits.most_common(1)[0]
    share = f"{count} of {len(cells)} sampled cells"
    if trait in ("image", "audio"):
        what = {"image": "an image", "audio": "a sound"}[trait]
        return trait, f"{share} hold {what}, or the path of one."
    if trait == "nested":
        nested = [cell for cell in cells.values() if isinstance(cell, _NESTED)]
        return _kind_of_arrays(nested, series.name, share)
    _check_single_values(cells, series.name)
    return _kind_of_values(list(cells.values()))


def _is_typed(dtype: Any) -> bool:
    """Tell whether a dtype alone says that its cells belong in a table."""
    types = pd.api.types
    return (
        isinstance(dtype, (pd.CategoricalDtype, pd.IntervalDtype, pd.PeriodDtype))
        or types.is_numeric_dtype(dtype)
        or types.is_datetime64_any_dtype(dtype)
        or types.is_timedelta64_dtype(dtype)
    )


def _is_empty(cell: Any) -> bool:
    if isinstance(cell, Mapping):
        return all(value is None for value in cell.values())
    if isinstance(cell, np.ndarray):
        return cell.size == 0
    return is_missing(cell) or (isinstance(cell, _NESTED) and not cell)


def _trait(cell: Any) -> str:
    if isinstance(cell, _NESTED):
        return "nested"
    return sniff(cell) or ("value" if isinstance(cell, _SINGLE_VALUES) else "unknown")


def _check_single_values(cells: dict[int, Any], column: Any) -> None:
    for row, cell in cells.items():
        if not isinstance(cell, _SINGLE_VALUES):
            raise CellTypeError(
                f"a cell of type {type(cell).__name__} arrived, neither an image nor "
                "a sound; a table's argument must be a string, a number, a boolean or "
                "a date. Convert the column, drop it, or declare its modality.",
                column=column,
                row=row,
            )


def _kind_of_values(cells: list[Any]) -> tuple[str, str]:
    strings = [cell for cell in cells if isinstance(cell, str)]
    if 2 * len(strings) <= len(cells):
        return "tabular", "Most sampled cells are numbers, booleans or dates."
    words = float(np.mean([_count_words(string) for string in strings]))
    distinct = len(set(strings))
    facts = f"{words:.1f} words on average, {distinct} of {len(strings)} distinct"
    half = len(strings) / 2
    if (words >= SENTENCE_WORDS and distinct >= min(half, SENTENCE_DISTINCT)) or (
        words >= PHRASE_WORDS and distinct >= max(half, PHRASE_DISTINCT)
    ):
        return "text", f"The strings read like language: {facts}."
    return "tabular", f"The strings are values or categories: {facts}."


def _count_words(string: str) -> float:
    """Count words that hold a letter, so that dates, codes and numbers have none."""
    if len(string) > SAMPLED_CHARACTERS:
        string = string[:SAMPLED_CHARACTERS]
    spaced = sum(any(map(str.isalpha, word)) for word in string.split())
    return spaced + len(_UNSPACED.findall(string)) / 2


def _kind_of_arrays(cells: list[Any], column: Any, share: str) -> tuple[str, str]:
    arrays = [_read(cell, column) for cell in cells]
    rank, _ = Counter(array.ndim for array in arrays).most_common(1)[0]
    shapes = {array.shape for array in arrays if array.ndim == rank}
    if rank == 1 and len(shapes) == 1:
        length = next(iter(shapes))[0]
        return "vector", f"{share} hold {length} numbers."
    if rank == 1:
        return "timeseries", f"{share} hold numbers, more in some rows than in others."
    is_bytes = all(array.dtype == np.uint8 for array in arrays)
    if rank == 2 and not is_bytes:
        return "timeseries", f"{share} hold an array of two axes (steps, channels)."
    if rank == 2:
        return "image", f"{share} hold an array of bytes with two axes."
    if rank == 3 and {shape[-1] for shape in shapes} <= {1, 3, 4}:
        return "image", f"{share} hold an array (height, width, colours)."
    raise ModalityError(
        f"column {column!r}: no modality takes arrays of shape "
        f"{next(iter(shapes))}. A series has axes (steps, channels); an image "
        "(height, width, colours), with 1, 3 or 4 colours on the last axis."
    )


def _read(cell: Any, column: Any) -> np.ndarray:
    try:
        array = as_array(cell)
    except ModalityError as error:
        raise ModalityError(
            f"column {column!r} holds nested cells, but they cannot be read: {error}."
        ) from error
    return array.astype(np.uint8) if _holds_bytes(cell) else array


def _holds_bytes(cell: Any) -> bool:
    """Tell whether the innermost array is of bytes; stacking makes floats of it."""
    while isinstance(cell, np.ndarray) and cell.dtype == object and cell.size:
        cell = cell.flat[0]
    return isinstance(cell, np.ndarray) and cell.dtype == np.uint8
