"""Why a loss stopped being a number: looked for, not guessed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from skmm._compat import layers_of
from skmm.exceptions import DivergenceError
from skmm.training._data import Data, tensors
from skmm.training._forward import chunks
from skmm.training._program import Program
from skmm.training._recipe import Recipe

__all__ = ["cause_of", "check_weights", "is_finite"]

LARGE = 1e3  # numbers that networks do not learn from as they are


def is_finite(logs: Mapping[str, float]) -> bool:
    """Tell whether all losses are numbers.

    Parameters
    ----------
    logs : mapping of str to float
        Losses.

    Returns
    -------
    finite : bool
    """
    return all(math.isfinite(value) for value in logs.values())


def check_weights(weights: Sequence[NDArray]) -> None:
    """Refuse weights that are no numbers, though the loss is one.

    Some layers hide them: TensorFlow's rectifier makes zero of NaN.

    Parameters
    ----------
    weights : sequence of ndarray
        Of a network that was trained.

    Raises
    ------
    DivergenceError
        If one of them is NaN or infinite.
    """
    if not _are_finite(weights):
        raise DivergenceError(
            "the loss is finite, but there are weights that are not: lower "
            "learning_rate, or scale the inputs."
        )


def _are_finite(weights: Sequence[NDArray]) -> bool:
    return all(np.isfinite(w).all() for w in weights if w.dtype.kind == "f")


def cause_of(
    program: Program,
    data: Data,
    validation: Data | None,
    recipe: Recipe,
    stand_still: Callable[[Data], float] | None,
) -> str:
    """Find out why a loss is not finite, and say what to do.

    Infinite inputs are looked for first. Then the network is put to its start, where
    it must answer every row; then it passes over the rows once with a step size of 0.
    If all of that is finite, nothing but the steps is to blame.

    Parameters
    ----------
    program : Program
        What diverged; its weights are lost.
    data : Data
        Training rows.
    validation : Data or None
        Rows set apart.
    recipe : Recipe
        How it was trained.
    stand_still : callable or None
        Trains an epoch on rows with a step size of 0 and returns its loss; None where
        the step size cannot be set.

    Returns
    -------
    cause : str
        Sentences.
    """
    parts = [(data, "training")]
    if validation is not None:
        parts.append((validation, "validation"))
    for rows, of in parts:
        found = _infinite(program, rows, of)
        if found:
            return found
    program.initialise(recipe.seed)
    for rows, of in parts:
        found = _unanswered(program, rows, of)
        if found:
            return found + _in_float16(program)
    return _while_learning(program, data, recipe, stand_still) + _in_float16(program)


def _while_learning(
    program: Program,
    data: Data,
    recipe: Recipe,
    stand_still: Callable[[Data], float] | None,
) -> str:
    """Tell steps that are too large from gradients that are no numbers."""
    scale = _hints(program, data)
    if stand_still is None:
        return (
            "It is when the network starts: the steps of the optimizer's own schedule "
            f"are too large, or a gradient is not finite. Lower them{scale}."
        )
    loss = stand_still(data)
    if math.isfinite(loss) and _are_finite(program.get_weights()):
        halve = ', or set on_nan="rollback", which halves it and begins the epoch anew'
        return (
            f"The steps are too large: the same epoch without any has a loss of "
            f"{loss:.3g}. Lower learning_rate{scale}{halve * (not recipe.rolls_back)}."
        )
    program.initialise(recipe.seed)
    filled = replace(data, arrays=[_filled(array) for array in data.arrays])
    if math.isfinite(stand_still(filled)) and _are_finite(program.get_weights()):
        return (
            "Without NaN in the inputs it would be: fill it in (SimpleImputer), or let "
            "the network's first layer do so."
        )
    return (
        "It is when the network starts, but its gradient is not, and smaller steps do "
        "not mend that: look for a division by zero or the root of zero in a layer or "
        f"a loss function of your own{scale}."
    )


def _filled(array: NDArray) -> NDArray:
    return np.nan_to_num(array) if array.dtype.kind == "f" else array


def _names(program: Program) -> list[str]:
    return [x.name for x in program.inputs]


def _infinite(program: Program, data: Data, of: str) -> str:
    """Say where an infinite number is; nothing if there is none."""
    which = slice(None) if data.rows is None else data.rows
    for name, array in zip(_names(program), data.arrays, strict=True):
        if array.dtype.kind != "f":
            continue
        flat = np.isinf(array[which]).reshape(data.n_rows, -1)
        bad = np.flatnonzero(flat.any(axis=1))
        if len(bad):
            why = ", float16 holding no number above 65,504," * (array.itemsize == 2)
            return (
                f"The input {name!r} holds infinite numbers{why} in {len(bad)} of "
                f"{data.n_rows} {of} rows, the first of which is row "
                f"{_number(data, bad[0])}: put finite numbers there before fitting."
            )
    return ""


def _unanswered(program: Program, data: Data, of: str) -> str:
    """Name a row whose answer or loss is not finite at the start; nothing if none."""
    n_logits = program.n_logits
    for rows in chunks(data.arrays, data.n_rows, n_logits=n_logits):
        part = data.part(rows)
        x, y, _ = tensors(part)
        outputs = program.forward(x)
        present = x[-1] if program.takes_present else None
        answered = np.isfinite(np.asarray(outputs["logits"])).all(axis=1)
        scored = np.isfinite(np.asarray(program.loss(outputs, y, present)))
        for finite, describe in ((answered, _bad_answer), (scored, _bad_loss)):
            if not finite.all():
                first = int(np.argmin(finite))
                row = f"row {_number(data, rows.start + first)} of the {of} rows"
                one = part.part(slice(first, first + 1))
                return (
                    f"Before it learns, the network has {describe(program, one, row)}"
                )
    return ""


def _bad_answer(program: Program, one: Data, row: str) -> str:
    for name, array in zip(_names(program), one.arrays, strict=True):
        if array.dtype.kind == "f" and np.isnan(array).any():
            return (
                f"no finite answer for {row}, whose input {name!r} holds NaN: fill it "
                "in (SimpleImputer), or let the network's first layer do so."
            )
    scale = _hints(program, one)
    remedy = scale or ", one of its layers makes no number of finite ones"
    return f"no finite answer for {row}{remedy}."


def _bad_loss(program: Program, one: Data, row: str) -> str:
    own = program.loss.keras_loss
    name = program.loss.kind if own is None else getattr(own, "__name__", own)
    target = ", ".join(f"{value:.3g}" for value in one.y[0])
    remedy = "scale the target" if program.loss.kind == "squared" else "mend the loss"
    return (
        f"a finite answer for {row}, whose target is {target}, but no finite loss "
        f"({name}): {remedy}, or take another one."
    )


def _hints(program: Program, data: Data) -> str:
    """Say which numbers are so large that they should be scaled; nothing if none."""
    found = ""
    which = slice(None) if data.rows is None else data.rows
    for name, array in zip(_names(program), data.arrays, strict=True):
        if array.dtype.kind == "f":
            found += _hint(f"the input {name!r}", array[which])
    if program.loss.kind == "squared":
        found += _hint("the target", data.y[which])
    return found


def _hint(name: str, numbers: NDArray) -> str:
    largest = float(np.nanmax(np.abs(numbers), initial=0.0))
    return f", scale {name}, which reaches {largest:.3g}" if largest > LARGE else ""


def _number(data: Data, row: int) -> int:
    """Count a row among those that were given."""
    row = int(row if data.rows is None else data.rows[row])
    return row if data.numbers is None else int(data.numbers[row])


def _in_float16(program: Program) -> str:
    types = {
        getattr(layer, "compute_dtype", "") for layer in layers_of(program.network)
    }
    if "float16" not in types:
        return ""
    return (
        " The network computes in float16, which holds no number above 65,504: build "
        "it in float32 or bfloat16."
    )
