"""Functions are called with options of their own, and those of the process stay."""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.base import clone
from tensorflow.core.protobuf.config_pb2 import ConfigProto
from tensorflow.python.eager import context

from skmm import MultimodalClassifier
from skmm.datasets import make_multimodal_classification
from skmm.training import clear_pool
from skmm.training._call import call_unchecked


def options_inside(**rewriting):
    """Set options of the process, and say which ones a call of ours goes with."""
    here = context.context()
    before = here.function_call_options
    proto = ConfigProto(graph_options={"rewrite_options": rewriting})
    here.function_call_options = theirs = context.FunctionCallOptions(None, proto)
    seen = []
    graph = SimpleNamespace(
        captured_inputs=[],
        _call_flat=lambda *_: seen.append(here.function_call_options),
    )
    try:
        call_unchecked(graph, [])
        assert here.function_call_options is theirs
    finally:
        here.function_call_options = before
    found = ConfigProto.FromString(seen[0].config_proto_serialized)
    return found.graph_options.rewrite_options


def test_a_graph_is_simplified_once_and_all_else_is_as_the_user_has_it():
    found = options_inside(remapping="OFF")
    assert (found.meta_optimizer_iterations, found.remapping) == (1, 2)
    theirs = options_inside(meta_optimizer_iterations="TWO")
    assert theirs.meta_optimizer_iterations == 2


def test_options_come_back_after_an_error():
    before = context.context().function_call_options

    def fail(*_):
        raise RuntimeError("in the graph")

    graph = SimpleNamespace(captured_inputs=[], _call_flat=fail)
    with pytest.raises(RuntimeError, match="in the graph"):
        call_unchecked(graph, [])
    assert context.context().function_call_options is before


@pytest.mark.parametrize("kinds", [("tabular", "text"), ("image", "timeseries")])
def test_a_graph_that_is_simplified_once_gives_the_bits_of_twice(kinds, monkeypatch):
    X, y = make_multimodal_classification(
        40, modalities=kinds, random_state=0, return_X_y=True
    )
    model = MultimodalClassifier(ensemble_size=1, epochs=2, random_state=0)
    once = clone(model).fit(X, y).predict_proba(X)
    clear_pool()
    monkeypatch.setattr(
        "skmm.training._call._simplified_once",
        lambda *_: context.context().function_call_options,
    )
    np.testing.assert_array_equal(clone(model).fit(X, y).predict_proba(X), once)
    clear_pool()
