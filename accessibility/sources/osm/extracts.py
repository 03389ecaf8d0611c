"""OpenStreetMap extracts (``.osm.pbf``, ``.osm``, ``.osm.gz``, ``.osm.bz2``): streets, districts, places, buildings.

Files are streamed, once for all that is asked of them: node places go to an index on disk, ways arrive one by one and
leave only numbers behind, and whatever has to be done a node is done on arrays. See `Extract`.
"""

from __future__ import annotations

import hashlib
import shutil
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import osmium
from osmium.osm import AREA, NODE, RELATION, WAY
from pyproj import CRS
from pyproj.exceptions import CRSError

from accessibility.errors import Finding, InputError, OutputError
from accessibility.sources.cache import HELD, cached_network, kept_file, load_arrays, sha256_file, store_arrays
from accessibility.sources.files import absence, is_file, is_full, no_room, passing_folder
from accessibility.sources.osm.blocks import BlockLayer
from accessibility.sources.osm.features import (
    DistrictChoice,
    buildings_frame,
    districts_frame,
    names_frame,
    places_frame,
    water_frame,
)
from accessibility.sources.osm.layers import (
    BuildingLayer,
    DistrictLayer,
    Kept,
    Layer,
    NameLayer,
    PlaceLayer,
    StreetLayer,
    WaterLayer,
    unpack_features,
)
from accessibility.sources.osm.ordering import in_order
from accessibility.sources.osm.squares import cross_squares
from accessibility.sources.osm.streets import Noted, Survey, findings, surveyed
from accessibility.sources.osm.tags import parse_tags
from accessibility.sources.osm.topology import build_network
from accessibility.sources.street_store import place_edges
from accessibility.streets.foot import Delays, FootAccess
from accessibility.streets.network import refuse_unmetric
from accessibility.streets.spelling import reasons

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import geopandas as gpd

    from accessibility.geo.projection import Bounds
    from accessibility.sources.street_store import PlacedStreets
    from accessibility.streets.network import Network

SUFFIXES = (".osm.pbf", ".pbf", ".osm", ".osm.gz", ".osm.bz2")
_KNOWN = ", ".join(SUFFIXES)
_DISK_FACTOR = 8  # the index of node places takes 16 bytes a node, a node in a dense block at least 2


class Need(NamedTuple):
    """A layer that is asked of an extract: its kind, and the tags or the foot-access table that decide it."""

    kind: str
    by: Any = None


def place_need(tags: str | Mapping[str, str | tuple[str, ...]]) -> Need:
    """Return the need of places with one of the tags."""
    given = parse_tags(tags) if isinstance(tags, str) else tags
    return Need(
        "places", {key: (values,) if isinstance(values, str) else tuple(values) for key, values in given.items()}
    )


