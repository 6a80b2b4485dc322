"""Several networks: each on its part of the rows, and one decision of them all."""

import time
from dataclasses import replace
from unittest.mock import patch

import keras
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.metrics import log_loss

from skmm import (
    BaseNNClassifier,
    ModalitySpec,
    MultimodalClassifier,
    MultimodalRegressor,
    training,
)
from skmm._members import _mean_history
from skmm.exceptions import FusionWarning
from skmm.fusion._base import Fusion

RNG = np.random.default_rng(0)
N = 120
X = pd.DataFrame({"a": RNG.normal(size=N), "words": RNG.choice(["is so", "is not"], N)})
X.loc[::7, "words"] = None
Y = (X["a"] + (X["words"] == "is so") > 0.5).to_numpy().astype(int)
MODALITIES = [("table", "tabular", "a"), ("note", "text", "words")]


def classifier(**parameters):
    settings = {"epochs": 4, "random_state": 0, **parameters}
    return MultimodalClassifier(MODALITIES, **settings)


@pytest.fixture(scope="module")
def fitted():
    return classifier().fit(X, Y)


def each(model, rows=X):
    """Opinions of every network, (n_networks, n_opinions, n_samples, n_logits)."""
    return np.stack(model._run(model._read(rows), model._opinions))


def rows_of(model, n, **how):
    asked = {"given": False, "one_epoch": False, "resume": False, **how}
    return model._splits(np.arange(n) % 2, **asked)


