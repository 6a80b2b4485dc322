"""Cells that show two symbols: a word in a text, a tone in a sound, a colour.

Must not import Keras. A symbol is an integer from 0 to ``n_values - 1``, at most
`MAX_VALUES` of them. Every cell shows a *signal* and a *part*, each readable without
error however the noise falls, and independently of the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray
from scipy.fft import dct

MAX_VALUES = 11
IMAGE_SIZE = 16  # pixels
SAMPLING_RATE = 4000  # hertz
N_SAMPLES = 1000  # a quarter of a second
MIN_STEPS, MAX_STEPS = 24, 48
EMBEDDING_SIZE = 24

FRUITS = "apple banana cherry fig grape kiwi lemon mango olive peach plum".split()
ANIMALS = "bear cat dog fox goat hen lion mouse owl rabbit wolf".split()
NEUTRAL = (
    "about after again also because before between during every first found given "
    "however little made many more often other rather seen several since some still "
    "such than then there these under until very when while with"
).split()

Columns = dict[str, NDArray]


def render(
    kind: str, signal: NDArray, part: NDArray, n_values: int, rng: RandomState
) -> Columns:
    """Show two symbols per row in the columns of one kind of modality."""
    return _RENDERERS[kind](signal, part, n_values, rng)


def _tabular(signal: NDArray, part: NDArray, n: int, rng: RandomState) -> Columns:
    """Signal: a corner of a polygon. Part: a category. Two columns tell nothing."""
    angle = 2 * np.pi * signal / n
    letters = np.array(list("abcdefghijk"), dtype=object)
    shape = (len(signal), 2)
    # Of eleven corners, neighbours are 0.56 apart; the noise moves less than 0.22.
    corner = np.column_stack([np.cos(angle), np.sin(angle)])
    corner += rng.uniform(-0.15, 0.15, shape)
    return {
        "number_0": corner[:, 0],
        "number_1": corner[:, 1],
        "number_2": rng.standard_normal(len(signal)),
        "category_0": letters[part],
        "category_1": letters[rng.randint(n, size=len(signal))],
    }


def _text(signal: NDArray, part: NDArray, n: int, rng: RandomState) -> Columns:
    """Signal: which fruit. Part: which animal. Both among eight to twelve words."""
    texts = []
    for fruit, animal in zip(signal, part, strict=True):
        neutral = rng.randint(len(NEUTRAL), size=rng.randint(6, 11))
        words = [NEUTRAL[j] for j in neutral] + [FRUITS[fruit], ANIMALS[animal]]
        texts.append(" ".join(words[j] for j in rng.permutation(len(words))))
    return {"text": _cells(texts)}


def _image(signal: NDArray, part: NDArray, n: int, rng: RandomState) -> Columns:
    """Signal: the direction of stripes. Part: their hue."""
    angle = (np.pi * signal / n)[:, None, None]
    centred = np.arange(IMAGE_SIZE) - (IMAGE_SIZE - 1) / 2
    along = np.cos(angle) * centred + np.sin(angle) * centred[:, None]
    phase = rng.uniform(-np.pi / 4, np.pi / 4, (len(signal), 1, 1))
    stripes = 0.5 + 0.4 * np.cos(2 * np.pi * along / 5 + phase)
    hue = 2 * np.pi * (part[:, None] / n - np.arange(3) / 3)
    tint = 0.7 + 0.3 * np.cos(hue)
    pixels = stripes[..., None] * tint[:, None, None, :]
    pixels += 0.05 * rng.standard_normal(pixels.shape)
    return {"image": _cells(np.round(255 * np.clip(pixels, 0, 1)).astype(np.uint8))}


def _audio(signal: NDArray, part: NDArray, n: int, rng: RandomState) -> Columns:
    """Signal: a tone of 200 to 900 hertz. Part: another of 1100 to 1900 hertz."""
    low, high = np.linspace(200, 900, n), np.linspace(1100, 1900, n)
    tones = np.column_stack([low[signal], high[part]])
    shape = (*tones.shape, 1)
    time = np.arange(N_SAMPLES) / SAMPLING_RATE
    phase, loudness = rng.uniform(0, 2 * np.pi, shape), rng.uniform(0.2, 0.4, shape)
    waves = loudness * np.sin(2 * np.pi * tones[:, :, None] * time + phase)
    noise = 0.03 * rng.standard_normal((len(signal), N_SAMPLES))
    sounds = (waves.sum(axis=1) + noise).astype(np.float32)
    return {
        "audio": _cells(
            [{"array": row, "sampling_rate": SAMPLING_RATE} for row in sounds]
        )
    }


def _timeseries(signal: NDArray, part: NDArray, n: int, rng: RandomState) -> Columns:
    """Signal: the slope of channel 0. Part: the frequency of channel 1."""
    steps = np.arange(MAX_STEPS)
    lengths = rng.randint(MIN_STEPS, MAX_STEPS + 1, size=len(signal))
    slope = np.linspace(-2, 2, n)[signal]
    frequency = np.linspace(0.04, 0.4, n)[part]
    phase = rng.uniform(0, 2 * np.pi, (len(signal), 1))
    ramp = np.outer(slope / (lengths - 1), steps)
    wave = np.sin(2 * np.pi * np.outer(frequency, steps) + phase)
    series = np.stack([ramp, wave], axis=2)
    series += 0.05 * rng.standard_normal(series.shape)
    series[rng.uniform(size=series.shape) < 0.05] = np.nan
    ragged = [row[:k] for row, k in zip(series, lengths, strict=True)]
    return {"timeseries": _cells(ragged)}


def _vector(signal: NDArray, part: NDArray, n: int, rng: RandomState) -> Columns:
    """Signal and part: each one of eleven orthogonal directions."""
    directions = dct(np.eye(EMBEDDING_SIZE), norm="ortho")
    vectors = directions[signal] + directions[MAX_VALUES + part]
    vectors += 0.05 * rng.standard_normal(vectors.shape)
    return {"vector": _cells(vectors.astype(np.float32))}


def _cells(values: Iterable[Any]) -> NDArray:
    """One value in each cell, whatever its length."""
    values = list(values)
    cells = np.empty(len(values), dtype=object)
    for i, value in enumerate(values):
        cells[i] = value
    return cells


_RENDERERS: dict[str, Callable[..., Columns]] = {
    "tabular": _tabular,
    "text": _text,
    "image": _image,
    "audio": _audio,
    "timeseries": _timeseries,
    "vector": _vector,
}
KINDS = tuple(_RENDERERS)
