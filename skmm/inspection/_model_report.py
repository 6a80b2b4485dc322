"""One page about a fitted model, to look at, to print and to send."""

from __future__ import annotations

import os
import uuid
import warnings
from dataclasses import dataclass, field
from numbers import Integral
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_scalar

from skmm._plot import pyplot
from skmm.exceptions import MissingModalityWarning
from skmm.inspection import _report_sections as sections
from skmm.inspection._html import Html, clean, tag, text
from skmm.inspection._report_case import Case, read_case
from skmm.inspection._report_examples import examples
from skmm.inspection._report_page import number, page, short

__all__ = ["ModelReport", "model_report"]


@dataclass(frozen=True)
class ModelReport:
    """A page about a fitted model, which notebooks show.

    Made by `model_report`.

    Parameters
    ----------
    html : str
        The page. It needs no other file and no network, and runs no script.
    title : str
        Its title.

    See Also
    --------
    model_report : Makes it.

    Examples
    --------
    >>> from skmm.inspection import ModelReport
    >>> ModelReport("<!DOCTYPE html>", "Digits")
    ModelReport(title='Digits')
    """

    html: str = field(repr=False)
    title: str

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the page into a file, whole or not at all.

        Parameters
        ----------
        path : str or path
            The file; one that is there is replaced.

        Raises
        ------
        OSError
            If it cannot be written; what was there stays as it was.
        """
        whole = _checked(path)
        part = whole.with_name(f".{uuid.uuid4().hex}.tmp")
        try:
            part.write_text(self.html, encoding="utf-8", newline="\n")
            os.replace(part, whole)
        finally:
            part.unlink(missing_ok=True)

    def _repr_html_(self) -> str:
        """Show the page in a frame, so that its looks stay its own."""
        return (
            f'<iframe srcdoc="{text(self.html)}" title="{text(self.title)}" sandbox '
            'style="width: 100%; height: 50rem; border: 0"></iframe>'
        )


def model_report(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    *,
    path: str | os.PathLike[str] | None = None,
    scoring: Any = None,
    n_examples: int = 3,
    n_repeats: int = 10,
    title: str | None = None,
    random_state: Any = None,
) -> ModelReport:
    """Write one page about what a fitted model does on some rows, and why.

    The modalities and what rows lack of them; the score of all modalities and of each
    alone; the confusion matrix, or predicted over true numbers; what modalities are
    worth, with intervals of 95 %; whether probabilities hold what they say; and single
    rows that the model is right and wrong about, with what each modality, column, word
    and pixel adds to the decision.

    The page is one file of HTML. It loads nothing and runs nothing, and all that comes
    from the data is written as text, whatever is in it.

    Parameters
    ----------
    estimator : estimator
        A fitted classifier or regressor of one output: of skmm, a pipeline or a search
        that ends in one, or any other. Of others, modalities are shuffled to tell their
        importance, and no rows are explained.
    X : array-like, dataframe or ModalityFrame of n_samples rows
        Rows that the estimator was not fitted on. Words of a text are shown if they
        come as a dataframe.
    y : array-like of shape (n_samples,)
        Their target.
    path : str, path or None, default=None
        File that the page is written to; None only returns it.
    scoring : str, callable or None, default=None
        A scorer of scikit-learn, or its name. None is that of a search, else accuracy
        or R2.
    n_examples : int, default=3
        Number of rows that are shown of those that are predicted right, and of those
        that are predicted wrong, the ones that the model is surest of; of regressors
        those with the smallest and the largest errors. 0 or more.
    n_repeats : int, default=10
        Number of times that rows are drawn anew for the intervals, 2 or more.
    title : str or None, default=None
        Title of the page; None names the estimator.
    random_state : int, RandomState or None, default=None
        Seed of the draws. With an int the same page is the same bytes.

    Returns
    -------
    report : ModelReport
        ``html``, the page, and `save`.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.
    ValueError
        If it is neither a classifier nor a regressor or has several outputs, `y` does
        not fit, or a parameter is out of its range.
    FileNotFoundError
        If there is no such folder; nothing is computed then.

    Warns
    -----
    MissingModalityWarning
        If rows have none of the modalities.

    See Also
    --------
    modality_importance : The importances alone.
    calibration_report : The calibration alone.
    explain : What is behind a decision, for any rows.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skmm.inspection import model_report
    >>> X = np.random.default_rng(0).normal(size=(60, 2))
    >>> y = X[:, 0] > 0
    >>> model = LogisticRegression().fit(X, y)
    >>> report = model_report(model, X, y, title="Two numbers", random_state=0)
    >>> report
    ModelReport(title='Two numbers')
    >>> report.html[:15]
    '<!DOCTYPE html>'
    """
    check_scalar(n_examples, "n_examples", Integral, min_val=0)
    check_scalar(n_repeats, "n_repeats", Integral, min_val=2)
    if not (title is None or isinstance(title, str)):
        raise TypeError(f"title must be a str or None, got {title!r}.")
    if path is not None:
        path = _checked(path)
    pyplot()  # or what to install
    with warnings.catch_warnings():
        # Said once, below; and the page says how far sums of attributions are off.
        warnings.simplefilter("ignore", MissingModalityWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        case = read_case(estimator, X, y, scoring)
        if title is None:
            title = f"{type(case.model).__name__} on {len(case.y)} rows"
        html = _page(case, title, scoring, n_examples, n_repeats, random_state)
    n_empty = int((~case.present.any(axis=1)).sum())
    if case.many and n_empty:
        warnings.warn(
            f"{n_empty} of {len(case.y)} rows have none of the modalities "
            f"{case.names}; the report counts them all the same.",
            MissingModalityWarning,
            stacklevel=2,
        )
    report = ModelReport(str(html), clean(title))
    if path is not None:
        report.save(path)
    return report


def _checked(path: str | os.PathLike[str]) -> Path:
    """Refuse a path that no file can be written to."""
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {str(path.parent)!r}: make it.")
    if path.is_dir():
        raise IsADirectoryError(f"{str(path)!r} is a folder: name a file in it.")
    return path


def _page(
    case: Case,
    title: str,
    scoring: Any,
    n_examples: int,
    n_repeats: int,
    random_state: Any,
) -> Html:
    importance = sections.measured(case, scoring, n_repeats, random_state)
    made = (
        sections.data(case),
        sections.scores(case, importance),
        sections.errors(case),
        sections.importances(case, importance),
        sections.calibration(case),
        examples(case, n_examples, random_state),
        sections.the_model(case),
    )
    return page(title, _tiles(case), [part for part in made if part is not None])


def _tiles(case: Case) -> Html:
    """Say the most important numbers first."""
    tiles = [(number(case.score), case.score_name), (str(len(case.y)), "rows")]
    if case.parts:
        n = len(case.parts)
        tiles.append((str(n), "modality" if n == 1 else "modalities"))
    if case.classes is not None:
        tiles.append((str(len(case.classes)), "classes"))
    parts = [tag("div", tag("b", value), short(name)) for value, name in tiles]
    return tag("div", *parts, class_="tiles")