def test_few_rows_are_shared_out_to_five_networks():
    assert rows_of(classifier(), 19) == [(None, None)]
    for n in (20, 1999):
        held_out = [outside for _, outside in rows_of(classifier(), n)]
        assert len(held_out) == 5
        assert_array_equal(np.sort(np.concatenate(held_out)), np.arange(n))
    for n in (2000, 30_000):
        held_out = [outside for _, outside in rows_of(classifier(), n)]
        assert [len(outside) for outside in held_out] == [n // 10] * 5
        assert len(np.unique(np.concatenate(held_out))) == n // 2


def vector(width):
    return ModalitySpec("x", "vector", (width,), "float32", "mlp")


@pytest.mark.parametrize(("n", "width"), [(30_000, 1), (500, 60_000)])
def test_networks_may_read_nine_hundred_million_numbers(n, width):
    epochs = classifier()._affordable([vector(width)], n)
    assert epochs * n * max(width, 1200) == pytest.approx(9e8)
    assert classifier(ensemble_size=9)._affordable([vector(width)], n) == np.inf


def test_a_large_picture_is_little_more_work_than_a_small_one():
    small, large, four = (
        classifier()._affordable([ModalitySpec("x", "image", s, "uint8", "cnn")], 5000)
        for s in [(28, 28, 1), (64, 64, 3), (4, 64, 64, 3)]
    )
    assert small / large == pytest.approx(3536 / 2098)
    assert large / four == pytest.approx(4)


@pytest.mark.parametrize(("epochs", "networks"), [(1, 2), (11.9, 2), (12, 3), (20, 5)])
def test_networks_are_trained_while_epochs_last(monkeypatch, epochs, networks):
    monkeypatch.setattr(MultimodalClassifier, "_affordable", lambda *_: epochs)
    model = classifier(n_iter_no_change=9).fit(X, Y)
    assert model.n_epochs_ == 4
    assert len(model._weights) == networks


def test_training_on_keeps_every_network(monkeypatch):
    model = classifier(ensemble_size=3, warm_start=True).fit(X, Y)
    monkeypatch.setattr(MultimodalClassifier, "_affordable", lambda *_: 1)
    assert len(model.fit(X, Y)._weights) == 3


def test_each_of_few_networks_validates_on_a_fifth_or_a_tenth():
    for n in (1000, 2000):
        splits = rows_of(classifier(ensemble_size=2), n)
        assert [len(outside) for _, outside in splits] == [200, 200]


@pytest.mark.parametrize(
    ("n", "given", "expected"),
    [(1999, "auto", (10, 30)), (2000, "auto", (5, 30)), (2000, 7, (7, 21))],
)
def test_patience_is_shorter_where_rows_are_many(n, given, expected):
    X = np.random.default_rng(0).normal(size=(n, 2))
    model = BaseNNClassifier(epochs=1, early_stopping=True, n_iter_no_change=given)
    with patch("skmm.training.train", wraps=training.train) as train:
        model.fit(X, X[:, 0] > 0)
    recipe = train.call_args.args[2]
    assert (recipe.patience, recipe.longer * recipe.patience) == expected


def test_too_few_rows_to_deal_out_are_all_trained_on():
    assert rows_of(classifier(ensemble_size=8), 6) == [(None, None)] * 8
    with pytest.raises(ValueError, match="at least 8 rows for so many folds, got 6"):
        rows_of(classifier(ensemble_size=8, early_stopping=True), 6)
    model = classifier(ensemble_size=8, epochs=1).fit(X[:6], [0, 1, 0, 1, 0, 1])
    assert len(model._weights) == 8


def test_a_fold_of_no_rows_stops_nothing():
    model = classifier(ensemble_size=2, early_stopping=True, epochs=2)
    model.fit(X[:6], ["a", "a", "b", "c", "d", "e"])
    assert np.isfinite(model.predict_proba(X)).all()


def test_many_rows_have_one_network():
    ((inside, outside),) = rows_of(classifier(), 31_000)
    assert (len(inside), len(outside)) == (27_900, 3100)


def test_one_network_is_trained_where_validation_is_settled():
    assert len(rows_of(classifier(early_stopping=True), 60)) == 1
    assert rows_of(classifier(early_stopping=False), 60) == [(None, None)]
    assert rows_of(classifier(), 60, given=True) == [(None, None)]
    assert rows_of(classifier(), 60, one_epoch=True) == [(None, None)]


def test_without_early_stopping_every_network_has_all_rows():
    model = classifier(ensemble_size=3, early_stopping=False).fit(X, Y)
    assert len(model._weights) == 3
    assert "val_loss" not in model.history_
    first, second, _ = each(model)
    assert not np.allclose(first, second)


def test_validation_rows_that_are_given_serve_all():
    model = classifier(ensemble_size=2).fit(X[:80], Y[:80], X_val=X[80:], y_val=Y[80:])
    assert len(model._weights) == 2
    assert "val_loss" in model.history_
    assert set(model.decision_weights_) == {"table", "note"}


def test_the_probability_is_the_mean_over_the_networks():
    model = classifier(ensemble_size=3, early_stopping=False).fit(X, Y)
    z = each(model)[:, 0, :, 0].astype(float)
    expected = (1 / (1 + np.exp(-z))).mean(axis=0)
    assert_allclose(model.predict_proba(X)[:, 1], expected, rtol=1e-6)


def test_the_prediction_of_a_number_is_the_mean_over_the_networks():
    model = MultimodalRegressor(
        MODALITIES, ensemble_size=2, early_stopping=False, epochs=3, random_state=0
    )
    y = 100 + 5 * X["a"].to_numpy()
    z = each(model.fit(X, y))[:, 0, :, 0].astype(float)
    assert_allclose(model.predict(X), z.mean(axis=0) * y.std() + y.mean(), rtol=1e-6)


def test_heads_of_modalities_have_their_share_of_the_decision(fitted):
    opinions = each(fitted)
    weights = [1 - sum(fitted.decision_weights_.values())]
    weights += [fitted.decision_weights_[name] for name in ("table", "note")]
    assert min(weights) >= 0
    p = 1 / (1 + np.exp(-opinions[..., 0].astype(float)))
    expected = np.tensordot(weights, p.mean(axis=0), axes=1)
    assert_allclose(fitted.predict_proba(X)[:, 1], expected, rtol=1e-6)


def test_an_absent_modality_says_what_the_fused_network_says(fitted):
    opinions = each(fitted)
    absent = X["words"].isna().to_numpy()
    assert_array_equal(opinions[:, 2, absent], opinions[:, 0, absent])
    assert not np.allclose(opinions[:, 2, ~absent], opinions[:, 0, ~absent])


@pytest.fixture(scope="module")
def pictured():
    """A model of a table, notes and pictures that say nothing."""
    pictures = np.random.default_rng(2).integers(0, 256, (N, 8, 8), dtype=np.uint8)
    frame = X.assign(picture=list(pictures))
    modalities = [*MODALITIES, ("picture", "image", "picture")]
    model = MultimodalClassifier(modalities, ensemble_size=2, epochs=30, random_state=0)
    return model.fit(frame, Y), frame


def test_a_second_network_reads_all_but_pictures_and_has_its_share(pictured):
    model, frame = pictured
    assert list(model.decision_weights_) == ["table", "note", "picture", "table+note"]
    assert model.decision_weights_["table+note"] > 0
    shares = [
        1 - sum(model.decision_weights_.values()),
        *model.decision_weights_.values(),
    ]
    p = 1 / (1 + np.exp(-each(model, frame)[..., 0].astype(float)))
    expected = np.tensordot(shares, p.mean(axis=0), axes=1)
    assert_allclose(model.predict_proba(frame)[:, 1], expected, rtol=1e-6)


@pytest.fixture(scope="module")
def beside_a_table():
    """Fits on a table and pictures that say nothing, by their fusion."""
    pictures = np.random.default_rng(2).integers(0, 256, (N, 8, 8), dtype=np.uint8)
    frame = X[["a"]].assign(picture=list(pictures))
    given = {"ensemble_size": 2, "epochs": 20, "random_state": 0}
    shares = np.array([0.4, 0.3, 0.2, 0.1])  # fused, table, picture, second network
    with patch("skmm._many_modalities.choose_shares", return_value=shares):
        return {
            fusion: MultimodalClassifier(fusion=fusion, **given).fit(frame, Y)
            for fusion in ("auto", "gated")
        }


def test_a_second_network_of_one_modality_has_its_share_under_that_name(
    beside_a_table,
):
    weights = beside_a_table["auto"].decision_weights_
    assert weights == pytest.approx({"tabular": 0.3 + 0.1, "picture": 0.2})


def test_a_second_network_of_one_modality_has_nothing_to_gate(beside_a_table):
    layers = {}
    for fusion, model in beside_a_table.items():
        second = model._make_network(vars(model)).get_layer("aside")
        layers[fusion] = {layer.name for layer in second.layers}
    assert "fusion_gate" in layers["gated"]  # as was asked for
    assert "fusion_gate" not in layers["auto"]


def test_pictures_do_not_change_what_the_second_network_says(pictured):
    model, frame = pictured
    other = frame.assign(picture=list(frame["picture"][::-1]))
    before, after = each(model, frame), each(model, other)
    assert_array_equal(before[:, 4], after[:, 4])
    assert not np.allclose(before[:, 0], after[:, 0])


def test_there_is_no_second_network_without_something_to_leave_out(fitted):
    assert list(fitted.decision_weights_) == ["table", "note"]
    pictures = [("picture", "image", "picture")]
    X = pd.DataFrame({"picture": list(np.zeros((N, 8, 8), np.uint8))})
    model = MultimodalClassifier(pictures, ensemble_size=1, epochs=1).fit(X, Y)
    assert "aside" not in model.network_.output


def test_the_keras_network_hears_the_second_network_too(pictured):
    model, frame = pictured
    logits = model.network_.predict(model._read(frame), verbose=0)["logits"]
    expected = model.decision_function(frame)
    assert_allclose(logits.squeeze(), expected, rtol=1e-4, atol=1e-5)


def test_shares_are_chosen_on_rows_that_were_not_trained_on():
    """Labels that nothing tells of: a network that knows them by heart is no help."""
    noise = np.random.default_rng(1).integers(0, 2, N)
    model = classifier(epochs=60, learning_rate=0.02).fit(X, noise)
    assert max(model.unimodal_scores_.values()) < 0.65
    assert log_loss(noise, model.predict_proba(X)) > 0.3


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_keras_network_decides_as_the_estimator(n_classes):
    y = np.arange(N) % n_classes
    model = classifier(calibrate="temperature", epochs=2).fit(X, y)
    outputs = model.network_.predict(model._read(X), verbose=0)
    logits = outputs["logits"].squeeze()
    assert_allclose(logits, model.decision_function(X), rtol=1e-4, atol=1e-5)
    assert_allclose(outputs["embedding"], model.transform(X), rtol=1e-4, atol=1e-5)


def test_embeddings_lie_side_by_side(fitted):
    single = classifier(ensemble_size=1).fit(X, Y).transform(X)
    assert fitted.transform(X).shape == (N, 5 * single.shape[1])
    assert len(fitted.get_feature_names_out()) == 5 * single.shape[1]


def test_the_history_is_the_mean_over_networks_still_in_training():
    model = classifier(epochs=30, n_iter_no_change=1, learning_rate=0.3).fit(X, Y)
    assert len(model.history_["loss"]) == model.n_epochs_ < 30
    assert np.isfinite(model.history_["val_loss"]).all()


@pytest.mark.parametrize("ensemble_size", [1, 2])
def test_training_knows_what_one_answer_for_all_rows_would_be(ensemble_size):
    weight = np.where(Y == 1, 3.0, 1.0)
    model = classifier(ensemble_size=ensemble_size, early_stopping=True, epochs=1)
    with patch("skmm.training.train", wraps=training.train) as train:
        model.fit(X, Y, sample_weight=weight)
    assert train.call_count == ensemble_size
    for call in train.call_args_list:
        _, data, recipe = call.args
        rows = data.rows
        share = np.average(Y[rows], weights=weight[rows])
        assert_allclose(recipe.constant, np.log(share / (1 - share)), rtol=1e-5)


def test_a_network_without_validation_does_not_count_in_its_mean():
    histories = [{"loss": [1.0, 2.0]}, {"loss": [3.0], "val_loss": [5.0]}]
    assert _mean_history(histories) == {"loss": [2.0, 2.0], "val_loss": [5.0]}


def test_partial_fit_goes_on_with_every_network(fitted):
    model = clone(fitted).fit(X, Y)
    before = [weights[0].copy() for weights in model._weights]
    model.partial_fit(X, Y)
    assert len(model._weights) == 5
    for old, weights in zip(before, model._weights, strict=True):
        assert not np.array_equal(old, weights[0])
    assert model.n_epochs_ == fitted.n_epochs_ + 1
    assert model.decision_weights_ == fitted.decision_weights_


@pytest.mark.parametrize(
    ("parameters", "how", "message"),
    [
        ({"random_state": None}, {}, "random_state must be an integer where 2 proc"),
        ({"time_limit": 9.0}, {}, "time_limit cannot be used where 2 processes"),
        ({"engine": "xla"}, {}, 'engine="xla" cannot be used'),
        ({}, {"checkpoint": "fits"}, "checkpoint cannot be used"),
        ({}, {"on_interrupt": "keep"}, 'on_interrupt="keep" cannot be used'),
    ],
)
def test_what_processes_would_not_do_alike_is_refused(
    monkeypatch, tmp_path, parameters, how, message
):
    together = training.Workers(None, 2, 0)
    monkeypatch.setattr(training, "workers", lambda: together)
    monkeypatch.chdir(tmp_path)
    model = classifier(**parameters)
    with pytest.raises(ValueError, match=message):
        model.fit(X, Y, **how)
    assert not hasattr(model, "history_")
    assert not list(tmp_path.iterdir())


def test_a_warm_start_keeps_the_number_of_networks():
    model = classifier(ensemble_size=2, warm_start=True, epochs=1).fit(X, Y)
    assert len(model.set_params(ensemble_size=4).fit(X, Y)._weights) == 2
    assert model.n_epochs_ == 2


def test_seeds_make_the_networks(fitted):
    again, other = clone(fitted).fit(X, Y), clone(fitted).set_params(random_state=1)
    assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))
    assert not np.array_equal(other.fit(X, Y).predict_proba(X), fitted.predict_proba(X))