DISTRICTS, BUILDINGS, WATER, NAMES = Need("districts"), Need("buildings"), Need("water"), Need("names")
_LAYERS: dict[str, Callable[..., Layer | StreetLayer]] = {
    "districts": DistrictLayer,
    "places": PlaceLayer,
    "buildings": BuildingLayer,
    "water": WaterLayer,
    "names": NameLayer,
    "streets": StreetLayer,
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Extract:
    """An extract of which everything that is asked for is read in one pass, and kept by content."""

    path: Path
    cache: Path | None = None  # a folder where layers are kept; without one they are kept in memory
    needs: tuple[Need, ...] = ()  # layers that are read together, as soon as one is asked for that is not kept
    _held: dict[str, Kept] = field(default_factory=dict, repr=False)
    _digests: dict[tuple[int, int, int], str] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, path: str | os.PathLike[str], cache: str | os.PathLike[str] | None = None) -> Extract:
        """Return the extract itself, or that at a path, of which nothing else is needed."""
        return path if isinstance(path, Extract) else cls(path=Path(path), cache=None if cache is None else Path(cache))

    def __fspath__(self) -> str:
        """Return the path."""
        return str(self.path)

    def refuse_unfit(self) -> None:
        """Refuse a file that is not there, is empty, or is not the one its checksum belongs to.

        Raises
        ------
        InputError
            Such a file, or one that is not named as an extract.
        """
        file = self.path
        if not is_file(file):
            msg = f"{file}: {absence(file)}; expected an OpenStreetMap extract, one of {_KNOWN}"
            raise InputError(msg)
        if not file.name.endswith(SUFFIXES):
            msg = f"{file}: is not named as an OpenStreetMap extract; expected one of {_KNOWN}"
            raise InputError(msg)
        if not file.stat().st_size:
            msg = f"{file}: the file is empty; expected an OpenStreetMap extract"
            raise InputError(msg)
        beside = file.with_name(f"{file.name}.md5")
        if beside.is_file():
            told = (beside.read_text(encoding="utf-8", errors="replace").split() or [""])[0].lower()
            with file.open("rb") as stream:
                found = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
            if told != found:
                msg = f"{file}: its MD5 is {found}; {beside.name} expected {told!r}; the file may be cut short"
                raise InputError(msg)

    def content(self) -> str:
        """Return the SHA-256 of the file as it is now, read once while it stays as it is; its date without a cache."""
        about = self.path.stat()
        seen = about.st_ino, about.st_size, about.st_mtime_ns
        if self.cache is None:
            return repr(seen)
        if seen not in self._digests:
            self._digests[seen] = sha256_file(self.path)
        return self._digests[seen]

    def layer(self, need: Need) -> Kept:
        """Return a layer; all that are needed and not kept are read with it, in one pass.

        Raises
        ------
        InputError
            A file that is missing, empty, damaged or no OpenStreetMap data.
        OutputError
            No room for the index of node places in the temporary folder.
        """
        self.refuse_unfit()
        place = self._place(need)
        found = self._found(place)
        if found is None:
            wanted = {self._place(one): one for one in self.needs if not self._is_kept(self._place(one))}
            wanted[place] = need
            layers = _pass(self.path, [_LAYERS[kind](*(() if by is None else (by,))) for kind, by in wanted.values()])
            for where, layer in zip(wanted, layers, strict=True):
                self._keep(where, layer)
            found = layers[[*wanted].index(place)]
        return found

    def _place(self, need: Need) -> str:
        """Return where a layer is kept: a file, or without a cache a name in memory."""
        by = asdict(need.by) if is_dataclass(need.by) else need.by  # type: ignore[arg-type]  # no class, a value
        settings = {"layer": need.kind, "by": by}
        return str(kept_file(self.cache or "", need.kind, self.content(), settings))

    def _is_kept(self, place: str) -> bool:
        return place in self._held or (self.cache is not None and Path(place).is_file())

    def _found(self, place: str) -> Kept | None:
        if place not in self._held and self.cache is not None:
            with suppress(Exception):  # a damaged file can raise anything; reading anew is always right
                return Kept(*load_arrays(Path(place)))
        return self._held.get(place)

    def _keep(self, place: str, layer: Kept) -> None:
        if self.cache is not None:
            with suppress(OSError):  # it saves time alone; the network's cache tells of it
                store_arrays(Path(place), *layer)
                return
        self._held[place] = layer


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
    extract, foot = Extract.of(path, cache_dir), foot or FootAccess()
    try:
        target = None if crs is None else CRS.from_user_input(crs)
    except CRSError as error:
        msg = f"coordinate system of the network is {crs!r} ({error}); expected one that PROJ knows"
        raise InputError(msg) from error
    settings = {"foot": asdict(foot), "bounds": bounds, "crs": target and target.to_wkt()}
    extract.refuse_unfit()
    of = extract.content()
    return cached_network(extract.path, settings, extract.cache, lambda: _build(extract, foot, bounds, target), of)


