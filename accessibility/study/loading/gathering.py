"""Everything that a study is made of, read in the order in which one thing needs another; its streets."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import shapely

from accessibility.errors import Finding, InputError, warn_of
from accessibility.geo.arrays import finite_rows
from accessibility.geo.projection import WGS84, Bounds, transform
from accessibility.measures.walkers import others_of
from accessibility.sources import lines
from accessibility.sources.cache import cached_network, refuse_changed, stamp_files
from accessibility.sources.components import Enclosed, enclose_placed
from accessibility.sources.detection import ENOUGH, Surroundings, suspect_datum
from accessibility.sources.fetched.keeping import keep_streets
from accessibility.sources.files import is_file
from accessibility.sources.osm import extracts as osm
from accessibility.sources.osm.features import names_frame, water_frame
from accessibility.sources.raster.surfaces import sample_heights
from accessibility.sources.street_store import PlacedStreets, junctions_of, parts_of
from accessibility.sources.vectors import read_vector
from accessibility.streets.foot import SHORT_TUNNEL_M
from accessibility.streets.grades import STEEP, STEEP_SHARE, measure_grades
from accessibility.streets.network import enclose_lanes
from accessibility.study.loading.context import Loading, input_files, is_osm, study_bounds
from accessibility.study.loading.people import load_people, place_people
from accessibility.study.loading.people_on_disk import WindowedDemand, settle_windows
from accessibility.study.loading.sites import districts_of, load_area, load_sites
from accessibility.study.loading.windows import WindowedPeople, read_windows, reads_windows
from accessibility.study.saving import keep_findings
from accessibility.study.scenariofile import read_scenarios
from accessibility.study.schema import OSM_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from accessibility.demand import Demand
    from accessibility.streets.network import Network
    from accessibility.study.loading.cells import People
    from accessibility.study.loading.people import Inhabitants

    Homes = Iterable[tuple[NDArray[np.float64], NDArray[np.float64]]]

_OUTSIDE_NETWORK_M = 2_000.0
_SOME_JUNCTIONS = 10_000
_OUTSIDE_NETWORK_SHARE = 0.01
_INHABITED_M = 5_300.0  # La Rinconada in Peru, the highest town, lies at 5,100 m
_HIGH_SHARE = 0.05


def load_network(load: Loading, bounds: Bounds | None) -> tuple[Network, list[Finding]]:
    """Return the streets within `bounds`, lanes that only private ways lead to made private too.

    Streets that a study saved, were edited or given as arrays are taken as they are; those in memory are not cut.
    """
    if load.settings.inputs.network.saved:
        return _saved(load), []
    given = load.network
    if given is not None and (given.provenance is None or given.pieces is not None):
        return given, []
    network, findings = _read(load, bounds)
    network, enclosed = enclose_lanes(network)
    some = (network.closed, enclosed)
    closed, alone = ((int(edges.sum()), float(network.length_m[edges].sum())) for edges in some)
    return network, findings + _of_edges(load, Enclosed(closed=closed, enclosed=alone))


def place_streets(load: Loading, bounds: Bounds | None, folder: Path) -> tuple[PlacedStreets, list[Finding]]:
    """Return what `load_network` returns, of an extract of any size, by place in an empty folder."""
    extract, settings = load.extract(load.streets), load.settings
    foot, crs = settings.walking.foot, settings.inputs.network.crs
    streets, findings = osm.place_network(extract, folder, foot=foot, bounds=bounds, crs=crs)
    return streets, findings + _of_edges(load, enclose_placed(streets))


def can_place(load: Loading) -> bool:
    """Return whether `place_streets` reads the streets of a study: those of an extract, as they are."""
    table = load.settings.inputs.network
    plain = table.path is not None and not (table.saved or table.noded or table.layer is not None)
    in_file = plain and load.network is None and is_osm(load.streets)
    return in_file and load.settings.inputs.elevation is None


def _of_edges(load: Loading, told: Enclosed) -> list[Finding]:
    """Return what is found on tunnels and compounds."""
    (tunnels, tunnels_m), (lanes, lanes_m) = told.closed, told.enclosed
    found = [
        Finding(
            code="long-tunnels",
            source=load.streets.name,
            message=f"{tunnels:,} edges, {tunnels_m / 1_000:,.1f} km, lie in tunnels of main roads of more than"
            f" {SHORT_TUNNEL_M:.0f} m without a sidewalk: not walked",
            count=tunnels,
        ),
        Finding(
            code="enclosed-lanes",
            source=load.streets.name,
            message=f"{lanes:,} edges, {lanes_m / 1_000:,.1f} km, are public by tag, but only private ways lead"
            " there: taken as private",
            count=lanes,
        ),
    ]
    return [finding for finding in found if finding.count]


def _saved(load: Loading) -> Network:
    edits = load.settings.inputs.network.edits
    told = () if edits is None else read_scenarios(load.file(edits))
    return lines.read_saved(load.streets, [edit for scenario in told for edit in scenario.edits])


def _read(load: Loading, bounds: Bounds | None) -> tuple[Network, list[Finding]]:
    if load.network is not None:
        read = load.network.provenance
        return load.network, [] if read is None else [*read.findings, *lines.findings_of(load.streets, read.said)]
    path, table = load.streets, load.settings.inputs.network
    foot = load.settings.walking.foot
    suffix = path.suffix.lower()
    if suffix not in lines.SUFFIXES and (table.noded or table.layer is not None):
        msg = f"{path.name}: layer and noded are for files of lines; expected one ({', '.join(lines.SUFFIXES)})"
        raise InputError(msg)
    fetched = [] if load.asked is None else keep_streets(load.asked)
    if is_osm(path):
        network, findings = osm.read_network(load.extract(path), foot=foot, bounds=bounds, crs=table.crs)
        return network, fetched + findings
    if suffix in lines.SUFFIXES:
        options: dict[str, Any] = {"layer": table.layer, "noded": table.noded, "crs": table.crs, "bounds": bounds}
        settings = options | {"reader": "lines", "foot": asdict(foot), "beside": lines.fingerprints(path)}
        return _kept(load, settings, lambda: lines.read_lines(path, foot=foot, **options))
    if suffix == ".graphml":
        if table.crs is not None:
            msg = f"{path.name}: a graph brings its own coordinate system; expected no crs"
            raise InputError(msg)
        return _kept(load, {"reader": "graphml", "foot": asdict(foot)}, lambda: lines.read_graphml(path, foot))
    known = (", ".join(OSM_SUFFIXES), ", ".join(lines.SUFFIXES))
    msg = f"{path.name}: not a network; expected an OpenStreetMap extract ({known[0]}), lines ({known[1]}) or .graphml"
    raise InputError(msg)


def _kept(
    load: Loading, settings: dict[str, object], build: Callable[[], tuple[Network, list[Finding]]]
) -> tuple[Network, list[Finding]]:
    """Return what `build` reads from the streets' file, from the cache where the same bytes were read alike before."""
    path = load.streets
    return cached_network(path, settings, load.cache, build) if is_file(path) else build()


