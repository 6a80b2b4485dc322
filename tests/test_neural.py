"""Fitting, stopping, going on and starting anew, whatever the estimator."""

import itertools
import random
import time

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_iris, make_regression
from sklearn.exceptions import NotFittedError

from skmm import BaseNNClassifier, BaseNNRegressor
from skmm.exceptions import DivergenceError

X, Y = load_iris(return_X_y=True)


def classifier(**params):
    return BaseNNClassifier(**{"epochs": 4, "random_state": 0, **params})


def test_history_counts_epochs():
    model = classifier().fit(X, Y)
    assert model.n_epochs_ == len(model.history_["loss"]) == 4
    assert "val_loss" not in model.history_


def test_validation_rows_may_be_given():
    model = classifier(
        epochs=40, n_iter_no_change=2, learning_rate=0.1, schedule="constant"
    )
    model.fit(X[::2], Y[::2], X_val=X[1::2], y_val=Y[1::2])
    best = int(np.argmin(model.history_["val_loss"]))
    assert model.n_epochs_ == best + 3 or model.n_epochs_ == 40
    log_p = model.predict_log_proba(X[1::2])[np.arange(75), Y[1::2]]
    assert -log_p.mean() == pytest.approx(model.history_["val_loss"][best], rel=1e-4)


def test_given_validation_rows_do_not_stop_when_told_so():
    model = classifier(early_stopping=False, n_iter_no_change=1, learning_rate=0.3)
    model.fit(X, Y, X_val=X, y_val=(Y + 1) % 3)
    assert model.n_epochs_ == 4
    assert len(model.history_["val_loss"]) == 4


def test_validation_weights_count():
    half = np.r_[np.ones(75), np.zeros(75)]
    weighted = classifier().fit(X, Y, X_val=X, y_val=Y, sample_weight_val=half)
    alone = classifier().fit(X, Y, X_val=X[:75], y_val=Y[:75])
    assert_allclose(weighted.history_["val_loss"], alone.history_["val_loss"])


def test_early_stopping_sets_rows_apart_in_the_classes_proportions():
    model = classifier(early_stopping=True, validation_fraction=0.2)
    ((train, held_out),) = model._splits(Y, given=False, one_epoch=False, resume=False)
    assert len(train) == 120
    assert_array_equal(np.bincount(Y[held_out]), [10, 10, 10])
    assert "val_loss" in model.fit(X, Y).history_


@pytest.mark.parametrize("engine", ["graph", "xla"])
@pytest.mark.parametrize("kind", [BaseNNClassifier, BaseNNRegressor])
def test_rows_set_apart_are_as_rows_that_were_never_there(kind, engine):
    """Nothing of them is learned: no mean of X or y, no weight, no step."""
    rng = np.random.default_rng(0)
    X, weight = rng.normal(size=(200, 3)), rng.uniform(0.5, 2, 200)
    y = X[:, 0] + 3 if kind is BaseNNRegressor else (X[:, 0] > 0).astype(int)
    model = kind(epochs=4, random_state=0, early_stopping=True, engine=engine)
    ((train, held_out),) = model._splits(y, given=False, one_epoch=False, resume=False)
    X[held_out] += 7
    if kind is BaseNNRegressor:
        y[held_out] += 90
    model.fit(X, y, sample_weight=weight)
    given = clone(model).fit(
        X[train],
        y[train],
        sample_weight=weight[train],
        X_val=X[held_out],
        y_val=y[held_out],
        sample_weight_val=weight[held_out],
    )
    assert_allclose(model.history_["val_loss"], given.history_["val_loss"], rtol=1e-6)
    assert_array_equal(model.transform(X), given.transform(X))
    assert_array_equal(model.predict(X), given.predict(X))


def test_early_stopping_is_automatic_on_large_data_alone(monkeypatch):
    monkeypatch.setattr("skmm._neural.EARLY_STOPPING_ROWS", 149)
    assert "val_loss" in classifier().fit(X, Y).history_
    assert "val_loss" not in classifier().fit(X[:149], Y[:149]).history_


def test_a_class_with_one_row_does_not_prevent_early_stopping():
    y = np.where(np.arange(150) == 0, 7, Y)
    assert "val_loss" in classifier(early_stopping=True).fit(X, y).history_


def test_too_few_rows_to_set_some_apart_is_an_error():
    with pytest.raises(ValueError, match="at least 4 rows"):
        classifier(early_stopping=True).fit(X[:3], [0, 1, 0])


@pytest.mark.parametrize("given", [{"X_val": X}, {"y_val": Y}])
def test_half_of_a_validation_set_is_an_error(given):
    with pytest.raises(ValueError, match="X_val and y_val must be given together"):
        classifier().fit(X, Y, **given)


