"""The engines end at the weights of `keras.Model.fit` on the same batches."""

import dataclasses

import keras
import numpy as np
import pytest

from skmm import training

ENGINES = ("graph", "xla")
Dense = keras.layers.Dense


def network(*layers, units=3, activation="softmax"):
    """Make a network as a builder's is: its output, and what the last layer takes."""
    x = hidden = keras.Input((4,))
    for layer in layers or [Dense(8, activation="relu")]:
        hidden = layer(hidden)
    output = Dense(units, activation=activation)(hidden)
    return keras.Model(x, {"output": output, "embedding": hidden})


def batches(data, recipe, y):
    """Yield what the engines train on, batch by batch."""
    rng = np.random.default_rng([recipe.seed, 2])
    for _ in range(recipe.epochs):
        order = rng.permutation(len(data.y))
        for start in range(0, len(order), recipe.batch_size):
            rows = order[start : start + recipe.batch_size]
            x = tuple(array[rows] for array in data.arrays)
            yield x if len(x) > 1 else x[0], y[rows], data.weight[rows]


def keras_fit(network, data, recipe, y):
    steps = recipe.epochs * -(-len(data.y) // recipe.batch_size)
    network.fit(
        batches(data, recipe, y), steps_per_epoch=steps, shuffle=False, verbose=0
    )


def seeds(network):
    return [v for v in network.variables if v.name == "seed_generator_state"]


def agree(
    data, recipe, engine, make=network, loss=None, optimizer=None, *,
    kind="multiclass", keras_y=None, same=(),
):  # fmt: skip
    """Train one network by both, from the same weights, and compare all of them.

    `keras_y` is the target as Keras wants it, `same` are weights that do not change.
    """
    loss = loss or "sparse_categorical_crossentropy"
    optimizer = optimizer or keras.optimizers.Adam(0.01)
    ours = training.Program(
        make(),
        training.Loss(kind, (3,), keras_loss=loss),
        training.make_optimizer(optimizer, 0.01),
        takes_present=False,
        own_optimizer=True,
    )
    recipe = dataclasses.replace(recipe, learning_rate=ours.rate or 0)
    ours.initialise(0)
    theirs = make()
    theirs.set_weights(ours.get_weights())
    for mine, keras_own in zip(seeds(ours.network), seeds(theirs), strict=True):
        keras_own.assign(mine)
    start = theirs.get_weights()
    plain = keras.Model(theirs.input, theirs.output["output"])
    plain.compile(training.make_optimizer(optimizer, 0.01), loss)

    training.train(ours, data, recipe, engine=engine)
    keras_fit(plain, data, recipe, data.y if keras_y is None else keras_y)
    trained = zip(ours.get_weights(), theirs.get_weights(), start, strict=True)
    for i, (mine, keras_own, before) in enumerate(trained):
        np.testing.assert_allclose(mine, keras_own, atol=1e-5)
        assert np.array_equal(mine, before) == (i in same)


def numbers(data):
    """Make the target a number between 0 and 1."""
    return dataclasses.replace(data, y=(data.y + 0.5) / 3)


@pytest.fixture
def recipe(recipe):
    """Train 3 epochs of 7 batches of 8 rows, the last of 2."""
    return dataclasses.replace(recipe, epochs=3)


@pytest.fixture
def data(data):
    """Give each row a weight of its own."""
    weight = np.linspace(0.5, 1.5, 50).astype(np.float32)
    return dataclasses.replace(data, weight=weight)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "loss",
    ["mean_squared_error", "mae", "huber", "log_cosh", "poisson", "mape", "msle"],
)
def test_losses_of_numbers(data, recipe, engine, loss):
    def make():
        return network(units=1, activation="softplus")

    agree(numbers(data), recipe, engine, make, loss, kind="squared")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("loss", "activation"),
    [
        ("categorical_crossentropy", "softmax"),
        ("kl_divergence", "softmax"),
        ("categorical_hinge", "linear"),
        (keras.losses.CategoricalCrossentropy(label_smoothing=0.2), "softmax"),
        (keras.losses.CategoricalCrossentropy(from_logits=True), "linear"),
        (keras.losses.CategoricalFocalCrossentropy(gamma=1.5), "softmax"),
        ("mean_squared_error", "softmax"),
    ],
    ids=["cross-entropy", "kl", "hinge", "smoothed", "logits", "focal", "squares"],
)
def test_losses_of_one_hot_classes(data, recipe, engine, loss, activation):
    def make():
        return network(activation=activation)

    one_hot = np.eye(3, dtype=np.float32)[data.y[:, 0].astype(int)]
    agree(data, recipe, engine, make, loss, keras_y=one_hot)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "loss",
    ["binary_crossentropy", keras.losses.BinaryCrossentropy(label_smoothing=0.2)],
    ids=["plain", "smoothed"],
)
def test_losses_of_two_classes(data, recipe, engine, loss):
    def make():
        return network(units=1, activation="sigmoid")

    y = (data.y > 0).astype(np.float32)
    agree(dataclasses.replace(data, y=y), recipe, engine, make, loss, kind="binary")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "optimizer",
    [
        keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
        keras.optimizers.RMSprop(0.005),
        keras.optimizers.Adagrad(0.05),
        keras.optimizers.Nadam(0.01),
        keras.optimizers.Lion(0.003),
        keras.optimizers.Adam(0.01, amsgrad=True),
        keras.optimizers.Adam(0.01, clipnorm=0.01),
        keras.optimizers.Adam(0.01, clipvalue=0.01),
        keras.optimizers.Adam(0.01, global_clipnorm=0.05),
        keras.optimizers.Adam(0.01, beta_1=0.8, beta_2=0.9, epsilon=1e-3),
        keras.optimizers.Adam(0.01, gradient_accumulation_steps=2),
        keras.optimizers.Adam(0.01, use_ema=True),
        keras.optimizers.AdamW(0.01, weight_decay=0.3),
    ],
    ids=lambda o: "-".join(
        [o.name, *(k for k in ("clipnorm", "clipvalue", "global_clipnorm", "use_ema",
        "amsgrad", "gradient_accumulation_steps") if getattr(o, k, None))]
    ),
)  # fmt: skip
def test_optimizers(data, recipe, engine, optimizer):
    agree(data, recipe, engine, optimizer=optimizer)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", ["CosineDecay", "ExponentialDecay"])
