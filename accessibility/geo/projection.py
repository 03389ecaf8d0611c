"""Coordinates between reference systems, Chinese ones (GCJ-02, BD-09) too; lengths on the ellipsoid; straight lines.

The offset of Chinese maps reaches 0.7 km (GCJ-02) and 1.4 km (BD-09), as much as a whole 15-minute walk, so that a
table's datum is always declared and never guessed, neither from its values nor from a box around the country.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from pyproj import CRS, Geod, Transformer
from pyproj.exceptions import CRSError, ProjError

from accessibility.errors import InputError, described
from accessibility.geo.arrays import extent, finite_rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    import geopandas as gpd
    from numpy.typing import ArrayLike, NDArray

    _Pair: TypeAlias = tuple[NDArray[np.float64], NDArray[np.float64]]
    _Shift: TypeAlias = Callable[[NDArray[np.float64], NDArray[np.float64]], _Pair]
    _Drawn: TypeAlias = Callable[[NDArray[np.float64], int], tuple[NDArray[np.float64], NDArray[np.intp]]]

EARTH_M = 6_378_137.0  # the sphere of Web Mercator
Bounds = tuple[float, float, float, float]
"""West, south, east and north."""
WGS84 = CRS.from_epsg(4326)
_SHIFTED = re.compile(r"gcj|bd-?_?09|火星|百度", re.IGNORECASE)  # systems of maps in China, which PROJ cannot undo
_STEP_M = 100.0
_MICROMETRES = 6  # digits of metres; projecting back and forth is off by a few nanometres
_LOCAL_M = 2_000.0  # below this the local metric and the geodesic agree to a tenth of a millimetre


MAX_STRETCH = 0.01  # of a metre in a coordinate system that counts in metres


def local_crs(lon: float, lat: float) -> CRS:
    """Return a transverse Mercator centred on a place, in metres, without scale error there.

    Within 100 km of the centre lengths are right to 0.013 %.
    """
    return CRS.from_proj4(f"+proj=tmerc +lat_0={lat:.4f} +lon_0={lon:.4f} +k=1 +x_0=0 +y_0=0 +datum=WGS84 +units=m")


def read_crs(given: object, name: str) -> CRS:
    """Return the coordinate system that is given in any way pyproj understands.

    Raises
    ------
    InputError
        Nothing that pyproj knows.
    """
    try:
        return CRS.from_user_input(given)
    except (CRSError, TypeError, ValueError, AttributeError) as error:
        found = "missing" if given is None else f"{given!r}" if isinstance(given, str | int) else described(given)
        msg = f"{name} coordinate system is {found}; expected one that pyproj knows, such as 'EPSG:32649'"
        raise InputError(msg) from error


def frame_crs(gdf: gpd.GeoDataFrame, name: str) -> CRS:
    """Return the coordinate system of a table with places; raise `InputError` where it has none, or no places."""
    if gdf.active_geometry_name is None:
        msg = f"{name} table has no geometry; expected a column of points, set it with gdf.set_geometry(...)"
        raise InputError(msg)
    if gdf.crs is None:
        msg = f"{name} table has no coordinate system; expected one, set it with gdf.set_crs(...)"
        raise InputError(msg)
    found: CRS = gdf.crs
    return found


def refuse_degrees(lengths: NDArray[np.float64], crs: CRS) -> None:
    """Refuse lines in metres of which none is a metre long."""
    longest = float(lengths.max(initial=0.0))
    if crs.is_projected and 0 < longest < 1.0:
        msg = f"no line is a metre long in {crs.name}, the longest has {longest:.3g} m: are its coordinates degrees?"
        raise InputError(msg)


def transform(xy: NDArray[np.float64], source: CRS, target: CRS, *, copy: bool = True) -> NDArray[np.float64]:
    """Return ``(n, 2)`` coordinates, x (or longitude) first, in another reference system; NaN where they have none.

    Metres are whole micrometres, so that going to degrees and back changes nothing: what is equally far from two
    streets, or on the border of a cell, stays so in every system that it was told in. Without `copy` they are the same
    array where both systems are one.
    """
    way = _way(source.srs, target.srs) if len(xy) else None
    if way is None:
        return np.array(xy, dtype=np.float64, copy=copy or None)
    x, y = way.transform(xy[:, 0], xy[:, 1])
    there = np.column_stack([x, y])
    if target.is_projected:
        there = np.round(there, _MICROMETRES)
    there[~finite_rows(there)] = np.nan
    return there


def transform_shapes(shapes: Any, source: CRS, target: CRS) -> Any:
    """Return a geometry, or an array of geometries, in another coordinate system."""
    import shapely  # noqa: PLC0415 -- `import accessibility` stays light

    return shapely.transform(shapes, lambda xy: transform(xy, source, target))


def earth_crs(crs: CRS, *, source: str) -> CRS:
    """Return a coordinate system whose places are on Earth.

    Raises
    ------
    InputError
        Local, engineering, geocentric or undefined coordinates, another planet's, or GCJ-02 and BD-09, which PROJ takes
        for the datum they were shifted from; the message names `source`.
    """
    if _SHIFTED.search(crs.name):
        msg = f'{source}: its coordinate system is {crs.name}; expected none, and coordinates = "GCJ-02" or "BD-09"'
        raise InputError(msg)
    if not (crs.is_geographic or crs.is_projected) or crs.name.lower().startswith("undefined"):
        msg = (
            f"{source}: its coordinate system ({crs.name}) has no place on the globe; expected degrees, or metres of a "
            "known projection such as EPSG:4527"
        )
        raise InputError(msg)
    try:
        _way(crs.srs, WGS84.srs)
    except InputError as error:
        msg = f"{source}: {error}"
        raise InputError(msg) from error
    return crs


def stretch_of(xy: NDArray[np.float64], crs: CRS) -> float:
    """Return how far a metre of a projected system is from a true one, at worst, at the corners and middle of places.

    Examples
    --------
    >>> round(stretch_of(np.array([[800_000.0, 5_400_000.0]]), CRS.from_epsg(3857)), 2)
    0.38
    """
    if len(xy) and not np.isfinite(extent(xy)).all():
        xy = xy[finite_rows(xy)]
    if not len(xy):
        return 0.0
    low, high = extent(xy)
    at = low + (high - low) * np.array([(0, 0), (0, 1), (1, 0), (1, 1), (0.5, 0.5)])
    steps = np.array([(0.0, 0.0), (_STEP_M, 0.0), (0.0, _STEP_M)])
    lonlat = transform((at[:, None] + steps).reshape(-1, 2), crs, WGS84).reshape(-1, 3, 2)
    if not np.isfinite(lonlat).all():
        return float("inf")
    east_m, north_m = (segment_lengths(lonlat[:, [0, i]].reshape(-1, 2))[::2] for i in (1, 2))
    true = np.concatenate([east_m, north_m])
    return float(np.abs(_STEP_M / np.maximum(true, 1e-9) - 1).max())


@cache
def _way(source: str, target: str) -> Transformer | None:
    """Return the way between two systems, None where they are one.

    It is looked up once, by the words of the systems: to look it up takes longer than to transform thousands of points,
    and to compare two systems longer than a step of a trial.
    """
    here, there = CRS.from_user_input(source), CRS.from_user_input(target)
    if here == there:
        return None
    try:
        return Transformer.from_crs(here, there, always_xy=True)
    except ProjError as error:
        msg = f"no way leads from {here.name} to {there.name}; expected coordinate systems of the Earth"
        raise InputError(msg) from error


def segment_lengths(lonlat: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the geodesic length in metres of each step of a ``(k, 2)`` chain of longitudes and latitudes.

    Short steps use the ellipsoid's radii of curvature at their middle latitude, right to 0.1 mm; steps above
    2 km use Karney's algorithm through pyproj.
    """
    geod = Geod(ellps="WGS84")
    lon, lat = np.radians(lonlat[:, 0]), np.radians(lonlat[:, 1])
    middle = (lat[1:] + lat[:-1]) / 2
    w2 = 1.0 - geod.es * np.sin(middle) ** 2
    prime_vertical = geod.a / np.sqrt(w2)
    meridian = prime_vertical * (1.0 - geod.es) / w2
    lengths: NDArray[np.float64] = np.hypot(meridian * np.diff(lat), prime_vertical * np.cos(middle) * np.diff(lon))
    far = np.flatnonzero(lengths > _LOCAL_M)
    if far.size:
        a, b = lonlat[far], lonlat[far + 1]
        lengths[far] = geod.inv(a[:, 0], a[:, 1], b[:, 0], b[:, 1])[2]
    return lengths


