"""The page of a report is whole, and its bars lie where the numbers say."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from skmm.inspection._html import Html, tag
from skmm.inspection._report_page import (
    Bar,
    bars,
    number,
    page,
    rgba,
    section,
    short,
    table,
)


class _Balance(HTMLParser):
    """Checks that all that is opened is closed, in order."""

    def __init__(self):
        super().__init__()
        self.open, self.seen = [], []

    def handle_starttag(self, name, attributes):
        self.seen.append((name, dict(attributes)))
        if name not in ("meta", "img", "br"):
            self.open.append(name)

    def handle_endtag(self, name):
        assert self.open.pop() == name


def _balanced(markup):
    reader = _Balance()
    reader.feed(markup)
    reader.close()
    assert reader.open == []
    return reader.seen


def _places(markup, of="i"):
    """Left ends and widths of all bars, in percent."""
    style = r"left: ([\d.]+)%; width: ([\d.]+)%"
    return [tuple(map(float, m)) for m in re.findall(style, markup)]


def test_a_page_forbids_all_loading_and_names_its_language():
    made = page(
        "<T>", tag("p", "sum"), [section("a", "A & B", "text", tag("pre", "x"))]
    )
    assert made.startswith("<!DOCTYPE html>\n<html")
    seen = _balanced(made)
    tags = [name for name, _ in seen]
    assert "script" not in tags and "link" not in tags and tags.count("h1") == 1
    assert dict(seen)["html"] == {"lang": "en"}
    metas = [of for name, of in seen if name == "meta"]
    assert metas[0] == {"charset": "utf-8"}
    (policy,) = [m["content"] for m in metas if "http-equiv" in m]
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "<title>&lt;T&gt;</title>" in made and "<h1>&lt;T&gt;</h1>" in made
    assert '<a href="#a">A &amp; B</a>' in made
    assert '<section id="a"><h2>A &amp; B</h2><p>text</p><pre>x</pre>' in made


def test_the_style_loads_nothing():
    made = page("t", Html(""), [])
    assert "url(" not in made and "@import" not in made and "http" not in made[300:]


def test_a_table_names_its_lines_and_columns():
    made = table(["<a>", "n"], [("x", 1), ("y", 2.5)])
    assert '<th scope="col">&lt;a&gt;</th><th scope="col" class="n">n</th>' in made
    assert '<tr><th scope="row">x</th><td class="n">1</td></tr>' in made
    assert '<td class="n">2.500</td>' in made
    _balanced(made)


def test_only_columns_of_numbers_stand_to_the_right():
    made = table(["", "n"], [("x", 1), ("y", "z")])
    assert "<td>1</td>" in made and 'class="n"' not in made


def test_a_table_without_lines_has_its_head():
    assert "<tbody></tbody>" in table(["a", "b"], [])


def test_bars_lie_on_one_scale():
    made = bars(["a", "b", ""], [Bar("x", "1", 0, 1), Bar("y", "4", 2, 4)])
    assert _places(made) == [(0, 25), (50, 50)]
    assert "zero" not in made


def test_bars_to_both_sides_show_where_nothing_is():
    made = bars(["", "", ""], [Bar("x", "", 0, -1), Bar("y", "", 0, 3)])
    assert _places(made) == [(0, 25), (25, 75)]
    assert made.count('class="zero" style="left: 25.00%"') == 2


def test_the_scale_reaches_as_far_as_is_asked():
    assert _places(bars([""] * 3, [Bar("x", "", 0, 0.5)], 1.0)) == [(0, 50)]
    assert _places(bars([""] * 3, [Bar("x", "", 0, 2)], 1.0)) == [(0, 100)]


def test_errors_are_lines_around_the_end():
    made = bars([""] * 3, [Bar("x", "", 0, 3, error=1.0)])
    assert _places(made) == [(0, 75), (50, 50)]


def test_bars_of_no_length_and_of_no_number_are_drawn():
    assert _places(bars([""] * 3, [Bar("x", "0", 0, 0)])) == [(0, 0)]
    assert _places(bars([""] * 3, [Bar("x", "n/a", 0, np.nan)])) == []
    _balanced(bars([""] * 3, []))


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (3, "3"),
        (np.int64(12345678), "12345678"),
        (0.5, "0.500"),
        (0.0, "0.000"),
        (-5e-17, "0.000"),
        (0.00012, "0.00012"),
        (1234.5, "1.23e+03"),
        (np.nan, "n/a"),
        (np.inf, "n/a"),
    ],
)
def test_numbers_are_written_to_be_read(value, written):
    assert number(value) == written


def test_signs_are_written_where_they_are_asked_for():
    assert number(0.5, "+") == "+0.500" and number(2, "+") == "+2"


def test_long_labels_are_cut():
    assert short("a" * 80) == "a" * 80
    assert short("a" * 81) == "a" * 79 + "…" and short(5) == "5"


def test_colours_stay_pale_enough_for_letters():
    assert rgba("#0072b2", 1) == "rgba(0, 114, 178, 0.600)"
    assert rgba("#ff0000", 7) == "rgba(255, 0, 0, 0.600)"
    assert rgba("#ff0000", -1) == "rgba(255, 0, 0, 0.000)"
