"""People spread over buildings by floor area: of district totals, and of cells too large for a walk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import shapely
from scipy.spatial import cKDTree

from accessibility.errors import Finding, InputError
from accessibility.geo.arrays import finite_rows
from accessibility.geo.projection import WGS84, transform
from accessibility.sources.areas import locate
from accessibility.sources.raster.cells import (
    MAX_PARTS,
    WALKABLE_CELL_M,
    Placed,
    cells_at,
    misjudged_share,
    parts_a_side,
    place_cells,
    split_cells,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    import geopandas as gpd
    from numpy.typing import NDArray

    from accessibility.sources.raster.reading import Cells

RESIDENTIAL_SHARE = 0.30
EQUAL_PARTS_M = 100.0

_SOURCE = "buildings"
SamePlaces = tuple["NDArray[np.intp]", "NDArray[np.intp]"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Spread:
    """People at buildings."""

    # (n,) `b` and the building's id; `d` and the district's name where it has no building.
    ids: NDArray[np.object_]
    lonlat: NDArray[np.float64]  # (n, 2) WGS 84 degrees
    population: NDArray[np.float64]  # (n,) people, fractions of persons included
    district: NDArray[np.object_]  # (n,) name of the district


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
        msg = f"{source}: no one lives in {len(totals)} districts; expected people to spread"
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
        message = f"{outside:,} buildings lie in no district: no one is placed there"
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


_M_PER_DEGREE = 111_000.0
_WIDE_M = 500.0  # from its middle, a walk of fifteen minutes is misjudged for one person in ten
_SUM, _ALONE_M = 1_000, 1_000.0  # more people than live around one point, with an empty walk around it


@dataclass(frozen=True, kw_only=True, eq=False)
class Parts:
    """Places that share the people of polygons."""

    # (m,) the polygon that each place is of, ascending; a row that is no polygon, or in which no place was found, has
    # none
    row: NDArray[np.intp]
    name: NDArray[np.object_]  # (m,) what tells the places of one polygon apart
    lonlat: NDArray[np.float64]  # (m, 2) WGS 84 degrees
    share: NDArray[np.float64]  # (m,) of the polygon's people; the shares of one polygon sum to 1


def sides_m(shapes: NDArray[Any]) -> NDArray[np.float64]:
    """Return ``(n,)`` the side in metres of the square as large as each polygon in degrees, 0 of what is none."""
    _, south, _, north = shapely.bounds(shapes).T
    narrow = np.cos(np.radians((south + north) / 2))
    sides: NDArray[np.float64] = np.nan_to_num(np.sqrt(shapely.area(shapes) * narrow)) * _M_PER_DEGREE
    return sides


def refuse_wide(shapes: NDArray[Any], people: NDArray[np.float64], source: str) -> None:
    """Raise `InputError` where a walk is misjudged for as many people as by cells that are refused as too coarse.

    A share of the people, so that a file of city blocks with a few large ones in the fields passes.
    """
    sides = sides_m(shapes)
    wrong = np.array([misjudged_share(side) for side in sides]) * (sides > 0)
    share = float(people @ wrong / people.sum())
    if share <= misjudged_share(WALKABLE_CELL_M):
        return
    wide = sides > WALKABLE_CELL_M
    msg = (
        f"{source}: {people[wide].sum():,.0f} of {people.sum():,.0f} people are told for {int(wide.sum())} areas of "
        f"more than {WALKABLE_CELL_M:.0f} m a side, the largest {sides.max() / 1_000:.1f} km: at one point inside, a "
        f"walk of 15 minutes is misjudged for {100 * share:.0f} % of people or more; expected homes or cells of 100 m; "
        'share the people over the buildings inside, population = { split_cells = "buildings" }; where there are none, '
        "over equal parts, split_cells = 100, which says less the larger the areas are"
    )
    raise InputError(msg)


def report_wide(shapes: NDArray[np.object_], people: NDArray[np.float64], source: str) -> list[Finding]:
    """Return a finding on areas whose people are too far apart to stand at one point."""
    west, south, east, north = shapely.bounds(shapes).T
    across = np.fmax((east - west) * np.cos(np.radians((south + north) / 2)), north - south) * _M_PER_DEGREE
    wide = across > _WIDE_M
    if not wide.any():
        return []
    count, inside = int(wide.sum()), float(people[wide].sum())
    message = (
        f"{count} areas are more than {_WIDE_M:.0f} m across, the widest {np.nanmax(across) / 1_000:.1f} km: their "
        f"{inside:,.0f} people stand at one point inside, which misjudges a walk; a raster of 100 m does not"
    )
    return [Finding(code="wide-area", source=source, message=message, count=count, people=inside)]


def same_places(lonlat: NDArray[np.float64]) -> SamePlaces:
    """Return the rows that have a place, those of one place after each other, and where each place begins among them.

    Places of ``(n, 2)`` degrees that agree to six decimals, a tenth of a metre, are one.
    """
    placed = np.flatnonzero(finite_rows(lonlat))
    lon, lat = (np.rint(axis * 1e6).astype(np.int64) for axis in lonlat[placed].T)
    place = (lon << 32) + lat
    order = np.argsort(place)
    return placed[order], np.flatnonzero(np.append(True, np.diff(place[order]) != 0)[: len(place)])


def may_be_sums(places: SamePlaces, people: NDArray[np.float64]) -> bool:
    """Return whether most people may stand at points of a township's size: quicker to ask than `report_far_apart`."""
    rows, first = places
    there = np.add.reduceat(people[rows], first) if len(rows) else people[:0]
    return bool(there[there > _SUM - 1].sum() > people.sum() / 2)  # told apart more finely they are no more


