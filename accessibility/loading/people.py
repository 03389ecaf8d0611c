"""The people of a study: read, given a setting, put into districts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from accessibility.demand import Demand
from accessibility.errors import InputError
from accessibility.loading.context import Loading, assumed_datum, is_osm, study_bounds
from accessibility.projection import WGS84, transform
from accessibility.settlement import classify_settings, settings_from_codes
from accessibility.sources import osm
from accessibility.sources.areas import locate, read_areas
from accessibility.sources.checks import Finding
from accessibility.sources.people import PeopleSpec, read_people_table
from accessibility.sources.raster import read_population_raster
from accessibility.sources.spread import spread_over_buildings
from accessibility.standards import SETTINGS
from accessibility.studyfile import SettlementSource

if TYPE_CHECKING:
    from collections.abc import Mapping

    import geopandas as gpd
    from numpy.typing import NDArray


_SETTLEMENT_MARGIN_M = 12_000.0  # an urban centre cut at the border of the data would lose its 50 000 people
_RASTERS = (".tif", ".tiff", ".vrt", ".img", ".asc")


@dataclass(frozen=True, kw_only=True, eq=False)
class People:
    """People as read, inside the area and around it.

    Parameters
    ----------
    ids, lonlat, population
        ``(n,)``, ``(n, 2)`` degrees and ``(n,)`` people.
    columns
        ``setting``, ``district`` and groups, ``(n,)`` each, where the input has them.
    groups
        Names of the groups.
    """

    ids: NDArray[np.object_]
    lonlat: NDArray[np.float64]
    population: NDArray[np.float64]
    columns: Mapping[str, NDArray[Any]]
    groups: tuple[str, ...] = ()


def load_people(load: Loading, area: gpd.GeoDataFrame | None) -> tuple[People, list[Finding]]:
    """Return people inside the area and, where a raster has them, as far around as the settlement needs."""
    table = load.settings.inputs.population
    if table.buildings:
        return _people_of_buildings(load, area)
    path = load.file(table.path)  # type: ignore[arg-type]  # the schema asks for one of both
    if path.suffix.lower() in _RASTERS:
        bounds = study_bounds(area, None, _SETTLEMENT_MARGIN_M)
        cells, findings = read_population_raster(path, bounds_lonlat=bounds, band=table.band, unit=table.unit)
        lonlat = transform(cells.xy, cells.crs, WGS84)
        return People(ids=cells.ids, lonlat=lonlat, population=cells.population, columns={}), findings
    source = load.settings.settlement.source
    extra = source.column or source.codes if isinstance(source, SettlementSource) else None
    spec = PeopleSpec(
        column=table.column,
        id=table.id,
        coordinates=table.coordinates,
        setting=table.setting or extra,
        district=table.district,
        groups=table.groups,
    )
    people, findings = read_people_table(path, spec)
    findings += assumed_datum(path, table.coordinates)
    columns = {c: people[c].to_numpy() for c in ("setting", "district", *table.groups) if c in people.columns}
    return People(
        ids=people.index.to_numpy(dtype=object),
        lonlat=np.column_stack([people.geometry.x, people.geometry.y]),
        population=people["population"].to_numpy(dtype=float),
        columns=columns,
        groups=tuple(table.groups),
    ), findings


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
    setting, findings = _settings(load, people)
    district, inside, more = _districts(load, area, people)
    population = people.population
    if not (population[inside] > 0).any():
        swapped = area is not None and (locate(people.lonlat[:, ::-1], area) >= 0).any()
        hint = "are longitude and latitude swapped?" if swapped else "do both files show one place?"
        msg = f"{_people_source(load)}: nobody lives inside the area; expected people there ({hint})"
        raise InputError(msg)
    demand = Demand(
        ids=people.ids[inside],
        xy=people.lonlat[inside],
        population=population[inside],
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
        known = np.ones(n, np.bool_) if area is None else np.isin(district.astype(str), area.index.astype(str))
        return district, known | nowhere, _outside(load, people, ~(known | nowhere))
    if area is None:
        district[:] = load.settings.name or load.folder.name
        return district, np.ones(n, np.bool_), []
    row = locate(people.lonlat, area)
    district[row >= 0] = area.index.to_numpy()[row[row >= 0]]
    inside = (row >= 0) | nowhere
    raster = not people.columns and not nowhere.any()
    return district, inside, [] if raster else _outside(load, people, ~inside)


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
        if isinstance(source, SettlementSource) and source.codes is not None:
            return settings_from_codes(given.to_numpy(dtype=str)), []
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
    """Return the setting of the polygon (column ``setting``) that each row lies in, rural outside all."""
    source = load.settings.settlement.source
    path = load.file(source.polygons)  # type: ignore[union-attr, arg-type]
    shapes, findings = read_areas(path, name="setting")
    bad = sorted(set(shapes["name"]) - set(SETTINGS))
    if bad:
        msg = f"{path.name}: setting is {', '.join(bad)}; expected {', '.join(SETTINGS)}"
        raise InputError(msg)
    row = locate(people.lonlat, shapes)
    return np.append(shapes["name"].to_numpy(dtype="<U5"), "rural")[row], findings
