"""What lies under a map: districts, streets, water as compact rings; servers of tiles where somebody asks for these."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from accessibility.errors import InputError
from accessibility.geo.arrays import spans
from accessibility.geo.projection import WGS84, Bounds, transform
from accessibility.present.language import MapWords, count
from accessibility.wording.cards import safe_html

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd
    from numpy.typing import NDArray

    from accessibility.measures.walkers import GroupCoverage
    from accessibility.streets.network import Network
    from accessibility.uncertainty import Difference, Uncertainty


_MAX_VERTICES = 40_000
_STEPS = 4_000  # of the map's side: what no screen shows


@dataclass(frozen=True, kw_only=True, eq=False)
class Backdrop:
    """What a map shows for orientation.

    Parameters
    ----------
    districts
        Polygons, indexed by name, with any of the columns of ``districts.csv``, shown where the pointer is.
    network
        StreetLines.
    water
        Polygons of rivers and lakes.
    names
        Names of settlements (points) and streets (lines): columns name and rank, 0 for those that show first.
    sure
        How sure the headline is, and of each place whether it is covered: a line and a layer.
    gain
        How sure the difference from today is: a line.
    own
        Who is covered by walkers of their own: a line for all people and one for each such group.
    tiles
        The server whose tiles are loaded from the internet; nothing else ever is. None for none.

    Examples
    --------
    >>> import accessibility as acc
    >>> from accessibility.present.map.coverage_map import Backdrop
    >>> road = acc.Network(node_xy=[(5e5, 34e5), (502e3, 34e5)], edges=[(0, 1)], length_m=[2000], crs="EPSG:32649")
    >>> Backdrop(network=road).tiles is None
    True
    """

    districts: gpd.GeoDataFrame | None = None
    network: Network | None = None
    water: gpd.GeoDataFrame | None = None
    names: gpd.GeoDataFrame | None = None
    sure: Uncertainty | None = None
    gain: Difference | None = None
    own: GroupCoverage | None = None
    tiles: Basemap | None = None


@dataclass(frozen=True, kw_only=True)
class Waters:
    """Rings of water in hundred-thousandths of a degree; what an even number of them encloses is land."""

    rings: dict[str, Any]  # `counts` and `steps`, as of `accessibility.present.map.outlines.StreetLines`
    origin: tuple[int, int]  # longitude and latitude in hundred-thousandths of a degree
    left: int  # how many waters were left out that one would see: the smallest


def water_rings(water: gpd.GeoDataFrame, bounds: Bounds, *, vertices: int = _MAX_VERTICES) -> Waters | None:
    """Return the water within `bounds`, without detail that no screen shows; None where there is none."""
    west, south, east, north = bounds
    tolerance = max(east - west, north - south) / _STEPS
    near = shapely.make_valid(water.geometry.to_crs(WGS84).to_numpy())
    parts = shapely.get_parts(shapely.union_all(shapely.intersection(near, shapely.box(*bounds))))
    parts = shapely.simplify(parts[shapely.get_dimensions(parts) == 2], tolerance)  # noqa: PLR2004 -- areas
    parts = parts[~shapely.is_empty(parts)]
    parts = parts[np.argsort(-shapely.area(parts), kind="stable")]
    parts = parts[shapely.area(parts) > tolerance**2]
    seen = np.cumsum(shapely.get_num_coordinates(parts)) <= vertices
    if not seen.any():
        return None
    origin = (round(west * 1e5), round(south * 1e5))
    rings = shapely.get_rings(shapely.orient_polygons(parts[seen]))
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    lines = np.array(shapely.linestrings(xy, indices=ring), dtype=object)
    return Waters(rings=line_steps(lines, origin), origin=origin, left=int((~seen).sum()))


SITE_WORDS: dict[tuple[str, bool], str] = {
    ("outlet", True): "outlet, counts today",
    ("bank", True): "partner bank branch, counts",
    ("new", True): "new site, opened",
    ("outlet", False): "outlet, closed",
    ("bank", False): "bank branch, could be co-located",
    ("new", False): "candidate for a new site",
}
MAX_STREET_BYTES = 1_500_000
_DRAWN = {"main_streets": (1.6, 1e9), "minor_streets": (0.9, 60), "paths": (0.6, 25)}
"""Width of each class in pixels, and the most metres to a pixel at which it is drawn."""
_MAIN = ("motorway", "trunk", "primary", "secondary", "tertiary")
_MINOR = ("road", "unclassified", "residential", "living_street", "service", "pedestrian")
_MAX_OUTLINE_VERTICES = 60_000
_MAX_LABELS, _MAX_NAMES = 60, 4_000
_DEGREE_M = 111_320.0


def district_features(districts: gpd.GeoDataFrame) -> tuple[dict[str, Any], Bounds]:
    """Return the districts as GeoJSON whose properties are ready to show, and the bounds of all.

    Raises
    ------
    InputError
        Districts without a coordinate system, or one whose geometry is not a polygon.
    """
    if districts.crs is None:
        msg = "districts have no coordinate system; expected one, set it with districts.set_crs(...)"
        raise InputError(msg)
    shapes = districts.geometry.to_crs(WGS84)
    wrong = shapes.isna() | shapes.is_empty | ~shapes.geom_type.isin(["Polygon", "MultiPolygon"])
    if wrong.any():
        first = districts.index[wrong.to_numpy()][0]
        msg = f"{int(wrong.sum())} of {len(districts)} districts are not polygons, first {first!r}; expected polygons"
        raise InputError(msg)
    bounds: Bounds = tuple(float(v) for v in shapes.total_bounds)  # type: ignore[assignment]
    features = [
        feature(row, geometry, {"name": safe_html(name), "figures": list(district_figures(figures).items())})
        for row, (geometry, (name, figures)) in enumerate(
            zip(_generalised(shapes.to_numpy(), bounds), districts.drop(columns=shapes.name).iterrows(), strict=True)
        )
    ]
    return collection(features), bounds


def district_figures(figures: pd.Series[Any], words: MapWords | None = None) -> dict[str, str]:
    """Return the texts that a district shows: shares with both their parts; a figure that is not there is left out."""
    words = MapWords() if words is None else words
    known = {
        str(k): float(v)
        for k, v in figures.items()
        if isinstance(v, (int, float, np.integer, np.floating)) and np.isfinite(v)
    }
    people, texts = known.get("population"), {}
    if people is not None:
        texts[words("people")] = count(people)
        for name, said in (("covered",) * 2, ("served", "served_people"), ("uncovered",) * 2, ("unreached",) * 2):
            if name in known:
                texts[words(said)] = " ".join(words.share(known[name], people).values())
    if {"covered_share_low", "covered_share_high"} <= known.keys():
        low, high = (words.percent(known[f"covered_share_{end}"], 1.0) for end in ("low", "high"))
        texts[words("bar_head")] = " ".join(words.told("bar_of", low=low, high=high).values())
    for setting in (name.removesuffix("_people") for name in known if name.endswith("_people")):
        part, whole = known.get(f"{setting}_covered_share"), known.get(f"{setting}_people")
        if part is not None and whole:
            texts[words.setting(setting)] = words("share_covered", share=words.share(part * whole, whole))
    if "outlets" in known or "partner_banks" in known:
        outlets, banks = known.get("outlets", 0), known.get("partner_banks", 0)
        texts[words("sites")] = words("reached_by", outlets=count(outlets), banks=count(banks))
    return texts


def name_data(districts: gpd.GeoDataFrame | None, names: gpd.GeoDataFrame | None, bounds: Bounds) -> dict[str, Any]:
    """Return the names that a map may show: of districts and settlements with their place, of streets with their lines.

    Texts are markup that shows them letter by letter, places are latitude and longitude. What lies outside of `bounds`
    is left out, and so are the streets of the last ranks where there are very many.
    """
    found: dict[str, Any] = {"districts": [], "places": [], "streets": []}
    if districts is not None and len(districts) <= _MAX_LABELS:
        points = districts.geometry.to_crs(WGS84).representative_point()
        found["districts"] = [[safe_html(name), _latlon(at)] for name, at in zip(districts.index, points, strict=True)]
    if names is None or not len(names):
        return found
    lonlat = names.to_crs(WGS84).sort_values(["rank", "name"], kind="stable")
    inside = lonlat[lonlat.intersects(shapely.box(*bounds))].head(_MAX_NAMES)
    parts, row = shapely.get_parts(shapely.simplify(inside.geometry.to_numpy(), 5 / _DEGREE_M), return_index=True)
    latlon = np.round(shapely.get_coordinates(parts)[:, ::-1], 5).tolist()
    end = np.cumsum(shapely.get_num_coordinates(parts)).tolist()
    paths = [latlon[begin:stop] for begin, stop in pairwise([0, *end])]
    first = np.searchsorted(row, np.arange(len(inside) + 1)).tolist()
    for nth, (name, rank, shape) in enumerate(inside[["name", "rank", "geometry"]].itertuples(index=False)):
        text = safe_html(name)
        if shape.geom_type == "Point":
            found["places"].append([text, _latlon(shape), int(rank)])
        else:
            lines = paths[first[nth] : first[nth + 1]]
            found["streets"].append({"text": text, "rank": int(rank), "lines": lines})
    return found


def _latlon(point: Any) -> list[float]:
    return [round(float(point.y), 5), round(float(point.x), 5)]


@dataclass(frozen=True, kw_only=True)
class StreetLines:
    """StreetLines as lines in hundred-thousandths of a degree, and what was left out."""

    # a dictionary a class, widest first: `weight`, `coarsest` (the most metres to a pixel at which it is drawn),
    # `counts` (vertices a line) and `steps` (longitude and latitude in turn, each line's first from `origin`, the
    # others from the vertex before).
    lines: list[dict[str, Any]]
    origin: tuple[int, int]  # longitude and latitude in hundred-thousandths of a degree
    # shown, left: kilometres drawn and left out, by class: `main_streets`, `minor_streets`, `paths`.
    shown: dict[str, float]
    left: dict[str, float]

    @property
    def note(self) -> str:
        """What the legend says about them, in English."""
        return self.said(MapWords())[0][1]

    def said(self, words: MapWords) -> list[tuple[str, str]]:
        """Return what the legend says about them, one line per language."""
        shown, left = ([words.told(kind, km=f"{km:,.0f}") for kind, km in of.items()] for of in (self.shown, self.left))
        notes = words.lines("streets_note", shown=_joined(shown) if shown else words.told("none"))
        rest = words.told("streets_left", left=_joined(left)) if left else {}
        return [(language, f"{text}; {rest[language]}" if rest else text) for language, text in notes]


def street_lines(
    network: Network, bounds: Bounds, *, budget: int = MAX_STREET_BYTES, classes: int | None = None
) -> StreetLines:
    """Return the streets within `bounds`: main ones first, the others while they fit into `budget` bytes.

    Parameters
    ----------
    network, bounds, budget
        The streets, degrees, and bytes of them as JSON.
    classes
        How many classes of streets are drawn at most; all that fit if None.
    """
    lonlat = transform(network.shape_xy, network.crs, WGS84)
    west, south, east, north = bounds
    start, (lon, lat) = network.shape_start, np.ascontiguousarray(lonlat.T)
    near = np.minimum.reduceat(lon, start[:-1]) <= east
    near &= np.maximum.reduceat(lon, start[:-1]) >= west
    near &= np.minimum.reduceat(lat, start[:-1]) <= north
    near &= np.maximum.reduceat(lat, start[:-1]) >= south
    rank = np.array([street_rank(kind) for kind in network.kinds])[network.kind]
    origin = (round(west * 1e5), round(south * 1e5))
    tolerance = max(5.0 / _DEGREE_M, max(east - west, north - south) / 4_000)
    spent = 0
    drawn: list[dict[str, Any]] = []
    shown: dict[str, float] = {}
    left: dict[str, float] = {}
    for row, (kind, (weight, coarsest)) in enumerate(_DRAWN.items()):
        here = near & (rank == row)
        if not here.any():
            continue
        km = float(network.length_m[here].sum()) / 1_000
        if left or len(drawn) == classes:
            left[kind] = km
            continue
        first, many = start[:-1][here], np.diff(start)[here]
        parts = (np.append(0, np.cumsum(many)), np.array([0, len(many)]))
        streets = shapely.from_ragged_array(shapely.GeometryType.MULTILINESTRING, lonlat[spans(first, many)], parts)
        joined = shapely.get_parts(shapely.line_merge(streets))
        encoded, cost = _encode(joined, origin, tolerance)
        # Main streets are drawn whatever they cost, more and more roughly.
        while not drawn and cost > budget and tolerance < east - west:
            tolerance *= 2
            encoded, cost = _encode(joined, origin, tolerance)
        spent += cost
        if spent > budget:
            left[kind] = km
            continue
        drawn.append({"weight": weight, "coarsest": coarsest, **encoded})
        shown[kind] = km
    return StreetLines(lines=drawn, origin=origin, shown=shown, left=left)


def _joined(said: list[dict[str, str]]) -> dict[str, str]:
    """Return phrases in a row, by HTML language."""
    between = {"en": ", ", "zh-Hans": "、"}
    return {language: between[language].join(phrase[language] for phrase in said) for language in said[0]}


def street_rank(kind: str) -> int:
    """Return the class in which a kind of street is drawn, 0 the widest."""
    plain = kind.removesuffix("_link")
    return 0 if plain in _MAIN else 1 if plain in _MINOR else 2


def _encode(lines: NDArray[np.object_], origin: tuple[int, int], tolerance: float) -> tuple[dict[str, Any], int]:
    """Return lines without detail that is not seen, and their bytes as JSON."""
    encoded = line_steps(shapely.simplify(lines, tolerance, preserve_topology=False), origin)
    return encoded, sum(len(json.dumps(values, separators=(",", ":"))) for values in encoded.values())


def line_steps(lines: NDArray[np.object_], origin: tuple[int, int]) -> dict[str, Any]:
    """Return lines in degrees as ``counts`` of vertices and ``steps`` from one to the next; see `StreetLines`."""
    counts = shapely.get_num_coordinates(lines)
    whole = np.rint(shapely.get_coordinates(lines) * 1e5).astype(np.int64) - np.array(origin)
    steps = np.diff(whole, axis=0, prepend=np.zeros((1, 2), np.int64))
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]]) if len(counts) else np.empty(0, np.intp)
    steps[starts] = whole[starts]
    return {"counts": counts.tolist(), "steps": steps.ravel().tolist()}


def _generalised(shapes: NDArray[np.object_], bounds: Bounds) -> NDArray[np.object_]:
    """Return outlines without detail that no screen shows; borders that two districts share stay shared."""
    west, south, east, north = bounds
    tolerance = max(east - west, north - south) / 4_000
    plain = shapes
    for _ in range(8):
        plain = shapely.coverage_simplify(shapes, tolerance)
        if shapely.get_num_coordinates(plain).sum() <= _MAX_OUTLINE_VERTICES:
            break
        tolerance *= 2
    return np.where(shapely.is_empty(plain), shapes, plain)


def feature(ident: int, geometry: Any, properties: dict[str, Any]) -> dict[str, Any]:
    """Return a GeoJSON feature, its coordinates to a metre."""
    rounded = shapely.transform(geometry, lambda xy: np.round(xy, 5))
    shape = json.loads(shapely.to_geojson(rounded))
    return {"type": "Feature", "id": ident, "geometry": shape, "properties": properties}


def collection(features: list[dict[str, Any]]) -> dict[str, Any]:
    """Return features as GeoJSON."""
    return {"type": "FeatureCollection", "features": features}


KEY = "TIANDITU_KEY"
"""The environment variable with the key of Tianditu: it stands in no study and in no manifest, but in the map."""
_OSM, _TIANDITU = "https://tile.openstreetmap.org", "https://t0.tianditu.gov.cn"


@dataclass(frozen=True, kw_only=True)
class Basemap:
    """Tiles of a server, in Web Mercator."""

    host: str  # the only one that a map may load images from
    addresses: tuple[str, ...]  # of the tiles, and of their names where these are a layer of their own
    credit: str  # what a map says of them
    deepest: int  # the deepest zoom that there is


def basemap_of(name: str | None = None) -> Basemap:
    """Return the tiles of OpenStreetMap or of Tianditu (天地图), whose CGCS2000 differs from WGS84 by centimetres.

    Raises
    ------
    InputError
        No key of Tianditu in the environment, or what is none.

    Examples
    --------
    >>> basemap_of("osm").host
    'https://tile.openstreetmap.org'
    """
    if name != "tianditu":
        credit = "© OpenStreetMap contributors"
        return Basemap(host=_OSM, addresses=(f"{_OSM}/{{z}}/{{x}}/{{y}}.png",), credit=credit, deepest=19)
    key = os.environ.get(KEY, "")
    if not re.fullmatch(r"[0-9A-Za-z]{16,64}", key):
        msg = f"tiles of Tianditu need a key; expected it in the environment variable {KEY}, of https://console.tianditu.gov.cn"
        raise InputError(msg)
    asks = "SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0&STYLE=default&TILEMATRIXSET=w&FORMAT=tiles"
    place = "TILEMATRIX={z}&TILEROW={y}&TILECOL={x}"
    addresses = tuple(f"{_TIANDITU}/{layer}_w/wmts?{asks}&LAYER={layer}&{place}&tk={key}" for layer in ("vec", "cva"))
    return Basemap(host=_TIANDITU, addresses=addresses, credit="天地图（国家地理信息公共服务平台）", deepest=18)  # noqa: RUF001
