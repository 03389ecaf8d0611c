"""Districts, places and buildings out of tagged shapes: names, people, doubles, footprints."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import Geod

from accessibility.errors import Finding, InputError
from accessibility.geo.projection import WGS84, local_crs, transform
from accessibility.sources.osm.tags import (
    BUILDING_KEYS,
    Use,
    address_of,
    has_any,
    is_ever_open,
    levels_of,
    may_be_closed,
    people_of,
    tagged_name,
    use_of,
    width_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from accessibility.geo.projection import Bounds

SAME_PLACE_M = 30.0
_WATER_LINES = (("waterway", "river"), ("waterway", "canal"))
WATER_TAGS = (
    *(("natural", "water"), ("waterway", "riverbank"), ("waterway", "dock")),
    *(("landuse", "reservoir"), ("landuse", "basin"), *_WATER_LINES),
)
_NAMED = {  # what bears a name on a map, the first ones first
    "place": (("city", "town"), ("suburb", "quarter", "village"), ("hamlet", "neighbourhood", "isolated_dwelling")),
    "highway": (
        ("motorway", "trunk", "primary"),
        ("secondary", "tertiary"),
        ("unclassified", "residential", "living_street", "pedestrian"),
    ),
}
_DRY_BASINS = ("infiltration", "detention")
_WIDE_M = 10.0  # a river drawn as a line is water as wide as it says, from here on
_ROWS = 10_000  # buildings worked on at once


@dataclass(frozen=True, kw_only=True, eq=False)
class Feature:
    """A tagged object of OpenStreetMap; its shape, in degrees, is None where the extract does not hold it whole.

    `rings` are the ids of the ways around it.
    """

    id: str
    tags: Mapping[str, str]
    shape: Any = None
    rings: frozenset[str] = frozenset()

    @property
    def level(self) -> int | None:
        """The `admin_level`, None where it is no number."""
        text = self.tags.get("admin_level", "")
        return int(text) if text.isdecimal() else None


@dataclass(frozen=True, kw_only=True)
class DistrictChoice:
    """Which districts of a source are asked for: a level (None: choose), and the tag that names them."""

    source: str
    level: int | None
    name_tag: str

    def name(self, feature: Feature) -> str:
        """Return the name of a district, its id where it has none."""
        return feature.tags.get(self.name_tag) or tagged_name(feature.tags) or feature.id


def districts_frame(
    whole: Sequence[Feature], listed: Sequence[Feature], places: Sequence[Feature], choice: DistrictChoice
) -> tuple[gpd.GeoDataFrame, list[Finding]]:
    """Return the districts of one level, and what was set aside.

    Parameters
    ----------
    whole
        Administrative areas with their shapes.
    listed
        Every administrative relation, and every named way around an area, that the source has, whole or not.
    places
        Populated places, as points, for areas that do not state their people.
    choice
        Level and name.

    Raises
    ------
    InputError
        No whole area of that level.
    """
    level = _most_detailed(whole) if choice.level is None else choice.level
    chosen = sorted((f for f in whole if f.level == level), key=_by_number)
    drawn = {f.id for f in chosen}
    broken = [f for f in listed if f.id not in drawn and (level is None or f.level == level)]
    if not chosen:
        levels = sorted({f.level for f in whole if f.level is not None})
        msg = (
            f"{choice.source}: no whole administrative area of level {level}, {len(broken)} with missing pieces"
            f"{_named(broken, choice)}; it holds whole areas of levels {levels}"
        )
        raise InputError(msg)
    frame = gpd.GeoDataFrame(
        {
            "id": [f.id for f in chosen],
            "name": [choice.name(f) for f in chosen],
            "admin_level": [level] * len(chosen),
            "population": [people_of(f.tags) for f in chosen],
        },
        geometry=[f.shape for f in chosen],
        crs=WGS84,
    )
    findings = _fill_people(frame, places, choice)
    if broken:
        whose = f"{len(broken)} districts of level {level}"
        message = f"{whose} have rings that are not whole or do not close{_named(broken, choice)}"
        findings.append(
            Finding(
                code="incomplete-district", source=choice.source, message=f"{message}; not drawn", count=len(broken)
            )
        )
    return frame, findings


def _most_detailed(whole: Sequence[Feature]) -> int | None:
    """Return the highest level with two areas, else the highest at all."""
    levels = pd.Series([f.level for f in whole if f.level is not None], dtype=int).value_counts()
    several = levels.index[levels > 1]
    return None if levels.empty else int(max(several if len(several) else levels.index))


def _by_number(feature: Feature) -> tuple[str, int]:
    return feature.id[0], int(feature.id[1:])


def _named(features: Sequence[Feature], choice: DistrictChoice) -> str:
    names = ", ".join(choice.name(f) for f in features[:10])
    return f" ({names}{', …' if len(features) > 10 else ''})" if names else ""  # noqa: PLR2004 -- the first ten


def _fill_people(frame: gpd.GeoDataFrame, places: Sequence[Feature], choice: DistrictChoice) -> list[Finding]:
    """Give districts that do not state their people those of the place of the same name inside."""
    unknown = frame.index[frame["population"].isna()]
    if not len(unknown):
        return []
    points = np.array([p.shape for p in places], dtype=object)
    place, row = shapely.STRtree(frame.geometry.to_numpy()[unknown]).query(points, "within")
    inside: list[tuple[float, str]] = []
    for at, district in zip(place, unknown[row], strict=True):
        tags, name = places[at].tags, str(frame.loc[district, "name"])
        names = {tags.get(key, "").casefold() for key in ("name", choice.name_tag)}
        people = people_of(tags)
        if name.casefold() in names:
            frame.loc[district, "population"] = np.fmax(frame.loc[district, "population"], people)
        elif people > 0 and tags["place"] not in ("country", "state", "region", "province", "county"):
            inside.append((people, tags.get("name", places[at].id)))
    filled = int(frame.loc[unknown, "population"].notna().sum())
    said = []
    if filled:
        text = f"{filled} districts take their population from the place of the same name inside them"
        said.append(Finding(code="population-of-place", source=choice.source, message=text, count=filled))
    if len(unknown) > filled:
        left = frame.index[frame["population"].isna()]
        first = ", ".join(frame.loc[left[:10], "name"])
        text = f"{len(left)} districts have no population: {first}"
        said.append(Finding(code="population-missing", source=choice.source, message=text, count=len(left)))
    if inside:
        first = ", ".join(name for _, name in inside[:10])
        people = sum(people for people, _ in inside)
        text = f"{len(inside)} populated places inside districts are not counted on their own: {first}"
        said.append(
            Finding(code="place-in-district", source=choice.source, message=text, count=len(inside), people=people)
        )
    return said


def places_frame(
    features: Iterable[Feature], wanted: Mapping[str, Sequence[str]], *, source: str
) -> tuple[gpd.GeoDataFrame, list[Finding]]:
    """Return one row per place, and what was merged, is shut or had no place.

    A node and an area that share a name and a wanted tag, within 30 m, are one place: the node stays. So are an area
    and a way around it. What is disused, under construction or never open is no place.
    """
    everything = sorted(features, key=_by_number)
    known = [f for f in everything if is_ever_open(f.tags)]
    lost = [f for f in known if f.shape is None]
    placed = [f for f in known if f.shape is not None]
    by_id = {f.id: f for f in placed}
    repeated = {ring for f in placed for ring in f.rings & {*by_id} if _share(f, by_id[ring], wanted)}
    placed = [f for f in placed if f.id not in repeated]
    twice = _doubles(placed, wanted)
    kept = [f for f in placed if f.id not in twice]
    columns = [*wanted, *(c for c in ("amenity", "operator", "brand", "opening_hours") if c not in wanted)]
    frame = gpd.GeoDataFrame(
        {
            "id": [f.id for f in kept],
            "name": [tagged_name(f.tags) or address_of(f.tags) for f in kept],
            **{column: [f.tags.get(column, "") for f in kept] for column in columns},
            "addr": [address_of(f.tags) for f in kept],
        },
        geometry=[_inside(f.shape) for f in kept],
        crs=WGS84,
    )
    said = (
        ("duplicate-place", sorted(twice), "places are mapped both as a point and as an area; each counts once"),
        ("repeated-place", sorted(repeated), "ways around places repeat their tags; each place counts once"),
        (
            "closed-place",
            [f.id for f in everything if not is_ever_open(f.tags)],
            "places are disused, under construction or never open; left out",
        ),
        (
            "maybe-closed",
            [f.id for f in kept if may_be_closed(f.tags)],
            "places count that may be closed, not open yet or for few, going by their days, notes or access",
        ),
        ("place-without-location", [f.id for f in lost], "places have no whole outline in the file and are left out"),
    )
    return frame, [
        Finding(code=code, source=source, message=f"{len(ids)} {text} ({', '.join(ids[:10])})", count=len(ids))
        for code, ids, text in said
        if ids
    ]


def name_rank(tags: Mapping[str, str]) -> int | None:
    """Return how early the name of a settlement or street shows on a map, 0 first; None where it never does.

    Examples
    --------
    >>> name_rank({"place": "village"}), name_rank({"highway": "primary"}), name_rank({"amenity": "bank"})
    (1, 0, None)
    """
    key = "place" if "place" in tags else "highway"
    kind = tags.get(key, "").removesuffix("_link")
    return next((rank for rank, kinds in enumerate(_NAMED[key]) if kind in kinds), None)


def names_frame(tags: Sequence[Mapping[str, str]], shapes: Sequence[Any]) -> gpd.GeoDataFrame:
    """Return one row per named settlement (a point) and per street name and rank (its lines): name, rank."""
    rows: list[tuple[str, int, Any]] = []
    lines: dict[tuple[str, int], list[Any]] = {}
    for told, shape in zip(tags, shapes, strict=True):
        name, rank = tagged_name(told), name_rank(told)
        if not name or rank is None:
            continue
        if shape.geom_type == "Point":
            rows.append((name, rank, shape))
        else:
            lines.setdefault((name, rank), []).append(shape)
    street = np.repeat(np.arange(len(lines)), [len(parts) for parts in lines.values()])
    parts = np.array([part for of_street in lines.values() for part in of_street], dtype=object)
    merged: Any = shapely.line_merge(shapely.multilinestrings(parts, indices=street)) if lines else []
    rows += [(name, rank, line) for (name, rank), line in zip(lines, merged, strict=True)]
    wkb = shapely.to_wkb(np.array([row[2] for row in rows], dtype=object))
    order = sorted(range(len(rows)), key=lambda row: (rows[row][1], rows[row][0], wkb[row]))
    table = {
        "name": np.array([rows[row][0] for row in order], object),
        "rank": np.array([rows[row][1] for row in order], np.int64),
    }
    return gpd.GeoDataFrame(table, geometry=[rows[row][2] for row in order], crs=WGS84)


def water_of(tags: Mapping[str, str]) -> str:
    """Return what an object is as water (``river``, ``lake``, ``basin``, ...); empty where it is none, or none to see.

    Examples
    --------
    >>> water_of({"natural": "water", "water": "lake"}), water_of({"landuse": "basin", "basin": "detention"})
    ('lake', '')
    """
    hidden = any(tags.get(key, "no") != "no" for key in ("tunnel", "covered"))
    if hidden or tags.get("basin") in _DRY_BASINS or not any(tags.get(key) == value for key, value in WATER_TAGS):
        return ""
    return tags.get("water") or next(tags[key] for key, value in WATER_TAGS if tags.get(key) == value)


def water_frame(
    features: Iterable[Feature], *, source: str, bounds: Bounds | None
) -> tuple[gpd.GeoDataFrame, list[Finding]]:
    """Return one row per water as polygons, and what was set aside: waters whose rings are not whole.

    A line is a polygon as wide as its tag `width` says, from 10 m on; narrower ones, and those that do not say it, are
    left out.
    """
    named = [feature for feature in features if water_of(feature.tags)]
    rows = [(f, shape) for f in sorted(named, key=_by_number) if (shape := _wet(f)) is not None]
    drawn = {feature.id for feature, _ in rows}
    broken = [f for f in named if f.id not in drawn and _should_be_area(f)]
    if bounds is not None:
        rows = [(f, shape) for f, shape in rows if shapely.box(*bounds).intersects(shape)]
    frame = gpd.GeoDataFrame(
        {
            "id": np.array([f.id for f, _ in rows], object),
            "name": np.array([tagged_name(f.tags) for f, _ in rows], object),
            "water": np.array([water_of(f.tags) for f, _ in rows], object),
        },
        geometry=[shape for _, shape in rows],
        crs=WGS84,
    )
    ids = ", ".join(f.id for f in broken[:10])
    rings = f"{len(broken)} waters have rings that are not whole or do not close ({ids})"
    message = f"{rings}; not drawn, and no site is refused there"
    finding = Finding(code="incomplete-water", source=source, message=message, count=len(broken))
    return frame, [finding] if broken else []


def _should_be_area(water: Feature) -> bool:
    """Return whether a water is mapped by rings: a relation without a shape, or a line around it."""
    if water.shape is None:
        return water.tags.get("type") == "multipolygon"
    return water.shape.geom_type == "LineString" and water.shape.is_closed and not _is_line(water.tags)


def _is_line(tags: Mapping[str, str]) -> bool:
    """Return whether a water is mapped as the line of its middle."""
    kind = next((key, value) for key, value in WATER_TAGS if tags.get(key) == value)
    return kind in _WATER_LINES and tags.get("area") != "yes"


def _wet(feature: Feature) -> Any:
    """Return the polygons of a water, None where it has none."""
    shape, tags = feature.shape, feature.tags
    if shape is None or shape.is_empty:
        return None
    if not _is_line(tags):
        return shape if shape.geom_type.endswith("Polygon") else None
    width = width_of(tags)
    if shape.geom_type != "LineString" or not width >= _WIDE_M:  # a river round an island comes as a polygon, too
        return None
    crs = local_crs(*shape.interpolate(0.5, normalized=True).coords[0])
    metric = shapely.transform(shape, lambda lonlat: transform(lonlat, WGS84, crs))
    banks = shapely.buffer(metric, width / 2, cap_style="flat")
    return shapely.transform(banks, lambda xy: transform(xy, crs, WGS84))


def _inside(shape: Any) -> Any:
    if shape.geom_type == "Point":
        return shape
    return shape.interpolate(0.5, normalized=True) if shape.geom_type == "LineString" else shape.point_on_surface()


def _doubles(placed: Sequence[Feature], wanted: Mapping[str, Sequence[str]]) -> set[str]:
    """Return the ids of areas that repeat a node."""
    nodes = [f for f in placed if f.id[0] == "n" and tagged_name(f.tags)]
    areas = [f for f in placed if f.id[0] != "n" and tagged_name(f.tags)]
    if not (nodes and areas):
        return set()
    found: set[str] = set()
    for area in areas:
        same = [n for n in nodes if tagged_name(n.tags) == tagged_name(area.tags) and _share(n, area, wanted)]
        if same and shapely.distance(*_metric(area.shape, [n.shape for n in same])).min() <= SAME_PLACE_M:
            found.add(area.id)
    return found


def _share(one: Feature, other: Feature, wanted: Mapping[str, Sequence[str]]) -> bool:
    return any(
        has_any(one.tags, {key: [value]}) and has_any(other.tags, {key: [value]})
        for key, values in wanted.items()
        for value in values
    )


def _metric(shape: Any, others: Sequence[Any]) -> tuple[Any, Any]:
    centre = shape.centroid
    crs = local_crs(centre.x, centre.y)
    here, *there = shapely.transform(np.array([shape, *others]), lambda lonlat: transform(lonlat, WGS84, crs))
    return here, np.array(there)


@dataclass
class BuildingTable:
    """Buildings, reduced to numbers some thousands at a time."""

    _waiting: list[tuple[str, str, float, str]] = field(default_factory=list)
    _done: list[dict[str, NDArray[Any]]] = field(default_factory=list)
    _verdicts: dict[tuple[str | None, ...], tuple[float, Use]] = field(default_factory=dict)

    def add(self, building: str, outline: str, get: Callable[[str], str | None]) -> None:
        """Add one building: its id, its outline as hexadecimal WKB in degrees, its tags, asked one by one."""
        told = tuple(map(get, BUILDING_KEYS))
        known = self._verdicts.get(told)
        if known is None:
            tags = {key: value for key, value in zip(BUILDING_KEYS, told, strict=True) if value is not None}
            known = self._verdicts[told] = levels_of(tags), use_of(tags)
        self._waiting.append((building, outline, *known))
        if len(self._waiting) >= _ROWS:
            self._reduce()

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return one row per building: id and use as bytes, footprint, storeys, degrees of a point inside."""
        self._reduce()
        return {name: np.concatenate([part[name] for part in self._done]) for name in self._done[0]}

    def _reduce(self) -> None:
        ids, outlines, levels, uses = zip(*self._waiting, strict=True) if self._waiting else ((), (), (), ())
        self._waiting = []
        shapes = shapely.from_wkb(np.array(outlines, dtype=object))
        points = shapely.point_on_surface(shapes)
        lon, lat = shapely.get_x(points), shapely.get_y(points)
        columns = {"id": np.array(ids, "S"), "footprint_m2": _square_metres(shapes, lat)}
        columns |= {"levels": np.array(levels, np.float64), "use": np.array(uses, "S")}
        self._done.append(columns | {"lon": lon, "lat": lat})


