"""Every encoder and every fusion, found by the registry, keeps its contract."""

import inspect
import pickle
import re
from functools import cache

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.base import clone

from skmm import ModalitySpec, available, training
from skmm._components import component_class, resolve
from skmm.encoders._base import TokenEncoder
from skmm.exceptions import ModalityError
from skmm.fusion._base import TokenFusion
from skmm.layers import AbsentEmbedding

ENCODERS = available("encoder")
FUSIONS = available("fusion")
OF_EMBEDDINGS = [
    k for k in FUSIONS if not issubclass(component_class("fusion", k), TokenFusion)
]
COMPONENTS = [("encoder", k) for k in ENCODERS] + [("fusion", k) for k in FUSIONS]

SPECS = {
    "table": ModalitySpec(
        "m", "tabular", (6,), "float32", "mlp", cardinalities=(3, 12)
    ),
    "vector": ModalitySpec("m", "vector", (5,), "float32", "mlp"),
    "tokens": ModalitySpec(
        "m", "text", (9,), "int32", "embedding_bag", vocabulary_size=20
    ),
    "series": ModalitySpec("m", "timeseries", (12, 3), "float32", "cnn"),
    "image": ModalitySpec("m", "image", (8, 8, 1), "uint8", "cnn"),
    "sound": ModalitySpec("m", "audio", (20, 8, 1), "float16", "cnn"),
    "stack": ModalitySpec("m", "image", (2, 8, 8, 1), "uint8", "cnn"),
    "images": ModalitySpec("m", "image", (3, 9, 8, 3), "float16", "cnn"),
}
N_ROWS = 6
ABSENT = 4  # a row that has no such modality: zeros
GAPS = 2  # a row that has it, with gaps
WIDTHS = (4, 7, 5)  # of the embeddings that a fusion joins
N_TOKENS = 3  # of each modality, where it joins tokens
N_OUTPUTS = 3


def summary(x: np.ndarray) -> np.ndarray:
    """Stands for a pretrained model."""
    flat = np.nan_to_num(x.astype("float32")).reshape(len(x), -1)
    return np.c_[flat.mean(1), flat.std(1), flat[:, 0], flat[:, -1]]


# Arguments of components that have no default for them.
NEEDED = {"pretrained": {"model": summary}}


def make(kind: str, key: str):
    """A component with its defaults."""
    return component_class(kind, key)(**NEEDED.get(key, {}))


