"""One tiny town through every door: its streets, people, outlets, districts and heights in every format.

The town is a street of two kilometres with five places on it; everything below is done by hand. Whatever the doors,
the answer is the same: 70 of 310 people within 900 m of the outlet at the western end.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import networkx as nx
import numpy as np
import osmium
import pandas as pd
import rasterio
from rasterio.transform import from_origin
from shapely import LineString, box

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from pathlib import Path

WEST, LAT, STEP = 108.2, 30.5, 400 / 95_970.0  # a degree of longitude at 30.5 degrees north is 95 970 m
PEOPLE = (10, 20, 40, 80, 160)
COVERED, POPULATION = 70.0, 310.0
LONS = [WEST + i * STEP for i in range(5)]

_STUDY = """name = "Street"
[inputs]
network = {{ path = "{network}" }}
population = {{ path = "{population}"{population_more} }}
outlets = {{ path = "{outlets}"{outlets_more} }}
banks = {{ path = "{banks}"{banks_more} }}
{area}{elevation}"""


@dataclass(frozen=True, kw_only=True)
class Town:
    """A study's folder and the files that it names, by input."""

    folder: Path
    files: dict[str, Path]

    @property
    def study(self) -> Path:
        """The study file."""
        return self.folder / "study.toml"


def _osm_text() -> str:
    nodes = "".join(f'<node id="{i + 1}" version="1" lon="{lon:.7f}" lat="{LAT}"/>' for i, lon in enumerate(LONS))
    refs = "".join(f'<nd ref="{i + 1}"/>' for i in range(5))
    way = f'<way id="1" version="1">{refs}<tag k="highway" v="residential"/><tag k="name" v="长街"/></way>'
    bus = '<relation id="9" version="1"><member type="way" ref="1" role=""/><tag k="type" v="route"/></relation>'
    return f'<?xml version="1.0"?>\n<osm version="0.6">{nodes}{way}{bus}</osm>\n'


def _extract(path: Path) -> None:
    text = _osm_text()
    if path.name.endswith(".gz"):
        path.write_bytes(gzip.compress(text.encode(), mtime=0))
    elif path.suffix == ".pbf":
        plain = path.with_name("plain.osm")
        plain.write_text(text, encoding="utf-8")
        with osmium.SimpleWriter(str(path)) as sink:
            for thing in osmium.FileProcessor(plain):
                sink.add(thing)
        plain.unlink()
    else:
        path.write_text(text, encoding="utf-8")


def _lines(path: Path) -> None:
    pieces = [LineString([(a, LAT), (b, LAT)]) for a, b in pairwise(LONS)]
    _save(gpd.GeoDataFrame({"highway": "residential"}, index=range(4), geometry=pieces, crs=4326), path)


def _graph(path: Path) -> None:
    graph: nx.MultiDiGraph[int] = nx.MultiDiGraph(crs="EPSG:4326")
    graph.add_nodes_from((i, {"x": lon, "y": LAT}) for i, lon in enumerate(LONS))
    both = [(i, i + 1) for i in range(4)] + [(i + 1, i) for i in range(4)]
    graph.add_edges_from((a, b, {"length": 400.0, "highway": "residential"}) for a, b in both)
    nx.write_graphml(graph, path)


def _save(frame: Any, path: Path) -> None:
    if path.suffix in (".parquet", ".geoparquet"):
        frame.to_parquet(path)
    else:
        frame.to_file(path, driver="LIBKML" if path.suffix == ".kml" else None, engine="pyogrio")


def _table(path: Path, frame: pd.DataFrame) -> None:
    """Write rows with lon and lat as text, workbook or geometry."""
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    elif path.suffix == ".xlsx":
        frame.to_excel(path, index=False)
    else:
        points = gpd.points_from_xy(frame["lon"], frame["lat"])
        _save(gpd.GeoDataFrame(frame.drop(columns=["lon", "lat"]), geometry=points, crs=4326), path)


