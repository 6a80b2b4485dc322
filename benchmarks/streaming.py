"""More rows than memory: a Parquet file of several GB, trained on and scored.

    python benchmarks/streaming.py [--gigabytes 5] [--memory-rows 300000] [--folder DIR]

Makes a file of numbers, categories and text (about 1 kB a row), then runs in processes
of their own: the fit and the score of the rows that a machine holds in memory, those of
the whole file, and those in memory again. Each process has trained on a few hundred
rows before its clock starts, so that importing and tracing do not count. Time is that
of reading, fitting one epoch, and scoring all rows, divided by their number; memory is
the most that the process ever had resident.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # before TensorFlow is imported

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

GROUP = 20_000  # rows that are made, and written, at a time
WORDS, IN_A_HALF, HALVES = 5000, 75, 3000  # two halves, drawn from as many, are a text
ROWS_BEFORE = 600  # that are trained on before the clock starts
LABELS = np.array(["stays", "leaves", "returns"])


def halves(rng: np.random.Generator) -> np.ndarray:
    """Make half texts for each label; a few words of them hint at it."""
    words = np.char.add("word", rng.permutation(WORDS).astype(str))
    drawn = rng.zipf(1.3, (len(LABELS), HALVES, IN_A_HALF)) % WORDS
    hints = WORDS - 1 - 3 * (drawn % 7) - np.arange(len(LABELS))[:, None, None]
    drawn = np.where(rng.random(drawn.shape) < 0.02, hints, drawn)
    texts = [[" ".join(half) for half in of_label] for of_label in words[drawn]]
    return np.array(texts, dtype=object)


def rows(n: int, texts: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """Make rows of which the table and the text tell the label, each in part."""
    y = rng.integers(0, len(LABELS), n)
    first, second = texts[y, rng.integers(0, HALVES, (2, n))]
    return pd.DataFrame(
        {
            **{f"number_{i}": rng.normal(size=n) + (i < 2) * y for i in range(8)},
            "city": rng.choice([f"city {i}" for i in range(60)], n),
            "plan": rng.choice(["basic", "plus", "pro"], n),
            "note": first + " " + second,
            "label": LABELS[y],
        }
    )


def make(path: Path, gigabytes: float) -> int:
    """Write a file of at least this size; its number of rows."""
    rng, n_rows, writer = np.random.default_rng(0), 0, None
    texts = halves(rng)
    while writer is None or path.stat().st_size < gigabytes * 1e9:
        table = pa.Table.from_pandas(rows(GROUP, texts, rng), preserve_index=False)
        if writer is None:
            writer = pq.ParquetWriter(
                path, table.schema, compression="none", use_dictionary=False
            )
        writer.write_table(table)
        n_rows += GROUP
    writer.close()
    return n_rows


def fit_and_score(path: str, n_rows: int) -> None:
    """Fit and score in this process; print what it took. All rows, if `n_rows` is 0."""
    from skmm import MultimodalClassifier

    def model():
        return MultimodalClassifier(
            epochs=1, ensemble_size=1, early_stopping=True, random_state=0
        )

    rng = np.random.default_rng(1)
    few = rows(ROWS_BEFORE, halves(rng), rng)
    model().fit(few.drop(columns="label"), few["label"])
    started = time.perf_counter()
    if n_rows:
        table = next(pq.ParquetFile(path).iter_batches(n_rows)).to_pandas()
        X, y = table.drop(columns="label"), table["label"]
    else:
        X, y = path, "label"
    fitted = model().fit(X, y)
    fit = time.perf_counter() - started
    score = fitted.score(X, y)
    seconds = time.perf_counter() - started
    report = {
        "fit": fit,
        "training": fitted.fit_report_["seconds_training"],
        "score": seconds - fit,
        "accuracy": score,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }
    print(json.dumps(report))


def in_a_process(path: Path, n_rows: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--child", str(path), str(n_rows)]
    out = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(out.stdout.splitlines()[-1])


def line(name: str, n_rows: int, found: dict[str, float]) -> str:
    seconds = found["fit"] + found["score"]
    parts = [found["training"], found["fit"] - found["training"], found["score"]]
    return (
        f"| {name} | {n_rows:,} | {seconds:,.0f} s | "
        + " | ".join(f"{1e6 * part / n_rows:.0f}" for part in [seconds, *parts])
        + f" | {found['peak'] / 1e9:.2f} GB | {found['accuracy']:.3f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=5)
    parser.add_argument("--memory-rows", type=int, default=300_000)
    parser.add_argument("--folder", default=None)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        path, n_rows = options.child
        return fit_and_score(path, int(n_rows))
    import importlib.metadata as about

    packages = ("skmm", "tensorflow", "keras", "pyarrow", "pandas")
    versions = ", ".join(f"{name} {about.version(name)}" for name in packages)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        path = Path(folder) / "rows.parquet"
        n_all = make(path, options.gigabytes)
        size = path.stat().st_size / 1e9
        print(f"{os.cpu_count()} cores, Python {platform.python_version()}, {versions}")
        print(f"{n_all:,} rows, {size:.2f} GB of Parquet\n", flush=True)
        print(
            "| rows | number | time | µs a row | of it training | reading | scoring "
            "| peak memory | accuracy |\n|" + " --- |" * 9
        )
        few = options.memory_rows
        took = []
        for name, asked in (("in memory", few), ("from file", 0), ("in memory", few)):
            found = in_a_process(path, asked)
            n_rows = asked or n_all
            print(line(name, n_rows, found), flush=True)
            took.append((found["fit"] + found["score"]) / n_rows)
    ratio = took[1] / ((took[0] + took[2]) / 2)
    print(f"\nfrom file: {ratio:.2f} times the time of a row in memory")


if __name__ == "__main__":
    main()
