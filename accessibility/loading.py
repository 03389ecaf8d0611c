"""From a checked ``study.toml`` to loaded, located inputs: one function an input, what they found beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely
from platformdirs import user_cache_path

from accessibility.demand import Demand
from accessibility.errors import InputError
from accessibility.projection import WGS84, transform
from accessibility.settlement import classify_settings, settings_from_codes
from accessibility.sites import Sites
from accessibility.sources import osm
from accessibility.sources.areas import locate, overlaps, read_areas
from accessibility.sources.checks import Finding
from accessibility.sources.foot import FootAccess
from accessibility.sources.people import PeopleSpec, read_people_table
from accessibility.sources.places import PlaceSpec, read_sites
from accessibility.sources.raster import RasterSpec, read_population_raster
from accessibility.sources.spread import spread_over_buildings
from accessibility.standards import SETTINGS
from accessibility.studyfile import OSM_SUFFIXES, SettlementSource

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import geopandas as gpd
    from numpy.typing import NDArray

    from accessibility.network import Network
    from accessibility.studyfile import SitesInput, StudyFile

Bounds = tuple[float, float, float, float]

MARGIN_M = 5_000.0
_SETTLEMENT_MARGIN_M = 12_000.0  # an urban centre cut at the border of the data would lose its 50 000 people
_OUTSIDE_NETWORK_M = 2_000.0
_OUTSIDE_NETWORK_SHARE = 0.01
_RASTERS = (".tif", ".tiff", ".vrt", ".img", ".asc")
_LETTER = {"outlets": "outlet", "banks": "bank", "candidates": "new"}


@dataclass(frozen=True, kw_only=True)
class Loading:
    """Where a study's inputs are read from.

    Parameters
    ----------
    settings
        The checked ``study.toml``.
    folder
        What its relative paths are relative to.
    cache
        Folder for parsed networks.
    """

    settings: StudyFile
    folder: Path
    cache: Path

    def file(self, path: Path) -> Path:
        """Return the path of an input."""
        return path if path.is_absolute() else self.folder / path

    @property
    def streets(self) -> Path:
        """The network's file, which is also where OpenStreetMap objects are looked for."""
        return self.file(self.settings.inputs.network.path)

    @property
    def margin_m(self) -> float:
        """How far beyond the area streets and sites are read: the widest cutoff, at least 5 km."""
        return max(MARGIN_M, self.settings.standard.standard.reach_m)


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


def default_cache() -> Path:
    """Return the user's cache folder for parsed networks."""
    return user_cache_path("outlet-accessibility", appauthor=False)


def is_osm(path: Path) -> bool:
    """Return whether a file is an OpenStreetMap extract, by its name."""
    return path.name.lower().endswith(OSM_SUFFIXES)


def input_files(load: Loading) -> dict[str, Path]:
    """Return the file of each input that the study names."""
    inputs = load.settings.inputs
    named = {
        name: getattr(inputs, name)
        for name in ("area", "network", "population", "elevation", "outlets", "banks", "candidates")
    }
    given = {name: load.file(table.path) for name, table in named.items() if table is not None and table.path}
    source = load.settings.settlement.source
    if isinstance(source, SettlementSource) and source.polygons:
        given["settlement"] = load.file(source.polygons)
    return given


def load_area(load: Loading) -> tuple[gpd.GeoDataFrame | None, list[Finding]]:
    """Return the districts indexed by name (EPSG:4326; column population where it is known), None without an area."""
    table = load.settings.inputs.area
    if table is None:
        return None, []
    path = load.file(table.path)
    if is_osm(path):
        area, findings = osm.read_districts(path, admin_level=table.admin_level, name_tag=table.name)
        findings += overlaps(area, path.name)
    else:
        area, findings = read_areas(path, name=table.name, layer=table.layer)
    if table.population is not None:
        if table.population not in area.columns:
            columns = ", ".join(str(c) for c in area.columns if c != "geometry")
            msg = f"{path.name}: no column {table.population!r}; it has {columns}"
            raise InputError(msg)
        area = area.rename(columns={table.population: "population"})
    return area.set_index("name"), findings


def study_bounds(area: gpd.GeoDataFrame | None, people: People | None, margin_m: float) -> Bounds | None:
    """Return the lon/lat box of the area (of the people where there is none), widened by a margin in metres."""
    if area is not None:
        west, south, east, north = area.total_bounds
    elif people is not None:
        west, south = np.nanmin(people.lonlat, axis=0)
        east, north = np.nanmax(people.lonlat, axis=0)
    else:
        return None
    up = margin_m / 110_500.0
    side = margin_m / (111_300.0 * max(np.cos(np.radians(max(abs(south), abs(north)))), 0.01))
    return float(west - side), float(south - up), float(east + side), float(north + up)


