"""OpenStreetMap extracts (``.osm.pbf``, ``.osm``, ``.osm.gz``, ``.osm.bz2``): streets, districts, places, buildings.

Files are streamed: node places go to an index on disk, ways arrive one by one and leave only numbers behind, and
whatever has to be done a node is done on arrays.
"""

from __future__ import annotations

import hashlib
import shutil
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import osmium
import shapely
from osmium.osm import AREA, NODE, RELATION, WAY
from pyproj import CRS
from pyproj.exceptions import CRSError

from accessibility.errors import InputError, OutputError
from accessibility.sources.cache import cached_network
from accessibility.sources.checks import Finding
from accessibility.sources.files import absence, is_file, is_full, no_room, passing_folder
from accessibility.sources.osm.features import (
    WATER_TAGS,
    BuildingTable,
    DistrictChoice,
    Feature,
    districts_frame,
    name_rank,
    names_frame,
    places_frame,
    water_frame,
)
from accessibility.sources.osm.ordering import in_order, own_id
from accessibility.sources.osm.pbf import look_through
from accessibility.sources.osm.squares import cross_squares
from accessibility.sources.osm.streets import INDEX, Streets, findings, located, refs_of
from accessibility.sources.osm.tags import NAME_KEYS, has_any, parse_tags, tagged_name
from accessibility.sources.osm.topology import Bounds, build_network
from accessibility.streets.delays import Delays
from accessibility.streets.foot import PIER_KEYS, FootAccess, street_of
from accessibility.streets.spelling import reasons

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping

    import geopandas as gpd

    from accessibility.streets.network import Network

SUFFIXES = (".osm.pbf", ".pbf", ".osm", ".osm.gz", ".osm.bz2")
_KNOWN = ", ".join(SUFFIXES)
_STREET_KEYS = ("highway", "route", *PIER_KEYS)
_MARK_KEYS = ("barrier", "door", "entrance", "crossing", "crossing:signals", "highway")
_NAMING_KEYS = ("place", "highway", *NAME_KEYS)
_DISK_FACTOR = 8  # the index of node places takes 16 bytes a node, a node in a dense block at least 2


def read_network(
    path: str | os.PathLike[str],
    *,
    foot: FootAccess | None = None,
    bounds: Bounds | None = None,
    crs: CRS | str | int | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
) -> tuple[Network, list[Finding]]:
    """Return the walkable network of an extract, and what was set aside or looks suspicious.

    Parameters
    ----------
    path
        The extract. A ``<path>.md5`` beside it is compared with its content.
    foot
        The foot-access table; the default one if not given.
    bounds
        West, south, east, north in degrees: ways wholly outside are left out.
    crs
        The projected coordinate system of the network; one centred on it if not given.
    cache_dir
        A folder where the result is kept, by content and settings.

    Raises
    ------
    InputError
        A file that is missing, empty, damaged, no OpenStreetMap data, or without a walkable way.
    OutputError
        No room for the index of node places in the temporary folder, or a cache that cannot be written.
    """
    file = _checked(path)
    foot = foot or FootAccess()
    try:
        target = None if crs is None else CRS.from_user_input(crs)
    except CRSError as error:
        msg = f"coordinate system of the network is {crs!r} ({error}); expected one that PROJ knows"
        raise InputError(msg) from error
    settings = {"foot": asdict(foot), "bounds": bounds, "crs": target and target.to_wkt()}
    return cached_network(file, settings, cache_dir, lambda: _parse(file, foot, bounds, target))


def _parse(path: Path, foot: FootAccess, bounds: Bounds | None, crs: CRS | None) -> tuple[Network, list[Finding]]:
    with passing_folder() as folder, _readable(path) as ordered:
        _room_for(ordered, folder)
        index = folder / "places"
        streets = _stream(ordered, foot, index)
        tally = streets.tally()
        if not streets.counts:
            msg = (
                f"{path}: none of its {streets.census.ways:,} ways may be walked ({tally.total():,} streets or ferries"
                f"{reasons(tally)}); expected at least one walkable way"
            )
            raise InputError(msg)
        ways, strange = located(streets, index)
    del streets.refs[:]  # as large as the network itself, and done with
    if bounds is not None:
        ways = ways.within(bounds)
        if not len(ways):
            msg = f"{path}: none of its {tally['']:,} walkable ways meets the box {bounds}; expected some of them there"
            raise InputError(msg)
    crossed, outlined = cross_squares(ways)
    try:
        network = build_network(crossed, marked=streets.marked, delays=Delays.of(foot), crs=crs)
    except InputError as error:
        msg = f"{path}: {error}"
        raise InputError(msg) from error
    return network, findings(path.name, streets, ways, strange, outlined)


