"""Handwritten digits beside their spoken names.

Must not import Keras. The archive is made by ``tools/make_spoken_digits.py``.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skmm.datasets._bunch import as_bunch

__all__ = ["load_spoken_digits"]

_NAMES = "zero one two three four five six seven eight nine".split()


def load_spoken_digits(*, return_X_y: bool = False, as_frame: bool = True) -> Any:
    r"""Load 600 digits, each written by a person and spoken by a synthesiser.

    The images are real handwriting, from :func:`sklearn.datasets.load_digits`; the
    recordings were made for skmm by eSpeak NG, in the voices of 60 speakers who say
    each digit once. Image and recording of a row share nothing but the digit. Both
    were made harder (noise, rotation, hidden patches, band limits, clipping) until
    either alone is recognised about four times in five, and both together clearly
    more often.

    =================   ==========================
    Classes                                     10
    Rows per class                              60
    Columns             image (PNG), audio (FLAC)
    Speakers (groups)                           60
    =================   ==========================

    Parameters
    ----------
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` alone.
    as_frame : bool, default=True
        Whether data is a pandas DataFrame and target a Series; otherwise data is
        an object array of shape (600, 2) and target an array.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with these attributes.

        data : DataFrame of shape (600, 2)
            Columns "image" (bytes of a PNG file, 16 x 16 pixels, grey) and "audio"
            (bytes of a FLAC file, 8000 Hz, one channel, 16 bit).
        target : Series of shape (600,)
            The digit, 0 to 9.
        frame : DataFrame of shape (600, 3)
            Data and target; None if ``as_frame=False``.
        feature_names : list of str
            Names of the columns of data.
        target_names : ndarray of str, shape (10,)
            The digits in words.
        groups : Series of shape (600,)
            The speaker of each row, for :class:`~sklearn.model_selection.GroupKFold`
            and its kin; an array if ``as_frame=False``.
        modalities : list of tuple
            ``(name, modality, columns)`` of each modality, as
            :class:`~skmm.ModalityTransformer` takes them.
        conditions : DataFrame of shape (600, 12)
            How each row was made and spoilt; no feature. Of the speech: "speaker",
            "accent", "rate_wpm" (words per minute), "pitch" (eSpeak NG's scale),
            "noise", "snr_db" (decibels), "band_limited", "clipped". Of the image:
            "image_index" (row of ``load_digits``, each used once), "rotation_deg"
            (degrees), "pixel_noise" (standard deviation, of the range of a pixel),
            "hidden_px" (pixels).
        DESCR : str
            What is real, what is synthesised, and the licences.

    (data, target) : tuple if ``return_X_y=True``

    Examples
    --------
    >>> from skmm.datasets import load_spoken_digits
    >>> digits = load_spoken_digits()
    >>> digits.data.shape, digits.groups.nunique()
    ((600, 2), 60)
    >>> digits.data["image"][0][:4], digits.data["audio"][0][:4]
    (b'\x89PNG', b'fLaC')
    >>> digits.target_names[digits.target[:3]].tolist()
    ['six', 'seven', 'one']
    """
    folder = files("skmm.datasets") / "data"
    with (folder / "spoken_digits.npz").open("rb") as file:
        with np.load(file, allow_pickle=False) as archive:
            cells = {
                name: _cut(archive[name], archive[f"{name}_end"])
                for name in ("image", "audio")
            }
            target = pd.Series(archive["digit"], name="digit")
            conditions = pd.DataFrame(archive["conditions"])
    groups = conditions["speaker"]
    return as_bunch(
        pd.DataFrame(cells),
        target,
        return_X_y=return_X_y,
        as_frame=as_frame,
        target_names=np.array(_NAMES),
        groups=groups if as_frame else groups.to_numpy(),
        modalities=[("image", "image", "image"), ("audio", "audio", "audio")],
        conditions=conditions,
        DESCR=(folder / "spoken_digits.md").read_text(encoding="utf-8"),
    )


def _cut(joined: NDArray, ends: NDArray) -> list[bytes]:
    """Cut joined files apart; ``ends[i]`` is where the i-th file ends."""
    starts = [0, *ends[:-1]]
    return [joined[i:j].tobytes() for i, j in zip(starts, ends, strict=True)]
