"""What a file holds is found by its content."""

# ruff: noqa: RUF001 -- Chinese has its own punctuation

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from rasterio.transform import from_origin

from accessibility.errors import InputError
from accessibility.sources.recognition import recognise_files
from accessibility.sources.tables.reading import read_table

if TYPE_CHECKING:
    from pathlib import Path

PLACES: dict[str, Any] = {"经度": [108.1, 108.2], "纬度": [30.1, 30.2]}


def table(path: Path, encoding: str = "gb18030", **columns: Any) -> Path:
    pd.DataFrame(columns).to_csv(path, index=False, encoding=encoding)
    return path


def raster(path: Path, values: np.ndarray[Any, Any]) -> Path:
    where = from_origin(500_000, 3_000_000, 100, 100)
    with rasterio.open(
        path, "w", driver="GTiff", width=values.shape[1], height=values.shape[0], count=1,
        dtype="float32", crs="EPSG:32649", transform=where,
    ) as file:  # fmt: skip
        file.write(values.astype("float32"), 1)
    return path


def roles(*paths: Path, **given: str) -> dict[str, str]:
    return {one.path.name: one.role for one in recognise_files([(p, given.get(p.stem)) for p in paths])}


def test_tables_are_told_apart_by_columns_and_names(tmp_path: Path) -> None:
    outlets = table(tmp_path / "a.csv", 网点名称=["东街社保服务站", "西街便民中心"], **PLACES)
    banks = table(tmp_path / "b.csv", 网点名称=["农村商业银行东街支行", "城关信用社"], **PLACES)
    partners = table(tmp_path / "c.csv", 名称=["甲", "乙"], 是否合作=["是", "否"], **PLACES)
    candidates = table(tmp_path / "d.csv", 名称=["甲地", "乙地"], 类型=["候选点", "候选点"], **PLACES)
    people = table(tmp_path / "e.csv", 小区名称=["甲", "乙"], 常住人口=[300, 200], **PLACES)
    totals = table(tmp_path / "f.csv", 乡镇=["甲镇", "乙乡"], 常住人口=["3万", "2万"])
    assert roles(outlets, banks, candidates, people, totals) == {
        "a.csv": "outlets",
        "b.csv": "banks",
        "d.csv": "candidates",
        "e.csv": "population",
        "f.csv": "totals",
    }
    (partner,) = recognise_files([(partners, None)])
    assert (partner.role, partner.evidence[-1]) == ("banks", ("partner_column", {"column": "是否合作"}))
    (joined,) = recognise_files([(totals, None)])
    assert joined.keys == {"population": "常住人口"}


def test_an_outlet_list_that_counts_its_people_is_no_table_of_people(tmp_path: Path) -> None:
    file = table(tmp_path / "a.csv", 名称=["东街社保服务站"] * 2, 人口=[9, 8], 营业时间=["9-17"] * 2, **PLACES)
    assert roles(file) == {"a.csv": "outlets"}


def test_geometry_tells_streets_districts_and_places(tmp_path: Path) -> None:
    square = shapely.box(108, 30, 108.5, 30.5)
    frames = {
        "town.gpkg": {"geometry": [square], "乡镇": ["东镇"], "常住人口": [900]},
        "roads.geojson": {"geometry": [square.exterior], "highway": ["primary"]},
        "odd.gpkg": {"geometry": [square, square], "code": ["1", "2"], "XZQMC": ["东镇", "西镇"]},
    }
    for name, columns in frames.items():
        gpd.GeoDataFrame(columns, crs="EPSG:4326").to_file(tmp_path / name)
    area, roads = recognise_files([(tmp_path / "roads.geojson", None), (tmp_path / "town.gpkg", None)])[::-1]
    assert (area.role, roads.role) == ("area", "network")
    assert area.keys == {"name": "乡镇", "population": "常住人口"}
    (odd,) = recognise_files([(tmp_path / "odd.gpkg", None)])
    assert odd.keys == {"name": "XZQMC"}  # the first column of texts that differ


