"""The time surface, against streets done by hand, and its GeoTIFF reopened."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
import worlds

from accessibility import Coverage, InputError, OutputError, Walker, measure_coverage
from accessibility.geo.projection import transform
from accessibility.measures.surface import MAX_CELLS, Surface, measure_surface
from accessibility.sources.raster.surfaces import write_surface

if TYPE_CHECKING:
    from pathlib import Path

    from accessibility import Study

NETWORK = worlds.line(2_000, 2)


def now(walker: Walker | None = None) -> Coverage:
    """Return two people at the ends of a street of 2 km that has an outlet at its start."""
    return measure_coverage(NETWORK, worlds.people([(0, 0), (1_950, 0)]), worlds.outlets([(0, 0)]), None, walker)


def area(west: float, south: float, east: float, north: float) -> gpd.GeoDataFrame:
    x, y = worlds.ORIGIN
    return gpd.GeoDataFrame(geometry=[shapely.box(x + west, y + south, x + east, y + north)], crs=worlds.CRS)


def test_minutes_of_a_cell_are_those_of_somebody_in_its_middle() -> None:
    surface = measure_surface(now(), NETWORK, area(0, -100, 400, 100))
    # Middles at 50, 150, 250, 350 m along the street, 50 m beside it: the leg takes 65 s.
    expected = (np.array([50, 150, 250, 350]) + 65) / 60
    assert surface.minutes.shape == (3, 5)  # the border of the area lies on the border of cells: those touch it, too
    assert surface.minutes[1, :4] == pytest.approx(expected, rel=1e-5)
    assert surface.minutes[2, :4] == pytest.approx(expected, rel=1e-5)
    assert np.isnan(surface.minutes[0]).all()
    assert np.isnan(surface.minutes[:, 4]).all()
    assert (surface.west, surface.north) == (worlds.ORIGIN[0], worlds.ORIGIN[1] + 200)
    assert surface.crs == NETWORK.crs


def test_a_slower_walk_takes_longer() -> None:
    slow = measure_surface(now(Walker(speed_m_s=0.5)), NETWORK, area(0, 0, 99, 99))
    assert slow.minutes[0, 0] == pytest.approx((50 + 65) / 0.5 / 60, rel=1e-5)


def test_without_districts_the_cells_around_the_people_count() -> None:
    surface = measure_surface(now(), NETWORK, cell_m=500)
    assert surface.minutes.shape == (1, 4)
    assert np.isfinite(surface.minutes).all()


def test_far_from_any_street_there_is_no_value() -> None:
    near = measure_surface(now(), NETWORK, area(0, 0, 99, 899))
    assert np.isfinite(near.minutes).sum() == 5  # middles at 50, ..., 450 m
    assert np.isfinite(measure_surface(now(), NETWORK, area(0, 0, 99, 899), street_m=300).minutes).sum() == 3


def test_without_an_outlet_there_is_no_value() -> None:
    coverage = now()
    none = measure_coverage(NETWORK, coverage.demand, replace(coverage.sites, open=np.array([False])))
    assert np.isnan(measure_surface(none, NETWORK, area(0, 0, 99, 99)).minutes).all()


def test_people_without_a_place_and_no_districts_are_no_area() -> None:
    lost = measure_coverage(NETWORK, worlds.people([(np.nan, np.nan)]), worlds.outlets([(0, 0)]))
    with pytest.raises(InputError, match="surface of no area"):
        measure_surface(lost, NETWORK)


@pytest.mark.parametrize("wrong", [{"cell_m": 0.0}, {"cell_m": float("nan")}, {"street_m": -1.0}])
def test_sizes_are_positive_metres(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        measure_surface(now(), NETWORK, **wrong)


def test_too_many_cells_are_refused_before_any_is_made() -> None:
    with pytest.raises(InputError, match=f"{MAX_CELLS:,}: choose larger cells"):
        measure_surface(now(), NETWORK, area(0, 0, 90_000, 90_000), cell_m=10)


def test_the_file_comes_back_as_it_was(tmp_path: Path) -> None:
    surface = measure_surface(now(), NETWORK, area(-300, -700, 2_400, 700))
    write_surface(surface, tmp_path / "minutes.tif")
    with rasterio.open(tmp_path / "minutes.tif") as raster:
        assert raster.crs.to_epsg() == 32649
        assert raster.nodata == -9_999
        x, y = worlds.ORIGIN
        assert (raster.bounds.left, raster.bounds.top) == (x - 300, y + 800)
        assert raster.res == (100, 100)
        assert raster.descriptions == ("walking minutes to the nearest open site",)
        assert raster.units == ("minutes",)
        found = raster.read(1, masked=True)
        np.testing.assert_array_equal(found.filled(np.nan), surface.minutes)
        x, y = worlds.ORIGIN + np.array([350.0, 50.0])
        assert next(raster.sample([(x, y)]))[0] == pytest.approx((350 + 65) / 60, rel=1e-5)
    write_surface(surface, tmp_path / "again.tif")
    assert (tmp_path / "again.tif").read_bytes() == (tmp_path / "minutes.tif").read_bytes()


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    surface = Surface(minutes=np.zeros((2, 2), np.float32), west=0.0, north=0.0, cell_m=100.0, crs=NETWORK.crs)
    with pytest.raises(OutputError, match="cannot be written"):
        write_surface(surface, tmp_path / "file" / "minutes.tif")


def test_where_people_of_the_sample_live_the_surface_says_their_minutes(sample_study: Study) -> None:
    study = sample_study
    coverage = study.coverage()
    surface = measure_surface(coverage, study.network, study.districts)
    xy = transform(coverage.demand.xy, coverage.demand.crs, surface.crs)
    column, row = ((xy - [surface.west, surface.north]) / [surface.cell_m, -surface.cell_m]).T.astype(int)
    minutes = surface.minutes[row, column]
    known = np.isfinite(minutes) & np.isfinite(coverage.walk_s)
    assert known.mean() > 0.95
    apart = np.abs(minutes - coverage.walk_s / 60)[known]
    # The cells of the people stand up to half a cell aside: some 70 m, there and back through gates a little more.
    assert np.median(apart) < 1.5
