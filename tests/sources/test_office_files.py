"""Tables as offices save them: merged and hidden cells, old and open formats, other countries' signs and encodings."""

# ruff: noqa: RUF001 -- Chinese has its own punctuation

from __future__ import annotations

import datetime as dt
import struct
import zipfile
from typing import TYPE_CHECKING, Any

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter
from openpyxl.comments import Comment
from openpyxl.styles import Font
from peopletables import read_people_table

from accessibility.errors import InputError
from accessibility.sources.decoding import decode_text
from accessibility.sources.tables.columns import ambiguous_sign, find_column, parse_numbers
from accessibility.sources.tables.people import PeopleSpec
from accessibility.sources.tables.places import PlaceSpec, read_sites
from accessibility.sources.tables.reading import read_table
from accessibility.sources.tables.workbooks import shown_sheets

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PEOPLE = [["镇", "村", "经度", "纬度", "人口"]] + [
    [town, f"V{n}", 104.0 + n / 100, 30.5, 100 * n]
    for n, town in enumerate(["甲镇", None, None, "乙镇", None], start=1)
]
MANY = "编号,名称\n1,城关镇便民服务中心\n2,喆垚社区居民委员会\n3,人力资源和社会保障所\n"


def book(path: Path, rows: list[list[Any]], change: Callable[[Any], None] = lambda _: None) -> Path:
    workbook = openpyxl.Workbook()
    for row in rows:
        workbook.active.append(row)
    change(workbook)
    workbook.save(path)
    return path


def codes(findings: list[Any]) -> dict[str, int]:
    return {finding.code: finding.count for finding in findings}


def test_a_merged_cell_stands_in_each_of_its_rows(tmp_path: Path) -> None:
    def merge(workbook: Any) -> None:
        workbook.active.merge_cells("A2:A4")
        workbook.active.merge_cells("A5:A6")

    table, _ = read_table(book(tmp_path / "t.xlsx", PEOPLE, merge))
    assert table["镇"].tolist() == ["甲镇", "甲镇", "甲镇", "乙镇", "乙镇"]
    table, _ = read_table(book(tmp_path / "plain.xlsx", PEOPLE))
    assert table["镇"].tolist() == ["甲镇", "", "", "乙镇", ""]  # nothing is merged, so nothing is said


def test_one_number_of_people_over_three_rows_is_refused(tmp_path: Path) -> None:
    path = book(tmp_path / "t.xlsx", PEOPLE, lambda workbook: workbook.active.merge_cells("E2:E4"))
    with pytest.raises(InputError, match=r"t.xlsx: column '人口': 2 rows have no number of their own.*rows 3, 4"):
        read_people_table(path, PeopleSpec(coordinates="WGS84"))


def test_hidden_rows_are_read_and_told_and_a_hidden_sheet_is_not_the_first(tmp_path: Path) -> None:
    def hide(workbook: Any) -> None:
        for row in (3, 5):
            workbook.active.row_dimensions[row].hidden = True
        draft = workbook.create_sheet("draft", 0)
        draft.append(["nothing", "of use"])
        draft.sheet_state = "hidden"

    table, findings = read_table(book(tmp_path / "t.xlsx", PEOPLE, hide))
    assert len(table) == 5
    said = {finding.code: str(finding) for finding in findings}
    assert said["hidden-rows"] == "t.xlsx: 2 rows are hidden in sheet 'Sheet' and read like the others: rows 3, 5"
    assert "the first shown of 2 sheets is read, 'Sheet'; the others are not: draft (hidden)" in said["other-sheets"]


