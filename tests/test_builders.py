"""Users' own networks train, are searched and are refused as they should be."""

import keras
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV

from skmm import BaseNNClassifier, BaseNNRegressor, training
from skmm._builders import builder_parameters
from skmm.training import _pool

X, Y = load_iris(return_X_y=True)


def plain(spec, n_outputs, units=8):
    """As skmm calls it: the spec and the number of logits."""
    x = keras.Input(spec.shape)
    hidden = keras.layers.Dense(units, activation="relu", name="hidden")(x)
    return keras.Model(x, keras.layers.Dense(n_outputs)(hidden))


# In the style of scikeras' documentation: https://adriangb.com/scikeras
def scikeras_style(hidden_layer_sizes, meta, compile_kwargs):
    model = keras.Sequential()
    model.add(keras.layers.Input(shape=(meta["n_features_in_"],)))
    for size in hidden_layer_sizes:
        model.add(keras.layers.Dense(size, activation="relu"))
    if meta["target_type_"] == "binary":
        units, activation, loss = 1, "sigmoid", "binary_crossentropy"
    else:
        units, activation = meta["n_classes_"], "softmax"
        loss = "sparse_categorical_crossentropy"
    model.add(keras.layers.Dense(units, activation=activation))
    model.compile(loss=loss, optimizer=compile_kwargs["optimizer"])
    return model


def fitted(network, X=X, y=Y, **params):
    params = {"epochs": 15, "learning_rate": 0.02, "random_state": 0, **params}
    return BaseNNClassifier(network, **params).fit(X, y)


def test_a_plain_builder_gives_logits():
    model = fitted(plain)
    assert model.score(X, Y) > 0.9
    assert model.transform(X).shape == (150, 8)
    assert [layer.name for layer in model.network_.layers][1] == "hidden"


def test_a_builder_in_scikeras_style_runs_unchanged():
    model = fitted(scikeras_style, network_params={"hidden_layer_sizes": (10,)})
    assert model.score(X, Y) > 0.9
    np.testing.assert_allclose(
        model.predict_proba(X), model.network_.predict(X, verbose=0), atol=1e-5
    )


def test_the_same_builder_takes_two_classes():
    two = Y < 2
    model = fitted(
        scikeras_style,
        X[two],
        np.array(["a", "b"])[Y[two]],
        network_params={"hidden_layer_sizes": (10,)},
    )
    assert model.score(X[two], np.array(["a", "b"])[Y[two]]) == 1.0
    assert model.predict_proba(X[:1]).shape == (1, 2)


def test_a_builders_arguments_are_searched():
    grid = {"network__hidden_layer_sizes": [(4,), (8, 4)], "learning_rate": [0.01]}
    search = GridSearchCV(BaseNNClassifier(scikeras_style, epochs=2), grid, cv=2)
    search.fit(X, Y)
    sizes = search.best_estimator_.network_params["hidden_layer_sizes"]
    assert sizes == search.best_params_["network__hidden_layer_sizes"]
    kernels = [w.shape[1] for w in search.best_estimator_._weights[0][::2]]
    assert kernels == [*sizes, 3]


def test_searching_does_not_touch_the_users_dict():
    params = {"units": 4}
    model = BaseNNClassifier(plain, network_params=params)
    clone(model).set_params(network__units=16)
    model.set_params(network__units=32)
    assert params == {"units": 4}
    assert model.get_params()["network__units"] == 32


def test_arguments_and_defaults_are_listed():
    assert builder_parameters(plain) == {"units": 8}
    assert BaseNNClassifier(plain).get_params()["network__units"] == 8


def test_an_unknown_argument_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"no argument 'unit'.*\['units'\]"):
        fitted(plain, network_params={"unit": 3})


def test_what_a_builder_returns_is_checked():
    with pytest.raises(TypeError, match=r"must return a keras.Model, got int"):
        fitted(lambda n_outputs: 3)


def test_two_outputs_are_refused():
    def two(spec, n_outputs):
        x = keras.Input(spec.shape)
        return keras.Model(x, [keras.layers.Dense(n_outputs)(x) for _ in range(2)])

    with pytest.raises(TypeError, match="one output, got 2"):
        fitted(two)


