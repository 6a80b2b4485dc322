"""The copy that is written: without this process, and with the same arrays."""

from pathlib import Path

import numpy as np
import pytest
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skmm.exceptions import PersistenceError
from skmm.persistence._prepare import estimators_in, prepare


def test_arrays_are_shared_and_nothing_else(linear):
    model, _ = linear
    copied = prepare(model)
    assert copied[1].mean_ is model[1].mean_
    assert copied[1] is not model[1]
    assert copied.steps is not model.steps


def test_a_folder_of_memory_is_left_out_of_the_copy_alone():
    model = make_pipeline(make_pipeline(StandardScaler(), memory="a"), memory="b")
    copied = prepare(model)
    assert (copied.memory, copied[0].memory) == (None, None)
    assert (model.memory, model[0].memory) == ("b", "a")


def test_paths_become_strings():
    copied = prepare(FunctionTransformer(kw_args=None, feature_names_out=Path("a/b")))
    assert copied.feature_names_out == str(Path("a/b"))


def test_who_asks_for_metadata_is_known_by_name():
    with sklearn.config_context(enable_metadata_routing=True):
        model = LogisticRegression().set_fit_request(sample_weight=True)
        copied = prepare(model)
        request = copied.get_metadata_routing().fit
        assert copied._metadata_request.owner == "LogisticRegression"
        assert model._metadata_request.owner is model
    assert request.requests == {"sample_weight": True}


def test_what_is_wrong_is_said_with_its_place():
    inner = make_pipeline(FunctionTransformer(inverse_func=lambda x: x))
    message = r"Pipeline\.steps\[0\]\[1\]\.steps\[0\]\[1\]\.inverse_func is a function"
    with pytest.raises(PersistenceError, match=message):
        prepare(make_pipeline(inner, LogisticRegression()))


def test_an_object_of_a_class_of_the_session_is_refused():
    class Mine:
        pass

    with pytest.raises(PersistenceError, match=r"an object of a class that cannot be"):
        prepare(FunctionTransformer(kw_args={"a": [Mine()]}))


def test_what_cannot_be_copied_is_refused():
    model = FunctionTransformer(kw_args={"a": (i for i in range(3))})
    with pytest.raises(
        PersistenceError, match="FunctionTransformer cannot be copied: "
    ):
        prepare(model)


def test_estimators_are_found_wherever_they_are():
    inner = StandardScaler()
    model = make_pipeline(FunctionTransformer(kw_args={"a": [np.array([inner])]}))
    assert any(found is inner for found in estimators_in(model))
    assert sum(1 for _ in estimators_in(model)) == 3
