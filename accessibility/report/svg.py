"""Drawings as SVG inside a page: elements whose texts stay texts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# What XML 1.0 cannot hold; HTML would take some of it, a tool that reads the picture alone would not.
_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")


def element(tag: str, *children: str, **attributes: object) -> Markup:
    """Return an element; children that are no `Markup` are texts, attributes are escaped, None leaves one out.

    Underscores in the names of attributes become hyphens, one at the end falls away (``class_``).

    Examples
    --------
    >>> print(element("text", "a < b", x=1.50, font_size=9))
    <text x="1.5" font-size="9">a &lt; b</text>
    """
    given = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(_value(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    inside = "".join(
        child if isinstance(child, Markup) else escape(_NO_TEXT.sub("\ufffd", child)) for child in children
    )
    return Markup(f"<{tag}{given}>{inside}</{tag}>")  # noqa: S704 -- every part is escaped above


def text(x: float, y: float, words: str, **attributes: object) -> Markup:
    """Return a line of words at a place."""
    return element("text", words, x=x, y=y, **attributes)


def drawing(width: float, height: float, *children: str, title: str = "", **attributes: object) -> Markup:
    """Return a drawing of some size in units, which grows with the page; the title is for those who cannot see it."""
    label = element("title", title) if title else Markup()
    box = f"0 0 {_value(width)} {_value(height)}"
    return element("svg", label, *children, viewBox=box, role="img", **attributes)


def path_of(lines: list[NDArray[np.float64]], *, closed: bool = False) -> str:
    """Return the path of several ``(k, 2)`` lines, in tenths of a unit.

    Examples
    --------
    >>> import numpy as np
    >>> path_of([np.array([[0, 0], [10.04, 5]])], closed=True)
    'M0 0L10 5Z'
    """
    end = "Z" if closed else ""
    return "".join(
        "M" + "L".join(f"{_value(x)} {_value(y)}" for x, y in line.round(1).tolist()) + end for line in lines
    )


def _value(value: object) -> str:
    """Return a number with at most two decimals, and any other value as text."""
    if isinstance(value, float):
        return f"{round(value, 2) + 0.0:.2f}".rstrip("0").rstrip(".")
    return str(value)
