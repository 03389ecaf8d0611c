"""People spread over buildings by floor area: of district totals, and of cells too large for a walk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

from accessibility.errors import InputError
from accessibility.projection import WGS84, transform
from accessibility.sources.areas import locate
from accessibility.sources.cells import Placed, cells_at, parts_a_side, place_cells, split_cells
from accessibility.sources.checks import Finding

if TYPE_CHECKING:
    from collections.abc import Mapping

    import geopandas as gpd
    from numpy.typing import NDArray

    from accessibility.sources.raster import Cells

RESIDENTIAL_SHARE = 0.30
EQUAL_PARTS_M = 100.0

_SOURCE = "buildings"


@dataclass(frozen=True, kw_only=True, eq=False)
class Spread:
    """People at buildings.

    Parameters
    ----------
    ids
        ``(n,)`` ``b`` and the building's id; ``d`` and the district's name where it has no building.
    lonlat
        ``(n, 2)`` WGS 84 degrees.
    population
        ``(n,)`` people, fractions of persons included.
    district
        ``(n,)`` name of the district.
    """

    ids: NDArray[np.object_]
    lonlat: NDArray[np.float64]
    population: NDArray[np.float64]
    district: NDArray[np.object_]


def spread_over_buildings(
    buildings: gpd.GeoDataFrame, districts: gpd.GeoDataFrame, *, source: str = _SOURCE
) -> tuple[Spread, list[Finding]]:
    """Return the people of each district at its buildings, in proportion to floor area, and what was found.

    In each district people live in the residential buildings; those of unknown use count like them where fewer than
    30 % of both are marked residential, because mappers there mostly wrote ``building=yes``. Only a district with
    neither uses the rest. A district without any building stands at one point inside it. The sum of each
    district is its total.

    Parameters
    ----------
    buildings
        Points in EPSG:4326 with columns id, footprint_m2, levels (missing: one storey), use (``residential``,
        ``unknown``, ``other``).
    districts
        Polygons in EPSG:4326 indexed by name, with a column population. Where two overlap, the first one counts.
    source
        The file of the buildings, for messages.

    Raises
    ------
    InputError
        Districts whose population is missing or negative, or nobody at all.
    """
    totals = districts["population"].to_numpy(dtype=np.float64)
    _check_totals(totals, districts.index.to_numpy(dtype=object), source)
    lonlat = shapely.get_coordinates(buildings.geometry.to_numpy())
    row = locate(lonlat, districts)
    weight = floor_areas(buildings, row, len(totals))
    sums = np.bincount(row[row >= 0], weights=weight[row >= 0], minlength=len(totals))
    lives = (row >= 0) & (weight > 0)
    empty = np.flatnonzero(sums == 0)
    shape = shapely.point_on_surface(districts.geometry.to_numpy()[empty])
    names = districts.index.to_numpy(dtype=object)
    ids = [f"b{building}" for building in buildings["id"].to_numpy()[lives]]
    spread = Spread(
        ids=np.array([*ids, *(f"d{names[at]}" for at in empty)], dtype=object),
        lonlat=np.vstack([lonlat[lives], shapely.get_coordinates(shape)]),
        population=np.append(totals[row[lives]] * (weight[lives] / sums[row[lives]]), totals[empty]),
        district=names[np.append(row[lives], empty)],
    )
    return spread, _findings(spread, row, empty, source)


def spread_cells(
    cells: Cells, groups: Mapping[str, NDArray[np.float64]], buildings: gpd.GeoDataFrame, *, source: str
) -> tuple[Placed, list[Finding]]:
    """Return the people of each cell at the buildings inside it, and what was found.

    Which buildings count, and for how much, is as `spread_over_buildings` says, cell by cell. A cell without a building
    is shared equally over parts of 100 m. The people of each cell, and of each group in it, stay the same. Cells of
    100 m stay whole.

    Parameters
    ----------
    cells, groups
        The cells with people, and the people of each group in them.
    buildings
        As `spread_over_buildings` takes them.
    source
        The file of the cells, for messages.
    """
    if parts_a_side(cells, EQUAL_PARTS_M) == 1:
        return place_cells(cells, groups), []
    lonlat = shapely.get_coordinates(buildings.geometry.to_numpy())
    row = cells_at(cells, lonlat)
    weight = floor_areas(buildings, row, len(cells))
    lives = np.flatnonzero(weight > 0)
    of, sums = row[lives], np.bincount(row[row >= 0], weights=weight[row >= 0], minlength=len(cells))
    empty = sums == 0
    rest, _ = split_cells(cells.of(empty), EQUAL_PARTS_M, source)
    share, parts = weight[lives] / sums[of], rest.parts**2
    names = zip(cells.ids[of], buildings["id"].to_numpy()[lives], strict=True)

    def shared(people: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.append(people[of] * share, np.repeat(people[empty] / parts, parts))

    placed = Placed(
        ids=np.array([*(f"{cell}-b{building}" for cell, building in names), *rest.ids], dtype=object),
        lonlat=np.vstack([lonlat[lives], transform(rest.xy, cells.crs, WGS84)]),
        population=shared(cells.population),
        groups={group: shared(people) for group, people in groups.items()},
    )
    lost = float(cells.population[empty].sum())
    message = (
        f"people of {int((~empty).sum()):,} cells of {cells.cell_m:,.0f} m shared over {len(lives):,} buildings inside "
        f"them by floor area; {int(empty.sum()):,} cells have none: their {lost:,.0f} people shared equally over parts "
        f"of {EQUAL_PARTS_M:.0f} m"
    )
    people = cells.total_people
    return placed, [Finding(code="split-cells", source=source, message=message, count=len(cells), people=people)]


def _check_totals(totals: NDArray[np.float64], names: NDArray[np.object_], source: str) -> None:
    bad = ~(np.isfinite(totals) & (totals >= 0))
    if bad.any():
        shown = ", ".join(map(str, names[bad][:10]))
        msg = f"{source}: {int(bad.sum())} districts have no population to spread: {shown}; expected people, 0 or more"
        raise InputError(msg)
    if not totals.sum() > 0:
        msg = f"{source}: nobody lives in {len(totals)} districts; expected people to spread"
        raise InputError(msg)


def floor_areas(buildings: gpd.GeoDataFrame, row: NDArray[np.intp], count: int) -> NDArray[np.float64]:
    """Return the floor area, in m², of the buildings where people live, 0 for the others.

    Parameters
    ----------
    buildings
        As `spread_over_buildings` takes them, ``n`` rows.
    row, count
        ``(n,)`` the district or cell that each is judged in, -1 in none; and how many of these there are.
    """
    levels = np.nan_to_num(buildings["levels"].to_numpy(dtype=np.float64), nan=1.0)
    floor = np.nan_to_num(buildings["footprint_m2"].to_numpy(dtype=np.float64), nan=0.0) * np.maximum(levels, 1.0)
    use = buildings["use"].to_numpy(dtype=str)
    inside = (row >= 0) & (floor > 0)
    homes, unknown = inside & (use == "residential"), inside & (use == "unknown")
    marked, unmarked = (np.bincount(row[which], minlength=count) for which in (homes, unknown))
    few = marked < RESIDENTIAL_SHARE * (marked + unmarked)
    neither = marked + unmarked == 0
    lives = homes | (unknown & few[row]) | (inside & neither[row])
    weight: NDArray[np.float64] = np.where(lives, floor, 0.0)
    return weight


def _findings(spread: Spread, row: NDArray[np.intp], empty: NDArray[np.intp], source: str) -> list[Finding]:
    found = []
    outside = int((row < 0).sum())
    if outside:
        message = f"{outside:,} buildings lie in no district: nobody is placed there"
        found.append(Finding(code="building-outside", source=source, message=message, count=outside))
    if empty.size:
        people = float(spread.population[-empty.size :].sum())
        shown = ", ".join(map(str, spread.district[-empty.size :][:10]))
        message = (
            f"{empty.size} districts have no building ({shown}): their {people:,.0f} people stand at one point inside"
        )
        code = "district-without-building"
        found.append(Finding(code=code, source=source, message=message, count=int(empty.size), people=people))
    return found
