"""What a report says of all rows: the data, scores, errors, importances, doubts."""

from __future__ import annotations

import re
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, mean_absolute_error, mean_squared_error
from sklearn.utils import Bunch

from skmm._plot import BLUE, GREY
from skmm.frame import ModalityFrame
from skmm.fusion.gated import GatedFusion
from skmm.fusion.late import LateFusion
from skmm.inspection import _report_pictures as pictures
from skmm.inspection._calibration_report import calibration_report
from skmm.inspection._gate_display import gate_weights
from skmm.inspection._html import Html, tag
from skmm.inspection._importance import WIDTH, modality_importance
from skmm.inspection._report_case import Case
from skmm.inspection._report_page import (
    Bar,
    Section,
    bars,
    number,
    rgba,
    section,
    short,
    table,
)

__all__ = [
    "calibration",
    "data",
    "errors",
    "importances",
    "measured",
    "scores",
    "the_model",
]

MOST_CLASSES = 20  # of a matrix that can be read
MOST_LINES = 20  # of a table that goes on and on
MOST_NAMED = 12  # columns of a modality
MOST = 6  # modalities that every coalition is asked of
MOST_COLUMNS = 30  # that are shuffled one by one
PACKAGES = ("skmm", "keras", "scikit-learn")


def the_model(case: Case) -> Section:
    """Tell what the model is.

    Parameters
    ----------
    case : Case
        The model and the rows.

    Returns
    -------
    section : Section
    """
    # Where functions are in memory is another place each time.
    written = re.sub(r" at 0x[0-9a-fA-F]+", "", repr(case.estimator))
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    parts = [tag("pre", written), tag("p", versions, class_="dim")]
    if getattr(case.model, "history_", {}).get("loss"):
        parts += [tag("h3", "Training"), pictures.history(case.model)]
    return section("model", "Model", *parts)


def data(case: Case) -> Section:
    """Tell what the rows hold, and what they lack.

    Parameters
    ----------
    case : Case
        The model and the rows.

    Returns
    -------
    section : Section
    """
    if not case.parts:
        return section("data", "Data", "Which modalities X has is not known.")
    lacking = 1 - case.present.mean(axis=0)
    lines = [
        (short(p.name), p.kind, _listed(p.columns), _shape(p.shape), f"{share:.1%}")
        for p, share in zip(case.parts, lacking, strict=True)
    ]
    head = ("modality", "kind", "columns", "shape of a row", "rows without it")
    parts: list[Any] = [table(head, lines)]
    if case.present.all():
        parts.append("No row lacks a modality.")
    else:
        parts += [tag("h3", "What rows lack"), _patterns(case)]
    return section("data", "Data", *parts)


def _listed(columns: list) -> str:
    if not columns:
        return "not known"
    shown = ", ".join(short(c) for c in columns[:MOST_NAMED])
    left = len(columns) - MOST_NAMED
    return f"{shown} and {left} more" if left > 0 else shown


def _shape(shape: tuple[int, ...] | None) -> str:
    return "not known" if shape is None else " x ".join(map(str, shape))


