"""Drawings as SVG inside a page, whose texts stay texts; the frontier as a picture in a notebook."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from accessibility.errors import InputError
from accessibility.present.language import count
from accessibility.wording import percent_text
from accessibility.wording.cards import COVERED, FAR, GAINED, LINE, QUIET, drawing, element, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from accessibility.present.language import MapWords
    from accessibility.siting import Frontier, SitingPlan

SERIES = ("#343a8f", "#8088cf", "#cdd2f0")
_DARK, _LIGHT = (0x34, 0x3A, 0x8F), (0xCD, 0xD2, 0xF0)
_WIDTH, _HEIGHT = 680.0, 226.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 56.0, 14.0, 26.0, 44.0


def series_colours(count: int) -> tuple[str, ...]:
    """Return a colour for each of some series, from the darkest to the lightest.

    Examples
    --------
    >>> series_colours(3) == SERIES, series_colours(2)
    (True, ('#343a8f', '#cdd2f0'))
    """
    if count == len(SERIES):
        return SERIES
    steps = np.linspace(0.0, 1.0, count)
    mixed = np.rint(np.outer(1 - steps, _DARK) + np.outer(steps, _LIGHT)).astype(int)
    return tuple("#" + "".join(f"{channel:02x}" for channel in colour) for colour in mixed.tolist())


@dataclass(frozen=True)
class Series:
    """Named values of a chart, one a class or one a point."""

    name: str
    amounts: tuple[float, ...]
    colour: str


@dataclass(frozen=True, kw_only=True)
class Axes:
    """The words of a chart."""

    title: str  # for those who cannot see it
    across: str  # what the horizontal axis counts
    classes: tuple[str, ...] = ()  # names of the bars, in order
    notes: tuple[str, ...] = ()  # what stands above each bar
    mark_after: int | None = None  # a dashed line after so many bars


def draw_bars(axes: Axes, series: Sequence[Series], *, stacked: bool) -> Markup:
    """Return bars a class, stacked or side by side, with a scale of people."""
    wide, tall = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    columns = list(zip(*(one.amounts for one in series), strict=True))
    most = max((sum(c) if stacked else max(c) for c in columns), default=0.0)
    ticks = nice_ticks(0.0, most)
    up = tall / (ticks[-1] or 1.0)
    step = wide / max(1, len(axes.classes))
    parts = [_grid(_HEIGHT - _BOTTOM - tick * up, f"{tick:,.0f}") for tick in ticks]
    for k, values in enumerate(columns):
        left, base = _LEFT + k * step + 0.14 * step, _HEIGHT - _BOTTOM
        each = 0.72 * step / (1 if stacked else len(values))
        for j, value in enumerate(values):
            height = value * up
            x = left if stacked else left + j * each
            parts.append(_bar(x, base - height, each, height, series[j].colour))
            base -= height if stacked else 0
        top = _HEIGHT - _BOTTOM - (sum(values) if stacked else max(values)) * up
        middle = _LEFT + (k + 0.5) * step
        if axes.notes:
            parts.append(text(middle, top - 5, axes.notes[k], text_anchor="middle", class_="note"))
        parts.append(text(middle, _HEIGHT - _BOTTOM + 15, axes.classes[k], text_anchor="middle"))
    if axes.mark_after is not None:
        x = _LEFT + axes.mark_after * step
        parts.append(element("path", d=f"M{x:.1f} {_TOP - 8}V{_HEIGHT - _BOTTOM}", class_="limit"))
    parts.append(text(_LEFT + wide / 2, _HEIGHT - 8, axes.across, text_anchor="middle", class_="axis"))
    return drawing(_WIDTH, _HEIGHT, *parts, _key(series), title=axes.title, class_="chart")


def draw_frontier(
    axes: Axes, budgets: Sequence[float], series: Sequence[Series], point: tuple[float, float, str] | None
) -> Markup:
    """Return lines of shares (0 to 1) over budgets, and a point with its name where there is one."""
    wide, tall = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    shares = [value for one in series for value in one.amounts] + ([point[1]] if point else [])
    ticks = nice_ticks(100 * min(shares), 100 * max(shares))
    across = nice_ticks(0.0, max([*budgets, point[0] if point else 0.0]))
    low, span = ticks[0], (ticks[-1] - ticks[0]) or 1.0

    def place(budget: float, share: float) -> tuple[float, float]:
        x = _LEFT + wide * budget / (across[-1] or 1.0)
        return x, _HEIGHT - _BOTTOM - tall * (100 * share - low) / span

    parts = [_grid(place(0, tick / 100)[1], f"{tick:g} %") for tick in ticks]
    parts += [text(place(c, 0)[0], _HEIGHT - _BOTTOM + 15, f"{c:g}", text_anchor="middle") for c in across]
    for row, one in enumerate(series):
        at = [place(b, s) for b, s in zip(budgets, one.amounts, strict=True)]
        line = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in at)
        dash = "5 4" if row else None
        parts.append(element("path", d=line, fill="none", stroke=one.colour, stroke_width=2, stroke_dasharray=dash))
        if not row:
            parts += [element("circle", cx=x, cy=y, r=2.6, fill=one.colour) for x, y in at]
    if point:
        x, y = place(point[0], point[1])
        parts.append(element("circle", cx=x, cy=y, r=5.5, fill="none", stroke=FAR, stroke_width=2.4))
        side, shift = ("end", -10) if x > _LEFT + 0.7 * wide else ("start", 10)
        parts.append(text(x + shift, y + 16, point[2], text_anchor=side, class_="note"))
    parts.append(text(_LEFT + wide / 2, _HEIGHT - 8, axes.across, text_anchor="middle", class_="axis"))
    return drawing(_WIDTH, _HEIGHT, *parts, _key(series), title=axes.title, class_="chart")


def draw_parts(parts: Sequence[Series], title: str) -> Markup:
    """Return one bar of the whole width whose pieces are the parts."""
    whole = sum(one.amounts[0] for one in parts) or 1.0
    x, pieces = 0.0, []
    for one in parts:
        width = 1_000 * one.amounts[0] / whole
        pieces.append(element("rect", x=x, y=0, width=width, height=26, fill=one.colour))
        x += width
    return drawing(1_000, 26, *pieces, title=title, class_="parts", preserveAspectRatio="none")


def nice_ticks(low: float, high: float, most: float = 5) -> list[float]:
    """Return round numbers from at most `low` to at least `high`, evenly apart, no closer than the span over `most`.

    Examples
    --------
    >>> nice_ticks(0, 63_000), nice_ticks(74.1, 88.2)
    ([0, 20000, 40000, 60000, 80000], [70, 75, 80, 85, 90])
    """
    span = (high - low) or abs(high) or 1.0
    rough = span / most
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(m * size for m in (1, 2, 5, 10) if m * size >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    found = [round(k * step, 9) for k in range(first, max(last, first + 1) + 1)]
    return [int(v) if v == int(v) else v for v in found]


def _grid(y: float, label: str) -> Markup:
    line = element("path", d=f"M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}", stroke=LINE, stroke_width=1)
    return line + text(_LEFT - 6, y + 3.5, label, text_anchor="end")


def _bar(x: float, y: float, width: float, height: float, colour: str) -> Markup:
    return element("rect", x=x, y=y, width=width, height=max(height, 0.0), fill=colour)


def _key(series: Sequence[Series]) -> Markup:
    """Return a swatch and a name a series, along the top."""
    x, parts = _LEFT, []
    for one in series:
        parts.append(element("rect", x=x, y=4, width=10, height=10, fill=one.colour))
        parts.append(text(x + 14, 13, one.name))
        x += 30 + sum(11.0 if ord(letter) > 0x2E80 else 6.2 for letter in one.name)  # noqa: PLR2004 -- CJK is wide
    return Markup("").join(parts)


COLUMNS = ("budget", "covered_people", "bound_people")
_PICTURE_LEFT, _PICTURE_RIGHT, _PICTURE_TOP, _PICTURE_BOTTOM = 50.0, 290.0, 10.0, 138.0
_FEW = 4.5  # of the ticks of a small picture


@dataclass(frozen=True, kw_only=True)
class FrontierPicture:
    """The frontier in the units of a picture 294 wide and 168 high, ready to be drawn."""

    # found, ceiling: points of the two lines, as SVG writes them
    found: str
    ceiling: str
    between: str  # corners of the area between them
    dots: list[tuple[float, float]]  # places of the plans found
    here: tuple[float, float] | None  # place of the proposal; None where its budget is not in the picture.
    # x_ticks, y_ticks: place and text
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]


def picture_frontier(frontier: pd.DataFrame, *, here: tuple[float, float] | None = None) -> FrontierPicture:
    """Return the picture of a frontier.

    Parameters
    ----------
    frontier
        One row per budget: ``budget`` (cost allowed), ``covered_people`` (of the best plan found for it) and
        ``bound_people`` (the proven ceiling: no plan of that budget covers more). Other columns are not looked at.
    here
        Cost and covered people of the proposal.

    Raises
    ------
    InputError
        A column that is missing, no row, a value that is not finite, a ceiling below what was found.
    """
    budget, found, ceiling = _columns(frontier)
    x_low, x_high = min(0.0, float(budget[0])), float(budget[-1])
    x_of = _scale(x_low, x_high, _PICTURE_LEFT, _PICTURE_RIGHT)
    y_marks = nice_ticks(float(found.min()), float(ceiling.max()), _FEW)
    y_of = _scale(
        min(y_marks[0], float(found.min())), max(y_marks[-1], float(ceiling.max())), _PICTURE_BOTTOM, _PICTURE_TOP
    )
    points = [[(x_of(b), y_of(v)) for b, v in zip(budget, values, strict=True)] for values in (found, ceiling)]
    return FrontierPicture(
        found=_path(points[0]),
        ceiling=_path(points[1]),
        between=_path([*points[0], *points[1][::-1]]),
        dots=[(round(x, 1), round(y, 1)) for x, y in points[0]],
        here=_inside(here, x_of, y_of, x_low, x_high),
        x_ticks=[(round(x_of(v), 1), f"{v:g}") for v in nice_ticks(x_low, x_high, _FEW) if x_low <= v <= x_high],
        y_ticks=[(round(y_of(v), 1), count(v)) for v in y_marks],
    )


def picture_words(words: MapWords) -> dict[str, str]:
    """Return the words of the picture."""
    return {key: words(f"frontier_{key}") for key in ("budget", "people", "found", "ceiling", "here")}


def _columns(frontier: pd.DataFrame) -> tuple[NDArray[np.float64], ...]:
    missing = [name for name in COLUMNS if name not in frontier.columns]
    if missing or not len(frontier):
        found = ", ".join(map(str, frontier.columns))
        msg = f"frontier of {len(frontier)} rows with columns {found}; expected rows of {', '.join(COLUMNS)}"
        raise InputError(msg)
    values = frontier[list(COLUMNS)].to_numpy(dtype=np.float64)
    values = values[np.argsort(values[:, 0], kind="stable")]
    if not np.isfinite(values).all():
        msg = f"frontier has {int((~np.isfinite(values)).sum())} values that are not finite; expected numbers"
        raise InputError(msg)
    short = values[:, 1] - values[:, 2]
    if (short > 1e-6 * np.maximum(values[:, 1], 1.0)).any():
        row = values[int(np.argmax(short))]
        msg = f"frontier at budget {row[0]:,.10g} covers {row[1]:,.0f} people, over its ceiling of {row[2]:,.0f}"
        raise InputError(msg)
    return values[:, 0], values[:, 1], values[:, 2]


def _scale(low: float, high: float, start: float, end: float) -> Any:
    span = high - low or 1.0
    return lambda value: start + (value - low) / span * (end - start)


def _path(points: list[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _inside(
    here: tuple[float, float] | None, x_of: Any, y_of: Any, x_low: float, x_high: float
) -> tuple[float, float] | None:
    if here is None or not x_low <= here[0] <= x_high:
        return None
    x, y = round(x_of(here[0]), 1), round(y_of(here[1]), 1)
    return (x, y) if _PICTURE_TOP <= y <= _PICTURE_BOTTOM else None


_STYLE = "<style>.frontier text { font: 10.5px sans-serif; fill: currentColor } .frontier { max-width: 720px }</style>"


@dataclass(frozen=True)
class Curve:
    """A picture with its caption.

    Parameters
    ----------
    svg, caption
        The drawing, and what its lines are shares of.

    Examples
    --------
    >>> from accessibility.notebook import Curve
    >>> Curve(svg="<svg></svg>", caption="Share of people covered")._repr_html_().endswith("</figure>")
    True
    """

    svg: str
    caption: str

    def _repr_html_(self) -> str:
        return f'{_STYLE}<figure class="frontier">{self.svg}<figcaption>{self.caption}</figcaption></figure>'


def draw_curve(frontier: Frontier, plan: SitingPlan | None = None) -> Curve:
    """Return people covered by budget: the best plan found, what none exceeds, and the one opening order.

    Parameters
    ----------
    frontier
        From `accessibility.siting.coverage_frontier`.
    plan
        Marked on the curve, where given.

    Returns
    -------
    Curve
        The picture; a notebook shows it.

    Raises
    ------
    InputError
        A frontier of a problem without people, or without any plan.

    Examples
    --------
    >>> from accessibility.notebook import draw_curve
    >>> from accessibility.siting import Problem, coverage_frontier
    >>> problem = Problem.from_costs([[1, 1, 9], [9, 1, 1], [9, 9, 1]], [30, 10, 20], 5, site_cost=[2, 2, 1])
    >>> draw_curve(coverage_frontier(problem, budgets=[0, 1, 2, 3])).caption
    'Share of 60 people covered; all candidates together: 60 (100.0 %).'
    """
    table = frontier.table().dropna(subset=["covered_people"])
    people = frontier.plans[0].population
    if table.empty or not people > 0:
        msg = f"frontier has {len(table)} plans for {people:g} people; expected plans to draw, and people"
        raise InputError(msg)
    lines = (
        ("best plan found", table["covered_people"], COVERED),
        ("proven ceiling", table["bound_people"], QUIET),
        ("in one opening order", table["nested_people"], GAINED),
    )
    series = [Series(name, tuple((values / people).astype(np.float64)), colour) for name, values, colour in lines]
    budget = frontier.by == "budget"
    point = None
    if plan is not None and plan.selected:
        point = (plan.cost if budget else float(len(plan.selected)), plan.covered_people / people, "this plan")
    axes = Axes(title="People covered by budget", across="cost" if budget else "number of sites")
    drawn = draw_frontier(axes, tuple(table["budget"].astype(float)), series, point)
    ceiling = f"{count(frontier.ceiling_people)} ({percent_text(frontier.ceiling_people, people)})"
    return Curve(
        svg=str(drawn), caption=f"Share of {count(people)} people covered; all candidates together: {ceiling}."
    )
