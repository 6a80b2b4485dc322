"""How functions that TensorFlow has traced are called."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from tensorflow.core.protobuf.config_pb2 import ConfigProto
from tensorflow.core.protobuf.rewriter_config_pb2 import RewriterConfig
from tensorflow.python.eager import context  # has no public door to options of a call

__all__ = ["call_unchecked"]


def call_unchecked(graph: Any, tensors: list[Any]) -> Any:
    """Call a traced function with the tensors it takes, in order.

    Its public call compares their types with those it was traced for, which takes an
    eighth of the time in which a small network predicts a row. TensorFlow looks for
    what to simplify in a function once, at its first call, where its own default is
    twice: the second look finds nothing in a step of training.
    """
    here = context.context()
    theirs = here.function_call_options
    here.function_call_options = _simplified_once(
        theirs.config_proto_serialized, theirs.executor_type
    )
    try:
        return graph._call_flat(tensors, graph.captured_inputs)
    finally:
        here.function_call_options = theirs


@lru_cache
def _simplified_once(config: bytes, executor: str | None) -> Any:
    """Make options of a call that say what `config` does, and to simplify once."""
    proto = ConfigProto.FromString(config)
    rewriting = proto.graph_options.rewrite_options
    if rewriting.meta_optimizer_iterations == RewriterConfig.DEFAULT_NUM_ITERS:
        rewriting.meta_optimizer_iterations = RewriterConfig.ONE
    return context.FunctionCallOptions(executor, proto)
