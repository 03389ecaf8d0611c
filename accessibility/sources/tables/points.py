"""Where the rows of a table are: coordinates out of columns or shapes, checked for the usual mistakes, in WGS 84."""

from __future__ import annotations

import contextlib
import re
import unicodedata
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import CRS
from pyproj.exceptions import CRSError

from accessibility.errors import Finding, InputError
from accessibility.geo.arrays import finite_rows
from accessibility.geo.projection import DATUMS, WGS84, plain_datum, to_wgs84, transform
from accessibility.sources.tables.columns import AXES, attributes, find_column, parse_numbers, rows_text
from accessibility.sources.tables.plausibility import report_other_system, report_two_places

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

SAME_DEG = 6  # decimals of degrees: a tenth of a metre
_PLACES = (0, 3, 4, 6)  # points, polygons and several of them, as GEOS numbers them
FALLBACK = 3  # more places than this on one point are a geocoder's town centre
_BOX = (72.0, 0.8, 138.0, 56.0)  # where GCJ-02 and BD-09 are used: west, south, east, north
_ZONE_MARGIN_DEG = 5.0
_PAIR = re.compile(r"\s*[,;\s]\s*")
_MARKS = str.maketrans({"º": "°", "˚": "°", "度": "°", **dict.fromkeys("′’‘´分", "'"), **dict.fromkeys("″“”秒", '"')})  # noqa: RUF001
_ANGLE = re.compile(
    r"(?P<before>[NSEW]|[东西]经|[南北]纬)?(?P<sign>[+-]?)(?P<deg>\d+(\.\d+)?)°"
    r"((?P<min>\d+(\.\d+)?)'((?P<sec>\d+(\.\d+)?)\")?)?(?P<after>[NSEW东西南北])?"
)
_GAUSS_KRUGER = {  # EPSG: first and number of zones, first code with the zone before the easting, and without
    "CGCS2000": ((13, 11, 4491, 4502), (25, 21, 4513, 4534)),
    "Xian 1980": ((13, 11, 2327, 2338), (25, 21, 2349, 2370)),
    "Beijing 1954": ((13, 11, 21413, 21453), (25, 21, 2401, 2422)),
}
_ZONE_M = 1_000_000  # an easting of 8 digits begins with the number of its zone


@dataclass(frozen=True, kw_only=True)
class TableSpec:
    """What decides where the rows of a table are."""

    # `WGS84`, `GCJ-02`, `BD-09` or `EPSG:n`; where not given, what the file declares, else WGS84
    coordinates: str | None = None
    # meaning (a key of `accessibility.sources.tables.columns.ALIASES`, such as `lon` or `coordinates`) to column
    # name, where the names are unusual
    columns: Mapping[str, str] = field(default_factory=dict)
    # layer, sheet, encoding: layer of a GeoPackage, sheet of a workbook, encoding of a text table, where they are not
    # the first or the usual
    layer: str | None = None
    sheet: str | None = None
    encoding: str | None = None


@dataclass(frozen=True, kw_only=True)
class Located:
    """A table's places."""

    lonlat: NDArray[np.float64]  # (n, 2) WGS 84 degrees, NaN where a row has none
    unreadable: NDArray[np.bool_]  # (n,) rows whose coordinates are neither numbers nor blank
    texts: pd.Series[Any]  # (n,) the coordinates as they stand, texts or complex numbers x + iy, by row number
    given: NDArray[np.float64]  # (n, 2) the coordinates as numbers, in degrees or metres of the table's own system
    findings: list[Finding] = field(default_factory=list)  # what was found on the way

    @property
    def missing(self) -> NDArray[np.bool_]:
        """``(n,)`` rows without a place."""
        return _unplaced(self.lonlat)


def locate_rows(table: pd.DataFrame, spec: TableSpec | None = None, *, source: str) -> Located:
    """Return where each row of a table is.

    Parameters
    ----------
    table
        As `accessibility.sources.tables.reading.read_table` returns it.
    spec
        Its coordinate system and columns, where they are not the usual ones.
    source
        The file, for messages.

    Raises
    ------
    InputError
        No coordinate columns, lines, no coordinate system, longitude and latitude swapped, metres instead of degrees,
        or coordinates that their coordinate system puts somewhere else.
    """
    spec = spec or TableSpec()
    datum, crs = _declared(spec.coordinates, source)
    if isinstance(table, gpd.GeoDataFrame):
        located, crs = _of_shapes(table, source, spec.coordinates, crs)
    else:
        located = _of_columns(table, source, spec.columns, degrees=not crs.is_projected)
    xy, texts = located.lonlat, located.texts
    nowhere = (xy[:, 0] == 0) & (xy[:, 1] == 0)  # a geocoder's way to say that it found nothing
    xy[nowhere | ~finite_rows(xy)] = np.nan
    if crs.is_projected:
        lonlat = _from_metres(xy, texts, source, crs)
    else:
        _refuse_no_degrees(xy, texts, source, datum)
        lonlat = transform(xy, crs, WGS84)
    if datum != "WGS84":
        lonlat = np.column_stack(to_wgs84(lonlat[:, 0], lonlat[:, 1], datum))
    findings = [*located.findings, *report_two_places(table, lonlat, spec.columns, source=source)]
    findings += report_other_system(table, spec.coordinates, source)
    return replace(located, lonlat=lonlat, given=xy, findings=findings)


