"""Modalities that training takes away, and swaps."""

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skmm.layers import ModalityDropout, ModalitySwap, Parted, RowBefore, Twice


def seeded(layer):
    """Draw the same in every run: what is rare would fail a test now and then."""
    layer.seed_generator.state.assign([1, 0])
    return layer


def test_modality_dropout_adds_rows_and_rests_in_prediction():
    layer = seeded(ModalityDropout(0.9))
    present = np.ones((500, 3), np.float32)
    present[:100, 0] = 0
    assert_array_equal(layer(present, training=False), present)
    whole, kept = np.split(np.asarray(layer(present, training=True)), 2)
    assert_array_equal(whole, present)
    assert (kept.sum(axis=1) >= 1).all()
    assert (kept <= present).all()
    assert kept.sum() < present.sum()


def test_modality_dropout_has_its_rate():
    layer = seeded(ModalityDropout(0.25))
    present = np.ones((4000, 4), np.float32)
    kept = np.asarray(layer(present, training=True))[4000:]
    assert kept.mean() == pytest.approx(0.75, abs=0.02)
    assert ModalityDropout.from_config(layer.get_config()).rate == 0.25


def test_rows_that_are_there_twice_are_parted_again():
    x = np.arange(12, dtype=np.float32).reshape(2, 3, 2)
    assert_array_equal(Twice()(x), x)
    assert_array_equal(Twice()(x, training=True), np.concatenate([x, x]))
    for part in (*Parted()(x), *Parted()(np.concatenate([x, x]), training=True)):
        assert_array_equal(part, x)


def test_a_mask_of_keras_ends_where_rows_are_twice():
    masked = keras.layers.Masking()(np.ones((2, 3, 2), np.float32))
    assert masked._keras_mask is not None
    again = Twice()(masked, training=True)
    assert getattr(again, "_keras_mask", None) is None
    assert again.shape == (4, 3, 2)


def test_a_swap_is_of_one_modality_that_the_row_has():
    layer = seeded(ModalitySwap(0.25))
    present = np.ones((6000, 3), np.float32)
    present[:2000, 0] = 0
    present[:1000, 1] = 0  # one modality alone is not another row's
    present[:500] = 0
    assert not np.asarray(layer(present)).any()
    chosen = np.asarray(layer(present, training=True))
    assert chosen.sum(axis=1).max() == 1
    assert not chosen[present == 0].any() and not chosen[:1000].any()
    assert chosen[1000:].sum(axis=1).mean() == pytest.approx(0.25, abs=0.02)
    assert_allclose(chosen[2000:].mean(axis=0), 0.25 / 3, atol=0.015)
    assert_allclose(chosen[1000:2000].mean(axis=0), [0, 0.125, 0.125], atol=0.03)
    assert ModalitySwap.from_config(layer.get_config()).rate == 0.25


def test_chosen_rows_get_all_of_the_row_before():
    rows = np.arange(5, dtype=np.float32)
    vectors = [rows[:, None], np.tile(rows[:, None, None], (1, 3, 2))]
    chosen = np.array([1, 0, 1, 1, 0], np.float32)[:, None]
    for found, given in zip(RowBefore()(vectors, chosen), vectors, strict=True):
        assert_array_equal(found, given)
    x, places = RowBefore()(vectors, chosen, training=True)
    assert_array_equal(np.asarray(x)[:, 0], [4, 1, 1, 2, 4])
    assert_array_equal(places, np.tile(np.asarray(x)[:, None], (1, 3, 2)))
