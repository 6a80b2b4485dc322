"""What `explain` returns: how much each thing that a network reads contributes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skmm.frame import ModalityFrame
from skmm.inspection._subject import Reading

__all__ = ["Attributions"]


@dataclass(frozen=True)
class Attributions:
    """How much each number, word or pixel of some rows adds to a decision.

    Made by `explain`. The values of a row sum to ``prediction - baseline``, as far as
    `completeness_error` says.

    Parameters
    ----------
    values : dict of str to ndarray of float32, shape (n_samples, *shape)
        Of each modality, in the shape of its array in `frame`: a table's features, the
        ids of a text, pixels, spectrogram (steps, mel bands, columns), series (steps,
        channels). Exactly 0 where a modality is absent, and at gaps and padding.
    prediction : ndarray of float64, shape (n_samples,)
        What is explained, of the rows.
    baseline : ndarray of float64, shape (n_samples,)
        The same of what they are compared with; the mean over several baselines.
    target : ndarray of shape (n_samples,)
        The class or output that is explained, of each row.
    method : str
        How, as `explain` was told.
    unit : str
        What is explained, with ``{}`` for the target: ``"logit of class {}"``,
        ``"logit of output {}"``, ``"prediction"``.
    reading : Reading
        The rows: ``reading.frame`` is what the networks read; beside it what leads
        back to columns and words.

    See Also
    --------
    explain : Computes them.
    AttributionDisplay : Draws them.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmm import MultimodalClassifier
    >>> from skmm.inspection import explain
    >>> X = pd.DataFrame({"age": [61, 47, 58, 33], "sex": ["F", "M", "M", "F"]})
    >>> model = MultimodalClassifier(epochs=1, ensemble_size=1, random_state=0)
    >>> found = explain(model.fit(X, [1, 0, 1, 0]), X, method="occlusion")
    >>> found.by_column("tabular").columns.tolist()
    ['age', 'sex']
    >>> found.values["tabular"].shape
    (4, 3)
    """

    values: dict[str, NDArray]
    prediction: NDArray
    baseline: NDArray
    target: NDArray
    method: str
    unit: str
    reading: Reading

    @property
    def frame(self) -> ModalityFrame:
        """The rows as the networks read them."""
        return self.reading.frame

    @property
    def names(self) -> list[str]:
        """Names of the modalities, in order."""
        return list(self.values)

    @property
    def totals(self) -> pd.DataFrame:
        """Sum of each modality's values, (n_samples, n_modalities)."""
        return self._summed(np.asarray)

    @property
    def completeness_error(self) -> float:
        r"""How far sums of values are from what they must sum to, as a share.

        :math:`\sum_i |\sum_j a_{ij} - (f(x_i) - f(x'_i))| / \sum_i |f(x_i) -
        f(x'_i)|`.
        """
        change = self.prediction - self.baseline
        missed = np.abs(self.totals.to_numpy().sum(axis=1) - change).sum()
        whole = np.abs(change).sum()
        if whole == 0:
            return 0.0 if missed == 0 else np.inf
        return float(missed / whole)

    def shares(self) -> pd.DataFrame:
        r"""Tell how much of all that counts is each modality's.

        :math:`\Phi_m / \sum_k \Phi_k`, where :math:`\Phi_m = \sum_j |a_j|` over what
        the modality holds: MM-SHAP's share [1]_, of these values in the place of
        Shapley values.

        Returns
        -------
        shares : DataFrame of shape (n_samples, n_modalities)
            From 0 to 1; each row sums to 1, or holds NaN where all values are 0.

        References
        ----------
        .. [1] L. Parcalabescu and A. Frank, "MM-SHAP: A Performance-agnostic Metric
           for Measuring Multimodal Contributions in Vision and Language Models &
           Tasks", ACL 2023, section 3.2.
        """
        sizes = self._summed(np.abs)
        return sizes.div(sizes.sum(axis=1).replace(0, np.nan), axis=0)

    def by_column(self, name: str) -> pd.DataFrame:
        """Sum the values of the features that come of one column.

        Parameters
        ----------
        name : str
            Name of a modality whose rows are flat: a table or a vector.

        Returns
        -------
        values : DataFrame of shape (n_samples, n_columns)
            Columns of the table, or numbers of the vector.

        Raises
        ------
        ValueError
            If there is no such modality, or its rows are not flat.
        """
        self._check(name)
        if name not in self.reading.columns:
            kind, shape = self.frame.specs[name].kind, self.frame.specs[name].shape
            raise ValueError(
                f"modality {name!r} ({kind}, shape {shape}) has no columns: read "
                f"values[{name!r}]; columns have {list(self.reading.columns)}."
            )
        labels = self.reading.columns[name]
        features = pd.DataFrame(self.values[name].astype(np.float64), columns=labels)
        return features.T.groupby(level=0, sort=False).sum().T

    def by_word(self, name: str, row: int = 0) -> list[tuple[str, float]]:
        """Spread the value of each n-gram evenly over its words.

        Parameters
        ----------
        name : str
            Name of a text modality.
        row : int, default=0
            Position of the row.

        Returns
        -------
        words : list of (str, float)
            All words in reading order, those that the model does not know with 0;
            one column of the modality after another.

        Raises
        ------
        ValueError
            If there is no such modality, or its words are not known: it is no text,
            its ids are a tokenizer's, or the rows came as a ModalityFrame.
        """
        self._check(name)
        if name not in self.reading.words:
            raise ValueError(
                f"the words of modality {name!r} are not known: words are led back to "
                "from texts in a dataframe that a TextModality without a tokenizer "
                f"has read; read values[{name!r}]."
            )
        words, spans = self.reading.words[name][row]
        summed = np.zeros(len(words))
        values = self.values[name][row].astype(np.float64)
        for value, (first, stop) in zip(values, spans, strict=False):
            summed[first:stop] += value / (stop - first)
        return list(zip(words, summed.tolist(), strict=True))

    def title_of(self, row: int) -> str:
        """Name what is explained of a row.

        Parameters
        ----------
        row : int
            Position of the row.

        Returns
        -------
        unit : str
            Such as ``"logit of class 3"``.
        """
        return self.unit.format(self.target[row])

    def _check(self, name: str) -> None:
        if name not in self.values:
            raise ValueError(f"there is no modality {name!r}, only {self.names}.")

    def _summed(self, of: Any) -> pd.DataFrame:
        n = len(self.frame)
        sums = {
            name: of(array.astype(np.float64)).reshape(n, -1).sum(axis=1)
            for name, array in self.values.items()
        }
        return pd.DataFrame(sums)
