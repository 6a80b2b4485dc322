"""Files made to do harm: nothing runs, nothing is written, each is refused clearly.

All are loaded in one process of its own, which notes what Python's audit hooks report
while it does, and has little memory to spare.
"""

import copy
import io
import json
import os
import pickle
import re
import stat
import struct
import subprocess
import sys
import warnings
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skmm

# Loads each file that is named on the command line, and prints what came of it.
VICTIM = """
import json, os, resource, sys, time
import skmm
import skmm.persistence
# What a good file and a word on versions import is imported now.
import encodings.cp437, sklearn.pipeline, sklearn.preprocessing
skmm.persistence._archive.versions()
watching, seen = False, []
# NumPy compiles the header of an array to a tree, and evaluates literals alone.
HARMLESS = {"builtins.id", "compile", "object.__getattr__", "object.__setattr__"}
HARMLESS |= {"os.listdir"}  # of where packages are, for their versions
def hook(event, args):
    if not watching or event in HARMLESS:
        return
    if event == "open" and (args[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) == 0:
        return
    seen.append(f"{event} {args!r:.100}")
sys.addaudithook(hook)
room = 700 * 2**20  # bytes beyond what the process has by now
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + room, -1))
for path in sys.argv[1:]:
    seen.clear()
    outcome, error = "loaded", None
    started = time.perf_counter()
    watching = True
    try:
        skmm.load(path)
    except BaseException as caught:
        outcome, error = type(caught).__name__, str(caught)
    watching = False
    took = time.perf_counter() - started
    print(json.dumps([os.path.basename(path), outcome, error, seen, took]), flush=True)
"""


class Canary:
    """What a pickle would run."""

    def __reduce__(self):
        return os.system, ("touch executed",)


def node(name, loader, **content):
    module, _, name = name.rpartition(".")
    return {"__class__": name, "__module__": module, "__loader__": loader, **content}


def text(value):
    return node("builtins.str", "JsonNode", content=json.dumps(value))


def tree_list(*items):
    return node("builtins.list", "ListNode", content=list(items))


def tree_dict(**items):
    kinds = [node("builtins.str", "TypeNode") for _ in items]
    return node("builtins.dict", "DictNode", content=items, key_types=tree_list(*kinds))


COMMAND = tree_list(text("touch executed"))
SYSTEM = node("os.system", "FunctionNode")


def set_in(name, key, value):
    """Put something into the state of an object."""

    def change(made):
        made.state(name)[key] = value

    return change


def in_scaler(value):
    return set_in("StandardScaler", "copy", value)


def rename(name, to):
    def change(made):
        for found in made.nodes():
            if found["__class__"] == name:
                found["__module__"], _, found["__class__"] = to.rpartition(".")

    return change


def array(content):
    def change(made):
        made.members[next(iter(made.members))] = content

    return change


def header(shape, descr="<f8", data=b"", version=(1, 0)):
    """A .npy file that declares what it likes."""
    said = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}"
    said = said.encode() + b"\n"
    size = struct.pack("<H" if version == (1, 0) else "<I", len(said))
    return b"\x93NUMPY" + bytes(version) + size + said + data


def pickled_array():
    buffer = io.BytesIO()
    np.save(buffer, np.array([Canary()], dtype=object))
    return buffer.getvalue()


def nested(depth):
    """Lists in lists."""
    inner = tree_list()
    for _ in range(depth):
        inner = tree_list(inner)
    return inner


def doubled(made):
    """Lists of which each holds the next twice, by number: 2**60 in all."""
    inner = tree_list()
    for number in range(60):
        inner["__id__"] = number
        inner = tree_list(inner, {**tree_list(), "__id__": number})
    made.state("StandardScaler")["copy"] = inner


def itself(made):
    outer = tree_list({**tree_list(), "__id__": 7})
    outer["__id__"] = 7
    made.state("StandardScaler")["copy"] = outer


def read_again_and_again(made):
    (first, *_) = [n for n in made.nodes("NdArrayNode") if n["type"] == "numpy"]
    plain = {k: v for k, v in first.items() if k != "__id__"}
    many = tree_list(*(copy.deepcopy(plain) for _ in range(1000)))
    made.state("StandardScaler")["copy"] = many


def misfit(made):
    """A state that is no dict."""
    for found in made.nodes("ObjectNode"):
        if found["__class__"] == "StandardScaler":
            found["content"] = tree_list()
    made.members.clear()


def random_state(position):
    state = tree_dict(key=text(0), pos=text(position))
    whole = tree_dict(bit_generator=text("MT19937"), state=state)
    return node("numpy.random.mtrand.RandomState", "RandomStateNode", content=whole)


