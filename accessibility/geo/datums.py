"""Chinese map coordinates: GCJ-02 and BD-09 to WGS 84 and back.

The offset reaches 0.7 km (GCJ-02) and 1.4 km (BD-09), as much as a whole 15-minute walk, so that a table's datum
is always declared and never guessed, neither from its values nor from a box around the country.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

import numpy as np

from accessibility.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from numpy.typing import ArrayLike, NDArray

    _Pair: TypeAlias = tuple[NDArray[np.float64], NDArray[np.float64]]
    _Shift: TypeAlias = Callable[[NDArray[np.float64], NDArray[np.float64]], _Pair]

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
