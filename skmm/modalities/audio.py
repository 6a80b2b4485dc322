"""Sounds: files, bytes and arrays become log-mel spectrograms. No Keras here."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
import soundfile
from numpy.typing import NDArray
from sklearn.utils import check_scalar
from sklearn.utils.validation import check_is_fitted

from skmm.exceptions import ModalityError
from skmm.frame import ModalitySpec
from skmm.modalities._base import Encoded
from skmm.modalities._cells import (
    as_array,
    check_columns,
    is_missing,
    moments,
    sample_rows,
)
from skmm.modalities._files import FileModality, recall_cells
from skmm.modalities._sources import open_source
from skmm.modalities._spectrogram import Clip, LogMel, Plan

__all__ = ["AudioModality"]

SAMPLE = 256  # cells that fit looks at
AUTO_RATE = 16_000  # hertz, at most, and where nothing can be read
AUTO_DURATION = 10.0  # seconds, at most
FALLBACK_DURATION = 1.0  # seconds, where nothing can be read
AUTO_STEPS = 64  # steps that the automatic hop aims at
SHORTEST_HOP, SHORTEST_WINDOW = 0.010, 0.025  # seconds
LIMIT = 10.0  # standard deviations
LARGEST_RATE = 2**31 - 1  # hertz, what a header can hold


class AudioModality(FileModality):
    r"""Sounds as standardised log-mel spectrograms.

    With frame :math:`x_t` of a clip, window :math:`w` and the mel filters
    :math:`F` of shape (n_mels, n_frequencies),

    .. math::
        L_t = 10 \log_{10} \max(F |\mathrm{FFT}(w x_t)|^2, \mathrm{floor})

    in decibels, where floor is 80 dB below the clip's loudest value (and never
    under -100 dB). The filters are triangles, equally spaced in
    :math:`2595 \log_{10}(1 + f / 700)` from 0 Hz to half the sampling rate [1]_.
    Each of the `n_mels` rows is standardised by the mean and standard deviation of
    the sample and clipped at 10 standard deviations.

    Cells may be paths, encoded bytes (WAV, FLAC, OGG, MP3 and whatever else
    libsndfile reads), Hugging Face's ``{"bytes", "path"}`` and
    ``{"array", "sampling_rate"}`` dicts, and, if `sampling_rate` is given, arrays
    and lists at that rate. The channels of a sound (the shorter axis of a 2-D array)
    are averaged, integers are divided by the largest value of their type, other
    sampling rates are resampled. Of a clip that is too long the middle is kept;
    behind a shorter one stands NaN. A file that ends before its header says is read as
    far as it goes, where its format allows; a clip of no samples is missing. Samples
    that are NaN, infinite or beyond 1e9 make what is kept of a clip unreadable.

    Parameters
    ----------
    sampling_rate : "auto" or int, default="auto"
        Sampling rate in hertz that all sounds are brought to. ``"auto"`` is the one
        most frequent in the sample, at most 16000.
    duration : "auto" or float, default="auto"
        Length in seconds that is kept. ``"auto"`` is the 95th percentile of the
        sample, at most 10 s.
    n_mels : int, default=64
        Number of mel filters.
    hop : "auto" or float, default="auto"
        Seconds from one step of the spectrogram to the next. ``"auto"`` is a 64th
        of the duration, at least 0.010 s.
    window : "auto" or float, default="auto"
        Length of a (Hann) window in seconds. ``"auto"`` is twice the hop, at least
        0.025 s.
    max_duration : float, default=600.0
        Sounds of more seconds are refused: files by what their header declares, before
        they are decoded.
    max_bytes : int, default=250_000_000
        Files and bytes that are longer are refused unread; and so are sounds whose kept
        samples, of all channels, would take more as float32.

    Attributes
    ----------
    sampling_rate_ : int
        Sampling rate in hertz.
    duration_, hop_, window_ : float
        Seconds.
    n_steps_ : int
        Number of steps of a spectrogram.
    mean_, scale_ : ndarray of float64, shape (n_mels,)
        Mean and standard deviation of the sample in decibels.
    n_columns_ : int
        Number of columns at fit.

    See Also
    --------
    skmm.modalities.timeseries.TimeSeriesModality : Series of measurements, as they
        are.

    Notes
    -----
    `fit` decodes no more than 256 cells, evenly spaced over the rows. Several columns
    under one name stand side by side on the last axis of the array.

    References
    ----------
    .. [1] S. Young et al., "The HTK Book", version 3.4, 2006, equation 5.13.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from skmm.modalities.audio import AudioModality
    >>> tone = np.sin(np.arange(8000) * 0.3)
    >>> X = pd.DataFrame({"call": [{"array": tone, "sampling_rate": 8000}, None]})
    >>> modality = AudioModality().fit(X)
    >>> array, present = modality.transform(X)
    >>> array.shape, array.dtype.name, present.tolist()
    ((2, 63, 64, 1), 'float16', [True, False])
    """

    kind: ClassVar[str] = "audio"

    def __init__(
        self,
        sampling_rate: Any = "auto",
        duration: Any = "auto",
        *,
        n_mels: int = 64,
        hop: Any = "auto",
        window: Any = "auto",
        max_duration: float = 600.0,
        max_bytes: int = 250_000_000,
    ):
        self.sampling_rate = sampling_rate
        self.duration = duration
        self.n_mels = n_mels
        self.hop = hop
        self.window = window
        self.max_duration = max_duration
        self.max_bytes = max_bytes

    def fit(
        self,
        X: pd.DataFrame,
        y: Any = None,
        *,
        on_error: str = "raise",
        n_jobs: int | None = None,
        memory: Any = None,
        root: str | None = None,
    ) -> Self:
        """Learn sampling rate, duration and the statistics of the mel filters."""
        self._check_parameters()
        how: dict[str, Any] = {"memory": memory, "root": root, "on_error": on_error}
        how |= {"n_jobs": n_jobs, "rows": sample_rows(X, SAMPLE)}
        lengths: list[tuple[int, int]] = []
        spectra: dict[tuple[int, int], NDArray] = {}

        def measure(cell: Any) -> NDArray:
            with self._opened(cell, root) as clip:
                return np.array([clip.rate, clip.n_samples])

        def note(length: NDArray, i: int, j: int) -> None:
            lengths.append(tuple(length.tolist()))

        def keep(values: NDArray, i: int, j: int) -> None:
            spectra[i, j] = values[~np.isnan(values[:, 0])]

        recall_cells(X, measure, note, key=("measure a sound", *self._opening()), **how)
        plan = self._plan(lengths)
        log_mel = LogMel(plan, self.n_mels)
        self._listen(X, log_mel, keep, **how)
        ordered = [spectra[key] for key in sorted(spectra)]  # threads finish anyhow
        values = np.concatenate([np.empty((0, self.n_mels)), *ordered])
        self.sampling_rate_, self.duration_, self.hop_, self.window_ = plan
        self.n_steps_ = log_mel.n_steps
        self.mean_, self.scale_ = moments(values)
        self.n_columns_ = X.shape[1]
        return self

    def _check_parameters(self) -> None:
        check_scalar(self.n_mels, "n_mels", Integral, min_val=1)
        check_scalar(self.max_duration, "max_duration", Real, min_val=0)
        check_scalar(self.max_bytes, "max_bytes", Integral, min_val=1)
        for name in ("sampling_rate", "duration", "hop", "window"):
            value = getattr(self, name)
            if not (isinstance(value, str) and value == "auto"):
                kind, least = (Integral, 1) if name == "sampling_rate" else (Real, 1e-3)
                check_scalar(value, name, kind, min_val=least)

    def _plan(self, lengths: list[tuple[int, int]]) -> Plan:
        """Fill what is ``"auto"`` from the (rate, number of samples) of the sample."""
        lengths = [item for item in lengths if item[1]]
        rates = Counter(rate for rate, _ in lengths)
        seconds = [n_samples / rate for rate, n_samples in lengths]
        # The larger of two equally frequent rates, so that threads do not decide.
        rate = max(rates, key=lambda r: (rates[r], r), default=AUTO_RATE)
        duration = np.percentile(seconds, 95) if seconds else FALLBACK_DURATION
        duration = _given(self.duration, float(min(duration, AUTO_DURATION)))
        hop = _given(self.hop, max(SHORTEST_HOP, duration / AUTO_STEPS))
        window = _given(self.window, max(SHORTEST_WINDOW, 2 * hop))
        rate = int(_given(self.sampling_rate, min(rate, AUTO_RATE)))
        return Plan(rate, duration, hop, window)

    def transform(
        self,
        X: pd.DataFrame,
        *,
        on_error: str = "raise",
        n_jobs: int | None = None,
        memory: Any = None,
        root: str | None = None,
    ) -> Encoded:
        """Turn every sound into a standardised log-mel spectrogram."""
        check_is_fitted(self)
        check_columns(X, self.n_columns_)
        plan = Plan(self.sampling_rate_, self.duration_, self.hop_, self.window_)
        log_mel = LogMel(plan, len(self.mean_))
        array = np.full((len(X), *self.spec("audio").shape), np.nan, np.float16)

        def keep(values: NDArray, i: int, j: int) -> None:
            standard = (values - self.mean_) / self.scale_
            array[i, :, :, j] = np.clip(standard, -LIMIT, LIMIT)

        how = {"memory": memory, "root": root, "on_error": on_error, "n_jobs": n_jobs}
        present = self._listen(X, log_mel, keep, **how)
        row_present = np.asarray(present.any(axis=1))
        array[~row_present] = 0
        return Encoded(array, row_present)

    def _listen(
        self, X: pd.DataFrame, log_mel: LogMel, keep: Any, **how: Any
    ) -> NDArray:
        """Read the spectrograms of cells, in decibels; NaN stands behind their end.

        They are not yet standardised: what is remembered serves all folds alike.
        """

        def listen(cell: Any) -> NDArray | None:
            with self._opened(cell, how["root"]) as clip:
                return log_mel.padded(clip) if clip.n_samples else None

        key = ("listen to a sound", log_mel.n_mels, *log_mel.plan, *self._opening())
        return recall_cells(X, listen, keep, key=key, **how)

    def _opening(self) -> tuple:
        """All that opening a sound depends on besides the sound."""
        return self.sampling_rate, self.max_duration, self.max_bytes

    def spec(self, name: str) -> ModalitySpec:
        """Describe the array that `transform` returns, under the name `name`."""
        check_is_fitted(self)
        shape = (self.n_steps_, len(self.mean_), self.n_columns_)
        return ModalitySpec(name, self.kind, shape, "float16", "cnn")

    @contextmanager
    def _opened(self, cell: Any, root: str | None) -> Iterator[Clip]:
        """Open a cell: its length is known, its samples are not yet decoded."""
        source = open_source(cell, max_bytes=self.max_bytes, root=root)
        if is_missing(source):
            yield Clip(AUTO_RATE, 0, partial(_read_array, np.empty(0)))
        elif isinstance(source, io.BufferedIOBase):
            try:
                with _Steady(source) as steady, soundfile.SoundFile(steady) as file:
                    read = partial(_read_file, file, self.max_bytes)
                    _check_length(file)
                    yield self._checked(Clip(file.samplerate, file.frames, read))
            except soundfile.LibsndfileError as error:
                raise ModalityError(
                    f"it is not a sound that libsndfile reads ({error.error_string})"
                ) from None
        else:
            array, rate = self._array_and_rate(source)
            read = partial(_read_array, array)
            yield self._checked(Clip(rate, len(array) if array.size else 0, read))

    def _checked(self, clip: Clip) -> Clip:
        if clip.n_samples > self.max_duration * clip.rate:
            raise ModalityError(
                f"its {clip.n_samples / clip.rate:.0f} s are more than the "
                f"{self.max_duration:g} s that are accepted (parameter max_duration)"
            )
        return clip

    def _array_and_rate(self, cell: Any) -> tuple[NDArray, int]:
        """Take the samples, (n_samples,) or (n_samples, n_channels), and their rate."""
        rate = None if self.sampling_rate == "auto" else self.sampling_rate
        if isinstance(cell, Mapping):
            rate = cell.get("sampling_rate") or rate
            cell = cell.get("array")
        array = as_array(cell)
        if array.ndim not in (1, 2) or array.dtype == bool:
            raise ModalityError(
                "a sound is a path, encoded bytes, an array of shape (n_samples,) or "
                f"(n_samples, n_channels), or a dict of one, and this is an array of "
                f"shape {array.shape} and type {array.dtype}"
            )
        if rate is None:
            raise ModalityError(
                "an array does not tell its sampling rate; give "
                "AudioModality(sampling_rate=...) in hertz, or cells "
                '{"array": ..., "sampling_rate": ...}'
            )
        if not 1 <= float(rate) <= LARGEST_RATE:
            raise ModalityError(f"its sampling rate is {rate!r} Hz")
        if array.ndim == 2 and array.shape[0] < array.shape[1]:
            array = array.T
        return array, int(rate)


class _Steady(io.BufferedReader):
    """A file as libsndfile reads it: without a name, and with no place before 0.

    libsndfile guesses by the name what it cannot tell by the content. And a header may
    send it to a place before the beginning: Python would raise where nobody catches.
    """

    name = None

    def seek(self, place: int, whence: int = 0, /) -> int:
        try:
            return super().seek(place, whence)
        except (OSError, ValueError):
            return self.tell()


def _check_length(file: soundfile.SoundFile) -> None:
    if file.format == "OGG" and not file.frames:
        raise ModalityError("it has no samples, or is cut off: its end is not found")


def _read_file(
    file: soundfile.SoundFile, max_bytes: int, start: int, stop: int
) -> NDArray:
    n_bytes = 4 * (stop - start) * file.channels
    if n_bytes > max_bytes:
        raise ModalityError(
            f"its {file.channels} channels at {file.samplerate} Hz take {n_bytes:_} "
            f"bytes, and {max_bytes:_} are accepted (parameter max_bytes)"
        )
    file.seek(start)
    samples = file.read(stop - start, dtype="float32", always_2d=True)
    if not len(samples):
        raise ModalityError(
            f"its header declares {file.frames} samples, and it ends before {start}"
        )
    return samples[:, 0] if file.channels == 1 else samples.mean(axis=1)


def _read_array(array: NDArray, start: int, stop: int) -> NDArray:
    part = array[start:stop]
    if part.dtype.kind == "u":
        middle = 2.0 ** (8 * part.itemsize - 1)
        part = part / middle - 1.0
    elif part.dtype.kind == "i":
        # 64 bits are what lists and loaders make of ordinary 16-bit samples
        part = part / 2.0 ** (15 if part.itemsize == 8 else 8 * part.itemsize - 1)
    with np.errstate(over="ignore", invalid="ignore"):  # what is infinite is refused
        return part if part.ndim == 1 else part.mean(axis=1)


def _given(value: Any, automatic: float) -> float:
    return automatic if isinstance(value, str) else value
