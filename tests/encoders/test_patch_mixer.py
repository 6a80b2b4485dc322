"""PatchMixerEncoder: patches, mixed by places and by channels."""

import keras
import numpy as np
import pytest

from skmm.encoders.patch_mixer import PatchMixerEncoder


@pytest.mark.parametrize(
    ("shape", "size", "left"),
    [
        ((28, 28, 1), None, (14, 14)),
        ((64, 48, 3), None, (16, 16)),
        ((9, 8, 1), None, (9, 8)),
        ((9, 8, 1), 4, (3, 2)),
    ],
)
def test_an_image_is_cut_into_patches(build, shape, size, left):
    network = build(PatchMixerEncoder(patch_size=size), "image", shape, "uint8")
    assert network.get_layer("m_patches").output.shape[1:] == (*left, 64)


def test_a_layer_is_the_equation_of_the_paper(build):
    encoder = PatchMixerEncoder(filters=3, num_layers=1, kernel_size=1, patch_size=1)
    network = build(encoder, "image", (4, 4, 1), "uint8")
    x = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 1)).astype("uint8")

    def active(x):
        x = np.asarray(keras.ops.gelu(x, approximate=False))
        centred = x - x.mean(-1, keepdims=True)
        return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-3)

    cut, places, channels = (
        network.get_layer(f"m_{part}").get_weights()
        for part in ("patches", "0_places", "0_channels")
    )
    z = active((x / 127.5 - 1) @ cut[0][0, 0] + cut[1])
    z = active(z * places[0][0, 0, :, 0] + places[1]) + z
    z = active(z @ channels[0] + channels[1]).mean(axis=(1, 2))
    pooled = keras.Model(network.input, network.get_layer("m_pool").output)
    np.testing.assert_allclose(pooled(x), z, atol=2e-3)


def test_it_learns_a_shape_wherever_it_is(accuracy, upright_or_flat):
    x, y = upright_or_flat
    encoder = PatchMixerEncoder(filters=16, num_layers=2)
    assert accuracy(encoder, x, y, "image", epochs=12) > 0.85
