"""What a table says beside its numbers: formats, struck words, units, hours, remarks and where rows come from."""

# ruff: noqa: RUF001 -- Chinese has its own punctuation

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pytest
import shapely
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from peopletables import read_people_table

import accessibility as acc
from accessibility.errors import InputError
from accessibility.sources.areas import rows_of_districts
from accessibility.sources.raster.meaning import report_unit_by_name
from accessibility.sources.tables.doubts import casts_doubt, is_elsewhere, is_machine, is_named_doubtful
from accessibility.sources.tables.people import PeopleSpec
from accessibility.sources.tables.places import PlaceSpec, Role, read_sites
from accessibility.sources.tables.reading import hold_table, read_table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NOTHING: Mapping[str, str] = MappingProxyType({})
WGS84 = PeopleSpec(coordinates="WGS84")


def csv(folder: Path, *lines: str) -> Path:
    (folder / "t.csv").write_text("\n".join(lines), encoding="utf-8")
    return folder / "t.csv"


def told(findings: list[Any]) -> dict[str, str]:
    return {finding.code: finding.message for finding in findings}


def people(
    folder: Path, heading: str = "人口", cells: tuple[str, ...] = ("10", "20"), more: Mapping[str, str] = NOTHING
) -> Path:
    extra, values = "".join(f",{name}" for name in more), "".join(f",{value}" for value in more.values())
    rows = [f'10{n},30,"{cell}"{values if n else "," * len(more)}' for n, cell in enumerate(cells)]
    return csv(folder, f"lon,lat,{heading}{extra}", *rows)


def book(folder: Path, cell: Any, number_format: str = "General") -> Path:
    workbook = openpyxl.Workbook()
    sheet: Any = workbook.active
    sheet.append(["lon", "lat", "人口"])
    sheet.append([100, 30, 5])
    sheet.append([101, 30, cell])
    sheet["C3"].number_format = number_format
    workbook.save(folder / "t.xlsx")
    return folder / "t.xlsx"


def test_words_that_are_struck_through_are_not_part_of_a_number(tmp_path: Path) -> None:
    gone = TextBlock(InlineFont(strike=True), "10")
    found, findings = read_people_table(book(tmp_path, CellRichText(gone, "20")), WGS84)
    assert found["population"].tolist() == [5, 20]  # and not 1020
    assert told(findings) == {
        "struck-in-part": "1 cells of sheet 'Sheet' are struck through in part, and read without it: row 3 '20'"
    }
    found, findings = read_people_table(book(tmp_path, CellRichText(gone)), WGS84)
    assert (found["population"].tolist(), list(told(findings))) == ([5, 10], ["struck-cells"])


@pytest.mark.parametrize(
    ("shown", "held"),
    [
        ('0"000"', "numbers that its format adds digits to"),
        ("0.0‰", "a share"),
        ('0" k"', "thousands"),
        ('0"人/户"', "an average"),
        ('0"×10³"', "thousands"),
        ('[>99]0"万人";0"人"', "ten thousands"),
    ],
)
def test_a_format_that_shows_another_number_is_refused(tmp_path: Path, shown: str, held: str) -> None:
    with pytest.raises(InputError, match=f"t.xlsx: column '人口' seems to hold {held}; expected persons"):
        read_people_table(book(tmp_path, 7, shown), WGS84)


@pytest.mark.parametrize(
    ("title", "shown", "right"),
    [
        ("单位：万人", '0!.0,"万"', True),
        ("单位：万人", "0!.0000", True),
        ("单位：千人", "#,##0,", True),
        ("Population (in millions)", "0.00,,", True),
        ("单位：万人", "General", False),
        ("单位：万人", "0,", False),  # which shows thousands
    ],
)
def test_a_title_that_says_in_what_persons_are_shown_is_right(
    tmp_path: Path, title: str, shown: str, *, right: bool
) -> None:
    workbook = openpyxl.Workbook()
    sheet: Any = workbook.active
    for row in ([title], ["lon", "lat", "人口"], [100, 30, 52_000], [101, 30, 71_000]):
        sheet.append(row)
    sheet["C3"].number_format = sheet["C4"].number_format = shown
    workbook.save(tmp_path / "t.xlsx")
    if right:
        assert read_people_table(tmp_path / "t.xlsx", WGS84)[0]["population"].tolist() == [52_000, 71_000]
        sheet["C4"].number_format = "General"  # typed as it is shown above, perhaps
        workbook.save(tmp_path / "t.xlsx")
    with pytest.raises(InputError, match=r"the title .* says .*; expected persons"):
        read_people_table(tmp_path / "t.xlsx", WGS84)


