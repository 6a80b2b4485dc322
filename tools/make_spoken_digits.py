"""Make skmm/datasets/data/spoken_digits.npz: real digits beside synthesised speech.

Run once, with eSpeak NG on the path; the archive is kept in the repository::

    python tools/make_spoken_digits.py

Every number in the archive follows from SEED, from scikit-learn's digits and from
the synthesiser. The shipped archive was made with eSpeak NG 1.51 (Debian
1.51+dfsg-10+deb12u2), libsndfile 1.2.2, numpy 2.4, scipy 1.17, scikit-learn 1.9 and
Pillow 13; other versions may change single bytes, so a new archive is a new data set.
"""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image
from scipy import ndimage, signal
from sklearn.datasets import load_digits

SEED = 20240501
TARGET = Path(__file__).parents[1] / "skmm" / "datasets" / "data" / "spoken_digits.npz"

WORDS = "zero one two three four five six seven eight nine".split()
# A speaker is one of eSpeak NG's voice variants (its formants, pitch and intonation)
# in one accent. Left out: whispers, robots, echoes and variants that sound alike.
VARIANTS = (
    "m1 m2 m3 m4 m5 m6 m7 m8 f1 f2 f3 f4 f5 klatt klatt2 klatt3 klatt4 Alex Alicia "
    "Andrea Andy Annie Denis Diogo Gene Henrique Hugo Jacky Lee Mario Michael Mike "
    "Nguyen RicishayMax adam anika antonio aunty belinda benjamin boris david ed "
    "edward grandma grandpa gustave iven john linda marcelo max michel miguel norbert "
    "pablo paul pedro quincy robert"
).split()
ACCENTS = (
    "en-gb en-us en-gb-scotland en-gb-x-rp en-gb-x-gbclan en-gb-x-gbcwmd en-029 "
    "en-us-nyc"
).split()
# Babble: six voices that speak no digit and are no speaker of the data.
BABBLERS = "shelby zac travis victor steph iven3".split()
BABBLE_TEXT = (
    "The north wind and the sun were disputing which was the stronger, when a "
    "traveller came along wrapped in a warm cloak."
)

SAMPLING_RATE = 8000  # hertz
RATES = (120, 180)  # words a minute
PITCHES = (25, 75)  # eSpeak NG's scale, 0 to 99
PADDING = 0.05  # seconds, at most, on either side
SNRS = (-3.0, 20.0)  # decibels
TELEPHONE = (300, 3400)  # hertz
LEVEL = 0.1  # root mean square, of full scale
STEP = 128  # of 32768: nine bits are kept, as FLAC stores the rest for nothing

IMAGE_SIZE = 16  # pixels
ROTATION = 10.0  # degrees, at most
PIXEL_NOISE = 0.2  # standard deviation, at most, of the range of a pixel
PATCH = (4, 6)  # pixels


def speak(text: str, voice: str, rate: int, pitch: int) -> np.ndarray:
    """One recording at 8 kHz, silence trimmed, at a root mean square of 1."""
    command = ["espeak-ng", "-v", voice, "-s", str(rate), "-p", str(pitch), "--stdout"]
    wav = subprocess.run([*command, text], capture_output=True, check=True).stdout
    sound, rate_in = soundfile.read(io.BytesIO(wav))
    assert rate_in == 22050, f"expected 22050 Hz from eSpeak NG, got {rate_in}"
    sound = signal.resample_poly(sound, 160, 441)
    loud = np.flatnonzero(np.abs(sound) > 0.01 * np.abs(sound).max())
    return normalise(sound[loud[0] : loud[-1] + 1])


def normalise(sound: np.ndarray) -> np.ndarray:
    return sound / np.sqrt(np.mean(sound**2))