def test_partial_fit_trains_one_epoch_more():
    model = classifier()
    for n_epochs in (1, 2, 3):
        model.partial_fit(X, Y)
        assert model.n_epochs_ == n_epochs == len(model.history_["loss"])
    assert model.history_["loss"][-1] < model.history_["loss"][0]


def test_partial_fit_keeps_the_optimizers_memory():
    one_by_one = classifier()
    for _ in range(3):
        one_by_one.partial_fit(X, Y)
    (state,) = one_by_one._optimizer_state
    steps = [v for v in state if v.dtype.kind == "i"]
    assert steps == [3 * int(np.ceil(150 / 32))]


def test_partial_fit_takes_classes_that_come_later():
    model = classifier().partial_fit(X[:50], Y[:50], classes=[0, 1, 2])
    model.partial_fit(X, Y)
    assert model.predict_proba(X).shape == (150, 3)
    with pytest.raises(ValueError, match=r"label 3.*not among"):
        model.partial_fit(X[:2], [0, 3])


def test_warm_start_goes_on():
    model = classifier(warm_start=True).fit(X, Y)
    first = model.history_["loss"]
    model.fit(X, Y)
    assert model.n_epochs_ == 8
    assert model.history_["loss"][4] < first[0]
    assert clone(model).fit(X, Y).n_epochs_ == 4


def test_without_warm_start_a_second_fit_is_a_first_one():
    model = classifier().fit(X, Y)
    p = model.predict_proba(X)
    assert_array_equal(model.fit(X, Y).predict_proba(X), p)
    assert model.n_epochs_ == 4


def test_keras_callbacks_are_copied_for_each_fit():
    stop = keras.callbacks.EarlyStopping(monitor="loss", min_delta=10.0, patience=1)
    model = classifier(callbacks=[stop]).fit(X, Y)
    assert model.n_epochs_ == 2
    assert stop.model is None
    assert model.fit(X, Y).n_epochs_ == 2


def test_callbacks_may_come_from_a_function():
    seen = []
    note = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, _: seen.append(epoch)
    )
    classifier(callbacks=lambda: [note]).fit(X, Y)
    assert seen == [0, 1, 2, 3]


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_an_optimizer_instance_keeps_its_own_step_size(schedule):
    for rate in (0.05, 0.01):  # the second finds the first one's program idle
        adam = keras.optimizers.Adam(rate)
        model = classifier(optimizer=adam, schedule=schedule).fit(X, Y)
        assert_allclose(model.history_["learning_rate"], [rate] * 4, rtol=1e-6)


def test_an_optimizer_may_bring_a_schedule_of_its_own():
    decay = keras.optimizers.schedules.ExponentialDecay(0.05, 5, 0.5)
    model = classifier(optimizer=keras.optimizers.Adam(decay)).fit(X, Y)
    expected = 0.05 * 0.5 ** np.arange(1, 5)
    assert_allclose(model.history_["learning_rate"], expected, rtol=1e-5)


def test_what_is_no_keras_callback_is_refused():
    with pytest.raises(TypeError, match=r"must be Keras callbacks.*set_callbacks"):
        classifier(callbacks=["progress"]).fit(X, Y)


def test_rows_of_weight_zero_are_left_out():
    weight = np.where(np.arange(150) < 100, 1.0, 0.0)
    weighted = classifier().fit(X, Y, sample_weight=weight)
    alone = classifier().fit(X[:100], Y[:100])
    assert_array_equal(weighted.predict_proba(X)[:, :2], alone.predict_proba(X))


def test_only_the_proportions_of_weights_count():
    weight = np.linspace(1, 2, 150)
    once = classifier().fit(X, Y, weight).predict_proba(X)
    tenfold = classifier().fit(X, Y, 1024 * weight).predict_proba(X)
    assert_array_equal(once, tenfold)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (-np.ones(150), "Negative values"),
        (np.zeros(150), "at least one non-zero"),
        (np.ones(149), r"\(149,\), expected \(150,\)"),
        (np.full(150, np.nan), "NaN"),
    ],
    ids=["negative", "zero", "short", "nan"],
)
def test_bad_weights_are_errors(weight, message):
    with pytest.raises(ValueError, match=message):
        classifier().fit(X, Y, weight)


def test_class_weights_move_the_decision():
    y = (Y == 2).astype(int)
    plain = classifier(epochs=8).fit(X, y).predict_proba(X)[:, 1].mean()
    heavy = classifier(epochs=8, class_weight={0: 1, 1: 50}).fit(X, y)
    assert heavy.predict_proba(X)[:, 1].mean() > plain + 0.1


def test_balanced_class_weights_equal_their_numbers():
    y = (Y == 2).astype(int)
    numbers = {0: 150 / 200, 1: 150 / 100}
    balanced = classifier(class_weight="balanced").fit(X, y).predict_proba(X)
    assert_allclose(
        balanced, classifier(class_weight=numbers).fit(X, y).predict_proba(X), atol=1e-6
    )


