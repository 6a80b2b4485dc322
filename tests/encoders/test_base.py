"""What every encoder is."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator

from skmm import ModalitySpec
from skmm._components import Component
from skmm.encoders._base import Encoder


def test_an_encoder_is_a_component_of_plain_parameters():
    class Linear(Encoder):
        ranks = (1,)

        def __init__(self, units=3):
            self.units = units

        def encode(self, x, spec):
            return x

    assert issubclass(Encoder, Component) and issubclass(Encoder, BaseEstimator)
    assert Linear().set_params(units=5).get_params() == {"units": 5}


def test_an_encoder_prepares_nothing_unless_it_says_so():
    class Linear(Encoder):
        def __init__(self, units=3):
            self.units = units

    encoder, array = Linear(), np.ones((2, 3))
    spec = ModalitySpec("m", "vector", (3,), "float64", "mlp")
    assert encoder.settled(spec) is encoder
    same, spec_too = encoder.prepare(array, np.ones(2, bool), spec)
    assert same is array and spec_too is spec
    assert encoder.layer_params() == {"units": 3}
    assert encoder.standardized


def test_an_encoder_must_say_how_to_encode():
    assert Encoder.encode.__isabstractmethod__
    with pytest.raises(AttributeError, match="ranks"):
        _ = Encoder().ranks