def generator():
    state = tree_dict(bit_generator=text("seed"))
    parts = {"bit_generator": state, "seed_seq": tree_dict()}
    return node(
        "numpy.random._generator.Generator", "RandomGeneratorNode", content=parts
    )


def typed_keys(kind, key):
    kinds = tree_list(kind)
    return node("builtins.dict", "DictNode", content={key: text(1)}, key_types=kinds)


def partial():
    parts = {
        "func": SYSTEM,
        "args": COMMAND,
        "kwds": tree_dict(),
        "namespace": text(None),
    }
    return node("functools.partial", "PartialNode", content=parts)


def method():
    parts = {"func": "system", "obj": node("os._Environ", "ObjectNode")}
    return node("os._Environ", "MethodNode", content=parts)


def loss():
    parts = {"args": COMMAND}
    return node("os.system", "LossNode", __reduce__=parts, content=tree_dict())


KERAS = tree_dict(class_name=text("Lambda"), config=tree_dict(), module=text("keras"))
REDUCED = node("subprocess.Popen", "ConstructorFromReduceNode", content=COMMAND)
ATTRIBUTE = node("operator.methodcaller", "OperatorFuncNode", attrs=COMMAND)
SPARSE = node("scipy.sparse._matrix.spmatrix", "SparseMatrixNode", file="0.npz")
TREE = node("sklearn.tree._tree.Tree", "TreeNode", content=text(None))
TREE["__reduce__"] = {"args": tree_list()}
OWN = r"not trusted without a word"
BROKEN = r"The file is damaged, or was changed"

