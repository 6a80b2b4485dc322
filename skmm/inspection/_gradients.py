"""Integrated gradients, and gradients under noise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from skmm import training
from skmm.frame import ModalityFrame
from skmm.inspection._decision import decided, unreachable
from skmm.inspection._path import PathNetwork, Paths, Point
from skmm.inspection._subject import Aim, Subject

__all__ = ["MOST_STEPS", "TOLERANCE", "integrated_gradients", "smoothgrad"]

FIRST_STEPS, MOST_STEPS = 16, 512  # of n_steps="auto"
TOLERANCE = 0.01  # completeness error that ends it
LARGEST = np.finfo(np.float64).max  # an error that no number of steps is too few for
CHUNK_NUMBERS = 2**18  # that the rows of one call hold at most
CHUNK_ROWS = 128

Values = list[NDArray]  # one array for each modality, (n, *shape)
Baselines = Sequence[ModalityFrame | None]


def integrated_gradients(
    subject: Subject,
    frame: ModalityFrame,
    baselines: Baselines,
    aim: Aim,
    prediction: NDArray,
    n_steps: int | str,
) -> tuple[dict[str, NDArray], NDArray]:
    """Integrate gradients from each baseline to each row, and average.

    Parameters
    ----------
    subject : Subject
        What is explained.
    frame : ModalityFrame
        Rows.
    baselines : sequence of ModalityFrame of one row, or None
        Where paths start; None is 0 in the network's units.
    aim : Aim
        Which number.
    prediction : ndarray of shape (n_samples,)
        The number of each row.
    n_steps : int or "auto"
        Gradients on each path.

    Returns
    -------
    values : dict of str to ndarray of float32, shape (n_samples, *shape)
    baseline : ndarray of shape (n_samples,)
        The number at the baseline, on average.
    """
    _check_prepared(subject, frame)
    values, starts = _zeros(frame), np.zeros(len(frame))
    chunks, share = list(_chunks(frame)), 1 / len(baselines)
    with _borrowed(subject.model, frame, noisy=False) as network:
        for baseline in baselines:
            ways = [
                _Ways(subject.model, network, frame[c], baseline, aim.rows(c))
                for c in chunks
            ]
            start = np.concatenate([way.number(Point(0.0)) for way in ways])
            change = prediction - start
            starts += share * start
            size = np.abs(change).mean()
            least = 1e-6 * np.abs(prediction).mean()  # rounding is no error
            allowed = max(TOLERANCE * size, least) if n_steps == "auto" else LARGEST
            for chunk, way in zip(chunks, ways, strict=True):
                found = _integrated(way, change[chunk], allowed, n_steps)
                _add(values, chunk, found, share)
    return _named(values, frame), starts


def _integrated(
    way: _Ways, change: NDArray, allowed: float, n_steps: int | str
) -> Values:
    """Integrate, with more steps until sums miss `change` by no more, on average."""
    values, missed = _zeros(way.frame), np.full(len(change), np.inf)
    n = FIRST_STEPS if n_steps == "auto" else int(n_steps)
    while missed.mean() > allowed:
        todo = np.flatnonzero(missed > allowed)
        # Gauss and Legendre's rule is dense at the ends, where paths often bend most.
        places, weights = np.polynomial.legendre.leggauss(n)
        points = [Point((1 + place) / 2) for place in places]
        found = way.rows(todo).slopes(points, weights / 2)
        for total, part in zip(values, found, strict=True):
            total[todo] = part
        missed[todo] = np.abs(_sums(found) - change[todo])
        n *= 2
        if n > MOST_STEPS:
            break
    return values


def smoothgrad(
    subject: Subject,
    frame: ModalityFrame,
    baselines: Baselines,
    aim: Aim,
    n_samples: int,
    noise: float,
    rng: Any,
) -> tuple[dict[str, NDArray], NDArray]:
    """Average gradients under noise, times the way from the baseline.

    Parameters
    ----------
    subject, frame, baselines, aim
        As in `integrated_gradients`.
    n_samples : int
        Number of noisy copies.
    noise : float
        Standard deviation, as a share of the range of a row's values.
    rng : RandomState
        Draws the seeds.

    Returns
    -------
    values : dict of str to ndarray of float32, shape (n_samples, *shape)
    baseline : ndarray of shape (n_samples,)
    """
    _check_prepared(subject, frame)
    values, starts, share = _zeros(frame), np.zeros(len(frame)), 1 / len(baselines)
    n_copies = n_samples if noise else 1
    with _borrowed(subject.model, frame, noisy=noise > 0) as network:
        for chunk in _chunks(frame):
            seeds = rng.randint(np.iinfo(np.int32).max, size=n_copies)
            points = [Point(1.0, noise, seed) for seed in seeds]
            for baseline in baselines:
                rows = (frame[chunk], baseline, aim.rows(chunk))
                way = _Ways(subject.model, network, *rows)
                starts[chunk] += share * way.number(Point(0.0))
                found = way.slopes(points, np.full(n_copies, 1 / n_copies))
                _add(values, chunk, found, share)
    return _named(values, frame), starts


class _Ways:
    """Paths from a baseline to some rows, through all networks of a model.

    Parameters
    ----------
    model : estimator
        Fitted.
    network : PathNetwork
        Of this model, with any weights.
    frame : ModalityFrame
        Rows.
    baseline : ModalityFrame of one row, or None
        Where the paths start.
    aim : Aim
        Which number.
    """

    def __init__(
        self,
        model: Any,
        network: PathNetwork,
        frame: ModalityFrame,
        baseline: ModalityFrame | None,
        aim: Aim,
    ):
        self.model, self.network, self.frame = model, network, frame
        self.baseline, self.aim = baseline, aim

    def rows(self, rows: NDArray) -> _Ways:
        """Keep some rows."""
        frame, aim = self.frame[rows], self.aim.rows(rows)
        return _Ways(self.model, self.network, frame, self.baseline, aim)

    def number(self, point: Point) -> NDArray:
        """Tell what is decided by at a point, (n,) float64."""
        (heard,) = self._heard(self._paths(), [point])
        return decided(self.model, heard, self.aim)[0]

    def slopes(self, points: Sequence[Point], weights: NDArray) -> Values:
        """Sum gradients times the way of the path, over points by their weights."""
        paths, total = self._paths(), _zeros(self.frame)
        heard = self._heard(paths, points)
        pulls = [decided(self.model, h, self.aim)[1] for h in heard]
        sizes = [spec.shape[0] for spec in self.frame.specs.values()]
        for k, trained in enumerate(self.model._weights):
            self.network.set_weights(trained)
            for point, weight, pull in zip(points, weights, pulls, strict=True):
                found = self.network.slopes(paths, _typed(point), pull[k])
                for part, slope, n in zip(total, found, sizes, strict=True):
                    part += weight * np.asarray(slope)[:, :n]
        return total

    def _heard(self, paths: Paths, points: Sequence[Point]) -> list[Any]:
        """Opinions at each point, (n_networks, n_opinions, n, n_logits)."""
        heard: list[list] = [[] for _ in points]
        for trained in self.model._weights:
            self.network.set_weights(trained)
            for at, point in zip(heard, points, strict=True):
                at.append(self.network.opinions(paths, _typed(point)))
        return [tf.stack(at) for at in heard]

    def _paths(self) -> Paths:
        n = len(self.frame.names)
        ends = self.model._arrays(self.frame)[:n]
        starts = None
        if self.baseline is not None:
            starts = self.model._arrays(self.baseline)[:n]
        paths = self.network.lay_out(ends, starts, self.frame.present)
        return tf.nest.map_structure(tf.convert_to_tensor, paths)


def _typed(point: Point) -> Point:
    return Point(np.float32(point.place), np.float32(point.noise), np.int32(point.seed))


def _borrowed(model: Any, frame: ModalityFrame, noisy: bool) -> Any:
    """Borrow a traced network from the pool, where those of the estimators are too."""
    specs = list(frame.specs.values())
    key = ("paths", model._program_key(vars(model)), noisy)
    build: Any = partial(PathNetwork, model, specs, noisy)
    return training.program(key, build)


def _check_prepared(subject: Subject, frame: ModalityFrame) -> None:
    first = frame[:1]  # features of all rows would take long
    if subject.prepared(first) is not first:
        raise unreachable("a frozen pretrained model computes its features once")


def _chunks(frame: ModalityFrame) -> Iterator[NDArray]:
    """Split rows into parts that a call has the memory for."""
    n_numbers = sum(int(np.prod(spec.shape)) for spec in frame.specs.values())
    step = int(np.clip(CHUNK_NUMBERS // max(n_numbers, 1), 1, CHUNK_ROWS))
    for start in range(0, len(frame), step):
        yield np.arange(start, min(start + step, len(frame)))


def _zeros(frame: ModalityFrame) -> Values:
    return [np.zeros(array.shape) for array in frame.arrays.values()]


def _add(values: Values, rows: NDArray, found: Values, share: float) -> None:
    for total, part in zip(values, found, strict=True):
        total[rows] += share * part


def _sums(values: Values) -> NDArray:
    """Sum all values of each row."""
    return sum(part.reshape(len(part), -1).sum(axis=1) for part in values)


def _named(values: Values, frame: ModalityFrame) -> dict[str, NDArray]:
    """Name the modalities; exactly 0 where one is absent."""
    for array, here in zip(values, frame.present.T, strict=True):
        array[~here] = 0
    arrays = [array.astype(np.float32) for array in values]
    return dict(zip(frame.names, arrays, strict=True))
