"""What demand points stand for, on grids whose cells are known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import shapely
import worlds
from pyproj import CRS, Geod

from accessibility import Coverage, Demand, measure_coverage
from accessibility.geo.projection import WGS84, transform
from accessibility.measures.surface import POINT_M, Footprint

if TYPE_CHECKING:
    from numpy.typing import NDArray


def coverage(xy: NDArray[np.float64], crs: object = worlds.CRS) -> Coverage:
    demand = Demand(ids=range(len(xy)), xy=xy, population=np.ones(len(xy)), crs=crs)  # type: ignore[arg-type]
    return measure_coverage(worlds.line(), demand, worlds.outlets([(0, 0)]))


def lattice(columns: int, rows: int) -> NDArray[np.float64]:
    return np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1).reshape(-1, 2).astype(float)


def neighbours(footprint: Footprint, xy: NDArray[np.float64], crs: CRS, middle: int) -> set[int]:
    there = transform(xy, crs, footprint.crs)
    linked = np.hypot(*(there - there[middle]).T) <= footprint.link_m
    return set(np.flatnonzero(linked).tolist()) - {middle}


def test_a_cell_of_a_square_grid_has_eight_neighbours() -> None:
    xy = lattice(9, 9) * 100 + worlds.ORIGIN
    found = Footprint.of(coverage(xy))
    assert found.grid
    assert (found.width_m, found.height_m) == pytest.approx((100, 100), rel=1e-3)
    assert found.link_m == pytest.approx(1.05 * 141.42, rel=1e-3)
    assert neighbours(found, xy, CRS(worlds.CRS), 40) == {30, 31, 32, 39, 41, 48, 49, 50}


@pytest.mark.parametrize("latitude", [0.0, 30.5, 47.2, 50.0])
def test_cells_of_three_seconds_are_as_wide_and_high_as_on_the_ellipsoid(latitude: float) -> None:
    second = 1 / 3_600
    xy = lattice(15, 15) * 3 * second + [108.2, latitude]
    found = Footprint.of(coverage(xy, WGS84))
    width = Geod(ellps="WGS84").line_length([108.2, 108.2 + 3 * second], [latitude] * 2)
    height = Geod(ellps="WGS84").line_length([108.2] * 2, [latitude, latitude + 3 * second])
    assert found.grid
    assert found.width_m == pytest.approx(width, rel=2e-3)
    assert found.height_m == pytest.approx(height, rel=2e-3)
    assert neighbours(found, xy, WGS84, 7 * 15 + 7) == {96, 97, 98, 111, 113, 126, 127, 128}


@pytest.mark.parametrize("degrees", [1.0, 20.0, -30.0])
def test_a_grid_of_another_projection_is_turned(degrees: float) -> None:
    angle = np.radians(degrees)
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    xy = lattice(12, 12) * 100 @ rotation + worlds.ORIGIN
    found = Footprint.of(coverage(xy))
    assert (found.width_m, found.height_m) == pytest.approx((100, 100), rel=1e-3)
    assert np.degrees(found.turn) == pytest.approx(degrees, abs=0.1)
    cells = found.cells(transform(xy, CRS(worlds.CRS), found.crs))
    whole = shapely.union_all(cells)
    assert len(shapely.get_parts(whole)) == 1
    assert shapely.get_num_interior_rings(whole) == 0
    assert whole.area == pytest.approx(12**2 * 100**2, rel=0.01)


def test_a_grid_with_most_cells_missing_is_still_one() -> None:
    keep = np.random.default_rng(5).random(60 * 60) < 0.4
    xy = lattice(60, 60)[keep] * [80, 92] + worlds.ORIGIN
    found = Footprint.of(coverage(xy))
    assert found.grid
    assert (found.width_m, found.height_m) == pytest.approx((80, 92), rel=1e-3)


def test_a_single_row_of_cells_is_as_high_as_wide() -> None:
    found = Footprint.of(coverage(lattice(9, 1) * 100 + worlds.ORIGIN))
    assert (found.width_m, found.height_m) == pytest.approx((100, 100), rel=1e-3)


def test_points_on_no_grid_have_a_square() -> None:
    xy = np.random.default_rng(3).uniform(0, 3_000, (200, 2)) + worlds.ORIGIN
    for points in (xy, xy[:1], xy[:0], np.full((2, 2), np.nan)):
        found = Footprint.of(coverage(points))
        assert not found.grid
        assert found.link_m == found.width_m == found.height_m == POINT_M
    (square,) = Footprint.of(coverage(xy)).cells(np.zeros((1, 2)))
    assert square.bounds == (-75, -75, 75, 75)
