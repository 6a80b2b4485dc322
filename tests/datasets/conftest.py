"""Decoders written by hand: they read a signal and a part back from cells."""

import numpy as np
import pytest
from scipy.fft import dct

from skmm.datasets._cells import ANIMALS, FRUITS


def _nearest(value, candidates):
    return int(np.argmin(np.abs(np.asarray(candidates) - value)))


def _tabular(row, n):
    angle = np.arctan2(row["number_1"], row["number_0"])
    return round(angle * n / (2 * np.pi)) % n, "abcdefghijk".index(row["category_0"])


def _text(row, n):
    words = row["text"].split()
    (fruit,) = [w for w in words if w in FRUITS]
    (animal,) = [w for w in words if w in ANIMALS]
    return FRUITS.index(fruit), ANIMALS.index(animal)


def _image(row, n):
    grey = row["image"].mean(axis=2) - row["image"].mean()
    down, right = np.indices(grey.shape) - 7.5
    angles = np.pi * np.arange(n) / n
    energy = [
        abs(
            np.sum(
                grey * np.exp(2j * np.pi * (right * np.cos(a) + down * np.sin(a)) / 5)
            )
        )
        for a in angles
    ]
    colour = row["image"].mean(axis=(0, 1)) @ np.exp(2j * np.pi * np.arange(3) / 3)
    return int(np.argmax(energy)), round(np.angle(colour) * n / (2 * np.pi)) % n


def _audio(row, n):
    sound, rate = row["audio"]["array"], row["audio"]["sampling_rate"]
    loudness = np.abs(np.fft.rfft(sound))
    hertz = np.fft.rfftfreq(len(sound), 1 / rate)
    low = hertz[np.argmax(loudness * (hertz < 1000))]
    high = hertz[np.argmax(loudness * (hertz > 1000))]
    return (
        _nearest(low, np.linspace(200, 900, n)),
        _nearest(high, np.linspace(1100, 1900, n)),
    )


def _timeseries(row, n):
    series = row["timeseries"]
    step = np.arange(len(series))
    ramp, wave = series.T
    seen = ~np.isnan(ramp)
    end = (ramp[seen] @ step[seen]) / (step[seen] @ step[seen]) * (len(series) - 1)
    seen = ~np.isnan(wave)
    misfits = []
    for frequency in np.linspace(0.04, 0.4, n):
        turns = 2 * np.pi * frequency * step[seen]
        basis = np.column_stack([np.cos(turns), np.sin(turns)])
        fit = basis @ np.linalg.lstsq(basis, wave[seen])[0]
        misfits.append(np.sum((wave[seen] - fit) ** 2))
    return _nearest(end, np.linspace(-2, 2, n)), int(np.argmin(misfits))


def _vector(row, n):
    shares = dct(np.eye(24), norm="ortho") @ row["vector"]
    return int(np.argmax(shares[:11])), int(np.argmax(shares[11:22]))


_DECODERS = {
    "tabular": _tabular,
    "text": _text,
    "image": _image,
    "audio": _audio,
    "timeseries": _timeseries,
    "vector": _vector,
}


@pytest.fixture
def decode():
    """Return ``decode(kind, frame, n_values)``: (n_rows, 2) signals and parts.

    Rows in which the modality is missing hold -1.
    """

    def decode(kind, frame, n_values):
        columns = [c for c in frame if c == kind or (kind == "tabular" and "_" in c)]
        absent = frame[columns].isna().all(axis=1)
        rows = frame[columns].to_dict("records")
        return np.array(
            [
                (-1, -1) if gone else _DECODERS[kind](row, n_values)
                for row, gone in zip(rows, absent, strict=True)
            ]
        )

    return decode
