"""A pretrained network, frozen or learning on."""

from __future__ import annotations

import copy
import inspect
import os
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import joblib
import keras
import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_scalar
from sklearn.utils.validation import check_is_fitted, check_memory

from skmm._cache import digest_rows, recall_rows, version_of
from skmm._memory import aligned
from skmm.encoders._base import Encoder
from skmm.encoders._parts import may_have_gaps, project
from skmm.encoders._snapshot import ADAPTED, Snapshot, adapt, forward, item_shape
from skmm.encoders._sources import load
from skmm.exceptions import ModalityError
from skmm.frame import ModalitySpec
from skmm.layers import (
    FoldAxis,
    ImageScaling,
    MaskedPooling,
    MaskMissing,
    Observed,
    PretrainedNetwork,
    UnfoldAxis,
)

__all__ = ["PretrainedEncoder"]

SCALINGS = ("tf", "torch", "caffe")
FEATURES = "pretrained"  # `encoder` of a spec whose array `prepare` has computed


class PretrainedEncoder(Encoder):
    """Use what another model has learned, as it is or learning on.

    ``h = LayerNorm(W f(x) + b)`` with the model f, whose tokens or places are pooled
    to their mean, f(x) of shape (batch, d) and h of shape (batch, units). Frozen,
    f(x) is computed once for each row, before training; otherwise f is a part of the
    network. Several images of a row go through f one by one, and the mean of those
    that are there is taken.

    Parameters
    ----------
    model : str, path, keras.Model, callable or transformer
        A ``.keras`` file; a folder in the layout of keras_hub or Hugging Face; the
        name of a model of `keras.applications`, such as ``"MobileNetV3Small"``; a
        built `keras.Model`; and, frozen only, any function from (n, ...) to (n, d)
        or a fitted scikit-learn transformer, which is given flat rows.
        Remote, that is downloaded: names of keras_hub's presets that are no path, and
        strings that begin with ``hf://``, ``kaggle://``, ``modelscope://`` or
        ``gs://``.
    weights : str, path or None, default=None
        For a model of `keras.applications`, a file of its weights without the
        classifier; ``"imagenet"`` is remote.
    trainable : {"none", "all", "lora"} or int, default="none"
        What learns on: nothing, all layers, low-rank matrices beside the kernels of
        all dense layers, or so many of the last layers that have weights.
        Batch normalisation never does.
    lora_rank : int, default=4
        Rank of these matrices, 1 or more.
    rate : float, default=0.05
        Factor of the estimator's step size for pretrained weights, above 0; small
        networks may gain from up to 1. Of low-rank matrices it is 1.
    output : str or None, default=None
        Name of the layer, or of one of several outputs, that is taken for f(x); of a
        classifier take the layer before its last. None is the model's output, and
        ``"sequence_output"`` of keras_hub's text models.
    preprocess : str, tuple of (float, float) or None, default="auto"
        How the numbers are scaled, which are 0 to 255 for images: ``"tf"`` to -1 to
        1, ``"torch"`` or ``"caffe"`` by ImageNet's statistics, a factor and an
        offset, or None, not at all. ``"auto"`` is as the model of
        `keras.applications` or keras_hub was trained, otherwise None.
    units : int, default=64
        Number of units of the embedding, 1 or more.
    dropout : float, default=0.1
        Share of f(x) that is dropped in training, 0 to 1.
    batch_size : int, default=32
        Rows for which f(x) is computed at a time.
    memory : str, object with the interface of joblib.Memory or None, default=None
        Where f(x) of a frozen model is kept, a folder by its path: folds and
        candidates of a search then compute each row once. See Notes.

    See Also
    --------
    skmm.encoders.cnn.CNNEncoder : Learns from your images alone.
    skmm.modalities.text.TextModality : ``tokenizer=`` gives a text model its ids.

    Notes
    -----
    An image is enlarged or shrunk where the model takes one size only, and repeated
    where it takes three channels: better give `ImageModality` the size that the model
    was trained on. Cloning keeps what the model has learned. A fitted estimator holds
    the model's weights, not its path. The process keeps up to four models at hand.

    Under `memory` a row is found again by its content, with the model's weights, the
    scaling and the versions of skmm, Keras and NumPy; a function by its code and what
    it encloses, but not by what it calls. joblib writes pickles into the folder, and
    whoever can write there can run code: take one of your own.

    References
    ----------
    Hu et al. (2022). LoRA: Low-Rank Adaptation of Large Language Models. ICLR,
    equation 3.

    Examples
    --------
    >>> import keras
    >>> from skmm import ModalitySpec
    >>> from skmm.encoders.pretrained import PretrainedEncoder
    >>> model = keras.Sequential(
    ...     [keras.Input((None, None, 3)), keras.layers.Conv2D(8, 3)]
    ... )
    >>> spec = ModalitySpec("photo", "image", (28, 28, 1), "uint8", "cnn")
    >>> encoder = PretrainedEncoder(model, trainable=1)
    >>> encoder.encode(keras.Input((28, 28, 1), dtype="uint8"), spec).shape
    (None, 64)
    """

    ranks: ClassVar[tuple[int, ...]] = (1, 2, 3, 4)
    standardized: ClassVar[bool] = False

    def __init__(
        self,
        model: Any,
        weights: str | os.PathLike | None = None,
        *,
        trainable: str | int = "none",
        lora_rank: int = 4,
        rate: float = 0.05,
        output: str | None = None,
        preprocess: str | tuple[float, float] | None = "auto",
        units: int = 64,
        dropout: float = 0.1,
        batch_size: int = 32,
        memory: Any = None,
    ):
        self.model = model
        self.weights = weights
        self.trainable = trainable
        self.lora_rank = lora_rank
        self.rate = rate
        self.output = output
        self.preprocess = preprocess
        self.units = units
        self.dropout = dropout
        self.batch_size = batch_size
        self.memory = memory

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        if isinstance(self.model, keras.Model):  # no Keras object is pickled
            state["model"] = Snapshot.of(self.model)
        return state

    def __sklearn_clone__(self) -> Self:
        return copy.deepcopy(self)  # a clone of a transformer would forget

    def settled(self, spec: ModalitySpec) -> Self:
        """Load the model, and fit it to the modality."""
        self._check_parameters()
        if self._is_function:
            self._check_function()
            return self
        if getattr(self.model, "name", None) == ADAPTED:
            return self
        snapshot, scaling = self._loaded()
        if self.preprocess != "auto":
            scaling = _checked_scaling(self.preprocess)
        adapted = adapt(snapshot, _without_sizes(spec), self.output, scaling)
        settled = copy.copy(self)
        given = {"model": adapted, "weights": None, "output": None, "preprocess": None}
        return settled.set_params(**given)

    def prepare(
        self, array: NDArray, present: NDArray, spec: ModalitySpec
    ) -> tuple[NDArray, ModalitySpec]:
        """Compute the features of a frozen model; NaN where an image of several lacks.

        Returns the array (n_samples, d), or (n_samples, k, d).
        """
        if self.trainable != "none":
            return array, spec
        n_items = spec.shape[0] if len(spec.shape) == 4 else 1
        items = array.reshape(len(array) * n_items, *item_shape(spec))
        there = np.repeat(present, n_items)
        if may_have_gaps(spec):
            there &= ~np.isnan(items).all(axis=tuple(range(1, items.ndim)))
        values = self._features(items, np.flatnonzero(there), spec)
        features = aligned((len(items), values.shape[1]), np.float32)
        features[there] = values
        features[~there & np.repeat(present, n_items)] = np.nan
        shape = (*spec.shape[: -len(item_shape(spec))], values.shape[1])
        made = ModalitySpec(spec.name, "vector", shape, "float32", FEATURES)
        return features.reshape(len(array), *shape), made

    def encode(self, x: Any, spec: ModalitySpec) -> Any:
        """Add the layers; returns (batch, units)."""
        name, ready = spec.name, spec.encoder == FEATURES
        rank = 1 if ready else len(item_shape(spec))
        is_set, seen = len(spec.shape) > rank, None
        if may_have_gaps(spec):
            seen = Observed(rank, name=f"{name}_seen")(x) if is_set else None
            x = MaskMissing(None, name=f"{name}_mask")(x)
        if not ready:
            x = FoldAxis(name=f"{name}_fold")(x) if is_set else x
            x = self._network(spec)(x)
            x = UnfoldAxis(spec.shape[0], name=f"{name}_unfold")(x) if is_set else x
        if is_set:
            x = MaskedPooling(name=f"{name}_pool_set")(x, seen)
        x = keras.layers.Dropout(self.dropout, name=f"{name}_dropout")(x)
        return project(x, self.units, name)

    def layer_params(self) -> dict[str, Any]:
        """Leave out what `prepare` depends on, and name weights by their digest."""
        params = {"units": self.units, "dropout": self.dropout}
        if self.trainable != "none":
            names = ("trainable", "lora_rank", "rate", "model")
            params |= {name: getattr(self, name) for name in names}
            params["model"] = getattr(self.model, "digest", self.model)
        return params

    def _network(self, spec: ModalitySpec) -> PretrainedNetwork:
        """Make the layer that holds the model."""
        settled = self.settled(spec)
        if self._is_function:
            raise ModalityError(f"{self.model!r} is no network, and has no layers.")
        network = PretrainedNetwork(
            settled.model.config,
            self.trainable,
            self.lora_rank,
            self.rate,
            name=f"{spec.name}_pretrained",
        )
        network.give(settled.model.weights)
        return network

    @property
    def _is_function(self) -> bool:
        named = isinstance(self.model, (str, os.PathLike, Snapshot, keras.Model))
        return not named

    def _check_parameters(self) -> None:
        if isinstance(self.trainable, str):
            if self.trainable not in ("none", "all", "lora"):
                raise ValueError(
                    "trainable must be 'none', 'all', 'lora' or a number of layers, "
                    f"got {self.trainable!r}."
                )
        elif isinstance(self.trainable, bool):
            raise TypeError("trainable must be a string or a number of layers.")
        else:
            check_scalar(self.trainable, "trainable", Integral, min_val=1)
        for name in ("lora_rank", "units", "batch_size"):
            check_scalar(getattr(self, name), name, Integral, min_val=1)
        check_scalar(self.rate, "rate", Real, min_val=0, include_boundaries="neither")
        check_memory(self.memory)

    def _check_function(self) -> None:
        """Check a function or a transformer."""
        if inspect.isclass(self.model):
            raise TypeError(
                f"model must be an instance, got the class {self.model.__name__}."
            )
        if hasattr(self.model, "transform"):
            check_is_fitted(
                self.model,
                msg="the transformer %(name)s of PretrainedEncoder is not fitted: fit "
                "it first, or declare it as the modality, which fits it in each fold.",
            )
        elif not callable(self.model):
            raise TypeError(
                "model must be a path, a name, a keras.Model, a function or a fitted "
                f"transformer, got {self.model!r}."
            )
        if self.trainable != "none":
            raise ValueError(
                f"trainable must be 'none' for {self.model!r}, which is no network; "
                f"got {self.trainable!r}."
            )
        if self.weights is not None or self.output is not None:
            raise ValueError("weights and output are for Keras models.")

    def _loaded(self) -> tuple[Snapshot, Any]:
        """Load the model, and say how numbers are scaled for it."""
        if isinstance(self.model, (str, os.PathLike)):
            return load(self.model, self.weights)
        if self.weights is not None:
            raise ValueError("weights= goes with a model of keras.applications alone.")
        if isinstance(self.model, Snapshot):
            return self.model, None
        return Snapshot.of(self.model), None

    def _features(self, items: NDArray, rows: NDArray, spec: ModalitySpec) -> NDArray:
        """Compute (len(rows), d), or find it in the memory."""
        compute = partial(self._compute, items, spec)
        if not len(rows):  # a row of zeros says how wide it would be
            blank = np.zeros((1, *items.shape[1:]), items.dtype)
            return self._compute(blank, spec, np.zeros(1, int))[:0]
        if self.memory is None:
            return compute(rows)
        padding = 0 if spec.vocabulary_size else None
        return recall_rows(
            digest_rows(items[rows], padding=padding),
            lambda chosen: compute(rows[chosen]),
            key=repr((_versions(), self._identity(spec))),
            memory=check_memory(self.memory),
        )

    def _compute(self, items: NDArray, spec: ModalitySpec, rows: NDArray) -> NDArray:
        """Apply the model to some of the items, batch by batch."""
        call = self._call(spec)
        parts = []
        for start in range(0, len(rows), self.batch_size):
            batch = items[rows[start : start + self.batch_size]]
            if spec.kind == "image":
                batch = batch.astype(np.uint8, copy=False)
            parts.append(self._checked(call(batch), len(batch)))
        return np.concatenate(parts)

    def _call(self, spec: ModalitySpec) -> Callable[[NDArray], Any]:
        if not self._is_function:
            model = self.settled(spec).model
            return lambda batch: forward(model, np.nan_to_num(batch, copy=False))
        scale = None if self.preprocess == "auto" else _checked_scaling(self.preprocess)
        scaled = partial(_scaled, scaling=scale)
        if hasattr(self.model, "transform"):
            return lambda b: self.model.transform(scaled(b).reshape(len(b), -1))
        return lambda batch: self.model(scaled(batch))

    def _checked(self, values: Any, n_rows: int) -> NDArray:
        """Check what a model returned of `n_rows` rows."""
        values = values.toarray() if hasattr(values, "toarray") else np.asarray(values)
        if values.ndim != 2 or len(values) != n_rows or values.dtype.kind not in "fiub":
            raise ModalityError(
                f"the model of PretrainedEncoder must return numbers of shape "
                f"({n_rows}, d) for {n_rows} rows, got {values.dtype.name} of shape "
                f"{values.shape}."
            )
        if np.isinf(values).any():
            raise ModalityError("the model of PretrainedEncoder returned infinity.")
        return values.astype(np.float32)

    def _identity(self, spec: ModalitySpec) -> Any:
        """Say all that features depend on besides the row."""
        if not self._is_function:
            return self.settled(spec).model.digest
        return _fingerprint(self.model), self.preprocess


