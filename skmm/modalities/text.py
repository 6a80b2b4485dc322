"""Text: n-grams of words, and of characters, of text columns as rows of ids."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import check_scalar
from sklearn.utils.validation import check_is_fitted

from skmm.exceptions import ModalityError
from skmm.frame import ModalitySpec
from skmm.modalities._base import Encoded, Modality
from skmm.modalities._words import hash_words, text_cells, tokens

__all__ = ["TextModality"]

_ODD = np.uint64(0x9E3779B97F4A7C15)  # 2**64 over the golden ratio: spreads bits


class _Grams(NamedTuple):
    """Hashed n-grams of all rows: words in order, pairs, ..., then those of letters."""

    rows: NDArray  # of int64, shape (n_grams,)
    hashes: NDArray  # of uint32, shape (n_grams,)


class TextModality(Modality):
    """N-grams of words, and of characters, of text columns as rows of ids.

    Texts become tokens: words of any script, numbers, Chinese characters and
    pictographs one by one, ``[MASK]`` and the like whole. Known n-grams of the
    training rows have ids from 1, the most frequent first; a row lists the ids of its
    words in reading order, then of its pairs of words, and so on; 0 fills the rest.
    n-grams that training did not know are left out: the model has learned nothing of
    them. No n-gram reaches from one column into the next.

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
    char_range : tuple of (int, int) or None, default=None
        Smallest and largest number of characters in the n-grams that words are cut
        into, beside those of words: misspelt names then share most ids with the
        right ones. The ends of a word count as a character each. ``(3, 5)`` suits
        names and other dirty categories; None cuts no words.
    tokenizer : callable or None, default=None
        A function from a text to the ids, 0 or more, of a pretrained model's tokens;
        `PretrainedEncoder` gives them to that model. Of the other parameters two
        count then: `max_tokens`, and `max_features`, the number of the model's
        tokens. In the array an id is larger by 1, since 0 is padding.
    max_characters : int, default=1_000_000
        Longer texts are refused, 1 or more. An n-gram of characters takes hundreds of
        bytes while a text is read.

    Attributes
    ----------
    vocabulary_ : ndarray of uint32, shape (n_features,)
        Hashes of the known n-grams, those of most training rows first; the i-th has
        id i + 1. Empty with a `tokenizer`.
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
    Bojanowski, Grave, Joulin and Mikolov (2017). Enriching Word Vectors with Subword
    Information. TACL 5, section 3.2 (n-grams of characters within marked ends).
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
        char_range: tuple[int, int] | None = None,
        tokenizer: Callable[[str], Any] | None = None,
        max_characters: int = 1_000_000,
    ):
        self.ngram_range = ngram_range
        self.max_features = max_features
        self.min_df = min_df
        self.max_tokens = max_tokens
        self.lowercase = lowercase
        self.char_range = char_range
        self.tokenizer = tokenizer
        self.max_characters = max_characters

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
        rows, ids, present = self.known(X, on_error, n_jobs)
        places = np.arange(len(rows)) - np.searchsorted(rows, rows)
        fits = places < self.n_tokens_
        array = np.zeros((len(X), self.n_tokens_), dtype=np.int32)
        array[rows[fits], places[fits]] = ids[fits]
        return Encoded(array, present)

    def known(
        self, X: pd.DataFrame, on_error: str = "raise", n_jobs: int | None = None
    ) -> tuple[NDArray, NDArray, NDArray]:
        """List all known n-grams, or tokens of the tokenizer, however many a row has.

        Parameters
        ----------
        X : pandas.DataFrame of shape (n_samples, n_columns)
            The columns that `fit` saw.
        on_error : {"raise", "missing"}, default="raise"
            What an unreadable cell does: raise `CellError`, or count as missing.
        n_jobs : int or None, default=None
            Number of processes that find words.

        Returns
        -------
        rows : ndarray of int64, shape (n_grams,)
            Row of each n-gram, ascending.
        ids : ndarray of int64, shape (n_grams,)
            Its id.
        present : ndarray of bool, shape (n_samples,)
            Which rows have text.
        """
        check_is_fitted(self)
        if self.tokenizer is not None:
            found, present = self._tokenized(X, on_error)
            rows = np.repeat(np.arange(len(X)), [len(ids) for ids in found])
            return rows, np.concatenate([np.zeros(0, np.int64), *found]), present
        grams, present = self._read(X, on_error, n_jobs)
        ids = _look_up(self.vocabulary_, grams.hashes)
        known = np.flatnonzero(ids)
        known = known[np.argsort(grams.rows[known], kind="stable")]
        return grams.rows[known], ids[known], present

    def word_spans(
        self, X: pd.DataFrame, on_error: str = "raise"
    ) -> list[tuple[list[str], NDArray]]:
        """Lead the ids of `transform` back to the words that they are of.

        Parameters
        ----------
        X : pandas.DataFrame of shape (n_samples, n_columns)
            The columns that `fit` saw.
        on_error : {"raise", "missing"}, default="raise"
            What an unreadable cell does: raise `CellError`, or count as missing.

        Returns
        -------
        rows : list of (list of str, ndarray of int64, shape (n_ids, 2))
            The words of each row in reading order; and, for each of its ids, the
            first word that the n-gram covers and the one behind the last. An n-gram
            of characters covers the word that it is cut from.

        Raises
        ------
        ModalityError
            If the ids are a tokenizer's, whose words are not known.
        """
        check_is_fitted(self)
        if self.tokenizer is not None:
            raise ModalityError(
                "ids of a tokenizer cannot be led back to words: ask the tokenizer."
            )
        rows = []
        for i in range(len(X)):
            cells = self._cells(X.iloc[i : i + 1], on_error)
            rows.append(self._spans([text for (text,) in cells if text]))
        return rows

    def _spans(self, texts: list[str]) -> tuple[list[str], NDArray]:
        """Give the words of one row's texts, and those that each of its ids covers."""
        hashed, letters = hash_words([*texts], self.lowercase, self.char_range, None)
        shown, cuts = [], []
        for text in texts:
            found = tokens(text, self.lowercase)
            cuts += [_n_cuts(word, self.char_range) for word in found]
            written = tokens(text, lowercase=False)
            shown += written if len(written) == len(found) else found
        spans, hashes = [np.zeros((0, 2), np.int64)], [np.zeros(0, np.uint32)]
        sizes = range(self.ngram_range[0], self.ngram_range[1] + 1)
        every = self._ngrams(hashed.hashes, hashed.texts())
        for n, (starts, grams) in zip(sizes, every, strict=True):
            spans.append(np.column_stack([starts, starts + n]))
            hashes.append(_short(grams))
        of = np.repeat(np.arange(len(cuts)), cuts)
        spans.append(np.column_stack([of, of + 1]))
        hashes.append(_short(letters.hashes))
        known = _look_up(self.vocabulary_, np.concatenate(hashes)) > 0
        return shown, np.concatenate(spans)[known][: self.n_tokens_]

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
        for parameter in ("max_features", "min_df", "max_tokens", "max_characters"):
            check_scalar(getattr(self, parameter), parameter, int, min_val=1)
        _check_range("ngram_range", self.ngram_range, "words")
        if self.char_range is not None:
            _check_range("char_range", self.char_range, "characters")

    def _cells(self, X: pd.DataFrame, on_error: str) -> list[list[str | None]]:
        """Give the texts of each column."""
        columns = (X.iloc[:, j] for j in range(X.shape[1]))
        return [text_cells(c, on_error, self.max_characters) for c in columns]

    def _tokenized(
        self, X: pd.DataFrame, on_error: str
    ) -> tuple[list[NDArray], NDArray]:
        """List each row's ids, larger by 1, and tell which rows have any."""
        columns = self._cells(X, on_error)
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
        columns = self._cells(X, on_error)
        by_row = list(chain.from_iterable(zip(*columns, strict=True)))
        words, letters = hash_words(by_row, self.lowercase, self.char_range, n_jobs)
        texts, hashes = words.texts(), words.hashes
        rows, parts = [np.zeros(0, np.int64)], [np.zeros(0, np.uint32)]
        for starts, grams in self._ngrams(hashes, texts):
            rows.append(texts[starts] // X.shape[1])
            parts.append(_short(grams))
        rows.append(letters.texts() // X.shape[1])
        parts.append(_short(letters.hashes))
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
        return hashes[order[counts[order] >= self.min_df]]


def _check_range(name: str, given: tuple[int, int], what: str) -> None:
    low, high = given
    if not 1 <= low <= high:
        raise ValueError(
            f"{name} must be two counts of {what}, the first from 1 to the second; "
            f"got {given!r}."
        )


def _n_cuts(word: str, char_range: tuple[int, int] | None) -> int:
    """Count the n-grams of characters that a word, with both its ends, is cut into."""
    low, high = char_range or (1, 0)
    length = len(word) + 2
    return sum(length - n + 1 for n in range(low, min(high, length - 1) + 1))


def _short(hashes: NDArray) -> NDArray:
    return (hashes >> np.uint64(32)).astype(np.uint32)


def _look_up(vocabulary: NDArray, hashes: NDArray) -> NDArray:
    """Ids from 1, and 0 for what is not in the vocabulary."""
    if not len(vocabulary):
        return np.zeros(len(hashes), dtype=np.int64)
    order = np.argsort(vocabulary)
    ascending = vocabulary[order]
    place = np.minimum(np.searchsorted(ascending, hashes), len(vocabulary) - 1)
    return np.where(ascending[place] == hashes, order[place] + 1, 0)