# What is done to a file, and how it is refused.
TREES = {
    "a class renamed to os.system": (
        rename("StandardScaler", "os.system"),
        rf"{OWN}.*os\.system",
    ),
    "a class renamed to subprocess.Popen": (
        rename("StandardScaler", "subprocess.Popen"),
        rf"{OWN}.*subprocess\.Popen",
    ),
    "the whole renamed to builtins.exec": (
        rename("Pipeline", "builtins.exec"),
        rf"{OWN}.*builtins\.exec",
    ),
    "a class of a module that would be imported": (
        rename("StandardScaler", "antigravity.fly"),
        rf"{OWN}.*antigravity",
    ),
    "an attribute of a module of scikit-learn": (
        rename("StandardScaler", "sklearn.preprocessing._data.np"),
        OWN,
    ),
    "a name with a point": (
        in_scaler({**text(1), "__class__": "a.b"}),
        BROKEN,
    ),
    "os.system as a function": (in_scaler(SYSTEM), rf"{OWN}.*os\.system"),
    "builtins.eval as a type": (
        in_scaler(node("builtins.eval", "TypeNode")),
        rf"{OWN}.*builtins\.eval",
    ),
    "numpy.load as a function": (
        in_scaler(node("numpy.load", "FunctionNode")),
        rf"{OWN}.*numpy\.load",
    ),
    "a trusted class as a function": (
        in_scaler(node("sklearn.pipeline.Pipeline", "FunctionNode")),
        OWN,
    ),
    "a partial of os.system": (in_scaler(partial()), rf"{OWN}.*functools\.partial"),
    "a method": (in_scaler(method()), rf"{OWN}.*os\._Environ\.system"),
    "a constructor with arguments": (in_scaler(REDUCED), rf"{OWN}.*subprocess\.Popen"),
    "operator.methodcaller": (in_scaler(ATTRIBUTE), r"cannot hold \(OperatorFuncNode"),
    "a loss": (in_scaler(loss()), rf"{OWN}.*os\.system"),
    "a compiled tree": (in_scaler(TREE), rf"{OWN}.*indices unchecked"),
    "a sparse matrix": (in_scaler(SPARSE), r"cannot hold \(SparseMatrixNode"),
    "a cached node": (
        in_scaler(node("builtins.list", "CachedNode", __id__=99)),
        r"cannot hold \(CachedNode",
    ),
    "a loader that nobody has": (
        in_scaler(node("builtins.list", "EvalNode")),
        r"cannot hold \(EvalNode",
    ),
    "a generator whose name is called": (
        in_scaler(generator()),
        r"RandomGeneratorNode",
    ),
    "a random state that reads far away": (in_scaler(random_state(10**9)), BROKEN),
    "a random state that reads before": (in_scaler(random_state(-1)), BROKEN),
    "a random state of another shape": (
        in_scaler({**random_state(1), "content": tree_list()}),
        BROKEN,
    ),
    "keys made by a function": (
        in_scaler(typed_keys(SYSTEM, "touch executed")),
        r"must be strings or numbers",
    ),
    "keys made by a class": (
        in_scaler(
            typed_keys(node("skmm.transformer.ModalityTransformer", "TypeNode"), "x")
        ),
        r"must be strings or numbers",
    ),
    "more keys than types": (
        in_scaler({**tree_dict(a=text(1)), "key_types": tree_list()}),
        r"cannot be told apart",
    ),
    "a description of a Keras layer": (in_scaler(KERAS), "which Keras would build"),
    "a folder of pickles": (
        set_in("Pipeline", "memory", text("/folder/pickles")),
        r"expected None at \.memory, got 'a folder'",
    ),
    "an object as memory": (
        set_in("Pipeline", "memory", node("builtins.list", "ListNode", content=[])),
        r"expected None at \.memory",
    ),
    "JSON in JSON": (
        in_scaler({**text(1), "content": "[" * 100_000}),
        BROKEN,
    ),
    "a plain value that is no JSON": (in_scaler({**text(1), "content": "os"}), BROKEN),
    "a plain value that is no string": (in_scaler({**text(1), "content": 1}), BROKEN),
    "nodes 200 deep": (in_scaler(nested(200)), "at most 100 levels"),
    "lists that double 60 times": (doubled, BROKEN),
    "a list that holds itself": (itself, BROKEN),
    "an array read a thousand times": (read_again_and_again, "a member of its own"),
    "a number that is no number": (in_scaler({**text(1), "__id__": [1]}), BROKEN),
    "a node that is a list": (in_scaler([1]), BROKEN),
    "a dict without its parts": (
        in_scaler(node("builtins.dict", "DictNode")),
        BROKEN,
    ),
    "a list without its items": (in_scaler(node("builtins.list", "ListNode")), BROKEN),
    "a slice of strings": (
        in_scaler(
            node("builtins.slice", "SliceNode", content=dict.fromkeys("abc", "x"))
        ),
        BROKEN,
    ),
    "a member outside": (
        in_scaler(node("numpy.ndarray", "NdArrayNode", type="numpy", file="../0.npy")),
        "the members that the model names",
    ),
    "a member of another kind": (
        in_scaler(node("builtins.bytes", "BytesNode", file="schema.json")),
        "a member of its own .bin",
    ),
    "an array of an unknown type": (
        in_scaler(node("numpy.ndarray", "NdArrayNode", type="pickle", file="0.npy")),
        BROKEN,
    ),
    "a string instead of an estimator": (
        lambda made: made.schema.update(text("x")),
        "expected an estimator",
    ),
    "an old protocol": (lambda made: made.schema.update(protocol=0), "protocol 2 or"),
    "a protocol of tomorrow": (
        lambda made: made.schema.update(protocol=99),
        "cannot be built .*protocol 99",
    ),
    "a protocol that is true": (
        lambda made: made.schema.update(protocol=True),
        "protocol 2 or later",
    ),
    "a state that does not fit": (misfit, r"cannot be built \(.*same versions"),
    "an array of objects": (array(pickled_array()), "a pickle of objects"),
    "a pickle instead of an array": (array(pickle.dumps(Canary())), "to be an array"),
    "an array of petabytes": (array(header((10**15,))), "bytes of 0.npy"),
    "an array larger than its bytes": (
        array(header((1000, 1000), data=bytes(80))),
        "the 80 bytes of 0.npy",
    ),
    "an array smaller than its bytes": (
        array(header((1,), data=bytes(80))),
        "the 80 bytes of 0.npy",
    ),
    "a shape below zero": (array(header((-1,))), r"shape \(-1,\)"),
    "two sides below zero": (
        array(header((-2, -5), data=bytes(80))),
        "the 80 bytes of 0.npy",
    ),
    "a shape of NaN": (array(header("(float('nan'),)")), "to be an array"),
    "a shape of fractions": (array(header((1.5,))), "to be an array"),
    "elements of some size": (array(header((10**15,), "|V0")), "elements of some size"),
    "objects in fields": (
        array(header((1,), [("a", "|O")], bytes(8))),
        "a pickle of objects",
    ),
    "a header that is code": (
        array(header("__import__('os').system('touch executed')")),
        "to be an array",
    ),
    "a header of brackets": (array(header("(" * 9000)), "to be an array"),
    "a header of a gigabyte": (
        array(b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**30)),
        "to be an array",
    ),
    "a header of version 3": (array(header((0,), version=(3, 0))), "format 3 of .npy"),
    "an array that is cut off": (array(b"\x93NUMPY"), "to be an array"),
    "a format of tomorrow": (
        lambda made: made.about.update(format=2),
        r"it has format 2, written by skmm '0\.1\.0', .*: update skmm",
    ),
    "no format": (lambda made: made.about.pop("format"), "a format in skmm.json"),
    "a format that is true": (
        lambda made: made.about.update(format=True),
        "a format in skmm.json",
    ),
    "a format of NaN": (
        lambda made: made.about.update(format=float("nan")),
        "a format in skmm.json",
    ),
    "a member too many": (
        lambda made: made.members.update({"99.npy": header((0,))}),
        "the members that the model names",
    ),
    "a member too few": (
        lambda made: made.members.pop(next(iter(made.members))),
        "the members that the model names",
    ),
}


