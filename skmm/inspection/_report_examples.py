"""Single rows of a report: where the model is right and wrong, and by what."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from skmm._compat import take_rows
from skmm._neural import NeuralEstimator
from skmm._plot import BLUE, GREY, ORANGE
from skmm.inspection._attributions import Attributions
from skmm.inspection._contributions import modality_contributions
from skmm.inspection._explain import explain
from skmm.inspection._html import Html, clean, joined, tag
from skmm.inspection._report_case import Case
from skmm.inspection._report_page import (
    Bar,
    Section,
    bars,
    number,
    rgba,
    section,
    short,
)
from skmm.inspection._report_pictures import attributed

__all__ = ["chosen_rows", "examples"]

MOST = 8  # modalities that every coalition is asked of
MOST_BARS = 10
MOST_WORDS = 300
NO_SAY = "Only networks of skmm are explained row by row."


def chosen_rows(case: Case, n_examples: int) -> tuple[NDArray, NDArray]:
    """Choose the rows that the model is surest of.

    Parameters
    ----------
    case : Case
        The model and the rows.
    n_examples : int
        Number of rows of each sort.

    Returns
    -------
    right, wrong : ndarray of int
        Rows that are predicted right and wrong, the surest first, or in their order
        where the model does not say how sure it is. Of numbers those with the
        smallest and the largest errors.
    """
    if case.classes is None:
        order = np.argsort(np.abs(case.predicted - case.y), kind="stable")
        n = min(n_examples, len(order))
        worst = order[::-1][: min(n, len(order) - n)]
        return order[:n], worst
    hit = case.codes(case.predicted) == case.codes(case.y)
    sure = np.zeros(len(hit)) if case.sure is None else case.sure
    order = np.argsort(-sure, kind="stable")
    return order[hit[order]][:n_examples], order[~hit[order]][:n_examples]


def examples(case: Case, n_examples: int, random_state: Any) -> Section | None:
    """Show rows that the model is right and wrong about.

    Parameters
    ----------
    case : Case
        The model and the rows.
    n_examples : int
        Number of rows of each sort.
    random_state : int, RandomState or None
        Seed of the draws.

    Returns
    -------
    section : Section or None
        None if none are asked for.
    """
    if not n_examples:
        return None
    right, wrong = chosen_rows(case, n_examples)
    rows = np.concatenate([right, wrong])
    found = _explained(case, rows)
    shares = _shared_out(case, rows, random_state)
    cards = [_card(case, i, rows, found, shares) for i in range(len(rows))]
    names = ("Right, and sure of it", "Wrong, and sure of it")
    if case.classes is None:
        names = ("Smallest errors", "Largest errors")
    elif case.sure is None:
        names = ("Right", "Wrong")
    none = tag("p", "There are no such rows.")
    parts: list[Any] = [NO_SAY] if found is None else _legend(found, shares)
    parts += [tag("h3", names[0]), *(cards[: len(right)] or [none])]
    parts += [tag("h3", names[1]), *(cards[len(right) :] or [none])]
    return section("examples", "Examples", *parts)


def _explained(case: Case, rows: NDArray) -> Attributions | None:
    if not isinstance(case.model, NeuralEstimator):
        return None
    given = take_rows(case.X, rows)
    try:
        return explain(case.estimator, given)
    except ValueError:  # gradients do not reach what the model reads
        return explain(case.estimator, given, method="occlusion")


def _legend(found: Attributions, shares: Bunch | None) -> list[Any]:
    orange = tag("mark", "orange", style=f"background: {rgba(ORANGE, 0.7)}")
    blue = tag("mark", "blue", style=f"background: {rgba(BLUE, 0.7)}")
    sums = f" (sums are {found.completeness_error:.1%} off)"
    how = found.method.replace("_", " ") + sums
    unit = found.unit.partition(" of ")[0]
    does, undoes = "speaks for the predicted class", "against it"
    if unit == "prediction":
        does, undoes = "raises the prediction", "lowers it"
    parts = ("What is ", orange, f" or red {does}, what is ", blue)
    colours = tag("p", *parts, f" {undoes}.", class_="words")
    within = f"Parts of a modality are those of the {unit}, found by {how}."
    if shares is None:
        return [colours, within]
    what = "prediction" if shares.target is None else "probability"
    between = f"Modalities share out the {what}, beside what is said of nothing. "
    return [colours, between + within]


def _shared_out(case: Case, rows: NDArray, random_state: Any) -> Bunch | None:
    """Share each row's answer out among modalities that can be absent."""
    if not case.many or not 1 < len(case.parts) <= MOST:
        return None
    given = take_rows(case.rows, rows)
    return modality_contributions(case.asked, given, random_state=random_state)


