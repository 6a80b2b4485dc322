"""A network that somebody else has trained, as one layer of ours."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import keras
from keras import ops
from numpy.typing import NDArray

from skmm._compat import layers_of
from skmm.layers._register import Shape, register

__all__ = ["ImageScaling", "PretrainedNetwork", "TokenInput"]

LORA_LAYERS = (keras.layers.Dense, keras.layers.EinsumDense)


@register
class PretrainedNetwork(keras.layers.Layer):
    """Apply a network, some of whose layers learn on.

    ``y = f(x)`` with x of shape (batch, ...) and y of shape (batch, d). Layers that
    learn move by ``rate`` times the step of all others. Batch normalisation keeps its
    statistics and its scale, so that a row's result depends on that row alone. Under
    low-rank adaptation a kernel W stays, and ``W + A B (alpha / rank)`` is applied,
    with A of shape (n, rank) drawn at random and B of shape (rank, m) zeros at first.

    Parameters
    ----------
    config : str
        JSON of the network, as `keras.saving.serialize_keras_object` gives it.
    tuned : {"none", "all", "lora"} or int, default="none"
        Which layers learn: none, all, the low-rank matrices of every dense layer, or
        so many of the last ones that have weights.
    lora_rank : int, default=4
        Rank of these matrices, 1 or more.
    rate : float, default=1.0
        Factor of the step size of pretrained weights.
    **kwargs : dict
        Keyword arguments of `keras.layers.Layer`.

    Attributes
    ----------
    given_weights : list of (keras.Variable, keras.Initializer)
        Where each weight starts in training; empty before `give`.

    References
    ----------
    Hu et al. (2022). LoRA: Low-Rank Adaptation of Large Language Models. ICLR,
    equation 3.
    """

    def __init__(
        self,
        config: str,
        tuned: str | int = "none",
        lora_rank: int = 4,
        rate: float = 1.0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.config, self.tuned = config, tuned
        self.lora_rank, self.rate = lora_rank, rate
        self.network = keras.saving.deserialize_keras_object(json.loads(config))
        self._starts = _Starts(self.network.weights)
        self._choose()

    def _choose(self) -> None:
        """Let the layers learn that shall, and no others."""
        chosen = self._chosen()
        for layer in layers_of(self.network)[1:]:
            layer.trainable = isinstance(layer, keras.Model)
        for layer in chosen:
            layer.trainable = True
        for layer in layers_of(self.network):
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.trainable = False
        if self.tuned == "lora":
            self._add_matrices(chosen)
            return
        for variable in self.network.trainable_variables:
            variable.rate_factor = self.rate  # which `training.update` looks for

    def _chosen(self) -> list[Any]:
        if self.tuned == "lora":
            every = layers_of(self.network)
            chosen = [la for la in every if type(la) in LORA_LAYERS and la.built]
            missing = "no dense layer, which low-rank adaptation is for"
        else:
            chosen = list(learning_layers(self.network))
            missing = "no layer that could learn"
        if not chosen and self.tuned != "none":
            raise ValueError(f"the pretrained network has {missing}.")
        if self.tuned == "none":
            return []
        return chosen if isinstance(self.tuned, str) else chosen[-self.tuned :]

    def _add_matrices(self, chosen: Sequence[Any]) -> None:
        for layer in chosen:
            if not layer.lora_enabled:
                layer.enable_lora(self.lora_rank)
            if layer.bias is not None:
                layer.bias.trainable = False

    def give(self, weights: Sequence[NDArray]) -> None:
        """Put pretrained weights into the network, and start from them ever after.

        Parameters
        ----------
        weights : sequence of ndarray
            In the network's order.
        """
        for variable, value in zip(self._starts.variables, weights, strict=True):
            variable.assign(value)
        self._starts.values = [_Given(value) for value in weights]

    @property
    def given_weights(self) -> list[tuple[Any, Any]]:
        """Say where each weight starts in training; nothing before `give`."""
        given, values = self._starts.variables, self._starts.values
        if not values:
            return []
        known = {id(variable) for variable in given}
        matrices = [v for v in self.network.weights if id(v) not in known]
        drawn = keras.initializers.HeUniform(), keras.initializers.Zeros()
        starts = [drawn[not v.name.endswith("_a")] for v in matrices]
        return [*zip(given, values, strict=True), *zip(matrices, starts, strict=True)]

    def call(self, x: Any, training: bool | None = None) -> Any:
        """Return (batch, d)."""
        return self.network(x, training=training)

    def compute_output_shape(self, x_shape: Shape) -> Shape:
        """Return (batch, d)."""
        return (x_shape[0], self.network.output_shape[-1])

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs; not the weights."""
        names = ("config", "tuned", "lora_rank", "rate")
        own = {name: getattr(self, name) for name in names}
        return {**super().get_config(), **own}


