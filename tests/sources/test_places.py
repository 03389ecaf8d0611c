"""Outlets, bank branches, candidates and people from tables; where their rows are."""

# ruff: noqa: RUF001 -- Chinese has its own punctuation

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from peopletables import read_people_table
from pyproj import Transformer

import accessibility as acc
from accessibility.demand import Demand
from accessibility.errors import InputError
from accessibility.geo.projection import from_wgs84
from accessibility.sites import Sites
from accessibility.sources.tables.people import PeopleSpec
from accessibility.sources.tables.places import PlaceSpec, read_sites
from accessibility.sources.tables.points import locate_rows, unique_row_ids
from accessibility.sources.tables.reading import hold_table

if TYPE_CHECKING:
    from pathlib import Path

OUTLETS = PlaceSpec(role="outlets")
BANKS = PlaceSpec(role="banks")
CANDIDATES = PlaceSpec(role="candidates")
GOOD = [f"O{i},n{i},{108 + i / 100},30.5" for i in range(40)]


def csv(folder: Path, *lines: str) -> Path:
    path = folder / "t.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def lonlat(sites: gpd.GeoDataFrame) -> Any:
    return np.column_stack([sites.geometry.x, sites.geometry.y])


def counted(findings: list[Any]) -> dict[str, int]:
    return {finding.code: finding.count for finding in findings}


def test_outlets_count_unless_their_status_says_closed(tmp_path: Path) -> None:
    head, rows = "编号,网点名称,经度,纬度,状态,地址", ["001,甲,108.1,30.1,在用,路1", "002,乙,108.2,30.2,停用,路2"]
    path = csv(tmp_path, head, *rows, "003,丙,108.3,30.3,,")
    sites, findings = read_sites(path, OUTLETS)
    assert sites.index.tolist() == ["001", "002", "003"]
    assert sites["name"].tolist() == ["甲", "乙", "丙"]
    assert sites["open"].tolist() == [True, False, True]
    assert sites["closed"].tolist() == [False, True, False]
    assert set(sites["kind"]) == {"outlet"}
    assert sites["address"].tolist() == ["路1", "路2", ""]
    assert (sites["cost"] == 0).all()
    assert sites.crs == "EPSG:4326"
    assert counted(findings) == {"closed-site": 1}
    assert Sites.from_gdf(sites).open.sum() == 2


def test_banks_count_where_they_are_partners_and_open(tmp_path: Path) -> None:
    path = csv(
        tmp_path, "id,lon,lat,partner,status,bank", "a,108.1,30,是,营业,X", "b,108.2,30,是,停业,X", "c,108.3,30,否,,Y",
        "d,108.4,30,YES,open,Y", "e,108.5,30,maybe,,Y",
    )  # fmt: skip
    sites, findings = read_sites(path, BANKS)
    assert sites["open"].tolist() == [True, False, False, True, False]
    assert sites["partner"].tolist() == [True, True, False, True, False]
    assert sites["bank"].tolist() == ["X", "X", "Y", "Y", "Y"]
    assert (sites["cost"] == 1).all()
    assert counted(findings) == {"closed-site": 1, "unknown-word": 1}
    assert "row 6 'maybe'; read as no partner" in next(str(f) for f in findings if f.code == "unknown-word")


@pytest.mark.parametrize(
    ("heading", "word"),
    [
        ("网点状态", "已停业"),
        ("机构状态", "永久关闭"),
        ("运营状态", "已撤并"),
        ("business_status", "CLOSED_PERMANENTLY"),
        ("Business Status", "temporarily closed"),
    ],
)
def test_a_site_has_closed_down_by_whatever_its_status_is_called(tmp_path: Path, heading: str, word: str) -> None:
    sites, findings = read_sites(
        csv(tmp_path, f"id,lon,lat,{heading}", f"a,108.1,30,{word}", "b,108.2,30,正常"), OUTLETS
    )
    assert sites["open"].tolist() == [False, True]
    assert counted(findings) == {"closed-site": 1}


@pytest.mark.parametrize(
    ("heading", "word"),
    [
        *(("状态", word) for word in ("规划中", "在建", "尚未开通", "已搬迁", "2021年5月已停办", "暂停对外服务", "0")),
        *(("status", word) for word in ("Planned 2027", "under construction", "Closed (2023)", "no longer in use")),
        *(("状态", word) for word in ("规划待建", "拟迁建", "并入城关所")),
        *(("status", word) for word in ("ceased trading", "under planning", "Opening 2027", "merged into O1")),
        *(("建设状态", "筹建"), ("是否营业", "否"), ("is_open", "false"), ("active", "0")),
        *(("is_closed", "1"), ("是否停用", "是"), ("permanently_closed", "TRUE")),
    ],
)
def test_a_site_that_is_planned_or_gone_does_not_count(tmp_path: Path, heading: str, word: str) -> None:
    sites, findings = read_sites(csv(tmp_path, f"id,lon,lat,{heading}", f"a,108.1,30,{word}", "b,108.2,30,"), OUTLETS)
    assert sites["open"].tolist() == [False, True]
    assert counted(findings) == {"closed-site": 1}


@pytest.mark.parametrize("word", ["拟建", "规划中", "尚未开通", "Planned 2027", "under construction"])
def test_a_candidate_may_well_be_planned_and_has_not_closed(tmp_path: Path, word: str) -> None:
    table = csv(tmp_path, "id,lon,lat,状态", f"a,108.1,30,{word}", "b,108.2,30,已撤销", "c,108.3,30,")
    sites, findings = read_sites(table, PlaceSpec(role="candidates"))
    assert sites["closed"].tolist() == [False, True, False]
    assert counted(findings) == {"closed-site": 1}


@pytest.mark.parametrize("word", ["closed down ", "建设中", "暂停"])
def test_a_long_cell_of_such_words_is_read_at_once(tmp_path: Path, word: str) -> None:
    """Tried in every way that words can hold others, such a cell would be read for ever."""
    sites, _ = read_sites(csv(tmp_path, "id,lon,lat,状态", f"a,108.1,30,{word * 200}x", "b,108.2,30,正常"), OUTLETS)
    assert sites["open"].tolist() == [True, True]


