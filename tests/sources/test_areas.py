"""Districts and other files of shapes: nobody falls out of them by a file's layers, letters or rings."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import MultiPolygon, Polygon, box

from accessibility.errors import InputError
from accessibility.sources.areas import AreaSpec, locate, named_rows, read_areas
from accessibility.sources.lines import read_lines
from accessibility.sources.tables.reading import read_table
from accessibility.sources.vectors import read_vector

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

NAMES = ["城关镇", "东溪乡"]
LEFT, RIGHT, FAR = box(108, 30, 109, 31), box(109, 30, 110, 31), box(112, 30, 113, 31)


def write(path: Path, shapes: Sequence[Any], columns: dict[str, Any], crs: Any = 4326, **options: Any) -> Path:
    gpd.GeoDataFrame(columns, geometry=list(shapes), crs=crs).to_file(path, **options)
    return path


def winds(rings: Sequence[Any], x: float, y: float) -> bool:
    """Whether a ring winds around a place, by the sum of the angles under which its sides are seen."""
    for ring in rings:
        seen = np.unwrap([np.arctan2(b - y, a - x) for a, b in ring])
        if abs(seen[-1] - seen[0]) > 1:
            return True
    return False


TWICE = [(0, 0), (6, 0), (6, 6), (0, 6), (0, 0), (3, 0), (3, 3), (0, 3), (0, 0)]
BOW = [(0, 0), (6, 6), (6, 0), (0, 6), (0, 0)]


@pytest.mark.parametrize(
    "shape",
    [
        MultiPolygon([box(0, 0, 4, 6), box(2, 0, 6, 6)]),
        MultiPolygon([box(0, 0, 6, 6), box(2, 2, 4, 4)]),
        Polygon(TWICE),
        Polygon(BOW),
    ],
    ids=["parts overlap", "a part inside a part", "a ring twice over itself", "a bow"],
)
def test_whoever_a_ring_winds_around_stays_in_the_district(shape: Any, tmp_path: Path) -> None:
    assert not shape.is_valid
    path = tmp_path / "areas.parquet"
    gpd.GeoDataFrame({"name": ["A"]}, geometry=[shape], crs=4326).to_parquet(path)
    area, findings = read_areas(path)
    rings = [part.exterior.coords for part in getattr(shape, "geoms", [shape])]
    places = np.array([(x + 0.3, y + 0.4) for x in range(6) for y in range(6)])
    assert (locate(places, area) == 0).tolist() == [winds(rings, x, y) for x, y in places]
    assert [finding.code for finding in findings] == ["invalid-polygon"]
    assert area.geometry.is_valid.all()


corner = st.tuples(st.integers(0, 5), st.integers(0, 5))


@settings(max_examples=25, deadline=None)
@given(rings=st.lists(st.lists(corner, min_size=4, max_size=8), min_size=1, max_size=2))
def test_any_drawing_of_rings_is_mended_by_what_it_winds_around(rings: list[Any], tmp_path_factory: Any) -> None:
    path = tmp_path_factory.mktemp("rings") / "areas.parquet"
    parts = [Polygon(ring) for ring in rings]
    shape = MultiPolygon(parts)
    gpd.GeoDataFrame({"name": ["A", "B"]}, geometry=[shape, box(50, 50, 51, 51)], crs=4326).to_parquet(path)
    area, _ = read_areas(path)
    if shape.is_valid:
        return
    places = np.array([(x + 0.31, y + 0.43) for x in range(5) for y in range(5)])  # on no line between corners
    expected = [winds([part.exterior.coords for part in parts], x, y) for x, y in places]
    assert (locate(places, area[area["name"] == "A"]) == 0).tolist() == expected


def test_a_hole_stays_a_hole_beside_a_ring_that_crosses_itself(tmp_path: Path) -> None:
    shape = MultiPolygon([Polygon(box(0, 0, 6, 6).exterior, [box(2, 2, 4, 4).exterior]), Polygon(BOW)])
    area, _ = read_areas(write(tmp_path / "a.geojson", [shape], {"name": ["A"]}))
    assert locate(np.array([[3.0, 2.2], [3.3, 3.1], [1, 5.9]]), area).tolist() == [-1, 0, 0]


@pytest.mark.parametrize("encoding", ["GBK", "UTF-8", "BIG5"])
def test_letters_of_a_shapefile_are_read_as_they_were_written(encoding: str, tmp_path: Path) -> None:
    names = ["城關鎮", "東溪鄉"] if encoding == "BIG5" else NAMES
    path = write(tmp_path / "a.shp", [LEFT, RIGHT], {"名": names}, encoding=encoding)
    page = path.with_suffix(".cpg")
    assert list(read_areas(path, AreaSpec(name="名"))[0]["name"]) == names  # as the page says
    page.unlink()
    dbf = path.with_suffix(".dbf")
    content = bytearray(dbf.read_bytes())
    content[29] = {"GBK": 0x4D, "UTF-8": 0, "BIG5": 0x78}[encoding]
    dbf.write_bytes(content)
    assert list(read_areas(path, AreaSpec(name="名"))[0]["name"]) == names  # as the byte says, or by the letters
    content[29] = 0
    dbf.write_bytes(content)
    if encoding != "BIG5":
        assert list(read_areas(path, AreaSpec(name="名"))[0]["name"]) == names
    assert list(read_areas(path, AreaSpec(name="名", encoding=encoding))[0]["name"]) == names
    if encoding == "GBK":
        page.write_text("UTF-8")  # a wrong page does not win over letters that do not fit it
        assert list(read_areas(path, AreaSpec(name="名"))[0]["name"]) == names


def test_letters_cut_by_the_width_of_a_field_do_not_turn_a_file_to_gbk(tmp_path: Path) -> None:
    path = write(tmp_path / "a.shp", [LEFT, RIGHT], {"name": ["城关镇政府", "东溪乡政府"]}, encoding="UTF-8")
    path.with_suffix(".cpg").unlink()
    dbf = path.with_suffix(".dbf")
    dbf.write_bytes(dbf.read_bytes().replace("府".encode(), "府".encode()[:2] + b" "))
    try:
        names = read_areas(path)[0]["name"].tolist()
    except InputError as error:
        assert "a.shp" in str(error)  # noqa: PT017 -- told, or read as far as it goes: not garbled
    else:
        assert [name[:4] for name in names] == ["城关镇政", "东溪乡政"]


@pytest.mark.parametrize("role", ["districts", "table"])
def test_a_file_of_several_layers_asks_which(role: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.gpkg", [LEFT], {"name": ["A"]}, layer="one")
    write(path, [RIGHT, FAR], {"name": ["B", "C"]}, layer="two")

    def names(layer: str | None) -> list[str]:
        read = read_areas(path, AreaSpec(layer=layer)) if role == "districts" else read_table(path, layer=layer)
        return list(read[0]["name"])

    with pytest.raises(InputError, match=r"a.gpkg: 2 layers: one, two; expected layer"):
        names(None)
    with pytest.raises(InputError, match=r"no layer 'three'; it has one, two"):
        names("three")
    assert names("two") == ["B", "C"]


def test_layers_without_features_or_shapes_ask_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "a.gpkg", [], {"name": []}, layer="empty")
    write(path, [LEFT], {"name": ["A"]}, layer="full")
    assert list(read_vector(path)["name"]) == ["A"]


def test_all_folders_of_a_kml_are_read(tmp_path: Path) -> None:
    path = tmp_path / "towns.kml"
    mark = "<Placemark><name>{}</name><Point><coordinates>{},30</coordinates></Point></Placemark>"
    folders = [("Empty", []), ("East", ["A", "B"]), ("West", ["C"])]
    text = "".join(f"<Folder><name>{f}</name>{''.join(mark.format(m, 108) for m in ms)}</Folder>" for f, ms in folders)
    head = '<?xml version="1.0" encoding="UTF-8"?><kml xmlns="http://www.opengis.net/kml/2.2"><Document>'
    path.write_text(f"{head}{text}</Document></kml>", encoding="utf-8")
    table, _ = read_table(path)
    assert list(zip(table["folder"], table["Name"], strict=True)) == [("East", "A"), ("East", "B"), ("West", "C")]


@pytest.mark.parametrize(
    ("crs", "said"),
    [
        ({"type": "name", "properties": {"name": "GCJ02"}}, "GCJ02"),
        ({"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::999999"}}, "999999"),
        ({"type": "EPSG", "properties": {"code": 999999}}, "999999"),
        ({"type": "name", "properties": {"name": "BD09LL"}}, "BD09LL"),
        ({"type": "link", "properties": {"href": "file:bd09.prj"}}, "bd09.prj"),
    ],
)
@pytest.mark.parametrize("last", [False, True])
def test_a_system_that_nobody_knows_is_not_taken_for_wgs84(
    crs: dict[str, Any],
    said: str,
    last: bool,  # noqa: FBT001
    tmp_path: Path,
) -> None:
    path = write(tmp_path / "a.geojson", [LEFT], {"name": ["A"]})
    content = json.loads(path.read_text()) | {"crs": crs}
    rows = content.pop("features")
    path.write_text(json.dumps(content | {"features": rows} if last else {"features": rows} | content))
    for read in (read_areas, read_table, read_lines):
        with pytest.raises(InputError, match=said):
            read(path)


def test_systems_that_are_known_are_read_and_columns_called_crs_are_columns(tmp_path: Path) -> None:
    path = write(tmp_path / "a.geojson", [LEFT], {"name": ["A"], "crs": ["GCJ02"]})
    content = json.loads(path.read_text())
    for name in ("urn:ogc:def:crs:OGC:1.3:CRS84", "EPSG:4490", "urn:ogc:def:crs:EPSG::4326"):
        content["crs"] = {"type": "name", "properties": {"name": name}}
        path.write_text(json.dumps(content))
        assert read_areas(path)[0]["name"].tolist() == ["A"]


LOCAL = 'LOCAL_CS["Site grid",UNIT["metre",1]]'
UNDEFINED = 'GEOGCS["Undefined geographic SRS",DATUM["unknown",SPHEROID["unknown",6378137,298.25]],PRIMEM["G",0],UNIT["degree",0.0174532925199433]]'  # noqa: E501
SHIFTED = 'GEOGCS["GCS_GCJ02",DATUM["D_WGS_1984",SPHEROID["WGS_1984",6378137,298.257223563]],PRIMEM["Greenwich",0],UNIT["Degree",0.0174532925199433]]'  # noqa: E501
MARS = 'GEOGCS["Mars 2000",DATUM["Mars 2000",SPHEROID["Mars 2000",3396190,169.89]],PRIMEM["R",0],UNIT["Degree",0.0174532925199433]]'  # noqa: E501


@pytest.mark.parametrize("crs", [LOCAL, UNDEFINED, SHIFTED, MARS, "EPSG:4978"])
def test_systems_without_a_place_on_the_globe_are_refused(crs: str, tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    gpd.GeoDataFrame({"name": ["A"]}, geometry=[LEFT], crs=crs).to_parquet(path)
    for read in (read_areas, read_table):
        with pytest.raises(InputError, match=r"a\.parquet: .*expected"):
            read(path)


def test_a_corner_of_no_number_is_told_with_its_district(tmp_path: Path) -> None:
    with np.errstate(invalid="ignore"):
        broken = shapely.set_coordinates(box(0, 0, 1, 1), [(108, 30), (109, np.nan), (109, 31), (108, 31), (108, 30)])
    path = tmp_path / "a.parquet"
    gpd.GeoDataFrame({"name": ["A", "B"]}, geometry=[LEFT, broken], crs=4326).to_parquet(path)
    with pytest.raises(InputError, match=r"a\.parquet: .*\(B\)"):
        read_areas(path)
    with pytest.raises(InputError, match=r"a\.parquet: .*\(2\)"):
        read_table(path)


SAME = ["镇", "镇"]


@pytest.mark.parametrize(
    ("shapes", "columns", "labels"),
    [
        ([LEFT, RIGHT], {"code": ["330106001", "330106002"]}, ["镇 (330106001)", "镇 (330106002)"]),
        ([LEFT, RIGHT], {"county": ["甲", "乙"]}, ["镇 (甲)", "镇 (乙)"]),
        ([LEFT, RIGHT], {"pop": [100, 200]}, ["镇 (1)", "镇 (2)"]),
        ([LEFT, FAR], {}, ["镇 (1)", "镇 (2)"]),
        ([LEFT, FAR], {"code": ["330106001", "330106001"]}, ["镇"]),
        ([LEFT, RIGHT], {"OBJECTID": [1, 2], "Shape_Area": [1.0, 2.0]}, ["镇"]),
    ],
)
def test_rows_of_one_name_are_one_district_only_where_the_file_says_so(
    shapes: list[Any], columns: dict[str, Any], labels: list[str], tmp_path: Path
) -> None:
    area, findings = read_areas(write(tmp_path / "a.geojson", shapes, {"name": SAME, **columns}))
    assert area["name"].tolist() == labels
    assert [f.code for f in findings] == ["joined-parts" if len(labels) == 1 else "shared-name"]


def test_totals_of_parts_are_added_and_a_repeated_total_counts_once(tmp_path: Path) -> None:
    columns = {"name": SAME, "code": ["1", "1"], "each": [100, 200], "whole": [300, 300]}
    path = write(tmp_path / "a.gpkg", [LEFT, FAR], columns)
    area, _ = read_areas(path, AreaSpec(summed=("each", "whole")))
    assert (area["each"].tolist(), area["whole"].tolist()) == ([300], [300])
    assert read_areas(path, AreaSpec(id="each"))[0]["name"].tolist() == ["镇 (100)", "镇 (200)"]


def test_people_name_their_district_by_label_code_or_name(tmp_path: Path) -> None:
    columns = {"name": [*SAME, "乡"], "code": ["330106001", "330106002", "330106003"]}
    area = read_areas(write(tmp_path / "a.gpkg", [LEFT, RIGHT, FAR], columns))[0].set_index("name")
    texts = np.array(["镇 (330106002)", "330106001", " 乡", "镇", "别处"], dtype=object)
    lonlat = np.array([[0, 0], [0, 0], [0, 0], [109.5, 30.5], [108.5, 30.5]], dtype=float)
    assert named_rows(texts, lonlat, area).tolist() == [1, 0, 2, 1, -1]
    with pytest.raises(InputError, match=r"'镇' names 2 districts \(镇 \(330106001\), 镇 \(330106002\)\)"):
        named_rows(texts, lonlat * 0, area)


def test_a_district_that_lies_nowhere_on_earth_is_refused_by_name(tmp_path: Path) -> None:
    shapes = [shapely.box(108.2, 30.49, 108.21, 30.51), shapely.box(30.49, 108.21, 30.51, 108.22)]
    gpd.GeoDataFrame({"name": ["West", "East"]}, geometry=shapes, crs=4326).to_file(tmp_path / "a.gpkg")
    with pytest.raises(InputError, match=r"1 shapes lie nowhere on Earth \(East; .*are longitude and latitude swapped"):
        read_areas(tmp_path / "a.gpkg", AreaSpec())


@pytest.mark.parametrize("count", [50, 20_000])
def test_a_point_is_in_the_first_of_the_districts_that_hold_it(count: int) -> None:
    boxes = [(1, 0, 3, 2), (0, 0, 2, 2), (0, 0, 3, 1), (5, 5, 6, 6)]
    xy = np.random.default_rng(count).integers(-4, 28, (count, 2)) / 4  # many on borders
    held = [((xy >= box[:2]) & (xy <= box[2:])).all(axis=1) for box in boxes]
    first = [next((row for row, inside in enumerate(here) if inside), -1) for here in zip(*held, strict=True)]
    districts = gpd.GeoDataFrame(geometry=[shapely.box(*box) for box in boxes], crs=4326)
    assert locate(xy, districts).tolist() == first


def test_points_in_squares_lie_where_each_alone_does(monkeypatch: pytest.MonkeyPatch) -> None:
    # Districts that overlap, touch and have a hole, and points on their borders among many others.
    chance = np.random.default_rng(1)
    shapes = [box(x, y, x + w, y + h) for x, y, w, h in chance.integers(1, 8, (12, 4))]
    districts = gpd.GeoDataFrame(geometry=[*shapes, box(0, 0, 9, 9) - box(3, 3, 5, 5)], crs=4326)
    places = [chance.uniform(-1, 17, (20_000, 2)), chance.integers(-1, 17, (3_000, 2)), np.array([[np.nan, 1.0]])]
    lonlat = np.vstack(places)
    found = locate(lonlat, districts)
    monkeypatch.setattr("accessibility.sources.areas._FEW", len(lonlat))
    assert found.tolist() == locate(lonlat, districts).tolist()
    assert len(np.unique(found)) > 5
