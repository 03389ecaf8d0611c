"""The ground a demand point stands for: a cell of its grid, or a square around a point that is on none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from accessibility.cartography.overlays import Places
from accessibility.projection import WGS84, local_crs, transform

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pyproj import CRS

    from accessibility.coverage import Coverage

POINT_M = 150.0
"""The side of the square around a point that is on no grid."""
_DIAGONALS = 1.05  # a corner neighbour is a diagonal away, the next but one cell at least 1.4
_SEAM = 1.02  # cells of another projection stand a little askew; this closes the seams
_NEIGHBOURS = 8
_SAMPLE = 20_000
_ASLANT = 0.25  # a neighbour straight ahead is less than this much of its distance to the side


@dataclass(frozen=True, kw_only=True, eq=False)
class Footprint:
    """What a demand point stands for on the ground.

    Parameters
    ----------
    crs
        A local system in metres around the middle of the people; `width_m` and the others are measured in it.
    width_m, height_m
        Sides of a cell.
    turn
        Radians, counter-clockwise, by which the cells' rows are turned against the axes of `crs`.
    grid
        Whether the points are the cells of a grid.
    """

    crs: CRS
    width_m: float
    height_m: float
    turn: float
    grid: bool

    @classmethod
    def of(cls, coverage: Coverage) -> Footprint:
        """Return the footprint of the demand points of a coverage, found from how they stand to each other."""
        places = Places.of(coverage)
        lonlat = places.lonlat[places.placed]
        if not len(lonlat):
            return cls(crs=local_crs(0.0, 0.0), width_m=POINT_M, height_m=POINT_M, turn=0.0, grid=False)
        crs = local_crs(*((lonlat.min(axis=0) + lonlat.max(axis=0)) / 2).tolist())
        if not places.grid:
            return cls(crs=crs, width_m=POINT_M, height_m=POINT_M, turn=0.0, grid=False)
        width, height, turn = _lattice(transform(lonlat, WGS84, crs))
        return cls(crs=crs, width_m=width, height_m=height, turn=turn, grid=True)

    @property
    def link_m(self) -> float:
        """How far apart two points may stand and still be neighbours, ``<=``.

        The eight neighbours of a cell: its diagonal and a twentieth. Of points on no grid, the side of their square.
        """
        return _DIAGONALS * float(np.hypot(self.width_m, self.height_m)) if self.grid else self.width_m

    def cells(self, xy: NDArray[np.float64]) -> NDArray[np.object_]:
        """Return ``(n,)`` polygons, one around each of ``(n, 2)`` points of `crs`, a little larger than the cells."""
        import shapely  # noqa: PLC0415 -- `import accessibility` stays light

        corner = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * np.array([self.width_m, self.height_m]) / 2
        if self.grid:
            corner *= _SEAM
        ring = _turned(corner, self.turn)
        return np.asarray(shapely.polygons(xy[:, None, :] + ring[None, :, :]), dtype=object)


def _lattice(xy: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return width, height and turn of the cells of a grid: of the neighbours straight ahead, the median distance."""
    from scipy.spatial import cKDTree  # noqa: PLC0415

    places = np.unique(np.round(xy, 1), axis=0)
    sample = places[:: max(1, len(places) // _SAMPLE)]
    k = min(_NEIGHBOURS + 1, len(places))
    step = places[np.asarray(cKDTree(places).query(sample, k=k)[1])[:, 1:]] - sample[:, None, :]
    # Four times the direction is the same along a row and along a column.
    direction = np.arctan2(step[:, 0, 1], step[:, 0, 0])
    turn = float(np.angle(np.exp(4j * direction).mean())) / 4
    right, up = np.moveaxis(np.abs(_turned(step, -turn)), -1, 0)
    sides = [_ahead(right, up), _ahead(up, right)]
    known = [side for side in sides if np.isfinite(side)]
    width, height = (side if np.isfinite(side) else known[0] for side in sides)
    return width, height, turn


def _ahead(along: NDArray[np.float64], aside: NDArray[np.float64]) -> float:
    """Return the median over the points of how far the nearest neighbour straight ahead is; NaN where none has one."""
    nearest = np.where(aside < _ASLANT * along, along, np.inf).min(axis=1)
    found = nearest[np.isfinite(nearest)]
    return float(np.median(found)) if found.size else float("nan")


def _turned(xy: NDArray[np.float64], angle: float) -> NDArray[np.float64]:
    """Return ``(..., 2)`` vectors turned counter-clockwise."""
    cos, sin = np.cos(angle), np.sin(angle)
    turned: NDArray[np.float64] = xy @ np.array([[cos, sin], [-sin, cos]])
    return turned
