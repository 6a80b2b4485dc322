"""Estimators of one modality and one network."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Self

import keras
import numpy as np
from sklearn.utils.validation import validate_data

from skmm import training
from skmm._builders import build_program, builder_parameters, describe_target
from skmm._compat import seeded_build
from skmm._components import NestedParams, resolve
from skmm._network import unimodal_network
from skmm._neural import NeuralEstimator
from skmm._scikeras import translate
from skmm._tasks import NeuralClassifier, NeuralRegressor
from skmm.encoders._base import Encoder
from skmm.frame import ModalityFrame, ModalitySpec
from skmm.modalities.vector import VectorModality

__all__ = ["BaseNNClassifier", "BaseNNRegressor"]


class _OneModality(NestedParams, NeuralEstimator):
    """Read one array, and build one network for it."""

    _single_params: ClassVar[dict[str, str]] = {"network": "encoder"}
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **NeuralEstimator._parameter_constraints,
        "network": [str, Encoder, callable],
        "network_params": [dict, None],
        "loss": [str, keras.losses.Loss, callable, None],
    }

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Get the parameters of this estimator.

        Parameters
        ----------
        deep : bool, default=True
            Whether to include the parameters of the network: an encoder's, or a
            builder's own arguments.

        Returns
        -------
        params : dict of str to object
            Parameter names mapped to their values.
        """
        params = super().get_params(deep=deep)
        if deep and inspect.isroutine(self.network):
            own = {
                name: default
                for name, default in builder_parameters(self.network).items()
                if default is not inspect.Parameter.empty
            }
            own.update(self.network_params or {})
            params.update({f"network__{name}": v for name, v in own.items()})
        return params

    def _set_nested(self, head: str, tail: str, value: Any) -> bool:
        builder = self.network
        if head == "network" and tail and inspect.isroutine(builder):
            self.network_params = {**(self.network_params or {}), tail: value}
            return True
        return super()._set_nested(head, tail, value)

    @property
    def _is_builder(self) -> bool:
        return callable(self.network) and not isinstance(self.network, Encoder)

    def _check_X(self, X: Any, reset: bool) -> Any:
        if isinstance(X, ModalityFrame):
            if len(X.names) != 1:
                raise ValueError(
                    f"{type(self).__name__} takes one modality, got {X.names}: use "
                    "MultimodalClassifier or MultimodalRegressor, or X.select([name])."
                )
            return validate_data(self, X, reset=reset, skip_check_array=True)
        return validate_data(
            self,
            X,
            reset=reset,
            dtype=[np.float64, np.float32],
            order="C",  # sums round alike, whatever container the numbers come in
            allow_nd=True,
        )

    def _encode(self, table: Any, y: Any, fit: bool) -> ModalityFrame:
        if isinstance(table, ModalityFrame):
            return table
        if fit:
            scaled = VectorModality(standardize=not self._is_builder)
            self._modality = scaled.fit(table)
        array, present = self._modality.transform(table)
        spec = self._modality.spec("x")
        return ModalityFrame({"x": array}, {"x": spec}, present[:, None])

    def _network_specs(self, specs: Iterable[ModalitySpec]) -> list[ModalitySpec]:
        return list(specs) if self._is_builder else super()._network_specs(specs)

    def _components(self, frame: ModalityFrame) -> dict[str, Any]:
        (spec,) = frame.specs.values()
        if self._is_builder:
            return {}
        encoder = resolve(
            "encoder", spec.encoder if self.network == "auto" else self.network
        )
        if len(spec.shape) not in encoder.ranks:
            raise ValueError(
                f"{type(encoder).__name__} takes arrays of rank "
                f"{[r + 1 for r in encoder.ranks]}, rows included; X has rank "
                f"{len(spec.shape) + 1} (shape of a row: {spec.shape})."
            )
        return {"encoder_": encoder}

    def _loss(self, fitted: dict[str, Any]) -> training.Loss:
        target = fitted["_target"]
        return training.Loss(target.kind, target.sizes, keras_loss=self.loss)

    def _program_key(self, fitted: dict[str, Any]) -> Any:
        if self._is_builder:
            return object()
        return training.program_key(
            self._network_specs(fitted["_specs"]),
            [fitted["encoder_"]],
            self._loss(fitted),
            self.optimizer,
            self.weight_decay,
        )

    def _make_program(self, fitted: dict[str, Any]) -> training.Program:
        (spec,) = self._network_specs(fitted["_specs"])
        loss = self._loss(fitted)
        optimizer = training.make_optimizer(
            self.optimizer, self.learning_rate, self.weight_decay
        )
        if self._is_builder:
            return build_program(
                self.network,
                self.network_params or {},
                spec=spec,
                loss=loss,
                optimizer=optimizer,
                meta=describe_target(fitted["_target"], spec, fitted["n_outputs_"]),
                params=self.get_params(deep=False),
                seed=fitted["_fit_seed"],
            )
        with seeded_build(fitted["_fit_seed"]):
            network = unimodal_network(spec, fitted["encoder_"], sum(loss.sizes))
        return training.Program(network, loss, optimizer, takes_present=False)

    def _unimodal_scores(self, *_: Any) -> dict[str, Any]:
        return {}

    @classmethod
    def from_scikeras(cls, estimator: Any, **params: Any) -> Self:
        """Convert a wrapper of scikeras.

        Parameters
        ----------
        estimator : scikeras.wrappers.KerasClassifier or KerasRegressor
            With ``model=`` a builder function. Its parameters, the builder's own
            arguments among them, are taken over; what it has learned is not.
        **params : dict
            Parameters of this class that take precedence.

        Returns
        -------
        estimator : BaseNNClassifier or BaseNNRegressor
            Unfitted.

        Raises
        ------
        ValueError
            If a parameter has no counterpart.
        """
        return cls(**{**translate(estimator), **params})