def test_too_little_time_gives_fewer_networks(monkeypatch):
    """A clock on which each training takes a second."""
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    train = training.train

    def slow(*args, **kwargs):
        now[0] += 1
        return train(*args, **kwargs)

    monkeypatch.setattr(training, "train", slow)
    assert len(classifier(time_limit=3.5, epochs=1).fit(X, Y)._weights) == 3


def test_the_report_adds_the_networks_up(fitted, capsys):
    assert fitted.fit_report_["seconds_training"] > 0
    classifier(ensemble_size=2, epochs=1, verbose=1).fit(X, Y)
    printed = capsys.readouterr().out
    assert "network 1 of 2" in printed
    assert "network 2 of 2" in printed


def test_without_a_guard_the_fused_network_decides():
    model = classifier(guard=False, ensemble_size=2).fit(X, Y)
    assert set(model.decision_weights_.values()) == {0.0}
    assert model.unimodal_scores_.keys() == {"table", "note"}
    z = each(model)[:, 0, :, 0].astype(float)
    expected = (1 / (1 + np.exp(-z))).mean(axis=0)
    assert_allclose(model.predict_proba(X)[:, 1], expected, rtol=1e-6)


def test_a_modality_that_does_better_alone_is_named_with_what_to_do():
    """The fused network never sees the words; their own head does."""

    class Deaf(Fusion):
        def fuse(self, embeddings, present, logits):
            return keras.layers.Dense(4, name="fusion_deaf")(embeddings[0])

    frame = pd.DataFrame({"noise": RNG.normal(size=N), "words": X["words"].fillna("")})
    y = (frame["words"] == "is so").to_numpy().astype(int)
    modalities = [("table", "tabular", "noise"), ("note", "text", "words")]
    settings = {"fusion": Deaf(), "ensemble_size": 2, "epochs": 40, "random_state": 0}
    settings["modality_swap"] = 0.0
    model = MultimodalClassifier(modalities, guard=False, **settings)
    message = r"'note' alone does better.*guard=True"
    with pytest.warns(FusionWarning, match=message) as caught:
        model.fit(frame, y)
    assert [w.filename for w in caught] == [__file__]
    assert model.score(frame, y) < 0.8
    guarded = MultimodalClassifier(modalities, **settings).fit(frame, y)
    assert guarded.decision_weights_["note"] > 0.5
    assert guarded.score(frame, y) == 1


