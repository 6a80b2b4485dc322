"""What some choices in docs/decisions.md gain, measured against their alternatives.

    python benchmarks/choices.py [--only NAME] [--data FOLDER]

`text`, `bag`, `audio`, `pictures`, `networks`, `ending`, `heads`, `aside`, `fusions`,
`swap`, `absence`, `words`, `series` and `moment` read the datasets of FOLDER as
benchmarks/accuracy.py does, or the one that FOLDER is, and are left out without it;
the others need nothing.
Alternatives run interleaved in one process; figures are medians over the runs, or mean
± standard deviation over seeds.
"""

import argparse
import statistics
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from unittest.mock import patch

import keras
import numpy as np
from accuracy import setting, tasks, toys
from scipy.sparse import csr_array
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    StratifiedKFold,
    train_test_split,
)
from sklearn.model_selection import cross_val_score as scored
from sklearn.pipeline import make_pipeline
from tensorflow.python.eager import context

from skmm import (
    BaseNNClassifier,
    BaseNNRegressor,
    ModalityTransformer,
    infer_modalities,
)
from skmm import MultimodalClassifier as Classifier
from skmm import MultimodalRegressor as Regressor
from skmm.datasets import load_spoken_digits, make_multimodal_classification
from skmm.encoders.cnn import CNNEncoder
from skmm.encoders.crnn import CRNNEncoder
from skmm.encoders.embedding_bag import EmbeddingBagEncoder
from skmm.encoders.mlp import MLPEncoder
from skmm.encoders.patch_mixer import PatchMixerEncoder
from skmm.encoders.resnet import ResNetEncoder
from skmm.encoders.series import SeriesEncoder
from skmm.modalities.audio import AudioModality
from skmm.modalities.tabular import TabularModality
from skmm.modalities.text import TextModality
from skmm.training import clear_pool

RUNS = 3
NAMES = (
    "adam",
    "simplify",
    "stacked",
    "sizes",
    "dropout",
    "engines",
    "limit",
    "calibration",
    "text",
    "bag",
    "audio",
    "pictures",
    "networks",
    "ending",
    "heads",
    "aside",
    "words",
    "series",
    "moment",
    "bins",
    "fusions",
    "swap",
    "absence",
    "alone",
)


def interleaved(**alternatives):
    """Call each alternative in turn, RUNS times; medians of what they return."""
    figures = {name: [] for name in alternatives}
    for _ in range(RUNS):
        for name, run in alternatives.items():
            clear_pool()
            figures[name].append(run())
    return {name: statistics.median(values) for name, values in figures.items()}


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


def dropout():
    """Score an MLP with dropout 0.1 and 0.3: five folds, three seeds."""
    tables = [
        (load_breast_cancer, BaseNNClassifier),
        (load_wine, BaseNNClassifier),
        (load_digits, BaseNNClassifier),
        (load_diabetes, BaseNNRegressor),
    ]
    for load, Estimator in tables:
        X, y = load(return_X_y=True)
        folds = StratifiedKFold if Estimator is BaseNNClassifier else KFold
        figures = {}
        for rate in (0.1, 0.3):
            figures[rate] = [
                scored(
                    Estimator(MLPEncoder(dropout=rate), random_state=seed),
                    X,
                    y,
                    cv=folds(5, shuffle=True, random_state=seed),
                ).mean()
                for seed in range(3)
            ]
        shown = ", ".join(
            f"{rate}: {np.mean(v):.3f} ± {np.std(v, ddof=1):.3f}"
            for rate, v in figures.items()
        )
        print(f"dropout: {load.__name__[5:]}: {shown}", flush=True)


def _bag(modality, X, ranked):
    """Count each n-gram, weigh it by its rank or not, and bring rows to length 1."""
    ids = modality.transform(X).array
    rows, places = np.nonzero(ids)
    shape = (len(ids), len(modality.vocabulary_) + 1)
    bag = csr_array((np.ones(len(rows)), (rows, ids[rows, places])), shape)
    if ranked:
        bag = bag.multiply(1 + np.log(np.maximum(np.arange(shape[1]), 1))).tocsr()
    size = np.sqrt(bag.multiply(bag).sum(axis=1))
    return bag.multiply(1 / np.maximum(size, 1)[:, None]).tocsr()


def _texts(frame):
    """List the columns that skmm takes for text."""
    inferred = infer_modalities(frame)
    return list(inferred.index[inferred["modality"] == "text"])