@pytest.mark.parametrize(
    ("shown", "code"),
    [('0"户"', "no-persons"), (";;;", "numbers-unshown"), ('"—"', "numbers-unshown"), ('0.0,"千"', ""), ('0"人"', "")],
)
def test_a_format_that_counts_others_or_shows_nothing_is_told(tmp_path: Path, shown: str, code: str) -> None:
    found, findings = read_people_table(book(tmp_path, 7, shown), WGS84)
    assert (found["population"].tolist(), list(told(findings))) == ([5, 7], [code] if code else [])


@pytest.mark.parametrize(
    ("heading", "said"),
    [
        ("户籍人口", "seems to count people registered there, wherever they live"),
        ("2099年人口", "seems to count people to come"),
        ("常住人口", ""),
    ],
)
def test_a_column_that_may_count_others_than_residents_is_told(tmp_path: Path, heading: str, said: str) -> None:
    _, findings = read_people_table(people(tmp_path, heading), WGS84)
    assert said in told(findings).get("no-persons", "")
    assert ("no-persons" in told(findings)) is bool(said)


def test_a_column_of_some_people_is_told(tmp_path: Path) -> None:
    _, findings = read_people_table(people(tmp_path, "城镇人口"), PeopleSpec(coordinates="WGS84", column="城镇人口"))
    assert told(findings)["part-by-name"] == (
        "the name '城镇人口' speaks of some people; read as all people: is that right?"
    )


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"单位": "户"}, "no-persons"),
        ({"备注": "已拆迁"}, "people-maybe-gone"),
        ({"备注": "2021年整村搬迁"}, "people-maybe-gone"),
        ({"备注": "空户"}, "people-maybe-gone"),
        ({"状态": "无人居住"}, "people-maybe-gone"),
        ({"remarks": "Resettled in 2020"}, "people-maybe-gone"),
        ({"备注": "未整村搬迁"}, ""),
        ({"备注": "移民搬迁安置点"}, ""),
        ({"数据来源": "高德地图"}, "other-system-said"),
        ({"单位": "人"}, ""),
        ({"备注": "靠近车站"}, ""),
        ({"数据来源": "现场测量"}, ""),
    ],
)
def test_what_other_columns_say_of_people_is_told(tmp_path: Path, more: dict[str, str], code: str) -> None:
    _, findings = read_people_table(people(tmp_path, more=more), WGS84)
    assert list(told(findings)) == ([code] if code else [])


def test_people_that_are_grouped_by_ten_thousands_are_no_decimals(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"row 2 '1,0000'; expected people without one, such as 1234 or 1234.5"):
        read_people_table(people(tmp_path, cells=("1,0000", "20")), WGS84)


@pytest.mark.parametrize(
    ("column", "cell", "doubtful"),
    [
        ("营业时间", "周六、周日 9:00-17:00", True),
        ("opening_hours", "Mo-Fr 18:00-21:00", True),
        ("开放日", "逢五逢十", True),
        ("营业时间", "周一至周五 9:00-17:00 周末休息", False),
        ("valid_to", "1577836800", True),
        ("deleted_at", "2020-01-01", True),
        *(("营业时间", hours, True) for hours in ("7-9月", "夏季 7-9月 9:00-17:00", "Jul-Sep Mo-Fr 09:00-17:00")),
        *(("营业时间", hours, True) for hours in ("每周一次", "每月第一个周一", "集中缴费期", "待定", "Mo-Fr off")),
        ("营业时间", "2023.1.1-2024.12.31", True),
        *(("营业时间", hours, False) for hours in ("Mo-Fr 08:00-17:00; Jul-Aug 09:00-12:00", "每周5天", "2020年至今")),
        ("营业时间", "夏季8:00-12:00，14:30-18:00；冬季8:30-12:00，14:00-17:30", False),
        ("营业时间", "5月1日至9月30日：8:00-18:00；10月1日至次年4月30日：8:30-17:30", False),
        ("服务对象", "仅限企业", True),
        ("网点性质", "内部", True),
    ],
)
def test_a_counter_that_hardly_opens_or_serves_few_is_told(
    tmp_path: Path, column: str, cell: str, *, doubtful: bool
) -> None:
    table = csv(tmp_path, f"name,lon,lat,{column}", f"厅,100,30,{cell}")
    sites, findings = read_sites(table, PlaceSpec(role="outlets", coordinates="WGS84"))
    assert sites["open"].tolist() == [True]
    assert list(told(findings)) == (["maybe-closed"] if doubtful else [])