def test_seeds_reach_weights_of_any_layer():
    class Shift(keras.layers.Layer):
        def build(self, shape):
            self.shift = self.add_weight(
                shape=shape[1:], initializer="random_normal", name="shift"
            )

        def call(self, x):
            return x + self.shift

    def shifted(spec, n_outputs):
        layers = [
            keras.layers.Input(spec.shape),
            Shift(),
            keras.layers.Dense(n_outputs),
        ]
        return keras.Sequential(layers)

    same = [
        fitted(shifted, epochs=1, random_state=s).predict_proba(X) for s in (0, 0, 1)
    ]
    np.testing.assert_array_equal(same[0], same[1])
    assert not np.allclose(same[0], same[2])


def test_a_subclassed_model_trains():
    class Own(keras.Model):
        def __init__(self, n_outputs):
            super().__init__()
            self.head = keras.layers.Dense(n_outputs)

        def call(self, x):
            return self.head(x)

    model = fitted(lambda n_outputs: Own(n_outputs), learning_rate=0.2)
    assert model.score(X, Y) > 0.8


def test_a_network_without_input_layer_is_built():
    def lazy(n_outputs):
        return keras.Sequential([keras.layers.Dense(n_outputs, activation="softmax")])

    assert fitted(lazy, learning_rate=0.2).score(X, Y) > 0.8


def test_a_regressors_own_loss_sees_the_target_as_it_is():
    y = X[:, 3] * 100 + 1000

    def constant(n_outputs):
        return keras.Sequential(
            [
                keras.layers.Input((4,)),
                keras.layers.Dense(n_outputs, kernel_initializer="zeros"),
            ]
        )

    model = BaseNNRegressor(constant, loss="mae", epochs=1, random_state=0).fit(X, y)
    assert model.history_["loss"][0] == pytest.approx(np.mean(y), rel=0.01)


def test_images_reach_the_builder_in_their_own_shape():
    def conv(spec, n_outputs):
        assert spec.shape == (6, 6, 1)
        x = keras.Input(spec.shape)
        h = keras.layers.Conv2D(4, 3, activation="relu")(x)
        h = keras.layers.GlobalAveragePooling2D()(h)
        return keras.Model(x, keras.layers.Dense(n_outputs)(h))

    rng = np.random.default_rng(0)
    y = np.arange(40) % 2
    images = rng.normal(size=(40, 6, 6, 1)) + y[:, None, None, None]
    assert fitted(conv, images, y, epochs=30).score(images, y) > 0.9


@pytest.fixture
def programs():
    """See which programs a pool that was empty has lent."""
    training.clear_pool()
    yield lambda: [program for _, program in _pool._idle]
    training.clear_pool()


@pytest.mark.parametrize("builder", [plain, scikeras_style])
def test_equal_networks_share_one_program_whatever_their_numbers(builder, programs):
    params = {} if builder is plain else {"hidden_layer_sizes": (10,)}
    settings = {"network_params": params, "epochs": 2}
    first = fitted(builder, **settings)
    fitted(builder, learning_rate=0.5, weight_decay=0.1, **settings)
    again = fitted(builder, **settings)
    assert len(programs()) == 1
    (program,) = programs()
    assert program.engines["graph"].function.experimental_get_tracing_count() == 1
    np.testing.assert_array_equal(first.predict_proba(X), again.predict_proba(X))
    training.clear_pool()
    fresh = fitted(builder, **settings)
    np.testing.assert_array_equal(first.predict_proba(X), fresh.predict_proba(X))


def test_another_width_is_another_program(programs):
    for units in (4, 8):
        fitted(plain, network_params={"units": units}, epochs=1)
    assert len(programs()) == 2


def test_training_starts_from_the_weights_that_the_builder_gives(programs):
    def pretrained(spec, n_outputs, value=0.5):
        network = plain(spec, n_outputs)
        network.set_weights([np.full(w.shape, value) for w in network.get_weights()])
        return network

    still = {"epochs": 1, "learning_rate": 1e-12, "weight_decay": 0.0}
    for value in (0.5, 0.25):  # the second in a program that the first has used
        model = fitted(pretrained, network_params={"value": value}, **still)
        for weight in model.network_.get_weights():
            np.testing.assert_allclose(weight, value, atol=1e-6)
    assert len(programs()) == 1


def test_a_builders_own_optimizer_keeps_its_step_size_in_a_shared_program(programs):
    def compiled(n_outputs, rate=0.1):
        network = keras.Sequential(
            [keras.layers.Input((4,)), keras.layers.Dense(n_outputs)]
        )
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        network.compile(keras.optimizers.SGD(rate), loss)
        return network

    models = {}
    for rate in (0.25, 0.125):
        model = fitted(compiled, network_params={"rate": rate}, epochs=2)
        assert model.history_["learning_rate"] == [rate, rate]
        models[rate] = model
    assert len(programs()) == 1
    for rate, model in models.items():
        assert model.partial_fit(X, Y).history_["learning_rate"] == [rate] * 3


