"""The page of a report: its frame, its looks, its tables and its bars."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from skmm._plot import BLUE
from skmm.inspection._html import Html, tag

__all__ = [
    "Bar",
    "Section",
    "bars",
    "number",
    "page",
    "rgba",
    "section",
    "short",
    "table",
]

# Nothing is loaded but pictures that are part of the page, and nothing runs.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
LONGEST = 80  # letters of a label
ROUNDING = 1e-9  # what is less is nothing

STYLE = """
:root { color-scheme: light dark; --back: #f4f5f7; --card: #fff; --ink: #1c2026;
  --dim: #59606b; --line: #dfe2e7; --track: #eef0f3; --accent: #0072b2; }
@media (prefers-color-scheme: dark) { :root { --back: #14171b; --card: #1e2228;
  --ink: #e8eaed; --dim: #a3abb7; --line: #363c45; --track: #2a2f37;
  --accent: #56b4e9; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
header, main, footer { max-width: 68rem; margin: 0 auto; padding: 0 1rem; }
header { padding-top: 1.6rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .3rem;
  overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 0 0 .5rem; }
h3 { font-size: 1rem; margin: 1.2rem 0 .4rem; overflow-wrap: anywhere; }
p { margin: .3rem 0 .8rem; max-width: 46rem; }
.dim, small { color: var(--dim); }
a { color: var(--accent); }
nav ul { display: flex; flex-wrap: wrap; gap: .2rem 1rem; list-style: none;
  margin: .6rem 0 0; padding: 0; }
.tiles { display: flex; flex-wrap: wrap; gap: .7rem; margin: 1rem 0 .2rem; }
.tiles div { background: var(--card); border: 1px solid var(--line);
  border-radius: 10px; padding: .5rem .9rem; min-width: 7rem; }
.tiles b { display: block; font-size: 1.35rem; line-height: 1.3; }
section { background: var(--card); border: 1px solid var(--line);
  border-radius: 12px; padding: 1.1rem 1.2rem; margin: 1rem 0; }
.scroll { overflow-x: auto; margin: .5rem 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .7rem; text-align: left; vertical-align: middle;
  border-bottom: 1px solid var(--line); }
th { font-weight: 600; }
thead th { color: var(--dim); font-size: .86rem; vertical-align: bottom; }
tbody th { max-width: 22rem; overflow-wrap: break-word; }
td.n, th.n { text-align: right; }
td.n { white-space: nowrap; }
td.heat { text-align: center; min-width: 3.6rem; line-height: 1.2; }
td.heat small { display: block; color: inherit; }
table:has(td.heat) thead th:not(:first-child, :last-child) { text-align: center; }
table.bars { width: 100%; }
table.bars td.bar { width: 55%; min-width: 8rem; }
table.bars th { font-weight: 400; min-width: 5.5rem; }
table.bars thead th:last-child { min-width: 0; }
.track { position: relative; height: 1.05rem; background: var(--track);
  border-radius: 4px; overflow: hidden; }
.track i { position: absolute; top: 0; bottom: 0; }
.track i.zero { width: 1px; background: var(--dim); }
.track i.error { top: calc(50% - 1px); bottom: auto; height: 2px;
  background: var(--ink); }
pre { background: var(--track); padding: .7rem .9rem; border-radius: 8px;
  white-space: pre-wrap; overflow-wrap: anywhere; font-size: .85rem; }
figure { margin: .8rem 0; }
figure img { background: #fff; border: 1px solid var(--line); border-radius: 8px;
  max-width: 100%; height: auto; display: block; }
figcaption { color: var(--dim); font-size: .86rem; }
article { border: 1px solid var(--line); border-left-width: 5px;
  border-radius: 10px; padding: .7rem 1rem; margin: .9rem 0; }
article.right { border-left-color: #009e73; }
article.wrong { border-left-color: #d55e00; }
article h3 { margin-top: 0; }
article h3 ~ p { margin-bottom: .3rem; }
.parts { display: grid; gap: 0 1.4rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 25rem), 1fr)); }
.parts > div { min-width: 0; }
.words { line-height: 1.9; overflow-wrap: anywhere; }
.words mark { color: inherit; padding: .1rem .25rem; border-radius: 4px; }
footer { color: var(--dim); font-size: .86rem; padding-bottom: 2rem; }
@media (max-width: 32rem) { section { padding: .8rem .8rem; }
  th, td { padding: .3rem .4rem; } table.bars td.bar { min-width: 5rem; } }
@media print { body { background: #fff; } nav { display: none; }
  section, article, figure { break-inside: avoid-page; }
  * { -webkit-print-color-adjust: exact; print-color-adjust: exact; } }
"""


class Bar(NamedTuple):
    """One line of `bars`.

    Attributes
    ----------
    label : str
        Of what.
    value : str
        As it is written.
    start, end : float
        Where the bar is; NaN draws none.
    color : str
        Of the bar.
    error : float
        Half the width of a line at the end; 0 draws none.
    """

    label: str
    value: str
    start: float
    end: float
    color: str = BLUE
    error: float = 0.0


class Section(NamedTuple):
    """A section of a page.

    Attributes
    ----------
    key : str
        Its id.
    heading : str
        Its heading.
    html : Html
        All of it.
    """

    key: str
    heading: str
    html: Html


def page(title: str, summary: Html, sections: Sequence[Section]) -> Html:
    """Make a page that needs nothing else.

    Parameters
    ----------
    title : str
        Its title.
    summary : Html
        What stands under the title.
    sections : sequence of Section
        What `section` made.

    Returns
    -------
    markup : Html
    """
    metas = (
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        Html(f"<style>{STYLE}</style>"),
    )
    links = [tag("li", tag("a", s.heading, href=f"#{s.key}")) for s in sections]
    nav = tag("nav", tag("ul", *links), aria_label="Sections")
    body = (
        tag("header", tag("h1", title), summary, nav),
        tag("main", *(s.html for s in sections)),
        tag("footer", tag("p", "Made by skmm.inspection.model_report.")),
    )
    html = tag("html", tag("head", *metas), tag("body", *body), lang="en")
    return Html(f"<!DOCTYPE html>\n{html}\n")


def section(key: str, heading: str, *content: Any) -> Section:
    """Make a section; text becomes a paragraph.

    Parameters
    ----------
    key : str
        Its id.
    heading : str
        Its heading.
    *content : Html or str
        What is in it.

    Returns
    -------
    section : Section
    """
    parts = [c if isinstance(c, Html) else tag("p", c) for c in content]
    return Section(key, heading, tag("section", tag("h2", heading), *parts, id=key))


def table(head: Sequence[str], lines: Iterable[Sequence[Any]]) -> Html:
    """Make a table; numbers are written to the right.

    Parameters
    ----------
    head : sequence of str
        Heading of each column.
    lines : iterable of sequence
        Cells; the first one names the line. A cell that is a ``<td>`` stays as it is.

    Returns
    -------
    markup : Html
    """
    rows = [list(line) for line in lines]
    sides = [
        "n" if column and rows and all(map(_is_number, cells)) else None
        for column, cells in enumerate(zip(*rows, strict=True))
    ] or [None] * len(head)
    top = [
        tag("th", h, scope="col", class_=s) for h, s in zip(head, sides, strict=True)
    ]
    body = [
        tag("tr", tag("th", name, scope="row"), *map(_cell, cells, sides[1:]))
        for name, *cells in rows
    ]
    inside = tag("table", tag("thead", tag("tr", *top)), tag("tbody", *body))
    return tag("div", inside, class_="scroll", tabindex="0")


def _is_number(cell: Any) -> bool:
    return isinstance(cell, (int, float, np.number))


def _cell(cell: Any, side: str | None) -> Html:
    if isinstance(cell, Html) and cell.startswith("<td"):
        return cell
    shown = number(cell) if _is_number(cell) else cell
    return tag("td", shown, class_=side)


def bars(head: Sequence[str], lines: Sequence[Bar], whole: float = 0.0) -> Html:
    """Make a table with a bar in each line, all to one scale.

    Parameters
    ----------
    head : sequence of str
        Headings of the labels, the values and the bars.
    lines : sequence of Bar
        From the top.
    whole : float, default=0.0
        Where the scale ends, unless a bar is longer.

    Returns
    -------
    markup : Html
    """
    reach = [(b.start, b.end - b.error, b.end + b.error) for b in lines]
    every = np.array([0.0, whole, *np.ravel(reach)])
    every = every[np.isfinite(every)]
    low, high = every.min(), every.max()
    wide = (high - low) or 1.0

    def place(x: float) -> float:
        return 100 * (x - low) / wide

    def line(bar: Bar) -> Html:
        drawn = []
        if np.isfinite([bar.start, bar.end]).all():
            drawn.append(_strip(place(bar.start), place(bar.end), color=bar.color))
        if bar.error:
            ends = place(bar.end - bar.error), place(bar.end + bar.error)
            drawn.append(_strip(*ends, class_="error"))
        if low < 0 < high:
            drawn.append(tag("i", class_="zero", style=f"left: {place(0):.2f}%"))
        return tag(
            "tr",
            tag("th", short(bar.label), scope="row"),
            tag("td", bar.value, class_="n"),
            tag(
                "td",
                tag("div", *drawn, class_="track", aria_hidden="true"),
                class_="bar",
            ),
        )

    classes = (None, "n", None)
    top = [
        tag("th", h, scope="col", class_=c) for h, c in zip(head, classes, strict=True)
    ]
    body = tag("tbody", *map(line, lines))
    inside = tag("table", tag("thead", tag("tr", *top)), body, class_="bars")
    return tag("div", inside, class_="scroll", tabindex="0")


def _strip(a: float, b: float, color: str | None = None, **given: str) -> Html:
    style = f"left: {min(a, b):.2f}%; width: {abs(b - a):.2f}%"
    if color:
        style += f"; background: {color}"
    return tag("i", style=style, **given)


def number(value: Any, sign: str = "") -> str:
    """Write a number as people read it.

    Parameters
    ----------
    value : int or float
        The number.
    sign : {"", "+"}, default=""
        Whether a sign is written before numbers above 0.

    Returns
    -------
    text : str
        Whole numbers in full, others to 3 digits, "n/a" where there is none.
    """
    if isinstance(value, (int, np.integer)):
        return f"{value:{sign}}"
    if not np.isfinite(value):
        return "n/a"
    if abs(value) < ROUNDING:
        value = 0.0
    plain = value == 0 or 1e-3 <= abs(value) < 1e3
    return f"{value:{sign}.3f}" if plain else f"{value:{sign}.3g}"


def short(value: Any) -> str:
    """Cut a label that is too long to read.

    Parameters
    ----------
    value : object
        The label.

    Returns
    -------
    text : str
        Of 80 letters at most.
    """
    label = str(value)
    return label if len(label) <= LONGEST else f"{label[: LONGEST - 1]}…"


def rgba(color: str, strength: float) -> str:
    """Mix a colour with what is behind it, so that letters on it stay legible.

    Parameters
    ----------
    color : str
        As "#rrggbb".
    strength : float
        0 to 1.

    Returns
    -------
    color : str
        For a style.
    """
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {0.6 * min(max(strength, 0), 1):.3f})"
