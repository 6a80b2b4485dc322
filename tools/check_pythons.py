"""Save models on this Python, load them on others, and compare probabilities.

    python tools/check_pythons.py ../other/bin/python [more pythons] [--folder FOLDER]

The others need skmm; they load in processes of their own, with their own versions of
everything. Models are those of `make_fixtures.py`, or the files of a folder that it has
written.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

TOOLS = Path(__file__).parent
TOLERANCE = 1e-6
LOADER = """
import json, pathlib, platform, sys, warnings
import numpy as np, pandas as pd
import skmm
from skmm.persistence._archive import versions
folder = pathlib.Path(sys.argv[1])
expected = json.loads((folder / "expected.json").read_text())
X = pd.read_csv(folder / "rows.csv")
found = {}
for name, values in expected.items():
    model = skmm.load(folder / f"{name}.skmm")
    predicted = getattr(model, "predict_proba", model.predict)(X)
    found[name] = float(np.abs(predicted - np.array(values)).max())
print("FOUND", json.dumps({"versions": versions(), "apart": found}))
"""


def saved(folder):
    """Save models with this Python."""
    command = [sys.executable, TOOLS / "make_fixtures.py", "--folder", folder]
    subprocess.run(command, check=True, capture_output=True)
    (made,) = Path(folder).iterdir()
    return made


def apart(python, folder):
    """Load them with another; give versions and the largest differences."""
    run = subprocess.run(
        [python, "-W", "error::UserWarning", "-c", LOADER, folder],
        capture_output=True,
        text=True,
        cwd=tempfile.gettempdir(),
    )
    if run.returncode:
        raise SystemExit(f"{python}: {run.stderr[-2000:]}")
    return json.loads(run.stdout.partition("FOUND ")[2])


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("pythons", nargs="+")
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory() as made:
        folder = options.folder or saved(made)
        for python in [sys.executable, *options.pythons]:
            found = apart(python, folder)
            versions = ", ".join(
                f"{k} {v}" for k, v in sorted(found["versions"].items())
            )
            print(versions)
            for name, distance in found["apart"].items():
                print(f"  {name}: largest difference {distance:.1e}", flush=True)
                failed |= not distance <= TOLERANCE
    print(f"not the same to {TOLERANCE}" if failed else f"all the same to {TOLERANCE}")
    raise SystemExit(failed)


if __name__ == "__main__":
    main()
