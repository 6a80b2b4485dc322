"""How far a fit has come, in a folder that many fits may share."""

from __future__ import annotations

import hashlib
import inspect
import os
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np

from skmm import training
from skmm._cache import version_of
from skmm._compat import unnamed_config, written
from skmm.exceptions import CheckpointError, CheckpointWarning

__all__ = ["Journal"]

FORMAT = 2
PACKAGES = ("skmm", "keras", "tensorflow", "numpy")
SEED = "seed.txt"
# What changes nothing that is learned; the seed is compared, however it was drawn.
IDLE = {"callbacks", "memory", "n_jobs", "random_state", "verbose"}
MOST_COMPARED = 100  # files, the newest ones, that are looked at for what differs
MOST_SHOWN = 60  # characters of a difference


class Journal:
    """The stages of one fit, each in a file that is named after what is fitted.

    Fits of other data, parameters or seeds have other names: a search that is begun
    again finds what each of its fits had come to, and no fit takes another's.

    Parameters
    ----------
    folder : str, path or None, default=None
        Made if need be; None writes nothing.

    Attributes
    ----------
    epochs_resumed : int
        Number of epochs that were found and not trained again.

    Raises
    ------
    TypeError
        If `folder` is no path.
    CheckpointError
        If the folder cannot be made or written to.
    """

    def __init__(self, folder: Any = None):
        self.folder = None if folder is None else _writable(folder)
        self.epochs_resumed = 0
        self.name = ""
        self._about: dict[str, Any] = {}
        self._n_stages = 0
        self._has_failed = self._tells = False

    def seed(self, draw: Callable[[], int]) -> int | None:
        """Give the seed of the fits in this folder that have none of their own.

        Parameters
        ----------
        draw : callable
            Returns the seed, if there is none yet.

        Returns
        -------
        seed : int or None
            None without a folder.
        """
        if self.folder is None:
            return None
        path = self.folder / SEED
        with _explaining(self.folder):
            if not path.exists():
                _publish(path, str(draw()))
            return int(path.read_text())

    def identify(
        self, estimator: Any, fitted: dict[str, Any], splits: Sequence[Any]
    ) -> None:
        """Say what is fitted, as far as the result depends on it.

        Parameters
        ----------
        estimator : estimator
            Its parameters count.
        fitted : dict of str to object
            What was learned before the networks are trained, the seed included.
        splits : sequence of (Data, Data or None)
            What each network is trained and validated on.
        """
        if self.folder is None:
            return
        kind = type(estimator)
        parameters = estimator.get_params(deep=False)
        self._about = {
            "estimator": f"{kind.__module__}.{kind.__qualname__}",
            "parameters": {
                k: described(v) for k, v in parameters.items() if k not in IDLE
            },
            "data": _digests(fitted["_input_specs"], splits),
            "seed": fitted["_fit_seed"],
            "start": described([fitted["_weights"], fitted["_optimizer_state"]]),
        }
        self.name = f"{kind.__name__}-{_digest(repr(self._about).encode())}"
        self._tells = bool(estimator.verbose)
        if self._tells and not self._path(self.folder, 0).exists():
            print(f"checkpoint: {self._first_time(self.folder)}")

    def next(
        self, program: training.Program, keeps_optimizer: bool = False
    ) -> training.Stage | None:
        """Open the file of the next training.

        Parameters
        ----------
        program : Program
            Put to where the training starts.
        keeps_optimizer : bool, default=False
            Whether the optimizer's state is wanted when it has ended.

        Returns
        -------
        stage : Stage or None
            None without a folder.

        Raises
        ------
        CheckpointError
            If the file is of another version, or of another network.
        """
        if self.folder is None:
            return None
        versions = {name: version_of(name) for name in PACKAGES}
        about = {
            "format": FORMAT,
            "versions": versions,
            "network": _network(program),
            **self._about,
        }
        path = self._path(self.folder, self._n_stages)
        self._n_stages += 1
        stage = training.Stage(path, about, self._note_failure, keeps_optimizer)
        if stage.state is not None:
            _check(path, stage.found, about)
        self.epochs_resumed += stage.epochs
        if self._tells and stage.epochs:
            print(f"checkpoint: goes on after epoch {stage.epochs}")
        return stage

    def _path(self, folder: Path, number: int) -> Path:
        return folder / f"{self.name}-{number}.npz"

    def _note_failure(self, error: Exception) -> None:
        """Warn that the fit could not be written, once."""
        if not self._has_failed:
            self._has_failed = True
            warnings.warn(
                f"the checkpoint in {str(self.folder)!r} cannot be written "
                f"({error.__cause__ or error}). The fit goes on, but if it is killed, "
                "what it has learned since the last time it could write is lost. Free "
                "the disk or bring it back, and it writes again.",
                CheckpointWarning,
                stacklevel=2,
            )

    def _first_time(self, folder: Path) -> str:
        """Say that there is nothing to go on from, and what the nearest fit is."""
        others = sorted(folder.glob("*-0.npz"), key=os.path.getmtime)
        found = []
        for path in others[-MOST_COMPARED:]:
            with suppress(CheckpointError):  # somebody else's, or removed just now
                found.append(_differences(training.read_about(path), self._about))
        if not found:
            return "a new fit, the first in its folder"
        _, nearest = min((len(differs), ", ".join(differs)) for differs in found)
        return f"a new fit; the nearest of {len(others)} there differs in {nearest}"


