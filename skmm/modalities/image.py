"""Images: files, bytes and arrays become pixels of one size. No Keras here."""

from __future__ import annotations

from functools import reduce
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image
from sklearn.utils.validation import check_is_fitted

from skmm.frame import ModalitySpec
from skmm.modalities._base import Encoded
from skmm.modalities._cells import BLOCK, check_columns, sample_rows
from skmm.modalities._files import FileModality, recall_cells
from skmm.modalities._pictures import (
    Bounds,
    checked,
    flattened,
    is_deep,
    loaded,
    open_picture,
    orientation,
    quiet_pillow,
    tiles,
    upright,
)

__all__ = ["ImageModality"]

SAMPLE = 64  # cells that fit looks at
AUTO_SIDE = 64  # pixels of the longer side that size="auto" allows
FALLBACK = (32, 32)  # size="auto" without a single readable image
GREY_TOLERANCE = 8  # of 255, between the channels of a grey pixel
ROTATED = {5, 6, 7, 8}  # EXIF orientations that exchange height and width


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
    fall below ``-white / 10``. Booleans become 0 and 255. NaN, infinite values and
    values beyond 1e38 make an image unreadable.

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
    max_pixels : int, default=50_000_000
        Images of more pixels are refused: files by what their header declares, before
        they are decoded. JPEG 2000 files may have a quarter of them, since each takes
        four times the memory and time.
    max_bytes : int, default=250_000_000
        Files and bytes that are longer are refused unread.

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
        self,
        size: Any = "auto",
        channels: Any = "auto",
        max_pixels: int = 50_000_000,
        max_bytes: int = 250_000_000,
    ):
        self.size = size
        self.channels = channels
        self.max_pixels = max_pixels
        self.max_bytes = max_bytes

    def fit(
        self,
        X: pd.DataFrame,
        y: Any = None,
        *,
        on_error: str = "raise",
        n_jobs: int | None = None,
        memory: Any = None,
        root: str | None = None,
    ) -> Self:
        """Learn the size, the number of channels and the range of values."""
        size = self._checked_size()
        looks: list[_Look] = []

        def look(cell: Any) -> NDArray | None:
            with open_picture(cell, self._bounds(), root) as image:
                return None if image is None else np.array(_look(image))

        def keep(values: NDArray, i: int, j: int) -> None:
            looks.append(_Look(*values.tolist()))

        with quiet_pillow():
            recall_cells(
                X,
                look,
                keep,
                key=("look at an image", *self._bounds()),
                memory=memory,
                root=root,
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
        for name, bound in self._bounds()._asdict().items():
            if not bound >= 1:
                raise ValueError(f"{name} must be at least 1, got {bound!r}.")
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
        root: str | None = None,
    ) -> Encoded:
        """Decode every image to the fitted size."""
        check_is_fitted(self)
        check_columns(X, self.n_columns_)
        spec = self.spec("image")
        array = np.zeros((len(X), *spec.shape), dtype=spec.dtype)
        slots = array.reshape(len(X), self.n_columns_, *spec.shape[-3:])

        def read(cell: Any) -> NDArray | None:
            with open_picture(cell, self._bounds(), root) as image:
                return None if image is None else self._pixels(image)

        def keep(pixels: NDArray, i: int, j: int) -> None:
            slots[i, j] = pixels

        with quiet_pillow():
            present = recall_cells(
                X,
                read,
                keep,
                key=("decode an image", *self._bounds(), *self._decoding()),
                memory=memory,
                root=root,
                on_error=on_error,
                n_jobs=n_jobs,
            )
        row_present = np.asarray(present.any(axis=1))
        if self.n_columns_ > 1:
            slots[~present & row_present[:, None]] = np.nan
        return Encoded(array, row_present)

    def _bounds(self) -> Bounds:
        return Bounds(self.max_pixels, self.max_bytes)

    def _decoding(self) -> tuple:
        """All that the pixels depend on besides the image."""
        ranges = self.integer_range_, self.float_range_
        return self.size_, self.n_channels_, *ranges

    def _pixels(self, image: Image.Image | NDArray) -> NDArray:
        """One image as bytes of shape (height, width, channels)."""
        if isinstance(image, Image.Image):
            image = upright(loaded(image, 2 * max(self.size_)))
            if is_deep(image):
                image = checked(np.asarray(image))
        if isinstance(image, np.ndarray):
            floating = image.dtype.kind == "f"
            low, high = self.float_range_ if floating else self.integer_range_
            image = Image.fromarray(_to_bytes(image, low, high))
        flat = flattened(image, "L" if self.n_channels_ == 1 else "RGB")
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


def _to_bytes(array: NDArray, black: float, white: float) -> NDArray:
    values = np.empty(array.shape, np.uint8)
    step = max(1, BLOCK // array[0].size)  # rows at a time, to bound memory
    for start in range(0, len(array), step):
        rows = slice(start, start + step)
        scaled = array[rows].astype(np.float64) - black
        scaled *= 255.0 / (white - black)
        values[rows] = np.rint(np.clip(scaled, 0.0, 255.0))
    return values


def _look(image: Image.Image | NDArray) -> _Look:
    """Learn from one image what `fit` needs."""
    if isinstance(image, Image.Image) and not is_deep(image):
        width, height = image.size
        grey = _is_grey(image)  # first: it decodes, and what fails there must be seen
        if orientation(image) in ROTATED:
            width, height = height, width
        return _Look(height, width, grey)
    if isinstance(image, Image.Image):
        image = checked(np.asarray(upright(loaded(image, AUTO_SIDE))))
    colours = _spread(image) if image.ndim == 3 else 0
    low, high = float(image.min()), float(image.max())
    grey = bool(float(np.max(colours)) * 255 <= GREY_TOLERANCE * max(high, -low))
    height, width = image.shape[:2]
    return _Look(height, width, grey, low, high, image.dtype.kind == "f")


def _is_grey(image: Image.Image) -> bool:
    if image.mode in ("1", "L", "LA", "La"):
        return True
    pieces = tiles(loaded(image, AUTO_SIDE))
    colours = (np.asarray(flattened(piece, "RGB")) for _, piece in pieces)
    return all(_spread(piece).max() <= GREY_TOLERANCE for piece in colours)


def _spread(array: NDArray) -> NDArray:
    """Tell how far the colours of each pixel are apart."""
    planes = [array[..., c] for c in range(3)]  # an axis of three is slow to reduce
    return reduce(np.maximum, planes) - reduce(np.minimum, planes)


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
