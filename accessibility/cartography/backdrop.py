"""What a map shows for orientation in place of a basemap: districts, streets, and water as compact rings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from accessibility.cartography.outlines import line_steps
from accessibility.projection import WGS84

if TYPE_CHECKING:
    import geopandas as gpd

    from accessibility.cartography.outlines import Bounds
    from accessibility.network import Network

_MAX_VERTICES = 40_000
_STEPS = 4_000  # of the map's side: what no screen shows


@dataclass(frozen=True, kw_only=True, eq=False)
class Backdrop:
    """What a map shows for orientation.

    Parameters
    ----------
    districts
        Polygons, indexed by name, with any of the columns of ``districts.csv``, shown where the pointer is.
    network
        Streets.
    water
        Polygons of rivers and lakes.
    basemap
        Whether OpenStreetMap tiles are loaded from the internet; nothing else ever is.

    Examples
    --------
    >>> import accessibility as acc
    >>> from accessibility.maps import Backdrop
    >>> road = acc.Network(node_xy=[(5e5, 34e5), (502e3, 34e5)], edges=[(0, 1)], length_m=[2000], crs="EPSG:32649")
    >>> Backdrop(network=road).basemap
    False
    """

    districts: gpd.GeoDataFrame | None = None
    network: Network | None = None
    water: gpd.GeoDataFrame | None = None
    basemap: bool = False


@dataclass(frozen=True, kw_only=True)
class Waters:
    """Rings of water in hundred-thousandths of a degree; what an even number of them encloses is land.

    Parameters
    ----------
    rings
        ``counts`` and ``steps``, as of `accessibility.cartography.outlines.Streets`.
    origin
        Longitude and latitude in hundred-thousandths of a degree.
    left
        How many waters were left out that one would see: the smallest.
    """

    rings: dict[str, Any]
    origin: tuple[int, int]
    left: int


def water_rings(water: gpd.GeoDataFrame, bounds: Bounds, *, vertices: int = _MAX_VERTICES) -> Waters | None:
    """Return the water within `bounds`, without detail that no screen shows; None where there is none."""
    west, south, east, north = bounds
    tolerance = max(east - west, north - south) / _STEPS
    near = shapely.make_valid(water.geometry.to_crs(WGS84).to_numpy())
    parts = shapely.get_parts(shapely.union_all(shapely.intersection(near, shapely.box(*bounds))))
    parts = shapely.simplify(parts[shapely.get_dimensions(parts) == 2], tolerance)  # noqa: PLR2004 -- areas
    parts = parts[~shapely.is_empty(parts)]
    parts = parts[np.argsort(-shapely.area(parts), kind="stable")]
    parts = parts[shapely.area(parts) > tolerance**2]
    seen = np.cumsum(shapely.get_num_coordinates(parts)) <= vertices
    if not seen.any():
        return None
    origin = (round(west * 1e5), round(south * 1e5))
    rings = shapely.get_rings(shapely.orient_polygons(parts[seen]))
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    lines = np.array(shapely.linestrings(xy, indices=ring), dtype=object)
    return Waters(rings=line_steps(lines, origin), origin=origin, left=int((~seen).sum()))
