"""Pictures: what Pillow reads, opened within limits. No Keras here.

A file is judged by its header before its pixels are decoded: a kilobyte may declare
gigabytes.
"""

from __future__ import annotations

import functools
import io
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from skmm.exceptions import ModalityError
from skmm.modalities._cells import as_array, is_missing
from skmm.modalities._sources import open_source

__all__ = [
    "Bounds",
    "checked",
    "flattened",
    "is_deep",
    "loaded",
    "open_picture",
    "orientation",
    "quiet_pillow",
    "tiles",
    "upright",
]

# Pillow reads PostScript too, by running a program: only these are opened.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF")
# A pixel of these takes that many times the memory and time of others.
COST = {"JPEG2000": 4}
# Of a JPEG file, each of which goes over the whole image: 300 kilobytes can hold
# enough of them for minutes. Progressive files have about ten.
MAX_SCANS = 50
LARGEST = np.float64(1e38)  # about what float32 holds; NumPy's, for half precision
TILE = 1024  # pixels of a side that are worked on at a time, to bound memory

_LOADING = threading.Lock()  # one PIL image may stand in several rows
# Of JPEG: all but stuffing and the marks that stand between the pixels of a scan.
_MARK = re.compile(rb"\xff[\x02-\xcf\xd8-\xfe]")


class Bounds(NamedTuple):
    """What one picture may cost."""

    max_pixels: int
    max_bytes: int


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Silence Pillow's remarks on metadata and size; this file judges the size."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        yield


@contextmanager
def open_picture(
    cell: Any, bounds: Bounds, root: str | None = None
) -> Iterator[Image.Image | NDArray[np.number] | None]:
    """Open a cell: an undecoded image, an array deeper than bytes, None if missing.

    Parameters
    ----------
    cell : object
        One cell.
    bounds : Bounds
        What it may cost.
    root : str or None, default=None
        Folder that paths must lie in, as `checked_root` gives it.

    Yields
    ------
    picture : PIL.Image.Image, ndarray or None

    Raises
    ------
    ModalityError
        If it is no image, of a format that is not read, or too large.
    """
    source = open_source(cell, max_bytes=bounds.max_bytes, root=root)
    if is_missing(source):
        yield None
    elif isinstance(source, io.BufferedIOBase):
        with source, _identified(source) as image:
            _check_header(image, bounds.max_pixels)
            _check_scans(image, source)
            yield image
    elif isinstance(source, Image.Image):
        _check_header(source, bounds.max_pixels)
        with _LOADING:
            if getattr(source, "tile", None):
                _check_undecoded(source)
            source.load()
        yield source
    else:
        yield _shallow(_checked_array(source, bounds.max_pixels))


@functools.cache
def _formats() -> list[str]:
    """Those of FORMATS that this build of Pillow reads."""
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


def _identified(file: Any) -> Image.Image:
    try:
        return Image.open(file, formats=_formats())
    except UnidentifiedImageError:
        raise ModalityError(
            f"it is not an image of a format that is read ({', '.join(_formats())})"
        ) from None