def distances(a: NDArray[np.float64], b: NDArray[np.float64], crs: CRS) -> NDArray[np.float64]:
    """Return the geodesic distance in metres between the rows of two ``(n, 2)`` arrays in `crs`."""
    return geodesics(transform(a, crs, WGS84), transform(b, crs, WGS84))


def geodesics(p: NDArray[np.float64], q: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the geodesic distance in metres between the rows of two ``(n, 2)`` arrays of degrees."""
    found: NDArray[np.float64] = np.full(len(p), np.nan)
    known = finite_rows(p) & finite_rows(q)
    found[known] = Geod(ellps="WGS84").inv(p[known, 0], p[known, 1], q[known, 0], q[known, 1])[2]
    return found


def mercator(lonlat: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``(n, 2)`` Web Mercator metres of degrees.

    Examples
    --------
    >>> mercator(np.array([[180.0, 0.0]])).round(2).tolist()
    [[20037508.34, -0.0]]
    """
    lon, lat = np.radians(lonlat[:, 0]), np.radians(lonlat[:, 1])
    return EARTH_M * np.column_stack([lon, np.log(np.tan(np.pi / 4 + lat / 2))])


def unmercator(xy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return degrees of ``(n, 2)`` Web Mercator metres."""
    lat = 2 * np.arctan(np.exp(xy[:, 1] / EARTH_M)) - np.pi / 2
    return np.degrees(np.column_stack([xy[:, 0] / EARTH_M, lat]))


DATUMS = ("WGS84", "GCJ-02", "BD-09")

_A = 6_378_245.0  # Krasovsky 1940, metres: the ellipsoid of the published formula
_EE = 0.00669342162296594323
_BD_PI = np.pi * 3000.0 / 180.0
_STEPS = 40  # far more than needed: six steps reach 1e-12 degrees in China
_SETTLED_DEG = 1e-13


_PLAIN = {  # as maps and offices call them, in small letters and without signs
    **dict.fromkeys(("wgs84", "wgs1984", "epsg4326", "gps", "gps84", "天地图"), "WGS84"),
    **dict.fromkeys(
        ("gcj02", "gcj2", "gcj", "gcj02ll", "高德", "高德地图", "腾讯", "腾讯地图", "火星", "火星坐标"), "GCJ-02"
    ),
    **dict.fromkeys(("amap", "gaode", "tencent", "mars", "autonavi", "国测局", "高德坐标", "腾讯坐标"), "GCJ-02"),
    **dict.fromkeys(("bd09", "bd9", "bd09ll", "百度", "百度地图", "百度坐标", "baidu"), "BD-09"),
    **dict.fromkeys(("cgcs2000", "2000国家大地坐标系", "国家2000", "国家2000坐标系"), "EPSG:4490"),
}


def plain_datum(name: str) -> str:
    """Return a coordinate system under the name that readers know; any other name as it is.

    Examples
    --------
    >>> [plain_datum(name) for name in ("gcj02", "高德", "百度坐标系", "EPSG:4547")]
    ['GCJ-02', 'GCJ-02', 'BD-09', 'EPSG:4547']
    """
    plain = re.sub(r"[\s_.:()-]", "", unicodedata.normalize("NFKC", name)).casefold()
    return _PLAIN.get(plain, _PLAIN.get(plain.removesuffix("系"), name))


def from_wgs84(lon: ArrayLike, lat: ArrayLike, datum: str) -> _Pair:
    """Return WGS 84 longitudes and latitudes in another datum.

    Parameters
    ----------
    lon, lat
        Degrees; scalars or arrays of one shape. Values that are not finite stay so.
    datum
        ``WGS84``, ``GCJ-02`` or ``BD-09``.

    Returns
    -------
    tuple
        Longitudes and latitudes in degrees.

    Raises
    ------
    InputError
        A datum that is none of these, or shapes that differ.

    Notes
    -----
    The formulas are those in public circulation (eviltransform, coordtransform); the authorities' own has never been
    published and agrees with them to some metres.

    Examples
    --------
    >>> lon, lat = from_wgs84(116.377817, 39.911954, "GCJ-02")
    >>> print(f"{lon:.9f} {lat:.9f}")
    116.384047225 39.913345455
    """
    shift = _shift_to(datum)
    x, y = _degrees(lon, lat)
    with np.errstate(invalid="ignore"):
        return shift(x, y)


def to_wgs84(lon: ArrayLike, lat: ArrayLike, datum: str) -> _Pair:
    """Return longitudes and latitudes of `datum` in WGS 84; the inverse of `from_wgs84` to 1e-9 degrees.

    The forward formula has no closed inverse: it is iterated until it settles. The usual single step is off by up
    to 4.9 m.

    Parameters
    ----------
    lon, lat
        Degrees; scalars or arrays of one shape. Values that are not finite stay so.
    datum
        ``WGS84``, ``GCJ-02`` or ``BD-09``.

    Returns
    -------
    tuple
        Longitudes and latitudes in degrees.

    Raises
    ------
    InputError
        A datum that is none of these, or shapes that differ.

    Examples
    --------
    >>> lon, lat = to_wgs84(116.38404722455657, 39.91334545536069, "GCJ-02")
    >>> print(f"{lon:.9f} {lat:.9f}")
    116.377817000 39.911954000
    """
    shift = _shift_to(datum)
    x, y = _degrees(lon, lat)
    known_x, known_y = x, y
    with np.errstate(invalid="ignore"):
        for _ in range(_STEPS):
            there_x, there_y = shift(known_x, known_y)
            step_x, step_y = there_x - x, there_y - y
            known_x, known_y = known_x - step_x, known_y - step_y
            if not (np.maximum(np.abs(step_x), np.abs(step_y)) > _SETTLED_DEG).any():
                break
    return known_x, known_y


def _shift_to(datum: str) -> _Shift:
    shifts: dict[str, _Shift] = {"WGS84": _unchanged, "GCJ-02": _wgs84_to_gcj02, "BD-09": _wgs84_to_bd09}
    if datum not in shifts:
        msg = f"unknown datum {datum!r}; expected one of {', '.join(DATUMS)}"
        raise InputError(msg)
    return shifts[datum]


def _degrees(lon: ArrayLike, lat: ArrayLike) -> _Pair:
    x, y = np.array(lon, dtype=np.float64), np.array(lat, dtype=np.float64)
    if x.shape != y.shape:
        msg = f"longitudes have shape {x.shape} and latitudes {y.shape}; expected one shape"
        raise InputError(msg)
    return x, y


def _unchanged(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> _Pair:
    return lon, lat


def _wgs84_to_gcj02(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> _Pair:
    x, y = lon - 105.0, lat - 35.0
    waves = 20.0 * np.sin(6.0 * np.pi * x) + 20.0 * np.sin(2.0 * np.pi * x)
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * np.sqrt(np.abs(x))
    north = north + 2.0 / 3.0 * (waves + 20.0 * np.sin(np.pi * y) + 40.0 * np.sin(np.pi * y / 3.0))
    north = north + 2.0 / 3.0 * (160.0 * np.sin(np.pi * y / 12.0) + 320.0 * np.sin(np.pi * y / 30.0))
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * np.sqrt(np.abs(x))
    east = east + 2.0 / 3.0 * (waves + 20.0 * np.sin(np.pi * x) + 40.0 * np.sin(np.pi * x / 3.0))
    east = east + 2.0 / 3.0 * (150.0 * np.sin(np.pi * x / 12.0) + 300.0 * np.sin(np.pi * x / 30.0))
    phi = np.radians(lat)
    flat = 1.0 - _EE * np.sin(phi) ** 2
    meridian = _A * (1.0 - _EE) / flat**1.5
    parallel = _A / np.sqrt(flat) * np.cos(phi)
    return lon + np.degrees(east / parallel), lat + np.degrees(north / meridian)


def _wgs84_to_bd09(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> _Pair:
    x, y = _wgs84_to_gcj02(lon, lat)
    radius = np.hypot(x, y) + 2e-5 * np.sin(y * _BD_PI)
    angle = np.arctan2(y, x) + 3e-6 * np.cos(x * _BD_PI)
    return radius * np.cos(angle) + 0.0065, radius * np.sin(angle) + 0.006


NO_SITE = -1
_BATCH = 1 << 14  # places at a time: the ways to all of few sites take half a kilobyte of each while they are measured
_FEW = 64  # sites: to look at every one takes less time than to load what grows trees
STRETCH = 1.01  # nearby, no projected distance is so much longer than it is on the ground, or than another one


def measure_radius(
    people_xy: NDArray[np.float64], site_xy: NDArray[np.float64], is_open: NDArray[np.bool_], crs: CRS
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Return the geodesic metres from each point to the nearest open site, and its row: the lowest of the nearest.

    Points and sites are ``(n, 2)`` and ``(s, 2)`` in `crs`, a projected system in metres; a point that is not finite
    has no nearest site: NaN and -1.
    """
    radius = np.full(len(people_xy), np.nan)
    owner = np.full(len(people_xy), NO_SITE, np.int32)
    rows = np.flatnonzero(is_open)
    left = np.flatnonzero(finite_rows(people_xy)) if rows.size else np.empty(0, np.intp)
    if not left.size:
        return radius, owner
    ask, sites = _nearest_drawn(site_xy[rows]), transform(site_xy[rows], crs, WGS84)
    for at in range(0, len(left), _BATCH):
        batch = left[at : at + _BATCH]
        radius[batch], nearest = _measure_radius(people_xy[batch], ask, sites, crs)
        owner[batch] = rows[nearest]
    return radius, owner


def _measure_radius(
    xy: NDArray[np.float64], ask: _Drawn, sites: NDArray[np.float64], crs: CRS
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return how far the nearest site of each place is, and which it is; sites are known as drawn, and in degrees."""
    people, neighbours, left = transform(xy, crs, WGS84), min(2, len(sites)), np.arange(len(xy))
    drawn, found = ask(xy, neighbours)
    radius, owner = geodesics(people, sites[found[0]]), found[0]
    # On the ground another site may be nearest than on the plane, if it is hardly farther there.
    open_question = (drawn[-1] <= drawn[0] * STRETCH) & (neighbours > 1)
    left, drawn, found = left[open_question], drawn[:, open_question], found[:, open_question]
    while left.size:
        ways = np.array([geodesics(people[left], sites[nth]) for nth in found])
        radius[left] = ways.min(axis=0)
        owner[left] = np.where(ways == radius[left], found, len(sites) - 1).min(axis=0)
        left = left[(drawn[-1] <= drawn[0] * STRETCH) & (neighbours < len(sites))]
        neighbours = min(2 * neighbours, len(sites))
        drawn, found = ask(xy[left], neighbours)
    return radius, owner


def _nearest_drawn(sites: NDArray[np.float64]) -> _Drawn:
    """Return what tells ``(k, n)`` metres on the plane to the nearest sites of each place, and which they are."""

    def among_few(xy: NDArray[np.float64], neighbours: int) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
        away = np.sqrt((xy[:, :1] - sites[:, 0]) ** 2 + (xy[:, 1:] - sites[:, 1]) ** 2)
        found = np.argpartition(away, range(neighbours), axis=1)[:, :neighbours]
        return np.take_along_axis(away, found, axis=1).T, found.T

    if len(sites) <= _FEW:
        return among_few
    from scipy.spatial import cKDTree  # noqa: PLC0415

    tree = cKDTree(sites)

    def in_tree(xy: NDArray[np.float64], neighbours: int) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
        drawn, found = tree.query(xy, k=list(range(1, neighbours + 1)))
        return np.asarray(drawn).T, np.asarray(found).T

    return in_tree


def pairs_within(
    people_xy: NDArray[np.float64], site_xy: NDArray[np.float64], limit_m: NDArray[np.float64], crs: CRS
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """Return the rows of sites and people, and the geodesic metres between them, of all pairs that may be near enough.

    Pairs are ordered by site, then by person. None is missing that is within ``(n,)`` `limit_m` of the person; a limit
    below 0 asks for no pair.
    """
    from scipy.spatial import cKDTree  # noqa: PLC0415

    rows = np.flatnonzero((limit_m >= 0) & finite_rows(people_xy))
    if not rows.size or not len(site_xy):
        return np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0)
    reach = float(limit_m[rows].max()) * STRETCH
    near: Any = cKDTree(people_xy[rows]).query_ball_point(site_xy, reach, return_sorted=True)
    site = np.repeat(np.arange(len(site_xy)), [len(found) for found in near])
    person = rows[np.concatenate([np.asarray(found, np.intp) for found in near])]
    return site, person, distances(people_xy[person], site_xy[site], crs)
