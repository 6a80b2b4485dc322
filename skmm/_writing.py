"""Files and folders that are there whole, or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from skmm.exceptions import PersistenceError

__all__ = ["fill_folder", "replace_file"]


@contextmanager
def replace_file(path: str | os.PathLike) -> Iterator[BinaryIO]:
    """Give a file to write, which takes the place of `path` once it is whole.

    It lies beside `path` until then, and goes away if anything fails. What stands at
    `path` is at every moment the old file or the new one, and after a loss of power
    too: both are written through to the disk before and after their names change.

    Parameters
    ----------
    path : str or path
        Where the file shall be; a link stays one, and its target is replaced.

    Yields
    ------
    file : binary file
        Empty, for writing and reading.

    Raises
    ------
    PersistenceError
        If `path` is a folder or a device, or the file cannot be written.
    """
    target = Path(os.path.realpath(path))
    mode = _mode_of(target)
    with _explained(target):
        beside = _beside(target)
        file = open(beside, "x+b")
    try:
        with _explained(target):
            with file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            if mode is not None:
                os.chmod(beside, mode)
            os.replace(beside, target)
            _sync(target.parent)
    finally:
        beside.unlink(missing_ok=True)


def _mode_of(target: Path) -> int | None:
    """Permissions of the file that is to be replaced; None if there is none."""
    try:
        found = os.stat(target).st_mode
    except OSError:  # of a missing folder the next step speaks
        return None
    if not stat.S_ISREG(found):
        raise PersistenceError(
            f"{target} must be a file or not exist: it is {_kind(found)}."
        )
    return stat.S_IMODE(found)


def _kind(mode: int) -> str:
    return "a folder" if stat.S_ISDIR(mode) else "no regular file"


@contextmanager
def fill_folder(path: str | os.PathLike) -> Iterator[Path]:
    """Give a folder to fill, which is called `path` once it is full.

    Parameters
    ----------
    path : str or path
        Where the folder shall be: nothing, or an empty folder.

    Yields
    ------
    folder : Path
        Empty; it goes away if anything fails.

    Raises
    ------
    PersistenceError
        If there is something at `path`, or the folder cannot be made.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise PersistenceError(
            f"{target} must not exist, or be an empty folder: nothing is overwritten. "
            "Give another path, or remove what is there."
        )
    with _explained(target):
        beside = _beside(target)
        beside.mkdir()
    try:
        with _explained(target):
            yield beside
            if target.exists():  # Windows renames over no folder, not even an empty one
                target.rmdir()
            os.replace(beside, target)
            _sync(target.parent)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _beside(target: Path) -> Path:
    return target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")


@contextmanager
def _explained(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise PersistenceError(
            f"{target} cannot be written, and what was there is as before: {error}. "
            "Give a folder that exists, can be written to and has room."
        ) from error


def _sync(folder: Path) -> None:
    """Write the names in a folder through to the disk, where folders can be opened."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
