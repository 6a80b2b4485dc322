"""Write the files of this release that every later one must load.

    python tools/make_fixtures.py [--folder tests/fixtures]

Before a release, from a clean tree: it makes a folder named by the version, which is
kept for ever, and refuses to touch one that is there. The rows are made up here; beside
the models stands what they predict of them. Four models as users make them, and one of
each encoder and each fusion, whose layers must stay what they are.
"""

import argparse
import dataclasses
import json
import os
import shutil
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pandas as pd
from sklearn.compose import TransformedTargetRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import skmm
from skmm import (
    BaseNNClassifier,
    ModalityFrame,
    ModalitySpec,
    ModalityTransformer,
    MultimodalClassifier,
    MultimodalRegressor,
    available,
)
from skmm._components import component_class
from skmm.encoders.embedding_bag import EmbeddingBagEncoder
from skmm.encoders.mlp import MLPEncoder
from skmm.fusion.concat import ConcatFusion

N_ROWS = 40
N_FRAMES = 8
SMALL = {
    "embedding_dim": 4,
    "factor_units": 4,
    "filters": 4,
    "hidden_units": (8,),
    "n_frequencies": 2,
    "num_heads": 2,
    "num_layers": 2,
    "units": 8,
}
SPECS = {
    "table": ModalitySpec(
        "table", "tabular", (6,), "float32", "mlp", cardinalities=(3, 12), n_numbers=2
    ),
    "tokens": ModalitySpec(
        "tokens", "text", (9,), "int32", "embedding_bag", vocabulary_size=20
    ),
    "series": ModalitySpec("series", "timeseries", (12, 3), "float32", "series"),
    "image": ModalitySpec("image", "image", (16, 16, 1), "uint8", "cnn"),
    "sound": ModalitySpec("sound", "audio", (20, 16, 1), "float16", "cnn"),
    "a": ModalitySpec("a", "vector", (3,), "float32", "mlp"),
    "b": ModalitySpec("b", "vector", (5,), "float32", "mlp"),
}
READS = {
    "cnn": "image",
    "crnn": "sound",
    "embedding_bag": "tokens",
    "mlp": "table",
    "patch_mixer": "image",
    "resnet": "image",
    "rnn": "series",
    "series": "series",
    "text_cnn": "tokens",
    "transformer": "tokens",
}
WORDS = ("fever", "cough", "rash", "none", "mild", "strong")


def rows():
    """Give a table with gaps, categories, a day and a text; labels and numbers."""
    rng = np.random.default_rng(0)
    severity = rng.integers(0, 3, N_ROWS)
    X = pd.DataFrame(
        {
            "age": rng.normal(50, 10, N_ROWS).round(1),
            "sex": rng.choice(["F", "M"], N_ROWS),
            "day": pd.date_range("2024-01-01", periods=N_ROWS).strftime("%Y-%m-%d"),
            "note": [
                " ".join([WORDS[s], *rng.choice(WORDS, 4)]) for s in severity.tolist()
            ],
        }
    )
    X.loc[::7, "age"] = np.nan
    X.loc[3::9, "note"] = None
    labels = np.array(["well", "ill", "very ill"])[severity]
    return X, labels, 10.0 + severity + rng.random(N_ROWS)


def models():
    """Name -> a small unfitted model, and which target it learns."""
    settings = {
        "encoders": [
            ("table", MLPEncoder(8, (8,), n_frequencies=2)),
            ("note", EmbeddingBagEncoder(4, 4)),
        ],
        "fusion": ConcatFusion(4),
        "ensemble_size": 1,
        "epochs": 5,
        "random_state": 0,
    }
    triples = [("table", "tabular", ["age", "sex", "day"]), ("note", "text", "note")]
    classifier = MultimodalClassifier(triples, **settings)
    regressor = MultimodalRegressor(triples, **settings)
    pipeline = make_pipeline(
        ModalityTransformer(triples), MultimodalClassifier(**settings)
    )
    grid = {"learning_rate": [0.002, 0.01]}
    return {
        "classifier": (classifier, "labels"),
        "pipeline": (pipeline, "labels"),
        "regressor": (
            TransformedTargetRegressor(regressor, func=np.log1p, inverse_func=np.expm1),
            "numbers",
        ),
        "search": (GridSearchCV(classifier, grid, cv=2), "labels"),
    }


