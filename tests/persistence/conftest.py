"""Small fitted models, shared by the tests of persistence."""

import json
import os
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

import numpy as np
import pytest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skmm
from skmm import MultimodalClassifier
from skmm.datasets import make_multimodal_classification

SETTINGS = {"ensemble_size": 1, "epochs": 1, "fusion": "mean", "random_state": 0}


@pytest.fixture(scope="session")
def settings():
    """Parameters of the network that most tests share, so that it is traced once."""
    return SETTINGS


@pytest.fixture(scope="session")
def rows():
    """40 rows of a table and a text, and labels that are strings."""
    X, y = make_multimodal_classification(
        40, modalities=("tabular", "text"), random_state=0, return_X_y=True
    )
    return X, np.where(y, "yes", "no")


@pytest.fixture(scope="session")
def classifier(rows):
    return MultimodalClassifier(**SETTINGS).fit(*rows)


@pytest.fixture(scope="session")
def linear():
    """A pipeline of scikit-learn alone, and the rows that it was fitted on."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 3))
    X[0, 0] = np.nan
    y = np.where(X[:, 1] > 0, "yes", "no")
    steps = SimpleImputer(), StandardScaler(), LogisticRegression()
    return make_pipeline(*steps).fit(X, y), X


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.skmm"


@pytest.fixture
def round_trip(tmp_path):
    """Save and load, in a folder that holds nothing else afterwards."""

    def there_and_back(model, trusted=()):
        path = tmp_path / "round_trip.skmm"
        skmm.save(model, path, trusted=trusted)
        assert [p.name for p in tmp_path.iterdir()] == [path.name]
        return skmm.load(path, trusted=trusted)

    return there_and_back


class Archive:
    """A saved model as its parts, to be changed and written again."""

    def __init__(self, path):
        with ZipFile(path) as archive:
            self.members = {name: archive.read(name) for name in archive.namelist()}
        self.about = json.loads(self.members.pop("skmm.json"))
        self.schema = json.loads(self.members.pop("schema.json"))

    def nodes(self, loader=None):
        """Every node of the tree, or those of one loader."""
        todo = [self.schema]
        while todo:
            value = todo.pop()
            todo += value.values() if isinstance(value, dict) else ()
            todo += value if isinstance(value, list) else ()
            if isinstance(value, dict) and isinstance(value.get("__loader__"), str):
                if loader in (None, value["__loader__"]):
                    yield value

    def state(self, name):
        """What an object of the class `name` holds, by the names of attributes."""
        (node,) = [n for n in self.nodes("ObjectNode") if n["__class__"] == name]
        return node["content"]["content"]

    def texts(self):
        return {"skmm.json": self.about, "schema.json": self.schema}

    def write(self, path):
        with ZipFile(path, "w") as archive:
            for name, content in self.texts().items():
                archive.writestr(ZipInfo(name), json.dumps(content), ZIP_DEFLATED)
            for name, data in self.members.items():
                archive.writestr(ZipInfo(name), data, ZIP_STORED)
        return path


@pytest.fixture(scope="session")
def archive_type():
    return Archive


@pytest.fixture
def archive(linear, tmp_path):
    """The archive of the linear pipeline."""
    path = tmp_path / "linear.skmm"
    skmm.save(linear[0], path)
    made = Archive(path)
    os.unlink(path)
    return made


@pytest.fixture
def archive_of(tmp_path):
    """Make the archive of any model."""

    def made(model, trusted=()):
        path = tmp_path / "any.skmm"
        skmm.save(model, path, trusted=trusted)
        found = Archive(path)
        os.unlink(path)
        return found

    return made