def test_rows_that_are_struck_through_and_comments_are_told(tmp_path: Path) -> None:
    def mark(workbook: Any) -> None:
        sheet = workbook.active
        for cell in sheet[3]:
            cell.font = Font(strike=True)
        sheet["B5"].font = Font(strike=True)  # a word of a row, not the row
        sheet["B6"].comment = Comment("已撤销\n2023年", "planner")

    table, findings = read_table(book(tmp_path / "t.xlsx", PEOPLE, mark))
    assert len(table) == 5
    assert {finding.code: str(finding) for finding in findings} == {
        "struck-rows": "t.xlsx: 1 rows are struck through in sheet 'Sheet' and read like the others: rows 3",
        "struck-cells": "t.xlsx: 1 cells are struck through in sheet 'Sheet' and read like the others: rows 5",
        "unread-comments": "t.xlsx: 1 cells of sheet 'Sheet' have comments that are not read: row 6 '已撤销 2023年'",
    }


def test_a_sheet_that_is_a_chart_is_none(tmp_path: Path) -> None:
    path = book(tmp_path / "t.xlsx", PEOPLE, lambda workbook: workbook.create_chartsheet("graph", 0))
    table, findings = read_table(path)
    assert len(table) == 5
    assert findings == []
    with pytest.raises(InputError, match=r"no sheet 'graph'; it has Sheet"):
        read_table(path, sheet="graph")


def rewritten(source: Path, target: Path, change: Callable[[str, bytes], bytes]) -> Path:
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.namelist():
            new.writestr(part, change(part, old.read(part)))
    return target


def test_a_strict_workbook_is_read_like_any_other(tmp_path: Path) -> None:
    def strict(_: str, content: bytes) -> bytes:
        content = content.replace(
            b"http://schemas.openxmlformats.org/spreadsheetml/2006/main",
            b"http://purl.oclc.org/ooxml/spreadsheetml/main",
        )
        return content.replace(
            b"http://schemas.openxmlformats.org/officeDocument/2006/relationships",
            b"http://purl.oclc.org/ooxml/officeDocument/relationships",
        )

    usual = book(tmp_path / "t.xlsx", PEOPLE, lambda workbook: workbook.active.merge_cells("A2:A4"))
    expected, _ = read_table(usual)
    table, _ = read_table(rewritten(usual, tmp_path / "strict.xlsx", strict))
    pd.testing.assert_frame_equal(table, expected)


def test_a_formula_without_a_value_is_refused_where_it_decides(tmp_path: Path) -> None:
    rows: list[list[Any]] = [
        ["id", "lon", "lat", "partner", "address"],
        ["B1", 104.0, 30.5, '=IF(1=1,"是","")', '="Street "&1'],
    ]
    path = book(tmp_path / "t.xlsx", rows)
    with pytest.raises(InputError, match=r"t.xlsx: column 'partner': 1 cells are formulas without.*rows 2"):
        read_sites(path, PlaceSpec(role="banks", coordinates="WGS84"))
    outlets, _ = read_sites(path, PlaceSpec(role="outlets", coordinates="WGS84"))  # who asks for no partner
    assert outlets.index.tolist() == ["B1"]
    with pytest.raises(InputError, match="formulas"):
        read_sites(path, PlaceSpec(role="outlets", coordinates="WGS84", counts_if={"partner": "是"}))


def test_a_formula_with_a_value_is_that_value_and_an_error_is_none(tmp_path: Path) -> None:
    workbook = xlsxwriter.Workbook(tmp_path / "t.xlsx")
    sheet = workbook.add_worksheet()
    sheet.write_row(0, 0, ["id", "status", "partner"])
    sheet.write_row(1, 0, ["B1"])
    sheet.write_formula(1, 1, '=IF(1=1,"停用","")', value="停用")
    sheet.write_formula(1, 2, "=NA()", value="#N/A")
    workbook.close()
    table, _ = read_table(tmp_path / "t.xlsx")
    assert table["status"].tolist() == ["停用"]
    assert find_column(table, "status", source="t.xlsx") == "status"
    with pytest.raises(InputError, match="or errors"):
        find_column(table, "partner", source="t.xlsx")


