"""The frontier as a picture: what each budget buys, and the ceiling that no plan of that budget can pass."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility.cartography.outlines import count
from accessibility.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from accessibility.cartography.mapwords import MapWords

COLUMNS = ("budget", "covered_people", "bound_people")
_LEFT, _RIGHT, _TOP, _BOTTOM = 50.0, 290.0, 10.0, 138.0
_STEPS = 4


@dataclass(frozen=True, kw_only=True)
class FrontierPicture:
    """The frontier in the units of a picture 294 wide and 168 high, ready to be drawn.

    Parameters
    ----------
    found, ceiling
        Points of the two lines, as SVG writes them.
    between
        Corners of the area between them.
    dots
        Places of the plans found.
    here
        Place of the proposal; None where its budget is not in the picture.
    x_ticks, y_ticks
        Place and text.
    """

    found: str
    ceiling: str
    between: str
    dots: list[tuple[float, float]]
    here: tuple[float, float] | None
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]


def draw_frontier(frontier: pd.DataFrame, *, here: tuple[float, float] | None = None) -> FrontierPicture:
    """Return the picture of a frontier.

    Parameters
    ----------
    frontier
        A row a budget: ``budget`` (cost allowed), ``covered_people`` (of the best plan found for it) and
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
    x_of = _scale(x_low, x_high, _LEFT, _RIGHT)
    y_marks = nice_steps(float(found.min()), float(ceiling.max()))
    y_of = _scale(min(y_marks[0], float(found.min())), max(y_marks[-1], float(ceiling.max())), _BOTTOM, _TOP)
    points = [[(x_of(b), y_of(v)) for b, v in zip(budget, values, strict=True)] for values in (found, ceiling)]
    return FrontierPicture(
        found=_path(points[0]),
        ceiling=_path(points[1]),
        between=_path([*points[0], *points[1][::-1]]),
        dots=[(round(x, 1), round(y, 1)) for x, y in points[0]],
        here=_inside(here, x_of, y_of, x_low, x_high),
        x_ticks=[(round(x_of(v), 1), f"{v:g}") for v in nice_steps(x_low, x_high) if x_low <= v <= x_high],
        y_ticks=[(round(y_of(v), 1), count(v)) for v in y_marks],
    )


def nice_steps(low: float, high: float) -> list[float]:
    """Return round numbers that span from `low` to `high`: some five of them, one, two or five times a power of ten.

    Examples
    --------
    >>> nice_steps(0, 37), nice_steps(111_000, 124_000)
    ([0.0, 10.0, 20.0, 30.0, 40.0], [110000.0, 115000.0, 120000.0, 125000.0])
    """
    span = high - low if high > low else max(abs(high), 1.0)
    power = 10.0 ** math.floor(math.log10(span / _STEPS))
    step = power * next(k for k in (1, 2, 5, 10) if k * power * (_STEPS + 0.5) >= span)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [k * step for k in range(first, max(last, first + 1) + 1)]


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
        msg = f"frontier at budget {row[0]:g} covers {row[1]:,.0f} people, over its ceiling of {row[2]:,.0f}"
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
    return (x, y) if _TOP <= y <= _BOTTOM else None
