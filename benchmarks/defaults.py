"""What defaults of training, encoders and fusion reach, against their alternatives.

    python benchmarks/defaults.py --only NAME [--data FOLDER]

Three seeds, paired, everything else as it comes. FOLDER holds datasets as
benchmarks/accuracy.py reads them, or is one; without it: scikit-learn's tables.
"""

import argparse
import hashlib
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import keras
import numpy as np
from accuracy import setting, tasks, toys
from scipy.sparse import csr_array
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from tabm import TabMClassifier, TabMRegressor

from skmm import MultimodalClassifier as Classifier
from skmm import MultimodalRegressor as Regressor
from skmm import infer_modalities
from skmm.encoders.cnn import CNNEncoder
from skmm.encoders.embedding_bag import EmbeddingBagEncoder
from skmm.encoders.mlp import MLPEncoder
from skmm.encoders.series import SeriesEncoder
from skmm.fusion.gated import GatedFusion
from skmm.modalities.audio import AudioModality
from skmm.modalities.tabular import TabularModality
from skmm.modalities.text import TextModality
from skmm.training import clear_pool

SEEDS = 3


def _scores(task, columns, seed, estimators=(Classifier, Regressor), **settings):
    """Mean over the folds of the metric, of the loss, and of a fit's CPU seconds.

    The loss is the log loss, or the squared error.
    """
    found = []
    scorer = task.scorers()[0]
    for train, test in task.folds:
        model = task.choose(*estimators, seed)
        getattr(model, "regressor", model).set_params(**settings)
        started = time.process_time()
        model.fit(task.X[columns].iloc[train], task.y.iloc[train])
        seconds = time.process_time() - started
        X, y = task.X[columns].iloc[test], task.y.iloc[test]
        if task.kind == "regression":
            scale = np.log1p if task.log else np.asarray
            loss = np.mean(np.square(scale(y) - scale(model.predict(X))))
        else:
            loss = log_loss(y, model.predict_proba(X), labels=model.classes_)
        found.append((scorer(model, X, y), loss, seconds))
    return np.mean(found, axis=0)


def _print_scores(label, task, columns, others=None, changes=(), **settings):
    """Print and return the scores of each seed, and what they gain on others'."""
    clear_pool()
    with ExitStack() as stack:
        for target, value in dict(changes).items():
            stack.enter_context(patch(target, value))
        found = [_scores(task, columns, s, **settings) for s in range(SEEDS)]
    found = np.array(found)
    scores, seconds = found[:, :2], found[:, 2].mean()
    shown = f"{label}: {_figures(task, scores)}"
    if others is not None:
        shown += f"; difference {_figures(task, scores - others, '+')}"
    print(f"{shown}; {seconds:.1f} s of CPU a fit", flush=True)
    return scores


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


def _columns_of(kind, inferred):
    return list(inferred.index[inferred["modality"] == kind])


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
            own = _columns_of(kind, inferred)
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
            found = _print_scores(label, task, columns, first, **settings)
            first = found if first is None else first
    clear_pool()


def training(data):
    """Score optimizers, step sizes, schedules, epochs, batches and weight decays."""
    sizes = (64, 128, 512) if data else (16, 64)
    variants = {
        "default": {},
        "step size of .001": {"learning_rate": 0.001},
        "step size of .004": {"learning_rate": 0.004},
        "constant step size": {"schedule": "constant"},
        "25 epochs": {"epochs": 25},
        "100 epochs": {"epochs": 100},
        **{f"batches of {n}": {"batch_size": n} for n in sizes},
        "no weight decay": {"weight_decay": 0.0},
        "weight decay of .01": {"weight_decay": 0.01},
        "weight decay of .1": {"weight_decay": 0.1},
        "gradients not clipped": {"changes": {"skmm.training._optimizers.CLIP": None}},
        "rmsprop": {"optimizer": "rmsprop"},
        "lion, .0005": {"optimizer": "lion", "learning_rate": 0.0005},
        "sgd, .1": {"optimizer": "sgd", "learning_rate": 0.1},
    }
    compared("training", data, variants)


def _mean_and_deviation(numbers):
    known = numbers[~np.isnan(numbers)]
    return (known.mean(), known.std() or np.inf) if len(known) else (0.0, np.inf)