def _stream(path: Path, foot: FootAccess, index: Path) -> Streets:
    streets = Streets(foot=foot)
    places = osmium.index.create_map(f"sparse_file_array,{index}")
    passing: Any = osmium.FileProcessor(path, NODE | WAY | RELATION).with_locations(places)  # type: ignore[arg-type]
    passing.with_filter(streets.census).with_filter(_only(WAY | RELATION, osmium.filter.KeyFilter(*_STREET_KEYS)))
    passing.with_filter(_only(NODE, osmium.filter.KeyFilter(*_MARK_KEYS)))
    for thing in passing:
        if thing.is_node():
            streets.mark(thing)
        elif thing.is_way():
            streets.keep(thing)
        else:
            streets.keep_relation(thing)
    streets.nodes = places.used_memory() // INDEX.itemsize
    members = streets.members
    found = _objects(path, WAY, osmium.filter.IdFilter(members)) if members else ()
    around, bare = {}, {}
    for way in found:
        around[way.id] = refs_of(way)
        if not street_of(dict(way.tags)):  # else it was judged by its own tags
            bare[way.id] = around[way.id]
    streets.add_squares(around)
    streets.add_routes(bare)
    return streets


def read_districts(
    path: str | os.PathLike[str], *, admin_level: int | None = None, name_tag: str = "name"
) -> tuple[gpd.GeoDataFrame, list[Finding]]:
    """Return the administrative areas of one level that the extract holds whole.

    An area with a missing piece is counted, never drawn. People are the area's own `population`, else that of the
    place of the same name inside it: villages within it would be counted twice.

    Parameters
    ----------
    path
        The extract.
    admin_level
        OpenStreetMap's level (8 is a municipality in much of Europe, a township in China); the most detailed one
        with at least two whole areas if not given.
    name_tag
        The tag that names an area, such as ``name:zh``; `name` where an area lacks it.

    Returns
    -------
    frame
        Columns id (``r`` or ``w`` and the number), name, admin_level, population (NaN where unknown), and
        multipolygons in EPSG:4326; ordered by id.
    findings
        What was set aside.

    Raises
    ------
    InputError
        A file that cannot be read, or without a whole area of that level.
    """
    file = _checked(path)
    wanted = osmium.filter.TagFilter(("boundary", "administrative"))
    listed: list[Feature] = []
    rings: set[str] = set()
    with _readable(file) as ordered:
        for thing in _objects(ordered, WAY | RELATION, wanted):
            made_of_rings = thing.is_relation() and thing.tags.get("type") in ("boundary", "multipolygon")
            if made_of_rings:
                rings |= {f"w{own_id(member.ref)}" for member in thing.members if member.type == "w"}
            if made_of_rings or (thing.is_way() and thing.ends_have_same_id() and tagged_name(dict(thing.tags))):
                listed.append(Feature(id=f"{thing.type_str()}{own_id(thing.id)}", tags=dict(thing.tags)))
        shapes = [_feature(area) for area in _areas(ordered, wanted, osmium.filter.EntityFilter(AREA))]
        populated = _objects(ordered, NODE, osmium.filter.KeyFilter("population"))
        places = [_feature(node) for node in populated if "place" in node.tags and node.location.valid()]
    # A ring of a relation often repeats the relation's tags; it is a piece of the area, not an area.
    choice = DistrictChoice(source=file.name, level=admin_level, name_tag=name_tag)
    whole = [shape for shape in shapes if shape.id not in rings]
    return districts_frame(whole, [shape for shape in listed if shape.id not in rings], places, choice)


def read_places(
    path: str | os.PathLike[str], tags: str | Mapping[str, str | tuple[str, ...]]
) -> tuple[gpd.GeoDataFrame, list[Finding]]:
    """Return the places with one of the tags, each as a point.

    Areas stand at a point inside them, lines at their middle. A node and an area of one name and tag within 30 m
    are one place: the node; an area and a way around it with its tag are one, too. Of a tag with several values
    (``bank;atm``) one is enough. What is disused, under construction or never open is left out.

    Parameters
    ----------
    path
        The extract.
    tags
        ``"amenity=townhall,amenity=bank"``, or key to value or values.

    Returns
    -------
    frame
        Columns id (``n``, ``w`` or ``r`` and the number), name, the keys of `tags`, amenity, operator, brand,
        opening_hours, addr (texts, empty where unknown), and points in EPSG:4326; ordered by id.
    findings
        What was merged or set aside.
    """
    file = _checked(path)
    given = parse_tags(tags) if isinstance(tags, str) else tags
    wanted = {key: (values,) if isinstance(values, str) else values for key, values in given.items()}
    only = osmium.filter.KeyFilter(*wanted)
    features: dict[str, Feature] = {}
    rings: dict[str, frozenset[str]] = {}
    with _readable(file) as ordered:
        for thing in _areas(ordered, only):
            if not has_any(dict(thing.tags), wanted):
                continue
            feature = _feature(thing)
            if thing.is_area() or feature.id not in features:  # an area may come before or after what it is made of
                features[feature.id] = feature
            if thing.is_relation():
                rings[feature.id] = _rings(thing)
    whole = (replace(feature, rings=rings.get(feature.id, frozenset())) for feature in features.values())
    return places_frame(whole, wanted, source=file.name)


