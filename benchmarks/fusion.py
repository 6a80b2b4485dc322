"""Every fusion, on data that are clean, noised and missing, and on a pure interaction.

    python benchmarks/fusion.py [--data FOLDER] [--only NAME ...] [--rows NAME ...]
                                [--seeds 3] [--write docs/fusion.md]

`spoken digits` and `interaction` need nothing; the other datasets are read from FOLDER
as benchmarks/accuracy.py reads them, and fitted on the rows of its first split, drawn
where there are more than 2,000: each dataset takes 70 fits. `--write` puts each row
into its table as it comes; with `--rows`, the others stay.

Each fit is one network with the fusion's defaults, whose own decision is scored
(`ensemble_size=1, guard=False`): a fusion cannot hide behind the heads of its
modalities. Other rows say what else matters: each modality alone, the estimator as it
comes, and both `concat` and `gated` and the estimator without modality dropout. One
modality is made worse at prediction, each in turn, and the figures are means over
these:

- noised: every pixel by a normal error of 64 of 255, every other number by one of the
  standard deviation of its modality, half of the words by another word, half of the
  table's cells by those of other rows;
- missing: 30 % and 60 % of its cells.

`interaction` has two modalities that tell nothing by themselves and everything
together, so that 1 is the best that is possible. What a fusion is able to learn is
asked without modality dropout and swaps, which take the little that there is away;
`gated` and `attention` are in it with these as well.
"""

import argparse
import time
import warnings
from datetime import date
from pathlib import Path

import numpy as np
from accuracy import (
    SCORERS,
    _figure,
    markdown,
    read_rows,
    setting,
    tasks,
    write_section,
)
from sklearn.metrics import get_scorer
from sklearn.model_selection import GroupKFold, train_test_split

from skmm import ModalityFrame, ModalityTransformer, MultimodalClassifier, available
from skmm._components import component_class
from skmm.datasets import load_spoken_digits, make_multimodal_classification
from skmm.exceptions import FusionWarning, MissingModalityWarning

FROM_FOLDER = ("avmnist", "fashion_products", "covid_cxr")
DIGITS, PAIRS = "spoken digits", "interaction"
CONDITIONS = ("clean", "noised", "30 % missing", "60 % missing")
HEADER = ("fusion", "family", *CONDITIONS, "weights", "seconds a fit", "measured")
MOST_ROWS = 2000  # that are fitted on
SHARES = {"30 % missing": 0.3, "60 % missing": 0.6}


def noised(frame, name, rng):
    """Make one modality of a frame worse."""
    array, spec = frame.arrays[name], frame.specs[name]
    if spec.vocabulary_size:
        other = rng.integers(1, spec.vocabulary_size, array.shape)
        worse = np.where((rng.random(array.shape) < 0.5) & (array > 0), other, array)
    elif spec.kind == "tabular":
        other = np.take_along_axis(array, rng.random(array.shape).argsort(axis=0), 0)
        worse = np.where(rng.random(array.shape) < 0.5, other, array)
    elif spec.dtype == "uint8":
        worse = np.clip(array + rng.normal(0, 64, array.shape), 0, 255)
    else:
        size = np.nanstd(array.astype(float))
        worse = array + rng.normal(0, size, array.shape)
    arrays = {**frame.arrays, name: worse.astype(array.dtype)}
    return ModalityFrame(arrays, frame.specs, frame.present)


def missing(frame, name, share, rng):
    """Take one modality away from a share of the rows."""
    present = frame.present.copy()
    present[rng.random(len(frame)) < share, frame.names.index(name)] = False
    return ModalityFrame(frame.arrays, frame.specs, present)


def conditions(frame):
    """Name of each condition -> the frames to score on; the same for every fusion."""
    rng = np.random.default_rng(0)
    found = {"clean": [frame], "noised": [noised(frame, m, rng) for m in frame.names]}
    for condition, share in SHARES.items():
        found[condition] = [missing(frame, m, share, rng) for m in frame.names]
    return found


def digits():
    """Frames and labels of the digits that ship with skmm; new voices in the test."""
    data = load_spoken_digits()
    train, test = next(GroupKFold(3).split(data.data, groups=data.groups))
    return *encoded(data.data, data.target, train, test), "accuracy"


def pairs():
    """Frames and labels of two modalities that tell nothing by themselves."""
    X, y = make_multimodal_classification(
        4000,
        modalities=("tabular", "text"),
        informative=0,
        interaction=1,
        random_state=0,
        return_X_y=True,
    )
    rows = train_test_split(np.arange(len(y)), random_state=0)
    return *encoded(X, y, *rows), "accuracy"