def text(data):
    """Score a linear model on TextModality's ids, and on TfidfVectorizer's output.

    Ids count alike, or by their rank, as EmbeddingBagEncoder weighs them.
    """
    for folder in sorted(path.parent for path in data.glob("*/meta.json")):
        task = next(tasks(folder))
        columns = _texts(task.train) if task.kind == "binary" else []
        if not columns:
            continue
        train, test = task.train[columns], task.test[columns]
        modality = TextModality().fit(train)
        vectorizer = TfidfVectorizer(ngram_range=(1, 2), min_df=2)
        parts = {
            "alike": [_bag(modality, X, False) for X in (train, test)],
            "ranked": [_bag(modality, X, True) for X in (train, test)],
            "tf-idf": (
                vectorizer.fit_transform(train.fillna("").agg(" ".join, axis=1)),
                vectorizer.transform(test.fillna("").agg(" ".join, axis=1)),
            ),
        }
        shown = []
        for kind, (a, b) in parts.items():
            model = LogisticRegression(C=10, max_iter=1000).fit(a, task.y_train)
            auc = roc_auc_score(task.y_test, model.predict_proba(b)[:, 1])
            shown.append(f"{kind} {auc:.3f}")
        print(f"text: {folder.name}: AUC {', '.join(shown)}", flush=True)


def _alike(self, x, ids):
    """Pool tokens as if all of them were as frequent."""
    seen = keras.ops.cast(ids > 0, x.dtype)
    size = keras.ops.sqrt(keras.ops.sum(seen, axis=1, keepdims=True))
    total = keras.ops.sum(x * seen[..., None], axis=1)
    return total / keras.ops.maximum(size, 1)


def bag(data):
    """Score the text encoder, and what it was before: texts alone, three seeds."""
    unranked = {"skmm.layers.RankedPooling.call": _alike}
    full_size = {"skmm.encoders.embedding_bag.EPSILON": 1e-3}
    variants = {
        "alike, full size, dropout .2": (0.2, unranked | full_size),
        "ranked, full size, dropout .2": (0.2, full_size),
        "ranked, full size": (0.5, full_size),
        "alike, small": (0.5, unranked),
        "ranked, small (default)": (0.5, {}),
    }
    settings = {
        name: {
            "encoder": EmbeddingBagEncoder(dropout=rate),
            "early_stopping": True,
            "changes": changes,
        }
        for name, (rate, changes) in variants.items()
    }
    compared("bag", data, settings, "text")


def _scores(task, columns, seed, estimators=(Classifier, Regressor), **settings):
    """Mean over the folds of the metric, and of the log loss or squared error."""
    found = []
    scorer = task.scorers()[0]
    for train, test in task.folds:
        model = task.choose(*estimators, seed)
        getattr(model, "regressor", model).set_params(**settings)
        model.fit(task.X[columns].iloc[train], task.y.iloc[train])
        X, y = task.X[columns].iloc[test], task.y.iloc[test]
        if task.kind == "regression":
            scale = np.log1p if task.log else np.asarray
            loss = np.mean(np.square(scale(y) - scale(model.predict(X))))
        else:
            loss = log_loss(y, model.predict_proba(X), labels=model.classes_)
        found.append((scorer(model, X, y), loss))
    return np.mean(found, axis=0)


def print_scores(label, task, columns, others=None, changes=(), **settings):
    """Print and return the scores of each seed, and what they gain on others'."""
    clear_pool()
    with ExitStack() as stack:
        for target, value in dict(changes).items():
            stack.enter_context(patch(target, value))
        found = np.array([_scores(task, columns, s, **settings) for s in range(RUNS)])
    shown = [f"{label}: {_figures(task, found)}"]
    if others is not None:
        shown.append(f"; difference {_figures(task, found - others, '+')}")
    print("".join(shown), flush=True)
    return found


def _figures(task, found, sign=""):
    score, loss = (
        f"{np.mean(values):{sign}.4f} ± {np.std(values, ddof=1):.4f}"
        for values in found.T
    )
    return f"{task.metrics[0]} {score}, loss {loss}"


def read(data):
    """Read a task for each dataset; without a folder, scikit-learn's tables."""
    if data is None:
        return toys(only=None)
    folders = sorted(path.parent for path in data.glob("*/meta.json"))
    return (next(tasks(folder)) for folder in folders or [data])


def compared(name, data, variants, kind=None, beside=False):
    """Print what settings of the default estimator reach: three seeds, paired.

    On every dataset; or on those that have a modality of this kind, on its columns
    alone or `beside` the others. Of a variant's settings, an encoder or a modality is
    set for this kind, `estimators` are another classifier and regressor, and `changes`
    are values that are patched in. Differences are those from the first variant.
    """
    for task in read(data):
        inferred = infer_modalities(task.X)
        columns = list(task.X.columns)
        own = columns
        if kind is not None:
            own = list(inferred.index[inferred["modality"] == kind])
            columns = columns if beside and own else own
        first = None
        for variant, settings in variants.items() if columns else ():
            if "encoder" in settings:
                names = inferred["name"][own].unique()
                settings = dict(settings)
                encoder = settings.pop("encoder")
                settings["encoders"] = [(n, encoder) for n in names]
            if "modality" in settings:
                kinds = inferred["modality"].to_dict()
                settings = dict(settings)
                kinds |= dict.fromkeys(own, settings.pop("modality"))
                groups = inferred.loc[columns].groupby("name", sort=False).groups
                triples = [(n, kinds[m[0]], list(m)) for n, m in groups.items()]
                settings["modalities"] = triples
            label = f"{name}: {task.name}: {variant}"
            found = print_scores(label, task, columns, first, **settings)
            first = found if first is None else first
    clear_pool()


