"""Tables as Chinese offices and map services export them: each usual fault, and the words it must be told in."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import openpyxl
import pandas as pd
import pytest
from osmfiles import node, relation, way, write_osm
from peopletables import read_people_table

from accessibility.errors import InputError
from accessibility.sources.osm import extracts as osm
from accessibility.sources.tables.columns import find_column
from accessibility.sources.tables.people import PeopleSpec
from accessibility.sources.tables.places import PlaceSpec, read_sites
from accessibility.sources.tables.reading import read_table

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OUTLETS, BANKS = PlaceSpec(role="outlets"), PlaceSpec(role="banks")
NAMES = {
    "name": "名称 网点名称 机构名称 单位名称",
    "address": "地址 详细地址 网点地址",
    "lon": "经度 lng lon longitude x 东经",
    "lat": "纬度 lat latitude y 北纬",
    "coordinates": "坐标 location",
    "kind": "类型 网点类型 类别",
    "bank": "银行 所属银行 合作银行",
    "province": "省",
    "city": "市",
    "district": "区县 县(市、区)",
    "township": "街道 乡镇",
    "village": "村(社区)",
    "division": "行政区划代码 统计用区划代码 adcode",
    "code": "城乡分类代码",
    "setting": "城乡分类",
    "population": "常住人口 人口 总人口 人口数 户籍人口",
    "people_60": "60岁及以上",
    "people_65": "65岁及以上",
    "hours": "营业时间 服务时间",
    "windows": "窗口数",
    "status": "状态 是否启用",
    "phone": "联系电话",
    "cost": "建设成本 改造成本",
    "services": "服务事项",
    "typecode": "typecode",
}


@pytest.mark.parametrize(
    ("meaning", "column"), [(meaning, name) for meaning, names in NAMES.items() for name in names.split()]
)
def test_every_usual_name_of_a_column_is_known(meaning: str, column: str) -> None:
    table = pd.DataFrame(columns=["其他", column, "备注"])
    assert find_column(table, meaning, source="t.csv") == column
    shouted = f" {column.upper()} "
    assert find_column(pd.DataFrame(columns=[shouted]), meaning, source="t.csv") == shouted


def csv(folder: Path, *lines: str, encoding: str = "utf-8") -> Path:
    path = folder / "t.csv"
    path.write_bytes(("\n".join(lines) + "\n").encode(encoding))
    return path


def book(folder: Path, *rows: list[Any], formats: dict[str, str] | None = None) -> Path:
    workbook = openpyxl.Workbook()
    sheet: Any = workbook.active
    for row in rows:
        sheet.append(row)
    for cell, number_format in (formats or {}).items():
        sheet[cell].number_format = number_format
    workbook.save(folder / "t.xlsx")
    return folder / "t.xlsx"


def said(findings: list[Any]) -> dict[str, str]:
    return {finding.code: str(finding) for finding in findings}


def test_codes_that_became_numbers_are_text_of_twelve_digits(tmp_path: Path) -> None:
    rows = ["行政区划代码,n", "3.30106E+11,1", "3.30106001001E+11,2", "330106001002.0,3", "010106001003,4"]
    table, findings = read_table(csv(tmp_path, *rows))
    codes = ["330106000000", "330106001001", "330106001002", "010106001003"]
    assert table["行政区划代码"].tolist() == codes
    assert said(findings) == {
        "code-in-scientific": "t.csv: column '行政区划代码': 1 cell is a code in scientific notation: row 2 "
        "'3.30106E+11'; digits are lost, the first is read as 330106000000: format the column as text and export it "
        "again"
    }
    cells: list[list[Any]] = [[330106000000], [330106001001.0], ["330106001002"], [10106001003]]
    path = book(tmp_path, ["行政区划代码"], *cells, formats={"A5": "000000000000"})
    table, findings = read_table(path)
    assert table["行政区划代码"].tolist() == codes
    assert findings == []


def test_a_merged_title_two_rows_of_heading_and_sums_are_told_apart_from_places(tmp_path: Path) -> None:
    rows: list[list[Any]] = [
        ["某县人社服务网点一览表", None, None, None],
        ["编号", "名称", "位置", None],
        [None, None, "经度", "纬度"],
        ["001", "甲", 108.1, 30.5],
        ["东区小计", None, 1, None],
        ["002", "乙", 108.2, 30.6],
        ["合 计", None, 2, None],
    ]
    sites, findings = read_sites(book(tmp_path, *rows), OUTLETS)
    assert sites.index.tolist() == ["001", "002"]
    assert said(findings) == {
        "title-row": "t.xlsx: 1 title rows set aside: rows 1",
        "two-row-heading": "t.xlsx: rows 2 and 3 are read as one heading: 编号, 名称, 位置 / 经度, 位置 / 纬度",
        "subtotal-row": "t.xlsx: 2 subtotal rows set aside: rows 5, 7",
    }


REFUSED: dict[str, tuple[list[str], Callable[[Path], Any], str]] = {
    "people in ten thousands": (
        ["lon,lat,常住人口(万人)", "108.1,30.5,1.2"],
        lambda path: read_people_table(path, PeopleSpec(column="常住人口(万人)")),
        "t.csv: column '常住人口(万人)' seems to hold ten thousands; expected persons",
    ),
    **{
        f"people in {what}": (
            [f"lon,lat,{column}", "108.1,30.5,1.2"],
            partial(read_people_table, spec=PeopleSpec(column=column)),
            f"t.csv: column {column!r} seems to hold {what}; expected persons",
        )
        for column, what in (
            *(("人口千人", "thousands"), ("pop_thousands", "thousands"), ("人口(百人)", "hundreds")),
            *(("pop per km2", "a density"), ("人口密度", "a density"), ("60岁占比", "a share"), ("pop_pct", "a share")),
        )
    },
    "a title that says the unit": (
        ["各镇人口(单位:万人)", "lon,lat,人口", "108.1,30.5,1.2"],
        lambda path: read_people_table(path, PeopleSpec()),
        "t.csv: the title '各镇人口(单位:万人)' says ten thousands; expected persons in column '人口'",
    ),
    "a number in ten thousands": (
        ["lon,lat,人口", "108.1,30.5,1.2万"],
        lambda path: read_people_table(path, PeopleSpec()),
        "t.csv: column '人口': 1 cell is not a number: row 2 '1.2万'; expected numbers",
    ),
    "latitude first": (
        ["名称,经度,纬度", "甲,30.5,108.1"],
        lambda path: read_sites(path, OUTLETS),
        (
            "t.csv: coordinates of 1 cell look swapped: latitude stands where longitude is expected: row 2 "
            "'30.5, 108.1'; "
            "expected longitude first, then latitude"
        ),
    ),
    "latitude first in Kashgar, where both are below 90": (
        ["名称,经度,纬度", "甲,39.47,75.98"],
        lambda path: read_sites(path, PlaceSpec(role="outlets", coordinates="GCJ-02")),
        (
            "t.csv: coordinates of 1 cell look swapped: latitude stands where longitude is expected: row 2 "
            "'39.47, 75.98'; "
            "expected longitude first, then latitude"
        ),
    ),
    "latitude first in one column": (
        ["名称,坐标", '甲,"30.5,108.1"'],
        lambda path: read_sites(path, OUTLETS),
        (
            "t.csv: coordinates of 1 cell look swapped: latitude stands where longitude is expected: row 2 "
            "'30.5,108.1'; "
            "expected longitude first, then latitude"
        ),
    ),
    "zeros and blanks": (
        ["名称,经度,纬度", "甲,108.1,30.5", "乙,0,0", "丙,,"],
        lambda path: read_sites(path, OUTLETS),
        (
            "t.csv: coordinates of 2 cells are blank or no numbers: row 3 '0, 0', row 4 '' (2 of 3 rows); expected "
            "numbers in each row"
        ),
    ),
    "cash machines only": (
        ["name,location,typecode", '甲,"108.1,30.5",160300'],
        lambda path: read_sites(path, BANKS),
        (
            "t.csv: column 'typecode': 1 cell begins with another type code: row 2 '160300'; expected some of 1601: "
            "bank branches begin with 1601, cash machines with 1603"
        ),
    ),
    "a meaning that is none": (
        ["lon,lat,人口", "108.1,30.5,5"],
        lambda path: read_people_table(path, PeopleSpec(columns={"east": "lon"})),
        "t.csv: columns names east; expected some of id, name",
    ),
}


@pytest.mark.parametrize("fault", list(REFUSED))
def test_what_cannot_be_read_is_refused_in_one_sentence(tmp_path: Path, fault: str) -> None:
    lines, read, sentence = REFUSED[fault]
    with pytest.raises(InputError) as error:
        read(csv(tmp_path, *lines))
    assert str(error.value).startswith(sentence)


def test_full_width_digits_degrees_and_one_column_are_places(tmp_path: Path) -> None:
    rows = [
        "编号,坐标",
        '1,"１０８．１，３０．５"',  # noqa: RUF001
        '2,"108.1,30.5"',
        "3,108°06′00″ 30°30′00″",  # noqa: RUF001
        "4,东经108度6分 北纬30度30分",
    ]
    sites, findings = read_sites(csv(tmp_path, *rows), OUTLETS)
    assert [(round(p.x, 9), round(p.y, 9)) for p in sites.geometry] == [(108.1, 30.5)] * 4
    assert [finding.code for finding in findings] == ["geocoder-fallback"]


def test_more_than_three_places_on_one_point_are_a_geocoder_s(tmp_path: Path) -> None:
    head, rows = "编号,经度,纬度", [f"{i},108.1,30.5" for i in range(4)]
    assert said(read_sites(csv(tmp_path, head, *rows), OUTLETS)[1]) == {
        "geocoder-fallback": "t.csv: 4 sites stand on one point (108.1 30.5): 0, 1, 2, 3; all are kept; did a geocoder "
        "fall back to the middle of a town?"
    }
    assert list(said(read_sites(csv(tmp_path, head, *rows[:3]), OUTLETS)[1])) == ["duplicate-place"]
    people = [f"{row},7" for row in rows] + ["9,108.2,30.5,100"]
    _, findings = read_people_table(csv(tmp_path, f"{head},人口", *people), PeopleSpec())
    assert said(findings) == {
        "people-on-one-point": "t.csv: 4 rows with 28 people stand on 1 point, more than 3 on each (0, 1, 2, 3): did a "
        "geocoder fall back to the middle of a town?"
    }
    assert findings[0].is_warning
    assert findings[0].people == 28
    assert read_people_table(csv(tmp_path, f"{head},人口", *people[1:]), PeopleSpec())[1] == []


def test_people_at_zero_or_nowhere_stay_in_the_denominator(tmp_path: Path) -> None:
    path = csv(tmp_path, "编号,经度,纬度,人口", "1,108.1,30.5,5", "2,0,0,3", "3,,,4")
    people, findings = read_people_table(path, PeopleSpec())
    assert people["population"].sum() == 12
    assert said(findings) == {
        "people-without-place": "t.csv: 2 of 3 rows have no coordinates (2, 3): their 7 people count as unreached"
    }
    with pytest.raises(InputError, match=r"t\.csv: no row has coordinates; expected them in most"):
        read_people_table(csv(tmp_path, "编号,经度,纬度,人口", "2,0,0,3", "3,,,4"), PeopleSpec())


def test_outlets_that_closed_are_kept_and_do_not_count(tmp_path: Path) -> None:
    path = csv(tmp_path, "编号,经度,纬度,状态", "1,108.1,30.5,在用", "2,108.2,30.5,停用", "3,108.3,30.5,已撤销")
    sites, findings = read_sites(path, OUTLETS)
    assert sites["open"].tolist() == [True, False, False]
    assert said(findings) == {"closed-site": "t.csv: 2 of 3 sites are closed, and not counted"}


def test_cash_machines_of_a_map_service_are_no_bank_branches(tmp_path: Path) -> None:
    codes = ["160100", "160105", "160139", "160300", "160302", "160303|160100", "160400", ""]
    rows = [f'银行{i},"{108 + i / 10},30.5",{code},是' for i, code in enumerate(codes)]
    sites, findings = read_sites(csv(tmp_path, "name,location,typecode,合作", *rows), BANKS)
    assert sites["name"].tolist() == ["银行0", "银行1", "银行2", "银行5", "银行7"]
    assert sites.index.tolist() == ["B001", "B002", "B003", "B006", "B008"]
    assert sites["open"].all()
    assert said(findings) == {
        "no-bank-branch": "t.csv: column 'typecode': 3 cells begin with another type code: row 5 '160300', row 6 "
        "'160302', row 8 '160400'; bank branches begin with 1601, cash machines with 1603: set aside"
    }
    outlets, _ = read_sites(csv(tmp_path, "name,location,typecode", *(row[:-2] for row in rows)), OUTLETS)
    assert len(outlets) == 8  # only banks are told by their code


def test_halls_are_picked_by_their_names_and_by_their_hours(tmp_path: Path) -> None:
    rows = [
        "名称,经度,纬度,营业时间,窗口数",
        "某镇便民服务中心,108.1,30.5,周一至周五 9:00-17:00;周六 9:00-12:00,3",
        "某县社保局,108.2,30.5,周一至周五 9:00-17:00,12",
        "某县林业局,108.3,30.5,周六 9:00-12:00,1",
    ]
    halls = PlaceSpec(role="outlets", counts_if={"name": ["*社保*", "*便民服务中心"]})
    assert read_sites(csv(tmp_path, *rows), halls)[0]["open"].tolist() == [True, True, False]
    saturday = PlaceSpec(role="outlets", counts_if={"hours": "*周六*", "windows": ["2", "3"]})
    sites, findings = read_sites(csv(tmp_path, *rows), saturday)
    assert sites["open"].tolist() == [True, False, False]
    assert said(findings) == {"does-not-count": "t.csv: 2 of 3 sites do not meet counts_if and do not count"}


def test_brackets_and_question_marks_in_a_condition_are_themselves(tmp_path: Path) -> None:
    rows = ["名称,经度,纬度", "社保[总],108.1,30.5", "社保总,108.2,30.5"]
    spec = PlaceSpec(role="outlets", counts_if={"name": "社保[总]"})
    assert read_sites(csv(tmp_path, *rows), spec)[0]["open"].tolist() == [True, False]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk", "gb2312", "utf-16"])
def test_encodings_of_chinese_spreadsheets_give_the_same_places(tmp_path: Path, encoding: str) -> None:
    path = csv(tmp_path, "网点名称,经度,纬度", "社保所,108.1,30.5", encoding=encoding)
    assert read_sites(path, OUTLETS)[0]["name"].tolist() == ["社保所"]


def test_the_objects_that_serve_people_are_found_by_their_tags_and_machines_are_not(tmp_path: Path) -> None:
    tags: list[dict[str, str]] = [
        *({"amenity": kind} for kind in ("bank", "atm", "post_office", "townhall", "community_centre")),
        {"office": "government", "government": "social_security"},
        {"office": "government", "government": "social_welfare"},
        {"office": "government", "government": "forestry"},
    ]
    nodes = [node(i + 1, 108 + i / 100, 30.5, **words, name=f"P{i}") for i, words in enumerate(tags)]
    path = write_osm(tmp_path / "t.osm", *nodes, way(1, [1, 2]), relation(1, [], {"type": "route"}))
    assert osm.read_places(path, "amenity=bank")[0]["name"].tolist() == ["P0"]
    wanted = "amenity=post_office,amenity=townhall,amenity=community_centre,government=social_security"
    found, _ = osm.read_places(path, f"{wanted},government=social_welfare")
    assert found["name"].tolist() == ["P2", "P3", "P4", "P5", "P6"]
