"""Models that strings name: files, folders, applications; nothing is fetched."""

import json
import os
import socket
import sys

import keras
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skmm import ModalitySpec
from skmm.encoders import _sources
from skmm.encoders._sources import load
from skmm.encoders.pretrained import PretrainedEncoder

# Keras' own files: h5py's arrays and NumPy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("something was fetched")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(keras.utils, "get_file", refuse)


@pytest.fixture
def model():
    layers = [keras.Input((None, None, 3)), keras.layers.Conv2D(4, 3)]
    return keras.Sequential(layers)


def same(source, model):
    pairs = zip(source.snapshot.weights, model.get_weights(), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def test_a_keras_file_is_loaded(model, tmp_path):
    model.save(tmp_path / "model.keras")
    assert same(load(tmp_path / "model.keras"), model)
    assert same(load(str(tmp_path / "model.keras")), model)
    assert load(tmp_path / "model.keras").scaling is None


def test_a_file_is_read_once_and_again_when_it_has_changed(
    model, tmp_path, monkeypatch
):
    path = tmp_path / "model.keras"
    model.save(path)
    assert load(path).snapshot is load(path).snapshot
    model.set_weights([w + 1 for w in model.get_weights()])
    model.save(path)
    os.utime(path, ns=(1, 1))
    assert same(load(path), model)


def test_a_file_that_hides_code_is_refused(tmp_path):
    x = keras.Input((2,))
    model = keras.Model(x, keras.layers.Lambda(lambda x: x + 1)(x))
    model.save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match="safe_mode"):
        load(tmp_path / "model.keras")


@pytest.mark.parametrize(
    "name", ["nowhere", "./nowhere", "no/where", "model.keras", "bert_tinny_en"]
)
def test_a_path_that_does_not_exist_is_an_error_and_nothing_is_fetched(name):
    with pytest.raises(FileNotFoundError, match="Nothing was downloaded"):
        load(name)


def test_a_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "model.pt").write_bytes(b"x")
    with pytest.raises(ValueError, match=r"no \.keras file"):
        load(tmp_path / "model.pt")


def test_a_folder_of_another_kind_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"no config\.json"):
        load(tmp_path)


@pytest.mark.parametrize("name", ["folder", "hf://owner/model", "kaggle://a/b/keras/c"])
def test_without_keras_hub_the_error_names_the_extra(name, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "keras_hub", None)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "config.json").write_text("{}")
    with pytest.raises(ImportError, match=r"skmm\[pretrained\]"):
        load(name)


def test_without_keras_hub_its_presets_are_unknown(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras_hub", None)
    with pytest.raises(FileNotFoundError, match="keras_hub, which knows its presets"):
        load("bert_tiny_en_uncased")


def test_an_application_takes_its_weights_from_a_file(tmp_path, monkeypatch):
    def tiny(include_top, weights):
        assert not include_top
        made = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Dense(2)])
        made.load_weights(weights)
        return made

    tiny.__module__ = "keras.src.applications.resnet"
    monkeypatch.setattr(keras.applications, "Tiny", tiny, raising=False)
    model = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Dense(2)])
    path = tmp_path / "a.weights.h5"
    model.save_weights(path)
    source = load("Tiny", path)
    assert same(source, model)
    assert source.scaling == "resnet"


@pytest.mark.slow
def test_a_real_application_is_scaled_as_it_was_trained(tmp_path):
    path = tmp_path / "a.weights.h5"
    model = keras.applications.MobileNetV2(include_top=False, weights=None)
    model.save_weights(path)
    spec = ModalitySpec("photo", "image", (32, 32, 3), "uint8", "cnn")
    x = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype("uint8")
    encoder = PretrainedEncoder("MobileNetV2", path).settled(spec)
    found, _ = encoder.prepare(x, np.ones(2, bool), spec)
    expected = model.predict(x / np.float32(127.5) - 1, verbose=0).mean((1, 2))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)


def test_an_application_without_weights_is_refused():
    with pytest.raises(ValueError, match="MobileNetV3Small needs weights="):
        load("MobileNetV3Small")
    with pytest.raises(FileNotFoundError, match=r"no file of weights 'nowhere\.h5'"):
        load("MobileNetV3Small", "nowhere.h5")


@pytest.mark.filterwarnings("ignore:Skipping nested container")
def test_weights_of_another_application_are_refused(model, tmp_path):
    model.save_weights(tmp_path / "a.weights.h5")
    with pytest.raises(ValueError, match="does not hold the weights of MobileNet "):
        load("MobileNet", tmp_path / "a.weights.h5")


def test_weights_beside_a_file_are_refused(model, tmp_path):
    model.save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match="brings its own"):
        load(tmp_path / "model.keras", "imagenet")