def report_far_apart(lonlat: NDArray[np.float64], people: NDArray[np.float64], ids: Any, source: str) -> list[Finding]:
    """Return a finding where most people stand at points of a township's size with nobody near: sums, not homes."""
    placed = np.flatnonzero(finite_rows(lonlat) & (people > 0))
    if not placed.size:
        return []
    narrow = np.cos(np.radians(np.median(lonlat[placed, 1])))
    metres = lonlat[placed] * [narrow * _M_PER_DEGREE, _M_PER_DEGREE]
    of, places = pd.factorize(metres @ [1, 1j])
    places = np.column_stack([places.real, places.imag])
    there = np.bincount(of, weights=people[placed])
    if there[there > _SUM].sum() <= people.sum() / 2:
        return []
    near = np.asarray(cKDTree(places).query(places, k=2)[0])[:, 1]  # infinitely far where there is one place alone
    alone = (there > _SUM) & (near > _ALONE_M)
    inside = float(there[alone].sum())
    if inside <= people.sum() / 2:
        return []
    rows = placed[alone[of]]
    message = (
        f"{inside:,.0f} of {people.sum():,.0f} people stand at {int(alone.sum())} points of more than {_SUM:,} people "
        f"with no one within {_ALONE_M:.0f} m ({', '.join(map(str, ids[rows][:5]))}): sums of townships or villages? "
        "One point misjudges a walk; take homes, cells of 100 m, or the townships' polygons with "
        'split_cells = "buildings"'
    )
    return [Finding(code="far-apart-people", source=source, message=message, count=int(rows.size), people=inside)]


def over_buildings(shapes: NDArray[Any], buildings: gpd.GeoDataFrame) -> Parts:
    """Return the buildings inside each polygon, in proportion to floor area.

    Which buildings count is as `accessibility.sources.spread.spread_over_buildings` says. Where two polygons overlap,
    the buildings there are of both: each polygon keeps its people.

    Parameters
    ----------
    shapes
        ``(n,)`` polygons in degrees; None or other shapes are skipped.
    buildings
        Points in EPSG:4326 with columns id, footprint_m2, levels and use.
    """
    points = buildings.geometry.to_numpy()
    row, building = shapely.STRtree(points).query(_polygons(shapes), predicate="intersects")
    inside = buildings.iloc[building]
    weight = floor_areas(inside, row, len(shapes))
    lives = np.flatnonzero(weight > 0)
    row, weight = row[lives], weight[lives]
    sums = np.bincount(row, weights=weight, minlength=len(shapes))
    names = np.array([f"b{key}" for key in inside["id"].to_numpy()[lives]], dtype=object)
    lonlat = shapely.get_coordinates(points[building[lives]])
    return _sorted(row, names, lonlat, weight / sums[row])


def over_parts(shapes: NDArray[Any], size_m: float, source: str) -> Parts:
    """Return the middles inside each polygon of a grid of `size_m` metres, each with an equal share.

    Raises
    ------
    InputError
        More parts than `accessibility.sources.raster.cells.MAX_PARTS`.
    """
    areas = _polygons(shapes)
    many = np.nan_to_num(np.sum(sides_m(areas) ** 2) / size_m**2)
    if many > MAX_PARTS:
        msg = (
            f"{source}: split_cells = {size_m:g} makes about {many:,.0f} parts; expected at most {MAX_PARTS:,}; "
            "take larger parts"
        )
        raise InputError(msg)
    _, south, _, north = shapely.total_bounds(areas)
    up = size_m / _M_PER_DEGREE
    side = up / max(float(np.cos(np.radians((south + north) / 2))), 0.01)
    found = [(row, _middles(shape, side, up)) for row, shape in enumerate(areas) if shape is not None]
    row = np.repeat([row for row, _ in found], [len(middles) for _, middles in found]).astype(np.intp)
    names = np.array([str(part) for _, middles in found for part in range(1, len(middles) + 1)], dtype=object)
    lonlat = np.vstack([np.empty((0, 2)), *(middles for _, middles in found)])
    return _sorted(row, names, lonlat, 1.0 / np.bincount(row, minlength=len(shapes))[row])


def _polygons(shapes: NDArray[Any]) -> NDArray[Any]:
    areas = np.isin(shapely.get_type_id(shapes), (3, 6)) & ~shapely.is_empty(shapes)
    kept = np.full(len(shapes), None, dtype=object)
    kept[areas] = shapes[areas]
    return kept


def _middles(shape: Any, side: float, up: float) -> NDArray[np.float64]:
    """Return the middles of the cells, so many degrees wide and high, that lie in a polygon, ``(k, 2)`` degrees."""
    west, south, east, north = shapely.bounds(shape)
    # The grid begins at the same place for all polygons, so that neighbours share no middle and leave none out.
    x = (np.arange(np.floor(west / side), np.floor(east / side) + 1) + 0.5) * side
    y = (np.arange(np.floor(south / up), np.floor(north / up) + 1) + 0.5) * up
    lon, lat = (axis.ravel() for axis in np.meshgrid(x, y))
    inside = shapely.contains_xy(shape, lon, lat)
    return np.column_stack([lon[inside], lat[inside]])


def _sorted(
    row: NDArray[np.intp], name: NDArray[np.object_], lonlat: NDArray[np.float64], share: NDArray[np.float64]
) -> Parts:
    order = np.argsort(row, kind="stable")
    return Parts(row=row[order], name=name[order], lonlat=lonlat[order], share=share[order])
