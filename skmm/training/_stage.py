"""One training's state in one file, which is whole at every moment."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from skmm._writing import replace_file
from skmm.exceptions import CheckpointError, PersistenceError

__all__ = ["Stage", "read_about"]

SECONDS = 2.0  # between one writing and the next, at least
SHARE = 0.05  # of the time that writing may take
STALE = 600.0  # seconds after which nobody is writing to a file any more


class Stage:
    """What one training writes down, and finds written down.

    A process that is killed, or a machine, leaves the file that was written last or
    the one before.

    Parameters
    ----------
    path : Path
        The file, ``.npz`` without pickled objects.
    about : dict of str to object
        Plain values that say whose state it is; written beside it.
    failed : callable
        Is given the error of a writing that failed; training goes on.
    keeps_optimizer : bool, default=False
        Whether the optimizer's state is still wanted when the training has ended.

    Attributes
    ----------
    state : dict of str to object, or None
        What was written last; None where nothing was.

    Raises
    ------
    CheckpointError
        If there is a file that cannot be read.
    """

    def __init__(
        self,
        path: Path,
        about: dict[str, Any],
        failed: Callable[[PersistenceError], None],
        keeps_optimizer: bool = False,
    ):
        self.path, self.about, self.failed = path, about, failed
        self.keeps_optimizer = keeps_optimizer
        _clear(path)
        found = _read(path) if path.exists() else {}
        self.found: Any = found.get("about")
        self.state: Any = found.get("state")
        self._written, self._took = time.perf_counter(), 0.0

    @property
    def seconds(self) -> float:
        """Time that the training had taken when its state was written."""
        return self.state["seconds"] if self.state else 0.0

    @property
    def epochs(self) -> int:
        """Number of epochs that were done by then."""
        return self.state["epoch"] if self.state else 0

    def offer(self, state: Callable[[], dict[str, Any]]) -> None:
        """Write down what `state` returns, unless the last time is too close.

        Parameters
        ----------
        state : callable
            Copies the state into a dict of plain values, arrays, lists and dicts.
        """
        since = time.perf_counter() - self._written
        if since >= max(SECONDS, self._took / SHARE):
            self.write(state())

    def write(self, state: dict[str, Any]) -> None:
        """Write a state down.

        Parameters
        ----------
        state : dict of str to object
            Plain values, arrays, lists and dicts of them.
        """
        started = time.perf_counter()
        try:
            _write(self.path, {"about": self.about, "state": state})
        except PersistenceError as error:
            self.failed(error)
        self._written = time.perf_counter()
        self._took = self._written - started


def read_about(path: Path) -> dict[str, Any]:
    """Tell whose state a file holds, without reading that.

    Parameters
    ----------
    path : Path
        A file that a `Stage` has written.

    Returns
    -------
    about : dict of str to object
    """
    return _read(path, arrays=False)["about"]


def _write(path: Path, tree: dict[str, Any]) -> None:
    arrays: list[NDArray] = []
    text = json.dumps(_packed(tree, arrays))
    with replace_file(path) as file:
        np.savez(file, *arrays, text=np.frombuffer(text.encode(), np.uint8))


def _read(path: Path, arrays: bool = True) -> dict[str, Any]:
    try:
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            tree = json.loads(file["text"].tobytes())
            return _unpacked(tree, file) if arrays else tree
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise CheckpointError(
            f"the checkpoint {str(path)!r} cannot be read ({error}): delete it, or "
            "give another folder."
        ) from error


def _clear(path: Path) -> None:
    """Remove what processes that were killed have left of this file."""
    with suppress(OSError):
        for left in path.parent.glob(f".{path.name}.*.tmp"):
            if time.time() - left.stat().st_mtime > STALE:
                left.unlink()


def _packed(value: Any, arrays: list[NDArray]) -> Any:
    """Put a reference in the place of each array, and list the arrays."""
    if isinstance(value, (np.ndarray, np.generic)):
        arrays.append(np.asarray(value))
        return {"array": len(arrays) - 1, "dtype": str(value.dtype)}
    if isinstance(value, dict):
        return {key: _packed(part, arrays) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_packed(part, arrays) for part in value]
    return value


def _unpacked(value: Any, file: Any) -> Any:
    if isinstance(value, dict):
        if set(value) != {"array", "dtype"}:
            return {key: _unpacked(part, file) for key, part in value.items()}
        array, dtype = file[f"arr_{value['array']}"], np.dtype(value["dtype"])
        # NumPy forgets the names of types that are not its own, such as bfloat16.
        return array if array.dtype == dtype else array.view(dtype)
    return [_unpacked(v, file) for v in value] if isinstance(value, list) else value
