"""Elements of pages and drawings whose texts stay texts, the inks they share, and the card of a value in a notebook."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup, escape

from accessibility.errors import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd
    from numpy.typing import NDArray

# What XML 1.0 cannot hold; HTML would take some of it, a tool that reads the picture alone would not.
_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")

_UNSAFE = re.compile(r"[^0-9A-Za-z \u0080-\u2027\u202a-\U0010ffff]")


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
    inside = "".join(child if isinstance(child, Markup) else escape(plain_text(child)) for child in children)
    return Markup(f"<{tag}{given}>{inside}</{tag}>")  # noqa: S704 -- every part is escaped above


def safe_html(text: object) -> str:
    """Return a text as markup that shows it letter by letter, wherever it ends up.

    Control characters are spelt out, every ASCII sign becomes a numeric reference: nothing is left that markup, a
    JavaScript literal or a Jinja template would read. The text keeps its own direction.

    Examples
    --------
    >>> safe_html("A{{1}}")
    '<bdi>A&#123;&#123;1&#125;&#125;</bdi>'
    """
    return f"<bdi>{_UNSAFE.sub(lambda m: f'&#{ord(m[0])};', visible(str(text)))}</bdi>"


def plain_text(words: str) -> str:
    """Return words as XML can hold them; a sign that it cannot is the one for what is unknown."""
    return _NO_TEXT.sub("\ufffd", words)


def text(x: float, y: float, words: str, **attributes: object) -> Markup:
    """Return a line of words at a place."""
    return element("text", words, x=x, y=y, **attributes)


def drawing(width: float, height: float, *children: str, title: str = "", **attributes: object) -> Markup:
    """Return a drawing of some size in units, which grows with the page.

    The title is for those who cannot see it; without one, what stands next to the drawing says it all.
    """
    label = element("title", title) if title else Markup()
    box = f"0 0 {_value(width)} {_value(height)}"
    seen = {"role": "img"} if title else {"aria_hidden": "true"}
    return element("svg", label, *children, viewBox=box, **seen, **attributes)


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


INK, QUIET, LINE = "#22303c", "#5b6873", "#d9dee3"
COVERED, GAINED, FAR, CUT = "#3a87c8", "#0a2f66", "#d0691b", "#6b6b6b"
"""Covered, newly covered, too far, no way: apart for the colour-blind and in grey."""

_CARD = (
    "font:13px/1.45 system-ui,sans-serif;border:1px solid #d9dee3;border-radius:6px;padding:10px 14px;"
    "max-width:min(720px,100%);box-sizing:border-box;overflow-x:auto;background:#fff;color:#22303c;display:inline-block"
)
_CELL = "font:inherit;padding:1px 12px 1px 0;text-align:left;border:0;background:none;vertical-align:top"
_NUMBER = (
    "font:inherit;padding:1px 12px 1px 0;text-align:right;border:0;background:none;font-variant-numeric:tabular-nums"
)
_WAY_PX = 320.0
_SHORT_PX = 3  # streets that no picture of that size shows
_STEPS_PX = (460.0, 180.0)
_MOST_ROWS = 10
_LARGE = 100


def draw_card(
    title: str, facts: Iterable[tuple[str, str]], *pictures: Markup, table: pd.DataFrame | None = None, note: str = ""
) -> str:
    """Return a value as a notebook shows it: a title, facts by name, pictures, rows of a table, a note; all offline.

    Names in them stay text, whatever they hold; a long table shows its first rows and says how many there are.

    Examples
    --------
    >>> "&lt;b&gt;" in draw_card("Town", [("name", "<b>")])
    True
    """
    rows = [
        element("tr", element("td", name, style=f"{_CELL};color:{QUIET}"), element("td", value, style=_CELL))
        for name, value in facts
    ]
    parts = [element("div", title, style="font-weight:600;margin-bottom:4px")]
    parts += [element("table", *rows, style="border:0;margin:0")] if rows else []
    parts += [element("div", picture, style="margin-top:8px") for picture in pictures if picture]
    parts += [] if table is None else [_rows_of(table)]
    parts += [element("div", note, style=f"color:{QUIET};margin-top:6px")] if note else []
    return str(element("div", *parts, class_="accessibility-card", style=_CARD))


def _rows_of(table: pd.DataFrame) -> Markup:
    shown = table.head(_MOST_ROWS)
    columns = [(str(name), shown[name].tolist()) for name in shown.columns]
    looks = [_NUMBER if all(isinstance(v, int | float) for v in values) else _CELL for _, values in columns]
    head = [
        element("th", name, style=f"{look};font-weight:600") for (name, _), look in zip(columns, looks, strict=True)
    ]
    body = [
        element("tr", *(element("td", _told(v), style=look) for v, look in zip(row, looks, strict=True)))
        for row in zip(*(values for _, values in columns), strict=True)
    ]
    more = len(table) - len(shown)
    rest = [element("div", f"and {more:,} more rows", style=f"color:{QUIET}")] if more else []
    table_of = element("table", element("tr", *head), *body, style="border:0;margin:8px 0 0")
    return element("div", table_of, *rest, style="overflow-x:auto")  # a telephone is narrow


def _told(value: object) -> str:
    """Return a figure with thousands, whole where it is large, else with three decimals; a missing one is empty."""
    if isinstance(value, float):
        short = f"{value:,.0f}" if abs(value) >= _LARGE else f"{value:,.3f}".rstrip("0").rstrip(".")
        return "" if value != value else short  # noqa: PLR0124
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def draw_way(streets: Sequence[NDArray[np.float64]], way: NDArray[np.float64], *, title: str) -> Markup:
    """Return a way on the streets around it, on a plane in metres: a ring where it begins, a disc where it ends."""
    low, high = way.min(axis=0), way.max(axis=0)
    side = max(float((high - low).max()), 100.0)
    middle, scale = (low + high) / 2, _WAY_PX / (1.3 * side)

    def place(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = (xy - middle) * (scale, -scale) + _WAY_PX / 2
        return found

    (x, y), (to_x, to_y) = place(way[[0, -1]]).tolist()
    return drawing(
        _WAY_PX,
        _WAY_PX,
        element("rect", x=0, y=0, width=_WAY_PX, height=_WAY_PX, fill="#f6f5f1"),
        element(
            "path",
            d=path_of(_of_pixels(place(line) for line in streets)),
            fill="none",
            stroke="#b4b9bd",
            stroke_width=1,
        ),
        element("path", d=path_of([place(way)]), fill="none", stroke=GAINED, stroke_width=3, stroke_linejoin="round"),
        element("circle", cx=x, cy=y, r=6, fill="#fff", stroke=FAR, stroke_width=3.5),
        element("circle", cx=to_x, cy=to_y, r=6, fill="#111820", stroke="#fff", stroke_width=1.5),
        title=title,
        style=f"width:{_WAY_PX:.0f}px;max-width:100%;display:block",
    )


def _of_pixels(lines: Iterable[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    """Return lines on whole pixels, without steps that none would show."""
    found = []
    for line in lines:
        steps = line.round()
        steps = steps[[True, *(steps[1:] != steps[:-1]).any(axis=1).tolist()]]
        if (np.ptp(steps, axis=0) >= _SHORT_PX).any():
            found.append(steps)
    return found


def draw_steps(
    across: Sequence[float], found: NDArray[np.float64], bound: NDArray[np.float64], *, title: str
) -> Markup:
    """Return what is found at each place (dots on a line) and what nothing exceeds (a dashed line)."""
    known = [float(v) for v in (*found, *bound) if v - v == 0]  # neither NaN nor infinite
    if not known:
        return Markup()
    low, high = min(known), max(known)
    first, last = across[0], across[-1]
    (wide, tall), (left, top) = _STEPS_PX, (70.0, 10.0)

    def place(at: float, value: float) -> str:
        x = left + (at - first) / ((last - first) or 1.0) * (wide - left - 20)
        return f"{x:.1f} {top + (high - value) / ((high - low) or 1.0) * (tall - top - 28):.1f}"

    lines = [
        [place(at, float(v)) for at, v in zip(across, values, strict=True) if v - v == 0] for values in (found, bound)
    ]
    dots = [point.split() for point in lines[0]]
    return drawing(
        wide,
        tall,
        _line(lines[1], stroke=QUIET, stroke_dasharray="4 3"),
        _line(lines[0], stroke=COVERED, stroke_width=2),
        *(element("circle", cx=x, cy=y, r=3, fill=COVERED) for x, y in dots),
        *(
            text(left - 8, y, f"{v:,.0f}", text_anchor="end", font_size=11, fill=QUIET)
            for v, y in ((high, top + 4), (low, tall - 24))
        ),
        *(text(x, tall - 6, f"{v:g}", font_size=11, fill=QUIET) for v, x in ((first, left), (last, wide - 40))),
        title=title,
        style=f"width:{wide:.0f}px;max-width:100%;display:block",
    )


def _line(points: list[str], **look: object) -> Markup:
    return element("path", d="M" + "L".join(points), fill="none", **look) if points else Markup()


def draw_interval(low: float, value: float, high: float, *, title: str) -> Markup:
    """Return the ends of an interval of shares, 0 to 1, on a line from nothing to everybody, and a value on it."""
    if any(v - v != 0 for v in (low, value, high)):  # NaN
        return Markup()
    left, wide, middle = 10.0, 440.0, 10.0
    x_low, x_high, x = (left + wide * v for v in (low, high, value))
    ends = ((left, "0 %", "start"), (left + wide, "100 %", "end"))
    return drawing(
        460.0,
        34.0,
        element("path", d=f"M{left} {middle}H{left + wide}", stroke=LINE, stroke_width=2),
        element("rect", x=x_low, y=middle - 5, width=max(x_high - x_low, 1.0), height=10, fill=COVERED, rx=2),
        element("path", d=f"M{x:.1f} {middle - 9}V{middle + 9}", stroke=GAINED, stroke_width=3),
        *(text(at, 32, words, text_anchor=anchor, font_size=11, fill=QUIET) for at, words, anchor in ends),
        title=title,
        style="width:460px;max-width:100%;display:block",
    )


def draw_bar(parts: Sequence[tuple[str, float, str]]) -> Markup:
    """Return one bar of parts of a whole, each a name, an amount and a colour, with the names and shares below it."""
    whole = sum(amount for _, amount, _ in parts)
    if not whole > 0:
        return Markup()
    left, bars, words = 0.0, [], []
    for name, amount, colour in parts:
        wide = 460.0 * amount / whole
        bars.append(element("rect", x=left, y=0, width=wide, height=14, fill=colour))
        left += wide
        square = element(
            "span", style=f"display:inline-block;width:.7em;height:.7em;background:{colour};margin-right:4px"
        )
        words.append(element("span", square, f"{name} {amount:,.0f}", style="margin-right:14px;white-space:nowrap"))
    svg = drawing(460.0, 14.0, *bars, style="width:460px;max-width:100%;display:block;margin-bottom:3px")
    return svg + element("div", *words)
