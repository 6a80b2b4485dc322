"""Draw the pictures of docs/inspection.md, on data that ships.

    python tools/draw_displays.py [--folder docs/images]

Spoken digits, with new voices in the test rows, and made-up rows with a table, a text
and a series. It takes some minutes on two cores, and needs no network.
"""

import argparse
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from sklearn.model_selection import GroupKFold

from skmm import MultimodalClassifier
from skmm.datasets import load_spoken_digits, make_multimodal_classification
from skmm.diversity import SimilarityDisplay
from skmm.inspection import (
    AttributionDisplay,
    FusionGateDisplay,
    ModalityImportanceDisplay,
    TrainingHistoryDisplay,
)


def digits():
    """Fit a model of the digits; give rows of voices that it does not know."""
    data = load_spoken_digits()
    train, test = next(GroupKFold(3).split(data.data, groups=data.groups))
    model = MultimodalClassifier(random_state=0)
    model.fit(data.data.iloc[train], data.target.iloc[train])
    return model, data.data.iloc[test], data.target.iloc[test]


def made_up():
    """Fit a model of made-up rows; give other rows."""
    X, y = make_multimodal_classification(
        900,
        modalities=("tabular", "text", "timeseries"),
        n_classes=3,
        informative={"tabular": 0.3, "text": 0.6, "timeseries": 0.4},
        random_state=0,
        return_X_y=True,
    )
    model = MultimodalClassifier(random_state=0).fit(X[:600], y[:600])
    return model, X[600:], y[600:]


def pictures():
    """Name -> display, one by one."""
    model, X, y = digits()
    importance = ModalityImportanceDisplay
    yield "importance", importance.from_estimator(model, X, y, random_state=0)
    yield "contributions", importance.from_row(model, X, 3)
    yield "history", TrainingHistoryDisplay.from_estimator(model)
    yield "gates", FusionGateDisplay.from_estimator(model, X, y)
    for name in ("image", "audio"):
        display = AttributionDisplay.from_estimator(model, X, modality=name, row=3)
        yield f"attribution_{name}", display
    said = {
        "both": model.predict_proba(X),
        **{m: model.predict_proba(X, modalities=[m]) for m in model.encoders_},
    }
    yield (
        "similarity",
        SimilarityDisplay.from_predictions(said, y, classes=model.classes_),
    )
    model, X, y = made_up()
    for name in ("tabular", "text", "timeseries"):
        display = AttributionDisplay.from_estimator(model, X, modality=name, row=1)
        yield f"attribution_{name}", display


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    default = Path(__file__).parents[1] / "docs" / "images"
    parser.add_argument("--folder", type=Path, default=default)
    folder = parser.parse_args().folder
    for name, display in pictures():
        path = folder / f"{name}.png"
        display.figure_.savefig(path, dpi=80, metadata={"Software": None})
        plt.close(display.figure_)
        print(path.name, path.stat().st_size // 1024, "KiB", flush=True)


if __name__ == "__main__":
    main()