@pytest.mark.parametrize(
    ("heading", "word"),
    [
        *(
            ("name", word)
            for word in ("社保所（已撤销）", "Hall (closed)", "CLOSED - Hall", "社保所-拟建", "已关闭社保所")
        ),
        *(("备注", "2021年已停用"), ("remark", "closed 2021"), ("hours", "off"), ("营业时间", "暂停营业")),
        *(("备注", "撤并至城关所"), ("remark", "merged into East"), ("备注", "停业整顿")),
        *(("disused:amenity", "bank"), ("proposed", "yes")),
    ],
)
def test_a_site_is_closed_by_other_words_unless_its_status_says_that_it_is_open(
    tmp_path: Path, heading: str, word: str
) -> None:
    rows = f"id,lon,lat,状态,{heading}", f"a,108.1,30,,{word}", f"b,108.2,30,正常,{word}", "c,108.3,30,,"
    sites, findings = read_sites(csv(tmp_path, *rows), OUTLETS)
    assert sites["open"].tolist() == [False, True, True]
    assert counted(findings) == {"closed-in-words": 1, "maybe-closed": 1}


@pytest.mark.parametrize(
    ("heading", "word"),
    [
        *(("停业日期", "2021-05-01"), ("closed_date", "2021"), ("协议到期日期", "2022-12-31"), ("valid", "N")),
        *(("备注", "2021年已撤销，业务并入城关所"), ("自助机状态", "停用")),
        *(("备注", "2023年迁至城东新址"), ("notes", "relocated to Market Street")),
        *(("close_date", "44621"), ("关闭时间", "20220301"), ("合作到期日", "2024年12月31日"), ("valid to", "2021")),
        *(("valid_from", "2093-01-01"), ("开业日期", "2093年5月"), ("是否受理", "否"), ("exclude", "1")),
        *(("协议到期", "2020-01-01"), ("营业时间", "休息"), ("开放时间", "不对外开放"), ("服务对象", "仅限本单位职工")),
        *(("是否签约", "否"), ("有窗口", "无"), ("有人员", "否"), ("有系统", "×"), ("启用标志", "0"), ("开放", "✕")),
        *(("visibility", "0"), ("folder", "规划网点"), ("layer", "closed_outlets")),
        *(("人社业务", "不可办理"), ("能否办理人社业务", "不能"), ("是否开通社保业务", "否"), ("建设进度", "60%")),
    ],
)
def test_a_site_counts_and_is_told_where_another_column_may_say_that_it_is_closed(
    tmp_path: Path, heading: str, word: str
) -> None:
    sites, findings = read_sites(csv(tmp_path, f"id,lon,lat,{heading}", f"a,108.1,30,{word}", "b,108.2,30,"), OUTLETS)
    assert sites["open"].tolist() == [True, True]
    assert [(f.code, f.count) for f in findings] == [("maybe-closed", 1)]
    assert f"although {heading} says: row 2 {word!r}" in findings[0].message


@pytest.mark.parametrize("heading", ["windows", "窗口数", "每周开放天数"])
def test_a_site_without_a_window_or_a_day_is_told_unless_nobody_counted_them(tmp_path: Path, heading: str) -> None:
    def told(other: str) -> dict[str, int]:
        rows = f"id,lon,lat,{heading}", "a,108.1,30,0", f"b,108.2,30,{other}"
        return counted(read_sites(csv(tmp_path, *rows), OUTLETS)[1])

    assert (told("2"), told("0"), told("")) == ({"maybe-closed": 1}, {}, {})


@pytest.mark.parametrize(
    ("name", "told"), [("规划网点.csv", 1), ("closed_outlets.csv", 1), ("规划局网点.csv", 0), ("outlets_2025.csv", 0)]
)
def test_a_list_named_after_planned_or_closed_sites_is_told(tmp_path: Path, name: str, told: int) -> None:
    path = csv(tmp_path, "id,lon,lat", "a,108.1,30").rename(tmp_path / name)
    sites, findings = read_sites(path, OUTLETS)
    assert sites["open"].all()
    assert [finding.code for finding in findings] == ["list-of-closed"] * told
    assert "list-of-closed" not in counted(read_sites(path, PlaceSpec(role="candidates"))[1])


def test_few_rows_that_begin_as_comments_do_are_told(tmp_path: Path) -> None:
    def told(*ids: str) -> list[str]:
        path = csv(tmp_path, "id,lon,lat", *(f"{own},{108 + at / 100},30" for at, own in enumerate(ids)))
        return [f.message for f in read_sites(path, OUTLETS)[1] if f.code == "commented-rows"]

    assert told("a", "#b", "c", "// d") == ["2 rows begin with # or // and are read like the others: rows 3, 5"]
    assert told("#1", "#2", "#3") == told("a", "b", "#N/A") == []


def test_no_site_is_doubted_for_words_that_close_nothing(tmp_path: Path) -> None:
    words = {
        "name": [
            "中国建设银行（建设路支行）",
            "拆迁办便民服务中心",
            "规划展览馆便民点",
            "Closed Loop Counter",
            "关门山服务站",
        ],
        "备注": ["周日休息", "拆迁安置小区内", "可办理注销", "opened 2019", ""],
        "服务事项": ["社保卡注销;停止待遇", "", "", "", ""],
        "有效期至": ["9999-12-31", "长期", "2093-12-31", "/", ""],
        "开业日期": ["2012-05-01", "43000", "2019年", "", "原址重建"],
        "关门时间": ["17:30", "17点", "5pm", "1200", ""],
        "参与": ["是", "yes", "1", "", "张三"],
        "construction": ["brick", "", "", "", ""],
        "服务对象": ["城乡居民", "企业职工", "单位内外", "", "all"],
        "建设进度": ["100%", "1", "已完工", "", "100"],
        "有无障碍通道": ["无", "否", "0", "×", "有"],
        "停车场": ["无", "", "", "", ""],
        "closed": ["否", "no", "0", "", ""],
    }
    rows = [f"{row},108.{row},30,{','.join(cells)}" for row, cells in enumerate(zip(*words.values(), strict=True))]
    sites, findings = read_sites(csv(tmp_path, f"id,lon,lat,{','.join(words)}", *rows), OUTLETS)
    assert sites["open"].all()
    assert findings == []


@pytest.mark.parametrize(
    ("columns", "cells", "declared", "said"),
    [
        ("lon,lat,坐标系", "108.1,30,GCJ-02", "WGS84", "row 2 'GCJ-02'"),
        ("lon,lat,datum", "108.1,30,百度", "GCJ-02", "row 2 '百度'"),
        ("lon,lat,crs", "108.1,30,EPSG:4547", None, "row 2 'EPSG:4547'"),
        ("gcj_lon,gcj_lat", "108.1,30", None, "'gcj_lon' speaks of GCJ-02, the study of WGS84"),
        ("百度经度,百度纬度", "108.1,30", "GCJ-02", "'百度经度' speaks of BD-09, the study of GCJ-02"),
    ],
)
def test_a_table_that_names_another_coordinate_system_is_refused(
    tmp_path: Path, columns: str, cells: str, declared: str | None, said: str
) -> None:
    lon, lat = columns.split(",")[:2]
    spec = PlaceSpec(role="outlets", coordinates=declared, columns={"lon": lon, "lat": lat})
    with pytest.raises(InputError, match=said):
        read_sites(csv(tmp_path, f"id,{columns}", f"a,{cells}"), spec)