def ods(path: Path, cells: str) -> Path:
    """Write an OpenDocument sheet (ISO 26300): content.xml beside the media type is all it needs."""
    names = (
        'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
        'xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0" '
        'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"'
    )
    body = (
        '<office:automatic-styles><style:style style:name="gone" style:family="table-cell"><style:text-properties '
        'style:text-line-through-style="solid"/></style:style></office:automatic-styles>'
    )
    body += f'<office:body><office:spreadsheet><table:table table:name="表">{cells}</table:table></office:spreadsheet>'
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr(
            "content.xml", f"<office:document-content {names}>{body}</office:body></office:document-content>"
        )
        archive.writestr("META-INF/manifest.xml", "<manifest/>")
    return path


def ods_cell(value: Any) -> str:
    if isinstance(value, str):
        return f'<table:table-cell office:value-type="string"><text:p>{value}</text:p></table:table-cell>'
    return f'<table:table-cell office:value-type="float" office:value="{value}"><text:p>x</text:p></table:table-cell>'


def biff(rows: list[list[Any]]) -> bytes:
    """Return the stream of a workbook of 1997: [MS-XLS] records BOF, BOUNDSHEET8, LABEL, NUMBER and EOF."""

    def record(kind: int, content: bytes = b"") -> bytes:
        return struct.pack("<HH", kind, len(content)) + content

    def cell(row: int, column: int, value: Any) -> bytes:
        if isinstance(value, str):
            text = struct.pack("<HB", len(value), 1) + value.encode("utf-16-le")
            return record(0x0204, struct.pack("<HHH", row, column, 0) + text)
        return record(0x0203, struct.pack("<HHHd", row, column, 0, value))

    def begin(kind: int) -> bytes:
        return record(0x0809, struct.pack("<HHHHII", 0x0600, kind, 0, 0, 0, 0))

    name = b"\x05\x00Sheet"
    start = len(begin(5)) + len(record(0x0085, struct.pack("<IBB", 0, 0, 0) + name)) + len(record(0x000A))
    book = begin(5) + record(0x0085, struct.pack("<IBB", start, 0, 0) + name) + record(0x000A)
    cells = b"".join(cell(r, c, v) for r, row in enumerate(rows) for c, v in enumerate(row) if v is not None)
    return book + begin(0x10) + cells + record(0x000A)


