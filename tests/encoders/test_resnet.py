"""ResNetEncoder: residual blocks on images and spectrograms."""

import keras
import numpy as np
import pytest

from skmm.encoders.resnet import ResNetEncoder
from skmm.exceptions import ModalityError


def test_each_later_stage_halves_the_places_and_doubles_the_filters(build):
    network = build(ResNetEncoder(filters=4), "image", (28, 28, 1), "uint8")
    shapes = [network.get_layer(f"m_{i}_0_relu").output.shape[1:] for i in range(3)]
    assert shapes == [(28, 28, 4), (14, 14, 8), (7, 7, 16)]


def test_large_images_are_halved_first(build):
    network = build(ResNetEncoder(filters=4), "image", (64, 48, 3), "uint8")
    assert network.get_layer("m_stem").output.shape[1:] == (32, 24, 4)


def test_a_block_that_finds_nothing_passes_on_what_it_is_given(build):
    network = build(ResNetEncoder(filters=4, num_stages=1), "image", (6, 6, 1), "uint8")
    convolution = network.get_layer("m_0_0_b")
    convolution.set_weights([np.zeros_like(w) for w in convolution.get_weights()])
    before = network.get_layer("m_stem_relu").output
    after = network.get_layer("m_0_0_relu").output
    x = np.random.default_rng(0).integers(0, 256, (3, 6, 6, 1)).astype("uint8")
    given, passed = keras.Model(network.input, [before, after])(x)
    np.testing.assert_array_equal(passed, given)


def test_it_normalises_as_told(build):
    def kinds(how):
        network = build(ResNetEncoder(normalization=how), "image", (8, 8, 1), "uint8")
        return {type(x) for x in network.layers if x.name.endswith("_norm")}

    assert kinds("batch") == {keras.layers.BatchNormalization}
    assert kinds("layer") == {keras.layers.LayerNormalization}
    assert kinds(None) == set()
    with pytest.raises(ModalityError, match="'group'"):
        kinds("group")


def test_it_learns_a_shape_wherever_it_is(accuracy, upright_or_flat):
    x, y = upright_or_flat
    encoder = ResNetEncoder(filters=8, num_stages=2)
    assert accuracy(encoder, x, y, "image", epochs=10) > 0.85
