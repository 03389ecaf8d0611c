"""Tables, rasters and shapes as nobody should make them: everyone is found again, or there is our own error."""

from __future__ import annotations

import math
import warnings
from collections import Counter
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import openpyxl
import pytest
import rasterio
import shapely
from conftest import STEP_DEG
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from peopletables import read_people_table
from pyproj import Geod
from rasterio.transform import from_origin
from shapely import LineString, MultiLineString, MultiPoint, MultiPolygon, Point, Polygon, box

import accessibility as acc
from accessibility.errors import InputError
from accessibility.sources.lines import read_lines
from accessibility.sources.raster.reading import read_population_raster
from accessibility.sources.tables.people import PeopleSpec
from accessibility.sources.tables.places import PlaceSpec, read_sites

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

SAME_FOLDER = [HealthCheck.function_scoped_fixture]  # every example writes its own file anew
# Cells of a coordinate column and the number that each stands for; None where there is none.
PLACES: dict[str, float | None] = {
    "": None, "0": 0.0, "-": None, "NaN": None, "3": 3.0, " 4.5 ": 4.5, "５．５": 5.5, "6°30'": 6.5, "7e0": 7.0,  # noqa: RUF001
    "8.5E": None, "abc": None, "合计": None,
}  # fmt: skip
PEOPLE: dict[str, float | None] = {
    "0": 0.0, "12": 12.0, "1,234": 1234.0, "７": 7.0, "2.5": 2.5, "1e3": 1000.0, "": None, "-1": None, "many": None,  # noqa: RUF001
    "1.2万": None, "inf": None,
}  # fmt: skip
site = st.tuples(
    st.sampled_from(["甲", "乙", "", "东区小计", "Total"]),
    st.sampled_from(list(PLACES)),
    st.sampled_from(list(PLACES)),
    st.sampled_from(["", "在用", "停用", "?"]),
)


def write(folder: Path, suffix: str, head: list[str], rows: Sequence[Sequence[str]]) -> Path:
    path = folder / f"t{suffix}"
    if suffix == ".xlsx":
        book = openpyxl.Workbook()
        sheet: Any = book.active
        for row in (head, *rows):
            sheet.append(list(row))
        book.save(path)
    else:
        lines = (",".join(f'"{cell}"' for cell in row) for row in (head, *rows))
        path.write_text("\n".join(lines), encoding="gb18030")
    return path


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
@settings(max_examples=30, suppress_health_check=SAME_FOLDER)
@given(rows=st.lists(site, min_size=1, max_size=12))
def test_every_row_of_a_table_of_sites_is_a_site_or_counted(
    suffix: str, tmp_path: Path, rows: list[tuple[str, str, str, str]]
) -> None:
    path = write(tmp_path, suffix, ["名称", "经度", "纬度", "状态"], rows)
    try:
        sites, findings = read_sites(path, PlaceSpec(role="outlets"))
    except InputError as error:
        assert "t" + suffix in str(error)  # noqa: PT017 -- either outcome is right
        return
    count = Counter({finding.code: finding.count for finding in findings})
    blank = sum(not any(row) for row in rows)
    told = count["subtotal-row"] + count["no-coordinates"]
    assert len(rows) - blank - told == len(sites)
    known = [
        (PLACES[x], PLACES[y])
        for name, x, y, _ in rows
        if name not in ("东区小计", "Total") and x != "合计" and None not in (PLACES[x], PLACES[y])
    ]
    placed = sorted(place for place in known if place != (0.0, 0.0))
    found = sorted((round(p.x, 9), round(p.y, 9)) for p in sites.geometry)
    first = [row[1] for row in rows if not row[0] and row[1]]  # a sum may stand first in a later column
    if "合计" not in first:
        assert found == placed
    assert not (sites["open"] & sites["closed"]).any()


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
@settings(max_examples=30, suppress_health_check=SAME_FOLDER)
@given(
    rows=st.lists(
        st.tuples(st.sampled_from(list(PLACES)), st.sampled_from(list(PLACES)), st.sampled_from(list(PEOPLE))),
        min_size=1,
        max_size=12,
    )
)
def test_everyone_in_a_table_of_people_is_found_again(
    suffix: str, tmp_path: Path, rows: list[tuple[str, str, str]]
) -> None:
    named = [(f"P{i}", *row) for i, row in enumerate(rows)]
    path = write(tmp_path, suffix, ["编号", "经度", "纬度", "人口"], named)
    counted = [PEOPLE[cell] for *_, cell in rows]
    try:
        people, findings = read_people_table(path, PeopleSpec())
    except InputError as error:
        assert "t" + suffix in str(error)  # noqa: PT017 -- as above
        return
    assert None not in counted
    assert people.index.tolist() == [name for name, *_ in named]
    assert people["population"].tolist() == counted
    lost = people["population"][people.geometry.is_empty].sum()
    assert sum(f.people or 0 for f in findings if f.code == "people-without-place") == pytest.approx(lost)


