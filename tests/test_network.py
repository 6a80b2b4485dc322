"""Graphs from recipes, with room for the next fold."""

from functools import cache, partial

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skmm._components import resolve
from skmm._network import (
    fill_room,
    multimodal_network,
    roomy,
    unimodal_network,
)
from skmm.encoders.cnn import CNNEncoder
from skmm.frame import ModalitySpec

TABLE = ModalitySpec("t", "tabular", (6,), "float32", "mlp", ("a",) * 6, 0, (3, 40))
TEXT = ModalitySpec("n", "text", (9,), "int32", "embedding_bag", None, 131)
SERIES = ModalitySpec("s", "timeseries", (29, 2), "float32", "cnn")
SOUND = ModalitySpec("a", "audio", (61, 32, 1), "float16", "cnn")
IMAGE = ModalitySpec("i", "image", (9, 9, 1), "uint8", "cnn")
SPECS = [TABLE, TEXT]


def test_what_differs_between_folds_is_rounded_up():
    assert roomy(TEXT).shape == (16,)
    assert roomy(TEXT).vocabulary_size == 192
    assert roomy(SERIES).shape == (32, 2)
    assert roomy(SOUND).shape == (64, 32, 1)
    assert roomy(TABLE).cardinalities == (16, 48)
    assert roomy(TABLE).shape == TABLE.shape
    assert roomy(IMAGE) == IMAGE


@pytest.mark.parametrize("n", [1, 7, 8, 9, 1000, 12345])
def test_room_is_enough_and_not_a_waste(n):
    spec = ModalitySpec("n", "text", (n,), "int32", "x", None, n)
    (room,) = roomy(spec).shape
    assert n <= room <= max(16, 1.25 * n)
    assert n <= roomy(spec).vocabulary_size


def test_room_is_filled_as_padding_is():
    ids = np.ones((2, 9), np.int32)
    assert_array_equal(fill_room(ids, roomy(TEXT))[:, 9:], 0)
    series = np.ones((2, 29, 2), np.float32)
    filled = fill_room(series, roomy(SERIES))
    assert np.isnan(filled[:, 29:]).all()
    assert_array_equal(filled[:, :29], series)
    assert fill_room(ids, TEXT) is ids


def networks(**settings):
    encoders = [resolve("encoder", spec.encoder) for spec in SPECS]
    return multimodal_network(
        SPECS,
        encoders,
        resolve("fusion", settings.pop("fusion", "mean")),
        3,
        **settings,
    )


def inputs(n=4):
    rng = np.random.default_rng(0)
    table = rng.normal(size=(n, 6)).astype("float32")
    table[:, -2:] = rng.integers(0, 3, (n, 2))  # codes of its categories come last
    return table, rng.integers(1, 9, (n, 9)), np.ones((n, 2), "float32")


def test_outputs_are_named():
    network = networks()
    assert set(network.output) == {"logits", "embedding", "unimodal"}
    assert [u.shape for u in network.output["unimodal"]] == [(None, 3), (None, 3)]
    assert "unimodal" not in networks(unimodal=False).output


def test_a_late_fusion_has_no_other_head():
    network = networks(fusion="late")
    assert "logits" not in [layer.name for layer in network.layers]
    assert network.output["logits"].shape == (None, 3)


def test_a_second_network_reads_some_modalities_with_weights_of_its_own():
    network = networks(aside=[0])
    table, text, present = inputs()
    before = network([table, text, present])
    other = network([table, text + 1, present])
    assert_array_equal(before["aside"], other["aside"])
    assert not np.allclose(before["logits"], other["logits"])
    second = network.get_layer("aside")
    assert not {id(w) for w in second.weights} & {
        id(w) for layer in network.layers if layer is not second for w in layer.weights
    }


def test_the_first_network_stands_in_where_the_second_has_nothing_to_read():
    network = networks(aside=[0])
    table, text, present = inputs()
    present[0] = [0, 1]
    out = network([table, text, present])
    assert_array_equal(out["aside"][0], out["logits"][0])
    assert not np.allclose(out["aside"][1:], out["logits"][1:])


