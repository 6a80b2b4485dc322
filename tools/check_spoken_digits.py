"""Print how well plain scikit-learn models read `load_spoken_digits`.

Each modality alone, and both fused late by adding the logarithms of the
probabilities of the two models, in repeated cross-validation::

    python tools/check_spoken_digits.py

No model of skmm takes part: the data is judged, not the package. Takes minutes.
"""

from __future__ import annotations

import io
import platform
from itertools import product

import numpy as np
import scipy
import sklearn
import soundfile
from PIL import Image
from scipy import signal
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skmm.datasets import load_spoken_digits

SEEDS = range(5)
N_MELS = 24


def pixels(cell: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(cell)), dtype=float).ravel()


def mel_filters(n_bins: int, rate: int) -> np.ndarray:
    """Triangles of equal width on the mel scale, (N_MELS, n_bins)."""
    top = 2595 * np.log10(1 + rate / 2 / 700)
    corners = 700 * (10 ** (np.linspace(0, top, N_MELS + 2) / 2595) - 1)
    hertz = np.linspace(0, rate / 2, n_bins)
    low, mid, high = (corners[i : i + N_MELS, None] for i in range(3))
    rise, fall = (hertz - low) / (mid - low), (high - hertz) / (high - mid)
    return np.clip(np.minimum(rise, fall), 0, None)


def log_mel(cell: bytes) -> np.ndarray:
    """Log-mel energies: the mean of each quarter, and the deviation over time."""
    sound, rate = soundfile.read(io.BytesIO(cell))
    sound = sound / np.sqrt(np.mean(sound**2))
    _, _, spectrum = signal.stft(sound, rate, nperseg=256, noverlap=176)
    power = mel_filters(len(spectrum), rate) @ np.abs(spectrum) ** 2
    energies = np.log(power + 1e-4)
    quarters = [part.mean(axis=1) for part in np.array_split(energies, 4, axis=1)]
    return np.concatenate([*quarters, energies.std(axis=1)])


MODELS = {
    "LogisticRegression(C=0.01)": LogisticRegression(C=0.01, max_iter=1000),
    "SVC(C=3), calibrated": CalibratedClassifierCV(SVC(C=3.0), cv=5, ensemble=False),
}
SPLITTERS = {"rows": StratifiedKFold, "speakers": StratifiedGroupKFold}


def accuracies(model, features, y, folds) -> list[float]:
    """Accuracy of image, audio and both, over all the folds."""
    right = np.zeros(3)
    for train, test in folds:
        logs = [
            np.log(model.fit(X[train], y[train]).predict_proba(X[test]) + 1e-12)
            for X in features
        ]
        for i, log in enumerate([*logs, sum(logs)]):
            right[i] += np.sum(log.argmax(axis=1) == y[test])
    return list(right / len(y))


def main() -> None:
    digits = load_spoken_digits()
    y, groups = digits.target.to_numpy(), digits.groups.to_numpy()
    features = [
        np.stack([pixels(cell) for cell in digits.data["image"]]),
        np.stack([log_mel(cell) for cell in digits.data["audio"]]),
    ]
    print(
        f"Python {platform.python_version()}, numpy {np.__version__}, "
        f"scipy {scipy.__version__}, scikit-learn {sklearn.__version__}; "
        f"5 folds, accuracy in %, mean ± std over {len(SEEDS)} shuffles"
    )
    print(f"{'model':<28}{'folds':<10}{'image':>14}{'audio':>14}{'both':>14}")
    for (name, model), (kind, splitter) in product(MODELS.items(), SPLITTERS.items()):
        model = make_pipeline(StandardScaler(), model)
        runs = []
        for seed in SEEDS:
            folds = splitter(5, shuffle=True, random_state=seed)
            of_groups = groups if kind == "speakers" else None
            runs.append(accuracies(model, features, y, folds.split(y, y, of_groups)))
        cells = [
            f"{100 * mean:.1f} ± {100 * std:.1f}"
            for mean, std in zip(
                np.mean(runs, axis=0), np.std(runs, axis=0), strict=True
            )
        ]
        print(f"{name:<28}{kind:<10}" + "".join(f"{cell:>14}" for cell in cells))


if __name__ == "__main__":
    main()
