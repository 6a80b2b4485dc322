"""Pictures are judged before they are decoded, and worked on piece by piece."""

import io
import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from skmm.exceptions import ModalityError
from skmm.modalities import _pictures
from skmm.modalities._pictures import (
    COST,
    MAX_SCANS,
    TILE,
    Bounds,
    checked,
    flattened,
    open_picture,
    orientation,
    quiet_pillow,
    tiles,
    upright,
)

RNG = np.random.default_rng(0)
COLOURS = RNG.integers(0, 256, (40, 30, 3), dtype=np.uint8)
BOUNDS = Bounds(10_000, 10**6)


def encoded(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def with_scans(n):
    """A progressive JPEG file that goes over its pixels again and again."""
    plain = encoded(Image.fromarray(COLOURS), "JPEG", progressive=True)
    assert _pictures._count_scans(plain) == plain.count(b"\xff\xda") == 10
    start = plain.rindex(b"\xff\xda")
    return plain[:start] + plain[start:-2] * (n - 9) + plain[-2:]


def opened(cell, bounds=BOUNDS):
    with open_picture(cell, bounds) as picture:
        return picture.format


@pytest.mark.parametrize("kind", ["ICO", "TGA", "EPS", "PDF", "PCX"])
def test_other_formats_are_not_opened(kind):
    content = encoded(Image.fromarray(COLOURS), kind)
    with pytest.raises(ModalityError, match=r"not an image of a format that is read"):
        opened(content)


def test_postscript_that_somebody_opened_is_not_run(monkeypatch):
    content = encoded(Image.fromarray(COLOURS), "EPS")
    monkeypatch.setattr("PIL.EpsImagePlugin.Ghostscript", None)
    with pytest.raises(ModalityError, match="PostScript, which is a program"):
        opened(Image.open(io.BytesIO(content)))


def test_images_that_somebody_opened_are_read_in_any_other_format():
    two = {"save_all": True, "append_images": [Image.fromarray(COLOURS)]}
    for kind, options in (("TGA", {}), ("ICO", {}), ("JPEG", {}), ("MPO", two)):
        content = encoded(Image.fromarray(COLOURS), kind, **options)
        assert opened(Image.open(io.BytesIO(content))) == kind


def test_what_a_header_declares_is_checked_before_decoding(monkeypatch):
    content = encoded(Image.fromarray(COLOURS), "PNG")
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", None)
    assert opened(content, Bounds(1200, 10**6)) == "PNG"
    with pytest.raises(ModalityError, match=r"declares 30 x 40 .* 1_199 pixels are"):
        opened(content, Bounds(1199, 10**6))


def test_formats_that_cost_more_may_have_fewer_pixels():
    content = encoded(Image.fromarray(COLOURS), "JPEG2000")
    assert COST == {"JPEG2000": 4}
    assert opened(content, Bounds(4800, 10**6)) == "JPEG2000"
    said = r"1_199 pixels of a JPEG2000 file .* max_pixels, divided by 4"
    with pytest.raises(ModalityError, match=said):
        opened(content, Bounds(4799, 10**6))


def test_arrays_and_images_have_the_same_bound():
    for cell in (COLOURS, COLOURS / 255, Image.fromarray(COLOURS), COLOURS.tolist()):
        with open_picture(cell, Bounds(1200, 1)) as picture:
            assert picture is not None
        with pytest.raises(ModalityError, match=r"1_199 .*parameter max_pixels"):
            opened(cell, Bounds(1199, 1))


def test_jpeg_files_of_many_scans_are_refused():
    assert opened(with_scans(MAX_SCANS)) == "JPEG"
    for cell in (with_scans(MAX_SCANS + 1), with_scans(3000)):
        with pytest.raises(ModalityError, match="more than 50 scans; save it anew"):
            opened(cell)
        with pytest.raises(ModalityError, match="more than 50 scans"):
            opened(Image.open(io.BytesIO(cell)))


def test_the_mark_of_a_scan_may_stand_in_metadata_and_behind_the_end():
    plain = with_scans(10)
    thumbnail = b"\xff\xe2\xff\xfe" + b"\xff\xda" * 32766
    assert opened(plain[:2] + thumbnail + plain[2:] + b"\xff\xda" * 60) == "JPEG"
    with pytest.raises(ModalityError, match="scans"):
        opened(plain[:2] + thumbnail + with_scans(60)[2:])


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("JPEG", {}),
        ("GIF", {}),
        ("WEBP", {}),
        ("BMP", {}),
        ("PPM", {}),
        ("JPEG2000", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "jpeg"}),
    ],
)
def test_a_file_has_the_pixels_of_its_bytes(kind, options, tmp_path):
    content = encoded(Image.fromarray(COLOURS), kind, **options)
    path = tmp_path / "an image by another name"
    path.write_bytes(content)
    found = []
    for cell in (content, str(path)):
        with open_picture(cell, BOUNDS) as picture:
            found.append(np.asarray(picture.convert("RGB")))
    assert_array_equal(*found)
    assert found[0].shape == COLOURS.shape


