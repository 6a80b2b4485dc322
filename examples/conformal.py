"""Sets of labels that hold the truth nine times in ten, also where a modality lacks.

MAPIE makes conformal sets of what a classifier of skmm says: of the spoken digits that
ship, with the image, which tells the most, taken away from half of the rows after
training. One threshold for all rows keeps its promise on the whole, and breaks it where
the image lacks; one for each pattern of missing modalities (group-conditional, or
Mondrian, conformal prediction) keeps it everywhere. Voices of the test rows are in no
other rows.

Run it from anywhere after ``pip install skmm "mapie==1.4.*"``: it needs no network, and
takes a minute on two cores.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's notes on itself

import numpy as np
import pandas as pd
from mapie.classification import SplitConformalClassifier
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import GroupShuffleSplit
from sklearn.pipeline import make_pipeline

from skmm import ModalityTransformer, MultimodalClassifier
from skmm.datasets import load_spoken_digits
from skmm.encoders.cnn import CNNEncoder
from skmm.inspection import calibration_report
from skmm.modalities.audio import AudioModality

LEVEL = 0.9
N_DRAWS = 30


class Fitted(ClassifierMixin, BaseEstimator):
    """A fitted classifier, or pipeline, without `n_features_in_`.

    MAPIE 1.4 lets a model that has one predict a row of zeros, to see whether it is
    fitted, and refuses models of dataframes and of modalities, which zeros are not.
    """

    def __init__(self, model):
        self.model = model
        self.classes_ = model.classes_

    def fit(self, X, y):
        """Do nothing: it is fitted."""
        return self

    def predict(self, X):
        """Predict labels."""
        return self.model.predict(X)

    def predict_proba(self, X):
        """Compute probabilities."""
        return self.model.predict_proba(X)


# 1. A network that is trained on the rows of a third of the speakers.
digits = load_spoken_digits()
X, y, speakers = digits.data.copy(), digits.target.to_numpy(), digits.groups.to_numpy()
thirds = GroupShuffleSplit(1, train_size=1 / 3, random_state=0)
train, rest = next(thirds.split(X, groups=speakers))

modalities = [
    ("image", "image", "image"),
    ("audio", AudioModality(n_mels=8, hop=0.025), "audio"),
]
small = [("image", CNNEncoder(filters=8)), ("audio", CNNEncoder(filters=8))]
network = MultimodalClassifier(
    encoders=small, ensemble_size=1, epochs=40, batch_size=64, random_state=0
)
model = make_pipeline(ModalityTransformer(modalities), network)
model.fit(X.iloc[train], y[train])

# 2. Half of the other rows lose their image, as they might in use.
rng = np.random.default_rng(0)
blind = np.zeros(len(X), dtype=bool)
blind[rng.permutation(rest)[::2]] = True
X.loc[blind, "image"] = None
everything = ("all rows", np.ones(len(X), dtype=bool))
patterns = [("image + audio", ~blind), ("audio", blind)]

report = calibration_report(model, X.iloc[rest], y[rest])
print(report.round(3).to_string())

# 3. Sets of labels: half of these speakers are for the thresholds, half to test on, in
# turn. What the network reads is made once: Fitted(model) would do so at every call.
frame = model[:-1].transform(X)


def sets_of(known, asked):
    """Make the sets of some rows, (n_asked, n_classes), by what others are known."""
    sets = SplitConformalClassifier(
        Fitted(model[-1]), confidence_level=LEVEL, conformity_score="lac", prefit=True
    )
    sets.conformalize(frame[known], y[known])
    return sets.predict_set(frame[asked])[1][:, :, 0]


found = []
halves = GroupShuffleSplit(N_DRAWS, test_size=0.5, random_state=0)
for held_out, test in halves.split(rest, groups=speakers[rest]):
    known, asked = rest[held_out], rest[test]
    for threshold, groups in ("one for all", [everything]), ("by pattern", patterns):
        sets = np.zeros((len(X), len(model.classes_)), dtype=bool)
        for _, rows in groups:
            sets[asked[rows[asked]]] = sets_of(known[rows[known]], asked[rows[asked]])
        for pattern, rows in [everything, *patterns]:
            of = asked[rows[asked]]
            hit = sets[of, np.searchsorted(model.classes_, y[of])]
            found.append((threshold, pattern, hit.mean(), sets[of].sum(axis=1).mean()))

columns = ["threshold", "rows", "coverage", "labels in a set"]
table = pd.DataFrame(found, columns=columns).groupby(columns[:2], sort=False).mean()
print(f"\nsets that should hold the truth in {LEVEL:.0%} of the rows, {N_DRAWS} draws")
print(table.round(3).to_string())