def _build(extract: Extract, foot: FootAccess, bounds: Bounds | None, crs: CRS | None) -> tuple[Network, list[Finding]]:
    path, (ways, survey) = extract.path, surveyed(*extract.layer(Need("streets", foot)))
    refuse_none(path, survey, len(ways))
    if bounds is not None:
        ways = ways.within(bounds)
        refuse_none(path, survey, len(ways), bounds)
    crossed, outlined = cross_squares(ways)
    try:
        network = build_network(crossed, marked=survey.marked, delays=Delays.of(foot), crs=crs)
    except InputError as error:
        msg = f"{path}: {error}"
        raise InputError(msg) from error
    return network, findings(path.name, survey, foot, Noted.of(survey, ways), outlined)


def place_network(
    path: str | os.PathLike[str],
    folder: Path,
    *,
    foot: FootAccess,
    bounds: Bounds | None = None,
    crs: CRS | str | int | None = None,
    held: int = HELD,
) -> tuple[PlacedStreets, list[Finding]]:
    """Return the walkable network of an extract of any size by place, and the findings of `read_network`.

    Parameters
    ----------
    path
        The extract.
    folder
        An empty folder for it, and for what is put aside on the way.
    foot, bounds, crs
        As `read_network` takes them.
    held
        How many references of ways, nodes or edges are held at once, about.
    """
    extract = Extract.of(path)
    extract.refuse_unfit()
    layer = BlockLayer(foot, folder, held)
    _pass(extract.path, [layer])
    ways = layer.ways
    refuse_none(extract.path, ways.survey, ways.count())
    if bounds is not None:
        ways.limit(bounds)
        refuse_none(extract.path, ways.survey, ways.count(), bounds)
    ways.cross()
    ways.settle()
    try:
        placed = place_edges(ways, crs, Delays.of(foot))
        refuse_unmetric(placed.boxes.reshape(-1, 2), placed.crs)
    except InputError as error:
        msg = f"{extract.path}: {error}"
        raise InputError(msg) from error
    return placed, findings(extract.path.name, ways.survey, foot, ways.noted, ways.outlined)


