"""The workbook, opened again: the numbers of the CSV files, texts that stay texts, the same bytes."""

from __future__ import annotations

import csv
import datetime as dt
import io
import math
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import mapworlds
import openpyxl
import pandas as pd
import pytest
import reportworlds

from accessibility import InputError, OutputError
from accessibility.errors import visible
from accessibility.present.language import count
from accessibility.present.layers.files import write_csv
from accessibility.present.report.sheets import tabulate_sheets
from accessibility.present.report.workbook import write_workbook

if TYPE_CHECKING:
    from pathlib import Path

    from accessibility.cli.report_facts import Measured
    from accessibility.present.report.facts import Facts

DICTIONARY = pd.DataFrame(
    {"file": ["districts.csv"], "column": ["=1+1"], "meaning": ["people"], "meaning_zh": ["人口"]}
)


@pytest.fixture(scope="module")
def facts(sample_measured: Measured) -> Facts:
    return reportworlds.told(sample_measured)[0]


def opened(facts: Facts, path: Path, language: str = "en", **more: Any) -> openpyxl.Workbook:
    write_workbook(facts, path, language=language, **more)
    return openpyxl.load_workbook(path)


def csv_cells(frame: pd.DataFrame, path: Path) -> list[list[str]]:
    write_csv(frame, path)
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize("language", ["en", "zh", "both"])
def test_every_number_is_that_of_the_csv_files(language: str, facts: Facts, tmp_path: Path) -> None:
    book = opened(facts, tmp_path / "report.xlsx", language)
    assert facts.proposal is not None
    files = {"districts": facts.districts, "proposal": facts.proposal.table, "quality": facts.quality}
    places = {name: place for place, name in enumerate(tabulate_sheets(facts), start=1)}
    compared = 0
    for name, frame in files.items():
        heading, *rows = csv_cells(frame, tmp_path / f"{name}.csv")
        shown = list(book.worksheets[places[name]].iter_rows(min_row=2))
        columns = tabulate_sheets(facts)[name].columns
        assert len(shown) == len(rows)
        for cells, row in zip(shown, rows, strict=True):
            for cell, column in zip(cells, columns, strict=True):
                told = row[heading.index(column.name)]
                if column.is_text:
                    if column.kind == "text":
                        assert (cell.value or "") == told.removeprefix("'")
                elif told == "":
                    assert cell.value is None
                else:
                    assert cell.data_type == "n"
                    least = 0.0501 if column.kind == "count" else 1e-6  # people to a tenth
                    assert cell.value == pytest.approx(float(told), abs=least)
                    assert len(str(cell.value).rpartition(".")[2]) <= 6 or column.kind == "share"
                    compared += 1
    assert compared > 250


@pytest.mark.parametrize(("people", "shown"), [(3069.46, 3069), (315.451, 315), (1712.500003, 1713), (8.04, 8)])
def test_a_program_of_tables_shows_the_people_that_the_report_says(
    people: float, shown: int, facts: Facts, tmp_path: Path
) -> None:
    told = replace(facts, districts=facts.districts.assign(uncovered=people))
    place = [column.name for column in tabulate_sheets(told)["districts"].columns].index("uncovered")
    sheet = opened(told, tmp_path / "report.xlsx").worksheets[1]
    assert {math.floor(row[place].value + 0.5) for row in sheet.iter_rows(min_row=2)} == {shown}  # halves go up there
    assert count(people) == f"{shown:,}"


def test_the_summary_holds_the_totals(facts: Facts, tmp_path: Path) -> None:
    sheet = opened(facts, tmp_path / "report.xlsx").worksheets[0]
    told = {row[0].value: row[1] for row in sheet.iter_rows(min_row=3) if row[0].value}
    assert told["Share covered"].value == pytest.approx(facts.totals["covered_share"], rel=1e-14)
    assert told["Share covered"].number_format == "0.0%"
    assert told["Uncovered people"].value == pytest.approx(facts.totals["uncovered"], abs=0.0501)
    assert told["Status"].value == "feasible, not proven optimal"
    assert facts.proposal is not None
    assert told["Bound"].value == pytest.approx(facts.proposal.plan.bound, abs=1e-6)
    assert "walking at 1.0 m/s" in told["Headline"].value


def test_it_reads_well(facts: Facts, tmp_path: Path) -> None:
    book = opened(facts, tmp_path / "report.xlsx", "both", dictionary=DICTIONARY)
    assert len(book.sheetnames) == 16
    assert all(len(name) <= 31 for name in book.sheetnames)
    districts = book.worksheets[1]
    assert districts.freeze_panes == "B2"
    assert districts["A1"].value == "区划\nDistrict"
    assert districts["F2"].number_format == "#,##0"
    assert districts["G2"].number_format == "0.0%"
    assert districts.cell(districts.max_row, 1).value == "合计 total"
    assert districts.cell(districts.max_row, 2).font.bold
    assert all(7 <= column.width <= 60 for column in districts.column_dimensions.values())
    assert [cell.value for cell in book.worksheets[-1][2]] == ["districts.csv", "=1+1", "people", "人口"]
    chinese = opened(facts, tmp_path / "zh.xlsx", "zh", dictionary=DICTIONARY)
    assert chinese.sheetnames[1] == "分区划"
    assert [cell.value for cell in chinese.worksheets[-1][2]] == ["districts.csv", "=1+1", "人口"]


