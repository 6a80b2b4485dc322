"""Images: files, bytes and arrays become pixels of one size. No Keras here."""

from __future__ import annotations

import io
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError
from sklearn.utils.validation import check_is_fitted

from skmm.exceptions import ModalityError
from skmm.frame import ModalitySpec
from skmm.modalities._base import Encoded
from skmm.modalities._cells import (
    as_array,
    as_source,
    check_columns,
    is_missing,
    sample_rows,
)
from skmm.modalities._files import FileModality, recall_cells

__all__ = ["ImageModality"]

SAMPLE = 64  # cells that fit looks at
AUTO_SIDE = 64  # pixels of the longer side that size="auto" allows
FALLBACK = (32, 32)  # size="auto" without a single readable image
GREY_TOLERANCE = 8  # of 255, between the channels of a grey pixel
ROTATED = {5, 6, 7, 8}  # EXIF orientations that exchange height and width
# Pillow reads PostScript too, by running a program: only these are opened.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF")

_LOADING = threading.Lock()  # one PIL image may stand in several rows


class _Look(NamedTuple):
    """What fit learns from one image, in numbers that an array holds."""

    height: float
    width: float
    grey: float
    low: float = np.nan  # smallest and largest value, where they are not bytes
    high: float = np.nan
    floating: float = False