def refuse_none(path: Path, survey: Survey, ways: int, bounds: Bounds | None = None) -> None:
    """Raise `InputError` where none of the ways of an extract may be walked, or none of those in a box."""
    tally = survey.tally
    if not ways and bounds is None:
        msg = (
            f"{path}: none of its {survey.counts['ways']:,} ways may be walked ({tally.total():,} streets or ferries"
            f"{reasons(tally)}); expected at least one walkable way"
        )
        raise InputError(msg)
    if not ways:
        msg = f"{path}: none of its {tally['']:,} walkable ways meets the box {bounds}; expected some of them there"
        raise InputError(msg)


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
    extract = Extract.of(path)
    kept = extract.layer(DISTRICTS)
    choice = DistrictChoice(source=extract.path.name, level=admin_level, name_tag=name_tag)
    whole, listed, places = (unpack_features(kept, part) for part in ("whole", "listed", "places"))
    return districts_frame(whole, listed, places, choice)


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
    extract, need = Extract.of(path), place_need(tags)
    return places_frame(unpack_features(extract.layer(need), "places"), need.by, source=extract.path.name)


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
    extract = Extract.of(path)
    table, about = extract.layer(BUILDINGS)
    frame, rings = buildings_frame(table, bounds), about["rings"]
    around = {ring for relation in {*frame["id"]} & {*rings} for ring in rings[relation]}
    once = ~frame["id"].isin(around)
    said = {
        "repeated-building": (int((~once).sum()), "ways around buildings repeat their tags; each building counts once"),
        "broken-building": (about["outlines"], "buildings have no closed, whole outline in the file; left out"),
        "building-point": (about["points"], "buildings are mapped as points, without a footprint; left out"),
    }
    set_aside = [
        Finding(code=code, source=extract.path.name, message=f"{count:,} {text}", count=count)
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
    extract = Extract.of(path)
    return water_frame(unpack_features(extract.layer(WATER), "waters"), source=extract.path.name, bounds=bounds)


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
    named = unpack_features(Extract.of(path).layer(NAMES), "names")
    return names_frame([f.tags for f in named], [f.shape for f in named])


def _pass(path: Path, layers: Sequence[Layer | StreetLayer]) -> list[Kept]:
    """Return what each layer collects of an extract while it passes once; streets, as arrays, go their own way."""
    with passing_folder() as folder, _readable(path) as ordered:
        _room_for(ordered, folder)
        others = [layer for layer in layers if isinstance(layer, Layer)]
        if others:
            for thing in _things(ordered, others, folder):
                tags, is_node = thing.tags, thing.is_node()
                for layer in others:
                    for key in layer.node_keys if is_node else layer.keys:
                        if key in tags:
                            layer.take(thing, tags)
                            break
        return [
            layer.pack() if isinstance(layer, Layer) else layer.read(_packed(ordered, folder), folder)
            for layer in layers
        ]


def _packed(path: Path, folder: Path) -> Path:
    """Return an extract as PBF: itself, or a copy."""
    if path.suffix == ".pbf":
        return path
    copy = folder / "copy.osm.pbf"
    with osmium.SimpleWriter(str(copy)) as writer:
        osmium.apply(str(path), writer)
    return copy


def _things(path: Path, layers: Sequence[Layer], folder: Path) -> Iterator[Any]:
    """Yield every object with a key that a layer asks for, areas assembled.

    Of rings that do not close or that cross, osmium makes an area without an outline: it is left out here, as one whose
    rings are not all in the file, and the relation or way around it alone comes.
    """
    manager = osmium.area.AreaManager()
    with osmium.io.Reader(path, RELATION) as relations:
        osmium.apply(relations, _Foreseen(layers), manager.first_pass_handler())
    of_nodes, of_others = ({key for layer in layers for key in getattr(layer, keys)} for keys in ("node_keys", "keys"))
    filters = [
        _only(NODE, osmium.filter.KeyFilter(*sorted(of_nodes) or [""])),
        _only(WAY | RELATION | AREA, osmium.filter.KeyFilter(*sorted(of_others))),
    ]
    places = osmium.index.create_map(f"sparse_file_array,{folder / 'places'}")
    locations, areas = osmium.NodeLocationsForWays(places), osmium.BufferIterator(*filters)
    locations.ignore_errors()
    assembling = [manager.second_pass_to_buffer(areas)] if any(layer.has_areas for layer in layers) else []
    with osmium.io.Reader(path) as reader:
        for thing in osmium.OsmFileIterator(reader, locations, *assembling, *filters):
            yield thing
            yield from _whole(areas)
    yield from _whole(areas)


def _whole(areas: Any) -> Iterator[Any]:
    return (area for area in areas if area.num_rings()[0]) if areas else iter(())


class _Foreseen:
    """Shows relations to layers before anything else, and filters out those whose area none wants."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self._layers = layers

    def relation(self, relation: Any) -> bool:
        """Filter; the name is what osmium calls."""
        return not any([layer.foresee(relation) for layer in self._layers])  # noqa: C419 -- each has to see it


@contextmanager
def _readable(path: Path) -> Iterator[Path]:
    """Yield the extract in order; what osmium says of a damaged one becomes our error."""
    try:
        with in_order(path) as ordered:
            yield ordered
    except (InputError, OutputError):
        raise
    except (RuntimeError, ValueError, IndexError, osmium.InvalidLocationError) as error:
        if is_full(error):
            raise no_room(error) from error
        ours = isinstance(error, ValueError | IndexError) or "Unable to cast" in str(error)  # says nothing to a planner
        told = "its numbers do not fit each other" if ours else error
        msg = f"{path}: cannot be read as OpenStreetMap data ({told}); expected a whole file, one of {_KNOWN}"
        raise InputError(msg) from error


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