def arrays():
    """Name of a modality -> rows of it, with gaps."""
    rng = np.random.default_rng(0)
    made = {}
    for name, spec in SPECS.items():
        x = rng.normal(size=(N_FRAMES, *spec.shape))
        if spec.kind == "text":
            x = rng.integers(0, spec.vocabulary_size, x.shape)
        elif spec.kind == "image":
            x = rng.integers(0, 256, x.shape)
        elif spec.kind != "tabular":
            x[2, : spec.shape[0] // 2] = np.nan
        for j, n in enumerate(spec.cardinalities, start=4):
            x[:, j] = rng.integers(0, n, N_FRAMES)
        made[name] = x.astype(spec.dtype)
    return made


def frame_of(names, made):
    """Make a frame of some modalities; of several, some rows lack some."""
    present = np.ones((N_FRAMES, len(names)), bool)
    if len(names) > 1:
        present[1, 0] = present[3, 1] = False
    parts = {name: made[name].copy() for name in names}
    for j, name in enumerate(names):
        parts[name][~present[:, j]] = 0
    return ModalityFrame(parts, {name: SPECS[name] for name in names}, present)


def components():
    """Name -> a small unfitted model of each component, and what it reads."""
    settings = {"epochs": 2, "random_state": 0}
    for kind in ("encoder", "fusion"):
        for key in set(available(kind)) - {"pretrained"}:
            kind_of = component_class(kind, key)
            names = kind_of._get_param_names()
            part = kind_of(**{k: v for k, v in SMALL.items() if k in names})
            if kind == "encoder":
                model = BaseNNClassifier(part, **settings)
                yield f"{kind}_{key}", model, [READS[key]]
            else:
                encoders = [("vector", MLPEncoder(8, (), n_frequencies=0))]
                model = MultimodalClassifier(
                    encoders=encoders, fusion=part, ensemble_size=1, **settings
                )
                yield f"{kind}_{key}", model, ["a", "b"]


def write_components(folder):
    folder.mkdir()
    made, y = arrays(), ["yes", "no"] * (N_FRAMES // 2)
    np.savez_compressed(folder / "arrays.npz", **made)
    expected, reads = {}, {}
    for name, model, names in sorted(components(), key=lambda found: found[0]):
        frame = frame_of(names, made)
        model.fit(frame, y)
        expected[name] = model.predict_proba(frame).astype(float).round(8).tolist()
        reads[name] = {
            "specs": [dataclasses.asdict(SPECS[n]) for n in names],
            "present": frame.present.tolist(),
        }
        skmm.save(model, folder / f"{name}.skmm")
        print(f"{name}.skmm", (folder / f"{name}.skmm").stat().st_size, flush=True)
    for name, content in (("expected", expected), ("reads", reads)):
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    default = Path(__file__).parents[1] / "tests" / "fixtures"
    parser.add_argument("--folder", type=Path, default=default)
    parser.add_argument("--replace", action="store_true", help="before a release only")
    options = parser.parse_args()
    folder = options.folder / skmm.__version__
    if folder.exists() and not options.replace:
        raise SystemExit(f"{folder} is there, and its files are kept for ever.")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    X, labels, numbers = rows()
    X.to_csv(folder / "rows.csv", index=False)
    X = pd.read_csv(folder / "rows.csv")  # as the tests will see them
    expected = {}
    for name, (model, target) in models().items():
        model.fit(X, labels if target == "labels" else numbers)
        method = getattr(model, "predict_proba", model.predict)
        expected[name] = np.asarray(method(X), np.float64).round(8).tolist()
        skmm.save(model, folder / f"{name}.skmm")
        print(f"{name}.skmm", (folder / f"{name}.skmm").stat().st_size, flush=True)
    text = json.dumps(expected)
    (folder / "expected.json").write_text(text, encoding="utf-8")
    write_components(folder / "components")


if __name__ == "__main__":
    main()
