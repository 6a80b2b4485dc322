"""Classification and regression: what a target is, and the methods that users call."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.callback import with_callbacks
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import compute_class_weight, compute_sample_weight
from sklearn.utils.validation import check_is_fitted

from skmm._calibration import calibration_error, fit_temperature
from skmm._compat import take_rows
from skmm._members import Unseen
from skmm._memory import check_room
from skmm._neural import NeuralEstimator
from skmm._targets import ClassTarget, NumberTarget, check_labels, check_numbers

__all__ = ["NeuralClassifier", "NeuralRegressor"]

MOST_LOGITS = 2**27  # of all networks and rows at once


class _Trains(NeuralEstimator):
    """`fit`, which classifiers and regressors share."""

    @with_callbacks
    def fit(
        self,
        X: Any,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: Any = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
        checkpoint: Any = None,
        on_interrupt: str = "raise",
    ) -> Self:
        """Train the network.

        Parameters
        ----------
        X : array-like, dataframe or ModalityFrame of n_samples rows
            Training data. Estimators of many modalities also take what comes in
            pieces, and need not fit into memory: the path of a Parquet file or folder,
            a `pyarrow.dataset.Dataset`, a Dask dataframe, an iterator of frames.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), or str
            Target; of what comes in pieces the name of its column.
        sample_weight : array-like of shape (n_samples,), str or None, default=None
            Weights of the rows, not negative; rows of weight 0 are left out. None
            weighs all rows alike. Of what comes in pieces the name of their column.
        X_val : array-like, dataframe or ModalityFrame, default=None
            Validation data, in pieces too: of these 20,000 rows at most. Their loss is
            in ``history_["val_loss"]`` and, unless ``early_stopping=False``, ends the
            training and chooses its best epoch.
        y_val : array-like, default=None
            Target of `X_val`.
        sample_weight_val : array-like, default=None
            Weights of the rows of `X_val`.
        checkpoint : str, path or None, default=None
            Folder where the fit writes how far it has come, and from where the same
            fit goes on if it was killed, to the bits of one that never was;
            ``fit_report_["epochs_resumed"]`` tells how many epochs it found. Many fits
            may share a folder, also at once; what is finished there is not trained
            again. Not with Keras callbacks.
        on_interrupt : {"raise", "keep"}, default="raise"
            What Ctrl-C does in training: ``"raise"`` leaves the estimator as it was,
            ``"keep"`` ends the training as a limit of time does, and keeps what has
            been learned.

        Returns
        -------
        self : estimator
            Fitted. If an error is raised, the estimator is as it was before.

        Raises
        ------
        ValueError
            If X, y or the weights are malformed.
        DivergenceError
            If the loss is not finite, and `on_nan` does not help.
        CheckpointError
            If the folder cannot be written to, or its file of this fit cannot be used.

        Warns
        -----
        CheckpointWarning
            If writing fails later on; the fit goes on.
        ConvergenceWarning
            If the training was interrupted, or the time was over before an epoch was.
        """
        return self._fit(
            X,
            y,
            sample_weight,
            (X_val, y_val, sample_weight_val),
            resume=self.warm_start and self.__sklearn_is_fitted__(),
            checkpoint=checkpoint,
            on_interrupt=on_interrupt,
        )

    def _target_of(self, X: Any, method: str, **options: Any) -> Any:
        check_is_fitted(self)
        answer, heat = getattr(self._target, method), getattr(self, "temperature_", 1.0)
        n_rows, *_ = getattr(X, "shape", None) or (0,)
        n_logits = sum(self._target.sizes)
        heard = n_logits * len(self._weights) * np.count_nonzero(self._shares)
        step = max(MOST_LOGITS // heard, 1)
        if n_rows <= step:
            return answer(self._logits(X, heat, **options))
        if method != "decode":
            check_room(8 * n_rows * (heard + n_logits), "The answer")
            return answer(self._logits(X, heat, **options))
        pieces = (range(i, min(i + step, n_rows)) for i in range(0, n_rows, step))
        parts = (take_rows(X, list(rows)) for rows in pieces)
        return np.concatenate([answer(self._logits(p, heat, **options)) for p in parts])


class NeuralClassifier(ClassifierMixin, _Trains):
    """A classifier around one network."""

    _metric = staticmethod(accuracy_score)

    def _check_y(self, y: Any) -> NDArray:
        return check_labels(y)

    def _fit_target(
        self, y: NDArray, weight: NDArray, classes: Any, rows: NDArray | None
    ) -> ClassTarget:
        return ClassTarget.fit(y, classes)

    def _target_attributes(self, target: ClassTarget) -> dict[str, Any]:
        several = target.kind == "multioutput"
        if target.kind == "multilabel":
            labels: Any = np.arange(len(target.classes))
        else:
            labels = target.classes if several else target.classes[0]
        n_outputs = 1 if target.kind in ("binary", "multiclass") else len(labels)
        return {"classes_": labels, "n_outputs_": n_outputs, "temperature_": 1.0}

    def _weigh(self, y: NDArray, weight: NDArray) -> NDArray:
        if self.class_weight is None:
            return weight
        if y.ndim == 1:  # weights that count in "balanced", as in LogisticRegression
            labels, index = np.unique(y, return_inverse=True)
            per_class = compute_class_weight(
                self.class_weight, classes=labels, y=y, sample_weight=weight
            )
            return weight * per_class[index]
        return weight * compute_sample_weight(self.class_weight, y)

    def _strata(self, y: NDArray) -> NDArray | None:
        return y if y.ndim == 1 else None

    @with_callbacks
    def partial_fit(
        self,
        X: Any,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Train for one more epoch, on these rows alone.

        Parameters
        ----------
        X : array-like, dataframe or ModalityFrame of n_samples rows
            Training data.
        y : array-like of shape (n_samples,)
            Target.
        classes : array-like of shape (n_classes,), default=None
            All labels there will ever be; asked for in the first call, unless they
            are all in its `y`.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        self : estimator

        Raises
        ------
        ValueError
            If `y` has a label that the first call was not told of.
        """
        resume = self.__sklearn_is_fitted__()
        return self._fit(
            X, y, sample_weight, classes=classes, resume=resume, one_epoch=True
        )

    def decision_function(self, X: Any) -> Any:
        """Compute the logits.

        Parameters
        ----------
        X : array-like, dataframe or ModalityFrame of n_samples rows
            What `fit` takes.

        Returns
        -------
        logits : ndarray of shape (n_samples,) for two classes, else \
(n_samples, n_classes); a list of the latter for several outputs
        """
        return self._target_of(X, "decision")

    def predict_proba(self, X: Any) -> Any:
        """Compute class probabilities.

        Parameters
        ----------
        X : array-like, dataframe or ModalityFrame of n_samples rows
            What `fit` takes.

        Returns
        -------
        p : ndarray of shape (n_samples, n_classes), columns in the order of \
`classes_`; for yes-no labels (n_samples, n_outputs); a list for several outputs
        """
        return self._target_of(X, "probabilities")

    def predict_log_proba(self, X: Any) -> Any:
        """Compute logarithms of the class probabilities.

        Parameters
        ----------
        X : array-like, dataframe or ModalityFrame of n_samples rows
            What `fit` takes.

        Returns
        -------
        log_p : ndarray of shape (n_samples, n_classes), as `predict_proba`
        """
        return self._target_of(X, "log_probabilities")

    def predict(self, X: Any) -> NDArray:
        """Predict class labels.

        Parameters
        ----------
        X : array-like, dataframe or ModalityFrame of n_samples rows
            What `fit` takes.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        return self._target_of(X, "decode")

    def _check_held_out(self, there: bool) -> None:
        if self.calibrate is not None and not there:
            raise ValueError(
                f"calibrate={self.calibrate!r} needs rows to validate on: set "
                "early_stopping=True, or give fit X_val and y_val."
            )

    def _judge(self, fitted: dict[str, Any], unseen: Unseen) -> dict[str, Any]:
        """Fit the temperature on unseen rows, and report what it mends."""
        found = super()._judge(fitted, unseen)
        if self.calibrate is None:
            return found
        logits, truth = unseen.opinions[0], (unseen.rows.y, unseen.rows.weight)
        target = fitted["_target"]
        heat = fit_temperature(target, logits, *truth)
        errors = [calibration_error(target, z, *truth) for z in (logits, logits / heat)]
        fitted["fit_report_"]["calibration_error"] = tuple(errors)
        return {**found, "temperature_": heat}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class NeuralRegressor(RegressorMixin, _Trains):
    """A regressor around one network."""

    _metric = staticmethod(r2_score)

    def _check_y(self, y: Any) -> NDArray:
        return check_numbers(y)

    def _fit_target(
        self, y: NDArray, weight: NDArray, classes: Any, rows: NDArray | None
    ) -> NumberTarget:
        if rows is not None:
            y, weight = y[rows], weight[rows]
        return NumberTarget.fit(y, weight, standardize=self._standardizes_y)

    @property
    def _standardizes_y(self) -> bool:
        return True

    def _target_attributes(self, target: NumberTarget) -> dict[str, Any]:
        return {"n_outputs_": len(target.mean)}

    @with_callbacks
    def partial_fit(
        self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Train for one more epoch, on these rows alone.

        Parameters
        ----------
        X : array-like, dataframe or ModalityFrame of n_samples rows
            Training data. The first call also settles how data and target are scaled.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Target.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        self : estimator
        """
        resume = self.__sklearn_is_fitted__()
        return self._fit(X, y, sample_weight, resume=resume, one_epoch=True)

    def predict(self, X: Any) -> NDArray:
        """Predict numbers.

        Parameters
        ----------
        X : array-like, dataframe or ModalityFrame of n_samples rows
            What `fit` takes.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs), float64
        """
        return self._target_of(X, "decode")