def table(data):
    """Score layers of the encoder of tables, and what they read: the table alone."""
    encoders = {
        "default": MLPEncoder(),
        "one hidden layer": MLPEncoder(hidden_units=(128,)),
        "three of 256 units": MLPEncoder(hidden_units=(256, 256, 256)),
        "silu": MLPEncoder(activation="silu"),
        "dropout .1": MLPEncoder(dropout=0.1),
        "dropout .5": MLPEncoder(dropout=0.5),
        "embedding of 32": MLPEncoder(32),
        "embedding of 128": MLPEncoder(128),
        "numbers as they are": MLPEncoder(n_frequencies=0),
        "32 frequencies": MLPEncoder(n_frequencies=32),
    }
    modalities = {
        "categories all as vectors": TabularModality(max_one_hot=0),
        "up to 50 one-hot": TabularModality(max_one_hot=50),
        "categories of one row on": TabularModality(min_frequency=1),
        "in 8 bins": TabularModality(n_bins=8),
        "in 16 bins": TabularModality(n_bins=16),
        "in 48 bins": TabularModality(n_bins=48),
    }
    changes = {
        "numbers not clipped": {"skmm.modalities.tabular.CLIP": np.inf},
        "mean and deviation": {
            "skmm.modalities.tabular._center_and_scale": _mean_and_deviation
        },
    }
    variants = {name: {"encoder": encoder} for name, encoder in encoders.items()}
    variants |= {name: {"modality": modality} for name, modality in modalities.items()}
    variants |= {name: {"changes": change} for name, change in changes.items()}
    compared("table", data, variants, "tabular")


def images(data):
    """Score convolutions with and without patches and statistics, on images alone."""
    cheap, side = "skmm.encoders.cnn.CHEAP", "skmm.modalities.image.AUTO_SIDE"
    variants = {
        "default": {},
        "without patches": {"changes": {"skmm.encoders.cnn.MANY": np.inf}},
        "without statistics": {"encoder": CNNEncoder(statistics=False)},
        "stepping over from 256 places": {"changes": {cheap: 256}},
        "stepping over from 1,024": {"changes": {cheap: 1024}},
        "32 filters": {"encoder": CNNEncoder(filters=32)},
        "dropout .3": {"encoder": CNNEncoder(dropout=0.3)},
        "32 pixels": {"changes": {side: 32}},
        "96 pixels": {"changes": {side: 96}},
    }
    compared("images", data, variants, "image")


def gate(data):
    """Score widths and dropouts of the default fusion."""
    fusions = {
        "32 units": GatedFusion(32),
        "128 units": GatedFusion(128),
        "no dropout": GatedFusion(dropout=0.0),
        "dropout .3": GatedFusion(dropout=0.3),
    }
    variants = {name: {"fusion": fusion} for name, fusion in fusions.items()}
    compared("gate", data, {"default": {}} | variants)


def members(data):
    """Score several networks, and members that share weights: on the table alone."""
    tabm = TabMClassifier, TabMRegressor
    variants = {
        "several networks (default)": {},
        "one network": {
            "ensemble_size": 1,
            "early_stopping": True,
            "validation_fraction": 0.2,
        },
        "one TabM of 16 members": {"estimators": tabm, "n_networks": 1},
        "five TabMs of 16 members": {"estimators": tabm},
    }
    compared("members", data, variants, "tabular")


class _WholeCells(TextModality):
    """Have a word more in each text, which stands for the whole of it."""

    def _cells(self, X, on_error):
        columns = super()._cells(X, on_error)
        return [[c and f"{c} {_word(c)}" for c in cells] for cells in columns]


def _word(cell):
    digest = hashlib.blake2b(cell.lower().encode(), digest_size=8).hexdigest()
    return digest.translate(str.maketrans("0123456789", "ghijklmnop"))


def texts(data):
    """Score which n-grams of texts are known, on texts alone."""
    modalities = {
        "default": TextModality(),
        "of one row on": TextModality(min_df=1),
        "of five rows on": TextModality(min_df=5),
        "words alone": TextModality((1, 1)),
        "up to three words": TextModality((1, 3)),
        "5,000 n-grams": TextModality(max_features=5000),
        "characters too": TextModality(char_range=(3, 4)),
        "whole cells too": _WholeCells(),
    }
    variants = {name: {"modality": modality} for name, modality in modalities.items()}
    compared("texts", data, variants, "text")


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


