"""Tables from files, and their columns."""

# ruff: noqa: RUF001 -- Chinese has its own punctuation

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accessibility.errors import InputError
from accessibility.sources.tables.columns import (
    ALIASES,
    cell_text,
    columns_meaning,
    find_column,
    numbers,
    parse_numbers,
    require_column,
)
from accessibility.sources.tables.reading import read_table
from accessibility.sources.tables.rows import MOST_COLUMNS
from accessibility.streets.lifecycle import is_named_gone

TOTALS: list[list[Any]] = [["合 计:", None, 7], ["Total", "", 7]]
CHINESE = "编号,网点名称,经度,纬度\n001,䶮山网点,116.4,39.9\n002,𠮷祥,116.5,39.8\n"
POINTS = gpd.GeoDataFrame(
    {"code": ["001", "002"], "n": [1, 2]}, geometry=shapely.points([[116.4, 39.9], [116.5, 39.8]]), crs="EPSG:4326"
)


def book(path: Path, rows: list[list[Any]], *more: str) -> Path:
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    for name in more:
        workbook.create_sheet(name)
    workbook.save(path)
    return path


def codes(findings: list[Any]) -> dict[str, int]:
    return {finding.code: finding.count for finding in findings}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_csv_of_every_usual_encoding_reads_the_same(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "测试 目录.csv"
    path.write_bytes(CHINESE.encode(encoding))
    table, findings = read_table(path)
    assert table.to_dict("list") == {
        "编号": ["001", "002"],
        "网点名称": ["䶮山网点", "𠮷祥"],
        "经度": ["116.4", "116.5"],
        "纬度": ["39.9", "39.8"],
    }
    assert list(table.index) == [2, 3]
    assert findings == []


def test_an_encoding_can_be_named(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes("id,名稱\n1,社會\n".encode("big5"))
    assert read_table(path, encoding="big5")[0].iloc[0].tolist() == ["1", "社會"]
    with pytest.raises(InputError, match=r"t.csv: the text is not ascii"):
        read_table(path, encoding="ascii")


def test_workbook_codes_keep_their_digits(tmp_path: Path) -> None:
    path = book(
        tmp_path / "t.xlsx", [["code", "n", "x", "ok"], [330106000000.0, "001", 0.5, True], ["01", None, 2, ""]]
    )
    table, _ = read_table(path)
    assert table.to_numpy().tolist() == [["330106000000", "001", "0.5", "true"], ["01", "", "2", ""]]


def test_titles_blank_rows_and_subtotals_are_set_aside_and_counted(tmp_path: Path) -> None:
    rows: list[list[Any]] = [
        ["网点一览表"],
        ["id", "name", "n"],
        ["1", "a", 3],
        [None, None, None],
        ["东区小计", None, 3],
        ["2", "合计楼", 4],
    ]
    table, findings = read_table(book(tmp_path / "t.xlsx", [*rows, *TOTALS]))
    assert table["id"].tolist() == ["1", "2"]
    assert list(table.index) == [3, 6]
    assert codes(findings) == {"title-row": 1, "blank-row": 1, "subtotal-row": 3}
    said = next(str(f) for f in findings if f.code == "subtotal-row")
    assert said == "t.xlsx: 3 subtotal rows set aside: rows 5, 7, 8"


@pytest.mark.parametrize(
    "note", ["\u5236\u8868\u5355\u4f4d\uff1a\u53bf\u793e\u4fdd\u4e2d\u5fc3", "made by: the bureau"]
)
def test_who_made_a_table_and_when_is_no_heading(tmp_path: Path, note: str) -> None:
    rows: list[list[Any]] = [["网点一览表"], [note, None, "填表日期：2026年11月"], ["id", "name", "n"], ["1", "a", 3]]
    table, findings = read_table(book(tmp_path / "t.xlsx", rows))
    assert (table.columns.tolist(), codes(findings)) == (["id", "name", "n"], {"title-row": 2})
    tags, _ = read_table(book(tmp_path / "u.xlsx", [["addr:city", "addr:street"], ["a", "b"]]))
    assert tags.columns.tolist() == ["addr:city", "addr:street"]


def test_other_sheets_are_told_and_can_be_named(tmp_path: Path) -> None:
    path = book(tmp_path / "t.xlsx", [["id", "n"], ["1", 2]], "Second")
    assert codes(read_table(path)[1]) == {"other-sheets": 1}
    with pytest.raises(InputError, match=r"t.xlsx: no sheet 'Third'; it has Sheet, Second"):
        read_table(path, sheet="Third")
    with pytest.raises(InputError, match=r"t.xlsx: no rows"):
        read_table(path, sheet="Second")


def test_a_column_that_stands_twice_is_told(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("id,n,n\n1,2,3\n", encoding="utf-8")
    table, findings = read_table(path)
    assert list(table.columns) == ["id", "n", "n (3)"]
    assert codes(findings) == {"duplicate-column": 1}


def test_a_table_is_no_wider_than_a_workbook(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    for wide in (MOST_COLUMNS, MOST_COLUMNS + 1):
        path.write_text(f"{','.join(f'c{at}' for at in range(wide))}\n{','.join('1' * wide)}\n", encoding="utf-8")
        if wide == MOST_COLUMNS:
            assert read_table(path)[0].shape == (1, wide)
    with pytest.raises(InputError, match=r"t.csv: 16,385 columns; expected at most 16,384, as a workbook has"):
        read_table(path)


@pytest.mark.parametrize("long", ["(1" * 65_000, "（已" * 65_000, "- " * 65_000])
def test_a_name_as_long_as_a_cell_may_be_takes_no_minutes(long: str) -> None:
    assert not is_named_gone(long)


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_other_delimiters_and_short_rows_are_read(tmp_path: Path, delimiter: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"id{delimiter}name{delimiter}n\n1{delimiter}a\n", encoding="utf-8")
    assert read_table(path)[0].iloc[0].tolist() == ["1", "a", ""]


@pytest.mark.parametrize("name", ["t.geojson", "t.gpkg", "t.parquet", "t.shp"])
def test_geographic_formats_bring_text_and_shapes(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name.endswith("parquet"):
        POINTS.to_parquet(path)
    else:
        POINTS.to_file(path, engine="pyogrio")
    table, _ = read_table(path)
    assert isinstance(table, gpd.GeoDataFrame)
    assert table["code"].tolist() == ["001", "002"]
    assert table["n"].tolist() == ["1", "2"]
    assert table.crs == "EPSG:4326"
    np.testing.assert_allclose(shapely.get_coordinates(table.geometry.to_numpy()), [[116.4, 39.9], [116.5, 39.8]])


def test_kml_brings_names_and_points(tmp_path: Path) -> None:
    path = tmp_path / "t.kml"
    place = "<Placemark><name>甲</name><Point><coordinates>116.4,39.9</coordinates></Point></Placemark>"
    path.write_text(f'<kml xmlns="http://www.opengis.net/kml/2.2"><Document>{place}</Document></kml>', encoding="utf-8")
    table, _ = read_table(path)
    assert isinstance(table, gpd.GeoDataFrame)
    assert table[find_column(table, "name", source="t.kml")].tolist() == ["甲"]
    np.testing.assert_allclose(shapely.get_coordinates(table.geometry.to_numpy()), [[116.4, 39.9]])


@pytest.mark.parametrize("encoding", ["GBK", "UTF-8"])
def test_a_shapefile_without_its_code_page_reads_chinese(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "t.shp"
    POINTS.assign(name=["邮政所", "社保所"]).to_file(path, engine="pyogrio", encoding=encoding)
    path.with_suffix(".cpg").unlink()
    assert read_table(path)[0]["name"].tolist() == ["邮政所", "社保所"]


@pytest.mark.parametrize(
    "path", ["https://a.b/t.csv", "s3://b/t.csv", "/vsicurl/http://a.b/t.csv", Path("http://a.b/t")]
)
def test_other_machines_are_refused(path: Any) -> None:
    with pytest.raises(InputError, match="a remote address or virtual file; expected a file on this machine"):
        read_table(path)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("t.csv", b"", r"t.csv: the file is empty \(0 bytes\)"),
        ("t.csv", b"\n\n", r"t.csv: no rows"),
        ("t.csv", b"id,lon\n", r"t.csv: no rows; expected at least one below the header"),
        ("t.csv", b"id,lon\n1,2,3\n", r"t.csv: row 2 has 3 cells under 2 columns"),
        ("t.csv", b"id,lon\n" + b"1," * 5_500_000, r"t.csv: a line has more than 10 MB; expected a table"),
        (
            "t.csv",
            ("id,lon\n" + "1," * 5_500_000).encode("utf-16"),
            r"t.csv: a line has more than 10 MB; expected a table",
        ),
        ("t.csv", b'id,lon\n"1,2\n', r"t.csv: line 2 cannot be cut into cells: a quotation mark has no pair"),
        ("t.csv", b"id,lon\n" + b"1" * 200_000 + b",2\n", r"t.csv: line 2 .* a cell has more than 131,072 letters"),
        ("t.csv", b"id,lon\n\xff\xff\xff,2\n", r"t.csv: the text is not UTF-8 or GB 18030"),
        ("t.csv", b"id,lon\n\0\0,2\n", r"t.csv: holds NUL characters"),
        ("t.xlsx", b"no workbook", r"t.xlsx: cannot be read as .xlsx"),
        ("t.xls", b"old", r"t.xls: cannot be read as .xls: it is no workbook, or a damaged one"),
        ("t", b"what", r"t: unsupported format \(no suffix\)"),
        ("t.nc", b"CDF", r"t.nc: a raster of a kind that is not read \(.nc\); expected it as GeoTIFF \(.tif\)"),
        ("t.gpkg", b"no database", r"t.gpkg: is not a GeoPackage"),
        ("t.geojson", b"{", r"t.geojson: cannot be read as .geojson"),
        ("t.parquet", b"PAR1", r"t.parquet: cannot be read as .parquet"),
        ("t.shp", b"0" * 100, r"t.shp: is not a Shapefile"),
    ],
)
def test_files_that_are_no_table_are_refused_by_name(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=said):
        read_table(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path, said in ((tmp_path / "no.csv", "no such file"), (tmp_path, "a folder, not a file")):
        with pytest.raises(InputError, match=said):
            read_table(path)


def junk_is_refused_or_read(suffix: str, content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"t{suffix}"
        path.write_bytes(content)
        try:
            table, _ = read_table(path)
        except InputError as error:
            assert f"t{suffix}" in str(error)  # noqa: PT017 -- either outcome is right
        else:
            assert len(table) > 0


@settings(max_examples=60, deadline=None)
@given(content=st.binary(max_size=200) | st.text(max_size=100).map(lambda t: t.encode("utf-8", "surrogatepass")))
def test_any_bytes_as_csv_give_a_table_or_our_error(content: bytes) -> None:
    junk_is_refused_or_read(".csv", content)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_broken_workbooks_give_a_table_or_our_error(tmp_path: Path, data: st.DataObject) -> None:
    whole = book(tmp_path / "whole.xlsx", [["id", "n"], ["1", 2.5], ["2", None]]).read_bytes()
    at = data.draw(st.integers(0, 4_000)) % len(whole)  # the size depends on the time of day
    junk = data.draw(st.binary(min_size=1, max_size=8))
    for content in (whole[:at] + junk + whole[at + len(junk) :], whole[:at]):
        junk_is_refused_or_read(".xlsx", content)


def test_numbers_are_strict_and_name_the_row() -> None:
    texts = pd.Series(["１２１．４７", "1,234.5", " 7 ", "-3", "1e3", "", "—", "NaN"], index=range(2, 10))
    found = numbers(texts, source="t.csv", column="n")
    np.testing.assert_array_equal(found, [121.47, 1234.5, 7, -3, 1000, np.nan, np.nan, np.nan])
    with pytest.raises(
        InputError, match=r"t.csv: column 'n': 1 cell is not a number: row 3 '121.47E'; expected numbers"
    ):
        numbers(pd.Series(["1", "121.47E"], index=[2, 3]), source="t.csv", column="n")


@pytest.mark.parametrize("text", ["12,34,567", "1.2.3", "inf", "1e999", "0x10", "1_000", "120°09'18\"", "--5"])
def test_what_only_looks_like_a_number_is_none(text: str) -> None:
    assert parse_numbers(pd.Series([text]))[1].tolist() == [True]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_number_survives_being_text(value: float) -> None:
    values, bad = parse_numbers(pd.Series([cell_text(value)]))
    assert not bad[0]
    assert values[0] == value


def test_columns_are_found_by_meaning_in_two_languages() -> None:
    table = pd.DataFrame(columns=["网点编号", "网点名称", "Ｌｏｎｇｉｔｕｄｅ", "纬度", "60岁及以上", "县（市、区）"])
    found = {meaning: find_column(table, meaning, source="t.csv") for meaning in ALIASES}
    assert {meaning: column for meaning, column in found.items() if column} == {
        "id": "网点编号",
        "name": "网点名称",
        "lon": "Ｌｏｎｇｉｔｕｄｅ",
        "lat": "纬度",
        "people_60": "60岁及以上",
        "district": "县（市、区）",
    }


@pytest.mark.parametrize("heading", ["population" + "()" * 20_000, "(" * 50_000, "*" * 50_000, "2020年" * 20_000])
def test_a_heading_without_end_is_looked_through_no_further_than_names_go(heading: str) -> None:
    table = pd.DataFrame(columns=[heading])
    assert [find_column(table, meaning, source="t.csv") for meaning in ALIASES] == [None] * len(ALIASES)


def test_no_name_means_two_things() -> None:
    names = [name for known in ALIASES.values() for name in known]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("unit", ["（人）", "(人)", " (persons)", "（口）"])
def test_a_column_may_say_in_brackets_that_it_counts_persons(unit: str) -> None:
    table = pd.DataFrame(columns=["村名", f"常住人口{unit}"])
    assert find_column(table, "population", source="t.csv") == f"常住人口{unit}"
    table[f"人口{unit}"] = table["常住人口"] = 1
    assert find_column(table, "population", source="t.csv") == "常住人口"  # a name of its own before one with a unit


@pytest.mark.parametrize("unit", ["（万人）", "(户)", "（千人）", "(%)", "（人/平方公里）"])
def test_a_column_in_another_unit_does_not_mean_people(unit: str) -> None:
    assert find_column(pd.DataFrame(columns=["村名", f"常住人口{unit}"]), "population", source="t.csv") is None


@pytest.mark.parametrize(
    ("meaning", "heading"),
    [
        *(("lon", name) for name in ("经度（°）", "经度/°", "*经度（必填）", "经度\n(WGS84)", "高德经度", "lon_wgs84")),
        *(("lat", name) for name in ("纬度（°）", "纬度(GCJ-02)", "Y坐标（米）")),
        *(("coordinates", name) for name in ("坐标（经度,纬度）", "GPS坐标")),
        *(
            ("population", name)
            for name in ("2023年常住人口（人）", "常住人口（2023年末）", "POP_2020", "人口数（单位：人）")
        ),
        *(("name", name) for name in ("*网点名称（全称）", "银行网点名称")),
        *(("partner", name) for name in ("是否合作（是/否）*", "合作（√）")),
        *(
            ("address", "地址（详细到门牌号）"),
            ("windows", "窗口数（个）"),
            ("cost", "建设成本（万元）"),
            ("capacity", "容量（人）"),
        ),
        *(
            ("township", "乡镇（街道）"),
            ("district", "区（县）"),
            ("people_60", "60岁及以上人口（人）"),
            ("phone", "联系电话（座机）"),
        ),
    ],
)
def test_a_heading_may_have_notes_that_leave_its_meaning(meaning: str, heading: str) -> None:
    table = pd.DataFrame(columns=["序号", heading])
    assert [key for key in ALIASES if find_column(table, key, source="t.csv")] == [meaning]


@pytest.mark.parametrize(
    ("meaning", "heading"),
    [
        *(
            ("population", name)
            for name in ("60岁及以上人口（人）", "常住人口（", "人口（户籍/万人）", "2020-2023年人口增长")
        ),
        *(("capacity", name) for name in ("服务能力（人/日）", "可服务人数（千人）")),
        *(("cost", name) for name in ("成本（万元/年）", "费用（元/人）")),
        *(("coordinates", "坐标（纬度,经度）"), ("lon", "经度（弧度）"), ("partner", "合作（2025年计划）")),
    ],
)
def test_a_heading_in_another_unit_means_nothing(meaning: str, heading: str) -> None:
    assert find_column(pd.DataFrame(columns=[heading]), meaning, source="t.csv") is None


@pytest.mark.parametrize(
    ("meaning", "name"),
    [("district", "区县"), ("township", "乡镇"), ("village", "村"), ("bank", "银行"), ("name", "名称")],
)
def test_a_column_of_codes_or_of_other_names_is_no_column_of_names(meaning: str, name: str) -> None:
    for other in ("代码", "编码", "拼音", "旧"):
        table = pd.DataFrame(columns=[f"{name}({other})"])
        assert find_column(table, meaning, source="t.csv") is None
        table[f"{name}(全称)"] = ""
        assert find_column(table, meaning, source="t.csv") == f"{name}(全称)"


def test_of_several_headings_that_mean_one_the_plain_one_and_the_last_year_come_first() -> None:
    years = pd.DataFrame(columns=["2020年常住人口", "2023年常住人口", "2010年常住人口"])
    assert columns_meaning(years, "population") == ["2023年常住人口", "2020年常住人口", "2010年常住人口"]
    with pytest.raises(InputError, match="2023年常住人口, 2020年常住人口, 2010年常住人口 are people of several years"):
        require_column(years, "population", source="t.csv")
    assert require_column(years, "population", source="t.csv", given="2010年常住人口") == "2010年常住人口"
    one = pd.DataFrame(columns=["2035年人口", "常住人口"])
    assert require_column(one, "population", source="t.csv") == "常住人口"
    datums = pd.DataFrame(columns=["lon_gcj02", "经度", "经度(WGS84)"])
    assert columns_meaning(datums, "lon")[0] == "经度"


def test_an_unknown_column_is_refused_with_those_that_are_there() -> None:
    table = pd.DataFrame(columns=["id", "populaton", "x"])
    with pytest.raises(
        InputError, match=r"t.csv: no column 'population'; it has id, populaton, x; did you mean populaton"
    ):
        require_column(table, "population", source="t.csv", given="population")
    with pytest.raises(InputError, match=r"it has id, populaton, x.*expected one of population, people"):
        require_column(table, "population", source="t.csv")


@pytest.mark.parametrize("text", ["社保所,108.2\n", "𠮷祥䶮㙍,30.5\n"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-16-le"])
def test_utf16_is_known_by_its_mark(tmp_path: Path, encoding: str, text: str) -> None:
    mark = {"utf-16-be": b"\xfe\xff", "utf-16-le": b"\xff\xfe"}.get(encoding, b"")
    path = tmp_path / "t.csv"
    path.write_bytes(mark + ("name,x\n" + text).encode(encoding))
    assert read_table(path)[0].iloc[0].tolist() == text.strip().split(",")
    path.write_bytes(("name,x\n" + text).encode("utf-16-le"))
    with pytest.raises(InputError, match=r"t.csv: (holds NUL characters|the text is not UTF-8 or GB 18030)"):
        read_table(path)


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("网点名称", "cdf8b5e3c3fbb3c6"),
        ("䶮", "fe9f"),
        ("𠮷", "9534b235"),
        ("㙍", "8230ab33"),
    ],
)
def test_published_bytes_of_gb18030_are_read(tmp_path: Path, text: str, content: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"name,x\n" + bytes.fromhex(content) + b",1\n")
    assert read_table(path)[0]["name"].tolist() == [text]


HEADING: list[list[Any]] = [
    ["编号", "名称", "经纬度", None, "人数", None],
    [None, None, "经度", "纬度", "总人口", "60岁及以上"],
]


def merged(path: Path, rows: list[list[Any]], *ranges: str) -> Path:
    workbook = openpyxl.load_workbook(book(path, rows))
    for cells in ranges:
        workbook.active.merge_cells(cells)
    workbook.save(path)
    return path


def test_a_heading_of_two_rows_is_one_and_that_is_told(tmp_path: Path) -> None:
    rows = [["网点一览表"], *HEADING, ["001", "甲", 108.1, 30.5, 20, 5], ["002", "乙", 108.2, 30.6, 30, 6]]
    table, findings = read_table(merged(tmp_path / "t.xlsx", rows, "A2:A3", "B2:B3", "C2:D2", "E2:F2"))
    names = ["编号", "名称", "经纬度 / 经度", "经纬度 / 纬度", "人数 / 总人口", "人数 / 60岁及以上"]
    assert list(table.columns) == names
    assert list(table.index) == [4, 5]
    assert table.iloc[1].tolist() == ["002", "乙", "108.2", "30.6", "30", "6"]
    assert codes(findings) == {"title-row": 1, "two-row-heading": 1}
    assert str(findings[0]) == f"t.xlsx: rows 2 and 3 are read as one heading: {', '.join(names)}"
    found = {meaning: find_column(table, meaning, source="t") for meaning in ("lon", "lat", "population", "people_60")}
    assert list(found.values()) == names[2:]


def test_a_heading_of_two_rows_in_text(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('编号,位置,\n,东经,北纬\n1,"120°09\'18""","30°16\'26"""\n', encoding="utf-8")
    table, findings = read_table(path)
    assert list(table.columns) == ["编号", "位置 / 东经", "位置 / 北纬"]
    assert table.iloc[0].tolist() == ["1", "120°09'18\"", "30°16'26\""]
    assert codes(findings) == {"two-row-heading": 1}


@pytest.mark.parametrize(
    "rows",
    [
        [["id", "name", None, "n"], ["a", "甲", "note", 3], ["b", "乙", None, 4]],  # a number: no name of a column
        [["id", None, "name"], ["a", "note", "甲"], ["b", "more", "乙"]],  # no number below: nothing tells
        [["id", "name", "lon"], ["甲", "乙", None], ["b", "2", "3"]],  # no gap is filled
        [["id", None, "name"], ["a", "note", "甲"]],  # no row would be left
    ],
)
def test_a_first_row_of_text_is_no_second_heading(tmp_path: Path, rows: list[list[Any]]) -> None:
    table, findings = read_table(book(tmp_path / "t.xlsx", rows))
    assert len(table) == len(rows) - 1
    assert findings == []


def test_a_lower_name_that_two_columns_share_means_neither() -> None:
    table = pd.DataFrame(columns=["高德 / 经度", "百度 / 经度", "高德 / 纬度", "男 / 人口", "人口"])
    assert find_column(table, "lon", source="t") is None
    assert find_column(table, "lat", source="t") == "高德 / 纬度"
    assert find_column(table, "population", source="t") == "人口"


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("3.30106E+11", "330106000000"),
        ("3.30106e+11", "330106000000"),
        ("3E+11", "300000000000"),
        ("3.3010600001E+11", "330106000010"),
        ("9.1330106E+17", "9.1330106E+17"),  # no code of a county or village: zeros would make another one of it
    ],
)
def test_codes_that_a_spreadsheet_shortened_are_told(tmp_path: Path, text: str, read: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"行政区划代码,n\n{text},1\n330106000000,2\n", encoding="utf-8")
    table, (finding,) = read_table(path)
    assert table["行政区划代码"].tolist() == [read, "330106000000"]
    assert (finding.code, finding.count, finding.is_warning) == ("code-in-scientific", 1, True)
    assert str(finding) == (
        f"t.csv: column '行政区划代码': 1 cell is a code in scientific notation: row 2 '{text}'; "
        f"digits are lost, the first is read as {read}: format the column as text and export it again"
    )


@pytest.mark.parametrize("text", ["3.30106000001E+11", "1.2E+05", "1E-11", "E+11", "12E+11", "1E11", "330106000000"])
def test_numbers_that_lost_nothing_are_no_shortened_codes(tmp_path: Path, text: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"code,n\n{text},1\n", encoding="utf-8")
    assert read_table(path)[1] == []


def test_codes_keep_their_leading_zero(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("code,n\n011010000000,1\n", encoding="utf-8")
    assert read_table(path)[0]["code"].tolist() == ["011010000000"]


@pytest.mark.parametrize(("second", "people"), [(",°,°,人", "人口(人)"), (",（度）,（度）,（万人）", "人口(万人)")])
def test_a_second_row_of_units_goes_behind_the_names(tmp_path: Path, second: str, people: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"村名,经度,纬度,人口\n{second}\n甲,108.1,30.1,3\n乙,108.2,30.2,4\n", encoding="utf-8")
    table, findings = read_table(path)
    assert (table.columns[-1], table["村名"].tolist()) == (people, ["甲", "乙"])
    assert [finding.code for finding in findings] == ["two-row-heading"]
