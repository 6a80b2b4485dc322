"""The archive around a model: what its members are, checked before they are read.

A zip file of ``skmm.json``, which says what wrote it; ``schema.json``, the tree of
nodes that skops builds; and one member for each array, stored as it is. Nothing of it
is ever unpacked to the disk.
"""

from __future__ import annotations

import json
import math
import platform
import re
import stat
from collections.abc import Collection, Iterable
from typing import Any, BinaryIO, NamedTuple
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

import numpy as np

from skmm._cache import version_of
from skmm.exceptions import PersistenceError
from skmm.persistence._schema import DAMAGED, Contents, inspect_schema

__all__ = ["Checked", "check_archive", "versions", "write_archive"]

FORMAT = 1  # of the archive; a later one may be read differently
ABOUT, SCHEMA = "skmm.json", "schema.json"
LIBRARIES = ("skmm", "keras", "numpy", "pandas", "scikit-learn", "skops", "tensorflow")
MOST_MEMBERS = 100_000
LARGEST_ABOUT = 2**16  # bytes
LARGEST_SCHEMA = 2**27  # bytes
FREE_SCHEMA, MOST_TIMES = 2**24, 100  # bytes; beyond, how far it may be compressed
MOST_BRACKETS = 3_000_000  # of the schema, each of which costs some hundred bytes

_MEMBER = re.compile(r"\d{1,9}\.(npy|bin)")
PICKLES = (b"\x80", b"\x1f\x8b", b"BZh")  # plain and compressed, as joblib has them


class Checked(NamedTuple):
    """What a file says of itself, and what it holds."""

    about: dict[str, Any]
    contents: Contents


def check_archive(file: BinaryIO, trusted: Collection[str]) -> Checked:
    """Look at all that a file says of its contents, and build nothing.

    Parameters
    ----------
    file : binary file
        At any position.
    trusted : collection of str
        Names of modules and classes that the user trusts.

    Returns
    -------
    checked : Checked

    Raises
    ------
    PersistenceError
        If the file is none that `write_archive` writes, or names what is not trusted.
    """
    file.seek(0)
    start = file.read(4)
    try:
        archive = ZipFile(file)
    except (BadZipFile, ValueError, NotImplementedError) as error:
        what = "it is no file of skmm.save, or only a part of one"
        if start.startswith(PICKLES):
            what += ": it looks like a pickle, which may run any code"
        raise PersistenceError(f"{what} ({error}).") from error
    with archive:
        members = _check_members(archive, file.seek(0, 2))
        about = _check_about(_read_json(archive, members, ABOUT, LARGEST_ABOUT))
        schema = _read_json(archive, members, SCHEMA, LARGEST_SCHEMA)
        contents = inspect_schema(schema, trusted)
        named = {ABOUT, SCHEMA} | contents.arrays | contents.blobs
        if named != set(members):
            raise _broken("the members that the model names", sorted(members))
        for name in contents.arrays:
            _check_array(archive, members[name])
    return Checked(about, contents)


def _broken(expected: str, got: Any) -> PersistenceError:
    return PersistenceError(f"expected {expected}, got {got!r:.200}. {DAMAGED}")


def _check_members(archive: ZipFile, size: int) -> dict[str, ZipInfo]:
    """Check names, kinds and sizes of the members, of a file of so many bytes."""
    infos = archive.infolist()
    members = {info.filename: info for info in infos}
    if len(infos) > MOST_MEMBERS:
        raise _broken(f"at most {MOST_MEMBERS} members", len(infos))
    if len(members) < len(infos):
        raise _broken("members of different names", [i.filename for i in infos])
    for info in infos:
        _check_member(info)
    if sum(info.compress_size for info in infos) > size:
        raise _broken("members that do not overlap", "more bytes than the file has")
    return members


