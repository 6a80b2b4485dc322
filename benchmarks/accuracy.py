"""Default skmm, no tuning, on every dataset of a folder.

    python benchmarks/accuracy.py --data FOLDER [--only NAME] [--seeds 1]
                                  [--write benchmarks/RESULTS.md]

Each dataset is a folder with `data.parquet` (a column `split` holds train, val and
test) and `meta.json` (target, task, metric, input columns). The estimator is fitted
on train and val and scored on test, once on all columns and once on the columns of
each modality alone. `INDEX.md` beside the folders says what others reached. Nothing
here depends on the name of a dataset.
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
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.metrics import get_scorer, make_scorer, r2_score

from skmm import MultimodalClassifier, MultimodalRegressor, infer_modalities

SCORERS = {"accuracy": "accuracy", "roc-auc": "roc_auc", "r2": "r2"}
PACKAGES = ("skmm", "sklearn", "keras", "tensorflow", "numpy", "pandas")
FAILED = "FAILED"
END = "<!-- written by hand from here on -->"
HEADER = (
    "dataset", "task", "metric", "skmm", "no skill", "best single modality",
    "seconds", "own baseline", "published",
)  # fmt: skip


@dataclass
class Task:
    """One dataset with one way to score it."""

    name: str
    kind: str  # "binary", "multiclass" or "regression"
    metric: str
    train: pd.DataFrame
    test: pd.DataFrame
    y_train: pd.Series
    y_test: pd.Series
    log: bool = False

    def model(self, seed):
        """Make the estimator as it comes, but for its seed."""
        if self.kind != "regression":
            return MultimodalClassifier(random_state=seed)
        return self._on_log(MultimodalRegressor(random_state=seed))

    def no_skill(self):
        """Make what predicts the majority class, or the mean."""
        if self.kind != "regression":
            return DummyClassifier(strategy="prior")
        return self._on_log(DummyRegressor())

    def _on_log(self, regressor):
        if not self.log:
            return regressor
        return TransformedTargetRegressor(
            regressor, func=np.log1p, inverse_func=np.expm1
        )

    def score(self, model, columns):
        """Fit on these columns alone, score on the test rows."""
        model.fit(self.train[columns], self.y_train)
        scorer = make_scorer(_r2_log) if self.log else get_scorer(SCORERS[self.metric])
        return scorer(model, self.test[columns], self.y_test)


def _r2_log(y_true, y_pred):
    return r2_score(np.log1p(y_true), np.log1p(y_pred))


def tasks(folder):
    """Read one dataset; a regression that also asks for the log gives two tasks."""
    meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    columns, target = list(meta["columns"]), meta["target"]
    data = pd.read_parquet(folder / "data.parquet", columns=[*columns, target, "split"])
    test = data["split"] == "test"
    kind = re.match(r"binary|multiclass|regression", meta["task"])[0]
    metric = min(SCORERS, key=lambda name: _position(name, meta["metric"]))
    parts = (data[~test][columns], data[test][columns])
    parts += (data[~test][target], data[test][target])
    yield Task(meta["name"], kind, metric, *parts)
    if kind == "regression" and "log" in meta["metric"].lower():
        yield Task(meta["name"], kind, metric, *parts, log=True)


def _position(name, text):
    """Where the metric is named first; behind the end where it is not."""
    found = text.lower().find(name)
    return found if found >= 0 else len(text)


def rows(folder, seeds, reference):
    """Cells of each task of a dataset, or of what went wrong with it."""
    tail = [reference.get("own baseline", ""), reference.get("published", "")]
    try:
        for task in tasks(folder):
            metric = f"{task.metric} of log1p" if task.log else task.metric
            yield [task.name, task.kind, metric, *run(task, seeds), *tail]
    except Exception as error:  # the other datasets still run
        traceback.print_exc()
        message = " ".join(f"{type(error).__name__}: {error}".split())
        yield [folder.name, FAILED, message, *[""] * 4, *tail]


def run(task, seeds):
    """Score all columns, no skill and each modality alone; and time the first."""
    columns = list(task.train.columns)
    started = time.perf_counter()
    scores = [task.score(task.model(seed), columns) for seed in range(seeds)]
    seconds = (time.perf_counter() - started) / seeds
    single = {
        name: task.score(task.model(0), members)
        for name, members in grouping(task.train).items()
    }
    best = max(single, key=single.get)
    return [
        _figure(scores),
        f"{task.score(task.no_skill(), columns):.3f}",
        f"{single[best]:.3f} ({best})",
        f"{seconds:.0f}",
    ]


def grouping(frame):
    """Modality name -> columns, as `MultimodalClassifier()` itself decides."""
    columns = infer_modalities(frame).groupby("name", sort=False).groups
    return {name: list(members) for name, members in columns.items()}


def _figure(scores):
    if len(scores) == 1:
        return f"{scores[0]:.3f}"
    return f"{statistics.mean(scores):.3f} ± {statistics.stdev(scores):.3f}"


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
    parser.add_argument("--only", help="name of one dataset")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--write", type=Path, help="markdown file to write")
    options = parser.parse_args()
    if options.write and options.only:
        parser.error("--write keeps whole tables: leave out --only")

    folders = sorted(path.parent for path in options.data.glob("*/meta.json"))
    folders = [f for f in folders if options.only in (None, f.name)]
    if not folders:
        parser.error(f"no dataset {options.only or ''} in {options.data}")

    published = references(options.data)
    table = [markdown(HEADER), markdown(["---"] * len(HEADER))]
    print(*table, sep="\n", flush=True)
    for folder in folders:
        for cells in rows(folder, options.seeds, published.get(folder.name, {})):
            table.append(markdown(cells))
            print(table[-1], flush=True)
    if options.write:
        intro = (
            f"{setting()}; seeds: {options.seeds}. Seconds are one fit and its scoring "
            "on all columns."
        )
        write_section(options.write, "Accuracy", [intro, "\n".join(table)])
    sys.exit(any(f"| {FAILED} |" in row for row in table))


if __name__ == "__main__":
    main()