people_row = st.tuples(st.floats(-3, 8), st.floats(-400, 400), st.integers(0, 1_000), st.booleans())
corner = st.tuples(st.floats(-4, 9), st.floats(-900, 900)).map(
    lambda at: (108.2 + at[0] * STEP_DEG, 30.5 + at[1] / 110_860)
)
crooked = st.lists(corner, min_size=3, max_size=7).map(Polygon)


@settings(max_examples=25, suppress_health_check=SAME_FOLDER)
@given(
    rows=st.lists(people_row, min_size=1, max_size=15),
    shapes=st.lists(crooked | st.just(Polygon()) | st.none(), min_size=1, max_size=3),
    seed=st.integers(0, 2**32),
)
def test_people_add_up_over_any_districts(
    town: Path, cache: Path, rows: list[tuple[float, float, int, bool]], shapes: list[Any], seed: int
) -> None:
    text = "".join(
        f"p{i},{108.2 + x * STEP_DEG if known else ''},{30.5 + y / 110_860 if known else ''},{n},"
        f"{('urban', 'town', 'rural')[(seed + i) % 3]}\n"
        for i, (x, y, n, known) in enumerate(rows)
    )
    (town.parent / "people.csv").write_text("id,lon,lat,population,setting\n" + text, encoding="utf-8")
    frame = gpd.GeoDataFrame({"name": [f"D{i}" for i in range(len(shapes))]}, geometry=shapes, crs=4326)
    frame.to_parquet(town.parent / "area.parquet")
    whole = town.read_text(encoding="utf-8")
    if "area.parquet" not in whole:
        town.write_text(whole.replace("[inputs]", '[inputs]\narea = { path = "area.parquet" }'), encoding="utf-8")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            study = acc.read_study(town, cache=cache)
    except InputError:
        return
    now = study.coverage()
    outside = sum(f.people or 0 for f in study.findings if f.code == "people-outside")
    assert now.population + outside == sum(n for *_, n, _ in rows)
    assert now.covered_people + now.uncovered_people == pytest.approx(now.population)
    assert now.unreached_people <= now.uncovered_people
    table = study.table(now).set_index("district")
    assert table["population"].iloc[:-1].sum() == pytest.approx(now.population)
    assert table["covered"].iloc[:-1].sum() == pytest.approx(now.covered_people)


values = st.sampled_from([0.0, 0.5, 3.0, 250.0, -1.0, -99_999.0, math.nan, math.inf]) | st.floats(0, 1e3, width=32)


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=30, suppress_health_check=SAME_FOLDER)
@given(
    grid=arrays(np.float32, st.tuples(st.integers(1, 8), st.integers(1, 8)), elements=values),
    window=st.none() | st.tuples(st.floats(107.99, 108.01), st.floats(30.99, 31.01), st.floats(0, 0.01)),
)
def test_everyone_in_a_raster_is_found_again(
    tmp_path: Path, grid: NDArray[np.float32], window: tuple[float, float, float] | None
) -> None:
    path, step = tmp_path / "pop.tif", 1 / 1200
    profile: dict[str, Any] = {"crs": "EPSG:4326", "transform": from_origin(108, 31, step, step), "nodata": -99_999}
    height, width = grid.shape
    with rasterio.open(
        path, "w", driver="GTiff", count=1, height=height, width=width, dtype="float32", **profile
    ) as out:
        out.write(grid, 1)
    bounds = None if window is None else (window[0], window[1], window[0] + window[2], window[1] + window[2])
    known = ~np.isnan(grid) & (grid != -99_999)
    bad, people = known & ((grid < 0) | np.isinf(grid)), float(grid[known & (grid > 0)].astype(np.float64).sum())
    try:
        cells, findings = read_population_raster(path, bounds_lonlat=bounds)
    except InputError as error:
        assert "pop.tif" in str(error)  # noqa: PT017 -- as above
        assert bad.any() or people == 0 or bounds is not None
        return
    assert (cells.population > 0).all()
    assert np.array_equal(cells.population, grid[cells.row, cells.column].astype(np.float64))
    if bounds is None:
        assert not bad.any()
        assert cells.total_people == pytest.approx(people)
        assert len(cells) + cells.zero_cells + cells.nodata_cells == grid.size
        assert sum(f.count for f in findings if f.code == "nodata-cells") == (~known).sum()


