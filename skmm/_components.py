"""Components: recipes of plain values, found by file name, searched by nested name.

The directory is the registry: ``skmm/fusion/gated.py`` holds the one public
component with the key ``"gated"``. Nothing is registered and nothing is imported
until it is asked for.
"""

from __future__ import annotations

import difflib
import inspect
import pkgutil
from functools import cache
from importlib import import_module
from typing import Any, ClassVar

from sklearn.base import BaseEstimator, clone

__all__ = ["Component", "NestedParams", "available", "resolve"]

_PACKAGES = {
    "modality": "skmm.modalities",
    "encoder": "skmm.encoders",
    "fusion": "skmm.fusion",
}


class Component(BaseEstimator):
    """A recipe of plain values: cloneable, searchable, free of live Keras objects."""


@cache
def _keys(kind: str) -> tuple[str, ...]:
    if kind not in _PACKAGES:
        raise ValueError(f"kind must be one of {sorted(_PACKAGES)}, got {kind!r}.")
    package = import_module(_PACKAGES[kind])
    names = (module.name for module in pkgutil.iter_modules(package.__path__))
    return tuple(sorted(name for name in names if not name.startswith("_")))


def available(kind: str) -> list[str]:
    """List the keys of the components of one kind.

    Parameters
    ----------
    kind : {"modality", "encoder", "fusion"}
        Kind of component.

    Returns
    -------
    keys : list of str
        File names of the kind's directory, sorted; each is accepted where a
        component of that kind is.

    Raises
    ------
    ValueError
        If there is no such kind.

    Examples
    --------
    >>> from skmm import available
    >>> available("fusion")[:3]
    ['attention', 'bilinear', 'bottleneck']
    """
    return list(_keys(kind))


@cache
def component_class(kind: str, key: str) -> type[Component]:
    """Import the one public component of the file that `key` names."""
    module = import_module(f"{_PACKAGES[kind]}.{key}")
    found = [
        value
        for value in vars(module).values()
        if inspect.isclass(value)
        and issubclass(value, Component)
        and value.__module__ == module.__name__
        and not value.__name__.startswith("_")
    ]
    if len(found) != 1:
        raise TypeError(f"{module.__name__} must define one public component.")
    return found[0]


def resolve(kind: str, component: Any) -> Any:
    """Turn a key into a fresh component, or clone the component that was given.

    Parameters
    ----------
    kind : {"modality", "encoder", "fusion"}
        Kind of component that is expected.
    component : str or estimator
        A key of `available`, or an instance.

    Returns
    -------
    component : estimator
        Unfitted, and nobody else's.

    Raises
    ------
    ValueError
        If the key does not exist; the message suggests the nearest one.
    TypeError
        If `component` is a class or no component at all.
    """
    if isinstance(component, str):
        if component not in _keys(kind):
            raise ValueError(f"unknown {kind} {component!r}{_suggest(kind, component)}")
        return _made(kind, component)
    if inspect.isclass(component):
        raise TypeError(
            f"{kind} must be an instance, got the class {component.__name__}; "
            f"write {component.__name__}()."
        )
    if not hasattr(component, "get_params"):
        raise TypeError(
            f"{kind} must be one of {available(kind)} or an instance of a component, "
            f"got {component!r}."
        )
    return clone(component)


def _made(kind: str, key: str) -> Component:
    """Make a component with its defaults, if it has one for every parameter."""
    cls = component_class(kind, key)
    parameters = inspect.signature(cls).parameters.values()
    needed = [p.name for p in parameters if p.default is p.empty]
    if needed:
        given = ", ".join(f"{name}=..." for name in needed)
        raise ValueError(
            f"{kind} {key!r} needs arguments: give {cls.__name__}({given})."
        )
    return cls()


def _suggest(kind: str, key: str) -> str:
    near = difflib.get_close_matches(key, _keys(kind), n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    return f"{hint} Available: {available(kind)}."


class NestedParams:
    """`get_params` and `set_params` through named components and keys.

    An estimator declares which of its parameters hold ``(name, component, ...)``
    tuples (`_named_params`) and which hold one component (`_single_params`), each
    with the kind of component. Then ``name__parameter`` and
    ``fusion__parameter`` can be set and searched, whether the component was given
    as an instance or as a key.
    """

    _named_params: ClassVar[dict[str, str]] = {}
    _single_params: ClassVar[dict[str, str]] = {}

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Get the parameters of this estimator.

        Parameters
        ----------
        deep : bool, default=True
            Whether to include the named components and their parameters.

        Returns
        -------
        params : dict of str to object
            Parameter names mapped to their values.
        """
        params = super().get_params(deep=deep)  # type: ignore[misc]
        if not deep:
            return params
        for parameter in self._named_params:
            for name, component in self._named_items(parameter):
                params[name] = component
                if hasattr(component, "get_params") and not inspect.isclass(component):
                    nested = component.get_params(deep=True)
                    params.update({f"{name}__{k}": v for k, v in nested.items()})
        return params

    def set_params(self, **params: Any):
        """Set the parameters of this estimator.

        Parameters
        ----------
        **params : dict
            Parameters by name; ``name__parameter`` reaches into a component. A
            component that was given by its key is made an instance first.

        Returns
        -------
        self : estimator

        Raises
        ------
        ValueError
            If a parameter does not exist.
        """
        own = super().get_params(deep=False)  # type: ignore[misc]
        super().set_params(**{k: v for k, v in params.items() if k in own})  # type: ignore[misc]
        nested = {k: v for k, v in params.items() if k not in own}
        for key, value in sorted(nested.items(), key=lambda item: "__" in item[0]):
            head, _, tail = key.partition("__")
            if not self._set_nested(head, tail, value):
                self._check_nests(head, tail)
                super().set_params(**{key: value})  # type: ignore[misc]
        return self

    def _check_nests(self, head: str, tail: str) -> None:
        """Refuse ``head__tail`` where `head` is a key or another plain value."""
        params = self.get_params()
        if tail and head in params and not hasattr(params[head], "set_params"):
            raise ValueError(
                f"Invalid parameter {tail!r} for {head!r}, which is {params[head]!r}."
            )

    def _named_items(self, parameter: str) -> list[tuple[str, Any]]:
        items = getattr(self, parameter, None)
        if not isinstance(items, (list, tuple)):
            return []
        return [(t[0], t[1]) for t in items if isinstance(t, tuple) and len(t) > 1]

    def _set_nested(self, head: str, tail: str, value: Any) -> bool:
        """Set one nested parameter; tell whether a component `head` has it."""
        for parameter, kind in self._named_params.items():
            for name, component in self._named_items(parameter):
                if name == head:
                    changed = _changed(kind, component, tail, value)
                    if changed is not None:
                        self._replace(parameter, name, changed)
                        return True
        if tail and head in self._single_params:
            changed = _changed(
                self._single_params[head], getattr(self, head), tail, value
            )
            if changed is not None:
                setattr(self, head, changed)
                return True
        return False

    def _replace(self, parameter: str, name: str, component: Any) -> None:
        items = getattr(self, parameter)
        replaced = [
            (t[0], component, *t[2:]) if isinstance(t, tuple) and t[0] == name else t
            for t in items
        ]
        setattr(self, parameter, replaced)


def _changed(kind: str, component: Any, tail: str, value: Any) -> Any:
    """Change one parameter of `component`, or all of it; None if it has none such."""
    if not tail:
        return value
    if isinstance(component, str):
        component = resolve(kind, component)
    if tail.partition("__")[0] not in getattr(component, "get_params", dict)():
        return None
    return component.set_params(**{tail: value})