class ImageModality(FileModality):
    """Images of one size, as bytes: ``(n_samples, height, width, channels)``.

    Cells may be paths, encoded bytes, `PIL.Image.Image` objects, arrays or nested
    lists of shape (height, width) or (height, width, 1, 3 or 4), and Hugging Face's
    ``{"bytes", "path"}`` dicts. AVIF, BMP, GIF, JPEG, JPEG 2000, PNG, PPM, TIFF and
    WebP files are read: the first frame, turned upright by its EXIF orientation,
    laid on white where it is transparent, then stretched to `size` by bilinear
    interpolation over the pixels that fall together.

    Values deeper than 8 bits, whole or floating, become bytes by
    ``255 * (value - black) / (white - black)``, clipped. White is 1 where no value
    of the sample is beyond 1.1, otherwise the smallest ``2**b - 1`` that is not
    below them all (255, 4095, 65535, ...); black is 0, or ``-white`` where values
    fall below ``-white / 10``. Booleans become 0 and 255.

    Parameters
    ----------
    size : "auto", int or tuple of int, default="auto"
        Height and width of the output in pixels; one int for a square. ``"auto"``
        takes the median height and width of the sample, made smaller, never
        larger, until the longer side has at most 64 pixels; 32 x 32 if `fit`
        finds no image.
    channels : {"auto", 1, 3}, default="auto"
        1 for grey, 3 for red, green and blue. ``"auto"`` is 1 if every image of the
        sample is grey, otherwise 3.
    max_pixels : int, default=64_000_000
        Files whose header declares more pixels are refused before they are decoded.

    Attributes
    ----------
    size_ : tuple of int
        Height and width of the output in pixels.
    n_channels_ : int
        1 or 3.
    integer_range_, float_range_ : tuple of float
        Black and white of whole numbers deeper than 8 bits, and of floats.
    n_columns_ : int
        Number of columns at fit.

    See Also
    --------
    skmm.modalities.audio.AudioModality : Sounds, as spectrograms.

    Notes
    -----
    `fit` looks at no more than 64 cells, evenly spaced over the rows.
    Several columns under one name make one array of shape
    ``(n_samples, n_columns, height, width, channels)`` in float16, which holds
    every byte exactly, where NaN marks an image that is missing in a row that has
    another.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from skmm.modalities.image import ImageModality
    >>> X = pd.DataFrame({"scan": [np.zeros((40, 30), np.uint8), None]})
    >>> modality = ImageModality(size=(20, 15)).fit(X)
    >>> array, present = modality.transform(X)
    >>> array.shape, array.dtype.name, present.tolist()
    ((2, 20, 15, 1), 'uint8', [True, False])
    """

    kind: ClassVar[str] = "image"

    def __init__(
        self, size: Any = "auto", channels: Any = "auto", max_pixels: int = 64_000_000
    ):
        self.size = size
        self.channels = channels
        self.max_pixels = max_pixels

    def fit(
        self,
        X: pd.DataFrame,
        y: Any = None,
        *,
        on_error: str = "raise",
        n_jobs: int | None = None,
        memory: Any = None,
    ) -> Self:
        """Learn the size, the number of channels and the range of values."""
        size = self._checked_size()
        looks: list[_Look] = []

        def look(cell: Any) -> NDArray | None:
            with _opened(cell, self.max_pixels) as image:
                return None if image is None else np.array(_look(image))

        def keep(values: NDArray, i: int, j: int) -> None:
            looks.append(_Look(*values.tolist()))

        with _quiet_pillow():
            recall_cells(
                X,
                look,
                keep,
                key=("look at an image", self.max_pixels),
                memory=memory,
                on_error=on_error,
                n_jobs=n_jobs,
                rows=sample_rows(X, SAMPLE),
            )
        self.n_columns_ = X.shape[1]
        self.size_ = _auto_size(looks) if size is None else size
        auto_channels = 1 if looks and all(seen.grey for seen in looks) else 3
        self.n_channels_ = auto_channels if self.channels == "auto" else self.channels
        self.integer_range_ = _value_range(looks, floating=False, unseen=65535.0)
        self.float_range_ = _value_range(looks, floating=True, unseen=1.0)
        return self

    def _checked_size(self) -> tuple[int, int] | None:
        """Validate the parameters; return the size that was asked for."""
        if self.channels not in ("auto", 1, 3):
            raise ValueError(f'channels must be "auto", 1 or 3, got {self.channels!r}.')
        if not self.max_pixels >= 1:
            raise ValueError(f"max_pixels must be at least 1, got {self.max_pixels!r}.")
        if isinstance(self.size, str) and self.size == "auto":
            return None
        sides = np.atleast_1d(self.size)
        if sides.dtype.kind not in "iu" or sides.size not in (1, 2) or min(sides) < 1:
            raise ValueError(
                'size must be "auto", a number of pixels or (height, width), got '
                f"{self.size!r}."
            )
        return int(sides[0]), int(sides[-1])

    def transform(
        self,
        X: pd.DataFrame,
        *,
        on_error: str = "raise",
        n_jobs: int | None = None,
        memory: Any = None,
    ) -> Encoded:
        """Decode every image to the fitted size."""
        check_is_fitted(self)
        check_columns(X, self.n_columns_)
        spec = self.spec("image")
        array = np.zeros((len(X), *spec.shape), dtype=spec.dtype)
        slots = array.reshape(len(X), self.n_columns_, *spec.shape[-3:])

        def read(cell: Any) -> NDArray | None:
            with _opened(cell, self.max_pixels) as image:
                return None if image is None else self._pixels(image)

        def keep(pixels: NDArray, i: int, j: int) -> None:
            slots[i, j] = pixels

        with _quiet_pillow():
            present = recall_cells(
                X,
                read,
                keep,
                key=("decode an image", self.max_pixels, *self._decoding()),
                memory=memory,
                on_error=on_error,
                n_jobs=n_jobs,
            )
        row_present = np.asarray(present.any(axis=1))
        if self.n_columns_ > 1:
            slots[~present & row_present[:, None]] = np.nan
        return Encoded(array, row_present)

    def _decoding(self) -> tuple:
        """All that the pixels depend on besides the image."""
        ranges = self.integer_range_, self.float_range_
        return self.size_, self.n_channels_, *ranges

    def _pixels(self, image: Image.Image | NDArray) -> NDArray:
        """One image as bytes of shape (height, width, channels)."""
        if isinstance(image, Image.Image):
            image = _upright(_loaded(image, 2 * max(self.size_)))
            if _is_deep(image):
                image = _finite(np.asarray(image))
        if isinstance(image, np.ndarray):
            floating = image.dtype.kind == "f"
            low, high = self.float_range_ if floating else self.integer_range_
            image = Image.fromarray(_to_bytes(image, low, high))
        flat, mode = _opaque(image), "L" if self.n_channels_ == 1 else "RGB"
        if flat.mode != mode:  # otherwise it would be copied
            flat = flat.convert(mode)
        height, width = self.size_
        if flat.size != (width, height):
            flat = flat.resize(
                (width, height), Image.Resampling.BILINEAR, reducing_gap=2.0
            )
        return np.asarray(flat).reshape(height, width, self.n_channels_)

    def spec(self, name: str) -> ModalitySpec:
        """Describe the array that `transform` returns, under the name `name`."""
        check_is_fitted(self)
        shape: tuple[int, ...] = (*self.size_, self.n_channels_)
        if self.n_columns_ == 1:
            return ModalitySpec(name, self.kind, shape, "uint8", "cnn")
        shape = (self.n_columns_, *shape)
        return ModalitySpec(name, self.kind, shape, "float16", "cnn")