def _people(path: Path) -> None:
    if path.suffix == ".tif":
        values = np.zeros((3, 18), "float32")
        values[1, [0, 4, 8, 12, 16]] = PEOPLE
        grid = from_origin(WEST - STEP / 8, LAT + 1.5 * STEP / 4, STEP / 4, STEP / 4)
        _raster(path, values, grid)
        return
    ids = [f"p{i}" for i in range(5)]
    _table(path, pd.DataFrame({"id": ids, "lon": LONS, "lat": LAT, "population": PEOPLE, "setting": "urban"}))


def _raster(path: Path, values: Any, grid: Any) -> None:
    profile: dict[str, Any] = {"height": values.shape[0], "width": values.shape[1], "count": 1, "nodata": -1}
    with rasterio.open(path, "w", driver="GTiff", dtype="float32", crs="EPSG:4326", transform=grid, **profile) as sink:
        sink.write(values, 1)


def _outlets(path: Path) -> None:
    _table(path, pd.DataFrame({"id": ["O1"], "name": ["大厅"], "lon": [WEST], "lat": [LAT]}))


def _banks(path: Path) -> None:
    _table(path, pd.DataFrame({"id": ["B1"], "name": ["银行"], "lon": [LONS[4]], "lat": [LAT], "partner": ["no"]}))


def _districts(path: Path) -> None:
    middle = (LONS[2] + LONS[3]) / 2
    halves = [box(WEST - 0.01, LAT - 0.01, middle, LAT + 0.01), box(middle, LAT - 0.01, LONS[4] + 0.01, LAT + 0.01)]
    _save(gpd.GeoDataFrame({"name": ["甲镇", "乙镇"]}, geometry=halves, crs=4326), path)


def _heights(path: Path) -> None:
    _raster(path, np.full((20, 40), 100, "float32"), from_origin(WEST - 0.01, LAT + 0.01, 0.001, 0.001))


_TABLES = (".csv", ".xlsx", ".gpkg", ".geojson", ".shp", ".parquet", ".kml", ".fgb")
DOORS: dict[str, tuple[Callable[[Path], None], tuple[str, ...]]] = {
    "network": (_lines, (".gpkg", ".shp", ".geojson", ".parquet", ".fgb")),
    "extract": (_extract, (".osm", ".osm.gz", ".osm.pbf")),
    "graph": (_graph, (".graphml",)),
    "population": (_people, (*_TABLES, ".tif")),
    "outlets": (_outlets, _TABLES),
    "banks": (_banks, _TABLES),
    "area": (_districts, (".gpkg", ".geojson", ".shp", ".parquet", ".kml")),
    "elevation": (_heights, (".tif",)),
}


def build_town(folder: Path, draw: random.Random) -> Town:
    """Write the town into a folder, each input through a door drawn by chance."""
    folder.mkdir(parents=True)
    streets = draw.choice(["network", "extract", "extract", "graph"])
    chosen = {"network": streets, "population": "population", "outlets": "outlets", "banks": "banks"}
    chosen |= {name: name for name in ("area", "elevation") if draw.random() < 0.5}
    files = {}
    for name, door in chosen.items():
        write, suffixes = DOORS[door]
        files[name] = folder / f"{name}{draw.choice(suffixes)}"
        write(files[name])
    (folder / "study.toml").write_text(_study_text(files), encoding="utf-8")
    return Town(folder=folder, files=files)


def _study_text(files: dict[str, Path]) -> str:
    degrees = {name: ', coordinates = "WGS84"' if files[name].suffix in (".csv", ".xlsx") else "" for name in files}
    table = files["population"].suffix != ".tif"
    return _STUDY.format(
        network=files["network"].name,
        population=files["population"].name,
        population_more=degrees["population"] + (', setting = "setting"' if table else ""),
        outlets=files["outlets"].name,
        outlets_more=degrees["outlets"],
        banks=files["banks"].name,
        banks_more=degrees["banks"],
        area=f'area = {{ path = "{files["area"].name}", name = "name" }}\n' if "area" in files else "",
        elevation=f'elevation = {{ path = "{files["elevation"].name}" }}\n' if "elevation" in files else "",
    ) + ("" if table else '[standard]\nrural = { walk_minutes = 15 }\ntown = "urban"\n')
