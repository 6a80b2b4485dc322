"""ModalityFrame and ModalitySpec: the only things that cross between the halves.

Must not import pandas or Keras: the data half makes frames, the network half
reads them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skmm._compat import numpy_namespace

__all__ = ["ModalityFrame", "ModalitySpec"]

FLAT_TOKEN_FEATURES = 256  # width of the flat bag of tokens for ordinary models


@dataclass(frozen=True)
class ModalitySpec:
    """What a network must know of one modality, and nothing of its data.

    Parameters
    ----------
    name : str
        Name of the modality.
    kind : str
        One of ``"tabular"``, ``"text"``, ``"image"``, ``"audio"``,
        ``"timeseries"`` and ``"vector"``.
    shape : tuple of int
        Shape of one row's array, without the row axis.
    dtype : str
        NumPy name of the array's type. In floating arrays NaN marks what is
        missing inside a present modality (a gap in a series, padding, one
        image of several).
    encoder : str
        Key of the encoder that suits this modality when nothing else is asked.
    feature_names : tuple of str or None, default=None
        Names of the flat features, where they have names of their own.
    vocabulary_size : int, default=0
        For arrays of token ids: ids run from 0 (padding) to
        ``vocabulary_size - 1``. 0 for every other modality.
    cardinalities : tuple of int, default=()
        For tabular arrays: the last ``len(cardinalities)`` columns hold category
        codes, the j-th of them from 0 (missing or unseen) to
        ``cardinalities[j] - 1``.
    n_numbers : int, default=0
        For tabular arrays: the first `n_numbers` columns hold scaled numbers and
        dates, for which more than a straight line is worth learning; flags follow.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    dtype: str
    encoder: str
    feature_names: tuple[str, ...] | None = None
    vocabulary_size: int = 0
    cardinalities: tuple[int, ...] = ()
    n_numbers: int = 0

    @property
    def n_flat_features(self) -> int:
        """Number of columns this modality has in a flat 2-D array."""
        if self.vocabulary_size:
            return min(self.vocabulary_size - 1, FLAT_TOKEN_FEATURES)
        return math.prod(self.shape)

    def flat_feature_names(self) -> list[str]:
        """Name the columns of the flat 2-D array, each behind the modality's name."""
        names = self.feature_names or [str(i) for i in range(self.n_flat_features)]
        return [f"{self.name}__{name}" for name in names]


