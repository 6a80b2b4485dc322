"""Predictions from some of the modalities."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar

from numpy.typing import NDArray

from skmm._compat import StrOptions
from skmm._streams import Streams
from skmm._tasks import NeuralClassifier, NeuralRegressor

__all__ = ["SubsetClassifier", "SubsetRegressor"]


class SubsetClassifier(Streams, NeuralClassifier):
    """A classifier that can be asked what it says without some modalities."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **Streams._parameter_constraints,
        "class_weight": [dict, list, str, None],
        "calibrate": [StrOptions({"temperature"}), None],
    }

    def decision_function(
        self, X: Any, *, modalities: Collection[str] | None = None
    ) -> Any:
        """Compute the logits.

        Parameters
        ----------
        X : array-like, dataframe or ModalityFrame of n_samples rows
            What `fit` takes.
        modalities : collection of str or None, default=None
            Names of the modalities to predict from; the others count as absent in
            every row. None takes all of them.

        Returns
        -------
        logits : ndarray of shape (n_samples,) for two classes, else \
(n_samples, n_classes); a list of the latter for several outputs

        Raises
        ------
        ValueError
            If `modalities` names one that the data have not.

        Warns
        -----
        MissingModalityWarning
            If rows have none of the modalities: they get what the training rows had on
            the whole.
        """
        return self._target_of(X, "decision", modalities=modalities)

    def predict_proba(
        self, X: Any, *, modalities: Collection[str] | None = None
    ) -> Any:
        """Compute class probabilities.

        Parameters
        ----------
        X : array-like, dataframe or ModalityFrame of n_samples rows
            What `fit` takes.
        modalities : collection of str or None, default=None
            Names of the modalities to predict from; the others count as absent in
            every row. None takes all of them.

        Returns
        -------
        p : ndarray of shape (n_samples, n_classes), columns in the order of \
`classes_`; for yes-no labels (n_samples, n_outputs); a list for several outputs

        Raises
        ------
        ValueError
            If `modalities` names one that the data have not.

        Warns
        -----
        MissingModalityWarning
            If rows have none of the modalities: they get what the training rows had on
            the whole.
        """
        return self._target_of(X, "probabilities", modalities=modalities)

    def predict_log_proba(
        self, X: Any, *, modalities: Collection[str] | None = None
    ) -> Any:
        """Compute logarithms of the class probabilities.

        Parameters
        ----------
        X : array-like, dataframe or ModalityFrame of n_samples rows
            What `fit` takes.
        modalities : collection of str or None, default=None
            Names of the modalities to predict from; the others count as absent in
            every row. None takes all of them.

        Returns
        -------
        log_p : ndarray of shape (n_samples, n_classes), as `predict_proba`

        Raises
        ------
        ValueError
            If `modalities` names one that the data have not.

        Warns
        -----
        MissingModalityWarning
            If rows have none of the modalities: they get what the training rows had on
            the whole.
        """
        return self._target_of(X, "log_probabilities", modalities=modalities)

    def predict(self, X: Any, *, modalities: Collection[str] | None = None) -> NDArray:
        """Predict class labels.

        Parameters
        ----------
        X : array-like, dataframe or ModalityFrame of n_samples rows
            What `fit` takes.
        modalities : collection of str or None, default=None
            Names of the modalities to predict from; the others count as absent in
            every row. None takes all of them.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)

        Raises
        ------
        ValueError
            If `modalities` names one that the data have not.

        Warns
        -----
        MissingModalityWarning
            If rows have none of the modalities: they get what the training rows had on
            the whole.
        """
        return self._target_of(X, "decode", modalities=modalities)


class SubsetRegressor(Streams, NeuralRegressor):
    """A regressor that can be asked what it says without some modalities."""

    def predict(self, X: Any, *, modalities: Collection[str] | None = None) -> NDArray:
        """Predict numbers.

        Parameters
        ----------
        X : array-like, dataframe or ModalityFrame of n_samples rows
            What `fit` takes.
        modalities : collection of str or None, default=None
            Names of the modalities to predict from; the others count as absent in
            every row. None takes all of them.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs), float64

        Raises
        ------
        ValueError
            If `modalities` names one that the data have not.

        Warns
        -----
        MissingModalityWarning
            If rows have none of the modalities: they get what the training rows had on
            the whole.
        """
        return self._target_of(X, "decode", modalities=modalities)
