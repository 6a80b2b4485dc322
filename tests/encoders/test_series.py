"""SeriesEncoder: levels, gaps and shapes."""

import numpy as np
import pytest

from skmm.encoders.series import SeriesEncoder

RNG = np.random.default_rng(0)


def noise(*shape):
    return RNG.normal(size=shape).astype("float32")


def test_it_learns_from_few_rows_what_the_last_value_tells(accuracy):
    x = noise(160, 30, 4)
    assert accuracy(SeriesEncoder(), x, x[:, -1, 2] > 0, "timeseries") > 0.85


def test_it_learns_where_values_are_missing(accuracy):
    x, y = noise(120, 20, 2), np.arange(120) % 2
    x[(y == 1), 15:, 1] = np.nan
    assert accuracy(SeriesEncoder(filters=0), x, y == 1, "timeseries") > 0.95


def test_it_learns_a_shape_that_no_summary_shows(accuracy):
    """The same values, rising where the others fall, anywhere in the series."""
    x, y = 0.1 * noise(240, 32, 1), np.arange(240) % 2
    bump = np.array([-2, -1, 0, 1, 2.0])
    for row, label in zip(x, y, strict=True):
        start = RNG.integers(0, 27)
        row[start : start + 5, 0] += bump if label else bump[::-1]
    with_shapes = accuracy(SeriesEncoder(), x, y == 1, "timeseries", epochs=25)
    assert with_shapes > 0.9


def test_convolutions_may_be_left_out(build):
    names = {
        layer.name
        for layer in build(SeriesEncoder(filters=0), "timeseries", (9, 2)).layers
    }
    assert not any("conv" in name for name in names)


@pytest.mark.parametrize("steps", [1, 2])
def test_the_shortest_series_are_taken(build, steps):
    network = build(SeriesEncoder(), "timeseries", (steps, 2))
    assert np.isfinite(network(noise(3, steps, 2))).all()
