"""A network on the way from a baseline to a row: what it says there, and slopes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from skmm._compat import layers_of, without_tracing_warning
from skmm.frame import ModalitySpec
from skmm.inspection._decision import check_reachable, opinions, smooth_network
from skmm.layers import CategoryEmbedding, TokenEmbedding

__all__ = ["PathNetwork", "Paths", "Point"]


class Paths(NamedTuple):
    """Rows and their baselines, as a network takes them.

    Attributes
    ----------
    start : list of ndarray of shape (n, *shape)
        Of each modality, where the path starts; of ids, where it ends, since ids are
        looked up first, and of the codes of categories likewise.
    change : list of ndarray of the same shapes
        What the path adds. Of ids and codes, those at the start; -1 is the zero
        vector.
    present : ndarray of float32, shape (n, n_modalities)
        Which modalities a row has.
    """

    start: list
    change: list
    present: Any


class Point(NamedTuple):
    """A place on all paths, from 0 to 1, and the noise there.

    Attributes
    ----------
    place : float
        0 at the baselines, 1 at the rows.
    noise : float
        Standard deviation, as a share of the range of a row's values.
    seed : int
        Of the noise.
    """

    place: Any
    noise: Any = 0.0
    seed: Any = 0


class _Pass(NamedTuple):
    """What layers must know while the network is called at a point."""

    paths: Paths
    point: Point
    tape: Any
    moved: list  # of (modality, vectors, their change)


class PathNetwork:
    """The network of a model, traced for any number of paths and points.

    Parameters
    ----------
    model : estimator
        Fitted; its weights are not set.
    specs : sequence of ModalitySpec
        The modalities.
    noisy : bool
        Whether points have noise.

    Raises
    ------
    ValueError
        If no gradient reaches what the network reads.
    """

    def __init__(self, model: Any, specs: Sequence[ModalitySpec], noisy: bool):
        self.call, self.network = smooth_network(model)
        self.noisy = noisy
        self.takes_present = len(self.network.inputs) > len(specs)
        self.aside = model._aside(vars(model)) if hasattr(model, "_aside") else []
        inputs = self.network.inputs[: len(specs)]
        tables = [
            layer
            for layer in layers_of(self.network)
            if isinstance(layer, (TokenEmbedding, CategoryEmbedding))
        ]
        names = {layer.name for layer in tables}
        legal = [replace(s, name=x.name) for s, x in zip(specs, inputs, strict=True)]
        check_reachable(self.network, legal, names)
        self.names = [spec.name for spec in legal]
        self.is_ids = [bool(spec.vocabulary_size) for spec in legal]
        self.n_codes = [
            len(spec.cardinalities) * (f"{spec.name}_categories" in names)
            for spec in legal
        ]
        looked_up: Any
        for looked_up in tables:
            looked_up.call = partial(self._looked_up, looked_up)
        self.now: Any = None  # what the layers see while one of these is traced
        self._trace([x.shape for x in inputs])

    def _trace(self, shapes: Sequence[Any]) -> None:
        kinds = [tf.int32 if ids else tf.float32 for ids in self.is_ids]
        arrays = [tf.TensorSpec(*pair) for pair in zip(shapes, kinds, strict=True)]
        present = tf.TensorSpec([None, len(kinds)], tf.float32)
        real, whole = tf.TensorSpec([], tf.float32), tf.TensorSpec([], tf.int32)
        given = (Paths(arrays, arrays, present), Point(real, real, whole))
        pull = tf.TensorSpec([None, None, None], tf.float32)
        # What a row's opinions are, and how they change along the path.
        self.opinions = _traced(self._opinions, *given)
        self.slopes = _traced(self._slopes, *given, pull)

    def set_weights(self, weights: Sequence[NDArray]) -> None:
        """Put the weights of a trained network into this one."""
        for variable, value in zip(self.network.weights, weights, strict=True):
            variable.assign(value)

    def lay_out(
        self,
        ends: Sequence[NDArray],
        starts: Sequence[NDArray] | None,
        present: NDArray,
    ) -> Paths:
        """Lay out paths; gaps, padding and absent modalities stay those of the ends.

        Parameters
        ----------
        ends : sequence of ndarray of shape (n, *shape)
            Rows, as the network reads them.
        starts : sequence of ndarray of shape (1, *shape) or None
            A baseline; None is 0.
        present : ndarray of bool, shape (n, n_modalities)
            Which modalities the rows have.

        Returns
        -------
        paths : Paths
        """
        first, change = [], []
        for m, end in enumerate(ends):
            kind = np.int32 if self.is_ids[m] else np.float32
            end = end.astype(kind)
            zero = -1 if self.is_ids[m] else 0
            start = np.full_like(end, zero)
            if starts is not None:
                start[:] = np.nan_to_num(starts[m]).astype(kind)
            if self.is_ids[m]:
                first.append(end)
                change.append(start)
                continue
            start = np.where(np.isnan(end), end, start)
            start[~present[:, m]] = end[~present[:, m]]
            way = np.nan_to_num(end - start)
            if k := self.n_codes[m]:
                way[:, -k:] = -1 if starts is None else start[:, -k:]
                start[:, -k:] = end[:, -k:]
            first.append(start)
            change.append(way)
        return Paths(first, change, present.astype(np.float32))

    def _opinions(self, paths: Paths, point: Point) -> Any:
        self.now = _Pass(paths, point, None, [])
        return self._heard(self._inputs())

    def _slopes(self, paths: Paths, point: Point, pull: Any) -> list[Any]:
        """Differentiate opinions times `pull`, times what the path adds."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            self.now = _Pass(paths, point, tape, [])
            inputs = self._inputs()
            floats = [m for m, ids in enumerate(self.is_ids) if not ids]
            for m in floats:
                tape.watch(inputs[m])
            total = tf.reduce_sum(self._heard(inputs) * pull)
        moved = self.now.moved
        gradients = tape.gradient(
            total,
            [inputs[m] for m in floats] + [vectors for _, vectors, _ in moved],
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )
        found = [tf.zeros_like(x, tf.float32) for x in inputs]
        for m, gradient in zip(floats, gradients, strict=False):
            # Exactly 0 where nothing changes, be the gradient NaN there.
            found[m] = tf.math.multiply_no_nan(gradient, self._way(m))
        of_vectors = gradients[len(floats) :]
        for (m, _, change), gradient in zip(moved, of_vectors, strict=True):
            part = tf.reduce_sum(tf.math.multiply_no_nan(gradient, change), axis=-1)
            n_before = found[m].shape[1] - part.shape[1]  # codes stand last
            found[m] += tf.pad(part, [[0, 0], [n_before, 0]])
        return found

    def _heard(self, inputs: list[Any]) -> Any:
        present = self.now.paths.present
        output = self.call([*inputs, present] if self.takes_present else inputs)
        return opinions(output, present, self.aside)

    def _way(self, m: int) -> Any:
        """Tell what the path adds to the input itself."""
        change, k = self.now.paths.change[m], self.n_codes[m]
        return tf.pad(change[:, :-k], [[0, 0], [0, k]]) if k else change

    def _inputs(self) -> list[Any]:
        inputs = []
        for m, start in enumerate(self.now.paths.start):
            if self.is_ids[m]:
                inputs.append(start)
                continue
            x = start + self.now.point.place * self._way(m)
            if self.noisy:
                numbers = np.arange(x.shape[1]) < x.shape[1] - self.n_codes[m]
                numbers = numbers.reshape(-1, *[1] * (len(x.shape) - 2))
                x += self._noise(x, tf.math.is_finite(x) & numbers, m)
            inputs.append(x)
        return inputs

    def _noise(self, x: Any, where: Any, salt: int) -> Any:
        """Draw noise on the scale of the range of each row's values there."""
        axes = list(range(1, len(x.shape)))
        top = tf.reduce_max(tf.where(where, x, -np.inf), axes, keepdims=True)
        least = tf.reduce_min(tf.where(where, x, np.inf), axes, keepdims=True)
        span = tf.where(top > least, top - least, 0.0)
        seed = tf.stack([self.now.point.seed, salt])
        drawn = tf.random.stateless_normal(tf.shape(x), seed)
        return tf.where(where, self.now.point.noise * span * drawn, 0.0)

    def _looked_up(self, layer: Any, x: Any) -> Any:
        """Call a layer that looks vectors up, and move them along the path."""
        look_up = partial(type(layer).call, layer)
        ids = isinstance(layer, TokenEmbedding)
        name = layer.name.removesuffix("_tokens" if ids else "_categories")
        m = self.names.index(name)
        given, end = self.now.paths.change[m], look_up(x)
        if ids:
            start = tf.where(given[..., None] > 0, look_up(tf.maximum(given, 0)), 0.0)
            return self._moved(m, start, end, x[..., None] > 0)
        k, dim = self.n_codes[m], layer.embedding_dim
        codes = given[:, -k:]
        other = look_up(tf.concat([x[:, :-k], codes], axis=1))
        numbers = end[:, : -k * dim]
        end, start = (tf.reshape(y[:, -k * dim :], (-1, k, dim)) for y in (end, other))
        start = tf.where(codes[..., None] < 0, 0.0, start)
        vectors = self._moved(m, start, end, codes[..., None] > -2)
        return tf.concat([numbers, tf.reshape(vectors, (-1, k * dim))], axis=1)

    def _moved(self, m: int, start: Any, end: Any, seen: Any) -> Any:
        """Give vectors between start and end; padding does not move."""
        point, tape, moved = self.now.point, self.now.tape, self.now.moved
        change = tf.where(seen, end - start, 0.0)
        vectors = end - (1 - point.place) * change
        if self.noisy:
            salt = len(self.names) + len(moved)
            seen = tf.broadcast_to(seen, tf.shape(end))
            vectors += self._noise(end, seen, salt)
        if tape is not None:
            tape.watch(vectors)
        moved.append((m, vectors, change))
        return vectors


def _traced(function: Any, *signature: Any) -> Any:
    return without_tracing_warning(
        tf.function(function, input_signature=signature, autograph=False)
    )