@pytest.mark.parametrize(
    ("columns", "cells", "declared"),
    [
        ("lon,lat,坐标系", "108.1,30,CGCS2000", "WGS84"),
        ("lon,lat,datum", "108.1,30,火星坐标系", "GCJ-02"),
        ("lon,lat,坐标系", "108.1,30,", "BD-09"),
        ("lon_wgs84,lat_wgs84", "108.1,30", None),
        ("lon,lat,gcj_lon,gcj_lat", "108.1,30,108.11,30", "WGS84"),
    ],
)
def test_a_table_that_names_its_own_coordinate_system_is_read(
    tmp_path: Path, columns: str, cells: str, declared: str | None
) -> None:
    lon, lat = columns.split(",")[:2]
    spec = PlaceSpec(role="outlets", coordinates=declared, columns={"lon": lon, "lat": lat})
    assert len(read_sites(csv(tmp_path, f"id,{columns}", f"a,{cells}"), spec)[0]) == 1


def repeated(folder: Path, column: str, values: tuple[str, ...]) -> Path:
    rows = [f"{108 + place / 100},30.5,{value},{10 * place}" for place in range(1, 6) for value in values]
    return csv(folder, f"lon,lat,{column},people", *rows)


@pytest.mark.parametrize(
    ("column", "values"),
    [("year", ("2019", "2020")), ("统计年度", ("2019年", "2020年", "2021年")), ("date", ("2019-12-31", "2020-12-31"))],
)
def test_people_of_several_years_are_not_added_up(tmp_path: Path, column: str, values: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match=rf"column {column!r} has people of several years .*{values[0]}"):
        read_people_table(repeated(tmp_path, column, values), PeopleSpec(column="people"))


def test_rows_that_differ_in_a_column_are_added_up_and_told_unless_they_are_sexes_or_ages(tmp_path: Path) -> None:
    people, findings = read_people_table(repeated(tmp_path, "指标", ("常住", "户籍")), PeopleSpec(column="people"))
    assert people["population"].sum() == 2 * (10 + 20 + 30 + 40 + 50)
    (told,) = (f.message for f in findings if f.code == "rows-a-place")
    assert told.startswith(
        "each place has a row for every value of column '指标' (常住, 户籍): their people are added up"
    )
    for column, values in (("sex", ("m", "f")), ("年龄段", ("0-59", "60+"))):
        _, findings = read_people_table(repeated(tmp_path, column, values), PeopleSpec(column="people"))
        assert "rows-a-place" not in counted(findings)
    one_year = csv(tmp_path, "lon,lat,built,people", *(f"{108 + i / 100},30.5,{1990 + i % 2},{i}" for i in range(1, 9)))
    assert "rows-a-place" not in counted(read_people_table(one_year, PeopleSpec(column="people"))[1])


def test_a_sum_of_the_rows_of_each_place_is_not_added_to_them(tmp_path: Path) -> None:
    def groups(*values: tuple[str, float], column: str = "age") -> Path:
        rows = [f"{108 + at / 100},30.5,{value},{share * 30 * at:.0f}" for at in range(1, 7) for value, share in values]
        return csv(tmp_path, f"lon,lat,{column},people", *rows)

    spec = PeopleSpec(column="people")
    with pytest.raises(
        InputError, match=r"column '性别' has a sum at each place \(合计\) next to what it sums up \(女"
    ):
        read_people_table(groups(("女", 0.49), ("合计", 1.0), column="性别"), spec)
    _, findings = read_people_table(groups(("0-59", 0.8), ("60+", 0.2), ("every", 1.0)), spec)
    (told,) = (f.message for f in findings if f.code == "sum-of-others")
    assert told.startswith(
        "column 'age': 'every' has as many people at each place as all the others (0-59, 60+, every)"
    )
    people, findings = read_people_table(groups(("m", 0.5), ("f", 0.5), ("unknown", 0.0), column="sex"), spec)
    assert people["population"].sum() == 30 * 21
    assert "sum-of-others" not in counted(findings)


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        ("age", ("0-14", "15-64", "65+", "60+"), "has ages that overlap (15-64, 60+)"),
        ("年龄段", ("14岁以下", "15-59岁", "60岁及以上", "80岁以上"), "has ages that overlap (60岁及以上, 80岁以上)"),
        ("age group", ("under 15", "15 to 64", "65 and over", "All ages"), "has a sum at each place (All ages)"),
        *((column, ("男", "女", value), f"({value})") for column, value in (("性别", "不分性别"), ("sex", "T"))),
        ("gender", ("male", "female", "both sexes"), "has a sum at each place (both sexes)"),
    ],
)
def test_the_same_people_in_two_groups_are_not_added_up(
    tmp_path: Path, column: str, values: tuple[str, ...], said: str
) -> None:
    with pytest.raises(InputError, match=re.escape(said)):
        read_people_table(repeated(tmp_path, column, values), PeopleSpec(column="people"))


def test_years_that_stand_at_other_places_are_told(tmp_path: Path) -> None:
    rows = [f"{108 + place / 100 + year / 1e7},30.5,{year},{place}" for place in range(1, 5) for year in (2010, 2020)]
    _, findings = read_people_table(csv(tmp_path, "lon,lat,year,people", *rows), PeopleSpec(column="people"))
    (told,) = (f.message for f in findings if f.code == "several-years")
    assert told == "column 'year' has rows of 2 years (2010, 2020): are people of several years added up?"


def test_numbers_that_say_nothing_is_known_are_no_people(tmp_path: Path) -> None:
    def known(*people: int) -> dict[str, int]:
        rows = [f"{108 + at / 100},30.{at},{number}" for at, number in enumerate(people)]
        findings = read_people_table(csv(tmp_path, "lon,lat,people", *rows), PeopleSpec())[1]
        return {code: count for code, count in counted(findings).items() if code == "void-people"}

    for void in (99_999_999, 999_999, 2**31 - 1):
        with pytest.raises(InputError, match=rf"1 cell is no number of people: row 4 '{void}'; expected people"):
            known(120, 80, void)
    assert known(120, 80, 9_999) == {"void-people": 1}  # eighty times as many as anywhere else
    assert known(126_012_510, 99_365_000, 24_870_000) == {"void-people": 2}  # provinces are no places, yet people
    assert known(9_999, 80, 4_000, 9_999) == {"void-people": 2}
    assert known(9_999, 80, 4_000, 1_000) == {}