def has_places(table: pd.DataFrame, spec: TableSpec, *, source: str) -> bool:
    """Return whether the rows of a table have geometry or a column of coordinates."""
    named = any(spec.columns.get(key) for key in AXES)
    return isinstance(table, gpd.GeoDataFrame) or named or any(find_column(table, k, source=source) for k in AXES)


def outlines(table: pd.DataFrame, spec: TableSpec, *, source: str) -> NDArray[np.object_] | None:
    """Return the polygons of a table in WGS 84 degrees, None where a row is none; None alone where no row is one."""
    if not isinstance(table, gpd.GeoDataFrame):
        return None
    shapes = table.geometry.to_numpy()
    areas = np.isin(shapely.get_type_id(shapes), (3, 6))
    if not areas.any():
        return None
    areas &= ~shapely.is_empty(shapes)
    if not areas.any():
        return None
    datum, declared = _declared(spec.coordinates, source)
    crs = declared if table.crs is None else CRS(table.crs)

    def degrees(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        lonlat = transform(xy, crs, WGS84)
        return np.column_stack(to_wgs84(lonlat[:, 0], lonlat[:, 1], datum))

    found = np.full(len(table), None, dtype=object)
    found[areas] = shapely.transform(shapely.force_2d(shapes[areas]), degrees)
    return found


def unique_row_ids(table: pd.DataFrame, column: str | None, *, letter: str, source: str) -> pd.Index[Any]:
    """Return an id a row: that of `column`, else the letter and the row's number in the table.

    Raises
    ------
    InputError
        Ids that stand twice; the message lists the first ten.
    """
    if column is None:
        thousands = [letter, *(f"{letter}{thousand}" for thousand in range(1, len(table) // 1_000 + 1))]
        rest = [f"{row:03d}" for row in range(1_000)]
        own = [head + tail for head in thousands for tail in rest]
        return pd.Index(own[1 : len(table) + 1], dtype=object, name="id")
    given = (str(text).strip() for text in table[column])
    own = [text or f"{letter}{row:03d}" for row, text in enumerate(given, start=1)]
    ids = pd.Index(own, dtype=object, name="id")
    if len(set(own)) < len(own):
        twice = ids[ids.duplicated()].unique()
        shown = ", ".join(map(str, twice[:10]))
        msg = f"{source}: ids that stand more than once ({len(twice)}): {shown}; expected a different id in each row"
        raise InputError(msg)
    return ids


def _declared(coordinates: str | None, source: str) -> tuple[str, CRS]:
    """Return the datum and the coordinate system that the study declares."""
    coordinates = None if coordinates is None else plain_datum(coordinates)
    if coordinates is None or coordinates in DATUMS:
        return coordinates or "WGS84", WGS84
    if re.fullmatch(r"EPSG:\d+", coordinates, re.IGNORECASE):
        with contextlib.suppress(CRSError):
            return "WGS84", CRS.from_user_input(coordinates)
    msg = f"{source}: unknown coordinates {coordinates!r}; expected one of {', '.join(DATUMS)}, EPSG:n"
    raise InputError(msg)


def _of_columns(table: pd.DataFrame, source: str, columns: Mapping[str, str], *, degrees: bool) -> Located:
    names = {key: find_column(table, key, source=source, given=columns.get(key)) for key in ("lon", "lat")}
    both = find_column(table, "coordinates", source=source, given=columns.get("coordinates"))
    lon_name, lat_name = names["lon"], names["lat"]
    if lon_name is not None and lat_name is not None:
        lon_text, lat_text = table[lon_name].astype(str), table[lat_name].astype(str)
        texts = (lon_text + ", " + lat_text).replace(", ", "")  # nothing is in a row without both
    elif both is not None:
        texts = table[both].astype(str)
        parts = [_PAIR.split(_marked(text.strip(" ()[]")), maxsplit=1) for text in texts]
        lon_text = pd.Series([p[0] for p in parts], index=table.index)
        lat_text = pd.Series([p[1] if len(p) > 1 else p[0] and "?" for p in parts], index=table.index)
    else:
        missing = " and ".join(key for key, name in names.items() if name is None)
        msg = (
            f"{source}: no column for {missing}; it has {', '.join(attributes(table))}; expected lon and lat "
            "(经度, 纬度), or one column 'lng,lat' (坐标, location); else name them in the study"
        )
        raise InputError(msg)
    lon, bad_lon, wrong_lon = _parse_degrees(lon_text, "EW", degrees=degrees)
    lat, bad_lat, wrong_lat = _parse_degrees(lat_text, "NS", degrees=degrees)
    if (wrong_lon | wrong_lat).any():
        text = rows_text(texts, wrong_lon | wrong_lat, "look swapped: latitude stands where longitude is expected")
        msg = f"{source}: coordinates of {text}; expected longitude first, then latitude"
        raise InputError(msg)
    xy = np.column_stack([lon, lat])
    return Located(lonlat=xy, unreadable=bad_lon | bad_lat, texts=texts, given=xy)


def _parse_degrees(
    texts: pd.Series[Any], letters: str, *, degrees: bool
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return ``(n,)`` numbers of plain numbers or degrees, minutes and seconds; which are neither; which face wrong.

    South and west are negative. `letters` are those of the axis (``EW`` or ``NS``); a cell with another one belongs to
    the other axis.
    """
    values, bad = parse_numbers(texts, of="degrees" if degrees else None)
    wrong = np.zeros(len(values), dtype=np.bool_)
    for row in np.flatnonzero(bad):
        angle = _ANGLE.fullmatch(_marked(str(texts.iloc[row])).replace(" ", "").upper())
        if angle is None:
            continue
        minutes, seconds = float(angle["min"] or 0.0), float(angle["sec"] or 0.0)
        said = {"东": "E", "西": "W", "南": "S", "北": "N"}
        sides = {said.get(side[0], side) for side in (angle["before"], angle["after"]) if side}
        rounded_up = angle["sec"] is not None and re.fullmatch(r"60\.0+", angle["sec"])
        if minutes >= 60 or (seconds >= 60 and not rounded_up) or len(sides) > 1 or (sides and angle["sign"]):  # noqa: PLR2004 -- of an hour
            continue
        wrong[row] = not sides <= set(letters)
        size = float(angle["deg"]) + minutes / 60.0 + seconds / 3_600.0
        values[row], bad[row] = (-size if angle["sign"] == "-" or sides & {"W", "S"} else size), False
    return values, bad, wrong


def _marked(text: str) -> str:
    """Return a text with the usual marks of degrees, minutes and seconds, and no space between them."""
    plain = unicodedata.normalize("NFKC", text.translate(_MARKS)).replace("''", '"').strip()
    return re.sub(r"(?<=[°'])\s+(?=\d)", "", plain)


def _of_shapes(table: gpd.GeoDataFrame, source: str, coordinates: str | None, declared: CRS) -> tuple[Located, CRS]:
    crs = table.crs
    if crs is None and coordinates is None:
        msg = f"{source}: no coordinate system; expected one, declare it in the file or with coordinates = 'EPSG:n'"
        raise InputError(msg)
    if crs is not None and coordinates is not None and coordinates not in DATUMS and CRS(crs) != declared:
        msg = f"{source}: the file declares {CRS(crs).name}, the study {coordinates}; expected one coordinate system"
        raise InputError(msg)
    shapes = table.geometry.to_numpy()
    there = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    kind = np.asarray(shapely.get_type_id(shapes))
    lines = np.flatnonzero(there & ~np.isin(kind, _PLACES))
    if lines.size:
        first = f"first feature {table.index[lines[0]]}: {shapes[lines[0]].geom_type}"
        msg = f"{source}: {lines.size} features cannot mark a place, {first}; expected points or polygons"
        raise InputError(msg)
    findings = []
    wide = there & (kind != shapely.GeometryType.POINT)
    areas = int(wide.sum())
    if areas:
        message = f"{areas} of {len(table)} features are areas or groups of points; each stands at one point inside it"
        findings.append(Finding(code="polygon-as-point", source=source, message=message, count=areas))
    xy = np.full((len(table), 2), np.nan)
    points = shapes.copy() if areas else shapes
    points[wide] = shapely.point_on_surface(shapes[wide])
    xy[there] = shapely.get_coordinates(points if there.all() else points[there])
    texts = pd.Series(xy.view(np.complex128)[:, 0], index=table.index, copy=True)
    unreadable = np.zeros(len(table), dtype=np.bool_)
    return Located(lonlat=xy, unreadable=unreadable, texts=texts, given=xy, findings=findings), CRS(
        crs
    ) if crs else declared


def _refuse_no_degrees(xy: NDArray[np.float64], texts: pd.Series[Any], source: str, datum: str) -> None:
    known = xy[finite_rows(xy)]
    if not len(known):
        return
    lon, lat = np.abs(xy[:, 0]), np.abs(xy[:, 1])
    outside: NDArray[np.bool_] = (lon > 180.0) | (lat > 90.0)  # noqa: PLR2004 -- the globe
    swappable = (lat <= 180.0) & (lon <= 90.0)  # noqa: PLR2004
    turned = outside.any() and bool(swappable[outside].all())
    if datum != "WGS84" and not boxed(known).any() and boxed(known[:, ::-1]).all():
        outside, turned = np.asarray(~_unplaced(xy), dtype=np.bool_), True
    if not outside.any():
        return
    what = "lie outside the globe" if not turned else "look swapped: latitude stands where longitude is expected"
    advice = "longitude first, then latitude" if turned else "degrees; for metres declare coordinates = 'EPSG:n'"
    advice += _zone_hint(xy[outside], None)
    msg = f"{source}: coordinates of {rows_text(texts, outside, what)}; expected {advice}"
    raise InputError(msg)


def _unplaced(lonlat: NDArray[np.float64]) -> NDArray[np.bool_]:
    return ~finite_rows(lonlat)


def boxed(lonlat: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return ``(n,)`` whether degrees lie where GCJ-02 and BD-09 are used."""
    west, south, east, north = _BOX
    lon, lat = lonlat.T
    inside: NDArray[np.bool_] = (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)
    return inside


def _from_metres(xy: NDArray[np.float64], texts: pd.Series[Any], source: str, crs: CRS) -> NDArray[np.float64]:
    """Return degrees of projected coordinates; refuse those that fall outside the zone the system is made for."""
    lonlat = transform(xy, crs, WGS84)
    zone = crs.area_of_use
    west, south, east, north = (-180.0, -90.0, 180.0, 90.0) if zone is None else zone.bounds
    lon, lat, margin = lonlat[:, 0], lonlat[:, 1], _ZONE_MARGIN_DEG
    fits = (lon >= west - margin) & (lon <= east + margin) & (lat >= south - margin) & (lat <= north + margin)
    if west > east:
        fits = (lat >= south - margin) & (lat <= north + margin)
    off = finite_rows(xy) & ~fits
    if off.any():
        text = rows_text(texts, off, f"fall outside the area of {crs.to_string()} ({crs.name})")
        hint = _zone_hint(xy[off], crs.to_epsg())
        msg = f"{source}: coordinates of {text}; expected x (east) first: are they swapped, or the zone wrong?{hint}"
        raise InputError(msg)
    return lonlat


def _zone_hint(xy: NDArray[np.float64], declared: int | None) -> str:
    """Return which EPSG code the eastings speak for: those of 8 digits begin with their zone, those of 6 have none."""
    x, y = np.median(xy, axis=0)
    if 10 * _ZONE_M <= y < 50 * _ZONE_M and x < 10 * _ZONE_M:
        return "; the second number begins with a zone, as an easting does: swap the columns"
    for name, belts in _GAUSS_KRUGER.items():
        family = declared is None or any(start <= (declared or 0) < start + n for _, n, *ab in belts for start in ab)
        for first, count, prefixed, bare in belts if family else ():
            zone = int(x // _ZONE_M)
            if first <= zone < first + count:
                return f"; eastings of 8 digits that begin with {zone} are EPSG:{prefixed + zone - first} in {name}"
            if declared is not None and prefixed <= declared < prefixed + count and 0 < x < _ZONE_M:
                code = bare + declared - prefixed
                return f"; EPSG:{declared} has its zone before the easting, EPSG:{code} has none"
    return ""


def set_aside(located: Located, *, source: str, share: float) -> list[Finding]:
    """Return a finding on the rows without a place; raise `InputError` where they are more than a share, or all."""
    missing = located.missing
    count, total = int(missing.sum()), len(missing)
    if not count:
        return []
    text = rows_text(located.texts, missing, "are blank or no numbers")
    if count > max(1, share * total) or count == total:
        msg = f"{source}: coordinates of {text} ({count} of {total} rows); expected numbers in each row"
        raise InputError(msg)
    message = f"coordinates of {text}: set aside"
    return [Finding(code="no-coordinates", source=source, message=message, count=count)]
