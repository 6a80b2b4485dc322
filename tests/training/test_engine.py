"""The engine is chosen by the network and by the work, and by nothing else."""

import keras
import pytest

from skmm import MultimodalClassifier
from skmm.datasets import make_multimodal_classification
from skmm.layers import CategoryEmbedding, MaskMissing
from skmm.training import choose_engine
from skmm.training._engine import LARGE_BATCH, STEPS_PER_LAYER
from skmm.training._optimizers import LAZY_ROWS


def network(*layers, shape=(8,), dtype="float32"):
    return keras.Sequential([keras.Input(shape, dtype=dtype), *layers])


def dense():
    return network(MaskMissing(), keras.layers.Dense(4, activation="relu"))


@pytest.mark.parametrize("more", [0, 3])
def test_a_dense_network_with_many_steps_for_its_layers_is_compiled(more):
    made = network(MaskMissing(), *(keras.layers.Dense(4) for _ in range(1 + more)))
    enough = (2 + more) * STEPS_PER_LAYER
    assert choose_engine(made, enough, 32).name == "xla"
    few = choose_engine(made, enough - 1, 32)
    assert few.name == "graph"
    assert few.reason.startswith(f"{enough - 1} steps of {2 + more} dense layers")


@pytest.mark.parametrize(
    "slow",
    [
        lambda: network(keras.layers.Conv1D(2, 3), shape=(8, 2)),
        lambda: network(keras.layers.GRU(2), shape=(8, 2)),
        lambda: network(keras.layers.Embedding(LAZY_ROWS, 2), dtype="int32"),
        lambda: network(CategoryEmbedding((LAZY_ROWS,), 2)),
        lambda: network(network(keras.layers.Conv1D(2, 3), shape=(8, 2)), shape=(8, 2)),
    ],
    ids=["convolution", "recurrence", "embedding", "categories", "nested"],
)
def test_what_xla_is_slow_with_stays_a_graph_unless_asked_for(slow):
    made = slow()
    engine = choose_engine(made, 10**6, 32)
    assert engine.name == "graph"
    assert engine.reason.startswith("XLA is slow with")
    assert choose_engine(made, 1, 32, "xla").name == "xla"


def test_large_batches_stay_a_graph_unless_asked_for():
    assert choose_engine(dense(), 10**6, LARGE_BATCH - 1).name == "xla"
    engine = choose_engine(dense(), 10**6, LARGE_BATCH)
    assert engine == ("graph", "batches of 4096 rows leave XLA little to save")
    assert choose_engine(dense(), 10**6, LARGE_BATCH, "xla").name == "xla"


def test_a_short_time_is_not_spent_compiling():
    short = choose_engine(dense(), 10**6, 32, time_limit=2.5)
    assert short == ("graph", "2.5 seconds are too few to compile in")
    assert choose_engine(dense(), 10**6, 32, "xla", time_limit=2.5).name == "xla"
    assert choose_engine(dense(), 10**6, 32, time_limit=60).name == "xla"


def test_an_operation_that_is_no_layer_stays_a_graph():
    x = keras.Input((8,))
    made = keras.Model(x, keras.ops.sin(x))
    assert choose_engine(made, 10**6, 32) == ("graph", "XLA is slow with Sin")


def test_a_table_and_texts_joined_are_compiled():
    """The network looks up which modalities are present: an operation, no layer."""
    X, y = make_multimodal_classification(
        60, modalities=("tabular", "text"), random_state=0, return_X_y=True
    )
    model = MultimodalClassifier(epochs=1, ensemble_size=1, random_state=0).fit(X, y)
    assert choose_engine(model.network_, 10**6, 32).name == "xla"


def test_noise_that_keras_draws_stays_a_graph():
    noisy = network(keras.layers.GaussianNoise(0.1))
    assert choose_engine(noisy, 10**6, 32) == (
        "graph",
        "XLA is slow with GaussianNoise",
    )
    dropping = network(keras.layers.Dropout(0.1))
    assert choose_engine(dropping, 10**6, 32).name == "xla"


def test_a_small_table_of_categories_is_compiled():
    assert choose_engine(network(CategoryEmbedding((9, 5), 2)), 10**6, 32).name == "xla"


def test_a_layer_of_somebody_else_stays_a_graph():
    class Dense(keras.layers.Dense):
        pass

    assert choose_engine(network(Dense(3)), 10**6, 32).name == "graph"


@pytest.mark.parametrize("wanted", ["auto", "xla"])
@pytest.mark.parametrize(
    "averages",
    [
        keras.layers.BatchNormalization(),
        keras.layers.Dense(4, activity_regularizer="l2"),
        keras.layers.ActivityRegularization(l1=0.1),
    ],
    ids=["normalisation", "activities", "layer"],
)
def test_what_averages_over_a_batch_is_never_padded(averages, wanted):
    made = network(keras.layers.Dense(4), averages)
    assert choose_engine(made, 10**6, 32, wanted).name == "graph"


@pytest.mark.parametrize("wanted", ["auto", "xla"])
def test_a_callback_on_batches_gets_a_call_for_each(wanted):
    class Batches(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise AssertionError

    engine = choose_engine(dense(), 10**6, 32, wanted, [Batches()])
    assert engine.name == "graph"
    assert engine.reason == "Batches listens to batches: one call for each"
    epochs = keras.callbacks.EarlyStopping()
    assert choose_engine(dense(), 10**6, 32, wanted, [epochs]).name == "xla"