def read_buildings(
    path: str | os.PathLike[str], *, bounds: Bounds | None = None
) -> tuple[gpd.GeoDataFrame, list[Finding]]:
    """Return a point inside each building, its footprint, storeys and use.

    A way around a building that repeats its tags is no other building.

    Parameters
    ----------
    path
        The extract.
    bounds
        West, south, east, north in degrees: buildings whose point lies outside are left out.

    Returns
    -------
    frame
        Columns id, footprint_m2, levels (see `accessibility.sources.osm.tags.levels_of`), use (``residential``,
        ``unknown``, ``other``), and points in EPSG:4326.
    findings
        Buildings whose outline is not closed or not whole.
    """
    file = _checked(path)
    only = osmium.filter.KeyFilter("building")
    table = BuildingTable(bounds)
    points = outlines = 0
    rings: dict[str, frozenset[str]] = {}
    with _readable(file) as ordered:
        for thing in _areas(ordered, only):
            if thing.tags["building"] == "no":
                continue
            if thing.is_relation():
                rings[f"r{own_id(thing.id)}"] = _rings(thing)
            if thing.is_area():
                outlines -= 1
                table.add(_area_id(thing), _outline(thing), dict(thing.tags))
            elif thing.is_node():
                points += 1
            else:
                outlines += 1
    frame = table.frame()
    around = {ring for relation in {*frame["id"]} & {*rings} for ring in rings[relation]}
    once = ~frame["id"].isin(around)
    said = {
        "repeated-building": (int((~once).sum()), "ways around buildings repeat their tags; each building counts once"),
        "broken-building": (outlines, "buildings have no closed, whole outline in the file; left out"),
        "building-point": (points, "buildings are mapped as points, without a footprint; left out"),
    }
    set_aside = [
        Finding(code=code, source=file.name, message=f"{count:,} {text}", count=count)
        for code, (count, text) in said.items()
        if count
    ]
    return frame[once].reset_index(drop=True), set_aside


def read_water(path: str | os.PathLike[str], bounds: Bounds | None = None) -> tuple[gpd.GeoDataFrame, list[Finding]]:
    """Return lakes, reservoirs, docks and wide rivers as polygons, their islands cut out.

    Bridges and piers do not matter: what stands on one stands in water. Water below ground is none.

    Parameters
    ----------
    path
        The extract.
    bounds
        West, south, east, north in degrees: waters wholly outside are left out, the others are whole.

    Returns
    -------
    frame
        Columns id, name, water (``river``, ``lake``, ...) and polygons in EPSG:4326; ordered by id.
    findings
        Waters whose rings are not whole in the file or do not close, which are left out.
    """
    file = _checked(path)
    with _readable(file) as ordered:
        features = [_feature(thing) for thing in _areas(ordered, osmium.filter.TagFilter(*WATER_TAGS))]
    return water_frame(features, source=file.name, bounds=bounds)


def read_names(path: str | os.PathLike[str]) -> gpd.GeoDataFrame:
    """Return the names of settlements and streets, for orientation on a map.

    Parameters
    ----------
    path
        The extract.

    Returns
    -------
    frame
        Columns name, rank (0 for those that show first) and geometry in EPSG:4326: points of settlements, lines of
        streets.
    """
    named = osmium.filter.KeyFilter("name", "name:zh", "name:en")
    lines = osmium.geom.WKBFactory()
    tags: list[dict[str, str]] = []
    shapes: list[str] = []
    with _readable(_checked(path)) as ordered:
        found = osmium.FileProcessor(ordered, osmium.osm.NODE | osmium.osm.WAY).with_locations("sparse_file_array")
        thing: Any
        for thing in found.with_filter(osmium.filter.KeyFilter("place", "highway")).with_filter(named):
            told = {key: value for key in _NAMING_KEYS if (value := thing.tags.get(key)) is not None}
            if name_rank(told) is None:
                continue
            with suppress(RuntimeError, osmium.InvalidLocationError):  # nodes outside of the file, a line of one place
                shapes.append(lines.create_linestring(thing) if thing.is_way() else lines.create_point(thing))
                tags.append(told)
    return names_frame(tags, shapely.from_wkb(np.array(shapes, dtype=object)).tolist())