def test_a_failed_fit_leaves_nothing_behind():
    fresh = classifier(optimizer="no such optimizer")
    with pytest.raises(ValueError, match="no such optimizer"):
        fresh.fit(X, Y)
    assert vars(fresh).keys() == vars(classifier()).keys()


def test_a_failed_second_fit_leaves_the_first():
    model = classifier().fit(X, Y)
    p = model.predict_proba(X)
    with pytest.raises(ValueError, match=r"not among|one class"):
        model.fit(X[:10, :2], np.zeros(10))
    assert_array_equal(model.predict_proba(X), p)
    assert model.n_features_in_ == 4


def test_an_unfitted_estimator_says_so():
    for method in ("predict", "predict_proba", "decision_function", "transform"):
        with pytest.raises(NotFittedError):
            getattr(classifier(), method)(X)
    with pytest.raises(NotFittedError):
        classifier().network_  # noqa: B018


def test_random_state_may_be_an_instance():
    models = [classifier(random_state=np.random.RandomState(s)) for s in (0, 0, 1)]
    p = [model.fit(X, Y).predict_proba(X) for model in models]
    assert_array_equal(p[0], p[1])
    assert not np.allclose(p[0], p[2])


def test_nobody_elses_random_numbers_change():
    before = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    classifier().fit(X, Y).predict(X)
    after = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    assert after == before


def test_the_network_can_be_had_and_gives_the_same_numbers():
    model = classifier().fit(X, Y)
    scaled = model._modality.transform(X).array
    logits = model.network_.predict(scaled, verbose=0)["logits"]
    assert_allclose(logits, model.decision_function(X), atol=1e-5)


def test_numbers_of_any_size_are_predicted():
    x, y = make_regression(100, 3, random_state=0)
    y = 1e6 + 1e4 * y
    model = BaseNNRegressor(epochs=40, learning_rate=0.01, random_state=0).fit(x, y)
    assert model.score(x, y) > 0.9
    several = np.stack([y, -y], axis=1)
    assert model.fit(x, several).predict(x).shape == (100, 2)
    assert model.n_outputs_ == 2


def test_a_limit_of_time_ends_a_fit_that_would_take_days(monkeypatch):
    """On a clock that goes on by ten milliseconds whenever it is read."""
    clock = itertools.count()
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock) / 100)
    model = classifier(epochs=10**9, time_limit=2).fit(X, Y)
    assert model.n_epochs_ == len(model.history_["loss"]) < 10**9
    assert model.history_["learning_rate"][-1] < 0.1 * model.learning_rate
    assert model.score(X, Y) > 0.5


def test_a_limit_that_is_not_reached_changes_nothing():
    limited, free = classifier(time_limit=1e5).fit(X, Y), classifier().fit(X, Y)
    assert_array_equal(limited.predict_proba(X), free.predict_proba(X))
    assert limited.history_["learning_rate"] == free.history_["learning_rate"]


@pytest.mark.parametrize("seconds", [0, -1, "1", np.nan])
def test_a_limit_of_time_is_a_positive_number(seconds):
    with pytest.raises(ValueError, match="time_limit"):
        classifier(time_limit=seconds).fit(X, Y)


def test_partial_fit_passes_over_the_rows_once_whatever_the_limit():
    model = classifier(time_limit=1e-9).partial_fit(X, Y, classes=[0, 1, 2])
    assert model.n_epochs_ == 1
    assert "seconds" not in model.fit_report_["reason"]


def test_averages_of_weights_wait_for_the_end():
    """An average that took over after each partial_fit would hold the next one up."""
    optimizer = keras.optimizers.SGD(0.5, use_ema=True, ema_momentum=0.99)
    averaging = classifier(optimizer=optimizer)
    plain = classifier(optimizer=keras.optimizers.SGD(0.5))
    for _ in range(3):
        averaging.partial_fit(X, Y)
        plain.partial_fit(X, Y)
    assert_array_equal(averaging.predict_proba(X), plain.predict_proba(X))
    averaged, last = averaging.fit(X, Y), plain.fit(X, Y)
    assert abs(averaged.predict_proba(X) - last.predict_proba(X)).max() > 0.1


def test_the_engine_is_chosen_by_the_batches_that_there_are():
    model = classifier(batch_size=10**5).fit(X, Y)
    assert "4 steps" in model.fit_report_["reason"]


def test_weights_that_a_rectifier_hides_are_an_error():
    """Its zero for NaN is seen in no loss."""

    class Break(keras.callbacks.Callback):
        def on_train_end(self, logs=None):
            self.model.weights[0].assign(self.model.weights[0] * np.nan)

    with pytest.raises(DivergenceError, match="weights that are not"):
        classifier(callbacks=[Break()]).fit(X, Y)
