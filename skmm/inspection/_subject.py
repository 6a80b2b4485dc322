"""What is explained: one number for each row, which a fitted model decides by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skmm._inputs import check_specs, prepare
from skmm._many_modalities import ManyModalities
from skmm._neural import NeuralEstimator
from skmm.frame import ModalityFrame
from skmm.inspection._models import taken_apart, unwrap
from skmm.modalities._base import Modality
from skmm.modalities.tabular import TabularModality
from skmm.modalities.text import TextModality
from skmm.transformer import ModalityTransformer

__all__ = ["Aim", "Reading", "Subject"]


class Reading(NamedTuple):
    """Rows as a network reads them, and what leads back to the cells.

    Attributes
    ----------
    frame : ModalityFrame
        The arrays.
    modalities : dict of str to Modality
        What made them, where it is known.
    columns : dict of str to list
        Of each modality whose rows are flat, the column that each feature is of.
    words : dict of str to list of (list of str, ndarray of shape (n_ids, 2))
        Of each text, as `TextModality.word_spans` returns it.
    """

    frame: ModalityFrame
    modalities: dict[str, Modality]
    columns: dict[str, list]
    words: dict[str, list]

    def rows(self, rows: NDArray) -> Reading:
        """Keep some rows."""
        words = {name: [of[i] for i in rows] for name, of in self.words.items()}
        return self._replace(frame=self.frame[rows], words=words)


@dataclass(frozen=True)
class Aim:
    """Which number of each row is explained: ``f = factor * logits[column] + shift``.

    Parameters
    ----------
    column : ndarray of int, shape (n_samples,)
        Column of the logits.
    factor, shift : ndarray of float64, shape (n_samples,)
        -1 and 0 for the first of two classes; what numbers were standardised by.
    labels : ndarray of shape (n_samples,)
        The class, or the output.
    unit : str
        What the number is, such as ``"logit of class {}"``.
    """

    column: NDArray
    factor: NDArray
    shift: NDArray
    labels: NDArray
    unit: str

    def of(self, logits: NDArray) -> NDArray:
        """Pick the number of each row, (n_samples,) float64."""
        picked = logits[np.arange(len(self.column)), self.column]
        return self.factor * picked.astype(np.float64) + self.shift

    def rows(self, rows: Any) -> Aim:
        """Keep some rows."""
        column, factor = self.column[rows], self.factor[rows]
        return Aim(column, factor, self.shift[rows], self.labels[rows], self.unit)


class Subject:
    """A fitted model of skmm, taken out of what is around it.

    Parameters
    ----------
    estimator : estimator
        A model of skmm, or a pipeline or search that ends in one.

    Raises
    ------
    TypeError
        If it is of another kind.
    """

    def __init__(self, estimator: Any):
        self.before, self.model = unwrap(estimator)
        self._steps, _ = taken_apart(estimator)
        if not isinstance(self.model, NeuralEstimator):
            raise TypeError(
                "only the networks of skmm can be explained: MultimodalClassifier, "
                "MultimodalRegressor, BaseNNClassifier, BaseNNRegressor, and pipelines "
                f"and searches that end in one; got {type(self.model).__name__}."
            )
        if self.model._target.kind == "multioutput":
            raise ValueError(
                "classifiers of several outputs with several classes are not "
                "supported: fit one on the output that is to be explained."
            )

    def read(self, X: Any) -> Reading:
        """Read rows as the model does."""
        model, given = self.model, self.before(X)
        table = model._check_table(given, reset=False)
        frame = model._encode(table)
        check_specs(frame, model._specs, type(model).__name__)
        if not len(frame):
            raise ValueError("Found array with 0 sample(s): there is nothing to read.")
        if isinstance(table, ModalityFrame):
            transformer, table = self._reader(X)
        else:
            transformer = getattr(model, "transformer_", None)
        parts = [] if transformer is None else transformer.modalities_
        modalities = {name: modality for name, modality, _ in parts}
        columns = {
            spec.name: self._columns(spec, modalities.get(spec.name))
            for spec in frame.specs.values()
            if len(spec.shape) == 1 and not spec.vocabulary_size
        }
        words = {}
        if transformer is not None:
            cells = transformer._aligned(transformer._to_pandas(table))
            words = {
                name: modality.word_spans(cells[of], on_error=transformer.on_error)
                for name, modality, of in parts
                if isinstance(modality, TextModality) and modality.tokenizer is None
            }
        return Reading(frame, modalities, columns, words)

    def _reader(self, X: Any) -> tuple[Any, Any]:
        """Find what made the frame in a pipeline, and the table that it was given."""
        for place in reversed(range(len(self._steps))):
            step = self._steps[place]
            if isinstance(step, ModalityTransformer):
                for earlier in self._steps[:place]:
                    X = earlier.transform(X)
                return step, X
        return None, None

    def _columns(self, spec: Any, modality: Modality | None) -> list:
        if isinstance(modality, TabularModality):
            return modality.feature_columns()
        own = getattr(self.model, "feature_names_in_", ())
        if not isinstance(self.model, ManyModalities) and len(own) == spec.shape[0]:
            return list(own)
        return list(spec.feature_names or (f"x{i}" for i in range(spec.shape[0])))

    def prepared(self, frame: ModalityFrame) -> ModalityFrame:
        """Compute what encoders compute once for each row."""
        encoders = self.model._encoders(vars(self.model))
        kept = {name: e for name, e in encoders.items() if name in frame.names}
        return prepare(frame, kept)

    def logits(self, frame: ModalityFrame) -> NDArray:
        """Logits of a prepared frame as the model pools them, (n_samples, n_logits)."""
        model, target = self.model, self.model._target
        arrays = model._arrays(frame)
        logits = model._pooled(arrays, getattr(model, "temperature_", 1.0))
        if isinstance(model, ManyModalities):
            model._answer_empty(logits, frame.present)
        if target.kind == "squared":
            return logits
        return np.concatenate(target.blocks(logits), axis=1)

    def nothing(self, frame: ModalityFrame) -> NDArray:
        """Tell which rows have no modality, and are answered without a network."""
        if not isinstance(self.model, ManyModalities):
            return np.zeros(len(frame), dtype=bool)
        return np.asarray(~frame.present.any(axis=1))

    def aim(self, logits: NDArray, target: Any) -> Aim:
        """Settle which number of each row is explained."""
        kind = self.model._target.kind
        n, ones = len(logits), np.ones(len(logits))
        if kind in ("binary", "multiclass"):
            classes = self.model.classes_
            if target is None:
                places = logits[:, 0] > 0 if kind == "binary" else logits.argmax(axis=1)
                places = places.astype(int)
            else:
                places = _places(target, classes.tolist(), n, "the classes")
            first_of_two = (kind == "binary") & (places == 0)
            factor = np.where(first_of_two, -1.0, 1.0)
            column = np.zeros(n, int) if kind == "binary" else places
            return Aim(column, factor, 0 * ones, classes[places], "logit of class {}")
        n_outputs = logits.shape[1]
        if target is None and n_outputs > 1:
            raise ValueError(
                f"the model has {n_outputs} outputs: say which one to explain, as "
                f"target=0 to target={n_outputs - 1}."
            )
        given = 0 if target is None else target
        column = _places(given, list(range(n_outputs)), n, "the outputs")
        if kind == "multilabel":
            return Aim(column, ones, 0 * ones, column, "logit of output {}")
        scaled = self.model._target
        unit = "prediction" if n_outputs == 1 else "prediction of output {}"
        return Aim(column, scaled.scale[column], scaled.mean[column], column, unit)


def _places(target: Any, known: list, n: int, what: str) -> NDArray:
    """Find the place of each row's target, (n,) int."""
    given = np.asarray(target)
    if given.ndim > 1 or (given.ndim == 1 and len(given) != n):
        raise ValueError(
            f"target must be one of {what}, or one for each of the {n} rows; got an "
            f"array of shape {given.shape}."
        )
    place = {label: i for i, label in enumerate(known)}
    labels = np.broadcast_to(given, n).tolist()
    unknown = [label for label in labels if label not in place]
    if unknown:
        raise ValueError(f"target must be among {what} {known}, got {unknown[0]!r}.")
    return np.array([place[label] for label in labels])
