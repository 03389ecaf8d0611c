"""People from rasters."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from pyproj import CRS, Geod, Proj
from rasterio.transform import Affine, from_origin

from accessibility.errors import InputError
from accessibility.sources.raster.reading import read_population_raster

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

METRES = from_origin(500_000, 3_400_000, 100, 100)
DEGREES = from_origin(108, 31, 1 / 1200, 1 / 1200)


def tif(folder: Path, values: NDArray[Any], **profile: Any) -> Path:
    path = folder / "pop.tif"
    bands = values if values.ndim == 3 else values[None]
    options = {"crs": "EPSG:32649", "transform": METRES, "dtype": bands.dtype.name} | profile
    count, height, width = bands.shape
    with rasterio.open(path, "w", driver="GTiff", count=count, height=height, width=width, **options) as out:
        out.write(bands)
    return path


def test_populated_cells_become_points_and_the_others_are_counted(tmp_path: Path) -> None:
    values = np.array([[1.5, 0, -9], [np.nan, 2.5, 0]], dtype=np.float32)
    cells, findings = read_population_raster(tif(tmp_path, values, nodata=-9))
    assert cells.ids.tolist() == ["r0c0", "r1c1"]
    assert cells.xy.tolist() == [[500_050, 3_399_950], [500_150, 3_399_850]]
    assert cells.population.tolist() == [1.5, 2.5]
    assert (cells.total_people, cells.zero_cells, cells.nodata_cells) == (4.0, 2, 2)
    assert cells.cell_m == pytest.approx(100)
    assert cells.crs.to_epsg() == 32649
    assert [(f.code, f.count) for f in findings] == [("nodata-cells", 2)]


def test_strips_and_windows_give_what_the_whole_array_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    values = rng.choice([0, 0, 1, 2.5, -1], size=(173, 211)).astype(np.float32)
    path = tif(tmp_path, values, nodata=-1, tiled=True, blockxsize=32, blockysize=32)
    monkeypatch.setattr("accessibility.sources.raster.reading._STRIP_CELLS", 3_000)
    cells, _ = read_population_raster(path)
    r, c = np.nonzero(values > 0)
    assert cells.ids.tolist() == [f"r{a}c{b}" for a, b in zip(r, c, strict=True)]
    assert cells.population.tolist() == values[r, c].tolist()
    assert cells.nodata_cells == (values == -1).sum()
    to_degrees = Proj(32649)
    box = [to_degrees(500_000 + x, 3_400_000 + y, inverse=True) for x, y in ((5_050, -12_050), (9_950, -3_050))]
    part, _ = read_population_raster(path, bounds_lonlat=(*box[0], *box[1]))
    inside = set(part.ids)
    must = {f"r{a}c{b}" for a, b in zip(r, c, strict=True) if 32 <= a <= 119 and 52 <= b <= 98}
    may = {f"r{a}c{b}" for a, b in zip(r, c, strict=True) if 28 <= a <= 123 and 48 <= b <= 102}
    assert must <= inside <= may


@pytest.mark.parametrize("step", [1 / 1200, 1 / 120], ids=["3 arcsec", "30 arcsec"])
@pytest.mark.parametrize(("unit", "factor"), [("per_km2", 1e-6), ("per_hectare", 1e-4)])
def test_density_is_multiplied_by_the_true_area_of_a_cell_in_degrees(
    tmp_path: Path, unit: Any, factor: float, step: float
) -> None:
    grid = from_origin(108, 31, step, step)
    cells, _ = read_population_raster(tif(tmp_path, np.full((2, 1), 50.0), crs="EPSG:4326", transform=grid), unit=unit)
    geod = Geod(ellps="WGS84")
    for row in (0, 1):
        north, south = 31 - row * step, 31 - (row + 1) * step
        area, _ = geod.polygon_area_perimeter([108, 108 + step, 108 + step, 108], [south, south, north, north])
        assert cells.population[row] == pytest.approx(50 * area * factor, rel=1e-6)
    assert cells.cell_m == pytest.approx(86 * 1200 * step, rel=0.01)


def test_density_in_web_mercator_is_not_multiplied_by_its_inflated_cells(tmp_path: Path) -> None:
    x, y = Proj(3857)(108.0, 31.0)
    path = tif(tmp_path, np.full((1, 1), 1000.0), crs="EPSG:3857", transform=from_origin(x, y, 100, 100))
    cells, _ = read_population_raster(path, unit="per_km2")
    corners = [(x, y), (x + 100, y), (x + 100, y - 100), (x, y - 100)]
    lon, lat = zip(*(Proj(3857)(*corner, inverse=True) for corner in corners), strict=True)
    area = abs(Geod(ellps="WGS84").polygon_area_perimeter(lon, lat)[0])
    assert cells.population[0] == pytest.approx(1000 * area / 1e6, rel=1e-4)


@pytest.mark.parametrize(
    ("values", "profile", "options", "said"),
    [
        (
            [[1.0, -99999.0]],
            {},
            {},
            r"1 cells below 0 or infinite, first -99999.0 in row 0, column 1.*declare it as nodata",
        ),
        ([[1.0, np.inf]], {}, {}, r"first inf in row 0, column 1"),
        ([[1.0, 3.4e38]], {}, {}, r"pop.tif: 1 cells hold more than .*\(3.4e\+38 people in row 0, column 1.*as nodata"),
        ([[1.0, 65535.0]], {}, {}, r"pop.tif: 1 cells hold more than .* \(65535 people in row 0, column 1"),
        ([[1.0 + 1j]], {}, {}, r"pop.tif: its values are complex numbers"),
        ([[1.0]], {"crs": 'LOCAL_CS["Site",UNIT["metre",1]]'}, {}, r"pop.tif: its coordinate system"),
        ([[1.0]], {"crs": None}, {}, r"pop.tif: no coordinate system"),
        ([[0.0, 0.0]], {}, {}, r"pop.tif: no people in 2 cells \(0 without value\)"),
        ([[-1.0, -1.0]], {"nodata": -1}, {}, r"no people in 2 cells \(2 without value\)"),
        ([[1.0]], {"transform": METRES * Affine.rotation(20)}, {}, r"pop.tif: a rotated or impossible grid"),
        ([[[1.0]], [[2.0]]], {}, {}, r"pop.tif: 2 bands and none named; expected band = 1 to 2"),
        ([[[1.0]], [[2.0]]], {}, {"band": 3}, r"pop.tif: no band 3; it has 2"),
        ([[1.0, 2.0]], {}, {"max_cells": 1}, r"pop.tif: 2 by 1 cells to read; expected at most 1"),
        ([[1.0]], {}, {"bounds_lonlat": (8, 47, 9, 48)}, r"pop.tif: does not touch the study area \(8, 47, 9, 48\)"),
        ([[1.0]], {}, {"unit": "per_mile"}, r"unknown unit 'per_mile'; expected persons, per_km2, per_hectare"),
    ],
)
def test_bad_rasters_are_refused_with_what_was_found(
    tmp_path: Path, values: Any, profile: dict[str, Any], options: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        read_population_raster(tif(tmp_path, np.array(values), **profile), **options)


@pytest.mark.parametrize(("dtype", "void"), [(np.uint16, 65_535), (np.uint8, 255), (np.int16, 32_767)])
def test_the_greatest_number_again_and_again_is_a_void_nobody_declared(tmp_path: Path, dtype: Any, void: int) -> None:
    values = np.full((6, 6), void, dtype=dtype)
    values[:2] = 3
    coarse = from_origin(500_000, 3_400_000, 1000, 1000)  # where as many people are possible
    with pytest.raises(InputError, match=rf"pop.tif: 24 cells hold {void}, .*declare it as nodata"):
        read_population_raster(tif(tmp_path, values, transform=coarse))
    assert read_population_raster(tif(tmp_path, values, transform=coarse, nodata=void))[0].total_people == 36
    values[2:] = 3
    values[5, 5] = void  # once, a cell may hold as many
    assert read_population_raster(tif(tmp_path, values, transform=coarse))[0].total_people == 35 * 3 + void


@pytest.mark.parametrize(
    ("told", "unit"),
    [
        ("people/km2", "per_km2"),
        ("persons per sq km", "per_km2"),
        ("people per square kilometre", "per_km2"),
        ("1/km**2", "per_km2"),
        ("km-2", "per_km2"),
        ("inhabitants per hectare", "per_hectare"),
        ("hab/ha", "per_hectare"),
        ("人/平方公里", "per_km2"),
        ("thousand people", ""),
        ("10^3 persons", ""),
        ("1000 persons", ""),
        ("1,000s of people", ""),
        ("population ('000)", ""),
        ("万人", ""),
        *(("population density", ""), ("人口密度", ""), ("persons per square mile", ""), ("people/acre", "")),
        *(("percent", ""), ("log10(persons)", ""), ("population share", "")),
    ],
)
@pytest.mark.parametrize("where", ["units", "description", "tag"])
def test_a_band_that_says_it_holds_people_of_an_area_is_not_taken_for_people_of_a_cell(
    tmp_path: Path, told: str, unit: Any, where: str
) -> None:
    path = tif(tmp_path, np.array([[1.0, 2.0]]))
    with rasterio.open(path, "r+") as raster:
        match where:
            case "units":
                raster.units = (told,)
            case "description":
                raster.set_band_description(1, told)
            case "tag":
                raster.update_tags(1, units=told)
    with pytest.raises(InputError, match=rf"its numbers are {re.escape(repr(told))}.*{unit}"):
        read_population_raster(path)
    if unit:
        assert read_population_raster(path, unit=unit)[0].total_people > 0


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("chn_pd_2020_1km.tif", "a density"),
        ("popden.tif", "a density"),
        ("popdens.tif", "a density"),
        ("households.tif", "households"),
        ("户籍人口.tif", "people registered there, wherever they live"),
        ("pop_thousands.tif", "thousands"),
        ("chn_ppp_2020_1km.tif", ""),
    ],
)
def test_a_file_named_after_a_density_is_told(tmp_path: Path, name: str, said: str) -> None:
    path = tif(tmp_path, np.array([[1.0, 2.0]])).rename(tmp_path / name)
    told = [f.message for f in read_population_raster(path)[1] if f.code == "unit-by-name"]
    assert told == (
        [f"the name of the file speaks of {said}; read as people of each cell: is unit right?"] * bool(said)
    )


def test_a_band_that_counts_no_people_is_told(tmp_path: Path) -> None:
    path = tif(tmp_path, np.array([[1.0, 2.0]]))
    with rasterio.open(path, "r+") as raster:
        raster.descriptions = ["number of households"]
    told = {f.code: f.message for f in read_population_raster(path)[1]}
    assert told["no-persons"].startswith("its numbers seem to count households, as the file says")


@pytest.mark.parametrize(
    "told", ["people", "persons per cell", "population count", "ppp_2020_1km_UNadj", "人", "1000 m grid", "hab"]
)
def test_a_band_that_says_it_holds_people_is_read(tmp_path: Path, told: str) -> None:
    path = tif(tmp_path, np.array([[1.0, 2.0]]))
    with rasterio.open(path, "r+") as raster:
        raster.units = (told,)
        raster.set_band_description(1, told)
    assert read_population_raster(path)[0].total_people == 3


def classes_told(folder: Path, values: NDArray[Any], **profile: Any) -> list[str]:
    return [f.message for f in read_population_raster(tif(folder, values, **profile))[1] if f.code == "raster-classes"]


def test_classes_are_not_taken_for_people_in_silence(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    cover = rng.choice([10, 20, 30, 40, 50, 80], size=(30, 40), p=[0.3, 0.3, 0.2, 0.1, 0.09, 0.01]).astype(np.uint8)
    assert classes_told(tmp_path, cover) == [
        "1,200 cells hold 6 numbers only (10, 20, 30, 40, 50, 80): are they classes, such as land cover, and no people?"
    ]
    county = np.where(np.hypot(*np.indices((30, 40))) < 35, cover, 0)
    assert classes_told(tmp_path, county, nodata=0)
    degurba = rng.choice([0, 11, 12, 13, 21, 23, 30], size=(60, 60)).astype(np.float32)
    assert classes_told(tmp_path, degurba)
    assert classes_told(tmp_path, rng.choice([0, 1], size=(60, 60)).astype(np.uint8))  # a mask of what is built
    coloured = tif(tmp_path, rng.poisson(9, (5, 5)).astype(np.uint8))
    with rasterio.open(coloured, "r+") as raster:
        raster.write_colormap(1, {value: (value, 0, 0, 255) for value in range(256)})
    assert [f.code for f in read_population_raster(coloured)[1]] == ["raster-classes"]


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("chn_f_65_2020.tif", "one sex"),
        ("chn_m_2020.tif", "one sex"),
        ("age60plus.tif", "some ages"),
        ("chn_ppp_2020.tif", ""),
        ("f_2020.tif", ""),
    ],
)
def test_a_file_named_after_a_part_of_all_people_is_told(tmp_path: Path, name: str, part: str) -> None:
    path = tif(tmp_path, np.array([[1.0, 2.0]])).rename(tmp_path / name)
    told = [f.message for f in read_population_raster(path)[1] if f.code == "part-by-name"]
    assert told == [f"the name {path.stem!r} speaks of {part}; read as all people: is that right?"] * bool(part)


def test_a_greatest_number_that_often_says_nothing_is_told_where_it_comes_again(tmp_path: Path) -> None:
    def told(top: list[float]) -> list[str]:
        found = read_population_raster(tif(tmp_path, np.array([[7.0, 12.0, 3.0, *top]])))[1]
        return [f.message for f in found if f.code == "void-people"]

    assert told([255.0] * 3) == ["3 cells hold 255, and none more: does it say that nothing is known?"]
    assert told([255.0, 255.0]) == told([250.0] * 3) == told([255.0] * 3 + [256.0]) == []


def unlike_people(folder: Path, values: NDArray[Any]) -> list[str]:
    return [f.message for f in read_population_raster(tif(folder, values))[1] if f.code == "unlike-people"]


def test_shares_percentages_and_what_hardly_differs_are_not_taken_for_people_in_silence(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    even = rng.uniform(0, 1, (30, 40))
    (said,) = unlike_people(tmp_path, even)
    assert said == f"no cell holds more than {even.max():g}: are the numbers shares or a mask, and no people?"
    assert "more than 1: are" in unlike_people(tmp_path, (even > 0.7).astype(np.uint8))[0]
    over = int((even * 100 >= 50).sum())
    assert unlike_people(tmp_path, even * 100)[0].startswith(f"{over} of 1,200 cells hold 50 to {even.max() * 100:g},")
    assert unlike_people(tmp_path, rng.integers(0, 101, (20, 20)).astype(np.uint8))
    built = np.minimum(rng.exponential(12, (40, 40)), 100) * (rng.random((40, 40)) < 0.97)
    built[:2, :5] = 100  # few of much, yet ten cells that are full
    assert unlike_people(tmp_path, built)
    assert "hardly differ (20" in unlike_people(tmp_path, rng.normal(20, 1, (40, 40)))[0]


def test_the_scale_of_a_note_is_told_where_it_is_not_the_one_that_is_read(tmp_path: Path) -> None:
    path = tif(tmp_path, np.array([[100, 250]], dtype=np.int32))
    for scale, codes in ((1.0, ["scale-unread"]), (0.1, [])):
        with rasterio.open(path, "r+") as raster:
            raster.update_tags(1, scale_factor="0.1")
            raster.scales = (scale,)
        assert [f.code for f in read_population_raster(path)[1]] == codes


def test_whole_people_of_many_cells_are_no_classes(tmp_path: Path) -> None:
    for seed, mean in enumerate((0.3, 1.0, 3.0, 8.0, 40.0)):
        rng = np.random.default_rng(seed)
        lives = rng.random((90, 90)) < 0.4
        people = rng.poisson(rng.gamma(1.0, mean, (90, 90))) * lives
        assert classes_told(tmp_path, people.astype(np.int32)) == []
        assert classes_told(tmp_path, (people * 3).astype(np.int32)) == []  # as offices round for privacy
        assert unlike_people(tmp_path, people.astype(np.int32)) == []
        assert classes_told(tmp_path, people.astype(np.float32), nodata=0) == []


def test_a_shear_of_rounding_is_no_rotation(tmp_path: Path) -> None:
    sheared = Affine(100, 1e-9, 500_000, 1e-9, -100, 3_400_000)
    assert read_population_raster(tif(tmp_path, np.array([[1.0, 2.0]]), transform=sheared))[0].total_people == 3


def test_a_grid_without_a_size_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pop.asc"
    path.write_text("ncols 1\nnrows 1\nxllcorner 108\nyllcorner 30\ncellsize nan\n5\n")
    path.with_suffix(".prj").write_text(CRS.from_epsg(4326).to_wkt("WKT1_ESRI"))
    with pytest.raises(InputError, match=r"pop.asc: a rotated or impossible grid"):
        read_population_raster(path)


def test_more_populated_cells_than_memory_holds_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accessibility.sources.raster.reading.MAX_POPULATED", 10)
    with pytest.raises(InputError, match=r"pop.tif: over 10 cells with people; expected a raster of the study"):
        read_population_raster(tif(tmp_path, np.ones((3, 4))))


def test_a_band_can_be_named(tmp_path: Path) -> None:
    cells, _ = read_population_raster(tif(tmp_path, np.array([[[1.0]], [[2.0]]])), band=2)
    assert cells.population.tolist() == [2.0]


def test_files_that_are_no_raster_or_elsewhere_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "pop.tif"
    path.write_bytes(b"<html>not found</html>")
    with pytest.raises(InputError, match=r"pop.tif: cannot be read as .tif"):
        read_population_raster(path)
    with pytest.raises(InputError, match="a remote address"):
        read_population_raster("/vsicurl/http://a.b/pop.tif")
    with pytest.raises(InputError, match="no such file"):
        read_population_raster(tmp_path / "no.tif")
    virtual = tmp_path / "pop.vrt"
    virtual.write_text("<VRTDataset><SourceFilename>/vsicurl/http://a.b/x.tif</SourceFilename></VRTDataset>")
    with pytest.raises(InputError, match="points to remote or virtual files"):
        read_population_raster(virtual)


def test_cells_too_crowded_or_too_coarse_are_told(tmp_path: Path) -> None:
    path = tif(tmp_path, np.array([[2_001.0, 1.0]]))
    assert [(f.code, f.count) for f in read_population_raster(path)[1]] == [("crowded-cell", 1)]
    path = tif(tmp_path, np.array([[2_001.0, 1.0]]), transform=from_origin(500_000, 3_400_000, 1000, 1000))
    assert [(f.code, f.count) for f in read_population_raster(path)[1]] == [("coarse-cells", 2)]


def test_the_densest_cell_is_named_wherever_it_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accessibility.sources.raster.meaning._AT_ONCE", 3)
    values = np.full((3, 4), 2_500.0)
    values[1, 2] = 9_000.0
    (finding,) = read_population_raster(tif(tmp_path, values))[1]
    assert (finding.code, finding.count, finding.people) == ("crowded-cell", 12, 11 * 2_500 + 9_000)
    assert "most 900,000 per km² in row 1, column 2" in finding.message


def test_whole_numbers_and_scaled_values_are_people(tmp_path: Path) -> None:
    path = tif(tmp_path, np.array([[3, 0, 65535]], dtype=np.uint16), nodata=65535)
    assert read_population_raster(path)[0].population.tolist() == [3.0]
    with rasterio.open(path, "r+") as raster:
        raster.scales = (0.1,)
    assert read_population_raster(path)[0].population.tolist() == pytest.approx([0.3])


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the peak is read from /proc")
def test_a_large_raster_is_never_in_memory_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "pop.tif"
    size, profile = 7_072, {"crs": "EPSG:32649", "transform": METRES, "dtype": "float32"}
    with rasterio.open(path, "w", driver="GTiff", count=1, height=size, width=size, **profile) as out:
        row = np.where(np.arange(size) % 20 == 0, 4, 0).astype(np.float32)
        for top in range(0, size, 442):
            out.write(np.broadcast_to(row, (442, size)), 1, window=((top, top + 442), (0, size)))
    assert path.stat().st_size > 190e6
    code = f"""
        from pathlib import Path
        from accessibility.sources.raster.reading import read_population_raster
        cells, _ = read_population_raster({str(path)!r})
        # Not getrusage: that keeps the peak of the process that was forked to run this.
        peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
        print(cells.total_people, peak.split()[1])
    """
    said = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)  # noqa: S603
    people, kilobytes = map(float, said.stdout.split())
    assert people == 4 * 354 * size
    assert kilobytes < 500_000
