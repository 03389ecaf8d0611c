"""The districts of a study."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from accessibility.errors import InputError
from accessibility.loading.context import Loading, is_osm
from accessibility.projection import WGS84, transform
from accessibility.sources import osm
from accessibility.sources.areas import locate, overlaps, read_areas

if TYPE_CHECKING:
    import geopandas as gpd

    from accessibility.sites import Sites
    from accessibility.sources.checks import Finding


def load_area(load: Loading) -> tuple[gpd.GeoDataFrame | None, list[Finding]]:
    """Return the districts indexed by name (EPSG:4326; column population where it is known), None without an area."""
    table = load.settings.inputs.area
    if table is None:
        return None, []
    path = load.file(table.path) if table.path else load.streets
    if is_osm(path):
        area, findings = osm.read_districts(path, admin_level=table.admin_level, name_tag=table.name)
        findings += overlaps(area, path.name)
    else:
        area, findings = read_areas(path, name=table.name, layer=table.layer)
    if table.population is not None:
        if table.population not in area.columns:
            columns = ", ".join(str(c) for c in area.columns if c != "geometry")
            msg = f"{path.name}: no column {table.population!r}; it has {columns}"
            raise InputError(msg)
        area = area.rename(columns={table.population: "population"})
    return area.set_index("name"), findings


def districts_of(sites: Sites, area: gpd.GeoDataFrame | None, name: str) -> pd.Series[Any]:
    """Return the district of each site, keyed by site id; missing outside the area, `name` without one."""
    if area is None:
        return pd.Series(name, index=sites.ids, name="district", dtype=object)
    row = locate(transform(sites.xy, sites.crs, WGS84), area)
    names = np.array([*area.index, None], dtype=object)
    return pd.Series(names[row], index=sites.ids, name="district")
