"""The streets of a study, and whether they are those of its people."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from accessibility.errors import InputError
from accessibility.geo.arrays import finite_rows
from accessibility.geo.projection import WGS84, transform
from accessibility.sources import lines
from accessibility.sources.cache import cached_network
from accessibility.sources.checks import Finding
from accessibility.sources.connected import Enclosed, enclose_placed
from accessibility.sources.fetched.keeping import keep_streets
from accessibility.sources.files import is_file
from accessibility.sources.osm import extracts as osm
from accessibility.sources.osm.features import names_frame, water_frame
from accessibility.sources.placed import PlacedStreets, junctions_of, parts_of
from accessibility.sources.raster.surfaces import sample_heights
from accessibility.sources.vectors import read_vector
from accessibility.streets.compounds import enclose_lanes
from accessibility.streets.foot import SHORT_TUNNEL_M
from accessibility.streets.grades import STEEP, STEEP_SHARE, measure_grades
from accessibility.study.loading.context import Bounds, Loading, is_osm
from accessibility.study.scenariofile import read_scenarios
from accessibility.study.schema import OSM_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    import geopandas as gpd
    from numpy.typing import NDArray

    from accessibility.streets.network import Network

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
            message=f"{lanes:,} edges, {lanes_m / 1_000:,.1f} km, are public by their tags, but only private ways lead"
            " to them: taken as private",
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
    hulls: list[Any] = [shapely.convex_hull(shapely.linestrings(xy)) for xy in junctions_of(network)]
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
