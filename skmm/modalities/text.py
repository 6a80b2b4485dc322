"""Text: words and word n-grams of one or several columns as rows of ids."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from array import array
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
from joblib import Parallel, delayed, effective_n_jobs
from numpy.typing import NDArray
from sklearn.utils import check_scalar
from sklearn.utils.validation import check_is_fitted

from skmm.exceptions import ModalityError
from skmm.frame import ModalitySpec
from skmm.modalities._base import Encoded, Modality
from skmm.modalities._columns import BOOLEANS, NUMBERS, cells, refuse, show

__all__ = ["TextModality"]

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
_TOKEN = re.compile(
    rf"\[\w+\]"  # placeholders such as [MASK]
    rf"|[{_SIGN}]"
    rf"|\d+(?:[.,]\d+)+"  # 37.5 is one number
    rf"|{_WORD}(?:'{_WORD})*"  # don't is one word
)
PART = 10_000  # texts that are worth a process of their own
_ODD = np.uint64(0x9E3779B97F4A7C15)  # 2**64 over the golden ratio: spreads bits


class _Grams(NamedTuple):
    """Hashed n-grams of all rows: single words in reading order, then pairs, ..."""

    rows: NDArray  # of int64, shape (n_grams,)
    hashes: NDArray  # of uint32, shape (n_grams,)


class TextModality(Modality):
    """Words and word n-grams of one or several text columns as rows of ids.

    Texts become tokens: words of any script, numbers, Chinese characters and
    pictographs one by one, ``[MASK]`` and the like whole. Known n-grams of the
    training rows have ids from 1; a row lists the ids of its words in reading
    order, then of its pairs of words, and so on; 0 fills the rest. n-grams that
    training did not know are left out: the model has learned nothing of them.
    No n-gram reaches from one column into the next.

    Parameters
    ----------
    ngram_range : tuple of (int, int), default=(1, 2)
        Smallest and largest number of words in an n-gram. ``(1, 1)`` gives plain
        sequences of words.
    max_features : int, default=20000
        Largest number of n-grams that are known, 1 or more: those that most
        training rows hold.
    min_df : int, default=2
        Training rows that must hold an n-gram, 1 or more.
    max_tokens : int, default=256
        Largest number of ids of one row, 1 or more; the array is as wide as the
        longest training row needs.
    lowercase : bool, default=True
        Whether upper and lower case are one.
    tokenizer : callable or None, default=None
        A function from a text to the ids, 0 or more, of a pretrained model's tokens;
        `PretrainedEncoder` gives them to that model. Of the other parameters two
        count then: `max_tokens`, and `max_features`, the number of the model's
        tokens. In the array an id is larger by 1, since 0 is padding.

    Attributes
    ----------
    vocabulary_ : ndarray of uint32, shape (n_features,)
        Hashes of the known n-grams, ascending; the i-th has id i + 1. Empty with a
        `tokenizer`.
    n_tokens_ : int
        Width of the array.

    Notes
    -----
    n-grams are kept as 32-bit hashes of their UTF-8 bytes (BLAKE2b), the same in
    every process: 4 bytes each instead of a string. With the default size, one
    unknown n-gram in 200 000 is taken for a known one.

    See Also
    --------
    skmm.encoders.pretrained.PretrainedEncoder : Reads a tokenizer's ids.

    References
    ----------
    Joulin, Grave, Bojanowski and Mikolov (2017). Bag of Tricks for Efficient Text
    Classification. EACL, section 2.2 (hashed word n-grams).

    Examples
    --------
    >>> import pandas as pd
    >>> from skmm.modalities.text import TextModality
    >>> X = pd.DataFrame({"note": ["mild fever", "fever, no cough", None]})
    >>> text = TextModality(min_df=1).fit(X)
    >>> text.transform(X).present
    array([ True,  True, False])
    >>> text.spec("note").shape, text.spec("note").vocabulary_size
    ((5,), 8)
    """

    kind = "text"

    def __init__(
        self,
        ngram_range: tuple[int, int] = (1, 2),
        max_features: int = 20000,
        min_df: int = 2,
        max_tokens: int = 256,
        lowercase: bool = True,
        tokenizer: Callable[[str], Any] | None = None,
    ):
        self.ngram_range = ngram_range
        self.max_features = max_features
        self.min_df = min_df
        self.max_tokens = max_tokens
        self.lowercase = lowercase
        self.tokenizer = tokenizer

    def fit(
        self,
        X: pd.DataFrame,
        y: Any = None,
        *,
        on_error: str = "raise",
        n_jobs: int | None = None,
    ) -> Self:
        """Choose the n-grams to know."""
        self._check_parameters()
        quiet = "raise" if on_error == "raise" else "silent"
        if self.tokenizer is not None:
            rows, _ = self._tokenized(X, quiet)
            self.vocabulary_ = np.zeros(0, np.uint32)
            longest = max(map(len, rows), default=1)
            self.n_tokens_ = int(np.clip(longest, 1, self.max_tokens))
            return self
        grams, _ = self._read(X, quiet, n_jobs)
        vocabulary = self._most_frequent(grams)
        known = _look_up(vocabulary, grams.hashes) > 0
        longest = np.bincount(grams.rows[known]).max(initial=1)
        self.vocabulary_ = vocabulary
        self.n_tokens_ = int(min(longest, self.max_tokens))
        return self

    def transform(
        self, X: pd.DataFrame, *, on_error: str = "raise", n_jobs: int | None = None
    ) -> Encoded:
        """List the ids of each row's known n-grams."""
        check_is_fitted(self)
        if self.tokenizer is not None:
            found, present = self._tokenized(X, on_error)
            array = np.zeros((len(X), self.n_tokens_), dtype=np.int32)
            for row, ids in zip(array, found, strict=True):
                row[: len(ids)] = ids[: self.n_tokens_]
            return Encoded(array, present)
        grams, present = self._read(X, on_error, n_jobs)
        ids = _look_up(self.vocabulary_, grams.hashes)
        known = np.flatnonzero(ids)
        known = known[np.argsort(grams.rows[known], kind="stable")]
        rows = grams.rows[known]
        places = np.arange(len(rows)) - np.searchsorted(rows, rows)
        fits = places < self.n_tokens_
        array = np.zeros((len(X), self.n_tokens_), dtype=np.int32)
        array[rows[fits], places[fits]] = ids[known[fits]]
        return Encoded(array, present)

    def spec(self, name: str) -> ModalitySpec:
        """Describe the array that `transform` returns."""
        check_is_fitted(self)
        known = self.max_features if self.tokenizer else len(self.vocabulary_)
        return ModalitySpec(
            name,
            self.kind,
            shape=(self.n_tokens_,),
            dtype="int32",
            encoder="embedding_bag",
            vocabulary_size=known + 1,
        )

    def _check_parameters(self) -> None:
        for parameter in ("max_features", "min_df", "max_tokens"):
            check_scalar(getattr(self, parameter), parameter, int, min_val=1)
        low, high = self.ngram_range
        if not 1 <= low <= high:
            raise ValueError(
                f"ngram_range must be two counts of words, the first from 1 to the "
                f"second; got {self.ngram_range!r}."
            )

    def _tokenized(
        self, X: pd.DataFrame, on_error: str
    ) -> tuple[list[NDArray], NDArray]:
        """List each row's ids, larger by 1, and tell which rows have any."""
        columns = [_texts(X.iloc[:, j], on_error) for j in range(X.shape[1])]
        rows = []
        for texts in zip(*columns, strict=True):
            ids = [self._ids(text) for text in texts if text]
            rows.append(np.concatenate([np.zeros(0, np.int32), *ids]) + 1)
        return rows, np.array([len(row) > 0 for row in rows], dtype=bool)

    def _ids(self, text: str) -> NDArray:
        ids = np.asarray(self.tokenizer(text))  # type: ignore[misc]
        if ids.ndim != 1 or (len(ids) and ids.dtype.kind not in "iu"):
            raise ModalityError(
                f"the tokenizer must return a list of whole numbers for a text, got "
                f"{ids.dtype.name} of shape {ids.shape} for {text[:40]!r}."
            )
        if len(ids) and not 0 <= ids.min() <= ids.max() < self.max_features:
            raise ModalityError(
                f"the tokenizer returned ids from {ids.min()} to {ids.max()}, and "
                f"max_features is {self.max_features}: give the number of its tokens."
            )
        return ids[: self.max_tokens].astype(np.int32)

    def _read(
        self, X: pd.DataFrame, on_error: str, n_jobs: int | None
    ) -> tuple[_Grams, NDArray]:
        """Hash the n-grams of all rows, and tell which rows have text."""
        columns = [_texts(X.iloc[:, j], on_error) for j in range(X.shape[1])]
        by_row = list(chain.from_iterable(zip(*columns, strict=True)))
        lengths, hashes = _hash_words(by_row, self.lowercase, n_jobs)
        texts = np.repeat(np.arange(len(lengths)), lengths)
        rows, parts = [np.zeros(0, np.int64)], [np.zeros(0, np.uint32)]
        for starts, grams in self._ngrams(hashes, texts):
            rows.append(texts[starts] // X.shape[1])
            parts.append((grams >> np.uint64(32)).astype(np.uint32))
        has_text = np.array([[bool(text) for text in c] for c in columns], dtype=bool)
        present = np.any(has_text.reshape(X.shape[::-1]), axis=0)
        return _Grams(np.concatenate(rows), np.concatenate(parts)), present

    def _ngrams(
        self, words: NDArray, texts: NDArray
    ) -> Iterator[tuple[NDArray, NDArray]]:
        """Give, for each n, where n-grams start and their 64-bit hashes."""
        low, high = self.ngram_range
        grams = words
        for n in range(1, high + 1):
            if n > 1:
                grams = (grams[:-1] * _ODD + words[n - 1 :]) * _ODD
            if n >= low:
                ends = len(texts) - n + 1
                starts = np.flatnonzero(texts[: max(ends, 0)] == texts[n - 1 :])
                yield starts, grams[starts]

    def _most_frequent(self, grams: _Grams) -> NDArray:
        """Choose the n-grams that most rows hold; ties go by hash."""
        pairs = grams.rows.astype(np.uint64) << np.uint64(32) | grams.hashes
        # Counts are asked for because numpy then sorts: its hashing is 20 times slower.
        pairs, _ = np.unique(pairs, return_counts=True)
        hashes, counts = np.unique(pairs.astype(np.uint32), return_counts=True)
        order = np.argsort(-counts, kind="stable")[: self.max_features]
        return np.sort(hashes[order[counts[order] >= self.min_df]])


def _hash_words(
    texts: list[str | None], lowercase: bool, n_jobs: int | None
) -> tuple[NDArray, NDArray]:
    """Hash the words of many texts, in processes where there are enough of them.

    Threads would wait for each other: finding words holds Python's lock.
    """
    n_parts = min(effective_n_jobs(n_jobs), len(texts) // PART + 1)
    step = -(-len(texts) // n_parts) or 1
    parts = [texts[start : start + step] for start in range(0, len(texts), step)]
    found = Parallel(n_jobs=n_parts)(
        delayed(_words_of)(part, lowercase) for part in parts or [[]]
    )
    lengths, hashes = zip(*found, strict=True)
    return np.concatenate(lengths), np.concatenate(hashes)


def _words_of(texts: list[str | None], lowercase: bool) -> tuple[NDArray, NDArray]:
    """Give each text's number of words, and the hashes of all of them."""
    lengths, hashes = array("q"), array("Q")
    hash_of = _Hashes().__getitem__
    for text in texts:
        words = _tokens(text, lowercase) if text else []
        lengths.append(len(words))
        hashes.extend(map(hash_of, words))
    return np.array(lengths, np.int64), np.array(hashes, np.uint64)


def _tokens(text: str, lowercase: bool) -> list[str]:
    text = unicodedata.normalize("NFKC", text).replace("\u2019", "'")
    return _TOKEN.findall(text.lower() if lowercase else text)


class _Hashes(dict):
    """64-bit hash of each token, computed at its first look-up."""

    def __missing__(self, token: str) -> int:
        digest = hashlib.blake2b(token.encode(), digest_size=8).digest()
        self[token] = int.from_bytes(digest, "little")
        return self[token]


def _look_up(vocabulary: NDArray, hashes: NDArray) -> NDArray:
    """Ids from 1, and 0 for what is not in the vocabulary."""
    if not len(vocabulary):
        return np.zeros(len(hashes), dtype=np.int64)
    place = np.minimum(np.searchsorted(vocabulary, hashes), len(vocabulary) - 1)
    return np.where(vocabulary[place] == hashes, place + 1, 0)


def _texts(column: pd.Series, on_error: str) -> list[str | None]:
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
    return [v if ok else None for v, ok in zip(values, strings & ~gaps, strict=True)]
