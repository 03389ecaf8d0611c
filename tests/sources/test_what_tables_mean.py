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
from accessibility.sources.tables.people import PeopleSpec
from accessibility.sources.tables.places import PlaceSpec, Role, read_sites
from accessibility.sources.tables.reading import read_table

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
