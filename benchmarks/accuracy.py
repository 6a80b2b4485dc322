"""Default skmm, no tuning, on every dataset of a folder and four of scikit-learn.

    python benchmarks/accuracy.py --data FOLDER [--only NAME ...] [--seeds 3]
                                  [--write benchmarks/RESULTS.md]

`--write` puts each row into the table as it comes; with `--only`, the others stay.

Each dataset is a folder with `data.parquet`, `meta.json` (target, task, metric, input
columns, what rows belong together) and `CARD.md`. Where the card has cross-validated
baselines, so are these figures: over the folds of the column that `meta.json` calls
predefined, over 5 folds of the groups it names, or over 5 folds of the rows. Otherwise
the estimator is fitted on train and val of the column `split`, and scored on test.
scikit-learn's tables are cross-validated on 5 folds, next to `MLPClassifier` and
`HistGradientBoostingClassifier`, or their regressors, as they come.

Every seed is a fit with nothing but `random_state`, on all columns; the first also fits
the columns of each modality alone. `INDEX.md` beside the folders says what others
reached. Nothing here depends on the name of a dataset.
"""

import argparse
import importlib
import json
import os
import platform
import re
import statistics
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn import datasets
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.metrics import get_scorer, make_scorer, r2_score
from sklearn.model_selection import GroupKFold, KFold, PredefinedSplit, StratifiedKFold
from sklearn.neural_network import MLPClassifier, MLPRegressor

from skmm import MultimodalClassifier, MultimodalRegressor, infer_modalities

# As meta.json calls a metric: as scikit-learn does.
SCORERS = {
    "accuracy": "accuracy",
    "macro_f1": "f1_macro",
    "f1": "f1",
    "pr-auc": "average_precision",
    "average precision": "average_precision",
    "roc-auc": "roc_auc",
    "balanced accuracy": "balanced_accuracy",
    "r2": "r2",
}
PACKAGES = ("skmm", "sklearn", "keras", "tensorflow", "numpy", "pandas")
FAILED = "FAILED"
END = "<!-- written by hand from here on -->"
HEADER = (
    "dataset", "rows", "metric", "skmm", "no skill", "best single modality",
    "seconds a fit", "own baseline", "published", "measured",
)  # fmt: skip
TOYS = {
    "breast cancer": datasets.load_breast_cancer,
    "diabetes": datasets.load_diabetes,
    "digits": datasets.load_digits,
    "wine": datasets.load_wine,
}


@dataclass
class Task:
    """One dataset, how it is split, and how it is scored."""

    name: str
    kind: str  # "binary", "multiclass" or "regression"
    metrics: list[str]  # the first is compared
    X: pd.DataFrame
    y: pd.Series
    folds: list[tuple[np.ndarray, np.ndarray]]
    log: bool = False
    seconds: list[float] = field(default_factory=list)

    @property
    def train(self):
        """Rows to train on, of the first fold."""
        return self.X.iloc[self.folds[0][0]]

    @property
    def test(self):
        """Rows to score on, of the first fold."""
        return self.X.iloc[self.folds[0][1]]

    @property
    def y_train(self):
        """Target of `train`."""
        return self.y.iloc[self.folds[0][0]]

    @property
    def y_test(self):
        """Target of `test`."""
        return self.y.iloc[self.folds[0][1]]

    def model(self, seed):
        """Make the estimator as it comes, but for its seed."""
        return self.choose(MultimodalClassifier, MultimodalRegressor, seed)

    def choose(self, classifier, regressor, seed):
        """Make one of these, on the logarithm of the target where it is asked for."""
        if self.kind != "regression":
            return classifier(random_state=seed)
        model = regressor(random_state=seed)
        if not self.log:
            return model
        return TransformedTargetRegressor(model, func=np.log1p, inverse_func=np.expm1)

    def no_skill(self):
        """Make what predicts the classes' shares, or the mean."""
        if self.kind != "regression":
            return DummyClassifier(strategy="prior")
        return DummyRegressor()

    def scorers(self):
        """List a scorer for each metric."""
        if self.log:
            return [make_scorer(_r2_log)]
        return [get_scorer(SCORERS[metric]) for metric in self.metrics]

    def score(self, make: Callable, columns):
        """Fit a fresh model on each fold; means of the metrics, and seconds a fit."""
        scorers = self.scorers()
        found = []
        self.seconds = []
        for train, test in self.folds:
            started = time.perf_counter()
            model = make().fit(self.X[columns].iloc[train], self.y.iloc[train])
            self.seconds.append(time.perf_counter() - started)
            rows = self.X[columns].iloc[test], self.y.iloc[test]
            found.append([scorer(model, *rows) for scorer in scorers])
        return np.mean(found, axis=0)


