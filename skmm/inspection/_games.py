"""What a model says where only some of the modalities tell the truth.

The others are absent, which takes an estimator of skmm that has learned what that
means; or they are those of other rows, which any model can be asked.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import is_classifier

from skmm import inference
from skmm._many_modalities import ManyModalities
from skmm._validation import near_miss
from skmm.frame import ModalityFrame
from skmm.inspection._answers import Answers, answers_of_logits, answers_of_model
from skmm.inspection._coalitions import members
from skmm.inspection._encoded import EncodedRows
from skmm.inspection._models import reader_of, unwrap

__all__ = ["Absence", "ShuffledRows", "ShuffledTable", "make_game"]


class _OnEncodedRows:
    """A game on what the encoders of an estimator have read once."""

    def __init__(self, model: ManyModalities, X: Any):
        self.rows = EncodedRows(model, X)
        self.names = self.rows.names
        self.classes = getattr(model, "classes_", None)
        self.target = model._target

    def _answers(self, logits: NDArray) -> Answers:
        return answers_of_logits(self.target, logits, self.classes)


class Absence(_OnEncodedRows):
    """Modalities outside a coalition are absent."""

    varies = False

    def answers(self, coalition: int, shuffle: NDArray) -> Answers:
        """Answer all rows; `shuffle` has no part in it."""
        chosen = members(coalition, len(self.names))
        return self._answers(self.rows.logits(chosen))


class _Shuffles:
    """Modalities outside a coalition are those of another row, all of the same one."""

    varies = True
    names: list[str]

    @abstractmethod
    def mixed(self, rows: NDArray) -> Answers:
        """Answer rows put together of others.

        Parameters
        ----------
        rows : ndarray of int, shape (n_rows, n_modalities)
            The row that each modality is taken from.

        Returns
        -------
        answers : Answers
        """

    def answers(self, coalition: int, shuffle: NDArray) -> Answers:
        """Answer all rows, of which the i-th borrows from row ``shuffle[i]``."""
        inside = members(coalition, len(self.names))
        own = np.arange(len(shuffle))[:, None]
        return self.mixed(np.where(inside, own, shuffle[:, None]))


class ShuffledRows(_Shuffles, _OnEncodedRows):
    """Modalities of rows that an estimator of skmm has read once."""

    def mixed(self, rows: NDArray) -> Answers:
        """Answer rows put together of others."""
        return self._answers(self.rows.logits(rows=rows))


class ShuffledTable(_Shuffles):
    """Columns of a table that any estimator predicts from.

    Parameters
    ----------
    estimator : estimator
        Fitted; of skmm or not.
    X : table of n_samples rows
        What it predicts from.
    groups : mapping of str to list of int
        The columns of each modality, by position.
    """

    def __init__(self, estimator: Any, X: Any, groups: Mapping[str, Sequence[int]]):
        self.estimator = estimator
        self.X = X
        self.groups = dict(groups)
        self.names = list(groups)

    def mixed(self, rows: NDArray) -> Answers:
        """Answer rows put together of others; other columns go with the first."""
        lent = {
            column: rows[:, m]
            for m, columns in enumerate(self.groups.values())
            for column in columns
        }
        X = put_together(self.X, rows[:, 0], lent)
        return answers_of_model(self.estimator, X, is_classifier(self.estimator))


def make_game(
    estimator: Any, X: Any, *, absent: bool | None, modalities: Any = None
) -> Absence | ShuffledRows | ShuffledTable:
    """Choose how a model is asked without modalities.

    Parameters
    ----------
    estimator : estimator
        Fitted.
    X : table of n_samples rows
        What it predicts from.
    absent : bool or None
        Whether modalities are to be absent, not shuffled; None where they can be.
    modalities : mapping of str to list, list of triples or None, default=None
        Columns of each modality; None asks the estimator, or looks at X.

    Returns
    -------
    game : Absence, ShuffledRows or ShuffledTable

    Raises
    ------
    ValueError
        If modalities are to be absent, and the estimator has not learned what that
        means; or if there are no such columns.
    """
    before, model = unwrap(estimator)
    fast = isinstance(model, ManyModalities) and modalities is None
    if absent and not fast:
        raise ValueError(
            'method="ablation" needs a fitted MultimodalClassifier or '
            "MultimodalRegressor, which knows what an absent modality is, and "
            f"modalities=None; got {type(model).__name__}. Take "
            '"permutation" or "shapley".'
        )
    if fast:
        return (ShuffledRows if absent is False else Absence)(model, before(X))
    columns = _column_names(X)
    wanted = _given(modalities) if modalities else _found(estimator, X)
    groups = {}
    for name, of in wanted.items():
        missing = [c for c in map(str, of) if c not in columns]
        if missing:
            raise ValueError(
                f"X has no column {missing[0]!r}, which the modality {name!r} is made "
                f"of{near_miss(missing[0], columns)}"
            )
        groups[name] = [columns.index(c) for c in map(str, of)]
    return ShuffledTable(estimator, X, groups)


def _column_names(X: Any) -> list[str]:
    if isinstance(X, ModalityFrame):
        return X.names
    if isinstance(X, np.ndarray) and X.ndim == 2:
        return [str(i) for i in range(X.shape[1])]
    if hasattr(X, "columns"):
        return [str(c) for c in X.columns]
    if hasattr(X, "column_names"):  # of pyarrow
        return list(X.column_names)
    raise ValueError(
        f"X must be a dataframe, a 2-D array or a ModalityFrame, got "
        f"{type(X).__name__}."
    )


def _given(modalities: Any) -> dict[str, list]:
    """Read a mapping, or triples of which the kind in the middle does not matter."""
    if not isinstance(modalities, Mapping):
        modalities = {name: columns for name, _, columns in modalities}
    return {
        name: [columns] if isinstance(columns, str) else list(columns)
        for name, columns in modalities.items()
    }


def _found(estimator: Any, X: Any) -> dict[str, list]:
    """Ask what splits the columns in a pipeline, or look at the columns."""
    if isinstance(X, ModalityFrame):
        return {name: [name] for name in X.names}
    transformer = reader_of(estimator)
    if transformer is not None:
        return {name: columns for name, _, columns in transformer.modalities_}
    array = isinstance(X, np.ndarray)
    table = pd.DataFrame(X, columns=_column_names(X)) if array else X
    inferred = inference.infer_modalities(table)
    kept = inferred[inferred["name"].notna()]
    return {str(n): list(part.index) for n, part in kept.groupby("name", sort=False)}


def put_together(X: Any, rows: NDArray, lent: Mapping[int, NDArray]) -> Any:
    """Make a table of which some columns are taken from other rows.

    Parameters
    ----------
    X : table of n_samples rows
        It is not changed.
    rows : ndarray of int, shape (n_rows,)
        The rows of X to take.
    lent : mapping of int to ndarray of int, shape (n_rows,)
        By the position of a column, the rows to take it from instead.

    Returns
    -------
    X : table of n_rows rows
        Of the same type.
    """
    if isinstance(X, ModalityFrame):
        arrays, present = dict(X.arrays), X.present[rows]
        for name, array in X.arrays.items():
            c = X.names.index(name)
            arrays[name] = array[lent.get(c, rows)]
            present[:, c] = X.present[lent.get(c, rows), c]
        return ModalityFrame(arrays, X.specs, present)
    if isinstance(X, np.ndarray):
        mixed = X[rows]
        for c, of in lent.items():
            mixed[:, c] = X[of, c]
        return mixed
    if isinstance(X, pd.DataFrame):
        mixed = X.iloc[rows]
        for c, of in lent.items():
            mixed.isetitem(c, X.iloc[of, c].set_axis(mixed.index))
        return mixed
    frame = nw.from_native(X, eager_only=True)
    columns = [frame[frame.columns[c]][of.tolist()] for c, of in lent.items()]
    return frame[rows.tolist()].with_columns(*columns).to_native()