def _check_member(info: ZipInfo) -> None:
    name, kind = info.orig_filename, stat.S_IFMT(info.external_attr >> 16)
    is_text = name in (ABOUT, SCHEMA)
    if not (is_text or _MEMBER.fullmatch(name)):
        raise _broken(f"members such as {SCHEMA} and 1.npy", name)
    if kind not in (0, stat.S_IFREG):
        raise _broken(f"{name} to be a plain member", "a link, a folder or a device")
    if info.flag_bits & 0x1:
        raise _broken(f"{name} to be readable", "an encrypted member")
    stored = info.compress_type == ZIP_STORED and info.file_size == info.compress_size
    if not stored and not (is_text and info.compress_type == ZIP_DEFLATED):
        raise _broken(f"{name} to be stored as it is", "a compressed member")


def _read_json(
    archive: ZipFile, members: dict[str, ZipInfo], name: str, limit: int
) -> Any:
    if name not in members:
        raise PersistenceError(f"it is no file of skmm.save, which have a {name}.")
    info = members[name]
    limit = min(limit, max(FREE_SCHEMA, MOST_TIMES * info.compress_size))
    if info.file_size > limit:
        raise _broken(f"at most {limit} bytes of {name}", info.file_size)
    text = archive.read(name)
    brackets = text.count(b"{") + text.count(b"[")
    if brackets > MOST_BRACKETS:
        raise _broken(f"at most {MOST_BRACKETS} parts of {name}", brackets)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _broken(f"{name} to be JSON", str(error)) from error


def _check_about(about: Any) -> dict[str, Any]:
    number = about.get("format") if isinstance(about, dict) else None
    if type(number) is not int or number < 1:
        raise _broken(f"a format in {ABOUT}", number)
    if number > FORMAT:
        raise PersistenceError(
            f"it has format {number}, written by skmm {about.get('skmm')!r:.20}, and "
            f"skmm {version_of('skmm')} reads formats up to {FORMAT}: update skmm."
        )
    return about


def _check_array(archive: ZipFile, info: ZipInfo) -> None:
    """Check that an array is of plain numbers or strings, and as long as it says."""
    name = info.filename
    with archive.open(info) as file:
        try:
            shape, dtype = _read_header(file)
        except Exception as error:  # NumPy parses what may be anything
            raise _broken(f"{name} to be an array", str(error)) from error
        size = info.file_size - file.tell()
    if dtype.hasobject:
        raise _broken(f"{name} to hold numbers or strings", "a pickle of objects")
    plain = all(type(side) is int and side >= 0 for side in shape)
    n_elements = math.prod(map(int, shape))
    if not plain or n_elements * dtype.itemsize != size:
        raise _broken(f"the {size} bytes of {name}", f"shape {shape} of {dtype}")
    if n_elements and not dtype.itemsize:
        raise _broken(f"{name} to have elements of some size", str(dtype))


def _read_header(file: Any) -> tuple[tuple[int, ...], np.dtype]:
    major, _ = np.lib.format.read_magic(file)
    readers = {
        1: np.lib.format.read_array_header_1_0,
        2: np.lib.format.read_array_header_2_0,
    }
    if major not in readers:
        raise ValueError(f"format {major} of .npy")
    shape, _, dtype = readers[major](file)
    return shape, dtype


def versions() -> dict[str, str]:
    """List the versions of all that a model's predictions depend on.

    Returns
    -------
    versions : dict of str to str
    """
    libraries = {name: version_of(name) for name in LIBRARIES}
    return {**libraries, "python": platform.python_version()}


def write_archive(
    file: BinaryIO, schema: dict[str, Any], members: Iterable[tuple[str, bytes]]
) -> None:
    """Write an archive; equal contents give equal bytes.

    Parameters
    ----------
    file : binary file
        Empty.
    schema : dict
        The tree of nodes.
    members : iterable of (str, bytes)
        Names and contents of the arrays and bytes that it names.
    """
    about = {
        "format": FORMAT,
        **versions(),
        "holds": f"{schema['__module__']}.{schema['__class__']}",
    }
    with ZipFile(file, "w") as archive:
        for name, content in ((ABOUT, about), (SCHEMA, schema)):
            text = json.dumps(content, separators=(",", ":"))
            archive.writestr(ZipInfo(name), text, ZIP_DEFLATED)
        for name, data in members:
            archive.writestr(ZipInfo(name), data, ZIP_STORED)