def member(name, data=b"", **attributes):
    """Add a member to the archive as it is written."""
    kind = attributes.pop("compress_type", ZIP_STORED)

    def write(archive):
        info = ZipInfo(name)
        for key, value in attributes.items():
            setattr(info, key, value)
        archive.writestr(info, data, kind)

    return write


LINK = (stat.S_IFLNK | 0o777) << 16
FOLDER = (stat.S_IFDIR | 0o777) << 16
PIPE = (stat.S_IFIFO | 0o777) << 16
ZEROS = header((2**24,), "|u1", bytes(2**24))
ARCHIVES = {
    "a path to the parent": (member("../evil.npy"), r"got '\.\./evil\.npy'"),
    "an absolute path": (member("/evil.npy"), r"got '/evil\.npy'"),
    "a path with a drive": (member("C:\\evil.npy"), "expected members such as"),
    "a folder": (member("0/"), "expected members such as"),
    "a program": (member("evil.py", b"print(1)"), "expected members such as"),
    "a link": (
        member("77.npy", b"/etc/passwd", external_attr=LINK),
        "to be a plain member",
    ),
    "a folder by its attributes": (
        member("77.npy", external_attr=FOLDER),
        "to be a plain member",
    ),
    "a pipe": (member("77.npy", external_attr=PIPE), "to be a plain member"),
    "a bomb of zeros": (
        member("77.npy", ZEROS, compress_type=ZIP_DEFLATED),
        "to be stored as it is",
    ),
    "a member twice": (member("0.npy", header((0,))), "members of different names"),
    "a schema twice": (member("schema.json", b"{}"), "members of different names"),
}


def bomb_of_schema(made, path):
    made.schema = " " * (2**24 + 1)
    return made.write(path)


def large_schema(made, path):
    """A schema that is hardly compressed, and says it is larger than all may be."""
    made.write(path)
    noise = np.random.default_rng(0).integers(32, 127, 2**21, "u1").tobytes()
    data = bytearray(with_schema(path, noise).read_bytes())
    entry = data.index(b"schema.json", data.index(b"PK\x01\x02")) - 46
    data[entry + 24 : entry + 28] = struct.pack("<I", 2**27 + 1)
    path.write_bytes(data)
    return path


def brackets(made, path):
    made.texts = lambda: {"skmm.json": made.about, "schema.json": None}
    made.write(path)
    text = b"[" + b"[]," * 3_000_000 + b"[]]"
    return with_schema(path, text)


def deep(made, path):
    made.write(path)
    return with_schema(path, b"[" * 200_000)


def no_json(made, path):
    made.write(path)
    return with_schema(path, b"\xff\xfe{}")


def with_schema(path, text):
    """Put another schema into an archive."""
    with ZipFile(path) as old:
        members = {n: old.read(n) for n in old.namelist() if n != "schema.json"}
    with ZipFile(path, "w") as archive:
        archive.writestr("schema.json", text, ZIP_DEFLATED)
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def overlapping(made, path):
    """Let all members but one begin where the first does."""
    made.members = {"0.npy": header((10**5,), "|u1", bytes(10**5))}
    made.members |= {f"{i}.npy": made.members["0.npy"] for i in range(1, 50)}
    data = bytearray(made.write(path).read_bytes())
    entries = [m.start() for m in re.finditer(b"PK\x01\x02", data)]
    firsts = [at for at in entries if data[at + 46 : at + 51] == b"0.npy"]
    start = data[firsts[0] + 42 : firsts[0] + 46]
    local = [m.start() for m in re.finditer(b"PK\x03\x04", data)]
    body = data[: local[3]]  # two texts and one array
    directory = bytearray(data[entries[0] :])
    for at in entries:
        at -= entries[0]
        if directory[at + 46 : at + 50] not in (b"skmm", b"sche"):
            directory[at + 42 : at + 46] = start
    end = directory.rindex(b"PK\x05\x06")
    directory[end + 16 : end + 20] = struct.pack("<I", len(body))
    path.write_bytes(body + directory)
    return path