def described(value: Any) -> str:
    """Write what makes two values alike for a fit.

    Parameters
    ----------
    value : object
        A parameter, or a list or dict of such.

    Returns
    -------
    text : str
        The same in another process, and without anything's place in memory.
    """
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        return f"array {value.dtype} {value.shape} {_digest(value)}"
    if isinstance(value, (list, tuple, np.ndarray)):
        return f"[{', '.join(map(described, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {described(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (str, int, float, np.generic, os.PathLike, type(None))):
        return str(value.item() if isinstance(value, np.generic) else value)
    if inspect.isroutine(value) or inspect.isclass(value):
        return _of_code(value)
    if isinstance(value, partial):
        return f"partial {described([value.func, value.args, value.keywords])}"
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    if isinstance(value, keras.Model):
        return f"{kind} {_layers(value)} {described(value.get_weights())}"
    if hasattr(value, "get_params"):
        settings, text = value.get_params(deep=False), ""
    else:
        settings, text = getattr(value, "get_config", dict)(), written(value)
        settings.pop("name", None)  # is counted up
    told = {k: v for k, v in settings.items() if k not in IDLE}
    return f"{kind} {described(told)} {text}"


def _of_code(value: Any) -> str:
    """Name a function or a class, with its text and what it holds of its makers'."""
    try:
        text = inspect.getsource(value)
    except (OSError, TypeError):  # built in, or typed in
        text = getattr(getattr(value, "__code__", None), "co_code", b"").hex()
    cells = getattr(value, "__closure__", None) or ()
    held = [c.cell_contents for c in cells]
    plain = [v for v in held if isinstance(v, (str, int, float, np.ndarray))]
    name = f"{value.__module__}.{value.__qualname__}"
    return f"{name} {_digest(text.encode())} {described(plain)}"


def _digest(content: Any) -> str:
    if isinstance(content, np.ndarray):
        content = np.ascontiguousarray(content).reshape(-1).view(np.uint8)
    return hashlib.sha256(content).hexdigest()[:32]


def _digests(specs: Sequence[Any], splits: Sequence[Any]) -> dict[str, str]:
    """Identify the arrays of X, y and the weights, and which rows are for what."""
    train, held_out = splits[0]
    found = {"specs": _digest(repr(specs).encode()), **_digests_of(train, specs)}
    of_train = getattr(train, "arrays", None)  # those on disk have none
    if held_out is not None and held_out.arrays is not of_train:
        given = _digests_of(held_out, specs)
        found.update({f"{name}_val": digest for name, digest in given.items()})
    rows = [_which(part) for split in splits for part in split if part is not None]
    found["rows"] = _digest(described(rows).encode())
    return found


def _which(data: Any) -> Any:
    """Say which rows are meant; of rows on disk which are not."""
    return data.left_out if isinstance(data, training.StoredData) else data.rows


