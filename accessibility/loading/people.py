"""The people of a study: read, given a setting, put into districts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from accessibility.demand import Demand
from accessibility.errors import InputError
from accessibility.loading.cells import load_cells
from accessibility.loading.context import Loading, assumed_datum, is_osm, is_raster, study_bounds
from accessibility.projection import WGS84
from accessibility.settlement import classify_settings, settings_from_codes
from accessibility.sources import osm
from accessibility.sources.areas import locate, named_rows, read_polygons
from accessibility.sources.checks import Finding
from accessibility.sources.people import PeopleSpec, read_people_table
from accessibility.sources.reconcile import compare_totals, read_totals, reconcile_people
from accessibility.sources.spread import spread_over_buildings
from accessibility.standards import SETTINGS
from accessibility.studyfile import SettlementSource

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import geopandas as gpd
    from numpy.typing import NDArray

    from accessibility.studyfile import PopulationInput

_URBAN_CODE = "111"
_SETTLEMENT_MARGIN_M = 12_000.0  # an urban centre cut at the border of the data would lose its 50 000 people


@dataclass(frozen=True, kw_only=True, eq=False)
class People:
    """People as read, inside the area and around it.

    Parameters
    ----------
    ids, lonlat, population
        ``(n,)``, ``(n, 2)`` degrees and ``(n,)`` people.
    columns
        ``setting``, ``district``, ``label`` (what may name the district) and groups, ``(n,)`` each, where the input has
        them.
    groups
        Names of the groups.
    around
        Whether people around the area were read on purpose, for the settlement, so that nobody need be told of them.
    """

    ids: NDArray[np.object_]
    lonlat: NDArray[np.float64]
    population: NDArray[np.float64]
    columns: Mapping[str, NDArray[Any]]
    groups: tuple[str, ...] = ()
    around: bool = False


def load_people(load: Loading, area: gpd.GeoDataFrame | None) -> tuple[People, list[Finding]]:
    """Return people inside the area and, where a raster has them, as far around as the settlement needs."""
    table = load.settings.inputs.population
    if table.buildings:
        return _people_of_buildings(load, area)
    path = load.file(table.path)  # type: ignore[arg-type]  # the schema asks for one of both
    _refuse_idle_keys(table, path)
    if is_raster(path):
        placed, findings = load_cells(load, path, study_bounds(area, None, _SETTLEMENT_MARGIN_M))
        return People(
            ids=placed.ids,
            lonlat=placed.lonlat,
            population=placed.population,
            columns=placed.groups,
            groups=tuple(placed.groups),
            around=True,
        ), findings
    if table.split_cells is not None:
        msg = f"{path.name}: split_cells splits the cells of a raster; expected a raster, or no split_cells"
        raise InputError(msg)
    source = load.settings.settlement.source
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
        groups=table.groups,
    )
    people, findings = read_people_table(path, spec)
    findings += assumed_datum(path, table.coordinates)
    known = ("setting", "district", "label", *table.groups)
    columns = {c: people[c].to_numpy() for c in known if c in people.columns}
    return People(
        ids=people.index.to_numpy(dtype=object),
        lonlat=np.column_stack([people.geometry.x, people.geometry.y]),
        population=people["population"].to_numpy(dtype=float),
        columns=columns,
        groups=tuple(table.groups),
    ), findings


def _refuse_idle_keys(table: PopulationInput, path: Path) -> None:
    """Refuse keys that the format gives no meaning, so that none is ignored in silence."""
    of_table = {"column", "id", "coordinates", "setting", "district", "columns", "layer", "sheet", "encoding"}
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
    buildings, findings = osm.read_buildings(path, bounds=study_bounds(area, None, 0.0))
    spread, more = spread_over_buildings(buildings, area, source=path.name)
    return People(
        ids=spread.ids, lonlat=spread.lonlat, population=spread.population, columns={"district": spread.district}
    ), findings + more


def place_people(
    load: Loading, area: gpd.GeoDataFrame | None, people: People
) -> tuple[Demand, pd.Series[Any], list[Finding]]:
    """Return the people inside the area with their setting, their districts keyed by id, and what was found."""
    district, inside, findings = _districts(load, area, people)
    if not (people.population[inside] > 0).any():
        swapped = area is not None and (locate(people.lonlat[:, ::-1], area) >= 0).any()
        hint = "are longitude and latitude swapped?" if swapped else "do both files show one place?"
        msg = f"{_people_source(load)}: nobody lives inside the area; expected people there ({hint})"
        raise InputError(msg)
    if area is not None:
        people, district, more = _held_against_totals(load, area, people, district, inside)
        inside = np.append(inside, np.ones(len(district) - len(inside), np.bool_))
        findings += more
    setting, more = _settings(load, people)
    demand = Demand(
        ids=people.ids[inside],
        xy=people.lonlat[inside],
        population=people.population[inside],
        setting=setting[inside],
        groups={g: people.columns[g][inside].astype(float) for g in people.groups},
        crs=WGS84,
    )
    return demand, pd.Series(district[inside], index=demand.ids, name="district"), findings + more


def _people_source(load: Loading) -> str:
    path = load.settings.inputs.population.path
    return (load.streets if path is None else path).name


def _districts(
    load: Loading, area: gpd.GeoDataFrame | None, people: People
) -> tuple[NDArray[np.object_], NDArray[np.bool_], list[Finding]]:
    """Return the district of each row and whether it counts; people without a place always do."""
    n = len(people.ids)
    nowhere = ~np.isfinite(people.lonlat).all(axis=1)
    district = np.full(n, None, dtype=object)
    if "district" in people.columns:
        district[:] = people.columns["district"]
        if area is None:
            return district, np.ones(n, np.bool_), []
        row = named_rows(district, people.lonlat, area)
        district[row >= 0] = area.index.to_numpy()[row[row >= 0]]
        inside = (row >= 0) | nowhere
        return district, inside, _outside(load, people, ~inside)
    if area is None:
        district[:] = load.settings.name or load.folder.name
        return district, np.ones(n, np.bool_), []
    row = locate(people.lonlat, area)
    district[row >= 0] = area.index.to_numpy()[row[row >= 0]]
    inside = (row >= 0) | nowhere
    return district, inside, [] if people.around else _outside(load, people, ~inside)


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
    table, column = load.settings.inputs.population, _column_of_totals(load)
    if column is None:
        return people, district, []
    totals = read_totals(area, column, _area_source(load))
    row = pd.Index(area.index.astype(str)).get_indexer(pd.Index(district[inside].astype(str)))
    counted, name = people.population[inside], _people_source(load)
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
    given = {"setting": _URBAN_CODE if _settings_are_codes(load) else "urban"}
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


def _column_of_totals(load: Loading) -> str | None:
    """Return the column of the area with official totals, None where nobody speaks of them."""
    table, area = load.settings.inputs.population, load.settings.inputs.area
    if area is None:
        return None
    if table.totals is not None and table.totals != area.population:
        return table.totals
    known = area.population is not None or is_osm(load.file(area.path or load.streets))
    asked = table.reconcile or table.totals is not None
    return "population" if asked or (known and not table.buildings) else None


def _area_source(load: Loading) -> str:
    area = load.settings.inputs.area
    return (load.streets if area is None or area.path is None else area.path).name


def _settings_are_codes(load: Loading) -> bool:
    source = load.settings.settlement.source
    return isinstance(source, SettlementSource) and source.codes is not None


def _outside(load: Loading, people: People, outside: NDArray[np.bool_]) -> list[Finding]:
    if not outside.any():
        return []
    count, total = int(outside.sum()), float(people.population[outside].sum())
    message = f"{count} rows with {total:,.0f} people lie outside the area: not counted"
    source = _people_source(load)
    return [Finding(code="people-outside", source=source, message=message, count=count, people=total)]


def _settings(load: Loading, people: People) -> tuple[NDArray[np.str_], list[Finding]]:
    """Return urban, town or rural for every row."""
    source = load.settings.settlement.source
    name = _people_source(load)
    if isinstance(source, SettlementSource) and source.polygons is not None:
        return _settings_of_polygons(load, people)
    if "setting" in people.columns:
        given = pd.Series(people.columns["setting"]).astype("string").str.strip()
        if _settings_are_codes(load):
            return _of_codes(given, people.ids, name), []
        bad = ~given.isin(SETTINGS)
        if bad.any():
            found = f"{int(bad.sum())} rows have another setting, first {given[bad].iloc[0]!r}"
            msg = f"{name}: {found}; expected {', '.join(SETTINGS)}"
            raise InputError(msg)
        return given.to_numpy(dtype="<U5"), []
    if isinstance(source, SettlementSource):
        msg = f"{name}: settlement from a column needs a population table with that column; it has none"
        raise InputError(msg)
    setting, settlement = classify_settings(people.lonlat, WGS84, people.population)
    return setting, [Finding(source=name, **note) for note in settlement.notes()]


def _settings_of_polygons(load: Loading, people: People) -> tuple[NDArray[np.str_], list[Finding]]:
    """Return the setting of the polygon that each row lies in, rural outside all.

    Polygons say it in their column ``setting``, another one that the study names, or by codes.
    """
    source: SettlementSource = load.settings.settlement.source  # type: ignore[assignment]  # or nobody would call
    path = load.file(source.polygons)  # type: ignore[arg-type]
    column = source.codes or source.column or "setting"
    shapes, findings = read_polygons(path, column=column, layer=source.layer, encoding=source.encoding)
    named = shapes["name"].astype("string")
    if source.codes is not None:
        setting = _of_codes(named, ["a polygon"] * len(named), path.name)
    else:
        bad = sorted(set(named) - set(SETTINGS))
        if bad:
            msg = f"{path.name}: {column} is {', '.join(bad)}; expected {', '.join(SETTINGS)}"
            raise InputError(msg)
        setting = named.to_numpy(dtype="<U5")
    return np.append(setting, "rural")[locate(people.lonlat, shapes)], findings


def _of_codes(codes: pd.Series[Any], names: Any, source: str) -> NDArray[np.str_]:
    try:
        return settings_from_codes(codes.to_numpy(dtype=str), list(names))
    except InputError as error:
        msg = f"{source}: {error}"
        raise InputError(msg) from error
