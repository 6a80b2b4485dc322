"""What a report is about: a fitted model, rows, and what the model says of them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import is_classifier, is_regressor
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import check_scoring
from sklearn.utils.validation import check_array, check_consistent_length

from skmm._compat import take_rows
from skmm._many_modalities import ManyModalities
from skmm._neural import NeuralEstimator
from skmm._validation import to_pandas
from skmm.frame import ModalityFrame
from skmm.inference import infer_modalities
from skmm.inspection._models import reader_of, score_name, scoring_of, unwrap
from skmm.transformer import ModalityTransformer

__all__ = ["Case", "Part", "read_case"]


@dataclass(frozen=True)
class Part:
    """What is known of a modality.

    Parameters
    ----------
    name, kind : str
        Its name, and what it is.
    columns : list of str or int
        The columns that it is made of, as X names them; empty where it does not.
    shape : tuple of int or None
        Shape of a row's array, where the model reads one.
    """

    name: str
    kind: str
    columns: list
    shape: tuple[int, ...] | None


@dataclass(frozen=True)
class Case:
    """A fitted model, rows, and what the model says of them.

    Parameters
    ----------
    estimator : estimator
        As it was given.
    model : estimator
        What is in it, without pipelines and searches.
    X : table
        The rows as they were given.
    y : ndarray of shape (n_samples,)
        Their target.
    asked : estimator
        Who is asked about `rows`: the model itself, if it reads many modalities.
    rows : ModalityFrame or table
        `X`, read once and for all if `asked` is the model.
    parts : list of Part
        The modalities; empty where they are not known.
    present : ndarray of bool, shape (n_samples, n_modalities)
        Which of them each row has.
    classes : ndarray of shape (n_classes,) or None
        Labels; None of regressors.
    scorer : callable
        From an estimator, rows and y to a number.
    score_name : str
        What the number is.
    predicted : ndarray of shape (n_samples,)
        What is predicted.
    sure : ndarray of shape (n_samples,) or None
        Probability of the predicted class; None where there are none.
    score : float
        Of all rows.
    """

    estimator: Any
    model: Any
    X: Any
    y: NDArray
    asked: Any
    rows: Any
    parts: list[Part]
    present: NDArray
    classes: NDArray | None
    scorer: Any
    score_name: str
    predicted: NDArray
    sure: NDArray | None
    score: float

    @property
    def many(self) -> bool:
        """Whether the model can do without modalities."""
        return isinstance(self.model, ManyModalities)

    @property
    def names(self) -> list[str]:
        """Names of the modalities."""
        return [part.name for part in self.parts]

    def codes(self, labels: ArrayLike) -> NDArray:
        """Tell the place of each label among the classes; -1 if it is none."""
        return _codes(self.classes, labels)

    def score_of(self, rows: NDArray, only: int | None = None) -> float:
        """Score some rows, by one modality alone if one is named; NaN if undefined."""
        if len(rows) < 2:
            return np.nan
        given = take_rows(self.rows, rows)
        if only is not None:
            chosen = np.arange(len(self.parts)) == only
            given = ModalityFrame(given.arrays, given.specs, given.present & chosen)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UndefinedMetricWarning)
                return float(self.scorer(self.asked, given, self.y[rows]))
        except ValueError:  # as of AUC, where only one class is left
            return np.nan


def read_case(estimator: Any, X: Any, y: ArrayLike, scoring: Any) -> Case:
    """Check what is given, read the rows, and ask the model about them.

    Parameters
    ----------
    estimator : estimator
        Fitted.
    X : table of n_samples rows
        What it predicts from.
    y : array-like of shape (n_samples,)
        Their target.
    scoring : str, callable or None
        As scikit-learn takes it.

    Returns
    -------
    case : Case

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.
    ValueError
        If it is no classifier or regressor, has several outputs, or y does not fit.
    """
    before, model = unwrap(estimator)
    classes = _classes_of(estimator, model)
    scorer = check_scoring(estimator, scoring_of(estimator, scoring))
    y = _target(y, classes)
    if model is estimator and isinstance(model, ManyModalities):
        X = model._check_table(X, reset=False)  # whatever Keras takes is a table now
    check_consistent_length(X, y)
    asked, rows = estimator, X
    parts, present = _described(estimator, model, X, before, len(y))
    if isinstance(model, ManyModalities):
        frame = model._encode(model._check_table(before(X), reset=False))
        asked, rows = model, frame
        parts, present = _parts_of(frame, reader_of(estimator)), frame.present
    predicted = np.asarray(asked.predict(rows))
    if predicted.ndim > 1 and predicted.shape[1] > 1:
        raise ValueError(_several(predicted.shape[1]))
    predicted, sure = predicted.reshape(len(y)), None
    if classes is not None and hasattr(asked, "predict_proba"):
        p = np.asarray(asked.predict_proba(rows))
        sure = p[np.arange(len(y)), _codes(classes, predicted)]
    name = score_name(estimator, scoring).replace("_", " ").replace("R2", "R²")
    return Case(
        estimator=estimator,
        model=model,
        X=X,
        y=y,
        asked=asked,
        rows=rows,
        parts=parts,
        present=present,
        classes=classes,
        scorer=scorer,
        score_name=name,
        predicted=predicted,
        sure=sure,
        score=float(scorer(asked, rows, y)),
    )


def _classes_of(estimator: Any, model: Any) -> NDArray | None:
    """Find the labels of a classifier, and refuse what no report is made of."""
    n_outputs = getattr(model, "n_outputs_", 1)
    if n_outputs > 1:
        raise ValueError(_several(n_outputs))
    if is_classifier(estimator):
        if isinstance(estimator.classes_, list):
            raise ValueError(_several(len(estimator.classes_)))
        return np.asarray(estimator.classes_)
    if is_regressor(estimator):
        return None
    raise ValueError(
        f"estimator must be a classifier or a regressor, got {type(model).__name__}."
    )


def _several(n_outputs: int) -> str:
    return (
        f"a report is of one output, and the estimator has {n_outputs}: fit one for "
        "each output, and report on these."
    )


def _target(y: ArrayLike, classes: NDArray | None) -> NDArray:
    """Check the target."""
    given = np.asarray(y)
    if given.ndim == 2 and given.shape[1] == 1:
        given = given[:, 0]
    if given.ndim != 1:
        raise ValueError(
            f"y must have one value for each row, got an array of shape {given.shape}; "
            "of several outputs give one, and an estimator that predicts it."
        )
    if not len(given):
        raise ValueError("Found array with 0 sample(s): there is nothing to report.")
    if classes is None:
        return check_array(given, ensure_2d=False, dtype="numeric", input_name="y")
    unknown = given[_codes(classes, given) < 0]
    if len(unknown):
        raise ValueError(
            f"y has the label {unknown.tolist()[0]!r}, which the estimator does not "
            f"know; its classes are {classes.tolist()}."
        )
    return given


def _codes(classes: Any, labels: ArrayLike) -> NDArray:
    known, asked = (np.asarray(part).astype(object) for part in (classes, labels))
    return pd.Index(known, dtype=object).get_indexer(pd.Index(asked, dtype=object))


def _parts_of(frame: ModalityFrame, reader: ModalityTransformer | None) -> list[Part]:
    """Describe the modalities of a frame."""
    columns = {}
    if reader is not None:
        columns = {name: list(map(str, of)) for name, _, of in reader.modalities_}
    return [
        Part(name, spec.kind, columns.get(name, []), spec.shape)
        for name, spec in frame.specs.items()
    ]


def _described(
    estimator: Any, model: Any, X: Any, before: Any, n: int
) -> tuple[list[Part], NDArray]:
    """Describe what is not read once and for all."""
    nothing: tuple[list[Part], NDArray] = [], np.ones((n, 0), dtype=bool)
    if isinstance(model, ManyModalities):
        return nothing
    if isinstance(model, NeuralEstimator):
        X = model._encode(model._check_table(before(X), reset=False))
    if isinstance(X, ModalityFrame):
        return _parts_of(X, reader_of(estimator)), X.present
    if not (hasattr(X, "columns") or (isinstance(X, np.ndarray) and X.ndim == 2)):
        return nothing
    table = to_pandas(X)
    parts = _parts_of_table(table, reader_of(estimator))
    has = [table[part.columns].notna().any(axis=1).to_numpy() for part in parts]
    return parts, np.array(has, dtype=bool).reshape(len(parts), n).T


def _parts_of_table(
    table: pd.DataFrame, reader: ModalityTransformer | None
) -> list[Part]:
    """Describe the modalities of a table that no model of skmm reads."""
    if reader is not None:
        specs = reader.specs_
        parts = [
            Part(name, specs[name].kind, list(of), specs[name].shape)
            for name, _, of in reader.modalities_
        ]
        if all(c in table.columns for part in parts for c in part.columns):
            return parts
    inferred = infer_modalities(table).assign(label=table.columns)
    kept = inferred[inferred["name"].notna()]
    return [
        Part(str(name), of["modality"].iloc[0], of["label"].tolist(), None)
        for name, of in kept.groupby("name", sort=False)
    ]
