"""Whatever a sound comes as, the same spectrogram arrives; what is none is refused."""

import io
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import soundfile
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from skmm.exceptions import CellError, MissingModalityWarning, ModalityError
from skmm.modalities.audio import AudioModality, _Steady

RATE = 8000
RNG = np.random.default_rng(0)
NOISE = RNG.integers(-8000, 8000, RATE, dtype=np.int16)  # one second


def frame(*cells, **columns):
    columns = columns or {"call": cells}
    return pd.DataFrame({k: pd.Series(v, dtype=object) for k, v in columns.items()})


def encoded(samples, rate=RATE, kind="WAV", **options):
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format=kind, **options)
    return buffer.getvalue()


def held(samples, rate=RATE):
    return {"array": samples, "sampling_rate": rate}


def tone(hertz, seconds=1.0, rate=RATE):
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)


def fitted(**parameters):
    return AudioModality(**parameters).fit(frame(held(NOISE), held(NOISE[:4000])))


def test_every_holder_of_a_sound_gives_the_same_spectrogram(tmp_path):
    content = encoded(NOISE)
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    X = frame(
        str(path),
        path,
        content,
        bytearray(content),
        memoryview(content),
        encoded(NOISE, kind="FLAC"),
        {"bytes": content, "path": "gone.wav"},
        {"bytes": None, "path": str(path)},
        {"path": "gone.wav", **held(NOISE / 2**15)},
        held(NOISE),
        held(NOISE.tolist()),
        held(np.stack([NOISE, NOISE], axis=1)),
        held(np.stack([NOISE, NOISE])),
        NOISE,
        NOISE.tolist(),
    )
    array, present = fitted(sampling_rate=RATE).transform(X)
    assert present.all()
    assert array.dtype == np.float16
    assert np.ptp(array[0].astype(float)) > 1
    assert_allclose(
        array, np.broadcast_to(array[0], array.shape), atol=2e-3, equal_nan=True
    )


@pytest.mark.parametrize("kind", ["OGG", "MP3", "AIFF"])
def test_files_of_other_formats_are_read(kind):
    modality = AudioModality().fit(frame(held(tone(1000)), held(NOISE)))
    expected = modality.transform(frame(held(tone(1000)))).array[0].astype(float)
    cells = frame(encoded(tone(1000), kind=kind))
    array = modality.transform(cells).array[0].astype(float)
    assert_array_equal(
        np.nanmean(array, axis=0).argmax(), np.nanmean(expected, axis=0).argmax()
    )
    assert_array_equal(np.isnan(array).all(axis=(1, 2)), np.isnan(expected)[:, 0, 0])


@pytest.mark.parametrize(
    ("dtype", "scale", "middle"),
    [
        (np.int16, 2**15, 0),
        (np.int32, 2**31, 0),
        (np.int64, 2**15, 0),
        (np.uint8, 2**7, 128),
        (np.float32, 1, 0),
    ],
)
def test_every_type_of_sample_has_one_loudness(dtype, scale, middle):
    modality = fitted()
    expected = modality.transform(frame(held(tone(1000)))).array.astype(float)
    cell = held((tone(1000) * scale + middle).astype(dtype))
    array = modality.transform(frame(cell)).array.astype(float)
    assert abs(np.nanmax(array) - np.nanmax(expected)) < 0.05


def test_channels_are_averaged():
    modality = fitted()
    loud, silent = tone(1000), np.zeros(RATE)
    both = frame(encoded(np.stack([loud, silent], axis=1)), encoded(loud / 2))
    array = modality.transform(both).array
    assert_allclose(array[0], array[1], atol=0.01)


def test_mixed_sampling_rates_are_brought_to_the_most_frequent():
    X = frame(held(NOISE), held(NOISE), held(tone(1000, rate=44_100), 44_100))
    modality = AudioModality().fit(X)
    assert modality.sampling_rate_ == RATE
    array = modality.transform(frame(*X["call"], held(tone(1000)))).array
    inner = array[2:, 5:50].astype(float)
    loudest = inner.mean(axis=1).argmax(axis=1)
    assert loudest[0] == loudest[1]


def test_automatic_rate_is_at_most_16_kilohertz():
    X = frame(held(NOISE, 44_100))
    assert AudioModality().fit(X).sampling_rate_ == 16_000
    assert AudioModality(sampling_rate=4000).fit(X).sampling_rate_ == 4000


