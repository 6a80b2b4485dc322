"""Every network of skmm.recipes on the same digits, written and spoken, in one table.

Base networks read one modality, the others both. Voices of the test rows are not in the
training rows. Few epochs of one network each: this shows how they are called, not what
they are worth; benchmarks/fusion.py compares fusions.

Run it from anywhere after the install: it needs no network, and takes about two minutes
on two cores.
"""

import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's notes on itself

import numpy as np
from sklearn.model_selection import GroupKFold

from skmm import ModalityTransformer, recipes
from skmm.datasets import load_spoken_digits
from skmm.modalities.audio import AudioModality

digits = load_spoken_digits()
modalities = [
    ("image", "image", "image"),
    ("audio", AudioModality(n_mels=16, hop=0.025), "audio"),
]
train, test = next(GroupKFold(3).split(digits.data, groups=digits.groups))
transformer = ModalityTransformer(modalities).fit(digits.data.iloc[train])
frames = [transformer.transform(digits.data.iloc[rows]) for rows in (train, test)]
y_train, y_test = digits.target.iloc[train], digits.target.iloc[test]

pixels = [frame["image"] for frame in frames]
flat = [x.reshape(len(x), -1) / 255 for x in pixels]
series = [np.nan_to_num(frame["audio"][..., 0]).astype("float32") for frame in frames]
reads = {
    "mlp": flat,
    "cnn": pixels,
    "rnn": series,
    "article_base_model": flat,
    "article_multimodal_model": [
        [x, s.reshape(len(s), -1)] for x, s in zip(flat, series, strict=True)
    ],
}
one = {"epochs": 12, "random_state": 0}
most = np.bincount(y_train).argmax()
print(f"{'recipe':<26}{'modalities':<14}accuracy  seconds")
print(f"{'the most frequent class':<26}{'none':<14}{np.mean(y_test == most):.3f}     0")
for name in recipes.__all__:
    X_train, X_test = reads.get(name, frames)
    alone = name in reads and name != "article_multimodal_model"
    params = one if alone else one | {"ensemble_size": 1}
    started = time.perf_counter()
    model = getattr(recipes, name)(**params).fit(X_train, y_train)
    accuracy, seconds = model.score(X_test, y_test), time.perf_counter() - started
    what = ("sound" if name == "rnn" else "image") if alone else "both"
    print(f"{name:<26}{what:<14}{accuracy:.3f}     {seconds:.0f}", flush=True)
