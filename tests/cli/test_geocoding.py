"""`accessibility geocode-list`: a list for a geocoder, and its answer taken back with how sure each place is."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

import numpy as np
import openpyxl
import pytest
from commands import call

from accessibility.cli.geocoding import Geocoding, run_geocoding
from accessibility.errors import InputError, OutputError
from accessibility.geo.projection import from_wgs84

if TYPE_CHECKING:
    from pathlib import Path

LIST = [
    ("网点编号", "网点名称", "详细地址", "乡镇"),
    ("A1", "城区大厅", "人民路1号", "城关镇"),
    ("A2", "东村服务站", "", "东乡"),
    ("A3", "=1+1", "东乡西村2组", "东乡"),
    ("A3", "无处", "云雾路9号", "城关镇"),
]


def write(path: Path, rows: Any) -> Path:
    with path.open("w", encoding="gb18030", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def sheet(path: Path, name: str | None = None) -> list[tuple[Any, ...]]:
    book = openpyxl.load_workbook(path)
    return [tuple(row) for row in (book[name] if name else book.worksheets[0]).iter_rows(values_only=True)]


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    return write(tmp_path / "网点.csv", LIST)


def test_the_workbook_asks_for_each_row_with_all_that_its_address_lies_in(listed: Path, tmp_path: Path) -> None:
    wanted = Geocoding(into=tmp_path / "问.xlsx", within="重庆市万州区", language="zh")
    done = run_geocoding(listed, wanted)
    assert (done.rows, done.found) == (4, 0)
    rows = sheet(tmp_path / "问.xlsx")
    assert rows[0] == ("序号", "名称", "地址", "乡镇街道", "经度", "纬度", "坐标系", "精度")
    assert [row[2] for row in rows[1:]] == [
        *(
            "重庆市万州区城关镇人民路1号",
            "重庆市万州区东乡东村服务站",
            "重庆市万州区东乡西村2组",
            "重庆市万州区城关镇云雾路9号",
        ),
    ]
    assert rows[3][1] == "=1+1"  # a text, no formula
    assert "GCJ-02" in str(sheet(tmp_path / "问.xlsx", "说明"))
    with pytest.raises(OutputError, match=r"问.xlsx exists; expected another name, or --overwrite"):
        run_geocoding(listed, wanted)


def answer(asked: Path, path: Path, *, head: tuple[str, ...], cells: list[tuple[Any, ...]]) -> Path:
    """Return the workbook as a geocoder gives it back: what was asked, and its own columns behind."""
    rows = sheet(asked)
    return write(path, [rows[0] + head, *(row + more for row, more in zip(rows[1:], cells, strict=True))])


PLACES = np.array([[108.40, 30.80], [108.45, 30.85], [108.50, 30.90]])


@pytest.mark.parametrize("datum", ["GCJ-02", "BD-09", "WGS84"])
def test_the_answer_comes_back_in_wgs84_with_how_sure_each_place_is(listed: Path, tmp_path: Path, datum: str) -> None:
    run_geocoding(listed, Geocoding(into=tmp_path / "asked.xlsx", language="zh"))
    lon, lat = from_wgs84(PLACES[:, 0], PLACES[:, 1], datum)
    cells = [(lon[0], lat[0], "门牌号"), (lon[1], lat[1], "乡镇"), (lon[2], lat[2], "区县"), ("", "", "")]
    back = answer(tmp_path / "asked.xlsx", tmp_path / "back.csv", head=("lng", "lat", "level"), cells=cells)
    wanted = Geocoding(into=tmp_path / "outlets.xlsx", answer=back, coordinates=datum)
    done = run_geocoding(listed, wanted)
    assert (done.rows, done.found, done.exact) == (4, 2, 1)
    rows = sheet(tmp_path / "outlets.xlsx")
    assert rows[0] == (*LIST[0], "lon", "lat", "datum", "precision")
    assert [row[:4] for row in rows[1:]] == [LIST[1], ("A2", "东村服务站", None, "东乡")]
    assert np.array([row[4:6] for row in rows[1:]], float) == pytest.approx(PLACES[:2], abs=2e-5)
    assert [row[6:] for row in rows[1:]] == [("WGS84", "geocoded"), ("WGS84", 2_500)]
    lost = sheet(tmp_path / "outlets.xlsx", "not found")
    assert [row[1] for row in lost[1:]] == ["=1+1", "无处"]  # a county is no place


def test_rows_may_come_back_in_another_order_and_say_their_datum(listed: Path, tmp_path: Path) -> None:
    rows = [
        ("序号", "经度", "纬度", "坐标系", "可信度"),
        ("3", *from_wgs84(PLACES[2, 0], PLACES[2, 1], "BD-09"), "百度", "80"),
        ("1", *PLACES[0], "WGS84", "20"),
        ("2", *from_wgs84(PLACES[1, 0], PLACES[1, 1], "GCJ-02"), "高德", ""),
    ]
    back = write(tmp_path / "back.csv", rows)
    run_geocoding(listed, Geocoding(into=tmp_path / "outlets.xlsx", answer=back, language="zh"))
    found = sheet(tmp_path / "outlets.xlsx")
    assert [(row[0], row[-1]) for row in found[1:]] == [("A2", "geocoded"), ("A3", 100)]
    assert np.array([row[4:6] for row in found[1:]], float) == pytest.approx(PLACES[1:], abs=2e-5)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("序号", "lng", "lat"), ("1", "108.4", "30.8")], "row 1 is in a datum that nothing says; expected WGS84"),
        ([("序号", "lng", "lat", "datum"), ("1", "108.4", "30.8", "mine")], "row 1 is in 'mine'; expected WGS84"),
        (
            [("序号", "lng", "lat", "datum"), ("9", "1", "2", "WGS84")],
            "1 rows answer no row of the list, .* first 9, 1",
        ),
        ([("序号", "lng", "lat"), ("1", "1", "2"), ("1", "1", "2")], "1 rows answer no row of the list, or one twice"),
        ([("lng", "lat"), ("108.4", "30.8")], "no column 序号 and no addresses"),
        ([("序号", "level"), ("1", "poi")], "no column for lon and lat"),
        (
            [("序号", "lng", "lat", "datum", "精度"), ("1", "1", "2", "WGS84", "好")],
            "column '精度' says '好'; expected",
        ),
    ],
)
def test_answers_that_cannot_be_taken_back(
    listed: Path, tmp_path: Path, rows: list[tuple[str, ...]], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        run_geocoding(listed, Geocoding(into=tmp_path / "out.xlsx", answer=write(tmp_path / "back.csv", rows)))
    assert not (tmp_path / "out.xlsx").exists()


def test_a_list_without_addresses_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "list.csv", [("x1", "x2"), ("1", "2")])
    with pytest.raises(InputError, match=r"list.csv: no addresses and no names; it has x1, x2; expected a column 地址"):
        run_geocoding(path, Geocoding(into=tmp_path / "out.xlsx"))


def test_the_command_says_what_to_do_next(
    listed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked, found = tmp_path / "asked.xlsx", tmp_path / "outlets.xlsx"
    assert call(monkeypatch, "geocode-list", listed, "--into", asked, "--lang", "en") == 0
    assert "4 addresses, 0 of them with a place already; have it geocoded" in capsys.readouterr().out
    cells = [(*PLACES[0], "GCJ-02")] + [("", "", "")] * 3
    back = answer(asked, tmp_path / "back.csv", head=("lng", "lat", "坐标系"), cells=cells)
    assert call(monkeypatch, "geocode-list", listed, "--answer", back, "--into", found, "--lang", "zh") == 0
    out = capsys.readouterr().out
    assert "4行中1行有坐标" in out
    assert '{ path = "outlets.xlsx", coordinates = "WGS84" }' in out
    assert "读取“精度”列" in out
