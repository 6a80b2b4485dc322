"""What a network is given of a frame: encoders prepare it, and sizes get room."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import issparse

from skmm._network import fill_room
from skmm.encoders._base import Encoder
from skmm.frame import ModalityFrame, ModalitySpec

__all__ = ["check_specs", "from_keras", "lay_out", "prepare"]


def prepare(frame: ModalityFrame, encoders: Mapping[str, Encoder]) -> ModalityFrame:
    """Let each encoder compute what it computes once for each row.

    Parameters
    ----------
    frame : ModalityFrame
        The data.
    encoders : mapping of str to Encoder
        The encoders of some modalities, or all.

    Returns
    -------
    frame : ModalityFrame
        The same one where there is nothing to compute.
    """
    arrays, specs = dict(frame.arrays), dict(frame.specs)
    for name, encoder in encoders.items():
        present = frame.present[:, frame.names.index(name)]
        arrays[name], specs[name] = encoder.prepare(arrays[name], present, specs[name])
    if all(arrays[name] is frame.arrays[name] for name in arrays):
        return frame
    return ModalityFrame(arrays, specs, frame.present)


def lay_out(frame: ModalityFrame, specs: Iterable[ModalitySpec]) -> list[NDArray]:
    """List the arrays of a frame, padded to what the network's specs ask for.

    Parameters
    ----------
    frame : ModalityFrame
        As `prepare` made it.
    specs : iterable of ModalitySpec
        What the network is built for.

    Returns
    -------
    arrays : list of ndarray
    """
    arrays = frame.arrays.values()
    return [fill_room(a, spec) for a, spec in zip(arrays, specs, strict=True)]


def check_specs(
    frame: ModalityFrame, fitted: tuple[ModalitySpec, ...], name: str
) -> None:
    """Refuse data that is not what an estimator was fitted on.

    Parameters
    ----------
    frame : ModalityFrame
        The data.
    fitted : tuple of ModalitySpec
        What the estimator was fitted on.
    name : str
        Name of its class.

    Raises
    ------
    ValueError
        If they differ.
    """
    found = tuple(frame.specs.values())
    if found != fitted:
        raise ValueError(
            f"X has the modalities {_describe(found)}, but {name} was fitted on "
            f"{_describe(fitted)}."
        )


def _describe(specs: Iterable[ModalitySpec]) -> list[str]:
    return [f"{s.name}: {s.kind} {s.shape} {s.dtype}" for s in specs]


def from_keras(X: Any) -> Any:
    """Make a table of the dict or list of arrays that Keras takes.

    Parameters
    ----------
    X : object
        What an estimator was given.

    Returns
    -------
    X : object
        Itself, if it is neither.

    Raises
    ------
    ValueError
        If the arrays have not as many rows as one another.
    """
    if isinstance(X, (list, tuple)) and X and all(np.ndim(x) > 1 for x in X):
        X = {f"input_{i}": array for i, array in enumerate(X)}
    if not isinstance(X, Mapping) or issparse(X):  # one sparse format is a dict
        return X
    arrays = {str(name): np.asarray(array) for name, array in X.items()}
    lengths = {name: len(array) for name, array in arrays.items() if array.ndim}
    if len(lengths) < len(arrays) or len(set(lengths.values())) != 1:
        raise ValueError(
            f"the arrays of X must have one row for each sample, got {lengths} rows."
        )
    return pd.DataFrame(
        {n: a if a.ndim == 1 else pd.Series(list(a)) for n, a in arrays.items()}
    )
