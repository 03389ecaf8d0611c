"""Where cells of a raster lie, how large they are on the ground, and whether as many people can live there."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pyproj import CRS, Geod

from accessibility.geo.projection import WGS84, transform

if TYPE_CHECKING:
    from numpy.typing import NDArray

Unit = Literal["persons", "per_km2", "per_hectare"]

PER_KM2 = {"per_km2": 1.0, "per_hectare": 100.0}
CROWDED_KM2 = 200_000.0  # the densest quarters on Earth stay below
IMPOSSIBLE_KM2 = 1_000_000.0  # of cells of some size, none holds as many
_MANY = 5_000.0  # people of one cell; a cell of a few metres may hold a tower
_AT_ONCE = 1_000_000  # cells whose areas are worked out together, so that temporary arrays stay small


@dataclass(kw_only=True)
class Crowd:
    """Cells too crowded to be true: how many, how many of them impossible, with how many people, the densest of all."""

    cells: int = 0
    impossible: int = 0
    people: float = 0.0
    most: float = 0.0
    at: int = 0

    def meet(self, other: Crowd) -> None:
        """Add the cells of another part, but for where the densest lies."""
        self.cells, self.impossible = self.cells + other.cells, self.impossible + other.impossible
        self.people, self.most = self.people + other.people, max(self.most, other.most)


def weigh_cells(population: NDArray[np.float64], where: tuple[Any, Any, tuple[float, ...], CRS], unit: Unit) -> Crowd:
    """Turn densities into people, in place, and return the cells too crowded to be true; some cells at a time."""
    row, column, grid, crs = where
    crowd = Crowd()
    for low in range(0, len(row), _AT_ONCE):
        part = slice(low, low + _AT_ONCE)
        area = areas_km2(grid, crs, row[part], column[part], exact=unit != "persons")
        if unit != "persons":
            population[part] *= PER_KM2[unit] * area
        density = population[part] / area
        crowded = density > CROWDED_KM2
        crowd.cells += int(crowded.sum())
        crowd.impossible += int(((density > IMPOSSIBLE_KM2) & (population[part] > _MANY)).sum())
        crowd.people += float(population[part][crowded].sum())
        if (most := float(density.max(initial=0.0))) > crowd.most:
            crowd.most, crowd.at = most, low + int(density.argmax())
    return crowd


def centres(grid: tuple[float, ...], row: NDArray[Any], column: NDArray[Any]) -> NDArray[np.float64]:
    """Return ``(n, 2)`` centres of cells, x first, in the raster's own coordinates."""
    a, _, c, _, e, f = grid
    return np.column_stack([c + (column + 0.5) * a, f + (row + 0.5) * e])


def areas_km2(
    grid: tuple[float, ...], crs: CRS, row: NDArray[np.int32], column: NDArray[np.int32], *, exact: bool
) -> NDArray[np.float64]:
    """Return the area of each cell: on the ellipsoid for degrees, and for a projection where it must be exact."""
    a, _, _, _, e, f = grid
    if crs.is_geographic:
        rows, of = np.unique(row, return_inverse=True)
        per_radian = _band(f + rows * e) - _band(f + (rows + 1) * e)
        degrees: NDArray[np.float64] = np.abs(per_radian * np.radians(a))[of] / 1e6
        return degrees
    metre = crs.axis_info[0].unit_conversion_factor
    planar: NDArray[np.float64] = np.full(len(row), abs(a * e) * metre**2 / 1e6)
    if not exact:
        return planar
    corners = [(0, 0), (1, 0), (1, 1), (0, 1)]
    ring = [transform(centres(grid, row + r - 0.5, column + c - 0.5), crs, WGS84) for c, r in corners]
    return _shoelace_km2(np.stack(ring))


def _shoelace_km2(ring: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the areas of ``(4, n, 2)`` small quadrangles in degrees, by the ellipsoid's radii of curvature there."""
    geod = Geod(ellps="WGS84")
    lon, lat = np.radians(ring[..., 0]), np.radians(ring[..., 1])
    middle = lat.mean(axis=0)
    w2 = 1.0 - geod.es * np.sin(middle) ** 2
    east = (lon - lon[0]) * geod.a / np.sqrt(w2) * np.cos(middle)
    north = (lat - lat[0]) * geod.a * (1.0 - geod.es) / w2**1.5
    twice = (east * np.roll(north, -1, axis=0) - np.roll(east, -1, axis=0) * north).sum(axis=0)
    area: NDArray[np.float64] = np.abs(twice) / 2e6
    return area


def _band(lat: Any) -> Any:
    """Return the area in m² between the equator and a latitude, per radian of longitude (Snyder 1987, eq. 3-12)."""
    geod = Geod(ellps="WGS84")
    e, s = math.sqrt(geod.es), np.sin(np.radians(lat))
    return geod.a**2 * (1 - geod.es) / 2 * (s / (1 - geod.es * s**2) + np.arctanh(e * s) / e)
