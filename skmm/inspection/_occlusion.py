"""Occlusion: what a decision loses when parts of a row are replaced."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skmm.frame import ModalityFrame, ModalitySpec
from skmm.inspection._subject import Aim, Reading, Subject

__all__ = ["occlusion"]

COPIES = 256  # rows of one call at most
COPY_BYTES = 2**26
PARTS = 8  # along each axis, where no size is asked for


class _Part(NamedTuple):
    """A part of a row: what is replaced, and what its fall is spread over."""

    row: int
    hidden: NDArray  # of bool, in the shape of the row's array
    blamed: NDArray


def occlusion(
    subject: Subject,
    reading: Reading,
    baselines: Sequence[ModalityFrame | None],
    aim: Aim,
    prediction: NDArray,
    patch: int | None,
) -> tuple[dict[str, NDArray], NDArray]:
    """Replace one part after another, and spread the fall evenly over it.

    Parameters
    ----------
    subject : Subject
        What is explained.
    reading : Reading
        Rows.
    baselines : sequence of ModalityFrame of one row, or None
        What parts are replaced by; None is 0.
    aim : Aim
        Which number.
    prediction : ndarray of shape (n_samples,)
        The number of each row.
    patch : int or None
        Length of a part along each axis; None makes an eighth.

    Returns
    -------
    values : dict of str to ndarray of float32, shape (n_samples, *shape)
    baseline : ndarray of shape (n_samples,)
        The number where everything is replaced, on average.
    """
    frame = reading.frame
    ready = subject.prepared(frame)
    values = {n: np.zeros(a.shape, np.float32) for n, a in frame.arrays.items()}
    starts, share = np.zeros(len(frame)), 1 / len(baselines)
    for baseline in baselines:
        filler = {name: _filler(frame, name, baseline) for name in frame.names}
        empty = ModalityFrame(filler, frame.specs, frame.present)
        starts += share * aim.of(subject.logits(subject.prepared(empty)))
        for name in frame.names:
            parts = _parts(reading, name, filler[name], patch)
            size = max(1, min(COPIES, COPY_BYTES // max(_bytes(frame), 1)))
            while block := list(islice(parts, size)):
                rows = np.array([part.row for part in block])
                hidden = np.stack([part.hidden for part in block])
                array = frame[name][rows]
                array[hidden] = filler[name][rows][hidden]
                logits = subject.logits(
                    _replaced(subject, frame, ready, name, rows, array)
                )
                falls = prediction[rows] - aim.rows(rows).of(logits)
                for part, fall in zip(block, falls, strict=True):
                    values[name][part.row][part.blamed] += (
                        share * fall / part.blamed.sum()
                    )
    return values, starts


def _bytes(frame: ModalityFrame) -> int:
    return sum(array[:1].nbytes for array in frame.arrays.values())


def _replaced(
    subject: Subject,
    frame: ModalityFrame,
    ready: ModalityFrame,
    name: str,
    rows: NDArray,
    array: NDArray,
) -> ModalityFrame:
    """Prepare copies of rows of which one modality is another, and nothing else."""
    copies, alone = ready[rows], frame.select([name])
    alone = ModalityFrame({name: array}, alone.specs, alone.present[rows])
    copies.arrays[name] = subject.prepared(alone)[name]
    return copies


def _filler(frame: ModalityFrame, name: str, baseline: ModalityFrame | None) -> NDArray:
    """Rows of the baseline, with the gaps of the rows that they replace."""
    array = frame[name]
    filler = np.zeros_like(array)
    if baseline is not None:
        given = baseline[name]
        filler[:] = np.nan_to_num(given) if given.dtype.kind == "f" else given
    filler[~frame.present[:, frame.names.index(name)]] = 0
    if array.dtype.kind == "f":
        filler[np.isnan(array)] = np.nan
    return filler


def _parts(
    reading: Reading, name: str, filler: NDArray, patch: int | None
) -> Iterator[_Part]:
    """List the parts of all rows that replacing changes."""
    frame = reading.frame
    spec, array = frame.specs[name], frame[name]
    here = frame.present[:, frame.names.index(name)]
    fixed = None if name in reading.words else _masks(reading, spec, patch)
    for row in np.flatnonzero(here).tolist():
        observed = (
            array[row] > 0 if spec.vocabulary_size else ~(filler[row] != filler[row])
        )
        differs = observed & (array[row] != filler[row])
        if fixed is None:
            words, spans = reading.words[name][row]
            masks = _word_masks(words, spans, spec.shape[0])
        else:
            masks = ((mask, mask) for mask in fixed)
        for hidden, blamed in masks:
            if (hidden & differs).any():
                yield _Part(row, hidden & observed, blamed & observed)


def _masks(reading: Reading, spec: ModalitySpec, patch: int | None) -> list[NDArray]:
    """Cut a row's array into columns, places, patches or windows."""
    if spec.name in reading.columns:
        labels = reading.columns[spec.name]
        return [
            np.array([other == label for other in labels])
            for label in dict.fromkeys(labels)
        ]
    shape = spec.shape
    if len(shape) == 1:
        return list(np.eye(shape[0], dtype=bool))
    sizes = _sizes(shape, patch)
    masks = []
    for corner in product(
        *(range(0, n, size) for n, size in zip(shape, sizes, strict=True))
    ):
        mask = np.zeros(shape, dtype=bool)
        mask[tuple(slice(c, c + s) for c, s in zip(corner, sizes, strict=True))] = True
        masks.append(mask)
    return masks


def _sizes(shape: tuple[int, ...], patch: int | None) -> tuple[int, ...]:
    """Tell how long parts are along each axis: of one channel, or whole pixels."""
    if len(shape) == 2:
        return (patch or -(-shape[0] // (2 * PARTS)), 1)
    *before, height, width, channels = shape
    sides = (patch, patch) if patch else tuple(-(-n // PARTS) for n in (height, width))
    return (*[1] * len(before), *sides, channels)


def _word_masks(
    words: list[str], spans: NDArray, n_ids: int
) -> Iterator[tuple[NDArray, NDArray]]:
    """Hide all n-grams of each word; blame those of the word alone, where known."""
    first = np.full(n_ids, -1)
    stop = np.full(n_ids, -1)
    first[: len(spans)], stop[: len(spans)] = spans.T
    for word in range(len(words)):
        hidden = (first <= word) & (word < stop)
        alone = hidden & (stop - first == 1)
        yield hidden, alone if alone.any() else hidden
