"""Wrapped: any scikit-learn transformer as a modality."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from skmm.exceptions import ModalityError
from skmm.frame import ModalitySpec
from skmm.modalities._base import Encoded, Modality
from skmm.modalities._cells import as_array
from skmm.modalities._columns import missing

__all__ = ["TransformerModality"]


class TransformerModality(Modality):
    """A scikit-learn transformer whose output becomes a vector modality.

    The transformer sees the rows that have something, and no others: it need not
    know what is missing, unless a row lacks some of its columns only. What reads
    texts or dicts (`TfidfVectorizer`, `DictVectorizer`) gets the one column as a
    Series, every other transformer a frame.

    Parameters
    ----------
    transformer : estimator
        Anything with `fit` and `transform`; it is cloned, never fitted itself.

    Attributes
    ----------
    transformer_ : estimator or None
        The fitted clone; None where no training row had anything.
    n_features_out_ : int
        Number of columns of the output.

    Notes
    -----
    Sparse output becomes dense: ``n_samples * n_features_out_ * 4`` bytes, 400 MB
    for 20 000 rows of 5 000 terms. Limit it (``max_features``), or put a
    `TruncatedSVD` behind it. Training rows go through `fit` and `transform`, not
    `fit_transform`: `TargetEncoder` does not cross-fit here.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.feature_extraction.text import TfidfVectorizer
    >>> from skmm.modalities._wrapped import TransformerModality
    >>> X = pd.DataFrame({"note": ["mild fever", None, "cough"]})
    >>> modality = TransformerModality(TfidfVectorizer()).fit(X)
    >>> modality.spec("note").feature_names
    ('cough', 'fever', 'mild')
    >>> modality.transform(X).present
    array([ True, False,  True])
    """

    kind = "vector"
    transformer_: Any

    def __init__(self, transformer: Any):
        self.transformer = transformer

    def fit(
        self,
        X: pd.DataFrame,
        y: Any = None,
        *,
        on_error: str = "raise",
        n_jobs: int | None = None,
    ) -> Self:
        """Fit a clone of the transformer on the rows that have something."""
        if not hasattr(self.transformer, "transform"):
            raise ModalityError(
                f"{self._name} has no transform method, so it cannot encode new rows; "
                "a modality must be a transformer."
            )
        present = _present(X)
        if not present.any():
            self.transformer_, self.n_features_out_ = None, 0
            return self
        transformer = clone(self.transformer)
        rows = self._rows(X, present)
        if y is None:
            transformer.fit(rows)
        else:
            transformer.fit(rows, y if present.all() else np.asarray(y)[present])
        width = self._dense(transformer.transform(rows.iloc[:1])).shape[1]
        self.transformer_, self.n_features_out_ = transformer, width
        return self

    def transform(
        self, X: pd.DataFrame, *, on_error: str = "raise", n_jobs: int | None = None
    ) -> Encoded:
        """Transform the rows that have something; the others hold zeros."""
        check_is_fitted(self)
        present = _present(X) & (self.transformer_ is not None)
        array = np.zeros((len(X), self.n_features_out_), dtype=np.float32)
        if present.any():
            output = self.transformer_.transform(self._rows(X, present))
            array[present] = self._checked(self._dense(output), np.flatnonzero(present))
        return Encoded(array, present)

    def spec(self, name: str) -> ModalitySpec:
        """Describe the array that `transform` returns."""
        check_is_fitted(self)
        return ModalitySpec(
            name,
            self.kind,
            shape=(self.n_features_out_,),
            dtype="float32",
            encoder="mlp",
            feature_names=self._feature_names(),
        )

    @property
    def _name(self) -> str:
        return type(self.transformer).__name__

    def _rows(self, X: pd.DataFrame, present: NDArray) -> pd.DataFrame | pd.Series:
        """Give the transformer what it reads of the rows that are present."""
        rows = X if present.all() else X[present]
        if not _reads_one_column(self.transformer):
            return rows
        if X.shape[1] != 1:
            raise ModalityError(
                f"{self._name} reads one column, got {X.shape[1]}: {list(X.columns)}; "
                "declare each as a modality of its own, or join them first."
            )
        return rows.iloc[:, 0]

    def _dense(self, output: Any) -> NDArray:
        """Make the output a dense float32 array of two dimensions."""
        if hasattr(output, "toarray"):
            return output.astype(np.float32).toarray()
        try:
            values = as_array(output)
        except ModalityError as error:
            raise ModalityError(f"the output of {self._name}: {error}.") from error
        if values.ndim == 1:
            values = values[:, np.newaxis]
        if values.ndim != 2:
            raise ModalityError(
                f"{self._name} must return two dimensions, got shape {values.shape}; "
                "flatten them, or use VectorModality on arrays."
            )
        with np.errstate(over="ignore"):  # inf is refused behind it
            return values.astype(np.float32)

    def _checked(self, values: NDArray, rows: NDArray) -> NDArray:
        expected = (len(rows), self.n_features_out_)
        if values.shape != expected:
            raise ModalityError(
                f"{self._name} must return an array of shape {expected} (one row for "
                f"each row, as many columns as in fit), got {values.shape}."
            )
        if np.isinf(values).any():
            i, j = np.argwhere(np.isinf(values))[0]
            names = self._feature_names() or range(values.shape[1])
            raise ModalityError(
                f"{self._name} returned an infinite value, or one too large for "
                f"float32, for row {rows[i]} in its column {names[j]!r}; clip or scale "
                "its output."
            )
        return values

    def _feature_names(self) -> tuple[str, ...] | None:
        try:
            names = self.transformer_.get_feature_names_out()
        except (AttributeError, ValueError):  # it has none, or not for this step
            return None
        names = tuple(map(str, names))
        return names if len(names) == self.n_features_out_ else None


def _present(X: pd.DataFrame) -> NDArray:
    present = np.zeros(len(X), dtype=bool)
    for j in range(X.shape[1]):
        present |= ~missing(X.iloc[:, j])
    return present


def _reads_one_column(transformer: Any) -> bool:
    """Tell whether a transformer, or the first step of a pipeline, wants 1-D data."""
    while isinstance(transformer, Pipeline):
        steps = [step for _, step in transformer.steps]
        transformer = next((s for s in steps if s not in (None, "passthrough")), None)
    try:
        return not get_tags(transformer).input_tags.two_d_array
    except AttributeError:  # it declares nothing: not built on BaseEstimator
        return False
