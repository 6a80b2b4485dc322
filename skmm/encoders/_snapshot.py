"""Keras models as plain values, fitted to a modality. Must not import pandas."""

from __future__ import annotations

import hashlib
import json
import warnings
from functools import lru_cache
from typing import Any
from weakref import WeakValueDictionary

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from skmm._compat import seeded_build, unnamed_config
from skmm.exceptions import ModalityError
from skmm.frame import ModalitySpec
from skmm.layers import (
    ImageScaling,
    MaskedPooling,
    Observed,
    TokenInput,
    padded_length,
)

__all__ = ["ADAPTED", "Snapshot", "adapt", "forward", "item_shape"]

ADAPTED = "skmm_features"  # name of a model that `adapt` made
IDS = ("token_ids", "input_ids", "ids", "tokens")
MASKS = ("padding_mask", "attention_mask", "mask")
SEGMENTS = ("segment_ids", "token_type_ids")


class Snapshot:
    """A Keras model as its configuration and its weights, which nothing changes.

    Parameters
    ----------
    config : str
        JSON, as `keras.saving.serialize_keras_object` gives it.
    weights : list of ndarray
        In the model's order.
    digest : str
        Equal for models that compute the same, whatever their layers are called.
    name : str
        The model's name.
    """

    def __init__(self, config: str, weights: list[NDArray], digest: str, name: str):
        self.name = name
        self.config = config
        self.weights = weights
        self.digest = digest

    @classmethod
    def of(cls, model: keras.Model) -> Snapshot:
        """Copy a model, if no copy of it is at hand.

        Parameters
        ----------
        model : keras.Model
            Built, of Keras' own layers or registered ones.

        Returns
        -------
        snapshot : Snapshot
        """
        if not model.built:
            raise ValueError(
                f"the model {model.name!r} has no weights yet: build or call it."
            )
        with warnings.catch_warnings():  # of functions, which `build` refuses
            warnings.simplefilter("ignore", UserWarning)
            described = keras.saving.serialize_keras_object(model)
        described.pop("compile_config", None)  # a loss may be anybody's function
        config = json.dumps(described)
        weights = [np.array(w) for w in model.get_weights()]
        hashed = hashlib.sha256(repr(unnamed_config(model)).encode())
        for weight in weights:
            weight.flags.writeable = False
            hashed.update(repr(_content(weight)).encode())
        made = cls(config, weights, hashed.hexdigest(), model.name)
        return _alive.setdefault(made._identity, made)

    def build(self) -> keras.Model:
        """Make a model of it that shares nothing with any other."""
        with seeded_build(0):
            model = keras.saving.deserialize_keras_object(json.loads(self.config))
        model.set_weights(self.weights)
        return model

    @property
    def _identity(self) -> tuple[str, str]:
        return self.config, self.digest

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Snapshot) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    def __copy__(self) -> Snapshot:
        return self

    def __deepcopy__(self, memo: Any) -> Snapshot:
        return self

    def __repr__(self) -> str:
        n_weights = sum(weight.size for weight in self.weights)
        return f"<Keras model of {n_weights} weights, {self.digest[:8]}>"


# Clones of an estimator share one copy, and so does a pickle.
_alive: WeakValueDictionary[tuple[str, str], Snapshot] = WeakValueDictionary()


@lru_cache(maxsize=4)
def adapt(
    snapshot: Snapshot, spec: ModalitySpec, output: str | None, scaling: Any
) -> Snapshot:
    """Make a model that takes one item of a modality and returns one vector.

    Parameters
    ----------
    snapshot : Snapshot
        The model as it came.
    spec : ModalitySpec
        What the modality's array holds; of several images in a row, one is taken.
    output : str or None
        Name of a layer or of one of several outputs; None is the only output.
    scaling : str, tuple of float or None
        Mode of `ImageScaling`, factor and offset of the numbers, or None.

    Returns
    -------
    snapshot : Snapshot
        Of a model from (batch, *item) to (batch, d).

    Raises
    ------
    ModalityError
        If the model takes something else than the modality holds.
    """
    base = snapshot.build()
    with seeded_build(0):
        base = _with_output(base, output)
        output = None if _inputs(base) else output
        observed = None
        if spec.vocabulary_size:
            x = keras.Input((None,), dtype="int32", name="values")
            observed = Observed(0, name="observed")(x)
            y = base(_token_inputs(x, base, spec))
        else:
            x = keras.Input(item_shape(spec), name="values")
            y = base(_fitting(x, base, spec, scaling))
        y = _pooled(_one(y, output), observed)
        model = keras.Model(x, y, name=ADAPTED)
    adapted = Snapshot.of(model)
    held = {_content(weight): weight for weight in snapshot.weights}
    adapted.weights = [held.get(_content(w), w) for w in adapted.weights]
    return adapted


def _content(weight: NDArray) -> tuple:
    """Identify a weight, so that no second copy of it need be kept."""
    hashed = hashlib.sha256(np.ascontiguousarray(weight))
    return weight.dtype.str, weight.shape, hashed.digest()


def item_shape(spec: ModalitySpec) -> tuple[int, ...]:
    """Shape of what a model takes: a row, or one image of several.

    Parameters
    ----------
    spec : ModalitySpec
        What the modality's array holds.

    Returns
    -------
    shape : tuple of int
    """
    return spec.shape[1:] if len(spec.shape) == 4 else spec.shape