@pytest.mark.parametrize(
    ("people", "code"),
    [
        ([40.1, 29.9, 20.3, 9.7], "adds-up-to-hundred"),
        ([40, 30, 20, 10], None),  # a hundred people
        ([12, 20, 41, 47, 60, 66, 90, 101, 115], "running-sum"),
        ([1, 2, 4, 8, 16, 33, 64, 130, 255], None),  # sorted by their number
        ([12, 20, 41, 47, 60, 66, 90, 101, 3], None),
        ([12, 20, 41, 47], None),
    ],
)
def test_percentages_and_running_sums_are_told(tmp_path: Path, people: list[float], code: str | None) -> None:
    rows = [f"{108 + at / 100},30.{at},{number}" for at, number in enumerate(people)]
    findings = read_people_table(csv(tmp_path, "lon,lat,people", *rows), PeopleSpec())[1]
    assert [f.code for f in findings if f.code in ("adds-up-to-hundred", "running-sum")] == ([code] if code else [])


def test_rows_without_a_whole_person_are_told(tmp_path: Path) -> None:
    def told(*people: str) -> dict[str, int]:
        rows = [f"{108 + at / 100},30.5,{number}" for at, number in enumerate(people)]
        return counted(read_people_table(csv(tmp_path, "lon,lat,people", *rows), PeopleSpec())[1])

    assert (told("0.31", "0.12", "0"), told("0.31", "1.2", "0")) == ({"no-whole-person": 3}, {})


def test_columns_that_put_a_shape_elsewhere_are_told(tmp_path: Path) -> None:
    lonlat = TOWN[:4]
    as_drawn = np.column_stack(from_wgs84(lonlat[:, 0], lonlat[:, 1], "GCJ-02"))

    def told(shapes: Any, columns: Any, crs: int = 4326, names: tuple[str, str] = ("lon", "lat")) -> dict[str, int]:
        table = pd.DataFrame(columns, columns=list(names)).assign(id=list("abcd"))
        places = gpd.GeoDataFrame(table, geometry=gpd.points_from_xy(*shapes.T), crs=4326).to_crs(crs)
        places.to_file(tmp_path / "t.gpkg")
        return counted(read_sites(tmp_path / "t.gpkg", OUTLETS)[1])

    metres = np.column_stack(Transformer.from_crs(4326, 4547, always_xy=True).transform(*lonlat.T))
    for same in (lonlat, as_drawn, lonlat[:, ::-1], lonlat.round(2), np.full((4, 2), np.nan)):
        assert told(lonlat, same) == {}
    assert told(lonlat, metres, 4547, ("x", "y")) == told(lonlat, np.indices((4, 2))[0], names=("x", "y")) == {}
    assert told(as_drawn, lonlat) == {"two-places": 4}
    assert told(lonlat, lonlat[[1, 0, 2, 3]]) == {"two-places": 2}
    assert told(lonlat, metres + 500, 4547, ("x", "y")) == {"two-places": 4}
    for places, there in ((lonlat, {}), (as_drawn, {"two-places": 4})):
        rows = [f"{x},{y},{east},{north}" for (x, y), (east, north) in zip(places, as_drawn, strict=True)]
        assert counted(read_sites(csv(tmp_path, "lon,lat,gcj_lon,gcj_lat", *rows), OUTLETS)[1]) == there


@pytest.mark.parametrize(("heading", "word"), [("setting", "rural"), ("城乡类型", "镇区")])
def test_settings_in_a_column_that_nobody_asked_for_are_told(tmp_path: Path, heading: str, word: str) -> None:
    """A frame's column of that name is read by itself; of a file the study says it, or is asked."""
    table = csv(tmp_path, f"id,lon,lat,people,{heading}", f"a,108.1,30,5,{word}", "b,108.2,30,6,")
    _, findings = read_people_table(table, PeopleSpec(column="people"))
    (told,) = (f.message for f in findings if f.code == "setting-unread")
    assert heading in told
    assert "setting-unread" not in counted(read_people_table(table, PeopleSpec(column="people", setting=heading))[1])
    other = csv(tmp_path, f"id,lon,lat,people,{heading}", "a,108.1,30,5,flat", "b,108.2,30,6,steep")
    assert "setting-unread" not in counted(read_people_table(other, PeopleSpec(column="people"))[1])


TOWN = np.random.default_rng(1).uniform((108.0, 30.4), (108.3, 30.6), (20, 2))


@pytest.mark.parametrize(
    ("step", "said"),
    [(0.01, "0.01 degrees: were they rounded? Then places are up to 786 m off"), (1 / 60, "1 minute"), (1e-3, "0.001")],
)
def test_coordinates_that_were_rounded_are_told(tmp_path: Path, step: float, said: str) -> None:
    rows = [f"{row},{lon:.7f},{lat:.7f}" for row, (lon, lat) in enumerate(np.rint(TOWN / step) * step)]
    _, findings = read_sites(csv(tmp_path, "id,lon,lat", *rows), OUTLETS)
    assert said in next(f.message for f in findings if f.code == "rounded-coordinates")


@pytest.mark.parametrize("step", [1e-4, 1 / 3600])
def test_coordinates_to_ten_metres_or_a_second_are_not_doubted(tmp_path: Path, step: float) -> None:
    rows = [f"{row},{lon:.7f},{lat:.7f}" for row, (lon, lat) in enumerate(np.rint(TOWN / step) * step)]
    assert read_sites(csv(tmp_path, "id,lon,lat", *rows), OUTLETS)[1] == []


def test_machines_among_the_sites_that_count_are_told(tmp_path: Path) -> None:
    names = ["工商银行24小时自助银行", "建行ATM", "城关支行（含自助银行）", "农行", "邮储", "Cash machine"]
    kinds = ["", "", "", "金融;自动提款机", "银行", ""]
    rows = [
        f"B{i},{n},{k},108.{i},30,{'是' if i < 5 else '否'}" for i, (n, k) in enumerate(zip(names, kinds, strict=True))
    ]
    sites, findings = read_sites(csv(tmp_path, "id,name,类型,lon,lat,partner", *rows), BANKS)
    assert sites["open"].tolist() == [True] * 5 + [False]
    (told,) = (f for f in findings if f.code == "machine")
    assert told.count == 3
    assert "row 2 '工商银行24小时自助银行', row 3 '建行ATM', row 5 '农行 金融;自动提款机'" in told.message


