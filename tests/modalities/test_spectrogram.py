"""The spectrogram is the one of its formula, whatever part is decoded."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skmm.exceptions import ModalityError
from skmm.modalities._spectrogram import Clip, LogMel, Plan, mel_filters

RATE = 8000


def clip(samples, rate=RATE):
    return Clip(rate, len(samples), lambda start, stop: samples[start:stop])


def tone(hertz, seconds=1.0, rate=RATE):
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)


def plan(rate=RATE, duration=1.0, hop=0.01, window=0.025):
    return Plan(rate, duration, hop, window)


def test_log_mel_is_the_formula():
    samples = np.random.default_rng(0).normal(size=RATE)
    log_mel = LogMel(plan(), 40)
    taper = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(200) / 200)
    taper /= taper.sum()
    filters = mel_filters(RATE, 200, 40).T
    n_fft = 2 * (filters.shape[1] - 1)
    expected = [
        filters @ np.abs(np.fft.rfft(taper * samples[s : s + 200], n_fft)) ** 2
        for s in range(0, RATE - 200 + 1, 80)
    ]
    values = log_mel(clip(samples))
    assert log_mel.n_steps == len(values) == 99
    assert values.dtype == np.float32
    assert_allclose(values[:98], 10 * np.log10(expected), rtol=0, atol=1e-3)


def test_filters_are_triangles_on_the_mel_scale():
    filters = mel_filters(16_000, 512, 20)
    hertz = np.fft.rfftfreq(2 * (len(filters) - 1), 1 / 16_000)
    mel = 2595 * np.log10(1 + hertz / 700)
    centres = np.arange(1, 21) * 2595 * np.log10(1 + 8000 / 700) / 21
    assert filters.shape[1] == 20
    assert_allclose(mel[filters.argmax(axis=0)], centres, atol=30)
    assert (filters >= 0).all()
    inner = (mel > centres[0]) & (mel < centres[-1])
    assert_allclose(filters[inner].sum(axis=1), 1.0, atol=1e-5)


@pytest.mark.parametrize(
    ("rate", "window", "n_mels"), [(8000, 200, 128), (100, 32, 64)]
)
def test_no_filter_is_empty(rate, window, n_mels):
    assert mel_filters(rate, window, n_mels).any(axis=0).all()


@pytest.mark.parametrize("hertz", [300, 1000, 3000])
def test_a_tone_lights_the_filter_of_its_frequency(hertz):
    values = LogMel(plan(), 32)(clip(tone(hertz))).mean(axis=0)
    mel = 2595 * np.log10(1 + hertz / 700)
    nearest = round(mel / (2595 * np.log10(1 + 4000 / 700) / 33)) - 1
    assert abs(int(values.argmax()) - nearest) <= 1


def test_floor_is_eighty_decibels_below_the_loudest_and_silence_is_finite():
    values = LogMel(plan(), 32)(clip(tone(1000)))
    assert_allclose(values.max() - values.min(), 80, atol=1e-3)
    assert_allclose(LogMel(plan(), 32)(clip(np.zeros(RATE))), -100, atol=1e-4)


def test_the_middle_of_a_long_clip_is_kept_and_nothing_else_is_decoded():
    samples = np.zeros(10 * RATE)
    samples[int(4.5 * RATE) : int(5.5 * RATE)] = tone(1000)
    asked = []

    def read(start, stop):
        asked.append((start, stop))
        return samples[start:stop]

    values = LogMel(plan(), 32)(Clip(RATE, len(samples), read))
    assert len(values) == 99
    assert (values.max(axis=1) > -30).sum() >= 97
    assert len(asked) == 1
    assert asked[0][1] - asked[0][0] <= 1.01 * RATE


@pytest.mark.parametrize("n_samples", [1, 31, 199, 200])
def test_a_clip_shorter_than_a_window_is_one_step(n_samples):
    values = LogMel(plan(), 32)(clip(tone(1000)[:n_samples]))
    assert values.shape == (1, 32)
    assert np.isfinite(values).all()


def test_no_sample_of_the_end_is_lost():
    samples = np.zeros(360)
    samples[300] = 1.0  # behind the second window, 80 to 279
    values = LogMel(plan(), 32)(clip(samples))
    assert len(values) == 3
    assert values[2].max() > -99
    assert_allclose(values[1], -100, atol=1e-4)


@pytest.mark.parametrize("rate", [4000, 11_025, 44_100])
def test_other_rates_are_resampled(rate):
    log_mel = LogMel(plan(), 32)
    expected = log_mel(clip(tone(1000)))[10:90]
    values = log_mel(clip(tone(1000, rate=rate), rate))[10:90]
    loud = expected > -40
    assert loud.sum() > 80
    assert_allclose(values[loud], expected[loud], atol=1.0)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
def test_samples_that_are_no_sound_are_refused(value):
    samples = tone(1000)
    samples[500] = value
    with pytest.raises(ModalityError, match="NaN, infinite or beyond"):
        LogMel(plan(), 32)(clip(samples))


def test_rates_beyond_resampling_are_refused():
    with pytest.raises(ModalityError, match="sampling rate of 1000000000 Hz"):
        LogMel(plan(), 32)(clip(tone(1000), 10**9))


def test_windows_of_slow_recordings_hold_enough_samples():
    log_mel = LogMel(Plan(10, 60.0, 0.5, 0.025), 8)
    assert log_mel.window == 32
    assert np.isfinite(log_mel(clip(tone(2, 60, 10), 10))).all()


def test_padded_it_has_all_steps_and_nan_behind_the_end():
    log_mel = LogMel(plan(), 32)
    values = log_mel(clip(tone(1000, 0.5)))
    padded = log_mel.padded(clip(tone(1000, 0.5)))
    assert (padded.shape, padded.dtype) == ((log_mel.n_steps, 32), np.float32)
    assert_array_equal(padded[: len(values)], values)
    assert len(values) < log_mel.n_steps
    assert np.isnan(padded[len(values) :]).all()
