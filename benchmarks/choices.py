"""What some choices in docs/decisions.md gain in time, and what a temperature gains.

    python benchmarks/choices.py [--only NAME]

Alternatives run interleaved in one process; figures are medians over the runs, or mean
± standard deviation over seeds. benchmarks/defaults.py has what defaults reach.
"""

import argparse
import time
from functools import partial
from unittest.mock import patch

import keras
import numpy as np
import pandas as pd
from accuracy import setting
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from tensorflow.python.eager import context

from skmm import BaseNNClassifier, ModalityTransformer
from skmm import MultimodalClassifier as Classifier
from skmm._compat import layers_of
from skmm.datasets import load_spoken_digits, make_multimodal_classification
from skmm.encoders.mlp import MLPEncoder
from skmm.training import clear_pool

RUNS = 3


def interleaved(**alternatives):
    """Call each alternative in turn, RUNS times; medians of what they return."""
    figures = {name: [] for name in alternatives}
    for _ in range(RUNS):
        for name, run in alternatives.items():
            clear_pool()
            figures[name].append(run())
    return {name: np.median(values, axis=0) for name, values in figures.items()}


def _cpu_of_a_first_fit(X, y):
    started = time.process_time()
    Classifier(ensemble_size=1, epochs=1, random_state=0).fit(X, y)
    return time.process_time() - started


def adam():
    """Time tracing and one epoch with Adam as one operation, and as Keras has it."""
    X, y = make_multimodal_classification(64, random_state=0, return_X_y=True)
    fit = partial(_cpu_of_a_first_fit, X, y)

    def as_keras():
        with patch("skmm.training._optimizers._is_plain_adam", return_value=False):
            return fit()

    fit()  # what TensorFlow loads once
    found = interleaved(one=fit, keras=as_keras)
    print(f"adam: {found['one']:.2f} s of CPU, Keras' own {found['keras']:.2f} s")


def _patched(target, value, run):
    with patch(target, value):
        return run()


def _as_part(label, run, target, value):
    """Print what a run takes as part of what it takes with another value patched in.

    Median and quartiles of nine pairs, as single runs differ by more than is gained.
    """
    run()  # what TensorFlow loads once
    pairs = []
    for _ in range(9):
        clear_pool()
        first = run()
        clear_pool()
        pairs.append((first, _patched(target, value, run)))
    ours, others = np.median(pairs, axis=0)
    low, middle, high = np.percentile([a / b for a, b in pairs], [25, 50, 75])
    print(
        f"{label}: {ours:.2f} s of CPU, {others:.2f} without, ratio {middle:.2f} "
        f"({low:.2f} to {high:.2f})",
        flush=True,
    )


def _few_rows():
    """Yield what modalities are called, rows and classes, of two and of three."""
    several = ("tabular", "text", "image")
    for kinds, n_classes in ((several[:2], 2), (several, 3)):
        X, y = make_multimodal_classification(
            64, modalities=kinds, n_classes=n_classes, random_state=0, return_X_y=True
        )
        yield ", ".join(kinds), X, y


def simplify():
    """Time a first fit whose graphs TensorFlow simplifies once, and as it would."""

    def as_it_would(config, executor):
        return context.context().function_call_options

    for kinds, X, y in _few_rows():
        run = partial(_cpu_of_a_first_fit, X, y)
        target = "skmm.training._call._simplified_once"
        _as_part(f"simplify: {kinds}: a first fit", run, target, as_it_would)


def _cpu_of_epochs(X, y):
    """Seconds of 100 epochs of a network that was trained before."""
    _cpu_of_a_first_fit(X, y)
    started = time.process_time()
    Classifier(ensemble_size=1, epochs=100, random_state=0).fit(X, y)
    return time.process_time() - started


