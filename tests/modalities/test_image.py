"""Whatever an image comes as, the same pixels arrive; what is none is refused."""

import io
import pickle
import struct
import warnings
import zlib

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from skmm.exceptions import CellError, MissingModalityWarning, ModalityError
from skmm.modalities import image
from skmm.modalities._pictures import _LOADING
from skmm.modalities.image import ImageModality

RNG = np.random.default_rng(0)
COLOURS = RNG.integers(0, 256, (6, 4, 3), dtype=np.uint8)
GREYS = COLOURS[..., 0]


def frame(*cells, **columns):
    columns = columns or {"image": cells}
    return pd.DataFrame({k: pd.Series(v, dtype=object) for k, v in columns.items()})


def encoded(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def pixels(*cells, **parameters):
    """The arrays that cells give at their own size."""
    X = frame(*cells)
    return ImageModality(**parameters).fit(X).transform(X).array


def png_header(width, height):
    """A PNG of any declared size, with next to no data behind it."""
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"\0" * 10)),
        (b"IEND", b""),
    ]
    body = b"".join(
        struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d))
        for t, d in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def test_every_holder_of_an_image_gives_the_same_pixels(tmp_path):
    content = encoded(COLOURS)
    path = tmp_path / "a.png"
    path.write_bytes(content)
    array = pixels(
        str(path),
        path,
        content,
        bytearray(content),
        memoryview(content),
        Image.fromarray(COLOURS),
        Image.open(path),
        COLOURS,
        COLOURS.tolist(),
        {"bytes": content, "path": "gone.png"},
        {"bytes": None, "path": str(path)},
    )
    assert array.dtype == np.uint8
    assert_array_equal(array, np.broadcast_to(COLOURS, array.shape))


def test_arrays_of_arrays_from_parquet_are_images():
    nested = np.empty(6, dtype=object)
    for i, row in enumerate(COLOURS[..., 0]):
        nested[i] = row.astype(np.int64)
    array = pixels(nested, (COLOURS[..., 0] * 0 + 255).astype(int))
    assert_array_equal(array[0, ..., 0], GREYS)


def test_missing_cells_are_absent_and_zero():
    array, present = (
        ImageModality()
        .fit(frame(GREYS))
        .transform(
            frame(None, np.nan, pd.NA, pd.NaT, "", {"bytes": None, "path": None}, GREYS)
        )
    )
    assert_array_equal(present, [False] * 6 + [True])
    assert not array[:6].any()
    assert_array_equal(array[6, ..., 0], GREYS)


@pytest.mark.parametrize("kind", ["BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP", "PPM"])
def test_files_of_many_formats_are_read(kind):
    smooth = np.tile(np.arange(0, 160, 10, dtype=np.uint8), (12, 1))
    array = pixels(encoded(smooth, kind), channels=1)
    assert_allclose(array[0, ..., 0].astype(int), smooth, atol=3)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("1", [[[0], [255]]]),
        ("L", [[[10], [200]]]),
        ("LA", [[[10], [200]]]),
        ("P", [[[255, 0, 0], [0, 0, 255]]]),
        ("RGB", [[[255, 0, 0], [0, 0, 255]]]),
        ("RGBA", [[[255, 0, 0], [0, 0, 255]]]),
        ("CMYK", [[[255, 0, 0], [0, 0, 255]]]),
        ("YCbCr", [[[254, 0, 0], [0, 0, 254]]]),
    ],
)
def test_every_mode_is_converted(mode, expected):
    base = Image.new("RGB", (2, 1), "red")
    base.putpixel((1, 0), (0, 0, 255))
    if mode in ("1", "L", "LA"):
        base = Image.new("L", (2, 1), 10)
        base.putpixel((1, 0), 200)
    image = base.quantize(2) if mode == "P" else base.convert(mode)
    assert_array_equal(pixels(image)[0], expected)


def test_a_cmyk_jpeg_is_read_in_its_colours():
    image = Image.new("RGB", (16, 16), (250, 10, 20)).convert("CMYK")
    array = pixels(encoded(image, "JPEG", quality=95))
    assert_allclose(array[0, 8, 8].astype(int), [250, 10, 20], atol=6)