def _check_header(image: Image.Image, max_pixels: int) -> None:
    width, height = image.size
    cost = COST.get(image.format or "", 1)
    if not 1 <= width * height <= max(1, max_pixels // cost):
        of = f" of a {image.format} file" if cost > 1 else ""
        share = f", divided by {cost}" if cost > 1 else ""
        raise ModalityError(
            f"its header declares {width} x {height} pixels, and from 1 to "
            f"{max(1, max_pixels // cost):_} pixels{of} are accepted "
            f"(parameter max_pixels{share})"
        )


def _check_undecoded(image: Any) -> None:
    """Look into a file that somebody else opened."""
    if image.format == "EPS":
        raise ModalityError("it is PostScript, which is a program, and is not run")
    _check_scans(image, image.fp)


def _check_scans(image: Image.Image, file: Any) -> None:
    """Refuse a JPEG file that would have its pixels gone over too often."""
    if image.format not in ("JPEG", "MPO"):
        return
    place = file.tell()
    file.seek(0)
    content = file.read()
    file.seek(place)
    # Chance may write the two bytes into metadata, and then only are they looked at.
    if content.count(b"\xff\xda") > MAX_SCANS and _count_scans(content) > MAX_SCANS:
        raise ModalityError(f"it has more than {MAX_SCANS} scans; save it anew")


def _count_scans(content: bytes) -> int:
    """Count the scans up to the end of the first image."""
    count, place = 0, 2
    while (mark := _MARK.search(content, place)) and mark[0] != b"\xff\xd9":
        count += mark[0] == b"\xff\xda"
        place = mark.end() + int.from_bytes(content[mark.end() : mark.end() + 2], "big")
    return count


def _checked_array(cell: Any, max_pixels: int) -> NDArray:
    """Check that an array is one image, channels last."""
    array = as_array(cell)
    if array.size == 0:
        raise ModalityError(f"it has no pixels (shape {array.shape})")
    if array.ndim == 3 and array.shape[-1] not in (1, 3, 4):
        first = array.shape[0] in (1, 3, 4)
        hint = "; np.moveaxis(image, 0, -1) puts the first axis last" if first else ""
        raise ModalityError(
            f"channels must come last, 1, 3 or 4 of them, and its shape is "
            f"{array.shape}{hint}"
        )
    if array.ndim not in (2, 3):
        raise ModalityError(
            "it must have shape (height, width) or (height, width, channels), and "
            f"its shape is {array.shape}"
        )
    if array.shape[0] * array.shape[1] > max_pixels:
        raise ModalityError(
            f"its {array.shape[0]} x {array.shape[1]} pixels are more than the "
            f"{max_pixels:_} that are accepted (parameter max_pixels)"
        )
    return checked(array[..., 0] if array.shape[2:] == (1,) else array)


def checked(array: NDArray) -> NDArray:
    """Refuse values that no image has; return the array.

    Parameters
    ----------
    array : ndarray
        Values of pixels.

    Returns
    -------
    array : ndarray
        As it was given.

    Raises
    ------
    ModalityError
        If a value is NaN, infinite or beyond 1e38.
    """
    # Where one is NaN, both are.
    if not (-LARGEST <= array.min() and array.max() <= LARGEST):
        raise ModalityError(
            "it holds NaN or infinite values, or values beyond 1e38; replace them by "
            "a colour of your choice"
        )
    return array


def _shallow(array: NDArray) -> Image.Image | NDArray:
    """Make an image of an array of bytes or booleans; return any other array."""
    if array.dtype == bool:
        array = array.astype(np.uint8) * 255
    return Image.fromarray(array) if array.dtype == np.uint8 else array


def is_deep(image: Image.Image) -> bool:
    """Tell whether pixels have more than 8 bits."""
    return image.mode in ("I", "F") or image.mode.startswith("I;16")


def loaded(image: Image.Image, side: int) -> Image.Image:
    """Decode the pixels; JPEG files at reduced size, if it is at least `side`."""
    image.draft(None, (side, side))  # does nothing to an image that is loaded
    image.load()
    return image


def orientation(image: Image.Image) -> int:
    """Read how a camera was held; 1 is upright, and where that is unreadable."""
    try:
        return image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # broken metadata; the pixels may be good
        return 1


def upright(image: Image.Image) -> Image.Image:
    """Turn an image by its EXIF orientation, if it has one that can be read."""
    if orientation(image) == 1:  # otherwise it would be copied
        return image
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # broken metadata, as above
        return image


def tiles(image: Image.Image) -> Iterator[tuple[tuple[int, int], Image.Image]]:
    """Cut an image; a small one stays whole.

    Parameters
    ----------
    image : PIL.Image.Image
        Decoded.

    Yields
    ------
    corner : tuple of int
        Left and top.
    tile : PIL.Image.Image
        At most TILE pixels high and wide.
    """
    width, height = image.size
    if max(image.size) <= TILE:
        yield (0, 0), image
        return
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            right, bottom = min(left + TILE, width), min(top + TILE, height)
            yield (left, top), image.crop((left, top, right, bottom))


def flattened(image: Image.Image, mode: str) -> Image.Image:
    """Convert to a mode, with what is transparent laid on white.

    Parameters
    ----------
    image : PIL.Image.Image
        Decoded, of 8 bits a channel.
    mode : str
        ``"L"`` or ``"RGB"``.

    Returns
    -------
    flat : PIL.Image.Image
        Of that mode; the image itself if it was flat already.
    """
    if image.mode == mode and not image.has_transparency_data:
        return image
    if max(image.size) <= TILE:
        return _flat(image, mode)
    flat = Image.new(mode, image.size)
    for corner, tile in tiles(image):
        flat.paste(_flat(tile, mode), corner)
    return flat


def _flat(image: Image.Image, mode: str) -> Image.Image:
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image if image.mode == mode else image.convert(mode)
