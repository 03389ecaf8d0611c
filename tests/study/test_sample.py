"""The sample county: made again it is the same, and it is the kind of place it says it is."""

from __future__ import annotations

import csv
import hashlib
import importlib.util
import re
import sys
import tomllib
import zipfile
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import canonicalize

import geopandas as gpd
import numpy as np
import openpyxl
import osmium
import pytest
import rasterio
import shapely
from conftest import ROOT
from pyproj import Transformer
from scipy.ndimage import label
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import ModuleType

    from numpy.typing import NDArray

DATA = ROOT / "data"
SAMPLE = DATA / "sample"
FILES = {
    *("banks.xlsx", "candidates.gpkg", "dem.tif", "districts.gpkg"),
    *("outlets.csv", "population.tif", "population_60plus.tif", "roads.osm.pbf", "study.toml"),
}


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_sample", DATA / "make_sample.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    path = list(sys.path)
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path[:] = path
    return module


@pytest.fixture(scope="module")
def people() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the populated cells: their middles in the raster's system, and their people."""
    with rasterio.open(SAMPLE / "population.tif") as raster:
        assert raster.crs.to_epsg() == 4545
        assert raster.res == (100.0, 100.0)
        assert raster.nodata == -99_999.0
        cells = raster.read(1)
        assert cells.dtype == np.float32
        assert (cells == 0).any()
        rows, columns = np.nonzero(cells > 0)
        return np.column_stack(raster.xy(rows, columns)), cells[rows, columns].astype(float)


def test_old_people_are_some_of_all_and_a_greater_part_of_villages() -> None:
    with rasterio.open(SAMPLE / "population.tif") as everybody, rasterio.open(SAMPLE / "population_60plus.tif") as old:
        assert (everybody.transform, everybody.crs) == (old.transform, old.crs)
        people, elders = everybody.read(1).astype(float), old.read(1).astype(float)
    assert ((people == -99_999) == (elders == -99_999)).all()
    lived_in = people > 0
    assert (elders[lived_in] <= people[lived_in]).all()
    assert 0.15 < elders[lived_in].sum() / people[lived_in].sum() < 0.3
    few, many = lived_in & (people < 20), people > 100
    assert elders[few].sum() / people[few].sum() > 0.05 + elders[many].sum() / people[many].sum()


@pytest.fixture(scope="module")
def ways() -> list[tuple[list[int], dict[str, str]]]:
    return [([node.ref for node in thing.nodes], dict(thing.tags)) for thing in read_osm() if thing.is_way()]


def read_osm(*, areas: bool = False) -> Iterator[Any]:
    """Nodes, ways and relations of the sample, with their areas if wanted."""
    streets = osmium.FileProcessor(str(SAMPLE / "roads.osm.pbf"))
    return iter(streets.with_areas() if areas else streets)


def walkable(tags: dict[str, str]) -> bool:
    return "highway" in tags and not tags["highway"].startswith("motorway")


def read_outlets() -> list[dict[str, str]]:
    with (SAMPLE / "outlets.csv").open(encoding="gb18030", newline="") as table:
        return list(csv.DictReader(table))


def read_banks() -> list[dict[str, str]]:
    header, *rows = openpyxl.load_workbook(SAMPLE / "banks.xlsx").active.iter_rows(values_only=True)
    return [dict(zip(header, row, strict=True)) for row in rows]


def test_made_again_it_is_the_bytes_in_the_folder(maker: ModuleType, tmp_path: Path) -> None:
    maker.make_sample(tmp_path)
    for name in sorted(FILES):
        again, there = (written(folder / name) for folder in (tmp_path, SAMPLE))
        assert again == there, f"{name} is not what data/make_sample.py makes; run it again"


def written(path: Path) -> object:
    """Return the bytes of a file; of a workbook its parts, which openpyxl spells as the XML library at hand does."""
    if path.suffix != ".xlsx":
        return path.read_bytes()
    with zipfile.ZipFile(path) as book:
        return {part.filename: (part.date_time, canonicalize(book.read(part))) for part in book.infolist()}


def test_another_seed_makes_another_county(maker: ModuleType, tmp_path: Path) -> None:
    """Its town is another one already, and all else is laid out around that."""

    def town_of(seed: int) -> bytes:
        county = maker.County(seed)
        maker.Core(county).lay()
        county.drawing.write(tmp_path / f"{seed}.osm.pbf")
        return (tmp_path / f"{seed}.osm.pbf").read_bytes()

    assert town_of(8) != town_of(maker.SEED) == town_of(maker.SEED)


def test_the_folder_is_small_and_holds_nothing_else() -> None:
    sizes = {path.name: path.stat().st_size for path in SAMPLE.iterdir()}
    assert set(sizes) == FILES
    assert sum(sizes.values()) < 5_000_000
    assert max(sizes.values()) < 1_000_000