@pytest.mark.parametrize(
    ("column", "cell", "code"),
    [
        *(
            ("备注", said, "maybe-closed")
            for said in ("与O1合并", "待定", "拟撤并", "临时", "系统未开通", "2099年启用")
        ),
        *(
            ("备注", said, "maybe-closed")
            for said in ("不办社保", "仅周三办理", "无人值守", "重复录入", "Will be moved")
        ),
        *(
            ("备注", said, "")
            for said in ("由两所合并而成", "2020年搬迁至现址", "待遇资格认证", "临时停车位3个", "无需预约")
        ),
        *(("备注", said, "") for said in ("计划生育办公室同楼", "暂无", "仅供参考", "整改完成", "无障碍设施齐全")),
        *(("核查结果", said, "maybe-closed") for said in ("不存在", "查无此点", "不合格", "已改作超市")),
        *(("核查结果", said, "") for said in ("存在", "已核实", "合格")),
        *(("服务方式", said, "machine") for said in ("线上", "上门服务", "流动", "自助、电话")),
        *(("服务方式", said, "") for said in ("柜台、自助", "窗口办理", "线上线下")),
        *(("类型", said, "machine") for said in ("自助银行", "流动车", "管理机构")),
        *(("类型", said, "") for said in ("便民服务中心", "移动营业厅", "事业单位")),
        ("是否固定", "否", "maybe-closed"),
        *(("是否流动", said, code) for said, code in (("是", "maybe-closed"), ("否", ""))),
        *(("操作", said, code) for said, code in (("删", "maybe-closed"), ("新增", ""))),
        *(("合同期", said, code) for said, code in (("2018-2020", "maybe-closed"), ("2018年至今", ""))),
        ("停车场", "无", ""),
    ],
)
def test_what_a_column_says_against_a_counter_is_told_and_changes_nothing(
    tmp_path: Path, column: str, cell: str, code: str
) -> None:
    table = csv(tmp_path, f"name,lon,lat,{column}", "城东支行,100,30,", f"城西支行,101,30,{cell}")
    sites, findings = read_sites(table, PlaceSpec(role="outlets", coordinates="WGS84"))
    assert sites["open"].tolist() == [True, True]
    assert list(told(findings)) == ([code] if code else [])
    if code:
        assert "row 3" in told(findings)[code]
        assert cell in told(findings)[code]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        *(("城西支行（筹）", "maybe-closed"), ("城关所旧址", "maybe-closed"), ("测试网点", "maybe-closed")),
        *(("网上办事大厅", "machine"), ("社保服务热线", "machine"), ("智能柜员机", "machine")),
        *((name, "") for name in ("城西支行（新址）", "老街社保所", "移动营业厅", "总部基地社保所", "线上村服务点")),
    ],
)
def test_a_name_that_is_none_of_a_counter_is_told(tmp_path: Path, name: str, code: str) -> None:
    _, findings = read_sites(csv(tmp_path, "name,lon,lat", f"{name},100,30"), PlaceSpec(role="outlets"))
    assert list(told(findings)) == ([code] if code else [])


@pytest.mark.parametrize(("role", "codes"), [("candidates", ["candidate-unfit"]), ("outlets", [])])
def test_a_candidate_where_nothing_can_be_opened_is_told(tmp_path: Path, role: Role, codes: list[str]) -> None:
    table = csv(
        tmp_path, "name,lon,lat,是否可建,用途", "甲,100,30,否,地块", "乙,101,30,是,不宜建设", "丙,102,30,是,地块"
    )
    _, findings = read_sites(table, PlaceSpec(role=role, coordinates="WGS84"))
    assert [code for code in told(findings) if code == "candidate-unfit"] == codes


def test_a_code_names_a_district_whose_name_another_one_has(tmp_path: Path) -> None:
    districts = gpd.GeoDataFrame(
        {"division_code": ["110101001", "110102001"], "plain_name": ["城关镇", "城关镇"]},
        index=["城关镇 (110101001)", "城关镇 (110102001)"],
        geometry=[shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)],
    )
    table, _ = read_table(csv(tmp_path, "name,code,人口", "城关镇,110102001,5", "城关镇,110101001.0,7"))
    assert rows_of_districts(table, districts, source="t.csv")[0].tolist() == [1, 0]


