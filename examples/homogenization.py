"""Ask how alike networks are that differ by seed, encoders, fusion or modalities.

On the digits that ship, written and spoken; voices of the test rows are not in the
training rows. Prints how alike each group's predictions are, how much more often all of
a group are wrong than chance would have it, and what an ensemble of different networks
is worth; draws a heat map into homogenization.png.

Run it from anywhere after the install: it needs no network, and takes about five
minutes on two cores.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's notes on itself

import numpy as np
from sklearn.metrics import log_loss
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skmm import ModalityFrame, ModalityTransformer, MultimodalClassifier
from skmm.datasets import load_spoken_digits
from skmm.diversity import GreedyEnsembleClassifier, HomogenizationReport
from skmm.modalities.audio import AudioModality

digits = load_spoken_digits()
modalities = [
    ("image", "image", "image"),
    ("audio", AudioModality(n_mels=16, hop=0.025), "audio"),
]
train, test = next(GroupKFold(3).split(digits.data, groups=digits.groups))
transformer = ModalityTransformer(modalities).fit(digits.data.iloc[train])
X_train, X_test = (transformer.transform(digits.data.iloc[r]) for r in (train, test))
y_train, y_test = digits.target.iloc[train], digits.target.iloc[test]


def network(**params):
    """One network that decides by its fusion alone."""
    settings = {"ensemble_size": 1, "guard": False, "epochs": 20, "random_state": 0}
    return MultimodalClassifier(**settings | params)


def reading(name):
    """Make the same for one modality."""
    one = FunctionTransformer(ModalityFrame.select, kw_args={"names": [name]})
    return make_pipeline(one, network())


base = network()
groups = {
    "seed": {"base": base, **{f"seed {s}": network(random_state=s) for s in (1, 2)}},
    "encoders": {
        "base": base,
        "resnet, crnn": network(encoders=[("image", "resnet"), ("audio", "crnn")]),
        "mixers": network(
            encoders=[("image", "patch_mixer"), ("audio", "patch_mixer")]
        ),
    },
    "fusion": {"base": base, **{f: network(fusion=f) for f in ("late", "low_rank")}},
    "modalities": {"base": base, **{m: reading(m) for m in ("image", "audio")}},
}
models = {name: model for group in groups.values() for name, model in group.items()}
fitted = {name: model.fit(X_train, y_train) for name, model in models.items()}


def report(names):
    """Compare some of the fitted networks on the test rows."""
    chosen = [(name, fitted[name]) for name in names]
    return HomogenizationReport(chosen, cv="prefit", random_state=0).fit(X_test, y_test)


print("three networks that differ by   error rates        CAPA   homogenization ratio")
for what, group in groups.items():
    found = report(group)
    rates = " ".join(f"{e:.3f}" for e in found.error_rates_.values())
    alike = found.similarities_["capa"].similarity[np.triu_indices(3, 1)].mean()
    h = found.homogenization_
    interval = f"{h.ratio:.1f} (from {h.ci_low:.1f} to {h.ci_high:.1f})"
    print(f"{what:<31} {rates:<18} {alike:.2f}   {interval}, at most {h.largest:.0f}")

display = report(models).plot()
display.ax_.set_title("How alike nine networks predict")
display.figure_.savefig("homogenization.png", dpi=120)
print("\nheat map of all nine: homogenization.png")

cv = list(GroupKFold(3).split(X_train, groups=digits.groups[train]))
ensemble = GreedyEnsembleClassifier(list(models.items()), cv=cv, random_state=0)
ensemble.fit(X_train, y_train)
best = min(ensemble.losses_, key=ensemble.losses_.get)
said = {name: model.predict_proba(X_test) for name, model in fitted.items()}
rows = {
    f"best member on rows set apart ({best})": said[best],
    "plain average of all nine": np.mean(list(said.values()), axis=0),
    "greedy ensemble": ensemble.predict_proba(X_test),
}
print(f"\n{'':<47}accuracy  log loss")
for name, p in rows.items():
    accuracy = np.mean(ensemble.classes_[p.argmax(axis=1)] == y_test)
    print(f"{name:<47}{accuracy:.3f}     {log_loss(y_test, p):.3f}")
weights = zip(models, ensemble.weights_, strict=True)
print("weights:", ", ".join(f"{name} {w:.2f}" for name, w in weights if w > 0))
