"""Multimodal estimators learn from mixed frames, with gaps and without."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skmm import (
    BaseNNClassifier,
    ModalityTransformer,
    MultimodalClassifier,
    MultimodalRegressor,
)
from skmm.datasets import make_multimodal_classification, make_multimodal_regression
from skmm.exceptions import MissingModalityWarning

KINDS = ("tabular", "text", "image", "audio", "timeseries", "vector")


@pytest.fixture(scope="module")
def six():
    """96 rows of all six kinds, with a tenth of the cells missing."""
    return make_multimodal_classification(
        96, modalities=KINDS, informative=0.6, missing=0.1, random_state=0
    )


@pytest.fixture(scope="module")
def fitted(six):
    """A model on all six, with validation rows."""
    model = MultimodalClassifier(epochs=12, learning_rate=0.005, random_state=0)
    X, y = six.data, six.target
    return model.fit(X[:72], y[:72], X_val=X[72:], y_val=y[72:])


@pytest.fixture(scope="module")
def pair():
    """120 rows of numbers and text, where each alone is not enough."""
    return make_multimodal_classification(
        120, modalities=("tabular", "text"), informative=0.6, random_state=1
    )


def test_six_kinds_of_modality_in_one_line(six, fitted):
    assert set(fitted.encoders_) == set(KINDS)
    assert fitted.score(six.data[:72], six.target[:72]) > 0.85


def test_every_modality_is_scored_by_itself(fitted):
    assert set(fitted.unimodal_scores_) == set(KINDS)
    assert all(0 <= score <= 1 for score in fitted.unimodal_scores_.values())


def test_an_absent_modality_cannot_change_the_output(six, fitted):
    frame = fitted.transformer_.transform(six.data)
    before = fitted.decision_function(frame)
    rng = np.random.default_rng(0)
    for m, (name, array) in enumerate(frame.arrays.items()):
        absent = ~frame.present[:, m]
        assert absent.any()
        noise = rng.integers(0, 2, array[absent].shape)
        array[absent] = noise if array.dtype.kind in "iu" else noise * np.nan
        assert_array_equal(fitted.decision_function(frame), before, err_msg=name)


def test_a_row_without_any_modality_is_predicted(six, fitted):
    empty = pd.DataFrame(None, index=[0, 1], columns=six.data.columns, dtype=object)
    with pytest.warns(MissingModalityWarning, match="2 of 2 rows have none"):
        p = fitted.predict_proba(empty)
    shares = [(six.target[:72] == label).mean() for label in fitted.classes_]
    assert_allclose(p, [shares] * 2, rtol=1e-5)


@pytest.fixture(scope="module")
def exclusive_or():
    """Frames and classes of two modalities of which neither tells anything alone."""
    X, y = make_multimodal_classification(
        1200,
        modalities=("tabular", "vector"),
        informative=0,
        interaction=1,
        random_state=0,
        return_X_y=True,
    )
    transformer = ModalityTransformer()
    train = transformer.fit_transform(X[:800], y[:800])
    return train, y[:800], transformer.transform(X[800:]), y[800:]


def score_alone(fusion, exclusive_or):
    """Accuracy of a network whose fusion decides alone."""
    train, y_train, test, y_test = exclusive_or
    model = MultimodalClassifier(
        fusion=fusion, ensemble_size=1, guard=False, epochs=20, random_state=0
    )
    return model.fit(train, y_train).score(test, y_test)


@pytest.mark.parametrize(
    "fusion", ["gated", "bilinear", "low_rank", "tensor", "film", "attention"]
)
def test_an_interaction_is_learned(fusion, exclusive_or):
    assert score_alone(fusion, exclusive_or) > 0.97  # of 1


@pytest.mark.parametrize("fusion", ["late", "mean", "product_of_experts"])
def test_a_sum_over_modalities_learns_at_most_three_corners_of_four(
    fusion, exclusive_or
):
    assert score_alone(fusion, exclusive_or) < 0.8


def test_one_modality_alone_is_a_network_on_an_array():
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    settings = {"epochs": 20, "random_state": 0}
    alone = BaseNNClassifier(**settings).fit(X_train, y_train)
    model = MultimodalClassifier(ensemble_size=1, **settings).fit(X_train, y_train)
    assert model.score(X_test, y_test) > alone.score(X_test, y_test) - 0.01
    assert np.mean(model.predict(X_test) == alone.predict(X_test)) > 0.96


def test_numbers_are_predicted():
    bunch = make_multimodal_regression(
        150, modalities=("tabular", "text"), noise=0.1, random_state=0
    )
    model = MultimodalRegressor(epochs=40, learning_rate=0.005, random_state=0)
    model.fit(bunch.data[:120], bunch.target[:120] * 1000)
    assert model.score(bunch.data[120:], bunch.target[120:] * 1000) > 0.4


def test_a_frame_that_a_transformer_made_gives_the_same(pair):
    model = MultimodalClassifier(epochs=2, random_state=0)
    direct = model.fit(pair.data, pair.target).predict_proba(pair.data)
    frame = ModalityTransformer().fit_transform(pair.data)
    assert_array_equal(model.fit(frame, pair.target).predict_proba(frame), direct)


def test_another_frame_at_predict_time_is_refused(pair):
    frame = ModalityTransformer().fit_transform(pair.data)
    model = MultimodalClassifier(ensemble_size=1, epochs=1, random_state=0).fit(
        frame, pair.target
    )
    with pytest.raises(ValueError, match=r"modalities \['text.*was fitted on \['tab"):
        model.predict(frame.select(["text"]))


def test_a_table_is_refused_where_a_frame_was_fitted(pair):
    X, y = pair.data, pair.target
    frame = ModalityTransformer().fit_transform(X)
    model = MultimodalClassifier(ensemble_size=1, epochs=1, random_state=0)
    model.fit(X, y, X_val=X[:9], y_val=y[:9]).fit(frame, y)
    assert not hasattr(model, "transformer_")
    for table in (X, np.zeros((3, 2))):  # a frame has as many columns as modalities
        with pytest.raises(TypeError, match="was fitted on a ModalityFrame, got a"):
            model.predict(table)
    with pytest.raises(TypeError, match="was fitted on a ModalityFrame, got a DataF"):
        model.fit(frame, y, X_val=X[:9], y_val=y[:9])
    assert model.fit(X, y).predict(frame[:3]).shape == (3,)


def test_encoders_are_named_and_searched(pair):
    model = MultimodalClassifier(
        encoders=[("text", "embedding_bag")], ensemble_size=1, epochs=1
    )
    model.set_params(text__units=8)
    model.fit(pair.data, pair.target)
    assert model.encoders_["text"].units == 8
    assert clone(model).get_params()["text__units"] == 8


def test_a_fusion_given_by_name_has_parameters(pair):
    model = MultimodalClassifier(fusion="concat", ensemble_size=1, epochs=1)
    model.set_params(fusion__units=5)
    assert model.fit(pair.data, pair.target).transform(pair.data).shape == (120, 5)


def test_the_fusion_is_gated_where_there_is_something_to_gate(pair):
    model = MultimodalClassifier(ensemble_size=1, epochs=1, random_state=0)
    model.fit(pair.data, pair.target)
    assert type(model.fusion_).__name__ == "GatedFusion"
    one = model.fit(pair.data[["text"]], pair.target)
    assert type(one.fusion_).__name__ == "ConcatFusion"
    assert model.fusion == "auto"


def test_a_parameter_of_the_automatic_fusion_is_the_gated_ones():
    model = MultimodalClassifier()
    with pytest.raises(ValueError, match="Invalid parameter 'rank' for 'fusion'"):
        model.set_params(fusion__rank=5)
    assert model.fusion == "auto"
    model.set_params(fusion__units=5)
    assert type(model.fusion).__name__ == "GatedFusion" and model.fusion.units == 5
    again = MultimodalClassifier(fusion="concat").set_params(
        fusion="auto", fusion__units=7
    )
    assert again.fusion.units == 7


def test_a_transformer_brings_its_settings(pair):
    pixels = [np.full((8, 8), i, np.uint8) for i in range(119)]
    broken = pair.data.assign(image=pd.Series([*pixels, b"no image"], dtype=object))
    triples = [("text", "text", "text"), ("image", "image", "image")]
    with pytest.raises(ValueError, match="column 'image', row 119"):
        MultimodalClassifier(triples, ensemble_size=1, epochs=1).fit(
            broken, pair.target
        )
    patient = ModalityTransformer(triples, on_error="missing")
    model = MultimodalClassifier(patient, ensemble_size=1, epochs=1)
    with pytest.warns(MissingModalityWarning, match="1 of 120 cells"):
        model.fit(broken, pair.target)


def test_without_auxiliary_losses_there_are_no_unimodal_scores(pair):
    model = MultimodalClassifier(aux_weight=0.0, epochs=1, early_stopping=True)
    assert model.fit(pair.data, pair.target).unimodal_scores_ == {}


def test_names_of_any_spelling_make_a_network(pair):
    odd = pair.data.rename(columns={"text": "Ärztliche Notiz / 2"})
    model = MultimodalClassifier(ensemble_size=1, epochs=1, random_state=0).fit(
        odd, pair.target
    )
    assert model.predict(odd[:1]).shape == (1,)


def test_configured_output_does_not_disturb(pair):
    import sklearn

    with sklearn.config_context(transform_output="pandas"):
        model = MultimodalClassifier(ensemble_size=1, epochs=1).fit(
            pair.data, pair.target
        )
        assert isinstance(model.transform(pair.data), pd.DataFrame)
