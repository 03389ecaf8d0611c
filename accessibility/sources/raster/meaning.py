"""What numbers of a raster are: what stands beside them, whether they are classes, whether so many can live there."""

from __future__ import annotations

import math
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pyproj import CRS, Geod

from accessibility.errors import Finding, InputError
from accessibility.geo.projection import WGS84, transform
from accessibility.sources.quantities import (
    PER_AREA,
    counted_instead,
    held_instead,
    part_of_people,
    shown_instead,
    years_to_come,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


_TAGS = ("units", "unit", "long_name", "standard_name", "description", "tifftag_imagedescription")
_SHORT = 80  # letters of what speaks of the numbers, and not of how they came about


def refuse_other_units(raster: Any, band: int, name: str) -> None:
    """Raise `InputError` where a band says that its numbers are people per area, thousands of them or a share."""
    for text in _said(raster, band):
        area = PER_AREA.search(text)
        if held_instead(text) and len(text) <= _SHORT:
            hectares = area and any(word in area[0].casefold() for word in ("ha", "hect", "公顷"))
            known = area and not re.search("mi|acre|亩|平方米", area[0])
            advice = f' (unit = "{"per_hectare" if hectares else "per_km2"}" in the study)' if known else ""
            msg = f"{name}: its numbers are {text!r}, as the file says; expected people of each cell{advice}"
            raise InputError(msg)


def report_other_counts(raster: Any, band: int, name: str) -> list[Finding]:
    """Return a finding where a band says that it counts no people: households, visits, people to come."""
    unit = next(filter(None, (counted_instead(text) for text in _said(raster, band) if len(text) <= _SHORT)), "")
    message = f"its numbers seem to count {unit}, as the file says: whatever is said of people is said of these"
    return [Finding(code="no-persons", source=name, message=message)] if unit else []


def _said(raster: Any, band: int) -> Iterator[str]:
    """Yield what a raster says of the numbers of a band."""
    tags = {key.casefold(): text for told in (raster.tags(), raster.tags(band)) for key, text in told.items()}
    yield from filter(None, (raster.units[band - 1], raster.descriptions[band - 1], *map(tags.get, _TAGS)))


def report_unit_by_name(name: str) -> list[Finding]:
    """Return a finding where a file speaks of other things than people, or of some, by its name; pd is a density."""
    stem = name.rsplit(".", 1)[0]
    held = held_instead(re.sub(r"(?<![^_])pd(?![^_])", "density", stem.casefold()))
    to_come = "people to come" if years_to_come(stem) else ""
    unit = next(filter(None, (held, shown_instead(stem), counted_instead(stem), to_come)), "")
    if unit:
        message = f"the name of the file speaks of {unit}; read as people of each cell: is unit right?"
        return [Finding(code="unit-by-name", source=name, message=message)]
    unit = part_of_people(stem)
    message = f"the name {stem!r} speaks of {unit}; read as all people: is that right?"
    return [Finding(code="part-by-name", source=name, message=message)] if unit else []


def report_scale(raster: Any, band: int, name: str) -> list[Finding]:
    """Return a finding where notes of a raster have a scale that is not the one by which its numbers are read."""
    tags = {key.casefold(): text for told in (raster.tags(), raster.tags(band)) for key, text in told.items()}
    scale = tags.get("scale_factor", "")
    with suppress(ValueError):
        if float(scale) not in (1.0, raster.scales[band - 1]):
            message = (
                f"a note in it has the scale {scale}, by which its numbers are not read: are they people as they are?"
            )
            return [Finding(code="scale-unread", source=name, message=message)]
    return []


def report_colours(raster: Any, band: int, name: str) -> list[Finding]:
    """Return a finding where the file gives each number of a band a colour of its own, as classes have."""
    tags = {key.casefold(): text.casefold() for key, text in raster.tags(band).items()}
    if raster.colorinterp[band - 1].name != "palette" and tags.get("layer_type") != "thematic":
        return []
    message = "each of its numbers has a colour of its own: are they classes, such as land cover, and no people?"
    return [Finding(code="raster-classes", source=name, message=message)]


_FEW = 25  # numbers; counts of people have more as soon as there are many cells
_SOME, _MANY = 100, 1_000  # cells
_FIRST = 1_000  # cells that tell most rasters of people apart from classes
_BESIDE = 0.9  # of the cells have another one right of them: classes leave no holes
_CUT = 0.05  # of the cells hold the greatest number, of which counts of people have next to none
_COMMON = 0.02  # of the cells
_GAPS = 1.5  # times as many places between numbers as there are numbers
_SHOWN = 8


class Variety:
    """Which numbers the populated cells of a raster hold, as long as they are few whole ones."""

    def __init__(self) -> None:
        self._cells: dict[float, int] | None = {}
        self._beside = 0

    def meet(self, row: NDArray[Any], column: NDArray[Any], value: NDArray[Any]) -> None:
        """Take ``(n,)`` cells with their numbers into account, row by row."""
        if self._cells is None:
            return
        for part in (value[:_FIRST], value):
            numbers, cells = np.unique(part, return_counts=True)
            if len(self._cells.keys() | set(numbers.tolist())) > _FEW or (numbers % 1 != 0).any():
                self._cells = None
                return
        for number, count in zip(numbers.tolist(), cells.tolist(), strict=True):
            self._cells[number] = self._cells.get(number, 0) + count
        self._beside += int(((np.diff(row) == 0) & (np.diff(column) == 1)).sum())

    def told(self, source: str, *, zero_cells: int) -> list[Finding]:
        """Return a finding where the numbers seem to be classes.

        They are few, and cover a region without an empty cell, or leave gaps, or end with one that many cells hold: of
        people, many live in few cells.

        Parameters
        ----------
        source
            The file.
        zero_cells
            How many cells hold nobody.
        """
        numbers = np.array(sorted(self._cells or ()))
        cells = np.array([self._cells[number] for number in numbers.tolist()] if self._cells else (), dtype=np.int64)
        total = int(cells.sum())
        everywhere = zero_cells == 0 and total >= _SOME and self._beside >= _BESIDE * total and len(numbers) > 1
        odd = total >= _MANY and (cells[-1] >= _CUT * total or _has_gaps(numbers[cells >= _COMMON * total]))
        if not everywhere and not odd:
            return []
        shown = ", ".join(f"{number:g}" for number in numbers[:_SHOWN])
        message = (
            f"{total:,} cells hold {len(numbers)} numbers only ({shown}{', ...' if len(numbers) > _SHOWN else ''}): "
            "are they classes, such as land cover, and no people?"
        )
        people = float(numbers @ cells)
        return [Finding(code="raster-classes", source=source, message=message, count=total, people=people)]


def _has_gaps(numbers: NDArray[np.float64]) -> bool:
    steps = np.diff(numbers).astype(np.int64)
    return len(steps) > 1 and steps.sum() / np.gcd.reduce(steps) + 1 > _GAPS * len(numbers)


_VOIDS = frozenset({254.0, 255.0, 999.0, 9_999.0, 32_766.0, 32_767.0, 65_534.0, 65_535.0, 99_999.0, 999_999.0})
_REPEATED = 3  # cells
_WHOLE, _NEARLY = 100.0, 95.0  # percentages end there; people of a cell hardly ever do
_HALF, _SATURATED = 0.2, 0.002  # of the cells hold more than half of it, or all of it
_EVEN = 0.45  # of the mean, by which people differ at least from cell to cell: most live in few cells
_OWN = 100  # numbers among the first cells: fewer are people shared out evenly


@dataclass(kw_only=True)
class Evenness:
    """How the numbers of the populated cells lie: whether they end at one or at a hundred, or hardly differ."""

    cells: int = 0
    over: int = 0  # cells of 50 and more
    top: int = 0  # cells that hold the most
    most: float = 0.0
    sums: tuple[float, float] = (0.0, 0.0)  # of the numbers and of their squares
    varied: bool = False

    def meet(self, value: NDArray[np.float64]) -> None:
        """Take the numbers of ``(n,)`` cells into account."""
        most = float(value.max(initial=0.0))
        self.top = (
            int((value == most).sum()) + (self.top if most == self.most else 0) if most >= self.most else self.top
        )
        self.varied |= self.cells < _FIRST and len(np.unique(value[:_FIRST])) >= _OWN
        self.most = max(self.most, most)
        self.cells += len(value)
        self.over += int((value >= _WHOLE / 2).sum())
        self.sums = self.sums[0] + float(value.sum()), self.sums[1] + float(value @ value)

    def void_told(self, source: str) -> list[Finding]:
        """Return a finding where the greatest number comes again, and is one that often says that nothing is known."""
        if self.most not in _VOIDS or self.top < _REPEATED:
            return []
        message = f"{self.top:,} cells hold {self.most:,.0f}, and none more: does it say that nothing is known?"
        people = self.top * self.most
        return [Finding(code="void-people", source=source, message=message, count=self.top, people=people)]

    def told(self, source: str) -> list[Finding]:
        """Return a finding where the numbers seem to be shares or percentages, or another thing that varies little."""
        mean = self.sums[0] / max(self.cells, 1)
        deviation = math.sqrt(max(self.sums[1] / max(self.cells, 1) - mean**2, 0.0))
        saturated = self.most == _WHOLE and self.top >= max(3, _SATURATED * self.cells)
        if self.cells < _SOME:
            return []
        if self.most <= 1:
            message = f"no cell holds more than {self.most:g}: are the numbers shares or a mask, and no people?"
        elif _NEARLY <= self.most <= _WHOLE and (saturated or self.over >= _HALF * self.cells):
            message = (
                f"{self.over:,} of {self.cells:,} cells hold 50 to {self.most:g}, and none more: are the numbers "
                "percentages, and no people?"
            )
        elif self.cells >= _MANY and self.varied and deviation < _EVEN * mean:
            message = (
                f"the numbers of {self.cells:,} cells hardly differ ({mean:,.4g} on average, {deviation:,.4g} of "
                "standard deviation): are they people?"
            )
        else:
            return []
        people = self.sums[0]
        return [Finding(code="unlike-people", source=source, message=message, count=self.cells, people=people)]


Unit = Literal["persons", "per_km2", "per_hectare"]

PER_KM2 = {"per_km2": 1.0, "per_hectare": 100.0}
CROWDED_KM2 = 200_000.0  # the densest quarters on Earth stay below
IMPOSSIBLE_KM2 = 1_000_000.0  # of cells of some size, none holds as many
_MANY_CELLS = 5_000.0  # people of one cell; a cell of a few metres may hold a tower
_AT_ONCE = 1_000_000  # cells whose areas are worked out together, so that temporary arrays stay small


@dataclass(kw_only=True)
class Crowd:
    """Cells too crowded to be true: how many, how many of them impossible, with how many people, the densest of all."""

    cells: int = 0
    impossible: int = 0
    people: float = 0.0
    most: float = 0.0
    at: int = 0

    def meet(self, other: Crowd) -> None:
        """Add the cells of another part, but for where the densest lies."""
        self.cells, self.impossible = self.cells + other.cells, self.impossible + other.impossible
        self.people, self.most = self.people + other.people, max(self.most, other.most)


def weigh_cells(population: NDArray[np.float64], where: tuple[Any, Any, tuple[float, ...], CRS], unit: Unit) -> Crowd:
    """Turn densities into people, in place, and return the cells too crowded to be true; some cells at a time."""
    row, column, grid, crs = where
    crowd = Crowd()
    for low in range(0, len(row), _AT_ONCE):
        part = slice(low, low + _AT_ONCE)
        area = areas_km2(grid, crs, row[part], column[part], exact=unit != "persons")
        if unit != "persons":
            population[part] *= PER_KM2[unit] * area
        density = population[part] / area
        crowded = density > CROWDED_KM2
        crowd.cells += int(crowded.sum())
        crowd.impossible += int(((density > IMPOSSIBLE_KM2) & (population[part] > _MANY_CELLS)).sum())
        crowd.people += float(population[part][crowded].sum())
        if (most := float(density.max(initial=0.0))) > crowd.most:
            crowd.most, crowd.at = most, low + int(density.argmax())
    return crowd


def centres(grid: tuple[float, ...], row: NDArray[Any], column: NDArray[Any]) -> NDArray[np.float64]:
    """Return ``(n, 2)`` centres of cells, x first, in the raster's own coordinates."""
    a, _, c, _, e, f = grid
    return np.column_stack([c + (column + 0.5) * a, f + (row + 0.5) * e])


def areas_km2(
    grid: tuple[float, ...], crs: CRS, row: NDArray[np.int32], column: NDArray[np.int32], *, exact: bool
) -> NDArray[np.float64]:
    """Return the area of each cell: on the ellipsoid for degrees, and for a projection where it must be exact."""
    a, _, _, _, e, f = grid
    if crs.is_geographic:
        rows, of = np.unique(row, return_inverse=True)
        per_radian = _band(f + rows * e) - _band(f + (rows + 1) * e)
        degrees: NDArray[np.float64] = np.abs(per_radian * np.radians(a))[of] / 1e6
        return degrees
    metre = crs.axis_info[0].unit_conversion_factor
    planar: NDArray[np.float64] = np.full(len(row), abs(a * e) * metre**2 / 1e6)
    if not exact:
        return planar
    corners = [(0, 0), (1, 0), (1, 1), (0, 1)]
    ring = [transform(centres(grid, row + r - 0.5, column + c - 0.5), crs, WGS84) for c, r in corners]
    return _shoelace_km2(np.stack(ring))


def _shoelace_km2(ring: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the areas of ``(4, n, 2)`` small quadrangles in degrees, by the ellipsoid's radii of curvature there."""
    geod = Geod(ellps="WGS84")
    lon, lat = np.radians(ring[..., 0]), np.radians(ring[..., 1])
    middle = lat.mean(axis=0)
    w2 = 1.0 - geod.es * np.sin(middle) ** 2
    east = (lon - lon[0]) * geod.a / np.sqrt(w2) * np.cos(middle)
    north = (lat - lat[0]) * geod.a * (1.0 - geod.es) / w2**1.5
    twice = (east * np.roll(north, -1, axis=0) - np.roll(east, -1, axis=0) * north).sum(axis=0)
    area: NDArray[np.float64] = np.abs(twice) / 2e6
    return area


def _band(lat: Any) -> Any:
    """Return the area in m² between the equator and a latitude, per radian of longitude (Snyder 1987, eq. 3-12)."""
    geod = Geod(ellps="WGS84")
    e, s = math.sqrt(geod.es), np.sin(np.radians(lat))
    return geod.a**2 * (1 - geod.es) / 2 * (s / (1 - geod.es * s**2) + np.arctanh(e * s) / e)
