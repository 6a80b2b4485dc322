"""Estimators of many modalities: from a dataframe to a fused network."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.utils.validation import validate_data

from skmm import training
from skmm._compat import Interval, seeded_build
from skmm._components import NestedParams, resolve
from skmm._network import multimodal_network
from skmm._neural import NeuralEstimator
from skmm._tasks import NeuralClassifier, NeuralRegressor
from skmm._validation import to_pandas
from skmm.encoders._base import Encoder
from skmm.frame import ModalityFrame
from skmm.fusion._base import Fusion
from skmm.transformer import ModalityTransformer

__all__ = ["MultimodalClassifier", "MultimodalRegressor"]


class _ManyModalities(NestedParams, NeuralEstimator):
    """Read a dataframe, and build encoders, fusion and head for it."""

    _named_params: ClassVar[dict[str, str]] = {
        "modalities": "modality",
        "encoders": "encoder",
    }
    _single_params: ClassVar[dict[str, str]] = {"fusion": "fusion"}
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **NeuralEstimator._parameter_constraints,
        "modalities": [str, list, tuple, ModalityTransformer],
        "encoders": [list, tuple, None],
        "fusion": [str, Fusion],
        "aux_weight": [Interval(Real, 0, None, closed="left")],
        "modality_dropout": [Interval(Real, 0, 1, closed="left")],
    }

    def _check_X(self, X: Any, reset: bool) -> Any:
        if not isinstance(X, ModalityFrame):
            X = to_pandas(_from_keras(X), estimator=self)
        return validate_data(self, X, reset=reset, skip_check_array=True)

    def _encode(self, table: Any, y: Any, fit: bool) -> ModalityFrame:
        if isinstance(table, ModalityFrame):
            return table
        if fit:
            transformer = self.modalities
            if not isinstance(transformer, ModalityTransformer):
                transformer = ModalityTransformer(transformer)
            # A frame comes out of it, whatever scikit-learn is configured to make.
            self.transformer_ = clone(transformer).set_output(transform="default")
            return self.transformer_.fit_transform(table, y)
        return self.transformer_.transform(table)

    def _arrays(self, frame: ModalityFrame) -> list[Any]:
        return [*super()._arrays(frame), frame.present.astype(np.float32)]

    def _components(self, frame: ModalityFrame) -> dict[str, Any]:
        given = dict(self.encoders or [])
        unknown = set(given) - set(frame.names)
        if unknown:
            raise ValueError(
                f"encoders names the modality {sorted(unknown)[0]!r}, but the data have "
                f"{frame.names}."
            )
        encoders = {
            name: resolve("encoder", given.get(name, spec.encoder))
            for name, spec in frame.specs.items()
        }
        for name, encoder in encoders.items():
            rank = len(frame.specs[name].shape)
            if rank not in encoder.ranks:
                raise ValueError(
                    f"modality {name!r}: {type(encoder).__name__} takes arrays whose "
                    f"rows have rank {list(encoder.ranks)}, this one has rank {rank} "
                    f"(shape {frame.specs[name].shape})."
                )
        return {"encoders_": encoders, "fusion_": resolve("fusion", self.fusion)}

    def _loss(self, fitted: dict[str, Any]) -> training.Loss:
        target = fitted["_target"]
        return training.Loss(target.kind, target.sizes, float(self.aux_weight))

    def _program_key(self, fitted: dict[str, Any]) -> Any:
        return training.program_key(
            self._network_specs(fitted["_specs"]),
            [*fitted["encoders_"].values(), fitted["fusion_"]],
            self._loss(fitted),
            self.modality_dropout,
            self.optimizer,
            self.weight_decay,
        )

    def _make_program(self, fitted: dict[str, Any]) -> training.Program:
        loss = self._loss(fitted)
        with seeded_build(fitted["_fit_seed"]):
            network = multimodal_network(
                self._network_specs(fitted["_specs"]),
                list(fitted["encoders_"].values()),
                fitted["fusion_"],
                sum(loss.sizes),
                modality_dropout=self.modality_dropout,
                unimodal=len(fitted["_specs"]) > 1 and self.aux_weight > 0,
            )
        optimizer = training.make_optimizer(
            self.optimizer, self.learning_rate, self.weight_decay
        )
        return training.Program(network, loss, optimizer)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        return tags

    def _unimodal_scores(
        self, fitted: dict[str, Any], program: Any, held_out: Any, score: Any
    ) -> dict[str, Any]:
        """Score each modality's own logits on the validation rows that have it."""
        if held_out is None or "unimodal" not in program.network.output:
            return {"unimodal_scores_": {}}
        (logits,) = training.predict(program, held_out.arrays, ["unimodal"])
        present = held_out.arrays[-1].astype(bool)
        target, scores = fitted["_target"], {}
        truth = target.truth(held_out.y)
        for m, spec in enumerate(fitted["_specs"]):
            rows = present[:, m]
            if rows.sum() > 1:
                scores[spec.name] = float(
                    score(truth[rows], target.decode(logits[m][rows]))
                )
        return {"unimodal_scores_": scores}