def _r2_log(y_true, y_pred):
    return r2_score(np.log1p(y_true), np.log1p(np.maximum(y_pred, 0)))


def tasks(folder):
    """Read one dataset."""
    meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    data = pd.read_parquet(folder / "data.parquet")
    kind = re.match(r"binary|multiclass|regression", meta["task"])[0]
    named = [part.strip().lower() for part in re.split(r"[,;(]", meta["metric"])]
    metrics = [name for name in named if name in SCORERS][:2]
    log = kind == "regression" and "log" in meta["metric"].lower()
    card = (folder / "CARD.md").read_text(encoding="utf-8")
    folds = _folds(data, meta.get("group"), "Cross-validated:" in card)
    X, y = data[list(meta["columns"])], data[meta["target"]]
    if kind == "binary" and not pd.api.types.is_numeric_dtype(y):
        y = (y == y.max()).astype(int)  # average precision asks which is positive
    yield Task(meta["name"], kind, metrics[: 1 if log else 2], X, y, folds, log)


def _folds(data, group, cross_validated):
    """List rows to train on and to score on."""
    if not cross_validated:
        test = (data["split"] == "test").to_numpy()
        return [(np.flatnonzero(~test), np.flatnonzero(test))]
    if group is None:
        return list(KFold(5, shuffle=True, random_state=0).split(data))
    column = data[group.split()[0]]
    if "predefined" in group:
        return list(PredefinedSplit(pd.factorize(column, sort=True)[0]).split())
    return list(GroupKFold(5).split(data, groups=column))


def toys(only):
    """Read scikit-learn's tables."""
    for name, load in TOYS.items():
        if only and name not in only:
            continue
        X, y = load(return_X_y=True, as_frame=True)
        regression = name == "diabetes"
        kind, metric = (
            ("regression", "r2") if regression else ("multiclass", "accuracy")
        )
        split = (KFold if regression else StratifiedKFold)(
            5, shuffle=True, random_state=0
        )
        yield Task(name, kind, [metric], X, y, list(split.split(X, y)))


def toy_rows(task, seeds):
    """Cells of one of scikit-learn's tables, next to scikit-learn's own models."""
    peers = {
        "MLP": (MLPClassifier, MLPRegressor),
        "boosting": (HistGradientBoostingClassifier, HistGradientBoostingRegressor),
    }
    columns = list(task.X.columns)
    shown = []
    for name, kinds in peers.items():
        scores = [
            task.score(lambda s=seed, k=kinds: task.choose(*k, s), columns)[:1]
            for seed in range(seeds)
        ]
        shown.append(f"{name} {_figure(scores)}")
    return [*run(task, seeds, alone=False), ", ".join(shown), ""]


def rows(folder, seeds, reference):
    """Cells of each task of a dataset, or of what went wrong with it."""
    tail = [reference.get("own baseline", ""), reference.get("published", "")]
    try:
        for task in tasks(folder):
            yield [*run(task, seeds), *tail]
    except Exception as error:  # the other datasets still run
        traceback.print_exc()
        message = " ".join(f"{type(error).__name__}: {error}".split())
        yield [folder.name, FAILED, message, *[""] * 4, *tail]


def run(task, seeds, alone=True):
    """Score all columns, no skill and each modality alone; and time the first."""
    columns = list(task.X.columns)
    scores, seconds = [], []
    for seed in range(seeds):
        scores.append(task.score(lambda s=seed: task.model(s), columns))
        seconds += task.seconds
    parts = grouping(task.train) if alone else {}
    single = {
        name: task.score(lambda: task.model(0), members)[0]
        for name, members in parts.items()
        if len(parts) > 1
    }
    best = max(single, key=single.get, default=None)
    how = f"{len(task.folds)} folds" if len(task.folds) > 1 else "split"
    return [
        task.name,
        f"{len(task.X)}, {how}",
        " / ".join(task.metrics) + " of log1p" * task.log,
        _figure(scores),
        f"{task.score(task.no_skill, columns)[0]:.3f}",
        f"{single[best]:.3f} ({best})" if best else "",
        f"{statistics.mean(seconds):.0f}, at most {max(seconds):.0f}",
    ]