def test_modalities_may_be_trained_alone_first():
    """Steps of the second part are too small to learn anything from."""
    y = (X["a"].abs() > 0.7).to_numpy().astype(int)
    settings = {"early_stopping": True, "ensemble_size": 1, "epochs": 1}
    model = classifier(**settings, pretrain_epochs=30)
    schedules = []

    def watch(program, data, recipe, **options):
        if not schedules:
            recipe = replace(recipe, learning_rate=0.01)
        schedules.append((recipe.schedule, recipe.epochs, options["engine"]))
        return train(program, data, recipe, **options)

    train = training.train
    with patch("skmm.training.train", watch):
        trained = clone(model).set_params(learning_rate=1e-9).fit(X, y)
    assert [s[:2] for s in schedules] == [("constant", 30), ("cosine", 1)]
    assert trained.unimodal_scores_["table"] > 0.8
    assert trained.n_epochs_ == len(trained.history_["loss"]) == 1
    without = clone(model).set_params(learning_rate=1e-9, pretrain_epochs=0).fit(X, y)
    assert without.unimodal_scores_["table"] < 0.7
    again = [clone(model).fit(X, y).predict_proba(X) for _ in range(2)]
    assert_array_equal(*again)


@pytest.mark.parametrize("engine", ["graph", "xla"])
def test_training_alone_has_its_engine_and_its_part_of_the_time(engine):
    model = classifier(pretrain_epochs=10**6, engine=engine, ensemble_size=1)
    model.set_params(time_limit=600.0, early_stopping=False, epochs=10**6)
    seen = []

    def watch(program, data, recipe, **options):
        seen.append((recipe.seconds, options["engine"]))
        return train(program, data, replace(recipe, epochs=1), **options)

    train = training.train
    with patch("skmm.training.train", watch):
        model.fit(X, Y)
    (alone, first), (rest, second) = seen
    assert first == second == engine
    assert 0 < alone <= 300.0
    assert rest is not None