def networks(data):
    """Score one network, with validation rows and without, and several."""
    variants = {
        "one, all rows": {"early_stopping": False},
        "one, a tenth set apart": {"early_stopping": True},
        "several (default)": {},
    }
    compared("networks", data, variants)


def ending(data):
    """Score trainings of more and less patience, stopped on more and on fewer rows.

    As it comes: patience of 10 and a fifth; from 2,000 rows on, of 5 and a tenth. Until
    anything is learned, a given patience is threefold; as it comes, that of 5 sixfold.
    """
    variants = {
        f"patience of {n}, {part} set apart": {
            "n_iter_no_change": n,
            "changes": {"skmm._neural.MANY_ROWS": many},
        }
        for part, many in (("a fifth", np.inf), ("a tenth", 0))
        for n in (10, 5)
    }
    compared("ending", data, variants)


def heads(data):
    """Score weights of the modalities' own losses; 0 trains the fused one alone."""
    variants = {str(w): {"aux_weight": w} for w in (0.0, 0.2, 1.0)}
    compared("heads", data, {"0.5 (default)": {}} | variants)


def fusions(data):
    """Score fusions with the default's other settings."""
    keys = ("gated", "concat", "late_plus_joint", "product_of_experts")
    compared("fusions", data, {key: {"fusion": key} for key in keys})


def swap(data):
    """Score rates at which another row's embedding is joined."""
    compared("swap", data, {str(r): {"modality_swap": r} for r in (0.0, 0.1, 0.2)})


def absence(data):
    """Score rates at which modalities are taken from rows that are added."""
    rates = (0.0, 0.1, 0.3)
    compared("absence", data, {str(r): {"modality_dropout": r} for r in rates})


def alone():
    """Score fusions of one modality, which have nothing to join: five folds."""
    compared("alone", None, {key: {"fusion": key} for key in ("gated", "concat")})


def aside(data):
    """Score a second network of what is no image and no sound, and none."""
    target = "skmm._many_modalities.ManyModalities._aside"
    variants = {
        "with a second network (default)": {},
        "without": {"changes": {target: lambda *_: []}},
    }
    compared("aside", data, variants)


def words(data):
    """Score encoders and settings of texts beside the other modalities."""
    variants = {
        "default": {},
        "dropout .3": {"encoder": EmbeddingBagEncoder(dropout=0.3)},
        "128 units": {"encoder": EmbeddingBagEncoder(128, 128)},
        "characters": {"modality": TextModality(char_range=(3, 5))},
        "half the learning rate": {"learning_rate": 0.001},
        "text_cnn": {"encoder": "text_cnn"},
    }
    compared("words", data, variants, "text", beside=True)


def series(data):
    """Score summaries of series beside convolutions, and each alone."""
    variants = {
        "convolutions": {"encoder": CNNEncoder()},
        "summaries": {"encoder": SeriesEncoder(filters=0)},
        "summaries of the whole": {"encoder": SeriesEncoder(filters=0, n_parts=0)},
        "both (default)": {"encoder": SeriesEncoder()},
    }
    compared("series", data, variants, "timeseries")


def bins():
    """Score tables with their numbers as waves (0), and in bins: five folds."""
    tables = {
        load_diabetes: (Regressor, KFold, "r2"),
        load_wine: (Classifier, StratifiedKFold, "neg_log_loss"),
        load_breast_cancer: (Classifier, StratifiedKFold, "neg_log_loss"),
    }
    for load, (Estimator, folds, scoring) in tables.items():
        X, y = load(return_X_y=True, as_frame=True)
        for n_bins in (0, 8, 16, 48):
            clear_pool()
            table = [("table", TabularModality(n_bins=n_bins), list(X.columns))]
            found = [
                scored(
                    Estimator(table, ensemble_size=1, random_state=seed),
                    X,
                    y,
                    cv=folds(5, shuffle=True, random_state=seed),
                    scoring=scoring,
                ).mean()
                for seed in range(RUNS)
            ]
            print(
                f"bins: {load.__name__[5:]}: {n_bins}: {scoring} "
                f"{np.mean(found):.3f} ± {np.std(found, ddof=1):.3f}",
                flush=True,
            )


