"""Fits that are killed and gone on with: to the same bits, and at what cost.

    python benchmarks/recovery.py [--kills 20] [--seed 0] [--skip-cost]

Each fit runs in a process of its own and is killed (SIGKILL) at a moment drawn
uniformly over the time that an uninterrupted one takes; every other one is killed a
second time while it goes on. It is then run to its end, and its probabilities are
compared bit by bit with those of the uninterrupted fit. A process that ends before its
moment has come does not count, and is drawn again.

The second table is the time of fits with a folder over that of fits without, medians of
runs that take turns in one process, after one of each that does not count.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # before TensorFlow is imported

import numpy as np
from sklearn.datasets import load_digits

from skmm import BaseNNClassifier, MultimodalClassifier
from skmm.datasets import make_multimodal_classification
from skmm.encoders.mlp import MLPEncoder

RUNS = 7


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
    parser.add_argument("--fit", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.fit:
        fit_once(*options.fit)
        return
    with tempfile.TemporaryDirectory() as place:
        if options.kills:
            n_same = kills(options.kills, options.seed, Path(place))
            print(f"\n{n_same} of {options.kills} recover with the same bits")
        if not options.skip_cost:
            cost(Path(place))


if __name__ == "__main__":
    main()
