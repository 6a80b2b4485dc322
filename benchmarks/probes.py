"""What benchmarks/speed.py measures in processes of their own.

    python benchmarks/probes.py NAME ARGUMENT ...

prints one JSON value: the first fit of a process, predictions of one row, memory, and
sweeps over sizes.
"""

import json
import os
import re
import statistics
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # before TensorFlow is imported

import numpy as np
import pandas as pd
import peers
from scipy.special import softmax
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from skmm import BaseNNClassifier, ModalityTransformer, MultimodalClassifier

MB = 2**20
SETTINGS = {  # of the memory's peak
    "skmm": {"batch_size": 4096, "early_stopping": False},
    "stopping": {"batch_size": 4096, "early_stopping": "auto"},
    "default": {"batch_size": "auto", "early_stopping": "auto"},
}
WARMING = 20  # calls on end; the first of each way do not count


def probe(*words):
    """Run a probe in a new process; what it printed last."""
    command = [sys.executable, __file__, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError((done.stderr.splitlines() or ["killed"])[-1])
    return json.loads(done.stdout.splitlines()[-1])


def numbers(n_rows, n_columns):
    """Draw a large table with two classes, without a copy of it on the way."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_rows, n_columns), dtype=np.float32)
    return X, (X @ rng.standard_normal(n_columns, dtype=np.float32) > 0).astype(int)


def first(name, epochs):
    """Time the first fit of this process: seconds and accuracy."""
    return peers.digits_contestants(peers.digits(), int(epochs))[name](0)


def calls(name, n_calls):
    """Time predictions of one row: seconds, and what they differ by.

    Of a frame, or of a dataframe through a pipeline; against Keras' own ways to call
    the network, from arrays; each way in turn calls twenty times on end, as a service
    does.
    """
    rows = peers.mixed(2_000)
    if name == "frame":
        model = peers.skmm_mixed(epochs=1).fit(rows.X, rows.y)
        row = frame = rows.X_test[:1]
        network = model.network_
    else:
        table = pd.DataFrame(rows.X["table"]).add_prefix("x")
        parts = [("table", "tabular", list(table)), ("note", "text", "note")]
        table["note"] = [" ".join(f"w{i}" for i in ids) for ids in rows.X["note"]]
        settings = {"ensemble_size": 1, "epochs": 1, "random_state": 0}
        classifier = MultimodalClassifier(**settings)
        model = make_pipeline(ModalityTransformer(parts), classifier)
        row = table.iloc[[0]]
        frame = model.fit(table, rows.y)[0].transform(row)
        network = model[-1].network_
    arrays = _inputs(network, frame)

    def keras_way(call):
        return lambda: softmax(np.asarray(call(arrays)["logits"]), axis=1)

    ways = {
        "skmm": lambda: model.predict_proba(row),
        "Model.predict": keras_way(partial(network.predict, verbose=0)),
        "Model.predict_on_batch": keras_way(network.predict_on_batch),
    }
    expected = model.predict_proba(row)
    found = {way: [] for way in ways}
    for _ in range(0, WARMING + int(n_calls), WARMING):
        for way, call in ways.items():
            for _ in range(WARMING):
                started = time.perf_counter()
                result = call()
                seconds = time.perf_counter() - started
                found[way].append((seconds, float(abs(result - expected).max())))
    return {way: results[WARMING:] for way, results in found.items()}


def _inputs(network, frame):
    """List a frame's arrays, with the room that a text network has for some more."""
    arrays = []
    for array, x in zip(frame.arrays.values(), network.inputs, strict=False):
        room = [(0, n - m) for m, n in zip(array.shape[1:], x.shape[1:], strict=True)]
        arrays.append(np.pad(array, [(0, 0), *room]))
    return [*arrays, frame.present.astype(np.float32)]


def grow(fits, settled):
    """Fit on data of varying widths and row numbers; megabytes that later fits add.

    Programs are given back sixteen at a time, so that memory goes up and down: the
    highest mark after the first fits is compared with the highest one among them.
    """
    rng = np.random.default_rng(0)
    marks = []
    for _ in range(int(fits)):
        n_rows, n_columns = rng.integers(40, 800), rng.integers(2, 60)
        X, y = numbers(n_rows, n_columns)
        BaseNNClassifier(epochs=2, random_state=0).fit(X, y).predict(X)
        marks.append(_resident() / MB)
    return max(marks[int(settled) :]) - max(marks[: int(settled)])


def top(name, n_rows):
    """Fit on a large array; peak memory above that of the imports, in arrays."""
    before = _resident()
    # The kernel counts the peak from here on: imports have peaks of their own.
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    X, y = numbers(int(n_rows), 40)
    if name == "Model.fit":
        meta = {"n_features_in_": 40, "n_classes_": 2}
        network = peers.compiled(peers.dense_network(meta))
        network.fit(X, y, batch_size=4096, epochs=2, verbose=0)
    else:
        peers.skmm_dense(epochs=2, **SETTINGS[name]).fit(X, y)
    return (_peak() - before) / X.nbytes


def _resident():
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _peak():
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) * 1024


def sweep(runs, pairs):
    """Time fits of (rows, epochs) in turn, after one that does not count; medians."""
    pairs = [tuple(pair) for pair in json.loads(pairs)]
    X, y = numbers(max(n_rows for n_rows, _ in pairs), 40)
    seconds = {pair: [] for pair in pairs}
    for _ in range(1 + int(runs)):
        for n_rows, epochs in pairs:
            model = peers.skmm_dense(epochs=epochs, batch_size=256, random_state=0)
            fit = partial(clone(model).fit, X[:n_rows], y[:n_rows])
            seconds[n_rows, epochs].append(peers.timed(fit)[0])
    return [statistics.median(seconds[pair][1:]) for pair in pairs]


if __name__ == "__main__":
    name, *words = sys.argv[1:]
    probes = {f.__name__: f for f in (first, calls, grow, top, sweep)}
    print(json.dumps(probes[name](*words)))
