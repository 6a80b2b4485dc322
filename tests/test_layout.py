"""The house: imports go down only, halves stay apart, rooms stay small."""

import ast
import graphlib
import statistics
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "skmm"

# From the ground up. Rooms of one level do not import each other.
LEVELS = (
    {"exceptions", "_cache", "_compat", "_memory", "_plot", "dask"},
    {"_validation", "_writing"},
    {"frame", "_components", "_pieces", "_sums", "layers"},
    {"modalities", "encoders", "fusion", "datasets"},
    {"inference"},
    {"transformer", "training"},
    {"_builders", "_journal", "_listeners", "_network", "_scikeras"}
    | {"_splits", "_targets"},
    {"_inputs"},
    {"_calibration", "_export", "_members", "_shares"},
    {"_neural"},
    {"_many_modalities", "_one_modality", "_tasks"},
    {"_streams"},
    {"_subsets"},
    {"base", "multimodal"},
    {"diversity", "recipes"},
    {"inspection", "persistence"},
    {"skmm"},
)
LEVEL = {room: height for height, rooms in enumerate(LEVELS) for room in rooms}

DATA_HALF = {"inference", "modalities", "transformer", "datasets"}
NETWORK_HALF = {"layers", "encoders", "fusion", "training"}
SHARED = {"exceptions", "_validation", "_cache", "_compat", "_memory", "frame"}
SHARED |= {"_components"}
KERAS = {"keras", "keras_hub", "scikeras", "tensorflow"}
PRIVATE_OWNERS = {"keras", "scikeras", "sklearn", "tensorflow"}

FILE_LINES = 450
FUNCTION_LINES = 60
MEDIAN_FUNCTION_LINES = 10

HOUSE_TESTS = {
    "test_bad_input",
    "test_contracts",
    "test_docs",
    "test_examples",
    "test_hostile",
    "test_import",
    "test_layout",
    "test_long_fits",
    "test_meta_estimators",
    "test_numerical_safety",
    "test_reproducibility",
    "test_sklearn_checks",
    "persistence/test_attacks",
    "training/test_equivalence",
}


