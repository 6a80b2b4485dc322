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
    fitted : dict of str to object
        Attributes that make the estimator ready to predict, but for its weights.
    program : Program
        Holds the weights of the moment.
    """

    def __init__(
        self, estimator: Any, context: Any, fitted: dict[str, Any], program: Any
    ):
        super().__init__()
        self.estimator = estimator
        self.context = context
        self.fitted = fitted
        self.program = program
        self.epoch: Any = None

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Open a task for this epoch."""
        self.epoch = self.context.subcontext(task_name="epoch")
        self.epoch.call_on_fit_task_begin(estimator=self.estimator)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Close the task; stop the training if a callback asks for it."""
        stop = self.epoch.call_on_fit_task_end(
            estimator=self.estimator,
            metadata=logs,
            reconstruction_attributes=self._now,
        )
        if stop:
            self.model.stop_training = True

    def _now(self) -> dict[str, Any]:
        return {**self.fitted, "_weights": self.program.get_weights()}
