"""The list of trusted names: complete for skmm, and no longer than it must be."""

import importlib
import inspect
import pkgutil

import numpy as np
import pytest
import scipy.special
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.metrics import get_scorer, get_scorer_names

import skmm
from skmm import available
from skmm._components import Component, component_class
from skmm.persistence._trusted import (
    MEASURES,
    OF_NUMBERS,
    REASONS,
    SKLEARN,
    SKMM,
    checked_names,
    known_names,
    reason,
)

ASKED = {  # what runs, or fetches, what a file names
    "skmm.encoders._snapshot.Snapshot",
    "skmm.encoders.pretrained.PretrainedEncoder",
}
KINDS = ("modality", "encoder", "fusion")


def names(*tables):
    return {f"{m}.{n}" for t in tables for m, found in t.items() for n in found.split()}


def of(kind):
    return f"{kind.__module__}.{kind.__qualname__}"


@pytest.mark.parametrize("kind", KINDS)
def test_every_component_is_listed(kind):
    found = {of(component_class(kind, key)) for key in available(kind)}
    assert found - ASKED <= names(SKMM)


def test_every_estimator_of_skmm_is_listed():
    public = [getattr(skmm, n) for n in skmm.__all__ if n[0] != "_"]
    public += [getattr(skmm.diversity, n) for n in skmm.diversity.__all__]
    estimators = {c for c in public if hasattr(c, "get_params") and hasattr(c, "fit")}
    assert len(estimators) >= 9
    predict = {
        c for c in estimators if hasattr(c, "predict") or hasattr(c, "transform")
    }
    assert {of(c) for c in predict} <= names(SKMM)


def test_every_component_class_is_listed_wherever_it_is_written():
    found = set()
    for package in ("modalities", "encoders", "fusion"):
        home = importlib.import_module(f"skmm.{package}")
        for module in pkgutil.iter_modules(home.__path__):
            written = importlib.import_module(f"skmm.{package}.{module.name}")
            found |= {c for _, c in inspect.getmembers(written, inspect.isclass)}
    parts = {c for c in found if issubclass(c, Component) and c.__module__ != "skmm"}
    bases = {c for c in parts if any(c in d.__mro__[1:] for d in parts)}
    whole = {of(c) for c in parts - bases if c.__module__.startswith("skmm.")}
    assert whole - ASKED <= names(SKMM)


def test_every_name_exists():
    for name in names(SKMM, SKLEARN, MEASURES):
        module, _, attribute = name.rpartition(".")
        value = getattr(importlib.import_module(module), attribute)
        assert of(value) == name


def test_every_scorer_is_listed():
    called = {of(get_scorer(name)._score_func) for name in get_scorer_names()}
    assert called <= known_names()["FunctionNode"]


def test_functions_are_of_numbers_alone():
    rest = known_names()["FunctionNode"] - names(MEASURES, OF_NUMBERS)
    assert {"numpy.log1p", "numpy.expm1"} <= rest
    assert all(isinstance(getattr(np, name[6:]), np.ufunc) for name in rest)
    for name in names(OF_NUMBERS):
        function = getattr(scipy.special, name.rpartition(".")[2])
        assert np.shape(function(*[np.full(3, 0.5)] * (1 + ("boxcox" in name)))) == (3,)


def test_what_must_be_asked_for_has_a_reason():
    assert all(reason(name) for name in ASKED)
    assert not ASKED & known_names()["ObjectNode"]
    assert reason("sklearn.linear_model._base.LinearRegression") is None
    assert all(
        why.endswith(tuple("abcdefghijklmnopqrstuvwxyz")) for why in REASONS.values()
    )


def test_nothing_is_trusted_that_follows_indices_unchecked():
    bad = ("sklearn.tree", "sklearn.neighbors", "sklearn.cluster", "scipy.stats")
    every = frozenset().union(*known_names().values())
    assert not [name for name in every if name.startswith(bad)]


def test_trust_may_be_given_by_name_by_class_and_by_function():
    given = ["a.b", np.ndarray, scipy.special.expit, np.linalg.norm]
    assert {"a.b", "numpy.ndarray"} < checked_names(given[:2] + given[3:])
    with pytest.raises(TypeError, match="trusted must hold names, classes and"):
        checked_names([3])