@pytest.mark.parametrize("n_networks", [1, 3])
def test_the_engine_is_chosen_by_the_steps_of_all_networks(n_networks):
    model = classifier(ensemble_size=n_networks, early_stopping=False, batch_size=50)
    found = training.Engine("graph", "a test")
    with patch("skmm.training.choose_engine", return_value=found) as choose:
        model.fit(X, Y)
    n_steps = {call.args[1] for call in choose.call_args_list}
    assert n_steps == {n_networks * model.epochs * 3}  # three batches of 120 rows


def test_one_epoch_is_one_epoch():
    model = classifier(ensemble_size=1, pretrain_epochs=5)
    with patch.object(type(model), "_pretrained") as pretrained:
        model.partial_fit(X, Y)
    pretrained.assert_not_called()


def test_a_guard_that_is_taken_away_takes_the_shares_along():
    model = classifier(ensemble_size=2, warm_start=True).fit(X, Y)
    model._shares = np.array([0.2, 0.4, 0.4])
    model.set_params(guard=False).partial_fit(X, Y)
    assert_array_equal(model._shares, [1, 0, 0])


def test_an_encoder_may_be_given_by_the_kind():
    frame = pd.DataFrame({"one": X["words"], "two": X["words"]})
    modalities = [("one", "text", "one"), ("text", "text", "two")]
    settings = {"ensemble_size": 1, "epochs": 1}
    model = MultimodalClassifier(modalities, encoders=[("text", "rnn")], **settings)
    kinds = [type(e).__name__ for e in model.fit(frame, Y).encoders_.values()]
    assert kinds == ["EmbeddingBagEncoder", "RNNEncoder"]  # "text" is a name here
    by_kind = MultimodalClassifier(MODALITIES, encoders=[("text", "rnn")], **settings)
    kinds = [type(e).__name__ for e in by_kind.fit(X, Y).encoders_.values()]
    assert kinds == ["MLPEncoder", "RNNEncoder"]
    by_kind.set_params(encoders=[("image", "cnn"), ("text", "rnn")]).fit(X, Y)
    with pytest.raises(ValueError, match="encoders names the modality 'texts'"):
        by_kind.set_params(encoders=[("texts", "rnn")]).fit(X, Y)


def test_training_alone_leaves_what_joins_untouched():
    model = classifier(ensemble_size=1, modality_dropout=0)
    seen = {}

    def watch(program, data, recipe, **options):
        before = {w.path: w.numpy() for w in program.network.weights}
        history = train(program, data, recipe, **options)
        after = {w.path: w.numpy() for w in program.network.weights}
        seen.setdefault("moved", {p for p in after if (after[p] != before[p]).any()})
        return history

    train = training.train
    with patch("skmm.training.train", watch):
        model.set_params(pretrain_epochs=2, weight_decay=0).fit(X, Y)
    joined = {p for p in seen["moved"] if p.startswith(("fusion", "logits"))}
    assert seen["moved"] and not joined


def test_heads_that_are_left_out_cannot_be_trained_first():
    model = classifier(pretrain_epochs=2, aux_weight=0)
    with pytest.raises(ValueError, match=r"pretrain_epochs.*aux_weight above 0"):
        model.fit(X, Y)
    assert not hasattr(model, "classes_")