def test_streets_in_degrees_that_say_they_are_in_metres_are_refused() -> None:
    line = shapely.LineString([(114, 30), (114.01, 30)])
    with pytest.raises(InputError, match=r"no line is a metre long in .*, the longest has 0.01 m.*degrees"):
        acc.Network.from_gdf(gpd.GeoDataFrame({"highway": ["path"]}, geometry=[line], crs="EPSG:3857"))


def test_a_study_may_have_streets_of_one_junction() -> None:
    road: Any = {"node_xy": [(5e5, 34e5)], "edges": [(0, 0)], "length_m": [9], "crs": "EPSG:32649"}
    here: Any = {"ids": ["a"], "xy": [(5e5, 34e5)], "crs": "EPSG:32649"}
    people: Any = here | {"population": [3]}
    study = acc.Study.of(acc.Network(**road), acc.Demand(**people), acc.Sites(**here | {"ids": ["O1"]}))
    assert study.coverage().population == pytest.approx(3)


def test_frames_of_other_libraries_are_read() -> None:
    class Frame:
        """As polars and pyarrow have it."""

        def to_pandas(self) -> pd.DataFrame:
            return pd.DataFrame({"lon": [114.0], "lat": [30.0], "population": [3], "setting": ["urban"]})

    line = shapely.LineString([(114, 30), (114.01, 30)])
    street = acc.Network.from_gdf(gpd.GeoDataFrame({"highway": ["path"]}, geometry=[line], crs="EPSG:4326"))
    outlets = pd.DataFrame({"lon": [114.0], "lat": [30.0]})
    study = acc.Study.of(street, Frame(), outlets, coordinates="WGS84")
    np.testing.assert_allclose(study.demand.population, [3])


@pytest.mark.parametrize(
    ("name", "aside"),
    [
        *(
            (name, True)
            for name in ("平均", "其中：女", "其中流动人口", "示例", "例：某某村", "上年同期", "2019年", "增长率")
        ),
        *((name, True) for name in ("Average", "of which women", "Std. dev.")),
        *((name, False) for name in ("其中村", "例西村", "平均台社区", "均安镇", "Meanwood", "2019")),
    ],
)
def test_rows_that_are_averages_parts_or_examples_are_nobody(tmp_path: Path, name: str, *, aside: bool) -> None:
    path = csv(tmp_path, "村名,lon,lat,人口", "甲村,100,30,3", "乙村,101,30,5", f"{name},102,30,7")
    frame = pd.DataFrame({"村名": ["甲村", "乙村", name], "lon": [100, 101, 102], "lat": 30, "人口": [3, 5, 7]})
    for source in (path, hold_table("people", frame)):
        found, findings = read_people_table(source, WGS84)
        assert found["population"].sum() == (8 if aside else 15)
        row = 4 if source is path else 3
        said = {"extra-row": f"1 extra rows set aside: rows {row}"} if aside else {}
        assert {code: text for code, text in told(findings).items() if code == "extra-row"} == said


VILLAGES = ("甲,东镇,100.1,30,21", "乙,东镇,100.2,30,34", "丙,西镇,100.3,30,55", "丁,西镇,100.4,30,13")
BLANKS = ("戊,,100.5,30,70", "己,,100.6,30,35", "庚,,100.7,30,35")


@pytest.mark.parametrize(
    ("sums", "count"),
    [
        (("东镇,东镇,100.1,30.1,55", "西镇,西镇,100.3,30.1,68"), 2),
        ((",东镇,100.1,30.1,55", ",西镇,100.3,30.1,68"), 2),
        (("东镇本级,东镇,100.1,30.1,55",), 0),  # one alone may be chance
        (("辛,东镇,100.1,30.1,54", "壬,西镇,100.3,30.1,68"), 0),
    ],
)
def test_rows_of_townships_among_their_villages_are_told(tmp_path: Path, sums: tuple[str, ...], count: int) -> None:
    path = csv(tmp_path, "村名,乡镇,lon,lat,人口", *VILLAGES, *BLANKS, *sums)
    _, findings = read_people_table(path, WGS84)
    assert [f.count for f in findings if f.code == "sum-of-others"] == ([count] if count else [])
    if count:
        assert told(findings)["sum-of-others"] == (
            "2 rows have as many people as all other rows of their 乡镇 together: rows 9, 10: are they their sums? "
            "Without them 263 people"
        )


