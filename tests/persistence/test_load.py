"""What `load` takes, what it refuses in which words, and files of every release."""

import json
import os
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import InconsistentVersionWarning

import skmm
from skmm import ModalityFrame, ModalitySpec, MultimodalClassifier, available
from skmm.exceptions import PersistenceError

FIXTURES = Path(__file__).parents[1] / "fixtures"
RELEASES = sorted(p.name for p in FIXTURES.iterdir())
SAVED = [p.relative_to(FIXTURES) for p in sorted(FIXTURES.glob("*/*.skmm"))]
PARTS = [p.relative_to(FIXTURES) for p in sorted(FIXTURES.glob("*/components/*.skmm"))]


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def loaded(saved):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InconsistentVersionWarning)
        return skmm.load(FIXTURES / saved)


def test_every_release_has_its_files():
    assert skmm.__version__ in RELEASES
    names = {"classifier", "pipeline", "regressor", "search"}
    parts = {f"encoder_{key}" for key in available("encoder")} - {"encoder_pretrained"}
    parts |= {f"fusion_{key}" for key in available("fusion")}
    for release in RELEASES:
        assert {p.stem for p in SAVED if p.parts[0] == release} == names
    assert {p.stem for p in PARTS if p.parts[0] == skmm.__version__} == parts


@pytest.mark.parametrize("saved", SAVED, ids=str)
def test_files_of_every_release_predict_as_they_did(saved):
    folder = (FIXTURES / saved).parent
    X, expected = pd.read_csv(folder / "rows.csv"), read(folder / "expected.json")
    model = loaded(saved)
    method = getattr(model, "predict_proba", model.predict)
    np.testing.assert_allclose(method(X), expected[saved.stem], atol=1e-6)


@pytest.mark.parametrize("saved", PARTS, ids=str)
def test_layers_of_every_release_are_what_they_were(saved):
    folder = (FIXTURES / saved).parent
    reads = read(folder / "reads.json")[saved.stem]
    specs = {s["name"]: _spec(s) for s in reads["specs"]}
    present = np.array(reads["present"])
    arrays = {name: np.load(folder / "arrays.npz")[name] for name in specs}
    for name, here in zip(specs, present.T, strict=True):
        arrays[name][~here] = 0
    frame = ModalityFrame(arrays, specs, present)
    expected = read(folder / "expected.json")[saved.stem]
    found = loaded(saved).predict_proba(frame)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def _spec(fields):
    """A spec whose tuples have been lists."""
    tuples = {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}
    return ModalitySpec(**tuples)


def test_a_missing_file_is_not_found(path):
    with pytest.raises(FileNotFoundError):
        skmm.load(path)


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(PersistenceError, match=r"must be a file: it is a folder"):
        skmm.load(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are of POSIX")
def test_a_named_pipe_is_refused_and_not_waited_for(path):
    os.mkfifo(path)
    with pytest.raises(PersistenceError, match="it is no regular file"):
        skmm.load(path)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="devices are of POSIX")
def test_a_device_is_refused():
    with pytest.raises(PersistenceError, match="it is no regular file"):
        skmm.load("/dev/zero")


@pytest.mark.parametrize("trusted", [True, "sklearn.tree._tree.Tree", None])
def test_trust_is_a_list(trusted, path):
    with pytest.raises(TypeError, match="trusted must be a list of names, classes"):
        skmm.load(path, trusted=trusted)


def test_every_error_names_the_file(archive, path):
    archive.about["format"] = 9
    with pytest.raises(PersistenceError, match=r"model\.skmm: it has format 9.*update"):
        skmm.load(archive.write(path))


def test_a_later_skmm_is_warned_of(archive, path, linear):
    archive.about["skmm"] = "99.1.0"
    with pytest.warns(UserWarning, match=r"was written by skmm 99\.1\.0.*update skmm"):
        model = skmm.load(archive.write(path))
    np.testing.assert_array_equal(
        model.predict_proba(linear[1]), linear[0].predict_proba(linear[1])
    )


def test_other_versions_of_libraries_are_no_news(archive, path, linear):
    archive.about.update(keras="2.0.0", python="3.99.0", numpy="0.1")
    assert skmm.load(archive.write(path)).get_params().keys() == (
        linear[0].get_params().keys()
    )


def test_scikit_learn_warns_of_its_own(archive, path):
    archive.state("StandardScaler")["_sklearn_version"]["content"] = '"1.2.3"'
    with pytest.warns(InconsistentVersionWarning, match="from version 1.2.3"):
        skmm.load(archive.write(path))


def test_what_cannot_be_built_names_the_versions_that_differ(archive, path):
    archive.about["scikit-learn"] = "1.2.3"
    gone = {"__class__": "Thing", "__module__": "gone", "__loader__": "ObjectNode"}
    archive.state("StandardScaler")["copy"] = gone
    message = r"cannot be built \(ModuleNotFoundError.*scikit-learn 1\.2\.3 \(here "
    with pytest.raises(PersistenceError, match=message):
        skmm.load(archive.write(path), trusted=["gone.Thing"])


def test_a_parameter_that_came_later_has_its_default(archive_of, path):
    made = archive_of(MultimodalClassifier(epochs=7, guard=False))
    state = made.state("MultimodalClassifier")
    place = list(state).index("guard")
    del state["guard"]
    (top,) = [n for n in made.nodes("ObjectNode")]
    del top["content"]["key_types"]["content"][place]
    loaded = skmm.load(made.write(path))
    assert loaded.guard is True
    assert loaded.epochs == 7


def test_what_is_trusted_may_be_given_by_itself(path):
    import string

    from skmm.modalities.text import TextModality

    skmm.save(TextModality(tokenizer=string.capwords), path, trusted=[string.capwords])
    with pytest.raises(PersistenceError, match=r"trusted=\['string\.capwords'\]"):
        skmm.load(path)
    assert skmm.load(path, trusted=["string.capwords"]).tokenizer is string.capwords