def buildings_frame(table: Mapping[str, NDArray[Any]], bounds: Bounds | None) -> gpd.GeoDataFrame:
    """Return one row per building of `BuildingTable.arrays` whose point lies within `bounds`."""
    columns = {name: values for name, values in table.items() if name not in ("lon", "lat")}
    rows = pd.DataFrame(columns | {name: _texts(columns[name]) for name in ("id", "use")}).astype({"use": object})
    lon, lat = table["lon"], table["lat"]
    if bounds is not None:
        west, south, east, north = bounds
        near = (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)
        rows, lon, lat = rows[near].reset_index(drop=True), lon[near], lat[near]
    return gpd.GeoDataFrame(rows, geometry=gpd.points_from_xy(lon, lat, crs=WGS84))


def _texts(ascii_bytes: NDArray[np.bytes_]) -> NDArray[np.object_]:
    return ascii_bytes.astype(str).astype(object)


def _square_metres(shapes: NDArray[np.object_], lat: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return areas by the ellipsoid's radii of curvature at each shape: right to 0.1 % up to a kilometre."""
    geod = Geod(ellps="WGS84")
    w2 = 1.0 - geod.es * np.sin(np.radians(lat)) ** 2
    north = geod.a * (1.0 - geod.es) / w2**1.5
    east = geod.a / np.sqrt(w2) * np.cos(np.radians(lat))
    area: NDArray[np.float64] = shapely.area(shapes) * north * east * np.radians(1.0) ** 2
    return area