def load_people(load: Loading, area: gpd.GeoDataFrame | None) -> tuple[People, list[Finding]]:
    """Return people inside the area and, where a raster has them, as far around as the settlement needs."""
    table = load.settings.inputs.population
    if table.buildings:
        return _people_of_buildings(load, area)
    path = load.file(table.path)  # type: ignore[arg-type]  # the schema asks for one of both
    if path.suffix.lower() in _RASTERS:
        spec = RasterSpec(bounds=study_bounds(area, None, _SETTLEMENT_MARGIN_M), band=table.band, unit=table.unit)
        cells, findings = read_population_raster(path, spec)
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


def load_network(load: Loading, bounds: Bounds | None) -> tuple[Network, list[Finding]]:
    """Return the streets within `bounds`."""
    path = load.streets
    if not is_osm(path):
        msg = f"{path.name}: not a network this version reads; expected an OpenStreetMap extract ({', '.join(OSM_SUFFIXES)})"
        raise InputError(msg)
    walking = load.settings.walking
    foot = FootAccess(access=walking.access, open_compounds=walking.open_compounds)
    network, findings = osm.read_network(
        path, foot=foot, bounds=bounds, crs=load.settings.inputs.network.crs, cache_dir=load.cache
    )
    if load.settings.inputs.elevation is not None:
        findings.append(
            Finding(
                code="elevation-unused",
                source=load.settings.inputs.elevation.path.name,
                message="heights are not used: this version walks on the flat, times uphill come out too short",
            )
        )
    return network, findings


def load_sites(load: Loading, bounds: Bounds | None, network: Network) -> tuple[Sites, list[Finding]]:
    """Return outlets, banks and candidates within `bounds`, in the coordinate system of the network."""
    findings: list[Finding] = []
    kept: list[Sites] = []
    origin: dict[object, str] = {}
    for role in ("outlets", "banks", "candidates"):
        table: SitesInput | None = getattr(load.settings.inputs, role)
        if table is None:
            continue
        frame, source, found = _read_role(load, role, table)
        findings += found
        frame, found = _near(frame, source, bounds)
        findings += found
        clash = [i for i in frame.index if i in origin]
        if clash:
            shown = ", ".join(map(str, clash[:10]))
            msg = (
                f"{len(clash)} ids stand in {origin[clash[0]]} and in {source}: {shown}; expected ids unique over both"
            )
            raise InputError(msg)
        origin |= dict.fromkeys(frame.index, source)
        kept.append(Sites.from_gdf(frame).to_crs(network.crs))
    sites = kept[0]
    for more in kept[1:]:
        sites += more
    if not sites.open.any():
        message = "no site counts today: no outlet, and no bank marked as partner; coverage is 0 %"
        findings.append(Finding(code="no-open-site", source="sites", message=message, count=0))
    return sites, findings


def _read_role(load: Loading, role: str, table: SitesInput) -> tuple[gpd.GeoDataFrame, str, list[Finding]]:
    """Return one kind of site from its table, or from tags in an OpenStreetMap extract, and where it came from."""
    cost = load.settings.siting.cost
    path = load.file(table.path) if table.path else load.streets
    if table.osm is None:
        spec = PlaceSpec(
            role=role,  # type: ignore[arg-type]
            coordinates=table.coordinates,
            columns=table.columns,
            counts_if=table.counts_if,
            cost={"outlet": 0.0, "bank": cost.bank, "new": cost.new},
        )
        frame, findings = read_sites(path, spec)
        return frame, path.name, findings
    if not is_osm(path):
        msg = f"{path.name}: osm = ... reads an OpenStreetMap extract; expected a name ending in .osm.pbf or .osm"
        raise InputError(msg)
    tags = table.osm if isinstance(table.osm, str) else ",".join(table.osm)
    frame, findings = osm.read_places(path, tags)
    source = f"{path.name} ({tags})"
    if frame.empty:
        msg = f"{path.name}: no object is tagged {tags}; expected some for {role}"
        raise InputError(msg)
    kind = _LETTER[role]
    frame = frame.set_index("id").assign(
        kind=kind, open=kind == "outlet", cost={"bank": cost.bank, "new": cost.new}.get(kind, 0.0)
    )
    if kind == "bank":
        message = f"{len(frame)} bank branches from OpenStreetMap, none known as a partner: none counts today"
        findings.append(Finding(code="no-partner-column", source=source, message=message, count=len(frame)))
    return frame, source, findings


