"""Explain what fitted models decide, row by row."""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state, check_scalar

from skmm.exceptions import MissingModalityWarning
from skmm.frame import ModalityFrame
from skmm.inspection._attributions import Attributions
from skmm.inspection._gradients import (
    MOST_STEPS,
    TOLERANCE,
    integrated_gradients,
    smoothgrad,
)
from skmm.inspection._occlusion import occlusion
from skmm.inspection._subject import Subject

__all__ = ["explain"]

METHODS = ("integrated_gradients", "smoothgrad", "occlusion")
MOST_BASELINES = 32  # rows


def explain(
    estimator: Any,
    X: Any,
    *,
    target: Any = None,
    method: str = "integrated_gradients",
    baseline: Any = None,
    n_steps: int | str = "auto",
    n_samples: int = 25,
    noise: float = 0.15,
    patch: int | None = None,
    random_state: Any = None,
) -> Attributions:
    r"""Say how much each column, word, pixel and step of rows adds to a decision.

    With f(x) the number that a model decides a row x by, and a baseline x' in which
    nothing is to be seen, every number :math:`x_j` that the networks read gets a share
    :math:`a_j` of :math:`f(x) - f(x')`:

    * ``"integrated_gradients"`` [1]_, equation 1:
      :math:`a_j = (x_j - x'_j) \int_0^1 \partial_j f(x' + \alpha (x - x')) d\alpha`.
      The shares of a row sum to :math:`f(x) - f(x')`.
    * ``"smoothgrad"`` [2]_: :math:`a_j = (x_j - x'_j) \frac1S \sum_s \partial_j f(x +
      \varepsilon_s)` with :math:`\varepsilon_s` normal. The gradient is multiplied by
      the way from the baseline, so that all methods have the unit of f; sums may differ
      from :math:`f(x) - f(x')`.
    * ``"occlusion"`` [3]_: f(x) less f of x with a part of it replaced by that of x',
      spread evenly over the part: each column of a table, each word of a text (with
      all n-grams that it is in), patches of an image or spectrogram, windows of each
      channel of a series. Sums may differ. It suits every model, and takes a call for
      each part.

    What is explained is what `decision_function` returns for the target: the pooled
    logits of all networks, divided by the temperature; of two classes that of the
    second, with its sign turned where the target is the first; of regressors what
    `predict` returns.

    Parameters
    ----------
    estimator : estimator
        A fitted `MultimodalClassifier`, `MultimodalRegressor`, `BaseNNClassifier` or
        `BaseNNRegressor`, or a fitted pipeline or search that ends in one.
    X : array-like, dataframe or ModalityFrame of n_samples rows
        What the estimator takes.
    target : label, int or array-like of shape (n_samples,), default=None
        The class that is explained, one for all rows or one for each; None takes the
        class that is predicted for each row. Of several outputs (yes-no labels,
        numbers) the position of one, from 0, which must be given.
    method : str, default="integrated_gradients"
        How shares are found, as above; or ``"smoothgrad"`` or ``"occlusion"``.
    baseline : array-like, dataframe or ModalityFrame, default=None
        Rows in the form of `X` that are baselines in turn, and shares the mean over
        them: expected gradients [4]_. Of more than 32 rows, 32 are taken, evenly
        spaced. None is 0 in the network's own units: the median of a column, the mean
        of a series, a sound or a standardised array, black for images, the zero vector
        in the place of embedded words and categories (for occlusion: padding, and the
        code of unseen categories).
    n_steps : int or "auto", default="auto"
        Gradients on each path from a baseline, 1 or more. ``"auto"`` starts with 16
        and doubles them, up to 512, for the rows that miss :math:`f(x) - f(x')` by more
        than 1 % of its mean size, until that is what rows miss on average.
    n_samples : int, default=25
        Noisy copies of each row, 1 or more; for smoothgrad.
    noise : float, default=0.15
        Standard deviation of the noise, 0 or more, as a share of the range of a row's
        values in the modality, of embedded vectors likewise; for smoothgrad.
    patch : int or None, default=None
        Length of a part along each axis in pixels, steps and mel bands, 1 or more;
        None takes an eighth of images and spectrograms and a sixteenth of series; for
        occlusion.
    random_state : int, RandomState or None, default=None
        Seed of the noise.

    Returns
    -------
    attributions : Attributions
        ``values`` of each modality in the shape of its array, `by_column`, `by_word`,
        `shares`, and `completeness_error`, which says how far sums are from
        :math:`f(x) - f(x')`.

    Raises
    ------
    TypeError
        If the estimator holds no network of skmm.
    ValueError
        If `target` is unknown, a parameter is out of its range, or gradients do not
        reach what the model reads: a frozen pretrained model, or ids that a network
        looks up by itself. Occlusion works for these.

    Warns
    -----
    ConvergenceWarning
        If 512 steps leave an error of completeness of more than 1 %.
    MissingModalityWarning
        If rows have no modality: their values are 0.

    See Also
    --------
    AttributionDisplay : Draws the values.

    Notes
    -----
    Gaps, padding and absent modalities are the same in x and x', and get exactly 0;
    and so is what an encoder reads of ids besides their vectors, such as how rare a
    word is.

    References
    ----------
    .. [1] M. Sundararajan, A. Taly and Q. Yan, "Axiomatic Attribution for Deep
       Networks", ICML 2017, section 3.
    .. [2] D. Smilkov, N. Thorat, B. Kim, F. Viégas and M. Wattenberg, "SmoothGrad:
       removing noise by adding noise", arXiv:1706.03825, section 3.
    .. [3] M. Zeiler and R. Fergus, "Visualizing and Understanding Convolutional
       Networks", ECCV 2014, section 4.2.
    .. [4] G. Erion, J. Janizek, P. Sturmfels, S. Lundberg and S.-I. Lee, "Improving
       performance of deep learning models with axiomatic attribution priors and
       expected gradients", Nature Machine Intelligence 3, 2021, equation 4.

    Examples
    --------
    >>> import numpy as np
    >>> from skmm import BaseNNClassifier
    >>> from skmm.inspection import explain
    >>> X = np.random.RandomState(0).normal(size=(60, 2))
    >>> model = BaseNNClassifier(epochs=5, random_state=0).fit(X, X[:, 0] > 0)
    >>> found = explain(model, X[:3])
    >>> found.values["x"].shape, found.completeness_error < 0.01
    ((3, 2), True)
    """
    _check(method, n_steps, n_samples, noise, patch)
    subject = Subject(estimator)
    reading = subject.read(X)
    baselines = _baselines(subject, baseline)
    logits = subject.logits(subject.prepared(reading.frame))
    aim = subject.aim(logits, target)
    prediction = aim.of(logits)
    frame = reading.frame
    values = {n: np.zeros(a.shape, np.float32) for n, a in frame.arrays.items()}
    starts = prediction.copy()
    nothing = subject.nothing(frame)
    if not nothing.all():
        some = np.flatnonzero(~nothing)
        part, about = reading.rows(some), (baselines, aim.rows(some), prediction[some])
        if method == "occlusion":
            found, starts[some] = occlusion(subject, part, *about, patch)
        elif method == "smoothgrad":
            how = (n_samples, noise, check_random_state(random_state))
            found, starts[some] = smoothgrad(subject, part.frame, *about[:2], *how)
        else:
            found, starts[some] = integrated_gradients(
                subject, part.frame, *about, n_steps
            )
        for name, array in found.items():
            values[name][some] = array
    made = Attributions(
        values, prediction, starts, aim.labels, method, aim.unit, reading
    )
    _warn(int(nothing.sum()), made, n_steps)
    return made


