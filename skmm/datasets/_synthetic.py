"""Made-up mixed data whose best possible score is known for every modality.

Must not import Keras.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.random import RandomState
from numpy.typing import NDArray
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_scalar

from skmm.datasets._bunch import as_bunch
from skmm.datasets._cells import KINDS, MAX_VALUES, render

__all__ = ["make_multimodal_classification", "make_multimodal_regression"]

_LEVELS = np.array([-2.0, -1.0, 0.0, 1.0, 2.0]) / math.sqrt(2)  # mean 0, variance 1


def make_multimodal_classification(
    n_samples: int = 200,
    *,
    modalities: Sequence[str] = ("tabular", "text", "image"),
    n_classes: int = 2,
    informative: float | Mapping[str, float] = 0.5,
    interaction: float = 0.0,
    missing: float | Mapping[str, float] = 0.0,
    random_state: Any = None,
    return_X_y: bool = False,
    as_frame: bool = True,
) -> Any:
    r"""Make a mixed data set for classification with a known best accuracy.

    The classes :math:`y \in \{0, \dots, K - 1\}` are equally likely. Modality
    :math:`m` shows :math:`y` in a share :math:`q_m` (`informative`) of the rows, drawn
    for each modality by itself, and in the others a sign that says nothing. It also
    shows a part :math:`t_m`, any class at random; but in a share :math:`r`
    (`interaction`) of the rows the parts of the first two modalities add up to
    :math:`(t_1 + t_2) \bmod K = y`, and in the others :math:`t_2` is the sign that
    says nothing. Either part alone tells nothing of :math:`y`.

    All of this can be read from the cells without error, so the best classifier of a
    set :math:`S` of complete modalities knows :math:`y` or must guess:

    .. math:: 1 - \left(1 - \frac{1}{K}\right)
              (1 - r [1, 2 \in S]) \prod_{m \in S} (1 - q_m).

    Parameters
    ----------
    n_samples : int, default=200
        Number of rows, at least 1.
    modalities : sequence of str, default=("tabular", "text", "image")
        Which modalities to make, in this order, of "tabular" (three numbers, two
        categories), "text" (8 to 12 words), "image" (arrays of 16 x 16 pixels, three
        colours), "audio" (dicts of "array" and "sampling_rate": 0.25 seconds at
        4000 Hz), "timeseries" (arrays of 24 to 48 steps of two channels, 5 % of the
        values NaN) and "vector" (arrays of 24 numbers).
    n_classes : int, default=2
        Number of classes, 2 to 10.
    informative : float or mapping of str to float, default=0.5
        Share of the rows, 0 to 1, in which a modality shows the class; one for all,
        or one for each that is named, and 0 for the others.
    interaction : float, default=0.0
        Share of the rows, 0 to 1, in which the first two modalities together show
        the class in a way that neither shows alone.
    missing : float or mapping of str to float, default=0.0
        Probability, 0 to 1, that a modality is absent from a row (None or NaN in all
        of its columns), whatever the class; one for all, or one for each that is
        named, and 0 for the others. A row may lack every modality.
    random_state : int, RandomState instance or None, default=None
        Seed of everything random; None takes NumPy's own generator, as everywhere
        in scikit-learn.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` alone.
    as_frame : bool, default=True
        Whether data is a pandas DataFrame and target a Series; otherwise data is an
        object array of shape (n_samples, n_columns) and target an array.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with these attributes.

        data : DataFrame of shape (n_samples, n_columns)
            A column named like its modality, but for "tabular": "number_0",
            "number_1", "number_2", "category_0" and "category_1".
        target : Series of shape (n_samples,)
            The class, 0 to ``n_classes - 1``.
        frame : DataFrame of shape (n_samples, n_columns + 1)
            Data and target; None if ``as_frame=False``.
        feature_names : list of str
            Names of the columns of data.
        target_names : ndarray of str, shape (n_classes,)
            Names of the classes.
        modalities : list of tuple
            ``(name, modality, columns)`` of each modality, as
            :class:`~skmm.ModalityTransformer` takes them.
        bayes_score : dict of tuple of str to float
            For every set of modalities (in the order of `modalities`) the accuracy
            of the best possible classifier of these alone, exactly; missing cells
            are counted in.
        DESCR : str
            What was made.

    (data, target) : tuple if ``return_X_y=True``

    Raises
    ------
    ValueError
        If a modality is unknown or named twice, a number is out of its range, or
        `interaction` is asked of fewer than two modalities.

    See Also
    --------
    make_multimodal_regression : The same modalities, a number to predict.

    Examples
    --------
    >>> from skmm.datasets import make_multimodal_classification
    >>> made = make_multimodal_classification(
    ...     100, modalities=("text", "image"), informative={"text": 0.6},
    ...     interaction=0.8, random_state=0)
    >>> made.data.shape
    (100, 2)
    >>> for names, score in made.bayes_score.items():
    ...     print(names, round(score, 3))
    ('text',) 0.8
    ('image',) 0.5
    ('text', 'image') 0.96
    """
    check_scalar(n_classes, "n_classes", Integral, min_val=2, max_val=MAX_VALUES - 1)
    names = _check_modalities(n_samples, modalities)
    strength = _for_each("informative", informative, names, maximum=1)
    absent = _for_each("missing", missing, names, maximum=1)
    _check_interaction(interaction, names, maximum=1)
    rng = check_random_state(random_state)

    silent = n_classes  # one more sign than there are classes
    y = rng.randint(n_classes, size=n_samples)
    signals = {
        m: np.where(rng.uniform(size=n_samples) < strength[m], y, silent) for m in names
    }
    parts = {m: rng.randint(n_classes, size=n_samples) for m in names}
    if interaction:
        rest = (y - parts[names[0]]) % n_classes
        told = rng.uniform(size=n_samples) < interaction
        parts[names[1]] = np.where(told, rest, silent)

    def accuracy(seen: tuple[str, ...]) -> float:
        untold = math.prod(1 - strength[m] for m in seen)
        untold *= 1 - interaction * _has_pair(seen, names)
        return 1 - untold * (1 - 1 / n_classes)

    data, columns = _draw_cells(signals, parts, absent, n_classes + 1, rng)
    return as_bunch(
        data,
        pd.Series(y, name="target"),
        return_X_y=return_X_y,
        as_frame=as_frame,
        target_names=np.array([f"class_{k}" for k in range(n_classes)]),
        modalities=columns,
        bayes_score=_over_missing(names, absent, accuracy),
        DESCR=(
            f"{n_samples} made-up rows of {n_classes} classes: informative="
            f"{strength}, interaction={interaction}, missing={absent}."
        ),
    )


def make_multimodal_regression(
    n_samples: int = 200,
    *,
    modalities: Sequence[str] = ("tabular", "text", "image"),
    informative: float | Mapping[str, float] = 1.0,
    interaction: float = 0.0,
    noise: float = 0.5,
    missing: float | Mapping[str, float] = 0.0,
    random_state: Any = None,
    return_X_y: bool = False,
    as_frame: bool = True,
) -> Any:
    r"""Make a mixed data set for regression with a known best R².

    Each modality :math:`m` shows two independent numbers :math:`z_m` and
    :math:`t_m`, of five equally likely levels, mean 0 and variance 1. The target is

    .. math:: y = \sum_m a_m z_m + b \, t_1 t_2 + \sigma \varepsilon,

    with weights :math:`a_m` (`informative`), the parts of the first two modalities
    multiplied with weight :math:`b` (`interaction`; either part alone tells nothing
    of :math:`y`), and :math:`\varepsilon` standard normal times :math:`\sigma`
    (`noise`). All numbers can be read from the cells without error, so the best
    possible R² of a set :math:`S` of complete modalities is

    .. math:: \frac{\sum_{m \in S} a_m^2 + b^2 [1, 2 \in S]}
              {\sum_m a_m^2 + b^2 + \sigma^2}.

    Parameters
    ----------
    n_samples : int, default=200
        Number of rows, at least 1.
    modalities : sequence of str, default=("tabular", "text", "image")
        Which modalities to make, in this order; the same as in
        :func:`make_multimodal_classification`.
    informative : float or mapping of str to float, default=1.0
        Weight, at least 0, of a modality in the target; one for all, or one for each
        that is named, and 0 for the others.
    interaction : float, default=0.0
        Weight, at least 0, of the product of the first two modalities.
    noise : float, default=0.5
        Standard deviation, at least 0, of what no modality shows.
    missing : float or mapping of str to float, default=0.0
        Probability, 0 to 1, that a modality is absent from a row (None or NaN in all
        of its columns), whatever the target; one for all, or one for each that is
        named, and 0 for the others. A row may lack every modality.
    random_state : int, RandomState instance or None, default=None
        Seed of everything random; None takes NumPy's own generator, as everywhere
        in scikit-learn.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` alone.
    as_frame : bool, default=True
        Whether data is a pandas DataFrame and target a Series; otherwise data is an
        object array of shape (n_samples, n_columns) and target an array.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with these attributes.

        data : DataFrame of shape (n_samples, n_columns)
            A column named like its modality, but for "tabular": "number_0",
            "number_1", "number_2", "category_0" and "category_1".
        target : Series of shape (n_samples,)
            The number to predict.
        frame : DataFrame of shape (n_samples, n_columns + 1)
            Data and target; None if ``as_frame=False``.
        feature_names : list of str
            Names of the columns of data.
        modalities : list of tuple
            ``(name, modality, columns)`` of each modality, as
            :class:`~skmm.ModalityTransformer` takes them.
        bayes_score : dict of tuple of str to float
            For every set of modalities (in the order of `modalities`) the R² of the
            best possible regressor of these alone, exactly, in the limit of many
            rows; missing cells are counted in.
        DESCR : str
            What was made.

    (data, target) : tuple if ``return_X_y=True``

    Raises
    ------
    ValueError
        If a modality is unknown or named twice, a number is out of its range,
        `interaction` is asked of fewer than two modalities, or the target would be
        constant.

    See Also
    --------
    make_multimodal_classification : The same modalities, a class to predict.

    Examples
    --------
    >>> from skmm.datasets import make_multimodal_regression
    >>> made = make_multimodal_regression(
    ...     100, modalities=("tabular", "audio"), noise=1.0, random_state=0)
    >>> for names, score in made.bayes_score.items():
    ...     print(names, round(score, 3))
    ('tabular',) 0.333
    ('audio',) 0.333
    ('tabular', 'audio') 0.667
    """
    names = _check_modalities(n_samples, modalities)
    weight = _for_each("informative", informative, names, maximum=math.inf)
    absent = _for_each("missing", missing, names, maximum=1)
    _check_interaction(interaction, names, maximum=math.inf)
    _check_number("noise", noise, maximum=math.inf)
    variance = sum(a**2 for a in weight.values()) + interaction**2 + noise**2
    if variance == 0:
        raise ValueError(
            "the target would be constant: informative, interaction and noise are all "
            "0; make one of them positive."
        )
    rng = check_random_state(random_state)

    signals = {m: rng.randint(len(_LEVELS), size=n_samples) for m in names}
    parts = {m: rng.randint(len(_LEVELS), size=n_samples) for m in names}
    y = sum(weight[m] * _LEVELS[signals[m]] for m in names)
    y = y + noise * rng.standard_normal(n_samples)
    if interaction:
        first, second = (_LEVELS[parts[m]] for m in names[:2])
        y = y + interaction * first * second

    def r2(seen: tuple[str, ...]) -> float:
        explained = sum(weight[m] ** 2 for m in seen)
        explained += interaction**2 * _has_pair(seen, names)
        return explained / variance

    data, columns = _draw_cells(signals, parts, absent, len(_LEVELS), rng)
    return as_bunch(
        data,
        pd.Series(y, name="target"),
        return_X_y=return_X_y,
        as_frame=as_frame,
        modalities=columns,
        bayes_score=_over_missing(names, absent, r2),
        DESCR=(
            f"{n_samples} made-up rows with a number as target: informative={weight}, "
            f"interaction={interaction}, noise={noise}, missing={absent}."
        ),
    )


def _draw_cells(
    signals: Mapping[str, NDArray],
    parts: Mapping[str, NDArray],
    absent: Mapping[str, float],
    n_values: int,
    rng: RandomState,
) -> tuple[pd.DataFrame, list[tuple[str, str, Any]]]:
    """Render each modality, empty the absent cells; also say whose column is whose."""
    data, columns = {}, []
    for name, signal in signals.items():
        rendered = render(name, signal, parts[name], n_values, rng)
        gone = rng.uniform(size=len(signal)) < absent[name]
        for values in rendered.values():
            values[gone] = np.nan if values.dtype == float else None
        data.update(rendered)
        own = list(rendered)
        columns.append((name, name, own if name == "tabular" else own[0]))
    return pd.DataFrame(data), columns


def _has_pair(seen: tuple[str, ...], names: tuple[str, ...]) -> bool:
    return set(names[:2]) <= set(seen)


def _over_missing(
    names: tuple[str, ...],
    absent: Mapping[str, float],
    score: Callable[[tuple[str, ...]], float],
) -> dict[tuple[str, ...], float]:
    """Average the score of complete modalities over which of them are present.

    The mean of R² over patterns is the R² of all rows, as every pattern has the
    variance of the target: what is missing does not depend on it.
    """
    return {
        chosen: sum(
            math.prod(1 - absent[m] if m in seen else absent[m] for m in chosen)
            * score(seen)
            for seen in _subsets(chosen)
        )
        for chosen in _subsets(names)
        if chosen
    }


def _subsets(names: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for size in range(len(names) + 1):
        yield from combinations(names, size)


def _check_modalities(n_samples: int, modalities: Sequence[str]) -> tuple[str, ...]:
    check_scalar(n_samples, "n_samples", Integral, min_val=1)
    if isinstance(modalities, str):
        raise ValueError(
            f"modalities must be a sequence of names, got the string {modalities!r}; "
            f"write ({modalities!r},)."
        )
    names = tuple(modalities)
    for name in names:
        _check_known("modalities", name, KINDS)
    if not names or len(set(names)) < len(names):
        raise ValueError(
            f"modalities must name at least one modality, each once; got {names}."
        )
    return names


def _check_known(parameter: str, name: str, known: Sequence[str]) -> None:
    if name not in known:
        near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        raise ValueError(
            f"{parameter} names an unknown modality {name!r}{hint} "
            f"Known: {', '.join(known)}."
        )


def _check_number(parameter: str, value: Any, maximum: float) -> None:
    check_scalar(value, parameter, Real)
    if not 0 <= value <= maximum or math.isinf(value):
        bounds = "0 or more and finite" if math.isinf(maximum) else "from 0 to 1"
        raise ValueError(f"{parameter} must be {bounds}, got {value!r}.")


def _check_interaction(value: Any, names: tuple[str, ...], maximum: float) -> None:
    _check_number("interaction", value, maximum)
    if value and len(names) < 2:
        raise ValueError(
            f"interaction={value!r} takes two modalities, got only {names}; name "
            "another one or set interaction=0."
        )


def _for_each(
    parameter: str, value: Any, names: tuple[str, ...], maximum: float
) -> dict[str, float]:
    """One number for each modality, from one for all or from a mapping."""
    if not isinstance(value, Mapping):
        _check_number(parameter, value, maximum)
        return dict.fromkeys(names, value)
    for name, number in value.items():
        _check_known(parameter, name, names)
        _check_number(f"{parameter}[{name!r}]", number, maximum)
    return {name: value.get(name, 0.0) for name in names}