def ranks(data):
    """Score a linear model on TextModality's ids, and on TfidfVectorizer's output.

    Ids count alike, or by their rank, as EmbeddingBagEncoder weighs them.
    """
    for task in read(data):
        columns = _columns_of("text", infer_modalities(task.train))
        if not columns or task.kind != "binary":
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
        print(f"ranks: {task.name}: AUC {', '.join(shown)}", flush=True)


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
        "ranked, small (default)": (0.5, {}),
        "alike, small": (0.5, unranked),
        "ranked, full size": (0.5, full_size),
        "ranked, full size, dropout .2": (0.2, full_size),
        "alike, full size, dropout .2": (0.2, unranked | full_size),
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
    """Score encoders of images, and of sounds, on these alone."""
    encoders = {
        "cnn (default)": CNNEncoder(),
        "without statistics": CNNEncoder(statistics=False),
        "resnet": "resnet",
        "patch mixer": "patch_mixer",
        "crnn": "crnn",
    }
    augmented = {
        "image": {"shifted": CNNEncoder(augment=("shift",))},
        "audio": {"masked": CNNEncoder(augment=("mask",))},
    }
    for kind, more in augmented.items():
        variants = {name: {"encoder": e} for name, e in (encoders | more).items()}
        compared("pictures", data, variants, kind)


def series(data):
    """Score summaries of series beside convolutions, and each alone."""
    variants = {
        "both (default)": {"encoder": SeriesEncoder()},
        "convolutions": {"encoder": CNNEncoder()},
        "summaries": {"encoder": SeriesEncoder(filters=0)},
        "summaries of the whole": {"encoder": SeriesEncoder(filters=0, n_parts=0)},
    }
    compared("series", data, variants, "timeseries")


def networks(data):
    """Score one network, with validation rows and without, and several."""
    variants = {
        "several (default)": {},
        "one, all rows": {"early_stopping": False},
        "one, a tenth set apart": {"early_stopping": True},
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
    """Score weights of the modalities' own losses, a start with them, and no guard.

    A weight of 0 trains the fused network alone.
    """
    variants = {str(w): {"aux_weight": w} for w in (0.0, 0.2, 1.0)}
    variants |= {f"{n} epochs before": {"pretrain_epochs": n} for n in (5, 20)}
    variants["without guard"] = {"guard": False}
    compared("heads", data, {"0.5 (default)": {}} | variants)


def fusions(data):
    """Score fusions with the default's other settings."""
    keys = ("gated", "concat", "late_plus_joint", "product_of_experts")
    compared("fusions", data, {key: {"fusion": key} for key in keys})


def alone(data):
    """Score fusions of one modality, which have nothing to join: of tables alone."""
    variants = {key: {"fusion": key} for key in ("gated", "concat")}
    compared("alone", data, variants, "tabular")


def swap(data):
    """Score rates at which another row's embedding is joined.

    As it comes it is .1, and 0 for numbers.
    """
    variants = {str(rate): {"modality_swap": rate} for rate in (0.0, 0.1, 0.2)}
    compared("swap", data, {"default": {}} | variants)


def absence(data):
    """Score rates at which modalities are taken from rows that are added."""
    variants = {str(rate): {"modality_dropout": rate} for rate in (0.0, 0.3)}
    compared("absence", data, {"0.1 (default)": {}} | variants)


def aside(data):
    """Score a second network of what is no image and no sound, and none."""
    target = "skmm._many_modalities.ManyModalities._aside"
    variants = {
        "with a second network (default)": {},
        "without": {"changes": {target: lambda *_: []}},
    }
    compared("aside", data, variants)


def curve(data):
    """Score the estimator on a quarter and on half of the training rows."""
    for task in read(data):
        for part in (4, 2):
            draw = np.random.RandomState(0).permutation
            folds = [(draw(a)[: len(a) // part], b) for a, b in task.folds]
            label = f"curve: {task.name}: {len(folds[0][0])} rows"
            fewer = replace(task, folds=folds)
            _print_scores(label, fewer, list(task.X.columns))


EXPERIMENTS = {
    f.__name__: f
    for f in (
        training,
        table,
        images,
        gate,
        members,
        texts,
        ranks,
        bag,
        words,
        moment,
        audio,
        pictures,
        series,
        networks,
        ending,
        heads,
        fusions,
        alone,
        swap,
        absence,
        aside,
        curve,
    )
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", choices=EXPERIMENTS, required=True)
    parser.add_argument("--data", type=Path)
    options = parser.parse_args()
    print(setting(), flush=True)
    EXPERIMENTS[options.only](options.data)


if __name__ == "__main__":
    main()
