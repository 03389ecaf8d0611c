"""The time surface: walking minutes to the nearest outlet from everywhere, not only from where people live today."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from accessibility.coverage import measure_coverage
from accessibility.demand import Demand
from accessibility.errors import InputError
from accessibility.projection import transform
from accessibility.snapping import SnapLimits, snap_points

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray
    from pyproj import CRS

    from accessibility.coverage import Coverage
    from accessibility.network import Network

CELL_M = 100.0
MAX_CELLS = 25_000_000
_S_PER_MIN = 60.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Surface:
    """Values on a grid of square cells, row 0 in the north.

    Parameters
    ----------
    minutes
        ``(rows, columns)`` float32; NaN where there is no value.
    west, north
        The upper left corner, metres in `crs`.
    cell_m
        Side of a cell.
    crs
        A projected coordinate system in metres.
    """

    minutes: NDArray[np.float32]
    west: float
    north: float
    cell_m: float
    crs: CRS


def measure_surface(
    coverage: Coverage,
    network: Network,
    districts: gpd.GeoDataFrame | None = None,
    *,
    cell_m: float = CELL_M,
    street_m: float | None = None,
) -> Surface:
    """Return the walking minutes from the middle of every cell to the nearest open site, both access legs in.

    Every cell of the area has its value, whether anybody lives there or not: a surface answers for places where homes
    or counters may come. The edges of the cells lie on multiples of their side, so that two surfaces of one place and
    size fit.

    Parameters
    ----------
    coverage
        Sites, where they stand, and how people walk.
    network
        The streets the coverage was measured on; the surface is in their coordinate system.
    districts
        Polygons of the area: cells whose middle lies in none of them have no value. Without them all cells around the
        people count.
    cell_m
        Side of a cell in metres.
    street_m
        A cell whose middle is farther than this from any street has no value; as far as an urban home if not given.

    Raises
    ------
    InputError
        A `cell_m` or `street_m` that is not a positive number, no area, or more cells than 25 million.
    """
    street_m = SnapLimits().urban_m if street_m is None else street_m
    for name, value in (("cell_m", cell_m), ("street_m", street_m)):
        if not (math.isfinite(value) and value > 0):
            msg = f"{name} is {value}; expected a positive, finite number of metres"
            raise InputError(msg)
    column, row, width, height = _grid(coverage, network, districts, cell_m)
    x = (column + np.arange(width) + 0.5) * cell_m
    y = (row - np.arange(height) - 0.5) * cell_m
    xy = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    inside = _inside(xy, network, districts)
    minutes = np.full(len(xy), np.nan, np.float32)
    minutes[inside] = _walk_s(coverage, network, xy[inside], street_m) / _S_PER_MIN
    return Surface(
        minutes=minutes.reshape(height, width),
        west=column * cell_m,
        north=row * cell_m,
        cell_m=float(cell_m),
        crs=network.crs,
    )


def _grid(
    coverage: Coverage, network: Network, districts: gpd.GeoDataFrame | None, cell_m: float
) -> tuple[int, int, int, int]:
    """Return the first column and row in cells from the origin of the coordinate system, and how many of both."""
    if districts is None:
        xy = transform(coverage.demand.xy, coverage.demand.crs, network.crs)
        xy = xy[np.isfinite(xy).all(axis=1)]
        corners = [*xy.min(axis=0), *xy.max(axis=0)] if len(xy) else []
    else:
        corners = districts.to_crs(network.crs).total_bounds.tolist()
    if not (len(corners) and np.isfinite(corners).all()):
        msg = "a surface of no area: neither districts nor people with a place; expected some"
        raise InputError(msg)
    west, south, east, north = corners
    column, row = math.floor(west / cell_m), math.floor(north / cell_m) + 1
    width, height = math.floor(east / cell_m) + 1 - column, row - math.floor(south / cell_m)
    if width * height > MAX_CELLS:
        msg = f"{width:,} by {height:,} cells of {cell_m:g} m; expected at most {MAX_CELLS:,}: choose larger cells"
        raise InputError(msg)
    return column, row, width, height


def _inside(xy: NDArray[np.float64], network: Network, districts: gpd.GeoDataFrame | None) -> NDArray[np.bool_]:
    import shapely  # noqa: PLC0415 -- `import accessibility` stays light

    if districts is None:
        return np.ones(len(xy), np.bool_)
    area = districts.to_crs(network.crs).union_all()
    shapely.prepare(area)
    return np.asarray(shapely.intersects_xy(area, xy), dtype=np.bool_)


def _walk_s(coverage: Coverage, network: Network, xy: NDArray[np.float64], street_m: float) -> NDArray[np.float64]:
    cells = Demand(ids=range(len(xy)), xy=xy, population=np.zeros(len(xy)), crs=network.crs)  # type: ignore[arg-type]
    snapped = replace(coverage.snapped, demand=snap_points(network, xy, street_m))
    found = measure_coverage(network, cells, coverage.sites, coverage.standard, coverage.walker, snapped)
    return found.walk_s
