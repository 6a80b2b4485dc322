"""Log-mel spectrograms of sounds that are open but not yet decoded."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.fft import rfft
from scipy.signal import get_window, resample_poly
from scipy.sparse import csr_array

from skmm.exceptions import ModalityError

__all__ = ["Clip", "LogMel", "Plan", "mel_filters"]

DYNAMIC_RANGE = 80.0  # decibels below the loudest point of a clip
SILENCE = 1e-10  # power, -100 dB
# Its square and the sums over it fit float32; NumPy's, for samples of half precision.
LARGEST_SAMPLE = np.float64(1e9)


class Plan(NamedTuple):
    """Hertz and seconds that make a spectrogram."""

    rate: int
    duration: float
    hop: float
    window: float


class Clip(NamedTuple):
    """A sound that is open: ``read(start, stop)`` decodes that part, as one channel."""

    rate: int
    n_samples: int
    read: Callable[[int, int], NDArray]


class LogMel:
    """Log-mel spectrogram of the middle of a clip, in decibels."""

    def __init__(self, plan: Plan, n_mels: int):
        self.plan = plan
        self.n_mels = n_mels
        self.rate = plan.rate
        self.window = max(32, round(plan.window * plan.rate))
        self.hop = max(1, round(plan.hop * plan.rate))
        later = math.ceil((plan.duration * plan.rate - self.window) / self.hop)
        self.n_steps = 1 + max(0, later)
        taper = get_window("hann", self.window)
        self.taper = (taper / taper.sum()).astype(np.float32)
        filters = mel_filters(plan.rate, self.window, n_mels)
        self.n_fft = 2 * (len(filters) - 1)
        # Sparse, because the threads of a BLAS get in the way of those that decode,
        # and because bits then do not depend on their number.
        self.filters = csr_array(filters.T)

    def __call__(self, clip: Clip) -> NDArray:
        """Return an array of float32, shape (at most n_steps, n_mels)."""
        frames = self._frames(self._samples(clip)) * self.taper
        spectrum = np.abs(rfft(frames, self.n_fft, axis=1)) ** 2
        power = (self.filters @ spectrum.T).T
        floor = max(SILENCE, float(power.max()) * 10 ** (-DYNAMIC_RANGE / 10))
        return 10 * np.log10(np.maximum(power, floor))

    def padded(self, clip: Clip) -> NDArray:
        """Return an array of float32, shape (n_steps, n_mels); NaN where it ends."""
        values = self(clip)
        array = np.full((self.n_steps, self.n_mels), np.nan, dtype=values.dtype)
        array[: len(values)] = values
        return array

    def _samples(self, clip: Clip) -> NDArray:
        """Decode the middle of a clip, at this rate."""
        if not 1e-3 <= self.rate / clip.rate <= 1e3:
            raise ModalityError(
                f"its sampling rate of {clip.rate} Hz is too far from {self.rate} Hz "
                "to be resampled"
            )
        wanted = self.window + (self.n_steps - 1) * self.hop
        wanted = math.ceil(wanted * clip.rate / self.rate)
        start = max(0, (clip.n_samples - wanted) // 2)
        samples = clip.read(start, min(start + wanted, clip.n_samples))
        if not np.max(np.abs(samples)) < LARGEST_SAMPLE:  # nor if one is NaN
            raise ModalityError("its samples are NaN, infinite or beyond 1e9")
        samples = samples.astype(np.float32, copy=False)
        if clip.rate == self.rate:
            return samples
        ratio = Fraction(self.rate, clip.rate).limit_denominator(1000)
        return resample_poly(samples, ratio.numerator, ratio.denominator)

    def _frames(self, samples: NDArray) -> NDArray:
        """Cut into windows, (n_steps, window); silence fills the last one."""
        later = max(0, math.ceil((len(samples) - self.window) / self.hop))
        n_steps = min(1 + later, self.n_steps)
        missing = self.window + (n_steps - 1) * self.hop - len(samples)
        padded = np.pad(samples, (0, max(0, missing)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, self.window)
        return windows[:: self.hop][:n_steps]


def mel_filters(rate: int, window: int, n_mels: int) -> NDArray:
    """Triangular filters, equally spaced on the mel scale from 0 to rate / 2.

    Parameters
    ----------
    rate : int
        Sampling rate in hertz.
    window : int
        Length of a window in samples.
    n_mels : int
        Number of filters.

    Returns
    -------
    filters : ndarray of float32, shape (n_fft // 2 + 1, n_mels)
        ``n_fft`` is a power of two not below `window`, large enough for each filter
        to hold a frequency.
    """
    top = 2595 * np.log10(1 + rate / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, n_mels + 2) / 2595) - 1)
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    n_fft = 1 << (window - 1).bit_length()
    while True:
        frequency = np.fft.rfftfreq(n_fft, 1 / rate)[:, None]
        rising = (frequency - low) / (centre - low)
        falling = (high - frequency) / (high - centre)
        filters = np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
        if filters.any(axis=0).all():
            return filters
        n_fft *= 2
