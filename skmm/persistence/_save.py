"""Saving: a model becomes one file, whole or not at all."""

from __future__ import annotations

import io
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any
from zipfile import ZipFile

import numpy as np
import scipy.special
import skops.io

from skmm._writing import replace_file
from skmm.exceptions import PersistenceError
from skmm.persistence._archive import SCHEMA, check_archive, write_archive
from skmm.persistence._prepare import prepare
from skmm.persistence._trusted import checked_names

__all__ = ["save"]

LEAVES = (
    "FunctionNode",
    "JsonNode",
    "TypeNode",
)  # the same however often they are made


def save(
    estimator: Any, path: str | os.PathLike, *, trusted: Sequence[str | type] = ()
) -> None:
    """Save a model to a file that `load` reads without running what it holds.

    The file is written beside `path`, checked as `load` checks it, and takes the place
    of an old one in one step: if saving fails or the computer stops, the old file is
    whole. It holds parameters and arrays, and no code; folders of `memory` are left
    out.

    Parameters
    ----------
    estimator : estimator
        Fitted or not: of skmm; a pipeline, a search or an ensemble of scikit-learn
        around it; or most others of scikit-learn.
    path : str or path
        The file, by custom ``model.skmm``.
    trusted : sequence of str or type, default=()
        Classes and functions, by name or themselves, that the model holds and `load`
        does not trust by itself; it must be given the same. Whoever can change the
        file can then run them with what they like.

    Raises
    ------
    PersistenceError
        If the model holds what no file can hold (functions that cannot be imported,
        Keras objects), or what is not trusted; or if the file cannot be written. What
        was at `path` is then as before.

    See Also
    --------
    load : Reads the file.
    skmm.MultimodalClassifier.export : Writes the network alone, for serving.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import skmm
    >>> model = skmm.MultimodalClassifier(fusion="late", epochs=3)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     skmm.save(model, Path(folder, "model.skmm"))
    ...     skmm.load(Path(folder, "model.skmm"))
    MultimodalClassifier(epochs=3, fusion='late')
    """
    names = checked_names(trusted)
    written = _written(prepare(estimator))
    with replace_file(path) as file, ZipFile(io.BytesIO(written)) as source:
        schema = json.loads(source.read(SCHEMA))
        members = _tidied(schema)
        write_archive(
            file, schema, ((new, source.read(old)) for old, new in members.items())
        )
        check_archive(file, names)


def _written(estimator: Any) -> bytes:
    """Write a model as skops does."""
    try:
        return skops.io.dumps(estimator)
    except RecursionError:
        what = "it refers to itself, or is nested too deeply"
    except Exception as error:  # of whatever type the object raises
        what = str(error)
    raise PersistenceError(f"{type(estimator).__name__} cannot be saved: {what}.")


def _tidied(schema: dict[str, Any]) -> dict[str, str]:
    """Count nodes and members from 0, and give functions the names that all know.

    skops numbers by addresses in memory, so that the same model would give other bytes
    each time. A number is kept where an object stands in several places: it will be one
    object again. Returns the new names of the members by their old ones.
    """
    nodes = list(_every_node(schema))
    _keep_shared(nodes)
    numbers, members = dict[int, int](), dict[str, str]()
    for node in nodes:
        if "__id__" in node:
            node["__id__"] = numbers.setdefault(node["__id__"], len(numbers))
        if "file" in node:
            new = f"{len(members)}.{node['file'].rpartition('.')[2]}"
            node["file"] = members.setdefault(node["file"], new)
        if node["__loader__"] == "FunctionNode":
            _rename(node)
    return members


def _keep_shared(nodes: list[dict[str, Any]]) -> None:
    """Take away all numbers but those of nodes that are the same in several places."""
    counts = Counter(node["__id__"] for node in nodes)
    for node in nodes:
        if counts[node["__id__"]] == 1 or node["__loader__"] in LEAVES:
            del node["__id__"]
    first: dict[int, Any] = {}
    numbered = [node for node in nodes if "__id__" in node]
    differ = {  # bytes are written once for each place
        node["__id__"]
        for node in numbered
        if first.setdefault(node["__id__"], node) != node
    }
    for node in numbered:
        if node["__id__"] in differ:
            del node["__id__"]


def _every_node(value: Any) -> Iterator[dict[str, Any]]:
    """Give every node of a tree that skops has written, from the top."""
    todo = [value]
    while todo:
        value = todo.pop()
        if isinstance(value, list):
            todo += reversed(value)
        elif isinstance(value, dict):
            if isinstance(value.get("__loader__"), str):
                yield value
            todo += reversed(value.values())


def _rename(node: dict[str, Any]) -> None:
    """Name a function by NumPy or SciPy, and not by a module that imports it."""
    value = getattr(sys.modules.get(node["__module__"]), node["__class__"], None)
    for home in (np, scipy.special):
        if value is not None and getattr(home, node["__class__"], None) is value:
            node["__module__"] = home.__name__
