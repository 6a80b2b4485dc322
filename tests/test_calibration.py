"""Temperatures that are known beforehand are found; errors are what they should be."""

import numpy as np
import pytest
from scipy.special import expit, softmax

from skmm._calibration import calibration_error, fit_temperature
from skmm._targets import ClassTarget

N = 20_000


def drawn(kind):
    """Draw logits and labels that follow from them."""
    rng = np.random.default_rng(0)
    if kind in ("binary", "multilabel"):
        n_outputs = 1 if kind == "binary" else 3
        logits = rng.normal(0, 2, (N, n_outputs))
        codes = (rng.random(logits.shape) < expit(logits)).astype(float)
        return ClassTarget(kind, [np.array([0, 1])] * n_outputs), logits, codes
    sizes = (4,) if kind == "multiclass" else (4, 3)
    logits = rng.normal(0, 2, (N, sum(sizes)))
    codes = []
    for block in np.split(logits, np.cumsum(sizes)[:-1], axis=1):
        steps = softmax(block, axis=1).cumsum(axis=1)
        codes.append((rng.random((N, 1)) > steps).sum(axis=1))
    target = ClassTarget(kind, [np.arange(size) for size in sizes])
    return target, logits, np.stack(codes, axis=1).astype(float)


KINDS = ("binary", "multiclass", "multilabel", "multioutput")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("heat", [0.3, 1.0, 4.0])
def test_the_temperature_that_was_put_on_is_found(kind, heat):
    target, logits, codes = drawn(kind)
    found = fit_temperature(target, logits * heat, codes, np.ones(N))
    assert found == pytest.approx(heat, rel=0.05)


@pytest.mark.parametrize("kind", KINDS)
def test_honest_logits_have_nearly_no_error_and_hot_ones_have(kind):
    target, logits, codes = drawn(kind)
    honest, hot = (
        calibration_error(target, logits * heat, codes, np.ones(N)) for heat in (1, 4)
    )
    assert honest < 0.015 < 0.05 < hot


def test_the_error_by_hand():
    """Sure by .8 in three rows of which two are right: .8 - 2 / 3, with one at .5."""
    target = ClassTarget("binary", [np.array([0, 1])])
    sure, half = np.log(0.8 / 0.2), 0.0
    logits = np.array([[sure], [sure], [-sure], [half]])
    codes = np.array([[1.0], [0.0], [0.0], [1.0]])
    weight = np.ones(4)
    error = calibration_error(target, logits, codes, weight)
    assert error == pytest.approx((3 * (0.8 - 2 / 3) + 0.5) / 4)
    weight[3] = 0
    error = calibration_error(target, logits, codes, weight)
    assert error == pytest.approx(0.8 - 2 / 3)


def test_weights_are_rows():
    target, logits, codes = drawn("multiclass")
    weight = np.random.default_rng(1).integers(0, 3, N)
    rows = np.repeat(np.arange(N), weight)
    for measure in (fit_temperature, calibration_error):
        weighted = measure(target, logits, codes, weight)
        repeated = measure(target, logits[rows], codes[rows], np.ones(len(rows)))
        assert weighted == pytest.approx(repeated, rel=1e-4)


@pytest.mark.parametrize("n", [2, 20])
def test_few_rows_that_are_all_right_do_not_make_it_certain(n):
    target = ClassTarget("binary", [np.array([0, 1])])
    codes = np.arange(n)[:, None] % 2.0
    found = fit_temperature(target, 6 * codes - 3, codes, np.ones(n))
    assert 0.6 < found < 1
