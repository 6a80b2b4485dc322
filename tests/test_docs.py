"""Documentation cannot drift: it is held against the signatures and the files."""

import ast
import importlib
import inspect
import re
from pathlib import Path

import pytest

import skmm
from skmm import available
from skmm._components import component_class
from skmm.encoders._base import Encoder
from skmm.fusion._base import Fusion
from skmm.modalities._base import Modality

ROOT = Path(__file__).parents[1]
KINDS = ("modality", "encoder", "fusion")
PACKAGES = ("datasets", "diversity", "exceptions", "inspection", "recipes")
MAIN_CLASSES = (
    "BaseNNClassifier",
    "BaseNNRegressor",
    "ModalityFrame",
    "ModalityTransformer",
    "MultimodalClassifier",
    "MultimodalRegressor",
)


def _subjects():
    """Every public class and function by its dotted name."""
    found = {f"skmm.{n}": getattr(skmm, n) for n in skmm.__all__ if n[0] != "_"}
    for package in PACKAGES:
        module = importlib.import_module(f"skmm.{package}")
        found |= {f"skmm.{package}.{n}": getattr(module, n) for n in module.__all__}
    classes = [Modality, Encoder, Fusion]
    classes += [component_class(kind, key) for kind in KINDS for key in available(kind)]
    found |= {f"{c.__module__}.{c.__name__}": c for c in classes}
    return {name: s for name, s in found.items() if _ours(s)}


def _ours(subject):
    return subject.__module__.split(".")[0] == "skmm"


def _methods(subjects):
    """Public methods that our own code writes, with the docstring they are read by."""
    found = {}
    for name, subject in subjects.items():
        for method in dir(subject) if inspect.isclass(subject) else ():
            value = getattr(subject, method)
            value = getattr(value, "__func__", value)  # of a classmethod
            if inspect.isfunction(value) and method[0] != "_" and _ours(value):
                found[f"{name}.{method}"] = value, _inherited_doc(subject, method)
    return found


def _inherited_doc(cls, method):
    """The nearest docstring up the bases that has parameters, else the nearest."""
    docs = [vars(base)[method].__doc__ for base in cls.__mro__ if method in vars(base)]
    docs = [inspect.cleandoc(doc) for doc in docs if doc]
    full = [doc for doc in docs if _section(doc, "Parameters")]
    return next(iter(full or docs), "")


def _section(doc, title):
    """Text of one numpydoc section, empty where there is none."""
    rule = "-" * len(title)
    pattern = rf"(?:^|\n){title}\n{rule}\n(.*?)(?=\n\n?[^\n]+\n---|\Z)"
    found = re.search(pattern, doc, flags=re.DOTALL)
    return found[1] if found else ""


def _documented(doc):
    """Parameter names mapped to the text of their documented default, None without."""
    found = {}
    text = _section(doc, "Parameters").replace("\\\n", "")
    for names, description in re.findall(
        r"^(\*{0,2}\w+(?:, \w+)*) : (.*)$", text, flags=re.MULTILINE
    ):
        default = description.partition("default=")[2] or None
        found |= dict.fromkeys(names.lstrip("*").split(", "), default)
    return found


def _expected(function):
    """The same of a signature; classes are called by the `__init__` they write."""
    if inspect.isclass(function):
        function = function.__init__
        if not inspect.isfunction(function):  # an error that takes what all errors take
            return {}
    parameters = list(inspect.signature(function).parameters.values())
    if "." in function.__qualname__:
        parameters = parameters[1:]  # self
    return {
        p.name: None if p.default is p.empty else _normal(repr(p.default))
        for p in parameters
    }


def _normal(text):
    """A literal in Python's own spelling; other text as it stands."""
    try:
        return repr(ast.literal_eval(text))
    except (ValueError, SyntaxError):
        return text


SUBJECTS = _subjects()
METHODS = _methods(SUBJECTS)


def test_discovery_finds_the_core_names():
    assert {f"skmm.{name}" for name in MAIN_CLASSES} <= set(SUBJECTS)
    assert "skmm.datasets.load_spoken_digits" in SUBJECTS
    assert "skmm.fusion.gated.GatedFusion" in SUBJECTS
    assert "skmm.ModalityTransformer.transform" in METHODS


@pytest.mark.parametrize("name", [*SUBJECTS, *METHODS])
def test_documentation_opens_with_one_sentence(name):
    doc = METHODS[name][1] if name in METHODS else inspect.getdoc(SUBJECTS[name])
    summary = doc.partition("\n\n")[0]
    assert summary.endswith("."), summary
    assert "\n" not in summary


def _held(name):
    if name in METHODS:
        return METHODS[name]
    return SUBJECTS[name], inspect.getdoc(SUBJECTS[name])


@pytest.mark.parametrize("name", [*SUBJECTS, *METHODS])
def test_documented_parameters_and_defaults_are_those_of_the_signature(name):
    function, doc = _held(name)
    documented = {k: v and _normal(v) for k, v in _documented(doc).items()}
    assert documented == _expected(function)


@pytest.mark.parametrize("name", MAIN_CLASSES)
def test_main_classes_show_an_example(name):
    assert ">>> " in _section(inspect.getdoc(getattr(skmm, name)), "Examples")


def _readme():
    return (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", KINDS)
def test_readme_lists_every_component(kind):
    row = re.search(rf"^\| {kind} \|(.*)$", _readme(), flags=re.MULTILINE)
    assert re.findall(r"`(\w+)`", row[1]) == available(kind)


def test_ci_runs_the_commands_of_the_readme():
    commands = re.search(r"```bash\n(.*?)```", _readme(), flags=re.DOTALL)[1]
    commands = [line for line in commands.splitlines() if line and line[0] != "#"]
    assert len(commands) == 2
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert set(commands) <= set(script)


def test_readme_links_lead_somewhere():
    links = re.findall(r"\]\((?!http)([^)#]+)\)", _readme())
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
