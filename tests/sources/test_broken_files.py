"""Files that rotted on the way: a reader returns a result or our own error, never another exception."""

from __future__ import annotations

import shutil
import warnings
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import networkx as nx
import numpy as np
import pytest
import rasterio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from osmfiles import node, relation, way, write_osm
from peopletables import read_people_table
from pyproj import CRS
from rasterio.transform import from_origin
from shapely import LineString, MultiPolygon, Point, Polygon, box

from accessibility import InputError
from accessibility.sources.areas import locate, read_areas
from accessibility.sources.lines import read_graphml, read_lines
from accessibility.sources.osm.extracts import read_network
from accessibility.sources.raster.reading import read_population_raster
from accessibility.sources.raster.surfaces import sample_heights
from accessibility.sources.tables.people import PeopleSpec

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SHAPES = [box(108, 30, 108.1, 30.1), box(108.1, 30, 108.2, 30.1)]


def raster(path: Path) -> None:
    values = np.arange(400, dtype=np.float32).reshape(1, 20, 20)
    profile: dict[str, Any] = {"crs": "EPSG:4326", "transform": from_origin(108, 30.1, 0.001, 0.001), "nodata": -1}
    with rasterio.open(path, "w", driver="GTiff", count=1, height=20, width=20, dtype="float32", **profile) as sink:
        sink.write(values)


def areas(path: Path) -> None:
    frame = gpd.GeoDataFrame({"name": ["A", "B"]}, geometry=SHAPES, crs=4326)
    frame.to_parquet(path) if path.suffix == ".parquet" else frame.to_file(path)


def people(path: Path) -> None:
    frame = gpd.GeoDataFrame({"population": [3, 4]}, geometry=[Point(108.05, 30.05), Point(108.15, 30.05)], crs=4326)
    frame.to_file(path, driver="LIBKML" if path.suffix == ".kml" else None)


def streets(path: Path) -> None:
    nodes = [node(i, 108 + i / 1_000, 30) for i in range(1, 6)]
    write_osm(path, *nodes, way(1, [1, 2, 3]), way(2, [3, 4, 5]), relation(1, [], {"type": "route"}))


def roads(path: Path) -> None:
    lines = [LineString([(108, 30), (108.001, 30)]), LineString([(108.001, 30), (108.002, 30)])]
    frame = gpd.GeoDataFrame({"highway": ["residential", "path"]}, geometry=lines, crs=4326)
    if path.suffix == ".graphml":
        graph: nx.MultiDiGraph[int] = nx.MultiDiGraph(crs="EPSG:4326")
        graph.add_nodes_from((i, {"x": 108 + i / 1_000, "y": 30.0}) for i in range(3))
        graph.add_edges_from([(0, 1, {"length": 96.0, "highway": "path"}), (1, 2, {"length": 96.0})])
        nx.write_graphml(graph, path)
    else:
        frame.to_file(path)


CASES: dict[str, tuple[Callable[[Path], None], Callable[[Path], Any]]] = {
    "people.tif": (raster, read_population_raster),
    "areas.gpkg": (areas, read_areas),
    "areas.geojson": (areas, read_areas),
    "areas.parquet": (areas, read_areas),
    "people.kml": (people, lambda path: read_people_table(path, PeopleSpec(column="population"))),
    "people.shp": (people, lambda path: read_people_table(path, PeopleSpec())),
    "people.fgb": (people, lambda path: read_people_table(path, PeopleSpec())),
    "roads.gpkg": (roads, read_lines),
    "roads.shp": (roads, read_lines),
    "roads.graphml": (roads, read_graphml),
    "heights.tif": (raster, lambda path: sample_heights(path, np.array([(108.01, 30.09)]), CRS(4326))),
    "people.geojson": (people, lambda path: read_people_table(path, PeopleSpec())),
    "roads.osm": (streets, read_network),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", list(CASES))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_flipped_bytes_and_cut_files(name: str, data: st.DataObject, tmp_path: Path) -> None:
    make, read = CASES[name]
    whole = tmp_path / f"whole-{name}"
    if not whole.exists():
        make(whole)
    content = bytearray(whole.read_bytes())
    for at in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=12)):
        content[at] = data.draw(st.integers(0, 255))
    broken = tmp_path / name
    for beside in tmp_path.glob(f"{whole.stem}.*"):
        shutil.copy(beside, broken.with_suffix(beside.suffix))
    broken.write_bytes(content[: data.draw(st.integers(1, len(content)))])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        said = name
        try:
            read(broken)
        except InputError as error:
            said = str(error)
    assert name in said


corner = st.tuples(st.integers(0, 6), st.integers(0, 6)).map(lambda c: (108 + c[0] / 10, 30 + c[1] / 10))
ring = st.lists(corner, min_size=3, max_size=7).map(Polygon)
shape = ring | st.just(Polygon()) | st.lists(ring, min_size=1, max_size=2).map(MultiPolygon)


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shapes=st.lists(shape, min_size=1, max_size=4))
def test_crooked_polygons_are_repaired_or_refused_and_nobody_counts_twice(shapes: list[Any], tmp_path: Path) -> None:
    path = tmp_path / "areas.parquet"
    gpd.GeoDataFrame({"name": [f"D{i}" for i in range(len(shapes))]}, geometry=shapes, crs=4326).to_parquet(path)
    try:
        districts, _ = read_areas(path)
    except InputError:
        return
    lonlat = np.array([(108.03 + x / 10, 30.04 + y / 10) for x in range(7) for y in range(7)])
    row = locate(lonlat, districts)
    assert row.shape == (49,)
    assert ((row >= -1) & (row < len(districts))).all()
    for i, place in enumerate(lonlat):
        inside = [k for k, s in enumerate(districts.geometry) if s.intersects(Point(place))]
        assert row[i] == (inside[0] if inside else -1)
