"""HTML in which text from elsewhere cannot be anything but text."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from html import escape
from typing import Any

__all__ = ["Html", "clean", "joined", "picture", "tag", "text"]

TAGS = set(
    "a article b body br code div dl dt dd figcaption figure footer h1 h2 h3 head "
    "header html i img li main mark meta nav p pre section small span strong table "
    "tbody td th thead title tr ul".split()
)
VOID = {"br", "img", "meta"}
# What no HTML may hold: control characters, half characters, and no characters.
UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
UNKNOWN = "\ufffd"


class Html(str):
    """Markup; any other string is text, and is escaped when it becomes part of it.

    What is made of it by the methods of strings is text again.
    """

    __slots__ = ()


def clean(value: Any) -> str:
    """Write a value, with a sign in the place of what no page can show.

    Parameters
    ----------
    value : object
        Anything.

    Returns
    -------
    text : str
        It can be encoded, and holds no control characters but tabs and line ends.
    """
    return UNFIT.sub(UNKNOWN, str(value))


def text(value: Any) -> Html:
    """Escape a value, unless it is markup.

    Parameters
    ----------
    value : object
        Anything.

    Returns
    -------
    markup : Html
    """
    return value if isinstance(value, Html) else Html(escape(clean(value)))


def joined(parts: Iterable[Any], between: str = "") -> Html:
    """Put parts behind one another.

    Parameters
    ----------
    parts : iterable of object
        Markup or text.
    between : str, default=""
        Text between two of them.

    Returns
    -------
    markup : Html
    """
    return Html(text(between).join(text(part) for part in parts))


def tag(name: str, /, *children: Any, **attributes: Any) -> Html:
    """Make an element.

    Parameters
    ----------
    name : str
        Its name; no elements that run, load or style anything.
    *children : object
        Markup or text.
    **attributes : object
        Markup or text; None leaves one out. ``class_`` is "class", ``http_equiv``
        "http-equiv".

    Returns
    -------
    markup : Html

    Raises
    ------
    ValueError
        If there is no such element here, or an attribute would run or load something.
    """
    if name not in TAGS:
        raise ValueError(f"no element {name!r} is made here, only {sorted(TAGS)}.")
    given = {key.strip("_").replace("_", "-"): v for key, v in attributes.items()}
    for key, value in given.items():
        start = str(value).partition(":")[0]
        loads = key in ("src", "href") and start != "data" and str(value)[:1] != "#"
        if key.startswith("on") or loads:
            raise ValueError(f"no attribute {key}={value!r} is made here.")
    made = "".join(f' {k}="{text(v)}"' for k, v in given.items() if v is not None)
    if name in VOID:
        return Html(f"<{name}{made}>")
    return Html(f"<{name}{made}>{joined(children)}</{name}>")


def picture(png: bytes, alt: str, width: int) -> Html:
    """Make a picture that is part of the page.

    Parameters
    ----------
    png : bytes
        The file.
    alt : str
        What it shows, for those who do not see it.
    width : int
        Width in pixels, where there is as much.

    Returns
    -------
    markup : Html
    """
    data = f"data:image/png;base64,{base64.b64encode(png).decode()}"
    return tag("img", src=data, alt=alt, width=width)
