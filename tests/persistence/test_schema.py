"""The tree of nodes: what it holds is named, with its place, before it is built."""

import json

import pytest

from skmm.exceptions import PersistenceError
from skmm.persistence._schema import inspect_schema


def node(name, loader, **content):
    module, _, name = name.rpartition(".")
    return {"__class__": name, "__module__": module, "__loader__": loader, **content}


def text(value, **more):
    return node("builtins.str", "JsonNode", content=json.dumps(value), **more)


def items(*content, kind="list", **more):
    loader = f"{kind.title()}Node"
    return node(f"builtins.{kind}", loader, content=list(content), **more)


def state(**attributes):
    kinds = [node("builtins.str", "TypeNode") for _ in attributes]
    return node(
        "builtins.dict", "DictNode", content=attributes, key_types=items(*kinds)
    )


def scaler(**attributes):
    top = node(
        "sklearn.preprocessing._data.StandardScaler",
        "ObjectNode",
        content=state(**attributes),
    )
    return {**top, "protocol": 2}


def test_names_are_found_with_their_places():
    tree = scaler(a=items(text(1), node("numpy.log1p", "FunctionNode")))
    names = inspect_schema(tree, ()).names
    assert names["sklearn.preprocessing._data.StandardScaler"] == ""
    assert names["numpy.log1p"] == ".a[1]"


def test_members_are_found():
    array = node("numpy.ndarray", "NdArrayNode", type="numpy", file="3.npy")
    blob = node("builtins.bytes", "BytesNode", file="4.bin")
    contents = inspect_schema(scaler(a=array, b=blob), ())
    assert (contents.arrays, contents.blobs) == ({"3.npy"}, {"4.bin"})


def test_all_that_is_not_trusted_is_named_at_once():
    tree = scaler(a=node("x.One", "ObjectNode"), b=items(node("y.two", "FunctionNode")))
    with pytest.raises(PersistenceError) as caught:
        inspect_schema(tree, ())
    assert "x.One, at .a" in str(caught.value)
    assert "y.two, at .b[0]" in str(caught.value)
    assert "trusted=['x.One', 'y.two']" in str(caught.value)


def test_what_the_user_trusts_passes():
    tree = scaler(a=node("x.One", "ObjectNode", content=state(b=text(1))))
    assert inspect_schema(tree, {"x.One"}).names["x.One"] == ".a"


def test_a_method_is_trusted_by_its_own_name():
    parts = {"func": "run", "obj": node("x.One", "ObjectNode")}
    tree = scaler(a=node("x.One", "MethodNode", content=parts))
    with pytest.raises(PersistenceError, match=r"x\.One\.run, at \.a"):
        inspect_schema(tree, {"x.One"})
    assert "x.One.run" in inspect_schema(tree, {"x.One", "x.One.run"}).names


def test_a_trusted_name_makes_no_other_loader_safe():
    tree = scaler(a=node("builtins.list", "OperatorFuncNode", attrs=items()))
    with pytest.raises(PersistenceError, match="cannot hold"):
        inspect_schema(tree, {"builtins.list"})


def test_equal_nodes_of_one_number_pass_and_are_read_once():
    array = node("numpy.ndarray", "NdArrayNode", type="numpy", file="0.npy", __id__=1)
    tree = scaler(a=array, b=items(dict(array), kind="tuple"))
    assert inspect_schema(tree, ()).arrays == {"0.npy"}
    tree["content"]["content"]["b"]["content"][0]["file"] = "1.npy"
    with pytest.raises(PersistenceError, match=r"node 1 again at \.b\[0\]"):
        inspect_schema(tree, ())


@pytest.mark.parametrize(
    "value", [None, True, 3, -1.5, float("nan"), "a", "[x]", 10**30]
)
def test_plain_values_pass(value):
    assert inspect_schema(scaler(a=text(value)), ()).names


@pytest.mark.parametrize("kind", ["builtins.str", "numpy.int64", "builtins.float"])
def test_keys_that_come_back_pass(kind):
    keyed = node(
        "builtins.dict",
        "DictNode",
        content={"1": text(1)},
        key_types=items(node(kind, "TypeNode")),
    )
    assert kind in inspect_schema(scaler(a=keyed), ()).names


@pytest.mark.parametrize("value", [17, 0.5])
def test_a_vocabulary_may_have_the_word_class_name(value):
    number = node("numpy.int64", "NdArrayNode", type="numpy", file="0.npy")
    tree = scaler(a=state(class_name=text(value)), b=state(class_name=number))
    assert inspect_schema(tree, ()).arrays == {"0.npy"}


@pytest.mark.parametrize("name", ["numpy.str_", "numpy.ndarray"])
def test_a_class_name_that_may_be_a_string_is_refused(name):
    array = node(name, "NdArrayNode", type="numpy", file="0.npy")
    with pytest.raises(PersistenceError, match="which Keras would build"):
        inspect_schema(scaler(a=state(class_name=array)), ())


def test_positions_of_a_random_state_are_checked():
    def tree(position):
        parts = state(state=state(key=text(0), pos=text(position)))
        name = "numpy.random.mtrand.RandomState"
        return scaler(a=node(name, "RandomStateNode", content=parts))

    assert inspect_schema(tree(624), ()).names
    with pytest.raises(PersistenceError, match=r"at most 624 at \.a\.pos, got '625'"):
        inspect_schema(tree(625), ())


def test_slices_and_arrays_of_objects_pass():
    ends = {"start": None, "stop": 3, "step": None}
    objects = node(
        "numpy.ndarray",
        "NdArrayNode",
        type="json",
        content=[text("a"), text(None)],
        shape=items(text(2), kind="tuple"),
    )
    tree = scaler(a=node("builtins.slice", "SliceNode", content=ends), b=objects)
    assert inspect_schema(tree, ()).names["builtins.slice"] == ".a"


@pytest.mark.parametrize("top", [None, [], "x", 3, {}, {"protocol": 2}])
def test_what_is_no_tree_is_refused(top):
    with pytest.raises(PersistenceError, match=r"at the top, got .*take another copy"):
        inspect_schema(top, ())
