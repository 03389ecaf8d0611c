"""Every format of outlets, people, streets and districts through the whole command; and one broken file of each."""

from __future__ import annotations

import json
import re
import warnings
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import openpyxl
import osmnx
import pandas as pd
import pytest
from commands import call
from conftest import STEP_DEG
from shapely import LineString, Point, box
from worlds import edit

import accessibility as acc

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OUTLETS = 'outlets = { path = "outlets.csv", coordinates = "WGS84" }'
PEOPLE = 'population = { path = "people.csv", setting = "setting", coordinates = "WGS84" }'
NAME = "城关镇社保所䶮"


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))


def cover(study: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    return call(monkeypatch, "cover", study, "--out", out, "--quiet")


def points(folder: Path, file: str) -> gpd.GeoDataFrame:
    table = pd.read_csv(folder / file, dtype=str)
    place = gpd.points_from_xy(table.pop("lon").astype(float), table.pop("lat").astype(float))
    return gpd.GeoDataFrame(table, geometry=place, crs=4326)


def csv_in(encoding: str) -> Callable[[Path, gpd.GeoDataFrame], None]:
    def write(path: Path, frame: gpd.GeoDataFrame) -> None:
        table = pd.DataFrame(frame.drop(columns="geometry")).assign(经度=frame.geometry.x, 纬度=frame.geometry.y)
        path.write_bytes(table.to_csv(index=False).encode(encoding))

    return write


def workbook(path: Path, frame: gpd.GeoDataFrame) -> None:
    book = openpyxl.Workbook()
    sheet: Any = book.active
    sheet.append([*(c for c in frame.columns if c != "geometry"), "坐标"])
    for row, place in zip(frame.drop(columns="geometry").itertuples(index=False), frame.geometry, strict=True):
        sheet.append([*row, f"{place.x},{place.y}"])
    book.save(path)


def shapefile(encoding: str, *, cpg: bool) -> Callable[[Path, gpd.GeoDataFrame], None]:
    def write(path: Path, frame: gpd.GeoDataFrame) -> None:
        frame.to_file(path, engine="pyogrio", encoding=encoding)
        if not cpg:
            path.with_suffix(".cpg").unlink()

    return write


def kml(path: Path, frame: gpd.GeoDataFrame) -> None:
    def mark(row: Any) -> str:
        fields = "".join(f'<Data name="{c}"><value>{row[c]}</value></Data>' for c in row.index if c != "geometry")
        place = f"<Point><coordinates>{row.geometry.x},{row.geometry.y}</coordinates></Point>"
        return f"<Placemark><ExtendedData>{fields}</ExtendedData>{place}</Placemark>"

    marks = "".join(mark(row) for _, row in frame.iterrows())
    path.write_text(f'<kml xmlns="http://www.opengis.net/kml/2.2"><Document>{marks}</Document></kml>', encoding="utf-8")


def kml_of_a_desktop(path: Path, frame: gpd.GeoDataFrame) -> None:
    frame.to_file(path, driver="LIBKML")


def kml_with_a_schema(path: Path, frame: gpd.GeoDataFrame) -> None:
    columns = [c for c in frame.columns if c != "geometry"]
    schema = "".join(f'<SimpleField name="{c}" type="string"/>' for c in columns)

    def mark(row: Any) -> str:
        fields = "".join(f'<SimpleData name="{c}">{row[c]}</SimpleData>' for c in columns)
        place = f"<Point><coordinates>{row.geometry.x},{row.geometry.y}</coordinates></Point>"
        data = f'<ExtendedData><SchemaData schemaUrl="#s">{fields}</SchemaData></ExtendedData>'
        return f"<Placemark>{data}{place}</Placemark>"

    body = f'<Schema name="s" id="s">{schema}</Schema>' + "".join(mark(row) for _, row in frame.iterrows())
    path.write_text(f'<kml xmlns="http://www.opengis.net/kml/2.2"><Document>{body}</Document></kml>', encoding="utf-8")


def geographic(path: Path, frame: gpd.GeoDataFrame) -> None:
    frame.to_file(path)


GOOD: dict[str, tuple[str, Callable[[Path, gpd.GeoDataFrame], None]]] = {
    "CSV, UTF-8": ("t.csv", csv_in("utf-8")),
    "CSV, UTF-8 with mark": ("t.csv", csv_in("utf-8-sig")),
    "CSV, GB 18030": ("t.csv", csv_in("gb18030")),
    "CSV, UTF-16": ("t.csv", csv_in("utf-16")),
    "XLSX": ("t.xlsx", workbook),
    "GeoJSON": ("t.geojson", geographic),
    "GeoPackage": ("t.gpkg", lambda path, frame: frame.to_crs(32649).to_file(path)),
    "GeoParquet": ("t.parquet", lambda path, frame: frame.to_parquet(path)),
    "Shapefile with .cpg": ("t.shp", shapefile("GB18030", cpg=True)),
    "Shapefile without .cpg": ("t.shp", shapefile("GBK", cpg=False)),
    "KML": ("t.kml", kml),
    "KML of GDAL": ("t.kml", kml_of_a_desktop),
    "KML with a schema": ("t.kml", kml_with_a_schema),
}


def with_sites_and_people(study: Path, name: str) -> str:
    """Have a study read its outlet and its people from files of a format; return the name that the outlet then has."""
    file, write = GOOD[name]
    # GBK, which a Shapefile without a .cpg is taken for, lacks the last letter.
    label = NAME[:-1] if name == "Shapefile without .cpg" else NAME
    crs = ', coordinates = "WGS84"' if file.endswith(("csv", "xlsx")) else ""
    write(study.parent / f"o{file}", points(study.parent, "outlets.csv").assign(name=label))
    people = points(study.parent, "people.csv").rename(columns={"population": "people"})  # ten letters in a Shapefile
    write(study.parent / f"p{file}", people)
    edit(study, OUTLETS, f'outlets = {{ path = "o{file}"{crs} }}')
    edit(study, PEOPLE, f'population = {{ path = "p{file}", setting = "setting"{crs} }}')
    return label


@pytest.mark.parametrize("name", list(GOOD))
def test_outlets_and_people_of_every_format_are_the_same(name: str, town: Path) -> None:
    label = with_sites_and_people(town, name)
    study = acc.read_study(town)
    assert study.sites.name[0] == label
    table = study.coverage().to_gdf()
    assert table.index.tolist() == ["p1", "p2", "p3", "p4", "p5"]
    assert table["population"].tolist() == [10, 20, 40, 80, 160]
    assert table.index[table["covered"]].tolist() == ["p1", "p2"]
    assert set(table["nearest_site"]) == {"O1"}


@pytest.mark.parametrize("name", ["CSV, GB 18030", "Shapefile without .cpg"])
def test_what_stands_in_a_file_stands_in_the_folder_of_a_run(
    name: str, town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    label = with_sites_and_people(town, name)
    assert cover(town, tmp_path / "out", monkeypatch) == 0
    table = gpd.read_parquet(tmp_path / "out" / "demand.parquet")
    assert table["id"].tolist() == ["p1", "p2", "p3", "p4", "p5"]
    assert table["population"].tolist() == [10, 20, 40, 80, 160]
    assert table.loc[table["covered"], "id"].tolist() == ["p1", "p2"]
    assert set(table["nearest_site"]) == {"O1"}
    assert json.dumps(label).strip('"') in (tmp_path / "out" / "coverage.html").read_text(encoding="utf-8")


def cut(file: str) -> Callable[[Path], None]:
    """Return what cuts the last third of a file off."""

    def spoil(folder: Path) -> None:
        whole = (folder / file).read_bytes()
        (folder / file).write_bytes(whole[: 2 * len(whole) // 3])

    return spoil


def lines_for_points(folder: Path) -> None:
    frame = gpd.read_file(folder / "t.gpkg")
    frame.set_geometry([LineString([(0, 0), (9, 9)])] * len(frame), crs=frame.crs).to_file(folder / "t.gpkg")


def without_geometry(folder: Path) -> None:
    pd.DataFrame({"id": ["O1"], "name": ["x"]}).to_parquet(folder / "t.parquet")


def one_cell_too_many(folder: Path) -> None:
    with (folder / "t.csv").open("a", encoding="utf-8") as file:
        file.write("O2,Hall,108.2,30.5,more,and more\n")


BROKEN: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "CSV": ("CSV, UTF-8", one_cell_too_many, r"t\.csv: row 3 has 6 cells under 4 columns; expected as many"),
    "XLSX": ("XLSX", cut("t.xlsx"), r"t\.xlsx: cannot be read as a workbook"),
    "GeoJSON": ("GeoJSON", cut("t.geojson"), r"t\.geojson: cannot be read as \.geojson"),
    "GeoPackage": ("GeoPackage", lines_for_points, r"t\.gpkg: 1 feature cannot mark a place, first feature 1"),
    "GeoParquet": ("GeoParquet", without_geometry, r"t\.parquet: cannot be read as \.parquet .*geo"),
    "Shapefile with .cpg": (
        "Shapefile with .cpg",
        lambda folder: (folder / "t.prj").unlink(),
        r"t\.shp: no coordinate system; expected one, declare it in the file or with coordinates = 'EPSG:n'",
    ),
    "Shapefile without .cpg": (
        "Shapefile without .cpg",
        lambda folder: (folder / "t.shx").unlink(),
        r"t\.shp: cannot be read as \.shp .*shx",
    ),
    "KML": ("KML", cut("t.kml"), r"t\.kml: (cannot be read as \.kml|no rows)"),
}


@pytest.mark.parametrize("name", list(BROKEN))
def test_a_broken_file_of_every_format_gives_one_error_and_writes_nothing(
    name: str, town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    good, spoil, message = BROKEN[name]
    file, write = GOOD[good]
    write(town.parent / file, points(town.parent, "outlets.csv"))
    spoil(town.parent)
    crs = ', coordinates = "WGS84"' if file.endswith(("csv", "xlsx")) else ""
    edit(town, OUTLETS, f'outlets = {{ path = "{file}"{crs} }}')
    assert cover(town, tmp_path / "out", monkeypatch) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert re.search(message, said), said
    assert not (tmp_path / "out").exists()


STREETS: dict[str, Callable[[Any, Path], Any]] = {
    "roads.gpkg": lambda network, path: network.to_gdf().to_file(path),
    "roads.parquet": lambda network, path: network.to_gdf().to_parquet(path),
    "roads.shp": lambda network, path: network.to_gdf()[["kind", "geometry"]].to_file(path),
    "roads.geojson": lambda network, path: network.to_gdf().to_crs(4326).to_file(path, COORDINATE_PRECISION=9),
    "roads.graphml": lambda network, path: osmnx.save_graphml(network.to_networkx(), path),
}


@pytest.mark.parametrize("file", list(STREETS))
def test_streets_of_every_format_and_their_remains(
    file: str, town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    network = acc.read_study(town).network
    edit(town, '"roads.osm"', f'"{file}"')
    STREETS[file](network, town.parent / file)
    assert acc.read_study(town).coverage().covered.tolist() == [True, True, False, False, False]
    cut(file)(town.parent)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a library's own words on the way to its error
        assert cover(town, tmp_path / "again", monkeypatch) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert file in said
    assert "Traceback" not in said
    assert not (tmp_path / "again").exists()


@pytest.mark.parametrize("file", ["area.gpkg", "area.parquet", "area.shp", "area.geojson"])
def test_districts_of_every_format_and_their_remains(
    file: str, town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    halves = [box(108.1, 30.4, 108.2 + 1.5 * STEP_DEG, 30.6), box(108.2 + 1.5 * STEP_DEG, 30.4, 108.3, 30.6)]
    frame = gpd.GeoDataFrame({"name": ["东乡", "西乡"]}, geometry=halves, crs=4326)
    path = town.parent / file
    if file.endswith("parquet"):
        frame.to_parquet(path)
    else:
        frame.to_file(path)
    edit(town, "[inputs]", f'[inputs]\narea = {{ path = "{file}" }}')
    table = acc.read_study(town).table().set_index("district")
    assert table["population"].to_dict() == {"东乡": 30, "西乡": 280, "total": 310}
    cut(file)(town.parent)
    assert cover(town, tmp_path / "again", monkeypatch) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: {file}: ")
    assert said.count("\n") == 1


def test_points_that_are_groups_stand_where_they_are(town: Path, tmp_path: Path) -> None:
    frame = points(town.parent, "outlets.csv")
    frame.geometry = [place.buffer(1e-5) if place.x < 200 else Point() for place in frame.geometry]
    frame.to_file(town.parent / "t.gpkg")
    edit(town, OUTLETS, 'outlets = { path = "t.gpkg" }')
    study = acc.read_study(town, cache=tmp_path / "cache")
    assert study.coverage().covered_people == 30
