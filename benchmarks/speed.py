"""skmm against its peers, in seconds and megabytes: one table of ratios.

    python benchmarks/speed.py [--only S1 S4] [--runs 5] [--quick]
                               [--plot docs/images/speed_scaling.png]
                               [--write benchmarks/RESULTS.md]

Rows are those of the issue "Speed". How fairness is held:

- Both sides have the same layers, Adam with a step size of 0.001 (AdamW with
  searched values in S3), batches of 32, shuffled rows, the same number of epochs, and
  float32; skmm and scikeras are given the same builder function, skmm and
  `Model.fit` in S4 the same encoders.
- What skmm does on top is off: schedule, weight decay, early stopping, dropout,
  auxiliary losses. Gradients are not clipped on any side, since Adam is given as an
  instance; in S3 skmm's "adamw" clips to a norm of 1, so scikeras and skorch do too.
- Contestants take turns (A B C A B C ...) in one process, after one run of each that
  does not count, and the table shows medians. One that needs more than a minute runs
  once, and the table says so. S2, S8, S9 and S10 run in processes of their own.
- Beside each time stands what it bought: the accuracy on a held-out quarter (S3: the
  best one of the cross-validation).
- `Model.fit` is a new model each time, made and compiled outside the time, so that it
  traces anew, as it does in each fold of a cross-validation. `Model.fit, traced` is one
  model fitted again with its weights and its optimizer put back: the hardest reading.
  PyTorch runs with its own number of threads and with one: its threads spin while they
  wait, which costs a factor of ten and more on cores that others use too. A target
  holds for each reading of a peer.
- Left as they come: threads of TensorFlow and BLAS, Keras' `jit_compile`.
  scikit-learn's `alpha`, the counterpart of weight decay, is an L2 penalty.
- skmm's network in S4 has one learned vector per modality more than its twins, which
  stands in for absent ones; it is never used here, but its place is computed.
- S6: where skmm updates only the rows of the embedding table that a batch touches,
  Adam's momentum does not move the others, which Keras' Adam does. Word frequencies
  fall as in Zipf's law, so that a batch touches few rows.
- S7: "differs by" is the mean distance from Pillow's plain pixels, of 255 levels.
"""

import argparse
import io
import json
import os
import statistics
import sys
import tempfile
import traceback
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # before TensorFlow is imported

import numpy as np
import pandas as pd
import peers
import torch
from accuracy import markdown, setting, write_section
from PIL import Image
from probes import probe
from sklearn.base import clone

from skmm import ModalityTransformer
from skmm.modalities.image import ImageModality

HEADER = ("row", "work", "skmm", "peer", "peer's", "ratio", "target", "reached")
LEAST = {  # row -> peer -> how many times faster skmm is to be
    "S1": {"scikeras": 15, "Model.fit": 10, "skorch": 5, "MLPClassifier": 2},
    "S2": {"scikeras": 2},
    "S3": {"scikeras": 12, "MLPClassifier": 1},
    "S4": {"Model.fit": 1.7, "PyTorch loop": 1.5},
    "S5": {"Model.predict": 50},
    "S6": {"Model.fit": 3},
    "S7": {"Pillow loop": 1.6},
    "S7 again": {"Pillow loop": 20},
}
ANSWERS = ("**no**", "yes")
SLOW = 60  # seconds; a contestant that needs more runs once
PLOT = Path(__file__).resolve().parents[1] / "docs" / "images" / "speed_scaling.png"
BLUE, ORANGE = "#0072B2", "#D55E00"  # Okabe and Ito's, told apart by everyone


@dataclass(frozen=True)
class Sizes:
    """How much work each row is."""

    runs: int = 5
    epochs: int = 10  # of S1, S2, S3
    mixed_rows: int = 2_000
    calls: int = 200
    documents: int = 10_000
    images: int = 5_000
    fits: int = 300
    settled: int = 50  # fits after which memory is looked at
    big: int = 1_000_000
    rows: tuple[int, ...] = (1000, 3000, 10**4, 30_000, 10**5, 300_000, 10**6)
    passes: tuple[int, ...] = (1, 2, 4, 8, 16, 32)  # over as many rows as:
    passes_rows: int = 300_000
    epochs_of_rows: int = 10
    plot: Path | None = None