def _check(method: str, n_steps: Any, n_samples: Any, noise: Any, patch: Any) -> None:
    if method not in METHODS:
        raise ValueError(f"method must be one of {METHODS}, got {method!r}.")
    if not (isinstance(n_steps, str) and n_steps == "auto"):
        check_scalar(n_steps, "n_steps", Integral, min_val=1)
    check_scalar(n_samples, "n_samples", Integral, min_val=1)
    check_scalar(noise, "noise", Real, min_val=0)
    if patch is not None:
        check_scalar(patch, "patch", Integral, min_val=1)


def _baselines(subject: Subject, baseline: Any) -> list[ModalityFrame | None]:
    """List the baselines, each a frame of one row; None stands for zeros."""
    if baseline is None:
        return [None]
    frame = subject.read(baseline).frame
    n_rows = min(len(frame), MOST_BASELINES)
    places = np.linspace(0, len(frame) - 1, n_rows).round().astype(int)
    return [frame[[place]] for place in places]


def _warn(n_empty: int, made: Attributions, n_steps: int | str) -> None:
    if n_empty:
        warnings.warn(
            f"{n_empty} of {len(made.prediction)} rows have none of the modalities "
            f"{made.names}; their values are 0.",
            MissingModalityWarning,
            stacklevel=3,
        )
    integrated = made.method == "integrated_gradients" and n_steps == "auto"
    if integrated and made.completeness_error > TOLERANCE:
        warnings.warn(
            f"{MOST_STEPS} steps leave a completeness error of "
            f"{made.completeness_error:.1%}: give a larger n_steps, or a baseline that "
            "is more like the rows.",
            ConvergenceWarning,
            stacklevel=3,
        )