def test_a_column_of_townships_may_be_empty(tmp_path: Path) -> None:
    read, findings = read_people_table(
        csv(tmp_path, "村名,乡镇,lon,lat,人口", "甲,,100.1,30,1", "乙,,100.2,30,2"), WGS84
    )
    assert read["population"].sum() == 3
    assert "sum-of-others" not in told(findings)


def test_no_more_than_the_beginning_of_a_cell_is_asked_for_doubts() -> None:
    # Over a hundred thousand letters some patterns take half a minute.
    assert is_named_doubtful("(拟建) " + "城" * 300)
    assert not is_named_doubtful("(拟" * 60_000 + ")")
    assert not is_machine("城" * 300 + " ATM")
    assert not casts_doubt("城" * 300 + "待定")
    assert not is_elsewhere("线上、" * 60_000 + "柜台")


def test_small_numbers_of_a_township_may_add_up_by_chance(tmp_path: Path) -> None:
    rows = [
        "甲,东镇,100.1,30,1",
        "乙,东镇,100.2,30,2",
        "丙,东镇,100.3,30,3",
        "丁,西镇,100.4,30,2",
        "戊,西镇,100.5,30,2",
    ]
    _, findings = read_people_table(csv(tmp_path, "村名,乡镇,lon,lat,人口", *rows, "己,西镇,100.6,30,4"), WGS84)
    assert "sum-of-others" not in told(findings)


@pytest.mark.parametrize(
    ("more", "code"),
    [("甲,1组,100.1,30,22", "rows-of-a-name"), ("甲,2组,100.1,30,22", ""), ("甲,1组,100.9,30,22", "")],
)
def test_a_row_of_the_name_and_place_of_another_one_is_told(tmp_path: Path, more: str, code: str) -> None:
    rows = [f"{name},1组,100.{at},30,{20 + at}" for at, name in enumerate("甲乙丙丁戊己", start=1)]
    found, findings = read_people_table(csv(tmp_path, "村名,组,lon,lat,人口", *rows, more), WGS84)
    assert found["population"].sum() == 163
    assert [f.code for f in findings if f.code == "rows-of-a-name"] == ([code] if code else [])


@pytest.mark.parametrize(
    "column",
    ["pop_mean", "avg_pop", "POP_STD", "workers", "在校学生", "服务人口", "daytime_pop", "pop_km2", "pop_diff"],
)
def test_columns_of_statistics_or_of_others_than_residents_are_told(tmp_path: Path, column: str) -> None:
    _, findings = read_people_table(people(tmp_path, column), PeopleSpec(coordinates="WGS84", column=column))
    assert "no-persons" in told(findings)


@pytest.mark.parametrize("column", ["pop_1km2", "人口_2020", "demand", "residents", "常住人口", "pop_minhang"])
def test_columns_that_may_be_of_residents_are_not_told(tmp_path: Path, column: str) -> None:
    _, findings = read_people_table(people(tmp_path, column), PeopleSpec(coordinates="WGS84", column=column))
    assert told(findings) == {}


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        *(("GHS_POP_E2090_GLOBE_R2023A.tif", "people to come"), ("pop2090_ssp2.tif", "people to come")),
        *(("pop_mean_5x5.tif", "a mean, an extreme or an error"), ("gdp2020.tif", "money"), ("mask.tif", "a mask")),
        *(("landscan-day.tif", "people by day"), ("手机信令.tif", "telephones")),
        *((name, "") for name in ("chn_ppp_2020_UNadj.tif", "GHS_POP_E2020_GLOBE_R2023A.tif", "pop_2100m.tif")),
    ],
)
def test_a_raster_named_after_a_year_to_come_or_a_statistic_is_told(name: str, unit: str) -> None:
    found = report_unit_by_name(name)
    assert [f"speaks of {unit};" in finding.message for finding in found] == [True] * bool(unit)