def learning_layers(network: keras.Model) -> Iterator[Any]:
    """Give the layers that have weights to learn, in order; models are looked into."""
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            yield from learning_layers(layer)
        elif layer.weights and not isinstance(layer, keras.layers.BatchNormalization):
            yield layer


class _Starts:
    """Weights and their starts, in no list that Keras would take for more weights."""

    def __init__(self, variables: Sequence[Any]):
        self.variables = list(variables)
        self.values: list[_Given] = []


class _Given(keras.initializers.Initializer):
    """Start a weight at a given value."""

    def __init__(self, value: NDArray):
        self.value = value

    def __call__(self, shape: Shape, dtype: Any = None) -> Any:
        return ops.convert_to_tensor(self.value, dtype=dtype)

    def get_config(self) -> dict[str, Any]:
        return {"value": self.value}


@register
class ImageScaling(keras.layers.Layer):
    """Scale bytes as a network of `keras.applications` was trained on them.

    Parameters
    ----------
    mode : str
        ``"tf"`` (-1 to 1), ``"torch"`` (0 to 1, standardised by ImageNet's moments)
        or ``"caffe"`` (blue, green and red less ImageNet's means); or the name of a
        module of `keras.applications`, for its ``preprocess_input``.
    **kwargs : dict
        Keyword arguments of `keras.layers.Layer`.
    """

    def __init__(self, mode: str, **kwargs: Any):
        super().__init__(**kwargs)
        self.mode = mode

    def call(self, x: Any) -> Any:
        """Return `x` of shape (batch, height, width, 3), scaled."""
        x = ops.cast(x, self.compute_dtype)
        if self.mode in ("tf", "torch", "caffe"):
            scale = keras.applications.imagenet_utils.preprocess_input
            return scale(x, data_format="channels_last", mode=self.mode)
        scale = getattr(keras.applications, self.mode).preprocess_input
        return scale(x, data_format="channels_last")

    def compute_output_shape(self, x_shape: Shape) -> Shape:
        """Return the shape of `x`."""
        return x_shape

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "mode": self.mode}


@register
class TokenInput(keras.layers.Layer):
    """Turn our token ids into one input of a text network.

    Ids run from 1 here, and 0 is padding.

    Parameters
    ----------
    what : {"ids", "mask", "segments"}
        ``max(x - 1, 0)``, 1 where there is a token, or zeros.
    **kwargs : dict
        Keyword arguments of `keras.layers.Layer`.
    """

    def __init__(self, what: str, **kwargs: Any):
        super().__init__(**kwargs)
        self.what = what

    def call(self, x: Any) -> Any:
        """Return int32 of the shape of `x`, (batch, t)."""
        x = ops.cast(x, "int32")
        if self.what == "ids":
            return ops.maximum(x - 1, 0)
        if self.what == "mask":
            return ops.cast(ops.not_equal(x, 0), "int32")
        return ops.zeros_like(x)

    def compute_output_spec(self, x: Any) -> keras.KerasTensor:
        """Describe ids of the shape of `x`."""
        return keras.KerasTensor(x.shape, dtype="int32")

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "what": self.what}
