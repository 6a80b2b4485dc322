"""Kill processes that save a model, at random moments, and load what they leave.

    python tools/check_recovery.py [--kills 20] [--seed 0] [--megabytes 30]

Each process saves a new model over an old one, and is killed (SIGKILL) at a moment that
is drawn from the time that saving takes, and half as much again. The file must then be
the old model or the new one, whole. Processes are forked, so this needs POSIX.
"""

import argparse
import os
import random
import signal
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
from sklearn.preprocessing import StandardScaler

import skmm


def model(number, n_numbers):
    """Make a model that tells by its arrays which one it is."""
    made = StandardScaler().fit(np.full((2, 3), float(number)))
    made.ballast_ = [np.full(n_numbers // 10, float(number)) for _ in range(10)]
    return made


def number_of(loaded):
    """Tell which model was loaded, or raise if it is a part of both."""
    found = {float(loaded.mean_[0])}
    found |= {float(v) for a in loaded.ballast_ for v in (a.min(), a.max())}
    (number,) = found
    return number


def seconds_of_saving(old, new, path):
    """Measure the time that a process takes to save."""
    skmm.save(old, path)
    started = time.perf_counter()
    skmm.save(new, path)
    return time.perf_counter() - started


def killed(old, new, path, seconds):
    """Save in a process that is killed after so long; tell what is left."""
    skmm.save(old, path)
    child = os.fork()
    if child == 0:
        skmm.save(new, path)
        signal.pause()  # until it is killed
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    beside = list(path.parent.glob(f".{path.name}.*.tmp"))
    for half in beside:
        half.unlink()
    which = "old" if number_of(skmm.load(path)) == number_of(old) else "new"
    return which, bool(beside)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--megabytes", type=int, default=30)
    options = parser.parse_args()
    draw = random.Random(options.seed)
    size = options.megabytes * 2**20 // 8
    old, new = model(1, size), model(2, size)
    left = Counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.skmm")
        whole = seconds_of_saving(old, new, path)
        print(f"saving {options.megabytes} MiB takes {whole:.3f} s", flush=True)
        for i in range(options.kills):
            seconds = draw.uniform(0, 1.5 * whole)
            which, writing = killed(old, new, path, seconds)
            left[which] += 1
            stage = "while writing" if writing else "before or after writing"
            print(f"{i + 1}: killed after {seconds:.3f} s, {stage}: the {which} file")
    total = left["old"] + left["new"]
    print(f"{total} of {options.kills} recovered: {left['old']} old, {left['new']} new")


if __name__ == "__main__":
    main()