def rows(spec: ModalitySpec, seed: int = 0) -> np.ndarray:
    """Rows as the data half makes them: gaps, padding, an absent row of zeros."""
    rng = np.random.default_rng(seed)
    shape = (N_ROWS, *spec.shape)
    if spec.vocabulary_size:
        x = rng.integers(1, spec.vocabulary_size, shape)
        x[GAPS, 4:] = 0
    elif spec.kind == "image":
        x = rng.integers(0, 256, shape).astype(spec.dtype)
    else:
        x = rng.normal(size=shape)
        for j, n in enumerate(spec.cardinalities, len(shape) - 1 - 3):
            x[:, j] = rng.integers(0, n, N_ROWS)
    if spec.dtype.startswith("float") and spec.kind != "tabular":
        x[GAPS, : spec.shape[0] // 2] = np.nan
    x[ABSENT] = 0
    return x.astype(spec.dtype)


def given(key: str, name: str, seed: int = 0) -> np.ndarray:
    """What the encoder's network is given of such rows."""
    encoder, present = make("encoder", key), np.arange(N_ROWS) != ABSENT
    return encoder.prepare(rows(SPECS[name], seed), present, SPECS[name])[0]


@cache
def encoding(key: str, name: str) -> keras.Model:
    """The network of an encoder on its own."""
    return make_encoding(make("encoder", key), SPECS[name])


def make_encoding(encoder, spec: ModalitySpec) -> keras.Model:
    keras.utils.set_random_seed(0)
    encoder = encoder.settled(spec)
    _, spec = encoder.prepare(rows(spec), np.ones(N_ROWS, bool), spec)
    x = keras.Input(spec.shape, dtype=spec.dtype, name=spec.name)
    return keras.Model(x, encoder.encode(x, spec))


@cache
def embed(key: str, name: str):
    """The same network, traced once for any number of rows."""
    network = encoding(key, name)
    signature = tf.TensorSpec(network.input.shape, network.input.dtype)
    return tf.function(lambda x: network(x), input_signature=[signature])


def accepts(key: str, name: str) -> bool:
    """Whether the encoder takes such arrays; what it refuses, it refuses politely."""
    encoder, spec = make("encoder", key), SPECS[name]
    if len(spec.shape) not in encoder.ranks:
        return False
    try:
        encoding(key, name)
    except ModalityError as error:
        assert repr(spec.name) in str(error)
        return False
    return True


TAKEN = [(k, name) for k in ENCODERS for name in SPECS if accepts(k, name)]
each_encoding = pytest.mark.parametrize(("key", "name"), TAKEN)


@cache
def joining(key: str, n_modalities: int) -> keras.Model:
    """The network of a fusion on its own."""
    return make_joining(key, WIDTHS[:n_modalities])


def make_joining(key: str, widths: tuple[int, ...]) -> keras.Model:
    """Embeddings, of which absent ones are replaced, through a fusion."""
    keras.utils.set_random_seed(0)
    fusion = resolve("fusion", key)
    fuses_tokens = isinstance(fusion, TokenFusion)
    places = (N_TOKENS,) if fuses_tokens else ()
    inputs = [keras.Input((*places, d), name=f"h{m}") for m, d in enumerate(widths)]
    present = keras.Input((len(widths),), name="present")
    embeddings = [
        AbsentEmbedding(m, absent_initializer="normal", name=f"absent{m}")(h, present)
        for m, h in enumerate(inputs)
    ]
    if fuses_tokens:
        here = [present[:, m : m + 1] > 0 for m in range(len(widths))]
        rest = [keras.ops.repeat(h, N_TOKENS - 1, axis=1) for h in here]
        pairs = zip(here, rest, strict=True)
        seen = [keras.ops.concatenate([keras.ops.ones_like(h), r], 1) for h, r in pairs]
        fused = fusion.fuse_tokens(embeddings, seen, present)
        return keras.Model([*inputs, present], fused)
    logits = [
        keras.layers.Dense(N_OUTPUTS, name=f"logits{m}")(h)
        for m, h in enumerate(embeddings)
    ]
    return keras.Model([*inputs, present], fusion.fuse(embeddings, present, logits))


def embeddings(key: str, n_modalities: int) -> list[np.ndarray]:
    """Embeddings of N_ROWS rows and which are present: all, one, none, ..."""
    rng = np.random.default_rng(1)
    tokens = issubclass(component_class("fusion", key), TokenFusion)
    places = (N_TOKENS,) if tokens else ()
    values = [rng.normal(size=(N_ROWS, *places, d)).astype("float32") for d in WIDTHS]
    present = np.array(
        [[1, 1, 1], [1, 0, 0], [0, 1, 0], [0, 1, 1], [0, 0, 0], [1, 0, 1]], "float32"
    )
    return [*values[:n_modalities], present[:, :n_modalities]]


def column(present: np.ndarray, m: int, like: np.ndarray) -> np.ndarray:
    """Which rows have the m-th modality, to be laid over an array of them."""
    return present[:, m].reshape(-1, *(1,) * (like.ndim - 1))


def gradients(network: keras.Model, inputs) -> dict[str, np.ndarray]:
    """Gradient of a random projection of the output by each trainable weight."""
    with tf.GradientTape() as tape:
        output = network(inputs)
        direction = np.random.default_rng(2).normal(size=output.shape)
        target = tf.reduce_sum(output * direction.astype("float32"))
    found = tape.gradient(target, network.trainable_variables)
    return {
        v.path: None if g is None else np.asarray(tf.convert_to_tensor(g))
        for v, g in zip(network.trainable_variables, found, strict=True)
    }


def assert_all_learn(found: dict[str, np.ndarray]) -> None:
    assert found
    for path, gradient in found.items():
        assert gradient is not None, path
        assert np.isfinite(gradient).all(), path
        assert np.any(gradient), path


def assert_redrawable(network: keras.Model) -> None:
    """Training can draw every weight anew, so that folds share a network."""
    loss = training.Loss("multiclass", (network.output.shape[-1],))
    sgd = training.make_optimizer("sgd", 0.1)
    program = training.Program(network, loss, sgd)
    start = network.get_weights()
    try:
        assert program.redrawable
        program.initialise(1)
        assert all(np.isfinite(w).all() for w in network.get_weights())
    finally:
        network.set_weights(start)


def test_discovery_finds_the_core_components():
    core = {"cnn", "embedding_bag", "mlp", "rnn", "text_cnn", "transformer"}
    assert core <= set(ENCODERS)
    parallel = {"concat", "mean", "max", "gated", "bilinear", "low_rank", "tensor"}
    parallel |= {"late", "product_of_experts", "mixture_of_experts"}
    families = {
        "parallel": parallel,
        "serial": {"film", "siamese", "chain_graph"},
        "hybrid": {"attention", "bottleneck", "graph", "late_plus_joint"},
    }
    for family, keys in families.items():
        found = {k for k in FUSIONS if component_class("fusion", k).family == family}
        assert keys <= found


@pytest.mark.parametrize(("kind", "key"), COMPONENTS)
def test_a_file_holds_one_component_named_after_it(kind, key):
    component = component_class(kind, key)
    assert component.__name__.lower() == key.replace("_", "") + kind
    assert component.__name__.endswith(kind.capitalize())
    assert inspect.getmodule(component).__all__ == [component.__name__]


@pytest.mark.parametrize(("kind", "key"), COMPONENTS)
def test_init_only_assigns(kind, key):
    component = component_class(kind, key)
    every = {name: object() for name in inspect.signature(component).parameters}
    assert vars(component(**every)) == every


@pytest.mark.parametrize(("kind", "key"), COMPONENTS)
def test_clone_keeps_every_parameter(kind, key):
    component = make(kind, key)
    for name, value in component.get_params().items():
        if isinstance(value, (int, float)):
            component.set_params(**{name: type(value)(value + 1)})
    copy = clone(component)
    assert copy is not component
    assert copy.get_params() == component.get_params()
    assert copy.get_params() != make(kind, key).get_params() or not vars(component)


@pytest.mark.parametrize(("kind", "key"), COMPONENTS)
def test_parameters_are_plain_values(kind, key):
    for name, value in make(kind, key).get_params().items():
        if name in NEEDED.get(key, {}):
            continue
        parts = value if isinstance(value, tuple) else (value,)
        assert all(isinstance(p, (bool, int, float, str, type(None))) for p in parts)


@pytest.mark.parametrize("key", ENCODERS)
def test_every_rank_of_an_encoder_is_taken(key):
    taken = {len(SPECS[name].shape) for k, name in TAKEN if k == key}
    assert taken == set(make("encoder", key).ranks)


@each_encoding
def test_an_embedding_is_a_finite_vector_of_units(key, name):
    embedding = embed(key, name)(given(key, name))
    assert embedding.shape == (N_ROWS, make("encoder", key).units)
    assert embedding.dtype == "float32"
    assert np.isfinite(embedding).all()


@each_encoding
def test_every_weight_of_an_encoder_learns(key, name):
    assert_all_learn(gradients(encoding(key, name), given(key, name)))


@each_encoding
def test_every_weight_of_an_encoder_can_be_drawn_anew(key, name):
    assert_redrawable(encoding(key, name))


@each_encoding
def test_an_embedding_depends_on_its_row_alone(key, name):
    network, x = embed(key, name), given(key, name)
    order = np.random.default_rng(3).permutation(N_ROWS)
    expected = np.asarray(network(x))
    np.testing.assert_allclose(network(x[order]), expected[order], atol=2e-5)
    np.testing.assert_allclose(network(x[1:2]), expected[1:2], atol=2e-5)


@each_encoding
def test_training_mixes_no_rows_either(key, name):
    encoder = make("encoder", key).set_params(dropout=0.0)
    network, x = make_encoding(encoder, SPECS[name]), given(key, name)
    other = given(key, name, seed=9)
    other[0] = x[0]
    expected = network(x, training=True)[0]
    np.testing.assert_allclose(network(other, training=True)[0], expected, atol=2e-5)


@each_encoding
def test_rows_differ_so_do_embeddings(key, name):
    embedding = np.asarray(embed(key, name)(given(key, name)))
    for row in (1, 2, 3, 5):
        assert np.abs(embedding[0] - embedding[row]).max() > 1e-3


@each_encoding
def test_an_encoder_keeps_nothing_and_builds_the_same_again(key, name):
    encoder, spec = make("encoder", key), SPECS[name]
    before = pickle.dumps(encoder)
    first, second = make_encoding(encoder, spec), make_encoding(encoder, spec)
    assert pickle.dumps(encoder) == before
    assert len(before) < 1000
    assert first.get_config()["layers"] == second.get_config()["layers"]


@each_encoding
def test_layers_are_named_after_the_modality(key, name):
    layers = encoding(key, name).layers[1:]
    assert layers and all(layer.name.startswith("m_") for layer in layers)


@each_encoding
def test_an_encoder_is_serialisable(key, name):
    network, x = encoding(key, name), given(key, name)
    copy = keras.Model.from_config(network.get_config())
    copy.set_weights(network.get_weights())
    np.testing.assert_array_equal(copy(x), network(x))


@each_encoding
def test_an_encoder_runs_compiled_for_any_number_of_rows(key, name):
    x = given(key, name)
    expected = encoding(key, name)(x)
    for n in (1, N_ROWS):
        found = embed(key, name)(x[:n])
        np.testing.assert_allclose(found, expected[:n], atol=2e-5)


@each_encoding
def test_values_of_an_absent_row_change_nothing(key, name):
    network = embed(key, name)
    present = np.ones((N_ROWS, 1), "float32")
    present[ABSENT] = 0
    absent = AbsentEmbedding(absent_initializer="normal")
    x, other = given(key, name), given(key, name)
    other[ABSENT] = given(key, name, seed=5)[GAPS]
    expected = absent(network(x), present)
    np.testing.assert_array_equal(absent(network(other), present), expected)
    assert np.any(expected[ABSENT])


@each_encoding
def test_places_are_shown_beside_the_embedding(key, name):
    encoder, spec, x = make("encoder", key), SPECS[name], given(key, name)
    keras.utils.set_random_seed(0)
    encoder = encoder.settled(spec)
    _, prepared = encoder.prepare(rows(spec), np.ones(N_ROWS, bool), spec)
    tensor = keras.Input(prepared.shape, dtype=prepared.dtype, name="m")
    embedding, places, observed = encoder.encode_tokens(tensor, prepared)
    shown = {"embedding": embedding, "places": places, "observed": observed}
    shown = {k: y for k, y in shown.items() if y is not None}
    assert isinstance(encoder, TokenEncoder) or len(shown) == 1
    network = keras.Model(tensor, shown)
    network.set_weights(encoding(key, name).get_weights())
    found = {k: np.asarray(y) for k, y in network(x).items()}
    expected = encoding(key, name)(x)
    np.testing.assert_allclose(found["embedding"], expected, atol=2e-5)
    if places is None:
        return
    places = found["places"]
    assert places.ndim == 3 and len(places) == N_ROWS and places.shape[1] <= 64
    seen = found.get("observed", np.ones(places.shape[:2], bool))
    assert seen.dtype == bool and seen.shape == places.shape[:2]
    assert np.isfinite(places[seen]).all()
    assert seen[0].all()  # a row without gaps
    assert seen[GAPS].any() and ("observed" not in found or not seen[GAPS].all())


@pytest.mark.parametrize("n_modalities", [1, 3])
@pytest.mark.parametrize("key", FUSIONS)
def test_a_fusion_gives_one_finite_vector(key, n_modalities):
    fusion = resolve("fusion", key)
    width = N_OUTPUTS if fusion.produces_logits else fusion.units
    fused = joining(key, n_modalities)(embeddings(key, n_modalities))
    assert fused.shape == (N_ROWS, width)
    assert fused.dtype == "float32"
    assert np.isfinite(fused).all()


@pytest.mark.parametrize("key", FUSIONS)
def test_every_weight_of_a_fusion_learns(key):
    found = gradients(joining(key, 3), embeddings(key, 3))
    own = {path: g for path, g in found.items() if path.startswith("fusion_")}
    assert_all_learn(own or found)


@pytest.mark.parametrize("key", FUSIONS)
def test_every_weight_of_a_fusion_can_be_drawn_anew(key):
    assert_redrawable(joining(key, 3))


@pytest.mark.parametrize("key", FUSIONS)
def test_a_fused_row_depends_on_that_row_alone(key):
    network, inputs = joining(key, 3), embeddings(key, 3)
    order = np.random.default_rng(3).permutation(N_ROWS)
    expected = np.asarray(network(inputs))
    fused = network([x[order] for x in inputs])
    np.testing.assert_allclose(fused, expected[order], atol=1e-5)


@pytest.mark.parametrize("value", [7.0, np.nan, np.inf])
@pytest.mark.parametrize("key", FUSIONS)
def test_an_absent_embedding_changes_nothing(key, value):
    network, inputs = joining(key, 3), embeddings(key, 3)
    expected = network(inputs)
    present = inputs[-1]
    changed = [
        np.where(column(present, m, h) > 0, h, np.float32(value))
        for m, h in enumerate(inputs[:-1])
    ]
    np.testing.assert_array_equal(network([*changed, present]), expected)


@pytest.mark.parametrize("key", FUSIONS)
def test_a_present_embedding_changes_something(key):
    network, inputs = joining(key, 3), embeddings(key, 3)
    expected = np.asarray(network(inputs))
    for m in range(3):
        changed = list(inputs)
        changed[m] = inputs[m] + 1
        moved = np.abs(network(changed) - expected).max(axis=1) > 1e-6
        np.testing.assert_array_equal(moved, inputs[-1][:, m] > 0)


# The first modality is read by the others; neighbours are told.
ORDERED = {"film", "chain_graph"}
OF_JOINED = {"concat", "gated", "late", "late_plus_joint", "mixture_of_experts"}
ORDER = (1, 2, 0)  # what is first is then last


def of_usual_order(path: str) -> str:
    """Where a weight of the other order stands in the usual one."""
    if re.match(r"fusion_(graph|expert)_", path):  # numbers of layers and experts
        return path
    n = 2 if re.match(r"fusion_\d_\d_\d", path) else 1  # then a layer's
    return re.sub(r"\d", lambda found: str(ORDER[int(found[0])]), path, count=n)


def in_order(value, axis, sizes, order=ORDER):
    """Bring the first blocks of an axis, which have these sizes, to another order."""
    blocks = np.split(value, np.cumsum(sizes), axis=axis)
    rest = blocks[len(sizes)]
    return np.concatenate([*(blocks[m] for m in order), rest], axis=axis)


def told(a: int) -> list[int]:
    """Order of the two that modality a has attended to, which lie side by side."""
    others = [m for m in range(3) if m != a]
    return [others.index(m) for m in ORDER if m != a]


def moved(key: str, path: str, value: np.ndarray) -> np.ndarray:
    """Bring a weight of the usual order to the other one."""
    first = len(value)
    if path == "fusion_hidden/kernel" and key == "tensor":
        cube = value.reshape(*3 * [round(first ** (1 / 3))], -1)
        return cube.transpose(*ORDER, 3).reshape(value.shape)
    if path == "fusion_hidden/kernel" and key == "attention":
        blocks = np.split(value, 3)
        return np.concatenate(
            [in_order(blocks[a], 0, [64, 64], told(a)) for a in ORDER]
        )
    if path == "fusion_hidden/kernel" and key == "siamese":
        return in_order(value, 0, 3 * [value.shape[1]])
    if key == "attention" and "_self_" in path:
        for axis in np.flatnonzero(np.array(value.shape) == 128):
            value = in_order(value, axis, [64, 64], told(int(path[len("fusion_")])))
        return value
    if value.ndim == 2 and first - sum(WIDTHS) in (0, 3) and key in OF_JOINED:
        value = in_order(value, 0, WIDTHS)
        if first > sum(WIDTHS):  # and what is present
            value[-3:] = value[-3:][list(ORDER)]
    if path.startswith("fusion_gate") and key in ("gated", "late"):
        value = in_order(value, -1, 3 * [value.shape[-1] // 3])
    return value


@pytest.mark.parametrize("key", sorted(set(FUSIONS) - ORDERED))
def test_modalities_in_another_order_are_the_same_with_weights_moved(key):
    network, inputs = joining(key, 3), embeddings(key, 3)
    other = make_joining(key, tuple(WIDTHS[m] for m in ORDER))
    rng = np.random.default_rng(4)
    found = {v.path: rng.normal(0, 0.3, v.shape) for v in network.trainable_variables}
    start = network.get_weights()
    for v in network.trainable_variables:
        v.assign(found[v.path])
    for v in other.trainable_variables:
        path = of_usual_order(v.path)
        v.assign(moved(key, path, found[path]))
    *values, present = inputs
    rows = [*(values[m] for m in ORDER), present[:, ORDER]]
    expected = np.asarray(network(inputs))
    network.set_weights(start)
    np.testing.assert_allclose(other(rows), expected, rtol=1e-4, atol=1e-4)
    assert np.ptp(expected, axis=0).max() > 0.01


@pytest.mark.parametrize("key", FUSIONS)
def test_a_fusion_keeps_nothing_and_is_serialisable(key):
    fusion = resolve("fusion", key)
    assert len(pickle.dumps(fusion)) < 1000
    assert vars(fusion) == fusion.get_params()
    network, inputs = joining(key, 3), embeddings(key, 3)
    copy = keras.Model.from_config(network.get_config())
    copy.set_weights(network.get_weights())
    np.testing.assert_array_equal(copy(inputs), network(inputs))
    own = [layer.name for layer in network.layers if "fusion" in layer.name]
    assert own and all(name.startswith("fusion_") for name in own)


@pytest.mark.parametrize("key", OF_EMBEDDINGS)
def test_a_fusion_of_embeddings_is_made_of_layers(key):
    """A loose operation would keep XLA away, but for those that `_engine` knows."""
    operations = joining(key, 3).operations
    assert all(isinstance(o, keras.layers.Layer) for o in operations)


@pytest.mark.parametrize("key", FUSIONS)
def test_a_fusion_compiles_by_xla(key):
    network, inputs = joining(key, 3), embeddings(key, 3)
    compiled = tf.function(lambda *x: network(list(x)), jit_compile=True)
    np.testing.assert_allclose(compiled(*inputs), network(inputs), atol=1e-5)
