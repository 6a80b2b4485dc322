"""The door: cheap to open, and everything behind it is really there."""

import importlib
import subprocess
import sys

import pytest

import skmm
from skmm import available

SUBPACKAGES = (
    "datasets",
    "diversity",
    "encoders",
    "exceptions",
    "fusion",
    "modalities",
    "recipes",
)


def _loaded_after(statement):
    """Top-level names of the modules that a fresh process has after `statement`."""
    code = f"{statement}\nimport sys; print(*{{m.split('.')[0] for m in sys.modules}})"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return set(run.stdout.split())


def test_import_loads_no_deep_learning():
    loaded = _loaded_after("import skmm; dir(skmm)")
    assert "skmm" in loaded
    assert not loaded & {"keras", "tensorflow", "scikeras"}


def test_data_half_loads_no_deep_learning():
    names = ("ModalityFrame", "ModalityTransformer", "infer_modalities", "available")
    keys = [f"skmm.modalities.{key}" for key in available("modality")]
    modules = ", ".join([*keys, "skmm.datasets"])
    loaded = _loaded_after(f"from skmm import {', '.join(names)}\nimport {modules}")
    assert "pandas" in loaded
    assert not loaded & {"keras", "tensorflow", "scikeras"}


@pytest.mark.parametrize("name", skmm.__all__)
def test_public_name_resolves(name):
    value = getattr(skmm, name)
    assert getattr(value, "__name__", name) == name


@pytest.mark.parametrize("package", SUBPACKAGES)
def test_subpackage_resolves(package):
    assert getattr(skmm, package) is importlib.import_module(f"skmm.{package}")


@pytest.mark.parametrize("package", ["datasets", "exceptions", "recipes"])
def test_subpackage_has_all_the_names_it_lists(package):
    module = getattr(skmm, package)
    assert module.__all__
    assert [name for name in module.__all__ if not hasattr(module, name)] == []


def test_dir_lists_public_names_alone():
    assert set(dir(skmm)) == {*skmm.__all__, *SUBPACKAGES}


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'MultimodalClasifier'"):
        skmm.MultimodalClasifier  # noqa: B018