def _with_output(base: keras.Model, output: str | None) -> keras.Model:
    """Let a graph end at the output, or the layer, of that name.

    Layers beyond it are left out: those that learn on are counted from the end.
    """
    places: Any = _inputs(base)
    if not places:
        return base
    if output in {layer.name for layer in base.layers}:
        end = base.get_layer(output).output
    elif len(base.outputs) == 1 and output is None:
        return base
    elif len(base.outputs) == 1:
        names = [layer.name for layer in base.layers]
        raise ValueError(
            f"output must be the name of a layer, got {output!r}: {names}."
        )
    else:
        end = _one(base.output, output)
    if _takes_dict(base):
        places = {place.name: place for place in places}
    return keras.Model(places, end, name="pretrained")


def _inputs(base: keras.Model) -> list[Any]:
    """Symbolic inputs of a model; of one that is no graph there are none."""
    return list(getattr(base, "inputs", None) or [])


def _takes_dict(base: keras.Model) -> bool:
    """Whether a model is a graph of named inputs."""
    graph = bool(_inputs(base)) and not isinstance(base, keras.Sequential)
    return graph and isinstance(base.input, dict)


def _token_inputs(x: Any, base: keras.Model, spec: ModalitySpec) -> Any:
    """Make what a text model takes of our ids."""
    kinds = {"ids": IDS, "mask": MASKS, "segments": SEGMENTS}
    made = {}
    for place in _inputs(base):
        what = next((k for k, names in kinds.items() if place.name in names), None)
        if len(_inputs(base)) == 1:
            what = "ids"
        if what is None or len(place.shape) != 2:
            raise ModalityError(
                f"modality {spec.name!r} holds token ids, and the pretrained model has "
                f"the input {place.name!r} of shape {place.shape[1:]}; it must take "
                f"ids, and may take a mask and segments, called {IDS[0]!r}, "
                f"{MASKS[0]!r} and {SEGMENTS[0]!r}."
            )
        made[place.name] = TokenInput(what, name=what)(x)
    if len(made) > 1 or _takes_dict(base):
        return made
    return next(iter(made.values()), x)


def _fitting(x: Any, base: keras.Model, spec: ModalitySpec, scaling: Any) -> Any:
    """Give numbers the size, the channels and the scale that a model takes."""
    wanted = [tuple(place.shape[1:]) for place in _inputs(base)]
    wanted = wanted or [x.shape[1:]]  # it is no graph, and says nothing
    if len(wanted) != 1 or len(wanted[0]) != len(x.shape) - 1:
        raise ModalityError(
            f"modality {spec.name!r} holds arrays of shape {item_shape(spec)}, and the "
            f"pretrained model takes {wanted}"
            + (
                "; text needs TextModality(tokenizer=...)."
                if spec.kind == "text"
                else "."
            )
        )
    (shape,) = wanted
    if len(shape) == 3:
        if x.shape[-1] == 1 and shape[-1] == 3:
            x = keras.layers.Concatenate(name="colours")([x, x, x])
        if None not in shape[:2] and x.shape[1:3] != shape[:2]:
            x = keras.layers.Resizing(*shape[:2], name="resize")(x)
    pairs = zip(x.shape[1:], shape, strict=True)
    if any(want not in (None, size) for size, want in pairs):
        raise ModalityError(
            f"modality {spec.name!r} holds arrays of shape {item_shape(spec)}, and the "
            f"pretrained model takes {shape}."
        )
    if isinstance(scaling, str):
        x = ImageScaling(scaling, name="scale")(x)
    elif scaling is not None:
        x = keras.layers.Rescaling(*scaling, name="scale")(x)
    return {_inputs(base)[0].name: x} if _takes_dict(base) else x


def _one(y: Any, output: str | None) -> Any:
    """Choose one of a model's outputs."""
    if isinstance(y, dict) and output is None:
        # Of keras_hub's text models: every token, to be pooled.
        output = "sequence_output" if "sequence_output" in y else None
        output = next(iter(y)) if len(y) == 1 else output
    if isinstance(y, dict) and output in y:
        return y[output]
    if isinstance(y, (list, tuple)) and len(y) == 1:
        return y[0]
    if isinstance(y, (dict, list, tuple)):
        raise ValueError(
            f"the pretrained model has {len(y)} outputs: output must be "
            + (f"one of {sorted(y)}" if isinstance(y, dict) else "the name of a layer")
            + f", got {output!r}."
        )
    return y


def _pooled(y: Any, observed: Any) -> Any:
    """Take the mean over tokens or places, as float32."""
    if len(y.shape) < 2 or y.shape[-1] is None:
        raise ValueError(f"the pretrained model returns {y.shape}: vectors are needed.")
    if len(y.shape) > 2:
        y = MaskedPooling(name="pool")(y, observed if len(y.shape) == 3 else None)
    return keras.layers.Activation("linear", dtype="float32", name="features")(y)


def forward(snapshot: Snapshot, items: NDArray) -> NDArray:
    """Apply an adapted model.

    Parameters
    ----------
    snapshot : Snapshot
        As `adapt` made it.
    items : ndarray of shape (n, ...)
        One batch.

    Returns
    -------
    features : ndarray of shape (n, d), float32
    """
    dtype, call = _compiled(snapshot)
    padded = np.zeros((padded_length(len(items)), *items.shape[1:]), dtype)
    padded[: len(items)] = items
    return np.asarray(call(padded))[: len(items)]


@lru_cache(maxsize=4)
def _compiled(snapshot: Snapshot) -> tuple[str, Any]:
    model = snapshot.build()
    (x,) = model.inputs
    signature = [tf.TensorSpec(x.shape, x.dtype)]
    call = tf.function(
        lambda x: model(x, training=False), input_signature=signature, autograph=False
    )
    return x.dtype, call
