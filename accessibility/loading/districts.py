"""The districts of a study."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from accessibility.errors import InputError
from accessibility.loading.context import Loading, is_osm
from accessibility.projection import WGS84, transform
from accessibility.sources import osm
from accessibility.sources.areas import AreaSpec, locate, overlaps, read_areas, tell_apart
from accessibility.sources.joining import with_table
from accessibility.sources.reconcile import read_totals

if TYPE_CHECKING:
    import geopandas as gpd

    from accessibility.sites import Sites
    from accessibility.sources.checks import Finding
    from accessibility.studyfile import AreaInput


def load_area(load: Loading) -> tuple[gpd.GeoDataFrame | None, list[Finding]]:
    """Return the districts indexed by name (EPSG:4326; column population where it is known), None without an area."""
    table = load.settings.inputs.area
    if table is None:
        return None, []
    path = load.file(table.path) if table.path else load.streets
    if is_osm(path):
        area, findings = osm.read_districts(path, admin_level=table.admin_level, name_tag=table.name)
        area, shared = tell_apart(area, source=path.name)
        findings += shared + overlaps(area, path.name)
    else:
        area, findings = read_areas(load.table(table.path or path), _spec(load, table))
    if table.table is not None:
        area, joined = with_table(area, load.file(table.table))
        findings += joined
    if table.population is not None:
        if table.population not in area.columns:
            columns = ", ".join(str(c) for c in area.columns if c != "geometry")
            msg = f"{path.name}: no column {table.population!r}; it has {columns}"
            raise InputError(msg)
        area = area.rename(columns={table.population: "population"})
        area["population"] = read_totals(area, "population", path.name)
    return area.set_index("name"), findings


def _spec(load: Loading, table: AreaInput) -> AreaSpec:
    summed = (table.population, load.settings.inputs.population.totals)
    return AreaSpec(
        name=table.name,
        id=table.id,
        layer=table.layer,
        encoding=table.encoding,
        summed=tuple(column for column in summed if column is not None),
    )


def districts_of(sites: Sites, area: gpd.GeoDataFrame | None, name: str) -> pd.Series[Any]:
    """Return the district of each site, keyed by site id; missing outside the area, `name` without one."""
    if area is None:
        return pd.Series(name, index=sites.ids, name="district", dtype=object)
    row = locate(transform(sites.xy, sites.crs, WGS84), area)
    names = np.array([*area.index, None], dtype=object)
    return pd.Series(names[row], index=sites.ids, name="district")