@contextmanager
def _quiet_pillow() -> Iterator[None]:
    """Silence Pillow's remarks on metadata and size; this file judges the size."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        yield


@cache
def _formats() -> list[str]:
    """Those of FORMATS that this build of Pillow reads."""
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


@contextmanager
def _opened(
    cell: Any, max_pixels: int
) -> Iterator[Image.Image | NDArray[np.number] | None]:
    """Open a cell: an undecoded image, an array deeper than bytes, None if missing."""
    source = as_source(cell)
    if is_missing(source):
        yield None
    elif isinstance(source, (str, io.BytesIO)):
        try:
            file = Image.open(source, formats=_formats())
        except UnidentifiedImageError:
            raise ModalityError(
                f"it is not an image of a format that is read ({', '.join(_formats())})"
            ) from None
        with file:
            _check_header(file, max_pixels)
            yield file
    elif isinstance(source, Image.Image):
        _check_header(source, max_pixels)
        with _LOADING:
            source.load()
        yield source
    else:
        yield _shallow(_checked_array(source))


def _check_header(image: Image.Image, max_pixels: int) -> None:
    width, height = image.size
    if not 1 <= width * height <= max_pixels:
        raise ModalityError(
            f"its header declares {width} x {height} pixels, and from 1 to "
            f"{max_pixels:_} pixels are accepted (parameter max_pixels)"
        )


def _checked_array(cell: Any) -> NDArray:
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
    return _finite(array[..., 0] if array.shape[2:] == (1,) else array)


def _finite(array: NDArray) -> NDArray:
    if not np.isfinite(array).all():
        raise ModalityError(
            "it holds NaN or infinite values; replace them by a colour of your choice"
        )
    return array


def _shallow(array: NDArray) -> Image.Image | NDArray:
    """Make an image of an array of bytes or booleans; return any other array."""
    if array.dtype == bool:
        array = array.astype(np.uint8) * 255
    return Image.fromarray(array) if array.dtype == np.uint8 else array


def _is_deep(image: Image.Image) -> bool:
    return image.mode in ("I", "F") or image.mode.startswith("I;16")


def _loaded(image: Image.Image, side: int) -> Image.Image:
    """Decode the pixels; JPEG files at reduced size, if it is at least `side`."""
    image.draft(None, (side, side))  # does nothing to an image that is loaded
    image.load()
    return image


def _upright(image: Image.Image) -> Image.Image:
    if _orientation(image) == 1:  # otherwise it would be copied
        return image
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # broken metadata; the pixels are already decoded
        return image


def _opaque(image: Image.Image) -> Image.Image:
    """Lay an image that is transparent somewhere on white."""
    if not image.has_transparency_data:
        return image
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)


def _to_bytes(array: NDArray, black: float, white: float) -> NDArray:
    scaled = (array.astype(np.float64) - black) * (255.0 / (white - black))
    return np.rint(np.clip(scaled, 0.0, 255.0)).astype(np.uint8)


def _look(image: Image.Image | NDArray) -> _Look:
    """Learn from one image what `fit` needs."""
    if isinstance(image, Image.Image) and not _is_deep(image):
        width, height = image.size
        if _orientation(image) in ROTATED:
            width, height = height, width
        return _Look(height, width, _is_grey(image))
    if isinstance(image, Image.Image):
        image = _finite(np.asarray(_upright(_loaded(image, AUTO_SIDE))))
    colours = np.ptp(image[..., :3], axis=-1) if image.ndim == 3 else 0
    low, high = float(image.min()), float(image.max())
    grey = bool(np.max(colours) * 255 <= GREY_TOLERANCE * max(high, -low))
    height, width = image.shape[:2]
    return _Look(height, width, grey, low, high, image.dtype.kind == "f")


def _orientation(image: Image.Image) -> int:
    try:
        return image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # broken metadata, as in `_upright`
        return 1


def _is_grey(image: Image.Image) -> bool:
    if image.mode in ("1", "L", "LA", "La"):
        return True
    rgb = np.asarray(_opaque(_loaded(image, AUTO_SIDE)).convert("RGB"))
    return bool((rgb.max(axis=-1) - rgb.min(axis=-1)).max() <= GREY_TOLERANCE)


def _auto_size(looks: list[_Look]) -> tuple[int, int]:
    """Median height and width, made smaller to AUTO_SIDE."""
    if not looks:
        return FALLBACK
    sides = np.median([(look.height, look.width) for look in looks], axis=0)
    height, width = np.rint(sides * min(1.0, AUTO_SIDE / sides.max())).astype(int)
    return max(1, int(height)), max(1, int(width))


def _value_range(
    looks: list[_Look], *, floating: bool, unseen: float
) -> tuple[float, float]:
    """Black and white of the deep images among `looks`, as the class describes."""
    deep = [s for s in looks if s.high == s.high and s.floating == floating]
    if not deep:
        return 0.0, unseen
    low, high = min(look.low for look in deep), max(look.high for look in deep)
    largest, white = max(high, -low), 1.0
    if largest > 1.1:
        white = 2.0 ** np.ceil(np.log2(largest + 1)) - 1
    return (-white if low < -white / 10 else 0.0), float(white)
