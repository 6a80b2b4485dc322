"""TF-IDF: text columns as a few dense numbers, by latent semantic analysis."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sklearn.utils import check_scalar
from sklearn.utils.extmath import randomized_svd
from sklearn.utils.validation import check_is_fitted

from skmm.frame import ModalitySpec
from skmm.modalities._base import Encoded, Modality
from skmm.modalities.text import TextModality

__all__ = ["TfidfModality"]


class TfidfModality(Modality):
    r"""Text columns as TF-IDF weights of n-grams, brought to few numbers by an SVD.

    ``x = T V s``: T of shape (n, n_terms) has rows of length 1 of the weights
    ``(1 + log tf) (1 + log((1 + n) / (1 + df)))``, V of shape (n_terms, n_components)
    holds the right singular vectors of the training rows' T, and s is the number that
    gives x a mean square of 1 over the training rows. n-grams are those of
    `TextModality`: of words, and of characters where asked.

    Parameters
    ----------
    n_components : int, default=128
        Largest number of numbers of a row, 1 or more; there are no more than rows or
        n-grams.
    ngram_range : tuple of (int, int), default=(1, 2)
        Smallest and largest number of words in an n-gram.
    max_features : int, default=20000
        Largest number of n-grams, 1 or more: those that most training rows hold.
    min_df : int, default=2
        Training rows that must hold an n-gram, 1 or more.
    lowercase : bool, default=True
        Whether upper and lower case are one.
    char_range : tuple of (int, int) or None, default=None
        Smallest and largest number of characters in the n-grams that words are cut
        into, for names and other dirty categories; None cuts no words.
    max_characters : int, default=1_000_000
        Longer texts are refused, 1 or more.

    Attributes
    ----------
    text_ : TextModality
        The known n-grams.
    idf_ : ndarray of float32, shape (n_terms,)
        Weight of each n-gram.
    components_ : ndarray of float32, shape (n_terms, n_components_)
        V s.

    See Also
    --------
    skmm.modalities.text.TextModality : Ids, whose vectors the network learns.

    References
    ----------
    Deerwester, Dumais, Furnas, Landauer and Harshman (1990). Indexing by Latent
    Semantic Analysis. JASIS 41, equation 1.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmm.modalities.tfidf import TfidfModality
    >>> X = pd.DataFrame({"note": ["mild fever", "no fever", None, "mild cough"]})
    >>> tfidf = TfidfModality(min_df=1).fit(X)
    >>> tfidf.transform(X).array.shape, tfidf.spec("note").encoder
    ((4, 3), 'mlp')
    """

    kind = "vector"

    def __init__(
        self,
        n_components: int = 128,
        ngram_range: tuple[int, int] = (1, 2),
        max_features: int = 20000,
        min_df: int = 2,
        lowercase: bool = True,
        char_range: tuple[int, int] | None = None,
        max_characters: int = 1_000_000,
    ):
        self.n_components = n_components
        self.ngram_range = ngram_range
        self.max_features = max_features
        self.min_df = min_df
        self.lowercase = lowercase
        self.char_range = char_range
        self.max_characters = max_characters

    def fit(
        self,
        X: pd.DataFrame,
        y: Any = None,
        *,
        on_error: str = "raise",
        n_jobs: int | None = None,
    ) -> Self:
        """Choose the n-grams, and find the directions in which rows differ most."""
        check_scalar(self.n_components, "n_components", int, min_val=1)
        self.text_ = TextModality(
            ngram_range=self.ngram_range,
            max_features=self.max_features,
            min_df=self.min_df,
            lowercase=self.lowercase,
            char_range=self.char_range,
            max_characters=self.max_characters,
        ).fit(X, on_error=on_error, n_jobs=n_jobs)
        quiet = "raise" if on_error == "raise" else "silent"
        counts, present = self._counts(X, quiet, n_jobs)
        df = np.bincount(counts.indices, minlength=counts.shape[1])
        self.idf_ = (1 + np.log((1 + present.sum()) / (1 + df))).astype(np.float32)
        weights = self._weigh(counts)[np.flatnonzero(present)]
        self.components_ = _directions(weights, self.n_components)
        return self

    def transform(
        self, X: pd.DataFrame, *, on_error: str = "raise", n_jobs: int | None = None
    ) -> Encoded:
        """Weigh each row's n-grams, and sum their vectors."""
        check_is_fitted(self)
        counts, present = self._counts(X, on_error, n_jobs)
        array = self._weigh(counts) @ self.components_
        return Encoded(array.astype(np.float32), present)

    def spec(self, name: str) -> ModalitySpec:
        """Describe the array that `transform` returns."""
        check_is_fitted(self)
        shape = (self.components_.shape[1],)
        return ModalitySpec(name, self.kind, shape, "float32", encoder="mlp")

    def _counts(
        self, X: pd.DataFrame, on_error: str, n_jobs: int | None
    ) -> tuple[Any, NDArray]:
        """Count each row's n-grams; tell which rows have text."""
        rows, ids, present = self.text_.known(X, on_error, n_jobs)
        ones = np.ones(len(rows), np.float32)
        shape = (len(X), len(self.text_.vocabulary_))
        return csr_array((ones, (rows, ids - 1)), shape), present

    def _weigh(self, counts: Any) -> Any:
        """Turn counts into TF-IDF weights of rows of length 1."""
        weights = counts.copy()
        weights.data = (1 + np.log(weights.data)) * self.idf_[weights.indices]
        size = np.sqrt(weights.multiply(weights).sum(axis=1))
        weights.data /= np.repeat(size, np.diff(weights.indptr))
        return weights


def _directions(weights: Any, n_components: int) -> NDArray:
    """Scaled right singular vectors of sparse rows, (n_terms, n_components)."""
    k = min(n_components, *weights.shape)
    if not k:
        return np.zeros((weights.shape[1], 0), np.float32)
    # TruncatedSVD is this, and warns where all rows are the same.
    vectors = randomized_svd(weights, k, n_iter=5, random_state=0)[2].T
    scores = weights @ vectors
    size = np.sqrt(np.mean(np.square(scores, dtype=np.float64)))
    return np.ascontiguousarray(vectors / max(size, 1e-12), dtype=np.float32)