def test_transparency_is_laid_on_white():
    rgba = np.zeros((1, 3, 4), np.uint8)
    rgba[0, :, 3] = [0, 51, 255]  # black: absent, a fifth, whole
    assert_array_equal(pixels(rgba, channels=1)[0, 0, :, 0], [255, 204, 0])
    palette = Image.fromarray(np.array([[0, 1]], np.uint8)).convert("P")
    content = encoded(palette, transparency=0)
    assert_array_equal(pixels(content, channels=1)[0, 0, :, 0], [255, 1])
    la = Image.merge("LA", [Image.new("L", (1, 1), 0), Image.new("L", (1, 1), 0)])
    assert pixels(la)[0, 0, 0, 0] == 255


def test_sixteen_bits_are_scaled_and_not_clipped():
    ramp = np.array([[0, 16384, 32768, 65535]], np.uint16)
    expected = [0, 64, 128, 255]
    for cell in (ramp, encoded(Image.fromarray(ramp)), ramp.tolist()):
        assert_array_equal(pixels(cell)[0, 0, :, 0], expected)
    assert_array_equal(
        pixels(encoded(Image.fromarray(ramp), "TIFF"))[0, 0, :, 0], expected
    )


def test_twelve_bits_in_sixteen_use_their_own_range():
    modality = ImageModality().fit(frame(np.array([[0, 4000]], np.uint16)))
    assert modality.integer_range_ == (0.0, 4095.0)
    image = np.array([[2048, 60000]], np.uint16)
    assert_array_equal(modality.transform(frame(image)).array[0, 0, :, 0], [128, 255])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255]),
        ([0.0, 127.0, 254.6], [0, 127, 255]),
        ([0.0, 8.0, 16.0], [0, 66, 132]),  # load_digits
        ([-1.0, 0.0, 1.0], [0, 128, 255]),
        ([-0.04, 0.5, 1.05], [0, 128, 255]),  # what resampling overshoots
        ([0.0, 0.0, 0.0], [0, 0, 0]),
    ],
)
def test_floats_are_scaled_by_the_range_of_the_sample(values, expected):
    assert_array_equal(pixels(np.array([values]))[0, 0, :, 0], expected)


def test_range_is_learned_at_fit_and_not_from_each_image():
    modality = ImageModality().fit(frame(np.array([[0.0, 255.0]])))
    dark = np.array([[0.5, 1.0]])
    assert_array_equal(modality.transform(frame(dark)).array[0, 0, :, 0], [0, 1])


def test_thirty_two_bit_images_are_scaled():
    values = np.array([[0.0, 0.25, 1.0]], np.float32)
    assert_array_equal(
        pixels(encoded(Image.fromarray(values), "TIFF"))[0, 0, :, 0], [0, 64, 255]
    )
    whole = Image.fromarray(np.array([[0, 2**20 - 1]], np.int32))
    assert_array_equal(pixels(whole)[0, 0, :, 0], [0, 255])


def test_deep_images_are_worked_on_in_pieces_with_the_same_bits(monkeypatch):
    cells = [COLOURS * 257.0, GREYS.astype(np.uint16) * 257, COLOURS[:1] / 255]
    whole = pixels(*cells, size=5)
    monkeypatch.setattr(image, "BLOCK", 1)
    assert_array_equal(pixels(*cells, size=5), whole)


def test_a_broken_file_is_refused_at_fit_too():
    content = bytearray(encoded(COLOURS))
    content[60] ^= 8
    with pytest.raises(CellError, match="row 0"):
        ImageModality().fit(frame(bytes(content)))