def widths(sheet: Any) -> list[float]:
    """Return the width of each column; alike neighbours stand in the file once."""
    groups = {place: one.width for one in sheet.column_dimensions.values() for place in range(one.min, one.max + 1)}
    return [groups[place] for place in range(1, sheet.max_column + 1)]


def test_wide_tables_take_several_pages_and_long_texts_wrap(facts: Facts, tmp_path: Path) -> None:
    book = opened(facts, tmp_path / "report.xlsx", "zh", dictionary=DICTIONARY)
    for sheet in book.worksheets[1:]:
        wide, pages = widths(sheet), sheet.page_setup.fitToWidth or 1
        assert sum(wide) - len(wide) <= 190 * pages, sheet.title  # the file adds almost a letter to each
        assert pages == 1 or sheet.print_title_cols == "$A:$A"
        for row in sheet.iter_rows(min_row=2):
            for cell, width in zip(row, wide, strict=True):
                if isinstance(cell.value, str) and sum(2 if ord(c) > 0x2E80 else 1 for c in cell.value) > width:
                    assert cell.alignment.wrap_text, cell.value
    assert book["服务盲区"].page_setup.fitToWidth >= 2


def test_hostile_texts_stay_texts(facts: Facts, tmp_path: Path) -> None:
    formulas = (
        "=1+1",
        "+1",
        "-1",
        "@x",
        '=HYPERLINK("x")',
        "\t=1",
        "http://example.com",
        "mailto:a@b.c",
        "_x0041_",
        "007",
    )
    spoilt = reportworlds.spoilt(facts)
    groups = pd.DataFrame({"group": formulas, "population": 1.0, "covered": 1.0, "covered_share": 1.0,
                           "covered_elderly": 1.0, "covered_share_elderly": float("nan")})  # fmt: skip
    book = opened(replace(spoilt, groups=groups), tmp_path / "report.xlsx")
    every = [cell for sheet in book.worksheets for row in sheet.iter_rows() for cell in row]
    assert {cell.data_type for cell in every} <= {"s", "n"}
    assert all(cell.hyperlink is None for cell in every)
    shown = {cell.value for cell in every}
    assert {visible(name) for name in mapworlds.NAMES} <= shown
    assert [row[0].value for row in book["Groups"].iter_rows(min_row=2)] == list(formulas)


def test_what_no_cell_can_hold_is_cut_or_replaced(facts: Facts, tmp_path: Path) -> None:
    frame = facts.inputs.assign(file=pd.Series(["a\ud800b", "x" * 40_000, *facts.inputs["file"][2:]], dtype=object))
    book = opened(replace(facts, inputs=frame, study="s\ud800"), tmp_path / "report.xlsx")
    cells = [row[1].value for row in book["Inputs"].iter_rows(min_row=2, max_row=3)]
    assert cells == ["a\ufffdb", "x" * 32_767]


def test_the_same_facts_give_the_same_bytes_on_any_day(
    facts: Facts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Dated(type(dt.datetime)):  # type: ignore[misc]
        def __instancecheck__(cls, value: object) -> bool:
            return isinstance(value, dt.datetime)

    class Later(dt.datetime, metaclass=Dated):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return dt.datetime(2031, 1, 2, 3, 4, 5, tzinfo=tz)

    write_workbook(facts, tmp_path / "one.xlsx", language="zh")
    monkeypatch.setattr("time.time", lambda: 1_900_000_000.0)
    monkeypatch.setattr("xlsxwriter.core.datetime", Later)
    write_workbook(facts, tmp_path / "two.xlsx", language="zh")
    one = (tmp_path / "one.xlsx").read_bytes()
    assert one == (tmp_path / "two.xlsx").read_bytes()
    with zipfile.ZipFile(io.BytesIO(one)) as parts:
        assert {part.date_time[0] for part in parts.infolist()} == {1980}
        assert f"{reportworlds.DATE}T00:00:00Z" in parts.read("docProps/core.xml").decode()


def test_without_people_or_proposal_every_sheet_stands_with_its_headings(facts: Facts, tmp_path: Path) -> None:
    bare = replace(facts, proposal=None, frontier=facts.frontier.head(0), groups=facts.groups.head(0), date="autumn")
    book = opened(bare, tmp_path / "report.xlsx")
    for name in ("Proposal", "Frontier", "Groups"):
        assert book[name].max_row == 1
        assert book[name]["A1"].value


def test_faults_are_told(facts: Facts, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected one of en, zh, both"):
        write_workbook(facts, tmp_path / "x.xlsx", language="de")
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OutputError, match=r"x\.xlsx cannot be written|file cannot be written"):
        write_workbook(facts, tmp_path / "file" / "x.xlsx")
