"""Whether an ensemble that differs on purpose beats the best of its members.

    python benchmarks/diversity.py [--data FOLDER] [--only NAME ...] [--seeds 3]
                                   [--write docs/diversity.md]

Datasets are read from FOLDER as benchmarks/accuracy.py reads them, and fitted on the
rows of their first split, drawn where there are more than 5,000. Members are single
networks that differ in fusion (`gated`, `concat`, `low_rank`) and seed (two), or in the
seed alone (six) where there is one modality; each is fitted on two thirds of the rows
in turn, and chosen and weighted by what it says of the third that is left. `best
member` is the one that does best there, scored on the test rows as the ensemble is;
`plain mean` is that of all members that have a weight.

Without FOLDER it asks what members cost: ten that differ in their seed, against ten
pipelines fitted on the same folds of the digits that ship, written and spoken: as they
are, and 300 of them as files of photographs of 12 megapixels, beside the same sounds.
In one process pipelines find traced functions in the pool of skmm; where each starts
anew, as in a script of its own, the pool is emptied before it. The import of TensorFlow
is not counted. The three take turns.
"""

import argparse
import io
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
from accuracy import SCORERS, _figure, markdown, setting, tasks, write_section
from fusion import MOST_ROWS
from PIL import Image
from sklearn.metrics import get_scorer, log_loss
from sklearn.model_selection import cross_validate
from sklearn.pipeline import make_pipeline

from skmm import ModalityTransformer, MultimodalClassifier
from skmm._targets import ClassTarget
from skmm.datasets import load_spoken_digits
from skmm.diversity import DiverseEnsembleClassifier
from skmm.inspection._answers import answers_of_logits
from skmm.training import clear_pool

AS_THEY_ARE, PHOTOGRAPHS = "digits", "photographs"
N_PHOTOGRAPHS, SIZE = 300, (4000, 3000)  # in pixels
NAMES = ("covid_cxr", "esc10", "fashion_products", "japanese_vowels", "physionet2012")
HEADER = (
    "data",
    "metric",
    "ensemble",
    "best member",
    "plain mean",
    "members",
    "seconds",
)


def scored(probabilities, y, classes, metric):
    """Score probabilities by a metric, and by their log loss."""
    binary = len(classes) == 2
    probabilities = np.asarray(probabilities, dtype=float)
    probabilities /= probabilities.sum(axis=1, keepdims=True)  # of rounding
    log_p = np.log(np.maximum(probabilities, 1e-12))
    logits = log_p[:, 1:] - log_p[:, :1] if binary else log_p
    target = ClassTarget("binary" if binary else "multiclass", [classes])
    answers = answers_of_logits(target, logits, classes)
    loss = log_loss(y, probabilities, labels=classes)
    return [get_scorer(metric)(answers, np.arange(len(y)), y), loss]


def compared(task, seed):
    """Score the ensemble, its best member, and the plain mean of its members."""
    train, test = task.folds[0]
    if len(train) > MOST_ROWS:
        train = np.random.default_rng(0).choice(train, MOST_ROWS, replace=False)
    transformer = ModalityTransformer(n_jobs=2)
    seen = transformer.fit_transform(task.X.iloc[train], task.y.iloc[train])
    asked, truth = transformer.transform(task.X.iloc[test]), task.y.iloc[test]
    vary = {"fusion": ["gated", "concat", "low_rank"], "seed": 2}
    if len(seen.names) == 1:
        vary = {"seed": 6}
    started = time.perf_counter()
    model = DiverseEnsembleClassifier(
        MultimodalClassifier(), vary, cv=3, random_state=seed
    )
    model.fit(seen, task.y.iloc[train])
    seconds = time.perf_counter() - started
    kept = np.flatnonzero(model.weights_)
    said = [
        np.mean([one.predict_proba(asked) for one in folds], axis=0)
        for folds in model.estimators_
    ]
    losses = np.array(list(model.losses_.values()))
    best = said[int(np.argmin(losses[kept]))]
    metric = SCORERS[task.metrics[0]]
    opinions = (model.predict_proba(asked), best, np.mean(said, axis=0))
    figures = [scored(p, truth, model.classes_, metric) for p in opinions]
    return figures, len(kept), seconds


