"""Hostile cells end in a value, a missing modality or a CellError, in nothing else.

Each is made here: no file of the corpus is stored. None is decoded for long, and what
might wait for ever is read in a process that is given up after a time.
"""

import inspect
import io
import os
import re
import struct
import subprocess
import sys
import warnings
import zlib
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn.pipeline import make_pipeline

from skmm import ModalityTransformer, MultimodalClassifier, available, infer_modalities
from skmm._components import component_class, resolve
from skmm.exceptions import CellError, MissingModalityWarning, ModalityError
from skmm.modalities.audio import AudioModality
from skmm.modalities.image import ImageModality

ROOT = Path(__file__).parents[1]
RATE = 8000
RNG = np.random.default_rng(0)
NOISE = RNG.integers(-8000, 8000, RATE // 2, dtype=np.int16)
COLOURS = RNG.integers(0, 256, (12, 10, 3), dtype=np.uint8)
FEW = settings(
    max_examples=50,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)


def picture(kind="PNG", mode="RGB", **options):
    stream = io.BytesIO()
    Image.fromarray(COLOURS).convert(mode).save(stream, kind, **options)
    return stream.getvalue()


def png(width, height, data, *chunks):
    """A PNG file of any header, with all checksums right."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(data)), (b"IEND", b"")]
    body = (
        struct.pack(">I", len(held))
        + n
        + held
        + struct.pack(">I", zlib.crc32(n + held))
        for n, held in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def flipped(content, place, bit=3):
    changed = bytearray(content)
    changed[place] ^= 1 << bit
    return bytes(changed)


def sound(kind="WAV", samples=NOISE, **options):
    stream = io.BytesIO()
    soundfile.write(stream, samples, RATE, format=kind, **options)
    return stream.getvalue()


def wav(samples=NOISE, rate=RATE, channels=1, declared=None, code=1):
    """A WAV file of any header."""
    data, width = samples.tobytes(), samples.itemsize
    frame = channels * width
    size = len(data) if declared is None else declared
    return b"".join(
        (
            b"RIFF" + struct.pack("<I", 36 + size) + b"WAVEfmt ",
            struct.pack("<IHHII", 16, code, channels, rate, rate * frame % 2**32),
            struct.pack("<HH", frame % 2**16, 8 * width)
            + b"data"
            + struct.pack("<I", size),
            data,
        )
    )


def ten_hours_of_flac():
    content = bytearray(sound("FLAC"))
    content[21:26] = (content[21] & 0xF0).to_bytes(1, "big") + (36_000 * RATE).to_bytes(
        4, "big"
    )
    return bytes(content)


def written(name, content):
    """Something in a file, by its path."""

    def make(folder):
        (folder / name).write_bytes(content() if callable(content) else content)
        return str(folder / name)

    return make


def sparse(name, head, size):
    """A file of zeros behind a header, which takes next to no room."""

    def make(folder):
        with open(folder / name, "wb") as file:
            file.write(head)
            file.truncate(size)
        return str(folder / name)

    return make


def linked(name, target):
    def make(folder):
        (folder / name).symlink_to(target)
        return str(folder / name)

    return make


def circle(folder):
    (folder / "one.png").symlink_to("two.png")
    (folder / "two.png").symlink_to("one.png")
    return str(folder / "one.png")


def leaving(folder):
    (folder.parent / "outside.png").write_bytes(picture())
    return str(folder.parent / "outside.png")


class Cell(NamedTuple):
    """A cell, or a function that makes it in a folder; the outcome; what is said."""

    cell: object
    outcome: str = "refused"
    said: str = ""


FRAMES = {"save_all": True, "append_images": [Image.fromarray(COLOURS[::-1])]}
NAN = np.full(RATE, np.nan, np.float32)
FILES = {  # of both kinds alike
    "empty bytes": Cell(b"", said="it is empty"),
    "an empty file": Cell(written("empty.bin", b""), said="it is empty"),
    "a folder": Cell(str, said="it is a folder"),
    "a link to a folder": Cell(linked("link", "."), said="it is a folder"),
    "links in a circle": Cell(circle, said="cannot be opened"),
    "a link to nothing": Cell(linked("dangling", "gone"), said="no such file"),
    "nothing": Cell("gone.bin", said="no such file"),
    "a path of null": Cell("a\0b", said="ValueError"),
    "a path too long": Cell("x/" * 5000, said="cannot be opened"),
    "half a sign": Cell("\ud800.png", said="UnicodeEncodeError"),
    "an address": Cell("http://127.0.0.1:9/a.png", said="nothing is fetched"),
    "an address of a file": Cell("file:///etc/passwd", said="nothing is fetched"),
    "an address in a dict": Cell({"path": "s3://a/b"}, said="nothing is fetched"),
    "data in an address": Cell("data:image/png;base64,AA", said="nothing is fetched"),
    "another machine": Cell(r"\\host\share\a.png", said="nothing is fetched"),
    "a file of the kernel": Cell(
        "/proc/self/environ", said=r"it is empty|no such file"
    ),
    "a text": Cell("no path at all, but a sentence.", said="no such file"),
    "a program": Cell(b"#!/bin/sh\ntouch owned\n", said="it is not a"),
    "a pickle": Cell(b"\x80\x04cos\nsystem\n(S'touch owned'\ntR.", said="it is not a"),
    "a huge file": Cell(sparse("huge.bin", b"RIFF", 2**40), said="parameter max_bytes"),
    "an odd object": Cell(object()),
    "a number": Cell(7),
}
IMAGES = FILES | {
    "a good file": Cell(written("a.png", picture()), "read"),
    "a cut PNG": Cell(picture()[:-30]),
    "a cut JPEG": Cell(picture("JPEG")[:400]),
    "the head of a PNG": Cell(picture()[:20]),
    "a flipped bit": Cell(flipped(picture(), 60)),
    "a flipped bit of the size": Cell(flipped(picture(), 19)),
    "another suffix": Cell(written("jpeg.png", picture("JPEG")), "read"),
    "a sound by the name of an image": Cell(
        written("wav.png", wav()), said="not an im"
    ),
    "a gigantic header": Cell(
        png(2**31 - 1, 2**31 - 1, b""), said="could be decompression bomb"
    ),
    "a large header": Cell(png(8000, 8000, b""), said="header declares 8000 x 8000"),
    "no width": Cell(png(0, 10, b"")),
    "more pixels than declared": Cell(
        lambda _: png(4, 2, b"\0\7\7\7\7" * 10**6), "read"
    ),
    "a bomb of pixels": Cell(
        lambda _: png(7100, 7100, bytes(10**7)), said="max_pixels"
    ),
    "a bomb of text": Cell(
        lambda _: png(
            2, 1, b"\0" * 3, (b"zTXt", b"a\0\0" + zlib.compress(bytes(10**7)))
        ),
        said="too large",
    ),
    "a huge colour profile": Cell(picture("JPEG", icc_profile=bytes(10**6)), "read"),
    "an animated GIF": Cell(picture("GIF", "P", **FRAMES), "read"),
    "an animated PNG": Cell(picture("PNG", **FRAMES), "read"),
    "an animated WebP": Cell(picture("WEBP", **FRAMES), "read"),
    "many scans": Cell(
        lambda _: re.sub(
            rb"(\xff\xda[^\xff]+(?:\xff\0[^\xff]*)*)\xff\xd9$",
            lambda found: found[1] * 500 + b"\xff\xd9",
            picture("JPEG", progressive=True),
            flags=re.DOTALL,
        ),
        said="more than 50 scans",
    ),
    "PostScript": Cell(picture("EPS"), said="not an image of a format that is read"),
    "NaN": Cell(np.full((4, 4), np.nan), said="NaN or infinite"),
    "infinity": Cell(np.full((4, 4), np.inf), said="NaN or infinite"),
    "NaN in a file": Cell(
        lambda _: picture_of(np.full((4, 4), np.nan, np.float32)),
        said="NaN or infinite",
    ),
    "no pixels": Cell(np.zeros((0, 4)), said="no pixels"),
}
SOUNDS = FILES | {
    "a good file": Cell(written("a.wav", wav()), "read"),
    "a cut WAV": Cell(wav()[:1000], "read"),
    "a cut FLAC": Cell(sound("FLAC")[:1000]),
    "a cut OGG": Cell(sound("OGG")[:3000], said="its end is not found"),
    "the head of a WAV": Cell(wav()[:30]),
    "a flipped bit": Cell(flipped(wav(), 500), "read"),
    "another suffix": Cell(written("wav.flac", wav()), "read"),
    "an image by the name of a sound": Cell(
        written("a.wav", picture()), said="not a so"
    ),
    "0 Hz": Cell(wav(rate=0)),
    "0 Hz in a dict": Cell({"array": NOISE, "sampling_rate": -0.5}, said="-0.5 Hz"),
    "2 GHz": Cell(wav(rate=2**31 - 1), said="too far from"),
    "no channel": Cell(wav(channels=0)),
    "300 channels": Cell(wav(np.tile(NOISE, 30), channels=300), "read"),
    "65,535 channels": Cell(wav(channels=65_535)),
    "10 hours declared, half a second there": Cell(
        wav(declared=36_000 * 2 * RATE), "read"
    ),
    "10 hours declared": Cell(
        ten_hours_of_flac(), said="36000 s are more than the 600"
    ),
    "10 hours of silence": Cell(
        sparse(
            "long.wav", wav(np.zeros(0, "u1"), 1000, 1, 36 * 10**6), 36 * 10**6 + 44
        ),
        said="36000 s are more than the 600 s",
    ),
    "NaN samples": Cell(wav(NAN, code=3), said="samples are NaN"),
    "NaN in an array": Cell({"array": NAN, "sampling_rate": RATE}, said="are NaN"),
    "no samples": Cell(wav(NOISE[:0]), "absent"),
}
GOOD = {"image": COLOURS, "audio": {"array": NOISE / 2**15, "sampling_rate": RATE}}
CORPUS = [("image", name) for name in IMAGES] + [("audio", name) for name in SOUNDS]


def picture_of(array):
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, "TIFF")
    return stream.getvalue()


def hostile(kind, name):
    return (IMAGES if kind == "image" else SOUNDS)[name]


def made(cell, folder):
    return cell(folder) if callable(cell) else cell


def frame(*cells):
    return pd.DataFrame({"cell": pd.Series(cells, dtype=object)})


@pytest.fixture(scope="module")
def fitted():
    """A modality of each kind, fitted on a good cell."""
    modalities = {
        "image": ImageModality(size=8),
        "audio": AudioModality(RATE, n_mels=4),
    }
    return {k: modality.fit(frame(GOOD[k])) for k, modality in modalities.items()}


@pytest.mark.parametrize(("kind", "name"), CORPUS)
def test_a_hostile_cell_is_read_or_absent_or_named(kind, name, fitted, tmp_path):
    case = hostile(kind, name)
    X = frame(GOOD[kind], made(case.cell, tmp_path), GOOD[kind])
    if case.outcome == "refused":
        said = f"^column 'cell', row 1: cannot read .*{case.said}"
        with pytest.raises(CellError, match=said) as caught:
            fitted[kind].transform(X)
        assert len(str(caught.value)) < 1000
        assert "on_error" in str(caught.value)
        with pytest.raises(CellError, match="row 1"):
            resolve("modality", kind).fit(X)
        return
    array, present = fitted[kind].transform(X)
    assert present.tolist() == [True, case.outcome == "read", True]
    assert array[1].any() or not present[1]
    assert resolve("modality", kind).fit(X).transform(X).present.all() == present.all()


@pytest.mark.parametrize(("kind", "name"), CORPUS)
def test_a_hostile_cell_is_missing_with_one_warning_if_asked(
    kind, name, fitted, tmp_path
):
    case = hostile(kind, name)
    X = frame(GOOD[kind], made(case.cell, tmp_path), GOOD[kind])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        array, present = fitted[kind].transform(X, on_error="missing")
    assert present.tolist() == [True, case.outcome == "read", True]
    assert present[1] or not array[1].any()
    kinds = [warning.category for warning in caught]
    assert kinds == [MissingModalityWarning] * (case.outcome == "refused")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        resolve("modality", kind).fit(X, on_error="missing")


@pytest.mark.parametrize("kind", ["image", "audio"])
def test_nothing_is_run_that_a_cell_holds(kind, fitted, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a program", "a pickle"):
        with pytest.raises(CellError):
            fitted[kind].transform(frame(hostile(kind, name).cell))
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def model():
    """A whole pipeline, fitted on good cells."""
    n = 8
    triples = [
        ("scan", ImageModality(size=8), "scan"),
        ("call", AudioModality(RATE, n_mels=4), "call"),
        ("age", "tabular", "age"),
    ]
    X = pd.DataFrame({"age": np.arange(n, dtype=float)})
    X["scan"] = pd.Series([GOOD["image"]] * n, dtype=object)
    X["call"] = pd.Series([GOOD["audio"]] * n, dtype=object)
    network = MultimodalClassifier(ensemble_size=1, epochs=1, random_state=0)
    return make_pipeline(ModalityTransformer(triples), network).fit(X, np.arange(n) % 2)


def hostile_rows(folder):
    """Rows that each have a hostile cell, with what becomes of it."""
    rows, present = [], []
    for kind, name in CORPUS:
        case = hostile(kind, name)
        place = folder / f"{kind} {len(rows)}"
        place.mkdir()
        column = {"image": "scan", "audio": "call"}[kind]
        good = {"scan": GOOD["image"], "call": GOOD["audio"], "age": float(len(rows))}
        rows.append({**good, column: made(case.cell, place)})
        present.append(
            [case.outcome == "read" or column != c for c in ("scan", "call")]
        )
    return pd.DataFrame(rows), np.array(present)


def test_a_whole_model_predicts_on_hostile_rows(model, tmp_path):
    X, present = hostile_rows(tmp_path)
    model.set_params(modalitytransformer__on_error="missing")
    with pytest.warns(MissingModalityWarning, match="could not be read") as caught:
        frame = model[0].transform(X)
    assert len(caught) == 2  # of images and of sounds
    np.testing.assert_array_equal(frame.present[:, :2], present)
    with pytest.warns(MissingModalityWarning, match="could not be read"):
        probabilities = model.predict_proba(X)
    assert probabilities.shape == (len(X), 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


def test_a_whole_model_names_the_first_hostile_cell(model, tmp_path):
    X, _ = hostile_rows(tmp_path)
    model.set_params(modalitytransformer__on_error="raise")
    with pytest.raises(CellError, match=r"column 'scan', row 0: .* it is empty"):
        model.predict(X)


def test_a_whole_model_reads_nothing_outside_of_its_root(model, tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    (root / "a.png").write_bytes(picture())
    (root / "link.png").symlink_to(leaving(root))
    paths = ["a.png", "../outside.png", "link.png", str(tmp_path / "outside.png"), "/"]
    X = pd.DataFrame({"scan": paths, "age": 1.0, "call": None})
    model.set_params(
        modalitytransformer__on_error="missing", modalitytransformer__root=root
    )
    with pytest.warns(
        MissingModalityWarning, match=r"4 of 5 .* leads out of the folder"
    ):
        present = model[0].transform(X).present
    assert present[:, 0].tolist() == [True] + [False] * 4
    with pytest.warns(MissingModalityWarning, match="leads out"):
        assert model.predict(X).shape == (5,)
    model.set_params(modalitytransformer__root=None)


ENDLESS = """
import pandas as pd
from skmm import available, infer_modalities
from skmm._components import resolve
from skmm.exceptions import ModalityError

itself = []
itself += [itself, itself]
many = [1.0]
for _ in range(7):
    many = [many] * 1000
deep = [1.0]
for _ in range(40):
    deep = [deep, deep]
cells = [itself, [None, itself], [[1.0], [itself]], many, [many[0], many], deep]
cells += [[None, deep], {"array": deep, "sampling_rate": 8000}, {"path": itself}]
for cell in cells:
    X = pd.DataFrame({"cell": pd.Series([cell], dtype=object)})
    try:
        infer_modalities(X)
    except ModalityError:
        pass
    for kind in available("modality"):
        try:
            resolve("modality", kind).fit(X)
        except ModalityError:
            print(kind)
"""


def test_lists_that_hold_themselves_or_one_list_for_ever_are_refused():
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", ENDLESS],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.split() == 9 * available("modality")


WAITS = """
import os, socket, sys, tempfile
import numpy as np
import pandas as pd
from skmm.exceptions import CellError
from skmm.modalities.audio import AudioModality
from skmm.modalities.image import ImageModality

os.chdir(sys.argv[1])
os.mkfifo("pipe.png")
os.symlink("pipe.png", "link.png")
server = socket.socket(socket.AF_UNIX)
server.bind("socket.png")
cells = ["pipe.png", "link.png", "socket.png", "/dev/zero", "/dev/tty", "/dev/stdin"]
for cell in cells:
    for modality in (ImageModality(), AudioModality()):
        for on_error in ("raise", "missing"):
            X = pd.DataFrame({"cell": [cell]})
            try:
                modality.fit(X, on_error=on_error)
            except CellError as error:
                print(error)
server.close()
"""


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_pipes_sockets_and_devices_are_not_waited_for(tmp_path):
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", WAITS, str(tmp_path)],
        capture_output=True,
        text=True,
        stdin=subprocess.PIPE,  # nobody writes to it
        timeout=300,
        check=True,
    )
    lines = run.stdout.splitlines()
    assert len(lines) == 12
    kinds = ["named pipe", "named pipe", "socket", "device", "device"]
    for i, kind in enumerate(kinds):
        for line in lines[2 * i : 2 * i + 2]:
            # A machine without a terminal may have no such device.
            assert re.search(f"it is a {kind}, and only|no such file", line)


# Properties.

VALID = {
    "image": [picture(), picture("JPEG"), picture("GIF", "P"), picture("TIFF")],
    "audio": [wav(), sound("FLAC"), sound("OGG"), wav(NAN[:99], code=3)],
}


@st.composite
def broken(draw, kind):
    """A valid file with some bytes changed, cut out or doubled."""
    content = bytearray(draw(st.sampled_from(VALID[kind])))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content) - 1))
        stop = draw(st.integers(start, min(start + 64, len(content))))
        content[start:stop] = draw(
            st.binary(max_size=64) | st.just(bytes(content[start:stop]) * 2)
        )
        content = content or bytearray(1)
    return bytes(content)


def outcome(modality, X):
    """Read cells in both ways, and hold each against the other."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        array, present = modality.transform(X, on_error="missing")
    kinds = [warning.category for warning in caught]
    assert set(kinds) <= {MissingModalityWarning} and len(kinds) <= X.shape[1]
    assert not array[~present].any()
    try:
        again = modality.transform(X)
    except CellError as error:
        assert error.row in range(len(X)) and error.column in X.columns
        assert kinds
        return "refused"
    assert not kinds
    np.testing.assert_array_equal(again.array, array)
    return "read"


@pytest.mark.parametrize("kind", VALID)
def test_valid_files_are_read_before_they_are_broken(kind, fitted):
    found = [outcome(fitted[kind], frame(content)) for content in VALID[kind][:3]]
    assert found == ["read"] * 3


@pytest.mark.parametrize("kind", VALID)
@FEW
@given(content=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(kind, content, fitted):
    outcome(fitted[kind], frame(GOOD[kind], content))


@pytest.mark.parametrize("kind", VALID)
@FEW
@given(data=st.data())
def test_broken_files_are_read_or_refused(kind, data, fitted):
    outcome(fitted[kind], frame(GOOD[kind], data.draw(broken(kind))))


NUMBERS = st.one_of(
    st.integers(),
    st.floats(),
    st.complex_numbers(),
    st.booleans(),
    st.decimals(),
    st.sampled_from([10**400, Decimal("sNaN"), np.longdouble("1e4000")]),
)
SCALARS = st.one_of(
    st.none(),
    NUMBERS,
    st.text(),
    st.binary(),
    st.dates(),
    st.datetimes(),
    st.timedeltas(),
    st.sampled_from([pd.NA, pd.NaT, object(), ..., Path("x"), pd.Timestamp.max]),
)
ARRAYS = st.builds(
    lambda shape, kind, value: np.full(shape, value).astype(kind),
    st.lists(st.integers(0, 4), max_size=4),
    st.sampled_from(["u1", "i8", "f2", "f4", "f8", "g", "?", "O", "c8", "U2"]),
    st.sampled_from([0, 1, 9]),
)
OBJECTS = ARRAYS | st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner, inner),
        st.dictionaries(st.sampled_from(["array", "bytes", "path", "a"]), inner),
        st.builds(lambda array: {"array": array, "sampling_rate": RATE}, inner),
    ),
    max_leaves=8,
)
CELLS = {
    "audio": GOOD["audio"],
    "image": COLOURS,
    "minirocket": [1.0, 2.0, 4.0],
    "tabular": 1.5,
    "text": "a word",
    "tfidf": "a word",
    "timeseries": [1.0, 2.0, 4.0],
    "vector": [1.0, 2.0, 4.0],
}


