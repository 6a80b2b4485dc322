"""Programs are lent to one user at a time and found again by what they depend on."""

import keras
import numpy as np
import pytest

from skmm import training
from skmm.encoders._base import Encoder
from skmm.frame import ModalitySpec
from skmm.training import _pool

SPEC = ModalitySpec("x", "vector", (4,), "float32", "mlp")


@pytest.fixture(autouse=True)
def empty_pool():
    training.clear_pool()
    yield
    training.clear_pool()


def test_a_program_is_built_once_and_lent_again(build):
    with training.program("key", build) as first:
        pass
    with training.program("key", build) as second:
        assert second is first


def test_two_users_at_once_get_two_programs(build):
    with training.program("key", build) as first:
        with training.program("key", build) as second:
            assert second is not first


def test_another_key_gets_another_program(build):
    with training.program("key", build) as first:
        pass
    with training.program("other", build) as second:
        assert second is not first


def test_a_program_is_not_put_back_after_an_error(build):
    with pytest.raises(RuntimeError), training.program("key", build) as first:
        raise RuntimeError
    with training.program("key", build) as second:
        assert second is not first


def test_the_pool_is_bounded(monkeypatch, build):
    monkeypatch.setattr(_pool, "MAX_PROGRAMS", 2)
    for key in range(4):
        with training.program(key, build):
            pass
    assert [key for key, _ in _pool._idle] == [2, 3]


class _Recipe(Encoder):
    def __init__(self, units=3):
        self.units = units

    def encode(self, x, spec):
        return x


def test_keys_are_equal_for_equal_values_alone():
    key = training.program_key([SPEC], [_Recipe(3)], "adamw", 0.1)
    assert key == training.program_key([SPEC], [_Recipe(3)], "adamw", 0.1)
    assert key != training.program_key([SPEC], [_Recipe(4)], "adamw", 0.1)
    assert key != training.program_key([SPEC], [_Recipe(3)], "adamw", 0.2)
    assert key != training.program_key([SPEC], [_Recipe(3.0)], "adamw", 0.1)


def test_values_that_are_not_plain_are_equal_to_nothing():
    for value in (np.zeros(2), lambda x: x):
        first = training.program_key([SPEC], [_Recipe(value)])
        assert first != training.program_key([SPEC], [_Recipe(value)])


def test_losses_that_differ_in_what_their_configuration_leaves_out_share_nothing():
    a, b, c = (
        training.program_key([], [], training.Loss("squared", (1,), keras_loss=loss))
        for loss in (
            keras.losses.Huber(0.5),
            keras.losses.Huber(0.5),
            keras.losses.Huber(),
        )
    )
    assert a == b != c