def test_automatic_duration_is_the_95th_percentile_and_at_most_ten_seconds():
    X = frame(*[held(NOISE)] * 30, held(np.tile(NOISE, 100)))
    assert AudioModality().fit(X).duration_ == 1.0
    X = frame(held(np.tile(NOISE, 100)))
    modality = AudioModality().fit(X)
    assert modality.duration_ == 10.0
    assert modality.hop_ == 10 / 64
    assert modality.spec("call").shape == (63, 64, 1)


def test_steps_follow_from_seconds():
    modality = fitted(duration=1.0, hop=0.02, window=0.04, n_mels=20)
    assert modality.spec("call").shape == (49, 20, 1)
    assert fitted(duration=0.5).hop_ == 0.010
    assert fitted(duration=0.5).window_ == 0.025


def test_nan_stands_behind_the_end_of_a_short_clip():
    array = fitted().transform(frame(held(NOISE[:4000]))).array[0]
    gaps = np.isnan(array).all(axis=(1, 2))
    assert_array_equal(np.isnan(array).any(axis=(1, 2)), gaps)
    assert 28 <= np.argmax(gaps) <= 34
    assert gaps[np.argmax(gaps) :].all()


def test_bands_are_standardised_over_the_sample():
    X = frame(*[held(RNG.normal(size=RATE) * 0.1) for _ in range(20)])
    modality = AudioModality().fit(X)
    assert modality.mean_.shape == modality.scale_.shape == (64,)
    values = modality.transform(X).array.astype(float)
    assert_allclose(np.nanmean(values, axis=(0, 1)), 0, atol=2e-3)
    assert_allclose(np.nanstd(values, axis=(0, 1)), 1, atol=2e-3)


def test_values_stay_within_ten_deviations():
    X = frame(*[held(RNG.normal(size=RATE) * 0.1) for _ in range(5)])
    modality = AudioModality().fit(X)
    array = modality.transform(frame(held(np.zeros(RATE)))).array
    assert np.nanmin(array) == -10


def test_missing_and_empty_clips_are_absent_and_zero():
    cells = [None, np.nan, pd.NA, "", {"bytes": None, "path": None}]
    cells += [encoded(NOISE[:0]), held([]), held(np.zeros((2, 0))), held(NOISE)]
    array, present = fitted().transform(frame(*cells))
    assert_array_equal(present, [False] * 8 + [True])
    assert not array[:8].any()


def test_silence_and_a_single_sample_are_sounds():
    array, present = fitted().transform(frame(held(np.zeros(RATE)), held([0.5])))
    assert present.all()
    assert np.isfinite(array[0, :60]).all()
    assert np.isfinite(array[1, 0]).all()
    assert np.isnan(array[1, 1:]).all()


def test_several_columns_stand_side_by_side():
    X = frame(left=[held(NOISE), None, None], right=[held(NOISE), held(NOISE), None])
    modality = AudioModality().fit(X)
    array, present = modality.transform(X)
    assert modality.spec("ears").shape == array.shape[1:] == (63, 64, 2)
    assert_array_equal(present, [True, True, False])
    assert_array_equal(array[0, ..., 0], array[0, ..., 1])
    assert np.isnan(array[1, ..., 0]).all()
    assert_array_equal(array[1, ..., 1], array[0, ..., 1])
    assert not array[2].any()


def test_a_truncated_file_names_its_row_and_path(tmp_path):
    content = encoded(NOISE, kind="FLAC")
    path = tmp_path / "half.bin"
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(CellError, match=r"row 1: .*half\.bin.*libsndfile") as caught:
        fitted().transform(frame(held(NOISE), str(path)))
    assert caught.value.row == 1


@pytest.mark.parametrize("cell", [b"no sound", encoded(NOISE)[:30]])
def test_a_corrupt_sound_is_refused(cell):
    with pytest.raises(CellError, match="not a sound that libsndfile reads"):
        AudioModality().fit(frame(cell))


@pytest.mark.parametrize("length", [3000, -1])
def test_an_ogg_file_without_its_end_is_refused(length):
    content = encoded(NOISE, kind="OGG")[:length]
    with pytest.raises(CellError, match="its end is not found"):
        AudioModality().fit(frame(content))


