"""Optimizers are made from plain values."""

import keras
import pytest

from skmm.training import make_optimizer


def test_a_name_gets_step_size_decay_and_clipping():
    made = make_optimizer("adamw", 0.3, 0.05)
    assert isinstance(made, keras.optimizers.AdamW)
    assert float(made.learning_rate) == pytest.approx(0.3)
    assert made.weight_decay == 0.05
    assert made.global_clipnorm == 1.0


def test_offsets_and_norms_do_not_decay():
    layer = keras.layers.Dense(2)
    layer.build((None, 2))
    made = make_optimizer("adamw", 0.1, 0.5)
    made.build(layer.trainable_variables)
    decays = [made._use_weight_decay(v) for v in (layer.kernel, layer.bias)]
    assert decays == [True, False]


def test_an_instance_is_copied_and_keeps_its_own_settings():
    given = keras.optimizers.SGD(0.7, momentum=0.9)
    made = make_optimizer(given, 0.1, 0.5)
    assert made is not given
    assert made.get_config() == given.get_config()


def test_an_unknown_name_is_an_error():
    with pytest.raises(ValueError, match="adamx"):
        make_optimizer("adamx", 0.1, 0.0)