here = st.tuples(st.integers(0, 6), st.integers(0, 6)).map(lambda c: (108 + c[0] / 100, 30 + c[1] / 100))
home = st.one_of(
    here.map(Point),
    st.lists(here, min_size=3, max_size=6).map(Polygon),
    st.lists(here, min_size=1, max_size=3).map(MultiPoint),
    st.lists(st.lists(here, min_size=3, max_size=5).map(Polygon), min_size=1, max_size=2).map(MultiPolygon),
    st.sampled_from([None, Point(), Polygon(), box(108, 30, 108, 30.1)]),
)


@settings(max_examples=30, suppress_health_check=SAME_FOLDER)
@given(homes=st.lists(st.tuples(home, st.integers(0, 100)), min_size=1, max_size=6))
def test_people_of_crooked_shapes_keep_their_number(tmp_path: Path, homes: list[tuple[Any, int]]) -> None:
    path = tmp_path / "homes.parquet"
    shapes, people = zip(*homes, strict=True)
    gpd.GeoDataFrame({"population": people}, geometry=list(shapes), crs=4326).to_parquet(path)
    try:
        found, _ = read_people_table(path, PeopleSpec())
    except InputError as error:
        assert "homes.parquet" in str(error)  # noqa: PT017 -- as above
        assert sum(people) == 0 or all(shape is None or shape.is_empty for shape in shapes)
        return
    assert found["population"].tolist() == list(people)
    placed = ~found.geometry.is_empty
    for shape, there, point in zip(shapes, placed, found.geometry, strict=True):
        assert there == (shape is not None and not shape.is_empty)
        if there:
            west, south, east, north = shape.bounds
            assert west - 1e-9 <= point.x <= east + 1e-9
            assert south - 1e-9 <= point.y <= north + 1e-9


vertex = st.tuples(st.integers(0, 9), st.integers(0, 9)).map(lambda c: (108.2 + c[0] / 1_000, 30.5 + c[1] / 1_000))
road = st.one_of(
    st.lists(vertex, min_size=2, max_size=6).map(LineString),
    st.lists(st.lists(vertex, min_size=2, max_size=3), min_size=1, max_size=3).map(MultiLineString),
    st.sampled_from([None, LineString(), LineString([(108.2, 30.5), (108.2, 30.5)])]),
)


@pytest.mark.parametrize("noded", [False, True])
@settings(max_examples=25, suppress_health_check=SAME_FOLDER)
@given(drawn=st.lists(road, min_size=1, max_size=6))
def test_crooked_roads_keep_their_length(tmp_path: Path, noded: bool, drawn: list[Any]) -> None:  # noqa: FBT001
    path = tmp_path / "roads.parquet"
    frame = gpd.GeoDataFrame(geometry=drawn, crs=4326)
    frame.to_parquet(path)
    lines = [line for line in frame.geometry if line is not None and not line.is_empty]
    parts = shapely.get_parts(np.array(lines, dtype=object))
    metres = sum(Geod(ellps="WGS84").geometry_length(line) for line in parts)
    once = {shapely.normalize(shapely.remove_repeated_points(line)).wkb: line for line in parts}
    least = sum(Geod(ellps="WGS84").geometry_length(line) for line in once.values())
    try:
        network, _ = read_lines(path, noded=noded)
    except InputError as error:
        assert "roads.parquet" in str(error)  # noqa: PT017 -- as above
        assert metres == 0
        assert "has any length; expected at least one" in str(error)  # noqa: PT017
        return
    if noded:  # of lines on top of each other one stays
        assert network.length_m.sum() <= metres + 0.5
    else:
        assert least - 0.01 <= network.length_m.sum() <= metres + 0.01  # what is drawn twice is read once
        assert len(once) < len(parts) or network.length_m.sum() == pytest.approx(metres, abs=0.01)
    assert (network.length_m >= 0).all()