def _without_sizes(spec: ModalitySpec) -> ModalitySpec:
    """Leave out what differs between folds and concerns no model: a text's length."""
    if not spec.vocabulary_size:
        return replace(spec, feature_names=None)
    return replace(spec, shape=(1,), vocabulary_size=1)


def _checked_scaling(scaling: Any) -> str | tuple[float, float] | None:
    """Check `preprocess`, which is not "auto"."""
    if scaling is None or (isinstance(scaling, str) and scaling in SCALINGS):
        return scaling
    if isinstance(scaling, (tuple, list)) and len(scaling) == 2:
        factor, offset = map(float, scaling)
        return factor, offset
    raise ValueError(
        f"preprocess must be 'auto', one of {SCALINGS}, a pair (factor, offset) or "
        f"None, got {scaling!r}."
    )


def _scaled(batch: NDArray, scaling: Any) -> NDArray:
    """Scale what a function is given, if it is asked for."""
    if scaling is None:
        return batch
    if isinstance(scaling, str):
        return np.asarray(ImageScaling(scaling)(batch))
    factor, offset = scaling
    return np.float32(factor) * batch + np.float32(offset)


def _fingerprint(model: Any) -> str:
    """Identify a function by its code and what it encloses, an object by its state."""
    parts: Any = model
    if inspect.isfunction(model):
        code = model.__code__
        constants = [c for c in code.co_consts if not inspect.iscode(c)]
        cells = [cell.cell_contents for cell in model.__closure__ or ()]
        parts = [code.co_code, code.co_names, constants, cells, model.__defaults__]
        parts += [model.__module__, model.__qualname__, _source(model)]
    try:
        return joblib.hash(parts)
    except Exception as error:
        raise ValueError(
            f"memory= needs a model that can be pickled, and {model!r} cannot be: "
            f"{error}; give memory=None, or a function of a module."
        ) from error


def _source(function: Callable) -> str:
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):  # typed in, not in a file
        return ""


@cache
def _versions() -> tuple[str, ...]:
    """Another version may give other bits."""
    names = ("skmm", "numpy", "keras", "tensorflow")
    return tuple(f"{name} {version_of(name)}" for name in names)
