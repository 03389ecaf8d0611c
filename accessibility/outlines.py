"""What stands on a map beside the people: districts, sites and streets, as GeoJSON or as compact lines."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from accessibility.errors import InputError
from accessibility.projection import WGS84, transform

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd
    from numpy.typing import NDArray

    from accessibility.coverage import Coverage
    from accessibility.network import Network

Bounds = tuple[float, float, float, float]
"""West, south, east, north in degrees."""

SITE_LAYERS: dict[tuple[str, bool], str] = {
    ("outlet", True): "Outlets",
    ("bank", True): "Partner bank branches",
    ("new", True): "New sites, opened",
    ("outlet", False): "Outlets, closed",
    ("bank", False): "Other bank branches",
    ("new", False): "Candidate new sites",
}
SITE_WORDS: dict[tuple[str, bool], str] = {
    ("outlet", True): "outlet, counts today",
    ("bank", True): "partner bank branch, counts",
    ("new", True): "new site, opened",
    ("outlet", False): "outlet, closed",
    ("bank", False): "bank branch, could be co-located",
    ("new", False): "candidate for a new site",
}
MAX_STREET_BYTES = 1_500_000
_MAIN = ("motorway", "trunk", "primary", "secondary", "tertiary")
_MINOR = ("road", "unclassified", "residential", "living_street", "service", "pedestrian")
_MAX_OUTLINE_VERTICES = 60_000
_DEGREE_M = 111_320.0
_UNSAFE = re.compile(r"[^0-9A-Za-z \u0080-\u2027\u202a-\U0010ffff]")


def safe_html(text: object) -> str:
    """Return a text as markup that shows it letter by letter, wherever it ends up.

    Every ASCII sign and both line separators become numeric references: nothing is left that markup, a JavaScript
    literal or a Jinja template would read. The text keeps its own direction.

    Examples
    --------
    >>> safe_html("A{{1}}")
    '<bdi>A&#123;&#123;1&#125;&#125;</bdi>'
    """
    return f"<bdi>{_UNSAFE.sub(lambda m: f'&#{ord(m[0])};', str(text))}</bdi>"


def count(people: float) -> str:
    """Return a number of people with its thousands apart."""
    return f"{people:,.0f}"


def share(part: float, whole: float) -> str:
    """Return a share with both its parts: ``9 of 12 (75.0 %)``."""
    percent = f" ({100 * part / whole:.1f} %)" if whole > 0 else ""
    return f"{count(part)} of {count(whole)}{percent}"


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
        _feature(row, geometry, {"name": safe_html(name), **district_figures(figures)})
        for row, (geometry, (name, figures)) in enumerate(
            zip(_generalised(shapes.to_numpy(), bounds), districts.drop(columns=shapes.name).iterrows(), strict=True)
        )
    ]
    return _collection(features), bounds


def district_figures(figures: pd.Series[Any]) -> dict[str, str]:
    """Return the texts that a district shows: shares with both their parts; a figure that is not there is left out."""
    known = {
        str(k): float(v)
        for k, v in figures.items()
        if isinstance(v, (int, float, np.integer, np.floating)) and np.isfinite(v)
    }
    people, texts = known.get("population"), {}
    if people is not None:
        texts["people"] = count(people)
        for name in ("covered", "uncovered", "unreached"):
            if name in known:
                texts[name] = share(known[name], people)
    for setting in ("urban", "town", "rural"):
        part, whole = known.get(f"{setting}_covered_share"), known.get(f"{setting}_people")
        if part is not None and whole:
            texts[setting] = f"{share(part * whole, whole)} covered"
    if "outlets" in known or "partner_banks" in known:
        outlets, banks = known.get("outlets", 0), known.get("partner_banks", 0)
        texts["sites"] = f"{count(outlets)} outlets, {count(banks)} partner bank branches"
    return texts


def district_labels(districts: gpd.GeoDataFrame) -> dict[str, Any]:
    """Return a point inside each district with its name."""
    points = districts.geometry.to_crs(WGS84).representative_point()
    return _collection(
        [
            _feature(row, point, {"name": safe_html(name)})
            for row, (name, point) in enumerate(zip(districts.index, points, strict=True))
        ]
    )


def site_features(coverage: Coverage) -> dict[tuple[str, bool], dict[str, Any]]:
    """Return the sites as GeoJSON by kind and whether they count, in the order of `SITE_LAYERS`."""
    sites = coverage.sites
    lonlat = transform(sites.xy, sites.crs, WGS84)
    decided = coverage.covered & (coverage.nearest >= 0)
    served = np.bincount(coverage.nearest[decided], weights=coverage.demand.population[decided], minlength=len(sites))
    found: dict[tuple[str, bool], dict[str, Any]] = {}
    for kind, is_open in SITE_LAYERS:
        rows = np.flatnonzero((sites.kind == kind) & (sites.open == is_open))
        features = []
        for row in rows.tolist():
            name, ident = str(sites.name[row] or ""), str(sites.ids[row])
            texts = {"name": safe_html(name or ident), "what": SITE_WORDS[kind, is_open], "id": safe_html(ident)}
            texts["people"] = f"nearest for {count(served[row])} covered people" if is_open else ""
            features.append(_feature(row, shapely.Point(lonlat[row]), texts))
        if features:
            found[kind, is_open] = _collection(features)
    return found


@dataclass(frozen=True, kw_only=True)
class Streets:
    """Streets as lines in hundred-thousandths of a degree, and what was left out.

    Parameters
    ----------
    lines
        A dictionary a class, widest first: ``weight``, ``counts`` (vertices a line) and ``steps`` (longitude and
        latitude in turn, each line's first from `origin`, the others from the vertex before).
    origin
        Longitude and latitude in hundred-thousandths of a degree.
    note
        What the legend says about them.
    """

    lines: list[dict[str, Any]]
    origin: tuple[int, int]
    note: str


def street_lines(network: Network, bounds: Bounds, *, budget: int = MAX_STREET_BYTES) -> Streets:
    """Return the streets within `bounds`: main ones first, the others while they fit into `budget` bytes."""
    lonlat = transform(network.shape_xy, network.crs, WGS84)
    lines = shapely.from_ragged_array(shapely.GeometryType.LINESTRING, lonlat, (network.shape_start,))
    west, south, east, north = bounds
    boxes = shapely.bounds(lines)
    near = (boxes[:, 0] <= east) & (boxes[:, 2] >= west) & (boxes[:, 1] <= north) & (boxes[:, 3] >= south)
    rank = np.array([_street_rank(kind) for kind in network.kinds])[network.kind]
    origin = (round(west * 1e5), round(south * 1e5))
    tolerance = max(5.0 / _DEGREE_M, max(east - west, north - south) / 4_000)
    words = ("main streets", "minor streets", "paths and tracks")
    spent = 0
    drawn: list[dict[str, Any]] = []
    shown: list[str] = []
    left: list[str] = []
    for row, weight in enumerate((1.6, 0.9, 0.6)):
        here = near & (rank == row)
        if not here.any():
            continue
        km = float(network.length_m[here].sum()) / 1_000
        encoded = _encode(lines[here], origin, tolerance)
        # Main streets are drawn whatever they cost, more and more roughly.
        while not drawn and not left and _size(encoded) > budget and tolerance < east - west:
            tolerance *= 2
            encoded = _encode(lines[here], origin, tolerance)
        if left or spent + _size(encoded) > budget:
            left.append(f"{km:,.0f} km of {words[row]}")
            continue
        spent += _size(encoded)
        drawn.append({"weight": weight, **encoded})
        shown.append(f"{km:,.0f} km of {words[row]}")
    note = f"Streets: {', '.join(shown) or 'none'}"
    note += f"; {' and '.join(left)} left out to keep the file small" if left else ""
    return Streets(lines=drawn, origin=origin, note=note)


def _street_rank(kind: str) -> int:
    plain = kind.removesuffix("_link")
    return 0 if plain in _MAIN else 1 if plain in _MINOR else 2


def _encode(lines: NDArray[np.object_], origin: tuple[int, int], tolerance: float) -> dict[str, Any]:
    joined = shapely.line_merge(shapely.multilinestrings(lines))
    plain = shapely.simplify(shapely.get_parts(joined), tolerance, preserve_topology=False)
    counts = shapely.get_num_coordinates(plain)
    whole = np.rint(shapely.get_coordinates(plain) * 1e5).astype(np.int64) - np.array(origin)
    steps = np.diff(whole, axis=0, prepend=np.zeros((1, 2), np.int64))
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    steps[starts] = whole[starts]
    return {"counts": counts.tolist(), "steps": steps.ravel().tolist()}


def _size(encoded: dict[str, Any]) -> int:
    return sum(len(json.dumps(values, separators=(",", ":"))) for values in encoded.values())


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


def _feature(ident: int, geometry: Any, properties: dict[str, str]) -> dict[str, Any]:
    rounded = shapely.transform(geometry, lambda xy: np.round(xy, 5))
    shape = json.loads(shapely.to_geojson(rounded))
    return {"type": "Feature", "id": ident, "geometry": shape, "properties": properties}


def _collection(features: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": features}
