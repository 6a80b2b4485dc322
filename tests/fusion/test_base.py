"""What every fusion is."""

from skmm._components import Component
from skmm.fusion._base import Fusion


def test_a_fusion_is_a_component_that_joins_before_the_decision():
    class First(Fusion):
        def fuse(self, embeddings, present, logits):
            return embeddings[0]

    assert issubclass(Fusion, Component)
    assert First().get_params() == {}
    assert First().produces_logits is False
    assert First().fuse(["a", "b"], None, []) == "a"


def test_a_fusion_must_say_how_to_fuse():
    assert Fusion.fuse.__isabstractmethod__