@pytest.mark.parametrize("name", ["农商行数据中心", "XX银行总行", "培训中心", "Head office", "Card centre"])
def test_offices_without_a_counter_are_told(tmp_path: Path, name: str) -> None:
    rows = f"a,{name},108.1,30", "b,总行营业部,108.2,30", "c,城关支行,108.3,30"
    _, findings = read_sites(csv(tmp_path, "id,name,lon,lat", *rows), OUTLETS)
    (told,) = (f.message for f in findings if f.code == "machine")
    assert told.startswith(
        f"1 sites count that seem to be machines, to drive about or to be without staff: row 2 {name!r}"
    )


def test_a_branch_that_stands_at_two_places_is_told(tmp_path: Path) -> None:
    rows = ["a,工行城关支行,工行,108.1,30,是", "b,工行城关支行,工行,108.1,30.01,是", "c,工行城关支行,农行,108.2,30,是"]
    rows += ["d,工行河东支行,工行,108.3,30,是", "e,工行河东支行,工行,108.3,30.02,否", "f,便民中心,,108.4,30,是"]
    rows += ["g,便民中心,,108.4,30.1,是", "h,工行城关支行,工行,108.1,30.0001,是"]
    _, findings = read_sites(csv(tmp_path, "id,name,bank,lon,lat,partner", *rows), BANKS)
    (told,) = (f.message for f in findings if f.code == "namesake")
    assert told.startswith("1 sites that count have the name of another one elsewhere (b '工行城关支行' 1,109 m)")


def test_the_sum_of_a_frame_is_nobody(tmp_path: Path) -> None:
    frame = pd.DataFrame({"town": ["A", "B", "合 计"], "lon": 108.1, "lat": 30.5, "people": [100, 200, 300]})
    people, findings = read_people_table(hold_table("people", frame, counts=("people",)), PeopleSpec(column="people"))
    assert people["population"].sum() == 300
    assert counted(findings)["subtotal-row"] == 1
    places = gpd.GeoDataFrame(frame, geometry=gpd.points_from_xy(frame["lon"], frame["lat"]), crs=4326)
    places.to_file(tmp_path / "people.gpkg")
    assert read_people_table(tmp_path / "people.gpkg", PeopleSpec(column="people"))[0]["population"].sum() == 300
    assert len(read_sites(tmp_path / "people.gpkg", OUTLETS)[0]) == 2


def test_banks_without_a_partner_column_are_all_candidates_and_that_is_told(tmp_path: Path) -> None:
    sites, findings = read_sites(csv(tmp_path, "id,lon,lat", "a,108.1,30", "b,108.2,30"), BANKS)
    assert not sites["open"].any()
    assert [str(f) for f in findings] == ["t.csv: no column partner: of 2 bank branches none counts as partner"]


def test_candidates_have_kinds_costs_and_made_ids(tmp_path: Path) -> None:
    path = csv(tmp_path, "lon,lat,kind,cost", "108.1,30,bank,", "108.2,30,新建,4.5", "108.3,30,tent,", "108.4,30,,")
    sites, findings = read_sites(path, PlaceSpec(role="candidates", cost={"bank": 2.0, "new": 7.0}))
    assert sites.index.tolist() == ["C001", "C002", "C003", "C004"]
    assert sites["kind"].tolist() == ["bank", "new", "new", "new"]
    assert sites["cost"].tolist() == [2.0, 4.5, 7.0, 7.0]
    assert not sites["open"].any()
    assert counted(findings) == {"unknown-word": 1}


def test_counts_if_asks_for_one_of_the_services(tmp_path: Path) -> None:
    rows = ["a,108.1,30,参保;社保卡,在用,A", "b,108.2,30,参保,在用,B", "c,108.3,30,社保卡,停用,A"]
    path = csv(tmp_path, "id,lon,lat,服务事项,状态,Level", *rows)
    spec = PlaceSpec(role="outlets", counts_if={"services": ["社保卡", "认证"], "status": "open", "level": "a"})
    sites, findings = read_sites(path, spec)
    assert sites["open"].tolist() == [True, False, False]
    assert counted(findings) == {"closed-site": 1, "does-not-count": 1}
    with pytest.raises(InputError, match=r"t.csv: no column 'stars'; it has id, lon, lat"):
        read_sites(path, PlaceSpec(role="outlets", counts_if={"stars": "5"}))


@pytest.mark.parametrize("datum", ["GCJ-02", "BD-09"])
def test_chinese_map_coordinates_come_out_in_wgs84(tmp_path: Path, datum: str) -> None:
    lon, lat = from_wgs84(116.4, 39.9, datum)
    sites, _ = read_sites(csv(tmp_path, "id,lon,lat", f"a,{lon},{lat}"), PlaceSpec(role="outlets", coordinates=datum))
    np.testing.assert_allclose(lonlat(sites), [[116.4, 39.9]], atol=1e-9)


@pytest.mark.parametrize("epsg", [4547, 4526, 4490, 32649, 3857])
def test_any_epsg_system_comes_out_in_wgs84(tmp_path: Path, epsg: int) -> None:
    x, y = Transformer.from_crs(4326, epsg, always_xy=True).transform(113.264, 23.129)
    spec = PlaceSpec(role="outlets", coordinates=f"EPSG:{epsg}")
    sites, _ = read_sites(csv(tmp_path, "id,x,y", f"a,{x!r},{y!r}"), spec)
    np.testing.assert_allclose(lonlat(sites), [[113.264, 23.129]], atol=1e-8)


@pytest.mark.parametrize("text", ["108.1,30.5", "(108.1, 30.5)", "108.1 30.5", "108.1;30.5"])
def test_one_column_with_both_coordinates_is_read(tmp_path: Path, text: str) -> None:
    sites, _ = read_sites(csv(tmp_path, "id,location", f'a,"{text}"'), OUTLETS)
    assert lonlat(sites).tolist() == [[108.1, 30.5]]