def compound(stream: bytes) -> bytes:
    """Return a compound file ([MS-CFB], sectors of 512 bytes) that holds one stream, ``Workbook``."""
    stream = stream.ljust(max(4096, -(-len(stream) // 512) * 512), b"\0")
    count, free, end = len(stream) // 512, 0xFFFFFFFF, 0xFFFFFFFE

    def entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
        text = (name + "\0").encode("utf-16-le")
        links = struct.pack("<BBIII", kind, 1, free, free, child) + bytes(36)
        return text.ljust(64, b"\0") + struct.pack("<H", len(text)) + links + struct.pack("<IQ", start, size)

    fat = [0xFFFFFFFD, end, *range(3, 2 + count), end]
    directory = entry("Root Entry", 5, 1, end, 0) + entry("Workbook", 2, free, 2, len(stream)) + bytes(256)
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    head += struct.pack("<IIIIIIIII", 0, 1, 1, 0, 4096, end, 0, end, 0)
    table = struct.pack(f"<{len(fat)}I", *fat).ljust(512, b"\xff")
    return head + struct.pack("<I", 0).ljust(436, b"\xff") + table + directory + stream


ROWS: list[list[Any]] = [["编号", "经度", "人口"], ["001", 104.25, 330106000000.0], ["002", 104.5, 7.0]]


@pytest.mark.parametrize("suffix", [".xls", ".et"])
def test_workbooks_of_1997_and_of_wps_are_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t{suffix}"
    path.write_bytes(compound(biff(ROWS)))
    table, findings = read_table(path)
    assert table.to_numpy().tolist() == [["001", "104.25", "330106000000"], ["002", "104.5", "7"]]
    assert codes(findings) == {"unseen-marks": 1}  # what is hidden, struck through or commented on there


def test_open_document_sheets_are_read(tmp_path: Path) -> None:
    rows = "".join(f"<table:table-row>{''.join(map(ods_cell, row))}</table:table-row>" for row in ROWS)
    table, _ = read_table(ods(tmp_path / "t.ods", rows))
    assert table.to_numpy().tolist() == [["001", "104.25", "330106000000"], ["002", "104.5", "7"]]


def test_percentages_and_hidden_rows_of_an_open_document_are_found(tmp_path: Path) -> None:
    shown = "".join(map(ods_cell, [30.5, 104.25]))
    share = '<table:table-cell office:value-type="percentage" office:value="0.5"><text:p>½</text:p></table:table-cell>'
    head = f"<table:table-row>{''.join(map(ods_cell, ['纬度', '经度', '人口']))}</table:table-row>"
    whole = head + f'<table:table-row table:visibility="collapse">{shown}{ods_cell(7)}</table:table-row>'
    people, findings = read_people_table(ods(tmp_path / "t.ods", whole), PeopleSpec(coordinates="WGS84"))
    assert (people["population"].tolist(), codes(findings)) == ([7], {"hidden-rows": 1})
    path = ods(tmp_path / "p.ods", f"{head}<table:table-row>{shown}{share}</table:table-row>")
    with pytest.raises(InputError, match=r"p.ods: column '人口' seems to hold a share; expected persons"):
        read_people_table(path, PeopleSpec(coordinates="WGS84"))


@pytest.mark.parametrize(
    ("value", "shown", "held"),
    [
        (1.2, "1.2万", "ten thousands"),
        (1.2, "1.2 千人", "thousands"),
        (12_000, "1.2万", ""),
        (12_345, "1.23万", ""),
        (12_000, "12,000人", ""),
        (7, "7000", "numbers that its format adds digits to"),
        (12_000, "1.2E+04", ""),
    ],
)
def test_numbers_of_an_open_document_are_what_is_shown_beside_them(
    tmp_path: Path, value: float, shown: str, held: str
) -> None:
    head = f"<table:table-row>{''.join(map(ods_cell, ['纬度', '经度', '人口']))}</table:table-row>"
    cell = ods_cell(value).replace(">x<", f">{shown}<")
    row = f"<table:table-row>{''.join(map(ods_cell, [30.5, 104.25]))}{cell}</table:table-row>"
    path = ods(tmp_path / "t.ods", head + row)
    if held:
        with pytest.raises(InputError, match=f"t.ods: column '人口' seems to hold {held}; expected persons"):
            read_people_table(path, PeopleSpec(coordinates="WGS84"))
    else:
        people, findings = read_people_table(path, PeopleSpec(coordinates="WGS84"))
        assert people["population"].tolist() == [value]
        assert "no-persons" not in codes(findings)


def test_struck_rows_and_comments_of_an_open_document_are_told(tmp_path: Path) -> None:
    first, second = (
        f'<table:table-row><table:table-cell table:style-name="{style}" office:value-type="string">{note}'
        f"<text:p>{word}</text:p></table:table-cell></table:table-row>"
        for style, note, word in (
            ("gone", "", "二厅"),
            ("ce1", "<office:annotation><text:p>已撤销</text:p></office:annotation>", "三厅"),
        )
    )
    head = f"<table:table-row>{ods_cell('名称')}</table:table-row>"
    table, findings = read_table(ods(tmp_path / "t.ods", head + first + second))
    assert table["名称"].tolist() == ["二厅", "三厅"]
    assert [finding.message for finding in findings] == [
        "1 rows are struck through in sheet '表' and read like the others: rows 2",
        "1 cells of sheet '表' have comments that are not read: row 3 '已撤销'",
    ]


@pytest.mark.parametrize("cell", ["10¹", "10①", "10₁", "⑩"])
def test_a_number_with_a_note_is_no_other_number(tmp_path: Path, cell: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"lon,lat,人口\n104,30.5,20\n104,30.6,{cell}\n", encoding="utf-8")
    with pytest.raises(InputError, match=rf"column '人口': 1 cell is not a number: row 3 '{cell}'"):
        read_people_table(path, PeopleSpec(coordinates="WGS84"))


def test_a_cell_repeated_over_the_whole_sheet_is_refused(tmp_path: Path) -> None:
    repeated = '<table:table-row table:number-rows-repeated="1000000"><table:table-cell office:value-type="float" '
    repeated += 'office:value="1" table:number-columns-repeated="16000"/></table:table-row>'
    with pytest.raises(InputError, match=r"t.ods: cannot be read as a workbook"):
        read_table(ods(tmp_path / "t.ods", repeated))


def test_a_workbook_saved_under_another_name_is_read_by_its_content(tmp_path: Path) -> None:
    expected, _ = read_table(book(tmp_path / "t.xlsx", PEOPLE))
    for name in ("t.csv", "t2.xls", "t.et"):
        (tmp_path / name).write_bytes((tmp_path / "t.xlsx").read_bytes())
        pd.testing.assert_frame_equal(read_table(tmp_path / name)[0], expected)
    (tmp_path / "text.xls").write_bytes("编号\t名称\n1\t甲\n".encode("utf-16"))
    assert read_table(tmp_path / "text.xls")[0]["名称"].tolist() == ["甲"]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"<html><table><tr><td>1</td></tr></table></html>", "a web page"),
        (b"\xef\xbb\xbf\n<table border=1><tr>", "a web page"),
        ("<html><table>".encode("utf-16"), "a web page"),
        (b"MIME-Version: 1.0\nContent-Type: multipart/related", "a web page"),
        (b'<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet">', "XML spreadsheet"),
    ],
)
def test_pages_and_xml_under_the_name_of_a_workbook_are_told_as_such(tmp_path: Path, content: bytes, what: str) -> None:
    path = tmp_path / "t.xls"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"t.xls: its content is .*{what}.*save it as .xlsx"):
        read_table(path)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("2024年,统计表\nid;n\n1;5\n2;6\n", [["1", "5"], ["2", "6"]]),
        ("Table, of 2024, by us\nid\tn\n1\t5\n", [["1", "5"]]),
        ("id;n;m\n1;1,5;2,5\n2;1,5;2,5\n", [["1", "1,5", "2,5"], ["2", "1,5", "2,5"]]),
        ("sep=;\r\nid;n\r\n1;5\r\n", [["1", "5"]]),
        ('"sep=|"\nid|n\n1|5\n', [["1", "5"]]),
        ("id,hours\n1,9:00;12:00\n2,9:00;12:00\n", [["1", "9:00;12:00"], ["2", "9:00;12:00"]]),
        ("sep=,\nid,n\n", None),
    ],
)
def test_the_delimiter_is_that_of_most_rows(tmp_path: Path, text: str, rows: list[list[str]] | None) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8", newline="")
    if rows is None:
        with pytest.raises(InputError, match="no rows"):
            read_table(path)
    else:
        assert read_table(path)[0].to_numpy().tolist() == rows