def test_the_study_names_files_that_are_there() -> None:
    study = tomllib.loads((SAMPLE / "study.toml").read_text(encoding="utf-8"))
    named = {entry["path"] for entry in study["inputs"].values()}
    named |= set(study["inputs"]["population"]["groups"].values())
    assert named == FILES - {"study.toml"}
    assert study["walking"]["access"] == "china"


def test_streets_have_about_twenty_thousand_junctions(ways: list[tuple[list[int], dict[str, str]]]) -> None:
    uses = Counter(ref for refs, tags in ways if walkable(tags) for ref in set(refs))
    ends = {ref for refs, tags in ways if walkable(tags) for ref in (refs[0], refs[-1])}
    junctions = {ref for ref, count in uses.items() if count > 1} | ends
    assert 15_000 < len(junctions) < 25_000


def test_streets_are_one_network_and_an_island(ways: list[tuple[list[int], dict[str, str]]]) -> None:
    pairs = np.array([p for refs, tags in ways if walkable(tags) for p in pairwise(refs)])
    nodes, ends = np.unique(pairs, return_inverse=True)
    ends = ends.reshape(-1, 2)
    graph = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(len(nodes), len(nodes)))
    _, part = connected_components(graph, directed=False)
    sizes = sorted(np.bincount(part))
    assert len(sizes) == 2
    assert 20 < sizes[0] < 200
    ferry = next(refs for refs, tags in ways if tags.get("route") == "ferry")
    assert len({part[np.searchsorted(nodes, ref)] for ref in (ferry[0], ferry[-1])}) == 2


@pytest.mark.parametrize(
    "tags",
    [
        {"highway": "trunk", "oneway": "yes"},
        {"highway": "motorway", "motorroad": "yes"},
        {"highway": "pedestrian", "area": "yes"},
        {"highway": "steps", "oneway": "yes", "conveying": "forward"},
        {"highway": "footway", "oneway:foot": "yes"},
        {"highway": "footway", "footway": "crossing"},
        {"highway": "service", "access": "private"},
        {"highway": "cycleway"},
        {"highway": "track"},
        {"bridge": "yes", "layer": "1"},
        {"waterway": "river"},
    ],
)
def test_what_a_reader_must_cope_with_is_there(
    tags: dict[str, str], ways: list[tuple[list[int], dict[str, str]]]
) -> None:
    assert any(tags.items() <= found.items() for _, found in ways)


def test_ids_ascend_and_every_compound_has_an_open_gate(ways: list[tuple[list[int], dict[str, str]]]) -> None:
    kinds: dict[str, list[int]] = {"n": [], "w": [], "r": []}
    gates: dict[int, bool] = {}
    for thing in read_osm():
        kinds[thing.type_str()].append(thing.id)
        if thing.is_node() and "barrier" in thing.tags:
            gates[thing.id] = thing.tags.get("access") == "private"
    assert all(ids == sorted(set(ids)) and ids for ids in kinds.values())
    assert 0 < sum(gates.values()) < len(gates)
    private = [refs for refs, tags in ways if tags.get("access") == "private"]
    pairs = np.array([p for refs in private for p in pairwise(refs)])
    nodes, ends = np.unique(pairs, return_inverse=True)
    ends = ends.reshape(-1, 2)
    graph = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(len(nodes), len(nodes)))
    count, part = connected_components(graph, directed=False)
    through = {part[np.searchsorted(nodes, ref)] for ref, locked in gates.items() if not locked}
    assert len(through) == count


def test_districts_tile_the_county_and_hold_everybody(people: tuple[NDArray[np.float64], NDArray[np.float64]]) -> None:
    districts = gpd.read_file(SAMPLE / "districts.gpkg")
    assert districts.crs.to_epsg() == 4326
    assert 12 <= len(districts) <= 16
    assert districts["name"].is_unique
    assert all(re.fullmatch(r"99\d{10}", code) for code in districts["code"])
    assert shapely.coverage_is_valid(districts.geometry.to_numpy())
    whole = shapely.union_all(districts.geometry.to_numpy())
    assert isinstance(whole, shapely.Polygon)
    assert len(whole.interiors) == 0
    points = gpd.GeoSeries(gpd.points_from_xy(*people[0].T), crs=4545).to_crs(4326)
    assert np.isin(np.arange(len(points)), districts.sindex.query(points, predicate="within")[0]).all()


