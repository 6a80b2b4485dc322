import io
from importlib.resources import files

import numpy as np
import pytest
import soundfile
from PIL import Image
from scipy import signal
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmm.datasets import load_spoken_digits


@pytest.fixture(scope="module")
def digits():
    return load_spoken_digits()


@pytest.fixture(scope="module")
def images(digits):
    opened = [Image.open(io.BytesIO(cell)) for cell in digits.data["image"]]
    assert {image.mode for image in opened} == {"L"}
    return np.stack([np.asarray(image) for image in opened])


@pytest.fixture(scope="module")
def sounds(digits):
    return [soundfile.read(io.BytesIO(cell)) for cell in digits.data["audio"]]


def test_every_speaker_says_every_digit_once(digits):
    counts = digits.frame.groupby([digits.groups, "digit"]).size()
    assert counts.shape == (600,)
    assert set(counts) == {1}
    assert digits.groups.nunique() == 60


def test_rows_are_in_no_order_of_digit_or_speaker(digits):
    assert np.mean(np.diff(digits.target) == 0) < 0.2
    assert np.mean(digits.groups[1:].to_numpy() == digits.groups[:-1].to_numpy()) < 0.1


def test_target_names_are_the_digits_in_words(digits):
    assert digits.target_names.shape == (10,)
    assert digits.target_names[[0, 7]].tolist() == ["zero", "seven"]


def test_images_are_small_and_grey(images):
    assert images.shape == (600, 16, 16)
    assert images.dtype == np.uint8


def test_sounds_are_short_mono_and_8000_hertz(digits, sounds):
    info = soundfile.info(io.BytesIO(digits.data["audio"][0]))
    assert (info.format, info.subtype) == ("FLAC", "PCM_16")
    assert {rate for _, rate in sounds} == {8000}
    assert {sound.ndim for sound, _ in sounds} == {1}
    lengths = [len(sound) / rate for sound, rate in sounds]
    assert min(lengths) > 0.15
    assert max(lengths) < 1.1


def test_no_image_and_no_recording_is_used_twice(digits):
    assert digits.data["image"].nunique() == 600
    assert digits.data["audio"].nunique() == 600
    assert digits.conditions["image_index"].nunique() == 600


def test_each_image_was_made_from_the_real_digit_it_names(digits, images):
    real = load_digits()
    index = digits.conditions["image_index"].to_numpy()
    np.testing.assert_array_equal(real.target[index], digits.target)
    pooled = images.reshape(600, 8, 2, 8, 2).mean(axis=(2, 4)).reshape(600, 64)
    likeness = np.corrcoef(pooled, real.data[index])[:600, 600:]
    same_digit = digits.target.to_numpy()[:, None] == digits.target.to_numpy()
    np.fill_diagonal(same_digit, False)
    others = np.where(same_digit, likeness, np.nan)
    assert np.mean(np.diag(likeness)) > 0.7
    assert np.mean(np.diag(likeness) > np.nanmean(others, axis=1)) > 0.95


def test_conditions_stay_within_the_ranges_that_descr_states(digits):
    ranges = digits.conditions.drop(columns="image_index").agg(["min", "max"])
    stated = {
        "rate_wpm": (120, 179),
        "pitch": (25, 74),
        "snr_db": (-3, 20),
        "rotation_deg": (-10, 10),
        "pixel_noise": (0, 0.2),
        "hidden_px": (16, 36),
    }
    for name, (low, high) in stated.items():
        assert low <= ranges[name]["min"] <= ranges[name]["max"] <= high
    assert digits.conditions["accent"].nunique() == 8
    assert set(digits.conditions["noise"]) == {"white", "pink", "babble"}
    assert digits.conditions["band_limited"].mean() == pytest.approx(0.3, abs=0.06)
    assert digits.conditions["clipped"].mean() == pytest.approx(0.3, abs=0.06)


def test_the_archive_is_small_and_holds_no_pickled_object():
    path = files("skmm.datasets") / "data" / "spoken_digits.npz"
    assert len(path.read_bytes()) < 3e6
    with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        assert not any(archive[name].dtype.hasobject for name in archive.files)


def test_descr_credits_the_sources(digits):
    for words in ("Alpaydin", "Creative\nCommons Attribution 4.0", "eSpeak NG 1.51"):
        assert words in digits.DESCR


def test_fusion_gains_over_either_modality_for_plain_models(digits, images, sounds):
    def log_spectrum(sound):
        _, _, spectrum = signal.stft(sound, 8000, nperseg=128, noverlap=64)
        log = np.log(np.abs(spectrum) ** 2 + 1e-6)
        return np.concatenate([q.mean(axis=1) for q in np.array_split(log, 4, axis=1)])

    y = digits.target.to_numpy()
    pixels = images.reshape(600, -1)
    spectra = np.stack([log_spectrum(sound) for sound, _ in sounds])
    train, test = np.arange(400), np.arange(400, 600)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01))
    logs = [
        model.fit(X[train], y[train]).predict_log_proba(X[test])
        for X in (pixels, spectra)
    ]
    image, audio, both = (
        np.mean(log.argmax(axis=1) == y[test]) for log in (*logs, sum(logs))
    )
    assert 0.6 < image < 0.9
    assert 0.6 < audio < 0.9
    assert both > max(image, audio) + 0.06
