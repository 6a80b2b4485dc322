"""What every encoder is."""

import pytest
from sklearn.base import BaseEstimator

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


def test_an_encoder_must_say_how_to_encode():
    assert Encoder.encode.__isabstractmethod__
    with pytest.raises(AttributeError, match="ranks"):
        _ = Encoder().ranks
