"""Words of any script, what they are cut into, and their hashes.

Must not import Keras.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from array import array
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

import numpy as np
import pandas as pd
from joblib import Parallel, delayed, effective_n_jobs
from numpy.typing import NDArray

from skmm.exceptions import ModalityError
from skmm.modalities._columns import BOOLEANS, NUMBERS, cells, refuse, show

__all__ = ["TOKEN", "Hashed", "hash_words", "text_cells", "tokens"]

# Signs that are a word each: pictographs, kana, Chinese characters.
_SIGN = (
    "\u2600-\u27bf\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U0001f300-\U0001faff\U00020000-\U0003ffff"
)
# Accents and vowel signs are letters too, which Python's \w leaves out: without them
# Hindi or Thai words would fall apart.
_MARK = "".join(
    char
    for char in map(chr, range(0x300, 0x1B00))
    if unicodedata.category(char)[0] == "M"
)
_WORD = rf"[^\W{_SIGN}]+(?:[{_MARK}]+[^\W{_SIGN}]*)*"
TOKEN = re.compile(
    rf"\[\w+\]"  # placeholders such as [MASK]
    rf"|[{_SIGN}]"
    rf"|\d+(?:[.,]\d+)+"  # 37.5 is one number
    rf"|{_WORD}(?:'{_WORD})*"  # don't is one word
)
PART = 10_000  # texts that are worth a process of their own


class Hashed(NamedTuple):
    """64-bit hashes of what many texts are made of, one text after another."""

    lengths: NDArray  # of int64: how many each text has
    hashes: NDArray  # of uint64

    def texts(self) -> NDArray:
        """Give the number of the text that each hash is of."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)


def hash_words(
    texts: list[str | None],
    lowercase: bool,
    chars: tuple[int, int] | None,
    n_jobs: int | None,
) -> tuple[Hashed, Hashed]:
    """Hash words and what they are cut into, in processes where there is enough.

    Threads would wait for each other: finding words holds Python's lock.
    """
    # None is 1, in a worker of Dask too, where joblib would take it for all workers.
    n_jobs = effective_n_jobs(1 if n_jobs is None else n_jobs)
    n_parts = min(n_jobs, len(texts) // PART + 1)
    if n_parts == 1:
        return _words_of(texts, lowercase, chars)
    step = -(-len(texts) // n_parts) or 1
    parts = [texts[start : start + step] for start in range(0, len(texts), step)]
    found = Parallel(n_jobs=n_parts)(
        delayed(_words_of)(part, lowercase, chars) for part in parts
    )
    words, letters = zip(*found, strict=True)
    return _joined(words), _joined(letters)


def _joined(parts: Iterable[Hashed]) -> Hashed:
    return Hashed(*map(np.concatenate, zip(*parts, strict=True)))


def _words_of(
    texts: list[str | None], lowercase: bool, chars: tuple[int, int] | None
) -> tuple[Hashed, Hashed]:
    """Hash the words of each text, and the n-grams of characters within them."""
    counts, hashes = array("q"), array("Q")
    cut_counts, cut_hashes = array("q"), array("Q")
    hash_of, cuts_of = _Hashes().__getitem__, _Cuts(chars).__getitem__
    for text in texts:
        words = tokens(text, lowercase) if text else []
        counts.append(len(words))
        hashes.extend(map(hash_of, words))
        before = len(cut_hashes)
        if chars:
            for word in words:
                cut_hashes.extend(cuts_of(word))
        cut_counts.append(len(cut_hashes) - before)
    return (
        Hashed(np.array(counts, np.int64), np.array(hashes, np.uint64)),
        Hashed(np.array(cut_counts, np.int64), np.array(cut_hashes, np.uint64)),
    )


def tokens(text: str, lowercase: bool) -> list[str]:
    if not text.isascii():  # ASCII is in its normal form
        text = _heaps().sub(r"\1", text)
        text = unicodedata.normalize("NFKC", text).replace("\u2019", "'")
    return TOKEN.findall(text.lower() if lowercase else text)


@cache
def _heaps() -> re.Pattern[str]:
    """Match more than thirty accents in a row, which no text has; keep thirty.

    To put them in order takes time that grows with the square of their number: minutes
    for a hundred kilobytes (Unicode Standard Annex 15, section 13, has the bound).
    """
    marks = "".join(filter(unicodedata.combining, map(chr, range(0x20000))))
    return re.compile(f"([{marks}]{{30}})[{marks}]+")


class _Hashes(dict):
    """64-bit hash of each token, computed at its first look-up."""

    def __missing__(self, token: str) -> int:
        digest = hashlib.blake2b(token.encode(), digest_size=8).digest()
        self[token] = int.from_bytes(digest, "little")
        return self[token]


class _Cuts(dict):
    """Hashes of the n-grams of characters of each word, cut at its first look-up."""

    def __init__(self, chars: tuple[int, int] | None):
        super().__init__()
        self.chars = chars or (1, 0)
        self.hash_of = _Hashes().__getitem__

    def __missing__(self, word: str) -> array:
        # Blanks mark the ends, and a blank in front tells an n-gram from a word. The
        # word with both its ends would say no more than the word.
        marked, (low, high) = f" {word} ", self.chars
        self[word] = array("Q")
        for n in range(low, min(high, len(marked) - 1) + 1):
            grams = (marked[i : i + n] for i in range(len(marked) - n + 1))
            self[word].extend(self.hash_of(f" {gram}") for gram in grams)
        return self[word]


def text_cells(
    column: pd.Series, on_error: str, max_characters: int
) -> list[str | None]:
    """Give a column's strings, None where missing."""
    values, gaps = cells(column)
    strings = np.fromiter((isinstance(v, str) for v in values), bool, len(values))
    bad = ~strings & ~gaps
    for row in np.flatnonzero(bad):
        if isinstance(values[row], (*NUMBERS, *BOOLEANS)):
            raise ModalityError(
                f"column {column.name!r}, row {row}: the column is declared as text "
                f"but holds numbers (got {show(values[row])}); declare it tabular, "
                "or convert it with astype(str)."
            )
    refuse(column, bad, "a string (bytes: decode them; lists: join them)", on_error)
    good = strings & ~gaps
    lengths = np.array([len(v) if g else 0 for v, g in zip(values, good, strict=True)])
    long = lengths > max_characters
    most = f"at most {max_characters:_} characters (parameter max_characters)"
    refuse(column, long, most, on_error, f"{lengths.max(initial=0):_}")
    good &= ~long
    return [v if g else None for v, g in zip(values, good, strict=True)]