def test_a_file_is_judged_by_its_content_and_not_by_its_name(tmp_path):
    path = tmp_path / "noise.raw"
    path.write_bytes(encoded(NOISE))
    array, present = fitted().transform(frame(str(path), held(NOISE)))
    assert present.all()
    assert_array_equal(array[0], array[1])


def test_a_file_without_samples_that_are_sought_prints_nothing(capfd):
    content = encoded(NOISE, kind="AIFF").replace(b"SSND", b"SSNX")
    with pytest.raises(CellError, match="not a sound that libsndfile reads"):
        fitted().transform(frame(content))
    assert capfd.readouterr() == ("", "")


def test_places_before_the_beginning_of_a_file_are_not_gone_to():
    with _Steady(io.BytesIO(b"abc")) as stream:
        assert (stream.seek(2), stream.seek(-1)) == (2, 2)
        assert stream.read() == b"c"


def test_a_file_that_ends_before_the_part_that_is_kept_is_refused():
    content = encoded(np.tile(NOISE, 2), kind="MP3")[:1000]
    with pytest.raises(CellError, match="declares 16000 samples, and it ends before"):
        fitted(duration=0.5).transform(frame(content))


def test_a_wav_that_ends_early_is_read_as_far_as_it_goes():
    modality = fitted()
    array, present = modality.transform(
        frame(encoded(NOISE)[:8044], held(NOISE[:4000]))
    )
    assert present.all()
    assert_array_equal(array[0], array[1])


def test_a_missing_file_names_its_path():
    with pytest.raises(CellError, match=r"'gone/x\.wav': there is no such file"):
        AudioModality().fit(frame("gone/x.wav"))


def test_unreadable_sounds_can_count_as_missing():
    X = frame(held(NOISE), b"junk", "gone.wav", None)
    modality = AudioModality()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        modality.fit(X, on_error="missing")
    with pytest.warns(MissingModalityWarning, match=r"2 of 4 .* row 1") as caught:
        array, present = modality.transform(X, on_error="missing")
    assert len(caught) == 1
    assert_array_equal(present, [True, False, False, False])
    assert not array[1:].any()


def test_absurd_durations_are_refused_from_the_header():
    content = bytearray(encoded(NOISE, kind="FLAC"))
    content[21] |= 0x0F  # the 36 bits of the number of samples
    content[22:26] = b"\xff\xff\xff\xff"
    with pytest.raises(CellError, match="8589935 s are more than the 600 s"):
        fitted().transform(frame(bytes(content)))


def test_max_duration_is_the_bound():
    X = frame(encoded(NOISE))
    assert AudioModality(max_duration=1.0).fit(X).transform(X).present.all()
    with pytest.raises(CellError, match=r"1 s are more than the 0\.5 s"):
        AudioModality(max_duration=0.5).fit(X)


def test_max_bytes_bounds_the_file_and_what_is_kept_of_it():
    content = encoded(np.tile(NOISE[:, np.newaxis], 2), kind="FLAC")
    X, size = frame(content), len(content)
    with pytest.raises(CellError, match=rf"{size:_} bytes are more .* max_bytes"):
        AudioModality(max_bytes=size - 1).fit(X)
    said = r"2 channels at 8000 Hz take 64_000 bytes, and 63_999 .* max_bytes"
    with pytest.raises(CellError, match=said):
        AudioModality(max_bytes=63_999).fit(X)
    assert AudioModality(max_bytes=64_000).fit(X).transform(X).present.all()
    short = AudioModality(duration=0.5, max_bytes=33_000).fit(X)
    assert short.transform(X).present.all()


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        (NOISE, r"does not tell its sampling rate; give AudioModality\(sampling_rate"),
        (held(NOISE, None), "does not tell its sampling rate"),
        (held(NOISE, -1), "sampling rate is -1 Hz"),
        (held(NOISE, np.nan), "sampling rate is nan Hz"),
        (held(NOISE, np.inf), "sampling rate is inf Hz"),
        (held(NOISE, 2**31), "sampling rate is 2147483648 Hz"),
        (held([[1e308, 1e308]]), "NaN, infinite"),
        (held(np.full(9, np.inf, np.float16)), "NaN, infinite"),
        (held(np.zeros((2, 2, 2))), r"shape \(2, 2, 2\)"),
        (held(NOISE > 0), "type bool"),
        (held([0.0, np.nan]), "NaN, infinite"),
        (held([0.0, np.inf]), "NaN, infinite"),
        (held(["a"]), "real numbers"),
        (3.5, "a sound is a path"),
        ({"label": 3}, "a sound is a path"),
    ],
)
def test_what_is_no_sound_is_refused_with_the_reason(cell, said):
    with pytest.raises(CellError, match=said):
        AudioModality().fit(frame(cell))