def test_a_class_of_the_users_own_is_never_taken_for_its_namesake(programs):
    def of(factor):
        class Scale(keras.layers.Layer):
            def call(self, x):
                return x * factor

        return lambda n_outputs: keras.Sequential(
            [keras.layers.Input((4,)), Scale(), keras.layers.Dense(n_outputs)]
        )

    plus, minus = (fitted(of(f), epochs=1, learning_rate=1e-9) for f in (1.0, -1.0))
    assert len(programs()) == 2
    np.testing.assert_allclose(
        plus.decision_function(X), -minus.decision_function(X), atol=1e-5
    )


def test_a_function_inside_a_layer_is_never_taken_for_its_namesake(programs):
    def of(factor):
        def activation(x):
            return x * factor

        return lambda n_outputs: keras.Sequential(
            [
                keras.layers.Input((4,)),
                keras.layers.Dense(n_outputs, activation=activation),
            ]
        )

    for factor in (1.0, -1.0):
        fitted(of(factor), epochs=1)
    assert len(programs()) == 2


def test_an_embedding_layer_may_have_the_name_that_keras_gives_it():
    def embedded(n_outputs):
        return keras.Sequential(
            [
                keras.layers.Input((4,)),
                keras.layers.Embedding(9, 3),
                keras.layers.Flatten(),
                keras.layers.Dense(n_outputs),
            ]
        )

    model = fitted(embedded, X.astype(int), epochs=30)
    assert "embedding" in model.network_.layers[0].name
    assert model.score(X.astype(int), Y) > 0.8


def test_a_regressor_predicts_what_a_bounded_network_returns():
    def bounded(meta):
        x = keras.Input((meta["n_features_in_"],))
        return keras.Model(x, keras.layers.Dense(1, activation="sigmoid")(x))

    share = Y / 4 + 0.25
    model = BaseNNRegressor(bounded, epochs=30, learning_rate=0.1, random_state=0)
    model.fit(X, share)
    shares = model.predict(X)
    theirs = model.network_.predict(X, verbose=0)[:, 0]  # rounds a remainder of rows
    np.testing.assert_allclose(shares, theirs, rtol=1e-6)
    assert 0 < shares.min() < shares.max() < 1
    assert model.score(X, share) > 0.5


def test_certainty_beyond_single_precision_has_a_finite_exact_loss():
    """A softmax of 0 hides how wrong it is; its logits do not."""

    def certain(meta):
        network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
        network.add(keras.layers.Softmax())
        kernel = np.zeros((4, 2), np.float32)
        network.layers[0].set_weights([kernel, np.array([100, -100], np.float32)])
        return network

    model = fitted(certain, X[:100], Y[:100], epochs=1, learning_rate=1e-9)
    np.testing.assert_allclose(model.history_["loss"], [100], rtol=1e-6)


@pytest.mark.parametrize("ending", ["layer", "identity"])
def test_a_softmax_is_seen_wherever_it_stands(ending):
    def build(meta):
        softmax = keras.layers.Softmax()
        x = keras.Input((meta["n_features_in_"],))
        if ending == "layer":
            return keras.Model(x, keras.layers.Dense(3, activation=softmax)(x))
        return keras.Model(
            x, keras.layers.Identity()(softmax(keras.layers.Dense(3)(x)))
        )

    model = fitted(build)
    p = model.network_.predict(X, verbose=0)
    np.testing.assert_allclose(model.predict_proba(X), p, atol=1e-6)


def test_a_network_may_end_in_a_sum_or_in_single_numbers():
    def summed(spec):
        x = keras.Input(spec.shape)
        wide, deep = keras.layers.Dense(3)(x), keras.layers.Dense(3)(x)
        return keras.Model(x, keras.layers.Add()([wide, deep]))

    def flat(spec):
        x = keras.Input(spec.shape)
        return keras.Model(x, keras.layers.Reshape((1,))(keras.ops.sum(x, axis=1)))

    assert fitted(summed).transform(X).shape == (150, 3)
    model = BaseNNRegressor(flat, epochs=1, random_state=0).fit(X, Y)
    np.testing.assert_allclose(model.predict(X), X.sum(axis=1), rtol=1e-5)
    assert model.transform(X).shape == (150, 1)
