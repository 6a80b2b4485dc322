"""Fits that are killed and gone on with: to the same bits, and at what cost.

    python benchmarks/recovery.py [--kills 20] [--seed 0] [--skip-cost] [--dask]

Each fit runs in a process of its own and is killed (SIGKILL) at a moment drawn
uniformly over the time that an uninterrupted one takes; every other one is killed a
second time while it goes on. It is then run to its end, and its probabilities are
compared bit by bit with those of the uninterrupted fit. A process that ends before its
moment has come does not count, and is drawn again.

The second table is the time of fits with a folder over that of fits without, medians of
runs that take turns in one process, after one of each that does not count.

With `--dask` there is one table: searches on a cluster of two worker processes, with a
client of `skmm.dask`. In every other one a worker, drawn at random, is killed while it
searches, without any folder; in the others the whole group of processes, of which the
search is then begun again with the same folder. Scores are log losses, which show a
single bit of a probability.
"""

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # before TensorFlow is imported

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skmm import BaseNNClassifier, ModalityTransformer, MultimodalClassifier
from skmm.datasets import make_multimodal_classification
from skmm.encoders.mlp import MLPEncoder

RUNS = 7
CORE = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}


def mixed():
    """Make 1,000 rows of numbers, categories, text and small images."""
    return make_multimodal_classification(
        1000, modalities=("tabular", "text", "image"), random_state=0, return_X_y=True
    )


def networks():
    """Make two networks, with dropout, a best epoch, and several seconds to train."""
    return MultimodalClassifier(
        ensemble_size=2, epochs=25, n_iter_no_change=25, random_state=0
    )


def fit_once(folder: str, result: str) -> None:
    """Fit in this process; say when it begins, and how much was found."""
    X, y = mixed()
    print("begins", flush=True)
    model = networks().fit(X, y, checkpoint=folder)
    np.save(result, model.predict_proba(X))
    print(model.fit_report_["epochs_resumed"], flush=True)


