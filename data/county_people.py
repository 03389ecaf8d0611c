"""Who lives where: the population raster, the relief raster and the townships."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import county_ground as ground
import geopandas as gpd
import numpy as np
import pyogrio
import rasterio
import shapely
from county_country import TOWNS
from county_osm import STAMP
from rasterio import Affine
from shapely.ops import polygonize, unary_union

if TYPE_CHECKING:
    from pathlib import Path

    from county_country import Country
    from county_osm import County, Drawing
    from numpy.typing import NDArray

CORE_PEOPLE = 86_000.0
VILLAGE_PEOPLE = 30_000.0
NODATA = -99_999.0
COUNTY_CODE = "990123"  # no province of China begins with 99
CELL_M, RELIEF_CELL_M = 100, 60
RELIEF_MARGIN_M = 4_000.0  # the roads leave the county
STREET_DISTRICTS = (  # name, in letters, (u, v) of its seat
    ("汀城街道", "Tingcheng Subdistrict", (250.0, 900.0)),
    ("北屏街道", "Beiping Subdistrict", (-700.0, 2_350.0)),
    ("南浦街道", "Nanpu Subdistrict", (400.0, -900.0)),
)
TOWN_LETTERS = {"雁桥": "Yanqiao", "梨坪": "Liping", "芦渡": "Ludu", "石瓮": "Shiweng", "茶垭": "Chaya"}
COUNTRY_DISTRICTS = (  # name, in letters, road, how far along it its seat is
    ("云底乡", "Yundi Township", 0, 0.62),
    ("松岔乡", "Songcha Township", 3, 0.66),
    ("竹弯乡", "Zhuwan Township", 6, 0.60),
    ("鹭洲乡", "Luzhou Township", 7, 0.25),
    ("枫槽乡", "Fengcao Township", 9, 0.55),
    ("鹤鸣坝乡", "Hemingba Township", 15, 0.55),
)


class Seat(NamedTuple):
    """A township's seat."""

    name: str
    letters: str
    xy: NDArray[np.float64]


def seats(country: Country) -> list[Seat]:
    """Return the seats of the fourteen townships, in the order of their codes."""
    out = [Seat(name, letters, ground.along_river(*uv)) for name, letters, uv in STREET_DISTRICTS]
    for town in TOWNS:
        road = country.roads[town.road]
        out.append(Seat(f"{town.name}镇", f"{TOWN_LETTERS[town.name]} Town", road.point(town.share * road.length_m)))
    for name, letters, index, share in COUNTRY_DISTRICTS:
        road = country.roads[index]
        out.append(Seat(name, letters, road.point(share * road.length_m)))
    return out


class Townships(NamedTuple):
    """The townships: their table in degrees, and the lines they share in county metres."""

    table: gpd.GeoDataFrame
    lines: list[ground.Points]


def make_townships(country: Country) -> Townships:
    """Nearest-seat polygons with frayed borders: every line is made once, so neighbours share it to the last digit."""
    points = seats(country)
    border = shapely.Polygon(ground.border())
    cells = shapely.voronoi_polygons(
        shapely.MultiPoint([s.xy for s in points]), extend_to=border.buffer(9_000.0), ordered=True
    )
    lines = shapely.line_merge(unary_union([shapely.intersection(cell, border).boundary for cell in cells.geoms]))
    pieces = [shapely.segmentize(line, 240.0) for line in shapely.get_parts(lines)]
    frayed = [ground.fray(shapely.get_coordinates(piece)) for piece in pieces]
    faces = list(polygonize(shapely.LineString(ground.to_lonlat(line)) for line in frayed))
    number = {"道": 1, "镇": 100, "乡": 200}  # subdistricts, towns and townships have their own ranges
    rows = []
    for k, seat in enumerate(points):
        # The cell was frayed, so its seat is told by where the unfrayed seat would have gone.
        mark = shapely.Point(ground.to_lonlat(ground.fray(seat.xy))[0])
        (face,) = [f for f in faces if f.contains(mark)]
        rows.append((seat.name, seat.letters, f"{COUNTY_CODE}{number[seat.name[-1]] + k:03d}000", face))
    table = gpd.GeoDataFrame(rows, columns=["name", "name_en", "code", "geometry"], crs=4326)
    return Townships(table, frayed)


def spread_people(county: County) -> NDArray[np.float64]:
    """People at each home: every group's total is shared out by the homes' weights."""
    totals = {"core": CORE_PEOPLE, "village": VILLAGE_PEOPLE} | {f"town:{t.name}": t.people for t in TOWNS}
    weight = np.array([home[2] for home in county.homes])
    group = np.array([home[3] for home in county.homes])
    people = np.zeros_like(weight)
    for name, total in totals.items():
        mine = group == name
        people[mine] = weight[mine] / weight[mine].sum() * total
    return people