@pytest.mark.parametrize(
    ("cells", "of", "values"),
    [
        (["12,5", "1.234"], None, [12.5, 1234]),
        (["1.234.567", "8"], None, [1234567, 8]),
        (["1.234", "850"], "people", [1234, 850]),
        (["1.234", "850"], None, [1.234, 850]),
        (["1,234", "850"], "people", [1234, 850]),
        (["0,125", "1,250"], None, [0.125, 1.25]),
        (["108,123", "30"], "degrees", [108.123, 30]),
        (["108.123", "30"], "degrees", [108.123, 30]),
        (["1 234", "12\u202f345,5"], None, [1234, 12345.5]),
        (["1’234.5"], None, [1234.5]),
        (["-1,5", "１２，５"], None, [-1.5, 12.5]),
    ],
)
def test_one_sign_parts_the_decimals_of_a_column(cells: list[str], of: Any, values: list[float]) -> None:
    found, bad = parse_numbers(pd.Series(cells), of=of)
    assert found.tolist() == values
    assert not bad.any()


def test_cells_that_contradict_their_column_are_no_numbers() -> None:
    assert parse_numbers(pd.Series(["1,234.5", "1.234,5"]))[1].tolist() == [False, True]
    assert ambiguous_sign(pd.Series(["1.234", "2.345"]))[1].tolist() == [True, True]
    assert not ambiguous_sign(pd.Series(["1.234", "2.3"]))[1].any()