def _card(
    case: Case, i: int, rows: NDArray, found: Attributions | None, shares: Bunch | None
) -> Html:
    row = rows[i]
    said, truth = case.predicted[row], case.y[row]
    if case.classes is None:
        kind, gap = "", number(said - truth)
        verdict = f"predicted {number(said)}, true {number(truth)}, error {gap}"
    else:
        kind = "right" if case.codes([said])[0] == case.codes([truth])[0] else "wrong"
        sure = "" if case.sure is None else f" ({case.sure[row]:.1%})"
        verdict = f"predicted {short(said)}{sure}, true {short(truth)}"
    parts: list[Html] = []
    if shares is not None:
        parts.append(
            tag("div", tag("p", tag("b", "Modalities")), _waterfall(i, shares))
        )
    if found is not None:
        here = np.flatnonzero(found.frame.present[i])
        parts += [_modality(found, found.names[m], i) for m in here]
        absent = [short(n) for n in np.array(found.names)[~found.frame.present[i]]]
        if absent:
            parts.append(tag("p", f"The row lacks {', '.join(absent)}.", class_="dim"))
    heading = tag("h3", f"Row {row}{_index_of(case, row)}: {verdict}")
    return tag("article", heading, tag("div", *parts, class_="parts"), class_=kind)


def _index_of(case: Case, row: int) -> str:
    """Name the row as its table does."""
    index = getattr(case.X, "index", None)
    if index is None or callable(index) or index[row] == row:
        return ""
    return f" ({short(index[row])})"


def _waterfall(i: int, shares: Bunch) -> Html:
    """Go from what is said of nothing to what is said of the row."""
    values, start = shares.contributions[i], float(shares.base[i])
    order = np.argsort(-np.abs(values), kind="stable")
    ends = start + np.cumsum(values[order])
    lines = [Bar("nothing", number(start), 0.0, start, GREY)]
    for m, end in zip(order, ends, strict=True):
        size = float(values[m])
        name = shares.names[m]
        lines.append(Bar(name, number(size, "+"), end - size, end, _color(size)))
    lines.append(Bar("all", number(float(ends[-1])), 0.0, float(ends[-1]), GREY))
    what = "prediction" if shares.target is None else "probability"
    return bars(("modality", what, ""), lines, shares.target is not None)


def _color(value: float) -> str:
    return ORANGE if value >= 0 else BLUE


def _modality(found: Attributions, name: str, i: int) -> Html:
    """Show what a modality of a row adds, in its own way."""
    total = found.totals[name].iloc[i]
    unit = found.unit.partition(" of ")[0]
    parts = [tag("p", tag("b", short(name)), f" {number(total, '+')} of the {unit}")]
    if name in found.reading.words:
        parts.append(_words(found.by_word(name, i)))
    elif found.frame.specs[name].vocabulary_size:
        note = "The words are not known: the rows came as arrays of token ids."
        parts.append(tag("p", note, class_="dim"))
    elif name in found.reading.columns:
        columns = found.by_column(name).iloc[i]
        parts.append(_columns([str(c) for c in columns.index], columns.to_numpy()))
    else:
        parts.append(attributed(found, name, i))
    return tag("div", *parts)


def _words(words: list[tuple[str, float]]) -> Html:
    most = max((abs(value) for _, value in words), default=0.0) or 1.0
    marked = [
        tag(
            "mark",
            word,
            title=number(value, "+"),
            style=f"background: {rgba(_color(value), abs(value) / most)}",
        )
        for word, value in words[:MOST_WORDS]
    ]
    left = len(words) - MOST_WORDS
    more = [tag("small", f"and {left} more words")] if left > 0 else []
    return tag("p", joined([*marked, *more], " "), class_="words")


def _columns(names: list[str], values: NDArray) -> Html:
    order = np.argsort(-np.abs(values), kind="stable")
    shown, rest = order[:MOST_BARS], order[MOST_BARS:]
    pairs = [(names[j], float(values[j])) for j in shown]
    if len(rest):
        pairs.append((f"{len(rest)} others together", float(values[rest].sum())))
    lines = [Bar(clean(n), number(v, "+"), 0.0, v, _color(v)) for n, v in pairs]
    return bars(("column", "part", ""), lines)