def write_population(path: Path, county: County, townships: Townships) -> NDArray[np.float64]:
    """Write people per 100 m cell, to a tenth of a person; returns the people of each township."""
    shape = shapely.union_all(townships.table.to_crs(ground.EPSG).geometry.to_numpy())
    west, south, east, north = (np.array(shape.bounds) / CELL_M).round() * CELL_M + [-200, -200, 200, 200]
    rows, columns = int((north - south) / CELL_M), int((east - west) / CELL_M)
    points = ground.to_map([home[:2] for home in county.homes])
    row, column = ((north - points[:, 1]) // CELL_M).astype(int), ((points[:, 0] - west) // CELL_M).astype(int)
    cells = np.zeros((rows, columns))
    np.add.at(cells, (row, column), spread_people(county))
    xx, yy = np.meshgrid(west + (np.arange(columns) + 0.5) * CELL_M, north - (np.arange(rows) + 0.5) * CELL_M)
    shapely.prepare(shape)
    inside = shapely.contains_xy(shape, xx, yy)
    cells = np.where(inside, np.round(cells, 1), NODATA)
    write_raster(path, cells.astype(np.float32), Affine(CELL_M, 0, west, 0, -CELL_M, north), nodata=NODATA)
    ours = townships.table.to_crs(ground.EPSG).geometry
    return np.array([cells[inside & shapely.contains_xy(t, xx, yy)].sum() for t in ours])


def write_elders(path: Path, population: Path) -> None:
    """Write people over 60 per cell of a population raster: some fifth in the county town, a third in villages."""
    with rasterio.open(population) as raster:
        cells, transform = raster.read(1).astype(np.float64), raster.transform
    share = np.clip(0.36 - 0.08 * np.log10(1 + np.maximum(cells, 0)), 0.14, 0.34)
    elders = np.where(cells == NODATA, NODATA, np.round(cells * share, 1))
    write_raster(path, elders.astype(np.float32), transform, nodata=NODATA)


def write_relief(path: Path, country: Country) -> None:
    """Write the elevation of the county and of the land around it that its roads reach."""
    corners = ground.to_map(
        [(x, y) for x in ground.HALF_LENGTH_M * np.array([-1, 1]) for y in ground.HALF_BREADTH_M * np.array([-1, 1])]
    )
    west, south = (corners.min(axis=0) - RELIEF_MARGIN_M) // RELIEF_CELL_M * RELIEF_CELL_M
    east, north = (corners.max(axis=0) + RELIEF_MARGIN_M) // RELIEF_CELL_M * RELIEF_CELL_M
    x, y = (
        np.arange(west, east, RELIEF_CELL_M) + RELIEF_CELL_M / 2,
        np.arange(north, south, -RELIEF_CELL_M) - RELIEF_CELL_M / 2,
    )
    grid = ground.from_map(np.stack(np.meshgrid(x, y), axis=-1))
    heights = np.round(ground.elevation(grid, country.valleys)).astype(np.int16)
    write_raster(path, heights, Affine(RELIEF_CELL_M, 0, west, 0, -RELIEF_CELL_M, north), nodata=-32_768)


def write_raster(path: Path, cells: NDArray[np.generic], transform: Affine, *, nodata: float) -> None:
    """Write one band: tiled, deflated."""
    profile = {"driver": "GTiff", "height": cells.shape[0], "width": cells.shape[1], "count": 1, "dtype": cells.dtype}
    packing = {"tiled": True, "blockxsize": 256, "blockysize": 256, "compress": "deflate", "predictor": 2, "zlevel": 9}
    if cells.dtype == np.float32:
        packing["predictor"] = 3
    with rasterio.open(
        path, "w", **profile, **packing, crs=f"EPSG:{ground.EPSG}", transform=transform, nodata=nodata
    ) as out:
        out.write(cells, 1)


def write_layer(path: Path, table: gpd.GeoDataFrame, layer: str) -> None:
    """Write a GeoPackage whose bytes do not tell the day it was made."""
    path.unlink(missing_ok=True)
    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": STAMP.replace("Z", ".000Z")})
    try:
        table.to_file(path, layer=layer, driver="GPKG", engine="pyogrio")
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})


def draw_townships(drawing: Drawing, townships: Townships, people: NDArray[np.float64]) -> None:
    """Draw the townships as boundary relations, whose ways neighbours share."""
    ways = [drawing.way(line, {"boundary": "administrative", "admin_level": "8"}) for line in townships.lines]
    degrees = [shapely.LineString(ground.to_lonlat(line)) for line in townships.lines]
    for row, count in zip(townships.table.itertuples(), people, strict=True):
        rim = row.geometry.boundary
        members = [(way, "outer") for way, line in zip(ways, degrees, strict=True) if rim.covers(line)]
        tags = {
            "type": "boundary",
            "boundary": "administrative",
            "admin_level": "8",
            "name": row.name,
            "name:en": row.name_en,
        }
        drawing.relation(members, {**tags, "population": str(round(count)), "ref": row.code})