def test_booleans_are_black_and_white():
    assert_array_equal(pixels(np.array([[True, False]]))[0, 0, :, 0], [255, 0])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_turns_the_image_upright(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = np.zeros((8, 16), np.uint8)
    image[:, :8] = 200  # bright left half of what the camera stored
    array = pixels(encoded(image, "JPEG", exif=exif, quality=95), channels=1)[0, ..., 0]
    assert array.shape == ((16, 8) if orientation >= 5 else (8, 16))
    bright = {1: "left", 2: "right", 3: "right", 4: "left"}
    bright |= {5: "top", 6: "top", 7: "bottom", 8: "bottom"}
    half = {
        "left": array[:, :3],
        "right": array[:, -3:],
        "top": array[:3],
        "bottom": array[-3:],
    }
    assert half[bright[orientation]].mean() > 190
    assert array.mean() < 110


@pytest.mark.parametrize("exif", [b"II*\0\xff\xff\xff\xffjunk", b"neither II nor MM"])
def test_broken_exif_does_not_spoil_an_image(exif):
    content = encoded(GREYS, "PNG", exif=b"Exif\0\0" + exif)
    assert_array_equal(pixels(content)[0, ..., 0], GREYS)


def test_the_first_frame_of_an_animation_counts():
    frames = [Image.new("L", (3, 3), v) for v in (10, 99)]
    content = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert (pixels(content) == 10).all()


def test_automatic_size_is_the_median_and_never_larger():
    X = frame(*[np.zeros((h, 10), np.uint8) for h in (5, 20, 30)])
    assert ImageModality().fit(X).size_ == (20, 10)


def test_automatic_size_is_at_most_64_pixels():
    X = frame(encoded(Image.new("RGB", (300, 150))))
    assert ImageModality().fit(X).size_ == (32, 64)
    assert ImageModality().fit(frame(Image.new("L", (1000, 1)))).size_ == (1, 64)


@pytest.mark.parametrize(
    ("size", "expected"), [(8, (8, 8)), ((8, 6), (8, 6)), ([np.int64(3), 4], (3, 4))]
)
def test_size_is_height_and_width(size, expected):
    X = frame(GREYS)
    modality = ImageModality(size=size).fit(X)
    assert modality.size_ == expected
    assert modality.transform(X).array.shape == (1, *expected, 1)
    assert modality.spec("scan").shape == (*expected, 1)


def test_shrinking_averages_the_pixels_that_fall_together():
    board = np.indices((64, 64)).sum(axis=0) % 2 * 255
    array = pixels(board.astype(np.uint8), size=8)
    assert_allclose(array[..., 0].astype(int), 127, atol=2)


def test_large_jpegs_decoded_at_reduced_size_look_the_same():
    ramp = np.tile(np.linspace(0, 255, 512).astype(np.uint8), (512, 1))
    from_jpeg = pixels(encoded(ramp, "JPEG", quality=95), size=16)
    from_array = pixels(ramp, size=16)
    assert_allclose(from_jpeg.astype(int), from_array.astype(int), atol=3)


def test_automatic_channels_are_one_only_if_all_are_grey():
    grey = encoded(np.stack([GREYS] * 3, axis=-1))
    assert ImageModality().fit(frame(grey, GREYS)).n_channels_ == 1
    assert ImageModality().fit(frame(grey, COLOURS)).n_channels_ == 3
    assert ImageModality(channels=3).fit(frame(grey)).n_channels_ == 3
    deep = np.stack([GREYS] * 3, axis=-1) / 255.0
    assert ImageModality().fit(frame(deep)).n_channels_ == 1
    assert ImageModality().fit(frame(COLOURS / 255.0)).n_channels_ == 3


def test_grey_images_fill_three_channels_and_colours_make_grey():
    modality = ImageModality().fit(frame(COLOURS))
    array = modality.transform(frame(GREYS)).array
    assert_array_equal(array[0], np.stack([GREYS] * 3, axis=-1))
    grey = pixels(COLOURS, channels=1)[0, ..., 0]
    assert_allclose(grey, COLOURS @ np.array([0.299, 0.587, 0.114]), atol=1)


def test_several_columns_mark_the_missing_image_with_nan():
    X = frame(front=[COLOURS, None, None], back=[COLOURS, COLOURS, None])
    modality = ImageModality().fit(X)
    array, present = modality.transform(X)
    spec = modality.spec("house")
    assert (spec.shape, spec.dtype) == ((2, 6, 4, 3), "float16")
    assert array.dtype == np.float16
    assert_array_equal(present, [True, True, False])
    assert_array_equal(array[0, 0], COLOURS)
    assert np.isnan(array[1, 0]).all()
    assert_array_equal(array[1, 1], COLOURS)
    assert not array[2].any()


@pytest.mark.parametrize("cell", [b"no image", b"", encoded(COLOURS)[:60]])
def test_a_corrupt_image_names_its_row(cell):
    modality = ImageModality().fit(frame(COLOURS))
    with pytest.raises(CellError, match="column 'image', row 1: cannot read") as caught:
        modality.transform(frame(COLOURS, cell))
    assert caught.value.row == 1


def test_a_truncated_jpeg_file_names_its_path(tmp_path):
    path = tmp_path / "half.jpg"
    big = RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    content = encoded(big, "JPEG")
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(CellError, match=r"half\.jpg"):
        ImageModality().fit(frame(str(path)))


def test_a_missing_file_names_its_path():
    with pytest.raises(CellError, match=r"'gone/x\.png': there is no such file"):
        ImageModality().fit(frame("gone/x.png"))


def test_unreadable_images_can_count_as_missing():
    X = frame(GREYS, b"junk", "gone.png", None)
    modality = ImageModality()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        modality.fit(X, on_error="missing")
    with pytest.warns(MissingModalityWarning, match=r"2 of 4 .* row 1") as caught:
        array, present = modality.transform(X, on_error="missing")
    assert len(caught) == 1
    assert_array_equal(present, [True, False, False, False])
    assert not array[1:].any()


@pytest.mark.parametrize(
    ("side", "said"),
    [
        (8_100, "header declares 8100 x 8100 pixels"),
        (10_000, "header declares 10000 x 10000 pixels"),  # of which Pillow warns
        (100_000, "10000000000 pixels"),  # which Pillow refuses
    ],
)
def test_absurd_dimensions_are_refused_from_the_header(side, said):
    X = frame(png_header(side, side))
    with pytest.raises(CellError, match=said):
        ImageModality().fit(X)
    fitted = ImageModality().fit(frame(GREYS))
    with pytest.raises(CellError, match=said):
        fitted.transform(X)


def test_max_pixels_is_the_bound():
    X = frame(GREYS, encoded(GREYS))
    assert ImageModality(max_pixels=24).fit(X).transform(X).present.all()
    for rows, said in (
        (X[:1], "6 x 4 pixels .* the 23"),
        (X[1:], "4 x 6 .* 23 pixels"),
    ):
        with pytest.raises(CellError, match=rf"{said} .*\(parameter max_pixels\)"):
            ImageModality(max_pixels=23).fit(rows)


def test_max_bytes_is_the_bound(tmp_path):
    content = encoded(GREYS)
    path = tmp_path / "a.png"
    path.write_bytes(content)
    X = frame(content, str(path))
    size = len(content)
    assert ImageModality(max_bytes=size).fit(X).transform(X).present.all()
    for rows in (X[:1], X[1:]):
        with pytest.raises(
            CellError, match=rf"{size} bytes .* the {size - 1} .*max_by"
        ):
            ImageModality(max_bytes=size - 1).fit(rows)


def test_formats_that_run_programs_are_not_opened():
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n"
    with pytest.raises(CellError, match="not an image of a format that is read"):
        ImageModality().fit(frame(eps))


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        (np.zeros((3, 9, 9)), r"channels must come last.*moveaxis\(image, 0, -1\)"),
        (np.zeros((9, 9, 2)), "channels must come last"),
        (np.zeros(9), "must have shape"),
        (np.zeros((2, 9, 9, 3)), "must have shape"),
        (np.zeros((0, 9)), "no pixels"),
        (np.array([[np.nan, 1.0]]), "NaN or infinite"),
        (np.array([[np.inf, 1.0]]), "NaN or infinite"),
        (np.array([[1e39, 1.0]]), "beyond 1e38"),
        ([[1, 2], [3]], "do not make an array"),
        (3.5, "must have shape"),
        ({"label": 3}, "do not make an array"),
    ],
)
def test_what_is_no_image_is_refused_with_the_reason(cell, said):
    with pytest.raises(CellError, match=said):
        ImageModality().fit(frame(cell))