QUICK = Sizes(
    1, 2, 200, 10, 200, 60, 6, 3, 20_000, (1000, 10**4, 20_000), (1, 2), 1000, 2
)


@dataclass(frozen=True)
class Figure:
    """Medians of one contestant."""

    seconds: float
    score: float
    runs: int
    word: str = ""  # what the score is, if not accuracy

    def __str__(self):
        once = ", one run" if self.runs == 1 else ""
        return f"{_duration(self.seconds)} ({self.word}{self.score:.3g}{once})"


def _duration(seconds):
    if seconds < 0.001:
        return f"{1e6 * seconds:.0f} µs"
    return f"{1e3 * seconds:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def take_turns(contestants, runs, warm=True, word="", per=1):
    """Run contestants in turn; a `Figure` of each, its seconds divided by `per`."""
    found = {name: [] for name in contestants}
    if warm:
        for contest in contestants.values():
            contest(0)
    for run in range(runs):
        for name, contest in contestants.items():
            if run == 0 or found[name][0][0] < SLOW:
                found[name].append(contest(run))
    return summary(found, word, per)


def summary(found, word="", per=1):
    """Make a `Figure` of each contestant's pairs of seconds and score."""
    figures = {}
    for name, results in found.items():
        seconds, score = map(statistics.median, zip(*results, strict=True))
        figures[name] = Figure(seconds / per, score, len(results), word)
    return figures


def compare(row, work, figures):
    """Give one line per peer: skmm, named first, against it."""
    ours, *_ = figures.values()
    for name, theirs in list(figures.items())[1:]:
        ratio = theirs.seconds / ours.seconds
        least = LEAST.get(row, {}).get(name.partition(",")[0])
        verdict = (
            ["", ""] if least is None else [f"≥ {least} x", ANSWERS[ratio >= least]]
        )
        cells = [row.split()[0], work, str(ours), name, str(theirs)]
        yield [*cells, f"{ratio:.1f} x", *verdict]


def limit(row, work, ours, target, holds):
    """Give the line of a target that no peer is asked for."""
    return [row, work, ours, "", "", "", target, ANSWERS[bool(holds)]]


def digits_warm(sizes):
    contestants = peers.digits_contestants(peers.digits(), sizes.epochs)
    work = f"digits, one hidden layer, {sizes.epochs} epochs, warm"
    yield from compare("S1", work, take_turns(contestants, sizes.runs))


def digits_first(sizes):
    contestants = {
        name: lambda run, name=name: probe("first", name, sizes.epochs)
        for name in ("skmm", "scikeras", "Model.fit")
    }
    work = "the same, first fit of the process, imports aside"
    yield from compare("S2", work, take_turns(contestants, sizes.runs, warm=False))


def search(sizes):
    contestants = peers.search_contestants(sizes.epochs)
    work = "grid search of S1, 6 candidates x 5 folds"
    yield from compare("S3", work, take_turns(contestants, sizes.runs, warm=False))