@pytest.fixture(scope="module")
def fitted_on_cells():
    """Every modality there is, fitted on good cells."""
    cells = {kind: frame(cell, cell) for kind, cell in CELLS.items()}
    return {k: resolve("modality", k).fit(cells[k]) for k in available("modality")}


@pytest.mark.parametrize("kind", available("modality"))
@FEW
@given(cell=OBJECTS)
def test_any_object_is_read_or_refused(kind, cell, fitted_on_cells):
    try:
        outcome(fitted_on_cells[kind], frame(CELLS[kind], cell))
    except ModalityError as error:
        assert "column 'cell'" in str(error)


@pytest.mark.parametrize("kind", available("modality"))
@FEW
@given(cells=st.lists(OBJECTS, min_size=1, max_size=3), on_error=st.booleans())
def test_any_objects_are_fitted_or_refused(kind, cells, on_error):
    try:
        resolve("modality", kind).fit(
            frame(*cells), on_error="missing" if on_error else "raise"
        )
    except ModalityError as error:
        assert str(error)


@FEW
@given(cells=st.lists(OBJECTS, min_size=1, max_size=4))
def test_any_objects_have_a_kind_or_are_refused(cells):
    try:
        kind = infer_modalities(frame(*cells)).loc["cell", "modality"]
    except ModalityError as error:
        assert "'cell'" in str(error)
    else:
        assert kind in [*available("modality"), "drop"]


# What is promised in writing.


def test_bounds_are_those_that_the_threat_model_names():
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    bounds = dict(re.findall(r"`(max_\w+)` \(([\d,]+)", text))
    found = {}
    for kind in ("image", "audio", "timeseries", "text"):
        parameters = inspect.signature(component_class("modality", kind)).parameters
        found |= {
            k: f"{int(p.default):,}" for k, p in parameters.items() if k in bounds
        }
    assert bounds == found
    assert len(bounds) == 5


@pytest.mark.slow
def test_the_fuzzer_finds_nothing_in_a_few_inputs(tmp_path):
    options = f"--n 120 --seed 3 --targets png vector --keep {tmp_path}".split()
    run = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "fuzz.py"), *options],
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    head, _, *rows, last = run.stdout.splitlines()
    assert (head, last) == (
        "seed 3, 60 inputs of each target",
        "120 inputs, seed 3: 0 failed",
    )
    assert [row.split()[:2] for row in rows] == [["png", "60"], ["vector", "60"]]
    assert list(tmp_path.iterdir()) == []