def hidden(made, path):
    """Hide the end of a name behind a zero, where `zipfile` cuts it off."""
    made.members["55.npy-.exe"] = header((0,))
    data = made.write(path).read_bytes()
    path.write_bytes(data.replace(b"55.npy-.exe", b"55.npy\x00.exe"))
    return path


def encrypted(made, path):
    data = bytearray(made.write(path).read_bytes())
    for sign, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        for found in re.finditer(sign, bytes(data)):
            data[found.start() + offset] |= 1
    path.write_bytes(data)
    return path


def bytes_of(content):
    def write(made, path):
        path.write_bytes(content)
        return path

    return write


def cut(share):
    def write(made, path):
        data = made.write(path).read_bytes()
        path.write_bytes(data[: int(len(data) * share)])
        return path

    return write


def flipped(made, path):
    data = bytearray(made.write(path).read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    return path


def plain_zip(made, path):
    with ZipFile(path, "w") as archive:
        archive.writestr("0.npy", header((0,)))
    return path


PICKLE = "it looks like a pickle, which may run any code"
FILES = {
    "a schema of spaces": (bomb_of_schema, "at most 16777216 bytes of schema"),
    "a schema of noise": (large_schema, "at most 134217728 bytes of schema"),
    "a schema of brackets": (brackets, "at most 3000000 parts of schema"),
    "a schema that is deep": (deep, "schema.json to be JSON"),
    "a schema that is no text": (no_json, "schema.json to be JSON"),
    "members that overlap": (overlapping, "members that do not overlap"),
    "a hidden end of a name": (hidden, "expected members such as"),
    "members that are encrypted": (encrypted, "an encrypted member"),
    "a pickle": (bytes_of(pickle.dumps(Canary())), PICKLE),
    "an old pickle": (bytes_of(pickle.dumps(Canary(), 0)), "no file of skmm.save"),
    "nothing": (bytes_of(b""), "no file of skmm.save, or only a part"),
    "half a file": (cut(0.5), "no file of skmm.save, or only a part"),
    "all but a bit of a file": (cut(0.99), "no file of skmm.save, or only a part"),
    "a byte that is flipped": (flipped, BROKEN),
    "a zip file of something": (plain_zip, "which have a skmm.json"),
}


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """Where a harmless model is saved."""
    X = np.random.default_rng(0).normal(size=(30, 3))
    path = tmp_path_factory.mktemp("good") / "good.skmm"
    skmm.save(make_pipeline(StandardScaler()).fit(X), path)
    return path


@pytest.fixture(scope="module")
def corpus(good, archive_type, tmp_path_factory):
    """The path of each file that is made to do harm, by what it is."""
    folder = tmp_path_factory.mktemp("corpus")
    paths = {}
    for i, name in enumerate([*TREES, *ARCHIVES, *FILES]):
        made, path = archive_type(good), folder / f"{i}.skmm"
        if name in TREES:
            TREES[name][0](made)
            made.write(path)
        elif name in ARCHIVES:
            made.write(path)
            with warnings.catch_warnings(), ZipFile(path, "a") as archive:
                warnings.filterwarnings("ignore", "Duplicate name", UserWarning)
                ARCHIVES[name][0](archive)
        else:
            FILES[name][0](made, path)
        paths[name] = path
    return paths


@pytest.fixture(scope="module")
def outcomes(corpus, good, tmp_path_factory):
    """What each file did to a process that loaded it."""
    home = tmp_path_factory.mktemp("victim")
    paths = [good, *corpus.values()]
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", VICTIM, *map(str, paths)],
        cwd=home,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    assert list(home.iterdir()) == []
    lines = map(json.loads, run.stdout.splitlines())
    found = {name: rest for name, *rest in lines}
    names = {path.name: name for name, path in corpus.items()}
    return {names.get(file, "good"): rest for file, rest in found.items()}


def test_a_good_file_is_loaded_in_silence(outcomes):
    outcome, error, events, _ = outcomes["good"]
    assert (outcome, error, events) == ("loaded", None, [])


@pytest.mark.parametrize("name", [*TREES, *ARCHIVES, *FILES])
def test_harm_is_refused_and_nothing_happens(name, outcomes):
    _, message = {**TREES, **ARCHIVES, **FILES}[name]
    outcome, error, events, seconds = outcomes[name]
    assert events == []
    assert outcome == "PersistenceError", error
    assert re.search(message, error, re.DOTALL)
    assert ".skmm: " in error
    assert seconds < 30