def _near(frame: gpd.GeoDataFrame, source: str, bounds: Bounds | None) -> tuple[gpd.GeoDataFrame, list[Finding]]:
    """Return the sites within `bounds`; those beyond are set aside and counted."""
    if bounds is None:
        return frame, []
    far = ~shapely.intersects(shapely.box(*bounds), frame.geometry.to_numpy())
    if not far.any():
        return frame, []
    middle = ((bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2)
    first = frame[far].iloc[0]
    km = float(WGS84.get_geod().inv(*middle, first.geometry.x, first.geometry.y)[2]) / 1_000  # type: ignore[union-attr]
    where = f"first {frame.index[far][0]}, {km:,.0f} km from the middle of the area"
    if far.all():
        msg = f"{source}: none of {len(frame)} sites lies in the area or near it ({where}); expected coordinates there"
        raise InputError(msg)
    message = f"{int(far.sum())} of {len(frame)} sites lie too far outside the area to matter ({where}): set aside"
    return frame[~far], [Finding(code="far-site", source=source, message=message, count=int(far.sum()))]


def place_people(
    load: Loading, area: gpd.GeoDataFrame | None, people: People, network: Network
) -> tuple[Demand, pd.Series[Any], list[Finding]]:
    """Return the people inside the area with their setting, their districts keyed by id, and what was found."""
    setting, findings = _settings(load, people)
    district, inside, more = _districts(load, area, people)
    population = people.population
    if not (population[inside] > 0).any():
        msg = f"{_people_source(load)}: nobody lives inside the area; expected people there (do both files show one place?)"
        raise InputError(msg)
    demand = Demand(
        ids=people.ids[inside],
        xy=transform(people.lonlat[inside], WGS84, network.crs),
        population=population[inside],
        setting=setting[inside],
        groups={g: people.columns[g][inside].astype(float) for g in people.groups},
        crs=network.crs,
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
            msg = f"{name}: {int(bad.sum())} rows have another setting, first {given[bad].iloc[0]!r}; expected {', '.join(SETTINGS)}"
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


def districts_of(sites: Sites, area: gpd.GeoDataFrame | None, name: str) -> pd.Series[Any]:
    """Return the district of each site, keyed by site id; missing outside the area, `name` without one."""
    if area is None:
        return pd.Series(name, index=sites.ids, name="district", dtype=object)
    row = locate(transform(sites.xy, sites.crs, WGS84), area)
    return pd.Series(np.append(area.index.to_numpy(dtype=object), None)[row], index=sites.ids, name="district")


def check_together(load: Loading, network: Network, demand: Demand, area: gpd.GeoDataFrame | None) -> list[Finding]:
    """Return what the inputs say of each other: streets that miss people, districts without a street.

    Raises
    ------
    InputError
        One in a hundred people or more live more than 2 km outside what the network covers.
    """
    name = load.streets.name
    findings = []
    reach = shapely.buffer(shapely.convex_hull(shapely.multipoints(network.node_xy)), _OUTSIDE_NETWORK_M)
    placed = np.isfinite(demand.xy).all(axis=1)
    outside = placed & ~shapely.contains_xy(reach, demand.xy[:, 0], demand.xy[:, 1])
    people, total = float(demand.population[outside].sum()), float(demand.population.sum())
    text = f"{people:,.0f} of {total:,.0f} people ({people / total:.1%}) live more than 2 km outside its streets"
    if people >= _OUTSIDE_NETWORK_SHARE * total:
        msg = f"{name}: does not cover the study area: {text}; expected an extract of the area and 5 km around it"
        raise InputError(msg)
    if people > 0:
        findings.append(Finding(code="network-misses-people", source=name, message=text, people=people))
    if area is not None:
        shapes = area.to_crs(network.crs)
        tree = shapely.STRtree(network.lines())
        without = [
            str(district)
            for district, shape in shapes.geometry.items()
            if not tree.query(shape, predicate="intersects").size
        ]
        if without:
            message = f"{len(without)} districts have no street: {', '.join(without[:5])}"
            findings.append(Finding(code="district-without-street", source=name, message=message, count=len(without)))
    return findings