@pytest.mark.parametrize("fusion", ["concat", "siamese"])
def test_bytes_can_be_floats_even_where_encoders_are_shared(fusion):
    specs = [
        ModalitySpec(name, "image", (8, 8, 1), "uint8", "cnn") for name in ("a", "b")
    ]
    encoders = [resolve("encoder", "cnn")] * 2
    network, whole = (
        multimodal_network(
            specs, encoders, resolve("fusion", fusion), 2, continuous=continuous
        )
        for continuous in (True, False)
    )
    whole.set_weights(network.get_weights())
    nested = [layer for layer in network.layers if isinstance(layer, keras.Model)]
    inputs = [x for part in (network, *nested) for x in part.inputs]
    assert {x.dtype for x in inputs} == {"float32"}
    images = np.random.default_rng(0).integers(0, 256, (2, 3, 8, 8, 1)).astype("uint8")
    present = np.ones((3, 2), "float32")
    assert_allclose(
        network([*images.astype("float32"), present])["logits"],
        whole([*images, present])["logits"],
        atol=1e-5,
    )


TOKEN_FUSIONS = ("attention", "bottleneck")
PLACES = [
    ModalitySpec("s", "timeseries", (24, 2), "float32", "cnn"),
    ModalitySpec("n", "text", (9,), "int32", "rnn", None, 20),
    ModalitySpec("v", "vector", (3,), "float32", "mlp"),
]


@cache
def network_of_places(fusion):
    keras.utils.set_random_seed(0)
    encoders = [resolve("encoder", spec.encoder) for spec in PLACES]
    return multimodal_network(PLACES, encoders, resolve("fusion", fusion), 2)


def rows_of_places(seed=0):
    rng = np.random.default_rng(seed)
    series = rng.normal(size=(4, 24, 2)).astype("float32")
    text = rng.integers(1, 20, (4, 9))
    vector = rng.normal(size=(4, 3)).astype("float32")
    present = np.array([[1, 1, 1], [0, 1, 1], [1, 0, 1], [0, 0, 0]], "float32")
    return [series, text, vector, present]


@pytest.mark.parametrize("fusion", TOKEN_FUSIONS)
def test_places_reach_the_fusion(fusion):
    network = network_of_places(fusion)
    shown = {layer.name: layer.output.shape for layer in network.layers}
    assert shown["fusion_token_0"] == (None, 1 + 3, 64)  # the embedding, then places
    assert shown["fusion_token_1"] == (None, 1 + 9, 64)
    assert shown["fusion_token_2"] == (None, 1, 64)


@pytest.mark.parametrize("fusion", TOKEN_FUSIONS)
def test_places_of_an_absent_modality_change_nothing(fusion):
    network, given = network_of_places(fusion), rows_of_places()
    present = given[-1]
    other = [
        np.where(present[:, m].reshape(-1, *(1,) * (x.ndim - 1)) > 0, x, y)
        for m, (x, y) in enumerate(zip(given, rows_of_places(1), strict=True))
        if m < 3
    ]
    expected = network(given)
    found = network([*other, present])
    assert_array_equal(found["logits"], expected["logits"])
    assert_array_equal(found["unimodal"][1][1:2], expected["unimodal"][1][1:2])
    assert np.isfinite(expected["logits"]).all()


class Doubled(CNNEncoder):
    """What a user makes of an encoder that shows its places."""

    def encode(self, x, spec):
        return 2 * super().encode(x, spec)


@pytest.mark.parametrize("fusion", ["concat", "siamese"])
def test_an_encoders_own_verb_is_heard(fusion):
    spec = PLACES[0]
    found = []
    for encoder in (CNNEncoder(dropout=0), Doubled(dropout=0)):
        keras.utils.set_random_seed(0)
        network = multimodal_network([spec], [encoder], resolve("fusion", fusion), 2)
        x, present = rows_of_places()[0], np.ones((4, 1), "float32")
        found.append(keras.ops.convert_to_numpy(network([x, present])["logits"]))
    assert not np.allclose(*found)


