"""Raw files of a tiny county as an office has them, without a study."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import rasterio
import shapely
from osmfiles import node, way, write_osm
from rasterio.transform import from_origin

if TYPE_CHECKING:
    from pathlib import Path

WEST, STEP, LAT = 108.2, 0.001, 30.5


def write_county(folder: Path, official: tuple[float | None, float | None] = (80, 30)) -> list[Path]:
    """Write two townships along a street of 11.5 km, with the outlet at its western end, and return the files.

    40 people are counted in the western township, near the outlet, and 60 in the eastern one, over 5 km away.
    """
    folder.mkdir(parents=True, exist_ok=True)
    east = WEST + 0.12
    roads = write_osm(folder / "roads.osm", node(1, WEST, LAT), node(2, east, LAT), way(1, [1, 2]))
    cells = np.zeros((8, 120), np.float32)
    cells[4, [3, 8, 9, 12, 14]] = (3.4, 11.7, 9.2, 8.6, 7.1)
    cells[4, [101, 104, 105, 109, 113]] = (5.8, 17.9, 14.3, 12.4, 9.6)
    kind = {"driver": "GTiff", "width": 120, "height": 8, "count": 1, "dtype": "float32", "crs": "EPSG:4326"}
    with rasterio.open(
        folder / "people.tif", "w", **kind, transform=from_origin(WEST, LAT + 4.5 * STEP, STEP, STEP)
    ) as file:
        file.write(cells, 1)
    halves = [shapely.box(west, LAT - 0.01, west + 0.06, LAT + 0.01) for west in (WEST, WEST + 0.06)]
    townships = {"乡镇": ["西乡", "东乡"], "常住人口": official}
    gpd.GeoDataFrame(townships, geometry=halves, crs=4490).to_file(folder / "乡镇.geojson", driver="GeoJSON")
    rows = f"网点名称,经度,纬度\n社保所,{WEST + 0.001},{LAT}\n"
    (folder / "网点.csv").write_bytes(rows.encode("gb18030"))
    return [roads, folder / "people.tif", folder / "乡镇.geojson", folder / "网点.csv"]
