"""Fitting on tables that come in pieces, more of them than memory holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from skmm import training
from skmm._inputs import prepare
from skmm._many_modalities import ManyModalities
from skmm._members import Split
from skmm._neural import EARLY_STOPPING_ROWS
from skmm._pieces import Columns, Pieces, by_partition, is_dask, pieces_of
from skmm._sums import AccuracySums, LabelSums, NumberSums, R2Sums
from skmm.encoders._base import Encoder
from skmm.exceptions import CellError
from skmm.frame import ModalityFrame, ModalitySpec

__all__ = ["Streams"]

SAMPLE_ROWS = 50_000  # that the modalities learn from; fewer are read into memory
SAMPLE_BYTES = 2**26  # that these may take
HELD_OUT_ROWS = 20_000  # to validate on, at most
HELD_OUT_BYTES = 2**27  # that these may take


class Streams(ManyModalities):
    """Fit, and predict, on tables that come in pieces.

    What the modalities learn, they learn from a sample. Then all rows are encoded once,
    piece by piece, into files, from which they are trained on.
    """

    _set_aside: Sequence[str] = ()  # columns that were target and weights in `fit`

    def _prepare(
        self,
        rows: tuple[Any, Any, Any],
        validation: tuple[Any, Any, Any],
        classes: Any,
        resume: bool,
        one_epoch: bool,
        seed: int | None,
    ) -> tuple[dict[str, Any], list[Split]]:
        how = (classes, resume, one_epoch, seed)
        validation, pieces = self._drawn(validation, seed), pieces_of(rows[0])
        if pieces is None:
            fitted, splits = super()._prepare(rows, validation, *how)
            return {**fitted, "_set_aside": []}, splits
        if one_epoch:
            raise TypeError("partial_fit takes one piece at a time, and its y.")
        columns = Columns(*rows[1:])
        columns.check()
        rng = self._rng(seed)
        sample, are_all = pieces.sample(SAMPLE_ROWS, SAMPLE_BYTES, rng)
        given = columns.taken_out(sample)
        if are_all:
            fitted, splits = super()._prepare(given, validation, *how)
        else:
            table, y, _ = self._check_data(*given, reset=not resume)
            held_out = self._given(validation)
            head, encoders = self._learn_to_read(table, y, resume)
            del sample, given, table
            store, sums = self._written(pieces, columns, head, encoders)
            fitted, data = self._start_on(store, sums, head, encoders, resume)
            splits = self._set_some_apart(fitted, data, held_out, encoders, resume, rng)
            self._sum_up(fitted, splits)
        return {**fitted, "_set_aside": columns.names}, splits

    def _rng(self, seed: int | None) -> np.random.Generator:
        return np.random.default_rng(self._seed() if seed is None else seed)

    def _drawn(
        self, validation: tuple[Any, Any, Any], seed: int | None
    ) -> tuple[Any, Any, Any]:
        """Read validation rows that come in pieces; some of them, if they are many."""
        pieces, columns = pieces_of(validation[0]), Columns(*validation[1:])
        if pieces is None:
            return validation
        columns.check()
        rng = self._rng(seed)
        return columns.taken_out(pieces.sample(HELD_OUT_ROWS, SAMPLE_BYTES, rng)[0])

    def _learn_to_read(
        self, table: Any, y: NDArray, resume: bool
    ) -> tuple[ModalityFrame, Mapping[str, Encoder]]:
        """Fit the modalities to a sample; read a row of it, and choose encoders."""
        with _numbers_of(table):
            if not resume:
                self._begin_transformer().fit(table, y)
            head = self._encode(table.iloc[:1])
        return head, self._encoders(self.__dict__ if resume else self._components(head))

    def _written(
        self,
        pieces: Pieces,
        columns: Columns,
        head: ModalityFrame,
        encoders: Mapping[str, Encoder],
    ) -> tuple[training.Store, LabelSums | NumberSums]:
        """Encode all rows, and write them to disk."""
        store = training.Store(self._layout(prepare(head, encoders)))
        sums = LabelSums() if is_classifier(self) else NumberSums()
        for frame in pieces.frames():
            table, y, weight = self._check_data(*columns.taken_out(frame), reset=False)
            if len(y):
                with _numbers_of(table):
                    read = self._encode(table)
                arrays = self._arrays(prepare(read, encoders))
                store.append([*arrays, sums.note(y, weight), weight])
        if self.verbose:
            size = store.n_rows * store.row_bytes / 1e9
            print(f"{store.n_rows:,} rows are stored, {size:.3g} GB when in memory")
        return store, sums

    def _layout(self, frame: ModalityFrame) -> list[tuple[Any, Any, Any]]:
        """Say what a row's arrays are, and what they may be kept as."""
        *arrays, present = self._arrays(frame)
        specs = self._network_specs(frame.specs.values())
        rows = [
            (array.shape[1:], array.dtype, _narrow(array.dtype, spec))
            for array, spec in zip(arrays, specs, strict=True)
        ]
        flags = (present.shape[1:], present.dtype, np.uint8)
        return [*rows, flags, ((), float, float), ((), float, float)]

    def _start_on(
        self,
        store: training.Store,
        sums: LabelSums | NumberSums,
        head: ModalityFrame,
        encoders: Mapping[str, Encoder],
        resume: bool,
    ) -> tuple[dict[str, Any], training.StoredData]:
        """Learn the target, and say how what is stored is trained on."""
        few, weight = sums.rows()
        target = self._target if resume else self._fit_target(few, weight, None, None)
        fitted = self._start(head, target, resume)
        fitted["_input_specs"] = tuple(prepare(head, encoders).specs.values())
        total = self._weigh(few, weight)
        factors = total / weight * (store.n_rows / total.sum())
        summary = target.encode(few), weight * factors
        finish = sums.finish(target, factors)
        return fitted, training.StoredData(store, finish, summary)

    def _set_some_apart(
        self,
        fitted: dict[str, Any],
        data: training.StoredData,
        given: Any,
        encoders: Mapping[str, Encoder],
        resume: bool,
        rng: np.random.Generator,
    ) -> list[Split]:
        """Choose rows to validate on, which are the same for all networks."""
        n_rows, stops = data.n_rows, self.early_stopping
        if stops == "auto":
            stops = n_rows > EARLY_STOPPING_ROWS
        held_out = None
        if given is not None:
            frame = prepare(self._encode(*given[:2]), encoders)
            held_out = self._data(frame, fitted["_target"], *given[1:])
        elif stops:
            most = min(HELD_OUT_ROWS, HELD_OUT_BYTES // data.store.row_bytes)
            n_held_out = max(min(int(self.validation_fraction * n_rows), most), 1)
            chosen = np.sort(rng.choice(n_rows, n_held_out, replace=False))
            data, held_out = data.without(chosen), data.read(chosen)
        self._check_held_out(held_out is not None)
        n_networks = self._n_networks(n_rows, given is not None, False, resume)
        return [(data, held_out)] * n_networks

    def _target_of(self, X: Any, method: str, **options: Any) -> Any:
        of, pieces = partial(super()._target_of, method=method, **options), pieces_of(X)
        if pieces is None:
            return of(X)
        check_is_fitted(self)
        nothing = np.zeros((0, sum(self._target.sizes)), np.float32)
        return self._by_pieces(X, pieces, of, getattr(self._target, method)(nothing))

    def transform(self, X: Any) -> Any:
        """Compute the embedding that the head decides from; of several side by side.

        Parameters
        ----------
        X : table of n_samples rows
            What `fit` takes, in pieces too.

        Returns
        -------
        embedding : ndarray of shape (n_samples, n_features_out), float32
            For a Dask dataframe a Dask array, not computed yet.
        """
        pieces = pieces_of(X)
        if pieces is None:
            return super().transform(X)
        check_is_fitted(self)
        nothing = np.zeros((0, self._n_features_out), np.float32)
        return self._by_pieces(X, pieces, super().transform, nothing)

    def _by_pieces(
        self, X: Any, pieces: Pieces, answer: Callable[[Any], Any], nothing: Any
    ) -> Any:
        """Answer piece by piece; of Dask's partitions each where it lies."""

        def of(frame: pd.DataFrame) -> Any:
            return answer(self._asked(frame)) if len(frame) else nothing

        if is_dask(X):
            return by_partition(X, of, nothing)
        parts = [of(frame) for frame in pieces.frames()]
        if isinstance(nothing, list):
            return [np.concatenate(part) for part in zip(*parts, strict=True)]
        return np.concatenate(parts)

    def _asked(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Leave out the columns that were target and weights in `fit`."""
        return frame.drop(columns=[c for c in self._set_aside if c in frame.columns])

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Compute the accuracy of a classifier, or the R2 of a regressor.

        Parameters
        ----------
        X : table of n_samples rows
            What `fit` takes, in pieces too.
        y : array-like of shape (n_samples,), or str
            True target; of a table in pieces the name of its column.
        sample_weight : array-like of shape (n_samples,), str or None, default=None
            Weights of the rows; of a table in pieces the name of their column.

        Returns
        -------
        score : float
        """
        pieces = pieces_of(X)
        if pieces is None:
            return super().score(X, y, sample_weight)
        columns = Columns(y, sample_weight)
        columns.check()
        found = AccuracySums() if is_classifier(self) else R2Sums()
        for frame in pieces.frames():
            table, y, weight = columns.taken_out(frame)
            found.note(self._check_y(y), self.predict(self._asked(table)), weight)
        return found.value


@contextmanager
def _numbers_of(table: Any) -> Iterator[None]:
    """Let errors of cells tell the row in the whole table, which its index holds."""
    try:
        yield
    except CellError as error:
        row = int(table.index[error.row])
        raise type(error)(error.message, column=error.column, row=row) from error


def _narrow(dtype: np.dtype, spec: ModalitySpec) -> np.dtype:
    """Find the smallest type that holds an array's numbers."""
    if not spec.vocabulary_size:
        return dtype
    return np.min_scalar_type(spec.vocabulary_size - 1)
