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
from accessibility.sources.raster.surfaces import sample_heights
from accessibility.streets.grades import (
    SLOPE_FACTORS,
    STEEP_SHARE,
    campbell_m_s,
    din_factor,
    irmischer_clarke_m_s,
    measure_grades,
    naismith_factor,
    tobler_factor,
)
from accessibility.study.study import read_study

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


# Slope, on the path and off it, in m/s.
@pytest.mark.parametrize(
    ("slope", "on_path", "off_path"), [(0.0, 1.0962, 0.7785), (0.1, 0.9925, 0.7285), (-0.05, 1.1100, None)]
)
def test_irmischer_and_clarke(slope: float, on_path: float, off_path: float | None) -> None:
    assert irmischer_clarke_m_s(np.array([slope]))[0] == pytest.approx(on_path, abs=5e-5)
    if off_path is not None:
        assert irmischer_clarke_m_s(np.array([slope]), off_path=True)[0] == pytest.approx(off_path, abs=5e-5)


@pytest.mark.parametrize(("percentile", "flat"), [(50, 2.55), (10, 1.32)])
def test_campbell(percentile: int, flat: float) -> None:
    assert campbell_m_s(np.zeros(1), percentile=percentile)[0] == pytest.approx(flat, abs=5e-3)


def test_a_kilometre_with_a_hundred_metres_up_by_two_alpine_rules() -> None:
    slope = np.array([0.1, 0.0])
    assert (12 * naismith_factor(slope)).tolist() == pytest.approx([22, 12])  # minutes, at 5 km/h on the flat
    assert (15 * din_factor(slope)).tolist() == pytest.approx([27.5, 15])  # at 4 km/h
    # What Valhalla's table of grades, made by the same standard, says of 10 and 15 percent.
    assert din_factor(np.array([0.1, 0.15])).tolist() == pytest.approx([1.83, 2.50], abs=5e-3)


@pytest.mark.parametrize("name", list(SLOPE_FACTORS))
def test_every_function_of_slope_is_one_on_the_flat_and_held_beyond_forty_percent(name: str) -> None:
    factor = SLOPE_FACTORS[name]
    assert factor(np.zeros(3)).tolist() == [1, 1, 1]
    steep = factor(np.array([-5.0, -0.4, 0.4, 5.0]))
    assert steep[0] == steep[1]
    assert steep[2] == steep[3]
    assert steep[2] > steep[1]  # down is easier than up
    assert (factor(np.linspace(-0.4, 0.4, 81)) > 0.5).all()


def test_a_study_names_its_function_of_slope(sample: Path, tmp_path: Path, cache: Path) -> None:
    folder = tmp_path / "sample"
    folder.mkdir()
    for file in sample.parent.iterdir():
        (folder / file.name).symlink_to(file)
    text = sample.read_text(encoding="utf-8")
    minutes = {}
    for name in ("true", '"tobler"', '"naismith"', "false"):
        study = folder / f"{name.strip(chr(34))}.toml"
        study.write_text(text.replace("slope = true", f"slope = {name}"), encoding="utf-8")
        minutes[name] = np.nanmean(read_study(study, cache=cache).coverage().walk_s)
    assert minutes["true"] == minutes['"tobler"']
    assert minutes["false"] < minutes["true"] < minutes['"naismith"']


def test_uphill_and_downhill_differ_and_people_walk_from_home() -> None:
    road, unknown, _ = measure_grades(worlds.line(1_000, 1), plane(0.1))  # type: ignore[arg-type]
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
    road, _, _ = measure_grades(worlds.line(1_200, 1), lambda xy: 60 - np.abs(xy[:, 0] - worlds.ORIGIN[0] - 600) / 10)
    assert road.climb_m[0] == pytest.approx(0, abs=1e-4)
    assert road.slope_factor[0] == pytest.approx([1.2095, 1.2095], abs=0.02)


def test_bridges_go_straight_and_missing_heights_are_flat() -> None:
    bridge = replace(worlds.line(1_200, 1), off_ground=np.array([True]))
    valley = measure_grades(bridge, lambda xy: np.abs(xy[:, 0] - worlds.ORIGIN[0] - 600) / 5)[0]
    assert valley.slope_factor[0] == pytest.approx([1, 1], abs=1e-6)
    road, unknown, _ = measure_grades(
        worlds.line(2_000, 2), lambda xy: np.where(xy[:, 0] > worlds.ORIGIN[0] + 1_500, np.nan, xy[:, 0])
    )
    steep = road.slope_factor[0]
    assert road.slope_factor[1] == pytest.approx((steep + 1) / 2, rel=0.05)  # as steep to the void, level in it
    assert unknown == pytest.approx(0.25, abs=0.01)
    road, unknown, _ = measure_grades(worlds.line(1_000, 1), lambda xy: np.full(len(xy), np.nan))
    assert (road.slope_factor.tolist(), unknown) == ([[1, 1]], 1.0)