def people_csv(path: Path, cells: list[str]) -> Path:
    lines = [f"P{n};104,0{n};30,5;{cell}" for n, cell in enumerate(cells)]
    path.write_text("\n".join(["id;lon;lat;population", *lines]), encoding="utf-8")
    return path


def test_people_of_a_table_with_decimal_commas(tmp_path: Path) -> None:
    people, _ = read_people_table(people_csv(tmp_path / "t.csv", ["1.234", "850", "12.500"]), PeopleSpec())
    assert people["population"].tolist() == [1234, 850, 12500]
    assert people.geometry.x.tolist() == pytest.approx([104.0, 104.01, 104.02])
    with pytest.raises(InputError, match=r"column 'population': 2 cells may have a comma of thousands or of decimals"):
        read_people_table(people_csv(tmp_path / "t.csv", ["1,234", "2,500"]), PeopleSpec())
    _, findings = read_people_table(people_csv(tmp_path / "t.csv", ["1.234", "2.500"]), PeopleSpec())
    assert codes(findings)["ambiguous-point"] == 2


def test_a_number_of_a_workbook_is_never_taken_for_thousands(tmp_path: Path) -> None:
    path = book(
        tmp_path / "t.xlsx", [["id", "lon", "lat", "population"], ["P1", 104.5, 30.5, 1.234], ["P2", 104, 30, 850]]
    )
    people, findings = read_people_table(path, PeopleSpec())
    assert people["population"].tolist() == [1.234, 850]
    assert "ambiguous-point" not in codes(findings)


@pytest.mark.parametrize(
    ("text", "encoding", "code"),
    [
        (MANY, "gb18030", None),
        ("id,name\n1,臺北市政府社會局\n2,中山區公所\n", "big5", "encoding-guessed"),
        ("id;name\n1;Müller-Straße\n2;Zürich Café\n", "cp1252", "encoding-guessed"),
        ("id,name\n1,Hôtel de Ville\n2,Crèche\n", "cp1252", "encoding-guessed"),
    ],
)
def test_names_of_other_encodings_are_read_and_told(text: str, encoding: str, code: str | None) -> None:
    found, findings = decode_text(text.encode(encoding), None, "t.csv")
    assert found == text
    assert [finding.code for finding in findings] == ([code] if code else [])


def test_names_that_were_spoilt_before_are_told() -> None:
    spoilt = MANY.encode("gb18030").decode("cp1252", errors="ignore")
    _, findings = decode_text(spoilt.encode("utf-8"), None, "t.csv")
    assert [finding.code for finding in findings] == ["garbled-text"]
    assert decode_text("id,名\n1,a\ufffdb\n".encode(), None, "t.csv")[1][0].code == "garbled-text"
    assert decode_text("id;name\n1;Müller, Größe, Café, naïve, Ærø\n".encode(), None, "t.csv")[1] == []


@pytest.mark.parametrize("word", ["共计", "汇总", "全县总数", "全镇", "本区", "总 计：", "Total:", "合計"])
def test_rows_of_totals_are_set_aside(tmp_path: Path, word: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"序号,村,人口\n1,甲,10\n2,乙,20\n,{word},30\n3,{word},30\n", encoding="utf-8")
    table, findings = read_table(path)
    assert table["人口"].tolist() == ["10", "20"]
    assert codes(findings) == {"subtotal-row": 2}


