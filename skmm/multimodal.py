"""Estimators of many modalities: from a dataframe to a fused network."""

from __future__ import annotations

from typing import Any

from skmm._subsets import SubsetClassifier, SubsetRegressor

__all__ = ["MultimodalClassifier", "MultimodalRegressor"]


class MultimodalClassifier(SubsetClassifier):
    r"""Classify rows of several modalities, straight from a dataframe.

    .. math:: p(y \mid x) = \mathrm{softmax}(W\, f(e_1(x_1), \dots, e_M(x_M), a) + b)

    with embeddings :math:`e_m` of shape (d_m,), the fusion :math:`f` of shape (h,),
    :math:`W` of shape (n_classes, h), and :math:`a` in :math:`\{0, 1\}^M` saying
    which modalities the row has; a sigmoid of one logit for two classes. The loss is
    the cross-entropy plus `aux_weight` times the mean cross-entropy of each modality's
    own linear head. Where there are images or sounds beside other modalities, a second
    network, smaller and by weights of its own, reads those others alone; its
    cross-entropy is added.

    Parameters
    ----------
    modalities : "auto", list of triples or ModalityTransformer, default="auto"
        How columns become modalities: triples (name, modality, columns) as in
        `ModalityTransformer`; ``"auto"`` decides as `infer_modalities` says. A
        transformer, cloned, brings its `on_error`, `n_jobs` and `feature_names`. Not
        used for a `ModalityFrame`.
    encoders : list of (name, encoder) or None, default=None
        Encoders for the modalities of these names, or of these kinds: a key of
        ``available("encoder")`` or an `Encoder`. What is the name of a modality is no
        kind. Every other modality has the encoder that suits it.
    fusion : str or Fusion, default="auto"
        How embeddings are joined: a key of ``available("fusion")`` or a `Fusion`.
        ``"auto"`` is ``"gated"``, and ``"concat"`` for one modality.
    ensemble_size : int or "auto", default="auto"
        Number of networks, of which the probabilities are averaged. Several share the
        rows out: each validates, and stops early, on rows that it is not trained on,
        at most a fifth, or from 2,000 rows on a tenth. ``"auto"``: 2 to 5 from 20 to
        30,000 rows, the fewer the more there is to read and to learn; 1 otherwise, in
        `partial_fit`, and where `early_stopping` or `X_val` settles validation.
    aux_weight : float, default=0.5
        Weight of the modalities' own losses; 0 trains the fused network alone.
    pretrain_epochs : int, default=0
        Epochs in which each modality is trained by its own head alone, before all are
        trained together; not in `partial_fit`, and not in ``history_``. They have their
        part of `time_limit`.
    guard : bool, default=True
        Whether the modalities' own heads, and the second network, get a share of the
        decision, up to 24 of 25 parts, where that predicts better on rows that were not
        trained on; ``decision_weights_`` tells. If not, a `FusionWarning` says where
        one modality alone does better on them than all together. It takes `aux_weight`
        above 0, and rows that are set apart or given.
    modality_dropout : float, default=0.1
        Probability, in training, that a modality is taken from a row, which is learned
        from as it is as well; from 0 to below 1. One modality always stays.
    modality_swap : float, default=0.1
        Probability, in training, that the embedding of one modality, any that the row
        has, is another row's; from 0 to below 1. It teaches to believe none alone.
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
        given `X_val`; and always where there are several networks.
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
        that XLA compiles, for some seconds, once for the network and the size of the
        data: several times faster for small dense networks. ``"auto"`` decides by the
        network, the number and size of the batches and `time_limit`.
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
    decision_weights_ : dict of str to float
        Share in the decision of each modality's own head, and of the second network
        under the names of what it reads, joined by "+" (of both under a single name).
        The rest is the fused network's. Chosen on validation rows; empty without them.
    history_ : dict of str to list of float
        ``"loss"``, ``"learning_rate"`` and, with validation rows, ``"val_loss"`` for
        each epoch.
    n_epochs_ : int
        Number of epochs trained.
    temperature_ : float
        What logits are divided by, before probabilities are averaged; 1 without
        `calibrate`.
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
        The trained network, built anew at each access; several are one that holds
        them, pools their logits and lays their embeddings side by side.

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

    def __init__(
        self,
        modalities: Any = "auto",
        *,
        encoders: Any = None,
        fusion: Any = "auto",
        ensemble_size: int | str = "auto",
        aux_weight: float = 0.5,
        pretrain_epochs: int = 0,
        guard: bool = True,
        modality_dropout: float = 0.1,
        modality_swap: float = 0.1,
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
        self.modalities = modalities
        self.encoders = encoders
        self.fusion = fusion
        self.ensemble_size = ensemble_size
        self.aux_weight = aux_weight
        self.pretrain_epochs = pretrain_epochs
        self.guard = guard
        self.modality_dropout = modality_dropout
        self.modality_swap = modality_swap
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


class MultimodalRegressor(SubsetRegressor):
    r"""Predict numbers from rows of several modalities, straight from a dataframe.

    .. math:: \hat y = \mu + \sigma\, (W\, f(e_1(x_1), \dots, e_M(x_M), a) + b)

    with embeddings :math:`e_m` of shape (d_m,), the fusion :math:`f` of shape (h,),
    :math:`W` of shape (n_outputs, h), the target's mean and standard deviation
    :math:`\mu, \sigma` over the training rows, and :math:`a` in
    :math:`\{0, 1\}^M` saying which modalities the row has. The loss is the squared
    error of the standardised target plus `aux_weight` times the mean squared error of
    each modality's own linear head.

    Parameters
    ----------
    modalities : "auto", list of triples or ModalityTransformer, default="auto"
        How columns become modalities: triples (name, modality, columns) as in
        `ModalityTransformer`; ``"auto"`` decides as `infer_modalities` says. A
        transformer, cloned, brings its `on_error`, `n_jobs` and `feature_names`. Not
        used for a `ModalityFrame`.
    encoders : list of (name, encoder) or None, default=None
        Encoders for the modalities of these names, or of these kinds: a key of
        ``available("encoder")`` or an `Encoder`. What is the name of a modality is no
        kind. Every other modality has the encoder that suits it.
    fusion : str or Fusion, default="auto"
        How embeddings are joined: a key of ``available("fusion")`` or a `Fusion`.
        ``"auto"`` is ``"gated"``, and ``"concat"`` for one modality.
    ensemble_size : int or "auto", default="auto"
        Number of networks, of which the predictions are averaged. Several share the
        rows out: each validates, and stops early, on rows that it is not trained on,
        at most a fifth, or from 2,000 rows on a tenth. ``"auto"``: 2 to 5 from 20 to
        30,000 rows, the fewer the more there is to read and to learn; 1 otherwise, in
        `partial_fit`, and where `early_stopping` or `X_val` settles validation.
    aux_weight : float, default=0.5
        Weight of the modalities' own losses; 0 trains the fused network alone.
    pretrain_epochs : int, default=0
        Epochs in which each modality is trained by its own head alone, before all are
        trained together; not in `partial_fit`, and not in ``history_``. They have their
        part of `time_limit`.
    guard : bool, default=True
        Whether the modalities' own heads, and the second network, get a share of the
        decision, up to 24 of 25 parts, where that predicts better on rows that were not
        trained on; ``decision_weights_`` tells. If not, a `FusionWarning` says where
        one modality alone does better on them than all together. It takes `aux_weight`
        above 0, and rows that are set apart or given.
    modality_dropout : float, default=0.1
        Probability, in training, that a modality is taken from a row, which is learned
        from as it is as well; from 0 to below 1. One modality always stays.
    modality_swap : float, default=0.0
        Probability, in training, that the embedding of one modality, any that the row
        has, is another row's; from 0 to below 1. It teaches to believe none alone.
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
        given `X_val`; and always where there are several networks.
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
        that XLA compiles, for some seconds, once for the network and the size of the
        data: several times faster for small dense networks. ``"auto"`` decides by the
        network, the number and size of the batches and `time_limit`.
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
    decision_weights_ : dict of str to float
        Share in the decision of each modality's own head, and of the second network
        under the names of what it reads, joined by "+" (of both under a single name).
        The rest is the fused network's. Chosen on validation rows; empty without them.
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
        The trained network, built anew at each access; several are one that holds
        them, pools their logits and lays their embeddings side by side.

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
        fusion: Any = "auto",
        ensemble_size: int | str = "auto",
        aux_weight: float = 0.5,
        pretrain_epochs: int = 0,
        guard: bool = True,
        modality_dropout: float = 0.1,
        modality_swap: float = 0.0,
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
        self.modalities = modalities
        self.encoders = encoders
        self.fusion = fusion
        self.ensemble_size = ensemble_size
        self.aux_weight = aux_weight
        self.pretrain_epochs = pretrain_epochs
        self.guard = guard
        self.modality_dropout = modality_dropout
        self.modality_swap = modality_swap
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