def _patterns(case: Case) -> Html:
    """Count the rows that have the same modalities, the most frequent first."""
    kinds, counts = np.unique(case.present, axis=0, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    lines = [
        (f"{counts[k]}", f"{counts[k] / len(case.y):.1%}", *_marks(kinds[k]))
        for k in order[:MOST_LINES]
    ]
    rest = counts[order[MOST_LINES:]]
    if len(rest):
        last = f"{rest.sum()} in {len(rest)} more", f"{rest.sum() / len(case.y):.1%}"
        lines.append((*last, *("" for _ in case.parts)))
    return table(("rows", "share", *map(short, case.names)), lines)


def _marks(has: NDArray) -> list[str]:
    return ["✓ has" if here else "lacks" for here in has]


def scores(case: Case, importance: Bunch | None) -> Section:
    """Compare all modalities with each alone.

    Parameters
    ----------
    case : Case
        The model and the rows.
    importance : Bunch or None
        Shapley values, if there are any.

    Returns
    -------
    section : Section
    """
    every = [Bar(f"all, {len(case.y)} rows", number(case.score), 0.0, case.score)]
    heading, head = "Scores", ("modalities", case.score_name, "")
    if not case.many or len(case.parts) == 1:
        note = "The model is not asked about single modalities: "
        note += (
            "it has one."
            if len(case.parts) == 1
            else "it cannot do without the others."
        )
        return section("scores", heading, _drawn(head, every), note)
    lines, together = list(every), []
    for m, name in enumerate(case.names):
        rows = np.flatnonzero(case.present[:, m])
        alone, fused = case.score_of(rows, m), case.score_of(rows)
        label = f"{short(name)} alone, {len(rows)} rows"
        lines.append(Bar(label, number(alone), 0.0, alone, GREY))
        together.append((short(name), len(rows), alone, fused))
    if importance is not None and "base_score" in importance:
        base = importance.base_score
        lines.append(Bar("nothing at all", number(base), 0.0, base, GREY))
    parts = [_drawn(head, lines)]
    if not case.present.all():
        same = ("modality", "rows", "alone", "all, in the same rows")
        parts += [tag("h3", "On the rows that have it"), table(same, together)]
    return section("scores", heading, *parts)


def _drawn(head: tuple[str, ...], lines: list[Bar]) -> Html:
    """Draw scores, to a scale that ends at 1 if they are shares."""
    return bars(head, lines, all(0 <= line.end <= 1 for line in lines))


def errors(case: Case) -> Section:
    """Show where the model errs.

    Parameters
    ----------
    case : Case
        The model and the rows.

    Returns
    -------
    section : Section
    """
    if case.classes is None:
        gap = mean_absolute_error(case.y, case.predicted)
        root = np.sqrt(mean_squared_error(case.y, case.predicted))
        lines = [("mean absolute error", gap), ("root mean squared error", root)]
        plot = pictures.residuals(case.y, case.predicted)
        return section(
            "errors", "Errors", plot, table(("measure", "in units of y"), lines)
        )
    matrix = confusion_matrix(
        case.codes(case.y), case.codes(case.predicted), labels=range(len(case.classes))
    )
    shown = _matrix if len(case.classes) <= MOST_CLASSES else _most_confused
    return section("errors", "Confusion matrix", *shown(case.classes, matrix))


def _matrix(classes: NDArray, matrix: NDArray) -> list[Any]:
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    lines = []
    for label, counts, parts in zip(classes, matrix, shares, strict=True):
        cells = [
            tag(
                "td",
                str(count),
                tag("small", f"{share:.0%}") if count else "",
                class_="heat",
                style=f"background: {rgba(BLUE, share)}",
            )
            for count, share in zip(counts, parts, strict=True)
        ]
        lines.append((short(label), *cells, int(counts.sum())))
    head = ("true \\ predicted", *map(short, classes), "rows")
    note = "Rows of the data, and their share of the true class."
    return [note, table(head, lines)]


def _most_confused(classes: NDArray, matrix: NDArray) -> list[Any]:
    wrong = matrix * (1 - np.eye(len(matrix), dtype=int))
    order = np.argsort(-wrong, axis=None, kind="stable")[:MOST_LINES]
    pairs = [np.unravel_index(place, wrong.shape) for place in order]
    totals = matrix.sum(axis=1)
    lines = [
        (
            short(classes[i]),
            short(classes[j]),
            wrong[i, j],
            f"{wrong[i, j] / totals[i]:.0%}",
        )
        for i, j in pairs
        if wrong[i, j]
    ]
    note = f"The model has {len(classes)} classes; these are confused most often."
    head = ("true class", "predicted as", "rows", "share of the true class")
    return [note, table(head, lines)] if lines else ["No row is predicted wrong."]


def measured(
    case: Case, scoring: Any, n_repeats: int, random_state: Any
) -> Bunch | None:
    """Measure what modalities are worth, or columns where there is one modality.

    Parameters
    ----------
    case : Case
        The model and the rows.
    scoring : str, callable or None
        As scikit-learn takes it.
    n_repeats : int
        Number of draws of rows.
    random_state : int, RandomState or None
        Seed of the draws.

    Returns
    -------
    importance : Bunch or None
        As `modality_importance` returns it; None where there is nothing to compare.
    """
    given = {"scoring": scoring, "n_repeats": n_repeats, "random_state": random_state}
    several = len(case.parts) > 1
    if case.many and several:
        method = "shapley" if len(case.parts) <= MOST else "ablation"
        return modality_importance(
            case.asked, case.rows, case.y, method=method, **given
        )
    groups = {part.name: part.columns for part in case.parts}
    if not several:
        columns = case.parts[0].columns if case.parts else []
        groups = {str(c): [c] for c in columns}
    frame = isinstance(case.X, ModalityFrame)  # its modalities are its columns
    few = len(groups) < 2 or len(case.y) < 2
    if few or (not several and (frame or len(groups) > MOST_COLUMNS)):
        return None
    return modality_importance(
        case.estimator, case.X, case.y, modalities=None if frame else groups, **given
    )


def importances(case: Case, importance: Bunch | None) -> Section:
    """Show what modalities are worth.

    Parameters
    ----------
    case : Case
        The model and the rows.
    importance : Bunch or None
        What `measured` returned.

    Returns
    -------
    section : Section
    """
    heading = "Importance"
    if importance is None:
        return section("importance", heading, "There is nothing to compare.")
    errors = WIDTH * importance.importances_std
    mean = importance.importances_mean
    lines = [
        Bar(
            importance.names[m],
            f"{number(mean[m])} ± {number(errors[m])}",
            0.0,
            mean[m],
            BLUE,
            errors[m],
        )
        for m in np.argsort(-mean, kind="stable")
    ]
    what = "modality" if len(case.parts) > 1 else "column"
    value = {"shapley": f"share of the {case.score_name}"}.get(
        importance.method, f"loss of {case.score_name} without it"
    )
    parts: list[Any] = [_meaning(importance), bars((what, value, ""), lines)]
    if importance.method == "shapley" and len(mean) > 2:
        parts += [tag("h3", "Interactions"), *_interactions(importance)]
    if _has_gate(case):
        parts += [tag("h3", "The gate"), *_gates(case)]
    return section("importance", heading, *parts)


def _meaning(importance: Bunch) -> str:
    gone = {"absent": "is absent", "shuffled": "is taken from another row"}
    gone_now = gone[importance.removal]
    ends = "± is half an interval of 95 % over other test rows."
    if importance.method == "shapley":
        return (
            "Shapley values: they sum to the score of all modalities less that of "
            f"nothing. What does not count {gone_now}. {ends}"
        )
    return f"What the score loses when it {gone_now}. {ends}"


def _interactions(importance: Bunch) -> list[Any]:
    mean, std = importance.interactions_mean, importance.interactions_std
    lines = [
        (
            short(name),
            *(
                ""
                if a == b
                else f"{number(mean[a, b], '+')} ± {number(WIDTH * std[a, b])}"
                for b in range(len(mean))
            ),
        )
        for a, name in enumerate(importance.names)
    ]
    note = (
        "What two are worth beyond what each is worth without the other: above 0 they "
        "need each other, below 0 they say the same."
    )
    return [note, table(("", *map(short, importance.names)), lines)]


def _has_gate(case: Case) -> bool:
    fusion = getattr(case.model, "fusion_", None)
    several = (case.present.sum(axis=1) > 1).any()
    return bool(several) and isinstance(fusion, GatedFusion | LateFusion)


def _gates(case: Case) -> list[Any]:
    note = "What the gate lets through of each modality; not what decides."
    return [note, pictures.gates(gate_weights(case.model, case.rows))]


def calibration(case: Case) -> Section | None:
    """Compare how sure the model is with how often it is right.

    Parameters
    ----------
    case : Case
        The model and the rows.

    Returns
    -------
    section : Section or None
        None of regressors.
    """
    if case.classes is None:
        return None
    heading = "Calibration"
    if case.sure is None:
        note = "The model has no predict_proba, and does not say how sure it is."
        return section("calibration", heading, note)
    report = calibration_report(case.asked, case.rows, case.y)
    head = (
        "rows that have",
        "rows",
        *(c.replace("_", " ") for c in report.columns[1:]),
    )
    lines = [
        (short(name), int(of.iloc[0]), *of.iloc[1:]) for name, of in report.iterrows()
    ]
    hit = case.codes(case.predicted) == case.codes(case.y)
    return section(
        "calibration",
        heading,
        "Confidence is the mean probability of what is predicted; it should be the "
        "accuracy. Few rows have a calibration error by chance alone.",
        table(head, lines[: MOST_LINES + 1]),
        pictures.reliability(case.sure, hit),
    )