def _from_keras(X: Any) -> Any:
    """A dict or list of arrays, as Keras takes them, as a table of arrays."""
    if isinstance(X, (list, tuple)) and X and all(np.ndim(x) > 1 for x in X):
        X = {f"input_{i}": array for i, array in enumerate(X)}
    if not isinstance(X, Mapping) or issparse(X):  # one sparse format is a dict
        return X
    arrays = {str(name): np.asarray(array) for name, array in X.items()}
    lengths = {name: len(array) for name, array in arrays.items() if array.ndim}
    if len(lengths) < len(arrays) or len(set(lengths.values())) != 1:
        raise ValueError(
            f"the arrays of X must have one row for each sample, got {lengths} rows."
        )
    return pd.DataFrame(
        {n: a if a.ndim == 1 else pd.Series(list(a)) for n, a in arrays.items()}
    )


class MultimodalClassifier(_ManyModalities, NeuralClassifier):
    """Classify rows of several modalities, straight from a dataframe.

    .. math:: p(y \\mid x) = \\mathrm{softmax}(W\\, f(e_1(x_1), \\dots, e_M(x_M), a) + b)

    with embeddings :math:`e_m` of shape (d_m,), the fusion :math:`f` of shape (h,),
    :math:`W` of shape (n_classes, h), and :math:`a` in :math:`\\{0, 1\\}^M` saying which
    modalities the row has; a sigmoid of one logit for two classes. The loss is the
    cross-entropy plus `aux_weight` times the mean cross-entropy of each modality's own
    linear head.

    Parameters
    ----------
    modalities : "auto", list of (name, modality, columns) or \
ModalityTransformer, default="auto"
        How columns become modalities, as in `ModalityTransformer`; not used for a
        `ModalityFrame`. ``"auto"`` decides as `infer_modalities` says. A transformer,
        cloned, brings its `on_error`, `n_jobs` and `feature_names`.
    encoders : list of (name, encoder) or None, default=None
        Encoders for the modalities of these names: a key of ``available("encoder")``
        or an `Encoder`. Every other modality has the encoder that suits its kind.
    fusion : str or Fusion, default="gated"
        How embeddings are joined: a key of ``available("fusion")`` or a `Fusion`.
    aux_weight : float, default=0.5
        Weight of the modalities' own losses; 0 trains the fused one alone.
    modality_dropout : float, default=0.1
        Probability, in training, that a modality is taken for absent; from 0 to below
        1. One modality always stays.
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
    encoders_ : dict of str to Encoder
        Encoder of each modality.
    fusion_ : Fusion
        The fusion.
    transformer_ : ModalityTransformer
        Fitted on the training rows, unless X was a `ModalityFrame`.
    unimodal_scores_ : dict of str to float
        Accuracy (R2 for numbers) of each modality's own head on the validation rows
        that have it; empty without validation rows.
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
    MultimodalRegressor : The same for numbers.
    BaseNNClassifier : One array and a network of your own.
    ModalityTransformer : The same columns for any scikit-learn estimator.

    References
    ----------
    Arevalo et al. (2017), "Gated Multimodal Units for Information Fusion",
    arXiv:1702.01992 (the default fusion).

    Examples
    --------
    >>> import pandas as pd
    >>> from skmm import MultimodalClassifier
    >>> df = pd.DataFrame({
    ...     "age": [23, 71, 35, 64] * 8,
    ...     "note": ["fever and a dry cough", "no complaints at all"] * 16,
    ... })
    >>> y = ["ill", "well"] * 16
    >>> model = MultimodalClassifier(epochs=20, random_state=0).fit(df, y)
    >>> model.predict(df[:2]).tolist()
    ['ill', 'well']
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **_ManyModalities._parameter_constraints,
        "class_weight": [dict, list, str, None],
    }

    def __init__(
        self,
        modalities: Any = "auto",
        *,
        encoders: Any = None,
        fusion: Any = "gated",
        aux_weight: float = 0.5,
        modality_dropout: float = 0.1,
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
        self.modalities = modalities
        self.encoders = encoders
        self.fusion = fusion
        self.aux_weight = aux_weight
        self.modality_dropout = modality_dropout
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


class MultimodalRegressor(_ManyModalities, NeuralRegressor):
    """Predict numbers from rows of several modalities, straight from a dataframe.

    .. math:: \\hat y = \\mu + \\sigma\\, (W\\, f(e_1(x_1), \\dots, e_M(x_M), a) + b)

    with embeddings :math:`e_m` of shape (d_m,), the fusion :math:`f` of shape (h,),
    :math:`W` of shape (n_outputs, h), the target's mean and standard deviation
    :math:`\\mu, \\sigma` over the training rows, and :math:`a` in
    :math:`\\{0, 1\\}^M` saying which modalities the row has. The loss is the squared
    error of the standardised target plus `aux_weight` times the mean squared error of
    each modality's own linear head.

    Parameters
    ----------
    modalities : "auto", list of (name, modality, columns) or \