def test_threads_give_the_same_bits():
    cells = [held(RNG.normal(size=n)) for n in (4000, 8000, 6000)]
    X = frame(*[*cells, encoded(NOISE), None] * 40)
    one, two = AudioModality().fit(X, n_jobs=1), AudioModality().fit(X, n_jobs=2)
    assert_array_equal(one.mean_, two.mean_)
    assert_array_equal(one.scale_, two.scale_)
    a, b = one.transform(X, n_jobs=1), two.transform(X, n_jobs=2)
    assert_array_equal(a.array, b.array)
    assert_array_equal(a.present, b.present)


def test_fit_looks_at_a_bounded_sample():
    X = frame(*[held(NOISE[:400])] * 2000)
    X.iat[1, 0] = b"junk that only transform meets"
    modality = AudioModality().fit(X)
    with pytest.raises(CellError, match="row 1"):
        modality.transform(X)


def test_fit_on_missing_sounds_alone_has_a_shape():
    modality = AudioModality().fit(frame(None, encoded(NOISE[:0])))
    assert (modality.sampling_rate_, modality.duration_) == (16_000, 1.0)
    array, present = modality.transform(frame(None, held(NOISE)))
    assert_array_equal(present, [False, True])
    assert array.shape[1:] == modality.spec("call").shape == (63, 64, 1)


def test_zero_rows_and_one_row_are_transformed():
    modality = fitted()
    array, present = modality.transform(frame(held(NOISE)).iloc[:0])
    assert array.shape == (0, *modality.spec("call").shape)
    assert present.shape == (0,)
    assert len(modality.transform(frame(held(NOISE))).array) == 1


def test_refitting_forgets():
    modality = AudioModality().fit(frame(held(np.tile(NOISE, 3), 16_000)))
    modality.fit(frame(held(NOISE)))
    fresh = AudioModality().fit(frame(held(NOISE)))
    assert pickle.dumps(modality) == pickle.dumps(fresh)


def test_a_failed_fit_leaves_the_former_one():
    modality = fitted()
    before = pickle.dumps(modality)
    with pytest.raises(CellError):
        modality.fit(frame(held(NOISE, 4000), b"junk"))
    assert pickle.dumps(modality) == before


def test_pickle_is_small_and_gives_the_same_bits():
    modality, X = fitted(), frame(held(NOISE))
    content = pickle.dumps(modality)
    assert len(content) < 2000
    again = pickle.loads(content)
    assert_array_equal(again.transform(X).array, modality.transform(X).array)


def test_clone_keeps_parameters_and_drops_what_was_learned():
    modality = fitted(sampling_rate=4000, duration=0.5, n_mels=12, hop=0.02)
    copy = clone(modality)
    assert copy.get_params() == modality.get_params()
    with pytest.raises(NotFittedError):
        copy.transform(frame(held(NOISE)))
    with pytest.raises(NotFittedError):
        copy.spec("call")


def test_spec_describes_the_array():
    modality = fitted()
    array, spec = modality.transform(frame(held(NOISE))).array, modality.spec("call")
    assert (spec.name, spec.kind, spec.encoder) == ("call", "audio", "cnn")
    assert (spec.shape, spec.dtype) == (array.shape[1:], array.dtype.name)


@pytest.mark.parametrize(
    "parameters",
    [
        {"sampling_rate": 0},
        {"sampling_rate": "high"},
        {"sampling_rate": 8000.5},
        {"duration": 0.0},
        {"duration": -1},
        {"duration": None},
        {"hop": 0},
        {"window": "long"},
        {"n_mels": 0},
        {"n_mels": 2.5},
        {"max_duration": -1},
        {"max_bytes": 0},
    ],
)
def test_bad_parameters_are_refused(parameters):
    with pytest.raises((ValueError, TypeError), match=next(iter(parameters))):
        fitted(**parameters)


def test_other_columns_than_at_fit_are_refused():
    with pytest.raises(ModalityError, match=r"fitted on 1 .* gets 2"):
        fitted().transform(frame(a=[held(NOISE)], b=[held(NOISE)]))
