"""Loading: a file is looked through, then built of what skmm knows."""

from __future__ import annotations

import inspect
import os
import re
import stat
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

import skops.io

from skmm._cache import version_of
from skmm.exceptions import PersistenceError
from skmm.persistence._archive import check_archive, versions
from skmm.persistence._prepare import estimators_in
from skmm.persistence._schema import DAMAGED
from skmm.persistence._trusted import checked_names

__all__ = ["load"]


def load(path: str | os.PathLike, *, trusted: Sequence[str | type] = ()) -> Any:
    """Load a model that `save` has written, without running what the file holds.

    All of the file is looked through before anything of it is built: what members it
    has and how large they are, what arrays they say they hold, and what classes and
    functions it names. Those of skmm and most of scikit-learn are known to do nothing
    but take their parameters and arrays; networks are built anew from the code of skmm.

    Parameters
    ----------
    path : str or path
        A file that `save` has written.
    trusted : sequence of str or type, default=()
        Classes and functions that may be built besides those, by name or themselves.
        Give what you know to be harmless in the hands of whoever made the file.

    Returns
    -------
    estimator : estimator
        As it was saved, without folders of `memory`.

    Raises
    ------
    FileNotFoundError
        If there is nothing at `path`.
    PersistenceError
        If it is no such file, damaged, of a later format, or holds what is not trusted;
        nothing has been run then.

    Warns
    -----
    UserWarning
        If a later skmm wrote the file; and sklearn's `InconsistentVersionWarning`, if
        it holds estimators of another version of scikit-learn.

    See Also
    --------
    save : Writes the file, and has an example.
    """
    names = checked_names(trusted)
    with _opened(path) as file, _refusing(path):
        about, contents = check_archive(file, names)
        file.seek(0)
        try:
            model = skops.io.load(file, trusted=sorted(contents.names))
        except Exception as error:  # a class that has moved, a state that does not fit
            raise PersistenceError(
                f"it cannot be built ({type(error).__name__}: {error}). "
                f"{_compared(about)}"
            ) from error
    _complete(model)
    if _release(about.get("skmm")) > _release(version_of("skmm")):
        warnings.warn(
            f"{os.fspath(path)} was written by skmm {about['skmm']}, and this is "
            f"{version_of('skmm')}, which may not know all that it holds: update skmm.",
            UserWarning,
            stacklevel=2,
        )
    return model


def _compared(about: dict[str, Any]) -> str:
    """Say what is installed here, and was not where a file was written."""
    other = [
        f"{name} {about[name]} (here {here})"
        for name, here in versions().items()
        if about.get(name, here) != here
    ]
    return f"It was written with {', '.join(other) or 'the same versions'}."


def _complete(model: Any) -> None:
    """Give its default to each parameter that a later version of skmm has added."""
    for estimator in estimators_in(model):
        kind = type(estimator)
        if kind.__module__.split(".")[0] == "skmm":
            for name, parameter in inspect.signature(kind).parameters.items():
                if parameter.default is not parameter.empty:
                    vars(estimator).setdefault(name, parameter.default)


@contextmanager
def _opened(path: str | os.PathLike) -> Iterator[BinaryIO]:
    """Open a regular file, and nothing that would wait or act when it is opened."""
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "no regular file"
        raise PersistenceError(f"{os.fspath(path)} must be a file: it is {kind}.")
    with open(path, "rb", opener=_open_at_once) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise PersistenceError(f"{os.fspath(path)} is no regular file any more.")
        yield file


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


@contextmanager
def _refusing(path: str | os.PathLike) -> Iterator[None]:
    """Name the file in all that goes wrong with it."""
    try:
        yield
    except PersistenceError as error:
        raise PersistenceError(f"{os.fspath(path)}: {error}") from error.__cause__
    except Exception as error:  # zipfile and NumPy meet what nobody has written
        what = f"it cannot be read ({type(error).__name__}: {error}). {DAMAGED}"
        raise PersistenceError(f"{os.fspath(path)}: {what}") from error


def _release(version: Any) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d{1,6}", str(version))[:3])