def grouping(frame):
    """Modality name -> columns, as `MultimodalClassifier()` itself decides."""
    columns = infer_modalities(frame).groupby("name", sort=False).groups
    return {name: list(members) for name, members in columns.items()}


def _figure(scores):
    """Mean over the seeds of each metric, and the standard deviation."""
    if len(scores) == 1:
        return " / ".join(f"{value:.3f}" for value in scores[0])
    means, spread = np.mean(scores, axis=0), np.std(scores, axis=0, ddof=1)
    return " / ".join(f"{m:.3f} ± {s:.3f}" for m, s in zip(means, spread, strict=True))


def references(data):
    """Dataset name -> what INDEX.md says that others reached."""
    lines = (data / "INDEX.md").read_text(encoding="utf-8").splitlines()
    table = [[c.strip() for c in line.strip("| ").split("|")] for line in lines]
    header, _, *body = [cells for cells in table if len(cells) > 2]
    return {cells[0]: dict(zip(header, cells, strict=True)) for cells in body}


def markdown(cells):
    return "| " + " | ".join(cells) + " |"


def setting():
    """Date, machine and versions."""
    versions = [f"{p} {importlib.import_module(p).__version__}" for p in PACKAGES]
    return (
        f"{date.today()}, {_processor()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, {', '.join(versions)}"
    )


def write_section(path, title, paragraphs):
    """Replace the generated part of one section of a markdown file.

    A section is `# title`, what a script wrote, a line END, and what people wrote.
    """
    page = path.read_text(encoding="utf-8") if path.exists() else ""
    sections = dict(re.findall(r"^# (.+)\n((?:(?!# ).*\n)*)", page, re.MULTILINE))
    by_hand = sections.get(title, "").partition(END)[2]
    sections[title] = "\n" + "\n\n".join([*paragraphs, END]) + (by_hand or "\n")
    text = "\n".join(f"# {t}\n{s.rstrip()}\n" for t, s in sections.items())
    path.write_text(text, encoding="utf-8")


def _processor():
    info = Path("/proc/cpuinfo")
    text = info.read_text(encoding="utf-8") if info.exists() else ""
    found = re.search(r"model name\s*: (.*)", text)
    return found[1] if found else platform.processor()


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", nargs="+", help="names of datasets")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--write", type=Path, help="markdown file to write")
    options = parser.parse_args()
    folders = sorted(path.parent for path in options.data.glob("*/meta.json"))
    only = options.only
    folders = [f for f in folders if not only or f.name in only]
    small = list(toys(only))
    if not folders and not small:
        parser.error(f"no dataset {only or ''} in {options.data}")

    published = references(options.data)
    old = read_rows(options.write, "Accuracy", HEADER) if options.write and only else []
    table = {(cells[0], cells[2]): line for cells, line in old}
    print(*_lines({}), sep="\n", flush=True)
    intro = (
        f"{setting()}; mean ± standard deviation over {options.seeds} seeds, single "
        "modalities one. Seconds are of `fit`, decoding included."
    )
    failed = False
    for cells in _all_rows(folders, small, options.seeds, published):
        failed |= FAILED in cells
        table = {k: v for k, v in table.items() if k[0] != cells[0] or FAILED not in v}
        table[cells[0], cells[2]] = markdown([*cells, str(date.today())])
        print(table[cells[0], cells[2]], flush=True)
        if options.write:
            write_section(options.write, "Accuracy", [intro, "\n".join(_lines(table))])
    sys.exit(failed)


def _all_rows(folders, small, seeds, published):
    for folder in folders:
        yield from rows(folder, seeds, published.get(folder.name, {}))
    for task in small:
        yield toy_rows(task, seeds)


def _lines(table):
    """Lines of the table, its rows in alphabetical order."""
    head = [markdown(HEADER), markdown(["---"] * len(HEADER))]
    return head + [table[key] for key in sorted(table)]


def read_rows(path, title, header):
    """Cells and line of each row of the table that is in a section."""
    page = path.read_text(encoding="utf-8") if path.exists() else ""
    section = page.partition(f"# {title}\n")[2].partition(END)[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    cells = [[c.strip() for c in line.strip("| ").split(" | ")] for line in lines]
    if cells and tuple(cells[0]) != header:
        sys.exit(f"{path} has other columns: write all rows of {title} once")
    return list(zip(cells[2:], lines[2:], strict=True))  # behind the header


if __name__ == "__main__":
    main()
