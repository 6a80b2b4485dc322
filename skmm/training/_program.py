"""A network with its optimizer and its compiled functions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property, partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from skmm._compat import (
    layers_of,
    logits_of,
    seed_state_of,
    without_tracing_warning,
)
from skmm.layers import TokenEmbedding, drop, tracing_for_xla
from skmm.training._call import call_unchecked
from skmm.training._distribution import Workers
from skmm.training._losses import Loss
from skmm.training._optimizers import LAZY_ROWS, own_rate, update
from skmm.training._weights import draw, initializers, parts_of

__all__ = ["Program"]


class Program:
    """A network, its optimizer, and functions traced once for any number of rows.

    Parameters
    ----------
    network : keras.Model
        Takes a list of arrays and returns a dict: ``"embedding"`` and either
        ``"logits"``, or ``"output"`` which `activation` turns back into logits; of
        several modalities also ``"unimodal"`` and ``"aside"``.
    loss : Loss
        Loss of one row.
    optimizer : keras.optimizers.Optimizer
        Not built yet.
    model : keras.Model or None, default=None
        The network as its maker knows it, shown to callbacks; None is `network`.
    activation : {"linear", "sigmoid", "softmax"} or None, default="linear"
        What the network ends in: its output is turned back into logits. None takes
        it as it is.
    takes_present : bool, default=True
        Whether the network's last input is ``present`` (batch, n_modalities).
    own_optimizer : bool, default=False
        Whether the optimizer is the user's, with a step size of its own.
    given_weights : bool, default=False
        Whether training starts from the weights that the network has now, and not
        from new ones.

    Attributes
    ----------
    rate : float or None
        Step size of the user's optimizer; None leaves it to the recipe.
    fixed_rate : bool
        Whether the user's optimizer follows a schedule of Keras.
    """

    def __init__(
        self,
        network: keras.Model,
        loss: Loss,
        optimizer: keras.optimizers.Optimizer,
        *,
        model: keras.Model | None = None,
        activation: str | None = "linear",
        takes_present: bool = True,
        own_optimizer: bool = False,
        given_weights: bool = False,
    ):
        speed_up(network)
        self.network = network
        self.model = network if model is None else model
        self.loss = loss
        self.optimizer = optimizer
        self.activation = activation
        self.takes_present = takes_present
        self.rate = own_rate(optimizer) if own_optimizer else None
        self.fixed_rate = own_optimizer and self.rate is None
        self.loaded: Any = None  # the list of weights that the network holds
        self._initializers = initializers(network)
        self.start = self.get_weights() if given_weights else None
        signature = [tf.TensorSpec([None, *x.shape[1:]], x.dtype) for x in self.inputs]
        target = tf.TensorSpec([None, None], tf.float32)
        weight = tf.TensorSpec([None], tf.float32)
        order = tf.TensorSpec([None, None], tf.int32)
        whole, real = tf.TensorSpec([], tf.int32), tf.TensorSpec([], tf.float32)
        data = (signature, target, weight)
        self.forward = _Traced(self._forward, signature)
        self.evaluate = _Traced(self._evaluate, *data)
        self._takes = run = (*data, order, whole, whole, real)
        self.engines = {
            "graph": _Traced(self._run, *run),
            "xla": _Traced(self._run_padded, *run, jit_compile=True),
        }
        self._shared: dict[Workers, _Traced] = {}

    @property
    def inputs(self) -> list[Any]:
        """Symbolic inputs of the network, in order."""
        return list(self.network.inputs)

    def outputs(self, x: list[Any], training: bool) -> dict[str, Any]:
        """Apply the network; what it returns, as a dict with its logits."""
        # A list for one input is deprecated by Keras for single-input models.
        outputs = self.network(x if len(x) > 1 else x[0], training=training)
        if "output" not in outputs:
            return outputs
        raw = outputs["output"]
        return {**outputs, "logits": _logits(raw, self.activation)}

    def _forward(self, x: list[Any]) -> dict[str, Any]:
        return self.outputs(x, training=False)

    def _row_losses(self, x: list[Any], y: Any, training: bool) -> list[Any]:
        present = x[-1] if self.takes_present else None
        return self.loss.parts(self.outputs(x, training), y, present)

    def steps(self, engine: str, workers: Workers | None = None) -> Any:
        """Give the function that trains; with others, a graph for a share of it."""
        if workers is None:
            return self.engines[engine]
        if workers not in self._shared:
            run = partial(self._loop, False, workers=workers)
            self._shared[workers] = _Traced(run, *self._takes)
        return self._shared[workers]

    def _run(self, *args: Any) -> Any:
        return self._loop(False, *args)

    def _run_padded(self, *args: Any) -> Any:
        with tracing_for_xla():
            return self._loop(True, *args)

    def _loop(
        self,
        padded: bool,
        x: list[Any],
        y: Any,
        weight: Any,
        order: Any,
        n_steps: Any,
        n_real: Any,
        decay: Any,
        workers: Workers | None = None,
    ) -> Any:
        """Train on the first `n_steps` rows of `order`; return the summed loss.

        Each row of `order` is a batch of row numbers. Where they are padded, those
        after the first `n_real` of all of them do not count. Of several processes each
        is given all of them, and returns the loss of all.
        """
        size = tf.shape(order)[1]

        def step(number: Any, total: Any) -> tuple[Any, Any]:
            count = tf.minimum(size, n_real - number * size) if padded else size
            take = _rows if workers is None else workers.share
            parts = take((x, y, weight), order[number])
            return number + 1, total + self._step(parts, count, decay, padded, workers)

        # A loop that AutoGraph writes out of Python's needs the source of this file,
        # and fails without it under Python 3.13.
        start = (tf.constant(0), tf.constant(0.0))
        return tf.while_loop(lambda number, _: number < n_steps, step, start)[1]

    def _step(
        self,
        batch: Any,
        count: Any,
        decay: Any,
        padded: bool,
        workers: Workers | None = None,
    ) -> Any:
        """Train on one batch, whose first `count` rows are real; the summed loss.

        With others, on a share of a batch of `count` rows, which has no more than that.
        """
        x, y, weight = batch
        with tf.GradientTape() as tape:
            losses = tf.add_n(self._row_losses(x, y, training=True)) * weight
            if padded:
                losses = tf.where(tf.range(tf.size(losses)) < count, losses, 0.0)
            summed = tf.reduce_sum(losses)
            objective = summed / tf.cast(count, tf.float32)
            if self.network.losses:
                self._check_penalties(padded)
                penalty = tf.add_n(self.network.losses)
                objective += penalty if workers is None else penalty / workers.n
        variables = self.network.trainable_variables
        gradients = tape.gradient(
            objective,
            [v.value for v in variables],
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )
        if workers is not None:
            summed, *gradients = workers.sum_up(self.network, [summed, *gradients])
        own = None if self.rate is not None or self.fixed_rate else decay
        update(self.optimizer, gradients, variables, own, lazy=not padded)
        return summed

    def _check_penalties(self, padded: bool) -> None:
        """Refuse to pad a batch that a layer adds a loss of."""
        regularized = sum(
            variable.regularizer is not None
            for variable in self.network.trainable_variables
        )
        if padded and len(self.network.losses) > regularized:
            raise ValueError(
                "a layer adds a loss of its own (add_loss), in which the rows that XLA "
                'fills the last batch up with would count: use engine="graph".'
            )

    def _evaluate(self, x: list[Any], y: Any, weight: Any) -> Any:
        """Sum the losses up, of each of the `parts`."""
        losses = self._row_losses(x, y, training=False)
        if len(losses) > len(self.parts):
            losses = [tf.add_n(losses)]
        return tf.reduce_sum(tf.stack(losses) * weight, axis=1)

    @cached_property
    def parts(self) -> list[list[int]]:
        """Which weights each part has: the network, and a second one beside it."""
        return parts_of(self.network)

    @cached_property
    def _optimizer_start(self) -> list[NDArray]:
        """Build the optimizer, which only training needs; its first state."""
        self.optimizer.build(self.network.trainable_variables)
        return self.optimizer_state()

    @property
    def redrawable(self) -> bool:
        """Whether every weight has an initializer that `initialise` can call."""
        return all(initializer for _, initializer in self._initializers)

    def initialise(self, seed: int) -> None:
        """Put every weight to its start: the given one, or a draw from `seed`.

        A weight called ``kernel`` is drawn by its layer's ``kernel_initializer``, as
        in Keras' own layers; one whose layer has no such attribute is left as it was
        built.
        """
        if self.start is not None:
            self.set_weights(self.start)
        else:
            self._draw_weights(seed)
        self.loaded = None
        self.reset_optimizer()
        self.seed_layers(seed)

    def _draw_weights(self, seed: int) -> None:
        seeds = np.random.SeedSequence([seed, 0])
        for variable, initializer in self._initializers:
            number = seeds.spawn(1)[0].generate_state(1)[0]
            if initializer is not None:
                variable.assign(draw(initializer, variable, int(number // 2)))

    def adopt(self, other: Program) -> None:
        """Start as another program of the same key would: its weights, its rate."""
        self.start, self.rate = other.start, other.rate

    def seed_layers(self, seed: int, *rank: int) -> None:
        """Start the random layers (dropout) from `seed`, each process otherwise."""
        draws = np.random.SeedSequence([seed, 1, *rank])
        for state in seed_state_of(self.network):
            value = draws.spawn(1)[0].generate_state(1)[0]
            state.assign(np.array([value, 0], dtype=state.dtype))

    def reset_optimizer(self, state: Sequence[NDArray] | None = None) -> None:
        """Put the optimizer's variables back to `state`, by default to its start."""
        start = self._optimizer_start
        state = start if state is None else state
        for variable, value in zip(self.optimizer.variables, state, strict=True):
            variable.assign(value)

    def optimizer_state(self) -> list[NDArray]:
        """Copy the optimizer's variables."""
        return [v.numpy() for v in self.optimizer.variables]

    @property
    def n_features_out(self) -> int:
        """Width of the network's embedding."""
        return int(self.network.output["embedding"].shape[-1])

    @property
    def n_logits(self) -> int:
        """Number of logits of a row, with those of modalities and a second network."""
        heads = {k: v for k, v in self.network.output.items() if k != "embedding"}
        return sum(math.prod(x.shape[1:]) for x in tf.nest.flatten(heads))

    def get_weights(self) -> list[NDArray]:
        """Copy the weights out of the network, but those that are still as given."""
        pairs = zip(self.network.weights, self._given, strict=True)
        return [_unless_given(v.numpy(), given) for v, given in pairs]

    @property
    def _given(self) -> list[Any]:
        """What each weight was given to start with; None for those that are drawn."""
        given = {id(v): getattr(i, "value", None) for v, i in self._initializers}
        return [given.get(id(v)) for v in self.network.weights]

    def without_given(self, weights: Sequence[NDArray]) -> list[NDArray | None]:
        """Put None for weights that are as given, which nobody needs to keep."""
        pairs = zip(weights, self._given, strict=True)
        return [None if w is given else w for w, given in pairs]

    def with_given(self, weights: Sequence[NDArray | None]) -> list[NDArray]:
        """Put weights that were given in their places again."""
        pairs = zip(weights, self._given, strict=True)
        return [given if w is None else w for w, given in pairs]

    def state(self) -> dict[str, Any]:
        """Copy all that training changes: weights, optimizer, random layers."""
        return {
            "weights": self.without_given(self.get_weights()),
            "optimizer": self.optimizer_state(),
            "seeds": [v.numpy() for v in seed_state_of(self.network)],
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Put everything back that `state` copied; an optimizer that is None stays."""
        self.set_weights(self.with_given(state["weights"]))
        self.loaded = None  # training will change them
        if state["optimizer"] is not None:
            self.reset_optimizer(state["optimizer"])
        for variable, value in zip(
            seed_state_of(self.network), state["seeds"], strict=True
        ):
            variable.assign(value)

    def set_weights(self, weights: list[NDArray]) -> None:
        """Put weights into the network, unless it holds this very list already."""
        if self.loaded is not weights:
            put = tf.raw_ops.AssignVariableOp  # Keras' own is slow
            for variable, value in zip(self.network.weights, weights, strict=True):
                put(resource=variable.value.handle, value=value, validate_shape=True)
            self.loaded = weights


def speed_up(network: keras.Model) -> None:
    """Let Keras' own `Embedding` and `Dropout` take less time.

    Keras takes the rows out of the whole table, which TensorFlow copies before: once a
    variable is changed row by row, another may change it while it is read. And what it
    draws for `Dropout` is slow under XLA.

    Parameters
    ----------
    network : keras.Model
        What its layers compute stays the same, but that XLA drops other units.
    """
    for layer in layers_of(network):
        if type(layer) is keras.layers.Embedding and layer.input_dim >= LAZY_ROWS:
            layer.call = partial(_embed, layer)
        if type(layer) is keras.layers.Dropout:
            layer.call = partial(drop, layer)


def _embed(layer: keras.layers.Embedding, ids: Any) -> Any:
    if layer.lora_enabled or layer.quantization_mode:
        return keras.layers.Embedding.call(layer, ids)
    ids = tf.cast(ids, tf.int32)
    ids = tf.where(ids < 0, ids + layer.input_dim, ids)  # as `ops.take` reads them
    return TokenEmbedding.call(layer, ids)


def _rows(data: Any, rows: Any) -> Any:
    return tf.nest.map_structure(lambda a: tf.gather(a, rows), data)


class _Traced:
    """A function that is traced at its first call, for inputs of any number of rows.

    Its one graph is called straight: `tf.function` would look for it at every call,
    which takes longer than a small network.
    """

    def __init__(self, function: Any, *signature: Any, jit_compile: bool | None = None):
        self.dtypes = [spec.dtype for spec in tf.nest.flatten(signature)]
        self.function = tf.function(
            function,
            input_signature=signature,
            jit_compile=jit_compile,
            autograph=False,
        )

    @cached_property
    def graph(self) -> Any:
        """Trace the function."""
        return without_tracing_warning(self.function).get_concrete_function()

    def __call__(self, *args: Any) -> Any:
        """Call it with tensors, or what becomes one."""
        pairs = zip(tf.nest.flatten(args), self.dtypes, strict=True)
        tensors = [tf.convert_to_tensor(arg, dtype) for arg, dtype in pairs]
        return call_unchecked(self.graph, tensors)


def _unless_given(value: NDArray, given: Any) -> NDArray:
    """Take the array that was given for a weight where training left it alone."""
    same = isinstance(given, np.ndarray) and np.array_equal(value, given)
    return given if same else value


def _logits(output: Any, activation: str | None) -> Any:
    """Turn what the network ends in back into logits."""
    if activation is None:
        return output
    logits = logits_of(output)
    if logits is not None:
        return logits
    if activation == "linear":
        return output
    tiny = keras.config.epsilon()
    if activation == "softmax":
        return tf.math.log(tf.clip_by_value(output, tiny, 1.0))
    p = tf.clip_by_value(output, tiny, 1.0 - tiny)
    return tf.math.log(p) - tf.math.log1p(-p)