@pytest.mark.parametrize(
    ("column", "exact", "other", "role", "coarse"),
    [
        *(("置信度", "90", "20", "outlets", True), ("confidence", "1", "0.3", "outlets", True)),
        *(("level", "兴趣点", "乡镇", "outlets", True), ("level", "门牌号", "村庄", "banks", True)),
        *(("匹配级别", "门址", "道路", "outlets", True), ("location_type", "ROOFTOP", "APPROXIMATE", "outlets", True)),
        *(("精度", "10", "3000", "outlets", True), ("定位精度", "10米", "5km", "outlets", True)),
        *(("坐标来源", "GPS实测", "镇政府所在地", "outlets", True), ("precise", "1", "0", "outlets", True)),
        *(("核实情况", "已核实", "待核", "outlets", True), ("level", "兴趣点", "乡镇", "people", True)),
        *(("level", "兴趣点", "村庄", "people", False), ("level", "区县", "乡镇", "outlets", False)),
        *(("机构级别", "区县", "乡镇", "outlets", False), ("评分", "4.8", "0.3", "outlets", False)),
        *(("置信度", "90", "85", "outlets", False), ("精度", "10", "12", "outlets", False)),
        *(("地址类型", "办公", "注册", "outlets", False), ("precise", "1", "1", "outlets", False)),
    ],
)
def test_a_place_that_is_not_exact_is_told(
    tmp_path: Path, column: str, exact: str, other: str, role: Any, *, coarse: bool
) -> None:
    rows = f"甲,100.123456,30.1,1,是,{exact}", f"乙,101.123456,30.1,1,是,{other}", "丙,102.123456,30.2,1,是,"
    path = csv(tmp_path, f"name,lon,lat,人口,partner,{column}", *rows)
    _, findings = read_people_table(path, WGS84) if role == "people" else read_sites(path, PlaceSpec(role=role))
    said = f"column {column!r} says of 1 of 3 rows that their place is not exact: row 3 {other!r}: "
    assert told(findings).get("imprecise-place", "") == (f"{said}they may be hundreds of metres off" if coarse else "")


@pytest.mark.parametrize(
    ("heading", "below"),
    [
        *(("二、已撤销网点", True), ("撤销网点", True), ("（二）拟撤并网点：", True), ("三、自助网点", True)),
        *(("附：停业网点名单", True), ("二、乡镇", False), ("城区网点", False)),
    ],
)
def test_sites_below_a_heading_among_the_rows_are_told_where_it_speaks_against_them(
    tmp_path: Path, heading: str, *, below: bool
) -> None:
    path = csv(tmp_path, "编号,名称,lon,lat", "a,城东所,100,30", f"{heading},,,", "b,城西所,101,30", "c,城南所,102,30")
    sites, findings = read_sites(path, PlaceSpec(role="outlets"))
    assert sites["open"].tolist() == [True] * 3
    said = f"2 sites count that stand below {heading!r}: rows 4, 5: are they closed, planned or unstaffed?"
    aside = {"section-row": "1 section rows set aside: rows 3"}
    assert told(findings) == aside | ({"section-of-closed": said} if below else {})


def test_a_row_with_a_name_alone_is_no_heading_where_it_may_be_a_place(tmp_path: Path) -> None:
    path = csv(tmp_path, "编号,名称,lon,lat", "a,城东所,100,30", ",城西所,,", "c,城南所,102,30")
    assert list(told(read_sites(path, PlaceSpec(role="outlets"))[1])) == ["no-coordinates"]


def test_a_list_of_closed_sites_beside_the_table_is_told(tmp_path: Path) -> None:
    path = csv(tmp_path, "编号,名称,lon,lat,撤销网点", "a,城东所,100,30,城北所", "b,城西所,101,30,")
    said = "1 sites count although 撤销网点 says: row 2 '城北所': are they closed? Then a column status should say so"
    assert told(read_sites(path, PlaceSpec(role="outlets"))[1]) == {"maybe-closed": said}


@pytest.mark.parametrize(
    ("addresses", "lon", "apart"),
    [
        (("人民路1号", "人民路1号"), "100.01", True),
        (("12 Market Street", "12 Market Street"), "100.01", True),
        (("人民路1号", "人民路1号"), "100.003", False),
        (("人民路1号", "人民路2号"), "100.01", False),
        (("人民路", "人民路"), "100.01", False),  # a long one
    ],
)
def test_one_address_at_two_places_is_told(
    tmp_path: Path, addresses: tuple[str, str], lon: str, *, apart: bool
) -> None:
    rows = f"a,100,0,{addresses[0]}", f"b,{lon},0,{addresses[1]}"
    _, findings = read_sites(csv(tmp_path, "id,lon,lat,address", *rows), PlaceSpec(role="outlets"))
    said = f"1 sites that count have the address of another one elsewhere (b {addresses[1]!r} 1,113 m)"
    assert told(findings) == ({"same-address": f"{said}: is one of them in the wrong place?"} if apart else {})
