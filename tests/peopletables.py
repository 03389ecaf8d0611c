"""People of a table as a frame, to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import shapely

from accessibility.geo.arrays import finite_rows
from accessibility.settlement import SETTING_WORDS
from accessibility.sources.tables.people import PeopleSpec, read_people_rows

if TYPE_CHECKING:
    import os

    from accessibility.errors import Finding
    from accessibility.sources.tables.reading import HeldTable


def read_people_table(
    path: str | os.PathLike[str] | HeldTable, spec: PeopleSpec, districts: gpd.GeoDataFrame | None = None
) -> tuple[gpd.GeoDataFrame, list[Finding]]:
    """Return people as points in EPSG:4326 indexed by id, empty for a row without coordinates; and what was found."""
    read, findings = read_people_rows(path, spec, districts)
    points: Any = np.full(len(read.ids), None, dtype=object)
    there = finite_rows(read.lonlat)
    points[there], points[~there] = shapely.points(read.lonlat[there]), shapely.Point()
    people = gpd.GeoDataFrame(read.columns, geometry=points, index=read.ids, crs="EPSG:4326")
    if "setting" in people.columns:
        people["setting"] = people["setting"].replace(SETTING_WORDS)
    return people, findings
