"""ModalityTransformer: a dataframe becomes a ModalityFrame.

Must not import Keras.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from numbers import Integral
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from skmm._compat import (
    HasMethods,
    StrOptions,
    VisualBlock,
    check_feature_names_in,
    fit_context,
    output_config,
    string_column_names,
)
from skmm._components import NestedParams, resolve
from skmm._validation import name_columns, near_miss, select_columns, to_pandas
from skmm.exceptions import ModalityError
from skmm.frame import ModalityFrame
from skmm.inference import Inferred, infer_columns
from skmm.modalities._base import Modality
from skmm.modalities._cells import is_missing
from skmm.modalities._files import FileModality, file_reading
from skmm.modalities._wrapped import TransformerModality

__all__ = ["ModalityTransformer"]

# Names become prefixes of layer names, which TensorFlow restricts, and heads of
# nested parameters, which end at the first "__".
_LEGAL_NAME = re.compile(r"[A-Za-z0-9_.-]*[A-Za-z0-9.-]")


class _Part(NamedTuple):
    """One modality, decided but not yet fitted."""

    name: str
    modality: Modality
    columns: list[str]


class ModalityTransformer(NestedParams, TransformerMixin, BaseEstimator):
    """Split the columns of a dataframe by modality and turn each into one array.

    Works as `sklearn.compose.ColumnTransformer` does, except that the parts are
    modalities and stay apart: the result is a `ModalityFrame`. After
    ``set_output(transform="pandas")`` (or ``"polars"``) it is a flat 2-D frame
    instead, which ordinary scikit-learn models take; NaN stands where a row lacks a
    modality.

    Parameters
    ----------
    modalities : "auto" or list of (name, modality, columns), default="auto"
        ``"auto"`` does what `infer_modalities` says. In a list, ``name`` is made of
        letters, digits and ``.-_``; ``modality`` is a kind such as ``"image"``, a
        `Modality`, any scikit-learn transformer (what it returns becomes a modality
        of kind ``"vector"``), or ``"drop"``; ``columns`` selects as in
        `ColumnTransformer`: a name, a position, a list or slice of either, a mask,
        or a callable such as `sklearn.compose.make_column_selector`, which is given
        the data as a pandas frame. No column may be in two modalities.
    remainder : {"drop", "auto"}, default="drop"
        What happens to columns that no modality of a list selects: they are left
        out, or their modalities are inferred.
    on_error : {"raise", "missing"}, default="raise"
        What an unreadable cell does: raise `CellError` with its column and row, or
        count as missing, with one warning that gives their number.
    n_jobs : int or None, default=None
        Threads that decode cells, processes that find words; None is 1, -1 all.
    memory : str, object with the interface of joblib.Memory or None, default=None
        Where decoded images and sounds are kept, a folder by its path: a search over
        networks then decodes each file once, whatever its folds. See Notes.
    root : str, path or None, default=None
        Folder that paths of images and sounds start at; what leads out of it, also by
        ``..`` or a symbolic link, is unreadable. None takes paths as they are.
    feature_names : array-like of str, default=None
        Names of the columns of inputs without names, such as the arrays that
        `BaggingClassifier` makes of a dataframe; then selections by name work.

    Attributes
    ----------
    modalities_ : list of (str, Modality, list of str)
        Names, fitted modalities and their columns. Columns without names are
        called x0, x1, ...
    specs_ : dict of str to ModalitySpec
        What a network must know of each modality, in order.
    inferred_ : pandas.DataFrame
        What was inferred of each column and why, as `infer_modalities` returns it;
        without rows if nothing was inferred.
    n_features_in_ : int
        Number of columns seen by `fit`.
    feature_names_in_ : ndarray of str, shape (n_features_in_,)
        Names of the columns seen by `fit`; only if all of them are strings.

    See Also
    --------
    infer_modalities : Only tells what would be done, with reasons.
    sklearn.compose.ColumnTransformer : Puts all columns into one 2-D array.

    Notes
    -----
    With a list of modalities, columns of frames are found by name, as in
    `ColumnTransformer`: their order does not matter, columns that `fit` did not see
    are ignored, and columns that no modality uses may be absent. Under ``"auto"``
    every column counts, and they must be those of `fit` in the same order, as
    scikit-learn's other estimators ask.

    Under `memory`, an image or a sound is found again by its content, or by its path,
    size and time of change if the cell is a path, so that a changed file is decoded
    again; and by all that its decoding depends on. Folds share what was decoded where
    ``"auto"`` finds the same size (image), or sampling rate, duration, hop and window
    (audio) for them: to be sure, give these. What is not remembered: other modalities;
    lists and images of Pillow; and unreadable cells, so that each pass warns of them,
    or raises once all others are decoded and kept. The folder grows by about the size
    of the arrays, until it is emptied; give None to a model that predicts on new data.
    joblib writes pickles into it, and whoever can write there can run code in the
    process that reads them: take a folder of your own.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmm import ModalityTransformer
    >>> X = pd.DataFrame(
    ...     {"age": [61, 47], "sex": ["F", "M"], "note": ["no fever", None]}
    ... )
    >>> transformer = ModalityTransformer(
    ...     [("clinical", "tabular", ["age", "sex"]), ("note", "text", "note")]
    ... )
    >>> frame = transformer.fit_transform(X)
    >>> frame.shape, frame["clinical"].shape, frame.present[1].tolist()
    ((2, 2), (2, 3), [True, False])
    >>> transformer.modality_of("age"), transformer.columns_of("clinical")
    ('clinical', ['age', 'sex'])
    """

    _named_params: ClassVar[dict[str, str]] = {"modalities": "modality"}
    _parameter_constraints: ClassVar[dict[str, list]] = {
        "modalities": [StrOptions({"auto"}), list, tuple],
        "remainder": [StrOptions({"drop", "auto"})],
        "on_error": [StrOptions({"raise", "missing"})],
        "n_jobs": [Integral, None],
        "memory": [str, HasMethods(["cache"]), None],
        "root": [str, os.PathLike, None],
        "feature_names": ["array-like", None],
    }

    def __init__(
        self,
        modalities: Any = "auto",
        *,
        remainder: str = "drop",
        on_error: str = "raise",
        n_jobs: int | None = None,
        memory: Any = None,
        root: str | os.PathLike | None = None,
        feature_names: ArrayLike | None = None,
    ):
        self.modalities = modalities
        self.remainder = remainder
        self.on_error = on_error
        self.n_jobs = n_jobs
        self.memory = memory
        self.root = root
        self.feature_names = feature_names

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit every modality on its own columns of the training rows.

        Parameters
        ----------
        X : table of shape (n_samples, n_columns)
            A pandas, polars, pyarrow or other eager frame, a 2-D array, a list of
            rows or of dicts.
        y : array-like of shape (n_samples,), default=None
            Target, for scikit-learn transformers that learn from it.

        Returns
        -------
        self : ModalityTransformer

        Raises
        ------
        ModalityError
            If a name, modality or selection of columns is wrong, all training rows
            lack a modality, or `root` is no folder.
        CellError
            If a cell is unreadable and `on_error` is ``"raise"``.
        """
        file_reading(self.memory, self.root)  # or an error
        given = self._to_pandas(X)
        frame = name_columns(given)
        parts, inferred = self._plan(frame)
        fitted = [(p.name, self._fitted(p, frame, y), p.columns) for p in parts]
        # Nothing is set before everything is fitted.
        validate_data(self, given, skip_check_array=True)
        self._columns_in = list(frame.columns)
        self._inferred = [tuple(row) for row in inferred]
        self.modalities_ = fitted
        self.specs_ = {name: modality.spec(name) for name, modality, _ in fitted}
        return self

    def transform(self, X: Any) -> Any:
        """Turn a table into a frame of arrays, one for each modality.

        Parameters
        ----------
        X : table of shape (n_samples, n_columns)
            Columns as `fit` saw them.

        Returns
        -------
        frame : ModalityFrame of shape (n_samples, n_modalities)
            Or, as `set_output` and scikit-learn's configuration ask for, a pandas
            or polars frame of shape (n_samples, n_flat_features).

        Raises
        ------
        ValueError
            If columns are missing, or `X` has a different number of columns.
        CellError
            If a cell is unreadable and `on_error` is ``"raise"``.
        """
        check_is_fitted(self)
        frame = self._aligned(self._to_pandas(X))
        arrays, present = {}, []
        for name, modality, columns in self.modalities_:
            encoded = modality.transform(frame[columns], **self._reading(modality))
            arrays[name] = encoded.array
            present.append(encoded.present)
        result = ModalityFrame(arrays, self.specs_, np.column_stack(present))
        if output_config("transform", self)["dense"] == "default":
            return result
        return np.asarray(result)

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray:
        """Name the columns of the flat 2-D output.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Checked against the columns seen by `fit`; has no other effect.

        Returns
        -------
        names : ndarray of str, dtype object
            ``modality__feature`` for each column.
        """
        check_is_fitted(self)
        check_feature_names_in(self, input_features, generate_names=False)
        names = [n for spec in self.specs_.values() for n in spec.flat_feature_names()]
        return np.asarray(names, dtype=object)

    def modality_of(self, column: str) -> str | None:
        """Tell which modality a column belongs to.

        Parameters
        ----------
        column : str
            Name of a column seen by `fit`.

        Returns
        -------
        name : str or None
            None if the column is left out.

        Raises
        ------
        ModalityError
            If `fit` saw no such column.
        """
        check_is_fitted(self)
        if column not in self._columns_in:
            raise ModalityError(
                f"fit saw no column {column!r}{near_miss(column, self._columns_in)}"
            )
        return next(
            (n for n, _, columns in self.modalities_ if column in columns), None
        )

    def columns_of(self, name: str) -> list[str]:
        """Tell which columns a modality is made of.

        Parameters
        ----------
        name : str
            Name of a modality.

        Returns
        -------
        columns : list of str

        Raises
        ------
        ModalityError
            If there is no such modality.
        """
        check_is_fitted(self)
        columns = {n: columns for n, _, columns in self.modalities_}
        if name not in columns:
            raise ModalityError(
                f"there is no modality {name!r}{near_miss(name, columns)}"
            )
        return list(columns[name])

    @property
    def inferred_(self) -> pd.DataFrame:
        """What was inferred of each column and why."""
        rows = pd.DataFrame(self._inferred, columns=list(Inferred._fields))
        return rows.set_index("column")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        # Strings are welcome, and input_tags.string stays False all the same, as in
        # OneHotEncoder: it means that no cell of any type is ever refused.
        tags.input_tags.categorical = True
        tags.transformer_tags.preserves_dtype = []
        return tags

    def _sk_visual_block_(self):
        parts = getattr(self, "modalities_", None) or self.modalities
        if isinstance(parts, str):
            parts = [(parts, parts, "all columns")]
        names, modalities, columns = zip(*parts, strict=True)
        return VisualBlock("parallel", modalities, names=names, name_details=columns)

    @property
    def _is_auto(self) -> bool:
        return isinstance(self.modalities, str)

    def _to_pandas(self, X: Any) -> pd.DataFrame:
        return to_pandas(X, feature_names=self.feature_names, estimator=self)

    def _aligned(self, given: pd.DataFrame) -> pd.DataFrame:
        """Give a frame the columns that `fit` saw, or raise."""
        named = string_column_names(given) is not None
        if self._is_auto or not named or not hasattr(self, "feature_names_in_"):
            validate_data(self, given, reset=False, skip_check_array=True)
            return given.set_axis(self._columns_in, axis=1)
        used = {column for _, _, columns in self.modalities_ for column in columns}
        kept = [c for c in self._columns_in if c in given.columns or c not in used]
        # Raises in scikit-learn's words if a column that is used is missing.
        seen = pd.DataFrame(columns=kept)
        validate_data(self, seen, reset=False, skip_check_array=True)
        return given

    def _plan(self, frame: pd.DataFrame) -> tuple[list[_Part], list[Inferred]]:
        """Decide on modalities and their columns; check all of it."""
        triples = [] if self._is_auto else self.modalities
        parts = self._declared(triples, frame)
        used = _owners(parts)
        inferred: list[Inferred] = []
        if self._is_auto or self.remainder == "auto":
            rest = frame[[c for c in frame.columns if c not in used]]
            taken = {*self.get_params(deep=False), *(part.name for part in parts)}
            inferred = infer_columns(rest, taken)
        declared = [part for part in parts if part.modality != "drop"]
        parts = [*declared, *_grouped(inferred)]
        if not parts:
            reasons = "".join(f"\n  {row.column}: {row.reason}" for row in inferred)
            raise ModalityError(f"no column is left to learn from.{reasons}")
        return parts, inferred

    def _declared(self, triples: Iterable, frame: pd.DataFrame) -> list[_Part]:
        parts: list[_Part] = []
        for triple in triples:
            if not isinstance(triple, tuple) or len(triple) != 3:
                raise ModalityError(
                    "modalities must hold tuples (name, modality, columns), got "
                    f"{triple!r}."
                )
            name, modality, columns = triple
            self._check_name(name, [part.name for part in parts])
            columns = select_columns(frame, columns, name)
            parts.append(_Part(name, _resolved(modality), columns))
        return parts

    def _check_name(self, name: Any, taken: list[str]) -> None:
        if not isinstance(name, str) or not _LEGAL_NAME.fullmatch(name) or "__" in name:
            raise ModalityError(
                f"modality name {name!r} must be made of letters A-Z and a-z, digits "
                'and ".-_", without "__" and without "_" at the end.'
            )
        if name in taken:
            raise ModalityError(f"two modalities are named {name!r}; rename one.")
        if name in self.get_params(deep=False):
            raise ModalityError(
                f"modality name {name!r} is also a parameter of "
                f"{type(self).__name__}; choose another."
            )

    def _fitted(self, part: _Part, frame: pd.DataFrame, y: Any) -> Modality:
        columns = frame[part.columns]
        if all(is_missing(cell) for c in part.columns for cell in columns[c]):
            raise ModalityError(
                f"modality {part.name!r}: all {len(frame)} training rows lack it; "
                f"every cell of {part.columns} is missing. Leave it out, or train on "
                "rows that have it."
            )
        return part.modality.fit(columns, y, **self._reading(part.modality))

    def _reading(self, modality: Modality) -> dict[str, Any]:
        """How a modality is to read cells."""
        reading = {"on_error": self.on_error, "n_jobs": self.n_jobs}
        if not isinstance(modality, FileModality):
            return reading
        return {**reading, **file_reading(self.memory, self.root)}


def _resolved(modality: Any) -> Any:
    """Make a fresh modality, or leave "drop"."""
    if isinstance(modality, str) and modality == "drop":
        return modality
    modality = resolve("modality", modality)
    return modality if isinstance(modality, Modality) else TransformerModality(modality)


def _owners(parts: Iterable[_Part]) -> dict[str, str]:
    """Modality of each column; a column has one."""
    owners: dict[str, str] = {}
    for part in parts:
        for column in part.columns:
            if column in owners:
                raise ModalityError(
                    f"column {column!r} is in two modalities, {owners[column]!r} and "
                    f"{part.name!r}; select it once."
                )
            owners[column] = part.name
    return owners


def _grouped(inferred: Iterable[Inferred]) -> list[_Part]:
    parts: dict[str, _Part] = {}
    for row in inferred:
        if row.name is not None:
            fresh = _Part(row.name, resolve("modality", row.modality), [])
            parts.setdefault(row.name, fresh).columns.append(row.column)
    return list(parts.values())
