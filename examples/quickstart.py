"""Does fusing two modalities beat each of them alone? Cross-validation answers.

Each row is one digit twice: a small image of it, written by hand, and a recording of
it, spoken by a speech synthesiser. Every speaker is in one fold alone, so the test
folds hold voices that were not trained on.

Run it from anywhere after the install: it needs no network, takes about a minute on
two cores, and saves its picture as quickstart.png.
"""

import os
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's notes on itself

import matplotlib.pyplot as plt
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline

from skmm import ModalityTransformer, MultimodalClassifier
from skmm.datasets import load_spoken_digits
from skmm.encoders.cnn import CNNEncoder
from skmm.modalities.audio import AudioModality

digits = load_spoken_digits()
X, y, speakers = digits.data, digits.target, digits.groups
folds = GroupKFold(3)

# Both modalities as ColumnTransformer would have them: (name, modality, columns).
# What was decoded once is found again in the folder, whatever the fold.
# Coarse spectrograms, one narrow network a fit and few epochs keep this quick; the
# plain defaults take many times as long and score higher.
image = ("image", "image", "image")
audio = ("audio", AudioModality(n_mels=8, hop=0.025), "audio")
folder = tempfile.TemporaryDirectory()
both = ModalityTransformer([image, audio], memory=folder.name)
small = [("image", CNNEncoder(filters=8)), ("audio", CNNEncoder(filters=8))]
quick = {
    "encoders": small,
    "ensemble_size": 1,
    "epochs": 20,
    "batch_size": 64,
    "learning_rate": 0.006,
    "random_state": 0,
}

# 1. Each modality alone, then both of them under each fusion.
models = {
    "image alone": MultimodalClassifier([image], **quick | {"encoders": small[:1]}),
    "audio alone": MultimodalClassifier([audio], **quick | {"encoders": small[1:]}),
}
for fusion in ("concat", "mean", "gated", "late"):
    models[f"both, {fusion}"] = MultimodalClassifier(both, fusion=fusion, **quick)

scores = {}
print(f"{len(X)} digits, chance 0.100\n\n{'model':<14}accuracy       seconds")
for name, model in models.items():
    started = time.perf_counter()
    scores[name] = cross_val_score(model, X, y, groups=speakers, cv=folds)
    seconds = time.perf_counter() - started
    mean, std = scores[name].mean(), scores[name].std()
    print(f"{name:<14}{mean:.3f} ± {std:.3f}  {seconds:7.1f}", flush=True)

# 2. The same as a pipeline, searched over the fusion and over a modality's parameter.
pipeline = make_pipeline(both, MultimodalClassifier(**quick))
grid = {
    "multimodalclassifier__fusion": ["mean", "late"],
    "modalitytransformer__audio__window": [0.05, 0.1],
}
started = time.perf_counter()
search = GridSearchCV(pipeline, grid, cv=GroupKFold(2)).fit(X, y, groups=speakers)
seconds = time.perf_counter() - started
print(f"\ngrid search: {search.best_score_:.3f} in {seconds:.1f} seconds, best with")
for parameter, value in search.best_params_.items():
    print(f"  {parameter} = {value!r}")

# 3. The comparison as a picture.
names = list(scores)[::-1]  # the first bar on top
means = [scores[name].mean() for name in names]
errors = [scores[name].std() for name in names]
alone = max(scores[name].mean() for name in names if name.endswith("alone"))
colors = ["#a9b4c2" if name.endswith("alone") else "#2f6fb0" for name in names]

figure, axes = plt.subplots(figsize=(7.2, 3.6), layout="constrained")
axes.barh(names, means, xerr=errors, color=colors, ecolor="#333333", capsize=3)
axes.axvline(alone, color="#333333", linewidth=1, linestyle=":")
for row, mean in enumerate(means):
    ink = "#1b2733" if names[row].endswith("alone") else "white"
    axes.text(0.015, row, f"{mean:.3f}", va="center", color=ink, weight="bold")
axes.set_xlim(0, 1)
axes.set_xlabel("accuracy on unseen speakers, 3 folds, mean ± standard deviation")
axes.set_title("Fused modalities against each alone", loc="left", weight="bold")
axes.spines[["top", "right", "left"]].set_visible(False)
axes.tick_params(left=False)
figure.savefig("quickstart.png", dpi=150)
print("\nsaved quickstart.png")
