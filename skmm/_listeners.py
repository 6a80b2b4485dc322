"""Keras' epoch events, passed on to scikit-learn's callbacks."""

from __future__ import annotations

from typing import Any

import keras

__all__ = ["EpochEvents"]


class EpochEvents(keras.callbacks.Callback):
    """Tell scikit-learn's callbacks of each epoch, and stop when one of them asks.

    Parameters
    ----------
    estimator : NeuralEstimator
        The estimator that is being fitted.
    context : sklearn.callback.CallbackContext
        Context of its fit.
    X, y, sample_weight : object
        What `fit` was given.
    """

    def __init__(
        self, estimator: Any, context: Any, X: Any, y: Any, sample_weight: Any
    ):
        super().__init__()
        self.context = context
        weights = None if sample_weight is None else {"sample_weight": sample_weight}
        self.given = {"estimator": estimator, "X": X, "y": y, "metadata": weights}
        self.epoch: Any = None

    def watch(self, fitted: dict[str, Any], program: Any) -> EpochEvents:
        """Say where to find what makes the estimator ready to predict.

        Parameters
        ----------
        fitted : dict of str to object
            Its attributes, but for the weights.
        program : Program
            Holds the weights of the moment.

        Returns
        -------
        self : EpochEvents
        """
        self.fitted, self.program = fitted, program
        return self

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Open a task for this epoch."""
        self.epoch = self.context.subcontext(task_name="epoch")
        self.epoch.call_on_fit_task_begin(**self.given)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Close the task; stop the training if a callback asks for it."""
        stop = self.epoch.call_on_fit_task_end(
            **self.given, reconstruction_attributes=self._now
        )
        if stop:
            self.model.stop_training = True

    def _now(self) -> dict[str, Any]:
        weights = [*self.fitted["_weights"], self.program.get_weights()]
        return {**self.fitted, "_weights": weights}
