"""What a file describes, read before anything of it is built.

skops writes an object as a tree of nodes: each names a module, a class and the loader
that builds it. Here the tree is only looked at.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator
from typing import Any, NamedTuple

from skmm.exceptions import PersistenceError
from skmm.persistence._trusted import known_names, reason

__all__ = ["DAMAGED", "Contents", "inspect_schema"]

DAMAGED = "The file is damaged, or was changed after it was saved: take another copy."

Node = dict[str, Any]

MOST_LEVELS = 100  # of nodes within nodes; skops takes three calls for each
OLDEST_PROTOCOL = 2  # of skops that skmm has written; older ones are checked less
STATE_WORDS = 624  # of the Mersenne Twister, which reads at its position unchecked

_NUMBER = re.compile(r"u?int\d+|float\d+")
_KEY = re.compile(rf"builtins\.(str|int|float)|numpy\.({_NUMBER.pattern}|str_)")


class Contents(NamedTuple):
    """What a tree of nodes holds."""

    names: dict[str, str]  # of classes and functions, and where each stands first
    arrays: set[str]  # members of the archive that hold arrays
    blobs: set[str]  # members that hold bytes


class _Place(NamedTuple):
    """A node, where it stands, and how deep."""

    node: Any
    where: str
    level: int
    is_state: bool = False  # of an object: its keys are names of attributes


def inspect_schema(schema: Any, trusted: Collection[str]) -> Contents:
    """Read what a tree of nodes holds, and refuse what must not be built.

    Parameters
    ----------
    schema : object
        The tree, as JSON gives it.
    trusted : collection of str
        Names of modules and classes that the user trusts besides those that skmm does.

    Returns
    -------
    contents : Contents

    Raises
    ------
    PersistenceError
        If the tree is malformed, or names what is not trusted: all of that is named.
    """
    protocol = schema.get("protocol") if isinstance(schema, dict) else None
    if type(protocol) is not int or protocol < OLDEST_PROTOCOL:
        raise _malformed("", f"protocol {OLDEST_PROTOCOL} or later", protocol)
    if schema.get("__loader__") != "ObjectNode":
        raise _malformed("", "an estimator", schema.get("__class__"))
    found, unknown = Contents({}, set(), set()), dict[str, str]()
    for place in _nodes(schema):
        name = _name_of(place)
        loader = place.node["__loader__"]
        known = known_names().get(loader)
        if known is None:
            raise PersistenceError(
                f"{place.where or 'the top'} is a {name}, which files of skmm cannot "
                f"hold ({loader} of skops): leave it out of the model."
            )
        for each in (name, *_also_named(place, name)):
            found.names.setdefault(each, place.where)
            if each not in known and each not in trusted:
                unknown.setdefault(each, place.where)
        _CHECKS.get(loader, _check_nothing)(place, found)
    if unknown:
        raise _untrusted(unknown)
    return found


def _nodes(schema: Node) -> Iterator[_Place]:
    """Give every node of a tree once, from the top.

    Two that have the same number must be equal: skops takes the first for both.
    """
    todo, numbered = [_Place(schema, "", 0)], dict[int, Node]()
    while todo:
        place = todo.pop()
        node, where = place.node, place.where
        if not isinstance(node, dict) or not isinstance(node.get("__loader__"), str):
            raise _malformed(where, "a node", type(node).__name__)
        if place.level > MOST_LEVELS:
            raise _malformed(where, f"at most {MOST_LEVELS} levels", "more")
        number = node.get("__id__")
        if number is not None:
            if type(number) is not int:
                raise _malformed(where, "a number", number)
            first = numbered.setdefault(number, node)
            if first is not node:
                if first != node:
                    raise _malformed(where, f"node {number} again", "another")
                continue
        yield place
        todo += reversed(list(_children(place)))


def _malformed(where: str, expected: str, got: Any) -> PersistenceError:
    place = where[:100] or "the top"
    return PersistenceError(
        f"expected {expected} at {place}, got {got!r:.100}. {DAMAGED}"
    )


def _untrusted(unknown: dict[str, str]) -> PersistenceError:
    lines = []
    for name, where in sorted(unknown.items()):
        why = reason(name)
        lines.append(f"\n  {name}, at {where or 'the top'}{f': {why}' if why else ''}")
    return PersistenceError(
        f"these are not trusted without a word of yours: {''.join(lines)}\n"
        f"If you know whoever made the model, and what each of them does, give save "
        f"and load trusted={sorted(unknown)}. If not, do not: what is named may run "
        "any code."
    )


def _name_of(place: _Place) -> str:
    """Give module and class of a node; both plain, so that no two spell the same."""
    module, name = place.node.get("__module__"), place.node.get("__class__")
    parts = module.split(".") if isinstance(module, str) else [""]
    if not all(map(str.isidentifier, parts)) or not (
        isinstance(name, str) and name.isidentifier()
    ):
        raise _malformed(place.where, "a module and a class", f"{module}.{name}")
    return f"{module}.{name}"


def _also_named(place: _Place, name: str) -> list[str]:
    """Say what else a node makes skops look up."""
    if place.node["__loader__"] != "MethodNode":
        return []
    method = _part(place, "func")
    return [f"{name}.{method}"]


def _content(place: _Place, kind: type) -> Any:
    content = place.node.get("content")
    if not isinstance(content, kind):
        raise _malformed(place.where, f"a {kind.__name__}", type(content).__name__)
    return content


def _part(place: _Place, key: str) -> Any:
    content = _content(place, dict)
    if key not in content:
        raise _malformed(place.where, f"a part {key!r}", sorted(content))
    return content[key]


def _children(place: _Place) -> Iterator[_Place]:
    """Give the nodes that skops would build for a node."""
    loader, where, level = place.node["__loader__"], place.where, place.level + 1
    if loader == "DictNode":
        yield _Place(place.node.get("key_types"), f"{where} (keys)", level)
        for key, child in _content(place, dict).items():
            label = f".{key}" if place.is_state else f"[{key!r}]"
            yield _Place(child, where + label, level)
    elif loader == "NdArrayNode" and place.node.get("type") == "json":
        yield _Place(place.node.get("shape"), f"{where}.shape", level)
        yield from _items(place)
    elif loader in ("ListNode", "SetNode", "TupleNode"):
        yield from _items(place)
    elif loader in _PARTS:
        for key in _PARTS[loader]:
            yield _Place(_part(place, key), where, level)
    elif loader in ("TreeNode", "LossNode"):
        reduced = place.node.get("__reduce__")
        args = reduced.get("args") if isinstance(reduced, dict) else None
        yield _Place(args, where, level)
        yield _Place(place.node.get("content"), where, level)
    elif loader in _WITH_STATE and place.node.get("content") is not None:
        is_state = loader == "ObjectNode"
        yield _Place(place.node["content"], where, level, is_state)


def _items(place: _Place) -> Iterator[_Place]:
    for i, child in enumerate(_content(place, list)):
        yield _Place(child, f"{place.where}[{i}]", place.level + 1)


_PARTS = {
    "MaskedArrayNode": ("data", "mask"),
    "MethodNode": ("obj",),
    "PartialNode": ("func", "args", "kwds", "namespace"),
}
_WITH_STATE = (
    "ConstructorFromReduceNode",
    "DTypeNode",
    "ObjectNode",
    "RandomStateNode",
)


def _check_nothing(place: _Place, found: Contents) -> None:
    """Leave alone a node that is no more than its name and its children."""


def _check_dict(place: _Place, found: Contents) -> None:
    """Check that keys come back as they were, and that Keras builds nothing of it."""
    content, types = _content(place, dict), place.node["key_types"]
    if not isinstance(types, dict) or types.get("__loader__") != "ListNode":
        raise _malformed(place.where, "types of keys", types)
    kinds = [_name_of(_Place(k, place.where, 0)) for k in types.get("content", ())]
    odd = sorted({kind for kind in kinds if not _KEY.fullmatch(kind)})
    if odd:
        raise PersistenceError(
            f"the keys of the dict at {place.where} must be strings or numbers, as "
            f"they come back from a file, got {odd}; write 0 and 1 for booleans."
        )
    if len(kinds) != len(content):
        raise PersistenceError(
            f"the keys of the dict at {place.where} cannot be told apart in a file: "
            "give all of them one type."
        )
    if _is_text(content.get("class_name")):
        raise PersistenceError(
            f"the dict at {place.where} describes an object by its class_name, which "
            "Keras would build: give plain values, or a name."
        )


def _is_text(node: Any) -> bool:
    """Whether a node may be a string; a number of a vocabulary is none."""
    if not isinstance(node, dict):
        return False
    if node.get("__loader__") == "JsonNode":
        return str(node.get("content")).startswith('"')
    return node.get("__loader__") != "NdArrayNode" or not _NUMBER.fullmatch(
        str(node.get("__class__"))
    )


def _check_state(place: _Place, found: Contents) -> None:
    """Check that an object of skmm or scikit-learn has no folder to read pickles from.

    joblib would, whenever the object is used; `save` leaves such folders out.
    """
    state = place.node.get("content")
    ours = str(place.node["__module__"]).split(".")[0] in ("skmm", "sklearn")
    values = state.get("content") if isinstance(state, dict) else None
    if not ours or not isinstance(values, dict) or "memory" not in values:
        return
    memory = values["memory"]
    if not isinstance(memory, dict) or memory.get("content") != "null":
        raise _malformed(f"{place.where}.memory", "None", "a folder")


def _check_json(place: _Place, found: Contents) -> None:
    """Check that a plain value is a number, a string, true, false or null."""
    text = _content(place, str)
    if text[:1] in ("[", "{"):
        raise _malformed(place.where, "a plain value", text[:40])
    _parsed(place, text)


def _parsed(place: _Place, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise _malformed(place.where, "a plain value", text[:40]) from None


def _check_array(place: _Place, found: Contents) -> None:
    kind = place.node.get("type")
    if kind == "numpy":
        _note_member(place, found.arrays, ".npy")
    elif kind != "json":
        raise _malformed(place.where, "an array", kind)


def _check_bytes(place: _Place, found: Contents) -> None:
    _note_member(place, found.blobs, ".bin")


def _note_member(place: _Place, members: set[str], ending: str) -> None:
    """Note the member of a node; a second node would read it once more."""
    name = place.node.get("file")
    if not isinstance(name, str) or not name.endswith(ending) or name in members:
        raise _malformed(place.where, f"a member of its own {ending}", name)
    members.add(name)


def _check_slice(place: _Place, found: Contents) -> None:
    for end in ("start", "stop", "step"):
        value = _part(place, end)
        if value is not None and type(value) is not int:
            raise _malformed(place.where, "whole numbers", value)


def _check_random_state(place: _Place, found: Contents) -> None:
    """Check the position of a random state, where NumPy would read without a look."""
    position = _value(_value(place.node.get("content"), "state"), "pos")
    text = position.get("content") if isinstance(position, dict) else None
    if not (isinstance(text, str) and re.fullmatch(r"\d{1,3}", text, re.ASCII)):
        raise _malformed(f"{place.where}.pos", "a whole number", text)
    if int(text) > STATE_WORDS:
        raise _malformed(f"{place.where}.pos", f"at most {STATE_WORDS}", text)


def _value(node: Any, key: str) -> Any:
    """Value of a dict's key, as a node; None if the node is no dict."""
    if not isinstance(node, dict) or node.get("__loader__") != "DictNode":
        return None
    content = node.get("content")
    return content.get(key) if isinstance(content, dict) else None


_CHECKS: dict[str, Callable[[_Place, Contents], None]] = {
    "BytesNode": _check_bytes,
    "DictNode": _check_dict,
    "JsonNode": _check_json,
    "NdArrayNode": _check_array,
    "ObjectNode": _check_state,
    "RandomStateNode": _check_random_state,
    "SliceNode": _check_slice,
}
