"""People of a whole study: official totals, age groups, and rasters of many grids, over a street done by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from conftest import STEP_DEG
from hypothesis import given
from hypothesis import strategies as st
from osmfiles import node, relation, way, write_osm
from pyproj import CRS, Geod, Transformer
from rasterio.transform import from_origin
from shapely import box

import accessibility as acc
from accessibility.cli.console import Silence
from accessibility.cli.options import Options
from accessibility.cli.pack import run_cover
from accessibility.errors import InputError
from accessibility.measures.coverage import Coverage, measure_coverage
from accessibility.measures.tables import group_notes, group_record, group_table
from accessibility.sources.raster.cells import MAX_PARTS, split_cells
from accessibility.sources.raster.reading import Cells

if TYPE_CHECKING:
    from pathlib import Path

    from accessibility.study.study import Study

WORLDPOP: dict[str, Any] = {"crs": "EPSG:4326", "step": 1 / 1200}
GHS_POP: dict[str, Any] = {"crs": "ESRI:54009", "step": 100.0}
WEST = box(108.19, 30.4, 108.2 + 1.5 * STEP_DEG, 30.504)  # 10 people at 0 m, 20 at 500 m
EAST = box(108.2 + 1.5 * STEP_DEG, 30.4, 108.3, 30.504)  # 40 at 1000 m, 80 at 1500 m, 160 at 2000 m
NORTH = box(108.2, 30.506, 108.22, 30.516)  # nobody, and no street
CODES = 'settlement = { from = { codes = "setting" } }\n        [inputs]'
GROUPED = """id,lon,lat,population,setting,old,women
p1,108.2,30.5,10,urban,4,5
p2,{0:.7f},30.5,20,urban,8,12
p3,{1:.7f},30.5,40,urban,28,20
"""


def edit(study: Path, *changes: tuple[str, str]) -> Path:
    text = study.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    study.write_text(text, encoding="utf-8")
    return study


def districts(study: Path, shapes: dict[str, Any], totals: list[float], *, keys: str = "") -> None:
    frame = gpd.GeoDataFrame({"name": list(shapes), "census": totals}, geometry=list(shapes.values()), crs=4326)
    frame.to_file(study.parent / "districts.gpkg")
    edit(study, ("[inputs]", f'[inputs]\n        area = {{ path = "districts.gpkg"{keys} }}'))


def people_are(study: Path, keys: str) -> Path:
    table = 'population = { path = "people.csv", setting = "setting", coordinates = "WGS84" }'
    walk = '[inputs]\n        network = { path = "roads.osm" }'
    rural = "[standard]\n        rural = { walk_minutes = 15 }\n        " + walk
    return edit(study, (table, f"population = {{ {keys} }}"), (walk, rural))


def raster(folder: Path, people: list[tuple[float, float]], *, crs: str, step: float, name: str = "pop.tif") -> None:
    """Write people at metres along the street into the cells that hold them, a cell of a half beyond each end."""
    there = Transformer.from_crs(4326, crs, always_xy=True)
    lon = [108.2 + metres / 500 * STEP_DEG for metres, _ in people]
    x, y = there.transform(lon, [30.5] * len(lon))
    west, north = there.transform(108.19, 30.51)
    west, north = min(west, *x) // step * step - step, max(north, *y) // step * step + step
    grid = from_origin(west, north, step, step)
    columns, rows = ((np.asarray(x) - west) // step).astype(int), ((north - np.asarray(y)) // step).astype(int)
    values = np.full((rows.max() + 5, columns.max() + 5), -200.0, dtype=np.float32)
    np.add.at(values, (rows, columns), [200 + n for _, n in people])
    options = {"crs": crs, "transform": grid, "nodata": -200.0, "count": 1, "dtype": "float32"}
    with rasterio.open(
        folder / name, "w", driver="GTiff", height=values.shape[0], width=values.shape[1], **options
    ) as out:
        out.write(values, 1)


def read(study: Path, tmp_path: Path) -> Study:
    return acc.read_study(study, cache=tmp_path / "cache")


def codes(study: Study) -> set[str]:
    return {finding.code for finding in study.findings}


def test_a_district_is_multiplied_to_its_total_and_an_empty_one_gets_a_point(town: Path, tmp_path: Path) -> None:
    districts(town, {"W": WEST, "E": EAST, "N": NORTH}, [60, 140, 25])
    edit(town, ('setting = "setting"', 'setting = "setting", totals = "census"'))
    study = read(town, tmp_path)
    now = study.coverage()
    assert now.by(study.district)["population"].to_dict() == pytest.approx({"W": 60, "E": 140, "N": 25})
    assert study.demand.population.tolist() == pytest.approx([20, 40, 20, 40, 80, 25])
    assert (now.covered_people, now.unreached_people) == pytest.approx((60, 25))
    assert study.demand.ids[-1] == "dN"
    lonlat = study.demand.to_crs("EPSG:4326").xy[-1]
    assert NORTH.covers(gpd.points_from_xy(*lonlat[:, None])[0])
    messages = {finding.code: str(finding) for finding in study.findings}
    assert "W 2.00, E 0.50" in messages["reconciled"]
    assert "N 25 people" in messages["district-without-people"]
    assert "totals-differ" not in messages


def test_districts_without_anybody_are_told_and_those_with_somebody_are_not(town: Path, tmp_path: Path) -> None:
    districts(town, {"W": WEST, "E": EAST, "N": NORTH}, [0, 0, 0])
    (said,) = [finding.message for finding in read(town, tmp_path).findings if finding.code == "empty-district"]
    assert said == "1 of 3 districts have no people: N; are they missing from the file?"


def test_people_put_into_an_empty_district_get_the_stricter_rule_among_codes(town: Path, tmp_path: Path) -> None:
    people = town.parent / "people.csv"
    people.write_text(people.read_text(encoding="utf-8").replace("urban", "220"), encoding="utf-8")
    districts(town, {"W": WEST, "E": EAST, "N": NORTH}, [60, 140, 25])
    edit(town, ('setting = "setting"', 'reconcile = true, totals = "census"'), ("[inputs]", CODES))
    study = read(town, tmp_path)
    assert study.demand.setting.tolist() == ["rural"] * 5 + ["urban"]


def test_a_total_missing_where_people_live_is_refused(town: Path, tmp_path: Path) -> None:
    districts(town, {"W": WEST, "E": EAST}, [60, 0], keys=', population = "census"')
    edit(town, ('setting = "setting"', 'setting = "setting", reconcile = true'))
    with pytest.raises(InputError, match=r"people.csv: 1 districts have people .* E 280 people"):
        read(town, tmp_path)


@pytest.mark.parametrize(("title", "column"), [("单位:万人", "census"), ("", "census (in thousands)")])
def test_totals_in_another_unit_are_refused(town: Path, tmp_path: Path, title: str, column: str) -> None:
    districts(town, {"W": WEST, "E": EAST}, [60, 140], keys=f', table = "census.csv", population = "{column}"')
    rows = ["name,kind," + column, "W,x,0.006", "E,x,0.014"]
    (town.parent / "census.csv").write_text("\n".join([*([title] if title else []), *rows]), encoding="utf-8")
    with pytest.raises(InputError, match=r"(says ten|seems to hold) thousands; expected persons"):
        read(town, tmp_path)


def test_without_asking_totals_are_only_compared(town: Path, tmp_path: Path) -> None:
    districts(town, {"W": WEST, "E": EAST}, [31, 140], keys=', population = "census"')
    study = read(town, tmp_path)
    assert study.demand.population.sum() == 310
    assert {"totals-compared", "totals-differ"} <= codes(study)
    differ = next(finding for finding in study.findings if finding.code == "totals-differ")
    assert differ.count == 1
    assert "E 0.50" in differ.message


def test_totals_without_districts_are_refused(town: Path, tmp_path: Path) -> None:
    edit(town, ('setting = "setting"', 'setting = "setting", reconcile = true'))
    with pytest.raises(InputError, match=r"official totals of districts; expected area"):
        read(town, tmp_path)


@pytest.mark.parametrize("grid", [WORLDPOP, GHS_POP], ids=["WorldPop", "GHS-POP"])
def test_rasters_of_the_usual_grids_cover_whom_the_street_covers(
    town: Path, tmp_path: Path, grid: dict[str, Any]
) -> None:
    raster(town.parent, [(-1500, 500), (0, 10), (500, 20), (1500, 80), (2000, 160)], **grid)  # the first live outside
    people_are(town, 'path = "pop.tif", reconcile = true')
    districts(town, {"W": WEST, "E": EAST}, [45, 480], keys=', population = "census"')
    study = read(town, tmp_path)
    now = study.coverage()
    assert now.by(study.district)["population"].to_dict() == pytest.approx({"W": 45, "E": 480})
    assert now.covered_people == pytest.approx(45)  # 0 m and 500 m of 900 m; half as many again as counted
    assert now.walk_s == pytest.approx([0, 500, 1500, 2000], abs=190)  # a cell's half diagonal, 1.3 times, and skew
    assert [f.people for f in study.findings if f.code == "people-outside"] == [500]


@pytest.mark.parametrize("grid", [WORLDPOP, GHS_POP], ids=["WorldPop", "GHS-POP"])
def test_groups_of_rasters_come_out_beside_the_headline(town: Path, tmp_path: Path, grid: dict[str, Any]) -> None:
    raster(town.parent, [(0, 10), (780, 20), (1500, 80), (2000, 160)], **grid)
    raster(town.parent, [(0, 4), (780, 8), (1300, 3), (2000, 65)], **grid, name="pop60.tif")
    people_are(town, 'path = "pop.tif", groups = { "60+" = "pop60.tif" }')
    result = run_cover(town, tmp_path / "out", Options(cache=tmp_path / "cache"), Silence())
    assert result.manifest["totals"]["population"] == 270
    assert result.manifest["totals"]["covered"] == 30
    group = {"population": 80, "covered": 12, "covered_share": 0.15, "covered_share_elderly": 0.05}
    assert result.manifest["groups"] == {"60+": pytest.approx(group)}
    assert "60+: 5.0 % of 80 people (4) covered at 0.8 m/s; 15.0 % (12) at 1.0 m/s" in result.notes
    assert set(result.manifest["inputs"]) >= {"population", "population 60+"}
    assert any("1 cells have more people in group '60+'" in warning for warning in result.manifest["warnings"])


def test_a_group_on_another_grid_is_refused(town: Path, tmp_path: Path) -> None:
    raster(town.parent, [(0, 10), (500, 20)], **WORLDPOP)
    raster(town.parent, [(0, 4), (500, 8)], crs="EPSG:4326", step=1 / 1100, name="pop60.tif")
    people_are(town, 'path = "pop.tif", groups = { "60+" = "pop60.tif" }')
    with pytest.raises(InputError, match=r"pop60.tif: a grid other than that of pop.tif"):
        read(town, tmp_path)
    raster(town.parent, [(0, 4), (500, 8)], **GHS_POP, name="pop60.tif")
    with pytest.raises(InputError, match=r"pop60.tif: a grid other than that of pop.tif: World_Mollweide"):
        read(town, tmp_path)


def grouped(town: Path, tmp_path: Path) -> tuple[Coverage, Coverage]:
    """Return the street with 4 of 10, 8 of 20 and 28 of 40 old people at 0 m, 500 m and 1000 m; and slower."""
    rows = GROUPED.format(108.2 + STEP_DEG, 108.2 + 2 * STEP_DEG)
    (town.parent / "people.csv").write_text(rows, encoding="utf-8")
    edit(town, ('setting = "setting"', 'setting = "setting", groups = { "60+" = "old", "women" = "women" }'))
    study = read(town, tmp_path)
    walker = acc.Walker(speed_m_s=1.2)
    return measure_coverage(study.network, study.demand, study.sites, study.standard, walker), study.coverage()


def test_a_group_is_covered_at_its_own_speed(town: Path, tmp_path: Path) -> None:
    fast, usual = grouped(town, tmp_path)  # 1080 m and 900 m in 15 minutes
    table = group_table(fast, usual)
    old, women = table.to_numpy()
    assert table.index.tolist() == ["60+", "women"]
    assert old.tolist() == pytest.approx([40, 40, 1.0, 12, 0.3])
    assert women.tolist() == pytest.approx([37, 37, 1.0, np.nan, np.nan], nan_ok=True)
    assert group_notes(table, 1.2, 1.0) == (
        "60+: 30.0 % of 40 people (12) covered at 1.0 m/s; 100.0 % (40) at 1.2 m/s",
        "women: 100.0 % of 37 people (37) covered at 1.2 m/s",
    )
    record = {"population": 37, "covered": 37, "covered_share": 1, "covered_share_elderly": None}
    assert group_record(table)["women"] == record


def test_no_groups_make_an_empty_table(town: Path, tmp_path: Path) -> None:
    now = read(town, tmp_path).coverage()
    table = group_table(now, now)
    assert len(table) == 0
    assert group_notes(table, 1.0, 0.8) == ()
    assert group_record(table) == {}


def test_groups_are_multiplied_like_their_people(town: Path, tmp_path: Path) -> None:
    districts(town, {"W": WEST, "E": EAST, "N": NORTH}, [60, 20, 9], keys=', population = "census"')
    edit(town, ('setting = "setting"', 'reconcile = true, setting = "setting"'))
    _, now = grouped(town, tmp_path)
    assert now.demand.population.tolist() == pytest.approx([20, 40, 20, 9])
    assert now.demand.groups["60+"].tolist() == pytest.approx([8, 16, 14, 0])


def test_cells_of_a_kilometre_are_refused_for_a_walk_and_split_when_asked(town: Path, tmp_path: Path) -> None:
    raster(town.parent, [(0, 100), (2000, 300)], crs="EPSG:32649", step=1_000.0)
    raster(town.parent, [(0, 50)], crs="EPSG:32649", step=1_000.0, name="pop60.tif")
    people_are(town, 'path = "pop.tif"')
    with pytest.raises(
        InputError, match=r"pop.tif: cells of 1,000 m misjudge a walk of 15 minutes for about 18 %.*split_"
    ):
        read(town, tmp_path)
    edit(town, ('"pop.tif"', '"pop.tif", split_cells = 100, groups = { "60+" = "pop60.tif" }'))
    study = read(town, tmp_path)
    assert len(study.demand) == 200
    assert study.demand.population.sum() == pytest.approx(400, rel=1e-12)
    assert study.demand.groups["60+"].sum() == pytest.approx(50, rel=1e-12)
    assert set(study.demand.population) == {1.0, 3.0}
    assert "coarse-cells" not in codes(study)
    split = next(finding for finding in study.findings if finding.code == "split-cells")
    assert "2 cells of 1,000 m split into 10 by 10 of 100 m" in split.message
    lonlat = study.demand.to_crs("EPSG:32649").xy[:2]
    assert np.diff(lonlat, axis=0)[0] == pytest.approx([100, 0], abs=0.5)


def test_cells_of_a_kilometre_are_split_by_the_buildings_of_the_extract(town: Path, tmp_path: Path) -> None:
    raster(town.parent, [(0, 100), (2000, 300)], crs="EPSG:32649", step=1_000.0)
    house = {"building": "house"}
    corners = [
        (0.05, 20),
        (0.06, 20),
        (0.06, 31),
        (0.05, 31),
    ]  # 5 m by 11 m, 25 m east, 20 m north
    nodes = [node(i + 1, 108.2 + i * STEP_DEG, 30.5) for i in range(5)]
    nodes += [node(11 + i, 108.2 + x * STEP_DEG, 30.5 + y / 110_860) for i, (x, y) in enumerate(corners)]
    bus = relation(9, [("way", 1, "")], {"type": "route"})
    write_osm(town.parent / "roads.osm", *nodes, way(1, [1, 2, 3, 4, 5]), way(2, [11, 12, 13, 14, 11], house), bus)
    people_are(town, 'path = "pop.tif", split_cells = "buildings"')
    study = read(town, tmp_path)
    now = study.coverage()
    assert len(study.demand) == 1 + 100
    assert study.demand.population.tolist() == pytest.approx([100] + [3] * 100)
    assert now.walk_s[0] == pytest.approx(27.5 + 1.3 * 25.5, abs=2)
    (split,) = [finding for finding in study.findings if finding.code == "split-cells"]
    assert "people of 1 cells of 1,000 m shared over 1 buildings inside them" in split.message
    assert "1 cells have none: their 300 people shared equally" in split.message
    assert split.is_warning
    edit(town, ('"roads.osm"', '"roads.gpkg"'))
    study.network.to_gdf().to_file(town.parent / "roads.gpkg", layer="roads")
    with pytest.raises(InputError, match=r'pop.tif: split_cells = "buildings" reads them from the extract'):
        read(town, tmp_path)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ('path = "pop.tif", column = "n", setting = "s"', "a raster with column, setting, which only a table has"),
        ('path = "people.csv", unit = "per_km2"', "a table with unit, which only a raster has"),
    ],
)
def test_keys_that_a_format_does_not_know_are_refused(town: Path, tmp_path: Path, keys: str, said: str) -> None:
    raster(town.parent, [(0, 10)], **WORLDPOP)
    with pytest.raises(InputError, match=said):
        read(people_are(town, keys), tmp_path)


def test_cells_of_a_kilometre_serve_a_standard_without_walks(town: Path, tmp_path: Path) -> None:
    raster(town.parent, [(0, 100), (2000, 300)], crs="EPSG:32649", step=1_000.0)
    people_are(town, 'path = "pop.tif"')
    edit(town, ("rural = { walk_minutes = 15 }", "urban = { kilometres = 5 }"))
    study = read(town, tmp_path)
    assert len(study.demand) == 2
    assert "coarse-cells" in codes(study)


def test_only_a_raster_can_be_split(town: Path, tmp_path: Path) -> None:
    edit(town, ('setting = "setting"', 'setting = "setting", split_cells = 100'))
    with pytest.raises(InputError, match=r"people.csv: people at points, with split_cells or buildings"):
        read(town, tmp_path)


def cells(row: list[int], column: list[int], people: list[float], *, side_m: float = 300.0) -> Cells:
    return Cells(
        row=np.array(row, dtype=np.int32),
        column=np.array(column, dtype=np.int32),
        population=np.array(people),
        geotransform=(side_m, 0.0, 500_000.0, 0.0, -side_m, 3_400_000.0),
        crs=CRS(32649),
        cell_m=side_m,
        zero_cells=0,
        nodata_cells=0,
    )


def test_a_cell_is_split_into_rows_and_columns_named_after_it() -> None:
    parts, (finding,) = split_cells(cells([1], [2], [18.0]), 150, "pop.tif")
    assert parts.ids.tolist() == ["r1c2-1", "r1c2-2", "r1c2-3", "r1c2-4"]
    west, north = 500_000 + 2 * 300, 3_400_000 - 300
    corners = [(75, -75), (225, -75), (75, -225), (225, -225)]
    assert parts.xy.tolist() == [[west + x, north + y] for x, y in corners]
    assert parts.population.tolist() == [4.5] * 4
    assert (finding.code, finding.count, finding.people) == ("split-cells", 1, 18)
    assert split_cells(cells([1], [2], [18.0]), 250, "pop.tif")[1] == []


def test_too_many_parts_are_refused() -> None:
    many = cells(*([0] * 1_112,) * 2, [1.0] * 1_112, side_m=3_000.0)
    assert MAX_PARTS < 1_112 * 300**2
    with pytest.raises(InputError, match=r"split_cells = 10 makes 100,080,000 parts of 1,112 cells"):
        split_cells(many, 10, "pop.tif")


@given(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=20), st.floats(30, 400))
def test_splitting_keeps_the_people_of_each_cell_and_its_middle(people: list[float], size_m: float) -> None:
    whole = cells(list(range(len(people))), [3] * len(people), people)
    parts, _ = split_cells(whole, size_m, "pop.tif")
    of = parts.row // parts.parts
    assert np.bincount(of, weights=parts.population) == pytest.approx(np.array(people), rel=1e-12)
    middle = [parts.xy[of == row].mean(axis=0) for row in range(len(people))]
    assert np.array(middle) == pytest.approx(whole.xy, abs=1e-6)
    assert len(set(parts.ids)) == len(parts)


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:32649"])
def test_polygons_too_wide_for_one_point_are_told(town: Path, tmp_path: Path, crs: str) -> None:
    lon, lat, _ = Geod(ellps="WGS84").fwd([108.2] * 2, [30.5] * 2, [90, 90], [510, 490])
    shapes = [box(108.2, 30.499, east, 30.501) for east in lon]
    assert len(lat) == 2
    frame = gpd.GeoDataFrame({"population": [7, 8]}, geometry=shapes, crs=4326).to_crs(crs)
    frame.to_file(town.parent / "people.gpkg")
    study = read(people_are(town, 'path = "people.gpkg", column = "population"'), tmp_path)
    wide = next(finding for finding in study.findings if finding.code == "wide-area")
    assert (wide.count, wide.people) == (1, 7)
    assert study.demand.population.sum() == 15


COUNTY = [box(108.19, 30.49, 108.2, 30.51), box(108.2, 30.49, 108.21, 30.51), box(108.21, 30.49, 108.22, 30.51)]


def county(study: Path, kept: list[int], *, neighbours: float = 0.0) -> Path:
    """Give the street cells of 100 m: 2 people in each of three districts, and as many all around as asked."""
    grid = from_origin(108.0, 30.7, 0.001, 0.001)
    x, y = np.meshgrid(108.0 + 0.001 * (np.arange(410) + 0.5), 30.7 - 0.001 * (np.arange(400) + 0.5))
    people = np.full(x.shape, neighbours)
    people[(x > 108.19) & (x < 108.22) & (y > 30.49) & (y < 30.51)] = 2.0
    options: dict[str, Any] = {"crs": 4326, "transform": grid, "count": 1, "dtype": "float64"}
    with rasterio.open(study.parent / "pop.tif", "w", driver="GTiff", height=400, width=410, **options) as out:
        out.write(people, 1)
    people_are(study, 'path = "pop.tif"')
    districts(study, {str(k): COUNTY[k] for k in kept}, [1.0] * len(kept))
    return study


@pytest.mark.parametrize("kept", [[0, 1], [0, 2], [1]])
def test_people_of_a_district_that_is_missing_are_told_with_their_number(
    town: Path, tmp_path: Path, kept: list[int]
) -> None:
    study = read(county(town, kept), tmp_path)
    (told,) = [f for f in study.findings if f.code == "people-outside"]
    missing = (3 - len(kept)) * 10 * 20 * 2.0
    assert told.people == pytest.approx(missing)
    assert told.is_warning
    assert f"{missing:,.0f} of 1,200 people" in told.message
    assert study.demand.population.sum() == pytest.approx(1_200 - missing)


def test_neighbours_are_told_without_alarm_and_a_hole_between_districts_with_it(town: Path, tmp_path: Path) -> None:
    study = read(county(town, [0, 1, 2], neighbours=0.5), tmp_path)
    (told,) = [f for f in study.findings if f.code.startswith("people-")]
    assert (told.code, told.is_warning) == ("people-around", False)
    assert told.people == pytest.approx((400 * 410 - 600) * 0.5)
    ring = box(108.19, 30.49, 108.22, 30.51) - box(108.203, 30.496, 108.207, 30.504)
    gpd.GeoDataFrame({"name": ["A"]}, geometry=[ring], crs=4326).to_file(town.parent / "districts.gpkg")
    (told,) = [f for f in read(town, tmp_path).findings if f.code.startswith("people-")]
    assert told.code == "people-outside"
    assert "64 of them in holes" in told.message  # 4 by 8 cells of 2


def test_people_of_cells_on_the_border_are_told(town: Path, tmp_path: Path) -> None:
    county(town, [0, 1, 2], neighbours=1.0)
    (told,) = [f for f in read(town, tmp_path).findings if f.code == "people-around"]
    assert "by their middles: 0 people left out so, 0 counted" in told.message
    # The west side a third of a cell inwards, the east side two thirds: 20 cells of 2 people each are cut by either.
    inward = box(108.19 + 0.001 / 3, 30.49, 108.22 - 0.002 / 3, 30.51)
    gpd.GeoDataFrame({"name": ["A"]}, geometry=[inward], crs=4326).to_file(town.parent / "districts.gpkg")
    (told,) = [f for f in read(town, tmp_path).findings if f.code == "people-around"]
    assert "by their middles: 40 people left out so, 40 counted" in told.message


def test_half_a_county_has_the_settings_that_the_whole_has(town: Path, tmp_path: Path) -> None:
    county(town, [0, 1, 2], neighbours=1.5)
    whole = read(town, tmp_path).demand
    districts_of = gpd.GeoDataFrame({"name": ["1"]}, geometry=[COUNTY[1]], crs=4326)
    districts_of.to_file(town.parent / "districts.gpkg")
    half = read(town, tmp_path)
    rows = dict(zip(whole.ids, whole.setting, strict=True))
    assert half.demand.setting.tolist() == [rows[name] for name in half.demand.ids]
    assert len(half.demand) < len(whole)
    assert len(half.shifted_settings) == 3
