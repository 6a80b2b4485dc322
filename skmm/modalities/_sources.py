"""Sources: the files and bytes that cells are decoded from, opened with care.

Nothing here asks a network, runs a program, or opens what is no regular file.
"""

from __future__ import annotations

import io
import os
import re
import stat
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from skmm.exceptions import ModalityError

__all__ = ["checked_root", "is_remote", "open_source", "path_of"]

# Two backslashes begin the name of another machine's folder, which Windows asks.
_REMOTE = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+://|data:|\\\\")
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def checked_root(root: str | os.PathLike | None) -> str | None:
    """Find the folder that paths must lie in.

    Parameters
    ----------
    root : str, path or None
        A folder; None leaves paths free.

    Returns
    -------
    root : str or None
        Its absolute path, without symbolic links.

    Raises
    ------
    ModalityError
        If there is no such folder.
    """
    if root is None:
        return None
    found = os.path.realpath(os.fsdecode(root))
    if not os.path.isdir(found):
        what = "a file" if os.path.exists(found) else "nothing there"
        raise ModalityError(
            f"root must be a folder that exists, and {os.fsdecode(root)!r} is {what}; "
            f"relative paths start at {os.getcwd()!r}."
        )
    return found


def is_remote(path: str) -> bool:
    """Tell whether a path is an address, or names another machine."""
    asks_another = os.name == "nt" and path[:2].replace("\\", "/") == "//"
    return asks_another or _REMOTE.match(path) is not None


def path_of(cell: str | os.PathLike, root: str | None = None) -> str:
    """Find the path that a cell names, without opening it.

    Parameters
    ----------
    cell : str or path
        One cell.
    root : str or None, default=None
        What `checked_root` gives: paths start there and must not lead out of it.

    Returns
    -------
    path : str
        As the cell has it; or, under `root`, absolute and without symbolic links.

    Raises
    ------
    ModalityError
        If it is an address on a network, or lies outside of `root`.
    """
    path = os.fsdecode(cell)
    if is_remote(path):
        raise ModalityError(
            "it is an address, and nothing is fetched from the network; download "
            "the file first and give its path or its bytes"
        )
    if root is None:
        return path
    found = os.path.realpath(os.path.join(root, path))
    if not PurePath(found).is_relative_to(root):
        raise ModalityError(
            f"it leads out of the folder {root!r}, and files elsewhere are not read; "
            "move it there, or give another root"
        )
    return found


def open_source(cell: Any, *, max_bytes: int, root: str | None = None) -> Any:
    """Open what decoders read: the file of a path, bytes, a Hugging Face dict.

    Parameters
    ----------
    cell : object
        One cell.
    max_bytes : int
        Largest size in bytes.
    root : str or None, default=None
        As in `path_of`.

    Returns
    -------
    source : io.BufferedIOBase or object
        A file to be closed, at its beginning; any other cell as it is.

    Raises
    ------
    ModalityError
        If a path names no regular file, lies outside of `root`, or is an address;
        if the file or the bytes are none or too many.
    """
    if isinstance(cell, Mapping) and ("bytes" in cell or "path" in cell):
        if cell.get("array") is not None:
            return cell
        content = cell.get("bytes")
        cell = cell.get("path") if content is None else content
    if isinstance(cell, (bytes, bytearray, memoryview)):
        _check_size(memoryview(cell).nbytes, max_bytes)
        return io.BytesIO(cell)
    if isinstance(cell, (str, os.PathLike)):
        return _opened(path_of(cell, root), max_bytes, root)
    return cell


def _opened(path: str, max_bytes: int, root: str | None) -> io.BufferedReader:
    try:
        # To open a pipe may wait for ever, and a device may act on it.
        _check_file(os.stat(path), max_bytes)
        file = open(path, "rb", opener=_at_once if root is None else _without_links)
    except FileNotFoundError:
        start = root or os.getcwd()
        raise ModalityError(
            f"there is no such file; relative paths start at {start!r}"
        ) from None
    except OSError as error:
        raise ModalityError(f"it cannot be opened ({error.strerror})") from error
    try:
        _check_file(os.fstat(file.fileno()), max_bytes)  # it may be another by now
    except ModalityError:
        file.close()
        raise
    return file


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _without_links(path: str, flags: int) -> int:
    return _at_once(path, flags | getattr(os, "O_NOFOLLOW", 0))


def _check_file(state: os.stat_result, max_bytes: int) -> None:
    if not stat.S_ISREG(state.st_mode):
        kind = _KINDS.get(stat.S_IFMT(state.st_mode), "something else")
        raise ModalityError(f"it is {kind}, and only regular files are opened")
    _check_size(state.st_size, max_bytes)


def _check_size(n_bytes: int, max_bytes: int) -> None:
    if not n_bytes:
        raise ModalityError("it is empty")
    if n_bytes > max_bytes:
        raise ModalityError(
            f"its {n_bytes:_} bytes are more than the {max_bytes:_} that are accepted "
            "(parameter max_bytes)"
        )
