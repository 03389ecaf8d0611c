"""The people of a study: read, given a setting, put into districts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NoReturn

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from accessibility.demand import Demand
from accessibility.errors import Finding, InputError, OutsideFinding
from accessibility.geo.arrays import absent, finite_rows
from accessibility.geo.projection import WGS84, geodesics
from accessibility.settlement import REACH_M
from accessibility.sources.areas import locate, named_rows
from accessibility.sources.osm import extracts as osm
from accessibility.sources.spread import over_buildings, over_parts, refuse_wide, sides_m, spread_over_buildings
from accessibility.sources.tables.columns import SHOWN
from accessibility.sources.tables.people import PeopleSpec, read_people_rows
from accessibility.sources.tables.totals import compare_totals, read_totals, reconcile_people
from accessibility.study.loading.cells import (
    Around,
    LeftOut,
    People,
    are_codes,
    load_around,
    load_buildings,
    load_cells,
    settle_people,
)
from accessibility.study.loading.context import Loading, assumed_datum, is_osm, is_raster, people_source, study_bounds
from accessibility.study.saving import read_grids, read_shapes
from accessibility.study.schema import SettlementSource, has_totals

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from accessibility.settlement import Density
    from accessibility.study.schema import PopulationInput

_TAKEN_AS_POINTS = ("wide-area", "polygon-as-point", "far-apart-people")
_URBAN_CODE = "111"
_SOME = 0.01  # of the people outside: fewer on a side are no neighbours
_MANY = 0.2  # of the people
_FAR_M = 1_000.0  # from a border, where maps of it differ
_SIDES = 3  # a county on the coast has neighbours on as many


def load_people(load: Loading, area: gpd.GeoDataFrame | None) -> tuple[People, list[Finding]]:
    """Return people inside the area and, where a raster has them, as far around as the settlement needs."""
    table = load.settings.inputs.population
    if table.buildings and (table.path is None or is_osm(load.file(table.path))):
        return _people_of_buildings(load, area)
    path = load.file(table.path)  # type: ignore[arg-type]  # the schema asks for one of both
    refuse_idle_keys(table, path)
    if is_raster(path):
        bounds, wide = (study_bounds(area, None, margin_m) for margin_m in (0.0, REACH_M))
        placed, findings = load_cells(load, path, bounds)
        return People(
            ids=placed.ids,
            lonlat=placed.lonlat,
            population=placed.population,
            columns=placed.groups,
            groups=tuple(placed.groups),
            around=None if bounds is None or wide is None else load_around(load, path, bounds, wide, area),
        ), findings
    return _people_of_table(load, path, area)


def _people_of_table(load: Loading, path: Path, area: gpd.GeoDataFrame | None) -> tuple[People, list[Finding]]:
    table, source = load.settings.inputs.population, load.settings.settlement.source
    own = isinstance(source, SettlementSource) and source.polygons is None
    extra = source.column or source.codes if own else None  # type: ignore[union-attr]
    spec = PeopleSpec(
        column=table.column,
        id=table.id,
        coordinates=table.coordinates,
        columns=table.columns,
        layer=table.layer,
        sheet=table.sheet,
        encoding=table.encoding,
        setting=table.setting or extra,
        district=table.district,
        limit=table.limit,
        groups=table.groups,
    )
    read, findings = read_people_rows(load.table(table.path or path), spec, area)
    if not any(finding.code == "joined-to-districts" for finding in findings):
        findings += assumed_datum(path, table.coordinates)
    known = ("setting", "district", "limit", "label", *table.groups)
    people = People(
        ids=read.ids.to_numpy(dtype=object),
        lonlat=read.lonlat,
        population=read.columns["population"],
        columns={c: read.columns[c] for c in known if c in read.columns},
        groups=tuple(table.groups),
    )
    if "shape" in read.columns:
        people, more = _of_areas(load, people, read.columns["shape"], path.name)
        return people, [f for f in findings if not (more and f.code in _TAKEN_AS_POINTS)] + more
    if table.split_cells is not None or table.buildings:
        msg = (
            f"{path.name}: people at points, with split_cells or buildings; expected neither, or a raster, polygons, "
            "or a table without coordinates whose rows name districts of the area"
        )
        raise InputError(msg)
    return people, findings


def _of_areas(load: Loading, people: People, shapes: NDArray[np.object_], source: str) -> tuple[People, list[Finding]]:
    """Return people told by polygons where the study puts them: at one point of each, at its buildings, at parts."""
    table = load.settings.inputs.population
    how = "buildings" if table.buildings else table.split_cells
    if how is None:
        if load.settings.standard.standard.has_walk:
            refuse_wide(shapes, people.population, source)
        return replace(people, shapes=gpd.GeoSeries(shapes, index=pd.Index(people.ids), crs=WGS84)), []
    if how == "buildings":
        west, south, east, north = shapely.total_bounds(shapes)
        buildings, findings = load_buildings(load, source, (west, south, east, north))
        parts, what = over_buildings(shapes, buildings), "buildings inside them, by floor area"
    else:
        parts, findings = over_parts(shapes, how, source), []
        widest = sides_m(shapes).max() / 1_000
        what = f"parts of {how:.0f} m, equally: where they live in areas of up to {widest:.1f} km is unknown"
    whole = np.setdiff1d(np.arange(len(shapes)), parts.row)
    row = np.append(parts.row, whole)
    ids = [f"{key}-{name}" for key, name in zip(people.ids[parts.row], parts.name, strict=True)]
    share = np.append(parts.share, np.ones(len(whole)))
    columns = {c: values[row] for c, values in people.columns.items()}
    shared = replace(
        people,
        ids=np.array([*ids, *people.ids[whole]], dtype=object),
        lonlat=np.vstack([parts.lonlat, people.lonlat[whole]]),
        population=people.population[row] * share,
        columns=columns | {group: columns[group].astype(np.float64) * share for group in people.groups},
    )
    lost = float(people.population[whole].sum())
    count = len(shapes) - len(whole)
    rest = f"; {len(whole)} rows have none: their {lost:,.0f} people stand at one point each" if len(whole) else ""
    message = f"people of {count:,} areas shared over {len(parts.row):,} {what}{rest}"
    inside = float(people.population.sum()) - lost
    return shared, [
        Finding(code="people-shared", source=source, message=message, count=count, people=inside),
        *findings,
    ]


def refuse_idle_keys(table: PopulationInput, path: Path) -> None:
    """Refuse keys that the format gives no meaning, so that none is ignored in silence."""
    of_table = {"column", "id", "coordinates", "setting", "district", "limit", "columns", "layer", "sheet", "encoding"}
    raster = is_raster(path)
    idle = sorted(table.model_fields_set & (of_table if raster else {"band", "unit"}))
    if idle:
        what, other = ("a raster", "a table") if raster else ("a table", "a raster")
        msg = f"{path.name}: {what} with {', '.join(idle)}, which only {other} has; expected none of them"
        raise InputError(msg)


def _people_of_buildings(load: Loading, area: gpd.GeoDataFrame | None) -> tuple[People, list[Finding]]:
    table = load.settings.inputs.population
    path = load.file(table.path) if table.path else load.streets
    if not is_osm(path):
        msg = (
            f"{path.name}: buildings = true reads an OpenStreetMap extract; expected a name ending in .osm.pbf or .osm"
        )
        raise InputError(msg)
    if area is None or "population" not in area.columns:
        msg = "population = { buildings = true } spreads district totals: expected inputs.area with a population column"
        raise InputError(msg)
    buildings, findings = osm.read_buildings(load.extract(path), bounds=study_bounds(area, None, 0.0))
    spread, more = spread_over_buildings(buildings, area, source=path.name)
    return People(
        ids=spread.ids, lonlat=spread.lonlat, population=spread.population, columns={"district": spread.district}
    ), findings + more


@dataclass(frozen=True, kw_only=True, eq=False)
class Inhabitants:
    """The people inside the area.

    Parameters
    ----------
    demand
        Where they live, with their setting.
    district
        Their district, keyed by id.
    shifted, density
        Their setting on grids that lie half a cell off, and the grid itself, where it comes from the density of people.
    shapes
        Their polygons by id; None where people are no polygons.
    """

    demand: Demand
    district: pd.Series[Any]
    shifted: tuple[NDArray[np.str_], ...] = ()
    shapes: gpd.GeoSeries | None = None
    density: Density | None = None


def place_people(load: Loading, area: gpd.GeoDataFrame | None, people: People) -> tuple[Inhabitants, list[Finding]]:
    """Return the people inside the area, and what was found."""
    district, inside, findings = _districts(load, area, people)
    if not (people.population[inside] > 0).any():
        refuse_nobody(load, swapped=area is not None and bool((locate(people.lonlat[:, ::-1], area) >= 0).any()))
    if area is not None:
        people, district, more = _held_against_totals(load, area, people, district, inside)
        inside = np.append(inside, np.ones(len(district) - len(inside), np.bool_))
        row = pd.Index(area.index.astype(str)).get_indexer(pd.Index(district.astype(str)))
        lived = np.bincount(row[row >= 0], weights=people.population[row >= 0], minlength=len(area)).astype(np.float64)
        findings += [*more, *report_empty(load, area.index, lived)]
    setting, settlement, more = settle_people(load, people, inside)
    demand = Demand(
        ids=people.ids[inside],
        xy=people.lonlat[inside],
        population=people.population[inside],
        setting=setting[inside],
        settings=load.settings.standard.standard.settings,
        groups={g: people.columns[g][inside].astype(float) for g in people.groups},
        crs=WGS84,
    )
    if "limit" in people.columns:
        demand = demand.limited(people.columns["limit"][inside])
    named = pd.Series(district[inside], index=demand.ids, name="district")
    density = None if settlement is None else settlement.density
    inhabitants = Inhabitants(
        demand=demand,
        district=named,
        shifted=() if settlement is None else tuple(other[: len(inside)][inside] for other in settlement.shifted),
        density=None if density is None else density.take(np.flatnonzero(inside)),
        shapes=None if people.shapes is None else people.shapes.reindex(named.index),
    )
    return _as_saved(load, inhabitants), findings + more


def report_empty(load: Loading, names: Iterable[object], people: NDArray[np.float64]) -> list[Finding]:
    """Return a finding where ``(districts,)`` people of some districts are none: the file may end before them."""
    empty = [str(name) for name, there in zip(names, people, strict=True) if not there > 0]
    if not empty:
        return []
    shown = ", ".join(empty[:SHOWN]) + (", ..." if len(empty) > SHOWN else "")
    message = f"{len(empty)} of {len(people)} districts have no people: {shown}; are they missing from the file?"
    return [Finding(code="empty-district", source=people_source(load), message=message, count=len(empty))]


def refuse_nobody(load: Loading, *, swapped: bool) -> NoReturn:
    """Raise `InputError`: no one lives inside the area, maybe for longitude and latitude are swapped."""
    hint = "are longitude and latitude swapped?" if swapped else "do both files show one place?"
    msg = f"{people_source(load)}: no one lives inside the area; expected people there ({hint})"
    raise InputError(msg)


def _as_saved(load: Loading, people: Inhabitants) -> Inhabitants:
    """Return the people with what a saved study knows of them beside its table: polygons, and grids of settings."""
    shapes, source = load.settings.inputs.population.shapes, load.settings.settlement.source
    if shapes is not None:
        people = replace(people, shapes=read_shapes(load.file(shapes), people.demand.ids))
    if isinstance(source, SettlementSource) and source.grids is not None:
        shifted, density = read_grids(load.file(source.grids), len(people.demand))
        people = replace(people, shifted=shifted, density=density)
    return people


def _districts(
    load: Loading, area: gpd.GeoDataFrame | None, people: People
) -> tuple[NDArray[np.object_], NDArray[np.bool_], list[Finding]]:
    """Return the district of each row and whether it counts; people without a place always do."""
    n = len(people.ids)
    nowhere = ~finite_rows(people.lonlat)
    district = np.full(n, None, dtype=object)
    if "district" in people.columns:
        district[:] = [None if absent(name) or name == "" else name for name in people.columns["district"]]
        if area is None:
            return district, np.ones(n, np.bool_), []
        named, place = named_rows(district, people.lonlat, area), locate(people.lonlat, area)
        findings = _by_name(load, area, people, named, place)
        row = np.where(named >= 0, named, place)
        district[row >= 0] = area.index.to_numpy()[row[row >= 0]]
        inside = (row >= 0) | nowhere
        return district, inside, findings + _outside(load, people, ~inside)
    if area is None:
        district[:] = load.settings.name or load.folder.name
        return district, np.ones(n, np.bool_), []
    row = locate(people.lonlat, area)
    district[row >= 0] = area.index.to_numpy()[row[row >= 0]]
    inside = (row >= 0) | nowhere
    return district, inside, _outside(load, people, ~inside) if people.around is None else _left_out(load, area, people)


def _held_against_totals(
    load: Loading,
    area: gpd.GeoDataFrame,
    people: People,
    district: NDArray[np.object_],
    inside: NDArray[np.bool_],
) -> tuple[People, NDArray[np.object_], list[Finding]]:
    """Return the people multiplied to the official totals where the study asks for it, else compared with them.

    A district that has a total and nobody in the file gets a last row, a point inside it.
    """
    table, column = load.settings.inputs.population, column_of_totals(load)
    if column is None:
        return people, district, []
    totals = read_totals(area, column, area_source(load))
    row = pd.Index(area.index.astype(str)).get_indexer(pd.Index(district[inside].astype(str)))
    counted, name = people.population[inside], people_source(load)
    if not table.reconcile and table.totals is None:
        return people, district, compare_totals(counted, row, totals, source=name)
    scaled, findings = reconcile_people(counted, row, totals, source=name)
    population, columns = people.population.copy(), dict(people.columns)
    population[inside] = scaled.population
    for group in people.groups:
        columns[group] = columns[group].astype(np.float64)
        columns[group][inside] *= scaled.factor
    names = area.index.to_numpy(dtype=object)[scaled.empty]
    # Where a column says the setting, nobody says theirs: the stricter rule.
    strictest = load.settings.standard.standard.settings[0]
    given = {"setting": _URBAN_CODE if are_codes(load) else strictest, "limit": ""}
    new = {c: names if c == "district" else np.full(len(names), given.get(c, 0.0), dtype=object) for c in columns}
    points = shapely.point_on_surface(area.geometry.to_numpy()[scaled.empty])
    whole = replace(
        people,
        ids=np.append(people.ids, np.array([f"d{name}" for name in names], dtype=object)),
        lonlat=np.vstack([people.lonlat, shapely.get_coordinates(points)]),
        population=np.append(population, totals.to_numpy()[scaled.empty]),
        columns={c: np.append(values.astype(object), new[c]) for c, values in columns.items()},
    )
    return whole, np.append(district, names), findings


def column_of_totals(load: Loading) -> str | None:
    """Return the column of the area with official totals, None where nobody speaks of them."""
    table, area = load.settings.inputs.population, load.settings.inputs.area
    if area is None:
        return None
    if table.totals is not None and table.totals != area.population:
        return table.totals
    known = has_totals(load.settings)
    asked = table.reconcile or table.totals is not None
    if table.saved and asked:  # they were held against them before they were saved
        return None
    return "population" if asked or (known and not table.buildings) else None


def area_source(load: Loading) -> str:
    """Return the name of the file that districts come from."""
    area = load.settings.inputs.area
    return (load.streets if area is None or area.path is None else area.path).name


def _by_name(
    load: Loading, area: gpd.GeoDataFrame, people: People, named: NDArray[np.intp], place: NDArray[np.intp]
) -> list[Finding]:
    """Return findings on people who name no district and lie in one, and on those who lie far from the one they name.

    Parameters
    ----------
    load, area, people
        The study, its districts and the people.
    named, place
        ``(n,)`` rows of the districts that people name, and that they lie in; -1 in none.
    """
    by_place = (named < 0) & (place >= 0)
    other = np.flatnonzero((named >= 0) & (named != place) & finite_rows(people.lonlat))
    lines = shapely.shortest_line(shapely.points(people.lonlat[other]), area.geometry.to_numpy()[named[other]])
    ends = shapely.get_coordinates(lines).reshape(-1, 2, 2)
    many = people.population[other].sum() > _MANY * people.population.sum()  # no matter of how a border is drawn
    elsewhere = np.zeros(len(named), np.bool_)
    elsewhere[other] = many | (geodesics(ends[:, 0], ends[:, 1]) > _FAR_M)
    found = []
    for code, rows in (("district-by-place", by_place), ("district-elsewhere", elsewhere)):
        if not rows.any():
            continue
        count, total = int(rows.sum()), float(people.population[rows].sum())
        message = f"{count} rows with {total:,.0f} people name no district of the area and lie in one: counted there"
        if code == "district-elsewhere":
            message = f"{count} rows with {total:,.0f} people do not lie in the district that they name: counted in it"
        found.append(Finding(code=code, source=people_source(load), message=message, count=count, people=total))
    return found


def _outside(load: Loading, people: People, outside: NDArray[np.bool_]) -> list[Finding]:
    if not outside.any():
        return []
    count, total = int(outside.sum()), float(people.population[outside].sum())
    message = f"{count} rows with {total:,.0f} people lie outside the area: not counted"
    told: dict[str, Any] = {"code": "people-outside", "source": people_source(load), "message": message, "count": count}
    lonlat, population = people.lonlat[outside], people.population[outside]
    return [OutsideFinding(**told, people=total, lonlat=lonlat, population=population)]


def _left_out(load: Loading, area: gpd.GeoDataFrame, people: People) -> list[Finding]:
    """Return what `report_left_out` does of people in memory, and where they live."""
    around: Around = people.around  # type: ignore[assignment]  # or nobody would call
    lonlat = np.vstack([people.lonlat, around.lonlat])
    outside = np.append(locate(people.lonlat, area) < 0, np.ones(len(around.lonlat), np.bool_))
    count, left = np.append(people.population, around.population), LeftOut(area)
    left.meet(lonlat, count, outside)
    return [
        finding
        if finding.code != "people-outside"
        else OutsideFinding(**vars(finding), lonlat=lonlat[outside], population=count[outside])
        for finding in report_left_out(load, left, around)
    ]


def report_left_out(load: Loading, told: LeftOut, around: Around) -> list[Finding]:
    """Return how many people of a raster live outside all districts, and whether a district seems to be missing.

    One is missing where people live in a hole between districts, or where a raster that ends with the study, so that
    nobody lives around it on three sides, holds people whom no district has.
    """
    lost, total, held = told.lost, told.total, told.held
    if not lost > 0:
        return []
    neighbours = int((told.sides > _SOME * lost).sum())
    left, kept = around.border
    text = (
        f"{lost:,.0f} of {total:,.0f} people of the raster in and around the area live in no district: not counted"
        f" (cells on the border go by their middles: {left:,.0f} people left out so, {kept:,.0f} counted)"
    )
    source = people_source(load)
    if neighbours >= _SIDES and not held > 0:
        return [Finding(code="people-around", source=source, message=f"{text}, but for what is a town", people=lost)]
    where = f"{held:,.0f} of them in holes between districts" if held > 0 else "the raster ends with the study"
    message = f"{text}; {where}: is a district missing from {area_source(load)}?"
    return [Finding(code="people-outside", source=source, message=message, people=lost)]
