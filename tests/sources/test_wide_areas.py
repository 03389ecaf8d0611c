"""People told by townships: polygons wider than a walk, points of a township's size, and tables without coordinates."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from conftest import STEP_DEG
from hypothesis import given
from hypothesis import strategies as st
from osmfiles import node, way, write_osm
from peopletables import read_people_table
from shapely import box

import accessibility as acc
from accessibility.errors import InputError
from accessibility.sources.raster.cells import misjudged_share
from accessibility.sources.spread import (
    may_be_sums,
    over_buildings,
    over_parts,
    refuse_wide,
    report_far_apart,
    same_places,
    sides_m,
)
from accessibility.sources.tables.people import PeopleSpec

if TYPE_CHECKING:
    from pathlib import Path

    from accessibility.study.study import Study

WEST, EAST = box(108.19, 30.49, 108.2 + 1.5 * STEP_DEG, 30.51), box(108.2 + 1.5 * STEP_DEG, 30.49, 108.23, 30.51)
CODES = {"A": "510123001000", "B": "510123002000"}


def edit(study: Path, population: str, area: str = "") -> None:
    """Give a study other people, and districts."""
    text = study.read_text(encoding="utf-8")
    old = 'population = { path = "people.csv", setting = "setting", coordinates = "WGS84" }'
    assert old in text
    text = text.replace(old, f"population = {{ {population} }}\n        {area}")
    study.write_text(text, encoding="utf-8")


def read(study: Path, tmp_path: Path) -> Study:
    return acc.read_study(study, cache=tmp_path / "cache")


def townships(study: Path, **columns: list[Any]) -> None:
    """Write two townships that share the street at 750 m, with houses at 0 and 500 m in A, at 1 and 2 km in B."""
    frame = gpd.GeoDataFrame({"name": list(CODES), **columns}, geometry=[WEST, EAST], crs=4326)
    frame.to_file(study.parent / "districts.gpkg")
    nodes = [node(i + 1, 108.2 + i * STEP_DEG, 30.5) for i in range(5)]
    houses: list[str] = []
    for number, (at, side) in enumerate([(0, 1.0), (1, 1.0), (2, 1.0), (4, 1.0)]):
        first, half = 100 + 10 * number, 0.00005 * side
        x, y = 108.2 + at * STEP_DEG, 30.5002
        corners = [(x - half, y - half), (x + half, y - half), (x + half, y + half), (x - half, y + half)]
        nodes += [node(first + k, *corner) for k, corner in enumerate(corners)]
        houses.append(way(50 + number, [first, first + 1, first + 2, first + 3, first], {"building": "house"}))
    write_osm(study.parent / "roads.osm", *nodes, way(1, [1, 2, 3, 4, 5]), *houses)


def standard(study: Path, rule: str) -> None:
    """Give everybody the same rule."""
    rules = f"[standard]\nurban = {rule}\ntown = {rule}\nrural = {rule}\n[inputs]"
    study.write_text(study.read_text(encoding="utf-8").replace("[inputs]", rules), encoding="utf-8")


AREA = 'area = { path = "districts.gpkg" }'


def found(study: Study) -> dict[str, tuple[int | None, float | None]]:
    return {finding.code: (finding.count, finding.people) for finding in study.findings}


def test_polygons_wider_than_a_walk_are_refused_like_coarse_cells(town: Path, tmp_path: Path) -> None:
    townships(town, population=[100, 300])
    edit(town, 'path = "districts.gpkg"', AREA)
    with pytest.raises(InputError, match=r"districts.gpkg: 400 of 400 people are told for 2 areas of more"):
        read(town, tmp_path)


def test_without_a_walking_rule_polygons_stay_points(town: Path, tmp_path: Path) -> None:
    townships(town, population=[100, 300])
    edit(town, 'path = "districts.gpkg"', AREA)
    standard(town, "{ kilometres = 5 }")
    study = read(town, tmp_path)
    assert len(study.demand) == 2
    assert found(study)["wide-area"] == (2, 400.0)


@pytest.mark.parametrize("how", ['split_cells = "buildings"', "split_cells = 100"])
def test_groups_are_shared_as_all_people_are(town: Path, tmp_path: Path, how: str) -> None:
    townships(town, population=[100, 300], old=[10, 60])
    edit(town, f'path = "districts.gpkg", groups = {{ "60+" = "old" }}, {how}', AREA)
    demand = read(town, tmp_path).demand
    assert demand.groups["60+"].sum() == pytest.approx(70)
    share = demand.groups["60+"] / demand.population
    assert np.unique(share.round(9)).tolist() == [0.1, 0.2]


@pytest.mark.parametrize("how", ['split_cells = "buildings"', "buildings = true"])
def test_people_of_polygons_are_shared_over_the_buildings_inside(town: Path, tmp_path: Path, how: str) -> None:
    townships(town, population=[100, 300])
    edit(town, f'path = "districts.gpkg", {how}', AREA)
    standard(town, "{ walk_minutes = 15 }")
    study = read(town, tmp_path)
    assert study.demand.population.tolist() == pytest.approx([50, 50, 150, 150])
    assert study.district.tolist() == ["A", "A", "B", "B"]
    assert found(study)["people-shared"] == (2, 400.0)
    assert "wide-area" not in found(study)
    assert study.coverage().covered_people == pytest.approx(100)  # 15 minutes from the outlet at 0 m reach 500 m


def test_people_of_polygons_are_shared_over_equal_parts(town: Path, tmp_path: Path) -> None:
    townships(town, population=[100, 300])
    edit(town, 'path = "districts.gpkg", split_cells = 100', AREA)
    study = read(town, tmp_path)
    by = study.coverage().by(study.district)["population"]
    assert by.to_dict() == pytest.approx({"A": 100, "B": 300})
    # One part per 100 m by 100 m: the townships are 2.2 km high, 1.67 km and 2.2 km wide.
    assert 800 < len(study.demand) < 900


@pytest.mark.parametrize(
    "rows",
    [
        "区划代码,常住人口\n510123001000,100\n510123002000,300\n",
        "区划代码,常住人口\n510123001,100\n510123002,300\n",
        "乡镇,人口\nＡ,100\n b ,300\n",  # noqa: RUF001 -- as people type
        "name,population\nB,300\nA,100\n",
        "单位,人口\nA,100\nB,300\n",
    ],
)
def test_a_table_without_coordinates_is_joined_by_code_or_name(town: Path, tmp_path: Path, rows: str) -> None:
    townships(town, code=list(CODES.values()))
    (town.parent / "sums.csv").write_text(rows, encoding="utf-8")
    edit(town, 'path = "sums.csv", split_cells = "buildings"', AREA)
    study = read(town, tmp_path)
    by = study.coverage().by(study.district)["population"]
    assert by.to_dict() == pytest.approx({"A": 100, "B": 300})
    assert found(study)["joined-to-districts"][0] == 2
    assert not {"datum-assumed", "far-apart-people", "polygon-as-point"} & set(found(study))


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (["A,100", "B,300", "B,310"], (1, None)),  # of two years
        (["A,100", "B,300"], None),
        ([f"{name},{at}" for name in "AB" for at in range(9)], None),  # villages
    ],
)
def test_a_few_districts_of_several_rows_are_told(
    town: Path, tmp_path: Path, rows: list[str], told: tuple[int, None] | None
) -> None:
    townships(town, code=list(CODES.values()))
    (town.parent / "sums.csv").write_text("\n".join(["乡镇,人口", *rows]), encoding="utf-8")
    edit(town, 'path = "sums.csv", split_cells = "buildings"', AREA)
    assert found(read(town, tmp_path)).get("district-rows") == told


def test_a_code_and_a_name_that_disagree_are_told(town: Path, tmp_path: Path) -> None:
    townships(town, code=list(CODES.values()))
    rows = f"区划代码,乡镇,人口\n{CODES['A']},B,100\n{CODES['B']},B,300\n"
    (town.parent / "sums.csv").write_text(rows, encoding="utf-8")
    edit(town, 'path = "sums.csv", split_cells = "buildings"', AREA)
    study = read(town, tmp_path)
    assert study.coverage().by(study.district)["population"].to_dict() == pytest.approx({"A": 100, "B": 300})
    assert found(study)["districts-disagree"][0] == 1


def test_sums_alone_are_refused_as_the_polygons_are(town: Path, tmp_path: Path) -> None:
    townships(town)
    (town.parent / "sums.csv").write_text("name,population\nA,100\nB,300\n", encoding="utf-8")
    edit(town, 'path = "sums.csv"', AREA)
    with pytest.raises(InputError, match=r"sums.csv: 400 of 400 people are told for 2 areas"):
        read(town, tmp_path)


def test_rows_that_name_no_district_keep_their_people(town: Path, tmp_path: Path) -> None:
    townships(town)
    (town.parent / "sums.csv").write_text("name,population\nA,100\nB,300\nC,60\n", encoding="utf-8")
    edit(town, 'path = "sums.csv", split_cells = "buildings"', AREA)
    study = read(town, tmp_path)
    assert study.demand.population.sum() == pytest.approx(460)
    assert found(study)["no-such-district"][0] == 1
    assert found(study)["people-without-place"] == (1, 60.0)


def test_a_table_that_names_no_district_at_all_is_refused(town: Path, tmp_path: Path) -> None:
    townships(town)
    (town.parent / "sums.csv").write_text("name,population\nX,100\nY,300\n", encoding="utf-8")
    edit(town, 'path = "sums.csv", split_cells = "buildings"', AREA)
    with pytest.raises(InputError, match=r"sums.csv: no coordinates, and no row names a district .*names such as A, B"):
        read(town, tmp_path)


def test_totals_come_from_a_table_beside_the_polygons(town: Path, tmp_path: Path) -> None:
    townships(town, code=list(CODES.values()))
    (town.parent / "census.csv").write_text(
        "区划代码,常住人口\n510123002000,3,\n".replace(",3,", ",600") + "510123001000,60\n"
    )
    area = 'area = { path = "districts.gpkg", table = "census.csv", population = "常住人口" }'
    people = 'path = "people.csv", setting = "setting", coordinates = "WGS84", reconcile = true'
    edit(town, people, area)
    study = read(town, tmp_path)
    assert study.coverage().by(study.district)["population"].to_dict() == pytest.approx({"A": 60, "B": 600})


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("name,census\nA,1\nA,2\nB,3\n", r"census.csv: 1 districts have more than one row: A; expected one row per"),
        ("name,census\nA,1\nB,many\n", r"'many'"),
    ],
)
def test_totals_that_are_ambiguous_are_refused(town: Path, tmp_path: Path, rows: str, said: str) -> None:
    townships(town)
    (town.parent / "census.csv").write_text(rows, encoding="utf-8")
    edit(town, "buildings = true", 'area = { path = "districts.gpkg", table = "census.csv", population = "census" }')
    with pytest.raises(InputError, match=said):
        read(town, tmp_path)


def points(tmp_path: Path, people: list[int], metres: float) -> list[str]:
    rows = "".join(f"{108 + at * metres / 95_700:.7f},30.5,{n}\n" for at, n in enumerate(people))
    (tmp_path / "p.csv").write_text("lon,lat,population\n" + rows, encoding="utf-8")
    return [finding.code for finding in read_people_table(tmp_path / "p.csv", PeopleSpec())[1]]


def test_points_of_a_township_each_are_told(tmp_path: Path) -> None:
    assert points(tmp_path, [2_000, 30_000, 2_500], 4_000) == ["far-apart-people"]
    assert points(tmp_path, [2_000], 4_000) == ["far-apart-people"]


def test_villages_and_blocks_are_no_townships(tmp_path: Path) -> None:
    assert points(tmp_path, [300] * 20, 2_000) == []
    assert points(tmp_path, [3_000] * 20, 300) == []
    assert points(tmp_path, [300] * 20 + [1_500], 2_000) == []


def test_sums_are_told_whatever_rows_share_a_point(tmp_path: Path) -> None:
    """Rows of one point are one sum, and so are rows a step apart: the quick look before may not lose them."""
    assert points(tmp_path, [600, 600, 700], 0) == ["far-apart-people"]
    assert points(tmp_path, [600, 600, 600, 600], 0) == ["people-on-one-point", "far-apart-people"]
    assert points(tmp_path, [1_200, 1_300], 0.03) == []  # two homes a few centimetres apart are near each other


@given(st.lists(st.tuples(st.sampled_from([0.0, 1e-7, 4e-6, 0.02, np.nan]), st.floats(0, 3_000)), max_size=9))
def test_the_quick_look_never_says_no_where_the_close_one_finds(rows: list[tuple[float, float]]) -> None:
    lonlat = np.array([(108 + lon, 30.5) for lon, _ in rows]).reshape(-1, 2)
    people = np.array([n for _, n in rows])
    if report_far_apart(lonlat, people, np.arange(len(rows)), "p.csv"):
        assert may_be_sums(same_places(lonlat), people)


def test_city_blocks_with_few_wide_ones_pass_and_the_share_is_of_people() -> None:
    block = box(108.0, 30.0, 108.001, 30.001)
    field = box(108.0, 30.0, 108.1, 30.1)
    shapes = np.array([block, field, None], dtype=object)
    assert sides_m(shapes)[2] == 0
    limit = (misjudged_share(400) - misjudged_share(100)) / (misjudged_share(9_999) - misjudged_share(100))
    refuse_wide(shapes[:2], np.array([1 - 0.9 * limit, 0.9 * limit]), "p.gpkg")
    with pytest.raises(InputError, match=r"p.gpkg: .* 1 areas"):
        refuse_wide(shapes[:2], np.array([1 - 1.2 * limit, 1.2 * limit]), "p.gpkg")


@given(st.lists(st.floats(0.0001, 0.01), min_size=1, max_size=6), st.integers(50, 400))
def test_parts_keep_the_people_and_lie_inside(widths: list[float], size_m: int) -> None:
    edges = np.cumsum([108.0, *widths])
    shapes = np.array([box(a, 30.0, b, 30.004) for a, b in pairwise(edges)], dtype=object)
    parts = over_parts(shapes, size_m, "p")
    assert shapely.contains_xy(shapes[parts.row], *parts.lonlat.T).all()
    sums = np.bincount(parts.row, weights=parts.share, minlength=len(shapes))
    assert sums[np.unique(parts.row)] == pytest.approx(1.0)
    assert len(np.unique(parts.lonlat.round(12), axis=0)) == len(parts.lonlat)


def test_overlapping_polygons_keep_their_own_people() -> None:
    """Two rows of one township: both live in its houses."""
    houses = gpd.GeoDataFrame(
        {"id": ["w1", "w2"], "footprint_m2": [100.0, 300.0], "levels": [1.0, 1.0], "use": ["residential"] * 2},
        geometry=shapely.points([[0.2, 0.5], [0.8, 0.5]]),
        crs="EPSG:4326",
    )
    parts = over_buildings(np.array([box(0, 0, 1, 1), box(0, 0, 1, 1), box(5, 5, 6, 6)], dtype=object), houses)
    assert parts.row.tolist() == [0, 0, 1, 1]
    assert parts.share.tolist() == [0.25, 0.75, 0.25, 0.75]
    assert parts.name.tolist() == ["bw1", "bw2", "bw1", "bw2"]


def test_parts_of_an_exploded_area_that_repeat_its_people_are_told(tmp_path: Path) -> None:
    def told(people: list[int], names: list[str]) -> list[str]:
        squares = [box(104 + east, 30, 104.001 + east, 30.001) for east in np.arange(len(people)) / 100]
        parts = gpd.GeoDataFrame({"name": names, "population": people}, geometry=squares, crs=4326)
        parts["Shape_Area"] = np.arange(len(parts)) + 1.5
        parts.to_file(tmp_path / "people.gpkg")
        findings = read_people_table(tmp_path / "people.gpkg", PeopleSpec())[1]
        return [finding.message for finding in findings if finding.code == "repeated-parts"]

    names = ["甲村", "乙村", "丙村", "丁村", "丁村"]
    (said,) = told([10, 20, 40, 80, 80], names)
    assert said.startswith(
        "1 features have name, people and all else of another one (丁村): are they parts of one area"
    )
    assert said.endswith("Without them 150 people")
    assert told([10, 20, 40, 80, 81], names) == told([10, 20, 40, 80, 80], [*names[:4], "戊村"]) == []
    assert told([10, 10, 10, 10, 10], [""] * 5) == told([10, 10, 10, 10, 10], ["甲镇"] * 5) == []