def of_folder(folder):
    """Frames and labels of a dataset's first split."""
    task = next(tasks(folder))
    train, test = task.folds[0]
    if len(train) > MOST_ROWS:
        train = np.random.default_rng(0).choice(train, MOST_ROWS, replace=False)
    return *encoded(task.X, task.y, train, test), SCORERS[task.metrics[0]]


def encoded(X, y, train, test):
    """Turn rows into frames, by what the training rows tell."""
    X_train, X_test = X.iloc[train], X.iloc[test]
    transformer = ModalityTransformer(n_jobs=2)
    frame = transformer.fit_transform(X_train, y.iloc[train])
    return frame, y.iloc[train], transformer.transform(X_test), y.iloc[test]


def variants(names, pure):
    """Name -> family, parameters and modalities of what is compared."""
    one = {"ensemble_size": 1, "guard": False}
    quiet = {"modality_dropout": 0.0, "modality_swap": 0.0} if pure else {}
    found = {
        key: (
            component_class("fusion", key).family,
            {"fusion": key, **one, **quiet},
            None,
        )
        for key in available("fusion")
    }
    if pure:
        for key in ("gated", "attention"):
            found[f"{key}, with dropout and swaps"] = ("", {"fusion": key, **one}, None)
        found["as it comes"] = ("", {}, None)
    else:
        for key in ("concat", "gated"):
            without = {"fusion": key, "modality_dropout": 0.0, **one}
            found[f"{key}, no modality dropout"] = ("", without, None)
        found["as it comes"] = ("", {}, None)
        without = {"modality_dropout": 0.0}
        found["as it comes, no modality dropout"] = ("", without, None)
    for name in names:
        found[f"{name} alone"] = ("", one, [name])
    return found


def compare(data, compared, seeds):
    """Yield the cells of each row."""
    train, y_train, test, y_test, metric = data
    scorer = get_scorer(metric)
    frames = conditions(test)
    for name, (family, settings, only) in compared.items():
        scores, seconds = [], []
        for seed in range(seeds):
            model = MultimodalClassifier(random_state=seed, **settings)
            started = time.perf_counter()
            model.fit(train if only is None else train.select(only), y_train)
            seconds.append(time.perf_counter() - started)
            shown = {"clean": [test.select(only)]} if only else frames
            scores.append(
                [np.mean([scorer(model, f, y_test) for f in shown[c]]) for c in shown]
            )
        cells = _figure(scores).split(" / ")
        cells += [""] * (len(CONDITIONS) - len(cells))
        n_weights = f"{model.network_.count_params():,}"
        spent = f"{np.median(seconds):.0f}"
        yield [name, family, *cells, n_weights, spent, str(date.today())]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--only", nargs="+", help="names of datasets")
    parser.add_argument("--rows", nargs="+", help="names of rows of the table")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--write", type=Path, help="markdown file to write")
    options = parser.parse_args()
    warnings.simplefilter("ignore", FusionWarning)
    warnings.simplefilter("ignore", MissingModalityWarning)
    sources = {DIGITS: digits, PAIRS: pairs}
    for name in FROM_FOLDER if options.data else ():
        sources[name] = lambda name=name: of_folder(options.data / name)
    for name, read in sources.items():
        if options.only and name not in options.only:
            continue
        data = read()
        everything = variants(data[0].names, name == PAIRS)
        compared = {
            key: variant
            for key, variant in everything.items()
            if options.rows is None or key in options.rows
        }
        if not compared:
            parser.error(f"no such rows of {name}: there are {', '.join(everything)}")
        old = options.write and options.rows and read_rows(options.write, name, HEADER)
        table = {cells[0]: line for cells, line in old or ()}
        head = [markdown(HEADER), markdown(["---"] * len(HEADER))]
        intro = (
            f"{data[-1]}, mean ± standard deviation over {options.seeds} seeds, "
            f"{len(data[1])} rows trained on, {len(data[3])} scored. {setting()}."
        )
        print(f"\n{name}, {data[-1]}\n", *head, sep="\n", flush=True)
        for row in compare(data, compared, options.seeds):
            table[row[0]] = markdown(row)
            print(table[row[0]], flush=True)
            if options.write:
                lines = [*head, *(table[key] for key in everything if key in table)]
                write_section(options.write, name, [intro, "\n".join(lines)])


if __name__ == "__main__":
    main()
