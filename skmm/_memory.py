"""Memory that TensorFlow can read where it lies. No Keras here."""

from __future__ import annotations

import math
import os

import numpy as np
from numpy.typing import DTypeLike, NDArray

__all__ = ["aligned", "check_room", "is_aligned"]

ALIGNMENT = 64  # bytes, of TensorFlow's memory; NumPy's own is aligned to 16


def aligned(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray:
    """Make an array of zeros that can be lent to TensorFlow.

    Parameters
    ----------
    shape : tuple of int
        Its shape.
    dtype : dtype
        Its type.

    Returns
    -------
    array : ndarray
    """
    n_bytes = math.prod(shape) * np.dtype(dtype).itemsize
    memory = np.zeros(n_bytes + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + n_bytes].view(dtype).reshape(shape)


def is_aligned(array: NDArray) -> bool:
    """Tell whether an array can be lent as it is.

    Parameters
    ----------
    array : ndarray
        Any.

    Returns
    -------
    lendable : bool
    """
    flags = array.flags
    at = array.ctypes.data % ALIGNMENT
    return bool(flags.c_contiguous and flags.writeable and at == 0)


def check_room(n_bytes: int, what: str) -> None:
    """Refuse what takes more memory than there is, before any of it is taken.

    A system that has promised too much ends the process without a word.

    Parameters
    ----------
    n_bytes : int
        What it takes, at the least.
    what : str
        What takes it; begins a sentence.

    Raises
    ------
    MemoryError
        If this machine has less.
    """
    if not hasattr(os, "sysconf"):  # Windows promises no more than it has
        return
    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if n_bytes > there:
        raise MemoryError(
            f"{what} takes {n_bytes / 1e9:.3g} GB, and this machine has "
            f"{there / 1e9:.3g} GB: give fewer rows at a time."
        )