def bert(hub):
    return hub.models.BertBackbone(
        vocabulary_size=30,
        num_layers=1,
        num_heads=2,
        hidden_dim=8,
        intermediate_dim=16,
        max_sequence_length=32,
    )


def test_a_folder_of_keras_hub_is_loaded_even_under_a_presets_name(
    tmp_path, monkeypatch
):
    hub = pytest.importorskip("keras_hub")
    model = bert(hub)
    model.save_to_preset(str(tmp_path / "bert_tiny_en_uncased"))
    monkeypatch.chdir(tmp_path)
    assert "bert_tiny_en_uncased" in hub.models.Backbone.presets
    assert same(load("bert_tiny_en_uncased"), model)


def test_a_text_model_of_keras_hub_reads_ids(tmp_path):
    hub = pytest.importorskip("keras_hub")
    model = bert(hub)
    model.save_to_preset(str(tmp_path / "bert"))
    ids = np.array([[3, 5, 7, 0], [1, 2, 3, 4]], "int32")
    mask = ids > 0
    given = {
        "token_ids": np.maximum(ids - 1, 0),
        "padding_mask": mask.astype("int32"),
        "segment_ids": np.zeros_like(ids),
    }
    tokens = model.predict(given, verbose=0)["sequence_output"]
    expected = (tokens * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)
    spec = ModalitySpec("note", "text", (4,), "int32", "mlp", vocabulary_size=31)
    encoder = PretrainedEncoder(tmp_path / "bert").settled(spec)
    found, made = encoder.prepare(ids, np.ones(2, bool), spec)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert made.shape == (8,)
    tuned = PretrainedEncoder(tmp_path / "bert", trainable=1)
    layer = tuned.encode(keras.Input((4,), dtype="int32"), spec)
    network = keras.Model(keras.utils.get_source_inputs(layer), layer)
    names = [v.path for v in network.trainable_variables if "transformer" in v.path]
    assert len(names) == 16 and all("transformer_layer_0" in name for name in names)


def test_an_image_model_of_keras_hub_is_scaled_by_its_converter(tmp_path):
    hub = pytest.importorskip("keras_hub")
    model = hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[3],
        stackwise_num_filters=[64],
        stackwise_num_blocks=[1],
        stackwise_num_strides=[1],
        block_type="basic_block",
        image_shape=(None, None, 3),
    )
    model.save_to_preset(str(tmp_path))
    assert load(tmp_path).scaling is None
    converter = hub.layers.ResNetImageConverter(scale=1 / 255, offset=[-0.1, 0, 0.1])
    converter.save_to_preset(str(tmp_path))
    assert load(tmp_path).scaling == (1 / 255, (-0.1, 0.0, 0.1))


def test_a_folder_of_hugging_face_is_loaded(tmp_path):
    pytest.importorskip("keras_hub")
    save_file = pytest.importorskip("safetensors.numpy").save_file
    rng, weights = np.random.default_rng(1), {}

    def add(name, *shape):
        weights[name] = rng.normal(size=shape).astype("float32")

    def dense(name, n_in, n_out):
        add(f"{name}.weight", n_out, n_in)
        add(f"{name}.bias", n_out)

    def norm(name):
        add(f"{name}.weight", 8)
        add(f"{name}.bias", 8)

    for name, n in (("word", 30), ("position", 32), ("token_type", 2)):
        add(f"embeddings.{name}_embeddings.weight", n, 8)
    norm("embeddings.LayerNorm")
    block = "encoder.layer.0"
    for name in ("self.query", "self.key", "self.value", "output.dense"):
        dense(f"{block}.attention.{name}", 8, 8)
    norm(f"{block}.attention.output.LayerNorm")
    dense(f"{block}.intermediate.dense", 8, 16)
    dense(f"{block}.output.dense", 16, 8)
    norm(f"{block}.output.LayerNorm")
    dense("pooler.dense", 8, 8)
    save_file(weights, str(tmp_path / "model.safetensors"))
    config = {
        "model_type": "bert",
        "vocab_size": 30,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "hidden_size": 8,
        "intermediate_size": 16,
        "hidden_dropout_prob": 0.1,
        "max_position_embeddings": 32,
        "type_vocab_size": 2,
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    source = load(tmp_path)
    table = weights["embeddings.word_embeddings.weight"]
    assert_array_equal(source.snapshot.weights[0], table)


def test_what_is_remote_is_what_the_documentation_says():
    text = PretrainedEncoder.__doc__
    for scheme in _sources.REMOTE.pattern.strip("():/").split("|"):
        assert f"``{scheme}://``" in text
    assert f'``"{_sources.DOWNLOADED}"`` is remote' in text
