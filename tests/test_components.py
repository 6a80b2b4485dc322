"""Components are found by file name and searched by nested name."""

from typing import ClassVar

import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.decomposition import PCA
from sklearn.model_selection import ParameterGrid

from skmm._components import NestedParams, available, component_class, resolve
from skmm.encoders._base import Encoder
from skmm.fusion._base import Fusion
from skmm.modalities._base import Modality
from skmm.modalities.tabular import TabularModality
from skmm.modalities.text import TextModality

BASES = {"modality": Modality, "encoder": Encoder, "fusion": Fusion}


class Host(NestedParams, BaseEstimator):
    _named_params: ClassVar = {"parts": "modality"}
    _single_params: ClassVar = {"one": "modality"}

    def __init__(self, parts="auto", one="tabular", other=None):
        self.parts = parts
        self.one = one
        self.other = other


class TwoLists(NestedParams, BaseEstimator):
    """As MultimodalClassifier: one name may stand in two lists."""

    _named_params: ClassVar = {"parts": "modality", "others": "modality"}

    def __init__(self, parts=(), others=()):
        self.parts = parts
        self.others = others


def host():
    return Host([("a", "tabular", ["x"]), ("b", TabularModality(), ["y"])])


@pytest.mark.parametrize("kind", BASES)
def test_every_key_names_one_component(kind):
    keys = available(kind)
    assert keys == sorted(keys)
    assert not any(key.startswith("_") for key in keys)
    for key in keys:
        component = component_class(kind, key)
        assert issubclass(component, BASES[kind])
        assert component.__module__.rpartition(".")[2] == key


def test_core_modalities_are_there():
    assert {"audio", "image", "tabular", "text", "timeseries", "vector"} <= set(
        available("modality")
    )


def test_listing_is_nobody_elses_to_change():
    available("modality").clear()
    assert "tabular" in available("modality")


def test_unknown_kind_of_component_lists_the_kinds():
    with pytest.raises(ValueError, match=r"'encoder', 'fusion', 'modality'.*'fusing'"):
        available("fusing")


def test_unknown_key_suggests_the_nearest():
    with pytest.raises(
        ValueError, match="unknown modality 'imge'; did you mean 'image'"
    ):
        resolve("modality", "imge")


def test_unknown_key_far_from_all_lists_them():
    with pytest.raises(ValueError, match=r"'zzzz'\. Available: \['audio'"):
        resolve("modality", "zzzz")


def test_a_key_whose_component_needs_an_argument_says_so():
    with pytest.raises(ValueError, match=r"needs arguments: give PretrainedEncoder\("):
        resolve("encoder", "pretrained")


def test_a_class_is_no_component():
    with pytest.raises(TypeError, match=r"write TabularModality\(\)"):
        resolve("modality", TabularModality)


def test_a_thing_without_parameters_is_no_component():
    with pytest.raises(TypeError, match=r"must be one of .* got 3"):
        resolve("modality", 3)


def test_resolving_an_instance_clones_it():
    given = TabularModality(max_one_hot=2)
    got = resolve("modality", given)
    assert got is not given
    assert got.max_one_hot == 2


def test_parameters_of_instances_are_listed_and_keys_are_named():
    params = host().get_params()
    assert params["a"] == "tabular"
    assert params["b__max_one_hot"] == TabularModality().max_one_hot
    assert not any(key.startswith("a__") for key in params)


def test_shallow_parameters_are_those_of_the_constructor():
    assert set(host().get_params(deep=False)) == {"parts", "one", "other"}


def test_an_instance_is_set_through_its_name():
    assert host().set_params(b__max_one_hot=3).parts[1][1].max_one_hot == 3


def test_a_key_becomes_an_instance_when_set_through_its_name():
    changed = host().set_params(a__max_one_hot=3)
    name, modality, columns = changed.parts[0]
    assert (name, columns) == ("a", ["x"])
    assert isinstance(modality, TabularModality)
    assert modality.max_one_hot == 3


def test_setting_through_a_name_leaves_the_given_list_alone():
    parts = [("a", "tabular", ["x"])]
    Host(parts).set_params(a__max_one_hot=3)
    assert parts == [("a", "tabular", ["x"])]


def test_a_component_is_replaced_by_its_name_before_its_parameters_are_set():
    changed = host().set_params(a__min_df=5, a=TextModality())
    assert isinstance(changed.parts[0][1], TextModality)
    assert changed.parts[0][1].min_df == 5


def test_a_single_component_given_by_key_is_set():
    changed = host().set_params(one__max_one_hot=4)
    assert changed.one.max_one_hot == 4


def test_own_parameters_come_before_nested_ones():
    changed = host().set_params(parts=[("z", "tabular", [0])], z__max_one_hot=4)
    assert changed.parts[0][1].max_one_hot == 4


def test_other_nested_estimators_work_as_in_scikit_learn():
    assert Host(other=PCA()).set_params(other__n_components=2).other.n_components == 2


def test_one_name_in_two_lists_reaches_the_component_that_has_the_parameter():
    estimator = TwoLists([("a", PCA())], [("a", TabularModality())])
    estimator.set_params(a__max_one_hot=3, a__n_components=2)
    assert estimator.parts[0][1].n_components == 2
    assert estimator.others[0][1].max_one_hot == 3


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"a__nope": 1}, "Invalid parameter 'nope' for 'a', which is 'tabular'"),
        ({"b__nope": 1}, "Invalid parameter 'nope' for estimator TabularModality"),
        ({"one__nope": 1}, "Invalid parameter 'nope' for 'one', which is 'tabular'"),
        ({"other__x": 1}, "Invalid parameter 'x' for 'other', which is None"),
        ({"c": 1}, "Invalid parameter 'c'"),
        ({"c__x": 1}, "Invalid parameter 'c'"),
        ({"parts": "auto", "a__max_one_hot": 1}, "Invalid parameter 'a'"),
    ],
)
def test_parameters_that_do_not_exist_are_refused(params, message):
    with pytest.raises(ValueError, match=message):
        host().set_params(**params)


def test_every_candidate_of_a_grid_applies_to_a_clone():
    estimator = host()
    for candidate in ParameterGrid({"a__max_one_hot": [2, 5], "b__max_one_hot": [3]}):
        fitted = clone(estimator).set_params(**candidate)
        assert [part[1].max_one_hot for part in fitted.parts] == [
            candidate["a__max_one_hot"],
            candidate["b__max_one_hot"],
        ]
    assert estimator.parts[0][1] == "tabular"
    assert estimator.parts[1][1].max_one_hot == TabularModality().max_one_hot