def row(folder, seeds):
    """Make a line of the table."""
    task = next(tasks(folder))
    found = [compared(task, seed) for seed in range(seeds)]
    figures = np.array([scores for scores, _, _ in found])  # seeds, opinions, scores
    cells = [_figure(figures[:, k].tolist()) for k in range(3)]
    members = " ".join(str(n) for _, n, _ in found)
    seconds = np.median([s for _, _, s in found])
    metric = f"{SCORERS[task.metrics[0]]} / log loss"
    return [task.name, metric, *cells, members, f"{seconds:.0f}"]


def as_photographs(images, folder):
    """Write images as large files, as a camera would, and list their paths."""
    paths = []
    for number, cell in enumerate(images):
        paths.append(str(folder / f"{number}.jpg"))
        small = Image.open(io.BytesIO(cell)).convert("RGB")
        small.resize(SIZE, Image.Resampling.BICUBIC).save(paths[-1], quality=90)
    return paths


def times(X, y, runs):
    """Yield seconds, for each of some runs, of ten members and of ten pipelines."""

    def pipeline(seed=None):
        model = MultimodalClassifier(ensemble_size=1, random_state=seed)
        return make_pipeline(ModalityTransformer(n_jobs=2), model)

    def members():
        clear_pool()
        vary = {"seed": list(range(10))}
        DiverseEnsembleClassifier(pipeline(), vary, cv=2, random_state=0).fit(X, y)

    def pipelines(anew):
        clear_pool()
        for seed in range(10):
            if anew:
                clear_pool()
            cross_validate(pipeline(seed), X, y, cv=2)

    for _ in range(runs):
        found = []
        for fit in (members, partial(pipelines, False), partial(pipelines, True)):
            started = time.perf_counter()
            fit()
            found.append(time.perf_counter() - started)
        yield found


def time_lines(name, runs):
    """Make the table of what members cost, once all runs are through."""
    X, y = load_spoken_digits(return_X_y=True)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        if name == PHOTOGRAPHS:
            X, y = X.iloc[:N_PHOTOGRAPHS], y.iloc[:N_PHOTOGRAPHS]
            X = X.assign(image=as_photographs(X["image"], Path(folder)))
        for seconds in times(X, y, runs):
            print(f"{name}: {', '.join(f'{s:.0f}' for s in seconds)} s", flush=True)
            found.append(seconds)
    found = np.array(found)
    yield markdown(("what", "seconds", "ratio"))
    yield markdown(["---"] * 3)
    what = ("ten members", "ten pipelines, one process", "ten pipelines, each anew")
    middle = np.median(found, axis=0), np.median(found / found[:, :1], axis=0)
    for label, seconds, ratio in zip(what, *middle, strict=True):
        yield markdown((label, f"{seconds:.0f}", f"{ratio:.2f}"))


def _write(path, title, what, lines):
    if path:
        write_section(path, title, [f"{what}. {setting()}.", "\n".join(lines)])


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--only", nargs="+", help="names of datasets")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--write", type=Path, help="markdown file to write")
    options = parser.parse_args()
    if options.data is None:
        what = f"Medians of {options.seeds} turns"
        for name in options.only or (AS_THEY_ARE, PHOTOGRAPHS):
            lines = [*time_lines(name, options.seeds)]
            print(*lines, sep="\n", flush=True)
            _write(options.write, f"Time: {name}", what, lines)
        return
    lines = [markdown(HEADER), markdown(["---"] * len(HEADER))]
    print(*lines, sep="\n", flush=True)
    for name in options.only or NAMES:
        lines.append(markdown(row(options.data / name, options.seeds)))
        print(lines[-1], flush=True)
    what = f"Mean ± standard deviation over {options.seeds} seeds"
    _write(options.write, "Ensembles", what, lines)


if __name__ == "__main__":
    main()