@cache
def modules() -> dict[str, Path]:
    """Every module of skmm by its dotted name."""
    return {_dotted(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def _dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(modules()[module].read_text(encoding="utf-8"))


def room(module: str) -> str:
    """First part of the name behind `skmm`; the door is `skmm` itself."""
    return module.split(".")[1] if "." in module else module


def imported(module: str, root: ast.AST | None = None) -> list[str]:
    """What `module` imports, each as the longest dotted name that is written."""
    found = []
    for node in ast.walk(root or tree(module)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


def own_imports(module: str, root: ast.AST | None = None) -> set[str]:
    """The modules of skmm among them."""
    names = (n for n in imported(module, root) if n.split(".")[0] == "skmm")
    return {n if n in modules() else n.rpartition(".")[0] for n in names}


def reached(module: str) -> set[str]:
    """Every module of skmm that importing `module` imports, itself included."""
    seen, todo = set(), [module]
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += own_imports(name)
    return seen


def functions(module: str) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [node for node in ast.walk(tree(module)) if isinstance(node, kinds)]


def code_lines(module: str, function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of the body that hold code: no docstring, comment or blank line."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    if not body:
        return 0
    lines = modules()[module].read_text(encoding="utf-8").splitlines()
    text = lines[body[0].lineno - 1 : function.end_lineno]
    return sum(bool(line.strip()) and line.strip()[0] != "#" for line in text)


def test_discovery_finds_the_core_modules():
    core = {"skmm", "skmm.frame", "skmm.base", "skmm.multimodal", "skmm.transformer"}
    core |= {"skmm.modalities.tabular", "skmm.encoders.mlp", "skmm.fusion.gated"}
    assert core <= set(modules())


def test_every_room_has_a_level():
    assert {room(module) for module in modules()} == set(LEVEL)


@pytest.mark.parametrize("module", modules())
def test_imports_go_down_only(module):
    for target in own_imports(module):
        if room(target) != room(module):
            assert LEVEL[room(target)] < LEVEL[room(module)], (module, target)


def test_no_module_imports_itself_in_a_circle():
    order = graphlib.TopologicalSorter({m: own_imports(m) for m in modules()})
    assert len(list(order.static_order())) == len(modules())


@pytest.mark.parametrize("module", [m for m in modules() if room(m) == "datasets"])
def test_datasets_import_nothing_of_ours_but_leaves(module):
    rooms = {room(target) for target in own_imports(module)}
    assert rooms <= {"datasets", "exceptions", "_validation"}


@pytest.mark.parametrize("module", [m for m in modules() if room(m) in DATA_HALF])
def test_data_half_reaches_no_keras(module):
    for name in reached(module):
        roots = {target.split(".")[0] for target in imported(name)}
        assert not roots & KERAS, (module, name)


@pytest.mark.parametrize("module", [m for m in modules() if room(m) in NETWORK_HALF])
def test_network_half_reaches_no_pandas(module):
    for name in reached(module):
        roots = {target.split(".")[0] for target in imported(name)}
        assert "pandas" not in roots, (module, name)


def test_halves_meet_in_shared_rooms_alone():
    for module in modules():
        rooms = {room(name) for name in reached(module)}
        if room(module) in DATA_HALF:
            assert not rooms & NETWORK_HALF, module
        elif room(module) in NETWORK_HALF | SHARED:
            assert not rooms & DATA_HALF, module


@pytest.mark.parametrize("module", [m for m in modules() if m != "skmm._compat"])
def test_private_names_of_others_enter_through_compat_alone(module):
    written = [*imported(module), *_attributes(module)]
    for name in written:
        owner, *rest = name.split(".")
        if owner in PRIVATE_OWNERS:
            private = [p for p in rest if p == "src" or p[:1] == "_" != p[1:2]]
            assert not private, (module, name)


def _attributes(module: str) -> list[str]:
    """Dotted names that start at a plain name, such as `keras.src.backend`."""
    chains = (n for n in ast.walk(tree(module)) if isinstance(n, ast.Attribute))
    return [ast.unparse(n) for n in chains if isinstance(_root(n), ast.Name)]


def _root(node: ast.expr) -> ast.expr:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node


@pytest.mark.parametrize("module", modules())
def test_own_modules_are_imported_at_the_top(module):
    for function in functions(module):
        assert not own_imports(module, function), (module, function.name)


@pytest.mark.parametrize("module", modules())
def test_names_become_modules_in_the_door_and_the_registry_alone(module):
    text = modules()[module].read_text(encoding="utf-8")
    dynamic = "import_module" in text or "__import__" in text
    assert not dynamic or module in {"skmm", "skmm._components"}


@pytest.mark.parametrize("module", modules())
def test_files_stay_small(module):
    lines = modules()[module].read_text(encoding="utf-8").count("\n")
    assert lines <= FILE_LINES


@pytest.mark.parametrize("module", modules())
def test_functions_stay_small(module):
    lengths = {f.name: code_lines(module, f) for f in functions(module)}
    assert {k: n for k, n in lengths.items() if n > FUNCTION_LINES} == {}


def test_the_usual_function_is_short():
    lengths = [code_lines(m, f) for m in modules() for f in functions(m)]
    assert len(lengths) > 50
    assert statistics.median(lengths) <= MEDIAN_FUNCTION_LINES


@pytest.mark.parametrize("module", modules())
def test_no_module_is_a_drawer(module):
    drawers = {"utils", "helpers", "misc", "common", "tools"}
    assert not drawers & {part.strip("_") for part in module.split(".")}


def _test_of(path: Path) -> Path:
    folder, name = path.relative_to(PACKAGE).parent, path.stem.lstrip("_")
    return ROOT / "tests" / folder / f"test_{name}.py"


def test_tests_mirror_the_package_file_for_file():
    subjects = [p for p in modules().values() if p.stem != "__init__"]
    wanted = {_test_of(path) for path in subjects}
    found = set((ROOT / "tests").rglob("test_*.py"))
    found -= {ROOT / "tests" / f"{name}.py" for name in HOUSE_TESTS}
    names = {p.relative_to(ROOT).as_posix() for p in wanted ^ found}
    assert names == set(), "missing a test, or a test without a module"