def mixed(sizes):
    rows = peers.mixed(sizes.mixed_rows * 4 // 3)
    contestants = peers.mixed_contestants(rows, epochs=5)
    ours = peers.skmm_mixed(epochs=1).fit(rows.X[:64], rows.y[:64]).network_
    counts = (
        f"skmm {ours.count_params():,}, "
        f"Keras {peers.mixed_network(rows.X.specs).count_params():,}, "
        f"PyTorch {sum(w.numel() for w in peers.TorchMixed().parameters()):,}"
    )
    work = f"table + image + tokens, 5 epochs, warm; weights: {counts}"
    yield from compare("S4", work, take_turns(contestants, sizes.runs))


def bag(sizes):
    rows = peers.documents(sizes.documents * 4 // 3)
    contestants = peers.bag_contestants(rows, epochs=3)
    work = "bag of words, one of 3 epochs, warm"
    yield from compare("S6", work, take_turns(contestants, sizes.runs, per=3))


def one_row(sizes):
    rows = {
        "frame": ("S5", "one row of a ModalityFrame", 1),
        "pipeline": (
            "S5 pipeline",
            "one dataframe row, table + text; peers from arrays",
            8,
        ),
    }
    for name, (row, work, milliseconds) in rows.items():
        figures = summary(probe("calls", name, sizes.calls), word="differs by ")
        seconds, target = figures["skmm"].seconds, f"≤ {milliseconds} ms"
        good = 1e3 * seconds <= milliseconds
        work = f"predict_proba of {work}"
        yield limit("S5", work, _duration(seconds), target, good)
        yield from compare(row, work, figures)


def decoding(sizes):
    table = pd.DataFrame({"image": _jpegs(sizes.images)})
    cells = list(table["image"])
    plain = _pillow(cells)

    def skmm(**params):
        parts = [("image", ImageModality(size=(64, 64), channels=3), "image")]
        model = ModalityTransformer(parts, **params)
        return lambda: clone(model).fit_transform(table)["image"]

    def contest(action):
        def once(run):
            seconds, pixels = peers.timed(action)
            return seconds, float(np.abs(pixels.astype(float) - plain).mean())

        return once

    with tempfile.TemporaryDirectory() as folder:
        ways = {
            "skmm": skmm(n_jobs=2),
            "Pillow loop": partial(_pillow, cells),
            "Pillow's draft()": partial(_pillow, cells, draft=True),
            "second pass": skmm(n_jobs=2, memory=folder),
        }
        contestants = {name: contest(way) for name, way in ways.items()}
        figures = take_turns(contestants, sizes.runs, word="differs by ")
    again = figures.pop("second pass")
    yield from compare("S7", f"decode {sizes.images:,} JPEGs, n_jobs=2", figures)
    figures = {"second": again, "first pass": figures.pop("skmm"), **figures}
    yield from compare("S7 again", "second pass under memory=", figures)


def _jpegs(n_images):
    """Make smooth random photographs of 256 x 256 in memory."""
    rng = np.random.default_rng(0)
    cells = []
    for _ in range(n_images):
        coarse = Image.fromarray(rng.integers(0, 256, (12, 12, 3), dtype=np.uint8))
        file = io.BytesIO()
        coarse.resize((256, 256), Image.Resampling.BICUBIC).save(file, "JPEG")
        cells.append(file.getvalue())
    return cells


def _pillow(cells, draft=False):
    """Decode in a plain loop; `draft` lets the JPEG decoder itself make it smaller."""
    pixels = []
    for cell in cells:
        image = Image.open(io.BytesIO(cell))
        if draft:
            image.draft("RGB", (64, 64))
        image = image.convert("RGB").resize((64, 64), Image.Resampling.BILINEAR)
        pixels.append(np.asarray(image))
    return np.stack(pixels)


def leaks(sizes):
    grown = probe("grow", sizes.fits, sizes.settled)
    work = (
        f"highest memory of fits {sizes.settled} to {sizes.fits} above that of those "
        "before, varying sizes, one run"
    )
    yield limit("S8", work, f"{grown:.0f} MB", "< 60 MB", grown < 60)


def peak(sizes):
    names = ("skmm", "stopping", "default", "Model.fit")
    ours, stopping, default, theirs = (probe("top", n, sizes.big) for n in names)
    work = f"peak memory, {sizes.big:,} x 40, 2 epochs, of the array's size, one run"
    yield limit("S9", work, f"{ours:.2f}", "≤ 2.5", ours <= 2.5)
    cells = [f"{ours:.2f}", "Model.fit", f"{theirs:.2f}", f"{theirs / ours:.1f} x"]
    yield ["S9", work, *cells, "", ""]
    work = 'the same with early_stopping="auto", a tenth set apart'
    yield ["S9", work, f"{stopping:.2f}", *[""] * 5]
    work += ', and batch_size="auto", so that XLA compiles'
    yield ["S9", work, f"{default:.2f}", *[""] * 5]


def scaling(sizes):
    pairs = {
        "rows": [(n, sizes.epochs_of_rows) for n in sizes.rows],
        "epochs": [(sizes.passes_rows, n) for n in sizes.passes],
    }
    numbers = {"rows": sizes.rows, "epochs": sizes.passes}
    sweeps = {
        name: (numbers[name], probe("sweep", sizes.runs, json.dumps(each)))
        for name, each in pairs.items()
    }
    slopes = {}
    for name, (x, seconds) in sweeps.items():
        kept = [i for i, n in enumerate(x) if n >= 10**4 or name == "epochs"]
        logs = np.log(np.array([x, seconds]))[:, kept]
        slopes[name] = np.polyfit(*logs, 1)[0]
        ends = f"{_duration(seconds[0])} to {_duration(seconds[-1])}"
        above = " from 10⁴ on" if name == "rows" else ""
        work = f"{x[0]:,} to {x[-1]:,} {name}: {ends}; slope on the log-log plot{above}"
        good = abs(slopes[name] - 1) <= 0.15
        yield limit("S10", work, f"{slopes[name]:.2f}", "0.85 to 1.15", good)
    if sizes.plot:
        _draw(sweeps, slopes, sizes)


def _draw(sweeps, slopes, sizes):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
    where = {
        "rows": f"{sizes.epochs_of_rows} epochs of n rows (slope from 10⁴ on)",
        "epochs": f"n epochs of {sizes.passes_rows:,} rows (slope)",
    }
    for axis, (name, (x, seconds)) in zip(axes, sweeps.items(), strict=True):
        straight = seconds[-1] * np.array(x) / x[-1]
        axis.loglog(x, straight, "--", color=ORANGE, label="in proportion (slope 1)")
        axis.loglog(x, seconds, "o-", color=BLUE, label="skmm, warm fit")
        axis.set_title(f"{where[name]}: {slopes[name]:.2f}", fontsize=10)
        axis.set(xlabel=f"number n of {name}", ylabel="time of fit in seconds")
        axis.grid(alpha=0.3)
        axis.legend(frameon=False)
    figure.suptitle("Cost of fit, 40 columns, one hidden layer of 64, batches of 256")
    sizes.plot.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(sizes.plot, dpi=150)
    plt.close(figure)


ROWS = {
    "S1": digits_warm,
    "S2": digits_first,
    "S3": search,
    "S4": mixed,
    "S5": one_row,
    "S6": bag,
    "S7": decoding,
    "S8": leaks,
    "S9": peak,
    "S10": scaling,
}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=ROWS, help="rows of the table")
    parser.add_argument("--runs", type=int, help="runs of each contestant")
    parser.add_argument("--quick", action="store_true", help="see it work, tiny sizes")
    parser.add_argument("--plot", type=Path, help="where S10 is drawn")
    parser.add_argument("--write", type=Path, help="markdown file to write")
    options = parser.parse_args()
    if options.write and (options.only or options.quick):
        parser.error("--write keeps whole tables: leave out --only and --quick")
    return options


def lines(name, sizes):
    """Cells of a row's lines, or of what went wrong with it."""
    try:
        yield from ROWS[name](sizes)
    except Exception as error:  # the other rows still run
        traceback.print_exc()
        message = " ".join(f"{type(error).__name__}: {error}".split())[-300:]
        yield [name, "FAILED", message.replace("|", "/"), *[""] * 5]


def main():
    options = arguments()
    sizes = QUICK if options.quick else Sizes(plot=PLOT)
    given = {"runs": options.runs, "plot": options.plot}
    sizes = replace(sizes, **{k: v for k, v in given.items() if v})
    packages = ", ".join(f"{p} {version(p)}" for p in ("scikeras", "torch", "skorch"))
    intro = (
        f"{setting()}, {packages}; PyTorch threads: {torch.get_num_threads()}; medians "
        f"of {sizes.runs} runs. Accuracy in brackets. Ratios above 1 favour skmm."
    )
    table = [markdown(HEADER), markdown(["---"] * len(HEADER))]
    print(intro, "", *table, sep="\n", flush=True)
    for name in options.only or ROWS:
        for cells in lines(name, sizes):
            table.append(markdown(cells))
            print(table[-1], flush=True)
    if options.write:
        write_section(options.write, "Speed", [intro, "\n".join(table)])
    sys.exit(any("| FAILED |" in row for row in table))


if __name__ == "__main__":
    main()
