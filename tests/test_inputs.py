"""What the network is given: prepared by encoders, padded, and checked."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skmm import ModalityFrame, ModalitySpec
from skmm._inputs import check_specs, lay_out, prepare
from skmm._network import roomy
from skmm.encoders._base import Encoder
from skmm.encoders.mlp import MLPEncoder

SPECS = {
    "a": ModalitySpec("a", "vector", (2,), "float32", "mlp"),
    "b": ModalitySpec("b", "timeseries", (3, 1), "float32", "cnn"),
}
FRAME = ModalityFrame(
    {"a": np.ones((4, 2), "float32"), "b": np.ones((4, 3, 1), "float32")},
    SPECS,
    np.array([[1, 1], [1, 0], [0, 1], [1, 1]], bool),
)


class Summing(Encoder):
    ranks = (2,)

    def prepare(self, array, present, spec):
        total = np.where(present[:, None], array.sum(1), -1)
        return total, ModalitySpec(spec.name, "vector", (1,), "float32", "mlp")

    def encode(self, x, spec):
        return x


def test_what_needs_no_preparing_is_the_same_frame():
    assert prepare(FRAME, {"a": MLPEncoder()}) is FRAME
    assert prepare(FRAME, {}) is FRAME


def test_an_encoder_prepares_its_modality_and_sees_which_rows_have_it():
    frame = prepare(FRAME, {"a": MLPEncoder(), "b": Summing()})
    assert_array_equal(frame["b"], [[3], [-1], [3], [3]])
    assert frame.specs["b"].shape == (1,)
    assert frame["a"] is FRAME["a"]
    assert_array_equal(frame.present, FRAME.present)


def test_arrays_are_padded_to_what_the_network_asks_for():
    a, b = lay_out(FRAME, map(roomy, SPECS.values()))
    assert a is FRAME["a"]
    assert b.shape == (4, 8, 1)
    assert np.isnan(b[:, 3:]).all()


def test_other_data_than_that_of_fit_are_refused():
    check_specs(FRAME, tuple(SPECS.values()), "Model")
    message = r"X has .*'b: timeseries \(3, 1\) float32'.*Model was fitted on \['a: vec"
    with pytest.raises(ValueError, match=message):
        check_specs(FRAME, (SPECS["a"],), "Model")