@pytest.mark.parametrize("lost", [0, 1, 7, 16, 33])
def test_one_void_vertex_neither_flattens_nor_spoils_its_edge(lost: int) -> None:
    def climbing(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        heights: NDArray[np.float64] = 0.1 * (xy[:, 0] - worlds.ORIGIN[0])
        heights[lost] = np.nan
        return heights

    whole, _, _ = measure_grades(worlds.line(1_000, 1), lambda xy: 0.1 * (xy[:, 0] - worlds.ORIGIN[0]))
    road, unknown, _ = measure_grades(worlds.line(1_000, 1), climbing)
    assert road.slope_factor[0] == pytest.approx(whole.slope_factor[0], rel=0 if 0 < lost < 33 else 0.03, abs=1e-6)
    assert unknown == pytest.approx(1 / 34)


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
    road, _, _ = measure_grades(worlds.line(length, 1), plane(rise))  # type: ignore[arg-type]
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


def test_heights_are_the_same_however_few_rows_are_read_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(2)
    path = dem(tmp_path / "dem.tif", rng.uniform(0, 500, (40, 30)))
    xy = np.column_stack([rng.uniform(499_890, 500_210, 200), rng.uniform(3_374_690, 3_375_110, 200)])
    whole, _ = sample_heights(path, xy, UTM)
    assert np.isfinite(whole).sum() > 150
    monkeypatch.setattr("accessibility.sources.raster.reading._STRIP_CELLS", 90)
    np.testing.assert_array_equal(sample_heights(path, xy, UTM)[0], whole)


def test_heights_without_value_are_unknown_not_zero(tmp_path: Path) -> None:
    values = np.full((20, 30), 7.0)
    values[5, 5] = -9_999
    heights, _ = sample_heights(
        dem(tmp_path / "dem.tif", values, -9_999), np.array([(499_958, 3_375_044), (499_905, 3_375_095)]), UTM
    )
    assert np.isnan(heights[0])
    assert heights[1] == 7


@pytest.mark.parametrize(
    ("scale", "offset", "unit", "crs"),
    [
        (0.1, -1_000.0, "", 32649),
        (1.0, 0.0, "ft", 32649),
        (1.0, 0.0, "US survey foot", 32649),
        (0.1, 0.0, "feet", 32649),
        (1.0, 0.0, "", "EPSG:32649+6360"),
        (1.0, 0.0, "dm", 32649),
        (1.0, 50.0, "metre", 32649),
    ],
)
def test_heights_are_metres_whatever_the_file_counts_in(
    tmp_path: Path, scale: float, offset: float, unit: str, crs: str | int
) -> None:
    metre = {"ft": 0.3048, "feet": 0.3048, "US survey foot": 1200 / 3937, "dm": 0.1}.get(unit, 1.0)
    metre = 1200 / 3937 if crs != 32649 else metre
    xy = np.array([(499_958.0, 3_375_044.0), (500_010.0, 3_375_011.0)])
    path = dem(tmp_path / "metres.tif", np.arange(600.0).reshape(20, 30), -9_999)
    expected, _ = sample_heights(path, xy, UTM)
    with rasterio.open(path) as plain:
        profile, metres = plain.profile, plain.read(1)
    with rasterio.open(tmp_path / "dem.tif", "w", **(profile | {"dtype": "float64", "crs": crs})) as out:
        out.write((metres / metre - offset) / scale, 1)
        out.scales, out.offsets, out.units = (scale,), (offset,), (unit or None,)
    heights, findings = sample_heights(tmp_path / "dem.tif", xy, UTM)
    assert heights == pytest.approx(expected, abs=1e-4)
    assert findings == []


def test_an_unknown_unit_of_heights_is_refused(tmp_path: Path) -> None:
    path = dem(tmp_path / "dem.tif", np.zeros((20, 30)), -9_999)
    with rasterio.open(path, "r+") as raster:
        raster.units = ("fathom",)
    with pytest.raises(InputError, match=r"dem.tif: heights in 'fathom'; expected metres or feet"):
        sample_heights(path, np.zeros((1, 2)), UTM)


@pytest.mark.parametrize("void", [-32_768.0, -9_999.0, -3.4e38, 3.4e38, 65_535.0, np.inf])
def test_voids_that_nobody_declared_are_no_heights_and_told_with_their_row(tmp_path: Path, void: float) -> None:
    values = np.full((20, 30), 7.0)
    values[5, 5] = void
    with rasterio.open(dem(tmp_path / "dem.tif", values, -1)) as raster:
        x, y = raster.xy(5, 5)
        right, _ = raster.xy(5, 6)
    heights, (told,) = sample_heights(
        tmp_path / "dem.tif", np.array([(x, y), (0.3 * x + 0.7 * right, y), (right, y - 1)]), UTM
    )
    assert np.isnan(heights[0])
    assert heights[1:].tolist() == [7, 7]
    assert (told.code, told.count, told.is_warning) == ("heights-impossible", 2, True)
    assert "row 5, column 5" in told.message


@pytest.mark.parametrize(("times", "told"), [(1.0, False), (3.2808, True), (10.0, True)])
def test_roads_too_steep_to_be_true_are_told(times: float, told: bool) -> None:  # noqa: FBT001
    heights = lambda xy: times * 40 * np.sin(xy[:, 0] / 300)  # noqa: E731
    assert (measure_grades(worlds.line(2_000, 20), heights).steep > STEEP_SHARE) == told
    assert (measure_grades(worlds.line(2_000, 1), heights).steep > STEEP_SHARE) == told  # the hills lie within one edge


def test_a_factor_that_is_no_factor_is_refused() -> None:
    with pytest.raises(InputError, match="expected positive factors"):
        replace(worlds.line(100, 1), slope_factor=np.zeros((1, 2), np.float32))
    with pytest.raises(InputError, match="expected 0 to 90 s"):
        Walker(signal_delay_s=-1)
