"""Rows that are meant, and the loss on them."""

import dataclasses

import numpy as np
import pytest

from skmm import training
from skmm.training._data import tensors


def test_a_part_holds_the_rows_that_are_meant_alone(data):
    rows = np.array([7, 3, 11], np.int32)
    chosen = dataclasses.replace(data, rows=rows)
    assert (data.n_rows, chosen.n_rows) == (50, 3)
    part = chosen.part(slice(1, None))
    np.testing.assert_array_equal(part.arrays[0], data.arrays[0][[3, 11]])
    np.testing.assert_array_equal(part.y, data.y[[3, 11]])
    assert part.rows is None


def test_zeros_fill_tensors_up(data):
    x, y, weight = tensors(data, room=64)
    assert [t.shape[0] for t in (*x, y, weight)] == [64] * 3
    assert np.asarray(weight)[50:].sum() == 0
    np.testing.assert_array_equal(np.asarray(x[0])[:50], data.arrays[0])


def test_validation_loss_is_weighted(build, data):
    program = build()
    program.initialise(0)
    weight = np.zeros(50, np.float32)
    weight[:10] = 2.0
    one = training.evaluate(program, dataclasses.replace(data, weight=weight))
    rows = training.Data([data.arrays[0][:10]], data.y[:10], data.weight[:10])
    assert one == pytest.approx(training.evaluate(program, rows), rel=1e-6)
