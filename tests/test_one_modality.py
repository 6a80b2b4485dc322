"""The network's parameter reaches encoders and builders alike."""

import numpy as np
import pytest
from sklearn.base import clone

from skmm import BaseNNClassifier, ModalityFrame, ModalitySpec
from skmm.encoders.mlp import MLPEncoder


def builder(spec, n_outputs, width=3):
    raise AssertionError("parameters are read without calling the builder")


def test_an_encoder_given_by_key_has_parameters():
    model = BaseNNClassifier("mlp").set_params(network__units=7)
    assert isinstance(model.network, MLPEncoder)
    assert model.network.units == 7


def test_a_builders_parameters_are_got_and_set():
    model = BaseNNClassifier(builder)
    assert model.get_params()["network__width"] == 3
    model.set_params(network__width=5)
    assert clone(model).get_params()["network__width"] == 5
    assert "network__width" not in model.get_params(deep=False)


def test_a_parameter_that_no_encoder_has_is_refused():
    with pytest.raises(ValueError, match="width"):
        BaseNNClassifier("mlp").set_params(network__width=3)


def test_a_frame_of_one_modality_is_used_as_it_is():
    spec = ModalitySpec("v", "vector", (2,), "float32", "mlp")
    frame = ModalityFrame({"v": np.ones((4, 2), "float32")}, {"v": spec})
    assert BaseNNClassifier()._encode(frame, fit=True) is frame