def test_schedules_of_the_step_size(data, recipe, engine, kind):
    settings = {"initial_learning_rate": 0.05, "decay_steps": 15}
    if kind == "ExponentialDecay":
        settings["decay_rate"] = 0.1
    rate = getattr(keras.optimizers.schedules, kind)(**settings)
    agree(data, recipe, engine, optimizer=keras.optimizers.SGD(rate))


@pytest.mark.parametrize("engine", ENGINES)
def test_penalties_of_weights(data, recipe, engine):
    def make():
        return network(Dense(8, kernel_regularizer="l2"), keras.layers.PReLU())

    agree(data, recipe, engine, make)


def test_penalties_of_activations(data, recipe):
    def make():
        return network(Dense(8, activation="tanh", activity_regularizer="l1"))

    agree(data, recipe, "graph", make)


def test_dropout_draws_the_masks_of_keras(data, recipe):
    """On the graph; XLA draws others."""

    def make():
        return network(Dense(8, activation="relu"), keras.layers.Dropout(0.4))

    agree(data, recipe, "graph", make)


def test_batch_normalisation_and_its_moving_averages(data, recipe):
    def make():
        dense = Dense(8, use_bias=False)  # has no gradient but rounding
        return network(dense, keras.layers.BatchNormalization(momentum=0.9))

    agree(data, recipe, "graph", make)


@pytest.mark.parametrize("engine", ENGINES)
def test_frozen_layers_stay(data, recipe, engine):
    def make():
        frozen = Dense(8, activation="relu", trainable=False)
        return network(frozen, Dense(5, activation="tanh"))

    agree(data, recipe, engine, make, same=(0, 1))


@pytest.mark.parametrize("engine", ENGINES)
def test_losses_of_single_modalities_are_outputs_with_a_weight(data, recipe, engine):
    """What `auxiliary` does is what `loss_weights` do."""

    def make():
        x, z = keras.Input((4,)), keras.Input((4,))
        a, b = Dense(5, activation="relu")(x), Dense(5, activation="tanh")(z)
        fused = keras.layers.Concatenate()([a, b])
        own = [Dense(3)(a), Dense(3)(b)]
        present = keras.Input((2,))
        outputs = {"logits": Dense(3)(fused), "embedding": fused, "unimodal": own}
        return keras.Model([x, z, present], outputs)

    x, z, rows = data.arrays[0], data.arrays[0][::-1].copy(), len(data.y)
    present = np.ones((rows, 2), np.float32)
    whole = dataclasses.replace(data, arrays=[x, z, present])
    ours = training.Program(
        make(),
        training.Loss("multiclass", (3,), auxiliary=0.5),
        training.make_optimizer(keras.optimizers.Adam(0.01), 0.01),
        own_optimizer=True,
    )
    ours.initialise(0)
    theirs = make()
    theirs.set_weights(ours.get_weights())
    outputs = [theirs.output["logits"], *theirs.output["unimodal"]]
    plain = keras.Model(theirs.inputs, outputs)
    entropy = [keras.losses.SparseCategoricalCrossentropy(from_logits=True)] * 3
    plain.compile(keras.optimizers.Adam(0.01), entropy, loss_weights=[1, 0.25, 0.25])

    training.train(ours, whole, recipe, engine=engine)
    steps = ((x, (y, y, y), (w, w, w)) for x, y, w in batches(whole, recipe, data.y))
    plain.fit(steps, steps_per_epoch=3 * 7, shuffle=False, verbose=0)
    for mine, keras_own in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(mine, keras_own, atol=1e-5)
