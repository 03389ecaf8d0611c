from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod
from rasterio.transform import Affine, from_origin

from accessibility import InputError
from accessibility.projection import WGS84, transform
from accessibility.sources import raster
from accessibility.sources.raster import RasterSpec, read_population_raster

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

UTM = from_origin(500_000, 3_400_000, 100, 100)


def write(path: Path, values: NDArray[Any], *, nodata: float | None = -99_999, **options: Any) -> Path:
    bands = values[None] if values.ndim == 2 else values
    profile = {
        "driver": "GTiff", "height": bands.shape[1], "width": bands.shape[2], "count": bands.shape[0],
        "dtype": bands.dtype.name, "crs": "EPSG:32649", "transform": UTM, "nodata": nodata,
    }  # fmt: skip
    with rasterio.open(path, "w", **(profile | options)) as sink:
        sink.write(bands)
    return path


def test_cells_with_people_are_points_at_their_centres(tmp_path: Path) -> None:
    path = write(tmp_path / "p.tif", np.array([[0, 2.5, -99_999], [4, 0, 1]], np.float32))
    cells, findings = read_population_raster(path)
    assert cells.ids.tolist() == ["r0c1", "r1c0", "r1c2"]
    assert cells.population.tolist() == [2.5, 4, 1]
    assert cells.xy.tolist() == [[500_150, 3_399_950], [500_050, 3_399_850], [500_250, 3_399_850]]
    assert (cells.cell_m, findings) == (100, [])


def test_whole_rasters_are_read_block_by_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(1).poisson(0.5, (37, 53)).astype(np.float32)
    path = write(tmp_path / "p.tif", values)
    whole, _ = read_population_raster(path)
    monkeypatch.setattr(raster, "_BLOCK", 8)
    blocks, _ = read_population_raster(path)
    assert blocks.ids.tolist() == whole.ids.tolist()
    assert whole.population.sum() == values.sum()
    assert len(whole.ids) == (values > 0).sum()


def test_bounds_in_degrees_cut_a_projected_raster(tmp_path: Path) -> None:
    values = np.ones((100, 100), np.float32)
    path = write(tmp_path / "p.tif", values)
    lonlat = transform(np.array([[503_000, 3_393_000], [507_000, 3_397_000]]), rasterio.crs.CRS.from_epsg(32649), WGS84)
    cells, _ = read_population_raster(path, RasterSpec(bounds=(*lonlat[0], *lonlat[1])))
    assert cells.xy.min(axis=0) == pytest.approx([503_000, 3_393_000], abs=150)
    assert cells.xy.max(axis=0) == pytest.approx([507_000, 3_397_000], abs=150)
    with pytest.raises(InputError, match="nothing of the study area"):
        read_population_raster(path, RasterSpec(bounds=(1, 1, 2, 2)))


def test_missing_is_not_zero_and_nan_is_missing(tmp_path: Path) -> None:
    path = write(tmp_path / "p.tif", np.array([[np.nan, 3], [-3.4028235e38, 0]], np.float32), nodata=-3.4028235e38)
    cells, _ = read_population_raster(path)
    assert cells.population.tolist() == [3]


@pytest.mark.parametrize(("unit", "per_m2"), [("per_km2", 1e-6), ("per_hectare", 1e-4)])
def test_densities_use_the_true_area_of_each_row(tmp_path: Path, unit: str, per_m2: float) -> None:
    step = 1 / 1_200
    there = from_origin(108, 60, step, step)
    path = write(tmp_path / "p.tif", np.full((2, 1), 5, np.float32), crs="EPSG:4326", transform=there)
    cells, _ = read_population_raster(path, RasterSpec(unit=unit))  # type: ignore[arg-type]
    geod = Geod(ellps="WGS84")
    areas = [
        abs(geod.polygon_area_perimeter([0, step, step, 0], [s, s, s + step, s + step])[0])
        for s in (60 - step, 60 - 2 * step)
    ]
    assert cells.population == pytest.approx([5 * per_m2 * a for a in areas], rel=1e-9)


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        (np.full((2, 2), -99_999, np.float32), {}, "nobody: 4 cells without data, 0 with 0"),
        (np.zeros((2, 2), np.float32), {}, "nobody: 0 cells without data, 4 with 0"),
        (
            np.array([[1, -5]], np.float32),
            {},
            "1 cells with negative people, first -5 at row 0, column 1.*-a_nodata -5",
        ),
        (np.ones((1, 1), np.float32), {"crs": None}, "no coordinate system"),
        (np.ones((1, 1), np.float32), {"transform": UTM @ Affine.rotation(10)}, "the raster is rotated"),
        (np.ones((2, 1, 1), np.float32), {}, "2 bands; expected one"),
    ],
)
def test_a_raster_that_is_not_people_is_refused(
    tmp_path: Path, values: NDArray[Any], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=rf"p\.tif: {message}"):
        read_population_raster(write(tmp_path / "p.tif", values, **options))


def test_a_band_is_chosen_by_its_number(tmp_path: Path) -> None:
    path = write(tmp_path / "p.tif", np.array([[[1]], [[7]]], np.float32))
    assert read_population_raster(path, RasterSpec(band=2))[0].population.tolist() == [7]
    with pytest.raises(InputError, match="no band 3; it has 2"):
        read_population_raster(path, RasterSpec(band=3))


@pytest.mark.parametrize("content", [b"", b"II*\0 nothing of the kind", b"<html></html>"])
def test_a_file_that_is_no_raster_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "p.tif"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"p\.tif: cannot be read as a raster"):
        read_population_raster(path)
    with pytest.raises(InputError, match="no such file"):
        read_population_raster(tmp_path / "q.tif")


def test_crowds_and_coarse_cells_are_told(tmp_path: Path) -> None:
    coarse = from_origin(500_000, 3_400_000, 1_000, 1_000)
    path = write(tmp_path / "p.tif", np.array([[300_000, 5]], np.float32), transform=coarse)
    assert [f.code for f in read_population_raster(path)[1]] == ["crowded-cell", "coarse-cells"]


@settings(max_examples=30)
@given(st.lists(st.floats(0, 1e5, width=32), min_size=1, max_size=30), st.sets(st.integers(0, 29)))
def test_people_add_up(tmp_path_factory: pytest.TempPathFactory, people: list[float], missing: set[int]) -> None:
    values = np.array([people], np.float32)
    values[0, [i for i in missing if i < len(people)]] = -99_999
    there = values[values > 0]
    path = write(tmp_path_factory.mktemp("r") / "p.tif", values)
    if there.size:
        assert read_population_raster(path)[0].population.sum() == pytest.approx(there.astype(float).sum())
    else:
        with pytest.raises(InputError, match="nobody"):
            read_population_raster(path)