def test_people_and_heights_are_told_apart_by_their_cells(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    hills = 300 + 200 * np.sin(np.arange(80) / 9)[:, None] + 100 * np.cos(np.arange(60) / 7)[None, :]
    crowd = np.where(rng.random((80, 60)) < 0.2, rng.uniform(1, 90, (80, 60)), 0)
    full = rng.uniform(1, 90, (80, 60))  # a city without an empty cell: still no hills
    low = hills - 520  # part of it below the sea
    found = roles(raster(tmp_path / "x.tif", hills), raster(tmp_path / "y.tif", crowd))
    assert found == {"x.tif": "elevation", "y.tif": "population"}
    assert roles(raster(tmp_path / "z.tif", full)) == {"z.tif": "population"}
    assert roles(raster(tmp_path / "w.tif", low)) == {"w.tif": "elevation"}


def test_classes_are_neither_people_nor_heights(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    cover = raster(tmp_path / "cover.tif", rng.choice([10, 20, 30, 40, 50, 80], size=(40, 40)))
    lights = raster(tmp_path / "viirs_2022.tif", rng.gamma(0.3, 9.0, (40, 40)))
    for path, what in ((cover, "classes"), (lights, "lights")):
        with pytest.raises(InputError, match=f"its cells seem to be {what}; .*such as population={path.name}"):
            recognise_files([(path, None)])
        assert roles(path, **{path.stem: "population"}) == {path.name: "population"}


def test_the_fuller_raster_is_everyone_the_others_are_groups(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    crowd = np.where(rng.random((80, 60)) < 0.2, rng.uniform(1, 90, (80, 60)), 0)
    found = recognise_files([(raster(tmp_path / f"{n}.tif", crowd * part), None) for n, part in
                             (("old_60plus_2020", 0.2), ("all_2020", 1.0), ("disabled", 0.1))])  # fmt: skip
    assert [(one.path.name, one.role, one.keys.get("name")) for one in found] == [
        ("all_2020.tif", "population", None),
        ("disabled.tif", "group", "disabled"),
        ("old_60plus_2020.tif", "group", "60+"),
    ]
    (one,) = recognise_files([(tmp_path / "old_60plus_2020.tif", "group")])
    assert (one.role, one.keys["name"]) == ("group", "60+")


def test_parts_of_a_shapefile_are_no_files_of_their_own(tmp_path: Path) -> None:
    gpd.GeoDataFrame({"name": ["a"]}, geometry=[shapely.box(0, 0, 1, 1)], crs="EPSG:4326").to_file(tmp_path / "a.shp")
    assert roles(*sorted(tmp_path.iterdir())) == {"a.shp": "area"}


def test_what_a_user_says_counts_more(tmp_path: Path) -> None:
    file = table(tmp_path / "a.csv", 名称=["农村商业银行东街支行"] * 2, **PLACES)
    assert roles(file) == {"a.csv": "banks"}
    assert roles(file, a="outlets") == {"a.csv": "outlets"}
    with pytest.raises(InputError, match="given as 'shops'; expected one of network"):
        recognise_files([(file, "shops")])


def test_what_is_not_recognised_is_said_with_a_remedy(tmp_path: Path) -> None:
    first, second = (table(tmp_path / f"{n}.csv", 名称=["银行"] * 2, **PLACES) for n in "ab")
    with pytest.raises(InputError, match=r"a\.csv and b\.csv are both taken for banks.*such as banks=b\.csv"):
        recognise_files([(first, None), (second, None)])
    with pytest.raises(InputError, match=r"no coordinates and no column of people.*geocoder"):
        recognise_files([(table(tmp_path / "c.csv", 名称=["甲"], 地址=["东街1号"]), None)])
    codes = np.full((20, 20), 11.0)
    codes[:, :9] = 30
    with pytest.raises(InputError, match="classes of settlement"):
        recognise_files([(raster(tmp_path / "smod.tif", codes), None)])
    with pytest.raises(
        InputError, match=r"\.docx; expected a table \(\.csv.*, points, lines or polygons \(\.geojson.*a \.zip"
    ):
        recognise_files([(tmp_path / "list.docx", None)])
    with pytest.raises(InputError, match="expected people or heights"):
        recognise_files([(raster(tmp_path / "void.tif", np.full((20, 20), np.nan)), None)])
    (tmp_path / "cut.tif").write_bytes(b"II*\0" + b"x" * 100)
    with pytest.raises(InputError, match=r"cut\.tif: cannot be read as \.tif"):
        recognise_files([(tmp_path / "cut.tif", None)])
    with pytest.raises(InputError, match=r"all\.rar: an archive.*unpack it first"):
        recognise_files([(tmp_path / "all.rar", None)])
    (tmp_path / "towns.shp").touch()
    (tmp_path / "towns.SHX").touch()
    with pytest.raises(InputError, match=r"towns\.shp: towns\.dbf of the Shapefile are not next to it"):
        recognise_files([(tmp_path / "towns.shp", None)])
    with pd.ExcelWriter(tmp_path / "book.xlsx") as book:
        pd.DataFrame({"说明": ["本表由县局填报"]}).to_excel(book, sheet_name="说明", index=False)
        for sheet in ("城区", "乡村"):
            pd.DataFrame({"名称": ["社保所"] * 2, **PLACES}).to_excel(book, sheet_name=sheet, index=False)
    with pytest.raises(InputError, match=r"book\.xlsx: 城区, 乡村 in it are all taken for outlets"):
        recognise_files([(tmp_path / "book.xlsx", None)])


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ("常住人口（万人）", "column '常住人口（万人）' seems to hold ten thousands; expected persons"),
        ("60岁及以上人口（人）", "60岁及以上人口（人） may count people"),
        ("参保人数", "参保人数 may count people"),
        ("户数", "户数 may count people"),
        ("常住人口（", r"常住人口（ may count people"),  # as a Shapefile cuts it
    ],
)
@pytest.mark.parametrize("where", [PLACES, {}])
def test_people_in_doubt_are_asked_for(tmp_path: Path, column: str, said: str, where: dict[str, Any]) -> None:
    columns: dict[str, Any] = {"村名": ["甲", "乙"], column: [3, 2], **where}
    file = table(tmp_path / "a.csv", **columns)
    with pytest.raises(InputError, match=said):
        recognise_files([(file, None)])
    if where:
        assert roles(file, a="outlets") == {"a.csv": "outlets"}


def test_headings_that_name_a_datum_say_how_coordinates_are_read(tmp_path: Path) -> None:
    file = table(tmp_path / "a.csv", 名称=["甲", "乙"], 高德经度=[108.1, 108.2], 高德纬度=[30.1, 30.2])
    assert recognise_files([(file, None)])[0].keys == {"coordinates": "GCJ-02"}


def test_shapes_are_where_they_are_whatever_columns_say(tmp_path: Path) -> None:
    columns = {"名称": ["甲"], "经度(GCJ02)": [108.1], "纬度(GCJ02)": [30.1]}
    gpd.GeoDataFrame(columns, geometry=[shapely.Point(108.1, 30.1)], crs=4490).to_file(tmp_path / "a.geojson")
    assert recognise_files([(tmp_path / "a.geojson", None)])[0].keys == {}


def test_an_outlet_list_may_say_whom_it_has_room_for_and_who_works_there(tmp_path: Path) -> None:
    file = table(tmp_path / "a.csv", 名称=["甲", "乙"], 可服务人数=[9, 8], 职工人数=[3, 2], **PLACES)
    assert roles(file) == {"a.csv": "outlets"}


def test_the_sheet_behind_a_sheet_of_explanations_is_found(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with pd.ExcelWriter(path) as book:
        pd.DataFrame({"填表说明": ["请逐项填写", "坐标用 WGS84"]}).to_excel(book, sheet_name="说明", index=False)
        pd.DataFrame({"*网点名称": ["东街", "西街"], **PLACES}).to_excel(book, sheet_name="清单", index=False)
    (one,) = recognise_files([(path, None)])
    assert (one.role, one.keys, one.evidence[0]) == ("outlets", {"sheet": "清单"}, ("of_sheet", {"name": "清单"}))
    with pytest.raises(InputError, match="no coordinates and no column of people"):
        recognise_files([(path, "banks")])


def test_layers_of_one_file_are_told_apart(tmp_path: Path) -> None:
    path, points = tmp_path / "a.gpkg", gpd.points_from_xy([108.1, 108.2], [30.1, 30.2])
    people = gpd.GeoDataFrame({"村名": ["甲", "乙"], "常住人口（人）": [3, 2]}, geometry=points, crs=4490)
    people.to_file(path, layer="村")
    people[["村名", "geometry"]].to_file(path, layer="网点")
    found = recognise_files([(path, None)])
    assert [(one.role, one.keys["layer"]) for one in found] == [("population", "村"), ("outlets", "网点")]
    assert [one.keys for one in recognise_files([(path, "outlets")])] == [{"layer": "网点"}]
    people.to_file(path, layer="村2")
    with pytest.raises(InputError, match="村, 村2 in it are all taken for population; expected one of them"):
        recognise_files([(path, None)])


def test_names_that_a_shapefile_cuts_inside_a_letter_are_read_without_it(tmp_path: Path) -> None:
    path, points = tmp_path / "a.shp", gpd.points_from_xy([108.1, 108.2], [30.1, 30.2])
    gpd.GeoDataFrame({"n" * 10: ["v" * 10, "east"]}, geometry=points, crs=4490).to_file(path, encoding="utf-8")
    content = path.with_suffix(".dbf").read_bytes()
    for letter, text in (("n", "网点名称"), ("v", "东街长街")):
        content = content.replace(letter.encode() * 10, text.encode()[:10])
    path.with_suffix(".dbf").write_bytes(content)
    assert read_table(path)[0]["网点名"].tolist() == ["东街长", "east"]


def test_headings_tell_candidates_and_banks(tmp_path: Path) -> None:
    candidates = table(tmp_path / "a.csv", 候选点名称=["甲", "乙"], **PLACES)
    banks = table(tmp_path / "b.csv", 所属银行=["农行", "工行"], 网点名称=["甲", "乙"], **PLACES)
    outlets = table(tmp_path / "c.csv", 合作银行=["农行", "工行"], 网点名称=["甲", "乙"], **PLACES)
    assert roles(candidates, banks, outlets) == {"a.csv": "candidates", "b.csv": "banks", "c.csv": "outlets"}


def test_people_of_districts_in_a_sheet_that_is_not_the_first_are_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with pd.ExcelWriter(path) as book:
        pd.DataFrame({"说明": ["请逐项填写"]}).to_excel(book, sheet_name="说明", index=False)
        pd.DataFrame({"乡镇": ["甲镇", "乙乡"], "常住人口": [3, 2]}).to_excel(book, sheet_name="人口", index=False)
    with pytest.raises(
        InputError, match="its sheet '人口' has the people of districts; expected it as the first sheet"
    ):
        recognise_files([(path, None)])


@pytest.mark.parametrize(("years", "read"), [((2010, 2020, 2099), 2020), ((2098, 2099), 2099), ((2020,), 2020)])
def test_of_people_of_several_years_the_last_that_has_begun_is_written_down(
    tmp_path: Path, years: tuple[int, ...], read: int
) -> None:
    columns: dict[str, Any] = {f"{year}年常住人口": [3, 2] for year in years} | PLACES
    (found,) = recognise_files([(table(tmp_path / "a.csv", **columns), None)])
    assert (found.role, found.keys["column"]) == ("population", f"{read}年常住人口")
