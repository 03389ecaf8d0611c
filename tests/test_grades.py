from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import rasterio
import worlds
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS
from rasterio.transform import from_origin

from accessibility import InputError, Walker, measure_coverage
from accessibility.grades import measure_grades, tobler_factor
from accessibility.sources.raster import sample_heights

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

UTM = CRS.from_user_input(worlds.CRS)


def plane(rise: float) -> object:
    """Return heights that rise to the east."""
    return lambda xy: 100 + rise * (xy[:, 0] - worlds.ORIGIN[0])


# Published values of Tobler's function over its value on the flat, to four digits.
@pytest.mark.parametrize(
    ("slope", "factor"),
    [
        (-0.30, 2.0138), (-0.20, 1.4191), (-0.10, 1.0), (-0.05, 0.8395), (0.0, 1.0),
        (0.05, 1.1912), (0.10, 1.4191), (0.15, 1.6905), (0.20, 2.0138), (0.30, 2.8577), (0.9, 4.0552),
    ],
)  # fmt: skip
def test_tobler(slope: float, factor: float) -> None:
    assert tobler_factor(np.array([slope]))[0] == pytest.approx(factor, abs=1e-4)


@pytest.mark.parametrize(("slope", "mean"), [(0.10, 1.2095), (0.20, 1.7164)])
def test_there_and_back(slope: float, mean: float) -> None:
    assert tobler_factor(np.array([slope, -slope])).mean() == pytest.approx(mean, abs=1e-4)


def test_uphill_and_downhill_differ_and_people_walk_from_home() -> None:
    road, unknown = measure_grades(worlds.line(1_000, 1), plane(0.1))  # type: ignore[arg-type]
    assert (road.climb_m[0], unknown) == (pytest.approx(100), 0)
    assert road.slope_factor[0] == pytest.approx([1.4191, 1.0], abs=1e-4)
    walker = Walker(access_factor_s=1.0)
    to_the_top = measure_coverage(road, worlds.people([(0, 0)]), worlds.outlets([(1_000, 0)]), walker=walker)
    to_the_foot = measure_coverage(road, worlds.people([(1_000, 0)]), worlds.outlets([(0, 0)]), walker=walker)
    assert to_the_top.walk_s[0] == pytest.approx(1_419.1, abs=0.1)
    assert to_the_foot.walk_s[0] == pytest.approx(1_000, abs=0.1)
    assert to_the_top.metres[0] == to_the_foot.metres[0] == 1_000
    flat = measure_coverage(
        road, worlds.people([(0, 0)]), worlds.outlets([(1_000, 0)]), walker=replace(walker, slope=False)
    )
    assert flat.walk_s[0] == 1_000


def test_a_hill_within_an_edge_counts_though_its_ends_are_level() -> None:
    road, _ = measure_grades(worlds.line(1_200, 1), lambda xy: 60 - np.abs(xy[:, 0] - worlds.ORIGIN[0] - 600) / 10)
    assert road.climb_m[0] == pytest.approx(0, abs=1e-4)
    assert road.slope_factor[0] == pytest.approx([1.2095, 1.2095], abs=0.02)


def test_bridges_go_straight_and_missing_heights_are_flat() -> None:
    bridge = replace(worlds.line(1_200, 1), off_ground=np.array([True]))
    valley = measure_grades(bridge, lambda xy: np.abs(xy[:, 0] - worlds.ORIGIN[0] - 600) / 5)[0]
    assert valley.slope_factor[0] == pytest.approx([1, 1], abs=1e-6)
    road, unknown = measure_grades(
        worlds.line(2_000, 2), lambda xy: np.where(xy[:, 0] > worlds.ORIGIN[0] + 1_500, np.nan, xy[:, 0])
    )
    assert road.slope_factor[1].tolist() == [1, 1]
    assert unknown == 0.5


def test_stairs_take_twice_as_long_and_signals_wait() -> None:
    road = worlds.line(600, 2)
    stairs = replace(road, kinds=("road", "steps"), kind=np.array([0, 1], np.uint8), slope_factor=np.full((2, 2), 1.5))
    walker = Walker(signal_delay_s=30)
    assert stairs.impedance(walker).along.tolist() == [450_000, 600_000]
    crossing = replace(road, signals=np.array([1, 0.5], np.float32))
    assert crossing.impedance(walker).along.tolist() == [330_000, 315_000]
    assert crossing.impedance(Walker()).along.tolist() == [300_000, 300_000]
    assert crossing.impedance().along.tolist() == [30_000, 30_000]


def test_nobody_steps_onto_a_bridge_from_beside() -> None:
    two = worlds.network([(0, 0), (100, 0), (100, 60), (0, 60)], [(0, 1), (1, 2), (2, 3)])
    now = measure_coverage(
        replace(two, off_ground=np.array([False, False, True])), worlds.people([(50, 55)]), worlds.outlets([(0, 0)])
    )
    assert now.snapped.demand.edge.tolist() == [1]


@given(st.floats(-0.4, 0.4), st.floats(50, 3_000))
def test_a_constant_slope_gives_its_own_factor_on_any_length(rise: float, length: float) -> None:
    road, _ = measure_grades(worlds.line(length, 1), plane(rise))  # type: ignore[arg-type]
    expected = tobler_factor(np.array([rise, -rise]))
    assert road.slope_factor[0] == pytest.approx(expected, rel=2e-3)


def dem(path: Path, values: NDArray[np.float64], nodata: float | None = None) -> Path:
    rows, columns = values.shape
    profile = {"crs": worlds.CRS, "transform": from_origin(499_900, 3_375_100, 10, 10), "nodata": nodata}
    with rasterio.open(
        path, "w", driver="GTiff", count=1, height=rows, width=columns, dtype="float32", **profile
    ) as sink:
        sink.write(values.astype(np.float32), 1)
    return path


def test_heights_lie_between_the_centres_of_cells(tmp_path: Path) -> None:
    column, row = np.meshgrid(np.arange(30), np.arange(20))
    path = dem(tmp_path / "dem.tif", 3.0 * column + 5.0 * row)
    xy = np.array([(499_905, 3_375_095), (499_910, 3_375_095), (499_917.5, 3_375_070), (0, 0), (499_900, 3_375_100)])
    heights, _ = sample_heights(path, xy, UTM)
    assert heights[:3] == pytest.approx([0, 1.5, 3 * 1.25 + 5 * 2.5])
    assert np.isnan(heights[3])
    assert heights[4] == 0


def test_heights_without_value_are_unknown_not_zero(tmp_path: Path) -> None:
    values = np.full((20, 30), 7.0)
    values[5, 5] = -9_999
    heights, _ = sample_heights(
        dem(tmp_path / "dem.tif", values, -9_999), np.array([(499_958, 3_375_044), (499_905, 3_375_095)]), UTM
    )
    assert np.isnan(heights[0])
    assert heights[1] == 7


def test_a_factor_that_is_no_factor_is_refused() -> None:
    with pytest.raises(InputError, match="expected positive factors"):
        replace(worlds.line(100, 1), slope_factor=np.zeros((1, 2), np.float32))
    with pytest.raises(InputError, match="expected 0 to 90 s"):
        Walker(signal_delay_s=-1)