def moment(data):
    """Score one second moment for each table of tokens, and one for each number."""
    target = "skmm.training._optimizers._has_common_moment"
    variants = {
        "one for the table (default)": {},
        "one for each number": {"changes": {target: lambda _: False}},
    }
    compared("moment", data, variants, "text")


def audio(data):
    """Score sounds in coarse and fine bands, by few and many steps, whole and cut."""
    steps = "skmm.modalities.audio.AUTO_STEPS"
    variants = {
        "64 bands, 64 steps (default)": {},
        "32 bands": {"modality": AudioModality(n_mels=32)},
        "128 bands": {"modality": AudioModality(n_mels=128)},
        "128 steps": {"changes": {steps: 128}},
        "without patches": {"changes": {"skmm.encoders.cnn.MANY": np.inf}},
    }
    compared("audio", data, variants, "audio")


def pictures(data):
    """Score image and audio encoders on their columns alone: three seeds, one split."""
    encoders = {
        "cnn": CNNEncoder(),
        "without statistics": CNNEncoder(statistics=False),
        "masked": CNNEncoder(augment=("mask",)),
        "shifted": CNNEncoder(augment=("shift",)),
        "resnet": ResNetEncoder(),
        "patch mixer": PatchMixerEncoder(),
        "crnn": CRNNEncoder(),
    }
    columns = {"esc10": "audio", "avmnist": "image", "covid_cxr": "image"}
    for folder, column in columns.items():
        for name, encoder in encoders.items():
            if "mask" in getattr(encoder, "augment", ()) and column == "image":
                continue
            if "shift" in getattr(encoder, "augment", ()) and column == "audio":
                continue
            task = next(tasks(data / folder))
            scores, seconds = [], []
            for seed in range(RUNS):
                started = time.process_time()
                model = Classifier(encoders=[(column, encoder)], random_state=seed)
                model.fit(task.train[[column]], task.y_train)
                seconds.append(time.process_time() - started)
                right = model.score(task.test[[column]], task.y_test)
                loss = log_loss(task.y_test, model.predict_proba(task.test[[column]]))
                scores.append((right, loss))
            (right, loss), spread = np.mean(scores, 0), np.std(scores, 0, ddof=1)
            print(
                f"pictures: {folder}, {column}: {name}: accuracy {right:.3f} ± "
                f"{spread[0]:.3f}, loss {loss:.3f} ± {spread[1]:.3f}, "
                f"{np.mean(seconds):.0f} s of CPU a fit",
                flush=True,
            )


def _step(X, y, encoder, size, engine):
    """Microseconds of a training step, of a network that was trained before."""
    model = BaseNNClassifier(encoder, epochs=3, batch_size=size, engine=engine)
    model.set_params(early_stopping=False, random_state=0).fit(X, y)
    seconds = model.fit(X, y).fit_report_["seconds_training"]
    return 1e6 * seconds / 3 / (len(X) // size)


def engines():
    """Time a step of both engines by the size of the batch."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((100_000, 100), dtype=np.float32)
    y = (X[:, 0] > 0).astype(int)
    encoders = {
        "1 hidden layer": MLPEncoder(64, hidden_units=(), dropout=0),
        "default layers": MLPEncoder(),
    }
    for name, encoder in encoders.items():
        for size in (32, 128, 256, 512, 1024, 4096):
            rows = slice(min(200, 100_000 // size) * size)
            step = partial(_step, X[rows], y[rows], encoder, size)
            found = interleaved(graph=partial(step, "graph"), xla=partial(step, "xla"))
            graph, xla = found.values()
            print(
                f"engines: {name}, batches of {size}: graph {graph:.0f} µs a step, "
                f"XLA {xla:.0f} µs, {graph / xla:.2f} x"
            )


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


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", choices=NAMES)
    parser.add_argument("--data", type=Path)
    options = parser.parse_args()
    experiments = {
        f.__name__: f
        for f in (
            adam,
            simplify,
            stacked,
            sizes,
            dropout,
            bins,
            alone,
            engines,
            limit,
            calibration,
        )
    }
    if options.data:
        experiments |= {
            "text": partial(text, options.data),
            "bag": partial(bag, options.data),
            "audio": partial(audio, options.data),
            "pictures": partial(pictures, options.data),
            "networks": partial(networks, options.data),
            "ending": partial(ending, options.data),
            "heads": partial(heads, options.data),
            "aside": partial(aside, options.data),
            "words": partial(words, options.data),
            "series": partial(series, options.data),
            "moment": partial(moment, options.data),
            "fusions": partial(fusions, options.data),
            "swap": partial(swap, options.data),
            "absence": partial(absence, options.data),
        }
    print(setting())
    for name, experiment in experiments.items():
        if options.only in (None, name):
            experiment()


if __name__ == "__main__":
    main()
