"""How many rows a network takes at a time."""

from __future__ import annotations

from functools import cache

import numpy as np
import tensorflow as tf

__all__ = ["padded_length", "row_multiple"]

WIDE = 8  # numbers in a vector: what is left over is rounded differently
SAFE = 24  # of these none is left over where products take 6 rows at a time


@cache
def row_multiple() -> int:
    """Find of how many rows a multiple makes each row's result its own.

    A remainder is computed by other instructions, which round differently, so that a
    row's result would depend on its place. With AVX-512 vectors of 8 rows leave none;
    with AVX2 matrix products take 6 rows at a time.

    Returns
    -------
    n_rows : int
        8, or 24 where a matrix product of 8 rows has other bits than one of 24.
    """
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((SAFE, 64), dtype=np.float32)
    weights = rng.standard_normal((64, 64), dtype=np.float32)
    parts = [tf.matmul(part, weights) for part in np.split(rows, SAFE // WIDE)]
    alike = np.array_equal(np.concatenate(parts), tf.matmul(rows, weights))
    return WIDE if alike else SAFE


def padded_length(n_rows: int) -> int:
    """Tell how many rows to compute so that each has a result of its own.

    Parameters
    ----------
    n_rows : int
        Number of rows.

    Returns
    -------
    n_rows : int
        The next multiple of `row_multiple`: fill up with any rows.
    """
    return -(-n_rows // row_multiple()) * row_multiple()