def test_files_are_closed_and_images_stay_open(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(encoded(Image.fromarray(COLOURS), "PNG"))
    with open_picture(str(path), BOUNDS) as picture:
        file = picture.fp
    assert file.closed
    with Image.open(path) as image:
        assert opened(image) == "PNG"
        assert image.getpixel((0, 0)) == tuple(COLOURS[0, 0])


def test_pillow_is_silent_within_and_not_outside():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with quiet_pillow():
            Image._decompression_bomb_check((10_000, 10_000))
        with pytest.raises(Image.DecompressionBombWarning):
            Image._decompression_bomb_check((10_000, 10_000))


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, np.longdouble])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_no_image_has_are_refused(kind, value):
    array = np.array([[0, 1], [2, 3]], kind)
    assert checked(array) is array
    array[0, 1] = value
    with pytest.raises(ModalityError, match="NaN or infinite"):
        checked(array)


@pytest.mark.parametrize("kind", [np.int8, np.int64, np.uint64])
def test_whole_numbers_have_no_bound(kind):
    bounds = np.iinfo(kind)
    assert_array_equal(checked(np.array([[bounds.min, bounds.max]])).shape, (1, 2))


def test_small_images_are_one_tile_and_large_ones_are_cut_without_a_gap():
    small = Image.fromarray(COLOURS)
    assert [(corner, tile is small) for corner, tile in tiles(small)] == [
        ((0, 0), True)
    ]
    values = RNG.integers(0, 256, (TILE + 7, 2 * TILE + 5), dtype=np.uint8)
    found = np.zeros_like(values)
    for (left, top), tile in tiles(Image.fromarray(values)):
        assert max(tile.size) <= TILE
        found[top : top + tile.height, left : left + tile.width] += np.asarray(tile)
    assert_array_equal(found, values)


@pytest.mark.parametrize("to", ["L", "RGB"])
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK"])
def test_large_images_are_flattened_as_small_ones_are(mode, to, monkeypatch):
    image = Image.fromarray(COLOURS)
    alpha = Image.fromarray(COLOURS[..., 1])
    if mode in ("LA", "RGBA"):
        image.putalpha(alpha)
    image = image.convert(mode)
    if mode in ("L", "P", "RGB"):
        image.info["transparency"] = (7, 8, 9) if mode == "RGB" else 7
    whole = flattened(image, to)
    monkeypatch.setattr(_pictures, "TILE", 16)
    cut = flattened(image, to)
    assert (cut.mode, cut.size) == (to, image.size)
    assert_array_equal(np.asarray(cut), np.asarray(whole))


def test_flat_images_are_not_copied():
    image = Image.fromarray(COLOURS)
    assert flattened(image, "RGB") is image


@pytest.mark.parametrize("broken", [b"II*\0\xff\xff\xff\xff", b"junk", b"MM\0*"])
def test_broken_metadata_leave_an_image_as_it_is(broken):
    content = encoded(Image.fromarray(COLOURS), "PNG", exif=b"Exif\0\0" + broken)
    with Image.open(io.BytesIO(content)) as image:
        assert orientation(image) == 1
        assert upright(image) is image