def white(n: int, babble: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
    return rng.standard_normal(n)


def pink(n: int, babble: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
    spectrum = np.fft.rfft(rng.standard_normal(n))
    return np.fft.irfft(spectrum / np.sqrt(np.maximum(np.arange(len(spectrum)), 1)), n)


def babbled(n: int, babble: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
    starts = rng.randint(0, babble.shape[1] - n, size=len(babble))
    return sum(v[start : start + n] for v, start in zip(babble, starts, strict=True))


NOISES = {"white": white, "pink": pink, "babble": babbled}


def harden_sound(sound: np.ndarray, babble: np.ndarray, rng: np.random.RandomState):
    """Add noise to each recording; band-limit and clip three in ten of them."""
    before, after = rng.randint(0, int(PADDING * SAMPLING_RATE), size=2)
    sound = np.pad(sound, (before, after))
    kind = list(NOISES)[rng.randint(len(NOISES))]
    snr = rng.uniform(*SNRS)
    noise = normalise(NOISES[kind](len(sound), babble, rng))
    sound = sound + noise * 10 ** (-snr / 20)
    band_limited, clipped = rng.uniform(size=2) < 0.3
    if band_limited:
        sos = signal.butter(4, TELEPHONE, "bandpass", fs=SAMPLING_RATE, output="sos")
        sound = signal.sosfiltfilt(sos, sound)
    if clipped:
        ceiling = np.quantile(np.abs(sound), 0.9)
        sound = np.clip(sound, -ceiling, ceiling)
    return normalise(sound), (kind, snr, band_limited, clipped)


def harden_image(image: np.ndarray, rng: np.random.RandomState):
    """Enlarge a digit to 16 by 16, rotate it, fade it, hide a patch, add noise."""
    rotation = rng.uniform(-ROTATION, ROTATION)
    cos, sin = np.cos(np.deg2rad(rotation)), np.sin(np.deg2rad(rotation))
    scale = image.shape[0] / IMAGE_SIZE / rng.uniform(0.9, 1.15)
    matrix = np.array([[cos, -sin], [sin, cos]]) * scale
    centre, centre_out = (image.shape[0] - 1) / 2, (IMAGE_SIZE - 1) / 2
    offset = centre - matrix @ np.full(2, centre_out)
    shape = (IMAGE_SIZE, IMAGE_SIZE)
    pixels = ndimage.affine_transform(image, matrix, offset, shape, order=1)
    pixels *= rng.uniform(0.5, 1.0)
    height, width = rng.randint(PATCH[0], PATCH[1] + 1, size=2)
    top, left = rng.randint(0, IMAGE_SIZE - np.array([height, width]) + 1)
    pixels[top : top + height, left : left + width] = 0.5
    noise = rng.uniform(0.0, PIXEL_NOISE)
    pixels += noise * rng.standard_normal(shape)
    grey = np.round(np.clip(pixels, 0, 1) * 255).astype(np.uint8)
    return grey, (rotation, noise, height * width)


def png(grey: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(grey).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def flac(sound: np.ndarray) -> bytes:
    steps = np.clip(np.round(sound * LEVEL * 32768 / STEP), -256, 255)
    samples = (steps * STEP).astype(np.int16)
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, SAMPLING_RATE, format="FLAC", compression_level=1)
    return buffer.getvalue()


def choose_images(digits, rng: np.random.RandomState) -> np.ndarray:
    """For every speaker and word, one row of `load_digits`; no row twice."""
    columns = [
        rng.choice(np.flatnonzero(digits.target == d), len(VARIANTS), replace=False)
        for d in range(len(WORDS))
    ]
    return np.column_stack(columns)


def make_rows():
    rng = np.random.RandomState(SEED)
    digits = load_digits()
    chosen = choose_images(digits, rng)
    spoken = [speak(BABBLE_TEXT, f"en-us+{name}", 150, 50) for name in BABBLERS]
    babble = np.stack([voice[: min(map(len, spoken))] for voice in spoken])
    for i, variant in enumerate(VARIANTS):
        accent = ACCENTS[i % len(ACCENTS)]
        for digit, word in enumerate(WORDS):
            rate, pitch = rng.randint(*RATES), rng.randint(*PITCHES)
            clean = speak(word, f"{accent}+{variant}", rate, pitch)
            sound, of_sound = harden_sound(clean, babble, rng)
            index = chosen[i, digit]
            grey, of_image = harden_image(digits.images[index] / 16, rng)
            of_speech = (variant, accent, rate, pitch)
            conditions = (*of_speech, *of_sound, index, *of_image)
            yield png(grey), flac(sound), digit, conditions


CONDITIONS = [
    ("speaker", "U12"),
    ("accent", "U16"),
    ("rate_wpm", "i8"),
    ("pitch", "i8"),
    ("noise", "U8"),
    ("snr_db", "f8"),
    ("band_limited", "?"),
    ("clipped", "?"),
    ("image_index", "i8"),
    ("rotation_deg", "f8"),
    ("pixel_noise", "f8"),
    ("hidden_px", "i8"),
]


def main() -> int:
    rows = list(make_rows())
    order = np.random.RandomState(SEED + 1).permutation(len(rows))
    images, sounds, labels, conditions = zip(*[rows[i] for i in order], strict=True)
    TARGET.parent.mkdir(exist_ok=True)
    np.savez(
        TARGET,
        image=np.frombuffer(b"".join(images), np.uint8),
        image_end=np.cumsum([len(cell) for cell in images]),
        audio=np.frombuffer(b"".join(sounds), np.uint8),
        audio_end=np.cumsum([len(cell) for cell in sounds]),
        digit=np.array(labels),
        conditions=np.array(list(conditions), dtype=CONDITIONS),
    )
    size = TARGET.stat().st_size / 1e6
    print(f"{len(rows)} rows, {size:.2f} MB in {TARGET.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