def _digests_of(data: Any, specs: Sequence[Any]) -> dict[str, str]:
    names = [f"X[{spec.name!r}]" for spec in specs]
    if isinstance(data, training.StoredData):
        stored = [*names, "X['present']", "y", "sample_weight"]
        found = dict(zip(stored, data.store.digests(), strict=True))
        return found | {"summary": described(data.summary)}
    names = [spec.name for spec in specs] + ["present"]
    found = {f"X[{n!r}]": a for n, a in zip(names, data.arrays, strict=False)}
    found |= {"y": data.y, "sample_weight": data.weight}
    return {name: described(array) for name, array in found.items()}


def _network(program: training.Program) -> str:
    """Identify a network: its layers, the weights it starts from, loss, optimizer."""
    optimizer = program.optimizer.get_config()
    if not program.fixed_rate:
        del optimizer["learning_rate"]  # the recipe's
    del optimizer["name"]  # is counted up
    kind = type(program.optimizer).__name__
    parts = [
        _layers(program.network),
        program.get_weights(),
        kind,
        optimizer,
        *vars(program.loss).values(),
    ]
    return _digest(described(parts).encode())


def _layers(network: keras.Model) -> str:
    """Identify the layers of a network, whatever they are called."""
    try:
        with warnings.catch_warnings():  # of functions that Keras writes as bytes
            warnings.simplefilter("ignore", UserWarning)
            return _digest(written(unnamed_config(network)).encode())
    except (TypeError, NotImplementedError):  # Keras' word for a layer without config
        return "unknown"


def _check(path: Path, found: dict[str, Any], about: dict[str, Any]) -> None:
    """Refuse what another version has written, or another network."""
    now, then = about["versions"], found.get("versions", {})
    other = [f"{k} {then.get(k)} (now {now[k]})" for k in now if then.get(k) != now[k]]
    if found.get("format") != about["format"] or other:
        why = f"was written with {', '.join(other) or 'another version of skmm'}"
    elif found["network"] != about["network"]:
        why = (
            "is of another network: what builds it, its loss, or the weights that it "
            "starts from, have changed"
        )
    else:
        return
    raise CheckpointError(
        f"the checkpoint {str(path)!r} is of these data and parameters, but {why}. "
        "To begin anew, delete it or give another folder."
    )


def _differences(found: dict[str, Any], about: dict[str, Any]) -> list[str]:
    """List in what two fits differ."""
    differs = []
    for name, ours in about.items():
        theirs = found.get(name)
        if isinstance(ours, dict) and isinstance(theirs, dict):
            changed = [
                k for k in ours.keys() | theirs.keys() if ours.get(k) != theirs.get(k)
            ]
            differs += [_change(k, theirs.get(k), ours.get(k)) for k in sorted(changed)]
        elif theirs != ours:
            differs.append(_change(name, theirs, ours))
    return differs


def _change(name: str, before: Any, now: Any) -> str:
    text = f"{name} ({before}, now {now})"
    return text if len(text) < MOST_SHOWN else name


def _writable(folder: Any) -> Path:
    """Make a folder, and try to write to it."""
    if not isinstance(folder, (str, os.PathLike)):
        raise TypeError(
            f"checkpoint must be a path, got {type(folder).__name__}. In a search, "
            "give pathlib.Path(folder): scikit-learn takes a string that is as long as "
            "X has rows apart."
        )
    path = Path(folder)
    with _explaining(path):
        path.mkdir(parents=True, exist_ok=True)
        probe = _beside(path / "probe")
        probe.write_bytes(b"skmm")
        probe.unlink()
    return path


def _publish(path: Path, text: str) -> None:
    """Write a file; of several processes the first one's stays."""
    beside = _beside(path)
    beside.write_text(text)
    with suppress(FileExistsError):
        os.link(beside, path)
    beside.unlink()


def _beside(path: Path) -> Path:
    who = f"{os.getpid()}-{threading.get_ident()}"
    return path.with_name(f".{path.name}-{who}.tmp")


@contextmanager
def _explaining(folder: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"checkpoint={str(folder)!r} cannot be used ({error}): give a folder that "
            "can be written to, or leave checkpoint out."
        ) from error