def load_heights(load: Loading, network: Network) -> tuple[Network, list[Finding]]:
    """Return the network with climbs and slopes, where the study names heights."""
    table = load.settings.inputs.elevation
    if table is None:
        return network, []
    path = load.file(table.path)
    findings: list[Finding] = []
    found_at, high = 0, 0

    def heights_at(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        heights, found = sample_heights(path, xy, network.crs)
        for finding in found:
            same = next((i for i, known in enumerate(findings) if known.code == finding.code), None)
            if same is None:
                findings.append(finding)
            else:
                findings[same] = replace(findings[same], count=findings[same].count + finding.count)
        nonlocal found_at, high
        found_at, high = found_at + int(np.isfinite(heights).sum()), high + int((heights > _INHABITED_M).sum())
        return heights

    network, missing, steep = measure_grades(network, heights_at, load.settings.walking.slope_factor)
    if missing > 0:
        message = (
            f"{missing:.1%} of the streets' length has no heights: taken from heights nearby, flat where there are none"
        )
        findings.append(Finding(code="heights-missing", source=path.name, message=message))
    if high > _HIGH_SHARE * found_at:
        message = (
            f"{high / found_at:.1%} of the places on streets lie above {_INHABITED_M:,.0f} m, where no town is: are "
            "the heights in feet or decimetres? Declare the raster's unit or scale"
        )
        findings.append(Finding(code="heights-unit", source=path.name, message=message, count=high))
    if steep > STEEP_SHARE:
        message = (
            f"{steep:.1%} of the length of roads climbs by more than {STEEP:.0%}: are the heights in feet or "
            "decimetres, or voids among them? Declare the raster's unit, scale and nodata"
        )
        findings.append(Finding(code="steep-streets", source=path.name, message=message))
    return network, findings


def load_water(inputs: Mapping[str, Path], network: Network, extract: osm.Extract | None = None) -> gpd.GeoDataFrame:
    """Return the waters of the network's extract around its streets, or those saved; none where there is neither."""
    if "water" in inputs:
        return read_vector(inputs["water"])
    path = inputs.get("network")
    if path is None or not is_osm(path):
        return water_frame([], source="", bounds=None)[0]
    lonlat = transform(network.node_xy, network.crs, WGS84)
    (west, south), (east, north) = lonlat.min(axis=0).tolist(), lonlat.max(axis=0).tolist()
    return osm.read_water(extract or path, (west, south, east, north))[0]


def load_names(inputs: Mapping[str, Path], extract: osm.Extract | None = None) -> gpd.GeoDataFrame:
    """Return the names of settlements and streets of the network's extract, or those saved; none without either."""
    if "names" in inputs:
        return read_vector(inputs["names"])
    path = inputs.get("network")
    return osm.read_names(extract or path) if path is not None and is_osm(path) else names_frame([], [])


def check_together(
    load: Loading, network: Network | PlacedStreets, homes: Homes, area: gpd.GeoDataFrame | None
) -> list[Finding]:
    """Return what the inputs say of each other: streets that miss people, districts without a street.

    Parameters
    ----------
    load, network, area
        The study's settings, streets and districts.
    homes
        Places of people in the coordinate system of the streets, and how many live there, in parts.

    Raises
    ------
    InputError
        One in a hundred people or more live more than 2 km outside what the network covers.
    """
    name = load.streets.name
    findings = []
    shapes = None if area is None else area.to_crs(network.crs).geometry
    without = [] if shapes is None else _without_street(shapes, network)
    junctions = (xy if len(xy) > 1 else xy.repeat(2, axis=0) for xy in junctions_of(network))
    hulls: list[Any] = [shapely.convex_hull(shapely.linestrings(xy)) for xy in junctions]
    hull = shapely.convex_hull(shapely.GeometryCollection(hulls))
    reach = shapely.buffer(hull, _OUTSIDE_NETWORK_M)
    west, south, east, north = shapely.bounds(hull)
    in_box = shapely.contains_properly(reach, shapely.box(west, south, east, north))  # who stands in it is told sooner
    people = total = 0.0
    for xy, population in homes:
        outside, (x, y) = finite_rows(xy), xy.T
        if in_box:
            outside &= (x < west) | (x > east) | (y < south) | (y > north)
        outside[outside] = ~shapely.contains_xy(reach, x[outside], y[outside])
        people, total = people + float(population[outside].sum()), total + float(population.sum())
    text = f"{people:,.0f} of {total:,.0f} people ({people / total:.1%}) live more than 2 km outside its streets"
    if people >= _OUTSIDE_NETWORK_SHARE * total:
        msg = f"{name}: does not cover the study area: {text}; expected an extract of the area and 5 km around it"
        raise InputError(msg)
    if people > 0:
        findings.append(Finding(code="network-misses-people", source=name, message=text, people=people))
    if without:
        message = f"{len(without)} districts have no street: {', '.join(without[:5])}"
        findings.append(Finding(code="district-without-street", source=name, message=message, count=len(without)))
    return findings


def _without_street(shapes: gpd.GeoSeries, network: Network | PlacedStreets) -> list[str]:
    """Return the names of the districts that no street touches; most have a junction, which is seen sooner."""
    polygons = shapes.to_numpy()
    doubtful = np.arange(len(polygons))
    for xy in junctions_of(network):
        some: Any = shapely.points(xy[:: max(1, len(xy) // _SOME_JUNCTIONS)])
        seen = np.unique(shapely.STRtree(some).query(polygons[doubtful], predicate="intersects")[0])
        doubtful = np.delete(doubtful, seen)
    if not doubtful.size:
        return []
    for part in parts_of(network, shapely.total_bounds(polygons[doubtful])):
        tree = shapely.STRtree(part.lines())
        doubtful = np.array(
            [row for row in doubtful if not tree.query(polygons[row], predicate="intersects").size], int
        )
    return [str(name) for name in shapes.index[doubtful]]


def gather_inputs(load: Loading, source: str, step: Callable[[str], None]) -> dict[str, Any]:
    """Return the fields of a study but for its path and settings.

    Where `load` has a scratch its streets are returned by place, and people of a raster in blocks, see
    `WindowedDemand`, without what a study knows of them beside.

    Parameters
    ----------
    load
        Settings, and where the inputs lie.
    source
        What findings are said of, in a warning.
    step
        Called with the name of each step as it begins.
    """
    settings = load.settings
    name = settings.name or load.folder.name
    stamps = stamp_files(input_files(load).values())
    step("Districts")
    area, of_area = load_area(load)
    step("People")
    people: People | WindowedPeople
    people, of_people = read_windows(load, area) if reads_windows(load) else load_people(load, area)
    bounds = study_bounds(area, people.lonlat, load.margin_m)
    step("Settings and districts")
    demand: Demand | WindowedDemand
    beside: dict[str, Any] = {}
    if isinstance(people, WindowedPeople):
        demand, of_places = settle_windows(load, people)
    else:
        inhabitants, of_places = place_people(load, area, people)
        demand, beside = inhabitants.demand, _beside(inhabitants)
    step("Streets")
    network: Network | PlacedStreets
    of_heights: list[Finding] = []
    if load.scratch is not None:
        network, of_network = place_streets(load, bounds, load.scratch)
    else:
        network, of_network = load_network(load, bounds)
        network, of_heights = load_heights(load, network)
    if not isinstance(people, WindowedPeople):
        of_people += suspect_people(load, people, network, area, bounds)
    step("Sites")
    sites, of_sites = load_sites(load, bounds, network, area)
    demand = demand.to_crs(network.crs)
    _refuse_walkers(demand, settings.walking.groups or (), source)
    homes = demand.homes() if isinstance(demand, WindowedDemand) else [(demand.xy, demand.population)]
    together = check_together(load, network, homes, area)
    files = input_files(load)
    findings = (*of_area, *of_people, *of_network, *of_heights, *of_sites, *of_places, *together)
    findings = keep_findings(files, findings)
    refuse_changed(stamps)
    warn_of(source, findings)
    return {
        "network": network,
        "demand": demand,
        "sites": sites,
        "site_district": districts_of(sites, area, name),
        "districts": area,
        "inputs": files,
        "extract": load.extract(files["network"]) if "network" in files and is_osm(files["network"]) else None,
        "findings": findings,
        **beside,
    }


def _beside(people: Inhabitants) -> dict[str, Any]:
    """Return what a study knows of its people beside them, where they are in memory."""
    return {
        "district": people.district,
        "shifted_settings": people.shifted,
        "shapes": people.shapes,
        "density": people.density,
    }


def _refuse_walkers(demand: Demand | WindowedDemand, groups: Iterable[str], source: str) -> None:
    """Refuse walkers of groups that the people do not have, or that overlap."""
    names = [*groups]
    parts = [demand] if not isinstance(demand, WindowedDemand) else demand.parts() if names else ()
    try:
        for part in parts:
            others_of(part, names)
    except InputError as error:
        msg = f"{source}: walking.groups: {error}"
        raise InputError(msg) from error


def suspect_people(
    load: Loading,
    people: People,
    network: Network | PlacedStreets,
    area: gpd.GeoDataFrame | None,
    bounds: Bounds | None,
) -> list[Finding]:
    """Return a finding where the rows of a table fit districts and streets clearly better if read otherwise.

    Homes near the study area are asked, two thousand of them at most, evenly through the table.
    """
    path = load.settings.inputs.population.path
    if path is None or "label" not in people.columns:
        return []
    lon, lat = people.lonlat.T
    west, south, east, north = bounds or (-180.0, -90.0, 180.0, 90.0)
    near = (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north) & (people.population > 0)
    rows = np.flatnonzero(near)
    rows = rows[:: max(1, len(rows) // ENOUGH)]
    homes = gpd.GeoDataFrame(
        {"address": people.columns["label"][rows]}, geometry=shapely.points(people.lonlat[rows]), crs=WGS84
    )
    ground = Surroundings(network=network, districts=area)
    coordinates = load.settings.inputs.population.coordinates
    return suspect_datum(homes, coordinates, ground, source=path.name, what="homes")[1]