ModalityTransformer, default="auto"
        How columns become modalities, as in `ModalityTransformer`; not used for a
        `ModalityFrame`. ``"auto"`` decides as `infer_modalities` says. A transformer,
        cloned, brings its `on_error`, `n_jobs` and `feature_names`.
    encoders : list of (name, encoder) or None, default=None
        Encoders for the modalities of these names: a key of ``available("encoder")``
        or an `Encoder`. Every other modality has the encoder that suits its kind.
    fusion : str or Fusion, default="gated"
        How embeddings are joined: a key of ``available("fusion")`` or a `Fusion`.
    aux_weight : float, default=0.5
        Weight of the modalities' own losses; 0 trains the fused one alone.
    modality_dropout : float, default=0.1
        Probability, in training, that a modality is taken for absent; from 0 to below
        1. One modality always stays.
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
    encoders_ : dict of str to Encoder
        Encoder of each modality.
    fusion_ : Fusion
        The fusion.
    transformer_ : ModalityTransformer
        Fitted on the training rows, unless X was a `ModalityFrame`.
    unimodal_scores_ : dict of str to float
        Accuracy (R2 for numbers) of each modality's own head on the validation rows
        that have it; empty without validation rows.
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
    MultimodalClassifier : The same for classes.
    BaseNNRegressor : One array and a network of your own.
    ModalityTransformer : The same columns for any scikit-learn estimator.

    References
    ----------
    Arevalo et al. (2017), "Gated Multimodal Units for Information Fusion",
    arXiv:1702.01992 (the default fusion).

    Examples
    --------
    >>> import pandas as pd
    >>> from skmm import MultimodalRegressor
    >>> df = pd.DataFrame({
    ...     "rooms": [1, 2, 3, 4] * 8,
    ...     "ad": ["a dark room in the yard", "a bright flat with a view"] * 16,
    ... })
    >>> price = df["rooms"] * 100 + df["ad"].str.contains("bright") * 50
    >>> model = MultimodalRegressor(epochs=50, random_state=0).fit(df, price)
    >>> model.score(df, price) > 0.8
    True
    """

    def __init__(
        self,
        modalities: Any = "auto",
        *,
        encoders: Any = None,
        fusion: Any = "gated",
        aux_weight: float = 0.5,
        modality_dropout: float = 0.1,
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
        self.modalities = modalities
        self.encoders = encoders
        self.fusion = fusion
        self.aux_weight = aux_weight
        self.modality_dropout = modality_dropout
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