def test_boundary_relations_are_the_districts_and_tell_their_people(
    people: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> None:
    found: dict[str, tuple[int, shapely.Geometry]] = {}
    factory = osmium.geom.WKBFactory()
    for area in read_osm(areas=True):
        if area.is_area() and area.tags.get("admin_level") == "8":
            shape = shapely.from_wkb(bytes.fromhex(factory.create_multipolygon(area)))
            found[area.tags["name"]] = int(area.tags["population"]), shape
    districts = gpd.read_file(SAMPLE / "districts.gpkg")
    assert set(found) == set(districts["name"])
    assert sum(count for count, _ in found.values()) == pytest.approx(people[1].sum(), abs=len(found))
    for name, shape in zip(districts["name"], districts.geometry, strict=True):
        assert shapely.symmetric_difference(found[name][1], shape).area < 1e-9 * shape.area


def test_people_make_a_centre_and_towns_by_the_degree_of_urbanisation(
    people: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> None:
    xy, count = people
    assert 140_000 < count.sum() < 160_000
    column, row = (np.floor(xy / 1_000.0).astype(int) - np.floor(xy.min(axis=0) / 1_000.0).astype(int)).T
    grid = np.zeros((row.max() + 1, column.max() + 1))
    np.add.at(grid, (row, column), count)
    dense, _ = label(grid >= 1_500)
    assert max(np.bincount(dense.ravel(), grid.ravel())[1:]) >= 50_000
    clusters, _ = label(grid >= 300, np.ones((3, 3)))
    assert (np.bincount(clusters.ravel(), grid.ravel())[1:] >= 5_000).sum() >= 5


def test_relief_covers_every_road() -> None:
    to_map = Transformer.from_crs(4326, 4545, always_xy=True)
    nodes = [(thing.location.lon, thing.location.lat) for thing in read_osm() if thing.is_node()]
    x, y = to_map.transform(*np.array(nodes).T)
    with rasterio.open(SAMPLE / "dem.tif") as relief:
        west, south, east, north = relief.bounds
        assert relief.read(1).min() > 100
        assert np.ptp(relief.read(1)) > 300
    assert (x.min() > west, y.min() > south, x.max() < east, y.max() < north) == (True, True, True, True)


def test_sites_are_some_seventy_with_ids_of_their_own() -> None:
    candidates = gpd.read_file(SAMPLE / "candidates.gpkg")
    outlets, banks = read_outlets(), read_banks()
    ids = [row["编号"] for row in outlets] + [row["id"] for row in banks] + list(candidates["id"])
    assert len(set(ids)) == len(ids)
    assert 60 <= len(ids) <= 75
    assert [row["状态"] for row in outlets].count("停用") == 1
    assert sum(row["partner"] == "是" for row in banks) == 12
    assert set(candidates["kind"]) == {"new"}
    assert (candidates["cost"] > 0).all()


def test_outlets_are_on_the_chinese_datum_and_banks_on_the_map_s() -> None:
    """A bank and an outlet known to stand beside one street differ by the offset of GCJ-02, some hundred metres."""
    district = gpd.read_file(SAMPLE / "districts.gpkg").geometry.union_all()
    outlets = read_outlets()
    shifted = shapely.points([float(row["经度"]) for row in outlets], [float(row["纬度"]) for row in outlets])
    assert shapely.within(shifted, district).all()
    halls = {
        node.tags["name"]: (node.location.lon, node.location.lat)
        for node in read_osm()
        if node.is_node() and node.tags.get("amenity") == "townhall"
    }
    row = next(row for row in outlets if row["网点名称"] == "梨坪镇便民服务中心")
    lon, lat = halls["梨坪镇人民政府"]
    east = (float(row["经度"]) - lon) * 111_320 * np.cos(np.deg2rad(lat))
    north = (float(row["纬度"]) - lat) * 110_850
    assert 250 < np.hypot(east, north) < 700


@pytest.mark.parametrize("junctions", [5_000, 200_000])
def test_a_network_of_any_size_is_connected_sparse_and_repeatable(maker: ModuleType, junctions: int) -> None:
    arrays = maker.make_network_arrays(junctions, seed=3)
    xy, edges, length = arrays["node_xy"], arrays["edges"], arrays["length_m"]
    assert len(xy) == pytest.approx(junctions, rel=0.1)
    assert (edges.dtype, xy.dtype, length.dtype) == (np.int32, np.float64, np.float64)
    assert 2.4 < 2 * len(edges) / len(xy) < 2.7
    assert (edges[:, 0] != edges[:, 1]).all()
    assert (length >= np.hypot(*(xy[edges[:, 0]] - xy[edges[:, 1]]).T)).all()
    graph = coo_array((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(len(xy), len(xy)))
    _, part = connected_components(graph, directed=False)
    assert np.bincount(part).max() >= 0.95 * len(xy)
    again = maker.make_network_arrays(junctions, seed=3)
    assert all((arrays[key] == again[key]).all() for key in arrays)


def test_the_readme_tells_every_file_and_its_digest() -> None:
    told = dict(
        re.findall(r"^\| `(\S+)` \|.*\| `([0-9a-f]{16})` \|$", (DATA / "README.md").read_text("utf-8"), re.MULTILINE)
    )
    assert told == {name: hashlib.sha256((SAMPLE / name).read_bytes()).hexdigest()[:16] for name in FILES}
