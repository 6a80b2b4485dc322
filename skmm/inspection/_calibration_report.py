"""Whether probabilities hold what they say, whatever modalities a row has."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import brier_score_loss, log_loss
from sklearn.utils.validation import check_consistent_length, column_or_1d

from skmm._calibration import calibration_error
from skmm._compat import check_sample_weight
from skmm._many_modalities import ManyModalities
from skmm._targets import ClassTarget
from skmm.frame import ModalityFrame
from skmm.inspection._models import reader_of, unwrap
from skmm.inspection._uncertainty import check_probabilities

__all__ = ["calibration_report"]

COLUMNS = (
    "n_samples",
    "accuracy",
    "confidence",
    "calibration_error",
    "log_loss",
    "brier",
)


def calibration_report(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
) -> pd.DataFrame:
    r"""Compare how sure a classifier is with how often it is right, by what rows lack.

    Accuracy and the mean of the highest probability should be the same. The expected
    calibration error is the mean distance between them in 15 bins of equal width,
    :math:`\sum_b \frac{n_b}{n} |\text{accuracy}_b - \text{confidence}_b|` with
    :math:`n_b` of n rows in bin b. A model may be calibrated on the whole, and too sure
    of the rows that lack a modality: each pattern of what rows have is a line.

    Parameters
    ----------
    estimator : classifier with predict_proba
        Fitted; of one output. Patterns are told of an estimator of skmm, a pipeline
        that begins with a `ModalityTransformer`, a `DiverseEnsembleClassifier` that
        holds one, and any classifier if X is a `ModalityFrame`.
    X : array-like, dataframe or ModalityFrame of n_samples rows
        Rows that the estimator was not fitted on, nor calibrated on.
    y : array-like of shape (n_samples,)
        Their true labels.
    sample_weight : array-like of shape (n_samples,) or None, default=None
        Weights of the rows, not negative; None weighs all alike.

    Returns
    -------
    report : DataFrame of shape (1 + n_patterns, 6)
        A line for "all rows", then one for each pattern, such as "table + note", the
        most frequent first; "nothing" is of rows that have no modality. Where the
        modalities are not known there is only the first line. NaN where the rows of a
        line have no weight.

        n_samples : int
            Number of rows.
        accuracy : float
            Share of the rows whose most probable class is the true one.
        confidence : float
            Mean of the highest probability.
        calibration_error : float
            Expected calibration error, from 0 to 1. It is above 0 by chance too, the
            more the fewer rows there are.
        log_loss : float
            Mean of minus the logarithm of the true class's probability, in nats.
        brier : float
            Mean squared distance of the probabilities from the truth; from 0 to 1 for
            two classes, to 2 for more.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.
    ValueError
        If it is no classifier with `predict_proba`, has several outputs, `y` has other
        labels or not as many as X has rows, or no row has a weight.

    Warns
    -----
    MissingModalityWarning
        If rows have none of the modalities.

    See Also
    --------
    predict_uncertainty : How unsure a model is of each row.
    sklearn.calibration.CalibrationDisplay : Draws the bins for two classes.

    References
    ----------
    Guo, Pleiss, Sun and Weinberger (2017), "On Calibration of Modern Neural Networks",
    ICML, equation 3.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from skmm import ModalityTransformer
    >>> from skmm.datasets import make_multimodal_classification
    >>> from skmm.inspection import calibration_report
    >>> X, y = make_multimodal_classification(
    ...     200, modalities=("tabular",), random_state=0, return_X_y=True)
    >>> flat = ModalityTransformer().set_output(transform="pandas")
    >>> model = make_pipeline(flat, LogisticRegression()).fit(X[:100], y[:100])
    >>> calibration_report(model, X[100:], y[100:]).index.tolist()
    ['all rows', 'tabular']
    """
    before, model = unwrap(estimator)
    if not hasattr(model, "predict_proba"):
        raise ValueError(
            "estimator must be a classifier with predict_proba, got "
            f"{type(model).__name__}."
        )
    check_consistent_length(X, y)
    labels = column_or_1d(y)
    if not len(labels):
        raise ValueError("Found array with 0 sample(s): there is nothing to report.")
    weight = check_sample_weight(
        sample_weight, labels, dtype=np.float64, ensure_non_negative=True
    )
    rows = before(X)
    frame = _frame(estimator, model, X, rows)
    seen = frame if isinstance(model, ManyModalities) else rows
    p = check_probabilities(model.predict_proba(seen))
    target = ClassTarget("multiclass", [np.asarray(model.classes_)])
    codes = target.encode(labels)
    lines = {"all rows": np.ones(len(p), dtype=bool), **_patterns(frame)}
    found = [_measured(target, p[r], codes[r], weight[r]) for r in lines.values()]
    index = pd.Index(list(lines), name="modalities")
    return pd.DataFrame(found, index=index, columns=list(COLUMNS))


def _frame(estimator: Any, model: Any, X: Any, rows: Any) -> ModalityFrame | None:
    """Find out what each row has; None if nothing tells."""
    if isinstance(model, ManyModalities):
        return model._encode(model._check_table(rows, reset=False))
    if isinstance(rows, ModalityFrame):
        return rows
    reader = reader_of(estimator)
    if reader is None:
        return None
    return copy.deepcopy(reader).set_output(transform="default").transform(X)


def _patterns(frame: ModalityFrame | None) -> dict[str, NDArray]:
    """Say which rows have which modalities, the most frequent first."""
    if frame is None:
        return {}
    kinds, which, counts = np.unique(
        frame.present, axis=0, return_inverse=True, return_counts=True
    )
    names = np.array(frame.names, dtype=object)
    return {
        " + ".join(names[kinds[k]]) or "nothing": which == k
        for k in np.argsort(-counts, kind="stable")
    }


def _measured(
    target: ClassTarget, p: NDArray, codes: NDArray, weight: NDArray
) -> list[float]:
    """Compute a line of the report."""
    if not weight.sum() > 0:
        return [len(p), *[np.nan] * (len(COLUMNS) - 1)]
    labels, truth = np.arange(p.shape[1]), codes[:, 0].astype(int)
    hit = p.argmax(axis=1) == truth
    logits = np.log(np.maximum(p, np.finfo(float).tiny))
    given = {"sample_weight": weight, "labels": labels}
    return [
        len(p),
        np.average(hit, weights=weight),
        np.average(p.max(axis=1), weights=weight),
        calibration_error(target, logits, codes, weight),
        log_loss(truth, p, **given),
        brier_score_loss(truth, p, **given),
    ]
