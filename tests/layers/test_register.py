"""Layers: each written out and read back, and known before it runs."""

import keras
import numpy as np
import pytest

from skmm import layers


def values(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def inputs_of(shapes, make):
    """Make what a layer is called with; a list of shapes is a list of tensors."""
    return [
        [make(s) for s in shape] if isinstance(shape, list) else make(shape)
        for shape in shapes
    ]


def drawn(shapes):
    return inputs_of(shapes, lambda shape: values(*shape))


LAYERS = {
    "AbsentEmbedding": ({"index": 1}, [(2, 3), (2, 2)]),
    "BilinearPooling": ({"n_factors": 2}, [[(2, 6), (2, 6)], (2, 2)]),
    "FactorProduct": ({"rank": 2}, [[(2, 6), (2, 6)], (2, 2)]),
    "GraphAttention": ({"units": 4, "num_heads": 2}, [(2, 3, 5), (2, 3)]),
    "GraphConvolution": ({"units": 4, "chain": True}, [(2, 3, 5), (2, 3)]),
    "LearnedTokens": ({"n_tokens": 3}, [(2, 4, 5)]),
    "ModalityDropout": ({"rate": 0.5}, [(2, 3)]),
    "ModalitySwap": ({"rate": 0.5}, [(2, 3)]),
    "Modulation": ({"index": 1}, [(2, 3), (2, 6), (2, 2)]),
    "OuterProduct": ({}, [[(2, 3), (2, 4)], (2, 2)]),
    "PairLikeness": ({}, [(2, 3, 4), (2, 3)]),
    "ProductOfExperts": ({}, [[(2, 3), (2, 3)], (2, 2)]),
    "AugmentImage": ({"shift": 0.3, "flip": True, "erase": 0.2}, [(2, 4, 4, 1)]),
    "AugmentSpectrogram": ({"time": 0.3, "n_masks": 1}, [(2, 4, 4, 1)]),
    "CategoryEmbedding": ({"cardinalities": (2, 3)}, [(2, 4)]),
    "FoldAxis": ({}, [(2, 3, 4)]),
    "LocalMoments": ({"cells": (2, 3)}, [(2, 5, 6, 2)]),
    "ImageScaling": ({"mode": "torch"}, [(2, 4, 5, 3)]),
    "MaskMissing": ({"indicator": "missing"}, [(2, 3)]),
    "MaskPadding": ({}, [(2, 3, 4), (2, 3)]),
    "MaskedPooling": ({"mode": "sqrt"}, [(2, 3, 4)]),
    "Observed": ({"window": (2,)}, [(2, 3, 4)]),
    "OrientedGradients": ({"cells": (2, 3)}, [(2, 5, 6, 2)]),
    "PeriodicEmbedding": ({"n_numbers": 2, "n_frequencies": 5}, [(2, 4)]),
    "PositionEmbedding": ({}, [(2, 3, 4)]),
    "SeriesSummary": ({"n_parts": 2}, [(2, 7, 3)]),
    "RankedPooling": ({}, [(2, 3, 4), (2, 3)]),
    "TokenEmbedding": ({"input_dim": 5, "output_dim": 3}, [(2, 4)]),
    "TokenInput": ({"what": "mask"}, [(2, 4)]),
    "UnfoldAxis": ({"size": 2}, [(4, 3)]),
}


def test_every_layer_with_parameters_is_tried():
    apart = {"Mixture", "OpinionPool", "PretrainedNetwork", "StatisticsPooling"}
    apart |= {"FewerTokens", "Parted", "RowBefore", "Twice"}
    apart |= {"attention_block", "padded_length"}  # functions
    apart |= {"drop", "tracing_for_xla", "uniform"}
    assert {*LAYERS, *apart} == set(layers.__all__)


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_is_read_back_from_its_config(name):
    config, shapes = LAYERS[name]
    layer = getattr(layers, name)(**config)
    inputs = drawn(shapes)
    expected = layer(*inputs)
    text = keras.saving.serialize_keras_object(layer)
    assert text["registered_name"] == f"skmm>{name}"
    copy = keras.saving.deserialize_keras_object(text)
    for key, value in config.items():
        assert getattr(copy, key) == value
    copy(*inputs)
    copy.set_weights(layer.get_weights())
    np.testing.assert_array_equal(copy(*inputs), expected)


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_knows_its_output_before_it_runs(name):
    config, shapes = LAYERS[name]
    layer = getattr(layers, name)(**config)
    specs = inputs_of(shapes, lambda shape: keras.KerasTensor((None, *shape[1:])))
    expected = layer(*specs)
    found = layer(*drawn(shapes))
    assert tuple(found.shape)[1:] == tuple(expected.shape)[1:]
    assert expected.shape[0] is None
    assert keras.backend.standardize_dtype(found.dtype) == expected.dtype


@pytest.mark.parametrize("name", LAYERS)
def test_each_weight_has_the_initializer_of_its_name(name):
    config, shapes = LAYERS[name]
    layer = getattr(layers, name)(**config)
    layer(*drawn(shapes))
    for weight in layer.weights:
        initializer = getattr(layer, f"{weight.name}_initializer")
        assert isinstance(initializer, keras.Initializer)