def test_columns_can_be_named(tmp_path: Path) -> None:
    path = csv(tmp_path, "key,east,north", "a,108.1,30.5")
    spec = PlaceSpec(role="outlets", columns={"id": "key", "lon": "east", "lat": "north"})
    assert read_sites(path, spec)[0].index.tolist() == ["a"]
    with pytest.raises(InputError, match=r"t.csv: no column 'oest'; it has key, east, north"):
        read_sites(path, PlaceSpec(role="outlets", columns={"lon": "oest", "lat": "north"}))
    with pytest.raises(InputError, match=r"t.csv: columns names longitud; expected some of id, name"):
        read_sites(path, PlaceSpec(role="outlets", columns={"longitud": "east"}))


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["id,lon,lat"], r"t.csv: no rows; expected at least one"),
        (["id,name", "1,a"], r"t.csv: no column for lon and lat; it has id, name; expected lon and lat \(经度, 纬度\)"),
        (["id,lon,name", "1,108,a"], r"t.csv: no column for lat; it has id, lon, name"),
        (
            ["id,lon,lat", "1,108,30", "1,109,30", "2,1,1"],
            r"t.csv: ids that stand more than once \(1\): 1; expected a different",
        ),
        (
            ["id,lon,lat", "1,30.5,108.1"],
            r"t.csv: coordinates of 1 cell look swapped.*row 2 '30.5, 108.1'.*longitude first",
        ),
        (["id,lon,lat", "1,108,30", "2,30.5,108.1"], r"look swapped.*row 3 '30.5, 108.1'"),
        (
            ["id,lon,lat", "1,424613.8,2559013.8"],
            r"lie outside the globe: row 2 '424613.8, 2559013.8'; expected degrees",
        ),
        (
            ["id,lon,lat", "1,,", "2,108.1,30", "3,121.47E,31"],
            r"2 cells are blank or no numbers: row 2 '', row 4 '121.47E",
        ),
        (["id,lon,lat", "1,0,0"], r"1 of 1 rows"),
        (["id,lon,lat,cost", "1,108,30,-2"], r"t.csv: column 'cost': 1 cell is negative: row 2 '-2'; expected a cost"),
        (["id,lon,lat,cost", "1,108,30,two"], r"t.csv: column 'cost': 1 cell is not a number: row 2 'two'"),
    ],
)
def test_bad_tables_are_refused_with_file_row_and_expectation(tmp_path: Path, lines: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_sites(csv(tmp_path, *lines), OUTLETS)


def test_swapping_is_seen_also_where_latitudes_stay_below_ninety(tmp_path: Path) -> None:
    path = csv(tmp_path, "id,lon,lat", "1,39.5,76.0", "2,39.6,76.1")
    with pytest.raises(InputError, match="look swapped"):
        read_sites(path, PlaceSpec(role="outlets", coordinates="GCJ-02"))


def test_swapped_survey_coordinates_are_refused_by_zone(tmp_path: Path) -> None:
    path = csv(tmp_path, "id,x,y", "1,2559013.87,424613.86")
    with pytest.raises(InputError, match=r"fall outside the area of EPSG:4547.*expected x \(east\) first"):
        read_sites(path, PlaceSpec(role="outlets", coordinates="EPSG:4547"))


@pytest.mark.parametrize("coordinates", ["GCJ03", "EPSG:1", "moon"])
def test_unknown_coordinates_are_refused_with_the_list(tmp_path: Path, coordinates: str) -> None:
    path = csv(tmp_path, "id,lon,lat", "1,108,30")
    with pytest.raises(
        InputError, match=rf"unknown coordinates '{coordinates}'; expected one of WGS84, GCJ-02, BD-09, EPSG:n"
    ):
        read_sites(path, PlaceSpec(role="outlets", coordinates=coordinates))


def test_a_few_rows_without_coordinates_are_set_aside_and_counted(tmp_path: Path) -> None:
    bad = ["X1,x,,", "X2,x,121.47E,31"]
    sites, findings = read_sites(csv(tmp_path, "id,name,lon,lat", *GOOD, *bad), OUTLETS)
    assert len(sites) == 40
    assert counted(findings) == {"no-coordinates": 2}
    assert "row 42 '', row 43 '121.47E, 31': set aside" in findings[0].message
    with pytest.raises(InputError, match=r"3 cells are blank or no numbers.*\(3 of 43 rows\)"):
        read_sites(csv(tmp_path, "id,name,lon,lat", *GOOD, *bad, "X3,x,0,0"), OUTLETS)


def test_places_that_stand_twice_are_kept_and_told(tmp_path: Path) -> None:
    path = csv(tmp_path, "id,lon,lat", "a,108.1,30", "b,108.1,30", *(f"c{i},108.2,30" for i in range(4)), "d,108.3,30")
    sites, findings = read_sites(path, OUTLETS)
    assert len(sites) == 7
    assert counted(findings) == {"duplicate-place": 2, "geocoder-fallback": 4}
    assert "c0, c1, c2, c3" in findings[1].message


def test_shapes_bring_places_and_lines_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.gpkg"
    shapes = [shapely.Point(108, 30), shapely.box(109, 30, 109.2, 30.2), shapely.Point(110, 30)]
    gpd.GeoDataFrame({"id": ["a", "b", "c"]}, geometry=shapes, crs=4326).to_crs(32649).to_file(path, engine="pyogrio")
    sites, findings = read_sites(path, CANDIDATES)
    np.testing.assert_allclose(lonlat(sites), [[108.0, 30.0], [109.1, 30.1], [110.0, 30.0]], atol=1e-2)
    assert counted(findings) == {"polygon-as-point": 1}
    line = tmp_path / "line.geojson"
    gpd.GeoDataFrame({"id": ["a"]}, geometry=[shapely.LineString([(0, 0), (1, 1)])], crs=4326).to_file(line)
    with pytest.raises(
        InputError, match=r"line.geojson: 1 features cannot mark a place, first feature 1: LineString; expected"
    ):
        read_sites(line, CANDIDATES)


def test_shapes_need_a_coordinate_system_that_agrees(tmp_path: Path) -> None:
    path = tmp_path / "t.gpkg"
    frame = gpd.GeoDataFrame({"id": ["a"]}, geometry=[shapely.Point(108, 30)])
    with pytest.warns(UserWarning, match="crs"):
        frame.to_file(path, engine="pyogrio")
    with pytest.raises(InputError, match=r"t.gpkg: .*no coordinate system|t.gpkg: no coordinate system"):
        read_sites(path, CANDIDATES)
    frame.set_crs(4326).to_file(path, engine="pyogrio")
    with pytest.raises(InputError, match=r"the file declares WGS 84, the study EPSG:32649"):
        read_sites(path, PlaceSpec(role="candidates", coordinates="EPSG:32649"))


PEOPLE = [
    "id,lon,lat,population,老人,setting,区",
    "a,108.1,30,10,3,urban,东",
    "b,,,20,4,乡村,西",
    "c,108.3,30,0,0,town,西",
]


def test_people_without_coordinates_stay_in_the_denominator(tmp_path: Path) -> None:
    spec = PeopleSpec(setting="setting", district="区", groups={"60+": "老人"})
    people, findings = read_people_table(csv(tmp_path, *PEOPLE), spec)
    assert people["population"].tolist() == [10.0, 20.0, 0.0]
    assert people["setting"].tolist() == ["urban", "rural", "town"]
    assert people["district"].tolist() == ["东", "西", "西"]
    assert people["60+"].tolist() == [3.0, 4.0, 0.0]
    assert [(f.code, f.count, f.people) for f in findings] == [("people-without-place", 1, 20.0)]
    demand = Demand.from_gdf(people, setting="setting", groups=["60+"])
    assert demand.population.sum() == 30
    assert np.isnan(demand.xy[1]).all()
    assert demand.xy[0].tolist() == [108.1, 30.0]


@pytest.mark.parametrize(
    ("lines", "spec", "said"),
    [
        (
            ["id,lon,lat,pop", "a,1,1,5", "b,1,1,-3"],
            {},
            r"t.csv: column 'pop': 1 cell is negative: row 3 '-3'; expected",
        ),
        (
            ["id,lon,lat,pop", "a,1,1,", "b,1,1,3"],
            {},
            r"t.csv: column 'pop': 1 cell is blank: row 2 ''; expected people",
        ),
        (["id,lon,lat,pop", "a,1,1,many"], {}, r"column 'pop': 1 cell is not a number: row 2 'many'"),
        (["id,lon,lat,pop", "a,1,1,0"], {}, r"t.csv: column 'pop' has no people in 1 rows"),
        (["id,lon,lat,pop", "a,1,1,2", "a,1,2,2"], {}, r"ids that stand more than once \(1\): a"),
        (["id,lon,lat,pop", "a,30,108,2"], {}, r"look swapped"),
        (
            ["id,lon,lat,heads", "a,1,1,2"],
            {},
            r"t.csv: no column 'population'; it has id, lon, lat, heads; expected one of",
        ),
        (["id,lon,lat,heads", "a,1,1,2"], {"column": "head"}, r"no column 'head'; it has .*did you mean heads"),
        (["id,lon,lat,pop", "a,1,1,2"], {"district": "county"}, r"no column 'county'; it has id, lon, lat, pop"),
        (["id,lon,lat,pop", "a,1,1,2"], {"groups": {"60+": "old"}}, r"no column 'old'; it has id, lon, lat, pop"),
        (["id,lon,lat,人口（万人）", "a,1,1,2"], {"column": "人口（万人）"}, r"ten thousands"),
        (["id,lon,lat,pop", "a,x,y,2", "b,x,y,2"], {}, r"2 cells are no numbers.*\(2 of 2 rows\)"),
    ],
)
def test_bad_people_are_refused_with_row_and_value(
    tmp_path: Path, lines: list[str], spec: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        read_people_table(csv(tmp_path, *lines), PeopleSpec(**spec))


def test_people_of_polygons_stand_inside_them(tmp_path: Path) -> None:
    path = tmp_path / "cells.parquet"
    cells = [shapely.box(x, 0, x + 250, 250) for x in (500_000, 500_250)]
    gpd.GeoDataFrame({"population": [7, 8]}, geometry=cells, crs=32649).to_parquet(path)
    people, findings = read_people_table(path, PeopleSpec())
    inside = people.to_crs(32649).geometry
    assert [bool(cell.contains(point)) for cell, point in zip(cells, inside, strict=True)] == [True, True]
    assert people.index.tolist() == ["P001", "P002"]
    assert counted(findings) == {"polygon-as-point": 2}


def test_rows_without_ids_are_numbered_with_three_digits_or_as_many_as_they_need() -> None:
    for rows in (1, 999, 1_000, 2_001):
        ids = unique_row_ids(pd.DataFrame(index=range(rows)), None, letter="P", source="p.csv")
        assert ids.tolist() == [f"P{row:03d}" for row in range(1, rows + 1)]


def test_a_group_larger_than_the_people_is_told(tmp_path: Path) -> None:
    path = csv(tmp_path, "id,lon,lat,pop,old", "a,1,1,5,6")
    assert counted(read_people_table(path, PeopleSpec(groups={"60+": "old"}))[1]) == {"group-above-population": 1}


def test_row_order_changes_no_row(tmp_path: Path) -> None:
    forth, _ = read_sites(csv(tmp_path, "id,name,lon,lat", *GOOD), OUTLETS)
    back, _ = read_sites(csv(tmp_path, "id,name,lon,lat", *GOOD[::-1]), OUTLETS)
    pd.testing.assert_frame_equal(pd.DataFrame(forth), pd.DataFrame(back.loc[forth.index]))


@pytest.mark.parametrize(
    ("lon", "lat", "degrees"),
    [
        ("120°09'18\"", "30°16'26\"", (120.155, 30.27388888888889)),
        ("120°9′18.5″E", "30°16′26″N", (120.15513888888889, 30.27388888888889)),
        ("E120°09'18\"", "N30°16'26\"", (120.155, 30.27388888888889)),
        ("e120° 09' 18\"", "30° 16' 26\" n", (120.155, 30.27388888888889)),
        ("东经120°09'18\"", "北纬30°16'26\"", (120.155, 30.27388888888889)),
        ("120度9分18秒", "30度16分26秒", (120.155, 30.27388888888889)),
        ("120º9’18”", "30˚16''", None),  # seconds without minutes
        ("120°09'18''", "３０°１６'２６＂", (120.155, 30.27388888888889)),
        ("120°9.3'", "30.5°", (120.155, 30.5)),
        ("58°22'30\"W", "34°36'S", (-58.375, -34.6)),
        ("西经58°22'30\"", "南纬34°36'", (-58.375, -34.6)),
        ("-58°22'30\"", "-34.6", (-58.375, -34.6)),
        ("0°30'西", "0°30'南", (-0.5, -0.5)),
        ("120 09 18", "30 16 26", None),
        ("120°08'60.000\"", "30°16'26\"", (120.15, 30.27388888888889)),  # 59.9996 that was rounded up
        ("120°60'00\"", "30°16'26\"", None),
        ("120°09'60\"", "30°16'26\"", None),
        ("-120°09'18\"E", "30°16'26\"", None),
        ("E120°09'18\"W", "30°16'26\"", None),
        ("120.155E", "30.27", None),
    ],
)
def test_degrees_minutes_and_seconds(lon: str, lat: str, degrees: tuple[float, float] | None) -> None:
    for columns in ({"经度": [lon], "纬度": [lat]}, {"坐标": [f"{lon},{lat}"]}):
        located = locate_rows(pd.DataFrame(columns, index=[2]), source="t.csv")
        if degrees is None:
            assert located.unreadable.tolist() == [True]
            assert np.isnan(located.lonlat).all()
        else:
            np.testing.assert_allclose(located.lonlat, [degrees], rtol=0, atol=1e-12)


def test_both_coordinates_in_one_cell_may_be_parted_by_a_space() -> None:
    table = pd.DataFrame({"坐标": ["E120°09'18\" N30°16'26\"", "120° 9' 18\" 30° 16' 26\""]})
    np.testing.assert_allclose(locate_rows(table, source="t").lonlat, [(120.155, 30.27388888888889)] * 2, atol=1e-12)


@pytest.mark.parametrize("columns", [("N30°16'26\"", "E120°09'18\""), ("47°8'北", "9°31'东")])
def test_degrees_that_say_they_are_the_other_axis_are_refused(columns: tuple[str, str]) -> None:
    table = pd.DataFrame({"lon": ["9.5", columns[0]], "lat": ["47.1", columns[1]]}, index=[2, 3])
    with pytest.raises(InputError, match=r"t.csv: coordinates of 1 cell look swapped: latitude .*: row 3 .*longitude"):
        locate_rows(table, source="t.csv")


def test_a_heading_of_two_rows_places_its_rows(tmp_path: Path) -> None:
    sites, findings = read_sites(csv(tmp_path, "编号,名称,经纬度,", ",,经度,纬度", "001,甲,108.1,30.5"), OUTLETS)
    assert sites.index.tolist() == ["001"]
    assert lonlat(sites).tolist() == [[108.1, 30.5]]
    assert counted(findings) == {"two-row-heading": 1}
    assert not findings[0].is_warning


def test_a_shortened_code_as_id_is_told_and_never_stands_for_two(tmp_path: Path) -> None:
    head = "网点编码,经度,纬度"
    sites, findings = read_sites(csv(tmp_path, head, "3.30106E+11,108.1,30.5"), OUTLETS)
    assert sites.index.tolist() == ["330106000000"]
    assert counted(findings) == {"code-in-scientific": 1}
    with pytest.raises(InputError, match=r"ids that stand more than once \(1\): 330106000000; expected a different id"):
        read_sites(csv(tmp_path, head, "3.30106E+11,108.1,30.5", "3.30106E+11,108.2,30.5"), OUTLETS)


def test_full_width_digits_and_spaces_are_read(tmp_path: Path) -> None:
    sites, findings = read_sites(csv(tmp_path, "编号,经度,纬度", "１,　１０８．１ ,３０．５"), OUTLETS)
    np.testing.assert_allclose(lonlat(sites), [[108.1, 30.5]])
    assert findings == []


def test_latitudes_that_no_place_in_china_has_tell_that_columns_are_swapped(tmp_path: Path) -> None:
    for datum in ("WGS84", "GCJ-02", "BD-09"):
        with pytest.raises(InputError, match="look swapped: latitude stands where longitude is expected"):
            read_sites(csv(tmp_path, "id,lng,lat", "1,30.5,108.1"), PlaceSpec(role="outlets", coordinates=datum))


def test_places_in_geoparquet_and_kml_are_read_alike(tmp_path: Path) -> None:
    parquet, kml = tmp_path / "t.parquet", tmp_path / "t.kml"
    gpd.GeoDataFrame({"名称": ["甲"]}, geometry=[shapely.Point(108.1, 30.5)], crs=4326).to_crs(4544).to_parquet(parquet)
    place = "<Placemark><name>甲</name><Point><coordinates>108.1,30.5,12</coordinates></Point></Placemark>"
    kml.write_text(f'<kml xmlns="http://www.opengis.net/kml/2.2"><Document>{place}</Document></kml>', encoding="utf-8")
    for path in (parquet, kml):
        sites, _ = read_sites(path, OUTLETS)
        assert sites["name"].tolist() == ["甲"]
        np.testing.assert_allclose(lonlat(sites), [[108.1, 30.5]], rtol=0, atol=1e-9)


def test_a_unit_in_a_heading_is_told_and_never_dropped(tmp_path: Path) -> None:
    head = "名称,经度,纬度,建设成本（万元）,服务能力（人/日）,可服务人数（千人）"
    path = csv(tmp_path, head, "甲,108.1,30.1,30,200,2", "乙,108.2,30.2,,150,1")
    sites, findings = read_sites(path, CANDIDATES)
    assert sites["cost"].tolist() == [30.0, 3.0]
    assert "capacity" not in sites
    said = {finding.code: finding.message for finding in findings}
    assert said["money"].startswith("costs are in 万元, as column '建设成本（万元）' says: a budget counts in it")
    assert said["unit-unread"].startswith("column '服务能力（人/日）' is not read as capacity")
    as_told = PlaceSpec(role="candidates", columns={"capacity": "服务能力（人/日）"})
    assert read_sites(path, as_told)[0]["capacity"].tolist() == [200.0, 150.0]
    with pytest.raises(InputError, match="'可服务人数（千人）' seems to hold thousands; expected persons"):
        read_sites(path, PlaceSpec(role="candidates", columns={"capacity": "可服务人数（千人）"}))


@pytest.mark.parametrize("money", ["万元", "元"])
def test_costs_of_two_tables_are_in_one_unit_of_money(town: Path, money: str) -> None:
    banks = town.with_name("banks.csv").read_text(encoding="utf-8").replace("partner", "partner,成本（万元）")
    town.with_name("banks.csv").write_text(banks.replace(",no", ",no,5"), encoding="utf-8")
    outlets = f"id,name,lon,lat,建设费用（{money}）\nO1,Hall,108.2,30.5,9\n"
    town.with_name("outlets.csv").write_text(outlets, encoding="utf-8")
    if money == "万元":
        assert acc.read_study(town).sites.cost.tolist() == [9.0, 5.0]
        study = town.read_text(encoding="utf-8")
        town.write_text(f'{study}\n[siting]\ncost_unit = "元"\n', encoding="utf-8")
        with pytest.raises(InputError, match=r"costs are in 元 in siting.cost_unit and in 万元 in outlets.csv"):
            acc.read_study(town)
        return
    with pytest.raises(InputError, match=r"costs are in 元 in outlets.csv and in 万元 in banks.csv; expected one unit"):
        acc.read_study(town)
