"""Rows that say twice where they are, by a shape and by columns of coordinates, and not at the same place."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import shapely
from pyproj import CRS

from accessibility.errors import InputError
from accessibility.geo.arrays import finite_rows
from accessibility.geo.projection import DATUMS, WGS84, geodesics, to_wgs84, transform
from accessibility.sources.checks import Finding
from accessibility.sources.tables.columns import SHOWN, find_column, parse_numbers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd
    from numpy.typing import NDArray

_APART_M, _ELSEWHERE_M = 100.0, 50_000.0
_M_PER_DEGREE = 111_195.0
_ENOUGH = 1_000  # rows that tell how many decimals a column has
_PLANE = frozenset({"x", "y"})  # which may as well count pixels


def tell_two_places(
    table: pd.DataFrame, lonlat: NDArray[np.float64], columns: Mapping[str, str], *, source: str
) -> list[Finding]:
    """Return a finding where columns of coordinates put rows that have shapes elsewhere than those.

    Columns that are the shapes' places in another usual system contradict nothing.

    Parameters
    ----------
    table
        Any table; one without shapes has no second place.
    lonlat
        ``(n, 2)`` degrees of the shapes.
    columns
        Meaning to column name, where the names are unusual.
    source
        The file, for messages.
    """
    names = _names(table, columns, source)
    if names is None:
        return []
    texts = [table[name].astype(str) for name in names]
    told = np.column_stack([parse_numbers(text, of="degrees")[0] for text in texts])
    rows = np.flatnonzero(finite_rows(told) & finite_rows(lonlat) & (told != 0).any(axis=1))
    if not rows.size:
        return []
    near_m = _APART_M + _sizes_m(table, rows) + _rounded_m(told[rows], texts)
    apart, off = np.zeros(len(rows)), np.ones(len(rows), np.bool_)
    for place in _readings(told[rows], CRS(table.crs)):
        metres = geodesics(lonlat[rows], place)
        if (~(metres <= near_m)).sum() < off.sum() or not apart.any():
            apart, off = metres, ~(metres <= near_m)
        if not off.any():
            return []
    plane = _PLANE.issuperset(name.strip().casefold() for name in names)
    if not np.isfinite(apart[off]).any() or (plane and np.nanmedian(apart) > _ELSEWHERE_M):
        return []
    count = int(off.sum())
    shown = ", ".join(map(str, table.index[rows[off]][:SHOWN]))
    message = (
        f"columns {', '.join(names)} put {count} of {len(table)} rows elsewhere than their shapes do, up to "
        f"{np.nanmax(apart[off]):,.0f} m: rows {shown}; the shapes are read: are they right?"
    )
    return [Finding(code="two-places", source=source, message=message, count=count)]


def _names(table: pd.DataFrame, columns: Mapping[str, str], source: str) -> list[str] | None:
    if not isinstance(table, gpd.GeoDataFrame) or table.crs is None:
        return None
    with contextlib.suppress(InputError):  # formulas, or a name that is not there, of columns that nobody reads
        names = [find_column(table, key, source=source, given=columns.get(key)) for key in ("lon", "lat")]
        return None if None in names else [name for name in names if name is not None]
    return None


def _readings(told: NDArray[np.float64], crs: CRS) -> Iterator[NDArray[np.float64]]:
    """Yield ``(n, 2)`` degrees of numbers, by each system and order of axes that they may be in."""
    for xy in (told, told[:, ::-1]):
        if (np.abs(xy) <= (180.0, 90.0)).all():
            for datum in DATUMS:
                yield np.column_stack(to_wgs84(xy[:, 0], xy[:, 1], datum))
        elif crs.is_projected:
            yield transform(xy, crs, WGS84)


def _sizes_m(table: gpd.GeoDataFrame, rows: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return half the size of each shape, in metres: the columns may have its middle."""
    west, south, east, north = shapely.bounds(table.geometry.to_numpy()[rows]).T
    unit = 1.0 if CRS(table.crs).is_projected else _M_PER_DEGREE
    half: NDArray[np.float64] = np.hypot(east - west, north - south) / 2 * unit
    return half


def _rounded_m(told: NDArray[np.float64], texts: list[pd.Series[str]]) -> float:
    """Return how far the decimals of numbers in degrees leave a place open."""
    decimals = max(len(text.partition(".")[2]) for column in texts for text in column.head(_ENOUGH))
    return np.sqrt(0.5) * _M_PER_DEGREE * 10.0**-decimals if np.abs(told).max() <= 180.0 else 0.0  # noqa: PLR2004 -- degrees