def start(folder: Path) -> subprocess.Popen:
    command = [sys.executable, __file__, "--fit", str(folder), str(folder) + ".npy"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "begins\n"
    return child


def finish(folder: Path) -> tuple[float, int]:
    """Run a fit to its end; its seconds, and the epochs that it found."""
    child, began = start(folder), time.perf_counter()
    found = int(child.communicate()[0])
    assert child.returncode == 0
    return time.perf_counter() - began, found


def kill_after(folder: Path, seconds: float) -> bool:
    """Kill a fit after so many seconds; tell whether it was still running."""
    child = start(folder)
    try:
        child.wait(seconds)
        return False
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
        return True
    finally:
        child.stdout.close()


def kills(n_kills: int, seed: int, place: Path) -> int:
    """Kill and go on; the number of fits that end with the same bits."""
    rng = np.random.default_rng(seed)
    whole, _ = finish(place / "whole")
    expected = np.load(place / "whole.npy")
    print(f"an uninterrupted fit takes {whole:.1f} s\n")
    print("| fit | killed after (s) | epochs found | seconds to the end | same bits |")
    print("|---|---|---|---|---|")
    n_same = 0
    for number in range(n_kills):
        folder, moments = place / f"fit{number}", []
        while len(moments) < 1 + number % 2:
            moment = float(rng.uniform(0, whole))
            if kill_after(folder, moment):
                moments.append(moment)
            elif not moments:  # it had ended: begin anew elsewhere
                folder = folder.with_name(folder.name + "+")
            else:
                break
        seconds, found = finish(folder)
        same = np.array_equal(np.load(f"{folder}.npy"), expected)
        n_same += same
        when = ", ".join(f"{moment:.1f}" for moment in moments)
        answer = "yes" if same else "**no**"
        print(f"| {number} | {when} | {found} | {seconds:.1f} | {answer} |", flush=True)
    return n_same


def n_found(estimator, X, y) -> int:
    """Count, as a scorer, the epochs that a fit found in its folder."""
    return estimator[-1].fit_report_.get("epochs_resumed", 0)


def search_once(folder: str, keeps: bool) -> None:
    """Search on a cluster of its own; say which processes there are, and when it ends.

    The last line has the seconds, and the epochs that were found.
    """
    import joblib
    from distributed import LocalCluster

    from skmm.dask import Client

    X, y = mixed()
    network = MultimodalClassifier(ensemble_size=1, epochs=12, random_state=0)
    search = GridSearchCV(
        make_pipeline(ModalityTransformer(), network),
        {"multimodalclassifier__learning_rate": [0.001, 0.002, 0.005, 0.01]},
        cv=2,
        scoring={"log_loss": "neg_log_loss", "found": n_found},
        refit=False,
        error_score="raise",
    )
    checkpoint = {"multimodalclassifier__checkpoint": Path(folder)} if keeps else {}
    with LocalCluster(**CORE) as cluster, Client(cluster) as client:
        print(*client.run(os.getpid).values(), flush=True)
        began = time.perf_counter()
        with joblib.parallel_config("dask"):
            search.fit(X, y, **checkpoint)
        seconds = time.perf_counter() - began
        found = search.cv_results_
        scores = [found[f"split{i}_test_log_loss"] for i in range(2)]
        np.save(f"{folder}.npy", scores)
        n_epochs = round(2 * sum(found["mean_test_found"]))
        print(f"{seconds} {n_epochs}", flush=True)


def begin_search(folder: Path, keeps: bool) -> tuple[subprocess.Popen, list[int]]:
    """Begin a search in a group of processes; tell those of the workers."""
    command = [sys.executable, __file__, "--search", str(folder)]
    with open(f"{folder}.log", "a") as log:
        child = subprocess.Popen(
            command + ["--keeps"] * keeps,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
    assert child.stdout is not None
    return child, [int(process) for process in child.stdout.readline().split()]


def end_search(child: subprocess.Popen) -> tuple[float, int]:
    """Wait for a search; the seconds it took, and the epochs that it found."""
    seconds, found = child.communicate()[0].split()
    assert child.returncode == 0
    return float(seconds), int(found)


def search_killed(
    folder: Path, moment: float, worker: int | None
) -> tuple[float, int] | None:
    """Kill a worker of a search, or all of it, and go on; None if it ended before."""
    result = Path(f"{folder}.npy")
    child, workers = begin_search(folder, keeps=worker is None)
    time.sleep(moment)
    if worker is None:
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
        if result.exists():
            return None
        child, _ = begin_search(folder, keeps=True)
    else:
        if result.exists():
            child.communicate()
            return None
        os.kill(workers[worker], signal.SIGKILL)
    return end_search(child)


def dask_kills(n_kills: int, seed: int, place: Path) -> int:
    """Kill searches on Dask; the number of those that end with the same scores."""
    rng = np.random.default_rng(seed)
    whole, _ = end_search(begin_search(place / "whole", keeps=False)[0])
    expected = np.load(place / "whole.npy")
    print(f"an uninterrupted search takes {whole:.1f} s\n")
    print("| search | killed | after (s) | epochs found | seconds to the end | same |")
    print("|---|---|---|---|---|---|")
    n_same = 0
    for number in range(n_kills):
        folder, ended = place / f"search{number}", None
        while ended is None:
            moment = float(rng.uniform(0, whole))
            worker = None if number % 2 else int(rng.integers(2))
            ended = search_killed(folder, moment, worker)
            if ended is None:  # it had ended: begin anew elsewhere
                folder = folder.with_name(folder.name + "+")
        same = np.array_equal(np.load(f"{folder}.npy"), expected)
        n_same += same
        what = "all" if worker is None else f"worker {worker}"
        cells = f"{moment:.1f} | {ended[1]} | {ended[0]:.1f}"
        answer = "yes" if same else "**no**"
        print(f"| {number} | {what} | {cells} | {answer} |", flush=True)
    return n_same


def cost(place: Path) -> None:
    """Compare the seconds of fits with a folder and without."""
    X, y = load_digits(return_X_y=True)
    frame, target = mixed()
    settings = {"random_state": 0, "n_iter_no_change": 10**6}
    small = BaseNNClassifier(epochs=60, early_stopping=True, **settings)
    medium = MultimodalClassifier(epochs=20, ensemble_size=1, **settings)
    encoder = MLPEncoder(hidden_units=(2048, 2048))
    wide = BaseNNClassifier(encoder, epochs=15, early_stopping=True, **settings)
    print("\n| network | weights | without (s) | with (s) | ratio |")
    print("|---|---|---|---|---|")
    cases = {"small": (small, X, y), "medium": (medium, frame, target)}
    cases["wide"] = (wide, X, y)
    for name, (model, rows, labels) in cases.items():
        taken: dict[bool, list[float]] = {False: [], True: []}
        for run in range(RUNS + 1):
            for kept in (False, True):
                folder = place / f"{name}{run}" if kept else None
                began = time.perf_counter()
                model.fit(rows, labels, checkpoint=folder)
                taken[kept].append(time.perf_counter() - began)
        without, with_folder = (statistics.median(taken[kept][1:]) for kept in taken)
        n_weights = sum(w.size for weights in model._weights for w in weights)
        cells = f"{without:.3f} | {with_folder:.3f} | {with_folder / without:.3f}"
        print(f"| {name} | {n_weights} | {cells} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--skip-cost", action="store_true")
    parser.add_argument("--dask", action="store_true")
    parser.add_argument("--fit", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--search", help=argparse.SUPPRESS)
    parser.add_argument("--keeps", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.search:
        search_once(options.search, options.keeps)
        return
    if options.fit:
        fit_once(*options.fit)
        return
    with tempfile.TemporaryDirectory() as place:
        if options.dask:
            n_same = dask_kills(options.kills, options.seed, Path(place))
            results = "equal" if n_same == options.kills else "**not equal**"
            print(f"\nrecovered {n_same} of {options.kills}, results {results}")
            return
        if options.kills:
            n_same = kills(options.kills, options.seed, Path(place))
            print(f"\n{n_same} of {options.kills} recover with the same bits")
        if not options.skip_cost:
            cost(Path(place))


if __name__ == "__main__":
    main()