def stacked():
    """Time losses of several opinions as those of one on more rows, and of each."""
    runs = {"a first fit": _cpu_of_a_first_fit, "100 epochs": _cpu_of_epochs}
    for kinds, X, y in _few_rows():
        for what, seconds in runs.items():
            run, target = partial(seconds, X, y), "skmm.training._losses.NARROW"
            _as_part(f"stacked: {kinds}: {what}", run, target, 0)


def _seconds_of_a_search(X, y):
    classifier = Classifier(ensemble_size=1, epochs=2, random_state=0)
    model = make_pipeline(ModalityTransformer(), classifier)
    grid = {"multimodalclassifier__learning_rate": [0.001, 0.002]}
    started = time.perf_counter()
    GridSearchCV(model, grid, cv=4, refit=False).fit(X, y)
    return time.perf_counter() - started


def sizes():
    """Time a search of eight fits, sizes of the data rounded up and as they are."""
    kinds = ("tabular", "text", "timeseries")
    X, y = make_multimodal_classification(
        300, modalities=kinds, random_state=0, return_X_y=True
    )
    # Varied texts, as people's are: the synthetic ones share one small vocabulary.
    rng = np.random.default_rng(0)
    X["text"] = [
        f"{t} {' '.join(f'w{w}' for w in rng.zipf(1.3, rng.integers(1, 9)))}"
        for t in X["text"]
    ]
    search = partial(_seconds_of_a_search, X, y)
    exact = partial(_patched, "skmm._neural.roomy", lambda spec: spec, search)
    search()
    found = interleaved(rounded=search, exact=exact)
    print(f"sizes: rounded {found['rounded']:.1f} s, exact {found['exact']:.1f} s")


def _step(model, X, y, size, engine="xla"):
    """Microseconds of a training step, of a network that was trained before."""
    return _first_and_step(model, X, y, size, engine)[1]


