"""Coordinate systems that a table names itself, in a column or in the headings of its coordinates."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np

from accessibility.errors import InputError
from accessibility.geo.projection import plain_datum
from accessibility.sources.tables.columns import attributes, find_column, rows_text
from accessibility.wording import plain_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

_COLUMN = re.compile(r"坐标(系|系统|系类型|类型|基准)?|datum|crs|srs|coord(inate)?s? ?(type|system|sys|ref|datum)")
_HEADINGS = {
    "GCJ-02": r"gcj|火星|高德|腾讯|国测局|amap|gaode|tencent",
    "BD-09": r"bd[ -]?0?9|百度|baidu",
    "WGS84": r"wgs",
}
_SAME = {"EPSG:4326": "WGS84", "EPSG:4490": "WGS84", "EPSG:4979": "WGS84"}  # within a metre


def refuse_other_system(
    table: pd.DataFrame, coordinates: str | None, columns: Mapping[str, str], *, source: str
) -> None:
    """Raise `InputError` where a table says that its coordinates are in another system than the study does.

    Parameters
    ----------
    table
        Cells as text.
    coordinates
        The system that the study says; WGS84 where it says none.
    columns
        What the study calls the columns of coordinates, by their meaning.
    source
        The file, for messages.
    """
    if isinstance(table, gpd.GeoDataFrame):
        return  # whose shapes have a system, and may have been moved into it
    declared = coordinates or "WGS84"
    ours = _plain(declared)
    keys = ("lon", "lat", "coordinates")
    headings = [find_column(table, key, source=source, given=columns.get(key)) for key in keys]
    for heading in filter(None, headings):
        said = datums_said(plain_words(heading))
        if len(said) == 1 and said[0] != ours:
            msg = (
                f"{source}: column {heading!r} speaks of {said[0]}, the study of {declared}; "
                f"expected coordinates = {said[0]!r}, or other columns"
            )
            raise InputError(msg)
    for column in attributes(table):
        if column in headings or not _COLUMN.fullmatch(plain_words(column)):
            continue
        known = {text: _plain(text) for text in map(str, table[column].unique())}
        other = np.array([_is_other(known[str(text)], ours) for text in table[column]], dtype=np.bool_)
        if other.any():
            text = rows_text(table[column], other, "names another coordinate system")
            msg = (
                f"{source}: column {column!r}: {text}; the study says {declared} of all rows; "
                "expected one system, or a table for each"
            )
            raise InputError(msg)


def datums_said(plain: str) -> list[str]:
    """Return the datums that the plain words of a heading speak of.

    Examples
    --------
    >>> datums_said("gcj lon"), datums_said("百度经度"), datums_said("lon")
    (['GCJ-02'], ['BD-09'], [])
    """
    return [datum for datum, words in _HEADINGS.items() if re.search(words, plain)]


def _is_other(said: str, ours: str) -> bool:
    return said != ours and (said in _HEADINGS or re.fullmatch(r"EPSG:\d+", said) is not None)


def _plain(name: str) -> str:
    """Return the datum, or the code of a projected system, that a name means; any other name as it is."""
    plain = plain_datum(name.strip()).upper()
    return _SAME.get(plain, plain)
