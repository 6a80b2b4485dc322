"""Text from elsewhere is text, whatever it looks like."""

from html.parser import HTMLParser

import pytest

from skmm.inspection._html import Html, clean, joined, picture, tag, text

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</title></style>",
    "&lt;b&gt;",
    "<!--",
)


class _Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.text, self.attributes = [], [], []

    def handle_starttag(self, name, attributes):
        self.tags.append(name)
        self.attributes.append(dict(attributes))

    def handle_data(self, data):
        self.text.append(data)

    def handle_comment(self, data):
        raise AssertionError("a comment")


def _read(markup):
    reader = _Reader()
    reader.feed(markup)
    reader.close()
    return reader


@pytest.mark.parametrize("value", HOSTILE)
def test_a_child_is_read_as_it_was_written(value):
    reader = _read(tag("p", value))
    assert reader.tags == ["p"] and "".join(reader.text) == value


@pytest.mark.parametrize("value", HOSTILE)
def test_an_attribute_is_read_as_it_was_written(value):
    reader = _read(tag("p", "x", title=value))
    assert reader.tags == ["p"] and reader.attributes == [{"title": value}]


def test_markup_is_not_escaped_again():
    inner = tag("b", "a & b")
    assert inner == "<b>a &amp; b</b>" and type(inner) is Html
    assert tag("p", inner, " <") == "<p><b>a &amp; b</b> &lt;</p>"
    assert joined([inner, "<"], ", ") == "<b>a &amp; b</b>, &lt;"


def test_what_strings_make_of_markup_is_text_again():
    inner = tag("b", "x")
    assert tag("p", inner + "<i>") == "<p>&lt;b&gt;x&lt;/b&gt;&lt;i&gt;</p>"
    assert text(f"{inner}") == "&lt;b&gt;x&lt;/b&gt;"
    assert text(inner[:2]) == "&lt;b"


@pytest.mark.parametrize(
    "value", ["\x00", "\x1b", "\x85", "\ud800", "\udfff", "\uffff"]
)
def test_what_no_page_can_hold_becomes_a_sign(value):
    assert clean(f"a{value}b") == "a\ufffdb"
    assert text(f"a{value}b").encode() == "a\ufffdb".encode()


def test_other_letters_stay():
    value = "tab\tline\nż 漢 😀 שלום"
    assert clean(value) == value and text(value) == value


def test_values_that_are_no_strings_are_written():
    assert tag("td", 3, None, colspan=2) == '<td colspan="2">3None</td>'
    assert tag("td", "x", class_=None) == "<td>x</td>"
    assert tag("meta", http_equiv="a") == '<meta http-equiv="a">'


@pytest.mark.parametrize("name", ["script", "iframe", "style", "SCRIPT", "p onclick"])
def test_elements_that_run_or_load_are_not_made(name):
    with pytest.raises(ValueError, match="no element"):
        tag(name, "x")


@pytest.mark.parametrize(
    "attributes",
    [
        {"onclick": "alert(1)"},
        {"onerror": ""},
        {"href": "javascript:alert(1)"},
        {"href": "https://example.org"},
        {"src": "//example.org/x.png"},
    ],
)
def test_attributes_that_run_or_load_are_not_made(attributes):
    with pytest.raises(ValueError, match="no attribute"):
        tag("a", "x", **attributes)


def test_a_picture_is_part_of_the_page():
    (made,) = _read(picture(b"abc", 'a "b"', 20)).attributes
    assert made == {"src": "data:image/png;base64,YWJj", "alt": 'a "b"', "width": "20"}
