"""Estimators of one modality and one network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from skmm._compat import StrOptions
from skmm._one_modality import OneModality
from skmm._tasks import NeuralClassifier, NeuralRegressor
from skmm.encoders._base import Encoder

__all__ = ["BaseNNClassifier", "BaseNNRegressor"]


class BaseNNClassifier(OneModality, NeuralClassifier):
    r"""Classify one modality with one network.

    .. math:: p(y \mid x) = \mathrm{softmax}(W\, e(x) + b)

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
    n_iter_no_change : int or "auto", default="auto"
        Epochs to wait for a validation loss lower by 0.001, three times as many until
        it is a hundredth below that of one answer for all rows; ``"auto"``: 10 and 30,
        from 2,000 rows on 5 and 30. The best epoch's weights are kept.
    time_limit : float or None, default=None
        Seconds that `fit` may take, decoding included; None sets no limit. Training
        ends with them, within an epoch if need be, and so does the schedule; the same
        seed then need not give the same weights. The best epoch's weights are kept, or
        the last without validation. One step is made at least, however slow its trace.
    on_nan : {"raise", "rollback"}, default="raise"
        An error that says why a loss is NaN or infinite, or that epoch anew with half
        the step size, up to five times; ``history_["rollbacks"]`` tells how often.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes.
    calibrate : {"temperature"} or None, default=None
        How to mend probabilities that are too sure or not sure enough:
        ``"temperature"`` divides the logits by one number, fitted on the validation
        rows, of which there must be some. Predicted labels stay the same.
    engine : {"auto", "graph", "xla"}, default="auto"
        What runs the training steps: TensorFlow's kernels one by one, or machine code
        that XLA compiles once for the network and the size of the data, which takes
        a second or two and makes steps of small dense networks several times faster.
        ``"auto"`` decides by the network, the number and size of the batches and
        `time_limit`.
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
    temperature_ : float
        What the logits of `network_` are divided by; 1 without `calibrate`.
    fit_report_ : dict
        How the last fit ran: ``"engine"`` and ``"reason"`` of its choice,
        ``"seconds_building"`` the network and ``"seconds_training"`` it, tracing and
        compiling included; with `calibrate` also ``"calibration_error"``, the
        expected one on the validation rows, before and after.
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
        **OneModality._parameter_constraints,
        "class_weight": [dict, list, str, None],
        "calibrate": [StrOptions({"temperature"}), None],
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
        n_iter_no_change: int | str = "auto",
        time_limit: float | None = None,
        on_nan: str = "raise",
        class_weight: Any = None,
        calibrate: str | None = None,
        engine: str = "auto",
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
        self.time_limit = time_limit
        self.on_nan = on_nan
        self.class_weight = class_weight
        self.calibrate = calibrate
        self.engine = engine
        self.callbacks = callbacks
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose


class BaseNNRegressor(OneModality, NeuralRegressor):
    r"""Predict numbers from one modality with one network.

    .. math:: \hat y = \mu + \sigma\, (W\, e(x) + b)

    with the embedding :math:`e(x)` of shape (d,), :math:`W` of shape (n_outputs, d),
    and the target's mean :math:`\mu` and standard deviation :math:`\sigma` over the
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
    n_iter_no_change : int or "auto", default="auto"
        Epochs to wait for a validation loss lower by 0.001, three times as many until
        it is a hundredth below that of one answer for all rows; ``"auto"``: 10 and 30,
        from 2,000 rows on 5 and 30. The best epoch's weights are kept.
    time_limit : float or None, default=None
        Seconds that `fit` may take, decoding included; None sets no limit. Training
        ends with them, within an epoch if need be, and so does the schedule; the same
        seed then need not give the same weights. The best epoch's weights are kept, or
        the last without validation. One step is made at least, however slow its trace.
    on_nan : {"raise", "rollback"}, default="raise"
        An error that says why a loss is NaN or infinite, or that epoch anew with half
        the step size, up to five times; ``history_["rollbacks"]`` tells how often.
    engine : {"auto", "graph", "xla"}, default="auto"
        What runs the training steps: TensorFlow's kernels one by one, or machine code
        that XLA compiles once for the network and the size of the data, which takes
        a second or two and makes steps of small dense networks several times faster.
        ``"auto"`` decides by the network, the number and size of the batches and
        `time_limit`.
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
    fit_report_ : dict
        How the last fit ran: ``"engine"`` and ``"reason"`` of its choice,
        ``"seconds_building"`` the network and ``"seconds_training"`` it, tracing and
        compiling included.
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
        n_iter_no_change: int | str = "auto",
        time_limit: float | None = None,
        on_nan: str = "raise",
        engine: str = "auto",
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
        self.time_limit = time_limit
        self.on_nan = on_nan
        self.engine = engine
        self.callbacks = callbacks
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    @property
    def _standardizes_y(self) -> bool:
        return self.loss is None and not self._is_builder