def test_a_float_file_with_nan_is_refused():
    content = encoded(Image.fromarray(np.array([[np.nan, 1]], np.float32)), "TIFF")
    with pytest.raises(CellError, match="NaN or infinite"):
        ImageModality().fit(frame(content))


def test_a_closed_image_is_refused():
    image = Image.open(io.BytesIO(encoded(COLOURS)))
    image.close()
    with pytest.raises(CellError, match="row 0"):
        ImageModality().fit(frame(image))


def test_the_images_that_were_given_are_not_changed():
    image = Image.open(io.BytesIO(encoded(np.zeros((512, 512), np.uint8), "JPEG")))
    ImageModality(size=4).fit(frame(image)).transform(frame(image))
    assert (image.size, image.mode) == ((512, 512), "L")
    array = GREYS / 255.0
    before = array.copy()
    ImageModality(size=2).fit(frame(array)).transform(frame(array))
    assert_array_equal(array, before)


def test_threads_give_the_same_bits():
    shared = Image.open(io.BytesIO(encoded(COLOURS)))  # lazily read, in many rows
    cells = [shared, encoded(GREYS), COLOURS / 255.0, None] * 50
    X = frame(*cells)
    one = ImageModality().fit(X, n_jobs=1)
    two = ImageModality().fit(X, n_jobs=2)
    assert vars(one) == vars(two)
    a, b = one.transform(X, n_jobs=1), two.transform(X, n_jobs=2)
    assert_array_equal(a.array, b.array)
    assert_array_equal(a.present, b.present)