@contextmanager
def _readable(path: Path) -> Iterator[Path]:
    """Yield the extract in order; what osmium says of a damaged one becomes our error."""
    try:
        with in_order(path) as ordered:
            yield ordered
    except (InputError, OutputError):
        raise
    except (RuntimeError, ValueError, osmium.InvalidLocationError) as error:
        if is_full(error):
            raise no_room(error) from error
        msg = f"{path}: cannot be read as OpenStreetMap data ({error}); expected a whole file, one of {_KNOWN}"
        raise InputError(msg) from error


def _checked(path: str | os.PathLike[str]) -> Path:
    """Return the path of a file that is there, is not empty, and is the one its checksum belongs to."""
    file = Path(path)
    if not is_file(file):
        msg = f"{file}: {absence(file)}; expected an OpenStreetMap extract, one of {_KNOWN}"
        raise InputError(msg)
    if not file.name.endswith(SUFFIXES):
        msg = f"{file}: is not named as an OpenStreetMap extract; expected one of {_KNOWN}"
        raise InputError(msg)
    if not file.stat().st_size:
        msg = f"{file}: the file is empty; expected an OpenStreetMap extract"
        raise InputError(msg)
    if file.suffix == ".pbf":
        look_through(file)
    beside = file.with_name(f"{file.name}.md5")
    if beside.is_file():
        told = (beside.read_text(encoding="utf-8", errors="replace").split() or [""])[0].lower()
        with file.open("rb") as stream:
            found = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        if told != found:
            msg = f"{file}: its MD5 is {found}; {beside.name} expected {told!r}; the file may be cut short"
            raise InputError(msg)
    return file


def _room_for(path: Path, folder: Path) -> None:
    """Refuse to start where the index on disk could run out of room: the system ends a process for that."""
    free, needed = shutil.disk_usage(folder).free, path.stat().st_size * _DISK_FACTOR
    if free < needed:
        msg = f"{folder}: {free:,} bytes are free; reading {path.name} may need {needed:,}"
        raise OutputError(msg)


def _only(entities: Any, tags: Any) -> Any:
    """Return the filter, bound to some types of objects; others pass."""
    tags.enable_for(entities)
    return tags


def _feature(thing: Any) -> Feature:
    tags = dict(thing.tags)
    if thing.is_area():
        return Feature(id=_area_id(thing), tags=tags, shape=shapely.from_wkb(_outline(thing)))
    shape: Any = None
    if thing.is_node():
        shape = shapely.Point(thing.lon, thing.lat) if thing.location.valid() else None
    elif thing.is_way():
        # An open way, or one that is no area: its line. A closed one comes again as an area.
        line = [(n.lon, n.lat) for n in thing.nodes if n.location.valid()]
        whole = len(line) == len(thing.nodes) and len(set(line)) > 1
        shape = shapely.LineString(line) if whole else None
    return Feature(id=f"{thing.type_str()}{own_id(thing.id)}", tags=tags, shape=shape)


def _rings(relation: Any) -> frozenset[str]:
    """Return the ids of the ways around the area of a relation, without those around its holes."""
    around = (member for member in relation.members if member.type == "w" and member.role != "inner")
    return frozenset(f"w{own_id(member.ref)}" for member in around)


def _area_id(area: Any) -> str:
    return f"{'w' if area.from_way() else 'r'}{own_id(area.orig_id())}"


def _outline(area: Any) -> str:
    return str(osmium.geom.WKBFactory().create_multipolygon(area))


def _objects(path: Path, entities: Any, wanted: Any) -> Any:
    """Return the objects of some types that `wanted` lets pass."""
    return osmium.FileProcessor(path, entities).with_filter(wanted)


def _areas(path: Path, wanted: Any, *only: Any) -> Iterator[Any]:
    """Yield every object that `wanted` and `only` let pass, areas assembled.

    Of rings that do not close or that cross, osmium makes an area without an outline: it is left out here, as one whose
    rings are not all in the file, and the relation or way around it alone comes.
    """
    found: Any = osmium.FileProcessor(path).with_locations("sparse_file_array").with_areas(wanted).with_filter(wanted)
    for one in only:
        found = found.with_filter(one)
    for thing in found:
        if not thing.is_area() or thing.num_rings()[0]:
            yield thing