def test_a_village_whose_name_begins_like_a_total_stays(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("村,人口\n全州镇,10\n总部社区,20\n汇总路社区,30\n", encoding="utf-8")
    assert len(read_table(path)[0]) == 3


PLACEMARK = "<Placemark><name>{}</name><Point><coordinates>{},30.5</coordinates></Point></Placemark>"


def kml(*folders: list[tuple[str, float]]) -> str:
    body = "".join(
        f"<Folder><name>F{n}</name>{''.join(PLACEMARK.format(*mark) for mark in marks)}</Folder>"
        for n, marks in enumerate(folders)
    )
    return f'<?xml version="1.0"?><kml xmlns="http://www.opengis.net/kml/2.2"><Document>{body}</Document></kml>'


@pytest.mark.parametrize("suffix", [".kml", ".ovkml", ".kmz"])
def test_marks_of_every_folder_of_a_kml_are_read(tmp_path: Path, suffix: str) -> None:
    path, text = tmp_path / f"t{suffix}", kml([], [("甲", 104.0)], [("乙", 104.1), ("丙", 104.2)])
    if suffix == ".kmz":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("doc.kml", text)
    else:
        path.write_text(text, encoding="utf-8")
    sites, _ = read_sites(path, PlaceSpec(role="outlets"))
    assert sites["name"].tolist() == ["甲", "乙", "丙"]
    assert sites.geometry.x.tolist() == [104.0, 104.1, 104.2]


def test_waypoints_of_a_gpx_are_places(tmp_path: Path) -> None:
    path = tmp_path / "t.gpx"
    path.write_text(
        '<?xml version="1.0"?><gpx version="1.1" creator="t" xmlns="http://www.topografix.com/GPX/1/1">'
        '<wpt lat="30.5" lon="104"><name>甲</name></wpt><trk><trkseg><trkpt lat="1" lon="1"/></trkseg></trk></gpx>',
        encoding="utf-8",
    )
    sites, _ = read_sites(path, PlaceSpec(role="outlets"))
    assert sites["name"].tolist() == ["甲"]


def test_a_workbook_of_few_bytes_that_unpacks_to_many_is_refused(tmp_path: Path) -> None:
    usual = book(tmp_path / "t.xlsx", PEOPLE)
    with zipfile.ZipFile(usual, "a", zipfile.ZIP_DEFLATED) as archive, archive.open("xl/media/x.xml", "w") as part:
        for _ in range(80):
            part.write(bytes(1 << 20))
    for read in (read_table, shown_sheets):  # whichever asks first
        with pytest.raises(InputError, match=r"t.xlsx: 0.1 MB that unpack to 84 MB; expected a table"):
            read(usual)


def test_a_value_in_the_last_cell_of_a_sheet_is_refused(tmp_path: Path) -> None:
    def far(workbook: Any) -> None:
        workbook.active["XFD1048576"] = 1

    with pytest.raises(InputError, match=r"t.xlsx: cannot be read as a workbook: (sheet|it asks for more memory)"):
        read_table(book(tmp_path / "t.xlsx", PEOPLE, far))


def test_a_parquet_file_of_more_rows_than_bytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    column = pa.array([b""]).dictionary_encode().take(pa.array([0] * 1_000))
    table = pa.table({"geometry": pa.chunked_array([column] * 1_001)})
    pq.write_table(table, path, compression="zstd")
    with pytest.raises(InputError, match=r"t.parquet: says 1,001,000 rows in 0.0 MB"):
        read_table(path)


def test_dates_and_truths_of_a_workbook_are_texts(tmp_path: Path) -> None:
    path = book(tmp_path / "t.xlsx", [["id", "since", "ok"], ["1", dt.date(2024, 1, 2), True]])
    assert read_table(path)[0].iloc[0].tolist() == ["1", "2024-01-02", "true"]


def shown(column: str, form: str, value: float) -> Callable[[Any], None]:
    def change(workbook: Any) -> None:
        for row in range(2, len(PEOPLE) + 1):
            cell = workbook.active[f"{column}{row}"]
            cell.value, cell.number_format = value, form

    return change


@pytest.mark.parametrize(
    ("form", "value", "said"),
    [
        *(("0%", 0.5, "a share"), ('0.0"万人"', 1.2, "ten thousands"), ("0.0 [$千人]", 1.2, "thousands")),
        *(('#,##0" thousand"', 12, "thousands"), ('0"人/km²"', 12, "a density")),
        *(('0!.0,"万"', 12_000, ""), ('#,##0,"k"', 12_000, ""), ('0"人"', 12, ""), ("#,##0;[Red]-0%", 12, "")),
    ],
)
def test_a_number_that_is_shown_in_another_unit_is_no_number_of_people(
    tmp_path: Path, form: str, value: float, said: str
) -> None:
    path = book(tmp_path / "t.xlsx", PEOPLE, shown("E", form, value))
    if said:
        with pytest.raises(InputError, match=f"column '人口' seems to hold {said}; expected persons"):
            read_people_table(path, PeopleSpec(coordinates="WGS84"))
    else:
        people, _ = read_people_table(path, PeopleSpec(coordinates="WGS84"))
        assert people["population"].sum() == 5 * value


def test_a_hidden_column_is_told_and_so_is_another_one_of_people(tmp_path: Path) -> None:
    def hide(workbook: Any) -> None:
        workbook.active["F1"] = "population"
        for row in range(2, 7):
            workbook.active[f"F{row}"] = 7
        workbook.active.column_dimensions["F"].hidden = True

    people, findings = read_people_table(book(tmp_path / "t.xlsx", PEOPLE, hide), PeopleSpec(coordinates="WGS84"))
    said = {finding.code: finding.message for finding in findings}
    assert people["population"].sum() == 35
    assert said["hidden-columns"] == "columns are hidden in the sheet and read like the others: population"
    assert said["other-people"] == "column 'population' is read, 35 people in all; 人口 may be people, too"


def test_sums_beside_the_names_of_towns_and_notes_below_are_set_aside(tmp_path: Path) -> None:
    rows: list[list[Any]] = [["乡镇", "村", "经度", "纬度", "人口"]]
    rows += [["甲镇", "V1", 104.0, 30.5, 10], ["甲镇", "V2", 104.1, 30.5, 20], ["甲镇", "小 计", None, None, 30]]
    rows += [["乙镇", "V3", 104.2, 30.5, 5], ["合计", None, None, None, 35], [None]]
    rows += [["注：不含流动人口"], ["二、数据截至年末"]]
    people, findings = read_people_table(book(tmp_path / "t.xlsx", rows), PeopleSpec(coordinates="WGS84"))
    assert people["population"].sum() == 35
    assert {code: count for code, count in codes(findings).items() if code.endswith("-row")} == {
        "subtotal-row": 2,
        "footnote-row": 2,
    }
    sites, findings = read_sites(
        book(tmp_path / "s.xlsx", [["名称", "经度", "纬度"], ["城关所", 104.0, 30.5], ["注册登记大厅"]]),
        PlaceSpec(role="outlets", coordinates="WGS84"),
    )
    assert (len(sites), "no-coordinates" in codes(findings)) == (1, True)  # a hall without a place is no note
    path = book(tmp_path / "unit.xlsx", [*rows[:3], ["单位：万人"]])
    with pytest.raises(InputError, match=r"the title '单位：万人' says ten thousands"):
        read_people_table(path, PeopleSpec(coordinates="WGS84"))


def test_names_and_a_column_of_units_speak_of_what_numbers_are(tmp_path: Path) -> None:
    text = "经度,纬度,人口,单位\n104,30.5,3,{}\n104.1,30.5,4,{}\n"
    (path := tmp_path / "t.csv").write_text(text.format("万人", "万人"), "utf-8")
    with pytest.raises(InputError, match="the title '单位: 万人' says ten thousands"):
        read_people_table(path, PeopleSpec(coordinates="WGS84"))
    (path := tmp_path / "人口_千人.csv").write_text(text.format("甲村", "乙村"), "utf-8")
    _, findings = read_people_table(path, PeopleSpec(coordinates="WGS84"))
    assert "speaks of thousands" in next(finding.message for finding in findings if finding.code == "unit-by-name")