def _first_and_step(model, X, y, size, engine="xla"):
    """Seconds that a network's first fit takes longer, microseconds of a step."""
    model.set_params(epochs=3, batch_size=size, engine=engine, early_stopping=False)
    model.set_params(random_state=0)
    seconds = []
    for _ in range(2):
        started = time.perf_counter()
        report = model.fit(X, y).fit_report_
        seconds.append(time.perf_counter() - started)
    steps = 3 * (len(X) // size)
    return seconds[0] - seconds[1], 1e6 * report["seconds_training"] / steps


def _kinds_of_network(n_rows):
    """Yield what a network is called, an estimator, rows and classes."""
    rng = np.random.default_rng(0)
    words = rng.integers(0, 1000, (n_rows, 8))
    numbers = rng.standard_normal(words.shape).astype(np.float32)
    y = words[:, 0] % 2
    table = pd.DataFrame(numbers).add_prefix("x")
    text = pd.DataFrame({"text": [" ".join(f"w{w}" for w in r) for r in words]})
    parts = [("table", "tabular", list(table)), ("text", "text", ["text"])]
    hidden = MLPEncoder(64, hidden_units=(), dropout=0)
    yield "an array, one hidden layer", BaseNNClassifier(hidden), numbers, y
    yield "an array", BaseNNClassifier(), numbers, y
    one = partial(Classifier, ensemble_size=1)
    yield "a table", one(parts[:1]), table, y
    yield "texts", one(parts[1:]), text, y
    yield "a table and texts", one(parts), table.join(text), y


def engines():
    """Time compiling and a step of both engines, by network and size of the batch.

    XLA is repaid by as many steps as save what a first fit takes longer with it.
    """
    for size in (32, 256, 4096):
        for name, model, X, y in _kinds_of_network(min(60, 40_000 // size) * size):
            clear_pool()
            layers = layers_of(model.set_params(epochs=1).fit(X, y).network_)
            kinds = (keras.Model, keras.layers.InputLayer)
            n_layers = sum(not isinstance(layer, kinds) for layer in layers)
            seconds = partial(_first_and_step, model, X, y, size)
            found = interleaved(graph=partial(seconds, "graph"), xla=seconds)
            (first, graph), (compiling, xla) = found.values()
            longer, saved = compiling - first, graph - xla
            print(
                f"engines: {name}, {n_layers} layers, batches of {size}: graph "
                f"{graph:.0f} µs a step, XLA {xla:.0f} µs, {graph / xla:.2f} x; "
                f"compiling {longer:.1f} s, repaid by {1e6 * longer / saved:.0f} steps",
                flush=True,
            )


def draws():
    """Time a step under XLA by what draws its random numbers, and a graph's step."""
    for size in (32, 256):
        for name, model, X, y in _kinds_of_network(60 * size):
            if name in ("a table", "texts"):
                step = partial(_step, model, X, y, size)
                target = "skmm.layers._random.ALGORITHM"
                philox = partial(_patched, target, "auto_select", step)
                found = interleaved(
                    threefry=step, philox=philox, graph=partial(step, "graph")
                )
                shown = ", ".join(f"{k} {v:.0f} µs" for k, v in found.items())
                print(f"draws: {name}, batches of {size}: a step {shown}", flush=True)


def limit():
    """Time fits that a limit of time ends, against that limit.

    The first fit of each network traces it, which cannot be cut short.
    """
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200_000, 40), dtype=np.float32)
    rows = {
        "200,000 x 40": (BaseNNClassifier, X, (X[:, 0] > 0).astype(int)),
        "1,000 mixed": (
            Classifier,
            *make_multimodal_classification(1000, random_state=0, return_X_y=True),
        ),
        "spoken digits": (Classifier, *load_spoken_digits(return_X_y=True)),
    }
    for name, (kind, X, y) in rows.items():
        for first, seconds in ((True, 2), (False, 2), (False, 10), (False, 30)):
            model = kind(epochs=10**6, time_limit=seconds, early_stopping=True)
            started = time.perf_counter()
            model.set_params(random_state=0).fit(X, y)
            share = (time.perf_counter() - started) / seconds
            print(
                f"limit: {name}: {seconds} s{', first fit' * first}: took {share:.1%} "
                f"of it, {model.n_epochs_} epochs, {model.fit_report_['engine']}"
            )


def calibration():
    """Compare log losses of unseen rows with the temperature and without it."""
    mixed = make_multimodal_classification(2000, random_state=0, return_X_y=True)
    rows = {
        "breast cancer": (BaseNNClassifier, *load_breast_cancer(return_X_y=True)),
        "digits": (BaseNNClassifier, *load_digits(return_X_y=True)),
        "wine": (BaseNNClassifier, *load_wine(return_X_y=True)),
        "2,000 mixed": (Classifier, *mixed),
        "spoken digits": (Classifier, *load_spoken_digits(return_X_y=True)),
    }
    for name, (kind, X, y) in rows.items():
        with_it, without = [], []
        for seed in range(5):
            X_train, X_test, y_train, y_test = train_test_split(
                X, y, random_state=seed, stratify=y
            )
            model = kind(early_stopping=True, calibrate="temperature")
            model.set_params(random_state=seed).fit(X_train, y_train)
            with_it.append(log_loss(y_test, model.predict_proba(X_test)))
            model.temperature_ = 1.0
            without.append(log_loss(y_test, model.predict_proba(X_test)))
        gain = np.subtract(without, with_it)
        print(
            f"calibration: {name}: log loss {np.mean(with_it):.4f}, without "
            f"{np.mean(without):.4f}, gain {gain.mean():.4f} ± {gain.std(ddof=1):.4f}, "
            f"{np.sum(gain > 0)} of {len(gain)} seeds"
        )


EXPERIMENTS = {
    f.__name__: f
    for f in (adam, simplify, stacked, sizes, engines, draws, limit, calibration)
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", choices=EXPERIMENTS)
    options = parser.parse_args()
    print(setting())
    for name, experiment in EXPERIMENTS.items():
        if options.only in (None, name):
            experiment()


if __name__ == "__main__":
    main()
