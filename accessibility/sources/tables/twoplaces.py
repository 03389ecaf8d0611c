"""Rows that say twice where they are, by a shape or the columns that are read and by others, and not at one place."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import shapely
from pyproj import CRS

from accessibility.errors import InputError
from accessibility.geo.arrays import finite_rows
from accessibility.geo.projection import DATUMS, WGS84, geodesics, to_wgs84, transform
from accessibility.sources.checks import Finding
from accessibility.sources.tables.columns import SHOWN, attributes, find_column, parse_numbers
from accessibility.sources.tables.saidsystems import datums_said
from accessibility.wording import plain_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd
    from numpy.typing import NDArray

_APART_M, _ELSEWHERE_M = 100.0, 50_000.0
_M_PER_DEGREE = 111_195.0
_ENOUGH = 1_000  # rows that tell how many decimals a column has
_PLANE = frozenset({"x", "y"})  # which may as well count pixels
_AXES = re.compile(r"(?P<lon>lon|lng|经度)|(?P<lat>lat|纬度)")


def tell_two_places(
    table: pd.DataFrame, lonlat: NDArray[np.float64], columns: Mapping[str, str], *, source: str
) -> list[Finding]:
    """Return findings where columns of coordinates put rows elsewhere than their shapes or the columns that are read.

    Columns that are the places of shapes in another usual system contradict nothing.

    Parameters
    ----------
    table
        Any table.
    lonlat
        ``(n, 2)`` degrees that were read.
    columns
        Meaning to column name, where the names are unusual.
    source
        The file, for messages.
    """
    own = _own_columns(table, columns, source)
    told = [] if own is None or not isinstance(table, gpd.GeoDataFrame) or table.crs is None else [(own, DATUMS)]
    others = ((pair, (datum,)) for datum, pair in _datum_columns(table).items() if pair != own)
    for names, datums in (*told, *others):
        finding = _contradiction(table, lonlat, names, datums, source)
        if finding is not None:
            return [finding]
    return []


def _contradiction(
    table: pd.DataFrame, lonlat: NDArray[np.float64], names: tuple[str, str], datums: tuple[str, ...], source: str
) -> Finding | None:
    """Return a finding where two columns put rows elsewhere, in whichever of some systems fits best."""
    texts = [table[name].astype(str) for name in names]
    told = np.column_stack([parse_numbers(text, of="degrees")[0] for text in texts])
    rows = np.flatnonzero(finite_rows(told) & finite_rows(lonlat) & (told != 0).any(axis=1))
    if not rows.size:
        return None
    near_m = _APART_M + _sizes_m(table, rows) + _rounded_m(told[rows], texts)
    apart, off = np.zeros(len(rows)), np.ones(len(rows), np.bool_)
    for place in _readings(told[rows], getattr(table, "crs", None), datums):
        metres = geodesics(lonlat[rows], place)
        if (~(metres <= near_m)).sum() < off.sum() or not apart.any():
            apart, off = metres, ~(metres <= near_m)
        if not off.any():
            return None
    plane = _PLANE.issuperset(name.strip().casefold() for name in names)
    if not np.isfinite(apart[off]).any() or (plane and np.nanmedian(apart) > _ELSEWHERE_M):
        return None
    count = int(off.sum())
    shown = ", ".join(map(str, table.index[rows[off]][:SHOWN]))
    message = (
        f"columns {', '.join(names)} put {count} of {len(table)} rows elsewhere than what is read of them, up to "
        f"{np.nanmax(apart[off]):,.0f} m: rows {shown}: which of both is right?"
    )
    return Finding(code="two-places", source=source, message=message, count=count)


def _own_columns(table: pd.DataFrame, columns: Mapping[str, str], source: str) -> tuple[str, str] | None:
    """Return the usual columns of coordinates."""
    with contextlib.suppress(InputError):  # formulas, or a name that is not there, of columns that nobody reads
        lon, lat = (find_column(table, key, source=source, given=columns.get(key)) for key in ("lon", "lat"))
        return None if lon is None or lat is None else (lon, lat)
    return None


def _datum_columns(table: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Return the columns of longitude and latitude whose names speak of a system, by that."""
    found: dict[str, dict[str, str]] = {}
    for column in attributes(table):
        words = plain_words(column)
        axis, said = _AXES.search(words), datums_said(words)
        if axis is not None and len(said) == 1:
            found.setdefault(said[0], {}).setdefault(str(axis.lastgroup), column)
    return {datum: (pair["lon"], pair["lat"]) for datum, pair in found.items() if len(pair) > 1}


def _readings(
    told: NDArray[np.float64], system: object | None, datums: tuple[str, ...]
) -> Iterator[NDArray[np.float64]]:
    """Yield ``(n, 2)`` degrees of numbers, by each system and order of axes that they may be in."""
    crs = WGS84 if system is None else CRS(system)
    for xy in (told, told[:, ::-1]):
        if (np.abs(xy) <= (180.0, 90.0)).all():
            for datum in datums:
                yield np.column_stack(to_wgs84(xy[:, 0], xy[:, 1], datum))
        elif crs.is_projected:
            yield transform(xy, crs, WGS84)


def _sizes_m(table: pd.DataFrame, rows: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return half the size of each shape, in metres: the columns may have its middle."""
    if not isinstance(table, gpd.GeoDataFrame):
        return np.zeros(len(rows))
    west, south, east, north = shapely.bounds(table.geometry.to_numpy()[rows]).T
    unit = 1.0 if table.crs is not None and CRS(table.crs).is_projected else _M_PER_DEGREE
    half: NDArray[np.float64] = np.hypot(east - west, north - south) / 2 * unit
    return half


def _rounded_m(told: NDArray[np.float64], texts: list[pd.Series[str]]) -> float:
    """Return how far the decimals of numbers in degrees leave a place open."""
    decimals = max(len(text.partition(".")[2]) for column in texts for text in column.head(_ENOUGH))
    return np.sqrt(0.5) * _M_PER_DEGREE * 10.0**-decimals if np.abs(told).max() <= 180.0 else 0.0  # noqa: PLR2004 -- degrees