def test_one_thread_at_a_time_loads_images_that_were_given():
    locked = []

    class Watched(Image.Image):
        def load(self):
            locked.append(_LOADING.locked())
            return super().load()

    image = Image.new("L", (4, 6))
    image.__class__ = Watched
    ImageModality().fit(frame(image))
    assert locked[0]


def test_fit_looks_at_a_bounded_sample():
    X = frame(*[GREYS] * 1000)
    X.iat[1, 0] = b"junk that only transform meets"
    modality = ImageModality().fit(X)
    with pytest.raises(CellError, match="row 1"):
        modality.transform(X)


def test_fit_on_missing_images_alone_has_a_size():
    modality = ImageModality().fit(frame(None, {"bytes": None, "path": None}))
    assert modality.spec("scan").shape == (32, 32, 3)
    array, present = modality.transform(frame(None, COLOURS))
    assert_array_equal(present, [False, True])
    assert array[1].any()


def test_zero_rows_and_one_row_are_transformed():
    modality = ImageModality().fit(frame(GREYS))
    array, present = modality.transform(frame(GREYS).iloc[:0])
    assert (array.shape, present.shape) == ((0, 6, 4, 1), (0,))
    assert modality.transform(frame(GREYS)).array.shape == (1, 6, 4, 1)


def test_refitting_forgets():
    modality = ImageModality().fit(frame(COLOURS / 300))
    again = modality.fit(frame(GREYS))
    fresh = ImageModality().fit(frame(GREYS))
    assert vars(again) == vars(fresh)


def test_a_failed_fit_leaves_the_former_one():
    modality = ImageModality().fit(frame(GREYS))
    before = dict(vars(modality))
    with pytest.raises(CellError):
        modality.fit(frame(COLOURS, b"junk"))
    assert vars(modality) == before


def test_pickle_is_small_and_gives_the_same_bits():
    X = frame(COLOURS, GREYS)
    modality = ImageModality().fit(X)
    content = pickle.dumps(modality)
    assert len(content) < 1000
    assert_array_equal(
        pickle.loads(content).transform(X).array, modality.transform(X).array
    )


def test_clone_keeps_parameters_and_drops_what_was_learned():
    modality = ImageModality(size=(9, 9), channels=3, max_pixels=10**6).fit(
        frame(GREYS)
    )
    copy = clone(modality)
    assert copy.get_params() == modality.get_params()
    with pytest.raises(NotFittedError):
        copy.transform(frame(GREYS))
    with pytest.raises(NotFittedError):
        copy.spec("scan")


def test_spec_describes_the_array():
    X = frame(COLOURS)
    modality = ImageModality().fit(X)
    array, spec = modality.transform(X).array, modality.spec("scan")
    assert (spec.name, spec.kind, spec.encoder) == ("scan", "image", "cnn")
    assert (spec.shape, spec.dtype) == (array.shape[1:], array.dtype.name)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"size": "big"}, "size"),
        ({"size": 0}, "size"),
        ({"size": (8, 8, 3)}, "size"),
        ({"size": 8.5}, "size"),
        ({"size": None}, "size"),
        ({"channels": 2}, "channels"),
        ({"max_pixels": 0}, "max_pixels"),
        ({"max_bytes": 0}, "max_bytes"),
    ],
)
def test_bad_parameters_are_refused(parameters, said):
    with pytest.raises(ValueError, match=said):
        ImageModality(**parameters).fit(frame(GREYS))


def test_other_columns_than_at_fit_are_refused():
    modality = ImageModality().fit(frame(GREYS))
    with pytest.raises(ModalityError, match=r"fitted on 1 .* gets 2"):
        modality.transform(frame(a=[GREYS], b=[GREYS]))
