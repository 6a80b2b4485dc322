"""What defaults of training and of encoders reach, against their alternatives.

    python benchmarks/defaults.py --only NAME [--data FOLDER]

Three seeds, paired, everything else as it comes. FOLDER holds datasets, or is one, as
benchmarks/choices.py reads them; without it, scikit-learn's tables are read.
"""

import argparse
import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
from accuracy import setting
from choices import compared, print_scores, read
from tabm import TabMClassifier, TabMRegressor

from skmm.encoders.cnn import CNNEncoder
from skmm.encoders.mlp import MLPEncoder
from skmm.fusion.gated import GatedFusion
from skmm.modalities.tabular import TabularModality
from skmm.modalities.text import TextModality


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
        "words alone": TextModality((1, 1)),
        "up to three words": TextModality((1, 3)),
        "5,000 n-grams": TextModality(max_features=5000),
        "of one row on": TextModality(min_df=1),
        "of five rows on": TextModality(min_df=5),
        "characters too": TextModality(char_range=(3, 4)),
        "whole cells too": _WholeCells(),
    }
    variants = {name: {"modality": modality} for name, modality in modalities.items()}
    compared("texts", data, variants, "text")


def curve(data):
    """Score the estimator on a quarter and on half of the training rows."""
    for task in read(data):
        for part in (4, 2):
            draw = np.random.RandomState(0).permutation
            folds = [(draw(a)[: len(a) // part], b) for a, b in task.folds]
            label = f"curve: {task.name}: {len(folds[0][0])} rows"
            fewer = replace(task, folds=folds)
            print_scores(label, fewer, list(task.X.columns))


EXPERIMENTS = {
    f.__name__: f for f in (training, table, images, gate, members, texts, curve)
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
