"""Bad input gets an error with its place and the remedy; nothing is left half done.

Each case is what a person might pass; the message must name the column or modality,
what arrived, and what to do.
"""

import io
import wave
import zlib

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.exceptions import NotFittedError

from skmm import ModalityTransformer, MultimodalClassifier
from skmm.exceptions import MissingModalityWarning

N = 8
Y = np.arange(N) % 2


def png(mode="RGB", size=(10, 12), **save):
    stream = io.BytesIO()
    Image.new(mode, size, 1).save(stream, "PNG", **save)
    return stream.getvalue()


def wav(rate=8000, seconds=0.2):
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        tone = np.sin(np.arange(int(rate * seconds)) / 5) * 9000
        file.writeframes(tone.astype("<i2").tobytes())
    return stream.getvalue()


@pytest.fixture
def df():
    """Eight complete rows."""
    return pd.DataFrame(
        {
            "age": np.arange(N, dtype=float),
            "note": [f"patient {i} has a cough" for i in range(N)],
            "photo": pd.Series([png() for _ in range(N)], dtype=object),
            "sound": pd.Series([wav() for _ in range(N)], dtype=object),
        }
    )


def triples(**changed):
    chosen = {
        "facts": ("tabular", "age"),
        "note": ("text", "note"),
        "photo": ("image", "photo"),
        "sound": ("audio", "sound"),
        **changed,
    }
    return [(name, *rest) for name, rest in chosen.items()]


def model(modalities=None, **params):
    params = {"ensemble_size": 1, "epochs": 1, "random_state": 0, **params}
    return MultimodalClassifier(modalities or triples(), **params)


def refused(message, X, y=Y, estimator=None, **fit):
    """Fit, expect the message, and find the estimator as it was."""
    estimator = estimator or model()
    before = dict(vars(estimator))
    with pytest.raises(ValueError, match=message):
        estimator.fit(X, y, **fit)
    assert vars(estimator) == before


def test_the_frame_itself_is_good(df):
    assert model().fit(df, Y).predict(df).shape == (N,)


def test_an_unknown_column(df):
    columns = triples(note=("text", "notes"))
    refused(
        "'note'.*no column 'notes'; did you mean 'note'", df, estimator=model(columns)
    )


def test_a_column_in_two_modalities(df):
    columns = triples(words=("text", "note"))
    refused("'note'.*'words'|'words'.*'note'", df, estimator=model(columns))


def test_a_kind_that_does_not_exist(df):
    columns = triples(photo=("imgae", "photo"))
    refused(
        "unknown modality 'imgae'; did you mean 'image'", df, estimator=model(columns)
    )


@pytest.mark.parametrize(
    ("column", "cell"),
    [("photo", png()[:45]), ("sound", b"RIFF")],
    ids=["photo", "sound"],
)
def test_a_corrupt_file_names_its_row(df, column, cell):
    df.at[3, column] = cell
    refused(f"column '{column}', row 3", df)


@pytest.mark.parametrize("column", ["photo", "sound"])
def test_a_missing_file_names_its_path(df, column):
    df.at[2, column] = "no/such/file.png"
    refused(f"column '{column}', row 2.*no/such/file.png", df)


def test_unreadable_files_may_count_as_missing_with_one_warning(df):
    df.at[3, "photo"] = df.at[4, "photo"] = b"not an image"
    transformer = ModalityTransformer(triples(), on_error="missing")
    with pytest.warns(MissingModalityWarning, match=r"2 of 8 cells.*row 3") as caught:
        frame = transformer.fit_transform(df)
    assert len(caught) == 1
    assert frame.present[:, 2].tolist() == [True] * 3 + [False] * 2 + [True] * 3


def test_mixed_sampling_rates_are_resampled(df):
    df["sound"] = pd.Series([wav(8000 * (1 + i % 2)) for i in range(N)], dtype=object)
    assert model().fit(df, Y).predict(df).shape == (N,)


@pytest.mark.parametrize("mode", ["RGBA", "P", "I;16", "L", "LA", "1"])
def test_images_of_mixed_modes_are_converted(df, mode):
    df.at[1, "photo"] = png(mode)
    assert model().fit(df, Y).predict(df).shape == (N,)


def test_an_image_of_cmyk_and_a_turned_one_are_converted(df):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    for row, image in enumerate([Image.new("CMYK", (9, 9)), Image.new("RGB", (6, 9))]):
        stream = io.BytesIO()
        image.save(stream, "JPEG", exif=exif if row else b"")
        df.at[row, "photo"] = stream.getvalue()
    assert model().fit(df, Y).predict(df).shape == (N,)


def test_an_image_of_absurd_dimensions_is_refused_before_decoding(df):
    header = bytearray(png())
    header[16:24] = (60000).to_bytes(4, "big") * 2
    header[29:33] = zlib.crc32(header[12:29]).to_bytes(4, "big")
    df.at[5, "photo"] = bytes(header)
    refused("column 'photo', row 5.*60000", df)


def test_text_that_holds_numbers(df):
    df["note"] = np.arange(N)
    refused(r"column 'note'.*holds numbers.*tabular", df)


def test_no_rows(df):
    refused("0 sample", df[:0], [])


def test_one_class(df):
    refused("one class only", df, np.zeros(N))


def test_all_rows_missing_a_modality(df):
    df["note"] = None
    refused("'note'.*missing", df)


def test_infinite_numbers(df):
    df.loc[4, "age"] = np.inf
    refused(r"'age'.*row 4.*inf|inf.*'age'.*row 4", df)


def test_labels_that_are_missing(df):
    refused("row 2 is missing", df, np.where(np.arange(N) == 2, None, "a"))


@pytest.mark.parametrize(
    ("weight", "message"),
    [(-np.ones(N), "Negative"), (np.zeros(N), "non-zero"), (np.ones(3), "shape")],
)
def test_weights_that_are_none(df, weight, message):
    refused(message, df, sample_weight=weight)


def test_other_columns_at_predict_time(df):
    fitted = model().fit(df, Y)
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.predict(df.rename(columns={"age": "years"}))
    with pytest.raises(ValueError, match=r"feature names should match|3 features"):
        fitted.predict(df.drop(columns="note"))


def test_an_estimator_that_is_not_fitted(df):
    with pytest.raises(NotFittedError):
        model().predict(df)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [("epochs", 0), ("learning_rate", -1.0), ("fusion", 3), ("schedule", "linear")],
)
def test_parameters_out_of_range(df, parameter, value):
    refused(f"'{parameter}' parameter", df, estimator=model(**{parameter: value}))


def test_a_fusion_that_does_not_exist(df):
    refused(
        "unknown fusion 'gatd'; did you mean 'gated'",
        df,
        estimator=model(fusion="gatd"),
    )