def test_names_that_clash_or_are_no_names_are_mended():
    specs = [
        ModalitySpec(name, "vector", (2,), "float32", "mlp")
        for name in ("a b", "a/b", "2", "present")
    ]
    encoders = [resolve("encoder", "mlp") for _ in specs]
    network = multimodal_network(specs, encoders, resolve("fusion", "mean"), 2)
    names = [x.name for x in network.inputs]
    assert names == ["a_b", "a_b_", "m_2", "present_", "present"]


def test_one_modality_needs_no_fusion():
    network = unimodal_network(TABLE, resolve("encoder", "mlp"), 4)
    assert network.output["logits"].shape == (None, 4)


@pytest.mark.parametrize("fusion", ["concat", "attention"])
def test_what_is_joined_is_swapped_and_what_heads_read_is_not(fusion):
    specs, encoders = [TABLE, TABLE], [resolve("encoder", "mlp") for _ in range(2)]
    for encoder in encoders:
        encoder.set_params(dropout=0.0)
    component = resolve("fusion", fusion).set_params(dropout=0.0)
    build = partial(multimodal_network, specs, encoders, component, 2)
    network = build(modality_swap=1.0)
    plain = build()
    plain.set_weights([w for w in network.get_weights() if w.dtype != np.uint32])
    rng = np.random.default_rng(0)
    x = [rng.normal(size=(40, *TABLE.shape)).astype(np.float32) for _ in specs]
    present = np.ones((40, 2), np.float32)
    found, still = network([*x, present], training=True), plain([*x, present])
    either = [
        plain([np.roll(x[0], 1, axis=0), x[1], present])["logits"],
        plain([x[0], np.roll(x[1], 1, axis=0), present])["logits"],
    ]
    apart = np.abs(np.stack(either) - np.asarray(found["logits"])).max(axis=2)
    assert (apart.min(axis=0) < 1e-5).all()
    for own, unmoved in zip(found["unimodal"], still["unimodal"], strict=True):
        assert_allclose(own, unmoved, atol=1e-5)
    assert_allclose(network([*x, present])["logits"], still["logits"], atol=1e-5)


@pytest.mark.parametrize("fusion", ["gated", "attention", "late"])
@pytest.mark.parametrize("aside", [(), (0, 1)])
def test_modalities_are_taken_from_rows_that_are_added(fusion, aside):
    component = resolve("fusion", fusion)
    encoders = [resolve("encoder", spec.encoder) for spec in SPECS]
    for part in (component, *encoders):
        if "dropout" in part.get_params():
            part.set_params(dropout=0.0)
    build = partial(multimodal_network, SPECS, encoders, component, 3, aside=aside)
    network, plain = build(modality_dropout=0.5), build()
    plain.set_weights([w for w in network.get_weights() if w.dtype != np.uint32])
    *x, present = inputs(60)
    found, whole = network([*x, present], training=True), plain([*x, present])
    said = ["logits", "aside"] if aside else ["logits"]
    for name in ("embedding", *said):
        assert_allclose(found[name], whole[name], atol=1e-5)
    alone = [plain([*x, present * one]) for one in np.eye(2, dtype=np.float32)]
    for lacking, name in zip(found["lacking"], said, strict=True):
        may = np.stack([one[name] for one in (whole, *alone)])
        apart = np.abs(may - np.asarray(lacking)).max(axis=2)
        assert (apart.min(axis=0) < 1e-5).all()
        assert len(set(apart.argmin(axis=0))) == 3
    still = network([*x, present])
    for name in said:
        assert_allclose(still[name], whole[name], atol=1e-5)


def test_one_modality_is_not_swapped():
    network = multimodal_network(
        [TABLE], [resolve("encoder", "mlp")], resolve("fusion", "gated"), 2,
        modality_swap=0.5,
    )  # fmt: skip
    assert not any("swap" in layer.name for layer in network.layers)