class BaseNNClassifier(_OneModality, NeuralClassifier):
    """Classify one modality with one network.

    .. math:: p(y \\mid x) = \\mathrm{softmax}(W\\, e(x) + b)

    with the embedding :math:`e(x)` of shape (d,) and :math:`W` of shape
    (n_classes, d); a sigmoid of one logit for two classes.

    Parameters
    ----------
    network : str, Encoder or callable, default="auto"
        A key of ``available("encoder")``; an encoder; or a builder function that
        returns a `keras.Model` with one output. A builder asks by name for any of
        ``spec`` (`ModalitySpec`), ``n_outputs`` (number of logits) and, as in
        scikeras, ``meta`` and ``compile_kwargs``; its other arguments are searched as
        ``network__<argument>``. ``"auto"`` is ``"mlp"`` for 2-D and ``"cnn"`` for
        higher arrays. A builder sees X as it is; for encoders, floating arrays are
        standardised by the training rows.
    network_params : dict or None, default=None
        Arguments of a builder function.
    loss : str, keras.losses.Loss, callable or None, default=None
        A Keras loss on the network's output; None is the cross-entropy.
    optimizer : str or keras.optimizers.Optimizer, default="adamw"
        A Keras optimizer, by name with gradients clipped to a norm of 1, or as an
        instance whose configuration is copied.
    learning_rate : float, default=0.002
        Step size of the first epoch.
    weight_decay : float, default=0.001
        Decoupled weight decay of kernels and embeddings.
    schedule : {"cosine", "constant"}, default="cosine"
        Step size over epochs: down to zero along half a cosine, or left to Keras
        callbacks.
    epochs : int, default=50
        Largest number of passes over the rows.
    batch_size : int or "auto", default="auto"
        Rows in one step; ``"auto"`` is a 32nd of the rows, from 32 to 256.
    early_stopping : bool or "auto", default="auto"
        Whether to set validation rows apart, stop when their loss no longer falls and
        keep the best epoch's weights. ``"auto"``: above 10,000 rows, or when `fit` is
        given `X_val`.
    validation_fraction : float, default=0.1
        Share of rows set apart, between 0 and 1.
    n_iter_no_change : int, default=10
        Epochs without a lower validation loss before stopping.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes.
    callbacks : list of keras.callbacks.Callback, callable or None, default=None
        Keras callbacks, copied for each fit; or a function that returns them.
    warm_start : bool, default=False
        Whether `fit` goes on from the weights of the last one.
    random_state : int, RandomState or None, default=None
        Seed of weights, row order and dropout.
    verbose : int, default=0
        Whether to print a line for each epoch.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,), or list of ndarray
        Class labels.
    encoder_ : Encoder
        The encoder, unless `network` is a builder.
    history_ : dict of str to list of float
        ``"loss"``, ``"learning_rate"`` and, with validation rows, ``"val_loss"`` for
        each epoch.
    n_epochs_ : int
        Number of epochs trained.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, where X has names.
    n_outputs_ : int
        Number of outputs.
    network_ : keras.Model
        The trained network, built anew at each access.

    See Also
    --------
    MultimodalClassifier : Several modalities, straight from a dataframe.
    BaseNNRegressor : The same for numbers.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skmm import BaseNNClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> BaseNNClassifier(epochs=30, random_state=0).fit(X, y).score(X, y) > 0.9
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **_OneModality._parameter_constraints,
        "class_weight": [dict, list, str, None],
    }

    def __init__(
        self,
        network: str | Encoder | Callable = "auto",
        *,
        network_params: dict[str, Any] | None = None,
        loss: Any = None,
        optimizer: Any = "adamw",
        learning_rate: float = 0.002,
        weight_decay: float = 0.001,
        schedule: str = "cosine",
        epochs: int = 50,
        batch_size: int | str = "auto",
        early_stopping: bool | str = "auto",
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        class_weight: Any = None,
        callbacks: Any = None,
        warm_start: bool = False,
        random_state: Any = None,
        verbose: int = 0,
    ):
        self.network = network
        self.network_params = network_params
        self.loss = loss
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.epochs = epochs
        self.batch_size = batch_size
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.class_weight = class_weight
        self.callbacks = callbacks
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose


class BaseNNRegressor(_OneModality, NeuralRegressor):
    """Predict numbers from one modality with one network.

    .. math:: \\hat y = \\mu + \\sigma\\, (W\\, e(x) + b)

    with the embedding :math:`e(x)` of shape (d,), :math:`W` of shape (n_outputs, d),
    and the target's mean :math:`\\mu` and standard deviation :math:`\\sigma` over the
    training rows.

    Parameters
    ----------
    network : str, Encoder or callable, default="auto"
        A key of ``available("encoder")``; an encoder; or a builder function that
        returns a `keras.Model` with one output. A builder asks by name for any of
        ``spec`` (`ModalitySpec`), ``n_outputs`` (number of outputs) and, as in
        scikeras, ``meta`` and ``compile_kwargs``; its other arguments are searched as
        ``network__<argument>``. ``"auto"`` is ``"mlp"`` for 2-D and ``"cnn"`` for
        higher arrays. A builder sees X as it is; for encoders, floating arrays are
        standardised by the training rows.
    network_params : dict or None, default=None
        Arguments of a builder function.
    loss : str, keras.losses.Loss, callable or None, default=None
        A Keras loss on the network's output; None is the squared error of the
        standardised target. With a builder or a loss of your own the target is not
        standardised.
    optimizer : str or keras.optimizers.Optimizer, default="adamw"
        A Keras optimizer, by name with gradients clipped to a norm of 1, or as an
        instance whose configuration is copied.
    learning_rate : float, default=0.002
        Step size of the first epoch.
    weight_decay : float, default=0.001
        Decoupled weight decay of kernels and embeddings.
    schedule : {"cosine", "constant"}, default="cosine"
        Step size over epochs: down to zero along half a cosine, or left to Keras
        callbacks.
    epochs : int, default=50
        Largest number of passes over the rows.
    batch_size : int or "auto", default="auto"
        Rows in one step; ``"auto"`` is a 32nd of the rows, from 32 to 256.
    early_stopping : bool or "auto", default="auto"
        Whether to set validation rows apart, stop when their loss no longer falls and
        keep the best epoch's weights. ``"auto"``: above 10,000 rows, or when `fit` is
        given `X_val`.
    validation_fraction : float, default=0.1
        Share of rows set apart, between 0 and 1.
    n_iter_no_change : int, default=10
        Epochs without a lower validation loss before stopping.
    callbacks : list of keras.callbacks.Callback, callable or None, default=None
        Keras callbacks, copied for each fit; or a function that returns them.
    warm_start : bool, default=False
        Whether `fit` goes on from the weights of the last one.
    random_state : int, RandomState or None, default=None
        Seed of weights, row order and dropout.
    verbose : int, default=0
        Whether to print a line for each epoch.

    Attributes
    ----------
    encoder_ : Encoder
        The encoder, unless `network` is a builder.
    history_ : dict of str to list of float
        ``"loss"``, ``"learning_rate"`` and, with validation rows, ``"val_loss"`` for
        each epoch.
    n_epochs_ : int
        Number of epochs trained.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, where X has names.
    n_outputs_ : int
        Number of outputs.
    network_ : keras.Model
        The trained network, built anew at each access.

    See Also
    --------
    MultimodalRegressor : Several modalities, straight from a dataframe.
    BaseNNClassifier : The same for classes.

    Examples
    --------
    >>> from sklearn.datasets import make_regression
    >>> from skmm import BaseNNRegressor
    >>> X, y = make_regression(200, 5, random_state=0)
    >>> BaseNNRegressor(epochs=30, random_state=0).fit(X, y).score(X, y) > 0.9
    True
    """

    def __init__(
        self,
        network: str | Encoder | Callable = "auto",
        *,
        network_params: dict[str, Any] | None = None,
        loss: Any = None,
        optimizer: Any = "adamw",
        learning_rate: float = 0.002,
        weight_decay: float = 0.001,
        schedule: str = "cosine",
        epochs: int = 50,
        batch_size: int | str = "auto",
        early_stopping: bool | str = "auto",
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        callbacks: Any = None,
        warm_start: bool = False,
        random_state: Any = None,
        verbose: int = 0,
    ):
        self.network = network
        self.network_params = network_params
        self.loss = loss
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.epochs = epochs
        self.batch_size = batch_size
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.callbacks = callbacks
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    @property
    def _standardizes_y(self) -> bool:
        return self.loss is None and not self._is_builder