class ModalityFrame:
    """Arrays of several modalities that split, index and pickle as one table.

    ``frame["note"]`` is one modality's array, ``frame[rows]`` (or
    ``frame[rows, ...]``, as scikit-learn's splitters write it) a frame of those
    rows, ``frame.select(["note"])`` a frame of those modalities, and
    ``np.asarray(frame)`` a flat 2-D array for ordinary models.

    Parameters
    ----------
    arrays : mapping of str to ndarray of shape (n_samples, *shape)
        One array for each modality, in the order of `specs`.
    specs : mapping of str to ModalitySpec
        One spec for each modality.
    present : ndarray of bool, shape (n_samples, n_modalities), default=None
        Which modalities each row has; None means all of them.

    Attributes
    ----------
    shape : tuple of int
        ``(n_samples, n_modalities)``.

    Raises
    ------
    ValueError
        If names, lengths or shapes of the arrays do not match the specs.

    Examples
    --------
    >>> import numpy as np
    >>> from skmm import ModalityFrame, ModalitySpec
    >>> spec = ModalitySpec("age", "vector", (1,), "float32", "mlp")
    >>> frame = ModalityFrame({"age": np.zeros((3, 1), "float32")}, {"age": spec})
    >>> frame.shape, len(frame[1:])
    ((3, 1), 2)
    """

    def __init__(
        self,
        arrays: Mapping[str, NDArray],
        specs: Mapping[str, ModalitySpec],
        present: NDArray | None = None,
    ):
        self.arrays = dict(arrays)
        self.specs = dict(specs)
        n_samples = len(next(iter(self.arrays.values()), ()))
        if present is None:
            present = np.ones((n_samples, len(self.specs)), dtype=bool)
        self.present = np.asarray(present, dtype=bool)
        self._check(n_samples)

    def _check(self, n_samples: int) -> None:
        if list(self.arrays) != list(self.specs):
            raise ValueError(
                f"arrays and specs must name the same modalities in the same order; "
                f"got {list(self.arrays)} and {list(self.specs)}."
            )
        for name, array in self.arrays.items():
            expected = (n_samples, *self.specs[name].shape)
            if array.shape != expected:
                raise ValueError(
                    f"modality {name!r}: its spec asks for an array of shape "
                    f"{expected}, got {array.shape}."
                )
        if self.present.shape != (n_samples, len(self.specs)):
            raise ValueError(
                f"present must have shape {(n_samples, len(self.specs))} (rows, "
                f"modalities), got {self.present.shape}."
            )

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and number of modalities."""
        return self.present.shape

    @property
    def names(self) -> list[str]:
        """Names of the modalities, in order."""
        return list(self.specs)

    def __len__(self) -> int:
        return len(self.present)

    def __sizeof__(self) -> int:
        # Dask asks: what is large is sent to each worker once, not with every fit.
        arrays = [*self.arrays.values(), self.present]
        return super().__sizeof__() + sum(array.nbytes for array in arrays)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            if key not in self.arrays:
                raise KeyError(f"no modality {key!r}; this frame has {self.names}")
            return self.arrays[key]
        if isinstance(key, tuple):
            if len(key) != 2 or key[1] is not Ellipsis:
                raise IndexError(
                    "a ModalityFrame is indexed by rows alone: frame[rows] or "
                    f"frame[rows, ...], got {key!r}; use select() for modalities."
                )
            key = key[0]
        if isinstance(key, (int, np.integer)):
            key = [int(key)]
        rows = key if isinstance(key, slice) else np.asarray(key)
        if not isinstance(rows, slice) and not rows.size:
            rows = rows.astype(int)  # NumPy takes an empty list for floats
        arrays = {name: array[rows] for name, array in self.arrays.items()}
        return ModalityFrame(arrays, self.specs, self.present[rows])

    def __iter__(self):
        raise TypeError(
            "a ModalityFrame is not iterated; loop over .names, or over range(len(...))"
        )

    def take(
        self, indices: ArrayLike, axis: int = 0, out: None = None, mode: str = "raise"
    ) -> ModalityFrame:
        """Take rows by position, so that `numpy.take` does.

        Parameters
        ----------
        indices : array-like of int, shape (n_taken,)
            Positions of rows.
        axis : int, default=0
            Only rows can be taken.
        out : None, default=None
            Not supported.
        mode : str, default="raise"
            Only raising for positions out of bounds is supported.

        Returns
        -------
        frame : ModalityFrame of shape (n_taken, n_modalities)

        Raises
        ------
        IndexError
            If a position is out of bounds, or anything but rows is asked for.
        """
        if axis != 0 or out is not None or mode != "raise":
            raise IndexError(
                "only rows of a ModalityFrame can be taken, into a new one"
            )
        return self[np.asarray(indices, dtype=int)]

    def select(self, names: list[str]) -> ModalityFrame:
        """Keep these modalities, in this order.

        Parameters
        ----------
        names : list of str
            Names of modalities of this frame.

        Returns
        -------
        frame : ModalityFrame of shape (n_samples, len(names))
        """
        arrays = {name: self[name] for name in names}
        columns = [self.names.index(name) for name in names]
        specs = {name: self.specs[name] for name in names}
        return ModalityFrame(arrays, specs, self.present[:, columns])

    def feature_names(self) -> list[str]:
        """Name the columns of ``np.asarray(frame)``."""
        return [
            name for spec in self.specs.values() for name in spec.flat_feature_names()
        ]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray:
        if copy is False:
            raise ValueError("a flat array of a ModalityFrame is always a copy")
        blocks = [self._flat(name) for name in self.names]
        return np.concatenate(blocks, axis=1).astype(dtype or np.float32, copy=False)

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        # Under array_api_dispatch scikit-learn's splitters ask, then call take.
        return numpy_namespace

    def _flat(self, name: str) -> NDArray:
        """One modality as (n_samples, n_flat_features), NaN where it is absent."""
        array, spec = self.arrays[name], self.specs[name]
        if spec.vocabulary_size:
            block = _bag_of_tokens(array, spec.n_flat_features)
        else:
            # Not -1: with no rows NumPy cannot tell how many columns there are.
            block = array.reshape(len(array), spec.n_flat_features).astype(np.float32)
        block[~self.present[:, self.names.index(name)]] = np.nan
        return block

    def __repr__(self) -> str:
        lines = [f"ModalityFrame of {len(self)} rows"]
        for j, (name, spec) in enumerate(self.specs.items()):
            absent = len(self) - int(self.present[:, j].sum())
            tail = f", absent in {absent} rows" if absent else ""
            lines.append(f"  {name}: {spec.kind} {spec.shape} {spec.dtype}{tail}")
        return "\n".join(lines)


def _bag_of_tokens(ids: NDArray, n_features: int) -> NDArray:
    """Count token ids (0 is padding) folded into `n_features` columns."""
    flat = ids.reshape(len(ids), math.prod(ids.shape[1:]))
    bag = np.zeros((len(ids), n_features), dtype=np.float32)
    rows, columns = np.nonzero(flat)
    np.add.at(bag, (rows, (flat[rows, columns] - 1) % n_features), 1.0)
    return bag
